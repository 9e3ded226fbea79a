//! Chains of proof of authority: which blocks are taken, whose branch wins, who gets the tips.

use crate::{
    maker::{Maker, Wanted, signed},
    node::{Setup, TestChain, start_balance},
    wallet::{key, transfer},
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, U256};
use mainspring::{
    chain::{Finality, ImportError, Imported},
    consensus::clique,
    primitives::{Block, BlockNumHash},
    spec::{ChainSpec, Fork},
};
use rand::{
    Rng, SeedableRng,
    rngs::StdRng,
    seq::{IndexedRandom, SliceRandom},
};
use std::{collections::BTreeSet, sync::mpsc, time::Duration};

fn setup(signers: u64) -> Setup {
    Setup { signers, keys: 16, ..Setup::default() }
}

fn by(signer: u64) -> Wanted {
    Wanted { signer: Some(signer), ..Wanted::empty(1, 0) }
}

/// The test keys in the order of their turns: that of their addresses.
fn in_order(signers: u64) -> Vec<u64> {
    let mut order: Vec<u64> = (0..signers).collect();
    order.sort_by_key(|index| key(*index).address());
    order
}

fn signers_of(node: &TestChain) -> Vec<Address> {
    let head = node.chain.head();
    let at = BlockNumHash::new(head.number, head.seal());
    node.chain.signers_after(at).unwrap().signers.iter().copied().collect()
}

#[test]
fn blocks_in_turn_are_taken_over_checkpoints_and_restarts() {
    let setup = setup(3);
    let (mut node, mut maker) = (TestChain::start(setup.clone()), Maker::new(&setup));
    let mut blocks = maker.run(maker.genesis(), 45, 1, 0);
    let rest = blocks.split_off(25);
    for block in &blocks {
        assert_eq!(node.chain.import(block).unwrap(), Imported::Extended);
    }
    node.crash();
    node.open().unwrap();
    for block in &rest {
        assert_eq!(node.chain.import(block).unwrap(), Imported::Extended);
    }
    assert_eq!(node.chain.head().number, 45);
    assert_eq!(node.chain.finality(), Finality { safe: 43, finalized: 43 });
}

#[test]
fn a_signer_is_voted_in_and_signs_and_another_is_voted_out() {
    let setup = setup(3);
    let (node, mut maker) = (TestChain::start(setup.clone()), Maker::new(&setup));
    let order = in_order(3);
    let mut parent = maker.genesis();
    let mut add = |node: &TestChain, maker: &mut Maker, wanted: Wanted| {
        let block = maker.make(parent, wanted);
        parent = block.hash();
        node.chain.import(&block)
    };
    let (newcomer, leaving) = (key(7).address(), key(order[2]).address());
    let vote = |signer, on, authorize| Wanted { vote: Some((on, authorize)), ..by(signer) };
    add(&node, &mut maker, vote(order[0], newcomer, true)).unwrap();
    add(&node, &mut maker, vote(order[1], newcomer, true)).unwrap();
    assert!(signers_of(&node).contains(&newcomer));
    add(&node, &mut maker, by(7)).unwrap();
    for signer in [order[0], order[1], 7] {
        add(&node, &mut maker, vote(signer, leaving, false)).unwrap();
    }
    assert!(!signers_of(&node).contains(&leaving));
    assert_eq!(signers_of(&node).len(), 3);
}

#[test]
fn whoever_signed_gets_the_tips() {
    let setup = setup(1);
    let (node, mut maker) = (TestChain::start(setup.clone()), Maker::new(&setup));
    let sent = transfer(&key(1), 0, Address::repeat_byte(9), 1);
    let voted = Some((Address::repeat_byte(0xee), true));
    let wanted = Wanted { transactions: vec![sent], vote: voted, ..by(0) };
    let block = maker.make(maker.genesis(), wanted);
    node.chain.import(&block).unwrap();
    let (_, view) = node.chain.latest().unwrap();
    let balance = |address| view.account(address).unwrap().map_or(U256::ZERO, |it| it.balance);
    assert!(balance(key(0).address()) > start_balance());
    assert_eq!(balance(Address::repeat_byte(0xee)), U256::ZERO);
}

