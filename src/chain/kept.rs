//! What of the canonical chain must be kept before it goes back, because a named branch goes through it?

use super::{
    Chain, ChainError,
    named::{BranchError, NamedBranches},
    visible::Visible,
};
use crate::{
    primitives::{AccountChange, Participants, StateChanges},
    storage::{KeptBlock, KeptRow},
};
use alloy_primitives::{Address, U256};
use std::{collections::BTreeMap, sync::Arc};

impl Chain {
    /// What has to be kept before the chain goes back from its head to block `to`: the blocks between
    /// that a named branch goes through. The caller holds both writers' locks.
    pub(super) fn to_keep(
        &self,
        named: &NamedBranches,
        visible: &Visible,
        to: u64,
    ) -> Result<Vec<KeptRow>, ChainError> {
        let up_to = named.needed().unwrap_or(to).min(visible.number());
        let rows = self.kept_rows(named, visible, to, up_to)?;
        let more = rows.iter().map(|row| row.place().bytes).sum();
        named.check_room(more, &[], self.settings.branches.bytes)?;
        Ok(rows)
    }

    /// The canonical blocks above `to`, up to `up_to`, as rows; those that are kept already left out. The
    /// caller holds both writers' locks.
    pub(super) fn kept_rows(
        &self,
        named: &NamedBranches,
        visible: &Visible,
        to: u64,
        up_to: u64,
    ) -> Result<Vec<KeptRow>, ChainError> {
        let limit = self.settings.branches.bytes;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for number in to + 1..=up_to {
            let unknown = ChainError::UnknownBlock { number, head: visible.number() };
            let header = self.header(number)?;
            if header.is_some_and(|header| named.keeps(header.seal())) {
                continue;
            }
            let stored = self.stored(number)?.ok_or(unknown)?;
            let (changes, inside) = match visible.recent(number) {
                Some(recent) => (recent.changes.clone(), recent.inside.clone()),
                None if self.settings.address_index => (
                    Arc::new(self.written_changes(number)?),
                    self.participants(&stored.block)?.unwrap_or_default(),
                ),
                None => (Arc::new(self.written_changes(number)?), Participants::new()),
            };
            let edits = self.storage.blocks.reader()?.edits(number)?;
            let (block, receipts) = (stored.block, stored.receipts);
            let row = KeptBlock { block, receipts, edits, changes, inside }.to_row();
            bytes += row.place().bytes;
            if bytes > limit {
                return Err(BranchError::TooLarge { bytes, limit }.into());
            }
            rows.push(row);
        }
        Ok(rows)
    }

    /// What a block changed, from the rows that it wrote into the state.
    fn written_changes(&self, number: u64) -> Result<StateChanges, ChainError> {
        let reader = self.storage.state.reader()?;
        let preimage = |hash| reader.preimage(hash)?.ok_or(ChainError::UnknownPreimage(hash));
        let changed = reader.changed_between(number - 1, number)?;
        let (mut changes, mut owners) = (StateChanges::default(), BTreeMap::new());
        for hashed in changed.accounts {
            let address = Address::try_from(preimage(hashed)?.as_slice())
                .map_err(|_length| ChainError::UnknownPreimage(hashed))?;
            let before = reader.account(hashed, number - 1)?.unwrap_or_default();
            let account = reader.account(hashed, number)?;
            let storage_id = account.map_or(0, |account| account.storage_id);
            if let Some(account) = account.filter(|account| account.code_hash != before.code_hash)
                && let Some(code) = reader.code(account.code_hash)?
            {
                changes.codes.insert(account.code_hash, code);
            }
            let wiped = before.storage_id != 0 && before.storage_id != storage_id;
            owners.insert(storage_id, address);
            changes
                .accounts
                .insert(address, AccountChange { account, wiped, ..Default::default() });
        }
        for (id, slots) in changed.slots {
            let change = owners.get(&id).and_then(|owner| changes.accounts.get_mut(owner));
            let Some(change) = change.filter(|_| id != 0) else { continue };
            for hashed in slots {
                let slot = U256::try_from_be_slice(&preimage(hashed)?);
                let slot = slot.ok_or(ChainError::UnknownPreimage(hashed))?;
                change.storage.insert(slot, reader.slot(id, hashed, number)?);
            }
        }
        Ok(changes)
    }
}
