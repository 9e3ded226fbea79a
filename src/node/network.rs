//! Does the node have a network, and how do transactions of peers come into the pool?

use super::{NodeError, hold};
use crate::{
    chain::{Chain, ChainError},
    config::{Config, Role},
    network::{Admission, Admit, Links, Network, NetworkHandle, NetworkSettings, node_key},
    pool::{Pool, PoolError},
    primitives::BlockNumHash,
    rpc::Readiness,
    sealer::{Authority, SealError, SealerHandle},
    spec::Mode,
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::MissedTickBehavior};

/// How often it is looked whether this node makes blocks.
const LOOK: Duration = Duration::from_secs(1);

/// A network that runs.
#[derive(Debug)]
pub(super) struct Joined {
    handle: NetworkHandle,
    task: JoinSet<()>,
    /// Those who tell network and sealer of each other. They end with this.
    _told: JoinSet<()>,
}

impl Joined {
    pub(super) const fn handle(&self) -> &NetworkHandle {
        &self.handle
    }

    /// Leaves the network. No block of a peer is imported when this returns.
    pub(super) async fn leave(mut self) {
        self.handle.stop().await;
        while self.task.join_next().await.is_some() {}
    }
}

/// Joins the network that the settings speak of. A development chain is alone.
pub(super) async fn join(
    config: &Config,
    dir: &Path,
    chain: &Arc<Chain>,
    pool: &Arc<Pool>,
    sealer: &SealerHandle,
) -> Result<Option<Joined>, NodeError> {
    let Role::Stored { .. } = config.role else { return Ok(None) };
    let Some(network) = &config.network else { return Ok(None) };
    let mode = chain.spec().mode;
    if mode == Mode::Dev {
        tracing::info!(
            target: "network",
            "there is no network: this is a development chain, whose blocks nobody else could check"
        );
        return Ok(None);
    }
    let grace = network.peer_grace;
    let settings = NetworkSettings {
        key: node_key(dir)?,
        config: network.clone(),
        client: client(),
        // Headers of peers are checked against who may sign. It is in memory before the first one comes.
        seals: seals(chain, sealer)?,
        signer: sealer.authority().map(Authority::address),
    };
    let links = Links { chain: chain.clone(), pool: pool.clone(), admit: door(sealer.clone()) };
    let (network, handle) = Network::open(settings, links).await?;
    let mut task = JoinSet::new();
    task.spawn(network.run());
    let mut told = JoinSet::new();
    told.spawn(hold::watch(grace, chain.clone(), sealer.clone(), handle.clone()));
    told.spawn(tell_seals(chain.clone(), sealer.clone(), handle.clone()));
    Ok(Some(Joined { handle, task, _told: told }))
}

/// Does this node make blocks? A signer's key makes none before the signers have voted it in.
fn seals(chain: &Chain, sealer: &SealerHandle) -> Result<bool, ChainError> {
    if chain.spec().mode != Mode::Poa {
        return Ok(sealer.miner().is_some_and(|miner| miner.wishes().mines));
    }
    let head = chain.head();
    let snapshot = chain.signers_after(BlockNumHash::new(head.number, head.seal()))?;
    let own = sealer.authority().map(Authority::address);
    Ok(own.is_some_and(|own| snapshot.signers.contains(&own)))
}

/// Lets peers know whether this node makes blocks, until it is dropped.
async fn tell_seals(chain: Arc<Chain>, sealer: SealerHandle, network: NetworkHandle) {
    let mut told = None;
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let now = match seals(&chain, &sealer) {
            Ok(now) => now,
            Err(error) => {
                tracing::error!(target: "network", %error, "who may sign blocks is not known");
                continue;
            }
        };
        if told != Some(now) && network.set_seals(now).await.is_err() {
            // It has ended.
            return;
        }
        told = Some(now);
    }
}

fn client() -> String {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("mainspring/v{}/{os}-{arch}", env!("CARGO_PKG_VERSION"))
}

/// The door that users' transactions go through too.
fn door(sealer: SealerHandle) -> Admit {
    Arc::new(move |transaction| match sealer.admit(transaction, None) {
        // Nobody waits for its block.
        Ok(_admitted) => Admission::Taken,
        Err(error) if is_invalid(&error) => Admission::Invalid(error.to_string()),
        Err(error) => Admission::NotTaken(error.to_string()),
    })
}

/// Would every node of this chain refuse it, at any time and with any settings?
const fn is_invalid(error: &SealError) -> bool {
    let SealError::Pool(error) = error else { return false };
    matches!(
        error,
        PoolError::ChainId { .. }
            | PoolError::TipAboveFeeCap { .. }
            | PoolError::NonceMax { .. }
            | PoolError::NoAuthorizations
            | PoolError::MissingSidecar
            | PoolError::NoBlobs
            | PoolError::BlobCount { .. }
            | PoolError::Kzg(_)
    )
}

/// A node that catches up, or that reaches none of those it was told to follow, answers of an old head.
pub(super) fn readiness(
    config: &Config,
    chain: &Arc<Chain>,
    sealer: &SealerHandle,
    network: Option<&NetworkHandle>,
) -> Readiness {
    let (chain, sealer, network) = (chain.clone(), sealer.clone(), network.cloned());
    let is_told_of_peers = config.network.as_ref().is_some_and(|it| !it.peers.is_empty());
    Readiness::new(move || {
        if let Some(failure) = chain.write_failure() {
            return Err(failure.to_string());
        }
        if let Some(failure) = sealer.failure() {
            return Err(failure.to_string());
        }
        let Some(network) = &network else { return Ok(()) };
        if let Some(at) = network.sync_progress() {
            return Err(format!("it catches up: block {} of {}", at.current, at.highest));
        }
        match is_told_of_peers && network.peer_count() == 0 {
            true => Err(
                "it has no peer, though it was started with --peer: where the chain is now is not \
                         known; the log says why"
                    .to_owned(),
            ),
            false => Ok(()),
        }
    })
}
