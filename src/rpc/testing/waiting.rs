//! Transactions that wait: sent again, dropped, under conditions, with blobs, of every type.

use super::*;
use crate::{
    dev::keyring::{sign_hash, sign_transaction},
    primitives::Transaction,
};
use alloy_consensus::{
    EthereumTypedTransaction as Typed, SidecarBuilder, SimpleCoder, TxEip4844, TxEip4844Variant,
    TxEip4844WithSidecar, TxEip7702,
};
use alloy_eips::{
    Encodable2718, eip4844::BlobTransactionSidecar, eip7594::BlobTransactionSidecarVariant,
    eip7702::Authorization,
};
use alloy_primitives::{B256, hex};

/// Stores the first word of data in slot 0.
const STORE: &str = "5f355f5500";
const GWEI: u128 = 1_000_000_000;

fn manual() -> TestNode {
    TestNode::with(Mode::Manual, RpcLimits::default())
}

fn transfer(nonce: u64) -> Value {
    json!({ "from": ALICE, "to": BOB, "value": "0x1", "nonce": format!("{nonce:#x}"), "gas": "0x5208", "gasPrice": "0x77359400" })
}

/// Signed by the first account, and its raw form.
fn signed(node: &TestNode, tx: Typed<TxEip4844Variant>) -> (Transaction, String) {
    let key = node.api.accounts.key(ALICE.parse().unwrap()).unwrap();
    let tx = sign_transaction(&key, tx).unwrap();
    let raw = hex::encode_prefixed(tx.encoded_2718());
    (tx, raw)
}

/// A transaction with one blob and the proofs from before Osaka.
fn blob_tx(nonce: u64) -> Typed<TxEip4844Variant> {
    let builder = SidecarBuilder::<SimpleCoder>::from_slice(b"a blob");
    let sidecar: BlobTransactionSidecar = builder.build_4844().unwrap();
    let tx = TxEip4844 {
        chain_id: 31337,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 3 * GWEI,
        max_priority_fee_per_gas: GWEI,
        max_fee_per_blob_gas: GWEI,
        to: BOB.parse().unwrap(),
        blob_versioned_hashes: sidecar.versioned_hashes().collect(),
        ..Default::default()
    };
    let sidecar = BlobTransactionSidecarVariant::Eip4844(sidecar);
    Typed::Eip4844(TxEip4844Variant::TxEip4844WithSidecar(TxEip4844WithSidecar { tx, sidecar }))
}

#[tokio::test]
async fn dropping_answers_what_each_tool_expects() {
    let node = manual();
    let mut hashes = Vec::new();
    for nonce in 0..4 {
        hashes.push(node.ask("eth_sendTransaction", json!([transfer(nonce)])).await);
    }
    let drop = |method: &'static str, hash: &Value| node.ask(method, json!([hash]));
    assert_eq!(drop("hardhat_dropTransaction", &hashes[3]).await, true);
    assert_eq!(drop("hardhat_dropTransaction", &hashes[3]).await, false);
    assert_eq!(drop("anvil_dropTransaction", &hashes[2]).await, hashes[2]);
    assert_eq!(drop("anvil_dropTransaction", &hashes[2]).await, Value::Null);
    let pending = node.ask("eth_pendingTransactions", json!([])).await;
    let shown: Vec<_> = pending.as_array().unwrap().iter().map(|tx| tx["hash"].clone()).collect();
    assert_eq!(shown, hashes[..2]);
    node.ask("evm_mine", json!([])).await;
    let refused = node.refusal("hardhat_dropTransaction", json!([hashes[0]])).await;
    let hash = hashes[0].as_str().unwrap();
    let text = format!("Transaction {hash} cannot be dropped because it's already mined");
    assert_eq!(refused, (-32602, text));
    assert_eq!(drop("anvil_dropTransaction", &hashes[0]).await, Value::Null);

    for method in ["anvil_dropAllTransactions", "hardhat_dropAllTransactions", "debug_clearTxpool"]
    {
        node.ask("eth_sendTransaction", json!([transfer(2)])).await;
        assert_eq!(node.ask(method, json!([])).await, Value::Null);
        assert_eq!(node.ask("txpool_status", json!([])).await["pending"], "0x0", "{method}");
    }
    node.ask("eth_sendTransaction", json!([transfer(2)])).await;
    node.ask("eth_sendTransaction", json!([{ "from": BOB, "to": ALICE }])).await;
    node.ask("anvil_removePoolTransactions", json!([ALICE])).await;
    let content = node.ask("txpool_content", json!([])).await;
    let senders: Vec<_> = content["pending"].as_object().unwrap().keys().collect();
    assert_eq!(senders.len(), 1);
    assert_eq!(senders[0].to_lowercase(), BOB);
}

