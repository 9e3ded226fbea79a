//! Blocks from outside are checked, and the heaviest branch is the chain.

mod bad_blocks;
#[cfg(feature = "failpoints")]
mod failpoints;

use crate::{
    maker::{FAST, Maker, SLOW, Wanted},
    node::{COINBASE, Setup, TestChain, check_rows},
    wallet::{key, sign, transfer},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, bytes};
use mainspring::{
    chain::{ChainEvent, ImportError, Imported},
    primitives::{Block, Edit},
    spec::Fork,
    storage::SIDE_DEPTH,
};

const BOB: Address = Address::repeat_byte(0xb0);

fn work() -> Setup {
    Setup { work: true, fork: Fork::London, ..Setup::default() }
}

/// A chain of work whose state is written only when the test asks for it.
fn quiet() -> Setup {
    work().quiet()
}

fn start(setup: Setup) -> (TestChain, Maker) {
    let maker = Maker::new(&setup);
    (TestChain::start(setup), maker)
}

fn import_all(node: &TestChain, blocks: &[Block]) -> Vec<Imported> {
    blocks.iter().map(|block| node.chain.import(block).unwrap()).collect()
}

fn head(node: &TestChain) -> B256 {
    node.chain.head().seal()
}

/// A branch in which each block pays Bob one wei.
fn paying(maker: &mut Maker, parent: B256, count: u64, seconds: u64, tag: u8) -> Vec<Block> {
    let mut parent = parent;
    let next = |nonce| {
        let pay = transfer(&key(u64::from(tag % 4)), nonce, BOB, 1);
        let block = maker.make(parent, Wanted::with(vec![pay], seconds, tag));
        parent = block.hash();
        block
    };
    (0..count).map(next).collect()
}

#[test]
fn blocks_extend_the_head_one_by_one_and_in_bulk() {
    let (one, mut maker) = start(work());
    let genesis = maker.genesis();
    let blocks = paying(&mut maker, genesis, 10, SLOW, 1);
    assert_eq!(import_all(&one, &blocks), vec![Imported::Extended; 10]);
    let bulk = TestChain::start(work());
    let mut import = bulk.chain.importing();
    for block in &blocks {
        assert_eq!(import.add(block).unwrap(), Imported::Extended);
    }
    assert_eq!(head(&bulk), genesis, "nothing is visible before the commit");
    import.commit().unwrap();
    drop(import);
    for node in [&one, &bulk] {
        assert_eq!(head(node), blocks[9].hash());
        assert_eq!(node.account(BOB).1, U256::from(10));
        let total: U256 = blocks.iter().map(|block| block.header.difficulty).sum();
        let genesis = node.chain.header(0).unwrap().unwrap().difficulty;
        assert_eq!(node.chain.total_difficulty(10).unwrap(), genesis + total);
        assert_eq!(import_all(node, &blocks), vec![Imported::Known; 10]);
        check_rows(node);
    }
}

#[test]
fn miners_are_paid_on_the_branch_that_wins_only() {
    let (node, mut maker) = start(work());
    let genesis = maker.genesis();
    let light = maker.run(genesis, 2, SLOW, 1);
    let heavy = maker.run(genesis, 3, SLOW, 2);
    import_all(&node, &light);
    import_all(&node, &heavy);
    assert_eq!(head(&node), heavy[2].hash());
    let ether = U256::from(10).pow(U256::from(18));
    assert_eq!(node.account(COINBASE).1, U256::from(6) * ether);
}

#[test]
fn the_first_seen_wins_ties_and_a_side_block_is_kept() {
    let (mut node, mut maker) = start(work());
    let genesis = maker.genesis();
    let first = maker.run(genesis, 3, SLOW, 1);
    let second = maker.run(genesis, 3, SLOW, 2);
    import_all(&node, &first);
    assert_eq!(import_all(&node, &second), vec![Imported::Side; 3]);
    assert_eq!(head(&node), first[2].hash());
    let kept: Vec<_> = second.iter().map(Block::num_hash).collect();
    for _ in 0..2 {
        assert_eq!(node.chain.side_blocks().unwrap(), kept);
        assert_eq!(node.chain.side_block(kept[1]).unwrap().unwrap().block, second[1]);
        assert_eq!(import_all(&node, &second), vec![Imported::Known; 3]);
        node.reopen_after_crash();
    }
    assert_eq!(head(&node), first[2].hash());
}

