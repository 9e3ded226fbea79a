//! What a unit of gas costs: base fee, blob base fee, and the blob limits over time.

use super::{Fork, SpecError, forks::Schedule};
use alloy_consensus::Header;
use alloy_eips::{
    eip1559::{BaseFeeParams, INITIAL_BASE_FEE, calc_next_block_base_fee},
    eip4844::DATA_GAS_PER_BLOB,
    eip7594::MAX_BLOBS_PER_TX_FUSAKA,
    eip7840::{BLOB_BASE_COST, BlobParams},
};
use alloy_genesis::ChainConfig;
use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

/// How the base fee comes about. In the genesis file: `"eip1559"`, `"zero"` or `{"fixed": 7}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeeMarket {
    /// Follows how full blocks are ([EIP-1559](https://eips.ethereum.org/EIPS/eip-1559)).
    #[default]
    Eip1559,
    /// Gas is free.
    Zero,
    /// Always this many wei per gas.
    Fixed(u64),
}

impl FeeMarket {
    /// Base fee in wei per gas of the block after `parent`, from London on.
    pub(super) fn next_base_fee(self, parent: &Header) -> u64 {
        match self {
            Self::Zero => 0,
            Self::Fixed(fee) => fee,
            Self::Eip1559 => match parent.base_fee_per_gas {
                None => INITIAL_BASE_FEE,
                Some(_) if parent.gas_limit < 2 => 0,
                Some(fee) => calc_next_block_base_fee(
                    parent.gas_used,
                    parent.gas_limit,
                    fee,
                    BaseFeeParams::ethereum(),
                ),
            },
        }
    }

    /// Base fee of a genesis block that does not name one.
    pub(super) const fn first_base_fee(self) -> u64 {
        match self {
            Self::Zero => 0,
            Self::Fixed(fee) => fee,
            Self::Eip1559 => INITIAL_BASE_FEE,
        }
    }
}

/// Blob limits by the time from which they hold, oldest first
/// ([EIP-7840](https://eips.ethereum.org/EIPS/eip-7840),
/// [EIP-7892](https://eips.ethereum.org/EIPS/eip-7892)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BlobSchedule(Vec<(u64, BlobParams)>);

impl BlobSchedule {
    /// Reads `blobSchedule`; what it leaves out is mainnet's.
    pub(super) fn from_config(config: &ChainConfig, forks: &Schedule) -> Result<Self, SpecError> {
        let osaka = forks.time_of(Fork::Osaka);
        let steps = [
            ("cancun", forks.time_of(Fork::Cancun), Some(BlobParams::cancun())),
            ("prague", forks.time_of(Fork::Prague), Some(BlobParams::prague())),
            ("osaka", osaka, None),
            ("bpo1", config.bpo1_time, Some(BlobParams::bpo1())),
            ("bpo2", config.bpo2_time, Some(BlobParams::bpo2())),
            ("bpo3", config.bpo3_time, None),
            ("bpo4", config.bpo4_time, None),
            ("bpo5", config.bpo5_time, None),
        ];
        let mut schedule: Vec<(u64, BlobParams)> = Vec::new();
        for (name, time, default) in steps {
            let Some(time) = time else { continue };
            let before = schedule.last().map(|(_, params)| *params);
            let given = config.blob_schedule.get(name).copied();
            let params = given.or(default).or(before).unwrap_or(BlobParams::osaka());
            check(name, &params)?;
            schedule.push((time, with_fork_rules(params, osaka.is_some_and(|from| time >= from))));
        }
        schedule.sort_by_key(|(time, _)| *time);
        Ok(Self(schedule))
    }

    /// Times from which limits hold, in seconds.
    pub(super) fn times(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|(from, _)| *from)
    }

    /// The limits at `timestamp`; before Cancun, Cancun's.
    pub(super) fn at(&self, timestamp: u64) -> BlobParams {
        let active = self.0.iter().rev().find(|(from, _)| *from <= timestamp);
        active.map_or(BlobParams::cancun(), |(_, params)| *params)
    }
}

fn check(name: &'static str, params: &BlobParams) -> Result<(), SpecError> {
    let BlobParams { target_blob_count: target, max_blob_count: max, update_fraction, .. } =
        *params;
    let small = max <= u64::from(u32::MAX);
    if update_fraction == 0 || max == 0 || target > max || !small {
        return Err(SpecError::BlobLimits { fork: name, target, max, update_fraction });
    }
    Ok(())
}

