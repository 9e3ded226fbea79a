//! What did a block do to the state, and whose hash is this?

use super::raw::found;
use crate::{
    primitives::{Block, SealedHeader},
    rpc::{
        Answer, Api, RpcContext, RpcError, convert,
        params::{At, Number},
        resolve,
    },
    state::StateError,
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_genesis::ChainConfig;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rpc_types::{AccountInfo, Block as RpcBlock, Index};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use serde::Serialize;
use std::sync::Arc;

/// States and the rules they follow.
#[rpc(server, namespace = "debug")]
pub trait Inspect {
    /// Balance, nonce and code of an account after a transaction of a block; null if the block has
    /// no such transaction.
    #[method(name = "accountInfoAt")]
    async fn account_info_at(
        &self,
        block: At,
        index: Index,
        address: Address,
    ) -> Answer<Option<AccountInfo>>;

    /// The accounts that are different after block `end` from what they were after block `start`;
    /// without `end`, those that block `start` itself changed.
    #[method(name = "getModifiedAccountsByNumber")]
    async fn modified_by_number(&self, start: At, end: Option<At>) -> Answer<Vec<Address>>;

    /// Like [`Self::modified_by_number`].
    #[method(name = "getModifiedAccountsByHash")]
    async fn modified_by_hash(&self, start: B256, end: Option<B256>) -> Answer<Vec<Address>>;

    /// The state root after each transaction of a block. Options of a tracer are ignored.
    #[method(name = "intermediateRoots")]
    async fn intermediate_roots(
        &self,
        block: At,
        options: Option<serde_json::Value>,
    ) -> Answer<Vec<B256>>;

    /// The newest blocks that an import refused because they break a rule.
    #[method(name = "getBadBlocks")]
    async fn bad_blocks(&self) -> Answer<Vec<BadBlock>>;

    /// The address or slot whose keccak256 this is.
    #[method(name = "preimage")]
    async fn preimage(&self, hash: B256) -> Answer<Bytes>;

    /// Code by its keccak256; null if no contract has it.
    #[method(name = "codeByHash")]
    fn code_by_hash(&self, hash: B256, block: Option<At>) -> Answer<Option<Bytes>>;

    /// The first block from `from` on towards `to` whose state can be read: on this archive, every
    /// block that exists.
    #[method(name = "getAccessibleState")]
    fn accessible_state(&self, from: At, to: At) -> Answer<u64>;

    /// The rules of the chain, as a genesis file says them.
    #[method(name = "chainConfig")]
    fn chain_config(&self) -> Answer<ChainConfig>;

    /// A block, written for people.
    #[method(name = "printBlock")]
    async fn print_block(&self, number: Number) -> Answer<String>;
}

/// A refused block in geth's shape.
#[derive(Clone, Debug, Serialize)]
pub struct BadBlock {
    hash: B256,
    block: RpcBlock,
    rlp: Bytes,
}

impl BadBlock {
    fn new(block: &Block) -> Self {
        let rlp = block.encode().into();
        Self { hash: block.hash(), block: convert::block(block, true), rlp }
    }
}

#[async_trait]
impl InspectServer for Api {
    async fn account_info_at(
        &self,
        block: At,
        index: Index,
        address: Address,
    ) -> Answer<Option<AccountInfo>> {
        self.blocking(move |node| account_info(node, block, index.into(), address)).await
    }

    async fn modified_by_number(&self, start: At, end: Option<At>) -> Answer<Vec<Address>> {
        self.blocking(move |node| modified(node, start, end)).await
    }

    async fn modified_by_hash(&self, start: B256, end: Option<B256>) -> Answer<Vec<Address>> {
        let end = end.map(|hash| At(hash.into()));
        self.blocking(move |node| modified(node, At(start.into()), end)).await
    }

    async fn intermediate_roots(
        &self,
        block: At,
        _options: Option<serde_json::Value>,
    ) -> Answer<Vec<B256>> {
        self.blocking(move |node| {
            let header = resolve::canonical(&node.chain, block.0)?;
            let block = found(node, At(header.seal().into()))?;
            Ok(node.chain.intermediate_roots(&block)?)
        })
        .await
    }

    async fn bad_blocks(&self) -> Answer<Vec<BadBlock>> {
        self.blocking(|node| Ok(node.chain.bad_blocks().iter().map(BadBlock::new).collect())).await
    }

    async fn preimage(&self, hash: B256) -> Answer<Bytes> {
        self.blocking(move |node| {
            let (_head, view) = node.chain.latest()?;
            Ok(view.preimage(hash)?.ok_or(RpcError::UnknownPreimage)?.into())
        })
        .await
    }

    fn code_by_hash(&self, hash: B256, block: Option<At>) -> Answer<Option<Bytes>> {
        let (_header, view) = resolve::state(&self.chain, At::or_latest(block))?;
        match view.code(hash) {
            Ok(code) => Ok(Some(code)),
            Err(StateError::MissingCode(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn accessible_state(&self, from: At, to: At) -> Answer<u64> {
        let number = |at: At| -> Answer<u64> {
            match at.0 {
                BlockId::Number(tag) => Ok(resolve::number(&self.chain, tag)),
                BlockId::Hash(_) => Ok(resolve::canonical(&self.chain, at.0)?.number),
            }
        };
        let (from, to) = (number(from)?, number(to)?);
        if from == to {
            return Err(RpcError::SameBlock);
        }
        let header = self.chain.header(from)?;
        header.map(|header| header.number).ok_or(RpcError::BlockNotFound(from.into()))
    }

    fn chain_config(&self) -> Answer<ChainConfig> {
        Ok(self.chain.spec().genesis.config.clone())
    }

    async fn print_block(&self, number: Number) -> Answer<String> {
        let at = At(number.saturating_to::<u64>().into());
        self.blocking(move |node| Ok(format!("{:#?}", found(node, at)?))).await
    }
}

fn account_info(
    node: &RpcContext,
    block: At,
    index: usize,
    address: Address,
) -> Answer<Option<AccountInfo>> {
    let header = resolve::canonical(&node.chain, block.0)?;
    let block = found(node, At(header.seal().into()))?;
    if index >= block.body.transactions.len() {
        return Ok(None);
    }
    let view = node.chain.state_within(&block, index + 1)?;
    let account = view.account(address)?.unwrap_or_default();
    let code = view.code(account.code_hash)?;
    Ok(Some(AccountInfo { balance: account.balance, nonce: account.nonce, code }))
}

fn modified(node: &RpcContext, start: At, end: Option<At>) -> Answer<Vec<Address>> {
    let header = |at: At| -> Answer<Arc<SealedHeader>> {
        let found = resolve::header(&node.chain, at.0)?.ok_or(RpcError::BlockNotFound(at.0))?;
        resolve::canonical(&node.chain, found.seal().into())
    };
    let first = header(start)?.number;
    let (from, to) = match end {
        Some(end) => (first, header(end)?.number),
        None => {
            let genesis = resolve::number(&node.chain, BlockNumberOrTag::Earliest);
            let parent = first.checked_sub(1).filter(|_| first > genesis);
            (parent.ok_or(RpcError::NoParent(first))?, first)
        }
    };
    if from >= to {
        return Err(RpcError::BlockOrder { start: from, end: to });
    }
    let limit = node.limits.log_range;
    if to - from > limit {
        return Err(RpcError::LogRange { asked: to - from, limit });
    }
    Ok(node.chain.modified_accounts(from, to)?)
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
