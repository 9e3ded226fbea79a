//! Where does the data live, and does it belong to the chain that was asked for?

use super::NodeError;
use crate::{
    chain,
    config::{Config, Role},
    dev::{
        WALLET_HINT,
        accounts::DevAccounts,
        keyring::{Keyring, KeyringError},
    },
    spec::ChainSpec,
    storage::{Durability, Storage, StorageError},
};
use alloy_genesis::Genesis;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What is known of a chain that was deleted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    /// What its genesis said.
    pub(super) genesis_chain_id: u64,
    /// The id after its last one.
    pub(super) next_chain_id: u64,
    /// Its last block.
    pub(super) head: u64,
}

/// A data directory that is open, for a node or for a command.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) storage: Storage,
    /// Where it is.
    pub(super) path: PathBuf,
    /// The chain that `--fresh` deleted.
    pub(super) before: Option<Before>,
    /// Deletes the directory when the node is gone.
    _temporary: Option<TempDir>,
}

/// What a node keeps in its directory.
const ENVIRONMENTS: [&str; 2] = ["blocks", "state"];

impl Directory {
    /// Opens the directory that the settings name; empties it first if they say so.
    pub(super) fn open(config: &Config) -> Result<Self, NodeError> {
        if config.role != Role::Development {
            return Self::existing(&config.data.dir);
        }
        if config.data.ephemeral {
            let temporary = tempfile::Builder::new().prefix("mainspring-").tempdir();
            let temporary = temporary.map_err(NodeError::Temporary)?;
            let storage = Storage::open(temporary.path(), Durability::Ephemeral)?;
            let path = temporary.path().to_owned();
            return Ok(Self { storage, path, before: None, _temporary: Some(temporary) });
        }
        let path = config.data.dir.clone();
        if config.data.fresh {
            let before = before_fresh(&path)?;
            empty(&path)?;
            return Ok(Self { before, ..Self::at(&path)? });
        }
        Self::at(&path)
    }

    /// The directory of a chain that is there.
    ///
    /// # Errors
    /// [`NodeError::NoChain`] where there is none; nothing is made then.
    pub(super) fn existing(path: &Path) -> Result<Self, NodeError> {
        if !path.join(ENVIRONMENTS[0]).is_dir() {
            return Err(NodeError::NoChain { dir: path.into() });
        }
        Self::at(path)
    }

    /// A directory of a chain, which is made if it is not there.
    pub(super) fn at(path: &Path) -> Result<Self, NodeError> {
        Ok(Self {
            storage: Storage::open(path, Durability::Synced)?,
            path: std::path::absolute(path).unwrap_or_else(|_unknown| path.into()),
            before: None,
            _temporary: None,
        })
    }

    /// A directory that is open already.
    pub(super) fn of(storage: Storage, path: &Path) -> Self {
        Self { storage, path: path.into(), before: None, _temporary: None }
    }

    /// The genesis that the directory was made with.
    pub(super) fn genesis(&self) -> Result<Option<Genesis>, NodeError> {
        let Some(json) = self.storage.blocks.reader()?.genesis()? else { return Ok(None) };
        serde_json::from_slice(&json).map(Some).map_err(NodeError::StoredGenesis)
    }
}

/// What is known of the chain that `--fresh` deletes; `None` if there is none that can be read.
///
/// # Errors
/// A directory that another process uses is not emptied.
fn before_fresh(path: &Path) -> Result<Option<Before>, NodeError> {
    if !path.join(ENVIRONMENTS[0]).is_dir() {
        return Ok(None);
    }
    let storage = match Storage::open(path, Durability::Synced) {
        Err(in_use @ StorageError::InUse { .. }) => return Err(in_use.into()),
        // What cannot be read is thrown away.
        Err(_unreadable) => return Ok(None),
        Ok(storage) => storage,
    };
    let directory = Directory { storage, path: path.into(), before: None, _temporary: None };
    let Ok(Some(genesis)) = directory.genesis() else { return Ok(None) };
    let reader = directory.storage.blocks.reader()?;
    let head = reader.head()?.map_or(0, |head| head.number);
    if head > genesis.number.unwrap_or(0) {
        tracing::warn!(target: "chain", "the chain starts over; it was at block {head}. {WALLET_HINT}");
    }
    let stored = chain::stored_development(&directory.storage).unwrap_or_default();
    let newest = stored.chain_ids.last().map_or(genesis.config.chain_id, |(_, id)| *id);
    Ok(Some(Before {
        genesis_chain_id: genesis.config.chain_id,
        next_chain_id: newest.saturating_add(1),
        head,
    }))
}

fn empty(path: &Path) -> Result<(), NodeError> {
    for environment in ENVIRONMENTS {
        let dir = path.join(environment);
        if dir.exists() {
            std::fs::remove_dir_all(&dir)
                .map_err(|source| NodeError::Fresh { dir: dir.clone(), source })?;
        }
    }
    Ok(())
}

/// The development accounts and, where a chain has a directory, those that were stored there.
pub(super) fn keyring(config: &Config, accounts: &DevAccounts) -> Result<Keyring, KeyringError> {
    let limit = config.rpc.stored_accounts;
    if config.role != Role::Development || config.data.ephemeral {
        return Ok(Keyring::in_memory(accounts, limit));
    }
    Keyring::in_folder(accounts, &config.data.dir.join("keystore"), limit)
}

/// Compares the settings that shape a genesis, as far as they were given, with the stored chain.
///
/// # Errors
/// [`NodeError::Differs`] names the flag and both values.
pub(super) fn check_flags(config: &Config, stored: &ChainSpec) -> Result<(), NodeError> {
    let (genesis, config) = (&stored.genesis, &config.genesis);
    let number = genesis.number.unwrap_or(0);
    differs("--chain-id", config.chain_id, stored.chain_ids.genesis())?;
    differs("--timestamp", config.timestamp, genesis.timestamp)?;
    differs("--number", config.number, number)?;
    differs("--gas-limit", config.gas_limit, genesis.gas_limit)?;
    let base_fee = genesis.base_fee_per_gas.unwrap_or(0);
    differs("--base-fee", config.base_fee.map(u128::from), base_fee)?;
    differs(
        "--hardfork",
        config.hardfork,
        stored.fork_of(number, genesis.timestamp, genesis.difficulty),
    )?;
    Ok(())
}

/// Compares the funded accounts with the stored genesis.
pub(super) fn check_accounts(
    funded: &[(alloy_primitives::Address, alloy_primitives::U256)],
    stored: &Genesis,
) -> Result<(), NodeError> {
    for (address, balance) in funded {
        let found = stored.alloc.get(address).map(|account| account.balance);
        if found != Some(*balance) {
            return Err(NodeError::Differs {
                flag: "--accounts, --balance, --mnemonic or --fund-accounts",
                given: format!("{address} with {balance} wei"),
                stored: found.map_or("no such account".into(), |found| format!("{found} wei")),
            });
        }
    }
    Ok(())
}

fn differs<T: PartialEq + std::fmt::Display>(
    flag: &'static str,
    given: Option<T>,
    stored: T,
) -> Result<(), NodeError> {
    match given {
        Some(given) if given != stored => {
            let (given, stored) = (given.to_string(), stored.to_string());
            Err(NodeError::Differs { flag, given, stored })
        }
        _ => Ok(()),
    }
}
