//! How does a fork begin again with another block of its remote chain?
//!
//! The chain goes back to its base first. Then its blocks are removed, which ends it; the state follows,
//! and the new base is stored as that of a new chain is. Who is killed in between starts with an empty
//! directory: the old chain was given up, and the new one is made from the flags.

use super::{
    Chain, ChainError, Development, Founding, base::stored_base, named::NamedBranches,
    open::genesis_row,
};
use crate::{
    state::Remote,
    storage::{BlocksBatch, StoredBlock},
};
use std::sync::Arc;

impl Chain {
    /// Puts a fork that begins with another block in the place of this one. The rules stay those that the
    /// node started with.
    ///
    /// # Errors
    /// [`ChainError::NotAtBase`] while there are blocks of its own. After a failed write the chain accepts
    /// no changes any more.
    pub fn refound(
        &self,
        founding: &Founding,
        remote: Arc<Remote>,
        development: Development,
    ) -> Result<(), ChainError> {
        for branch in self.branches()?.iter().filter(|branch| !branch.is_current) {
            self.delete_branch(&branch.name)?;
        }
        let mut side = self.side.lock();
        let _state_writer = self.state_writer.lock();
        let mut writer = self.writer.lock();
        writer.check()?;
        let (head, base) = (self.visible.load().number(), self.first());
        if head != base {
            return Err(ChainError::NotAtBase { head, base });
        }
        if let Err(error) = self.replace(founding, remote, development) {
            writer.halted = Some(error.to_string());
            return Err(error);
        }
        writer.named = NamedBranches::load(&self.storage.blocks.reader()?)?;
        *side = Default::default();
        Ok(())
    }

    /// The caller holds all locks.
    fn replace(
        &self,
        founding: &Founding,
        remote: Arc<Remote>,
        development: Development,
    ) -> Result<(), ChainError> {
        let (json, genesis) = genesis_row(&self.spec, &self.storage)?;
        self.storage.blocks.clear()?;
        fail::fail_point!("refound-between", |_| Err(crate::storage::StorageError::Failpoint(
            "refound-between"
        )
        .into()));
        self.storage.state.clear()?;
        founding.store(&self.storage, &json, genesis)?;
        let development_row = development.to_row();
        self.storage
            .blocks
            .commit(&BlocksBatch { development: Some(&development_row), ..Default::default() })?;
        let base = stored_base(&self.storage, genesis)?;
        let base =
            base.ok_or(ChainError::UnknownBlock { number: founding.block.number(), head: 0 })?;
        self.remote.store(Some(remote));
        self.ancestors.forget();
        let (block, receipts) = (founding.block.clone(), founding.receipts.clone());
        self.stand_on(base, StoredBlock { block, receipts }, development)
    }
}
