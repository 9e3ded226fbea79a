//! A disk without room: new work is refused with the reason, reads go on, nothing is lost.

use crate::{
    harness::{Launch, Node, heavy},
    wallet::{Wallet, fresh},
    wire::{Client, RpcFailure},
};
use alloy_primitives::{B256, Bytes, U256};
use serde_json::{Value, json};

/// No file of the node may grow beyond this many blocks of 512 or 1,024 bytes (shells differ): the
/// room for a chain and a little more. The signal that comes with it is ignored, as on a full disk.
const LIMITED: &str = "ulimit -S -f 34000; trap '' XFSZ";

/// A disk of its own for the data, some of it taken.
const OWN_DISK: &str = "mkdir data && mount -t tmpfs -o size=24m tmpfs data && \
                        head -c 8388608 /dev/zero > data/filler || exit 9";

/// What was answered while there was room.
struct Seen {
    transaction: B256,
    receipt: Value,
    head: Value,
}

fn see(client: &mut Client, transaction: B256) -> Seen {
    Seen {
        transaction,
        receipt: client.receipt(transaction),
        head: client.get("eth_getBlockByNumber", json!(["latest", false])),
    }
}

/// Sends long transactions until one is refused.
fn fill(client: &mut Client, wallet: &mut Wallet) -> (Seen, RpcFailure) {
    let mut seen = None;
    for round in 0..2_000 {
        let input: Bytes = vec![round as u8 | 1; 100_000].into();
        let mut request = wallet.request(fresh(round).into(), input, 1);
        request.gas_limit = 5_000_000;
        let raw = wallet.sign(request);
        match client.rpc("eth_sendRawTransaction", json!([raw])) {
            Ok(hash) => seen = Some(see(client, crate::wire::hash(&hash))),
            Err(failure) => return (seen.unwrap(), failure),
        }
    }
    panic!("200 MB were written into files limited to 34 MB");
}

/// Refuses with the reason, still reads, and says that it cannot take work.
#[track_caller]
fn is_full(node: &Node, seen: &Seen, failure: &RpcFailure) {
    assert_eq!(failure.code, -32000, "{failure:?}");
    assert!(failure.message.contains("disk is full"), "{failure:?}");
    reads_go_on(node, seen);
    let (status, reason) = node.client().get_page("/ready").unwrap();
    assert_eq!(status, 503, "{reason}");
    assert!(reason.contains("disk is full"), "{reason}");
    let healthy = node.client().get_page("/health").unwrap();
    assert_eq!(healthy.0, 200, "{healthy:?}");
}

/// What was refused did not happen, and what comes next does.
#[track_caller]
fn works_again(node: &Node, wallet: &mut Wallet) {
    let mut client = node.client();
    wallet.nonce = client.nonce(wallet.address(), "latest");
    client.mined(&wallet.transfer(fresh(5_000), 3));
    assert_eq!(client.balance(fresh(5_000), "latest"), U256::from(3));
    assert_eq!(client.get_page("/ready").unwrap().0, 200);
}

#[test]
fn a_full_disk_refuses_new_work_answers_reads_and_loses_nothing() {
    let _alone = heavy();
    let node = Launch::new(&[]).after(LIMITED).start();
    let mut wallet = Wallet::dev(0);
    let (seen, failure) = fill(&mut node.client(), &mut wallet);
    is_full(&node, &seen, &failure);
    let node = node.kill9().at_once().start();
    reads_go_on(&node, &seen);
    works_again(&node, &mut wallet);
}

#[test]
fn a_disk_with_room_again_takes_new_work_without_a_restart() {
    let _alone = heavy();
    let node = match Launch::new(&[]).after(OWN_DISK).inside("unshare", &["-r", "-m"]).try_start() {
        Ok(node) => node,
        Err(refused) => {
            println!("SKIPPED: this machine gives no disk of its own (unshare, tmpfs): {refused}");
            return;
        }
    };
    let mut wallet = Wallet::dev(0);
    let (seen, failure) = fill(&mut node.client(), &mut wallet);
    is_full(&node, &seen, &failure);
    let filler = node.launch.data_dir().join("filler");
    let from_outside = format!("/proc/{}/root{}", node.pid(), filler.display());
    std::fs::remove_file(from_outside).unwrap();
    works_again(&node, &mut wallet);
    reads_go_on(&node, &seen);
}

#[track_caller]
fn reads_go_on(node: &Node, seen: &Seen) {
    let mut client = node.client();
    assert_eq!(client.receipt(seen.transaction), seen.receipt);
    let number = &seen.head["number"];
    let head = client.get("eth_getBlockByNumber", json!([number, false]));
    assert_eq!(head, seen.head);
    let to = &seen.receipt["to"];
    assert_eq!(client.get("eth_getBalance", json!([to, number])), "0x1");
    assert_eq!(client.get("eth_call", json!([{ "to": to }, number])), "0x");
}
