//! Chains of proof of work: miners agree on a chain, ommers are named and paid, and work that somebody
//! took a while ago counts as long as it may.

use crate::{
    node::{Setup, TestChain, check_rows, check_stored, start_balance},
    wallet::{key, transfer},
};
use alloy_primitives::{Address, B64, B256, U256, address};
use mainspring::{
    chain::{ChainError, ImportError, Imported},
    consensus::ethash::{Cache, Sizes, seal_hash},
    primitives::{Block, BlockNumHash},
    sealer::{Hold, Job, SealError},
    spec::CONSOLE_ADDRESS,
};
use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

const ALICE: Address = address!("00000000000000000000000000000000000a11ce");
const BOB: Address = address!("0000000000000000000000000000000000000b0b");
const ETHER: u64 = 1_000_000_000_000_000_000;
/// Longer than any block takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node that is paid at this address, and mines with so many threads: with none the test does.
fn setup(coinbase: Address, threads: usize) -> Setup {
    Setup { proof: true, mines: Some((coinbase, threads)), ..Setup::default() }
}

fn wait_for<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not happen");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// The work on the head of a node.
fn work(node: &TestChain) -> Arc<Job> {
    work_with(node, |_| true)
}

fn work_with(node: &TestChain, is_wanted: impl Fn(&Job) -> bool) -> Arc<Job> {
    wait_for(|| {
        let job = node.sealer.miner().unwrap().work()?;
        let is_on_head = job.block.header.parent_hash == node.chain.head().seal();
        (is_on_head && is_wanted(&job)).then_some(job)
    })
}

/// A nonce that seals a block, or one that does not, with its mix hash.
fn nonce(job: &Job, seals: bool) -> (B64, B256) {
    let cache = Cache::new(Sizes::TINY, job.block.number() / 64);
    let found = (0u64..).map(B64::from).find_map(|nonce| {
        let work = cache.hashimoto(job.seal_hash, nonce);
        let is_seal = U256::from_be_bytes(work.result.0) <= job.boundary;
        (is_seal == seals).then_some((nonce, work.mix_hash))
    });
    found.unwrap()
}

fn submit(node: &TestChain, job: &Job) -> bool {
    let (nonce, mix_hash) = nonce(job, true);
    node.sealer.submit_work(job.seal_hash, nonce, mix_hash).unwrap()
}

/// Seals a block on the head of a node.
fn mine(node: &TestChain) -> Block {
    let job = work(node);
    assert!(submit(node, &job));
    head(node)
}

fn head(node: &TestChain) -> Block {
    node.chain.block(node.chain.head().number).unwrap().unwrap()
}

fn take_in(node: &TestChain, block: &Block) -> Imported {
    let imported = node.chain.import(block).unwrap();
    node.sealer.head_moved();
    imported
}

#[test]
fn what_is_mined_is_paid_and_proves_its_work_to_another_implementation() {
    let node = TestChain::start(setup(ALICE, 1));
    let other = TestChain::start(Setup { mines: None, ..setup(ALICE, 0) });
    let sent = transfer(&key(1), 0, BOB, 5);
    drop(node.sealer.admit(sent.clone(), None).unwrap());
    wait_for(|| (node.chain.head().number >= 3).then_some(()));
    node.sealer.wish(|wishes| wishes.mines = false).unwrap();
    let mut tips = U256::ZERO;
    for number in 1..=node.chain.head().number {
        let block = node.chain.block(number).unwrap().unwrap();
        proves_its_work(&block);
        assert_eq!(other.chain.import(&block).unwrap(), Imported::Extended, "{number}");
        assert_eq!(block.header.extra_data.as_ref(), node_name().as_bytes());
        tips += U256::from(block.header.gas_used) * U256::from(crate::wallet::TIP);
    }
    assert!(node.chain.locate(sent.hash()).unwrap().is_some());
    let blocks = node.chain.head().number;
    assert_eq!(node.account(ALICE).1, U256::from(2 * ETHER) * U256::from(blocks) + tips);
    assert_eq!(other.account(ALICE), node.account(ALICE));
    check_stored(&node);
    check_rows(&other);
}

