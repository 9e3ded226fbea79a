//! May two nodes talk? Chain, genesis, mode and forks are compared before anything else.

use super::{
    message::{ForkId, Head, Status},
    moment::fork_point,
};
use crate::{
    consensus::clique::CliqueRules,
    spec::{ChainSpec, Mode},
};
use alloy_eips::eip2124::{self, ForkFilter, ForkHash};
use alloy_primitives::{Address, B256, FixedBytes};
use std::{collections::BTreeMap, fmt, sync::Arc};

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
    /// As whom it signs them, where it has a key.
    pub signer: Option<Address>,
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
    /// Its genesis file has the same first block, and other rules for those that follow.
    #[error(
        "its rules are others than ours: {}: make both nodes from one genesis file (mainspring init, into a \
         new directory where there are blocks already)", listed(.0)
    )]
    Rules(Vec<OtherRule>),
    /// Its forks were, or will be, others.
    #[error(
        "its fork id is {} (next fork {}), ours {} (next fork {}): {missed}",
        .theirs.hash, .theirs.next, .ours.hash, .ours.next
    )]
    Fork {
        /// Who missed a fork.
        missed: Missed,
        /// The peer's.
        theirs: ForkId,
        /// This node's.
        ours: ForkId,
    },
}

/// Which of two nodes missed a fork that the other has passed, and what helps?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The peer lacks one of this node's.
    ByPeer(u64),
    /// This node has gone past one of the peer's under the old rules.
    Here(u64),
    /// This node does not know which.
    Unknown,
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self {
            Self::ByPeer(at) => {
                write!(f, "it lacks the fork at {}, which has passed here; ", fork_point(*at))?;
                "that node"
            }
            Self::Here(at) => {
                let at = fork_point(*at);
                write!(f, "this node lacks the fork at {at}, which its chain is past; ")?;
                "this node"
            }
            Self::Unknown => {
                f.write_str("it has passed a fork that this node does not know; ")?;
                "this node"
            }
        };
        write!(
            f,
            "stop {whose}, give it the genesis file with the newest fork times (mainspring init) and start it \
             again; where init says that its chain is past the fork, make a new directory from that file"
        )
    }
}

/// A fork that is still to come and that one of two nodes does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoneFork {
    /// Block or time.
    pub at: u64,
    /// Is it this node that knows it?
    pub is_ours: bool,
}

impl fmt::Display for LoneFork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = fork_point(self.at);
        let (who, whose) = match self.is_ours {
            true => {
                (format!("a peer does not know the fork at {at} that this node has"), "that node")
            }
            false => {
                (format!("a peer has a fork at {at} that this node does not know"), "this node")
            }
        };
        write!(
            f,
            "{who}: from then on the two refuse each other; before that, stop {whose}, give it the genesis file \
             with that fork (mainspring init) and start it again"
        )
    }
}

/// A rule that two nodes have differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherRule {
    /// Its name in the genesis file.
    pub name: String,
    /// The peer's.
    pub theirs: String,
    /// This node's.
    pub ours: String,
}

impl fmt::Display for OtherRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, theirs, ours } = self;
        write!(f, "{name}: theirs {theirs}, ours {ours}")
    }
}

fn listed(rules: &[OtherRule]) -> String {
    rules.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
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
            signer: self.signer.filter(|_| self.seals),
            rules: self.rules(time),
        }
    }

    /// Which forks have passed at a head of a time in seconds, and which comes next.
    pub(super) fn fork(&self, head: Head, timestamp: u64) -> ForkId {
        fork_id(&self.forks(head, timestamp))
    }

    /// The rules that genesis and fork id do not tell, as they are at a time in seconds.
    fn rules(&self, time: u64) -> BTreeMap<String, String> {
        let mut rules = self.spec.agreed_rules(time);
        if self.spec.mode == Mode::Poa {
            let CliqueRules { period, epoch } = CliqueRules::of(&self.spec.genesis);
            rules.insert("config.clique.period".to_owned(), period.to_string());
            rules.insert("config.clique.epoch".to_owned(), epoch.to_string());
        }
        rules
    }

    /// May we talk to whom this is from, while our head is this one?
    pub fn compare(&self, head: Head, timestamp: u64, theirs: &Status) -> Result<(), Mismatch> {
        // At their time, so that both compare the same limits for blobs.
        let ours = self.status(head, timestamp, theirs.time);
        if theirs.chain_id != ours.chain_id {
            return Err(Mismatch::ChainId { theirs: theirs.chain_id, ours: ours.chain_id });
        }
        if theirs.genesis != ours.genesis {
            return Err(Mismatch::Genesis { theirs: theirs.genesis, ours: ours.genesis });
        }
        if theirs.mode != ours.mode {
            return Err(Mismatch::Mode { theirs: theirs.mode, ours: ours.mode });
        }
        let others = other_rules(&theirs.rules, ours.rules);
        if !others.is_empty() {
            return Err(Mismatch::Rules(others));
        }
        let named = eip2124::ForkId { hash: ForkHash(theirs.fork.hash.0), next: theirs.fork.next };
        let goes = self.forks(head, timestamp).validate(named);
        goes.map_err(|_either_side| {
            let missed = self.missed(theirs.fork, ours.fork);
            Mismatch::Fork { missed, theirs: theirs.fork, ours: ours.fork }
        })
    }

    /// Who missed a fork, of two nodes whose fork ids do not go together?
    fn missed(&self, theirs: ForkId, ours: ForkId) -> Missed {
        match self.spec.fork_after(self.genesis, theirs.hash.0) {
            None => Missed::Unknown,
            Some(_later) if theirs.hash == ours.hash => Missed::Here(theirs.next),
            Some(at) => Missed::ByPeer(at),
        }
    }

    /// The first fork to come that only one knows: this node, or whom this is from and who may talk with it.
    pub fn lone_fork(&self, theirs: &Status) -> Option<LoneFork> {
        let ours = self.spec.fork_after(self.genesis, theirs.fork.hash.0)?;
        let their = theirs.fork.next;
        let is_ours = match (ours, their) {
            (ours, their) if ours == their => return None,
            (0, _) => false,
            (_, 0) => true,
            (ours, their) => ours < their,
        };
        Some(LoneFork { at: if is_ours { ours } else { their }, is_ours })
    }

    fn forks(&self, head: Head, timestamp: u64) -> ForkFilter {
        self.spec.fork_filter(self.genesis, head.number, timestamp)
    }
}

