//! A whole order on Main, from two accounts, over the wire: what a shop would do.

use crate::{
    harness::Node,
    wallet::{ETHER, FEE_CAP, Wallet},
    wire::{Client, RpcFailure, hash, number, quantity},
};
use alloy_primitives::{Address, B256, Bytes, LogData, U256, hex};
use alloy_sol_types::{SolCall, SolEvent, SolEventInterface};
use mainspring::spec::main_contract::{
    MAIN_ADDRESS,
    Main::{self, MainEvents},
};
use serde_json::{Value, json};

const PRICE: u128 = 3 * ETHER;

fn wei(amount: u128) -> U256 {
    U256::from(amount)
}

/// The events of a receipt, typed; every log of it must be one of Main's.
#[track_caller]
fn events(receipt: &Value) -> Vec<MainEvents> {
    let logs = receipt["logs"].as_array().unwrap();
    let decode = |log: &Value| {
        assert_eq!(log["address"], json!(MAIN_ADDRESS));
        let topics = log["topics"].as_array().unwrap().iter().map(hash).collect::<Vec<B256>>();
        let data: Bytes = log["data"].as_str().unwrap().parse().unwrap();
        let log = LogData::new_unchecked(topics, data);
        MainEvents::decode_raw_log(log.topics(), &log.data).unwrap()
    };
    logs.iter().map(decode).collect()
}

/// The only event of a receipt.
#[track_caller]
fn event<E: SolEvent>(receipt: &Value) -> E {
    assert_eq!(events(receipt).len(), 1, "{receipt}");
    let log = &receipt["logs"][0];
    let topics = log["topics"].as_array().unwrap().iter().map(hash).collect::<Vec<B256>>();
    let data: Bytes = log["data"].as_str().unwrap().parse().unwrap();
    E::decode_raw_log(topics, &data).unwrap()
}

/// What a view of Main answers.
#[track_caller]
fn ask<C: SolCall>(client: &mut Client, call: &C) -> C::Return {
    let request = json!({ "to": MAIN_ADDRESS, "input": hex::encode_prefixed(call.abi_encode()) });
    let answer = client.get("eth_call", json!([request, "latest"]));
    C::abi_decode_returns(&hex::decode(answer.as_str().unwrap()).unwrap()).unwrap()
}

/// What a call of Main by `from` is refused with.
#[track_caller]
fn refusal(client: &mut Client, from: Address, call: &impl SolCall) -> RpcFailure {
    let input = hex::encode_prefixed(call.abi_encode());
    let request = json!({ "from": from, "to": MAIN_ADDRESS, "input": input });
    let called = client.refused("eth_call", json!([request, "latest"]));
    let estimated = client.refused("eth_estimateGas", json!([request]));
    assert_eq!(called, estimated, "a call and an estimate say the same");
    called
}

fn balances(party: Address) -> Main::balancesCall {
    Main::balancesCall { party }
}

fn open_orders(party: Address) -> Main::ordersCall {
    Main::ordersCall { party }
}

/// What a receipt says that the sender paid for gas.
fn fee(receipt: &Value) -> U256 {
    quantity(&receipt["gasUsed"]) * quantity(&receipt["effectiveGasPrice"])
}

