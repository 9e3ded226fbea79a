//! What did a block, a part of it, or a run of blocks change? For `debug_*`.

use super::{Chain, ChainError, query::check_kept};
use crate::{
    evm::{BlockExecutor, BlockTemplate, trace::Replay},
    primitives::{Account, Block},
    state::StateView,
};
use alloy_primitives::{Address, B256, U256, keccak256};
use std::collections::BTreeMap;

impl Chain {
    /// The state inside a canonical block: after the developer's edits, the opening system calls
    /// and the first `transactions` transactions. Of genesis it is its own state.
    pub fn state_within(
        &self,
        block: &Block,
        transactions: usize,
    ) -> Result<StateView, ChainError> {
        let Some(replay) = self.replay_of(block.clone())? else {
            return self.state_at(block.number());
        };
        let Replay { source, edits, .. } = replay;
        let (spec, evm) = (self.spec(), &self.settings.evm);
        let template = BlockTemplate::from_block(&spec, block);
        let executor = BlockExecutor::begin(&spec, evm, source, edits, &template)?;
        let mut executor = executor.without_receipts();
        for transaction in block.body.transactions.iter().take(transactions) {
            executor.apply(transaction)?;
        }
        Ok(self.state_at(block.number() - 1)?.with(executor.stop()))
    }

    /// The state root after each transaction of a canonical block; none for genesis.
    pub fn intermediate_roots(&self, block: &Block) -> Result<Vec<B256>, ChainError> {
        let Some(replay) = self.replay_of(block.clone())? else { return Ok(Vec::new()) };
        let below = self.foundation(block.number() - 1)?;
        let (spec, evm) = (self.spec(), &self.settings.evm);
        let template = BlockTemplate::from_block(&spec, block);
        let executor = BlockExecutor::begin(&spec, evm, below.view, replay.edits, &template)?;
        let mut executor = executor.with_roots(below.trie, below.next_storage_id);
        for transaction in &block.body.transactions {
            executor.apply(transaction)?;
        }
        Ok(executor.roots().to_vec())
    }

    /// The accounts that exist after block `to` and are different from what they were after block
    /// `from`, in the order of their keys in the trie.
    pub fn modified_accounts(&self, from: u64, to: u64) -> Result<Vec<Address>, ChainError> {
        let (before, after) = (self.state_at(from)?, self.state_at(to)?);
        let mut modified = Vec::new();
        for (hash, address) in self.written_accounts(from, to)? {
            let address = match address {
                Some(address) => address,
                None => {
                    let raw = after.preimage(hash)?.unwrap_or_default();
                    let known = Address::try_from(raw.as_slice());
                    known.map_err(|_missing| ChainError::UnknownPreimage(hash))?
                }
            };
            let (then, now) = (before.account(address)?, after.account(address)?);
            if now.is_some() && now.as_ref().map(in_trie) != then.as_ref().map(in_trie) {
                modified.push(address);
            }
        }
        Ok(modified)
    }

    /// keccak256 of every address that blocks above `from`, up to `to`, wrote, and the address of
    /// those that are in memory.
    fn written_accounts(
        &self,
        from: u64,
        to: u64,
    ) -> Result<BTreeMap<B256, Option<Address>>, ChainError> {
        let (visible, [below]) = self.visible_readers()?;
        check_kept(from, &below)?;
        let rows = below.changed_between(from, to)?.accounts;
        let mut written: BTreeMap<_, _> = rows.into_iter().map(|hash| (hash, None)).collect();
        for recent in (from + 1..=to).filter_map(|number| visible.recent(number)) {
            let addresses = recent.changes.accounts.keys();
            written.extend(addresses.map(|address| (keccak256(address), Some(*address))));
        }
        Ok(written)
    }
}

/// What the trie holds of an account.
fn in_trie(account: &Account) -> (u64, U256, B256, B256) {
    (account.nonce, account.balance, account.code_hash, account.storage_root)
}
