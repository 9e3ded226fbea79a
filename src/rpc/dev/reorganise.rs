//! How does a developer make a reorganisation, or take blocks back?

use crate::{
    primitives::Transaction,
    rpc::{Answer, Api, RpcContext, RpcError, anvil::small, eth::placed, params::Number},
};
use alloy_primitives::{Bytes, map::AddressMap};
use alloy_rpc_types::TransactionRequest;
use jsonrpsee::{core::async_trait, proc_macros::rpc};
use serde::Deserialize;

/// Reorganisations on demand, through the fork choice that a real one takes: subscribers see the logs
/// of removed blocks with `removed: true` and the heads of the new ones.
#[rpc(server, namespace = "anvil")]
pub trait Reorganisations {
    /// Replaces the newest `depth` blocks by as many others. Each pair is a transaction (a request
    /// of an account that the node may send for, or raw bytes) and the offset of the new block that it
    /// shall be in, from 0. A request gets the nonce that is next there; gas that it leaves open is
    /// estimated on the block below the branch. The other transactions of the removed blocks wait in the
    /// pool for the next block. Nothing has changed if this is refused. `depth` may be an object with both.
    #[method(name = "reorg")]
    async fn reorg(&self, depth: Depth, tx_block_pairs: Option<Vec<Pair>>) -> Answer<()>;

    /// Takes the newest `depth` blocks back (default 1). Their transactions are not sent again.
    #[method(name = "rollback")]
    async fn rollback(&self, depth: Option<Number>) -> Answer<()>;
}

/// How many blocks, or all that a reorganisation takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a number of blocks, or {depth, tx_block_pairs}")]
pub enum Depth {
    /// So many.
    Blocks(Number),
    /// All in one object, as it looks in anvil.
    Options(Options),
}

/// All that a reorganisation takes.
#[derive(Clone, Debug, Deserialize)]
pub struct Options {
    depth: Number,
    #[serde(default, alias = "txBlockPairs")]
    tx_block_pairs: Vec<Pair>,
}

/// A transaction, and the offset of its block.
#[derive(Clone, Debug, Deserialize)]
pub struct Pair(Placed, Number);

/// A transaction that shall be in a new block.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a transaction request, or a raw transaction in hex")]
enum Placed {
    /// Signed, encoded.
    Raw(Bytes),
    /// To be completed and signed here.
    Request(Box<TransactionRequest>),
}

#[async_trait]
impl ReorganisationsServer for Api {
    async fn reorg(&self, depth: Depth, tx_block_pairs: Option<Vec<Pair>>) -> Answer<()> {
        let (depth, pairs) = match depth {
            Depth::Blocks(depth) => (depth, tx_block_pairs.unwrap_or_default()),
            Depth::Options(options) => (options.depth, options.tx_block_pairs),
        };
        let depth = small(depth, "depth of the reorganisation")?;
        self.blocking(move |node| {
            let pairs = transactions(node, depth, pairs)?;
            Ok(node.dev.reorganise(depth, pairs)?)
        })
        .await
    }

    async fn rollback(&self, depth: Option<Number>) -> Answer<()> {
        let depth = depth.map_or(Ok(1), |depth| small(depth, "number of blocks"))?;
        self.blocking(move |node| Ok(node.dev.roll_back(depth)?)).await
    }
}

/// The transactions, in the order of their blocks.
fn transactions(
    node: &RpcContext,
    depth: u64,
    pairs: Vec<Pair>,
) -> Answer<Vec<(Transaction, u64)>> {
    let mut ordered = Vec::with_capacity(pairs.len());
    for Pair(transaction, offset) in pairs {
        ordered.push((small(offset, "block offset")?, transaction));
    }
    ordered.sort_by_key(|(offset, _)| *offset);
    let mut nonces = AddressMap::default();
    let base = node.dev.below(depth)?;
    let make = |(offset, transaction)| {
        let transaction = match transaction {
            Placed::Raw(raw) => {
                let transaction = Transaction::decode(&raw)?;
                nonces.insert(transaction.sender(), placed::next_nonce(&transaction));
                transaction
            }
            Placed::Request(request) => placed::make(node, base, &mut nonces, *request)?,
        };
        Ok::<_, RpcError>((transaction, offset))
    };
    ordered.into_iter().map(make).collect()
}