#[test]
fn an_order_is_deposited_authorized_submitted_confirmed_and_withdrawn() {
    let node = Node::start(&[]);
    let mut client = node.client();
    let (mut buyer, mut seller) = (Wallet::dev(0), Wallet::dev(1));
    let (payer, payee) = (buyer.address(), seller.address());
    let started = client.balance(payer, "latest");
    let mut paid = U256::ZERO;

    let receipt = client.mined(&buyer.deposit(10 * ETHER));
    paid += fee(&receipt);
    assert_eq!(
        event::<Main::Deposited>(&receipt),
        Main::Deposited { node: payer, amount: wei(10 * ETHER) }
    );
    client.mined(&seller.deposit(5 * ETHER));

    let authorize = Main::authorizeCall { spender: payee, amount: wei(PRICE) };
    let receipt = client.mined(&buyer.call(MAIN_ADDRESS, &authorize, 0));
    paid += fee(&receipt);
    assert_eq!(
        event::<Main::Locked>(&receipt),
        Main::Locked { sender: payer, spender: payee, amount: wei(PRICE), direct: true }
    );
    assert_eq!(ask(&mut client, &Main::getApprovalForCall { spender: payee }), wei(PRICE));

    let submit = Main::submitOrderCall { sender: payer, amount: wei(PRICE) };
    let receipt = client.mined(&seller.call(MAIN_ADDRESS, &submit, 0));
    assert_eq!(
        event::<Main::OrderSubmitted>(&receipt),
        Main::OrderSubmitted { sender: payer, amount: wei(PRICE) }
    );
    assert_eq!(ask(&mut client, &open_orders(payer)), wei(1));
    assert_eq!(ask(&mut client, &open_orders(payee)), wei(1));

    let confirm = Main::confirmOrderCall { sender: payer, spender: payee, amount: wei(PRICE) };
    let receipt = client.mined(&buyer.call(MAIN_ADDRESS, &confirm, 0));
    paid += fee(&receipt);
    assert_eq!(
        event::<Main::OrderConfirmed>(&receipt),
        Main::OrderConfirmed { sender: payer, spender: payee, amount: wei(PRICE) }
    );
    assert_eq!(ask(&mut client, &balances(payer)), wei(7 * ETHER));
    assert_eq!(ask(&mut client, &balances(payee)), wei(8 * ETHER));
    assert_eq!(ask(&mut client, &open_orders(payer)), U256::ZERO);
    assert_eq!(ask(&mut client, &open_orders(payee)), U256::ZERO);

    let withdraw = Main::withdrawCall { amount: wei(7 * ETHER) };
    let receipt = client.mined(&buyer.call(MAIN_ADDRESS, &withdraw, 0));
    paid += fee(&receipt);
    assert_eq!(
        event::<Main::Withdrawn>(&receipt),
        Main::Withdrawn { node: payer, amount: wei(7 * ETHER) }
    );
    assert_eq!(client.balance(payer, "latest"), started - wei(PRICE) - paid, "to the wei");
    assert_eq!(client.balance(MAIN_ADDRESS, "latest"), wei(8 * ETHER));
}

/// One call of each function that the document names, in an order in which all of them succeed.
#[test]
fn every_function_of_the_document_does_what_it_says_and_survives_a_restart() {
    let node = Node::start(&[]);
    let (mut buyer, mut seller) = (Wallet::dev(2), Wallet::dev(3));
    let (payer, payee) = (buyer.address(), seller.address());
    {
        let mut client = node.client();
        client.mined(&buyer.deposit(20 * ETHER));
        client.mined(&seller.deposit(4 * ETHER));
        trade_by_approval(&mut client, &mut buyer, &mut seller);
        trade_by_authorization(&mut client, &mut buyer, &mut seller);
        let transfer = Main::transferCall { sender: payer, recipient: payee, amount: wei(ETHER) };
        let receipt = client.mined(&buyer.call(MAIN_ADDRESS, &transfer, 0));
        assert_eq!(
            event::<Main::Transfer>(&receipt),
            Main::Transfer { sender: payer, recipient: payee, amount: wei(ETHER) }
        );
    }
    assert_eq!(ledger(&mut node.client(), payer, payee), settled());

    let node = node.restart();
    let mut client = node.client();
    assert_eq!(ledger(&mut client, payer, payee), settled(), "after kill -9 and a restart");
    let logs = client.get("eth_getLogs", json!([{ "fromBlock": "0x0", "address": MAIN_ADDRESS }]));
    assert_eq!(logs.as_array().unwrap().len(), 10, "one event a step");
    buyer.nonce = client.nonce(payer, "latest");
    let withdraw = Main::withdrawCall { amount: wei(20 * ETHER - 2 * PRICE - ETHER) };
    client.mined(&buyer.call(MAIN_ADDRESS, &withdraw, 0));
    assert_eq!(ask(&mut client, &balances(payer)), U256::ZERO);
}

/// Balances in Main, open orders, what is locked for the seller.
fn ledger(client: &mut Client, payer: Address, payee: Address) -> [U256; 5] {
    [
        ask(client, &balances(payer)),
        ask(client, &balances(payee)),
        ask(client, &open_orders(payer)),
        ask(client, &open_orders(payee)),
        ask(client, &Main::getApprovalForCall { spender: payee }),
    ]
}

fn settled() -> [U256; 5] {
    let paid = 2 * PRICE + ETHER;
    [wei(20 * ETHER - paid), wei(4 * ETHER + paid), U256::ZERO, U256::ZERO, U256::ZERO]
}