/// Osaka limits a transaction to six blobs and ties the blob fee to the base fee
/// ([EIP-7594](https://eips.ethereum.org/EIPS/eip-7594),
/// [EIP-7918](https://eips.ethereum.org/EIPS/eip-7918)).
fn with_fork_rules(params: BlobParams, is_osaka: bool) -> BlobParams {
    if is_osaka {
        let per_transaction = MAX_BLOBS_PER_TX_FUSAKA.min(params.max_blob_count);
        params.with_max_blobs_per_tx(per_transaction).with_blob_base_cost(BLOB_BASE_COST)
    } else {
        params.with_max_blobs_per_tx(params.max_blob_count).with_blob_base_cost(0)
    }
}

/// Excess blob gas of the block after `parent`
/// ([EIP-4844](https://eips.ethereum.org/EIPS/eip-4844), reserve price of
/// [EIP-7918](https://eips.ethereum.org/EIPS/eip-7918)).
pub(super) fn next_excess_blob_gas(params: &BlobParams, parent: &Header) -> u64 {
    let excess = parent.excess_blob_gas.unwrap_or(0);
    let used = parent.blob_gas_used.unwrap_or(0);
    let target = params.target_blob_gas_per_block();
    let sum = excess.saturating_add(used);
    if sum < target {
        return 0;
    }
    let base_fee = U256::from(parent.base_fee_per_gas.unwrap_or(0));
    let reserve = U256::from(params.blob_base_cost) * base_fee;
    let price = U256::from(DATA_GAS_PER_BLOB) * U256::from(params.calc_blob_fee(excess));
    if reserve > price {
        let headroom = params.max_blob_count - params.target_blob_count;
        let scaled = u128::from(used) * u128::from(headroom) / u128::from(params.max_blob_count);
        excess.saturating_add(u64::try_from(scaled).unwrap_or(u64::MAX))
    } else {
        sum - target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(excess: u64, used_blobs: u64, base_fee: u64) -> Header {
        Header {
            excess_blob_gas: Some(excess),
            blob_gas_used: Some(used_blobs * DATA_GAS_PER_BLOB),
            base_fee_per_gas: Some(base_fee),
            ..Default::default()
        }
    }

    #[test]
    fn the_reserve_price_keeps_excess_from_falling_while_gas_is_dear() {
        let params = with_fork_rules(BlobParams::bpo2(), true);
        let excess = 14 * DATA_GAS_PER_BLOB;
        let cheap = next_excess_blob_gas(&params, &parent(excess, 7, 1));
        assert_eq!(cheap, 7 * DATA_GAS_PER_BLOB);
        let dear = next_excess_blob_gas(&params, &parent(excess, 21, 1_000_000_000));
        assert_eq!(dear, excess + 7 * DATA_GAS_PER_BLOB);
    }

    #[test]
    fn before_osaka_excess_follows_the_target_alone() {
        let params = with_fork_rules(BlobParams::prague(), false);
        assert_eq!(next_excess_blob_gas(&params, &parent(0, 6, 1_000_000_000)), 0);
        assert_eq!(
            next_excess_blob_gas(&params, &parent(0, 9, 1_000_000_000)),
            3 * DATA_GAS_PER_BLOB
        );
        assert_eq!(params.max_blobs_per_tx, 9);
    }

    #[test]
    fn an_absurd_parent_overflows_nothing() {
        let params = with_fork_rules(BlobParams::bpo2(), true);
        let header = Header {
            excess_blob_gas: Some(u64::MAX),
            blob_gas_used: Some(u64::MAX),
            base_fee_per_gas: Some(u64::MAX),
            ..Default::default()
        };
        assert!(next_excess_blob_gas(&params, &header) > 0);
    }

    #[test]
    fn fee_markets_read_as_words() {
        let read = |text| serde_json::from_str::<FeeMarket>(text).unwrap();
        assert_eq!(read("\"zero\""), FeeMarket::Zero);
        assert_eq!(read("{\"fixed\":7}"), FeeMarket::Fixed(7));
        assert_eq!(FeeMarket::Fixed(7).next_base_fee(&Header::default()), 7);
    }
}
