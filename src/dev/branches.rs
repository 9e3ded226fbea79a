//! Named branches: what is remembered of one besides its chain?

use super::{Dev, DevError, Impersonation};
use crate::{chain::BranchInfo, pool::SavedPool, sealer::Mode};
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};
use std::{sync::Arc, time::Duration};

/// What is remembered of a branch that is left: what a snapshot has and the chain does not know.
#[derive(Debug, Default, RlpEncodable, RlpDecodable)]
struct Memo {
    on_arrival: bool,
    /// Milliseconds between blocks; 0 without an interval.
    interval: u64,
    everyone: bool,
    impersonated: Vec<Address>,
    pool: Vec<Waiting>,
}

/// A waiting transaction as the pool's journal has it.
#[derive(Debug, RlpEncodable, RlpDecodable)]
struct Waiting {
    hash: B256,
    row: Bytes,
}

impl Memo {
    fn mode(&self) -> Mode {
        let every = Some(self.interval).filter(|every| *every > 0);
        Mode::of(self.on_arrival, every.map(Duration::from_millis))
    }
}

impl Dev {
    /// Names a branch: the chain as it is now, or as another branch is. The current branch stays the
    /// current one.
    pub fn branch(&self, name: &str, from: Option<&str>) -> Result<(), DevError> {
        let _pause = self.sealer.pause();
        Ok(self.chain.create_branch(name, from, alloy_rlp::encode(self.memo()))?)
    }

    /// Makes a branch the chain. The present one stays as it is until somebody comes back to it.
    pub fn checkout(&self, name: &str) -> Result<(), DevError> {
        let _pause = self.sealer.pause();
        let Some((tip, memo)) = self.chain.branch(name)? else { return Ok(()) };
        let memo = Memo::decode(&mut memo.as_slice()).unwrap_or_else(|error| {
            tracing::error!(target: "dev", name, %error, "what a branch remembers is damaged");
            Memo::default()
        });
        let mode = memo.mode();
        let rows = memo.pool.into_iter().map(|waiting| (waiting.hash, waiting.row.to_vec()));
        let rows: Vec<(B256, Vec<u8>)> = rows.collect();
        self.warn_wallets(tip.number);
        self.chain.checkout(name, alloy_rlp::encode(self.memo()), &rows)?;
        let (everyone, addresses) = (memo.everyone, memo.impersonated.into_iter().collect());
        *self.impersonation.lock() = Arc::new(Impersonation { addresses, everyone });
        self.restore_pool(SavedPool::from_rows(&rows))?;
        self.sealer.set_mode(mode);
        Ok(())
    }

    /// Forgets a branch, the blocks that only it has, and the snapshots that were taken on it.
    pub fn delete_branch(&self, name: &str) -> Result<(), DevError> {
        let id = self.chain.delete_branch(name)?;
        self.snapshots.lock().forget_branch(id);
        Ok(())
    }

    /// All branches, by name.
    pub fn branches(&self) -> Result<Vec<BranchInfo>, DevError> {
        Ok(self.chain.branches()?)
    }

    fn memo(&self) -> Memo {
        let (mode, impersonation) = (self.sealer.mode(), self.impersonation.lock().clone());
        let interval = mode.interval().unwrap_or_default().as_millis();
        let rows = self.pool.save().rows().into_iter();
        Memo {
            on_arrival: mode.on_arrival(),
            interval: u64::try_from(interval).unwrap_or(u64::MAX),
            everyone: impersonation.everyone,
            impersonated: impersonation.addresses.iter().copied().collect(),
            pool: rows.map(|(hash, row)| Waiting { hash, row: row.into() }).collect(),
        }
    }
}
