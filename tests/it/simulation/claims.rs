//! Is what is left right? Asked when everything has healed and nobody makes blocks any more.

use super::{faults::Trouble, node::Node, world::World};
use alloy_primitives::{B256, map::B256Map};
use mainspring::{chain::verify, spec::Mode, state::full_root};

impl World {
    /// Every claim of the simulation.
    pub(super) fn check(&self) {
        self.check_heads();
        self.check_transactions();
        let [healed, sealed] = self.heights;
        // Miners may be out of luck for a while.
        let least = if self.mode == Mode::Pow { 1 } else { 4 };
        assert!(
            sealed >= healed + least,
            "the chain stood still: {healed} after the faults, then {sealed}"
        );
    }

    /// What happened, in a line.
    pub(super) fn summary(&self) -> String {
        let (nodes, sent, unwound) = (self.nodes.len(), self.sent.len(), self.unwound);
        let [healed, sealed] = self.heights;
        let trouble = self.plan.trouble;
        format!(
            "{nodes} nodes, {sent} transactions, {unwound} unwound, height {healed} -> {sealed}, {trouble:?}"
        )
    }

    /// One head on all nodes, whose state is what its root says.
    fn check_heads(&self) {
        let running = self.nodes.iter().map(|node| node.running.as_ref().expect("all run again"));
        let heads: Vec<(u64, B256)> =
            running.map(|it| (it.chain.head().number, it.chain.head().seal())).collect();
        assert!(heads.iter().all(|head| *head == heads[0]), "the heads differ: {heads:?}");
        for node in &self.nodes {
            let running = node.running.as_ref().expect("all run again");
            running.chain.flush_state().unwrap();
            let reader = running.storage.state.reader().unwrap();
            let head = running.chain.head();
            assert_eq!(full_root(&reader, head.number).unwrap(), head.state_root);
            drop(reader);
            let verified = verify(&running.storage, |_| {}).unwrap();
            assert_eq!(verified.faults.count(), 0, "{:?}", verified.faults.listed());
        }
    }

    /// Whatever was sent is mined, and once.
    fn check_transactions(&self) {
        let chain = &self.nodes[0].running.as_ref().expect("all run again").chain;
        let mut mined: B256Map<u32> = B256Map::default();
        for number in 1..=chain.head().number {
            let block = chain.block(number).unwrap().unwrap();
            for transaction in &block.body.transactions {
                *mined.entry(transaction.hash()).or_default() += 1;
            }
        }
        for (place, sent) in self.sent.iter().enumerate() {
            let times = mined.get(&sent.hash).copied().unwrap_or(0);
            let waits = |node: &&Node| {
                node.running.as_ref().is_some_and(|running| running.pool.contains(sent.hash))
            };
            let waits: Vec<usize> =
                self.nodes.iter().filter(waits).map(|node| node.index).collect();
            assert_eq!(times, 1, "{place} of {}: {sent} waits at {waits:?}", self.sent.len());
        }
        assert_eq!(mined.len(), self.sent.len());
    }

    /// Notes what is final on a node. It stays, also when nodes die, as long as nothing is cut; and with proof of
    /// work always: no branch gets so long.
    pub(super) fn note_final(&mut self, node: usize) {
        let Some(running) = &self.nodes[node].running else { return };
        let last = running.chain.finality().finalized;
        let known = &mut self.final_blocks[node];
        let first = known.last_key_value().map_or(0, |(number, _)| *number);
        for number in first..=last {
            let hash = running.chain.header(number).unwrap().unwrap().seal();
            let before = known.insert(number, hash);
            let is_promised = self.plan.trouble != Trouble::Any || self.mode == Mode::Pow;
            if is_promised && let Some(before) = before {
                assert_eq!(before, hash, "block {number} was final on node {node}");
            }
        }
    }
}
