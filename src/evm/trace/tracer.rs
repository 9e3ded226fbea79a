//! Who watches a transaction? The one inspector, which turns revm's hooks into what geth's tracers
//! see, and stops what takes too long or too much.

use super::{
    TraceError,
    calls::Calls,
    explorer::Explorer,
    fault::{self, Fault},
    flat::FlatCalls,
    limit::Limit,
    options::Wanted,
    prestate::Prestate,
    record::{RecordedCall, Recorder},
    script::Script,
    selectors::Selectors,
    struct_logs::StructLogs,
};
use crate::{artifacts::Library, evm::BlockState};
use alloy_evm::eth::EthEvmContext;
use alloy_primitives::{Address, B256, Bytes, Log, U256};
use revm::{
    Inspector,
    bytecode::opcode::SELFDESTRUCT,
    context::{
        BlockEnv, JournalTr, TxEnv,
        result::{ExecutionResult, ResultAndState},
    },
    context_interface::CreateScheme,
    interpreter::{
        CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, InstructionResult,
        Interpreter,
        interpreter_types::{InputsTr, Jumps, LoopControl},
    },
};
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// What revm hands to its inspectors here.
pub(super) type Context = EthEvmContext<BlockState>;

/// How a frame came to be: the instruction, which the outermost frame of a transaction has none of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// CALL.
    Call,
    /// CALLCODE.
    CallCode,
    /// DELEGATECALL.
    DelegateCall,
    /// STATICCALL.
    StaticCall,
    /// CREATE.
    Create,
    /// CREATE2.
    Create2,
    /// SELFDESTRUCT.
    SelfDestruct,
}

impl Kind {
    /// Does it make a contract?
    pub const fn is_create(self) -> bool {
        matches!(self, Self::Create | Self::Create2)
    }

    /// The name of its instruction.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "CALL",
            Self::CallCode => "CALLCODE",
            Self::DelegateCall => "DELEGATECALL",
            Self::StaticCall => "STATICCALL",
            Self::Create => "CREATE",
            Self::Create2 => "CREATE2",
            Self::SelfDestruct => "SELFDESTRUCT",
        }
    }
}

/// A frame begins.
#[derive(Debug)]
pub(super) struct Enter {
    pub(super) kind: Kind,
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) input: Bytes,
    pub(super) gas: u64,
    /// In wei; `None` for a static call.
    pub(super) value: Option<U256>,
    pub(super) is_precompile: bool,
}

/// A frame ends.
#[derive(Debug, Default)]
pub(super) struct Exit {
    pub(super) output: Bytes,
    pub(super) gas_used: u64,
    pub(super) failure: Option<Failure>,
}

/// Why a frame failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It reverted, with its output.
    Reverted,
    /// In geth's words.
    Halted(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reverted => f.write_str("execution reverted"),
            Self::Halted(text) => f.write_str(text),
        }
    }
}

/// Where a traced transaction stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) block_hash: Option<B256>,
    pub(super) block_number: u64,
    /// `None` for a call.
    pub(super) tx_hash: Option<B256>,
    pub(super) tx_index: usize,
}

/// A traced transaction that has ended.
pub(super) struct Finish<'a> {
    pub(super) tx: &'a TxEnv,
    pub(super) outcome: &'a ResultAndState,
    /// The state before the transaction.
    pub(super) state: &'a mut BlockState,
    pub(super) env: &'a BlockEnv,
    pub(super) place: Place,
}

impl Finish<'_> {
    /// By the whole transaction, after refunds.
    pub(super) fn gas_used(&self) -> u64 {
        self.outcome.result.tx_gas_used()
    }

    /// Did it revert or halt?
    pub(super) fn has_failed(&self) -> bool {
        !self.outcome.result.is_success()
    }

    /// What it returned or reverted with.
    pub(super) fn output(&self) -> Bytes {
        match &self.outcome.result {
            ExecutionResult::Halt { .. } => Bytes::new(),
            result => result.output().cloned().unwrap_or_default(),
        }
    }
}

