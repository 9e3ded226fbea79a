//! Is every field there that geth has, and no other?

use super::*;
use crate::{
    primitives::{Block, Body, Receipt, Transaction},
    rpc::convert,
};
use alloy_consensus::{
    EthereumTypedTransaction, Header, TxEip4844, TxEip4844Variant, TxEip7702, TxType,
};
use alloy_primitives::{B256, Signature};

type Unsigned = EthereumTypedTransaction<TxEip4844Variant>;

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn sorted(words: &'static str) -> Vec<&'static str> {
    let mut words: Vec<&str> = words.split_whitespace().collect();
    words.sort_unstable();
    words
}

const HEADER: &str = "number hash parentHash nonce mixHash sha3Uncles logsBloom stateRoot miner \
    difficulty extraData gasLimit gasUsed timestamp transactionsRoot receiptsRoot baseFeePerGas \
    withdrawalsRoot blobGasUsed excessBlobGas parentBeaconBlockRoot requestsHash";

#[tokio::test]
async fn a_header_and_a_block_have_geths_fields() {
    let node = TestNode::start();
    node.ask("evm_mine", json!([])).await;
    let header = node.ask("eth_getHeaderByNumber", json!(["latest"])).await;
    assert_eq!(keys(&header), sorted(HEADER));
    assert_eq!(header["nonce"], "0x0000000000000000");
    let mut block = node.ask("eth_getBlockByNumber", json!(["latest", false])).await;
    for only_in_a_block in ["size", "uncles", "transactions", "withdrawals"] {
        assert!(block.as_object_mut().unwrap().remove(only_in_a_block).is_some());
    }
    assert_eq!(block, header);
}

const MINED: &str = "blockHash blockNumber blockTimestamp from gas hash input nonce to \
    transactionIndex value type chainId v r s";

async fn sent(node: &TestNode, mut request: Value) -> (Value, Value) {
    request["from"] = json!(ALICE);
    request["to"] = json!(BOB);
    let hash = node.ask("eth_sendTransaction", json!([request])).await;
    let tx = node.ask("eth_getTransactionByHash", json!([hash])).await;
    (tx, node.ask("eth_getTransactionReceipt", json!([hash])).await)
}

fn with(base: &'static str, more: &'static str) -> Vec<&'static str> {
    let mut all = [sorted(base), sorted(more)].concat();
    all.sort_unstable();
    all
}

#[tokio::test]
async fn a_legacy_transaction_has_geths_fields() {
    let node = TestNode::start();
    let (tx, receipt) = sent(&node, json!({ "type": "0x0" })).await;
    assert_eq!(keys(&tx), with(MINED, "gasPrice"));
    assert_eq!((&tx["type"], &tx["blockTimestamp"]), (&json!("0x0"), &receipt_time(&node)));
    assert_eq!(receipt["effectiveGasPrice"], tx["gasPrice"]);
}

#[tokio::test]
async fn typed_transactions_have_geths_fields() {
    let node = TestNode::start();
    let (tx, _) = sent(&node, json!({ "type": "0x1" })).await;
    assert_eq!(keys(&tx), with(MINED, "gasPrice yParity accessList"));
    let (tx, receipt) = sent(&node, json!({ "maxPriorityFeePerGas": "0x5" })).await;
    let fees = "gasPrice maxFeePerGas maxPriorityFeePerGas yParity accessList";
    assert_eq!(keys(&tx), with(MINED, fees));
    assert_eq!(tx["gasPrice"], receipt["effectiveGasPrice"], "what was really paid");
}

fn receipt_time(node: &TestNode) -> Value {
    json!(format!("{:#x}", node.chain.head().timestamp))
}

const RECEIPT: &str = "blockHash blockNumber contractAddress cumulativeGasUsed effectiveGasPrice \
    from gasUsed logs logsBloom status to transactionHash transactionIndex type";

#[tokio::test]
async fn a_receipt_and_an_event_have_geths_fields() {
    let node = TestNode::start();
    let (_, receipt) = sent(&node, json!({ "value": "0x1" })).await;
    assert_eq!(keys(&receipt), sorted(RECEIPT));
    assert_eq!(receipt["contractAddress"], Value::Null);
    let emitter = node.deploy("60075f5fa100").await;
    let receipt = node.send(json!({ "from": ALICE, "to": emitter })).await;
    let event = "address topics data blockNumber blockHash blockTimestamp transactionHash \
        transactionIndex logIndex removed";
    assert_eq!(keys(&receipt["logs"][0]), sorted(event));
    assert_eq!(receipt["logs"][0]["removed"], false);
}

#[test]
fn blobs_and_authorizations_show_what_they_cost_and_grant() {
    let authorization = alloy_eips::eip7702::Authorization {
        chain_id: U256::from(31337),
        address: Address::ZERO,
        nonce: 1,
    };
    let signed = authorization.into_signed(Signature::test_signature());
    let envelopes: [Unsigned; 2] = [
        Unsigned::Eip4844(TxEip4844Variant::TxEip4844(TxEip4844 {
            blob_versioned_hashes: vec![B256::with_last_byte(1)],
            max_fee_per_blob_gas: 9,
            ..Default::default()
        })),
        TxEip7702 { authorization_list: vec![signed], ..Default::default() }.into(),
    ];
    let transactions = envelopes.map(|tx| Transaction::impersonate(tx, Address::ZERO)).to_vec();
    let receipt = |tx_type, gas| Receipt {
        tx_type,
        status: true.into(),
        cumulative_gas_used: gas,
        logs: vec![],
    };
    let receipts = [receipt(TxType::Eip4844, 21_000), receipt(TxType::Eip7702, 67_000)];
    let header = Header { excess_blob_gas: Some(0), ..Default::default() };
    let block = Block::new(header, Body { transactions, ..Default::default() });
    let shown = serde_json::to_value(convert::block(&block, true)).unwrap();
    let fees = "gasPrice maxFeePerGas maxPriorityFeePerGas yParity accessList";
    let blob = &shown["transactions"][0];
    let more = [with(MINED, fees), sorted("maxFeePerBlobGas blobVersionedHashes")].concat();
    assert_eq!(keys(blob).len(), more.len());
    assert!(more.iter().all(|key| blob.get(key).is_some()), "{blob}");
    let granted = &shown["transactions"][1]["authorizationList"];
    assert_eq!(keys(&granted[0]), sorted("chainId address nonce yParity r s"));
    let shown = convert::receipts(&spec(&[]), &block, &receipts);
    let shown = serde_json::to_value(shown).unwrap();
    assert_eq!(keys(&shown[0]), with(RECEIPT, "blobGasUsed blobGasPrice"));
    assert_eq!(
        (&shown[0]["blobGasUsed"], &shown[0]["blobGasPrice"]),
        (&json!("0x20000"), &json!("0x1"))
    );
    assert_eq!(keys(&shown[1]), sorted(RECEIPT));
    assert_eq!(shown[1]["gasUsed"], format!("{:#x}", 46_000));
}
