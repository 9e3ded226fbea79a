//! Which calls did a transaction make, and how did each end? The tree that `callTracer` and
//! `flatCallTracer` are written from.

use super::tracer::{Enter, Exit, Failure, Kind};
use alloy_primitives::{Address, B256, Bytes, Log, U256};

/// One call, creation or self-destruction.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) from: Address,
    /// `None` for a creation that failed.
    pub(super) to: Option<Address>,
    pub(super) input: Bytes,
    pub(super) gas: u64,
    pub(super) gas_used: u64,
    /// In wei; `None` for a static call.
    pub(super) value: Option<U256>,
    pub(super) output: Bytes,
    pub(super) failure: Option<Failure>,
    pub(super) is_precompile: bool,
    pub(super) calls: Vec<Self>,
    pub(super) logs: Vec<FrameLog>,
}

/// An event of a frame.
#[derive(Debug)]
pub(super) struct FrameLog {
    pub(super) address: Address,
    pub(super) topics: Vec<B256>,
    pub(super) data: Bytes,
    /// Position among the logs of the block.
    pub(super) index: usize,
    /// How many calls the frame had made before.
    pub(super) position: usize,
}

/// Builds the tree while the transaction runs.
#[derive(Debug, Default)]
pub(super) struct Frames {
    open: Vec<Frame>,
    root: Option<Frame>,
}

impl Frames {
    pub(super) fn enter(&mut self, enter: &Enter) {
        self.open.push(Frame {
            kind: enter.kind,
            from: enter.from,
            to: Some(enter.to),
            input: enter.input.clone(),
            gas: enter.gas,
            gas_used: 0,
            value: enter.value,
            output: Bytes::new(),
            failure: None,
            is_precompile: enter.is_precompile,
            calls: Vec::new(),
            logs: Vec::new(),
        });
    }

    /// Ends the open frame; `keep` says whether it is shown.
    pub(super) fn exit(&mut self, exit: &Exit, keep: impl FnOnce(&Frame) -> bool) {
        let Some(mut frame) = self.open.pop() else { return };
        frame.gas_used = exit.gas_used;
        frame.failure = exit.failure.clone();
        match frame.failure {
            None => frame.output = exit.output.clone(),
            Some(Failure::Reverted) => frame.output = exit.output.clone(),
            Some(Failure::Halted(_)) => {}
        }
        if frame.failure.is_some() && frame.kind.is_create() {
            frame.to = None;
        }
        match self.open.last_mut() {
            None => self.root = Some(frame),
            Some(parent) if keep(&frame) => parent.calls.push(frame),
            Some(_) => {}
        }
    }

    pub(super) fn log(&mut self, log: &Log, index: usize) {
        let Some(frame) = self.open.last_mut() else { return };
        frame.logs.push(FrameLog {
            address: log.address,
            topics: log.topics().to_vec(),
            data: log.data.data.clone(),
            index,
            position: frame.calls.len(),
        });
    }

    pub(super) const fn depth(&self) -> usize {
        self.open.len()
    }

    /// The outermost frame. Its gas is the transaction's, intrinsic gas included.
    pub(super) fn finish(self, gas_limit: u64, gas_used: u64) -> Option<Frame> {
        let mut root = self.root?;
        root.gas = gas_limit;
        root.gas_used = gas_used;
        Some(root)
    }
}