/// What is recorded.
#[derive(Debug)]
enum Record {
    Nothing,
    StructLogs(Box<StructLogs>),
    Calls(Calls),
    FlatCalls(FlatCalls),
    Explorer(Explorer),
    Prestate(Prestate),
    Selectors(Selectors),
    Script(Box<Script>),
    /// Not asked for by a caller: what the node tells of a transaction by itself.
    Recorded(Recorder),
    Mux(Vec<(String, Self)>),
}

impl Record {
    fn new(wanted: &Wanted, limit: &Arc<Limit>) -> Result<Self, TraceError> {
        Ok(match wanted {
            Wanted::Noop => Self::Nothing,
            Wanted::StructLogs(options) => {
                Self::StructLogs(Box::new(StructLogs::new(options.clone(), limit.clone())))
            }
            Wanted::Calls(config) => Self::Calls(Calls::new(*config)),
            Wanted::FlatCalls(config) => Self::FlatCalls(FlatCalls::new(*config)),
            Wanted::Explorer(view) => Self::Explorer(Explorer::new(*view)),
            Wanted::Prestate(config) => Self::Prestate(Prestate::new(*config)),
            Wanted::Selectors => Self::Selectors(Selectors::default()),
            Wanted::Script { code, config } => Self::Script(Box::new(Script::new(code, config)?)),
            Wanted::Mux(parts) => {
                let parts = parts.iter().map(|(name, part)| {
                    let part = Self::new(part, limit)?;
                    Ok((name.clone(), part))
                });
                Self::Mux(parts.collect::<Result<_, TraceError>>()?)
            }
        })
    }

    /// Does something for this record and every part of it.
    fn each(&mut self, act: &mut impl FnMut(&mut Self)) {
        match self {
            Self::Mux(parts) => parts.iter_mut().for_each(|(_, part)| part.each(act)),
            single => act(single),
        }
    }

    fn finish(self, finish: &mut Finish<'_>) -> Result<Box<RawValue>, TraceError> {
        match self {
            Self::Nothing => json(&Value::Object(Default::default())),
            Self::StructLogs(logs) => logs.finish(finish),
            Self::Calls(calls) => json(&calls.finish(finish)),
            Self::FlatCalls(calls) => json(&calls.finish(finish)),
            Self::Explorer(calls) => calls.finish(finish),
            Self::Prestate(prestate) => json(&prestate.finish(finish)?),
            Self::Selectors(selectors) => json(&selectors.finish()),
            Self::Script(script) => script.finish(finish),
            Self::Recorded(_) => Err(TraceError::NoTrace),
            Self::Mux(parts) => {
                let mut traces = BTreeMap::new();
                for (name, part) in parts {
                    traces.insert(name, part.finish(finish)?);
                }
                json(&traces)
            }
        }
    }
}

fn json<T: Serialize>(trace: &T) -> Result<Box<RawValue>, TraceError> {
    Ok(serde_json::value::to_raw_value(trace)?)
}

/// The inspector. Without a record it sees nothing and is not switched on.
#[derive(Debug)]
pub(super) struct Tracer {
    record: Record,
    limit: Arc<Limit>,
    fault: Fault,
    /// Logs in the block before the transaction.
    logs_before: usize,
    /// Contract, heir and wei of a self-destruction that is about to happen.
    destruction: Option<(Address, Address, U256)>,
}

impl Default for Tracer {
    fn default() -> Self {
        Self {
            record: Record::Nothing,
            limit: Arc::default(),
            fault: Fault::default(),
            logs_before: 0,
            destruction: None,
        }
    }
}

impl Tracer {
    pub(super) fn new(
        wanted: &Wanted,
        limit: &Arc<Limit>,
        logs_before: usize,
    ) -> Result<Self, TraceError> {
        let record = Record::new(wanted, limit)?;
        Ok(Self { record, limit: limit.clone(), logs_before, ..Default::default() })
    }

    /// One that records for [`Tracer::recorded`].
    pub(super) fn recorder(limit: &Arc<Limit>, library: &Arc<Library>) -> Self {
        let record = Record::Recorded(Recorder::new(library.clone()));
        Self { record, limit: limit.clone(), ..Default::default() }
    }

