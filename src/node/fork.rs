//! Is the chain a fork, who answers for the rest of it, and where are the answers kept?

use super::{NodeError, directory::Directory, parts};
use crate::{
    chain::{BaseKind, Chain, Founding, Origin, stored_kind, stored_origin},
    config::{Config, ForkConfig},
    dev::{
        Answers, Beginnings,
        forking::{ForkBlock, ForkError, ForkPlan, Forked, check_fork},
    },
    primitives::BlockNumHash,
    sealer,
    spec::ChainSpec,
    state::Remote,
    storage::UpstreamCache,
    upstream::Upstream,
};
use alloy_primitives::{Address, U256};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

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
pub(super) fn settle(
    config: &Config,
    fork: &Fork,
    has_origin: bool,
    chain: &Arc<Chain>,
) -> Result<(), NodeError> {
    let (base, genesis) = (chain.first(), &config.genesis);
    match fork {
        // What a reset made is compared with nothing: the flags are those of its origin.
        Fork::Stored(_) if has_origin => Ok(()),
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

/// The fork that is stored, or that the settings ask for; and what these settings made before a reset gave
/// the chain another beginning, if one did.
///
/// # Errors
/// When another chain is stored, or the upstream does not answer, or lies.
pub(super) fn open(
    config: &Config,
    directory: &Directory,
    funded: &[(Address, U256)],
    answers: &Answers,
) -> Result<(Option<Fork>, Option<Origin>), NodeError> {
    let storage = &directory.storage;
    // A command line that made the chain goes on with what a reset made of it.
    let origin = stored_origin(storage)?.filter(|origin| is_asked_for(config, origin.kind));
    let is_origin = origin.is_some();
    let fork = match (stored_kind(storage)?, &config.fork) {
        (Some(BaseKind::Forked { chain_id, number, hash }), asked) => {
            match asked {
                Some(asked) if !is_origin => compare(asked, chain_id, number)?,
                _ => {}
            }
            let (cache, fork) = (answers.open()?, BlockNumHash::new(number, hash));
            let remote = Arc::new(remote(&cache, Some(config), chain_id, fork));
            match check_fork(&remote) {
                Err(ForkError::OtherChain { .. } | ForkError::OtherBlock { .. }) if is_origin => {
                    tracing::warn!(
                        target: "fork",
                        "a reset made this chain a fork of chain {chain_id} at block {number}, which \
                         --fork-url does not serve: what is not kept here cannot be answered before \
                         anvil_setRpcUrl names who does"
                    );
                    remote.upstream().replace(Vec::new());
                }
                checked => checked?,
            }
            Some(Fork::Stored(remote))
        }
        (Some(_), Some(_)) if !is_origin => {
            return Err(NodeError::NoFork { dir: config.data.dir.clone() });
        }
        (Some(_), _) | (None, None) => None,
        (None, Some(asked)) => {
            let forked = plan(config, asked, funded).make(&answers.open()?)?;
            Some(Fork::New(Box::new(forked)))
        }
    };
    Ok((fork, origin))
}

/// Do the settings say that a chain begins like this?
fn is_asked_for(config: &Config, kind: BaseKind) -> bool {
    match (kind, &config.fork) {
        (BaseKind::Forked { chain_id, number, .. }, Some(asked)) => {
            compare(asked, chain_id, number).is_ok()
        }
        (BaseKind::Genesis, None) => true,
        _ => false,
    }
}

/// What resets may begin with, under these settings.
pub(super) fn beginnings(
    config: &Config,
    chain: &Chain,
    origin: Option<Origin>,
    funded: Vec<(Address, U256)>,
    answers: &Arc<Answers>,
) -> Result<Beginnings, NodeError> {
    let own = match (chain.remote(), origin) {
        (None, _) => chain.spec(),
        (Some(_), Some(Origin { kind: BaseKind::Genesis, genesis })) => {
            Arc::new(ChainSpec::from_genesis(genesis)?)
        }
        (Some(_), _) => {
            let genesis = parts::dev_genesis(config, &funded).genesis();
            Arc::new(ChainSpec::from_genesis(genesis)?)
        }
    };
    Ok(Beginnings {
        own,
        fork: config.fork.as_ref().map(|asked| plan(config, asked, &funded)),
        upstream: config.upstream.clone(),
        hardfork: config.genesis.hardfork,
        funded,
        answers: answers.clone(),
    })
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
    config: Option<&Config>,
    chain_id: u64,
    fork: BlockNumHash,
) -> Remote {
    let asked = config.and_then(|config| config.fork.as_ref());
    let endpoints = asked.map(|asked| asked.endpoints.clone()).unwrap_or_default();
    let settings = config.map(|config| config.upstream.clone()).unwrap_or_default();
    let upstream = Arc::new(Upstream::new(endpoints, settings));
    Remote::new(upstream, cache.clone(), chain_id, fork)
}

fn plan(config: &Config, asked: &ForkConfig, funded: &[(Address, U256)]) -> ForkPlan {
    ForkPlan {
        endpoints: asked.endpoints.clone(),
        settings: config.upstream.clone(),
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

/// The folder of the cache; `None` to forget everything.
pub(super) fn cache_dir(config: &Config) -> Option<PathBuf> {
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

/// Makes the answers of upstreams durable at intervals.
pub(super) async fn keep_answers(answers: Arc<Answers>) {
    let mut ticks = tokio::time::interval(KEEP_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(cache) = answers.opened() else { continue };
        // It logs what goes wrong itself.
        let _ = tokio::task::spawn_blocking(move || cache.flush()).await;
    }
}
