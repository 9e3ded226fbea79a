//! A bad block is refused by the rule's name and changes nothing, on disk or in memory.

use super::{BOB, head, paying, start, work};
use crate::{
    maker::SLOW,
    node::{Setup, TestChain},
    wallet::{key, transfer},
};
use alloy_consensus::Header;
use alloy_primitives::{B64, B256, Bloom, U256};
use mainspring::{
    chain::{ImportError, Imported},
    consensus::ethash::{Cache, Sizes, seal_hash},
    primitives::{Block, BlockNumHash, Body},
    spec::Fork,
};

/// Everything that could change.
fn seen(node: &TestChain) -> (B256, U256, Vec<BlockNumHash>, U256) {
    let number = node.chain.head().number;
    let total = node.chain.total_difficulty(number).unwrap();
    (head(node), total, node.chain.side_blocks().unwrap(), node.account(BOB).1)
}

fn changed(block: &Block, change: impl FnOnce(&mut Header, &mut Body)) -> Block {
    let mut header = block.header.inner().clone();
    let mut body = block.body.as_ref().clone();
    change(&mut header, &mut body);
    Block::new(header, body)
}

#[test]
fn every_bad_block_is_named_by_its_rule_and_changes_nothing_wherever_it_comes() {
    let (mut node, mut maker) = start(work());
    let genesis = maker.genesis();
    let trunk = paying(&mut maker, genesis, 4, SLOW, 1);
    let side = paying(&mut maker, trunk[0].hash(), 2, SLOW, 2);
    for block in trunk[..3].iter().chain(&side[..1]) {
        node.chain.import(block).unwrap();
    }
    type Change = fn(&mut Header, &mut Body);
    let changes: [(&str, Change); 10] = [
        ("InvalidNumber", |header, _| header.number += 1),
        ("InvalidTimestamp", |header, _| header.timestamp -= 10),
        ("InvalidDifficulty", |header, _| header.difficulty += U256::from(1)),
        ("InvalidGasLimit", |header, _| header.gas_limit += header.gas_limit / 1024),
        ("InvalidGasUsed", |header, _| header.gas_used += 1),
        ("InvalidRoot", |header, _| header.receipts_root = B256::repeat_byte(1)),
        ("InvalidRoot", |_, body| body.transactions.clear()),
        ("InvalidLogsBloom", |header, _| header.logs_bloom = Bloom::repeat_byte(1)),
        ("InvalidStateRoot", |header, _| header.state_root = B256::repeat_byte(1)),
        ("InvalidBaseFee", |header, _| header.base_fee_per_gas = Some(7)),
    ];
    let before = seen(&node);
    for (rule, change) in changes {
        for right in [&trunk[3], &side[1]] {
            let bad = changed(right, change);
            let refused = node.chain.import(&bad).unwrap_err();
            if rule == "InvalidNumber" {
                // Its parent is not at the height below.
                assert!(matches!(refused, ImportError::UnknownParent { .. }), "{refused}");
            } else {
                assert_eq!(refused.rule(), Some(rule), "{refused}");
                assert!(refused.to_string().contains(&bad.hash().to_string()), "{refused}");
            }
            assert_eq!(seen(&node), before, "{rule}");
        }
    }
    node.reopen_after_crash();
    assert_eq!(seen(&node), before);
    assert_eq!(node.chain.import(&side[1]).unwrap(), Imported::Side);
    assert_eq!(node.chain.import(&trunk[3]).unwrap(), Imported::Extended);
}

#[test]
fn a_transaction_that_its_sender_cannot_send_makes_the_block_bad() {
    let (node, mut maker) = start(work());
    let genesis = maker.genesis();
    let right = paying(&mut maker, genesis, 1, SLOW, 1).remove(0);
    let wrong = changed(&right, |header, body| {
        body.transactions = vec![transfer(&key(1), 5, BOB, 1)];
        let envelopes: Vec<_> = body.transactions.iter().map(|tx| tx.envelope()).collect();
        header.transactions_root = alloy_consensus::proofs::calculate_transaction_root(&envelopes);
    });
    let refused = node.chain.import(&wrong).unwrap_err();
    assert_eq!(refused.rule(), Some("InvalidTransaction"), "{refused}");
    assert!(refused.to_string().contains("nonce"), "{refused}");
    assert_eq!(head(&node), genesis);
    node.chain.import(&right).unwrap();
}

