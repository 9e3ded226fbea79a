//! Under which rules does the chain stand, and does the node make its blocks?

use super::{
    NodeError,
    directory::{self, Directory},
    fork::Fork,
    parts, read_genesis,
};
use crate::{
    chain::{BaseKind, Origin},
    config::{AccountsConfig, Config, Role},
    spec::{self, ChainSpec},
};
use alloy_genesis::Genesis;
use alloy_primitives::{Address, U256};

/// The rules: of the stored chain, of a genesis file, or of a new development chain.
pub(super) fn of(
    config: &Config,
    directory: &Directory,
    funded: &[(Address, U256)],
    fork: Option<&Fork>,
    origin: Option<&Origin>,
) -> Result<ChainSpec, NodeError> {
    if let Some(Fork::New(forked)) = fork {
        return Ok(ChainSpec::from_genesis(forked.genesis.clone())?);
    }
    if let (Some(Fork::Stored(_)), Some(Origin { kind: BaseKind::Genesis, genesis })) =
        (fork, origin)
    {
        check_origin(config, funded, genesis)?;
    }
    if config.role != Role::Development || fork.is_some() {
        return Ok(ChainSpec::from_genesis(directory.genesis()?.ok_or(NodeError::NoGenesis)?)?);
    }
    let given = config.genesis.init.as_deref().map(read_genesis).transpose()?;
    match (directory.genesis()?, given) {
        // Opening compares the genesis hashes.
        (_, Some(given)) => {
            let given = ChainSpec::from_genesis(given)?;
            match given.mode {
                spec::Mode::Dev => Ok(given),
                mode => Err(NodeError::GenesisNotForDevelopment { mode }),
            }
        }
        (Some(stored), None) => {
            let stored = ChainSpec::from_genesis(stored)?;
            if stored.mode != spec::Mode::Dev {
                let (dir, mode) = (config.data.dir.clone(), stored.mode);
                return Err(NodeError::NotForDevelopment { dir, mode });
            }
            directory::check_flags(config, &stored)?;
            if were_accounts_chosen(config) {
                directory::check_accounts(funded, &stored.genesis)?;
            }
            Ok(stored)
        }
        (None, None) => {
            let mut genesis = parts::dev_genesis(config, funded);
            if let Some(before) = directory.before.filter(|_| config.data.monotonic) {
                genesis.number = config.genesis.number.unwrap_or(before.head.saturating_add(1));
            }
            Ok(ChainSpec::from_genesis(genesis.genesis())?)
        }
    }
}

/// Compares the settings with the chain that they made before a reset made a fork of it.
fn check_origin(
    config: &Config,
    funded: &[(Address, U256)],
    origin: &Genesis,
) -> Result<(), NodeError> {
    if let Some(path) = &config.genesis.init {
        let given = read_genesis(path)?;
        return match given == *origin {
            true => Ok(()),
            false => Err(NodeError::OtherOrigin { path: path.clone() }),
        };
    }
    directory::check_flags(config, &ChainSpec::from_genesis(origin.clone())?)?;
    match were_accounts_chosen(config) {
        true => directory::check_accounts(funded, origin),
        false => Ok(()),
    }
}

/// A stored chain makes blocks only if it is one of ours and nobody said no.
pub(super) fn check_sealing(config: &mut Config, spec: &ChainSpec) -> Result<(), NodeError> {
    match config.role {
        Role::Stored { seals: true, .. } if spec.mode == spec::Mode::Poa => match config.signer {
            Some(_) => Ok(()),
            None => Err(NodeError::NoSigner),
        },
        // It follows, unless it is told to mine.
        Role::Stored { seals: true, .. } if spec.mode == spec::Mode::Pow => Ok(()),
        Role::Stored { seals: true, .. } if spec.mode != spec::Mode::Dev => {
            Err(NodeError::CannotSeal { mode: spec.mode })
        }
        Role::Stored { seals: false, .. } => {
            config.sealing.no_mining = true;
            config.sealing.block_time = None;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Does a flag say which accounts are funded? Without one, a stored chain keeps its own.
fn were_accounts_chosen(config: &Config) -> bool {
    config.accounts != AccountsConfig::default() || !config.genesis.funded.is_empty()
}