    /// What a [`Tracer::recorder`] saw.
    pub(super) fn recorded(self, finish: &Finish<'_>) -> Option<RecordedCall> {
        match self.record {
            Record::Recorded(recorder) => recorder.finish(finish),
            _ => None,
        }
    }

    /// The trace, as it is answered.
    pub(super) fn finish(self, mut finish: Finish<'_>) -> Result<Box<RawValue>, TraceError> {
        let trace = self.record.finish(&mut finish)?;
        self.limit.add_answer(trace.get().len())?;
        Ok(trace)
    }

    fn enter(&mut self, enter: &Enter) {
        self.limit.add(enter.input.len());
        self.record.each(&mut |record| match record {
            Record::Calls(calls) => calls.enter(enter),
            Record::FlatCalls(calls) => calls.enter(enter),
            Record::Explorer(calls) => calls.enter(enter),
            Record::Selectors(selectors) => selectors.enter(enter),
            Record::StructLogs(logs) => logs.enter(),
            Record::Recorded(recorder) => self.limit.add(recorder.enter(enter)),
            _ => {}
        });
    }

    fn exit(&mut self, exit: &Exit) {
        self.limit.add(exit.output.len());
        self.record.each(&mut |record| match record {
            Record::Calls(calls) => calls.exit(exit),
            Record::FlatCalls(calls) => calls.exit(exit),
            Record::Explorer(calls) => calls.exit(exit),
            Record::StructLogs(logs) => logs.exit(exit),
            Record::Recorded(recorder) => recorder.exit(exit),
            _ => {}
        });
    }
}

/// The created address, before the creator's nonce rises.
pub(super) fn created(context: &mut Context, inputs: &CreateInputs) -> Address {
    let state = context.journaled_state.evm_state();
    let nonce = state.get(&inputs.caller()).map_or(0, |account| account.info.nonce);
    inputs.created_address(nonce)
}

impl Inspector<Context> for Tracer {
    fn initialize_interp(&mut self, interpreter: &mut Interpreter, context: &mut Context) {
        if self.limit.check(interpreter, context) {
            return;
        }
        if let Record::Recorded(recorder) = &mut self.record {
            let code = interpreter.bytecode.original_bytes();
            recorder.begin(|| interpreter.bytecode.get_or_calculate_hash(), &code);
        }
    }

    fn step(&mut self, interpreter: &mut Interpreter, context: &mut Context) {
        if self.limit.check(interpreter, context) {
            return;
        }
        self.fault.step(interpreter);
        self.destruction = None;
        if interpreter.bytecode.opcode() == SELFDESTRUCT
            && let Some(heir) = interpreter.stack.data().last()
        {
            let contract = interpreter.input.target_address();
            let account = context.journaled_state.evm_state().get(&contract);
            let balance = account.map_or(U256::ZERO, |account| account.info.balance);
            self.destruction = Some((contract, Address::from_word((*heir).into()), balance));
        }
        self.record.each(&mut |record| match record {
            Record::StructLogs(logs) => logs.step(interpreter, context),
            Record::Prestate(prestate) => prestate.step(interpreter, context),
            Record::Script(script) => script.inspector().step(interpreter, context),
            Record::Recorded(recorder) => {
                recorder.step(interpreter.bytecode.pc(), interpreter.bytecode.opcode());
            }
            _ => {}
        });
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, context: &mut Context) {
        let result = interpreter.bytecode.action().as_ref().and_then(|a| a.instruction_result());
        self.fault.step_end(result);
        self.record.each(&mut |record| match record {
            Record::StructLogs(logs) => logs.step_end(interpreter, &self.fault, result),
            Record::Prestate(prestate) => prestate.step_end(result),
            Record::Script(script) => script.inspector().step_end(interpreter, context),
            _ => {}
        });
        if result == Some(InstructionResult::SelfDestruct)
            && let Some((from, to, value)) = self.destruction.take()
        {
            self.enter(&Enter {
                kind: Kind::SelfDestruct,
                from,
                to,
                input: Bytes::new(),
                gas: 0,
                value: Some(value),
                is_precompile: false,
            });
            self.exit(&Exit::default());
        }
    }

