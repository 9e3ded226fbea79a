//! Transactions that cannot be: each is turned away with geth's words and the numbers, and nothing
//! is written.

use crate::{
    harness::Node,
    wallet::{CHAIN_ID, ETHER, FEE_CAP, Wallet, fresh, legacy},
    wire::Client,
};
use alloy_consensus::{TxEip1559, TxEip4844, TxEip7702};
use alloy_primitives::{B256, Bytes, TxKind, U256, hex};
use serde_json::json;

/// Sends the bytes and wants this code and all of these words.
#[track_caller]
fn turned_away(client: &mut Client, raw: &str, words: &[&str]) {
    let failure = client.refused("eth_sendRawTransaction", json!([raw]));
    assert_eq!(failure.code, -32000, "{failure:?}");
    for word in words {
        assert!(failure.message.contains(word), "nothing says {word:?}: {failure:?}");
    }
    assert_eq!(client.block_number(), 0, "nothing was mined");
    assert_eq!(client.nonce(Wallet::dev(0).address(), "pending"), 0, "nothing waits");
}

/// A transfer that would be mined; each test makes one thing wrong with it.
fn transfer() -> TxEip1559 {
    Wallet::dev(0).request(fresh(1).into(), Bytes::new(), 1)
}

fn sign(request: TxEip1559) -> String {
    Wallet::dev(0).sign(request)
}

#[test]
fn the_transaction_that_the_others_spoil_is_mined() {
    Node::start(&[]).client().mined(&sign(transfer()));
}

#[test]
fn bytes_that_are_no_transaction_do_not_decode() {
    let node = Node::start(&[]);
    let mut client = node.client();
    let whole = sign(transfer());
    turned_away(&mut client, "0x", &["empty"]);
    turned_away(&mut client, "0x02", &["failed to decode signed transaction"]);
    turned_away(&mut client, &whole[..whole.len() - 20], &["failed to decode"]);
    turned_away(&mut client, &format!("{whole}00"), &["1 bytes after the end"]);
    turned_away(&mut client, "0x7f01020304", &["failed to decode"]);
    turned_away(&mut client, "0xc0", &["failed to decode"]);
    turned_away(&mut client, &format!("0x02{}", "ff".repeat(500)), &["failed to decode"]);
}

#[test]
fn a_transaction_longer_than_the_pool_takes_is_refused_with_both_sizes() {
    let node = Node::start(&[]);
    let input = Bytes::from(vec![1; 140_000]);
    let request = TxEip1559 { gas_limit: 25_000_000, input, ..transfer() };
    turned_away(&mut node.client(), &sign(request), &["oversized data", "140", "limit 131072"]);
}

#[test]
fn a_signature_for_another_chain_is_refused_with_both_ids() {
    let node = Node::start(&[]);
    let mut client = node.client();
    let other = sign(TxEip1559 { chain_id: 1, ..transfer() });
    turned_away(&mut client, &other, &["invalid chain id for signer: have 1 want 31337"]);
    let old = Wallet::dev(0).sign(legacy(Some(5), 0, fresh(1)));
    turned_away(&mut client, &old, &["invalid chain id for signer: have 5 want 31337"]);
}

#[test]
fn a_signature_that_is_none_is_refused() {
    let node = Node::start(&[]);
    let mut bytes = hex::decode(sign(transfer())).unwrap();
    let end = bytes.len();
    bytes[end - 32..].fill(0xff);
    turned_away(&mut node.client(), &hex::encode_prefixed(bytes), &["invalid sender"]);
}

/// Before EIP-155 a signature named no chain; deployers that everyone knows are signed so.
#[test]
fn a_signature_without_a_chain_is_taken() {
    let node = Node::start(&[]);
    let receipt = node.client().mined(&Wallet::dev(0).sign(legacy(None, 0, fresh(1))));
    assert_eq!(receipt["type"], "0x0");
}

#[test]
fn a_nonce_that_was_used_is_refused_with_both_numbers() {
    let node = Node::start(&[]);
    let mut client = node.client();
    let mut wallet = Wallet::dev(0);
    for number in 0..3 {
        client.mined(&wallet.transfer(fresh(number), 1));
    }
    wallet.nonce = 1;
    let late = wallet.transfer(fresh(9), 1);
    let failure = client.refused("eth_sendRawTransaction", json!([late]));
    let wanted = (-32000, "nonce too low: next nonce 3, tx nonce 1");
    assert_eq!((failure.code, failure.message.as_str()), wanted);
    assert_eq!(client.block_number(), 3);
}

#[test]
fn a_transaction_sent_twice_is_already_known() {
    let node = Node::start(&["--no-mining"]);
    let mut client = node.client();
    let raw = Wallet::dev(0).transfer(fresh(1), 1);
    client.send_raw(&raw);
    let failure = client.refused("eth_sendRawTransaction", json!([raw]));
    assert_eq!((failure.code, failure.message.as_str()), (-32000, "already known"));
}

