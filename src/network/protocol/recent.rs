//! What was seen lately? A set that forgets what came first.

use alloy_primitives::{B256, map::B256Set};
use std::collections::VecDeque;

/// The newest hashes, up to a number.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    set: B256Set,
    order: VecDeque<B256>,
    most: usize,
}

impl Recent {
    pub(super) fn new(most: usize) -> Self {
        Self { set: B256Set::default(), order: VecDeque::new(), most }
    }

    pub(super) fn contains(&self, hash: &B256) -> bool {
        self.set.contains(hash)
    }

    /// Notes a hash; was it new?
    pub(super) fn insert(&mut self, hash: B256) -> bool {
        if !self.set.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
        true
    }

    /// Forgets a hash: it may be new again.
    pub(super) fn remove(&mut self, hash: &B256) {
        if self.set.remove(hash) {
            self.order.retain(|each| each != hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_and_what_was_removed_is_new_again() {
        let hash = B256::repeat_byte;
        let mut recent = Recent::new(2);
        assert!(recent.insert(hash(1)) && recent.insert(hash(2)) && !recent.insert(hash(1)));
        assert!(recent.insert(hash(3)));
        assert!(!recent.contains(&hash(1)) && recent.contains(&hash(2)));
        recent.remove(&hash(2));
        assert!(recent.insert(hash(2)) && recent.insert(hash(4)));
        assert!(!recent.contains(&hash(3)) && recent.contains(&hash(2)));
    }
}
