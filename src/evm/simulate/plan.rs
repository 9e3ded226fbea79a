//! Which blocks does a request mean, with the gaps between them filled?

use super::{BLOCK_SECONDS, MAX_BLOCKS, SimulatedBlockOverrides, SimulatedCalls, SimulationError};
use crate::evm::CallRequest;
use alloy_consensus::Header;
use alloy_primitives::U256;
use alloy_rpc_types::state::StateOverride;

/// A block to simulate.
#[derive(Clone, Debug, Default)]
pub(super) struct PlannedBlock {
    /// Height.
    pub(super) number: u64,
    /// In seconds.
    pub(super) timestamp: u64,
    /// Of the block; number and time are above.
    pub(super) overrides: SimulatedBlockOverrides,
    /// Of accounts.
    pub(super) state: Option<StateOverride>,
    /// In order.
    pub(super) calls: Vec<CallRequest>,
}

/// The blocks on top of `base`: numbers and times rise, and no number is left out.
pub(super) fn plan(
    base: &Header,
    asked: Vec<SimulatedCalls>,
) -> Result<Vec<PlannedBlock>, SimulationError> {
    if asked.is_empty() {
        return Err(SimulationError::Empty);
    }
    check_count(asked.len() as u64)?;
    let mut planned: Vec<PlannedBlock> = Vec::with_capacity(asked.len());
    let (mut number, mut timestamp) = (base.number, base.timestamp);
    for block in asked {
        let overrides = block.block_overrides.unwrap_or_default();
        let next = next_number(number, overrides.number)?;
        check_count(next - base.number)?;
        for gap in number + 1..next {
            timestamp = later(timestamp, None)?;
            planned.push(PlannedBlock { number: gap, timestamp, ..Default::default() });
        }
        number = next;
        timestamp = later(timestamp, overrides.time)?;
        planned.push(PlannedBlock {
            number,
            timestamp,
            overrides,
            state: block.state_overrides,
            calls: block.calls.unwrap_or_default(),
        });
    }
    Ok(planned)
}

const fn check_count(asked: u64) -> Result<(), SimulationError> {
    if asked <= MAX_BLOCKS {
        return Ok(());
    }
    Err(SimulationError::TooManyBlocks { asked, limit: MAX_BLOCKS })
}

fn next_number(previous: u64, given: Option<U256>) -> Result<u64, SimulationError> {
    let number = given.map_or_else(|| previous.saturating_add(1), |given| given.saturating_to());
    if number > previous {
        Ok(number)
    } else {
        Err(SimulationError::BlockNumber { number, previous })
    }
}

fn later(previous: u64, given: Option<u64>) -> Result<u64, SimulationError> {
    let timestamp = given.unwrap_or_else(|| previous.saturating_add(BLOCK_SECONDS));
    if timestamp > previous {
        return Ok(timestamp);
    }
    Err(SimulationError::BlockTimestamp { timestamp, previous })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: Option<u64>, time: Option<u64>) -> SimulatedCalls {
        let number = number.map(U256::from);
        let overrides = SimulatedBlockOverrides { number, time, ..Default::default() };
        SimulatedCalls { block_overrides: Some(overrides), ..Default::default() }
    }

    fn planned(asked: Vec<SimulatedCalls>) -> Result<Vec<(u64, u64)>, SimulationError> {
        let base = Header { number: 10, timestamp: 1_000, ..Default::default() };
        let blocks = plan(&base, asked)?;
        Ok(blocks.iter().map(|block| (block.number, block.timestamp)).collect())
    }

    #[test]
    fn blocks_follow_each_other_twelve_seconds_apart() {
        let blocks =
            planned(vec![SimulatedCalls::default(), at(None, Some(1_013)), at(None, None)]);
        assert_eq!(blocks.unwrap(), [(11, 1_012), (12, 1_013), (13, 1_025)]);
    }

    #[test]
    fn a_gap_is_filled_with_empty_blocks() {
        let blocks = planned(vec![at(Some(13), Some(2_000))]);
        assert_eq!(blocks.unwrap(), [(11, 1_012), (12, 1_024), (13, 2_000)]);
    }

    #[test]
    fn numbers_and_times_that_do_not_rise_are_refused() {
        let error = planned(vec![at(Some(12), None), at(Some(12), None)]).unwrap_err();
        assert_eq!(error.to_string(), "block numbers must be in order: 12 <= 12");
        let error = planned(vec![at(Some(12), Some(1_012))]).unwrap_err();
        assert_eq!(error.to_string(), "block timestamps must be in order: 1012 <= 1012");
        let error = planned(vec![at(Some(10), None)]).unwrap_err();
        assert_eq!(error.to_string(), "block numbers must be in order: 10 <= 10");
    }

    #[test]
    fn more_than_256_blocks_are_refused_gaps_included() {
        assert_eq!(planned(vec![at(Some(266), None)]).unwrap().len(), 256);
        for asked in [vec![at(Some(267), None)], vec![SimulatedCalls::default(); 257]] {
            let error = planned(asked).unwrap_err();
            assert!(matches!(error, SimulationError::TooManyBlocks { asked: 257, .. }), "{error}");
        }
        let far = planned(vec![at(Some(u64::MAX), None)]).unwrap_err();
        assert!(matches!(far, SimulationError::TooManyBlocks { .. }), "{far}");
        assert!(matches!(planned(vec![]), Err(SimulationError::Empty)));
    }

    #[test]
    fn time_cannot_run_over() {
        let error = planned(vec![at(None, Some(u64::MAX)), at(None, None)]).unwrap_err();
        assert!(matches!(error, SimulationError::BlockTimestamp { .. }), "{error}");
    }
}
