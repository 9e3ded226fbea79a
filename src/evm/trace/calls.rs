//! `callTracer`: the tree of calls, in geth's form.

use super::{
    frames::{Frame, FrameLog, Frames},
    options::CallsConfig,
    tracer::{Enter, Exit, Failure, Finish},
};
use crate::evm::revert_reason;
use alloy_primitives::{Address, B256, Bytes, Log, U64, U256};
use serde::Serialize;

/// Records calls, with logs if wanted.
#[derive(Debug)]
pub(super) struct Calls {
    config: CallsConfig,
    frames: Frames,
    /// Depth below the root that is left out (`onlyTopCall`).
    hidden: usize,
}

impl Calls {
    pub(super) fn new(config: CallsConfig) -> Self {
        Self { config, frames: Frames::default(), hidden: 0 }
    }

    pub(super) fn enter(&mut self, enter: &Enter) {
        if self.config.only_top_call && self.frames.depth() > 0 {
            self.hidden += 1;
        } else {
            self.frames.enter(enter);
        }
    }

    pub(super) fn exit(&mut self, exit: &Exit) {
        if self.hidden > 0 {
            self.hidden -= 1;
        } else {
            self.frames.exit(exit, |_| true);
        }
    }

    pub(super) fn log(&mut self, log: &Log, index: usize) {
        if self.config.with_log && self.hidden == 0 {
            self.frames.log(log, index);
        }
    }

    pub(super) fn finish(self, finish: &Finish<'_>) -> Option<CallFrame> {
        let root = self.frames.finish(finish.tx.gas_limit, finish.gas_used())?;
        Some(render(&root, false))
    }
}

/// A call as geth writes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallFrame {
    from: Address,
    gas: U64,
    gas_used: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Address>,
    input: Bytes,
    #[serde(skip_serializing_if = "<[u8]>::is_empty")]
    output: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revert_reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<Self>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logs: Vec<CallLog>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<U256>,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Debug, Serialize)]
struct CallLog {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    index: U64,
    position: U64,
}

/// Logs of what failed, or is inside of what failed, never happened.
fn render(frame: &Frame, is_undone: bool) -> CallFrame {
    let is_undone = is_undone || frame.failure.is_some();
    let reverted = frame.failure.as_ref().filter(|failure| **failure == Failure::Reverted);
    let reason = reverted.and_then(|_| revert_reason(&frame.output));
    let logs = frame.logs.iter().filter(|_| !is_undone);
    CallFrame {
        from: frame.from,
        gas: U64::from(frame.gas),
        gas_used: U64::from(frame.gas_used),
        to: frame.to,
        input: frame.input.clone(),
        output: frame.output.clone(),
        error: frame.failure.as_ref().map(ToString::to_string),
        revert_reason: reason.filter(|reason| !reason.is_empty()),
        calls: frame.calls.iter().map(|call| render(call, is_undone)).collect(),
        logs: logs.map(log).collect(),
        value: frame.value,
        kind: frame.kind.name(),
    }
}

fn log(log: &FrameLog) -> CallLog {
    CallLog {
        address: log.address,
        topics: log.topics.clone(),
        data: log.data.clone(),
        index: U64::from(log.index),
        position: U64::from(log.position),
    }
}