#[test]
fn a_heavier_branch_reorganises_and_the_other_one_is_kept_and_may_come_back() {
    for flush in [false, true] {
        let (mut node, mut maker) = start(quiet());
        let genesis = maker.genesis();
        let one = paying(&mut maker, genesis, 5, SLOW, 1);
        let other = paying(&mut maker, one[1].hash(), 4, SLOW, 2);
        import_all(&node, &one);
        if flush {
            node.chain.flush_state().unwrap();
        }
        let done = import_all(&node, &other);
        let reorganised = Imported::Reorganised { removed: 3, added: 4 };
        assert_eq!(done, [Imported::Side, Imported::Side, Imported::Side, reorganised]);
        assert_eq!(head(&node), other[3].hash());
        assert_eq!(node.account(BOB).1, U256::from(6));
        let kept: Vec<_> = one[2..].iter().map(Block::num_hash).collect();
        assert_eq!(node.chain.side_blocks().unwrap(), kept);
        check_rows(&node);
        node.reopen_after_crash();
        // Two more on the old branch, whose blocks nobody remembers executed.
        let back = paying(&mut maker, one[4].hash(), 2, FAST, 3);
        let done = import_all(&node, &back);
        let reorganised = Imported::Reorganised { removed: 4, added: 4 };
        assert_eq!(done, [reorganised, Imported::Extended]);
        assert_eq!(node.account(BOB).1, U256::from(7));
        check_rows(&node);
    }
}

#[test]
fn a_side_branch_below_the_written_state_is_executed_on_its_own_past() {
    let (node, mut maker) = start(quiet());
    let genesis = maker.genesis();
    // Stores its own number's parent hash: BLOCKHASH(NUMBER - 1) into slot 0.
    let code = bytes!("6001430340600055");
    let init = Bytes::from([&bytes!("67")[..], &code, &bytes!("6000526008 6018f3")].concat());
    let create = sign(&key(0), 0, TxKind::Create, U256::ZERO, init);
    let contract = key(0).address().create(0);
    let base = maker.make(genesis, Wanted::with(vec![create], SLOW, 0));
    node.chain.import(&base).unwrap();
    let call = |nonce| sign(&key(0), nonce, contract.into(), U256::ZERO, Bytes::from(vec![1]));
    let mut branch = |tag, count: u64| {
        let mut parent = base.hash();
        let next = |nonce| {
            let block = maker.make(parent, Wanted::with(vec![call(nonce)], SLOW, tag));
            parent = block.hash();
            block
        };
        (1..=count).map(next).collect::<Vec<_>>()
    };
    let (one, other) = (branch(1, 4), branch(2, 5));
    import_all(&node, &one);
    node.chain.flush_state().unwrap();
    let slot = || {
        let (_, view) = node.chain.latest().unwrap();
        B256::from(view.storage(contract, U256::ZERO).unwrap())
    };
    assert_eq!(slot(), one[2].hash());
    import_all(&node, &other);
    assert_eq!(head(&node), other[4].hash());
    assert_eq!(slot(), other[3].hash(), "BLOCKHASH answers for the block's own branch");
    check_rows(&node);
}

#[test]
fn branches_of_branches_are_executed_from_where_they_part() {
    let (node, mut maker) = start(work());
    let genesis = maker.genesis();
    let trunk = paying(&mut maker, genesis, 6, FAST, 0);
    let low = paying(&mut maker, trunk[0].hash(), 3, SLOW, 1);
    let twig = paying(&mut maker, low[1].hash(), 2, SLOW, 2);
    let bud = paying(&mut maker, twig[0].hash(), 6, FAST, 3);
    import_all(&node, &trunk);
    assert_eq!(import_all(&node, &low), vec![Imported::Side; 3]);
    node.chain.flush_state().unwrap();
    assert_eq!(import_all(&node, &twig), vec![Imported::Side; 2]);
    let done = import_all(&node, &bud);
    assert_eq!(head(&node), bud[5].hash());
    let parts = |done: &Imported| matches!(done, Imported::Reorganised { removed: 5, .. });
    assert!(done.iter().any(parts), "{done:?}");
    check_rows(&node);
}

