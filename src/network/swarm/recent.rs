//! Was it seen not long ago? A set that forgets the oldest.

use alloy_primitives::{B256, map::B256Set};
use std::collections::VecDeque;

/// Hashes, the newest so many.
#[derive(Debug)]
pub(super) struct Recent {
    most: usize,
    known: B256Set,
    order: VecDeque<B256>,
}

impl Recent {
    pub(super) fn new(most: usize) -> Self {
        Self { most, known: B256Set::default(), order: VecDeque::new() }
    }

    pub(super) fn contains(&self, hash: &B256) -> bool {
        self.known.contains(hash)
    }

    /// Is it new?
    pub(super) fn insert(&mut self, hash: B256) -> bool {
        if !self.known.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    pub(super) fn remove(&mut self, hash: &B256) {
        self.known.remove(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let mut recent = Recent::new(2);
        let hash = B256::with_last_byte;
        for byte in [1, 1, 2, 2, 3] {
            recent.insert(hash(byte));
        }
        let known = [1, 2, 3].map(|byte| recent.contains(&hash(byte)));
        assert_eq!((known, recent.known.len()), ([false, true, true], 2));
    }
}