#[test]
fn a_block_that_breaks_a_rule_is_refused_and_changes_nothing() {
    let setup = setup(3);
    let (node, mut maker) = (TestChain::start(setup.clone()), Maker::new(&setup));
    let first = maker.make(maker.genesis(), Wanted::empty(1, 0));
    node.chain.import(&first).unwrap();
    let right = maker.make(first.hash(), Wanted::empty(1, 0));
    let turn = in_order(3)[2];
    let refuse = |claim: &str, by: u64, change: &dyn Fn(&mut Header)| {
        let mut header = right.header.inner().clone();
        change(&mut header);
        let block = Block::new(signed(header, &key(by)), right.body.as_ref().clone());
        let refused = node.chain.import(&block).expect_err(claim);
        assert_eq!(refused.rule(), Some("InvalidSeal"), "{claim}: {refused}");
        assert_eq!(node.chain.head().number, 1);
    };
    refuse("a stranger", 9, &|_| {});
    refuse("out of turn with the difficulty of a turn", in_order(3)[0], &|_| {});
    refuse("in turn with another difficulty", turn, &|it| it.difficulty = U256::from(1));
    refuse("a mix hash", turn, &|it| it.mix_hash = B256::repeat_byte(1));
    refuse("no vote", turn, &|it| it.nonce = alloy_primitives::B64::repeat_byte(1));
    refuse("signed twice in a row", in_order(3)[1], &|it| it.difficulty = U256::from(1));
    assert_eq!(node.chain.import(&right).unwrap(), Imported::Extended);
}

#[test]
fn a_block_of_the_future_is_not_taken_yet() {
    let setup = setup(1);
    let (node, mut maker) = (TestChain::start(setup.clone()), Maker::new(&setup));
    let block = maker.make(maker.genesis(), Wanted::empty(1 << 40, 0));
    assert!(matches!(node.chain.import(&block), Err(ImportError::Future { .. })));
}

#[test]
fn nodes_that_saw_the_same_blocks_in_any_order_agree_on_the_head() {
    for seed in 0..20 {
        let mut rng = StdRng::seed_from_u64(seed);
        let count = rng.random_range(1..=6);
        let setup = setup(count);
        let mut maker = Maker::new(&setup);
        let blocks = tree(&mut maker, &mut rng, count);
        let heads: Vec<B256> = (0..3)
            .map(|_| {
                let node = TestChain::start(setup.clone());
                take_in(&node, &blocks, &mut rng);
                node.chain.head().seal()
            })
            .collect();
        assert!(heads.iter().all(|head| *head == heads[0]), "seed {seed}: {heads:?}");
    }
}

/// Blocks by random signers on random parents, as if the network were cut at random.
fn tree(maker: &mut Maker, rng: &mut StdRng, count: u64) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut tips = vec![maker.genesis()];
    for tag in 0..24 {
        let parent = tips[rng.random_range(tips.len().saturating_sub(4)..tips.len())];
        let Some(signer) = maker.may_sign(parent, count).choose(rng).copied() else { continue };
        let block = maker.make(parent, Wanted { tag, ..by(signer) });
        tips.push(block.hash());
        blocks.push(block);
    }
    blocks
}

/// Imports blocks in a random order; one whose parent is missing comes again later.
fn take_in(node: &TestChain, blocks: &[Block], rng: &mut StdRng) {
    let mut missing: Vec<&Block> = blocks.iter().collect();
    while !missing.is_empty() {
        missing.shuffle(rng);
        let before = missing.len();
        missing.retain(|block| match node.chain.import(block) {
            Ok(_) => false,
            Err(ImportError::UnknownParent { .. }) => true,
            Err(error) => panic!("{error}"),
        });
        assert!(missing.len() < before);
    }
}