fn node_name() -> String {
    format!("mainspring/{}", env!("CARGO_PKG_VERSION"))
}

fn proves_its_work(block: &Block) {
    let (header, sizes) = (block.header.inner(), Sizes::TINY);
    let epoch = sizes.epoch_of(header.number);
    let mut cache = vec![0; sizes.cache_bytes(epoch) as usize];
    ethash::make_cache(&mut cache, ethash::get_seedhash(epoch as usize));
    let hash = seal_hash(header).0.into();
    let size = sizes.dataset_bytes(epoch) as usize;
    let (mix, result) = ethash::hashimoto_light(hash, header.nonce.0.into(), size, &cache);
    assert_eq!(mix.0, header.mix_hash.0);
    assert!(U256::from_be_bytes(result.0) <= U256::MAX / header.difficulty);
}

#[test]
fn the_losing_block_becomes_an_ommer_and_both_are_paid() {
    let (alice, bob) = (TestChain::start(setup(ALICE, 0)), TestChain::start(setup(BOB, 0)));
    let (first, lost) = (mine(&alice), mine(&bob));
    assert_eq!(take_in(&bob, &first), Imported::Side, "the first seen wins");
    let second = mine(&alice);
    assert_eq!(take_in(&bob, &second), Imported::Reorganised { removed: 1, added: 2 });
    let named = work_with(&bob, |job| !job.block.body.ommers.is_empty());
    assert_eq!(named.block.body.ommers, [lost.header.inner().clone()]);
    assert!(submit(&bob, &named));
    let third = head(&bob);
    assert_eq!(take_in(&alice, &third), Imported::Extended);
    let reward = U256::from(2 * ETHER);
    let of_ommer = reward * U256::from(6) / U256::from(8);
    for node in [&alice, &bob] {
        assert_eq!(node.account(ALICE).1, reward * U256::from(2));
        assert_eq!(node.account(BOB).1, reward + reward / U256::from(32) + of_ommer);
    }
    let next = work(&bob);
    assert!(next.block.body.ommers.is_empty(), "an ommer is named once");
    check_stored(&bob);
}

#[test]
fn an_ommer_is_named_by_six_blocks_at_most() {
    let (alice, bob) = (TestChain::start(setup(ALICE, 0)), TestChain::start(setup(BOB, 0)));
    let lost = mine(&bob).header.inner().clone();
    take_in(&bob, &mine(&alice));
    for number in 2..=7 {
        take_in(&bob, &mine(&alice));
        let named = work(&bob).block.body.ommers.clone();
        let wanted = if number <= 6 { vec![lost.clone()] } else { vec![] };
        assert_eq!(named, wanted, "after block {number}");
    }
}

#[test]
fn transactions_of_the_branch_that_lost_wait_again_and_are_mined() {
    let (alice, bob) = (TestChain::start(setup(ALICE, 0)), TestChain::start(setup(BOB, 0)));
    let sent = transfer(&key(1), 0, Address::repeat_byte(9), 7);
    drop(bob.sealer.admit(sent.clone(), None).unwrap());
    let mut news = bob.chain.subscribe();
    let with_it = work_with(&bob, |job| !job.block.body.transactions.is_empty());
    assert!(submit(&bob, &with_it));
    assert!(!bob.pool.contains(sent.hash()));
    for _ in 0..2 {
        take_in(&bob, &mine(&alice));
    }
    while let Ok(event) = news.try_recv() {
        if bob.sealer.is_news(&event) {
            bob.sealer.follow(&event).unwrap();
        }
    }
    assert!(bob.pool.contains(sent.hash()), "it waits again");
    let again = work_with(&bob, |job| !job.block.body.transactions.is_empty());
    assert!(submit(&bob, &again));
    assert!(bob.chain.locate(sent.hash()).unwrap().is_some());
}

