//! How does a call look in a line, and a transaction with all its calls in a tree of lines?

use super::{
    DecodedCall, DecodedEvent, Failed,
    names::{self, Named},
    tree::{call, event},
};
use crate::{
    artifacts::{Library, Running},
    evm::trace::{Kind, RecordedCall, Step},
    primitives::echo,
};

/// Most lines of one tree.
const MAX_LINES: usize = 2_000;
/// Deepest calls that are shown in it.
const MAX_DEPTH: usize = 64;

/// What a transaction or a call is about: `Main.submitOrder(0x…, 5)`. `None` where nobody declares such a
/// function.
pub fn title(library: &Library, running: Option<&Running>, input: &[u8]) -> Option<String> {
    let contract = running.map(|running| running.contract.as_ref());
    if let Some(running) = running.filter(|running| running.is_creation) {
        let arguments = input.get(running.code_len()..).unwrap_or_default();
        let arguments = names::constructor(&running.contract, arguments);
        let arguments = arguments.as_deref().map_or_else(|| "...".to_owned(), values);
        return Some(format!("new {}({})", running.contract.name, echo(&arguments)));
    }
    let called = names::function(library, contract, input, None)?;
    let name = contract.map_or("", |contract| contract.name.as_str());
    let point = if name.is_empty() { "" } else { "." };
    Some(format!("{name}{point}{}({})", called.name, echo(&values(&called.arguments))))
}

/// Why and where it failed, a line each.
pub fn failure_lines(failed: &Failed) -> Vec<String> {
    let first = failed.stack.first().map(|frame| match &frame.source {
        Some(source) => format!(" at {source} in {}", frame.name()),
        None => format!(" in {}", frame.name()),
    });
    let mut lines = vec![format!("Error: {}{}", failed.message, first.unwrap_or_default())];
    // A stack of one says no more than the first line.
    let stack = failed.stack.iter().filter(|_| failed.stack.len() > 1).take(MAX_DEPTH);
    lines.extend(stack.map(|frame| match &frame.source {
        Some(source) => format!("    at {} ({source}:{})", frame.name(), source.column),
        None => format!("    at {}", frame.name()),
    }));
    if let Some(more @ 1..) = failed.stack.len().checked_sub(MAX_DEPTH) {
        lines.push(format!("    ... {more} more"));
    }
    lines
}

/// The calls of a transaction, with what each told and returned.
pub fn tree_lines(library: &Library, root: &RecordedCall) -> Vec<String> {
    let mut lines = Vec::new();
    let mut left_out = 0;
    let mut add = |depth: usize, text: String| {
        if depth > MAX_DEPTH || lines.len() >= MAX_LINES {
            left_out += 1;
            return;
        }
        let branch = if depth == 0 { "" } else { "├─ " };
        lines.push(format!("{}{branch}{text}", "│  ".repeat(depth.saturating_sub(1))));
    };
    root.walk(&mut |step| match step {
        Step::Enter { call: recorded, caller, depth } => {
            add(depth, call(library, recorded, caller).line());
        }
        Step::Log { call, log, depth } => {
            add(depth, format!("emit {}", event(library, call, log, 0).text()));
        }
        Step::Exit { call: recorded, depth } => {
            add(depth + 1, format!("← {}", call(library, recorded, None).result()));
        }
    });
    if left_out > 0 {
        lines.push(format!("... {left_out} more lines"));
    }
    lines
}

impl DecodedEvent {
    /// `Transfer(from: 0x…, value: 5)`.
    fn text(&self) -> String {
        match (&self.name, &self.args) {
            (Some(name), Some(args)) => format!("{name}({})", echo(&with_names(args))),
            _ => {
                let topics = self.topics.iter().flatten().map(ToString::to_string);
                let topics = topics.collect::<Vec<_>>().join(", ");
                let data = self.data.clone().unwrap_or_default().to_string();
                format!("topics [{topics}] data {}", echo(&data))
            }
        }
    }
}

impl DecodedCall {
    /// `[2310] Main.submit(5) [staticcall] {7 wei}`.
    fn line(&self) -> String {
        let how = match self.kind {
            "STATICCALL" => " [staticcall]",
            "DELEGATECALL" => " [delegatecall]",
            "CALLCODE" => " [callcode]",
            _ => "",
        };
        let value = self.value.map(|wei| format!(" {{{wei} wei}}")).unwrap_or_default();
        format!("[{}] {}{how}{value}", self.gas_used, self.text())
    }

