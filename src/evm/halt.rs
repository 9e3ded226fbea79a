//! Why did execution halt, in geth's words?

use revm::{
    Inspector,
    bytecode::opcode::OPCODE_INFO,
    context::result::{HaltReason, OutOfGasError},
    interpreter::{Interpreter, interpreter_types::Jumps},
};

/// Most words on the stack.
const STACK_LIMIT: usize = 1024;

/// Remembers the last instruction, which is the one that halted the transaction. Where nothing else
/// is inspected it is switched on only to run a halted transaction again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HaltProbe {
    opcode: u8,
    stack: usize,
}

impl<CTX> Inspector<CTX> for HaltProbe {
    fn step(&mut self, interpreter: &mut Interpreter, _context: &mut CTX) {
        self.look(interpreter);
    }
}

impl HaltProbe {
    /// Remembers the instruction that is about to run.
    pub(super) fn look(&mut self, interpreter: &Interpreter) {
        self.opcode = interpreter.bytecode.opcode();
        self.stack = interpreter.stack.len();
    }

    /// Does geth's text for this reason name the instruction or the stack?
    pub(super) const fn is_needed_for(reason: &HaltReason) -> bool {
        matches!(
            reason,
            HaltReason::OpcodeNotFound
                | HaltReason::InvalidFEOpcode
                | HaltReason::NotActivated
                | HaltReason::StackUnderflow
                | HaltReason::StackOverflow
        )
    }

    /// The reason in geth's words.
    pub(super) fn describe(&self, reason: &HaltReason) -> String {
        let text = match reason {
            HaltReason::OpcodeNotFound | HaltReason::NotActivated | HaltReason::InvalidFEOpcode => {
                return format!("invalid opcode: {}", name_of(self.opcode));
            }
            HaltReason::StackUnderflow => {
                let needed = OPCODE_INFO[usize::from(self.opcode)].map_or(0, |info| info.inputs());
                return format!("stack underflow ({} <=> {needed})", self.stack);
            }
            HaltReason::StackOverflow => {
                return format!("stack limit reached {} ({})", self.stack, STACK_LIMIT - 1);
            }
            HaltReason::OutOfGas(OutOfGasError::InvalidOperand) => "gas uint64 overflow",
            HaltReason::OutOfGas(_) => "out of gas",
            HaltReason::InvalidJump => "invalid jump destination",
            HaltReason::OutOfOffset => "return data out of bounds",
            HaltReason::CreateCollision => "contract address collision",
            HaltReason::NonceOverflow => "nonce uint64 overflow",
            HaltReason::CreateContractSizeLimit => "max code size exceeded",
            HaltReason::CreateContractStartingWithEF => "invalid code: must not begin with 0xef",
            HaltReason::CreateInitCodeSizeLimit => "max initcode size exceeded",
            HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => {
                "write protection"
            }
            HaltReason::OutOfFunds => "insufficient balance for transfer",
            HaltReason::CallTooDeep => "max call depth exceeded",
            HaltReason::PrecompileErrorWithContext(text) => return text.clone(),
            HaltReason::PrecompileError | HaltReason::OverflowPayment => return reason.to_string(),
        };
        text.to_owned()
    }
}

fn name_of(opcode: u8) -> String {
    match OPCODE_INFO[usize::from(opcode)] {
        Some(info) => info.name().to_owned(),
        None => format!("opcode {opcode:#x} not defined"),
    }
}
