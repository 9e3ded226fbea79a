//! Does the node have a network, and how do transactions of peers come into the pool?

use super::NodeError;
use crate::{
    chain::Chain,
    config::{Config, Role},
    network::{Admission, Admit, Links, Network, NetworkHandle, NetworkSettings, node_key},
    pool::{Pool, PoolError},
    sealer::{SealError, SealerHandle},
    spec::Mode,
};
use std::{path::Path, sync::Arc};
use tokio::task::JoinSet;

/// A network that runs.
#[derive(Debug)]
pub(super) struct Joined {
    handle: NetworkHandle,
    task: JoinSet<()>,
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
    let Role::Stored { seals, .. } = config.role else { return Ok(None) };
    let Some(network) = &config.network else { return Ok(None) };
    let mode = chain.spec().mode;
    if mode == Mode::Dev {
        tracing::info!(
            target: "network",
            "there is no network: this is a development chain, whose blocks nobody else could check"
        );
        return Ok(None);
    }
    let settings = NetworkSettings {
        key: node_key(dir)?,
        config: network.clone(),
        client: client(),
        seals: match mode {
            Mode::Poa => seals,
            Mode::Pow => config.mining.mines,
            _ => false,
        },
    };
    let links = Links { chain: chain.clone(), pool: pool.clone(), admit: door(sealer.clone()) };
    let (network, handle) = Network::open(settings, links).await?;
    let mut task = JoinSet::new();
    task.spawn(network.run());
    Ok(Some(Joined { handle, task }))
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
