//! State, proofs, edits, snapshots, mining.

use super::*;

#[tokio::test]
async fn edits_show_at_once_under_every_name() {
    let node = TestNode::start();
    for (index, method) in
        ["anvil_setBalance", "hardhat_setBalance", "tenderly_setBalance", "evm_setAccountBalance"]
            .into_iter()
            .enumerate()
    {
        node.ask(method, json!([STRANGER, index + 1])).await;
        let balance = node.ask("eth_getBalance", json!([STRANGER])).await;
        assert_eq!(balance, format!("{:#x}", index + 1), "{method}");
    }
    node.ask("anvil_setCode", json!([STRANGER, "0x00"])).await;
    node.ask("anvil_setNonce", json!([STRANGER, "0x7"])).await;
    node.ask("hardhat_setStorageAt", json!([STRANGER, "0x0", format!("0x{:064x}", 3)])).await;
    let info = node.ask("eth_getAccountInfo", json!([STRANGER])).await;
    assert_eq!((&info["nonce"], &info["code"]), (&json!("0x7"), &json!("0x00")));
    let slot = node.ask("eth_getStorageAt", json!([STRANGER, "0x0"])).await;
    assert_eq!(slot, format!("0x{:064x}", 3));
    let before = node.ask("eth_getBalance", json!([STRANGER, "earliest"])).await;
    assert_eq!(before, "0x4", "at the head, an edit counts under every name of the head");
    node.ask("anvil_mine", json!([])).await;
    let before = node.ask("eth_getBalance", json!([STRANGER, "earliest"])).await;
    assert_eq!(before, "0x0", "once there is a newer block, genesis is what its root says");
}

#[tokio::test]
async fn a_wrong_edit_is_refused() {
    let node = TestNode::start();
    let huge = format!("0x1{}", "0".repeat(16));
    let refusal = node.refusal("anvil_setNonce", json!([STRANGER, huge])).await;
    assert_eq!(refusal, (-32602, "nonce is too large".to_owned()));
    assert_eq!(node.refusal("anvil_setBalance", json!(["0x12", "0x0"])).await.0, -32602);
}

#[tokio::test]
async fn a_proof_proves_the_root_of_its_header() {
    let node = TestNode::start();
    node.send(json!({ "from": ALICE, "to": BOB, "value": "0x1" })).await;
    let proof = node.ask("eth_getProof", json!([BOB, ["0x0"], "latest"])).await;
    assert_eq!(proof["balance"], format!("{:#x}", 10 * ETHER + 1));
    assert_eq!(proof["storageProof"][0]["key"], "0x0");
    let root =
        node.ask("eth_getBlockByNumber", json!(["latest", false])).await["stateRoot"].clone();
    let top = node.ask("web3_sha3", json!([proof["accountProof"][0]])).await;
    assert_eq!(top, root);
    let account = node.ask("eth_getAccount", json!([BOB, "latest"])).await;
    assert_eq!(account["balance"], proof["balance"]);
    assert_eq!(node.ask("eth_getAccount", json!([STRANGER, "latest"])).await, Value::Null);
    let many = vec!["0x0"; 1_025];
    let refusal = node.refusal("eth_getProof", json!([BOB, many, "latest"])).await;
    assert_eq!(refusal, (-32602, "too many slots (max 1024)".to_owned()));
}

#[tokio::test]
async fn a_snapshot_brings_everything_back() {
    let node = TestNode::start();
    let id = node.ask("evm_snapshot", json!([])).await;
    let hash = node.ask("eth_sendTransaction", json!([{ "from": ALICE, "to": BOB }])).await;
    assert_eq!(node.ask("anvil_revert", json!([id])).await, true);
    assert_eq!(node.ask("eth_blockNumber", json!([])).await, "0x0");
    assert_eq!(node.ask("eth_getTransactionReceipt", json!([hash])).await, Value::Null);
    assert_eq!(node.ask("evm_revert", json!([id])).await, false, "it is used up");
}

#[tokio::test]
async fn blocks_are_made_on_demand() {
    let node = TestNode::start();
    let head = node.chain.head().timestamp;
    let first = head + 4_000_000_000;
    assert_eq!(node.ask("evm_mine", json!([{ "timestamp": first, "blocks": 2 }])).await, "0x0");
    assert_eq!(node.chain.head().number, 2);
    node.ask("hardhat_mine", json!(["0x3", "0x3c"])).await;
    let at = |number| {
        let header = node.chain.header(number).unwrap().unwrap();
        header.timestamp
    };
    assert_eq!(node.chain.head().number, 5);
    assert_eq!(at(1), first);
    assert_eq!((at(4) - at(3), at(5) - at(4)), (60, 60));
    let refusal = node.refusal("anvil_mine", json!([100_001])).await;
    assert_eq!(refusal.1, "too many blocks to mine at once: 100001 (max 100000)");
    assert_eq!(node.refusal("evm_mine", json!([1])).await.0, -32602, "time does not go back");
}

#[tokio::test]
async fn the_advised_gas_price_is_enough_for_the_next_block() {
    let node = TestNode::start();
    let number = |value: Value| {
        let text = value.as_str().unwrap().trim_start_matches("0x").to_owned();
        u128::from_str_radix(&text, 16).unwrap()
    };
    let price = number(node.ask("eth_gasPrice", json!([])).await);
    let base_fee = number(node.ask("eth_baseFee", json!([])).await);
    let tip = number(node.ask("eth_maxPriorityFeePerGas", json!([])).await);
    assert!(price >= base_fee + tip && price <= 2 * (base_fee + tip));
    assert_eq!(node.ask("eth_blobBaseFee", json!([])).await, "0x1");
}

#[tokio::test]
async fn the_node_says_what_it_is() {
    let node = TestNode::start();
    assert_eq!(node.ask("eth_chainId", json!([])).await, "0x7a69");
    assert_eq!(node.ask("net_version", json!([])).await, "31337");
    assert_eq!(node.ask("eth_networkId", json!([])).await, "31337");
    assert_eq!(node.ask("eth_accounts", json!([])).await, json!([ALICE, BOB]));
    assert_eq!(node.ask("eth_syncing", json!([])).await, false);
    let version = node.ask("web3_clientVersion", json!([])).await;
    assert!(version.as_str().unwrap().starts_with("anvil/mainspring/v"));
    let modules = node.ask("rpc_modules", json!([])).await;
    for space in ["anvil", "eth", "evm", "hardhat", "net", "rpc", "tenderly", "web3"] {
        assert_eq!(modules[space], "1.0", "{space}");
    }
}
