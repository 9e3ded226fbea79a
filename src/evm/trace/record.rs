//! What did a transaction do, call by call? Kept as data, for those who explain it to its author.

use super::tracer::{Enter, Exit, Failure, Finish, Kind};
use crate::artifacts::{Jump, Library, Running};
use alloy_primitives::{Address, B256, Bytes, Log, U256};
use revm::bytecode::opcode::{JUMP, JUMPI};
use std::sync::Arc;

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
    /// The contract whose code ran, if that is known.
    pub running: Option<Running>,
    /// Where the caller made it: positions in the caller's code at which its open functions were entered,
    /// and that of the call, the outermost first. Empty if the caller is not known.
    pub site: Vec<u32>,
    /// The same for where it failed, if it did.
    pub end: Vec<u32>,
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

    /// Shows `see` this call and everything inside it, in the order in which it happened. Calls may be
    /// nested deeper than a thread's stack would bear.
    pub fn walk<'a>(&'a self, see: &mut impl FnMut(Step<'a>)) {
        see(Step::Enter { call: self, caller: None, depth: 0 });
        let mut open = vec![(self, 0)];
        while let Some((call, next)) = open.last_mut() {
            let (call, inside) = (*call, call.inside.get(*next));
            *next += 1;
            match inside {
                Some(Inside::Log(log)) => see(Step::Log { call, log, depth: open.len() }),
                Some(Inside::Call(inner)) => {
                    see(Step::Enter { call: inner, caller: Some(call), depth: open.len() });
                    open.push((inner, 0));
                }
                None => {
                    open.pop();
                    see(Step::Exit { call, depth: open.len() });
                }
            }
        }
    }
}

/// What a walk through a call and all inside it comes by.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A call begins.
    Enter {
        /// Which.
        call: &'a RecordedCall,
        /// Who made it; `None` for the outermost.
        caller: Option<&'a RecordedCall>,
        /// How many calls are around it.
        depth: usize,
    },
    /// An event.
    Log {
        /// The call that told it.
        call: &'a RecordedCall,
        /// The event.
        log: &'a Log,
        /// How many calls are around it.
        depth: usize,
    },
    /// A call ends.
    Exit {
        /// Which.
        call: &'a RecordedCall,
        /// How many calls are around it.
        depth: usize,
    },
}

/// Records while the transaction runs.
#[derive(Debug)]
pub(super) struct Recorder {
    library: Arc<Library>,
    open: Vec<Open>,
    root: Option<RecordedCall>,
}

/// A call that runs.
#[derive(Debug)]
struct Open {
    call: RecordedCall,
    /// Where the functions that are open now were entered.
    functions: Vec<u32>,
    /// The instruction that runs now.
    position: u32,
    opcode: u8,
    /// The last one that comes from a source.
    located: u32,
    /// Where its block of instructions begins, if it was jumped to, and where from.
    entry: Option<(u32, u32)>,
}

/// Most functions that are open at a time: the machine's stack holds no more places to return to.
const MAX_FUNCTIONS: usize = 1024;

impl Open {
    /// Where it is now.
    fn place(&self) -> Vec<u32> {
        let Some(running) = &self.call.running else { return Vec::new() };
        let now = self.origin(running);
        self.functions.iter().copied().chain([now]).collect()
    }

    /// The instruction that runs now; or, if an optimizer has merged the end of one statement with that of
    /// another, and it shows only the other, the one that went there. Instead of one that comes from no
    /// source, the last that does.
    fn origin(&self, running: &Running) -> u32 {
        let spot = |position: u32| running.raw_spot(position as usize);
        match self.entry {
            Some((begin, from))
                if spot(begin) == spot(self.position) && spot(from) != spot(begin) =>
            {
                from
            }
            _ if running.has_source(self.position as usize) => self.position,
            _ => self.located,
        }
    }

    /// The instruction that ran last was a jump, and led here.
    fn jumped(&mut self, running: &Running, here: u32) {
        let from = self.position;
        self.entry = match running.jump(from as usize) {
            Jump::Into => {
                if self.functions.len() < MAX_FUNCTIONS {
                    self.functions.push(from);
                }
                None
            }
            Jump::Out => self.functions.pop().map(|site| (here, site)),
            // From one merged end to the next.
            Jump::Regular => Some((here, self.origin(running))),
        };
    }
}

impl Recorder {
    pub(super) const fn new(library: Arc<Library>) -> Self {
        Self { library, open: Vec::new(), root: None }
    }

    /// Answers about how many bytes that took.
    pub(super) fn enter(&mut self, enter: &Enter) -> usize {
        let is_creation = enter.kind.is_create();
        let running = if is_creation { self.library.creating(&enter.input) } else { None };
        let site = self.open.last().map(Open::place).unwrap_or_default();
        let bytes = CALL_BYTES + site.len() * size_of::<u32>();
        let call = RecordedCall {
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
            running,
            site,
            end: Vec::new(),
            inside: Vec::new(),
        };
        let functions = Vec::new();
        self.open.push(Open { call, functions, position: 0, opcode: 0, located: 0, entry: None });
        bytes
    }

    /// The code of the call that was entered last is about to run. That of a creation is known already.
    pub(super) fn begin(&mut self, hash: impl FnOnce() -> B256, code: &[u8]) {
        let Some(open) = self.open.last_mut().filter(|open| !open.call.kind.is_create()) else {
            return;
        };
        open.call.running = self.library.running(hash(), code);
    }

    /// An instruction is about to run.
    pub(super) fn step(&mut self, position: usize, opcode: u8) {
        let Some(open) = self.open.last_mut() else { return };
        let here = position as u32;
        if let Some(running) = open.call.running.take() {
            match open.opcode {
                JUMP => open.jumped(&running, here),
                // What follows a condition stands where its statement stands.
                JUMPI => open.entry = None,
                _ => {}
            }
            if running.has_source(position) {
                open.located = here;
            }
            open.call.running = Some(running);
        }
        (open.position, open.opcode) = (here, opcode);
    }

    pub(super) fn exit(&mut self, exit: &Exit) {
        let Some(open) = self.open.pop() else { return };
        let end = if exit.failure.is_some() { open.place() } else { Vec::new() };
        let mut call = RecordedCall { end, ..open.call };
        call.gas_used = exit.gas_used;
        call.failure = exit.failure.clone();
        // What a halt leaves says nothing.
        if !matches!(call.failure, Some(Failure::Halted(_))) {
            call.output = exit.output.clone();
        }
        match self.open.last_mut() {
            None => self.root = Some(call),
            Some(caller) => caller.call.inside.push(Inside::Call(Box::new(call))),
        }
    }

    pub(super) fn log(&mut self, log: &Log) {
        if let Some(open) = self.open.last_mut() {
            open.call.inside.push(Inside::Log(log.clone()));
        }
    }

    pub(super) fn finish(self, finish: &Finish<'_>) -> Option<RecordedCall> {
        let mut root = self.root?;
        root.gas = finish.tx.gas_limit;
        root.gas_used = finish.gas_used();
        Some(root)
    }
}
