//! Situations, and what is said of each: is a block late, why, and what helps?

use super::*;
use crate::{
    primitives::BlockNumHash,
    sealer::{Mode, Turn},
};
use alloy_primitives::{Address, B256, U256};
use std::time::Duration;

const HEAD: u64 = 10;

fn address(number: u8) -> Address {
    Address::with_last_byte(number)
}

/// A chain whose newest block is so many seconds old.
fn chain(making: Making, age: u64) -> Situation {
    Situation {
        head: BlockNumHash::new(HEAD, B256::ZERO),
        timestamp: 1_000,
        is_first: false,
        now: 1_000 + age,
        making,
        waiting: Waiting::default(),
        peers: None,
        hold: None,
        failure: None,
    }
}

/// Of so many signers; the first two signed the newest blocks.
fn signers(count: u8, period: u64, own: Option<Own>) -> Making {
    let all = (1..=count).map(|number| Signer {
        address: address(number),
        may_sign: number > 2,
        last: (number <= 2)
            .then_some(Signed { number: HEAD - 2 + u64::from(number), timestamp: 1_000 }),
    });
    Making::Signers(Signers {
        period,
        in_turn: Some(address(3)),
        all: all.collect(),
        needed: usize::from(count) / 2 + 1,
        own,
    })
}

fn own(number: u8, turn: Turn) -> Option<Own> {
    Some(Own { address: address(number), turn })
}

fn peers(connected: usize, sealing: usize) -> Option<Peers> {
    Some(Peers { connected, sealing, ..Peers::default() })
}

#[track_caller]
fn says(situation: &Situation, is_overdue: bool, reason: &[&str], advice: &[&str]) {
    let said = judge(situation);
    assert_eq!(said.is_overdue, is_overdue, "{said:?}");
    for word in reason {
        assert!(said.reason.contains(word), "nothing says {word:?}: {}", said.reason);
    }
    for word in advice {
        assert!(said.advice.contains(word), "nothing advises {word:?}: {}", said.advice);
    }
}

fn alone(mode: Mode) -> Making {
    Making::Alone { mode, here: true, requests: 0 }
}

#[test]
fn a_development_chain_says_what_it_waits_for() {
    let mut instant = chain(alone(Mode::Instant), 500);
    says(&instant, false, &["none waits"], &["send a transaction"]);
    instant.waiting = Waiting { queued: 2, ..Waiting::default() };
    says(&instant, false, &["2 transactions", "nonce"], &["txpool_content"]);
    instant.waiting = Waiting { pending: 1, ..Waiting::default() };
    says(&instant, false, &["(1 transaction)", "base fee"], &["higher fee"]);
    instant.waiting = Waiting { pending: 1, queued: 0, ready: true };
    says(&instant, true, &["being made"], &["log"]);
    instant.now = instant.timestamp;
    says(&instant, false, &["being made"], &[]);
    let manual = chain(alone(Mode::Manual), 500);
    says(&manual, false, &["only when somebody asks", "no transaction waits"], &["evm_mine"]);
}

#[test]
fn an_interval_that_is_kept_is_no_fault_and_one_that_is_not_is() {
    let every = |age| chain(alone(Mode::Interval(Duration::from_secs(4))), age);
    says(&every(15), false, &["every 4s", "15 seconds old"], &["nothing needs to be done"]);
    says(&every(16), true, &["there was none for 16 seconds"], &["log"]);
    assert_eq!(judge(&every(0)).expected, Some(Duration::from_secs(4)));
}

#[test]
fn a_node_that_makes_no_blocks_says_so() {
    let making = Making::Alone { mode: Mode::Manual, here: false, requests: 0 };
    says(&chain(making, 9_000), false, &["--no-seal"], &["--no-seal"]);
    says(&chain(Making::Elsewhere, 9_000), false, &["made elsewhere"], &["mainspring import"]);
}

#[test]
fn while_signers_take_their_turns_it_is_said_whose_turn_it_is() {
    let mine = chain(signers(3, 2, own(3, Turn::Ready { in_turn: true })), 1);
    says(&mine, false, &["every 2 seconds", "block 11 is this node's turn"], &["nothing"]);
    let other = chain(signers(3, 2, own(1, Turn::Recently { next: 12 })), 1);
    let whose = format!("the turn of {}", address(3));
    says(&other, false, &[&whose, "again from block 12 on"], &["nothing"]);
    let stranger = chain(signers(3, 2, own(9, Turn::NoSigner)), 1);
    says(&stranger, false, &["key is no signer's"], &["clique_propose"]);
}

#[test]
fn too_few_signers_are_named_with_those_not_heard_of_for_longest_first() {
    let mut cut = chain(signers(5, 2, own(1, Turn::Recently { next: 12 })), 60);
    cut.peers = peers(0, 0);
    let silent = format!("{}, {}, {}, {}", address(3), address(4), address(5), address(2));
    says(
        &cut,
        true,
        &["no block for 60 seconds", "3 of the 5 signers", "reaches 1", "signed a moment ago"],
        &["--peer MULTIADDR", &silent],
    );
    cut.peers = peers(2, 1);
    says(&cut, true, &["reaches 2"], &["start the nodes of the other signers"]);
    assert!(!judge(&cut).advice.contains("--peer"), "it has peers");
    let follower = chain(signers(3, 2, None), 60);
    says(&follower, true, &["reaches 0", "has no key itself"], &["start the nodes"]);
}