#[test]
fn work_that_is_a_few_blocks_old_is_taken_beside_the_chain_and_wrong_work_never() {
    let (alice, bob) = (TestChain::start(setup(ALICE, 0)), TestChain::start(setup(BOB, 0)));
    let old = work(&alice);
    let (missed, mix_hash) = nonce(&old, false);
    assert!(!alice.sealer.submit_work(old.seal_hash, missed, mix_hash).unwrap());
    let (right, mix_hash) = nonce(&old, true);
    assert!(!alice.sealer.submit_work(old.seal_hash, right, B256::ZERO).unwrap());
    assert!(!alice.sealer.submit_work(B256::repeat_byte(1), right, mix_hash).unwrap());
    assert_eq!(alice.chain.head().number, 0);
    for _ in 0..7 {
        take_in(&alice, &mine(&bob));
    }
    work(&alice);
    assert!(alice.sealer.submit_work(old.seal_hash, right, mix_hash).unwrap());
    let beside: Vec<u64> =
        alice.chain.side_blocks().unwrap().into_iter().map(|at| at.number).collect();
    assert_eq!(beside, [1]);
    assert_eq!(alice.chain.head().seal(), bob.chain.head().seal());
    assert!(alice.sealer.submit_work(old.seal_hash, right, mix_hash).unwrap(), "it is known");
    for _ in 0..2 {
        take_in(&alice, &mine(&bob));
    }
    assert!(!alice.sealer.submit_work(old.seal_hash, right, mix_hash).unwrap(), "it is too old");
}

#[test]
fn work_follows_the_pool_and_what_its_owner_wants() {
    let node = TestChain::start(setup(ALICE, 0));
    let empty = work(&node);
    assert!(empty.block.body.transactions.is_empty());
    drop(node.sealer.admit(transfer(&key(1), 0, BOB, 5), None).unwrap());
    let filled = work_with(&node, |job| job.block.body.transactions.len() == 1);
    let parent = node.chain.head().gas_limit;
    node.sealer
        .wish(|wishes| {
            wishes.coinbase = Some(BOB);
            wishes.extra_data = b"attic".as_slice().into();
            wishes.gas_limit = Some(1);
            wishes.min_tip = Some(u128::MAX);
        })
        .unwrap();
    let wanted = work_with(&node, |job| job.block.header.beneficiary == BOB);
    let header = &wanted.block.header;
    assert_eq!(header.extra_data.as_ref(), b"attic");
    assert_eq!(header.gas_limit, parent - (parent / 1_024 - 1));
    assert!(wanted.block.body.transactions.is_empty(), "no tip is enough");
    assert!(submit(&node, &filled), "what was handed out before is taken still");
    assert_eq!(head(&node).body.transactions.len(), 1);
    let too_long = node.sealer.wish(|wishes| wishes.extra_data = vec![0; 33].into());
    assert!(matches!(too_long, Err(SealError::ExtraData { length: 33, max: 32 })));
    node.sealer.wish(|wishes| wishes.mines = false).unwrap();
    wait_for(|| node.sealer.miner().unwrap().work().is_none().then_some(()));
    let nobody = node.sealer.wish(|wishes| (wishes.mines, wishes.coinbase) = (true, None));
    assert!(matches!(nobody, Err(SealError::NoCoinbase)));
    assert!(matches!(node.mine(), Err(SealError::MinedOnly)));
}

#[test]
fn a_killed_miner_loses_nothing_and_goes_on() {
    let mut node = TestChain::start(setup(ALICE, 1));
    let sent = transfer(&key(1), 0, BOB, 5);
    drop(node.sealer.admit(sent.clone(), None).unwrap());
    wait_for(|| node.chain.locate(sent.hash()).unwrap());
    let before = node.chain.head();
    node.crash();
    node.open().unwrap();
    assert_eq!(node.chain.header(before.number).unwrap().unwrap().seal(), before.seal());
    assert!(node.chain.locate(sent.hash()).unwrap().is_some());
    wait_for(|| (node.chain.head().number > before.number).then_some(()));
    assert_eq!(node.account(key(1).address()).0, 1);
    assert!(node.account(key(1).address()).1 < start_balance());
    node.stop();
    node.open().unwrap();
    check_stored(&node);
}