    /// `Main.submit(5)`.
    fn text(&self) -> String {
        let contract = self.contract.clone().unwrap_or_else(|| self.address.to_string());
        if self.kind == Kind::SelfDestruct.name() {
            return format!("selfdestruct to {}", self.address);
        }
        let is_creation = self.kind.starts_with("CREATE");
        let arguments = match (&self.args, &self.input) {
            (Some(args), _) => values(args),
            (None, Some(input)) if is_creation => format!("{} bytes", input.len()),
            (None, Some(input)) => input.to_string(),
            (None, None) => String::new(),
        };
        let arguments = echo(&arguments);
        let name = self.function.as_deref().and_then(|signature| signature.split('(').next());
        match name.filter(|_| !is_creation) {
            Some(name) => format!("{contract}.{name}({arguments})"),
            None if is_creation => format!("new {contract}({arguments})"),
            None => format!("{contract}({arguments})"),
        }
    }

    /// What came of it.
    fn result(&self) -> String {
        let text = match (&self.error, &self.returned, &self.output) {
            (Some(error), _, _) => error.clone(),
            (None, Some(returned), _) => values(returned),
            (None, None, Some(output)) => output.to_string(),
            (None, None, None) => String::new(),
        };
        let text = echo(&text);
        if text.is_empty() { "()".to_owned() } else { text.into_owned() }
    }
}

/// Several values, with commas.
fn values(values: &[Named]) -> String {
    values.iter().map(|it| it.text.as_str()).collect::<Vec<_>>().join(", ")
}

fn with_names(values: &[Named]) -> String {
    let one = |it: &Named| match it.name.as_str() {
        "" => it.text.clone(),
        name => format!("{name}: {}", it.text),
    };
    values.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        artifacts::Shelf,
        evm::trace::{Failure, Inside},
        explain::{Place, StackFrame, failed},
        spec::main_contract::MAIN_ADDRESS,
    };
    use alloy_primitives::{Address, Bytes, U256, keccak256};
    use alloy_sol_types::{Revert, SolError};

    fn call(to: Address, input: Bytes, failure: Option<Failure>, output: Bytes) -> RecordedCall {
        RecordedCall {
            kind: Kind::Call,
            from: Address::ZERO,
            to,
            input,
            output,
            value: Some(U256::ZERO),
            gas: 100_000,
            gas_used: 2_310,
            failure,
            is_precompile: false,
            running: None,
            site: Vec::new(),
            end: Vec::new(),
            inside: Vec::new(),
        }
    }

    fn nested() -> RecordedCall {
        let no: Bytes = Revert::from("no").abi_encode().into();
        let input = Bytes::copy_from_slice(&keccak256("deposit()")[..4]);
        let inner = call(MAIN_ADDRESS, input, Some(Failure::Reverted), no.clone());
        let mut root = call(Address::repeat_byte(1), Bytes::new(), Some(Failure::Reverted), no);
        root.inside.push(Inside::Call(Box::new(inner)));
        root
    }

    #[test]
    fn a_tree_has_a_line_a_call_and_a_line_a_result() {
        let library = Shelf::default().library();
        let someone = Address::repeat_byte(1);
        let lines = tree_lines(&library, &nested());
        let no = "reverted with reason string 'no'";
        let expected = [
            format!("[2310] {someone}()"),
            format!("├─ [2310] {MAIN_ADDRESS}.deposit()"),
            format!("│  ├─ ← {no}"),
            format!("├─ ← {no}"),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_failure_names_its_place_and_the_way_to_it() {
        let library = Shelf::default().library();
        let lines = failure_lines(&failed(&library, &nested()).unwrap());
        let someone = Address::repeat_byte(1);
        let expected = [
            "Error: reverted with reason string 'no' in deposit".to_owned(),
            "    at deposit".to_owned(),
            format!("    at {someone} (unknown code)"),
        ];
        assert_eq!(lines, expected);
        let place = Place { file: "src/A.sol".into(), line: 7, column: 9 };
        let frame = StackFrame {
            contract: Some("A".into()),
            function: Some("run".into()),
            address: someone,
            source: Some(place),
        };
        let message = "out of gas".to_owned();
        let lines = failure_lines(&Failed { message, stack: vec![frame] });
        assert_eq!(lines, ["Error: out of gas at src/A.sol:7 in A.run"]);
    }
}
