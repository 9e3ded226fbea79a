//! Under which rules does a stored chain go on?

use super::{Chain, ChainError};
use crate::{
    primitives::BlockNumHash,
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
    /// Side blocks later than a fork that moves were checked under rules that hold no more: they are
    /// forgotten. If somebody builds on one, it comes again and is checked like any other.
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
        let forgotten = self.side_blocks_reached(after, &changes)?;
        let (genesis, side_removed) = (Some(genesis.as_slice()), forgotten.as_slice());
        let batch = BlocksBatch { genesis, side_removed, ..Default::default() };
        self.storage.blocks.commit(&batch)?;
        Ok(changes)
    }

    /// Side blocks for which other rules hold under these changes, or with one below for which they do.
    fn side_blocks_reached(
        &self,
        after: &ChainSpec,
        changes: &[ForkChange],
    ) -> Result<Vec<BlockNumHash>, ChainError> {
        let blocks = self.storage.blocks.reader()?;
        let mut reached = Vec::new();
        for at in blocks.side_blocks()? {
            let Some((header, _)) = blocks.side_header(at)? else { continue };
            let (number, timestamp) = (header.number, header.timestamp);
            let blobs = |spec: &ChainSpec| spec.blob_params_at(timestamp);
            let is_reached = changes.iter().any(|change| change.reaches(number, timestamp));
            if is_reached || blobs(&self.spec()) != blobs(after) {
                reached.push(at);
            }
        }
        Ok(reached)
    }
}
