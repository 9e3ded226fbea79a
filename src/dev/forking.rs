//! With which block of a remote chain does a fork begin, and what is laid over its state?

use crate::{
    chain::{BaseKind, ChainError, Founding, remote_receipts},
    primitives::{Account, AccountChange, Block, BlockNumHash, StateChanges, Transaction},
    spec::{
        ChainSpec, Fork, SpecError,
        contracts::{
            CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
            system_contracts,
        },
        networks::ForkedGenesis,
    },
    state::{Remote, StateError},
    storage::{StorageError, UpstreamCache},
    upstream::{Endpoint, Upstream, UpstreamError, UpstreamSettings},
};
use alloy_genesis::Genesis;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use serde_json::Value;
use std::{io, sync::Arc};

/// The block with which a fork begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForkBlock {
    /// The newest when the fork is made.
    #[default]
    Latest,
    /// This one.
    Number(u64),
    /// So many before the newest.
    Behind(u64),
    /// The one before that of a transaction, with the transactions up to it on top.
    Transaction(B256),
}

/// What a fork is to be.
#[derive(Clone, Debug)]
pub struct ForkPlan {
    /// Who serves the remote chain.
    pub endpoints: Vec<Endpoint>,
    /// How they are asked.
    pub settings: UpstreamSettings,
    /// Where the fork begins.
    pub block: ForkBlock,
    /// The remote chain's id, if it was named.
    pub chain_id: Option<u64>,
    /// The rules after the fork; without it, those of the remote chain.
    pub hardfork: Option<Fork>,
    /// Who gets how much wei.
    pub funded: Vec<(Address, U256)>,
}

/// What a chain is made of that is a fork.
#[derive(Debug)]
pub struct Forked {
    /// The remote chain.
    pub remote: Arc<Remote>,
    /// The rules, in the form of a genesis file.
    pub genesis: Genesis,
    /// The block that it begins with.
    pub founding: Founding,
    /// A remote block of which some transactions are executed again on top, if any.
    pub replayed: Option<Replayed>,
}

/// Transactions of a remote block, from its first on.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The block.
    pub block: Block,
    /// As many as are executed.
    pub transactions: Vec<Transaction>,
}

/// Why no fork was made.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// The upstream did not answer.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The upstream's state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The chain cannot be made.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The rules make no chain.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The answers cannot be kept.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// There is no room for answers that are not kept.
    #[error("no temporary folder can be made for what the upstream answers: {0}")]
    Temporary(#[source] io::Error),
    /// The upstream serves another chain.
    #[error(
        "the upstream {host} has chain id {found}, but {wanted} was expected; name the right upstream \
         with --fork-url, or the right id with --fork-chain-id"
    )]
    OtherChain {
        /// Who was asked.
        host: String,
        /// Its chain id.
        found: u64,
        /// What was named, or is stored.
        wanted: u64,
    },
    /// The upstream has another block where the stored fork begins.
    #[error(
        "the upstream {host} has block {found} at height {number}, but the stored fork begins with \
         {stored}; use the upstream it was made from, start over with --fresh, or choose another \
         --datadir"
    )]
    OtherBlock {
        /// Who was asked.
        host: String,
        /// Height.
        number: u64,
        /// Hash there.
        found: B256,
        /// Hash that is stored.
        stored: B256,
    },
    /// There are not so many blocks.
    #[error("the fork is to begin {behind} blocks before the newest, but that is block {newest}")]
    TooFarBehind {
        /// So many before.
        behind: u64,
        /// Height of the newest.
        newest: u64,
    },
    /// No block holds that transaction.
    #[error("the upstream {host} has no mined transaction {hash}")]
    NoTransaction {
        /// Who was asked.
        host: String,
        /// Its hash.
        hash: B256,
    },
}

/// Contracts whose first four slots the protocol reads after every block.
const QUEUES: [Address; 2] =
    [WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS];

/// Chain ids of development chains, of which two are seldom the same chain.
const DEVELOPMENT_IDS: [u64; 2] = [31_337, 1_337];

