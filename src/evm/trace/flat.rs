//! `flatCallTracer`: every call on a line of its own, in Parity's form as geth writes it.

use super::{
    frames::{Frame, Frames},
    options::FlatConfig,
    tracer::{Enter, Exit, Failure, Finish, Kind, Place},
};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use serde::Serialize;

/// Records calls. Calls of precompiles are left out unless wanted.
#[derive(Debug)]
pub(super) struct FlatCalls {
    config: FlatConfig,
    frames: Frames,
}

impl FlatCalls {
    pub(super) fn new(config: FlatConfig) -> Self {
        Self { config, frames: Frames::default() }
    }

    pub(super) fn enter(&mut self, enter: &Enter) {
        self.frames.enter(enter);
    }

    pub(super) fn exit(&mut self, exit: &Exit) {
        let with_precompiles = self.config.include_precompiles;
        self.frames.exit(exit, |frame| {
            let is_call = matches!(frame.kind, Kind::Call | Kind::StaticCall);
            with_precompiles || !(is_call && frame.is_precompile)
        });
    }

    pub(super) fn finish(self, finish: &Finish<'_>) -> Vec<FlatFrame> {
        let root = self.frames.finish(finish.tx.gas_limit, finish.gas_used());
        let mut flat = Vec::new();
        let mut writer = Writer { config: self.config, place: finish.place, flat: &mut flat };
        if let Some(root) = &root {
            writer.write(root, Vec::new());
        }
        flat
    }
}

struct Writer<'a> {
    config: FlatConfig,
    place: Place,
    flat: &'a mut Vec<FlatFrame>,
}

/// A call as geth writes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FlatFrame {
    action: Action,
    block_hash: Option<B256>,
    block_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Outcome>,
    subtraces: usize,
    trace_address: Vec<usize>,
    transaction_hash: Option<B256>,
    transaction_position: usize,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gas: Option<U64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    init: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_address: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<U256>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gas_used: Option<U64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Bytes>,
}

impl Writer<'_> {
    fn write(&mut self, frame: &Frame, address: Vec<usize>) {
        let (kind, action, result) = parts(frame);
        // What a revert returns says why; what a halt leaves says nothing.
        let has_result = !matches!(frame.failure, Some(Failure::Halted(_)));
        self.flat.push(FlatFrame {
            action,
            block_hash: self.place.block_hash,
            block_number: self.place.block_number,
            error: frame.failure.as_ref().map(|failure| self.error(failure)),
            result: result.filter(|_| has_result),
            subtraces: frame.calls.len(),
            trace_address: address.clone(),
            transaction_hash: self.place.tx_hash,
            transaction_position: self.place.tx_index,
            kind,
        });
        for (index, call) in frame.calls.iter().enumerate() {
            self.write(call, [address.as_slice(), &[index]].concat());
        }
    }

    fn error(&self, failure: &Failure) -> String {
        let text = failure.to_string();
        if self.config.convert_parity_errors { in_parity(&text).to_owned() } else { text }
    }
}

fn parts(frame: &Frame) -> (&'static str, Action, Option<Outcome>) {
    let gas_used = Some(U64::from(frame.gas_used));
    let action = Action { from: Some(frame.from), value: frame.value, ..Default::default() };
    match frame.kind {
        Kind::SelfDestruct => {
            let action = Action {
                address: Some(frame.from),
                balance: frame.value,
                refund_address: frame.to,
                ..Default::default()
            };
            ("suicide", action, None)
        }
        Kind::Create | Kind::Create2 => {
            let gas = Some(U64::from(frame.gas));
            let action = Action { gas, init: Some(frame.input.clone()), ..action };
            let code = Some(frame.output.clone());
            ("create", action, Some(Outcome { address: frame.to, code, gas_used, output: None }))
        }
        kind => {
            let action = Action {
                to: frame.to,
                gas: Some(U64::from(frame.gas)),
                call_type: Some(kind.name().to_lowercase()),
                input: Some(frame.input.clone()),
                // Parity has a value for static calls too.
                value: Some(frame.value.unwrap_or_default()),
                ..action
            };
            let output = Some(frame.output.clone());
            ("call", action, Some(Outcome { gas_used, output, ..Default::default() }))
        }
    }
}

/// Parity's word for an error of geth's, where it has one.
fn in_parity(error: &str) -> &str {
    match error {
        "contract creation code storage out of gas"
        | "out of gas"
        | "gas uint64 overflow"
        | "max code size exceeded" => "Out of gas",
        "invalid jump destination" => "Bad jump destination",
        "execution reverted" => "Reverted",
        "return data out of bounds" => "Out of bounds",
        "stack limit reached 1024 (1023)" => "Out of stack",
        "precompiled failed" | "invalid input length" => "Built-in failed",
        other if other.starts_with("invalid opcode:") => "Bad instruction",
        other if other.starts_with("stack underflow") => "Stack underflow",
        other => other,
    }
}