#[test]
fn too_few_signers_are_said_at_once_and_those_that_are_reached_are_not_missed() {
    let mut cut = chain(signers(5, 2, own(1, Turn::Recently { next: 12 })), 1);
    let reached =
        Peers { connected: 2, sealing: 1, signers: [address(4)].into(), ..Peers::default() };
    cut.peers = Some(reached.clone());
    let silent = format!("{}, {}, {}", address(3), address(5), address(2));
    let reason = ["every 2 seconds", "3 of the 5 signers", "reaches 2"];
    says(&cut, false, &reason, &["start the nodes of the other signers", &silent]);
    assert!(!judge(&cut).advice.contains(&address(4).to_string()), "it is reached");
    // Two nodes with one key, and one with this node's, are one signer.
    let twins = Peers { signers: [address(1), address(4)].into(), sealing: 2, ..reached.clone() };
    cut.peers = Some(twins);
    says(&cut, false, &["reaches 2"], &[]);
    let enough = [address(4), address(5)].into();
    cut.peers = Some(Peers { signers: enough, sealing: 2, ..reached });
    says(&cut, false, &["turn"], &["nothing needs to be done"]);
}

#[test]
fn what_the_network_knows_is_part_of_the_advice() {
    let mut cut = chain(signers(3, 2, own(1, Turn::Recently { next: 12 })), 1);
    let peer = crate::network::PeerId::random();
    let refused = vec![(peer, "its genesis is another".to_owned())];
    cut.peers = Some(Peers { refused: refused.clone(), ..Peers::default() });
    let who = format!("peer {peer} is not talked with: its genesis is another");
    says(&cut, false, &["reaches 1"], &[&who, "--peer MULTIADDR"]);
    let signers = [address(2), address(3)].into();
    let late = Peers { connected: 2, sealing: 2, signers, refused, ..Peers::default() };
    cut.peers = Some(Peers { clock_difference: Some(12), ..late.clone() });
    says(&cut, false, &[], &["this machine's clock is 12 seconds behind the middle one"]);
    assert!(!judge(&cut).advice.contains("genesis"), "nobody is missing");
    cut.peers = Some(Peers { clock_difference: Some(-4), ..late });
    says(&cut, false, &[], &["nothing needs to be done"]);
}

#[test]
fn enough_signers_and_no_block_points_at_who_should_sign() {
    let mut mine = chain(signers(3, 2, own(3, Turn::Ready { in_turn: true })), 60);
    mine.peers = peers(1, 1);
    says(&mine, true, &["this node may sign block 11 and it is its turn"], &["log"]);
    let mut others = chain(signers(3, 2, own(1, Turn::Recently { next: 12 })), 60);
    others.peers = peers(2, 2);
    let free = address(3).to_string();
    says(&others, true, &["reaches 3 of the 3", &free, "may sign block 11"], &["logs"]);
}

#[test]
fn a_chain_that_never_began_is_not_said_to_be_silent_since_1970() {
    let mut new = chain(signers(3, 2, None), 1_700_000_000);
    new.is_first = true;
    says(&new, true, &["no block was made yet"], &[]);
}

#[test]
fn without_a_period_silence_is_no_fault_unless_something_waits() {
    let mut idle = chain(signers(1, 0, own(1, Turn::Idle)), 9_000);
    says(&idle, false, &["none waits"], &["send a transaction"]);
    assert_eq!(judge(&idle).expected, None);
    idle.waiting = Waiting { pending: 1, queued: 0, ready: true };
    idle.peers = peers(0, 0);
    says(&idle, true, &["no block for 2 hours"], &["log"]);
}

#[test]
fn what_stands_in_everyones_way_is_said_first() {
    let mut full = chain(signers(3, 2, None), 60);
    full.failure = Some("the disk is full".into());
    says(&full, true, &["the disk is full"], &["room on the disk"]);
    let mut late = chain(signers(3, 2, None), 0);
    late.now = late.timestamp - 100;
    says(&late, false, &["100 seconds ahead of this machine's clock"], &["NTP"]);
    let mut behind = chain(signers(3, 2, None), 60);
    let syncing = Some(Syncing { from: 1, at: 10, to: 500 });
    behind.peers = Some(Peers { connected: 1, sealing: 1, syncing, ..Peers::default() });
    says(&behind, true, &["block 10 of 500"], &["eth_syncing"]);
    // A developer may set the time of the next block.
    let mut set = chain(alone(Mode::Instant), 0);
    set.now = set.timestamp - 100;
    says(&set, false, &["none waits"], &[]);
}

#[test]
fn proof_of_work_needs_somebody_who_mines_and_luck() {
    let work = |mines, hash_rate| {
        let (difficulty, interval) = (U256::from(130_000), Duration::from_secs(13));
        Making::Work(Work { difficulty, mines, hash_rate, interval })
    };
    let mut nobody = chain(work(false, None), 20);
    nobody.peers = peers(3, 0);
    says(&nobody, false, &["nobody mines"], &["miner_start"]);
    says(&chain(work(true, Some(1_000.0)), 20), false, &["1 node", "in about 2 minutes"], &[]);
    says(&chain(work(true, Some(1_000.0)), 133), false, &["1 node"], &[]);
    says(&chain(work(true, None), 134), true, &["10 times"], &["difficulty"]);
    let mut others = chain(work(false, None), 20);
    others.peers = peers(3, 2);
    says(&others, false, &["2 nodes that this one knows of mine"], &[]);
}

#[test]
fn patience_is_a_bound_that_no_value_breaks() {
    let long = alone(Mode::Interval(Duration::MAX));
    assert_eq!(patience(&long, false), Some(Duration::MAX), "the longest there is");
    let Making::Signers(signers) = signers(3, u64::MAX, None) else { panic!("no signers") };
    let all = Making::Signers(Signers { needed: usize::MAX, ..signers });
    assert_eq!(patience(&all, true), Some(Duration::MAX));
}