#[test]
fn news_of_a_reorganisation_comes_in_order() {
    let (node, mut maker) = start(work());
    let genesis = maker.genesis();
    let one = maker.run(genesis, 2, SLOW, 1);
    let other = maker.run(genesis, 3, SLOW, 2);
    import_all(&node, &one);
    let mut news = node.chain.subscribe();
    import_all(&node, &other);
    let Ok(ChainEvent::Unwound { to: 0, removed, by_branch: true }) = news.try_recv() else {
        panic!("no unwind")
    };
    let gone: Vec<_> = removed.iter().map(|stored| stored.block.hash()).collect();
    assert_eq!(gone, [one[0].hash(), one[1].hash()]);
    for block in &other {
        let Ok(ChainEvent::NewHead(new)) = news.try_recv() else { panic!("no head") };
        assert_eq!(new.block.hash(), block.hash());
    }
    assert!(news.try_recv().is_err());
}

#[test]
fn ommers_are_those_of_the_blocks_own_branch() {
    let (node, mut maker) = start(work());
    let genesis = maker.genesis();
    let one = maker.run(genesis, 3, SLOW, 1);
    let other = maker.run(one[0].hash(), 2, SLOW, 2);
    let ommer = |block: &Block| vec![block.header.inner().clone()];
    let with = |ommers, tag| Wanted { ommers, ..Wanted::empty(SLOW, tag) };
    // On the other branch, the second block of the first one is an ommer.
    let nephew = maker.make(other[1].hash(), with(ommer(&one[1]), 3));
    // On the first branch it is an ancestor.
    let wrong = maker.make(one[2].hash(), with(ommer(&one[1]), 4));
    import_all(&node, &one);
    import_all(&node, &other);
    let refused = node.chain.import(&wrong).unwrap_err();
    assert_eq!(refused.rule(), Some("OmmerIsAncestor"));
    let done = node.chain.import(&nephew).unwrap();
    assert_eq!(done, Imported::Reorganised { removed: 2, added: 3 });
    let repeated = maker.make(nephew.hash(), with(ommer(&one[1]), 5));
    assert_eq!(node.chain.import(&repeated).unwrap_err().rule(), Some("OmmerRepeated"));
    assert_eq!(head(&node), nephew.hash());
}

#[test]
fn an_imported_chain_survives_crashes_between_all_its_blocks() {
    let (mut node, mut maker) = start(quiet());
    let genesis = maker.genesis();
    let one = paying(&mut maker, genesis, 4, SLOW, 1);
    let other = paying(&mut maker, one[0].hash(), 5, SLOW, 2);
    for (place, block) in one.iter().chain(&other).enumerate() {
        node.chain.import(block).unwrap();
        if place % 3 == 0 {
            node.chain.flush_state().unwrap();
        }
        let before = head(&node);
        node.reopen_after_crash();
        assert_eq!(head(&node), before);
    }
    assert_eq!(head(&node), other[4].hash());
    assert_eq!(node.account(BOB).1, U256::from(6));
    check_rows(&node);
}

#[test]
fn edits_go_with_the_branch_they_lie_on() {
    let (mut node, mut maker) = start(work());
    let genesis = maker.genesis();
    let one = maker.run(genesis, 2, SLOW, 1);
    let other = maker.run(genesis, 4, SLOW, 2);
    import_all(&node, &one);
    node.chain.edit(vec![Edit::Balance(BOB, U256::from(5))]).unwrap();
    import_all(&node, &other[..2]);
    assert_eq!(node.account(BOB).1, U256::from(5), "the head is the same");
    import_all(&node, &other[2..3]);
    assert_eq!((node.account(BOB).1, node.chain.edit_count()), (U256::ZERO, 0));
    // Over a head that is extended they stay, and are no part of the block.
    node.chain.edit(vec![Edit::Balance(BOB, U256::from(7))]).unwrap();
    import_all(&node, &other[3..]);
    for _ in 0..2 {
        assert_eq!((node.account(BOB).1, node.chain.edit_count()), (U256::from(7), 1));
        node.reopen_after_crash();
    }
}