impl ForkPlan {
    /// Asks the upstream for everything that the chain begins with.
    pub fn make(&self, cache: &Arc<UpstreamCache>) -> Result<Forked, ForkError> {
        let upstream = Arc::new(Upstream::new(self.endpoints.clone(), self.settings.clone()));
        let (chain_id, json) = match self.remembered(cache)? {
            Some(known) => known,
            None => self.ask(&upstream, cache)?,
        };
        let header = upstream.read_header(&json)?;
        let fork = BlockNumHash::new(header.number, header.seal());
        let remote = Arc::new(Remote::new(upstream.clone(), cache.clone(), chain_id, fork));
        if header.hash_slow() != header.seal() {
            tracing::warn!(
                target: "fork",
                "the hash of block {} is not that of its header: the upstream's word is taken for it",
                header.number
            );
        }
        let block = match upstream.read_block(&json) {
            Err(error @ UpstreamError::TransactionType { .. }) => {
                tracing::warn!(target: "fork", "{error}; its transactions are not shown");
                Block { header: header.clone(), body: Arc::default() }
            }
            block => block?,
        };
        let receipts = remote_receipts(&remote, &block)?;
        remote.keep_json("block", header.seal(), &json);
        remote.keep_json("header", header.seal(), &json);
        let (number, timestamp) = (header.number, header.timestamp);
        let genesis = ForkedGenesis { chain_id, number, timestamp, fork: self.hardfork }.genesis();
        let spec = ChainSpec::from_genesis(genesis.clone())?;
        let total_difficulty = serde_json::from_value(json["totalDifficulty"].clone());
        let founding = Founding {
            kind: BaseKind::Forked { chain_id, number, hash: header.seal() },
            block,
            receipts: Arc::new(receipts),
            total_difficulty: total_difficulty.unwrap_or(header.difficulty),
            changes: self.changes(&remote, &spec, timestamp)?,
        };
        if let [only] = self.endpoints.as_slice() {
            cache.put_answer(&verified_name(&remote, only), b"true".to_vec());
        }
        let replayed = self.replayed(&remote)?;
        Ok(Forked { remote, genesis, founding, replayed })
    }

    /// Chain id and block from an earlier run, where nothing can have changed since.
    fn remembered(&self, cache: &UpstreamCache) -> Result<Option<(u64, Value)>, StateError> {
        let ForkBlock::Number(number) = self.block else { return Ok(None) };
        let of_url = |endpoint: &Endpoint| cache.answer(&id_name(endpoint));
        let chain_id = match (self.chain_id, self.endpoints.first()) {
            (Some(named), _) => Some(named),
            (None, Some(endpoint)) => {
                of_url(endpoint)?.and_then(|kept| serde_json::from_slice(&kept).ok())
            }
            (None, None) => None,
        };
        let Some(chain_id) = chain_id.filter(|id| !DEVELOPMENT_IDS.contains(id)) else {
            return Ok(None);
        };
        let kept = cache.answer(&block_name(chain_id, number))?;
        let kept = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
        Ok(kept.map(|json| (chain_id, json)))
    }

    fn ask(&self, upstream: &Upstream, cache: &UpstreamCache) -> Result<(u64, Value), ForkError> {
        let chain_id = check_ids(&self.endpoints, &self.settings, self.chain_id)?;
        let number = match self.block {
            ForkBlock::Number(number) => number,
            ForkBlock::Latest => upstream.block_number()?,
            ForkBlock::Behind(behind) => {
                let newest = upstream.block_number()?;
                let number = newest.checked_sub(behind);
                number.ok_or(ForkError::TooFarBehind { behind, newest })?
            }
            ForkBlock::Transaction(hash) => {
                let place = upstream.locate(hash)?;
                let (block, _) = place
                    .filter(|(block, _)| *block > 0)
                    .ok_or_else(|| ForkError::NoTransaction { host: upstream.host(), hash })?;
                block - 1
            }
        };
        let json = upstream.block_at(number, true)?.ok_or_else(|| upstream.no_block(number))?;
        let found = upstream.read_header(&json)?.number;
        if found != number {
            return Err(upstream.no_block(number).into());
        }
        if let Some(endpoint) = self.endpoints.first() {
            cache.put_answer(&id_name(endpoint), chain_id.to_string().into_bytes());
        }
        cache.put_answer(&block_name(chain_id, number), json.to_string().into_bytes());
        Ok((chain_id, json))
    }

    /// The funded accounts keep what else they have, and contracts that the rules call are put where the
    /// remote chain has none.
    fn changes(
        &self,
        remote: &Remote,
        spec: &ChainSpec,
        timestamp: u64,
    ) -> Result<StateChanges, StateError> {
        let rules = spec.fork_of(remote.fork().number + 1, timestamp + 1, U256::ZERO);
        let system = system_contracts().into_iter().filter(|each| each.since <= rules);
        let system: Vec<_> = system.map(|each| (each.address, each.code)).collect();
        let funded = self.funded.iter().map(|(address, _)| *address);
        let system_addresses = system.iter().map(|(address, _)| *address);
        // Last, who receives the fees: with the queues below, every block asks for it.
        let addresses: Vec<Address> =
            funded.chain(system_addresses).chain([Address::ZERO]).collect();
        let mut accounts = remote.accounts(&addresses)?.into_iter();
        let queues = QUEUES.iter().flat_map(|queue| (0..4).map(|slot| (*queue, U256::from(slot))));
        remote.prefetch_slots(&queues.collect::<Vec<_>>())?;
        let mut changes = StateChanges::default();
        let mut put = |address, account: Account, code: Option<Bytes>| {
            let change = AccountChange { account: Some(account), ..AccountChange::default() };
            changes.accounts.insert(address, change);
            changes.codes.extend(code.map(|code| (account.code_hash, code)));
        };
        for (address, balance) in &self.funded {
            let account = accounts.next().flatten().unwrap_or_default();
            put(*address, Account { balance: *balance, ..account }, None);
        }
        for (address, code) in system {
            let account = accounts.next().flatten().unwrap_or_default();
            if !account.has_code() {
                let code_hash = keccak256(&code);
                put(address, Account { nonce: 1, code_hash, ..account }, Some(code));
            }
        }
        Ok(changes)
    }

