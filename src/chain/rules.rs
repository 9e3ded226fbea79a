//! Under which rules does a stored chain go on?

use super::{Chain, ChainError};
use crate::{
    spec::{
        ChainSpec, ForkChange,
        contracts::{
            CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, SystemContract,
            WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, system_contracts,
        },
        fork_changes,
    },
    storage::BlocksBatch,
};
use alloy_primitives::Address;

/// Contracts without which no block is valid from their fork on.
const NEEDED: [Address; 2] =
    [WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS];

impl Chain {
    /// Stores a genesis file in which forks begin elsewhere, as far as they lie after the head; it holds
    /// from the next opening on. Answers what is different.
    ///
    /// # Errors
    /// [`ChainError::Forks`] where anything else differs or a fork lies in the past, and
    /// [`ChainError::ForkWithoutContract`] where a fork calls a contract that is not there.
    pub fn adopt_forks(&self, after: &ChainSpec) -> Result<Vec<ForkChange>, ChainError> {
        let (head, view) = self.latest()?;
        let before = self.spec();
        let changes = fork_changes(&before, after, head.number, head.timestamp)?;
        let fork_at = |spec: &ChainSpec| spec.fork_of(u64::MAX, u64::MAX, head.difficulty);
        let (now, then) = (fork_at(&before), fork_at(after));
        let is_called = |it: &SystemContract| NEEDED.contains(&it.address);
        let comes = |it: &SystemContract| it.since > now && it.since <= then;
        for contract in system_contracts().into_iter().filter(|it| is_called(it) && comes(it)) {
            if !view.account(contract.address)?.is_some_and(|account| account.has_code()) {
                let (name, address) = (contract.name, contract.address);
                return Err(ChainError::ForkWithoutContract {
                    fork: contract.since,
                    name,
                    address,
                });
            }
        }
        let genesis = serde_json::to_vec(&after.genesis).unwrap_or_default();
        let batch = BlocksBatch { genesis: Some(&genesis), ..Default::default() };
        self.storage.blocks.commit(&batch)?;
        Ok(changes)
    }
}
