//! Is the chain a fork, who answers for the rest of it, and where are the answers kept?

use super::{NodeError, directory::Directory};
use crate::{
    chain::{BaseKind, Chain, Founding, stored_kind},
    config::{Config, ForkConfig},
    dev::forking::{ForkBlock, ForkPlan, Forked, check_fork},
    primitives::BlockNumHash,
    sealer,
    state::Remote,
    storage::{StorageError, UpstreamCache},
    upstream::{Upstream, UpstreamSettings},
};
use alloy_primitives::{Address, U256};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;

/// What is kept in memory of an upstream's answers goes to the disk this often.
const KEEP_INTERVAL: Duration = Duration::from_secs(1);

/// A fork that is there, or is to be made.
#[derive(Debug)]
pub(super) enum Fork {
    /// In the data directory.
    Stored(Arc<Remote>),
    /// Now.
    New(Box<Forked>),
}

impl Fork {
    pub(super) fn remote(&self) -> Arc<Remote> {
        match self {
            Self::Stored(remote) => remote.clone(),
            Self::New(forked) => forked.remote.clone(),
        }
    }

    /// What the chain begins with, if it is made now.
    pub(super) fn founding(&self) -> Option<&Founding> {
        match self {
            Self::Stored(_) => None,
            Self::New(forked) => Some(&forked.founding),
        }
    }
}

/// Makes a new fork go on as the settings say: from its block's time, with its chain id and fees, after
/// the transactions that come before everything else.
pub(super) fn settle(config: &Config, fork: &Fork, chain: &Arc<Chain>) -> Result<(), NodeError> {
    let (base, genesis) = (chain.first(), &config.genesis);
    match fork {
        Fork::Stored(_) => {
            let stored = chain.spec().chain_id();
            if let Some(given) = genesis.chain_id.filter(|given| *given != stored) {
                let (given, stored) = (given.to_string(), stored.to_string());
                return Err(NodeError::Differs { flag: "--chain-id", given, stored });
            }
            Ok(())
        }
        Fork::New(forked) => {
            let header = &forked.founding.block.header;
            chain.develop(|set| {
                set.clock.go_on_from(genesis.timestamp.unwrap_or(header.timestamp));
                if let Some(id) = genesis.chain_id {
                    set.set_chain_id(base + 1, id);
                }
            })?;
            if let Some(replayed) = &forked.replayed {
                let transactions = &replayed.transactions;
                chain.append(sealer::build_like(chain, &replayed.block.header, transactions)?)?;
            }
            chain.develop(|set| {
                set.next.gas_limit = genesis.gas_limit;
                set.next.base_fee = genesis.base_fee;
            })?;
            Ok(())
        }
    }
}

/// The cache of an upstream's answers, and the folder that goes with it if it is not kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) cache: Arc<UpstreamCache>,
    _temporary: Option<TempDir>,
}

/// The fork that is stored, or that the settings ask for.
///
/// # Errors
/// When another chain is stored, or the upstream does not answer, or lies.
pub(super) fn open(
    config: &Config,
    directory: &Directory,
    funded: &[(Address, U256)],
) -> Result<(Option<Fork>, Option<Kept>), NodeError> {
    let stored = stored_kind(&directory.storage)?;
    let fork = match (stored, &config.fork) {
        (Some(BaseKind::Forked { chain_id, number, hash }), asked) => {
            let fork = BlockNumHash::new(number, hash);
            let kept = keep(config)?;
            if let Some(asked) = asked {
                compare(asked, chain_id, number)?;
            }
            let remote = Arc::new(remote(&kept.cache, asked.as_ref(), chain_id, fork));
            check_fork(&remote)?;
            (Some(Fork::Stored(remote)), Some(kept))
        }
        (Some(_), Some(_)) => return Err(NodeError::NoFork { dir: config.data.dir.clone() }),
        (_, None) => (None, None),
        (None, Some(asked)) => {
            let kept = keep(config)?;
            let forked = plan(config, asked, funded).make(&kept.cache)?;
            (Some(Fork::New(Box::new(forked))), Some(kept))
        }
    };
    Ok(fork)
}

