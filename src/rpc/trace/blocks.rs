//! What happened in a block or a transaction?

use crate::{
    evm::trace::{self, Replay, TraceKinds},
    primitives::Block,
    rpc::{Answer, Api, RpcContext, RpcError, params::At, resolve, room::Room},
};
use alloy_primitives::B256;
use alloy_rpc_types::{
    Index,
    trace::{
        opcode::{BlockOpcodeGas, TransactionOpcodeGas},
        parity::{LocalizedTransactionTrace, TraceResults, TraceResultsWithTransactionHash},
    },
};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// Blocks executed again. Each is executed once, however many of its transactions are traced. A
/// transaction that does not exist is null; a block that does not exist is an error.
#[rpc(server, namespace = "trace")]
pub trait Blocks {
    /// Calls, creations and destructions of a block, and the rewards it paid.
    #[method(name = "block")]
    async fn block(&self, block: At) -> Answer<Vec<LocalizedTransactionTrace>>;

    /// Calls, creations and destructions of a transaction.
    #[method(name = "transaction")]
    async fn transaction(&self, hash: B256) -> Answer<Option<Vec<LocalizedTransactionTrace>>>;

    /// The trace of a transaction that has this address in the tree of calls.
    #[method(name = "get")]
    async fn get(
        &self,
        hash: B256,
        address: Vec<Index>,
    ) -> Answer<Option<LocalizedTransactionTrace>>;

    /// The kinds of trace that are wanted (`trace`, `vmTrace`, `stateDiff`) of a transaction.
    #[method(name = "replayTransaction")]
    async fn replay_transaction(
        &self,
        hash: B256,
        kinds: TraceKinds,
    ) -> Answer<Option<TraceResults>>;

    /// The kinds of trace that are wanted of all transactions of a block.
    #[method(name = "replayBlockTransactions")]
    async fn replay_block(
        &self,
        block: At,
        kinds: TraceKinds,
    ) -> Answer<Vec<TraceResultsWithTransactionHash>>;

    /// How often each instruction ran in each transaction of a block, and what it cost.
    #[method(name = "blockOpcodeGas")]
    async fn block_opcode_gas(&self, block: At) -> Answer<BlockOpcodeGas>;

    /// How often each instruction ran in a transaction, and what it cost.
    #[method(name = "transactionOpcodeGas")]
    async fn transaction_opcode_gas(&self, hash: B256) -> Answer<Option<TransactionOpcodeGas>>;
}

#[async_trait]
impl BlocksServer for Api {
    async fn block(&self, block: At) -> Answer<Vec<LocalizedTransactionTrace>> {
        self.blocking(move |node| {
            let (mut found, mut room) = (Vec::new(), Room::of(node));
            in_block(node, named(node, block)?, |trace| {
                found.extend(Some(trace).filter(|trace| room.fits(trace)));
            })?;
            room.check()?;
            Ok(found)
        })
        .await
    }

    async fn transaction(&self, hash: B256) -> Answer<Option<Vec<LocalizedTransactionTrace>>> {
        self.blocking(move |node| in_transaction(node, hash)).await
    }

    async fn get(
        &self,
        hash: B256,
        address: Vec<Index>,
    ) -> Answer<Option<LocalizedTransactionTrace>> {
        let address: Vec<usize> = address.into_iter().map(usize::from).collect();
        self.blocking(move |node| {
            let traces = in_transaction(node, hash)?.unwrap_or_default();
            Ok(traces.into_iter().find(|it| it.trace.trace_address == address))
        })
        .await
    }

    async fn replay_transaction(
        &self,
        hash: B256,
        kinds: TraceKinds,
    ) -> Answer<Option<TraceResults>> {
        self.blocking(move |node| {
            let Some((block, index)) = mined(node, hash)? else { return Ok(None) };
            let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
            let mut room = Room::of(node);
            let fits = |one: &_| room.fits(one);
            let traces = trace::full_traces(spec, settings, block, Some(index), &kinds, fits)?;
            room.check()?;
            Ok(traces.into_iter().next().map(|traces| traces.full_trace))
        })
        .await
    }

    async fn replay_block(
        &self,
        block: At,
        kinds: TraceKinds,
    ) -> Answer<Vec<TraceResultsWithTransactionHash>> {
        self.blocking(move |node| {
            let Some(block) = replay(node, named(node, block)?)? else { return Ok(Vec::new()) };
            let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
            let mut room = Room::of(node);
            let fits = |one: &_| room.fits(one);
            let traces = trace::full_traces(spec, settings, block, None, &kinds, fits)?;
            room.check()?;
            Ok(traces)
        })
        .await
    }

    async fn block_opcode_gas(&self, block: At) -> Answer<BlockOpcodeGas> {
        self.blocking(move |node| {
            let block = named(node, block)?;
            let (block_number, block_hash) = (block.number(), block.hash());
            let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
            let transactions = match replay(node, block)? {
                Some(block) => trace::opcode_gas(spec, settings, block, None)?,
                None => Vec::new(),
            };
            Ok(BlockOpcodeGas { block_hash, block_number, transactions })
        })
        .await
    }

    async fn transaction_opcode_gas(&self, hash: B256) -> Answer<Option<TransactionOpcodeGas>> {
        self.blocking(move |node| {
            let Some((block, index)) = mined(node, hash)? else { return Ok(None) };
            let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
            Ok(trace::opcode_gas(spec, settings, block, Some(index))?.pop())
        })
        .await
    }
}

/// Hands out the flat traces of a block, and then its rewards.
pub(super) fn in_block(
    node: &RpcContext,
    block: Block,
    mut each: impl FnMut(LocalizedTransactionTrace),
) -> Answer<()> {
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    // Genesis pays nobody.
    let Some(replay) = replay(node, block.clone())? else { return Ok(()) };
    trace::flat_traces(spec, settings, replay, None, &mut each)?;
    trace::reward_traces(spec, &block).into_iter().for_each(each);
    Ok(())
}

fn in_transaction(node: &RpcContext, hash: B256) -> Answer<Option<Vec<LocalizedTransactionTrace>>> {
    let Some((block, index)) = mined(node, hash)? else { return Ok(None) };
    let (spec, settings) = (&node.chain.spec(), node.chain.evm_settings());
    let (mut found, mut room) = (Vec::new(), Room::of(node));
    trace::flat_traces(spec, settings, block, Some(index), |trace| {
        found.extend(Some(trace).filter(|trace| room.fits(trace)));
    })?;
    room.check()?;
    Ok(Some(found))
}

/// The block that was asked for.
fn named(node: &RpcContext, at: At) -> Answer<Block> {
    resolve::block(&node.chain, at.0)?.ok_or(RpcError::BlockNotFound(at.0))
}

/// What it takes to execute a block again; none for genesis.
fn replay(node: &RpcContext, block: Block) -> Answer<Option<Replay>> {
    let is_first = block.number() <= node.chain.lowest();
    match node.chain.replay_of(block)? {
        None if !is_first => Err(RpcError::NotCanonical),
        found => Ok(found),
    }
}

/// The block that holds the transaction, and where in it.
fn mined(node: &RpcContext, hash: B256) -> Answer<Option<(Replay, usize)>> {
    let Some(place) = node.chain.locate(hash)? else { return Ok(None) };
    let Some(block) = node.chain.block(place.block)? else { return Ok(None) };
    let index = place.index as usize;
    if block.body.transactions.get(index).is_none_or(|tx| tx.hash() != hash) {
        return Ok(None);
    }
    Ok(replay(node, block)?.map(|block| (block, index)))
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
