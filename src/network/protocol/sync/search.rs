//! Which is the newest block that we and the peer share? Steps back that double, then halving.

use super::{Download, Offence, Protocol, Stage, Sync};
use crate::{
    network::{
        PeerId,
        message::Request,
        protocol::{
            Check, Checked,
            asks::{AskFor, CheckFor},
        },
    },
    primitives::BlockNumHash,
    storage::SIDE_DEPTH,
};
use alloy_consensus::Header;

/// A search for the newest common block, by height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Search {
    /// The height that is looked at.
    at: u64,
    /// The highest common block so far.
    common: Option<BlockNumHash>,
    /// The lowest height at which the chains differ; one more than may be shared, if none was found.
    differs: u64,
    /// The next step back.
    step: u64,
    /// No branch that leaves the chain below is followed.
    floor: u64,
}

/// What comes next in a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Look at this height.
    Look(u64),
    /// This is the newest common block.
    Found(BlockNumHash),
    /// The branch begins too deep.
    TooDeep,
}

impl Search {
    /// For a chain of this height, against a peer's.
    pub(super) const fn new(ours: u64, theirs: u64) -> Self {
        let at = if ours < theirs { ours } else { theirs };
        Self { at, common: None, differs: at + 1, step: 1, floor: ours.saturating_sub(SIDE_DEPTH) }
    }

    /// Goes on after a look at a height: is the peer's block there ours too?
    fn after(&mut self, looked: BlockNumHash, is_ours: bool) -> Next {
        if is_ours {
            self.common = Some(looked);
        } else {
            self.differs = looked.number;
        }
        let next = match self.common {
            Some(common) if common.number + 1 >= self.differs => return Next::Found(common),
            Some(common) => common.number + (self.differs - common.number) / 2,
            None if self.differs <= self.floor => return Next::TooDeep,
            None => {
                let back = self.differs.saturating_sub(self.step).max(self.floor);
                self.step = self.step.saturating_mul(2);
                back
            }
        };
        self.at = next;
        Next::Look(next)
    }
}

impl Protocol {
    /// Asks for the header at the height that the search looks at.
    pub(super) fn probe(&mut self) {
        let Some(Sync { target, stage: Stage::Search(search), .. }) = &self.sync else { return };
        let (target, from) = (*target, search.at);
        self.ask(target, Request::Headers { from, count: 1 }, AskFor::Probe(from));
    }

    /// Whoever takes long over every answer keeps us from following others.
    pub(super) fn end_long_search(&mut self) {
        let most = self.settings.search_time;
        let is_long = self.sync.as_ref().is_some_and(|sync| self.now.elapsed >= sync.began + most);
        if is_long {
            self.give_up_target("its peer takes too long to tell where the chains part");
        }
    }

    fn searching(&mut self) -> Option<(PeerId, &mut Search)> {
        match &mut self.sync {
            Some(Sync { target, stage: Stage::Search(search), .. }) => Some((*target, search)),
            _ => None,
        }
    }

    pub(in super::super) fn probed(&mut self, peer: PeerId, number: u64, headers: Vec<Header>) {
        let is_wanted =
            self.searching().is_some_and(|(it, search)| it == peer && search.at == number);
        if !is_wanted {
            return;
        }
        match headers.as_slice() {
            [header] if header.number == number => {
                let at = BlockNumHash::new(number, header.hash_slow());
                self.check(Check::Canonical(at), CheckFor::Probe(at));
            }
            [] => {
                self.offence(
                    peer,
                    Offence::Boast,
                    "it has no header below the head it says it has",
                );
                self.give_up_target("the peer has not what it said");
            }
            _ => {
                self.offence(peer, Offence::WrongAnswer, "it answers with other headers");
                self.give_up_target("the peer answers something else");
            }
        }
    }

    pub(in super::super) fn probe_checked(&mut self, looked: BlockNumHash, found: Checked) {
        let Checked::Canonical(is_ours) = found else {
            return self.abandon_sync("the chain cannot be read");
        };
        let Some((peer, search)) = self.searching() else { return };
        if search.at != looked.number {
            return;
        }
        if looked.number == 0 && !is_ours {
            // It greeted us with our first block, and now has another one.
            self.offence(peer, Offence::Invalid, "its headers are made up");
            return self.give_up_target("its headers are made up");
        }
        let Some((_, search)) = self.searching() else { return };
        match search.after(looked, is_ours) {
            Next::Look(_) => self.probe(),
            Next::TooDeep => {
                if !self.lessons.knows(&peer) {
                    say_too_deep(peer, self.head.number);
                }
                self.give_up_target("its branch begins too deep");
            }
            Next::Found(common) => {
                let ours = self.head;
                if let Some(sync) = &mut self.sync {
                    sync.stage = Stage::Download(Box::new(Download::new(common, ours)));
                }
                self.drive_sync();
            }
        }
    }
}

/// Said once of a peer.
fn say_too_deep(peer: PeerId, head: u64) {
    tracing::warn!(
        target: "network", %peer, head,
        "a peer's heavier chain leaves ours more than {SIDE_DEPTH} blocks below the head, and is not followed; \
         if it is the right one, start this node with an empty data directory"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    /// Searches where chains share everything up to `shared`; the answer, and how often it looked.
    fn search(ours: u64, theirs: u64, shared: u64) -> (Option<u64>, u32) {
        let mut search = Search::new(ours, theirs);
        let mut looks = 0;
        loop {
            looks += 1;
            let at = BlockNumHash::new(search.at, B256::ZERO);
            match search.after(at, at.number <= shared) {
                Next::Look(_) => assert!(looks < 100),
                Next::Found(common) => return (Some(common.number), looks),
                Next::TooDeep => return (None, looks),
            }
        }
    }

    #[test]
    fn the_newest_common_block_is_found_in_few_looks() {
        assert_eq!(search(100, 90_000, 100), (Some(100), 1), "a node that was away");
        assert_eq!(search(0, 5, 0), (Some(0), 1), "a fresh one");
        for shared in 8976..=10_000 {
            let (found, looks) = search(10_000, 10_100, shared);
            assert_eq!(found, Some(shared));
            assert!(looks <= 24, "{looks} looks for {shared}");
        }
        assert_eq!(search(40, 30, 7).0, Some(7), "the heavier chain may be the shorter one");
    }

    #[test]
    fn a_branch_that_begins_too_deep_is_given_up() {
        let (found, looks) = search(10_000, 20_000, 10_000 - SIDE_DEPTH - 1);
        assert_eq!(found, None);
        assert!(looks < 15);
    }
}
