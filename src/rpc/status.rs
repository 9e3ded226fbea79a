//! `chain_status`: who makes the next block, and why is it not there?

use super::{Answer, Api, RpcContext};
use crate::{
    sealer::{Mode, Turn},
    spec,
    status::{self, Judgement, Making, Parts, Peers, Signers, Situation, Work},
};
use alloy_primitives::{Address, B256, U64, U256};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use serde::Serialize;

/// How the chain is.
#[rpc(server, namespace = "chain")]
pub trait Status {
    /// How blocks come about, the newest one, who makes the next, what waits, who is connected; and in
    /// two sentences why no block is being made and what to do about it.
    #[method(name = "status")]
    async fn status(&self) -> Answer<ChainStatus>;
}

/// How a chain is, as a node sees it. Spans of time are in seconds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainStatus {
    mode: spec::Mode,
    chain_id: U64,
    head: Head,
    /// Time between two blocks, where one comes without being asked for.
    expected: Option<f64>,
    /// Should there have been a block by now?
    overdue: bool,
    /// Why no block is made, or when the next one comes.
    reason: String,
    /// What to do about it.
    advice: String,
    /// Of a development chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    development: Option<Development>,
    /// Of proof of authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    authority: Option<Authority>,
    /// Of proof of work.
    #[serde(skip_serializing_if = "Option::is_none")]
    work: Option<Proof>,
    pool: Pool,
    /// The network; null where the node has none.
    peers: Option<Connected>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    number: U64,
    hash: B256,
    timestamp: U64,
    age: u64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Development {
    /// When blocks are made.
    mining: &'static str,
    /// Does this node make them?
    seals: bool,
    /// Blocks that somebody asked for and that are still to come.
    requests: usize,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Authority {
    /// The block that is next.
    next: U64,
    /// Whose turn it is.
    in_turn: Option<Address>,
    /// All who may sign, in the order of their turns.
    signers: Vec<Signer>,
    /// How many have to take part for the chain to go on.
    needed: usize,
    /// How many this node knows to be running: itself, and peers that say that they sign.
    reachable: usize,
    /// This node's key.
    own: Option<Own>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Signer {
    address: Address,
    /// May it sign the next block? Who signed a moment ago has to wait.
    may_sign: bool,
    /// The newest block that it signed, if that is not long ago.
    last_block: Option<U64>,
    /// How long ago that was.
    last_seen: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Own {
    address: Address,
    /// Is it a signer's?
    signer: bool,
    /// Is the next block its turn?
    in_turn: bool,
    /// The first block that it may sign.
    from: Option<U64>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Proof {
    difficulty: U256,
    /// Does this node mine?
    mines: bool,
    /// Hashes a second that it tries.
    hash_rate: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Pool {
    pending: usize,
    queued: usize,
    /// Does one of them pay what the next block asks for?
    ready: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Connected {
    count: usize,
    /// How many of them say that they make blocks.
    sealing: usize,
    /// As `eth_syncing` answers it: null where nothing is missing.
    syncing: Option<Syncing>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Syncing {
    starting_block: U64,
    current_block: U64,
    highest_block: U64,
}

#[async_trait]
impl StatusServer for Api {
    async fn status(&self) -> Answer<ChainStatus> {
        self.blocking(|node| {
            let situation = status::observe(parts(node))?;
            let judgement = status::judge(&situation);
            Ok(ChainStatus::new(node, &situation, judgement))
        })
        .await
    }
}

fn parts(node: &RpcContext) -> Parts<'_> {
    Parts {
        chain: &node.chain,
        pool: &node.pool,
        sealer: &node.sealer,
        is_development: node.namespaces.kind.is_development(),
        network: node.network.as_ref(),
    }
}

impl ChainStatus {
    fn new(node: &RpcContext, situation: &Situation, judgement: Judgement) -> Self {
        let (mut development, mut authority, mut work) = (None, None, None);
        match &situation.making {
            Making::Elsewhere => {}
            Making::Alone { mode, here, requests } => {
                let (mining, requests) = (mining(*mode), *requests);
                development = Some(Development { mining, seals: *here, requests });
            }
            Making::Signers(signers) => authority = Some(Authority::new(situation, signers)),
            Making::Work(Work { difficulty, mines, hash_rate, .. }) => {
                let (difficulty, mines, hash_rate) = (*difficulty, *mines, *hash_rate);
                work = Some(Proof { difficulty, mines, hash_rate });
            }
        }
        let waiting = situation.waiting;
        Self {
            mode: node.chain.spec().mode,
            chain_id: U64::from(node.chain.spec().chain_id()),
            head: Head {
                number: U64::from(situation.head.number),
                hash: situation.head.hash,
                timestamp: U64::from(situation.timestamp),
                age: situation.age().as_secs(),
            },
            expected: judgement.expected.map(|time| time.as_secs_f64()),
            overdue: judgement.is_overdue,
            reason: judgement.reason,
            advice: judgement.advice,
            development,
            authority,
            work,
            pool: Pool { pending: waiting.pending, queued: waiting.queued, ready: waiting.ready },
            peers: situation.peers.as_ref().map(Connected::from),
        }
    }
}

impl Authority {
    fn new(situation: &Situation, signers: &Signers) -> Self {
        let next = situation.head.number.saturating_add(1);
        let all = signers.all.iter().map(|signer| Signer {
            address: signer.address,
            may_sign: signer.may_sign,
            last_block: signer.last.map(|last| U64::from(last.number)),
            last_seen: signer.last.map(|last| situation.now.saturating_sub(last.timestamp)),
        });
        let own = signers.own.map(|own| Own {
            address: own.address,
            signer: own.turn != Turn::NoSigner,
            in_turn: signers.in_turn == Some(own.address),
            from: match own.turn {
                Turn::NoSigner => None,
                Turn::Recently { next } => Some(U64::from(next)),
                Turn::Idle | Turn::Ready { .. } => Some(U64::from(next)),
            },
        });
        Self {
            next: U64::from(next),
            in_turn: signers.in_turn,
            signers: all.collect(),
            needed: signers.needed,
            reachable: signers.reachable(situation.peers.as_ref()),
            own,
        }
    }
}

impl From<&Peers> for Connected {
    fn from(peers: &Peers) -> Self {
        let syncing = peers.syncing.map(|it| Syncing {
            starting_block: U64::from(it.from),
            current_block: U64::from(it.at),
            highest_block: U64::from(it.to),
        });
        Self { count: peers.connected, sealing: peers.sealing, syncing }
    }
}

const fn mining(mode: Mode) -> &'static str {
    match mode {
        Mode::Instant => "instant",
        Mode::Interval(_) => "interval",
        Mode::Mixed(_) => "mixed",
        Mode::Manual => "manual",
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