#[test]
fn a_bad_block_in_a_bulk_import_leaves_what_came_before() {
    let (node, mut maker) = start(work());
    let genesis = maker.genesis();
    let blocks = paying(&mut maker, genesis, 6, SLOW, 1);
    let bad = changed(&blocks[3], |header, _| header.state_root = B256::ZERO);
    let mut import = node.chain.importing();
    for block in &blocks[..3] {
        import.add(block).unwrap();
    }
    let refused = import.add(&bad).unwrap_err();
    assert_eq!(refused.rule(), Some("InvalidStateRoot"));
    assert_eq!(head(&node), blocks[2].hash(), "committed before the error was told");
    let orphan = import.add(&blocks[4]).unwrap_err();
    assert!(matches!(orphan, ImportError::UnknownParent { .. }), "{orphan}");
    for block in &blocks[3..] {
        assert_eq!(import.add(block).unwrap(), Imported::Extended);
    }
    import.commit().unwrap();
    drop(import);
    assert_eq!(node.account(BOB).1, U256::from(6));
}

#[test]
fn a_seal_proves_the_work_of_the_blocks_own_header_or_the_block_is_refused() {
    let setup = Setup { proof: true, fork: Fork::London, ..Setup::default() };
    let (node, mut maker) = start(setup);
    let genesis = maker.genesis();
    let draft = maker.run(genesis, 1, SLOW, 1).remove(0);
    let cache = Cache::new(Sizes::TINY, 0);
    let limit = U256::MAX / draft.header.difficulty;
    let seal = |header: &Header| {
        let hash = seal_hash(header);
        let found = (0u64..).map(B64::from).find_map(|nonce| {
            let work = cache.hashimoto(hash, nonce);
            (U256::from_be_bytes(work.result.0) <= limit).then_some((nonce, work.mix_hash))
        });
        found.unwrap()
    };
    let (nonce, mix_hash) = seal(draft.header.inner());
    let sealed = changed(&draft, |header, _| (header.nonce, header.mix_hash) = (nonce, mix_hash));
    let other = changed(&sealed, |header, _| header.extra_data = vec![9].into());
    let flipped = changed(&sealed, |header, _| header.mix_hash.0[31] ^= 1);
    for bad in [&draft, &other, &flipped] {
        let refused = node.chain.import(bad).unwrap_err();
        assert_eq!(refused.rule(), Some("InvalidSeal"), "{refused}");
    }
    assert!(!node.chain.leaves_seal_unverified(&sealed.header));
    assert_eq!(node.chain.import(&sealed).unwrap(), Imported::Extended);
}

#[test]
fn a_block_in_the_future_waits_where_work_proves_blocks_and_nowhere_else() {
    let ahead = |node: &TestChain, right: &Block| {
        let timestamp = node.chain.clock().now() + 1_000;
        (timestamp, changed(right, |header, _| header.timestamp = timestamp))
    };
    let setup = Setup { proof: true, fork: Fork::London, ..Setup::default() };
    let (node, mut maker) = start(setup);
    let genesis = maker.genesis();
    let right = maker.run(genesis, 1, SLOW, 1).remove(0);
    let (timestamp, early) = ahead(&node, &right);
    let refused = node.chain.import(&early).unwrap_err();
    assert!(matches!(refused, ImportError::Future { .. }), "{refused}");
    assert!(refused.to_string().contains("block in the future"), "{refused}");
    assert!(refused.to_string().contains(&timestamp.to_string()), "{refused}");
    assert!(node.chain.bad_blocks().is_empty(), "its time may come");

    let (merged, mut maker) = start(work());
    let genesis = maker.genesis();
    let right = maker.run(genesis, 1, SLOW, 1).remove(0);
    let (_, early) = ahead(&merged, &right);
    assert_eq!(merged.chain.import(&early).unwrap(), Imported::Extended, "its time is no matter");
}