/// Of the rules that both name, those that differ: one that a version does not know is no difference yet.
fn other_rules(
    theirs: &BTreeMap<String, String>,
    ours: BTreeMap<String, String>,
) -> Vec<OtherRule> {
    let both = ours.into_iter().filter_map(|(name, ours)| {
        let theirs = theirs.get(&name).filter(|theirs| **theirs != ours)?.clone();
        Some(OtherRule { name, theirs, ours })
    });
    both.collect()
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
        Identity { spec, genesis, client: "mainspring".to_owned(), seals: true, signer: None }
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
    fn rules_that_the_first_block_does_not_tell_are_compared_by_name() {
        let node = identity(|_| {});
        let other = identity(|it| {
            it["config"]["clique"] = json!({ "period": 5, "epoch": 30_000 });
            it["config"]["mainspring"] = json!({ "feeMarket": "zero" });
        });
        let differ = compared(&node, 5, &other, 5).unwrap().to_string();
        for words in [
            "config.clique.period: theirs 5, ours 1;",
            "config.mainspring.feeMarket: theirs zero, ours eip1559:",
            "mainspring init",
        ] {
            assert!(differ.contains(words), "{differ}");
        }
        assert!(!differ.contains("epoch"), "what is left out is the usual: {differ}");
        let mut newer = node.status(at(5), 5, 0);
        newer.rules.insert("config.mainspring.newer".to_owned(), "1".to_owned());
        assert_eq!(node.compare(at(5), 5, &newer), Ok(()), "a rule that only one of the two knows");
    }

    #[test]
    fn every_greeting_fits_into_its_bounds() {
        use crate::network::codec::{MAX_RULE_BYTES, MAX_RULES};
        let most = u64::MAX;
        let node = identity(|it| {
            let forks = ["cancun", "prague", "osaka", "bpo1", "bpo2", "bpo3", "bpo4", "bpo5"];
            for (time, fork) in (most - 10..).zip(forks) {
                it["config"][format!("{fork}Time")] = json!(time);
            }
            it["config"]["terminalTotalDifficulty"] = json!(alloy_primitives::U256::MAX);
            it["config"]["mainspring"] = json!({ "feeMarket": { "fixed": most } });
            it["config"]["daoForkBlock"] = json!(most);
        });
        let rules = node.rules(most);
        assert!(rules.len() + 10 < MAX_RULES, "{rules:?}");
        let texts = rules.iter().flat_map(|(name, value)| [name, value]);
        texts.for_each(|text| assert!(text.len() <= MAX_RULE_BYTES, "{text}"));
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
        assert!(parted.contains("it lacks the fork at block (or time) 100"), "{parted}");
        let parted = compared(&other, 150, &node, 150).unwrap().to_string();
        assert!(parted.contains("a fork that this node does not know; stop this node"), "{parted}");
        let late = compared(&other, 150, &node, 5).unwrap().to_string();
        assert!(late.contains("this node lacks the fork at block (or time) 100"), "{late}");
        assert!(late.contains("make a new directory"), "{late}");
    }

    #[test]
    fn a_fork_to_come_that_one_does_not_know_is_seen_by_both_before_it_comes() {
        let with = |time: Option<u64>| identity(|it| it["config"]["cancunTime"] = json!(time));
        let (node, other) = (with(Some(1_800_000_000)), with(None));
        let seen = |ours: &Identity, time, theirs: &Identity, at_time| {
            assert_eq!(compared(ours, time, theirs, at_time), None);
            ours.lone_fork(&theirs.status(at(at_time), at_time, 0))
        };
        for (ours, theirs) in [(5, 5), (5, 200), (200, 5), (200, 200)] {
            assert_eq!(seen(&node, ours, &node, theirs), None, "{ours} {theirs}");
        }
        let lone = LoneFork { at: 1_800_000_000, is_ours: true };
        assert_eq!(seen(&node, 200, &other, 200), Some(lone));
        assert_eq!(seen(&node, 5, &other, 200), Some(lone), "ahead of this node");
        let lone = LoneFork { is_ours: false, ..lone };
        assert_eq!(seen(&other, 200, &node, 200), Some(lone));
        assert!(lone.to_string().contains("2027-01-15 08:00:00 UTC (time 1800000000)"), "{lone}");
        let later = with(Some(1_900_000_000));
        assert_eq!(seen(&later, 200, &node, 200), Some(lone), "the earlier one parts them");
    }
}