#[tokio::test]
async fn a_waiting_transaction_is_sent_again_with_another_price() {
    let node = manual();
    let old = node.ask("eth_sendTransaction", json!([transfer(0)])).await;
    let new = node.ask("eth_resend", json!([transfer(0), "0x83215600"])).await;
    assert_ne!(old, new);
    let shown = node.ask("eth_getTransactionByHash", json!([new])).await;
    assert_eq!((&shown["gasPrice"], &shown["type"]), (&json!("0x83215600"), &json!("0x0")));
    assert_eq!(node.ask("eth_getTransactionByHash", json!([old])).await, Value::Null);
    let low =
        node.refusal("eth_resend", json!([{ "from": ALICE, "nonce": "0x0" }, "0x83215601"])).await;
    assert!(
        low.1.starts_with("replacement transaction underpriced: new tx gas fee cap"),
        "{}",
        low.1
    );

    let dynamic = json!({ "from": ALICE, "to": BOB, "nonce": "0x1", "gas": "0x5208" });
    node.ask("eth_sendTransaction", json!([dynamic])).await;
    let new = node.ask("eth_resend", json!([dynamic, "0x12a05f2000", "0x6000"])).await;
    let shown = node.ask("eth_getTransactionByHash", json!([new])).await;
    assert_eq!((&shown["maxFeePerGas"], &shown["gas"]), (&json!("0x12a05f2000"), &json!("0x6000")));

    let refused = |request: Value| node.refusal("eth_resend", json!([request, "0x12a05f2000"]));
    let text = "missing transaction nonce in transaction spec";
    assert_eq!(refused(json!({ "from": ALICE, "to": BOB })).await, (-32000, text.to_owned()));
    let other = refused(json!({ "from": ALICE, "to": BOB, "nonce": "0x0", "value": "0x2" })).await;
    assert!(other.1.contains("not found"), "{}", other.1);
    let gone = refused(json!({ "from": ALICE, "to": BOB, "nonce": "0x9" })).await;
    assert!(gone.1.starts_with("no transaction of "), "{}", gone.1);
    assert!(
        refused(json!({ "from": STRANGER, "nonce": "0x0" })).await.1.starts_with("unknown account")
    );
}

#[tokio::test]
async fn a_transaction_is_found_by_its_sender_and_nonce_wherever_it_is() {
    let node = TestNode::start();
    let mut hashes = Vec::new();
    for nonce in 0..20 {
        let receipt = node.send(transfer(nonce)).await;
        hashes.push(receipt["transactionHash"].clone());
        if nonce % 7 == 3 {
            node.ask("anvil_mine", json!([nonce])).await;
        }
    }
    node.ask("eth_sendTransaction", json!([transfer(22)])).await;
    let find = |who: &'static str, nonce: u64| {
        node.ask("eth_getTransactionBySenderAndNonce", json!([who, format!("{nonce:#x}")]))
    };
    for (nonce, hash) in hashes.iter().enumerate() {
        let found = find(ALICE, nonce as u64).await;
        assert_eq!((&found["hash"], found["blockHash"].is_null()), (hash, false));
    }
    let waits = find(ALICE, 22).await;
    assert_eq!((&waits["nonce"], &waits["blockHash"]), (&json!("0x16"), &Value::Null));
    assert_eq!(find(ALICE, 21).await, Value::Null);
    assert_eq!(find(STRANGER, 0).await, Value::Null);
}

