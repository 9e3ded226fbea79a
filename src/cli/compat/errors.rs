//! Errors: does a transaction that is turned away hear why, in geth's words?

use super::{
    checks::{Area, Check},
    client::{Client, Refusal, Result, quantity, same},
};
use alloy_primitives::Address;
use serde_json::{Value, json};

/// Signs a transaction of the fourth account and sends it; it has to be refused.
fn turned_away(node: &Client, request: Value) -> Result<Refusal> {
    let raw = signed(node, request)?;
    node.refused("eth_sendRawTransaction", json!([raw]))
}

fn signed(node: &Client, mut request: Value) -> Result<Value> {
    request["from"] = node.get("eth_accounts", json!([]))?[3].take();
    if request["to"].is_null() {
        request["to"] = json!(Address::ZERO);
    }
    node.get("eth_signTransaction", json!([request]))
}

fn begins(refusal: &Refusal, wanted: &'static str) -> Result<()> {
    same("the code", -32000, refusal.code)?;
    let got = refusal.message.get(..wanted.len()).unwrap_or(&refusal.message);
    same("the text", wanted, got)
}

pub(super) const CHECKS: &[Check] = &[
    Check {
        area: Area::Errors,
        what: "a nonce that is used up: both numbers are named",
        run: |node| {
            let raw = signed(node, json!({ "nonce": "0x0", "gas": "0x5208" }))?;
            node.get("eth_sendRawTransaction", json!([raw]))?;
            let again = json!({ "nonce": "0x0", "gas": "0x5208", "value": "0x1" });
            let refusal = turned_away(node, again)?;
            begins(&refusal, "nonce too low: next nonce 1, tx nonce 0")
        },
    },
    Check {
        area: Area::Errors,
        what: "a sender that cannot pay: the amounts are named",
        run: |node| {
            let much = json!({ "value": "0xffffffffffffffffffffff", "gas": "0x5208" });
            begins(&turned_away(node, much)?, "insufficient funds for gas * price + value")
        },
    },
    Check {
        area: Area::Errors,
        what: "too little gas, and more than a block has",
        run: |node| {
            begins(&turned_away(node, json!({ "gas": "0x5207" }))?, "intrinsic gas too low")?;
            begins(&turned_away(node, json!({ "gas": "0x1c9c381" }))?, "exceeds block gas limit")
        },
    },
    Check {
        area: Area::Errors,
        what: "a transaction that waits already, and one that pays too little to replace it",
        run: |node| {
            let account = node.get("eth_accounts", json!([]))?[3].clone();
            let nonce = node.get("eth_getTransactionCount", json!([account, "latest"]))?;
            node.get("evm_setAutomine", json!([false]))?;
            let seen = (|| {
                let price = json!({ "nonce": nonce, "gas": "0x5208", "gasPrice": "0x77359400" });
                let raw = signed(node, price.clone())?;
                node.get("eth_sendRawTransaction", json!([raw]))?;
                begins(&node.refused("eth_sendRawTransaction", json!([raw]))?, "already known")?;
                let mut other = price;
                other["value"] = json!("0x1");
                begins(&turned_away(node, other)?, "replacement transaction underpriced")
            })();
            node.get("evm_setAutomine", json!([true]))?;
            seen?;
            let after = node.get("eth_getTransactionCount", json!([account, "latest"]))?;
            same("the first was mined", quantity(&nonce) + 1, quantity(&after))
        },
    },
    Check {
        area: Area::Errors,
        what: "a block that is not there yet",
        run: |node| {
            let refusal = node.refused("eth_getBalance", json!([Address::ZERO, "0xffffff"]))?;
            begins(&refusal, "header not found")
        },
    },
];
