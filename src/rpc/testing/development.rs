//! What a developer does to blocks and to the chain.

use super::*;
use crate::dev::Restart;
use alloy_primitives::B256;

/// Everything that a snapshot has to bring back.
async fn everything(node: &TestNode) -> Value {
    json!({
        "development": node.chain.development(),
        "automine": node.ask("anvil_getAutomine", json!([])).await,
        "interval": node.ask("anvil_getIntervalMining", json!([])).await,
        "pool": node.ask("txpool_content", json!([])).await,
        "balance": node.ask("eth_getBalance", json!([STRANGER, "latest"])).await,
        "head": node.ask("eth_getBlockByNumber", json!(["latest", true])).await,
        "impersonated": node.api.dev.is_impersonated(STRANGER.parse().unwrap()),
    })
}

/// Changes everything that a snapshot has to bring back; each call differently.
async fn change_everything(node: &TestNode, number: u64) {
    let time = node.chain.head().timestamp + 10 * number;
    for (method, params) in [
        ("evm_increaseTime", json!([number])),
        ("anvil_setBlockTimestampInterval", json!([number])),
        ("evm_setNextBlockTimestamp", json!([time])),
        ("evm_setBlockGasLimit", json!([1_000_000 + number])),
        ("hardhat_setNextBlockBaseFeePerGas", json!([2_000_000_000 + number])),
        ("hardhat_setPrevRandao", json!([B256::with_last_byte(number as u8)])),
        ("hardhat_setCoinbase", json!([format!("0x{number:040x}")])),
        ("anvil_setChainId", json!([100 + number])),
        ("evm_setAutomine", json!([false])),
        ("evm_setIntervalMining", json!([1_000_000 * number])),
        ("anvil_setBalance", json!([STRANGER, number])),
    ] {
        node.ask(method, params).await;
    }
    let toggle =
        if number.is_multiple_of(2) { "impersonateAccount" } else { "stopImpersonatingAccount" };
    node.ask(&format!("hardhat_{toggle}"), json!([STRANGER])).await;
    let nonce = 10 * number + node.chain.head().number;
    let send =
        json!({ "from": ALICE, "to": BOB, "value": number, "nonce": nonce, "gas": "0x5208" });
    node.ask("eth_sendTransaction", json!([send])).await;
}