#[tokio::test]
async fn a_conditional_transaction_waits_for_its_time_and_goes_when_it_has_passed() {
    let node = manual();
    let cell = node_cell(&node).await;
    let send = |nonce: u64, conditions: Value| {
        let (request, node) = (transfer(nonce), &node);
        async move {
            let raw = node.ask("eth_signTransaction", json!([request])).await;
            let raw = raw.get("raw").cloned().unwrap_or(raw);
            node.try_ask("eth_sendRawTransactionConditional", json!([raw, conditions])).await
        }
    };
    let waiting = || node.ask("txpool_status", json!([]));
    let slot = |value: u64| json!({ "knownAccounts": { cell.as_str(): { "0x0": format!("{value:#066x}") } } });
    let refused = send(1, slot(7)).await.unwrap_err();
    assert_eq!(refused.0, -32003);
    assert!(
        refused.1.starts_with("transaction condition not met: storage slot 0x0"),
        "{}",
        refused.1
    );
    assert_eq!(send(1, json!({ "blockNumberMax": "0x1" })).await.unwrap_err().0, -32003);
    let root = json!({ "knownAccounts": { cell.as_str(): B256::repeat_byte(1) } });
    assert_eq!(send(1, root).await.unwrap_err().0, -32003);
    assert_eq!(waiting().await["pending"], "0x0");

    // Waits for block 3, and is in it.
    let hash = send(1, json!({ "blockNumberMin": "0x3", "blockNumberMax": "0x4" })).await.unwrap();
    node.ask("evm_mine", json!([])).await;
    assert_eq!(waiting().await["pending"], "0x1");
    node.ask("evm_mine", json!([])).await;
    let receipt = node.ask("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["blockNumber"], "0x3");

    // The slot changes in the very block before it.
    let gone = send(2, slot(0)).await.unwrap();
    let bribe = json!({ "from": BOB, "to": cell, "data": format!("{:#066x}", 9), "gas": "0xf4240", "maxPriorityFeePerGas": "0xba43b7400", "maxFeePerGas": "0x174876e800" });
    node.ask("eth_sendTransaction", json!([bribe])).await;
    node.ask("evm_mine", json!([])).await;
    assert_eq!(node.ask("eth_getTransactionByHash", json!([gone])).await, Value::Null);
    assert_eq!(waiting().await, json!({ "pending": "0x0", "queued": "0x0" }));
    // What it is now is a condition that holds.
    let proof = node.ask("eth_getProof", json!([cell, [], "latest"])).await;
    let root = json!({ "knownAccounts": { cell.as_str(): proof["storageHash"] } });
    let hash = send(2, root).await.unwrap();
    node.ask("evm_mine", json!([])).await;
    assert_eq!(node.ask("eth_getTransactionReceipt", json!([hash])).await["status"], "0x1");
}

/// A contract that stores what it is sent, made in block 1.
async fn node_cell(node: &TestNode) -> String {
    let code = format!("0x60{:02x}8060095f395ff3{STORE}", STORE.len() / 2);
    let hash = node.ask("eth_sendTransaction", json!([{ "from": ALICE, "data": code }])).await;
    node.ask("evm_mine", json!([])).await;
    let receipt = node.ask("eth_getTransactionReceipt", json!([hash])).await;
    receipt["contractAddress"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_send_that_is_refused_leaves_no_gap_behind_it() {
    let node = TestNode::start();
    let send = |value: u128| {
        let request =
            json!([{ "from": ALICE, "to": BOB, "gas": "0x5208", "value": format!("{value:#x}") }]);
        node.try_ask("eth_sendTransaction", request)
    };
    let poor = 11 * ETHER;
    let answers =
        tokio::join!(send(1), send(poor), send(2), send(poor), send(3), send(poor), send(4));
    let answers = [answers.0, answers.1, answers.2, answers.3, answers.4, answers.5, answers.6];
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 4);
    assert_eq!(node.ask("eth_getTransactionCount", json!([ALICE, "latest"])).await, "0x4");
    assert_eq!(
        node.ask("txpool_status", json!([])).await,
        json!({ "pending": "0x0", "queued": "0x0" })
    );
}

#[tokio::test]
async fn an_unsigned_send_needs_nobodys_leave_and_a_send_may_wait_for_its_receipt() {
    let node = TestNode::start();
    node.ask("hardhat_setBalance", json!([STRANGER, format!("{ETHER:#x}")])).await;
    let request = json!({ "from": STRANGER, "to": BOB, "value": "0x1" });
    node.refusal("eth_sendTransaction", json!([request])).await;
    let hash = node.ask("eth_sendUnsignedTransaction", json!([request])).await;
    let receipt = node.ask("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!((&receipt["from"], &receipt["status"]), (&json!(STRANGER), &json!("0x1")));
    let receipt = node.ask("eth_sendTransactionSync", json!([transfer(0)])).await;
    assert_eq!((&receipt["status"], &receipt["blockNumber"]), (&json!("0x1"), &json!("0x2")));
    let slow = manual();
    let late = slow.try_ask("eth_sendTransactionSync", json!([transfer(0), "0x1"])).await;
    assert_eq!(late.unwrap_err().0, 4);
}

#[tokio::test]
async fn blobs_are_taken_with_old_proofs_and_read_before_and_after_their_block() {
    let node = manual();
    let (tx, raw) = signed(&node, blob_tx(0));
    let hash = node.ask("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(hash, json!(tx.hash()));
    let waiting = node.api.pool.get(tx.hash()).unwrap();
    assert!(crate::pool::sidecar(&waiting).unwrap().is_eip7594(), "with Osaka's proofs");
    let versioned = waiting.envelope().as_eip4844().unwrap().tx().tx().blob_versioned_hashes[0];
    for is_mined in [false, true] {
        let blobs = node.ask("anvil_getBlobsByTransactionHash", json!([hash])).await;
        let blob = node.ask("anvil_getBlobByHash", json!([versioned])).await;
        assert_eq!((blobs.as_array().unwrap().len(), &blobs[0]), (1, &blob));
        assert_eq!(blob.as_str().unwrap().len(), 2 + 2 * 131_072);
        assert!(blob.as_str().unwrap().contains(&hex::encode(b"a blob")));
        let shown = node.ask("eth_getTransactionByHash", json!([hash])).await;
        assert_eq!((&shown["type"], shown["blockHash"].is_null()), (&json!("0x3"), !is_mined));
        if !is_mined {
            let id = node.ask("evm_snapshot", json!([])).await;
            node.ask("evm_mine", json!([])).await;
            node.ask("evm_revert", json!([id])).await;
            let status = node.ask("txpool_status", json!([])).await;
            assert_eq!(status["pending"], "0x1", "the snapshot's pool has its blobs");
            node.ask("evm_mine", json!([])).await;
        }
    }
    assert_eq!(node.ask("anvil_getBlobByHash", json!([B256::ZERO])).await, Value::Null);
    assert_eq!(node.ask("anvil_getBlobsByTransactionHash", json!([B256::ZERO])).await, Value::Null);
    node.ask("debug_setHead", json!(["0x0"])).await;
    assert_eq!(node.ask("anvil_getBlobsByTransactionHash", json!([hash])).await, Value::Null);
}

#[tokio::test]
async fn a_blob_that_is_not_what_its_proof_says_is_refused() {
    let node = manual();
    let Typed::Eip4844(TxEip4844Variant::TxEip4844WithSidecar(mut inner)) = blob_tx(0) else {
        panic!("a blob transaction has a sidecar")
    };
    if let BlobTransactionSidecarVariant::Eip4844(sidecar) = &mut inner.sidecar {
        sidecar.proofs[0] = sidecar.commitments[0];
    }
    let (_tx, raw) = signed(&node, Typed::Eip4844(TxEip4844Variant::TxEip4844WithSidecar(inner)));
    let refused = node.refusal("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(refused, (-32000, "KZG verification error: invalid KZG proof".to_owned()));
    let (tx, _raw) = signed(&node, blob_tx(0));
    let bare = hex::encode_prefixed(tx.without_sidecar().encoded_2718());
    let refused = node.refusal("eth_sendRawTransaction", json!([bare])).await;
    assert_eq!(refused.1, "missing sidecar in blob transaction");
}

#[tokio::test]
async fn the_pool_shows_every_type_as_geth_does() {
    let node = manual();
    let list = json!([{ "address": BOB, "storageKeys": [] }]);
    let mut requests = vec![transfer(0), transfer(1)];
    requests[1]["accessList"] = list.clone();
    requests[1]["gas"] = json!("0xf4240");
    requests.push(json!({ "from": ALICE, "data": "0x00", "nonce": "0x2", "gas": "0xf4240", "maxFeePerGas": "0x77359400", "maxPriorityFeePerGas": "0x1" }));
    for request in requests {
        node.ask("eth_sendTransaction", json!([request])).await;
    }
    let (_, raw) = signed(&node, blob_tx(3));
    node.ask("eth_sendRawTransaction", json!([raw])).await;
    let authorization =
        Authorization { chain_id: U256::ZERO, address: BOB.parse().unwrap(), nonce: 0 };
    let bob = BOB.parse().unwrap();
    let key = node.api.accounts.key(bob).unwrap();
    let signature = sign_hash(&key, authorization.signature_hash()).unwrap();
    let set_code = TxEip7702 {
        chain_id: 31337,
        nonce: 4,
        gas_limit: 100_000,
        max_fee_per_gas: 2 * GWEI,
        max_priority_fee_per_gas: 1,
        to: bob,
        authorization_list: vec![authorization.into_signed(signature)],
        ..Default::default()
    };
    let (_, raw) = signed(&node, Typed::Eip7702(set_code));
    node.ask("eth_sendRawTransaction", json!([raw])).await;

    let from = node.ask("txpool_contentFrom", json!([ALICE])).await;
    let names = |nonce: &str| {
        let mut names: Vec<_> =
            from["pending"][nonce].as_object().unwrap().keys().cloned().collect();
        names.sort_unstable();
        names
    };
    let mut expected: Vec<&str> = vec![
        "blockHash",
        "blockNumber",
        "chainId",
        "from",
        "gas",
        "gasPrice",
        "hash",
        "input",
        "nonce",
        "r",
        "s",
        "to",
        "transactionIndex",
        "type",
        "v",
        "value",
    ];
    assert_eq!(names("0"), expected);
    expected.extend(["accessList", "yParity"]);
    expected.sort_unstable();
    assert_eq!(names("1"), expected);
    expected.extend(["maxFeePerGas", "maxPriorityFeePerGas"]);
    expected.sort_unstable();
    assert_eq!(names("2"), expected);
    let with = |more: &[&'static str]| {
        let mut names: Vec<_> = expected.iter().copied().chain(more.iter().copied()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names("3"), with(&["blobVersionedHashes", "maxFeePerBlobGas"]));
    assert_eq!(names("4"), with(&["authorizationList"]));
    for nonce in 0..5 {
        let tx = &from["pending"][nonce.to_string()];
        assert_eq!(tx["type"], format!("{nonce:#x}"));
        for unknown in ["blockHash", "blockNumber", "transactionIndex"] {
            assert_eq!(tx.get(unknown), Some(&Value::Null), "{unknown} of type {nonce}");
        }
    }
    assert_eq!(from["pending"]["2"]["gasPrice"], "0x77359400", "its cap, while it waits");
    let inspected = node.ask("txpool_inspect", json!([])).await;
    let lines = inspected["pending"].as_object().unwrap().values().next().unwrap();
    let creation = "contract creation: 0 wei + 1000000 gas × 2000000000 wei";
    assert_eq!(lines["2"], creation);
}

#[tokio::test]
async fn what_waited_for_a_nonce_runs_once_the_nonce_is_set() {
    let node = TestNode::start();
    let hash = node.ask("eth_sendTransaction", json!([transfer(5)])).await;
    assert_eq!(node.ask("txpool_status", json!([])).await["queued"], "0x1");
    node.ask("anvil_setNonce", json!([ALICE, "0x5"])).await;
    let mined = async {
        while node.ask("eth_getTransactionReceipt", json!([hash])).await.is_null() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), mined).await.unwrap();
}

#[tokio::test]
async fn a_pool_that_fits_into_no_answer_is_refused_before_it_is_copied() {
    let limits = RpcLimits { response_bytes: 600, ..Default::default() };
    let node = TestNode::with(Mode::Manual, limits);
    node.ask("eth_sendTransaction", json!([transfer(0)])).await;
    node.ask("txpool_content", json!([])).await;
    node.ask("eth_sendTransaction", json!([transfer(1)])).await;
    for method in ["txpool_content", "eth_pendingTransactions"] {
        let (_code, text) = node.refusal(method, json!([])).await;
        assert!(
            text.starts_with("2 transactions do not fit into an answer of 600 bytes"),
            "{text}"
        );
    }
    node.ask("txpool_contentFrom", json!([ALICE])).await;
}
