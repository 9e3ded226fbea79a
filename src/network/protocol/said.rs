//! Was it said already? What peers cause goes into the log once, and not without end: they may come again and
//! again, each time under another name.

use crate::network::PeerId;
use std::{collections::VecDeque, time::Duration};

/// So long the same is not said of a peer again.
const PAUSE: Duration = Duration::from_secs(600);
/// Of so many peers it is said in that time.
const MOST: usize = 32;

/// Of whom one thing was said lately.
#[derive(Debug, Default)]
pub(super) struct Said {
    lately: VecDeque<(Duration, PeerId)>,
}

/// What is said of peers that others may read without end.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) refused: Said,
    pub(super) banned: Said,
    pub(super) clock: Said,
}

impl Said {
    /// Is it to be said of this peer now? Then it is said.
    pub(super) fn is_news(&mut self, now: Duration, peer: &PeerId) -> bool {
        while self.lately.front().is_some_and(|(at, _)| *at + PAUSE <= now) {
            self.lately.pop_front();
        }
        let is_news =
            self.lately.len() < MOST && self.lately.iter().all(|(_, known)| known != peer);
        if is_news {
            self.lately.push_back((now, *peer));
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_peer_it_is_said_once_and_of_many_not_without_end() {
        let (mut said, peer) = (Said::default(), PeerId::random());
        assert!(said.is_news(Duration::ZERO, &peer) && !said.is_news(PAUSE / 2, &peer));
        let others = (0..1_000).filter(|_| said.is_news(PAUSE / 2, &PeerId::random())).count();
        assert_eq!((others, said.lately.len()), (MOST - 1, MOST));
        assert!(said.is_news(PAUSE, &peer));
        assert!(said.is_news(PAUSE * 2, &PeerId::random()));
    }
}