#[test]
fn side_blocks_that_a_moved_fork_reaches_are_forgotten_and_may_come_again() {
    let setup = Setup { fork: Fork::Prague, ..setup(3) };
    let (node, mut maker) = (TestChain::start(setup.clone()), Maker::new(&setup));
    for block in maker.run(maker.genesis(), 2, 1, 0) {
        assert_eq!(node.chain.import(&block).unwrap(), Imported::Extended);
    }
    let others = in_order(3);
    let aside = |maker: &mut Maker, signer: u64, seconds| {
        let wanted = Wanted { seconds, ..by(signer) };
        let block = maker.make(maker.genesis(), wanted);
        assert_eq!(node.chain.import(&block).unwrap(), Imported::Side);
        block
    };
    let (early, late) = (aside(&mut maker, others[0], 3), aside(&mut maker, others[2], 50));
    let kept = || node.storage.blocks.reader().unwrap().side_blocks().unwrap();
    assert_eq!(kept().len(), 2);

    let mut genesis = node.chain.spec().genesis.clone();
    genesis.config.osaka_time = Some(genesis.timestamp + 20);
    let after = ChainSpec::from_genesis(genesis).unwrap();
    let changes = node.chain.adopt_forks(&after).unwrap();
    assert_eq!(changes.iter().map(|it| it.field).collect::<Vec<_>>(), ["osakaTime"]);
    assert_eq!(kept(), [early.num_hash()], "that of before the fork stays");
    assert_eq!(node.chain.import(&late).unwrap(), Imported::Side);
}

/// Nodes that hear of each other's blocks at once.
struct Network {
    nodes: Vec<TestChain>,
    news: mpsc::Receiver<(usize, Block)>,
}

impl Network {
    /// `signs` are the test keys that the nodes have.
    fn start(signers: u64, signs: &[u64]) -> Self {
        let setup = |index| Setup { signs: Some(index), ..setup(signers) };
        let nodes: Vec<_> = signs.iter().map(|index| TestChain::start(setup(*index))).collect();
        let (heard, news) = mpsc::channel();
        for (from, node) in nodes.iter().enumerate() {
            node.tell_blocks(from, heard.clone());
        }
        Self { nodes, news }
    }

    /// Passes blocks on until this is so.
    fn run_until(&self, is_so: impl Fn(&Self) -> bool) {
        while !is_so(self) {
            let (from, block) = self.news.recv_timeout(PATIENCE).expect("no block was made");
            for (to, node) in self.nodes.iter().enumerate().filter(|(to, _)| *to != from) {
                match node.chain.import(&block) {
                    Ok(_) => node.sealer.head_moved(),
                    Err(error) => panic!("node {to} does not take {}: {error}", block.number()),
                }
            }
        }
    }

    /// Who signed the canonical blocks of the first node, from 1 on.
    fn signers(&self) -> Vec<Address> {
        let chain = &self.nodes[0].chain;
        let header = |number| chain.header(number).unwrap().unwrap();
        (1..=chain.head().number).map(|number| clique::signer(&header(number)).unwrap()).collect()
    }
}

/// Longer than any block takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn signers_take_turns_and_transactions_are_mined() {
    let network = Network::start(3, &[0, 1, 2]);
    let sent = transfer(&key(4), 0, Address::repeat_byte(9), 1);
    for node in &network.nodes {
        drop(node.sealer.admit(sent.clone(), None).unwrap());
    }
    let is_mined = |network: &Network| {
        network.nodes.iter().all(|node| node.chain.locate(sent.hash()).unwrap().is_some())
    };
    network.run_until(|it| it.nodes[0].chain.head().number >= 6 && is_mined(it));
    let signers: BTreeSet<Address> = network.signers().into_iter().collect();
    assert_eq!(signers.len(), 3, "everyone signed");
}

