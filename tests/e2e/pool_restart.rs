//! What waits is there again after a restart, blobs and conditions included.

use crate::{
    harness::Node,
    wallet::{CHAIN_ID, FEE_CAP, Wallet, fresh, legacy},
    wire::hash,
};
use alloy_consensus::{
    SidecarBuilder, SimpleCoder, TxEip4844, TxEip4844Variant, TxEip4844WithSidecar,
};
use alloy_eips::{eip4844::BlobTransactionSidecar, eip7594::BlobTransactionSidecarVariant};
use serde_json::{Value, json};

/// A transaction with one blob, signed, with the proofs that tools from before Osaka make.
fn blob(wallet: &Wallet, nonce: u64) -> String {
    let builder = SidecarBuilder::<SimpleCoder>::from_slice(&[7; 1_000]);
    let sidecar: BlobTransactionSidecar = builder.build_4844().unwrap();
    let tx = TxEip4844 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: FEE_CAP,
        max_priority_fee_per_gas: 1_000_000_000,
        max_fee_per_blob_gas: 1_000_000_000,
        to: fresh(0),
        blob_versioned_hashes: sidecar.versioned_hashes().collect(),
        ..Default::default()
    };
    let sidecar = BlobTransactionSidecarVariant::Eip4844(sidecar);
    wallet.sign(TxEip4844Variant::TxEip4844WithSidecar(TxEip4844WithSidecar { tx, sidecar }))
}

fn content(node: &Node) -> Value {
    node.client().get("txpool_content", json!([]))
}

#[test]
fn blobs_gaps_and_conditions_survive_an_end_and_kill_9() {
    let mut node = Node::start(&["--no-mining"]);
    let (first, mut second) = (Wallet::dev(0), Wallet::dev(1));
    node.client().send_raw(&first.sign(legacy(Some(CHAIN_ID), 0, fresh(0))));
    let with_blob = node.client().send_raw(&blob(&first, 1));
    second.nonce = 5;
    node.client().send_raw(&second.transfer(fresh(1), 1));
    second.nonce = 0;
    let conditions = json!({ "blockNumberMin": "0x2" });
    let late = json!([second.transfer(fresh(1), 1), conditions]);
    let late = hash(&node.client().get("eth_sendRawTransactionConditional", late));
    let before = content(&node);
    let blobs = node.client().get("anvil_getBlobsByTransactionHash", json!([with_blob]));
    assert_eq!(blobs.as_array().unwrap().len(), 1);
    // The end writes the journal at once; the kills after it find it written.
    node = node.stop("TERM").start();
    for _ in 0..2 {
        assert_eq!(content(&node), before);
        let again = node.client().get("anvil_getBlobsByTransactionHash", json!([with_blob]));
        assert_eq!(again, blobs);
        node = node.restart();
    }
    node.client().get("evm_mine", json!([]));
    assert_eq!(node.client().receipt(with_blob)["blockNumber"], "0x1");
    assert_eq!(node.client().receipt(late), Value::Null, "its condition came back with it");
    node.client().get("evm_mine", json!([]));
    assert_eq!(node.client().receipt(late)["blockNumber"], "0x2");
    let left = node.client().get("txpool_status", json!([]));
    assert_eq!(left, json!({ "pending": "0x0", "queued": "0x1" }));
}