/// The remote chain of a stored fork for a command that has no settings: what is kept answers.
pub(super) fn offline(dir: &Path, directory: &Directory) -> Result<Option<Arc<Remote>>, NodeError> {
    let Some(BaseKind::Forked { chain_id, number, hash }) = stored_kind(&directory.storage)? else {
        return Ok(None);
    };
    let cache = Arc::new(UpstreamCache::open(&dir.join("upstream"))?);
    Ok(Some(Arc::new(remote(&cache, None, chain_id, BlockNumHash::new(number, hash)))))
}

fn remote(
    cache: &Arc<UpstreamCache>,
    asked: Option<&ForkConfig>,
    chain_id: u64,
    fork: BlockNumHash,
) -> Remote {
    let endpoints = asked.map(|asked| asked.endpoints.clone()).unwrap_or_default();
    let settings = asked.map_or_else(UpstreamSettings::default, |asked| asked.upstream.clone());
    let upstream = Arc::new(Upstream::new(endpoints, settings));
    Remote::new(upstream, cache.clone(), chain_id, fork)
}

fn plan(config: &Config, asked: &ForkConfig, funded: &[(Address, U256)]) -> ForkPlan {
    ForkPlan {
        endpoints: asked.endpoints.clone(),
        settings: asked.upstream.clone(),
        block: asked.block,
        chain_id: asked.chain_id,
        hardfork: config.genesis.hardfork,
        funded: funded.to_vec(),
    }
}

/// Compares flags with the stored fork, without the network.
fn compare(asked: &ForkConfig, chain_id: u64, number: u64) -> Result<(), NodeError> {
    let differs = |flag, given: u64, stored: u64| NodeError::Differs {
        flag,
        given: given.to_string(),
        stored: format!("a fork of {stored}"),
    };
    if let Some(given) = asked.chain_id.filter(|given| *given != chain_id) {
        return Err(differs("--fork-chain-id", given, chain_id));
    }
    match asked.block {
        ForkBlock::Number(given) if given != number => {
            Err(differs("--fork-block-number", given, number))
        }
        // The newest block was another one when the fork was made.
        _ => Ok(()),
    }
}

/// Opens the cache where the settings say; where that cannot be, one that is forgotten.
fn keep(config: &Config) -> Result<Kept, NodeError> {
    if let Some(dir) = cache_dir(config) {
        match UpstreamCache::open(&dir) {
            Ok(cache) => return Ok(Kept { cache: Arc::new(cache), _temporary: None }),
            Err(error @ StorageError::DiskFull) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(target: "fork", "{error}; what the upstream answers is not kept");
            }
        }
    }
    let temporary = tempfile::Builder::new().prefix("mainspring-upstream-").tempdir();
    let temporary = temporary.map_err(NodeError::Temporary)?;
    let cache = UpstreamCache::open(temporary.path())?;
    Ok(Kept { cache: Arc::new(cache), _temporary: Some(temporary) })
}

/// The folder of the cache; `None` to forget everything.
fn cache_dir(config: &Config) -> Option<PathBuf> {
    if config.cache.forgets {
        return None;
    }
    if let Some(named) = &config.cache.path {
        return Some(named.join("upstream"));
    }
    if !config.data.ephemeral {
        return Some(config.data.dir.join("upstream"));
    }
    let named = |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let user = named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")))?;
    Some(user.join("mainspring").join("upstream"))
}

/// Makes the answers of the upstream durable at intervals.
pub(super) async fn keep_answers(cache: Arc<UpstreamCache>) {
    let mut ticks = tokio::time::interval(KEEP_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let cache = cache.clone();
        // It logs what goes wrong itself.
        let _ = tokio::task::spawn_blocking(move || cache.flush()).await;
    }
}
