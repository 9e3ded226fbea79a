//! Which checks are there? Those of the protocol, of news and of development; the others lie beside.

use super::{
    client::{Client, Result, big, quantity, same},
    contracts, errors, history,
};
use alloy_primitives::Address;
use serde_json::{Value, json};

/// What a check belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    Protocol,
    Wallets,
    Contracts,
    Rules,
    Tracing,
    History,
    News,
    Development,
    Errors,
    Limits,
    Durability,
}

impl Area {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Protocol => "JSON-RPC",
            Self::Wallets => "wallets",
            Self::Contracts => "contracts",
            Self::Rules => "forks",
            Self::Tracing => "tracing",
            Self::History => "history",
            Self::News => "filters and subscriptions",
            Self::Development => "development",
            Self::Errors => "errors",
            Self::Limits => "limits",
            Self::Durability => "durability",
        }
    }
}

/// One line of the report.
pub(super) struct Check {
    pub(super) area: Area,
    pub(super) what: &'static str,
    pub(super) run: fn(&mut Client) -> Result<()>,
}

/// Every check, in the order of the report.
pub(super) fn all() -> impl Iterator<Item = &'static Check> {
    let lists = [PROTOCOL, contracts::CHECKS, history::CHECKS, NEWS, DEVELOPMENT, errors::CHECKS];
    lists.into_iter().flatten()
}

const fn check(area: Area, what: &'static str, run: fn(&mut Client) -> Result<()>) -> Check {
    Check { area, what, run }
}

