//! `eth_simulateV1`: what would these blocks be, on top of that one?
//!
//! | file | question |
//! |---|---|
//! | `request` | what does a caller ask for? |
//! | `plan` | which blocks is that, with the gaps between them filled? |
//! | `overrides` | what does a block pretend about accounts? |
//! | `call` | which transaction is a call? |
//! | `check` | may the call be made? |
//! | `events` | which events and transfers of ether did a call make? |
//! | `block` | what does one block of the plan do? |
//! | `error` | why is it not simulated? |

mod block;
mod call;
mod check;
mod error;
mod events;
mod overrides;
mod plan;
mod request;

pub use error::SimulationError;
pub use request::{SimulatedBlockOverrides, SimulatedCalls, SimulationRequest};

use super::{CallResult, EvmSettings};
use crate::{
    primitives::{Block, SealedHeader, StateChanges, StorageId},
    spec::ChainSpec,
    state::{StateTrie, StateView, StorageIds},
};
use alloy_primitives::{Bytes, Log};
use block::Simulation;
use std::sync::Arc;

/// Most blocks of one simulation, gaps included, as in geth.
pub const MAX_BLOCKS: u64 = 256;

/// Seconds between simulated blocks that name no time, as in geth.
pub const BLOCK_SECONDS: u64 = 12;

/// What a simulation stands on: a block, its state and its trie.
#[derive(Debug)]
pub struct Foundation {
    /// The block.
    pub header: Arc<SealedHeader>,
    /// The state after it.
    pub view: StateView,
    /// What a developer edited since; part of the first simulated block.
    pub edits: Arc<StateChanges>,
    /// The trie of the state, readable with the reader of `view`.
    pub trie: StateTrie,
    /// The first storage id that no contract has.
    pub next_storage_id: StorageId,
}

/// A block that was never appended.
#[derive(Clone, Debug)]
pub struct SimulatedBlock {
    /// Header and body.
    pub block: Block,
    /// One a transaction.
    pub calls: Vec<SimulatedCall>,
}

/// What one call of a simulated block did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedCall {
    /// How it ended.
    pub result: CallResult,
    /// Its events, and transfers of ether where they were asked for; none if it failed.
    pub events: Vec<SimulatedEvent>,
    /// After refunds.
    pub gas_used: u64,
    /// Before refunds.
    pub max_used_gas: u64,
}

/// An event of a simulated call, and its place among all of the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedEvent {
    /// Events of calls that reverted count too.
    pub index: u64,
    /// The event.
    pub log: Log,
}

impl SimulatedCall {
    /// What it returned; nothing if it failed.
    pub fn return_data(&self) -> Bytes {
        match &self.result {
            CallResult::Success { output } => output.clone(),
            CallResult::Revert { .. } | CallResult::Halt { .. } => Bytes::new(),
        }
    }
}

/// Simulates blocks one after the other; nothing is kept. All calls together use at most
/// [`EvmSettings::call_gas_cap`] gas, which with [`MAX_BLOCKS`] bounds time and memory.
pub fn simulate(
    spec: &ChainSpec,
    settings: &EvmSettings,
    foundation: Foundation,
    request: SimulationRequest,
) -> Result<Vec<SimulatedBlock>, SimulationError> {
    let planned = plan::plan(&foundation.header, request.block_state_calls)?;
    let mut simulation = Simulation {
        spec,
        settings,
        validates: request.validation.unwrap_or(false),
        traces_transfers: request.trace_transfers.unwrap_or(false),
        gas_left: if settings.call_gas_cap == 0 { u64::MAX } else { settings.call_gas_cap },
        ids: StorageIds::new(foundation.next_storage_id),
        trie: foundation.trie,
        parent: foundation.header,
        hashes: Vec::new(),
    };
    let (mut view, mut edits) = (foundation.view, StateChanges::clone(&foundation.edits));
    let mut blocks = Vec::with_capacity(planned.len());
    for block in planned {
        let (simulated, after) = simulation.block(view, std::mem::take(&mut edits), block)?;
        blocks.push(simulated);
        view = after;
    }
    Ok(blocks)
}
