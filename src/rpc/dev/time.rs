//! What time is it in the next block?

use super::DevelopmentError;
use crate::{
    chain::MAX_TIMESTAMP,
    rpc::{Answer, Api, params::Number},
};
use jsonrpsee::{core::async_trait, proc_macros::rpc};

/// From this number on a time is in milliseconds, as ganache and JavaScript count: in seconds it would
/// be the year 5138.
const MILLISECONDS: u64 = 100_000_000_000;

/// The chain's clock is wall time plus an offset. Each block is later than the one before, unless
/// `--allow-equal-timestamps` is given. Calls and estimates in the `pending` block see the time that it
/// would get. What is set here survives a restart, and a snapshot keeps it.
#[rpc(server, namespace = "anvil")]
pub trait Time {
    /// Moves the clock forward and answers, as a number, by how many seconds it is ahead of wall time.
    #[method(name = "increaseTime", aliases = ["evm_increaseTime"])]
    async fn increase_time(&self, seconds: Number) -> Answer<i64>;

    /// Sets the clock: time passes from there on. In seconds since 1970, or milliseconds where the
    /// number has twelve digits. Answers by how many seconds it is ahead of wall time, 0 if behind.
    #[method(name = "setTime", aliases = ["evm_setTime"])]
    async fn set_time(&self, time: Number) -> Answer<u64>;

    /// Sets the exact timestamp of the next block, in seconds since 1970; time passes from there on.
    #[method(name = "setNextBlockTimestamp", aliases = ["evm_setNextBlockTimestamp"])]
    async fn set_next_block_timestamp(&self, timestamp: Number) -> Answer<()>;

    /// Puts each block so many seconds after the one before, whatever the wall clock says.
    #[method(name = "setBlockTimestampInterval", aliases = ["hardhat_setBlockTimestampInterval"])]
    async fn set_block_timestamp_interval(&self, seconds: Number) -> Answer<()>;

    /// Ends [`Self::set_block_timestamp_interval`]; false if there was no interval.
    #[method(
        name = "removeBlockTimestampInterval",
        aliases = ["hardhat_removeBlockTimestampInterval"]
    )]
    async fn remove_block_timestamp_interval(&self) -> Answer<bool>;
}

#[async_trait]
impl TimeServer for Api {
    async fn increase_time(&self, seconds: Number) -> Answer<i64> {
        let seconds = checked(seconds, "the step")?;
        self.blocking(move |node| Ok(node.sealer.develop(|set| set.clock.increase(seconds))?)).await
    }

    async fn set_time(&self, time: Number) -> Answer<u64> {
        let time = time.saturating_to::<u64>();
        let seconds = if time >= MILLISECONDS { time / 1_000 } else { time };
        let seconds = checked(Number::from(seconds), "the time")?;
        let ahead = self.blocking(move |node| {
            Ok(node.sealer.develop(|set| {
                set.clock.go_on_from(seconds);
                set.clock.increase(0)
            })?)
        });
        Ok(u64::try_from(ahead.await?).unwrap_or(0))
    }

    async fn set_next_block_timestamp(&self, timestamp: Number) -> Answer<()> {
        let given = checked(timestamp, "the timestamp")?;
        self.blocking(move |node| {
            let parent = node.chain.head().timestamp;
            let earliest = node.chain.clock().earliest(parent);
            if given < earliest {
                return Err(DevelopmentError::TimestampTooEarly { given, parent, earliest }.into());
            }
            Ok(node.sealer.develop(|set| set.clock.set_next(given))?)
        })
        .await
    }

    async fn set_block_timestamp_interval(&self, seconds: Number) -> Answer<()> {
        let seconds = checked(seconds, "the interval")?;
        self.blocking(move |node| {
            Ok(node.sealer.develop(|set| set.clock.set_interval(Some(seconds)))?)
        })
        .await
    }

    async fn remove_block_timestamp_interval(&self) -> Answer<bool> {
        self.blocking(|node| Ok(node.sealer.develop(|set| set.clock.remove_interval())?)).await
    }
}

/// A time or a span in seconds.
pub(super) fn checked(seconds: Number, what: &'static str) -> Answer<u64> {
    let fits = u64::try_from(seconds).ok().filter(|seconds| *seconds <= MAX_TIMESTAMP);
    let too_many = || DevelopmentError::TooManySeconds {
        what,
        given: seconds.to_string(),
        limit: MAX_TIMESTAMP,
    };
    Ok(fits.ok_or_else(too_many)?)
}