const PROTOCOL: &[Check] = &[
    check(Area::Protocol, "a batch is answered in its order, a notification not at all", |node| {
        let batch = r#"[{"jsonrpc":"2.0","id":"a","method":"eth_chainId"},
            {"jsonrpc":"2.0","method":"eth_chainId"},{"jsonrpc":"2.0","id":7,"method":"net_version"}]"#;
        let answers = node.post_json(batch)?;
        let wanted = json!([
            { "jsonrpc": "2.0", "id": "a", "result": "0x7a69" },
            { "jsonrpc": "2.0", "id": 7, "result": "31337" },
        ]);
        same("the answers", wanted, answers)
    }),
    check(Area::Protocol, "an unknown method is -32601 in geth's words", |node| {
        let refusal = node.refused("eth_nothing", json!([]))?;
        same("the code", -32601, refusal.code)?;
        let text = "the method eth_nothing does not exist/is not available";
        same("the text", text, refusal.message)
    }),
    check(Area::Protocol, "wrong parameters are -32602, broken JSON is -32700", |node| {
        same("the code", -32602, node.refused("eth_getBalance", json!([5]))?.code)?;
        let answer = node.post_json("{\"jsonrpc\":")?;
        same("the code", -32700, answer["error"]["code"].clone())
    }),
    check(Area::Protocol, "rpc.discover describes every method of every module", |node| {
        let document = node.get("rpc.discover", json!([]))?;
        let methods = document["methods"].as_array().cloned().unwrap_or_default();
        let modules = node.get("rpc_modules", json!([]))?;
        for module in modules.as_object().into_iter().flat_map(|all| all.keys()) {
            let of_module = |method: &Value| {
                method["name"].as_str().is_some_and(|name| name.starts_with(module.as_str()))
            };
            same("a module has described methods", true, methods.iter().any(of_module))?;
        }
        same("at least 200 methods", true, methods.len() >= 200)
    }),
    check(
        Area::Wallets,
        "eth_chainId, net_version and eth_accounts agree with the banner",
        |node| {
            same("eth_chainId", "0x7a69", node.get("eth_chainId", json!([]))?)?;
            same("net_version", "31337", node.get("net_version", json!([]))?)?;
            let accounts = node.get("eth_accounts", json!([]))?;
            same("ten accounts", 10, accounts.as_array().map_or(0, Vec::len))
        },
    ),
    check(
        Area::Wallets,
        "transactions of types 0, 1 and 2 are mined when the send is answered",
        |node| {
            let list = json!([{ "address": Address::ZERO, "storageKeys": [] }]);
            let price = "0x77359400";
            for (kind, request) in [
                ("0x0", json!({ "to": Address::ZERO, "gasPrice": price })),
                ("0x1", json!({ "to": Address::ZERO, "gasPrice": price, "accessList": list })),
                ("0x2", json!({ "to": Address::ZERO, "maxFeePerGas": price })),
            ] {
                let receipt = node.send(request)?;
                same("the type", kind, receipt["type"].clone())?;
                same("the status", "0x1", receipt["status"].clone())?;
            }
            Ok(())
        },
    ),
    check(
        Area::Wallets,
        "eth_signTransaction and eth_sendRawTransaction belong together",
        |node| {
            let from = node.get("eth_accounts", json!([]))?[1].clone();
            let request = json!({ "from": from, "to": Address::repeat_byte(0xa1), "value": "0x7" });
            let raw = node.get("eth_signTransaction", json!([request]))?;
            node.get("eth_sendRawTransaction", json!([raw]))?;
            let balance =
                node.get("eth_getBalance", json!([Address::repeat_byte(0xa1), "latest"]))?;
            same("the balance", "0x7", balance)
        },
    ),
    check(Area::Wallets, "personal_sign is what personal_ecRecover reads", |node| {
        let account = node.get("eth_accounts", json!([]))?[0].clone();
        let signed = node.get("personal_sign", json!(["0x68656c6c6f", account]))?;
        same(
            "the signer",
            account,
            node.get("personal_ecRecover", json!(["0x68656c6c6f", signed]))?,
        )
    }),
    check(Area::Wallets, "eth_signTypedData_v4 signs a document of EIP-712", |node| {
        let account = node.get("eth_accounts", json!([]))?[0].clone();
        let document = json!({
            "types": { "EIP712Domain": [{ "name": "name", "type": "string" }],
                "Offer": [{ "name": "price", "type": "uint256" }] },
            "primaryType": "Offer", "domain": { "name": "Market" }, "message": { "price": "5" },
        });
        let signed = node.get("eth_signTypedData_v4", json!([account, document]))?;
        same("65 bytes", 132, signed.as_str().map_or(0, str::len))
    }),
    check(Area::Wallets, "eth_feeHistory and the next base fee agree with the blocks", |node| {
        let history = node.get("eth_feeHistory", json!(["0x1", "latest", [50]]))?;
        let block = node.get("eth_getBlockByNumber", json!(["latest", false]))?;
        same("this base fee", block["baseFeePerGas"].clone(), history["baseFeePerGas"][0].clone())?;
        same("the next", node.get("eth_baseFee", json!([]))?, history["baseFeePerGas"][1].clone())
    }),
];

const NEWS: &[Check] = &[
    check(Area::News, "newHeads, logs and newPendingTransactions are pushed", |node| {
        let mut heads = node.subscribe(json!(["newHeads"]))?;
        let mut logs = node.subscribe(json!(["logs", {}]))?;
        let mut pool = node.subscribe(json!(["newPendingTransactions"]))?;
        let receipt = node.send(contracts::event())?;
        same("the block", receipt["blockHash"].clone(), heads.next()?["hash"].clone())?;
        same("the event", receipt["logs"][0].clone(), logs.next()?)?;
        same("the transaction", receipt["transactionHash"].clone(), pool.next()?)
    }),
    check(Area::News, "an event of a removed block comes again with removed: true", |node| {
        let mut logs = node.subscribe(json!(["logs", {}]))?;
        let snapshot = node.get("evm_snapshot", json!([]))?;
        node.send(contracts::event())?;
        same("first", false, logs.next()?["removed"].clone())?;
        same("evm_revert", true, node.get("evm_revert", json!([snapshot]))?)?;
        same("then", true, logs.next()?["removed"].clone())
    }),
    check(Area::News, "filters for blocks, events and transactions are polled", |node| {
        let blocks = node.get("eth_newBlockFilter", json!([]))?;
        let events = node.get("eth_newFilter", json!([{}]))?;
        let pool = node.get("eth_newPendingTransactionFilter", json!([]))?;
        let receipt = node.send(contracts::event())?;
        let changes = |filter: &Value| node.get("eth_getFilterChanges", json!([filter]));
        same("blocks", json!([receipt["blockHash"]]), changes(&blocks)?)?;
        same("events", receipt["logs"].clone(), changes(&events)?)?;
        same("transactions", json!([receipt["transactionHash"]]), changes(&pool)?)?;
        same("removed", true, node.get("eth_uninstallFilter", json!([blocks]))?)
    }),
];

