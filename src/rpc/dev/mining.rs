//! When are blocks made, and how many now?

use super::{DevelopmentError, time::checked};
use crate::{
    evm,
    primitives::Block,
    rpc::{
        Answer, Api, Dialect, RpcContext, RpcError,
        anvil::small,
        convert,
        params::{Mine, Number},
    },
    sealer::{BlockOptions, Mode, Spacing},
};
use alloy_primitives::U64;
use jsonrpsee::{core::async_trait, proc_macros::rpc};
use serde_json::{Value, json};
use std::time::Duration;

/// The longest interval between blocks, in milliseconds: a year.
const MAX_INTERVAL: u64 = 366 * 24 * 3_600 * 1_000;
/// Blocks that one detailed answer shows.
const MAX_SHOWN: u64 = 1_000;

/// Blocks on demand, and when they are made by themselves: on arrival of a transaction (automine), at
/// an interval, both, or neither. The flags decide at every start.
#[rpc(server, namespace = "anvil")]
pub trait Mining {
    /// Makes blocks (default 1), the second and all later ones `interval` seconds after the one before.
    /// Many blocks are made in runs; whoever hangs up stops after the run that is being made.
    #[method(name = "mine", aliases = ["hardhat_mine"])]
    async fn mine(&self, blocks: Option<Number>, interval: Option<Number>) -> Answer<()>;

    /// Like `evm_mine`, and answers the blocks with their transactions, each with its `output` and,
    /// where it reverted with one, its `revertReason`.
    #[method(name = "mine_detailed", aliases = ["evm_mine_detailed"])]
    async fn mine_detailed(&self, options: Option<Mine>) -> Answer<Vec<Value>>;

    /// Makes a block when a transaction arrives, or no more. An interval stays as it is.
    #[method(name = "setAutomine", aliases = ["evm_setAutomine"])]
    async fn set_automine(&self, is_on: bool) -> Answer<()>;

    /// Is a block made when a transaction arrives?
    #[method(name = "getAutomine", aliases = ["hardhat_getAutomine"])]
    fn automine(&self) -> Answer<bool>;

    /// Makes a block every so many seconds and none on arrival, as anvil does; 0 makes none by itself.
    #[method(name = "setIntervalMining")]
    async fn set_interval_mining(&self, seconds: Number) -> Answer<()>;

    /// Seconds between blocks; null without an interval.
    #[method(name = "getIntervalMining")]
    fn interval_mining(&self) -> Answer<Option<Value>>;
}

/// Blocks under ganache's and Hardhat's names, with their units.
#[rpc(server, namespace = "evm")]
pub trait EvmMining {
    /// Makes blocks (one if nothing is said); the first at the timestamp, if one is given. Answers
    /// `0x0`, as every development node does.
    #[method(name = "mine")]
    async fn mine(&self, options: Option<Mine>) -> Answer<U64>;

    /// Makes a block at an interval; 0 ends that. Hardhat counts milliseconds under this name and leaves
    /// as it is whether a block is made on arrival; anvil and its clients count seconds and end that.
    /// Below 1,000 the number is taken for seconds, unless the node speaks Hardhat's dialect; from there
    /// on for milliseconds.
    #[method(name = "setIntervalMining")]
    async fn set_interval_mining(&self, every: Number) -> Answer<()>;
}

#[async_trait]
impl MiningServer for Api {
    async fn mine(&self, blocks: Option<Number>, interval: Option<Number>) -> Answer<()> {
        let blocks = blocks.map_or(Ok(1), |blocks| small(blocks, "number of blocks"))?;
        let seconds = interval.map(|seconds| checked(seconds, "the interval")).transpose()?;
        // viem sends 0 where nothing was said.
        self.mine_blocks(blocks, None, seconds.filter(|seconds| *seconds > 0)).await
    }

    async fn mine_detailed(&self, options: Option<Mine>) -> Answer<Vec<Value>> {
        let Mine { timestamp, blocks } = options.unwrap_or_default();
        let asked = blocks.unwrap_or(1);
        if asked > MAX_SHOWN {
            return Err(DevelopmentError::TooManyBlocksShown { asked, limit: MAX_SHOWN }.into());
        }
        let mut made = Vec::new();
        let mut timestamp = timestamp;
        for _block in 0..asked {
            let hash = self.sealer.mine(BlockOptions { timestamp, empty: false }).await?;
            timestamp = None;
            made.push(hash);
        }
        self.blocking(move |node| {
            let blocks = made.into_iter().map(|hash| node.chain.block_by_hash(hash));
            let blocks = blocks.filter_map(|block| block.map_err(RpcError::from).transpose());
            blocks.map(|block| detailed(node, &block?)).collect()
        })
        .await
    }

