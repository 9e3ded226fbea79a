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

#[tokio::test]
async fn a_call_of_main_has_names_without_artifacts() {
    let node = TestNode::start();
    let main = crate::spec::main_contract::MAIN_ADDRESS;
    let data = hex::encode_prefixed(&alloy_primitives::keccak256("deposit()")[..4]);
    let call = json!({ "from": ALICE, "to": main, "data": data, "value": "0x5" });
    let receipt = node.send(call).await;
    let decoded = node.ask("chain_traceDecoded", json!([receipt["transactionHash"]])).await;
    assert_eq!(decoded["type"], "CALL");
    assert_eq!(decoded["contract"], "Main");
    assert_eq!(decoded["function"], "deposit()");
    assert_eq!((&decoded["args"], &decoded["value"]), (&json!([]), &json!("0x5")));
    assert_eq!(decoded["message"], Value::Null, "{decoded}");
    assert_eq!(decoded["events"][0]["name"], "Deposited");
    assert_eq!(decoded["events"][0]["args"][1]["value"], "5");
    assert_eq!(decoded["gasUsed"], receipt["gasUsed"]);
}

#[tokio::test]
async fn a_failure_inside_is_found_where_it_began() {
    let node = TestNode::start();
    // Reverts with Panic(0x11).
    let inner = node.deploy("634e487b7160e01b5f52601160045260245ffd").await;
    // Calls the address in its data and hands on what comes back: reverts with it if it failed.
    let outer = node.deploy("5f5f5f5f5f5f355af1503d5f5f3e3d5ffd").await;
    let data = format!("0x{:0>64}", &inner[2..]);
    let call = json!({ "from": ALICE, "to": outer, "data": data, "gas": "0x30d40" });
    let receipt = node.send(call).await;
    assert_eq!(receipt["status"], "0x0");
    let decoded = node.ask("chain_traceDecoded", json!([receipt["transactionHash"]])).await;
    let message = "reverted with panic code 0x11 (arithmetic underflow or overflow)";
    assert_eq!(decoded["message"], message);
    let stack = decoded["stackTrace"].as_array().unwrap();
    let addresses: Vec<_> = stack.iter().map(|frame| frame["address"].as_str().unwrap()).collect();
    assert_eq!(addresses, [inner.as_str(), outer.as_str()]);
    assert_eq!(decoded["children"][0]["error"], message);
    assert_eq!(decoded["children"][0]["address"], inner);
}

#[tokio::test]
async fn a_thousand_nested_calls_are_told() {
    let mut genesis = spec(&accounts().addresses()).genesis;
    genesis.gas_limit = 1 << 50;
    let node = TestNode::over(ChainSpec::from_genesis(genesis).unwrap());
    // Calls itself with all its gas, for ever.
    let nested = node.deploy("5f5f5f5f5f305af100").await;
    let call = json!({ "from": ALICE, "to": nested, "gas": "0xfffffffffff", "gasPrice": "0x0" });
    node.ask("anvil_setNextBlockBaseFeePerGas", json!(["0x0"])).await;
    let receipt = node.send(call).await;
    let hash = receipt["transactionHash"].as_str().unwrap();
    let method = "chain_traceDecoded";
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": [hash] });
    let (answer, _) = node.api.methods().raw_json_request(&request.to_string(), 1).await.unwrap();
    // Nested too deeply for the reader of this test.
    let answer = answer.get();
    assert_eq!(answer.matches("\"children\":[{").count(), 1025);
    assert_eq!(answer.matches("\"children\":[]").count(), 1);
    assert_eq!(answer.matches("max call depth exceeded").count(), 1);
    assert_eq!(answer.matches("\"message\":null").count(), 1);
}