const DEVELOPMENT: &[Check] = &[
    check(
        Area::Development,
        "balance, code, nonce and storage are set, and stay with the next block",
        |node| {
            let at = Address::repeat_byte(0xd1);
            node.get("anvil_setBalance", json!([at, "0x5"]))?;
            node.get("hardhat_setNonce", json!([at, "0x9"]))?;
            node.get("anvil_setCode", json!([at, "0x00"]))?;
            node.get("hardhat_setStorageAt", json!([at, "0x1", "0x2a"]))?;
            node.get("evm_mine", json!([]))?;
            same("balance", "0x5", node.get("eth_getBalance", json!([at, "latest"]))?)?;
            same("nonce", "0x9", node.get("eth_getTransactionCount", json!([at, "latest"]))?)?;
            same("code", "0x00", node.get("eth_getCode", json!([at, "latest"]))?)?;
            same("slot", 42, quantity(&node.get("eth_getStorageAt", json!([at, "0x1", "latest"]))?))
        },
    ),
    check(Area::Development, "an impersonated account sends without its key", |node| {
        let from = Address::repeat_byte(0xd2);
        node.get("anvil_setBalance", json!([from, "0xde0b6b3a7640000"]))?;
        node.get("anvil_impersonateAccount", json!([from]))?;
        node.get("eth_sendTransaction", json!([{ "from": from, "to": Address::ZERO }]))?;
        same("nonce", "0x1", node.get("eth_getTransactionCount", json!([from, "latest"]))?)
    }),
    check(Area::Development, "a snapshot brings back state, blocks and nonces", |node| {
        let at = Address::repeat_byte(0xd3);
        let before = node.block_number()?;
        let snapshot = node.get("evm_snapshot", json!([]))?;
        node.send(json!({ "to": at, "value": "0x1" }))?;
        same("evm_revert", true, node.get("evm_revert", json!([snapshot]))?)?;
        same("height", before, node.block_number()?)?;
        same("balance", "0x0", node.get("eth_getBalance", json!([at, "latest"]))?)
    }),
    check(Area::Development, "blocks are made by hand, in numbers, at chosen times", |node| {
        let (at, before) = (4_000_000_000_u64, node.block_number()?);
        let snapshot = node.get("evm_snapshot", json!([]))?;
        node.get("evm_setNextBlockTimestamp", json!([at]))?;
        node.get("hardhat_mine", json!(["0x3", "0xa"]))?;
        let block = node.get("eth_getBlockByNumber", json!(["latest", false]))?;
        same("height", before + 3, quantity(&block["number"]))?;
        same("time", at + 20, quantity(&block["timestamp"]))?;
        same("evm_revert", true, node.get("evm_revert", json!([snapshot]))?)
    }),
    check(Area::Development, "without automine a send waits, and can be dropped", |node| {
        let account = node.get("eth_accounts", json!([]))?[2].clone();
        node.get("evm_setAutomine", json!([false]))?;
        let sent = node.get("eth_sendTransaction", json!([{ "from": account, "to": account }]))?;
        let receipt = node.get("eth_getTransactionReceipt", json!([sent]))?;
        let dropped = node.get("anvil_dropTransaction", json!([sent]))?;
        node.get("evm_setAutomine", json!([true]))?;
        same("no receipt", Value::Null, receipt)?;
        same("dropped", sent, dropped)
    }),
    check(
        Area::Development,
        "the newest blocks are replaced (anvil_reorg), their transactions wait again",
        |node| {
            let sent = node.send(json!({ "to": Address::repeat_byte(0xd4) }))?;
            node.get("anvil_reorg", json!([1, []]))?;
            let again = node.get("eth_getBlockByNumber", json!([sent["blockNumber"], false]))?;
            same("another block", false, again["hash"] == sent["blockHash"])?;
            node.get("evm_mine", json!([]))?;
            let hash = &sent["transactionHash"];
            let receipt = node.get("eth_getTransactionReceipt", json!([hash]))?;
            same("mined again", "0x1", receipt["status"].clone())
        },
    ),
    check(
        Area::Development,
        "branches of the chain have names (chain_branch, chain_checkout)",
        |node| {
            let before = node.block_number()?;
            node.get("chain_branch", json!(["compat"]))?;
            node.get("evm_mine", json!([]))?;
            node.get("chain_checkout", json!(["compat"]))?;
            same("height", before, node.block_number()?)?;
            node.get("chain_checkout", json!(["main"]))?;
            same("height", before + 1, node.block_number()?)?;
            node.get("chain_deleteBranch", json!(["compat"])).map(drop)
        },
    ),
    check(Area::Development, "console.log can be asked for (chain_getConsoleLogs)", |node| {
        let at = Address::repeat_byte(0xd5);
        node.get("anvil_setCode", json!([at, contracts::CONSOLE]))?;
        let sent = node.send(json!({ "to": at }))?;
        let logs = node.get("chain_getConsoleLogs", json!([sent["transactionHash"]]))?;
        same("the text", "hi", logs[0]["text"].clone())
    }),
    check(
        Area::Limits,
        "a batch that is too long and too many blocks at once are refused",
        |node| {
            let batch = format!("[{}]", vec!["{}"; 1_001].join(","));
            let answer = node.post_json(&batch)?;
            let text = "batch too large: 1001 requests, 1000 allowed";
            same("the batch", text, answer["error"]["message"].clone())?;
            let refusal = node.refused("anvil_mine", json!(["0x186a1"]))?;
            same(
                "the blocks",
                "too many blocks to mine at once: 100001 (max 100000)",
                refusal.message,
            )
        },
    ),
    check(Area::Limits, "a call that never ends is ended by its gas", |node| {
        let at = Address::repeat_byte(0xc0);
        // JUMPDEST, PUSH0, JUMP
        let there = json!({ at.to_string(): { "code": "0x5b5f56" } });
        let refusal = node.refused("eth_call", json!([{ "to": at }, "latest", there]))?;
        same("the text", "out of gas", refusal.message)
    }),
    check(Area::Durability, "accounts, receipts and logs are there after a restart", |node| {
        let sent = node.get("eth_getLogs", json!([{ "fromBlock": "0x0" }]))?;
        let hash = &sent[0]["transactionHash"];
        let receipt = node.get("eth_getTransactionReceipt", json!([hash]))?;
        same("the event", sent[0].clone(), receipt["logs"][0].clone())?;
        let balance = node.get("eth_getBalance", json!([Address::repeat_byte(0xa1), "latest"]))?;
        same("the balance", "0x7", balance)
    }),
    check(Area::Durability, "old state is there after a restart", |node| {
        let at = Address::repeat_byte(0xd1);
        same("now", "0x5", node.get("eth_getBalance", json!([at, "latest"]))?)?;
        same("at first", "0x0", node.get("eth_getBalance", json!([at, "earliest"]))?)
    }),
    check(Area::Durability, "the chain goes on where it was", |node| {
        let before = node.block_number()?;
        same("blocks", true, before > 10)?;
        let account = node.get("eth_accounts", json!([]))?[0].clone();
        let nonce = big(&node.get("eth_getTransactionCount", json!([account, "latest"]))?);
        node.send(json!({ "to": Address::ZERO }))?;
        let after = big(&node.get("eth_getTransactionCount", json!([account, "latest"]))?);
        same("the nonce", 1, (after - nonce).saturating_to::<u64>())?;
        same("the height", before + 1, node.block_number()?)
    }),
];
