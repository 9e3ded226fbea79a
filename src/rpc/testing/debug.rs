//! What the node holds, in the form in which it holds it.

use super::*;
use alloy_primitives::{B256, keccak256};

/// Stores calldata[32..64] at slot calldata[0..32].
const STORE: &str = "602035600035550000";

async fn store(node: &TestNode, contract: &str, slot: u64, value: u64) -> Value {
    let word = |number: u64| format!("{:064x}", number);
    let data = format!("0x{}{}", word(slot), word(value));
    node.send(json!({ "from": ALICE, "to": contract, "data": data })).await
}

#[tokio::test]
async fn raw_encodings_hash_to_what_the_block_says() {
    let node = TestNode::start();
    let receipt = node.send(json!({ "from": ALICE, "to": BOB, "value": "0x1" })).await;
    let (block, tx) = (&receipt["blockHash"], &receipt["transactionHash"]);
    for at in [json!("latest"), json!("0x1"), json!(1), block.clone()] {
        let header = node.ask("debug_getRawHeader", json!([at])).await;
        assert_eq!(node.ask("web3_sha3", json!([header])).await, *block);
        let whole = node.ask("debug_getRawBlock", json!([at])).await;
        let header = header.as_str().unwrap().trim_start_matches("0x");
        assert!(whole.as_str().unwrap().contains(header));
    }
    let raw = node.ask("debug_getRawTransaction", json!([tx])).await;
    assert_eq!(node.ask("web3_sha3", json!([raw])).await, *tx);
    assert_eq!(node.ask("debug_getRawTransactions", json!(["0x1"])).await, json!([raw]));
    let receipts = node.ask("debug_getRawReceipts", json!(["0x1"])).await;
    assert!(receipts[0].as_str().unwrap().starts_with("0x02f901"), "{receipts}");
    let nothing = node.ask("debug_getRawTransaction", json!([B256::repeat_byte(9)])).await;
    assert_eq!(nothing, Value::Null);
}

#[tokio::test]
async fn raw_encodings_of_what_is_not_there_are_refused() {
    let node = TestNode::start();
    for method in [
        "debug_getRawHeader",
        "debug_getRawBlock",
        "debug_getRawReceipts",
        "debug_getRawTransactions",
    ] {
        let missing = node.refusal(method, json!(["0x63"])).await;
        assert_eq!(missing, (-32000, "block #99 not found".to_owned()), "{method}");
        assert_eq!(node.refusal(method, json!(["2"])).await.0, -32602, "{method}");
        assert_eq!(node.refusal(method, json!([])).await.0, -32602, "{method}");
    }
    assert_eq!(node.refusal("debug_getRawTransaction", json!(["0x12"])).await.0, -32602);
}