#[tokio::test]
async fn a_block_has_what_was_fixed_about_it_and_uses_it_up() {
    let node = TestNode::start();
    // NUMBER, PREVRANDAO, BASEFEE, COINBASE and GASLIMIT, returned
    let teller = node.deploy("435f524460205248604052416060524560805260a05ff3").await;
    for (method, params) in [
        ("evm_setBlockGasLimit", json!(["0x1c9c381"])),
        ("hardhat_setNextBlockBaseFeePerGas", json!(["0x7d0"])),
        ("hardhat_setPrevRandao", json!([B256::with_last_byte(9)])),
        ("hardhat_setCoinbase", json!([STRANGER])),
    ] {
        node.ask(method, params).await;
    }
    let pending = node.ask("eth_call", json!([{ "to": teller }, "pending"])).await;
    let told = |place: usize| &pending.as_str().unwrap()[2 + 64 * place..][..64];
    assert_eq!(told(1), format!("{:064x}", 9));
    assert_eq!(
        told(2),
        format!("{:064x}", 0),
        "a call without a price sees no base fee, as in geth"
    );
    assert_eq!(told(3), format!("{:0>64}", &STRANGER[2..]));
    assert_eq!(told(4), format!("{:064x}", 30_000_001));
    assert_eq!(node.ask("eth_baseFee", json!([])).await, "0x7d0");

    node.ask("evm_mine", json!([])).await;
    let block = node.ask("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!((&block["gasLimit"], &block["miner"]), (&json!("0x1c9c381"), &json!(STRANGER)));
    assert_eq!(block["baseFeePerGas"], "0x7d0");
    assert_eq!(block["mixHash"], json!(B256::with_last_byte(9)));
    node.ask("evm_mine", json!([])).await;
    let after = node.ask("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!((&after["gasLimit"], &after["miner"]), (&block["gasLimit"], &block["miner"]));
    assert_eq!(after["baseFeePerGas"], "0x6d6", "it falls by an eighth: the block was empty");
    assert_ne!(after["mixHash"], block["mixHash"]);
}

#[tokio::test]
async fn what_was_fixed_decides_what_is_admitted() {
    let node = TestNode::start();
    let send = |price: u64| json!([{ "from": ALICE, "to": BOB, "gas": "0x5208", "gasPrice": format!("{price:#x}") }]);
    node.ask("anvil_setNextBlockBaseFeePerGas", json!([5_000])).await;
    let hash = node.ask("eth_sendTransaction", send(5_000)).await;
    let receipt = node.ask("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["effectiveGasPrice"], "0x1388");
    node.ask("anvil_setBlockGasLimit", json!([20_000])).await;
    let (_, text) = node.refusal("eth_sendTransaction", send(1_000_000_000)).await;
    assert!(text.contains("exceeds block gas limit"), "{text}");
}

#[tokio::test]
async fn another_chain_id_holds_from_the_next_block_on() {
    let node = TestNode::start();
    // CHAINID, returned
    let teller = node.deploy("465f5260205ff3").await;
    node.ask("anvil_setChainId", json!([5])).await;
    for (block, id) in [("latest", 31_337), ("pending", 5)] {
        let told = node.ask("eth_call", json!([{ "to": teller }, block])).await;
        assert_eq!(told, format!("0x{id:064x}"), "{block}");
    }
    assert_eq!(node.ask("eth_chainId", json!([])).await, "0x5");
    assert_eq!(node.ask("net_version", json!([])).await, "5");
    let receipt = node.send(json!({ "from": ALICE, "to": BOB, "value": "0x1" })).await;
    let tx = node.ask("eth_getTransactionByHash", json!([receipt["transactionHash"]])).await;
    assert_eq!((&receipt["status"], &tx["chainId"]), (&json!("0x1"), &json!("0x5")));
    let told = node.ask("eth_call", json!([{ "to": teller }, "0x1"])).await;
    assert_eq!(told, format!("0x{:064x}", 31_337), "an old block keeps its id");
    let traced = node.ask("debug_traceBlockByNumber", json!(["0x1"])).await;
    assert_eq!(traced[0]["result"]["failed"], false);
    let (code, text) = node.refusal("anvil_setChainId", json!([u64::MAX])).await;
    assert_eq!((code, text.as_str()), (-32602, "chain id is too large"));
}

#[tokio::test]
async fn a_reset_takes_the_next_chain_id_if_it_is_told_to() {
    let settings = DevSettings { rotate_chain_id: true, ..DevSettings::default() };
    let node = TestNode::start();
    let dev = Dev::new(node.chain.clone(), node.api.pool.clone(), node.sealer.clone(), settings);
    for id in ["0x7a6a", "0x7a6b"] {
        node.send(json!({ "from": ALICE, "to": BOB, "value": "0x1" })).await;
        dev.reset(Restart::Own).unwrap();
        assert_eq!(node.ask("eth_chainId", json!([])).await, id);
        assert_eq!(node.ask("eth_getTransactionCount", json!([ALICE, "latest"])).await, "0x0");
    }
    node.ask("anvil_setChainId", json!([5])).await;
    node.ask("anvil_reset", json!([])).await;
    assert_eq!(node.ask("eth_chainId", json!([])).await, "0x7a6b", "the id that it began with");
}

#[tokio::test]
async fn many_empty_blocks_follow_what_waits() {
    let node = TestNode::with(Mode::Manual, RpcLimits::default());
    let send = json!([{ "from": ALICE, "to": BOB, "value": "0x1", "gas": "0x5208" }]);
    node.ask("eth_sendTransaction", send).await;
    node.ask("anvil_setBalance", json!([STRANGER, "0x5"])).await;
    node.ask("evm_setNextBlockTimestamp", json!([3_000_000_000u64])).await;
    node.ask("hardhat_mine", json!(["0xc8", "0xa"])).await;
    assert_eq!(node.ask("eth_blockNumber", json!([])).await, "0xc8");
    let block =
        |number: u64| node.ask("eth_getBlockByNumber", json!([format!("{number:#x}"), false]));
    assert_eq!(block(1).await["transactions"].as_array().unwrap().len(), 1);
    assert_eq!(block(1).await["timestamp"], format!("{:#x}", 3_000_000_000u64));
    for number in [2, 3, 100, 200] {
        let (block, before) = (block(number).await, block(number - 1).await);
        assert_eq!(block["parentHash"], before["hash"]);
        assert_eq!(hex(&block["timestamp"]), hex(&before["timestamp"]) + 10);
    }
    let balance = node.ask("eth_getBalance", json!([STRANGER, "0x1"])).await;
    assert_eq!(balance, "0x5");
    let limited = node.refusal("anvil_mine", json!([U256::MAX])).await;
    assert_eq!(limited.0, -32602);
}

#[tokio::test]
async fn a_token_balance_is_found_behind_a_proxy() {
    let node = TestNode::start();
    // Answers the slot at keccak(argument . 3), which is where solc keeps a mapping in slot 3.
    let token = node.deploy("6004355f52600360205260405f20545f5260205ff3").await;
    // Copies the call, delegates it to the token, and returns what that returned.
    let proxy = format!("365f5f375f5f365f73{}5af43d5f5f3e3d5ff3", &token[2..]);
    let proxy = node.deploy(&proxy).await;
    let owner = format!("{:0>64}", &STRANGER[2..]);
    for target in [&token, &proxy] {
        node.ask("anvil_dealERC20", json!([STRANGER, target, "0x1234"])).await;
        let ask = json!([{ "to": target, "data": format!("0x70a08231{owner}") }]);
        assert_eq!(node.ask("eth_call", ask).await, format!("0x{:064x}", 0x1234));
    }
    node.ask("anvil_setERC20Allowance", json!([STRANGER, BOB, proxy, "0x77"])).await;
    let ask = json!([{ "to": proxy, "data": format!("0xdd62ed3e{owner}{:0>64}", &BOB[2..]) }]);
    assert_eq!(node.ask("eth_call", ask).await, format!("0x{:064x}", 0x77));
    node.ask("hardhat_dealERC20", json!([STRANGER, token, "0x1234"])).await;
    let (code, text) = node.refusal("anvil_dealERC20", json!([STRANGER, BOB, "0x5"])).await;
    assert_eq!(code, -32602);
    assert!(text.contains("is it an ERC-20 token"), "{text}");
}

#[tokio::test]
async fn blocks_come_on_arrival_or_not_as_the_last_word_says() {
    let node = TestNode::start();
    let automine = || node.ask("anvil_getAutomine", json!([]));
    let interval = || node.ask("anvil_getIntervalMining", json!([]));
    assert_eq!((automine().await, interval().await), (json!(true), Value::Null));
    node.ask("evm_setAutomine", json!([false])).await;
    let send = json!([{ "from": ALICE, "to": BOB, "value": "0x1", "gas": "0x5208" }]);
    let hash = node.ask("eth_sendTransaction", send).await;
    assert_eq!(node.ask("eth_getTransactionReceipt", json!([hash])).await, Value::Null);
    node.ask("evm_setIntervalMining", json!([90_000])).await;
    assert_eq!((automine().await, interval().await), (json!(false), json!(90)));
    node.ask("evm_setIntervalMining", json!([1_500])).await;
    assert_eq!(interval().await, json!(1.5));
    node.ask("evm_setIntervalMining", json!([999])).await;
    assert_eq!(interval().await, json!(999), "so few are seconds, as anvil's clients count");
    node.ask("anvil_setIntervalMining", json!([90])).await;
    assert_eq!((automine().await, interval().await), (json!(false), json!(90)));
    node.ask("evm_setAutomine", json!([true])).await;
    assert_eq!((automine().await, interval().await), (json!(true), json!(90)));
    let mut news = node.chain.subscribe();
    while node.ask("eth_getTransactionReceipt", json!([hash])).await.is_null() {
        news.recv().await.unwrap();
    }
    node.ask("anvil_setIntervalMining", json!([0])).await;
    assert_eq!((automine().await, interval().await), (json!(false), Value::Null));
}

#[tokio::test]
async fn nested_snapshots_bring_everything_back() {
    let node = TestNode::with(Mode::Manual, RpcLimits::default());
    let mut taken = Vec::new();
    for number in 1..=4 {
        change_everything(&node, number).await;
        if number.is_multiple_of(2) {
            node.ask("evm_mine", json!([])).await;
            change_everything(&node, number).await;
        }
        let id = node.ask("evm_snapshot", json!([])).await;
        assert_eq!(id, format!("{number:#x}"));
        taken.push((id, everything(&node).await));
    }
    change_everything(&node, 5).await;
    node.ask("evm_mine", json!([])).await;
    for (id, state) in [&taken[2], &taken[0]] {
        assert_eq!(node.ask("evm_revert", json!([id])).await, true);
        assert_eq!(everything(&node).await, *state, "{id}");
    }
    for (id, _) in &taken {
        assert_eq!(node.ask("evm_revert", json!([id])).await, false, "used up: {id}");
    }
    assert_eq!(node.ask("evm_snapshot", json!([])).await, "0x5", "no id is given twice");
    assert_eq!(node.ask("evm_revert", json!([U256::MAX])).await, false);
    assert_eq!(node.ask("evm_revert", json!(["5"])).await, true);
}

#[tokio::test]
async fn a_reset_is_a_new_start() {
    let node = TestNode::start();
    let first = everything(&node).await;
    let metadata = node.ask("hardhat_metadata", json!([])).await;
    for options in
        [json!([]), json!([null]), json!([{}]), json!([{ "forking": { "blockNumber": null } }])]
    {
        change_everything(&node, 2).await;
        node.ask("evm_mine", json!([])).await;
        change_everything(&node, 3).await;
        node.ask("evm_snapshot", json!([])).await;
        assert_eq!(node.ask("hardhat_reset", options).await, Value::Null);
        assert_eq!(everything(&node).await, first);
        let after = node.ask("hardhat_metadata", json!([])).await;
        assert_eq!(after["snapshots"], json!({}));
        assert_ne!(after["instanceId"], metadata["instanceId"]);
        assert_eq!(node.ask("evm_snapshot", json!([])).await, "0x1", "ids start over");
    }
    change_everything(&node, 2).await;
    let before = everything(&node).await;
    for (fork, code, says) in [
        (json!({ "jsonRpcUrl": "x" }), -32000, "x cannot be reached"),
        (json!({ "forking": { "blockNumber": 5 } }), -32602, "is no fork"),
    ] {
        let (given, text) = node.refusal("anvil_reset", json!([fork])).await;
        assert_eq!(given, code);
        assert!(text.contains(says), "{text}");
    }
    assert_eq!(everything(&node).await, before);
}

#[tokio::test]
async fn snapshots_have_a_bound() {
    let settings = DevSettings { snapshots: 3, ..DevSettings::default() };
    let node = TestNode::start();
    let dev = Dev::new(node.chain.clone(), node.api.pool.clone(), node.sealer.clone(), settings);
    for id in 1..=3 {
        assert_eq!(dev.snapshot().unwrap(), id);
    }
    let full = dev.snapshot().unwrap_err().to_string();
    assert!(full.starts_with("3 snapshots are kept, and no more fit"), "{full}");
    assert!(dev.revert(2).unwrap());
    assert_eq!(dev.snapshot().unwrap(), 4);
}

#[tokio::test]
async fn the_node_says_what_it_is() {
    let node = TestNode::start();
    node.ask("anvil_mine", json!([2])).await;
    let id = node.ask("evm_snapshot", json!([])).await;
    let head = node.ask("eth_getBlockByNumber", json!(["latest", false])).await;
    let info = node.ask("anvil_nodeInfo", json!([])).await;
    assert_eq!(
        (&info["currentBlockNumber"], &info["currentBlockHash"]),
        (&head["number"], &head["hash"])
    );
    assert_eq!((&info["hardFork"], &info["transactionOrder"]), (&json!("osaka"), &json!("fees")));
    let environment = &info["environment"];
    assert_eq!(environment["chainId"], 31337);
    assert_eq!(environment["gasLimit"], "0x1c9c380");
    assert_eq!(environment["baseFee"], node.ask("eth_baseFee", json!([])).await);
    assert_eq!(environment["gasPrice"], node.ask("eth_gasPrice", json!([])).await);
    let metadata = node.ask("anvil_metadata", json!([])).await;
    assert_eq!(metadata["latestBlockNumber"], 2);
    assert_eq!(metadata["snapshots"], json!({ id.as_str().unwrap(): [2, head["hash"]] }));
    assert_eq!(metadata["clientVersion"], node.ask("web3_clientVersion", json!([])).await);
    assert_eq!(node.ask("anvil_getGenesisTime", json!([])).await, 1_700_000_000);
    let wall = node.ask("anvil_getLastBlockWallTime", json!([])).await.as_u64().unwrap();
    assert!(wall > 1_700_000_000, "{wall}");
}

#[tokio::test]
async fn mined_blocks_are_shown_with_what_their_transactions_returned() {
    let node = TestNode::with(Mode::Manual, RpcLimits::default());
    // reverts with Error("no")
    let send = |nonce: &str, to: &str, data: &str| json!([{ "from": ALICE, "to": to, "data": data, "nonce": nonce, "gas": "0x186a0" }]);
    node.ask("anvil_setCode", json!([STRANGER, "0x365f5f37365ffd"])).await;
    node.ask("eth_sendTransaction", send("0x0", BOB, "0x")).await;
    let reason = format!("0x08c379a0{:064x}{:064x}{:0<64}", 32, 2, "6e6f");
    node.ask("eth_sendTransaction", send("0x1", STRANGER, &reason)).await;
    let blocks = node.ask("evm_mine_detailed", json!([{ "blocks": 2 }])).await;
    let transactions = blocks[0]["transactions"].as_array().unwrap();
    assert_eq!(transactions[0]["output"], "0x");
    assert!(transactions[0].get("revertReason").is_none());
    assert_eq!(
        (&transactions[1]["output"], &transactions[1]["revertReason"]),
        (&json!(reason), &json!("no"))
    );
    assert_eq!((&blocks[1]["number"], &blocks[1]["transactions"]), (&json!("0x2"), &json!([])));
    let many = node.refusal("anvil_mine_detailed", json!([{ "blocks": 100_000 }])).await;
    assert_eq!(many.0, -32602);
}

#[tokio::test]
async fn balances_are_set_and_added_to_for_one_or_for_many() {
    let node = TestNode::start();
    let balance = |address: &'static str| node.ask("eth_getBalance", json!([address, "latest"]));
    node.ask("tenderly_setBalance", json!([[STRANGER, BOB], "0x5"])).await;
    node.ask("tenderly_addBalance", json!([[STRANGER, STRANGER, BOB], "0x3"])).await;
    node.ask("anvil_addBalance", json!([BOB, "0x1"])).await;
    assert_eq!((balance(STRANGER).await, balance(BOB).await), (json!("0xb"), json!("0x9")));
    let (code, _) = node.refusal("anvil_addBalance", json!([[STRANGER, BOB], U256::MAX])).await;
    assert_eq!((code, balance(STRANGER).await), (-32602, json!("0xb")));
}

#[tokio::test]
async fn a_minimum_gas_price_is_a_thing_before_london() {
    let london = TestNode::start();
    let (code, text) = london.refusal("hardhat_setMinGasPrice", json!(["0x5"])).await;
    assert_eq!(code, -32602);
    assert!(text.contains("EIP-1559"), "{text}");

    let mut genesis = spec(&accounts().addresses()).genesis;
    genesis.config.london_block = None;
    genesis.config.terminal_total_difficulty = None;
    genesis.config.terminal_total_difficulty_passed = false;
    genesis.config.shanghai_time = None;
    genesis.config.cancun_time = None;
    genesis.config.prague_time = None;
    genesis.config.osaka_time = None;
    genesis.config.arrow_glacier_block = None;
    genesis.config.gray_glacier_block = None;
    genesis.base_fee_per_gas = None;
    let node = TestNode::over(ChainSpec::from_genesis(genesis).unwrap());
    node.ask("hardhat_setMinGasPrice", json!([3_000_000_000u64])).await;
    assert_eq!(node.ask("eth_gasPrice", json!([])).await, json!("0xb2d05e00"));
    let send =
        |price: &str| json!([{ "from": ALICE, "to": BOB, "gas": "0x5208", "gasPrice": price }]);
    let (_, text) = node.refusal("eth_sendTransaction", send("0xb2d05dff")).await;
    assert!(text.contains("underpriced") || text.contains("gas tip cap"), "{text}");
    node.ask("eth_sendTransaction", send("0xb2d05e00")).await;
    let (_, text) = node.refusal("anvil_setNextBlockBaseFeePerGas", json!([5])).await;
    assert!(text.contains("needs the london fork"), "{text}");
}

/// Every method with its other names, and what to ask it.
fn names() -> Vec<(&'static [&'static str], Value)> {
    vec![
        (
            &[
                "anvil_setBalance",
                "hardhat_setBalance",
                "tenderly_setBalance",
                "evm_setAccountBalance",
            ],
            json!([BOB, "0x5"]),
        ),
        (&["anvil_addBalance", "hardhat_addBalance", "tenderly_addBalance"], json!([BOB, "0x5"])),
        (&["anvil_setCode", "hardhat_setCode", "evm_setAccountCode"], json!([STRANGER, "0x5f"])),
        (&["anvil_setNonce", "hardhat_setNonce", "evm_setAccountNonce"], json!([STRANGER, "0x5"])),
        (
            &["anvil_setStorageAt", "hardhat_setStorageAt", "evm_setAccountStorageAt"],
            json!([STRANGER, "0x0", B256::ZERO]),
        ),
        (&["anvil_impersonateAccount", "hardhat_impersonateAccount"], json!([STRANGER])),
        (
            &["anvil_stopImpersonatingAccount", "hardhat_stopImpersonatingAccount"],
            json!([STRANGER]),
        ),
        (&["anvil_autoImpersonateAccount", "hardhat_autoImpersonateAccount"], json!([false])),
        (&["anvil_mine", "hardhat_mine"], json!(["0x2"])),
        (&["anvil_mine_detailed", "evm_mine_detailed"], json!([{ "blocks": 0 }])),
        (&["anvil_setAutomine", "evm_setAutomine"], json!([true])),
        (&["anvil_getAutomine", "hardhat_getAutomine"], json!([])),
        (&["anvil_setNextBlockTimestamp", "evm_setNextBlockTimestamp"], json!([3_000_000_000u64])),
        (&["anvil_increaseTime", "evm_increaseTime"], json!([0])),
        (&["anvil_setTime", "evm_setTime"], json!([1_000_000_000])),
        (&["anvil_setBlockTimestampInterval", "hardhat_setBlockTimestampInterval"], json!([3])),
        (&["anvil_setBlockGasLimit", "evm_setBlockGasLimit"], json!(["0x1c9c380"])),
        (&["anvil_setNextBlockBaseFeePerGas", "hardhat_setNextBlockBaseFeePerGas"], json!(["0x5"])),
        (&["anvil_setNextBlockPrevRandao", "hardhat_setPrevRandao"], json!([B256::ZERO])),
        (&["anvil_setCoinbase", "hardhat_setCoinbase"], json!([BOB])),
        (
            &["anvil_dealERC20", "hardhat_dealERC20", "anvil_setERC20Balance"],
            json!([BOB, STRANGER, "0x0"]),
        ),
        (&["anvil_metadata", "hardhat_metadata"], json!([])),
        (&["anvil_revert", "evm_revert"], json!(["0x63"])),
        (&["anvil_reset", "hardhat_reset"], json!([])),
    ]
}

#[tokio::test]
async fn every_name_of_a_method_answers_like_the_first() {
    for (names, params) in names() {
        let node = TestNode::start();
        let (first, others) = names.split_first().unwrap();
        let answer = node.try_ask(first, params.clone()).await;
        assert_eq!(answer.is_err(), first.contains("ERC20"), "nobody is a token: {answer:?}");
        for other in others {
            assert_eq!(node.try_ask(other, params.clone()).await, answer, "{other}");
        }
    }
}

#[tokio::test]
async fn parameters_of_the_wrong_kind_are_refused_under_every_name() {
    let node = TestNode::start();
    let before = everything(&node).await;
    for (names, params) in names() {
        let wrong = match params.as_array().unwrap().len() {
            0 => continue,
            count => Value::Array(vec![json!({ "wrong": [true] }); count]),
        };
        if names[0] == "anvil_reset" || names[0] == "anvil_mine_detailed" {
            continue;
        }
        for name in names {
            let (code, text) = node.refusal(name, wrong.clone()).await;
            assert_eq!(code, -32602, "{name}: {text}");
        }
    }
    assert_eq!(everything(&node).await, before);
}

#[tokio::test]
async fn a_delegate_that_rejects_a_transfer_is_named() {
    let node = TestNode::start();
    // Reverts without data.
    let target = node.deploy("5f5ffd").await;
    let code = format!("0xef0100{}", &target[2..]);
    node.ask("anvil_setCode", json!([STRANGER, code])).await;
    let transfer = json!({ "from": ALICE, "to": STRANGER, "value": "0x1" });
    let call = json!({ "from": ALICE, "to": STRANGER, "data": "0x12" });
    for method in ["eth_call", "eth_estimateGas"] {
        let (code, text, data) = node.try_ask(method, json!([transfer])).await.unwrap_err();
        assert_eq!((code, data), (3, Some(json!("0x"))));
        let (text, target) = (text.to_lowercase(), target.to_lowercase());
        assert!(
            text.contains(&format!("{STRANGER} is delegated to {target} (eip-7702)")),
            "{text}"
        );
        let (_, text) = node.refusal(method, json!([call])).await;
        assert_eq!(text, "execution reverted");
    }
    node.ask("anvil_setCode", json!([BOB, "0x5f5ffd"])).await;
    let to_code = json!({ "from": ALICE, "to": BOB, "value": "0x1" });
    assert_eq!(node.refusal("eth_call", json!([to_code])).await.1, "execution reverted");
}

#[tokio::test]
async fn a_plain_transfer_is_estimated_to_the_gas_it_uses() {
    let node = TestNode::start();
    for to in [BOB, STRANGER] {
        for value in ["0x0", "0x1", "0xde0b6b3a7640000"] {
            let transfer = json!({ "from": ALICE, "to": to, "value": value });
            assert_eq!(node.ask("eth_estimateGas", json!([transfer])).await, "0x5208");
        }
    }
}

#[tokio::test]
async fn a_signature_is_whose_the_developer_says() {
    let node = TestNode::start();
    let input = format!("0x{:064x}{:064x}{}{}", 1, 27, "05".repeat(32), "06".repeat(32));
    let recovered = |input: String| {
        let call = json!([{ "to": "0x0000000000000000000000000000000000000001", "data": input }]);
        node.ask("eth_call", call)
    };
    let nobody = recovered(input.clone()).await;
    let signer = json!(format!("0x{:0>64}", &STRANGER[2..]));
    assert_ne!(nobody, signer);
    let id = node.ask("evm_snapshot", json!([])).await;
    let signature = format!("0x{}{}1b", "05".repeat(32), "06".repeat(32));
    node.ask("anvil_impersonateSignature", json!([signature, STRANGER])).await;
    assert_eq!(recovered(input.clone()).await, signer);
    assert_eq!(recovered(input.replacen("01", "02", 1)).await, signer, "whatever was signed");
    node.ask("evm_mine", json!([])).await;
    assert_eq!(recovered(input.clone()).await, signer, "it is part of the state");
    assert_ne!(recovered(input.replace("06", "07")).await, signer, "of no other signature");
    node.ask("evm_revert", json!([id])).await;
    assert_eq!(recovered(input).await, nobody);
    let (code, _) = node.refusal("anvil_impersonateSignature", json!(["0x1234", STRANGER])).await;
    assert_eq!(code, -32602);
}
