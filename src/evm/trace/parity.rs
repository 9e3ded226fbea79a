//! What happened inside a block, in the form of the `trace_` methods?
//!
//! Calls and creations are flat lists with addresses in the tree of calls, as OpenEthereum wrote
//! them: <https://openethereum.github.io/JSONRPC-trace-module>.

use super::replay::{Replay, Replayed, Shared, Turn, replay};
use crate::{
    consensus,
    evm::{CallError, EvmError, EvmSettings},
    primitives::{Block, Transaction},
    spec::ChainSpec,
};
use alloy_primitives::map::HashSet;
use alloy_rpc_types::{
    TransactionInfo,
    trace::{
        opcode::TransactionOpcodeGas,
        parity::{
            LocalizedTransactionTrace, RewardAction, RewardType, TraceResults,
            TraceResultsWithTransactionHash, TraceType,
        },
    },
};
use revm::{DatabaseRef, context::result::ResultAndState};
use revm_inspectors::{
    opcode::OpcodeGasInspector,
    tracing::{TracingInspector, TracingInspectorConfig},
};
use std::num::NonZeroU64;

/// The kinds of trace that are wanted.
pub type TraceKinds = HashSet<TraceType>;

/// Most instructions that one request may record, in all its `vmTrace`s together.
const MAX_STEPS: u64 = 1_000_000;

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
pub enum ParityError {
    /// The block cannot be executed.
    #[error(transparent)]
    Evm(#[from] EvmError),
    /// The call cannot be made.
    #[error(transparent)]
    Call(#[from] CallError),
    /// One of several calls cannot be made.
    #[error("call {index}: {source}")]
    OneCall {
        /// Its position.
        index: usize,
        /// Why.
        source: CallError,
    },
    /// A `vmTrace` of too many instructions.
    #[error("vmTrace has more than {limit} instructions; trace fewer transactions or leave it out")]
    Steps {
        /// How many are recorded at most.
        limit: u64,
    },
}

/// Hands out the flat traces of a block's transactions, or of the one at `only`, in order and one
/// transaction after the other, so that a long list never has to be kept.
pub fn flat_traces(
    spec: &ChainSpec,
    settings: &EvmSettings,
    block: Replay,
    only: Option<usize>,
    mut each: impl FnMut(LocalizedTransactionTrace),
) -> Result<(), ParityError> {
    let (number, hash) = (block.block.number(), block.block.hash());
    let config = TracingInspectorConfig::default_parity();
    let turn = |index| which(only, index, || TracingInspector::new(config));
    replay(
        spec,
        settings,
        block,
        |index, _tx, _logs| Ok::<_, ParityError>(turn(index)),
        |done: Replayed<'_, TracingInspector>| {
            let Some(inspector) = done.inspector else { return Ok(()) };
            let info = TransactionInfo {
                hash: Some(done.tx.hash()),
                index: Some(done.index as u64),
                block_hash: Some(hash),
                block_number: Some(number),
                base_fee: None,
                block_timestamp: None,
            };
            let builder = inspector.into_parity_builder();
            builder.into_localized_transaction_traces_iter(info).for_each(&mut each);
            Ok(())
        },
    )?;
    Ok(())
}

/// The rewards of a block as traces: its miner's, then those of the miners of its ommers. None where
/// no rewards are paid.
pub fn reward_traces(spec: &ChainSpec, block: &Block) -> Vec<LocalizedTransactionTrace> {
    let mut rewards = consensus::rewards(spec, &block.header, &block.body.ommers);
    // The miner is paid last and shown first.
    if !rewards.is_empty() {
        rewards.rotate_right(1);
    }
    let trace = |(position, (author, value))| {
        let reward_type = if position == 0 { RewardType::Block } else { RewardType::Uncle };
        RewardAction { author, reward_type, value }.into_localized_trace(block.num_hash())
    };
    rewards.into_iter().enumerate().map(trace).collect()
}

/// Everything that is wanted of a block's transactions, or of the one at `only`, if `keeps` says of it that it
/// is to be kept.
pub fn full_traces(
    spec: &ChainSpec,
    settings: &EvmSettings,
    block: Replay,
    only: Option<usize>,
    kinds: &TraceKinds,
    mut keeps: impl FnMut(&TraceResultsWithTransactionHash) -> bool,
) -> Result<Vec<TraceResultsWithTransactionHash>, ParityError> {
    let mut recorder = Recorder::new(kinds);
    let mut found = Vec::new();
    let config = recorder.config();
    replay(
        spec,
        settings,
        block,
        |index, _tx, _logs| Ok(which(only, index, || TracingInspector::new(config))),
        |done: Replayed<'_, TracingInspector>| {
            let Some(inspector) = done.inspector else { return Ok(()) };
            let state = Shared::new(done.state);
            let full_trace = recorder.results(inspector, done.outcome, state)?;
            let transaction_hash = done.tx.hash();
            let traced = TraceResultsWithTransactionHash { full_trace, transaction_hash };
            found.extend(Some(traced).filter(&mut keeps));
            Ok::<_, ParityError>(())
        },
    )?;
    Ok(found)
}

