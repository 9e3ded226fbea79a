//! Which headers come after the common block? One peer tells them in windows; each is checked before the
//! next is asked for, and no more are asked for than bodies can follow.

use super::{
    Offence, Protocol, Stage, Sync,
    bodies::{Part, PartState},
    lessons::BODIES,
};
use crate::{
    network::{
        PeerId,
        codec::MAX_HEADERS,
        message::{Head, Request},
        protocol::{
            Above, Check, Checked,
            asks::{AskFor, CheckFor},
        },
    },
    primitives::{BlockNumHash, SealedHeader},
    storage::SIDE_DEPTH,
};
use alloy_consensus::Header;
use alloy_primitives::U256;
use std::{collections::VecDeque, sync::Arc};

/// Headers that wait for their bodies at most: more are not asked for. A branch is this long at most before
/// it must be heavier than our chain.
const AHEAD: usize = 4 * SIDE_DEPTH as usize;

/// What is being downloaded, oldest first.
#[derive(Debug)]
pub(super) struct Download {
    /// What the next headers follow.
    above: Above,
    /// Its height.
    tip: u64,
    /// Difficulty of the tip and all before it, once a header was checked.
    total_difficulty: Option<U256>,
    /// A window is asked for or checked.
    is_asking: bool,
    /// Its peer gave fewer headers than it was asked for: it has no more.
    was_short: bool,
    /// No more headers come.
    has_all: bool,
    was_cut: bool,
    /// Our head when the download began, if the branch leaves our chain below it: bodies are asked for when
    /// the branch is heavier.
    to_beat: Option<U256>,
    /// Headers of a branch that is not heavy enough yet.
    held: Vec<Arc<SealedHeader>>,
    pub(super) parts: VecDeque<Part>,
    pub(super) last_part: u64,
    /// Bytes of bodies that wait for their import.
    pub(super) bytes: usize,
}

impl Download {
    /// Of what follows a common block, to a chain with this head.
    pub(super) fn new(common: BlockNumHash, ours: Head) -> Self {
        Self {
            above: Above::Block(common),
            tip: common.number,
            total_difficulty: None,
            is_asking: false,
            was_short: false,
            has_all: false,
            was_cut: false,
            to_beat: (common.hash != ours.hash).then_some(ours.total_difficulty),
            held: Vec::new(),
            parts: VecDeque::new(),
            last_part: 0,
            bytes: 0,
        }
    }

    /// The headers that were checked are all there will be.
    pub(super) fn headers_end(&mut self) {
        self.has_all = true;
        self.is_asking = false;
    }

    /// Its peer tells no more.
    pub(super) fn cut(&mut self) {
        self.headers_end();
        self.was_cut = true;
    }

    /// Did its peer stop before it had told all?
    pub(super) const fn was_cut(&self) -> bool {
        self.was_cut
    }

    /// Height of the newest header.
    pub(super) const fn tip(&self) -> u64 {
        self.tip
    }

    /// Difficulty of the newest header and all before it.
    pub(super) const fn total_difficulty(&self) -> Option<U256> {
        self.total_difficulty
    }

    /// Is everything handed over?
    pub(super) fn is_done(&self) -> bool {
        self.has_all && self.parts.is_empty()
    }

    /// Headers that wait.
    fn waiting(&self) -> usize {
        self.held.len() + self.parts.iter().map(|part| part.headers.len()).sum::<usize>()
    }

    /// Takes in headers that hold.
    fn extend(&mut self, headers: Vec<Arc<SealedHeader>>, total_difficulty: U256) {
        self.total_difficulty = Some(total_difficulty);
        self.held.extend(headers);
        // A chain of proof of authority may replace one of the same weight.
        if self.to_beat.is_some_and(|ours| total_difficulty < ours) {
            return;
        }
        self.to_beat = None;
        for headers in self.held.chunks(BODIES) {
            self.last_part += 1;
            self.parts.push_back(Part::new(self.last_part, headers.to_vec()));
        }
        self.held.clear();
    }
}