    fn replayed(&self, remote: &Remote) -> Result<Option<Replayed>, ForkError> {
        let ForkBlock::Transaction(hash) = self.block else { return Ok(None) };
        let (upstream, number) = (remote.upstream(), remote.fork().number + 1);
        let json = upstream.block_at(number, true)?.ok_or_else(|| upstream.no_block(number))?;
        let block = upstream.read_block(&json)?;
        let last = block.body.transactions.iter().position(|it| it.hash() == hash);
        let last = last.ok_or_else(|| ForkError::NoTransaction { host: upstream.host(), hash })?;
        let transactions = block.body.transactions[..=last].to_vec();
        Ok(Some(Replayed { block, transactions }))
    }
}

/// The chain id that all endpoints agree on which can be asked.
///
/// # Errors
/// One that has another id, or another than `wanted`; or nobody can be asked.
pub fn check_ids(
    endpoints: &[Endpoint],
    settings: &UpstreamSettings,
    wanted: Option<u64>,
) -> Result<u64, ForkError> {
    let (mut agreed, mut failed) = (wanted, None);
    let mut answered = false;
    for endpoint in endpoints {
        let alone = Upstream::new(vec![endpoint.clone()], settings.clone());
        match (alone.chain_id(), agreed) {
            (Ok(found), Some(wanted)) if found != wanted => {
                return Err(ForkError::OtherChain { host: alone.host(), found, wanted });
            }
            (Ok(found), _) => {
                answered = true;
                agreed = Some(found);
            }
            (Err(error), _) => {
                if endpoints.len() > 1 {
                    tracing::warn!(target: "fork", "{error}");
                }
                failed = Some(error);
            }
        }
    }
    match (agreed.filter(|_| answered), failed) {
        (Some(id), _) => Ok(id),
        (None, Some(error)) => Err(error.into()),
        (None, None) => Err(UpstreamError::NoEndpoint.into()),
    }
}

/// Compares the endpoints of a stored fork with it. Those that cannot be asked are left in peace: the
/// node works on what is kept.
///
/// # Errors
/// Another chain id, or another block where the fork begins.
pub fn check_fork(remote: &Remote) -> Result<(), ForkError> {
    let upstream = remote.upstream();
    let (wanted, fork) = (remote.chain_id(), remote.fork());
    for endpoint in upstream.endpoints() {
        let name = verified_name(remote, &endpoint);
        let is_verified = remote.cache().answer(&name).map_err(StateError::from)?.is_some();
        if is_verified && !DEVELOPMENT_IDS.contains(&wanted) {
            continue;
        }
        let alone = Upstream::new(vec![endpoint], upstream.settings().clone());
        let host = alone.host();
        let asked = alone.chain_id().and_then(|id| Ok((id, alone.block_at(fork.number, false)?)));
        let (found, block) = match asked {
            Ok(asked) => asked,
            Err(error) => {
                tracing::warn!(target: "fork", "{error}; what is not kept here cannot be answered");
                continue;
            }
        };
        if found != wanted {
            return Err(ForkError::OtherChain { host, found, wanted });
        }
        let Some(block) = block else {
            tracing::warn!(target: "fork", "{}", alone.no_block(fork.number));
            continue;
        };
        let found = alone.read_header(&block)?.seal();
        if found != fork.hash {
            let (number, stored) = (fork.number, fork.hash);
            return Err(ForkError::OtherBlock { host, number, found, stored });
        }
        remote.cache().put_answer(&name, b"true".to_vec());
    }
    Ok(())
}

/// Names that a URL was seen to serve the fork's block.
fn verified_name(remote: &Remote, endpoint: &Endpoint) -> Vec<u8> {
    remote.name_of("verified", endpoint.secret_url().as_bytes())
}

/// Names the chain id that a URL was seen to have. Only the hash of it is kept.
fn id_name(endpoint: &Endpoint) -> Vec<u8> {
    [b"chain id of ", endpoint.secret_url().as_bytes()].concat()
}

/// Names the block at a height as it was seen.
fn block_name(chain_id: u64, number: u64) -> Vec<u8> {
    [b"fork at ".as_slice(), &chain_id.to_be_bytes(), &number.to_be_bytes()].concat()
}
