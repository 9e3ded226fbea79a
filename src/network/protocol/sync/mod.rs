//! How does a node that is far behind catch up? Headers first, then bodies from everyone, then execution.
//!
//! Headers come from one peer, in windows, and are checked for their links and seals before any body is
//! asked for. Bodies come from several peers in parts, and are imported in order.
//!
//! | file | question |
//! |---|---|
//! | `search` | which is the newest block that we and the peer share? |
//! | `headers` | which headers come after it? |
//! | `bodies` | which bodies belong to them, and who has them? |
//! | `lessons` | what did earlier downloads teach: who is not followed, how much is asked for? |

mod bodies;
mod headers;
mod lessons;
mod search;

use super::{
    Offence, Protocol, Refusal,
    asks::{AskFor, CheckFor},
    imports::Source,
    peers::{Peer, SyncView},
};
use crate::network::{PeerId, message::Head};
use alloy_primitives::U256;
use headers::Download;
pub(super) use lessons::Lessons;
use search::Search;
use std::time::Duration;

/// After a download that led nowhere, the next begins this much later.
const PAUSE: Duration = Duration::from_secs(2);
/// So long others are followed rather than a peer that did not answer.
const ASIDE: Duration = Duration::from_secs(30);

/// What an answer may bring, in bytes, as far as it counts for what waits.
const ANSWER_BYTES: usize = 2 << 20;

/// A download of what is missing.
#[derive(Debug)]
pub(super) struct Sync {
    /// The peer whose headers are followed.
    target: PeerId,
    /// What it said it has.
    goal: Head,
    /// Height of our head when it began.
    starting: u64,
    began: Duration,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Search(Search),
    Download(Box<Download>),
}

impl Sync {
    pub(super) const fn view(&self, current: u64) -> SyncView {
        SyncView { starting: self.starting, current, highest: self.goal.number }
    }
}

impl Protocol {
    /// Begins to download what a peer has and we lack.
    pub(super) fn begin_sync(&mut self, target: PeerId, goal: Head) {
        let starting = self.head.number;
        tracing::info!(
            target: "network", peer = %target, from = starting, to = goal.number, "catching up"
        );
        let search = Search::new(self.head.number, goal.number);
        let began = self.now.elapsed;
        self.sync = Some(Sync { target, goal, starting, began, stage: Stage::Search(search) });
        self.probe();
    }

    /// Is there more than we have? Not before headers that hold say so: what a peer claims keeps nobody from
    /// its work.
    pub(super) fn is_behind(&self) -> bool {
        self.download_weight().is_some_and(|weight| weight > self.head.total_difficulty)
    }

    /// Is a download past the search for where it begins?
    pub(super) const fn is_downloading(&self) -> bool {
        matches!(&self.sync, Some(Sync { stage: Stage::Download(_), .. }))
    }

    /// Does what can be done for the download.
    pub(super) fn drive_sync(&mut self) {
        if !self.is_downloading() {
            return self.end_long_search();
        }
        self.ask_headers();
        self.ask_bodies();
        self.feed_import();
        self.end_sync_if_done();
    }

    /// Ends the download, if there is one. Its peer may be followed again after a while.
    fn abandon_sync(&mut self, why: &str) {
        let Some(sync) = self.sync.take() else { return };
        tracing::debug!(target: "network", peer = %sync.target, "a download ends: {why}");
        self.next_sync = self.now.elapsed + PAUSE;
        self.forget_sync_asks();
    }

    /// Answers that still come belong to no download.
    fn forget_sync_asks(&mut self) {
        self.asks.retain(|_, ask| {
            !matches!(ask.what, AskFor::Probe(_) | AskFor::Headers(_) | AskFor::Bodies(_))
        });
        self.checks.retain(|_, check| {
            !matches!(check, CheckFor::Probe(_) | CheckFor::Headers(_) | CheckFor::Bodies { .. })
        });
        self.peers.all.values_mut().for_each(|peer| peer.busy = 0);
    }