impl Protocol {
    fn download(&mut self) -> Option<(PeerId, &mut Download)> {
        match &mut self.sync {
            Some(Sync { target, stage: Stage::Download(download), .. }) => {
                Some((*target, download))
            }
            _ => None,
        }
    }

    /// Asks for the next headers, if there may be some and there is room for them.
    pub(super) fn ask_headers(&mut self) {
        let Some((target, download)) = self.download() else { return };
        if download.has_all || download.is_asking {
            return;
        }
        let waiting = download.waiting();
        if waiting + MAX_HEADERS > AHEAD {
            if download.to_beat.is_some() {
                self.give_up_target("its branch is long and light");
            }
            return;
        }
        download.is_asking = true;
        let (from, count) = (download.tip + 1, MAX_HEADERS as u64);
        self.ask(target, Request::Headers { from, count }, AskFor::Headers(from));
    }

    pub(in super::super) fn headers_came(&mut self, peer: PeerId, from: u64, headers: Vec<Header>) {
        let Some((target, download)) = self.download() else { return };
        if target != peer || !download.is_asking || from != download.tip + 1 {
            return;
        }
        if headers.is_empty() {
            download.headers_end();
            return self.drive_sync();
        }
        // One that hands them out one by one would keep us busy for ever.
        download.was_short = is_short(&headers);
        let above = download.above.clone();
        self.check(Check::Headers { above, headers }, CheckFor::Headers(peer));
    }

    pub(in super::super) fn headers_checked(&mut self, peer: PeerId, found: Checked) {
        let Some((target, download)) = self.download() else { return };
        if target != peer || !download.is_asking {
            return;
        }
        let (headers, tip, refused) = match found {
            Checked::Headers { headers, tip, refused } => (headers, tip, refused),
            Checked::Refused(refusal) => return self.abandon_sync(&refusal.reason),
            _ => return self.abandon_sync("the check answered something else"),
        };
        download.is_asking = false;
        let is_empty = headers.is_empty();
        if !is_empty {
            download.tip = tip.num_hash().number;
            download.extend(headers, tip.total_difficulty());
            download.above = Above::Headers(tip);
        }
        if download.was_short {
            download.headers_end();
        }
        if let Some(refusal) = refused {
            download.cut();
            if refusal.is_invalid {
                // Its chain may have changed between two windows. More than a few times in a row it is a lie.
                if is_empty && refusal.misses_parent {
                    self.offence(peer, Offence::Boast, "its chain changes while it tells it");
                    return self.abandon_sync("its chain changed");
                }
                self.offence(peer, Offence::Invalid, &refusal.reason);
                return self.give_up_target(&refusal.reason);
            }
            // The time of the rest has not come; what holds is taken.
            self.next_sync = self.now.elapsed + super::PAUSE;
        }
        self.drive_sync();
    }
}

/// Are these fewer headers than were asked for, though there was room for more in the answer?
fn is_short(headers: &[Header]) -> bool {
    let bytes = || headers.iter().map(alloy_rlp::Encodable::length).sum::<usize>();
    headers.len() < MAX_HEADERS && bytes() < super::ANSWER_BYTES / 2
}

impl Download {
    /// The next blocks to import: of the parts at the front whose bodies are there.
    pub(super) fn take_ready(&mut self) -> Vec<crate::primitives::Block> {
        /// Blocks that are handed over together at most, if a part has not more.
        const BLOCKS: usize = 256;
        /// Their bytes.
        const BYTES: usize = 16 << 20;
        let (mut blocks, mut bytes) = (Vec::new(), 0);
        while let Some(part) = self.parts.front_mut() {
            let PartState::Ready { blocks: ready, bytes: takes } = &mut part.state else { break };
            if !blocks.is_empty() && (blocks.len() + ready.len() > BLOCKS || bytes + *takes > BYTES)
            {
                break;
            }
            blocks.append(ready);
            bytes += *takes;
            self.bytes = self.bytes.saturating_sub(*takes);
            self.parts.pop_front();
        }
        blocks
    }
}