#[test]
fn a_replacement_must_pay_a_tenth_more() {
    let node = Node::start(&["--no-mining"]);
    let mut client = node.client();
    let with_price = |price: u128, to: u64| {
        let (max_fee_per_gas, max_priority_fee_per_gas) = (price, price / 10);
        let to = fresh(to).into();
        sign(TxEip1559 { max_fee_per_gas, max_priority_fee_per_gas, to, ..transfer() })
    };
    client.send_raw(&with_price(10_000_000_000, 1));
    let cheap = with_price(10_999_999_999, 2);
    let failure = client.refused("eth_sendRawTransaction", json!([cheap]));
    assert_eq!(failure.code, -32000);
    assert!(failure.message.starts_with("replacement transaction underpriced"), "{failure:?}");
    assert!(failure.message.contains("10999999999"), "the numbers: {failure:?}");
    let dear = client.send_raw(&with_price(11_000_000_000, 3));
    client.get("evm_mine", json!([]));
    assert_eq!(client.receipt(dear)["status"], "0x1");
    assert_eq!(client.balance(fresh(1), "latest"), U256::ZERO, "the first was replaced");
}

#[test]
fn more_gas_than_a_block_has_is_refused_with_both_numbers() {
    let node = Node::start(&[]);
    let raw = sign(TxEip1559 { gas_limit: 30_000_001, ..transfer() });
    let words = ["exceeds block gas limit", "30000001", "30000000"];
    turned_away(&mut node.client(), &raw, &words);
}

#[test]
fn less_gas_than_a_transaction_needs_is_refused_with_both_numbers() {
    let node = Node::start(&[]);
    let mut client = node.client();
    let words = ["intrinsic gas too low", "20999", "21000"];
    turned_away(&mut client, &sign(TxEip1559 { gas_limit: 20_999, ..transfer() }), &words);
    let input = Bytes::from(vec![1; 1_000]);
    let raw = sign(TxEip1559 { gas_limit: 40_000, input, ..transfer() });
    turned_away(&mut client, &raw, &["floor data gas", "40000", "61000"]);
}

#[test]
fn more_wei_than_the_sender_has_is_refused_with_the_numbers() {
    let node = Node::start(&[]);
    let raw = sign(TxEip1559 { value: U256::from(10_000 * ETHER), ..transfer() });
    let fee = 21_000 * FEE_CAP;
    let words = [
        "insufficient funds for gas * price + value",
        &format!("balance {}", 10_000 * ETHER),
        &format!("tx cost {}", 10_000 * ETHER + fee),
        &format!("overshot {fee}"),
    ];
    turned_away(&mut node.client(), &raw, &words);
}

#[test]
fn a_tip_above_the_fee_cap_is_refused() {
    let node = Node::start(&[]);
    let raw = sign(TxEip1559 { max_fee_per_gas: 5, max_priority_fee_per_gas: 6, ..transfer() });
    let words = ["max priority fee per gas higher than max fee per gas"];
    turned_away(&mut node.client(), &raw, &words);
}

#[test]
fn init_code_over_the_limit_is_refused_with_both_sizes() {
    let node = Node::start(&[]);
    let input = Bytes::from(vec![0; 49_153]);
    let to = TxKind::Create;
    let raw = sign(TxEip1559 { gas_limit: 10_000_000, input, to, ..transfer() });
    let words = ["max initcode size exceeded", "49153", "49152"];
    turned_away(&mut node.client(), &raw, &words);
}

#[test]
fn a_blob_transaction_without_its_blobs_is_refused() {
    let node = Node::start(&[]);
    let request = TxEip4844 {
        chain_id: CHAIN_ID,
        gas_limit: 21_000,
        max_fee_per_gas: FEE_CAP,
        max_priority_fee_per_gas: 1,
        max_fee_per_blob_gas: FEE_CAP,
        blob_versioned_hashes: vec![B256::with_last_byte(1)],
        to: fresh(1),
        ..Default::default()
    };
    let raw = Wallet::dev(0).sign(request);
    turned_away(&mut node.client(), &raw, &["missing sidecar in blob transaction"]);
}

#[test]
fn a_set_code_transaction_without_an_authorization_is_refused() {
    let node = Node::start(&[]);
    let request = TxEip7702 {
        chain_id: CHAIN_ID,
        gas_limit: 50_000,
        max_fee_per_gas: FEE_CAP,
        to: fresh(1),
        ..Default::default()
    };
    let raw = Wallet::dev(0).sign(request);
    turned_away(&mut node.client(), &raw, &["at least one authorization tuple"]);
}

#[test]
fn a_type_that_the_fork_does_not_know_is_refused() {
    let node = Node::start(&["--hardfork", "london"]);
    let request = TxEip7702 {
        chain_id: CHAIN_ID,
        gas_limit: 50_000,
        max_fee_per_gas: FEE_CAP,
        to: fresh(1),
        ..Default::default()
    };
    let raw = Wallet::dev(0).sign(request);
    turned_away(&mut node.client(), &raw, &["transaction type not supported"]);
}

/// What costs too little now waits for cheaper times instead of holding its sender up for good.
#[test]
fn a_fee_cap_below_the_base_fee_waits_and_can_be_replaced() {
    let node = Node::start(&[]);
    let mut client = node.client();
    let cheap = sign(TxEip1559 { max_fee_per_gas: 10, max_priority_fee_per_gas: 1, ..transfer() });
    let waiting = client.send_raw(&cheap);
    assert!(client.receipt(waiting).is_null());
    client.mined(&sign(transfer()));
}
