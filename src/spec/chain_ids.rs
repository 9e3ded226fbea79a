//! Which chain id holds in which block? The genesis says one; on a development chain it may change.

use parking_lot::RwLock;
use std::sync::Arc;

/// The [EIP-155](https://eips.ethereum.org/EIPS/eip-155) ids of a chain. Clones share the changes.
#[derive(Clone, Debug)]
pub struct ChainIds {
    genesis: u64,
    /// First block, and the id from there on; ascending.
    changes: Arc<RwLock<Vec<(u64, u64)>>>,
}

impl PartialEq for ChainIds {
    fn eq(&self, other: &Self) -> bool {
        self.genesis == other.genesis && *self.changes.read() == *other.changes.read()
    }
}

impl Eq for ChainIds {}

impl ChainIds {
    /// The id of the genesis holds everywhere.
    pub(super) fn new(genesis: u64) -> Self {
        Self { genesis, changes: Arc::default() }
    }

    /// The id of new blocks and new transactions.
    pub fn newest(&self) -> u64 {
        self.changes.read().last().map_or(self.genesis, |(_, id)| *id)
    }

    /// The id that holds in a block.
    pub fn at(&self, number: u64) -> u64 {
        let changes = self.changes.read();
        let before = changes.partition_point(|(from, _)| *from <= number);
        before.checked_sub(1).map_or(self.genesis, |place| changes[place].1)
    }

    /// The id that the genesis file says.
    pub const fn genesis(&self) -> u64 {
        self.genesis
    }

    /// Replaces the changes: the first block of each, ascending, and the id from there on.
    pub fn set(&self, changes: &[(u64, u64)]) {
        let mut known = self.changes.write();
        if *known != changes {
            known.clear();
            known.extend_from_slice(changes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_holds_from_its_block_on() {
        let ids = ChainIds::new(5);
        assert_eq!((ids.newest(), ids.at(0), ids.at(9)), (5, 5, 5));
        ids.set(&[(3, 6), (7, 8)]);
        let held = [0, 2, 3, 6, 7, 100].map(|number| ids.at(number));
        assert_eq!(held, [5, 5, 6, 6, 8, 8]);
        assert_eq!((ids.newest(), ids.genesis()), (8, 5));
        let shared = ids.clone();
        ids.set(&[]);
        assert_eq!((ids.at(100), shared.newest()), (5, 5));
    }
}