fn trade_by_approval(client: &mut Client, buyer: &mut Wallet, seller: &mut Wallet) {
    let (sender, spender, amount) = (buyer.address(), seller.address(), wei(PRICE));
    let receipt =
        client.mined(&buyer.call(MAIN_ADDRESS, &Main::approveCall { spender, amount }, 0));
    assert_eq!(
        event::<Main::Locked>(&receipt),
        Main::Locked { sender, spender, amount, direct: false }
    );
    assert_eq!(ask(client, &Main::getApprovalForCall { spender }), amount);

    let receipt =
        client.mined(&seller.call(MAIN_ADDRESS, &Main::submitOrderCall { sender, amount }, 0));
    let block = client.get("eth_getBlockByHash", json!([receipt["blockHash"], false]));
    let submitted_at = quantity(&block["timestamp"]);

    let receipt =
        client.mined(&seller.call(MAIN_ADDRESS, &Main::orderSubmittedCall { sender, amount }, 0));
    let printed = event::<Main::OrderInfo>(&receipt);
    assert_eq!(printed, Main::OrderInfo { sender, spender, amount, submittedAt: submitted_at });

    let confirm = Main::confirmOrderCall { sender, spender, amount };
    client.mined(&buyer.call(MAIN_ADDRESS, &confirm, 0));
}

fn trade_by_authorization(client: &mut Client, buyer: &mut Wallet, seller: &mut Wallet) {
    let (sender, spender, amount) = (buyer.address(), seller.address(), wei(PRICE));
    client.mined(&buyer.call(MAIN_ADDRESS, &Main::authorizeCall { spender, amount }, 0));
    client.mined(&seller.call(MAIN_ADDRESS, &Main::submitOrderCall { sender, amount }, 0));
    let collect = Main::transferFromCall { sender, spender, amount };
    let receipt = client.mined(&seller.call(MAIN_ADDRESS, &collect, 0));
    assert_eq!(
        event::<Main::Transfer>(&receipt),
        Main::Transfer { sender, recipient: spender, amount }
    );
}

#[test]
fn a_refusal_reaches_the_caller_in_the_words_of_the_document() {
    let node = Node::start(&[]);
    let mut client = node.client();
    let (mut buyer, seller) = (Wallet::dev(0), Wallet::dev(1));
    let (sender, spender) = (buyer.address(), seller.address());
    client.mined(&buyer.deposit(ETHER));
    let amount = wei(2 * ETHER);
    let mut says = |from, call: &dyn Fn(&mut Client, Address) -> RpcFailure, words: &str| {
        let failure = call(&mut client, from);
        assert_eq!((failure.code, failure.message.as_str()), (3, words));
        let data = failure.data.unwrap();
        assert!(data.as_str().unwrap().starts_with("0x08c379a0"), "Error(string): {data}");
    };
    let poor = "execution reverted: Sender does not have enough balance.";
    let none = wei(0);
    says(sender, &|c, f| refusal(c, f, &Main::approveCall { spender, amount }), poor);
    says(sender, &|c, f| refusal(c, f, &Main::withdrawCall { amount }), poor);
    says(spender, &|c, f| refusal(c, f, &Main::submitOrderCall { sender, amount }), poor);
    let transfer = Main::transferCall { sender, recipient: spender, amount };
    says(sender, &|c, f| refusal(c, f, &transfer), poor);
    says(
        sender,
        &|c, f| refusal(c, f, &Main::authorizeCall { spender, amount: wei(1) }),
        "execution reverted: Spender does not have enough balance.",
    );
    says(
        spender,
        &|c, f| refusal(c, f, &Main::submitOrderCall { sender, amount: wei(1) }),
        "execution reverted: Not authorized to place order.",
    );
    says(
        sender,
        &|c, f| refusal(c, f, &Main::withdrawCall { amount: none }),
        "execution reverted: Invalid amount.",
    );
    let confirm = Main::confirmOrderCall { sender, spender, amount: wei(1) };
    says(sender, &|c, f| refusal(c, f, &confirm), "execution reverted: Sender has no open orders.");
    says(
        spender,
        &|c, f| refusal(c, f, &transfer),
        "execution reverted: Caller is not the sender.",
    );
}

/// The send is answered with a hash, as geth and anvil do; the receipt says that it failed.
#[test]
fn a_sent_call_that_main_refuses_is_mined_pays_for_gas_and_changes_nothing() {
    let node = Node::start(&[]);
    let mut client = node.client();
    let mut buyer = Wallet::dev(0);
    let before = client.balance(buyer.address(), "latest");
    let withdraw = Main::withdrawCall { amount: wei(ETHER) };
    let raw = buyer.call(MAIN_ADDRESS, &withdraw, 0);
    let transaction = client.send_raw(&raw);
    let receipt = client.receipt(transaction);
    assert_eq!((number(&receipt["status"]), number(&receipt["type"])), (0, 2));
    assert!(events(&receipt).is_empty());
    assert!(quantity(&receipt["effectiveGasPrice"]) <= wei(FEE_CAP));
    assert_eq!(client.balance(buyer.address(), "latest"), before - fee(&receipt));
}
