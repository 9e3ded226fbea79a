//! Struct logs: every instruction with the machine before it, in geth's form.

use super::{
    TraceError,
    fault::Fault,
    limit::Limit,
    options::LogOptions,
    tracer::{Context, Exit, Finish},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use revm::{
    bytecode::opcode as op,
    context::JournalTr,
    interpreter::{
        FrameInput, InstructionResult, Interpreter, InterpreterAction,
        instructions::gas_table_spec,
        interpreter_types::{InputsTr, Jumps, LoopControl, MemoryTr, ReturnData, RuntimeFlag},
    },
};
use serde::Serialize;
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Writes the logs while the transaction runs: the text is all that is kept of a step.
#[derive(Debug)]
pub(super) struct StructLogs {
    options: LogOptions,
    limit: Arc<Limit>,
    /// The list as text, without its closing bracket.
    text: Vec<u8>,
    count: usize,
    now: Option<Step>,
    /// Slots that each contract read or wrote so far.
    storage: HashMap<Address, BTreeMap<B256, B256>>,
    /// What each open frame has to be refunded; the last is the one that runs.
    refunds: Vec<i64>,
}

/// A step as geth writes it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    pc: usize,
    op: String,
    gas: u64,
    gas_cost: u64,
    depth: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<Vec<U256>>,
    #[serde(skip_serializing_if = "<[u8]>::is_empty")]
    return_data: Bytes,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    memory: Vec<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage: Option<BTreeMap<B256, B256>>,
    #[serde(skip_serializing_if = "is_zero")]
    refund: u64,
    #[serde(skip)]
    opcode: u8,
    /// Top of the stack and the word below it.
    #[serde(skip)]
    operands: [U256; 2],
}

const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trace {
    gas: u64,
    failed: bool,
    return_value: Bytes,
    struct_logs: Box<RawValue>,
}

/// Is this a failure that geth finds before it executes the instruction? Only those are an `error`
/// of their step.
pub(super) const fn is_before_execution(result: InstructionResult) -> bool {
    matches!(
        result,
        InstructionResult::OutOfGas
            | InstructionResult::MemoryOOG
            | InstructionResult::MemoryLimitOOG
            | InstructionResult::InvalidOperandOOG
            | InstructionResult::ReentrancySentryOOG
            | InstructionResult::StackUnderflow
            | InstructionResult::StackOverflow
    )
}

impl StructLogs {
    pub(super) fn new(options: LogOptions, limit: Arc<Limit>) -> Self {
        Self {
            options,
            limit,
            text: vec![b'['],
            count: 0,
            now: None,
            storage: HashMap::new(),
            refunds: Vec::new(),
        }
    }

    pub(super) fn enter(&mut self) {
        self.refunds.push(0);
    }

    pub(super) fn exit(&mut self, _exit: &Exit) {
        self.refunds.pop();
    }

    pub(super) fn step(&mut self, interpreter: &Interpreter, context: &Context) {
        if let Some(own) = self.refunds.last_mut() {
            *own = interpreter.gas.refunded();
        }
        let limit = self.options.limit.unwrap_or(0);
        if limit != 0 && self.count >= limit {
            self.now = None;
            return;
        }
        let opcode = interpreter.bytecode.opcode();
        let stack = interpreter.stack.data();
        let back = |index: usize| stack.iter().rev().nth(index).copied().unwrap_or_default();
        let is_on = |option: Option<bool>| option.unwrap_or(false);
        self.now = Some(Step {
            pc: interpreter.bytecode.pc(),
            op: name(opcode),
            gas: interpreter.gas.remaining(),
            depth: context.journaled_state.depth(),
            stack: (!is_on(self.options.disable_stack)).then(|| stack.clone()),
            return_data: match is_on(self.options.enable_return_data) {
                true => interpreter.return_data.buffer().clone(),
                false => Bytes::new(),
            },
            memory: match is_on(self.options.enable_memory) {
                true => words(interpreter),
                false => Vec::new(),
            },
            refund: self.refund(),
            opcode,
            operands: [back(0), back(1)],
            ..Default::default()
        });
    }

    pub(super) fn step_end(
        &mut self,
        interpreter: &mut Interpreter,
        fault: &Fault,
        result: Option<InstructionResult>,
    ) {
        if let Some(own) = self.refunds.last_mut() {
            *own = interpreter.gas.refunded();
        }
        let Some(mut step) = self.now.take() else { return };
        step.gas_cost = step.gas.saturating_sub(interpreter.gas.remaining());
        if let Some(InterpreterAction::NewFrame(FrameInput::Create(inputs))) =
            interpreter.bytecode.action()
        {
            // What a creation hands to the new contract is not part of its cost; for a call it is.
            step.gas_cost = step.gas_cost.saturating_sub(inputs.gas_limit());
        }
        match result.filter(|result| is_before_execution(*result)) {
            Some(result) => {
                let fixed = gas_table_spec(interpreter.runtime_flag.spec_id());
                step.gas_cost = step.gas_cost.max(u64::from(fixed[usize::from(step.opcode)]));
                step.error = Some(fault.describe(result));
            }
            None => {
                self.note_storage(&mut step, interpreter);
                // geth counts the refund of a store together with its cost.
                if step.opcode == op::SSTORE {
                    step.refund = self.refund();
                }
            }
        }
        self.write(&step);
    }

    fn note_storage(&mut self, step: &mut Step, interpreter: &Interpreter) {
        let [key, below] = step.operands;
        let value = match step.opcode {
            op::SLOAD => interpreter.stack.data().last().copied().unwrap_or_default(),
            op::SSTORE => below,
            _ => return,
        };
        if self.options.disable_storage.unwrap_or(false) {
            return;
        }
        let slots = self.storage.entry(interpreter.input.target_address()).or_default();
        slots.insert(key.into(), value.into());
        step.storage = Some(slots.clone());
    }

    fn refund(&self) -> u64 {
        u64::try_from(self.refunds.iter().sum::<i64>()).unwrap_or(0)
    }

    fn write(&mut self, step: &Step) {
        let before = self.text.len();
        if self.count > 0 {
            self.text.push(b',');
        }
        serde_json::to_writer(&mut self.text, step).expect("a step is plain data");
        self.count += 1;
        self.limit.add(self.text.len() - before);
    }

    pub(super) fn finish(mut self, finish: &Finish<'_>) -> Result<Box<RawValue>, TraceError> {
        self.text.push(b']');
        let text = String::from_utf8(self.text).expect("JSON is UTF-8");
        let trace = Trace {
            gas: finish.gas_used(),
            failed: finish.has_failed(),
            return_value: finish.output(),
            struct_logs: RawValue::from_string(text)?,
        };
        Ok(serde_json::value::to_raw_value(&trace)?)
    }
}

/// The name of an instruction as geth spells it.
fn name(opcode: u8) -> String {
    match op::OPCODE_INFO[usize::from(opcode)] {
        Some(info) => info.name().to_owned(),
        None => format!("opcode {opcode:#x} not defined"),
    }
}

fn words(interpreter: &Interpreter) -> Vec<B256> {
    let size = interpreter.memory.size();
    let memory = interpreter.memory.slice_len(0, size);
    memory.chunks(32).map(B256::right_padding_from).collect()
}
