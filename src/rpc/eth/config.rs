//! Which rules hold now and next, and what can this node be asked?

use crate::{
    rpc::{Answer, Api},
    spec::{
        ChainSpec, Fork,
        contracts::{
            BEACON_ROOTS_ADDRESS, CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, HISTORY_STORAGE_ADDRESS,
            WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
        },
        precompiles::PRECOMPILES,
    },
};
use alloy_primitives::{Address, B256, FixedBytes, U64, U256};
use jsonrpsee::{Methods, proc_macros::rpc};
use serde::Serialize;
use std::collections::BTreeMap;

/// The rules of the chain and the reach of the node.
#[rpc(server, namespace = "eth")]
pub trait Config {
    /// The rules at the head, those of the next fork by time, and those of the last one known
    /// ([EIP-7910](https://eips.ethereum.org/EIPS/eip-7910)).
    #[method(name = "config")]
    fn config(&self) -> Answer<ForkConfigs>;

    /// What the node can be asked, and from which block on: everything since genesis.
    #[method(name = "capabilities")]
    fn capabilities(&self) -> Answer<Capabilities>;
}

/// Rules now, next, at last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ForkConfigs {
    current: Option<ForkConfig>,
    next: Option<ForkConfig>,
    last: Option<ForkConfig>,
}

/// The rules from one time on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ForkConfig {
    activation_time: u64,
    blob_schedule: Option<BlobLimits>,
    chain_id: U64,
    fork_id: FixedBytes<4>,
    precompiles: BTreeMap<&'static str, Address>,
    system_contracts: BTreeMap<&'static str, Address>,
}

/// How many blobs a block may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlobLimits {
    target: u64,
    max: u64,
    base_fee_update_fraction: u128,
}

/// What the node can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    head: Head,
    state: Reach,
    tx: Reach,
    logs: Reach,
    receipts: Reach,
    blocks: Reach,
    stateproofs: Reach,
}

/// The newest block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Head {
    number: U64,
    hash: B256,
}

/// How far back something is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reach {
    disabled: bool,
    oldest_block: U64,
}

impl ConfigServer for Api {
    fn config(&self) -> Answer<ForkConfigs> {
        let (spec, now, first) = self.at_once(|node| {
            let first = node.chain.header(node.chain.earliest());
            (node.chain.spec(), node.chain.head().timestamp, first)
        });
        let genesis = first?.map_or(B256::ZERO, |header| header.seal());
        let times = spec.fork_times();
        let at = |time: &u64| of_fork(&spec, genesis, *time);
        let next = times.iter().find(|time| **time > now).map(at);
        Ok(ForkConfigs {
            current: times.iter().rfind(|time| **time <= now).map(at),
            last: next.is_some().then(|| times.last().map(at)).flatten(),
            next,
        })
    }

    fn capabilities(&self) -> Answer<Capabilities> {
        let head = self.chain.head();
        let from = |oldest| Reach { disabled: false, oldest_block: U64::from(oldest) };
        let (all, kept) = (from(self.chain.earliest()), from(self.chain.first_state()?));
        Ok(Capabilities {
            head: Head { number: U64::from(head.number), hash: head.seal() },
            state: kept,
            tx: all,
            logs: all,
            receipts: all,
            blocks: all,
            stateproofs: kept,
        })
    }
}

/// The rules from `time` on, at which a fork begins.
fn of_fork(spec: &ChainSpec, genesis: B256, time: u64) -> ForkConfig {
    let fork = spec.fork_of(u64::MAX, time, U256::ZERO);
    let active = PRECOMPILES.iter().filter(|each| each.since <= fork);
    let blobs = spec.blob_params_at(time);
    ForkConfig {
        activation_time: if time > spec.genesis.timestamp { time } else { 0 },
        blob_schedule: (fork >= Fork::Cancun).then_some(BlobLimits {
            target: blobs.target_blob_count,
            max: blobs.max_blob_count,
            base_fee_update_fraction: blobs.update_fraction,
        }),
        chain_id: U64::from(spec.chain_id()),
        fork_id: spec.fork_hash(genesis, time).into(),
        precompiles: active.map(|each| (each.name, each.address())).collect(),
        system_contracts: [
            ("BEACON_ROOTS_ADDRESS", BEACON_ROOTS_ADDRESS, Fork::Cancun),
            (
                "CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS",
                CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
                Fork::Prague,
            ),
            ("DEPOSIT_CONTRACT_ADDRESS", spec.deposit_contract, Fork::Prague),
            ("HISTORY_STORAGE_ADDRESS", HISTORY_STORAGE_ADDRESS, Fork::Prague),
            (
                "WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS",
                WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
                Fork::Prague,
            ),
        ]
        .into_iter()
        .filter(|(_, _, since)| *since <= fork)
        .map(|(name, address, _)| (name, address))
        .collect(),
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
