//! Where does the state below a block come from: rows of this process, or one that serves them?

use super::{EvmError, error::ReadError, trace::Served};
use crate::{primitives::Account, state::StateView, storage::StateReader};
use alloy_primitives::{Address, B256, Bytes, U256};
use revm::context::TxEnv;

/// The state that blocks and calls are executed over.
#[derive(Debug)]
pub enum StateSource {
    /// Rows and newer changes in this process.
    View(Box<StateView>),
    /// Another process answers: this one runs somebody's script.
    Served(Served),
}

impl From<StateView> for StateSource {
    fn from(view: StateView) -> Self {
        Self::View(Box::new(view))
    }
}

impl From<Served> for StateSource {
    fn from(served: Served) -> Self {
        Self::Served(served)
    }
}

impl StateSource {
    /// The account; `None` if it does not exist.
    pub(super) fn account(&self, address: Address) -> Result<Option<Account>, ReadError> {
        match self {
            Self::View(view) => Ok(view.account(address)?),
            Self::Served(served) => served.account(address),
        }
    }

    /// On a fork, asks the upstream at once for what a transaction names. What does not come is asked for
    /// when it is read.
    pub(super) fn prefetch(&self, tx: &TxEnv) {
        let Self::View(view) = self else { return };
        if !view.is_over_remote() {
            return;
        }
        let listed = tx.access_list.iter();
        let mut accounts: Vec<_> = listed.map(|it| it.address).collect();
        accounts.push(tx.caller);
        accounts.extend(tx.kind.to());
        let listed = tx.access_list.iter();
        let slots = listed.flat_map(|it| {
            it.storage_keys.iter().map(|key| (it.address, U256::from_be_bytes(key.0)))
        });
        if let Err(error) = view.prefetch(&accounts, &slots.collect::<Vec<_>>()) {
            tracing::debug!(target: "fork", %error, "what a transaction names was not fetched");
        }
    }

    /// A storage slot; zero if it was never written.
    pub(super) fn storage(&self, address: Address, slot: U256) -> Result<U256, ReadError> {
        match self {
            Self::View(view) => Ok(view.storage(address, slot)?),
            Self::Served(served) => served.storage(address, slot),
        }
    }

    /// Code by its hash.
    pub(super) fn code(&self, hash: B256) -> Result<Bytes, ReadError> {
        match self {
            Self::View(view) => Ok(view.code(hash)?),
            Self::Served(served) => served.code(hash),
        }
    }

    /// The hash of the block at this height; zero if there is none.
    pub(super) fn block_hash(&self, number: u64) -> Result<B256, ReadError> {
        match self {
            Self::View(view) => Ok(view.block_hash(number)?),
            Self::Served(served) => served.block_hash(number),
        }
    }

    /// The read transaction below, for the trie.
    pub(super) const fn reader(&self) -> Result<&StateReader, EvmError> {
        match self {
            Self::View(view) => Ok(view.reader()),
            Self::Served(_) => Err(EvmError::NoRows),
        }
    }

    /// The rows of this process.
    pub(super) fn into_view(self) -> Result<StateView, EvmError> {
        match self {
            Self::View(view) => Ok(*view),
            Self::Served(_) => Err(EvmError::NoRows),
        }
    }
}