    /// The head that the target said it has leads nowhere, and nor may the next one that it says: each time
    /// it is left alone for longer.
    fn give_up_target(&mut self, why: &str) {
        let Some((target, hash)) = self.sync.as_ref().map(|it| (it.target, it.goal.hash)) else {
            return;
        };
        if let Some(peer) = self.peers.get_mut(&target) {
            peer.useless = Some(hash);
        }
        self.lessons.led_nowhere(self.now.elapsed, target);
        self.abandon_sync(why);
    }

    /// The peer that gives the headers does not answer: what it gave is used, and then another is chosen.
    pub(super) fn target_lost(&mut self, peer: PeerId) {
        self.set_aside(&peer);
        match &mut self.sync {
            Some(sync) if sync.target == peer => match &mut sync.stage {
                Stage::Search(_) => self.abandon_sync("its peer does not answer"),
                Stage::Download(download) => {
                    download.cut();
                    self.drive_sync();
                }
            },
            _ => {}
        }
    }

    /// Others are asked rather than this one, for a while.
    fn set_aside(&mut self, peer: &PeerId) {
        let until = self.now.elapsed + ASIDE;
        if let Some(known) = self.peers.get_mut(peer) {
            known.set_aside = until;
        }
    }

    /// A connection ended.
    pub(super) fn sync_lost(&mut self, peer: &PeerId) {
        self.target_lost(*peer);
        self.drive_sync();
    }

    /// A block of the download was not taken in.
    pub(super) fn sync_refused(&mut self, refusal: &Refusal) {
        let Some(target) = self.sync.as_ref().map(|sync| sync.target) else { return };
        if refusal.is_invalid {
            // The body belongs to the header, so it is the header that lies.
            self.offence(target, Offence::Invalid, &refusal.reason);
            self.give_up_target(&refusal.reason);
        } else {
            self.abandon_sync(&refusal.reason);
        }
    }

    fn end_sync_if_done(&mut self) {
        let Some(Sync { stage: Stage::Download(download), .. }) = &self.sync else { return };
        if !download.is_done() || self.imports.has_sync() {
            return;
        }
        let (weight, was_cut) = (download.total_difficulty(), download.was_cut());
        // That the head is another is told after this.
        let head = download.tip();
        let Some(sync) = self.sync.take() else { return };
        tracing::info!(
            target: "network", peer = %sync.target, head, "caught up with a peer"
        );
        self.next_sync = self.now.elapsed;
        self.forget_sync_asks();
        // Its headers ended below what it said: it is not asked for that head again.
        let is_light = weight.is_none_or(|weight| weight < sync.goal.total_difficulty);
        if !is_light {
            return self.lessons.bore_fruit(&sync.target);
        }
        if was_cut || !self.is_better(&sync.goal) {
            return;
        }
        self.lessons.led_nowhere(self.now.elapsed, sync.target);
        // One that says another head by now may have changed its chain meanwhile.
        let says_so_still = |peer: &Peer| peer.head.hash == sync.goal.hash;
        if let Some(peer) = self.peers.get_mut(&sync.target).filter(|it| says_so_still(it)) {
            peer.useless = Some(sync.goal.hash);
            self.offence(sync.target, Offence::Boast, "its chain is lighter than it says");
        }
    }

    /// Difficulty of the newest header of the download and all before it.
    fn download_weight(&self) -> Option<U256> {
        match &self.sync {
            Some(Sync { stage: Stage::Download(download), .. }) => download.total_difficulty(),
            _ => None,
        }
    }

    /// Hands the next blocks of the download to the importer.
    pub(super) fn feed_import(&mut self) {
        if self.imports.has_sync() {
            return;
        }
        let Some(Sync { stage: Stage::Download(download), .. }) = &mut self.sync else { return };
        let blocks = download.take_ready();
        self.import(Source::Sync, blocks);
    }
}
