//! Was it said already? What peers cause goes into the log once, and not without end: they may come again and
//! again, each time under another name.

use crate::network::PeerId;
use std::{collections::VecDeque, time::Duration};

/// So long the same is not said of a peer again.
const PAUSE: Duration = Duration::from_secs(600);
/// Of so many peers it is said in that time.
const MOST: usize = 32;

/// Refusals that are remembered, the newest, and characters of each.
const REFUSALS: (usize, usize) = (8, 400);

/// Of whom one thing was said lately.
#[derive(Debug)]
pub(super) struct Said<K = PeerId> {
    lately: VecDeque<(Duration, K)>,
}

impl<K> Default for Said<K> {
    fn default() -> Self {
        Self { lately: VecDeque::new() }
    }
}

/// Why peers and this node do not talk.
#[derive(Debug, Default)]
pub(super) struct Refusals(VecDeque<(Duration, PeerId, String)>);

impl Refusals {
    /// They do not, since now.
    pub(super) fn note(&mut self, now: Duration, peer: PeerId, why: &str) {
        self.forget(&peer);
        self.0.truncate(REFUSALS.0 - 1);
        self.0.push_front((now, peer, why.chars().take(REFUSALS.1).collect()));
    }

    /// They do now.
    pub(super) fn forget(&mut self, peer: &PeerId) {
        self.0.retain(|(_, known, _)| known != peer);
    }

    /// The newest first, of so long.
    pub(super) fn since(&self, from: Duration) -> Vec<(PeerId, String)> {
        let since = self.0.iter().filter(|(at, ..)| *at >= from);
        since.map(|(_, peer, why)| (*peer, why.clone())).collect()
    }
}

/// What is said of peers that others may read without end.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) refused: Said,
    pub(super) banned: Said,
    pub(super) clock: Said,
    /// Of a fork that only one of the two knows, by block or time.
    pub(super) fork: Said<(PeerId, u64)>,
}

impl<K: PartialEq + Clone> Said<K> {
    /// Is it to be said of this peer now? Then it is said.
    pub(super) fn is_news(&mut self, now: Duration, peer: &K) -> bool {
        while self.lately.front().is_some_and(|(at, _)| *at + PAUSE <= now) {
            self.lately.pop_front();
        }
        let is_news =
            self.lately.len() < MOST && self.lately.iter().all(|(_, known)| known != peer);
        if is_news {
            self.lately.push_back((now, peer.clone()));
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_peer_it_is_said_once_and_of_many_not_without_end() {
        let (mut said, peer) = (Said::<PeerId>::default(), PeerId::random());
        assert!(said.is_news(Duration::ZERO, &peer) && !said.is_news(PAUSE / 2, &peer));
        let others = (0..1_000).filter(|_| said.is_news(PAUSE / 2, &PeerId::random())).count();
        assert_eq!((others, said.lately.len()), (MOST - 1, MOST));
        assert!(said.is_news(PAUSE, &peer));
        assert!(said.is_news(PAUSE * 2, &PeerId::random()));
    }

    #[test]
    fn refusals_are_remembered_once_a_peer_and_briefly() {
        let (mut refusals, peer) = (Refusals::default(), PeerId::random());
        let second = Duration::from_secs;
        refusals.note(second(1), peer, "old");
        refusals.note(second(2), peer, &"x".repeat(5_000));
        assert_eq!(refusals.since(second(0)), [(peer, "x".repeat(REFUSALS.1))]);
        (0..1_000).for_each(|_| refusals.note(second(3), PeerId::random(), "other"));
        assert_eq!((refusals.0.len(), refusals.since(second(4)).len()), (REFUSALS.0, 0));
        let (_, last, _) = refusals.0[0].clone();
        refusals.forget(&last);
        assert_eq!(refusals.0.len(), REFUSALS.0 - 1);
    }
}
