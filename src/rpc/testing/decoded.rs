//! What transactions did, in words: console.log as data.

use super::*;
use alloy_primitives::hex;

/// Hands its data to `console.log`.
const SPEAKER: &str = "365f5f375f5f365f6a636f6e736f6c652e6c6f675afa00";

/// The data of `log(string,uint256)` with these words.
fn logged(text: &str, number: u64) -> String {
    let values = (text.to_owned(), U256::from(number));
    let data = alloy_sol_types::SolValue::abi_encode_params(&values);
    hex::encode_prefixed([hex!("b60e72cc").as_slice(), &data].concat())
}

#[tokio::test]
async fn console_logs_of_a_transaction_are_data() {
    let node = TestNode::start();
    let speaker = node.deploy(SPEAKER).await;
    let say =
        |text: &str, number| json!({ "from": ALICE, "to": speaker, "data": logged(text, number) });
    let receipt = node.send(say("sold %d pieces", 7)).await;
    let logs = node.ask("chain_getConsoleLogs", json!([receipt["transactionHash"]])).await;
    assert_eq!(logs[0]["address"], json!(speaker));
    assert_eq!(logs[0]["depth"], 0);
    assert_eq!(logs[0]["signature"], "log(string,uint256)");
    assert_eq!(logs[0]["args"], json!(["sold %d pieces", "7"]));
    assert_eq!(logs[0]["text"], "sold 7 pieces");
    assert_eq!(logs.as_array().unwrap().len(), 1);
    // The first transaction said nothing, and a third that says it in a block with others is told apart.
    node.ask("evm_setAutomine", json!([false])).await;
    let one = node.ask("eth_sendTransaction", json!([say("one", 1)])).await;
    let two = node.ask("eth_sendTransaction", json!([say("two", 2)])).await;
    node.ask("evm_mine", json!([])).await;
    for (hash, text) in [(one, "one 1"), (two, "two 2")] {
        let logs = node.ask("chain_getConsoleLogs", json!([hash])).await;
        assert_eq!(logs[0]["text"], text);
    }
}

#[tokio::test]
async fn what_the_console_has_no_function_for_is_shown_as_data() {
    let node = TestNode::start();
    let speaker = node.deploy(SPEAKER).await;
    let receipt = node.send(json!({ "from": ALICE, "to": speaker, "data": "0xdeadbeef00" })).await;
    let logs = node.ask("chain_getConsoleLogs", json!([receipt["transactionHash"]])).await;
    assert_eq!(logs[0]["signature"], Value::Null);
    assert_eq!(logs[0]["text"], "0xdeadbeef00");
    let silent = node.send(json!({ "from": ALICE, "to": BOB, "value": "0x1" })).await;
    let logs = node.ask("chain_getConsoleLogs", json!([silent["transactionHash"]])).await;
    assert_eq!(logs, json!([]));
    let unknown = format!("{:#066x}", 5);
    let (code, message) = node.refusal("chain_getConsoleLogs", json!([unknown])).await;
    assert_eq!((code, message.as_str()), (-32000, "transaction not found"));
}

#[tokio::test]
async fn only_blocks_that_called_the_console_are_noted() {
    let node = TestNode::start();
    let speaker = node.deploy(SPEAKER).await;
    let said = node.send(json!({ "from": ALICE, "to": speaker, "data": logged("a", 1) })).await;
    let silent = node.send(json!({ "from": ALICE, "to": BOB, "value": "0x1" })).await;
    let noted = |receipt: &Value| {
        let hash = receipt["blockHash"].as_str().unwrap().parse().unwrap();
        node.chain.may_have_logged(hash)
    };
    assert!(noted(&said));
    assert!(!noted(&silent));
}