#[test]
fn a_mined_block_that_called_the_console_is_found_by_the_hash_that_it_has() {
    let node = TestChain::start(setup(ALICE, 0));
    let silent = mine(&node);
    let sent = transfer(&key(1), 0, CONSOLE_ADDRESS, 0);
    drop(node.sealer.admit(sent, None).unwrap());
    let job = work_with(&node, |job| !job.block.body.transactions.is_empty());
    assert!(submit(&node, &job));
    let spoke = head(&node);
    assert_ne!(job.block.hash(), spoke.hash());
    let noted = [&silent, &spoke].map(|block| node.chain.may_have_logged(block.hash()));
    assert_eq!(noted, [false, true]);
}

#[test]
fn a_node_that_stops_makes_no_cache_to_look_at_a_seal_and_blames_nobody() {
    let (miner, node) = (TestChain::start(setup(ALICE, 0)), TestChain::start(setup(BOB, 0)));
    let block = mine(&miner);
    node.chain.stop_checking_seals();
    let refused = node.chain.import(&block).unwrap_err();
    assert!(matches!(refused, ImportError::Chain(ChainError::Stopped)), "{refused}");
    let header = block.header.inner().clone();
    let genesis = BlockNumHash::new(0, header.parent_hash);
    let above = node.chain.header_tip(genesis).unwrap().unwrap();
    let (run, refused) = node.chain.check_headers(&above, vec![header]);
    assert!(matches!(refused, Some(ImportError::Chain(ChainError::Stopped))), "{refused:?}");
    assert!(run.headers.is_empty() && node.chain.bad_blocks().is_empty());
}

#[test]
fn a_dataset_is_made_while_the_node_mines_and_blocks_from_it_hold() {
    let dir = tempfile::tempdir().unwrap();
    let dataset = Some(dir.path().join("datasets"));
    let node = TestChain::start(Setup { dataset, ..setup(ALICE, 1) });
    wait_for(|| dir.path().join("datasets/epoch-0000.ethash").exists().then_some(()));
    let since = node.chain.head().number;
    wait_for(|| (node.chain.head().number >= since + 2).then_some(()));
    for number in 1..=node.chain.head().number {
        proves_its_work(&node.chain.block(number).unwrap().unwrap());
    }
    assert!(node.sealer.miner().unwrap().own_rate() < u64::MAX);
}

#[test]
fn miners_who_hear_of_each_others_blocks_agree() {
    let nodes = [TestChain::start(setup(ALICE, 1)), TestChain::start(setup(BOB, 1))];
    let (heard, news) = mpsc::channel();
    for (from, node) in nodes.iter().enumerate() {
        node.tell_blocks(from, heard.clone());
    }
    let hear = || {
        let (from, block) = news.recv_timeout(PATIENCE).expect("no block was mined");
        take_in(&nodes[1 - from], &block);
    };
    while nodes.iter().any(|node| node.chain.head().number < 5) {
        hear();
    }
    // While both mine, each is now and then a block ahead.
    nodes[1].sealer.wish(|wishes| wishes.mines = false).unwrap();
    while nodes[0].chain.head().seal() != nodes[1].chain.head().seal() {
        hear();
    }
}

#[test]
fn a_miner_that_is_held_has_no_work_until_it_is_let_go() {
    let node = TestChain::start(setup(ALICE, 0));
    work(&node);
    node.sealer.hold(Some(Hold::Behind));
    let has_none = || node.sealer.miner().unwrap().work().is_none();
    wait_for(|| has_none().then_some(()));
    node.sealer.hold(None);
    work(&node);
}
