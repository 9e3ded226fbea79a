//! May two nodes talk? Chain, genesis, mode and forks are compared before anything else.

use super::message::{ForkId, Head, Status};
use crate::spec::{ChainSpec, Mode};
use alloy_eips::eip2124::{self, ForkFilter, ForkHash};
use alloy_primitives::{B256, FixedBytes};
use std::sync::Arc;

/// Which chain this node is on, and what it is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The rules.
    pub spec: Arc<ChainSpec>,
    /// Hash of the chain's first block.
    pub genesis: B256,
    /// Software and version.
    pub client: String,
    /// Does this node seal blocks?
    pub seals: bool,
}

/// Why two nodes may not talk: what theirs is, what ours is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Of another chain.
    #[error(
        "its chain id is {theirs}, ours {ours}: it is of another network; if it should not be, make both nodes \
         from one genesis file (mainspring init)"
    )]
    ChainId {
        /// The peer's.
        theirs: u64,
        /// This node's.
        ours: u64,
    },
    /// Another first block.
    #[error(
        "its genesis is {theirs}, ours {ours}: it is of another network; if it should not be, make both nodes \
         from one genesis file (mainspring init)"
    )]
    Genesis {
        /// The peer's.
        theirs: B256,
        /// This node's.
        ours: B256,
    },
    /// Blocks are sealed in another way.
    #[error(
        "its blocks are sealed by {}, ours by {}: make both nodes from one genesis file (mainspring init)",
        .theirs.words(), .ours.words()
    )]
    Mode {
        /// The peer's.
        theirs: Mode,
        /// This node's.
        ours: Mode,
    },
    /// Its rules were, or will be, others.
    #[error(
        "its fork id is {} (next fork {}), ours {} (next fork {}); give both the genesis file with the newest fork \
         times and start them again",
        .theirs.hash, .theirs.next, .ours.hash, .ours.next
    )]
    Fork {
        /// The peer's.
        theirs: ForkId,
        /// This node's.
        ours: ForkId,
    },
}

impl Identity {
    /// What this node says of itself. The head's time, in seconds, says which forks have passed; `time` is
    /// this node's own.
    pub fn status(&self, head: Head, head_timestamp: u64, time: u64) -> Status {
        Status {
            chain_id: self.spec.chain_id(),
            genesis: self.genesis,
            mode: self.spec.mode,
            fork: fork_id(&self.forks(head, head_timestamp)),
            head,
            time,
            client: self.client.clone(),
            seals: self.seals,
        }
    }

    /// May we talk to whom this is from, while our head is this one?
    pub fn compare(&self, head: Head, timestamp: u64, theirs: &Status) -> Result<(), Mismatch> {
        let ours = self.status(head, timestamp, 0);
        if theirs.chain_id != ours.chain_id {
            return Err(Mismatch::ChainId { theirs: theirs.chain_id, ours: ours.chain_id });
        }
        if theirs.genesis != ours.genesis {
            return Err(Mismatch::Genesis { theirs: theirs.genesis, ours: ours.genesis });
        }
        if theirs.mode != ours.mode {
            return Err(Mismatch::Mode { theirs: theirs.mode, ours: ours.mode });
        }
        let named = eip2124::ForkId { hash: ForkHash(theirs.fork.hash.0), next: theirs.fork.next };
        let goes = self.forks(head, timestamp).validate(named);
        goes.map_err(|_either_side| Mismatch::Fork { theirs: theirs.fork, ours: ours.fork })
    }

    fn forks(&self, head: Head, timestamp: u64) -> ForkFilter {
        self.spec.fork_filter(self.genesis, head.number, timestamp)
    }
}

fn fork_id(filter: &ForkFilter) -> ForkId {
    let eip2124::ForkId { hash, next } = filter.current();
    ForkId { hash: FixedBytes(hash.0), next }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn identity(change: impl FnOnce(&mut serde_json::Value)) -> Identity {
        let mut genesis = json!({
            "config": {"chainId": 5, "londonBlock": 0, "clique": {"period": 1}, "shanghaiTime": 100},
            "gasLimit": "0x1c9c380", "difficulty": "0x1", "alloc": {}, "timestamp": "0x1"
        });
        change(&mut genesis);
        let spec = ChainSpec::from_genesis(serde_json::from_value(genesis).unwrap()).unwrap();
        let (spec, genesis) = (Arc::new(spec), B256::repeat_byte(1));
        Identity { spec, genesis, client: "mainspring".to_owned(), seals: true }
    }

    fn at(number: u64) -> Head {
        Head { number, ..Default::default() }
    }

    /// What our node at a time says of another at a time.
    fn compared(ours: &Identity, our_time: u64, theirs: &Identity, time: u64) -> Option<Mismatch> {
        ours.compare(at(our_time), our_time, &theirs.status(at(time), time, 0)).err()
    }

    #[test]
    fn nodes_of_one_chain_talk_wherever_their_heads_are() {
        let node = identity(|_| {});
        for (ours, theirs) in [(5, 5), (5, 200), (200, 5), (200, 200)] {
            assert_eq!(compared(&node, ours, &node, theirs), None);
        }
    }

    #[test]
    fn each_difference_is_named_with_both_values() {
        let node = identity(|_| {});
        let other = identity(|it| it["config"]["chainId"] = json!(6));
        let mismatch = compared(&node, 5, &other, 5).unwrap();
        assert!(mismatch.to_string().starts_with("its chain id is 6, ours 5: "), "{mismatch}");
        let other = Identity { genesis: B256::ZERO, ..node.clone() };
        assert!(matches!(compared(&node, 5, &other, 5), Some(Mismatch::Genesis { .. })));
        let other = identity(|it| {
            it["config"]["clique"].take();
            it["config"]["ethash"] = json!({});
        });
        let mode = Mismatch::Mode { theirs: Mode::Pow, ours: Mode::Poa };
        assert_eq!(compared(&node, 5, &other, 5), Some(mode));
    }

    #[test]
    fn a_fork_that_one_does_not_know_parts_them_when_it_has_passed() {
        let (node, other) = (
            identity(|_| {}),
            identity(|it| it["config"]["shanghaiTime"].take().as_u64().map_or((), drop)),
        );
        assert_eq!(compared(&node, 5, &other, 5), None, "it may learn of the fork yet");
        let parted = compared(&node, 150, &other, 150).unwrap().to_string();
        assert!(parted.contains("its fork id is 0x") && parted.contains("next fork 0"), "{parted}");
        assert!(compared(&other, 150, &node, 150).is_some());
    }
}