#[tokio::test]
async fn a_dump_shows_an_account_in_geths_shape() {
    let node = TestNode::start();
    let contract = node.deploy(STORE).await;
    store(&node, &contract, 7, 0x1ff).await;
    let dump = node.ask("debug_dumpBlock", json!(["latest"])).await;
    let head = node.ask("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(format!("0x{}", dump["root"].as_str().unwrap()), head["stateRoot"]);
    let address: Address = contract.parse().unwrap();
    let dumped = &dump["accounts"][address.to_checksum(None)];
    let proof = node.ask("eth_getProof", json!([contract, [], "latest"])).await;
    let slot = B256::with_last_byte(7).to_string();
    assert_eq!(
        *dumped,
        json!({
            "balance": "0",
            "nonce": 1,
            "root": proof["storageHash"],
            "codeHash": proof["codeHash"],
            "code": format!("0x{STORE}"),
            "storage": { slot: "01ff" },
            "address": contract,
            "key": keccak256(address),
        })
    );
    let bare = json!(["latest", keccak256(address), 1, true, true, false]);
    let bare = node.ask("debug_accountRange", bare).await;
    let bare = &bare["accounts"][address.to_checksum(None)];
    assert!(bare.get("code").is_none() && bare.get("storage").is_none(), "{bare}");
}

#[tokio::test]
async fn pages_of_accounts_are_the_whole_state_in_order() {
    let node = TestNode::start();
    for index in 1..=20 {
        let to = Address::repeat_byte(index);
        node.send(json!({ "from": ALICE, "to": to, "value": "0x1" })).await;
    }
    let all = node.ask("debug_accountRange", json!(["latest"])).await;
    let all = all["accounts"].as_object().unwrap().clone();
    assert!(all.len() > 22, "{}", all.len());
    let mut keys = Vec::new();
    let mut start = json!(null);
    while let Some(next) = {
        let page = node.ask("debug_accountRange", json!(["latest", start, 3])).await;
        let accounts = page["accounts"].as_object().unwrap();
        assert!(accounts.len() == 3 || page.get("next").is_none());
        for (name, account) in accounts {
            assert_eq!(all[name], *account);
        }
        let mut page_keys: Vec<_> = accounts.values().map(|it| it["key"].to_string()).collect();
        page_keys.sort();
        keys.extend(page_keys);
        page.get("next").cloned()
    } {
        start = next;
    }
    assert_eq!(keys.len(), all.len());
    assert!(keys.is_sorted());
    let old = node.ask("debug_accountRange", json!(["0x5"])).await;
    assert_eq!(old["accounts"].as_object().unwrap().len(), all.len() - 15);
}

#[tokio::test]
async fn storage_is_shown_page_by_page_as_it_is_before_a_transaction() {
    let node = TestNode::start();
    let contract = node.deploy(STORE).await;
    for slot in 0..10 {
        store(&node, &contract, slot, slot + 1).await;
    }
    let last = store(&node, &contract, 3, 0).await;
    let block = &last["blockHash"];
    let range = |index: u64, start: Value, limit: u64| {
        node.ask("debug_storageRangeAt", json!([block, index, contract, start, limit]))
    };
    let before = range(0, json!("0x"), 100).await;
    assert_eq!(before["nextKey"], Value::Null);
    let slots = before["storage"].as_object().unwrap();
    assert_eq!(slots.len(), 10);
    for (hash, slot) in slots {
        let key: B256 = slot["key"].as_str().unwrap().parse().unwrap();
        assert_eq!(*hash, keccak256(key).to_string());
        let value = U256::from_be_bytes(key.0) + U256::from(1);
        assert_eq!(slot["value"], json!(B256::from(value)));
    }
    let after = range(1, json!("0x"), 100).await;
    assert_eq!(after["storage"].as_object().unwrap().len(), 9, "one slot is zero now");
    let mut found = Vec::new();
    let mut start = json!(B256::ZERO);
    while start != Value::Null {
        let page = range(0, start, 4).await;
        found.extend(page["storage"].as_object().unwrap().keys().cloned());
        start = page["nextKey"].clone();
    }
    assert_eq!(found, slots.keys().cloned().collect::<Vec<_>>());
    let empty = node.ask("debug_storageRangeAt", json!([block, 0, BOB, "0x", 1])).await;
    assert_eq!(empty, json!({ "storage": {}, "nextKey": null }));
    let beyond = json!([block, 2, contract, "0x", 1]);
    let text = format!("transaction index 2 out of range for block {}", block.as_str().unwrap());
    assert_eq!(node.refusal("debug_storageRangeAt", beyond).await, (-32000, text));
    let huge = json!([block, 0, contract, "0x", "0xffffffffffffffffffff"]);
    assert_eq!(node.refusal("debug_storageRangeAt", huge).await.0, -32602);
}

#[tokio::test]
async fn an_account_is_shown_as_it_was_after_a_transaction() {
    let node = TestNode::with(Mode::Manual, RpcLimits::default());
    for _ in 0..3 {
        let request = json!({ "from": ALICE, "to": BOB, "value": "0x5" });
        node.ask("eth_sendTransaction", json!([request])).await;
    }
    node.ask("evm_mine", json!([])).await;
    let start = 10 * ETHER;
    for index in 0..3_u128 {
        let info = node.ask("debug_accountInfoAt", json!(["0x1", index, BOB])).await;
        let balance = format!("{:#x}", start + 5 * (index + 1));
        assert_eq!(info, json!({ "balance": balance, "nonce": "0x0", "code": "0x" }));
    }
    let none = node.ask("debug_accountInfoAt", json!(["0x1", 3, BOB])).await;
    assert_eq!(none, Value::Null);
    let refusal = node.refusal("debug_accountInfoAt", json!(["0x9", 0, BOB])).await;
    assert_eq!(refusal.1, "header not found");
}

#[tokio::test]
async fn modified_accounts_are_those_that_differ_between_two_blocks() {
    let node = TestNode::start();
    let contract = node.deploy(STORE).await;
    store(&node, &contract, 1, 1).await;
    node.send(json!({ "from": ALICE, "to": STRANGER, "value": "0x1" })).await;
    let of = |params: Value| node.ask("debug_getModifiedAccountsByNumber", params);
    let has = |list: &Value, address: &str| list.as_array().unwrap().contains(&json!(address));
    let (all, last) = (of(json!([1, 3])).await, of(json!([3])).await);
    assert!(has(&all, ALICE) && has(&all, &contract) && has(&all, STRANGER), "{all}");
    assert!(has(&last, ALICE) && !has(&last, &contract) && has(&last, STRANGER), "{last}");
    assert!(!has(&all, BOB));
    let block = node.ask("eth_getBlockByNumber", json!(["0x3", false])).await;
    let by_hash = json!([block["parentHash"], block["hash"]]);
    assert_eq!(node.ask("debug_getModifiedAccountsByHash", by_hash).await, last);
    let refusal = |params: Value| node.refusal("debug_getModifiedAccountsByNumber", params);
    let backwards = "start block height (3) must be less than end block height (1)";
    assert_eq!(refusal(json!([3, 1])).await, (-32000, backwards.to_owned()));
    assert_eq!(refusal(json!([0])).await.1, "block 0 has no parent");
    assert_eq!(refusal(json!([1, 9])).await.1, "block #9 not found");
}

#[tokio::test]
async fn hashes_are_known_again_by_what_they_are_of() {
    let node = TestNode::start();
    let contract = node.deploy(STORE).await;
    store(&node, &contract, 7, 1).await;
    let address: Address = contract.parse().unwrap();
    let of = |hash: B256| node.ask("debug_preimage", json!([hash]));
    assert_eq!(of(keccak256(address)).await, json!(contract));
    assert_eq!(of(keccak256(B256::with_last_byte(7))).await, json!(B256::with_last_byte(7)));
    let unknown = node.refusal("debug_preimage", json!([B256::ZERO])).await;
    assert_eq!(unknown, (-32000, "unknown preimage".to_owned()));
    let code = keccak256(alloy_primitives::hex::decode(STORE).unwrap());
    assert_eq!(node.ask("debug_codeByHash", json!([code])).await, format!("0x{STORE}"));
    let unknown = json!([B256::repeat_byte(9)]);
    assert_eq!(node.ask("debug_codeByHash", unknown).await, Value::Null);
}

#[tokio::test]
async fn every_state_of_the_archive_is_accessible() {
    let node = TestNode::start();
    node.ask("evm_mine", json!([{ "blocks": 3 }])).await;
    assert_eq!(node.ask("debug_getAccessibleState", json!(["0x1", "0x3"])).await, 1);
    assert_eq!(node.ask("debug_getAccessibleState", json!(["latest", "0x0"])).await, 3);
    let refusal =
        |from: &str, to: &str| node.refusal("debug_getAccessibleState", json!([from, to]));
    assert_eq!(refusal("0x2", "0x2").await.1, "from and to needs to be different");
    assert_eq!(refusal("0x9", "0x2").await.1, "block #9 not found");
    let config = node.ask("debug_chainConfig", json!([])).await;
    assert_eq!(config["chainId"], 31337);
    assert!(node.ask("debug_printBlock", json!([1])).await.as_str().unwrap().contains("gas_limit"));
}

#[tokio::test]
async fn the_head_can_be_set_back_and_no_further_than_genesis() {
    let node = TestNode::start();
    for _ in 0..3 {
        node.send(json!({ "from": ALICE, "to": STRANGER, "value": "0x1" })).await;
    }
    assert_eq!(node.ask("debug_setHead", json!(["0x1"])).await, Value::Null);
    assert_eq!(node.ask("eth_blockNumber", json!([])).await, "0x1");
    assert_eq!(node.ask("eth_getBalance", json!([STRANGER])).await, "0x1");
    for no_number in ["0x", "", "1"] {
        let (code, _) = node.refusal("debug_setHead", json!([no_number])).await;
        assert_eq!(code, -32602, "{no_number:?}");
    }
    let beyond = node.refusal("debug_setHead", json!(["0x9"])).await;
    assert_eq!(beyond, (-32000, "block 9 is unknown: the head is block 1".to_owned()));
    node.send(json!({ "from": ALICE, "to": STRANGER, "value": "0x1" })).await;
    assert_eq!(node.ask("eth_blockNumber", json!([])).await, "0x2");
}

#[tokio::test]
async fn a_cleared_pool_is_empty() {
    let node = TestNode::with(Mode::Manual, RpcLimits::default());
    node.ask("eth_sendTransaction", json!([{ "from": ALICE, "to": BOB }])).await;
    assert_eq!(node.ask("eth_getTransactionCount", json!([ALICE, "pending"])).await, "0x1");
    assert_eq!(node.ask("debug_clearTxpool", json!([])).await, Value::Null);
    assert_eq!(node.ask("eth_getTransactionCount", json!([ALICE, "pending"])).await, "0x0");
}

#[tokio::test]
async fn a_log_of_another_program_keeps_its_level() {
    let node = TestNode::start();
    let refusal = node.refusal("debug_verbosity", json!([4])).await;
    assert_eq!(refusal, (-32000, "the level of the log cannot be changed here".to_owned()));
}

#[tokio::test]
async fn the_last_root_inside_a_block_is_the_headers() {
    let node = TestNode::with(Mode::Manual, RpcLimits::default());
    node.ask("anvil_setCode", json!([STRANGER, format!("0x{STORE}")])).await;
    for slot in 1..=3 {
        let data = format!("0x{:064x}{:064x}", slot, 9);
        let request = json!({ "from": ALICE, "to": STRANGER, "data": data, "gas": "0x186a0" });
        node.ask("eth_sendTransaction", json!([request])).await;
    }
    node.ask("evm_mine", json!([{ "blocks": 1 }])).await;
    node.ask("evm_mine", json!([{ "blocks": 3 }])).await;
    let block = node.ask("eth_getBlockByNumber", json!(["0x1", false])).await;
    for at in [json!("0x1"), block["hash"].clone()] {
        let roots = node.ask("debug_intermediateRoots", json!([at, {}])).await;
        let roots = roots.as_array().unwrap();
        assert_eq!(roots.len(), 3);
        assert_eq!(roots[2], block["stateRoot"]);
        assert!(roots[0] != roots[1] && roots[1] != roots[2], "{roots:?}");
    }
    assert_eq!(node.ask("debug_intermediateRoots", json!(["0x0"])).await, json!([]));
    let unknown = node.refusal("debug_intermediateRoots", json!([B256::repeat_byte(9)])).await;
    assert_eq!(unknown.1, "header for hash not found");
}

#[tokio::test]
async fn a_refused_block_is_shown() {
    let node = TestNode::start();
    assert_eq!(node.ask("debug_getBadBlocks", json!([])).await, json!([]));
    node.send(json!({ "from": ALICE, "to": BOB, "value": "0x1" })).await;
    let good = node.chain.block(1).unwrap().unwrap();
    node.ask("debug_setHead", json!(["0x0"])).await;
    let mut header = good.header.inner().clone();
    header.gas_used += 1;
    let bad = crate::primitives::Block::new(header, (*good.body).clone());
    node.chain.import(&bad).unwrap_err();
    let shown = node.ask("debug_getBadBlocks", json!([])).await;
    assert_eq!(shown.as_array().unwrap().len(), 1);
    assert_eq!(shown[0]["hash"], json!(bad.hash()));
    assert_eq!(shown[0]["block"]["hash"], json!(bad.hash()));
    assert_eq!(shown[0]["block"]["transactions"].as_array().unwrap().len(), 1);
    assert_eq!(shown[0]["rlp"], json!(alloy_primitives::Bytes::from(bad.encode())));
    node.chain.import(&good).unwrap();
    assert_eq!(node.ask("debug_getBadBlocks", json!([])).await, shown, "a good one is none");
}
