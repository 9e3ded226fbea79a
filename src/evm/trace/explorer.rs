//! Which calls did a transaction make, and which wei did they move? As Otterscan shows them.

use super::{
    TraceError,
    frames::{Frame, Frames},
    tracer::{Enter, Exit, Finish, Kind},
};
use alloy_primitives::{Address, Bytes, U256};
use alloy_rpc_types::trace::otterscan::{InternalOperation, OperationType, TraceEntry};
use serde_json::value::{RawValue, to_raw_value};

/// What an explorer shows of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExplorerView {
    /// Every call, creation and destruction, outermost first, also those that failed.
    Calls,
    /// Wei that moved inside of it, and contracts that were created or destroyed. What was taken back
    /// does not count.
    Operations,
}

/// Records calls; those of precompiles are left out unless they move wei.
#[derive(Debug)]
pub(super) struct Explorer {
    view: ExplorerView,
    frames: Frames,
}

impl Explorer {
    pub(super) fn new(view: ExplorerView) -> Self {
        Self { view, frames: Frames::default() }
    }

    pub(super) fn enter(&mut self, enter: &Enter) {
        self.frames.enter(enter);
    }

    pub(super) fn exit(&mut self, exit: &Exit) {
        let moves = |frame: &Frame| frame.value.is_some_and(|value| !value.is_zero());
        self.frames.exit(exit, |frame| !frame.is_precompile || moves(frame));
    }

    pub(super) fn finish(self, finish: &Finish<'_>) -> Result<Box<RawValue>, TraceError> {
        let root = self.frames.finish(finish.tx.gas_limit, finish.gas_used());
        Ok(match self.view {
            ExplorerView::Calls => {
                let mut calls = Vec::new();
                root.iter().for_each(|root| list(root, 0, &mut calls));
                to_raw_value(&calls)?
            }
            ExplorerView::Operations => {
                let mut operations = Vec::new();
                root.iter().for_each(|root| moves(root, &mut operations));
                to_raw_value(&operations)?
            }
        })
    }
}

fn list(frame: &Frame, depth: u32, calls: &mut Vec<TraceEntry>) {
    let has_value = !matches!(frame.kind, Kind::DelegateCall | Kind::StaticCall);
    calls.push(TraceEntry {
        r#type: frame.kind.name().to_owned(),
        depth,
        from: frame.from,
        // A creation that failed made nothing.
        to: frame.to.unwrap_or(Address::ZERO),
        value: frame.value.filter(|_| has_value),
        input: frame.input.clone(),
        output: if frame.kind == Kind::SelfDestruct { Bytes::new() } else { frame.output.clone() },
    });
    frame.calls.iter().for_each(|call| list(call, depth + 1, calls));
}

/// What happened inside of a frame, unless it failed.
fn moves(frame: &Frame, operations: &mut Vec<InternalOperation>) {
    if frame.failure.is_some() {
        return;
    }
    for call in &frame.calls {
        let value = call.value.unwrap_or(U256::ZERO);
        let operation = match call.kind {
            _ if call.failure.is_some() => None,
            Kind::Call if !value.is_zero() => Some(OperationType::OpTransfer),
            Kind::SelfDestruct => Some(OperationType::OpSelfDestruct),
            Kind::Create => Some(OperationType::OpCreate),
            Kind::Create2 => Some(OperationType::OpCreate2),
            _ => None,
        };
        let operation = operation.zip(call.to);
        operations.extend(operation.map(|(r#type, to)| InternalOperation {
            r#type,
            from: call.from,
            to,
            value,
        }));
        moves(call, operations);
    }
}
