//! History: is every block, transaction, event and state still there, and proven?

use super::{
    checks::{Area, Check},
    client::{Result, quantity, same},
    contracts::event,
};
use alloy_primitives::{Address, B256, hex, keccak256};
use serde_json::{Value, json};

pub(super) const CHECKS: &[Check] = &[
    Check {
        area: Area::History,
        what: "balances, code and storage are answered at every old block",
        run: |node| {
            let at = Address::repeat_byte(0xb1);
            let first = node.send(json!({ "to": at, "value": "0x1" }))?;
            node.send(json!({ "to": at, "value": "0x1" }))?;
            let then = node.get("eth_getBalance", json!([at, first["blockNumber"]]))?;
            same("then", "0x1", then)?;
            same("now", "0x2", node.get("eth_getBalance", json!([at, "latest"]))?)?;
            same("at first", "0x0", node.get("eth_getBalance", json!([at, "earliest"]))?)
        },
    },
    Check {
        area: Area::History,
        what: "eth_getProof proves an old account against its block's state root",
        run: |node| {
            let number = json!(format!("{:#x}", node.block_number()? / 2));
            let block = node.get("eth_getBlockByNumber", json!([number, false]))?;
            let account = node.get("eth_accounts", json!([]))?[0].clone();
            let proof = node.get("eth_getProof", json!([account, [], number]))?;
            let root = hex::decode(proof["accountProof"][0].as_str().unwrap_or_default());
            let root = root.map(keccak256).unwrap_or_default();
            same("the root", block["stateRoot"].clone(), json!(root))
        },
    },
    Check {
        area: Area::History,
        what: "blocks, transactions and receipts are found by hash and by number",
        run: |node| {
            let sent = node.send(json!({ "to": Address::ZERO }))?;
            let (hash, number) = (&sent["blockHash"], &sent["blockNumber"]);
            let by_hash = node.get("eth_getBlockByHash", json!([hash, true]))?;
            same(
                "the block",
                node.get("eth_getBlockByNumber", json!([number, true]))?,
                by_hash.clone(),
            )?;
            let found = node.get("eth_getTransactionByHash", json!([sent["transactionHash"]]))?;
            same("the transaction", by_hash["transactions"][0].clone(), found)?;
            let receipts = node.get("eth_getBlockReceipts", json!([number]))?;
            same("the receipt", sent, receipts[0].clone())
        },
    },
    Check {
        area: Area::History,
        what: "events are found by block, address and topic",
        run: |node| {
            let sent = node.send(event())?;
            let log = &sent["logs"][0];
            let found =
                |filter: Value| -> Result<Value> { node.get("eth_getLogs", json!([filter])) };
            let wanted = json!([log]);
            same("by block", wanted.clone(), found(json!({ "blockHash": sent["blockHash"] }))?)?;
            let by_address = json!({ "fromBlock": "earliest", "address": log["address"] });
            same("by address", wanted, found(by_address)?)?;
            let topic = B256::with_last_byte(7);
            let by_topic = found(json!({ "fromBlock": "earliest", "topics": [topic] }))?;
            same("by topic", true, by_topic.as_array().is_some_and(|logs| logs.contains(log)))
        },
    },
    Check {
        area: Area::History,
        what: "raw blocks, headers, receipts and transactions (debug_getRaw*)",
        run: |node| {
            let sent = node.send(json!({ "to": Address::ZERO }))?;
            let raw = node.get("debug_getRawHeader", json!([sent["blockNumber"]]))?;
            let hash = hex::decode(raw.as_str().unwrap_or_default()).map(keccak256);
            same("its hash", sent["blockHash"].clone(), json!(hash.unwrap_or_default()))?;
            let raw = node.get("debug_getRawTransaction", json!([sent["transactionHash"]]))?;
            let hash = hex::decode(raw.as_str().unwrap_or_default()).map(keccak256);
            same("its hash", sent["transactionHash"].clone(), json!(hash.unwrap_or_default()))
        },
    },
    Check {
        area: Area::History,
        what: "transactions are found by address, and contracts by their creator (ots_*)",
        run: |node| {
            let at = Address::repeat_byte(0xb2);
            let sent = node.send(json!({ "to": at }))?;
            let found = node.get("ots_searchTransactionsBefore", json!([at, 0, 10]))?;
            same("by address", sent["transactionHash"].clone(), found["txs"][0]["hash"].clone())?;
            let made = node.send(event())?;
            let creator = node.get("ots_getContractCreator", json!([made["contractAddress"]]))?;
            // Code that leaves nothing makes an account without code: nobody's contract.
            same("no code, no creator", Value::Null, creator)?;
            let level = node.get("ots_getApiLevel", json!([]))?;
            same("the level", 8, level)?;
            same("a nonce", true, quantity(&sent["gasUsed"]) == 21_000)
        },
    },
];
