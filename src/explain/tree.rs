//! How did the calls of a transaction go, with names for everything that has one?

use super::{
    StackFrame, failed,
    names::{self, Named},
    stack::Place,
};
use crate::{
    artifacts::Library,
    evm::trace::{Failure, Inside, Kind, RecordedCall, Step},
    spec::precompiles::PRECOMPILES,
};
use alloy_primitives::{Address, B256, Bytes, Log, Selector, U64, U256};
use serde::Serialize;
use serde_json::value::RawValue;

/// A call with names.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecodedCall {
    /// `CALL`, `CREATE2`, ...
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The contract, if its artifact is there; else the name of a precompile.
    pub contract: Option<String>,
    /// Whose code ran, or was made.
    pub address: Address,
    /// Who called.
    pub from: Address,
    /// In wei.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<U256>,
    /// Its signature; `constructor` for a creation.
    pub function: Option<String>,
    /// Where no function is known: the first bytes of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// Its arguments; `None` if they are not known.
    pub args: Option<Vec<Named>>,
    /// The data, if its arguments are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Bytes>,
    /// What it returned; `None` if it failed, or that is not known.
    pub returned: Option<Vec<Named>>,
    /// What it returned or reverted with, if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Bytes>,
    /// What it was given.
    pub gas: U64,
    /// What it used.
    pub gas_used: U64,
    /// What it told.
    pub events: Vec<DecodedEvent>,
    /// Why it failed.
    pub error: Option<String>,
    /// Where it was called from, in the source of the caller.
    pub source: Option<Place>,
}

/// An event with names.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecodedEvent {
    /// `None` if nobody declares it.
    pub name: Option<String>,
    /// Who told it.
    pub address: Address,
    /// Its values; `None` if they are not known.
    pub args: Option<Vec<Named>>,
    /// As they are, if the values are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topics: Option<Vec<B256>>,
    /// As it is, if the values are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Bytes>,
    /// How many calls the contract had made before.
    pub position: usize,
}

/// Why the transaction failed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    #[serde(flatten)]
    call: DecodedCall,
    message: Option<String>,
    stack_trace: Vec<StackFrame>,
}

/// A transaction with names, as JSON: its outermost call with `message` (why it failed, in Hardhat's words),
/// `stackTrace` (the functions that were open then, the innermost first), and in `children` the calls it
/// made. `None` if that has more than `limit` bytes.
pub fn decode(
    library: &Library,
    root: &RecordedCall,
    limit: usize,
) -> serde_json::Result<Option<Box<RawValue>>> {
    let mut tree = Tree { text: String::new(), is_first: true, limit, failure: None };
    root.walk(&mut |step| match step {
        Step::Enter { call, caller: None, .. } => {
            let (message, stack_trace) = match failed(library, root) {
                Some(failed) => (Some(failed.message), failed.stack),
                None => (None, Vec::new()),
            };
            let call = self::call(library, call, None);
            tree.open(&Outcome { call, message, stack_trace });
        }
        Step::Enter { call, caller, .. } => tree.open(&self::call(library, call, caller)),
        Step::Exit { .. } => tree.close(),
        Step::Log { .. } => {}
    });
    match tree.failure {
        Some(failure) => Err(failure),
        None if tree.is_too_long() => Ok(None),
        None => RawValue::from_string(tree.text).map(Some),
    }
}

/// The tree as it is written: calls may be nested deeper than a writer that calls itself could go.
struct Tree {
    text: String,
    is_first: bool,
    limit: usize,
    failure: Option<serde_json::Error>,
}

impl Tree {
    fn is_too_long(&self) -> bool {
        self.text.len() > self.limit
    }

    /// Writes a call up to its children.
    fn open(&mut self, call: &impl Serialize) {
        if self.is_too_long() || self.failure.is_some() {
            return;
        }
        let comma = if self.is_first { "" } else { "," };
        match serde_json::to_string(call) {
            Ok(object) => {
                let fields = object.strip_suffix('}').unwrap_or(&object);
                self.text.extend([comma, fields, ",\"children\":["]);
            }
            Err(failure) => self.failure = Some(failure),
        }
        self.is_first = true;
    }

