//! What may be wrong with stored data?

use crate::{state::TrieError, storage::StorageError};
use alloy_primitives::B256;
use serde::{Serialize, Serializer, ser::SerializeStruct};

/// Faults that are listed; more are counted.
const LISTED: usize = 100;

/// Something that is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A block, or what an index says of it.
    #[error("block {number}: {wrong}")]
    Block {
        /// Its height.
        number: u64,
        /// What is wrong.
        wrong: &'static str,
    },
    /// A root, or another hash in a header, that is not that of what it covers.
    #[error("block {number}: its header says {field} {stored}, computed is {computed}")]
    Field {
        /// Its height.
        number: u64,
        /// The field of the header.
        field: &'static str,
        /// In the header.
        stored: B256,
        /// Of what is stored.
        computed: B256,
    },
    /// A transaction whose sender did not sign it.
    #[error("block {number}: the sender of transaction {index} is not who signed it")]
    Sender {
        /// The block's height.
        number: u64,
        /// The transaction's place.
        index: usize,
    },
    /// A transaction that is not found by its hash.
    #[error("block {number}: transaction {index} is not found by its hash")]
    Transaction {
        /// The block's height.
        number: u64,
        /// The transaction's place.
        index: usize,
    },
    /// The state as a whole.
    #[error("state: {0}")]
    State(&'static str),
    /// A row whose key is not the hash of its value.
    #[error("table `{table}`: the row {key} does not have that hash")]
    Hash {
        /// The table's name.
        table: &'static str,
        /// Its key.
        key: B256,
    },
    /// An account whose code is not there.
    #[error("state: code {0} is missing")]
    Code(B256),
    /// A stored node of a trie.
    #[error("state: {0}")]
    Trie(TrieError),
    /// A table with rows that nothing accounts for, or without rows that something refers to.
    #[error("table `{table}` has {rows} rows, there should be {expected}")]
    Rows {
        /// The table's name.
        table: &'static str,
        /// Rows it has.
        rows: u64,
        /// Rows it should have.
        expected: u64,
    },
    /// Something that cannot be read.
    #[error("{what}: {source}")]
    Unreadable {
        /// What was read.
        what: &'static str,
        /// The block at hand.
        number: u64,
        /// Why not.
        source: StorageError,
    },
}

/// What is wrong: the first hundred faults, and how many there are.
#[derive(Debug, Default)]
pub struct Faults {
    listed: Vec<Fault>,
    count: u64,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.count += 1;
        if self.listed.len() < LISTED {
            self.listed.push(fault);
        }
    }

    /// Adds what was found elsewhere.
    pub(super) fn absorb(&mut self, other: Self) {
        self.count += other.count;
        let room = LISTED.saturating_sub(self.listed.len());
        self.listed.extend(other.listed.into_iter().take(room));
    }

    /// The first of them.
    pub fn listed(&self) -> &[Fault] {
        &self.listed
    }

    /// How many there are.
    pub const fn count(&self) -> u64 {
        self.count
    }
}

impl Serialize for Faults {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let listed: Vec<String> = self.listed.iter().map(ToString::to_string).collect();
        let mut shown = serializer.serialize_struct("Faults", 2)?;
        shown.serialize_field("count", &self.count)?;
        shown.serialize_field("listed", &listed)?;
        shown.end()
    }
}