    fn log(&mut self, context: &mut Context, log: Log) {
        self.limit.add(log.data.data.len());
        let index = self.logs_before + context.journaled_state.logs().len().saturating_sub(1);
        self.record.each(&mut |record| match record {
            Record::Calls(calls) => calls.log(&log, index),
            Record::Recorded(recorder) => recorder.log(&log),
            _ => {}
        });
    }

    fn call(&mut self, context: &mut Context, inputs: &mut CallInputs) -> Option<CallOutcome> {
        let (kind, from, to) = match inputs.scheme {
            CallScheme::Call => (Kind::Call, inputs.caller, inputs.target_address),
            CallScheme::StaticCall => (Kind::StaticCall, inputs.caller, inputs.target_address),
            CallScheme::CallCode => {
                (Kind::CallCode, inputs.target_address, inputs.bytecode_address)
            }
            CallScheme::DelegateCall => {
                (Kind::DelegateCall, inputs.target_address, inputs.bytecode_address)
            }
        };
        let input = Bytes::copy_from_slice(&inputs.input.as_bytes(context));
        self.fault.enter();
        self.enter(&Enter {
            kind,
            from,
            to,
            input,
            gas: inputs.gas_limit,
            value: (kind != Kind::StaticCall).then(|| inputs.value.get()),
            is_precompile: context.journaled_state.precompile_addresses().contains(&to),
        });
        self.record.each(&mut |record| {
            if let Record::Script(script) = record {
                script.inspector().call(context, inputs);
            }
        });
        None
    }

    fn call_end(&mut self, context: &mut Context, inputs: &CallInputs, outcome: &mut CallOutcome) {
        let precompile = outcome.was_precompile_called.then_some(inputs);
        let failure = fault::of_call(&self.fault, outcome.result.result, precompile, context);
        let has_gas_left = outcome.result.result.is_ok_or_revert();
        let gas = &outcome.result.gas;
        self.exit(&Exit {
            output: outcome.result.output.clone(),
            gas_used: if has_gas_left { gas.total_gas_spent() } else { inputs.gas_limit },
            failure,
        });
        self.record.each(&mut |record| {
            if let Record::Script(script) = record {
                script.inspector().call_end(context, inputs, outcome);
            }
        });
    }

    fn create(
        &mut self,
        context: &mut Context,
        inputs: &mut CreateInputs,
    ) -> Option<CreateOutcome> {
        let kind = match inputs.scheme() {
            CreateScheme::Create2 { .. } => Kind::Create2,
            _ => Kind::Create,
        };
        self.fault.enter();
        self.enter(&Enter {
            kind,
            from: inputs.caller(),
            to: created(context, inputs),
            input: inputs.init_code().clone(),
            gas: inputs.gas_limit(),
            value: Some(inputs.value()),
            is_precompile: false,
        });
        self.record.each(&mut |record| {
            if let Record::Script(script) = record {
                script.inspector().create(context, inputs);
            }
        });
        None
    }

    fn create_end(
        &mut self,
        context: &mut Context,
        inputs: &CreateInputs,
        outcome: &mut CreateOutcome,
    ) {
        let (failure, keeps_gas) = fault::of_creation(&self.fault, outcome);
        let gas = &outcome.result.gas;
        self.exit(&Exit {
            output: outcome.result.output.clone(),
            gas_used: if keeps_gas { gas.total_gas_spent() } else { inputs.gas_limit() },
            failure,
        });
        self.record.each(&mut |record| {
            if let Record::Script(script) = record {
                script.inspector().create_end(context, inputs, outcome);
            }
        });
    }

    fn selfdestruct(&mut self, contract: Address, heir: Address, value: U256) {
        self.record.each(&mut |record| {
            if let Record::Script(script) = record {
                Inspector::<Context>::selfdestruct(script.inspector(), contract, heir, value);
            }
        });
    }
}