#[test]
fn the_others_go_on_without_a_signer_and_a_key_outside_of_the_set_signs_nothing() {
    let network = Network::start(3, &[0, 1, 9]);
    network.run_until(|it| it.nodes[2].chain.head().number >= 4);
    let signers: BTreeSet<Address> = network.signers().into_iter().collect();
    assert_eq!(signers, BTreeSet::from([key(0).address(), key(1).address()]));
}

#[test]
fn a_proposal_is_voted_for_until_it_is_so() {
    let network = Network::start(2, &[0, 1]);
    let newcomer = key(9).address();
    for node in &network.nodes {
        node.sealer.authority().unwrap().propose(newcomer, true).unwrap();
    }
    network.run_until(|it| signers_of(&it.nodes[0]).contains(&newcomer));
}

#[test]
fn a_signer_that_was_voted_in_seals_and_one_that_was_voted_out_stops() {
    let network = Network::start(3, &[0, 1, 2, 9]);
    let (newcomer, leaving) = (key(9).address(), key(2).address());
    let propose = |node: usize, address, authorize| {
        network.nodes[node].sealer.authority().unwrap().propose(address, authorize).unwrap();
    };
    for node in 0..3 {
        propose(node, newcomer, true);
    }
    network.run_until(|it| it.signers().contains(&newcomer));
    for node in [0, 1, 3] {
        propose(node, leaving, false);
    }
    network.run_until(|it| !signers_of(&it.nodes[0]).contains(&leaving));
    let decided = network.nodes[0].chain.head().number;
    network.run_until(|it| it.nodes[0].chain.head().number >= decided + 5);
    let after = network.signers().split_off(decided as usize);
    assert_eq!(
        BTreeSet::from_iter(after),
        BTreeSet::from([key(0), key(1), key(9)].map(|it| it.address()))
    );
}

#[test]
fn the_last_signer_cannot_vote_itself_out() {
    let network = Network::start(1, &[0]);
    let last = key(0).address();
    network.nodes[0].sealer.authority().unwrap().propose(last, false).unwrap();
    network.run_until(|it| it.nodes[0].chain.head().number >= 3);
    assert_eq!(signers_of(&network.nodes[0]), [last]);
}

#[test]
fn an_authority_remembers_so_many_proposals_and_discards_them() {
    let network = Network::start(1, &[0]);
    let authority = network.nodes[0].sealer.authority().unwrap();
    let address = |index: u64| Address::from_word(B256::from(U256::from(index + 1)));
    for index in 0..1_000 {
        authority.propose(address(index), true).unwrap();
    }
    authority.propose(address(0), false).unwrap();
    let refused = authority.propose(address(1_000), true).unwrap_err();
    assert!(refused.to_string().contains("1000"), "{refused}");
    authority.discard(address(1));
    authority.propose(address(1_000), true).unwrap();
    let proposals = authority.proposals();
    assert_eq!((proposals.len(), proposals[&address(0)]), (1_000, false));
    assert!(!proposals.contains_key(&address(1)));
}

#[test]
fn who_may_sign_after_old_blocks_is_found_out_once() {
    let setup = setup(3);
    let (mut node, mut maker) = (TestChain::start(setup.clone()), Maker::new(&setup));
    let blocks = maker.run(maker.genesis(), 39, 1, 0);
    blocks.iter().for_each(|block| assert!(node.chain.import(block).is_ok()));
    node.crash();
    node.open().unwrap();
    let at = |number: usize| BlockNumHash::new(number as u64, blocks[number - 1].hash());
    node.chain.signers_after(at(39)).unwrap();
    let known = node.chain.stats().unwrap().snapshots;
    // Back to the checkpoint, as a peer may make us that names one after the other as a parent.
    for number in (20..39).rev() {
        node.chain.signers_after(at(number)).unwrap();
    }
    assert_eq!(node.chain.stats().unwrap().snapshots, known, "all were known already");
}
