//! What does the node say of itself?

use crate::{
    pool::Order,
    rpc::{Answer, Api, RpcContext, RpcError, web3::client_version},
    state::Remote,
};
use alloy_primitives::U256;
use alloy_rpc_types::anvil::{ForkedNetwork, Metadata, NodeEnvironment, NodeForkConfig, NodeInfo};
use jsonrpsee::{core::async_trait, proc_macros::rpc};
use serde::Serialize;

/// geth's levels of a log that is switched off and on.
const ERRORS: u64 = 1;
/// With a line a request and a block.
const EVERYTHING: u64 = 3;

/// Facts about the node and its newest block.
#[rpc(server, namespace = "anvil")]
pub trait Info {
    /// The newest block, and what the next one will be like.
    #[method(name = "nodeInfo")]
    fn node_info(&self) -> Answer<ForkedNodeInfo>;

    /// Name and version, chain id, newest block, snapshots, and a name of this run of the chain that
    /// changes with every start and reset.
    #[method(name = "metadata", aliases = ["hardhat_metadata"])]
    async fn metadata(&self) -> Answer<Metadata>;

    /// Timestamp of the genesis block, in seconds since 1970.
    #[method(name = "getGenesisTime")]
    async fn genesis_time(&self) -> Answer<u64>;

    /// When the newest block was made, in seconds of wall time since 1970.
    #[method(name = "getLastBlockWallTime")]
    fn last_block_wall_time(&self) -> Answer<u64>;

    /// Writes the log, or nothing but errors.
    #[method(name = "setLoggingEnabled", aliases = ["hardhat_setLoggingEnabled"])]
    fn set_logging_enabled(&self, is_on: bool) -> Answer<()>;
}

/// What `anvil_nodeInfo` says, with a word on what is not obvious about a fork.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ForkedNodeInfo {
    #[serde(flatten)]
    info: NodeInfo,
    /// What the state roots of blocks after the fork cover.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_root_covers: Option<&'static str>,
}

/// Of a fork.
const LOCAL_ROOT: &str =
    "only the accounts and slots that were changed here since the fork, not the upstream's state";

/// Only hosts: the rest of a URL often is a key.
fn fork_config(remote: &Remote) -> NodeForkConfig {
    let upstream = remote.upstream();
    NodeForkConfig {
        fork_url: upstream.endpoints().first().map(|endpoint| endpoint.to_string()),
        fork_block_number: Some(remote.fork().number),
        fork_retry_backoff: Some(upstream.settings().backoff.as_millis()),
    }
}

#[async_trait]
impl InfoServer for Api {
    fn node_info(&self) -> Answer<ForkedNodeInfo> {
        let (head, spec, next, remote) = self.at_once(|node| {
            let head = node.chain.head();
            let next = node.sealer.next_block(&head);
            (head, node.chain.spec(), next, node.chain.remote())
        });
        let info = NodeInfo {
            current_block_number: head.number,
            current_block_timestamp: head.timestamp,
            current_block_hash: head.seal(),
            hard_fork: spec.fork_of(next.number, next.timestamp, U256::ZERO).to_string(),
            transaction_order: match self.sealer.order() {
                Order::Fees => "fees",
                Order::Fifo => "fifo",
            }
            .to_owned(),
            environment: NodeEnvironment {
                base_fee: u128::from(next.base_fee.unwrap_or(0)),
                chain_id: spec.chain_id(),
                gas_limit: next.gas_limit,
                gas_price: self.suggested_gas_price(),
            },
            fork_config: remote.as_deref().map(fork_config).unwrap_or_default(),
            network: None,
        };
        Ok(ForkedNodeInfo { info, state_root_covers: remote.map(|_| LOCAL_ROOT) })
    }

    async fn metadata(&self) -> Answer<Metadata> {
        // Snapshots are locked while the chain goes back.
        self.blocking(|node| Ok(metadata(node))).await
    }

    async fn genesis_time(&self) -> Answer<u64> {
        self.blocking(|node| {
            let first = node.chain.earliest();
            let genesis = node.chain.header(first)?.ok_or(RpcError::HeaderNotFound)?;
            Ok(genesis.timestamp)
        })
        .await
    }

    fn last_block_wall_time(&self) -> Answer<u64> {
        Ok(self.chain.clock().last_block_wall_time())
    }

    fn set_logging_enabled(&self, is_on: bool) -> Answer<()> {
        let level = if is_on { EVERYTHING } else { ERRORS };
        if self.verbosity.set(level) { Ok(()) } else { Err(RpcError::FixedLog) }
    }
}

fn metadata(node: &RpcContext) -> Metadata {
    let head = node.chain.head();
    let kept = node.dev.kept_snapshots().into_iter();
    Metadata {
        client_version: client_version(node),
        client_semver: Some(env!("CARGO_PKG_VERSION").to_owned()),
        client_commit_sha: None,
        chain_id: node.chain.spec().chain_id(),
        instance_id: node.dev.instance(),
        latest_block_number: head.number,
        latest_block_hash: head.seal(),
        forked_network: node.chain.remote().map(|remote| ForkedNetwork {
            chain_id: remote.chain_id(),
            fork_block_number: remote.fork().number,
            fork_block_hash: remote.fork().hash,
        }),
        snapshots: kept.map(|(id, number, hash)| (U256::from(id), (number, hash))).collect(),
    }
}
