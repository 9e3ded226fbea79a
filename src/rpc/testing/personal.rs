//! Accounts behind a passphrase, and accounts without a key.

use super::*;

const KEY: &str = "0x0707070707070707070707070707070707070707070707070707070707070707";
const LOCKED: &str = "authentication needed: password or unlock";

async fn funded(node: &TestNode, address: &Value) {
    node.ask("anvil_setBalance", json!([address, format!("{ETHER:#x}")])).await;
}

fn gift(from: &Value) -> Value {
    json!({ "from": from, "to": BOB, "value": "0x5" })
}

#[tokio::test]
async fn an_imported_key_sends_with_its_passphrase_or_while_it_is_unlocked() {
    let node = TestNode::start();
    let mine = node.ask("personal_importRawKey", json!([KEY, "pass"])).await;
    funded(&node, &mine).await;
    assert_eq!(node.ask("eth_accounts", json!([])).await[2], mine);
    assert_eq!(node.ask("personal_listAccounts", json!([])).await[2], mine);
    let locked = node.refusal("eth_sendTransaction", json!([gift(&mine)])).await;
    assert_eq!(locked, (-32000, LOCKED.to_owned()));
    let wrong = node.refusal("personal_sendTransaction", json!([gift(&mine), "no"])).await;
    assert_eq!(wrong, (-32000, "could not decrypt key with given password".to_owned()));
    let hash = node.ask("personal_sendTransaction", json!([gift(&mine), "pass"])).await;
    let receipt = node.ask("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!((&receipt["status"], &receipt["from"]), (&json!("0x1"), &mine));
    node.refusal("eth_sendTransaction", json!([gift(&mine)])).await;
    assert_eq!(node.ask("personal_unlockAccount", json!([mine, "pass", 0])).await, true);
    assert_eq!(node.send(gift(&mine)).await["from"], mine);
    assert_eq!(node.ask("personal_lockAccount", json!([mine])).await, true);
    node.refusal("eth_sendTransaction", json!([gift(&mine)])).await;
    assert_eq!(node.ask("personal_lockAccount", json!([STRANGER])).await, false);
}

#[tokio::test]
async fn a_new_account_signs_what_recovers_to_it() {
    let node = TestNode::start();
    let mine = node.ask("personal_newAccount", json!(["pass"])).await;
    funded(&node, &mine).await;
    let raw = node.ask("personal_signTransaction", json!([gift(&mine), "pass"])).await;
    let hash = node.ask("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(node.ask("eth_getTransactionReceipt", json!([hash])).await["from"], mine);
    for params in [json!(["0x1234", mine, "pass"]), json!([mine, "0x1234", "pass"])] {
        let signature = node.ask("personal_sign", params).await;
        let signer = node.ask("personal_ecRecover", json!(["0x1234", signature])).await;
        assert_eq!(signer, mine);
    }
    let locked = node.refusal("personal_sign", json!(["0x1234", mine])).await;
    assert_eq!(locked, (-32000, LOCKED.to_owned()));
}

#[tokio::test]
async fn a_message_as_long_as_an_address_is_still_the_message() {
    let node = TestNode::start();
    let signature = node.ask("personal_sign", json!([STRANGER, ALICE])).await;
    let signer = node.ask("personal_ecRecover", json!([STRANGER, signature])).await;
    assert_eq!(signer, ALICE);
    assert_eq!(signature, node.ask("eth_sign", json!([ALICE, STRANGER])).await);
}

#[tokio::test]
async fn what_is_no_key_is_refused_and_not_repeated() {
    let node = TestNode::start();
    for key in ["0x07", "secret", &format!("{KEY}07")] {
        let (code, text) = node.refusal("personal_importRawKey", json!([key, "pass"])).await;
        assert_eq!(code, -32602);
        assert!(!text.contains("secret") && !text.contains("0707"), "{text}");
    }
    let zero = node.refusal("personal_importRawKey", json!(["00".repeat(32), "pass"])).await;
    assert!(zero.1.starts_with("invalid private key"), "{}", zero.1);
    node.ask("personal_importRawKey", json!([&KEY[2..], "pass"])).await;
    let twice = node.refusal("personal_importRawKey", json!([KEY, "other"])).await;
    assert_eq!(twice, (-32000, "account already exists".to_owned()));
}

#[tokio::test]
async fn a_development_account_has_an_empty_passphrase_and_can_be_locked() {
    let node = TestNode::start();
    node.ask("personal_sendTransaction", json!([gift(&json!(ALICE)), ""])).await;
    node.ask("personal_lockAccount", json!([ALICE])).await;
    let locked = node.refusal("eth_sendTransaction", json!([gift(&json!(ALICE))])).await;
    assert_eq!(locked.1, LOCKED);
    node.ask("anvil_impersonateAccount", json!([ALICE])).await;
    node.send(gift(&json!(ALICE))).await;
}

#[tokio::test]
async fn an_added_address_sends_without_a_key_once_it_is_unlocked() {
    let node = TestNode::start();
    let phantom = json!(STRANGER);
    funded(&node, &phantom).await;
    assert_eq!(node.ask("evm_addAccount", json!([phantom, "pass"])).await, true);
    assert_eq!(node.ask("evm_addAccount", json!([phantom, "pass"])).await, false);
    assert_eq!(node.ask("evm_addAccount", json!([ALICE, ""])).await, false);
    let locked = node.refusal("eth_sendTransaction", json!([gift(&phantom)])).await;
    assert_eq!(locked.1, LOCKED);
    node.ask("personal_unlockAccount", json!([phantom, "pass"])).await;
    assert_eq!(node.send(gift(&phantom)).await["from"], STRANGER);
    node.ask("personal_lockAccount", json!([phantom])).await;
    node.ask("personal_sendTransaction", json!([gift(&phantom), "pass"])).await;
    let (_, text) = node.refusal("personal_sign", json!(["0x12", phantom, "pass"])).await;
    assert!(text.ends_with("was added without a key: it can send, it cannot sign"), "{text}");
    assert_eq!(node.ask("evm_removeAccount", json!([phantom, "pass"])).await, true);
    assert_eq!(node.ask("evm_removeAccount", json!([phantom, "pass"])).await, false);
    node.refusal("eth_sendTransaction", json!([gift(&phantom)])).await;
}

#[tokio::test]
async fn only_so_many_accounts_are_added() {
    let node = TestNode::start();
    for account in 0..10 {
        node.ask("evm_addAccount", json!([format!("0x{account:040x}"), ""])).await;
    }
    let (code, text) = node.refusal("personal_newAccount", json!([""])).await;
    assert_eq!(code, -32000);
    assert!(text.contains("10 accounts") && text.contains("--max-stored-accounts"), "{text}");
}