/// How often each instruction ran in a block's transactions, or in the one at `only`, and what it
/// cost.
pub fn opcode_gas(
    spec: &ChainSpec,
    settings: &EvmSettings,
    block: Replay,
    only: Option<usize>,
) -> Result<Vec<TransactionOpcodeGas>, ParityError> {
    let mut found = Vec::new();
    replay(
        spec,
        settings,
        block,
        |index, _tx, _logs| Ok::<_, ParityError>(which(only, index, OpcodeGasInspector::new)),
        |done: Replayed<'_, OpcodeGasInspector>| {
            if let Some(inspector) = done.inspector {
                found.push(gas_of(done.tx, &inspector));
            }
            Ok(())
        },
    )?;
    Ok(found)
}

fn gas_of(tx: &Transaction, inspector: &OpcodeGasInspector) -> TransactionOpcodeGas {
    let mut opcode_gas: Vec<_> = inspector.opcode_gas_iter().collect();
    opcode_gas.sort_unstable_by(|one, other| one.opcode.cmp(&other.opcode));
    TransactionOpcodeGas { transaction_hash: tx.hash(), opcode_gas }
}

/// Is this transaction inspected, only run, or not needed any more?
fn which<I>(only: Option<usize>, index: usize, inspector: impl FnOnce() -> I) -> Turn<I> {
    match only {
        Some(only) if index < only => Turn::Pass,
        Some(only) if index > only => Turn::Stop,
        _ => Turn::Inspect(inspector()),
    }
}

/// Makes results of what inspectors saw, and counts the recorded instructions.
#[derive(Debug)]
pub(super) struct Recorder<'a> {
    kinds: &'a TraceKinds,
    steps_left: u64,
}

impl<'a> Recorder<'a> {
    pub(super) const fn new(kinds: &'a TraceKinds) -> Self {
        Self { kinds, steps_left: MAX_STEPS }
    }

    /// Records one instruction more than is allowed, so that too many are noticed.
    pub(super) fn config(&self) -> TracingInspectorConfig {
        let mut config = TracingInspectorConfig::from_parity_config(self.kinds);
        config.step_limit = NonZeroU64::new(MAX_STEPS + 1);
        config
    }

    /// Other kinds for the next transaction.
    pub(super) const fn wants(&mut self, kinds: &'a TraceKinds) {
        self.kinds = kinds;
    }

    /// What a transaction did; `state` is from before it.
    pub(super) fn results<DB: DatabaseRef<Error: Into<EvmError>>>(
        &mut self,
        inspector: TracingInspector,
        outcome: &ResultAndState,
        state: DB,
    ) -> Result<TraceResults, ParityError> {
        let steps: usize = inspector.traces().nodes().iter().map(|it| it.trace.steps.len()).sum();
        let left = self.steps_left.checked_sub(steps as u64);
        self.steps_left = left.ok_or(ParityError::Steps { limit: MAX_STEPS })?;
        let builder = inspector.into_parity_builder();
        let results = builder.into_trace_results_with_state(outcome, self.kinds, state);
        Ok(results.map_err(Into::into)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::Body;
    use alloy_consensus::Header;
    use alloy_primitives::{Address, U256};
    use serde_json::json;

    #[test]
    fn a_miners_reward_is_shown_before_those_of_the_ommers() {
        let genesis = json!({
            "config": { "chainId": 1, "ethash": {} },
            "gasLimit": "0x1c9c380", "difficulty": "0x1", "alloc": {}
        });
        let spec = ChainSpec::from_genesis(serde_json::from_value(genesis).unwrap()).unwrap();
        let mined = |number, miner| Header {
            number,
            beneficiary: Address::with_last_byte(miner),
            difficulty: U256::from(1),
            ..Default::default()
        };
        let body = Body { ommers: vec![mined(2, 2), mined(1, 3)], ..Default::default() };
        let block = Block::new(mined(3, 1), body);
        let shown = serde_json::to_value(reward_traces(&spec, &block)).unwrap();
        let reward = |miner, kind: &str, value: &str| {
            json!({
                "action": {
                    "author": Address::with_last_byte(miner), "rewardType": kind, "value": value
                },
                "blockHash": block.hash(),
                "blockNumber": 3,
                "result": null,
                "subtraces": 0,
                "traceAddress": [],
                "transactionHash": null,
                "transactionPosition": null,
                "type": "reward",
            })
        };
        // 5 ether and two thirty-seconds of it; 7/8 and 6/8 of 5 ether.
        let wanted = json!([
            reward(1, "block", "0x49b9ca9a69434000"),
            reward(2, "uncle", "0x3cb71f51fc558000"),
            reward(3, "uncle", "0x340aad21b3b70000"),
        ]);
        assert_eq!(shown, wanted);
    }
}
