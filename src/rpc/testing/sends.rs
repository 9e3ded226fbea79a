//! Sending: raw, unlocked, impersonated; and what is refused.

use super::*;

#[tokio::test]
async fn an_answered_send_is_in_a_visible_block() {
    let node = TestNode::start();
    let request = json!({ "from": ALICE, "to": BOB, "value": "0x5", "data": "0x", "input": "0x" });
    let raw = node.ask("eth_signTransaction", json!([request])).await;
    assert_eq!(node.ask("eth_blockNumber", json!([])).await, "0x0", "signing sends nothing");
    let hash = node.ask("eth_sendRawTransaction", json!([raw])).await;
    let receipt = node.ask("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!((&receipt["status"], &receipt["from"]), (&json!("0x1"), &json!(ALICE)));
    let again = node.refusal("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(again, (-32000, "nonce too low: next nonce 1, tx nonce 0".to_owned()));
}

#[tokio::test]
async fn sends_of_one_account_at_the_same_time_all_get_in() {
    let node = TestNode::start();
    let request = json!([{ "from": ALICE, "to": BOB, "value": "0x1" }]);
    let send = || node.ask("eth_sendTransaction", request.clone());
    tokio::join!(send(), send(), send(), send(), send());
    assert_eq!(node.ask("eth_getTransactionCount", json!([ALICE, "latest"])).await, "0x5");
}

#[tokio::test]
async fn only_our_own_and_impersonated_senders_are_unlocked() {
    let node = TestNode::start();
    let request = json!([{ "from": STRANGER, "to": BOB, "value": "0x1" }]);
    let (code, message) = node.refusal("eth_sendTransaction", request.clone()).await;
    assert!(code == -32000 && message.starts_with("unknown account 0x5e5E"), "{message}");
    node.ask("hardhat_setBalance", json!([STRANGER, format!("{ETHER:#x}")])).await;
    node.ask("anvil_impersonateAccount", json!([STRANGER])).await;
    let receipt = node.send(request[0].clone()).await;
    assert_eq!(receipt["from"], STRANGER);
    let signing = node.refusal("eth_signTransaction", json!([request[0]])).await;
    assert_eq!(signing.0, -32000, "an impersonation has no signature to give away");
    node.ask("anvil_stopImpersonatingAccount", json!([STRANGER])).await;
    node.refusal("eth_sendTransaction", request).await;
}

#[tokio::test]
async fn what_is_no_transaction_is_refused() {
    let node = TestNode::start();
    for (raw, code) in [("0x", -32000), ("0x02c0", -32000), ("0xzz", -32602), ("0x05", -32000)] {
        let refusal = node.refusal("eth_sendRawTransaction", json!([raw])).await;
        assert_eq!(refusal.0, code, "{raw}: {}", refusal.1);
    }
    assert_eq!(node.refusal("eth_sendRawTransaction", json!([])).await.0, -32602);
    assert_eq!(node.chain.head().number, 0, "nothing was written");
}

#[tokio::test]
async fn a_send_that_cannot_work_says_why() {
    let node = TestNode::start();
    let poor = json!([{ "from": ALICE, "to": BOB, "value": format!("{:#x}", 11 * ETHER) }]);
    let refusal = node.refusal("eth_sendTransaction", poor).await;
    assert!(refusal.1.starts_with("insufficient funds for"), "{}", refusal.1);
    let chain = json!([{ "from": ALICE, "to": BOB, "chainId": "0x1" }]);
    let refusal = node.refusal("eth_sendTransaction", chain).await;
    assert_eq!(refusal.1, "chainId does not match node's (have=1, want=31337)");
}

#[tokio::test]
async fn the_pending_nonce_counts_what_waits() {
    let node = TestNode::with(Mode::Manual, RpcLimits::default());
    let hash = node.ask("eth_sendTransaction", json!([{ "from": ALICE, "to": BOB }])).await;
    let nonce = |block| node.ask("eth_getTransactionCount", json!([ALICE, block]));
    assert_eq!(nonce("latest").await, "0x0");
    assert_eq!(nonce("pending").await, "0x1");
    let waiting = node.ask("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(waiting["blockHash"], Value::Null);
    node.ask("evm_mine", json!([])).await;
    assert_eq!(nonce("latest").await, "0x1");
    assert_eq!(node.ask("eth_getTransactionByHash", json!([hash])).await["blockNumber"], "0x1");
}

#[tokio::test]
async fn a_message_is_signed_as_wallets_do() {
    let node = TestNode::start();
    // "hello", signed by the first account of the well-known phrase (deterministic, RFC 6979).
    let signature = node.ask("eth_sign", json!([ALICE, "0x68656c6c6f"])).await;
    let signature: alloy_primitives::Signature = signature.as_str().unwrap().parse().unwrap();
    let signer = signature.recover_address_from_msg("hello").unwrap();
    assert_eq!(signer, ALICE.parse::<Address>().unwrap());
    assert_eq!(node.refusal("eth_sign", json!([STRANGER, "0x00"])).await.0, -32000);
}
