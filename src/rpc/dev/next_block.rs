//! What else does the next block say?

use super::DevelopmentError;
use crate::{
    chain::NextBlock as Fixed,
    rpc::{
        Answer, Api, RpcContext, RpcError,
        anvil::small,
        params::{Number, Word},
    },
    spec::Fork,
};
use alloy_primitives::{Address, U256};
use jsonrpsee::{core::async_trait, proc_macros::rpc};

/// The least gas limit that a block may have, by the yellow paper.
const MIN_GAS_LIMIT: u64 = 5_000;
/// The most, as in geth.
const MAX_GAS_LIMIT: u64 = i64::MAX as u64;

/// The highest chain id that can be set: what JavaScript's numbers hold exactly.
const MAX_CHAIN_ID: u64 = (1 << 53) - 1;

/// What a developer fixes about the next block besides its time. A call in the `pending` block and a
/// candidate see it; only a block that is on the chain uses it up. It survives a restart, and a
/// snapshot keeps it.
#[rpc(server, namespace = "anvil")]
pub trait NextBlock {
    /// Sets the gas limit of the next block and those after it.
    #[method(name = "setBlockGasLimit", aliases = ["evm_setBlockGasLimit"])]
    async fn set_block_gas_limit(&self, gas_limit: Number) -> Answer<bool>;

    /// Sets the base fee of the next block, in wei per gas; it moves on from there.
    #[method(name = "setNextBlockBaseFeePerGas", aliases = ["hardhat_setNextBlockBaseFeePerGas"])]
    async fn set_next_block_base_fee(&self, base_fee: Number) -> Answer<()>;

    /// Sets what opcode 0x44 (`block.prevrandao`) answers in the next block.
    #[method(name = "setNextBlockPrevRandao", aliases = ["hardhat_setPrevRandao"])]
    async fn set_next_block_prev_randao(&self, prev_randao: Word) -> Answer<()>;

    /// Sets who receives the tips, from the next block on.
    #[method(name = "setCoinbase", aliases = ["hardhat_setCoinbase"])]
    async fn set_coinbase(&self, address: Address) -> Answer<()>;

    /// Sets the chain id, from the next block on; older blocks keep theirs.
    #[method(name = "setChainId")]
    async fn set_chain_id(&self, id: Number) -> Answer<()>;

    /// Sets the least gas price that is admitted and suggested, in wei; only before London.
    #[method(name = "setMinGasPrice", aliases = ["hardhat_setMinGasPrice"])]
    async fn set_min_gas_price(&self, price: Number) -> Answer<()>;
}

#[async_trait]
impl NextBlockServer for Api {
    async fn set_block_gas_limit(&self, gas_limit: Number) -> Answer<bool> {
        let allowed = MIN_GAS_LIMIT..=MAX_GAS_LIMIT;
        let given = u64::try_from(gas_limit).ok().filter(|given| allowed.contains(given));
        let given = given.ok_or_else(|| DevelopmentError::GasLimit {
            given: gas_limit.to_string(),
            least: MIN_GAS_LIMIT,
            most: MAX_GAS_LIMIT,
        })?;
        self.fix(None, move |next| next.gas_limit = Some(given)).await?;
        Ok(true)
    }

    async fn set_next_block_base_fee(&self, base_fee: Number) -> Answer<()> {
        let base_fee = small(base_fee, "base fee")?;
        let since = Some((Fork::London, "a base fee"));
        self.fix(since, move |next| next.base_fee = Some(base_fee)).await
    }

    async fn set_next_block_prev_randao(&self, prev_randao: Word) -> Answer<()> {
        let prev_randao = prev_randao.as_b256();
        let since = Some((Fork::Paris, "prevrandao"));
        self.fix(since, move |next| next.prev_randao = Some(prev_randao)).await
    }

    async fn set_coinbase(&self, address: Address) -> Answer<()> {
        self.fix(None, move |next| next.beneficiary = Some(address)).await
    }

    async fn set_chain_id(&self, id: Number) -> Answer<()> {
        let id = small(id, "chain id")?;
        if id > MAX_CHAIN_ID {
            return Err(RpcError::TooLarge("chain id"));
        }
        self.blocking(move |node| Ok(node.dev.set_chain_id(id)?)).await
    }

    async fn set_min_gas_price(&self, price: Number) -> Answer<()> {
        let price: u128 = price.try_into().map_err(|_overflow| RpcError::TooLarge("gas price"))?;
        self.blocking(move |node| {
            let fork = next_fork(node);
            if fork >= Fork::London {
                return Err(DevelopmentError::NoMinGasPrice { fork }.into());
            }
            Ok(node.sealer.develop(|set| set.min_gas_price = Some(price))?)
        })
        .await
    }
}

impl Api {
    /// Fixes something about the next block that began with a fork, if it has. What waits may be
    /// executable then.
    async fn fix(
        &self,
        since: Option<(Fork, &'static str)>,
        change: impl FnOnce(&mut Fixed) + Send + 'static,
    ) -> Answer<()> {
        self.blocking(move |node| {
            let fork = next_fork(node);
            match since {
                Some((since, what)) if fork < since => {
                    Err(DevelopmentError::NotYet { what, since, fork }.into())
                }
                _ => Ok(node.sealer.develop(|set| change(&mut set.next))?),
            }
        })
        .await?;
        self.sealer.wake();
        Ok(())
    }
}

fn next_fork(node: &RpcContext) -> Fork {
    let next = node.sealer.next_block(&node.chain.head());
    node.chain.spec().fork_of(next.number, next.timestamp, U256::ZERO)
}