    async fn set_automine(&self, is_on: bool) -> Answer<()> {
        self.switch(Mode::of(is_on, self.sealer.mode().interval())).await
    }

    fn automine(&self) -> Answer<bool> {
        Ok(self.sealer.mode().on_arrival())
    }

    async fn set_interval_mining(&self, seconds: Number) -> Answer<()> {
        let milliseconds = seconds.saturating_mul(Number::from(1_000));
        self.switch(Mode::of(false, interval(milliseconds)?)).await
    }

    fn interval_mining(&self) -> Answer<Option<Value>> {
        let interval = self.sealer.mode().interval();
        Ok(interval.map(|every| match every.subsec_nanos() {
            0 => json!(every.as_secs()),
            _ => json!(every.as_secs_f64()),
        }))
    }
}

#[async_trait]
impl EvmMiningServer for Api {
    async fn mine(&self, options: Option<Mine>) -> Answer<U64> {
        let Mine { timestamp, blocks } = options.unwrap_or_default();
        self.mine_blocks(blocks.unwrap_or(1), timestamp, None).await?;
        Ok(U64::ZERO)
    }

    async fn set_interval_mining(&self, every: Number) -> Answer<()> {
        let is_short = !every.is_zero() && every < Number::from(1_000);
        if is_short && self.dialect == Dialect::Geth {
            return MiningServer::set_interval_mining(self, every).await;
        }
        let on_arrival = self.sealer.mode().on_arrival();
        self.switch(Mode::of(on_arrival, interval(every)?)).await
    }
}

impl Api {
    /// Changes when blocks are made. When it is answered, no block that the old mode wanted comes any
    /// more.
    async fn switch(&self, mode: Mode) -> Answer<()> {
        self.blocking(move |node| {
            node.sealer.set_mode(mode);
            drop(node.sealer.pause());
            Ok(())
        })
        .await
    }

    /// Makes blocks and waits until the last is visible: the first at `first` (seconds since 1970)
    /// if that is given, each next one `apart` seconds after the one before.
    async fn mine_blocks(&self, blocks: u64, first: Option<u64>, apart: Option<u64>) -> Answer<()> {
        let limit = self.limits.mined_blocks;
        if blocks > limit {
            return Err(RpcError::TooManyBlocks { asked: blocks, limit });
        }
        let first = first.map(|first| checked(Number::from(first), "the timestamp")).transpose()?;
        let spacing = apart.map_or(Spacing::Clock, Spacing::Seconds);
        let mut left = blocks;
        let mut timestamp = first;
        while left > 0 {
            // What waits and what is fixed goes into a block that is made alone: the first, at least.
            let at_once = if left == blocks { 0 } else { self.mine_empty(left, spacing).await? };
            if at_once == 0 {
                self.sealer.mine(BlockOptions { timestamp, empty: false }).await?;
            }
            left -= at_once.max(1);
            let parent = self.chain.head().timestamp;
            timestamp = apart.map(|seconds| parent.saturating_add(seconds));
        }
        Ok(())
    }

    /// Makes a run of empty blocks, if nothing is there that belongs into one of them.
    async fn mine_empty(&self, count: u64, spacing: Spacing) -> Answer<u64> {
        self.blocking(move |node| Ok(node.sealer.mine_empty(count, spacing)?)).await
    }
}

/// The time between blocks; none for 0.
fn interval(milliseconds: Number) -> Answer<Option<Duration>> {
    let fits = u64::try_from(milliseconds).ok().filter(|every| *every <= MAX_INTERVAL);
    let too_long = || DevelopmentError::TooManySeconds {
        what: "the interval",
        given: (milliseconds / Number::from(1_000)).to_string(),
        limit: MAX_INTERVAL / 1_000,
    };
    let every = fits.ok_or_else(too_long)?;
    Ok((every > 0).then(|| Duration::from_millis(every)))
}

/// A block with its transactions, and what each returned.
fn detailed(node: &RpcContext, block: &Block) -> Answer<Value> {
    let mut shown = serde_json::to_value(convert::block(block, true)).unwrap_or_default();
    let outputs = node.chain.outputs_of(block)?;
    let receipts = node.chain.receipts(block.number())?.unwrap_or_default();
    let transactions = shown.get_mut("transactions").and_then(Value::as_array_mut);
    for ((transaction, output), receipt) in
        transactions.into_iter().flatten().zip(outputs).zip(receipts.iter())
    {
        transaction["output"] = json!(output);
        if !receipt.status.coerce_status()
            && let Some(reason) = evm::revert_reason(&output)
        {
            transaction["revertReason"] = json!(reason);
        }
    }
    Ok(shown)
}
