//! What did a transaction do, call by call? Kept as data, for those who explain it to its author.

use super::tracer::{Enter, Exit, Failure, Finish, Kind};
use alloy_primitives::{Address, Bytes, Log, U256};

/// Bytes that a recorded call takes besides its data, roughly.
const CALL_BYTES: usize = 320;

/// A call, a creation or a self-destruction, and what happened inside it.
#[derive(Clone, Debug)]
pub struct RecordedCall {
    /// How it came to be.
    pub kind: Kind,
    /// Who made it.
    pub from: Address,
    /// Whose code ran; the contract that was, or would have been, created.
    pub to: Address,
    /// Data, or the code that creates.
    pub input: Bytes,
    /// What it returned or reverted with; of a creation the code.
    pub output: Bytes,
    /// In wei; `None` for a static call.
    pub value: Option<U256>,
    /// What it was given. Of the outermost call the limit of the transaction.
    pub gas: u64,
    /// What it used. Of the outermost call what the transaction used.
    pub gas_used: u64,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// Is it one of the protocol's own?
    pub is_precompile: bool,
    /// What happened in it, in order.
    pub inside: Vec<Inside>,
}

/// What happens in a call.
#[derive(Clone, Debug)]
pub enum Inside {
    /// Another call.
    Call(Box<RecordedCall>),
    /// An event.
    Log(Log),
}

impl RecordedCall {
    /// The calls that it made itself, in order.
    pub fn calls(&self) -> impl DoubleEndedIterator<Item = &Self> {
        self.inside.iter().filter_map(|each| match each {
            Inside::Call(call) => Some(call.as_ref()),
            Inside::Log(_) => None,
        })
    }

    /// Calls `see` for this call and for every one inside it, in order, with its depth.
    pub fn each(&self, depth: usize, see: &mut impl FnMut(&Self, usize)) {
        see(self, depth);
        self.calls().for_each(|call| call.each(depth + 1, see));
    }
}

/// Records while the transaction runs.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    open: Vec<RecordedCall>,
    root: Option<RecordedCall>,
}

impl Recorder {
    /// Answers about how many bytes that took.
    pub(super) fn enter(&mut self, enter: &Enter) -> usize {
        self.open.push(RecordedCall {
            kind: enter.kind,
            from: enter.from,
            to: enter.to,
            input: enter.input.clone(),
            output: Bytes::new(),
            value: enter.value,
            gas: enter.gas,
            gas_used: 0,
            failure: None,
            is_precompile: enter.is_precompile,
            inside: Vec::new(),
        });
        CALL_BYTES
    }

    pub(super) fn exit(&mut self, exit: &Exit) {
        let Some(mut call) = self.open.pop() else { return };
        call.gas_used = exit.gas_used;
        call.failure = exit.failure.clone();
        // What a halt leaves says nothing.
        if !matches!(call.failure, Some(Failure::Halted(_))) {
            call.output = exit.output.clone();
        }
        match self.open.last_mut() {
            None => self.root = Some(call),
            Some(caller) => caller.inside.push(Inside::Call(Box::new(call))),
        }
    }

    pub(super) fn log(&mut self, log: &Log) {
        if let Some(call) = self.open.last_mut() {
            call.inside.push(Inside::Log(log.clone()));
        }
    }

    pub(super) fn finish(self, finish: &Finish<'_>) -> Option<RecordedCall> {
        let mut root = self.root?;
        root.gas = finish.tx.gas_limit;
        root.gas_used = finish.gas_used();
        Some(root)
    }
}