    fn close(&mut self) {
        self.text.push_str("]}");
        self.is_first = false;
    }
}

pub(super) fn call(
    library: &Library,
    recorded: &RecordedCall,
    caller: Option<&RecordedCall>,
) -> DecodedCall {
    let contract = recorded.running.as_ref().map(|running| running.contract.as_ref());
    let has_failed = recorded.failure.is_some();
    let output = (!has_failed).then_some(recorded.output.as_ref());
    let precompile =
        PRECOMPILES.iter().find(|it| recorded.is_precompile && it.address() == recorded.to);
    let (function, args, returned) = if recorded.kind.is_create() {
        let code = recorded.running.as_ref().map_or(0, |running| running.code_len());
        let arguments = recorded.input.get(code..).unwrap_or_default();
        let args = contract.and_then(|contract| names::constructor(contract, arguments));
        (Some("constructor".to_owned()), args, None)
    } else if recorded.is_precompile || recorded.kind == Kind::SelfDestruct {
        (None, None, None)
    } else {
        match names::function(library, contract, &recorded.input, output) {
            Some(known) => (Some(known.signature), Some(known.arguments), known.returned),
            None => (None, None, None),
        }
    };
    let mut events = Vec::new();
    let mut calls = 0;
    for each in &recorded.inside {
        match each {
            Inside::Call(_) => calls += 1,
            Inside::Log(log) => events.push(event(library, recorded, log, calls)),
        }
    }
    let is_plain = recorded.kind.is_create() || recorded.is_precompile;
    let selector = recorded.input.first_chunk::<4>().map(|selector| Selector::from(*selector));
    DecodedCall {
        kind: recorded.kind.name(),
        contract: contract
            .map(|contract| contract.name.clone())
            .or_else(|| precompile.map(|it| it.name.to_owned())),
        address: recorded.to,
        from: recorded.from,
        value: recorded.value.filter(|value| !value.is_zero()),
        selector: selector.filter(|_| function.is_none() && !is_plain),
        input: (args.is_none() && !recorded.input.is_empty()).then(|| recorded.input.clone()),
        output: (returned.is_none() && !recorded.output.is_empty() && !recorded.kind.is_create())
            .then(|| recorded.output.clone()),
        function,
        args,
        returned,
        gas: U64::from(recorded.gas),
        gas_used: U64::from(recorded.gas_used),
        events,
        error: error(library, recorded),
        source: caller.and_then(|caller| site(caller, &recorded.site)),
    }
}

/// Why a call failed.
pub(super) fn error(library: &Library, call: &RecordedCall) -> Option<String> {
    let contract = call.running.as_ref().map(|running| running.contract.as_ref());
    Some(match call.failure.as_ref()? {
        Failure::Reverted => names::revert(library, contract, &call.output),
        Failure::Halted(reason) => reason.clone(),
    })
}

/// Where in the caller's source a call is made: in the innermost function that has a place.
fn site(caller: &RecordedCall, site: &[u32]) -> Option<Place> {
    let running = caller.running.as_ref()?;
    let spots = site.iter().rev().filter_map(|position| running.spot(*position as usize));
    spots.map(|spot| Place::from(&spot)).next()
}

pub(super) fn event(
    library: &Library,
    call: &RecordedCall,
    log: &Log,
    position: usize,
) -> DecodedEvent {
    let contract = call.running.as_ref().map(|running| running.contract.as_ref());
    let (name, args) = match names::event(library, contract, log) {
        Some((name, args)) => (Some(name), Some(args)),
        None => (None, None),
    };
    let raw = args.is_none();
    DecodedEvent {
        name,
        address: log.address,
        args,
        topics: raw.then(|| log.topics().to_vec()),
        data: raw.then(|| log.data.data.clone()),
        position,
    }
}
