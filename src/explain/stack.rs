//! Where did it fail, and how did it get there? The call that failed first, and the functions that were
//! open then.

use super::names;
use crate::{
    artifacts::{Library, Running, Spotted},
    evm::trace::{Failure, RecordedCall},
};
use alloy_json_abi::StateMutability;
use alloy_primitives::{Address, Selector, U256};
use serde::Serialize;
use std::fmt;

/// A function that was open when something failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackFrame {
    /// The contract that holds the function, as its source does; `None` if no artifact has it.
    pub contract: Option<String>,
    /// `None` outside of functions, or if nothing is known of them.
    pub function: Option<String>,
    /// The account whose code ran.
    pub address: Address,
    /// Where in the function.
    #[serde(flatten)]
    pub source: Option<Place>,
}

/// A place in a source file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// As the compiler calls it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in bytes.
    pub column: u32,
}

impl From<&Spotted<'_>> for Place {
    fn from(spot: &Spotted<'_>) -> Self {
        Self { file: spot.file.to_owned(), line: spot.line, column: spot.column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl StackFrame {
    /// `Main.submit`; the address where nothing is known.
    pub fn name(&self) -> String {
        match (&self.contract, &self.function) {
            (Some(contract), Some(function)) => format!("{contract}.{function}"),
            (Some(contract), None) => contract.clone(),
            (None, Some(function)) => function.clone(),
            (None, None) => format!("{} (unknown code)", self.address),
        }
    }
}

/// What failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Why, in Hardhat's words.
    pub message: String,
    /// The open functions, the innermost first.
    pub stack: Vec<StackFrame>,
}

/// Why a call failed, and where; `None` if it did not.
pub fn failed(library: &Library, root: &RecordedCall) -> Option<Failed> {
    root.failure.as_ref()?;
    let path = path(root);
    let mut stack = Vec::new();
    for (position, call) in path.iter().enumerate() {
        let at = match path.get(position + 1) {
            Some(inner) => &inner.site,
            None => &call.end,
        };
        frames(library, call, at, &mut stack);
    }
    stack.reverse();
    let innermost = path.last().copied().unwrap_or(root);
    Some(Failed { message: message(library, innermost), stack })
}

/// From the outermost call to the one that failed first and took the others with it.
fn path(root: &RecordedCall) -> Vec<&RecordedCall> {
    let mut path = vec![root];
    let mut call = root;
    while call.failure == Some(Failure::Reverted)
        && let Some(last) = call.calls().next_back()
        && last.failure.is_some()
        && last.output == call.output
    {
        path.push(last);
        call = last;
    }
    path
}

/// The functions that were open in one call, the outermost first.
fn frames(library: &Library, call: &RecordedCall, at: &[u32], stack: &mut Vec<StackFrame>) {
    let before = stack.len();
    let spots = call.running.iter().flat_map(|running| {
        let spots = at.iter().map(move |position| running.spot(*position as usize));
        spots.flatten().filter(|spot| !spot.is_whole)
    });
    for spot in spots {
        let frame = StackFrame {
            contract: spot.contract.map(str::to_owned),
            function: spot.function.map(str::to_owned),
            address: call.to,
            source: Some(Place::from(&spot)),
        };
        // A call of a function may take several jumps.
        let is_again = |last: &mut StackFrame| {
            let line = |frame: &StackFrame| frame.source.as_ref().map(|source| source.line);
            last.function == frame.function && line(last) == line(&frame)
        };
        if stack.len() > before && stack.last_mut().is_some_and(is_again) {
            stack.pop();
        }
        stack.push(frame);
    }
    if stack.len() > before {
        return;
    }
    // Nothing is known but what was called.
    let contract = call.running.as_ref().map(|running| running.contract.as_ref());
    let function = match (&call.running, call.kind.is_create()) {
        (_, true) => Some("constructor".to_owned()),
        (_, false) => {
            names::function(library, contract, &call.input, None).map(|function| function.name)
        }
    };
    let whole = call.running.as_ref().and_then(|running| whole(running, at));
    stack.push(StackFrame {
        contract: contract.map(|contract| contract.name.clone()),
        function: function.or_else(|| nameless(call)),
        address: call.to,
        source: whole,
    });
}

/// The function or the contract itself: where it fails before its first statement.
fn whole(running: &Running, at: &[u32]) -> Option<Place> {
    let spots = at.iter().rev().filter_map(|position| running.spot(*position as usize));
    spots.map(|spot| Place::from(&spot)).next()
}

/// What runs where the data names no function.
fn nameless(call: &RecordedCall) -> Option<String> {
    let abi = &call.running.as_ref()?.contract.abi;
    if call.input.is_empty() && abi.receive.is_some() {
        return Some("receive".to_owned());
    }
    abi.fallback.as_ref().map(|_| "fallback".to_owned())
}

/// Why this call failed.
fn message(library: &Library, call: &RecordedCall) -> String {
    let contract = call.running.as_ref().map(|running| running.contract.as_ref());
    match &call.failure {
        Some(Failure::Halted(reason)) => reason.clone(),
        _ if call.output.is_empty() => {
            refused(call).unwrap_or_else(|| names::revert(library, contract, &[]))
        }
        _ => names::revert(library, contract, &call.output),
    }
}

/// Why a contract takes no such call, if its ABI says so: it reverts then before its first statement.
fn refused(call: &RecordedCall) -> Option<String> {
    let running = call.running.as_ref()?;
    let abi = &running.contract.abi;
    let is_inside =
        |position: &u32| running.spot(*position as usize).is_some_and(|it| !it.is_whole);
    if call.end.iter().any(is_inside) {
        return None;
    }
    let value = call.value.unwrap_or_default();
    let pays = |mutability: Option<StateMutability>| {
        let takes = mutability == Some(StateMutability::Payable);
        (value > U256::ZERO && !takes)
            .then(|| format!("non-payable function was called with value {value} wei"))
    };
    if call.kind.is_create() {
        return pays(abi.constructor.as_ref().map(|it| it.state_mutability));
    }
    let selector = call.input.first_chunk::<4>().map(|selector| Selector::from(*selector));
    let function = selector.and_then(|selector| abi.function_by_selector(selector));
    if let Some(function) = function {
        let is_readable =
            names::function(&Library::default(), Some(&running.contract), &call.input, None);
        return pays(Some(function.state_mutability)).or_else(|| {
            let wrong = format!("function {} was called with incorrect parameters", function.name);
            is_readable.is_none().then_some(wrong)
        });
    }
    match (&abi.fallback, &abi.receive) {
        (Some(fallback), _) if !call.input.is_empty() => pays(Some(fallback.state_mutability)),
        (Some(fallback), None) => pays(Some(fallback.state_mutability)),
        (None, None) if call.input.is_empty() => {
            Some("there is no receive or fallback function".to_owned())
        }
        (_, Some(_)) if call.input.is_empty() => None,
        _ => Some(
            "function selector was not recognized and there is no fallback function".to_owned(),
        ),
    }
}