#[test]
fn a_removed_block_with_an_edit_in_it_is_not_kept_aside() {
    let node = TestChain::start(Setup::default());
    let mut maker = Maker::new(&node.setup);
    node.mine().unwrap();
    node.chain.edit(vec![Edit::Balance(BOB, U256::from(5))]).unwrap();
    node.mine().unwrap();
    node.mine().unwrap();
    let plain = node.chain.header(1).unwrap().unwrap().seal();
    let other = maker.run(maker.genesis(), 1, 500_000_000, 9);
    let done = node.chain.import(&other[0]).unwrap();
    assert_eq!(done, Imported::Reorganised { removed: 3, added: 1 });
    let kept: Vec<_> = node.chain.side_blocks().unwrap().iter().map(|block| block.hash).collect();
    assert_eq!(kept, [plain]);
    assert_eq!(node.account(BOB).1, U256::ZERO);
}

#[test]
fn what_came_last_is_the_head_where_no_work_is_done() {
    let node = TestChain::start(Setup::default());
    let mut maker = Maker::new(&node.setup);
    let genesis = maker.genesis();
    let one = maker.run(genesis, 3, SLOW, 1);
    let other = maker.run(genesis, 1, SLOW, 2);
    import_all(&node, &one);
    let done = node.chain.import(&other[0]).unwrap();
    assert_eq!(done, Imported::Reorganised { removed: 3, added: 1 });
    assert_eq!(node.chain.import(&one[2]).unwrap(), Imported::Known);
    assert_eq!(node.chain.total_difficulty(1).unwrap(), U256::ZERO);
}

#[test]
fn a_bulk_import_goes_around_side_blocks_known_blocks_and_batches() {
    let (node, mut maker) = start(work());
    let genesis = maker.genesis();
    let one = paying(&mut maker, genesis, 100, SLOW, 1);
    let side = paying(&mut maker, one[49].hash(), 3, SLOW, 2);
    let mut import = node.chain.importing();
    let mut add = |blocks: &[Block]| -> Vec<_> {
        blocks.iter().map(|block| import.add(block).unwrap()).collect()
    };
    assert_eq!(add(&one[..60]), vec![Imported::Extended; 60]);
    assert_eq!(add(&side), vec![Imported::Side; 3]);
    assert_eq!(add(&one[50..60]), vec![Imported::Known; 10]);
    assert_eq!(add(&one[60..]), vec![Imported::Extended; 40]);
    import.commit().unwrap();
    drop(import);
    assert_eq!(head(&node), one[99].hash());
    assert_eq!(node.account(BOB).1, U256::from(100));
    check_rows(&node);
}

#[test]
fn a_block_without_a_known_parent_is_refused_and_one_that_parts_too_deep_too() {
    let (node, mut maker) = start(work());
    let genesis = maker.genesis();
    let blocks = maker.run(genesis, SIDE_DEPTH as usize + 3, SLOW, 1);
    let refused = node.chain.import(&blocks[1]).unwrap_err();
    assert!(
        matches!(refused, ImportError::UnknownParent { parent, .. } if parent == blocks[0].hash())
    );
    let mut import = node.chain.importing();
    for block in &blocks {
        import.add(block).unwrap();
    }
    import.commit().unwrap();
    drop(import);
    let deep = maker.run(genesis, 1, SLOW, 2);
    let refused = node.chain.import(&deep[0]).unwrap_err();
    assert!(matches!(refused, ImportError::TooDeep { .. }), "{refused}");
    let near = maker.run(blocks[5].hash(), 1, SLOW, 2);
    assert_eq!(node.chain.import(&near[0]).unwrap(), Imported::Side);
}
