//! A reorganisation that fails or crashes in the middle has not happened, or is finished.

use super::{BOB, check_rows, head, import_all, paying, quiet};
use crate::{
    maker::{Maker, SLOW},
    node::TestChain,
};
use alloy_primitives::U256;
use fail::FailScenario;
use mainspring::{chain::Imported, primitives::Block};

/// A chain of four blocks, and a branch of five whose last block is not imported yet.
fn ready(flush: bool) -> (TestChain, Vec<Block>, Vec<Block>) {
    let node = TestChain::start_alone(quiet());
    let mut maker = Maker::new(&node.setup);
    let genesis = maker.genesis();
    let one = paying(&mut maker, genesis, 4, SLOW, 1);
    let other = paying(&mut maker, one[0].hash(), 4, SLOW, 2);
    import_all(&node, &one);
    if flush {
        node.chain.flush_state().unwrap();
    }
    assert_eq!(import_all(&node, &other[..3]), vec![Imported::Side; 3]);
    (node, one, other)
}

#[test]
fn a_reorganisation_whose_commit_failed_did_not_happen_and_is_done_when_the_block_comes_again() {
    for point in ["blocks-commit-before", "blocks-commit-middle"] {
        for flush in [false, true] {
            let scenario = FailScenario::setup();
            let (mut node, one, other) = ready(flush);
            fail::cfg(point, "1*return").unwrap();
            let refused = node.chain.import(&other[3]).unwrap_err();
            assert!(refused.to_string().contains(point), "{refused}");
            assert_eq!((head(&node), node.account(BOB).1), (one[3].hash(), U256::from(4)));
            node.reopen_after_crash();
            assert_eq!(head(&node), one[3].hash());
            let done = node.chain.import(&other[3]).unwrap();
            assert_eq!(done, Imported::Reorganised { removed: 3, added: 4 });
            assert_eq!(node.account(BOB).1, U256::from(5));
            check_rows(&node);
            scenario.teardown();
        }
    }
}

#[test]
fn a_reorganisation_that_stopped_after_its_commit_is_finished_at_the_next_start() {
    let points = [
        ("reorganise-after-blocks", false),
        ("reorganise-after-blocks", true),
        ("state-unwind-before", true),
        ("state-unwind-middle", true),
        ("reorganise-before-swap", false),
        ("reorganise-before-swap", true),
    ];
    for (point, flush) in points {
        let scenario = FailScenario::setup();
        let (mut node, one, other) = ready(flush);
        fail::cfg(point, "1*return").unwrap();
        let refused = node.chain.import(&other[3]).unwrap_err();
        assert!(refused.to_string().contains(point), "{refused}");
        // Who reads still gets the head that everyone knew; nothing more is taken in.
        assert_eq!(head(&node), one[3].hash());
        let halted = node.chain.import(&other[3]).unwrap_err().to_string();
        assert!(halted.contains("restart"), "{halted}");
        node.reopen_after_crash();
        assert_eq!((head(&node), node.account(BOB).1), (other[3].hash(), U256::from(5)));
        let kept: Vec<_> = one[1..].iter().map(Block::num_hash).collect();
        assert_eq!(node.chain.side_blocks().unwrap(), kept);
        check_rows(&node);
        scenario.teardown();
    }
}
