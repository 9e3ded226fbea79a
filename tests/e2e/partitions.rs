//! What does a network do while nodes are dead or cut off, and afterwards? It comes back to one chain, and
//! no transaction is lost.

use crate::{
    network::{Network, until},
    wallet::{ETHER, Wallet, fresh},
    wire::Client,
};
use alloy_primitives::{Address, B256, U256, hex};
use alloy_rlp::Decodable;
use alloy_sol_types::SolCall;
use mainspring::{
    consensus::clique,
    spec::main_contract::{MAIN_ADDRESS, Main},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const POA: &[&str] = &["--consensus", "poa", "--workers", "3", "--period", "1"];
const POW: &[&str] = &["--consensus", "pow", "--workers", "2", "--difficulty", "8"];
pub(crate) const FOUR: &[&str] = &["main", "worker-1", "worker-2", "worker-3"];
const THREE: &[&str] = &["main", "worker-1", "worker-2"];

/// Height of a node's head.
#[track_caller]
pub(crate) fn height(network: &Network, name: &str) -> u64 {
    network.client(name).block_number()
}

/// A node's block at this height.
fn block(network: &Network, name: &str, number: u64) -> Option<Value> {
    let params = json!([format!("{number:#x}"), false]);
    let block = network.client(name).get("eth_getBlockByNumber", params);
    (!block.is_null()).then_some(block)
}

/// Waits until a node has come to this height.
#[track_caller]
pub(crate) fn grows_to(network: &Network, name: &str, number: u64) {
    until(&format!("{name} has block {number}"), || {
        (height(network, name) >= number).then_some(())
    });
}

/// Waits until all of these nodes have the same block at some height above this one.
#[track_caller]
pub(crate) fn agree(network: &Network, names: &[&str], above: u64) -> u64 {
    until(&format!("{names:?} agree above {above}"), || {
        let lowest = names.iter().map(|name| height(network, name)).min()?;
        let hashes = names.iter().map(|name| Some(block(network, name, lowest)?["hash"].clone()));
        let hashes = hashes.collect::<Option<Vec<_>>>()?;
        (lowest > above && hashes.iter().all(|hash| *hash == hashes[0])).then_some(lowest)
    })
}

/// Who signed a block.
fn signer(network: &Network, name: &str, number: u64) -> Address {
    let raw = network.client(name).get("debug_getRawHeader", json!([format!("{number:#x}")]));
    let raw = hex::decode(raw.as_str().unwrap()).unwrap();
    clique::signer(&alloy_consensus::Header::decode(&mut raw.as_slice()).unwrap()).unwrap()
}

/// Waits until all of these nodes have a transaction in a block.
#[track_caller]
fn is_mined(network: &Network, names: &[&str], transaction: B256) {
    for name in names {
        until(&format!("{transaction} is mined on {name}"), || {
            let params = json!([transaction]);
            let receipt = network.client(name).get("eth_getTransactionReceipt", params);
            assert_ne!(receipt["status"], "0x0", "{transaction} failed on {name}");
            (receipt["status"] == "0x1").then_some(())
        });
    }
}

/// What Main says of somebody: wei, and open orders.
fn account(client: &mut Client, party: Address) -> (U256, U256) {
    let mut ask = |input: Vec<u8>| {
        let request = json!({ "to": MAIN_ADDRESS, "input": hex::encode_prefixed(input) });
        let answer = client.get("eth_call", json!([request, "latest"]));
        U256::from_be_slice(&hex::decode(answer.as_str().unwrap()).unwrap())
    };
    let balance = ask(Main::balancesCall { party }.abi_encode());
    (balance, ask(Main::ordersCall { party }.abi_encode()))
}

/// An order is paid for at one node and served at another; the chain keeps it over the death of all.
fn an_order_outlives_every_node(network: &Network, names: &[&str]) {
    let (mut buyer, mut seller) = (Wallet::dev(5), Wallet::dev(6));
    let (payer, payee) = (buyer.address(), seller.address());
    let (shop, market) = (names[1], names[2]);
    let send = |name: &str, raw: &str| {
        let sent = network.client(name).send_raw(raw);
        is_mined(network, names, sent);
    };
    let price = U256::from(3 * ETHER);
    send(shop, &buyer.deposit(10 * ETHER));
    send(market, &seller.deposit(5 * ETHER));
    let authorize = Main::authorizeCall { spender: payee, amount: price };
    send(shop, &buyer.call(MAIN_ADDRESS, &authorize, 0));
    let submit = Main::submitOrderCall { sender: payer, amount: price };
    send(market, &seller.call(MAIN_ADDRESS, &submit, 0));
    let open = |name: &str| account(&mut network.client(name), payer).1;
    assert!(names.iter().all(|name| open(name) == U256::ONE));
    let confirm = Main::confirmOrderCall { sender: payer, spender: payee, amount: price };
    send(shop, &buyer.call(MAIN_ADDRESS, &confirm, 0));
    send(shop, &buyer.call(MAIN_ADDRESS, &authorize, 0));
    send(market, &seller.call(MAIN_ADDRESS, &submit, 0));
    let said = |name: &str| {
        let mut client = network.client(name);
        (account(&mut client, payer), account(&mut client, payee))
    };
    let before = said("main");
    assert_eq!(before.0.1, U256::ONE, "one order is open");
    let head = agree(network, names, 0);
    network.fault(&[&["kill"], names].concat());
    network.fault(&[&["start"], names].concat());
    for name in names {
        assert_eq!(said(name), before, "{name}");
    }
    agree(network, names, head + 1);
    for name in names {
        assert_eq!(said(name), before, "{name}");
    }
}

/// Whichever node it is sent to.
fn a_transaction_to_any_node_is_mined(network: &Network, names: &[&str]) {
    let sent = (0..).zip(names).map(|(account, name)| {
        let raw = Wallet::dev(account).transfer(fresh(u64::from(account)), 1);
        network.client(name).send_raw(&raw)
    });
    let sent: Vec<B256> = sent.collect();
    for transaction in sent {
        is_mined(network, names, transaction);
    }
}

#[test]
fn signers_take_turns_and_no_death_stops_the_network() {
    let network = Network::start(POA);
    let head = agree(&network, FOUR, 6);
    let signers: BTreeSet<Address> =
        (1..=head).map(|number| signer(&network, "main", number)).collect();
    assert_eq!(signers.len(), 3, "every worker has signed");
    a_transaction_to_any_node_is_mined(&network, FOUR);
    an_order_outlives_every_node(&network, FOUR);

    // The main node is no more than the others.
    network.fault(&["kill", "main"]);
    let head = height(&network, "worker-1");
    grows_to(&network, "worker-1", head + 3);
    network.fault(&["start", "main"]);
    agree(&network, FOUR, head + 3);

    // Two of three are enough.
    network.fault(&["kill", "worker-2"]);
    let head = height(&network, "main");
    grows_to(&network, "main", head + 3);
    network.fault(&["start", "worker-2"]);
    agree(&network, FOUR, head + 3);
}

#[test]
fn a_network_of_signers_that_was_cut_becomes_one_again() {
    let network = Network::start(POA);
    agree(&network, FOUR, 1);

    // Two against two: where two of three signers are, the chain goes on.
    network.fault(&["cut", "main", "worker-1"]);
    assert!(network.fault(&["status"]).contains("PART"));
    let before = height(&network, "worker-2");
    let few = network.client("worker-1").send_raw(&Wallet::dev(0).transfer(fresh(1), 1));
    let many = network.client("worker-3").send_raw(&Wallet::dev(1).transfer(fresh(2), 1));
    grows_to(&network, "worker-2", before + 4);
    is_mined(&network, &["worker-2", "worker-3"], many);
    let few_height = height(&network, "worker-1");
    assert!(few_height < height(&network, "worker-2"), "one signer of three cannot go on");
    assert_eq!(network.client("main").block_number(), few_height);
    network.fault(&["heal"]);
    let head = agree(&network, FOUR, before + 4);
    is_mined(&network, FOUR, few);
    is_mined(&network, FOUR, many);

    // Three against one, which has nobody.
    network.fault(&["cut", "worker-3"]);
    let alone = network.client("worker-3").send_raw(&Wallet::dev(2).transfer(fresh(3), 1));
    grows_to(&network, "main", head + 4);
    network.fault(&["heal"]);
    agree(&network, FOUR, head + 4);
    is_mined(&network, FOUR, alone);
}

#[test]
fn miners_find_blocks_and_no_death_stops_the_network() {
    let network = Network::start(POW);
    agree(&network, THREE, 2);
    // What nobody sees in a block was told.
    until("the first block is told", || network.said().contains(" is there, after ").then_some(()));
    a_transaction_to_any_node_is_mined(&network, THREE);
    an_order_outlives_every_node(&network, THREE);

    // Whoever dies, the others go on, and there is one chain when it is back.
    let mut wallet = Wallet::dev(7);
    for dead in ["main", "worker-2"] {
        let others: Vec<&str> = THREE.iter().copied().filter(|name| *name != dead).collect();
        network.fault(&["kill", dead]);
        let head = agree(&network, &others, 0);
        let meanwhile = network.client(others[0]).send_raw(&wallet.transfer(fresh(7), 1));
        is_mined(&network, &others, meanwhile);
        grows_to(&network, others[0], head + 3);
        network.fault(&["start", dead]);
        agree(&network, THREE, head + 3);
        is_mined(&network, THREE, meanwhile);
    }
}

#[test]
fn a_network_of_miners_that_was_cut_becomes_one_again() {
    let network = Network::start(POW);
    agree(&network, THREE, 1);
    network.fault(&["cut", "main", "worker-1"]);
    let one = network.client("main").send_raw(&Wallet::dev(0).transfer(fresh(1), 1));
    let other = network.client("worker-2").send_raw(&Wallet::dev(1).transfer(fresh(2), 1));
    // Both sides go on: work can be done anywhere.
    is_mined(&network, &["main", "worker-1"], one);
    is_mined(&network, &["worker-2"], other);
    let head = height(&network, "main").max(height(&network, "worker-2"));
    network.fault(&["heal"]);
    agree(&network, THREE, head);
    // One of them was on the branch that lost.
    is_mined(&network, THREE, one);
    is_mined(&network, THREE, other);
}
