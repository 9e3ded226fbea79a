//! What was seen lately? A set that forgets what came first.

use alloy_primitives::{B256, map::B256Map};
use std::collections::VecDeque;

/// The newest hashes, up to a number.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    /// With the number of the entry that counts: a hash that was removed may have come again.
    known: B256Map<u64>,
    /// Ascending; entries that do not count any more are passed over.
    order: VecDeque<(B256, u64)>,
    entries: u64,
    most: usize,
}

impl Recent {
    pub(super) fn new(most: usize) -> Self {
        Self { known: B256Map::default(), order: VecDeque::new(), entries: 0, most }
    }

    pub(super) fn contains(&self, hash: &B256) -> bool {
        self.known.contains_key(hash)
    }

    /// Notes a hash; was it new?
    pub(super) fn insert(&mut self, hash: B256) -> bool {
        if self.contains(&hash) {
            return false;
        }
        self.entries += 1;
        self.known.insert(hash, self.entries);
        self.order.push_back((hash, self.entries));
        while self.known.len() > self.most
            && let Some((oldest, entry)) = self.order.pop_front()
        {
            if self.known.get(&oldest) == Some(&entry) {
                self.known.remove(&oldest);
            }
        }
        // What was removed takes as much room as what is there, and no more.
        if self.order.len() > 2 * self.most {
            let known = &self.known;
            self.order.retain(|(hash, entry)| known.get(hash) == Some(entry));
        }
        true
    }

    /// Forgets a hash: it may be new again.
    pub(super) fn remove(&mut self, hash: &B256) {
        self.known.remove(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u64) -> B256 {
        B256::with_last_byte(number as u8)
    }

    #[test]
    fn the_oldest_is_forgotten_and_what_was_removed_is_new_again() {
        let mut recent = Recent::new(2);
        assert!(recent.insert(hash(1)) && recent.insert(hash(2)) && !recent.insert(hash(1)));
        assert!(recent.insert(hash(3)));
        assert!(!recent.contains(&hash(1)) && recent.contains(&hash(2)));
        recent.remove(&hash(2));
        assert!(recent.insert(hash(2)) && recent.insert(hash(4)));
        assert!(!recent.contains(&hash(3)) && recent.contains(&hash(2)));
    }

    #[test]
    fn what_comes_and_goes_takes_nobodys_place_and_no_room() {
        let mut recent = Recent::new(3);
        recent.insert(hash(1));
        for _ in 0..100 {
            recent.insert(hash(2));
            recent.remove(&hash(2));
        }
        recent.insert(hash(2));
        recent.insert(hash(3));
        assert!([1, 2, 3].iter().all(|it| recent.contains(&hash(*it))));
        assert!(recent.order.len() <= 6, "{}", recent.order.len());
    }
}
