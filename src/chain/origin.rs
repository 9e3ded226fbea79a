//! What did the flags make, before a reset gave the chain another beginning?
//!
//! Kept beside the chain, so that the command line that made the first goes on with the second.

use super::{BaseKind, Chain, ChainError};
use crate::storage::{BlocksBatch, Storage, StorageError};
use alloy_genesis::Genesis;
use serde::{Deserialize, Serialize};

/// What a chain began with when the flags made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// Its genesis, or the remote block that it was a fork of.
    pub kind: BaseKind,
    /// Its rules; with [`BaseKind::Genesis`] also its first state.
    pub genesis: Genesis,
}

impl Origin {
    /// As it is stored.
    pub(super) fn to_row(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data is JSON")
    }

    /// Is this where a chain comes from that begins like this?
    pub(super) fn is(&self, kind: BaseKind, genesis: &Genesis) -> bool {
        // The rules of a fork follow from its block, and from flags that are compared elsewhere.
        self.kind == kind && (kind != BaseKind::Genesis || self.genesis == *genesis)
    }
}

/// What the chain began with before a reset; `None` if it is still that.
pub fn stored_origin(storage: &Storage) -> Result<Option<Origin>, ChainError> {
    let damaged = |_json| StorageError::Row { table: "meta", reason: "the origin is no JSON" };
    let row = storage.blocks.reader()?.origin()?;
    Ok(row.map(|row| serde_json::from_slice(&row).map_err(damaged)).transpose()?)
}

impl Chain {
    /// From now on the flags say what the chain begins with.
    pub fn forget_origin(&self) -> Result<(), ChainError> {
        let writer = self.writer.lock();
        writer.check()?;
        if self.storage.blocks.reader()?.origin()?.is_none() {
            return Ok(());
        }
        let batch = BlocksBatch { origin: Some(&[]), ..Default::default() };
        Ok(self.storage.blocks.commit(&batch)?)
    }
}
