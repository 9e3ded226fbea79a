//! Why did a frame fail, in geth's words? From the last instruction that ran in it.

use super::tracer::{Context, Failure};
use crate::evm::halt::HaltProbe;
use revm::{
    context::{ContextTr, result::HaltReason},
    interpreter::{CallInputs, CreateOutcome, InstructionResult, Interpreter, SuccessOrHalt},
    precompile::{PrecompileHalt, PrecompileSpecId, Precompiles},
    primitives::hardfork::SpecId,
};

/// Remembers the instruction that ran last: when a frame halts it is the one to blame.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fault {
    probe: HaltProbe,
    /// How it ended, if it ended the frame.
    result: Option<InstructionResult>,
}

impl Fault {
    pub(super) const fn enter(&mut self) {
        self.result = None;
    }

    pub(super) fn step(&mut self, interpreter: &Interpreter) {
        self.probe.look(interpreter);
        self.result = None;
    }

    pub(super) const fn step_end(&mut self, result: Option<InstructionResult>) {
        self.result = result;
    }

    /// The text for a result that is a failure.
    pub(super) fn describe(&self, result: InstructionResult) -> String {
        match SuccessOrHalt::<HaltReason>::from(result) {
            SuccessOrHalt::Halt(reason) => self.probe.describe(&reason),
            SuccessOrHalt::Revert => match result {
                InstructionResult::CallTooDeep => "max call depth exceeded".to_owned(),
                InstructionResult::OutOfFunds => "insufficient balance for transfer".to_owned(),
                _ => "execution reverted".to_owned(),
            },
            _ => format!("{result:?}"),
        }
    }

    fn failure(&self, result: InstructionResult) -> Option<Failure> {
        match result {
            result if result.is_ok() => None,
            InstructionResult::Revert => Some(Failure::Reverted),
            result => Some(Failure::Halted(self.describe(result))),
        }
    }
}

/// Why a call failed, if it did. `precompile` are the inputs if a precompile ran.
pub(super) fn of_call(
    fault: &Fault,
    result: InstructionResult,
    precompile: Option<&CallInputs>,
    context: &Context,
) -> Option<Failure> {
    if let (InstructionResult::PrecompileError, Some(inputs)) = (result, precompile) {
        return Some(Failure::Halted(precompile_reason(inputs, context)));
    }
    fault.failure(result)
}

/// Why a creation failed, if it did, and whether it keeps the gas that it did not use.
pub(super) fn of_creation(fault: &Fault, outcome: &CreateOutcome) -> (Option<Failure>, bool) {
    let result = outcome.result.result;
    if result.is_ok() && outcome.address.is_none() {
        // The creator's nonce cannot rise any more; revm answers this like a success.
        return (Some(Failure::Halted("nonce uint64 overflow".to_owned())), true);
    }
    let has_returned = fault.result.is_some_and(|last| last.is_ok());
    if result == InstructionResult::OutOfGas && has_returned {
        let text = "contract creation code storage out of gas".to_owned();
        return (Some(Failure::Halted(text)), false);
    }
    (fault.failure(result), result.is_ok_or_revert())
}

/// The precompile runs again: revm keeps its reason only for the outermost call.
fn precompile_reason(inputs: &CallInputs, context: &Context) -> String {
    let spec: SpecId = *context.cfg().spec();
    let precompiles = Precompiles::new(PrecompileSpecId::from_spec_id(spec));
    let reason = precompiles.get(&inputs.bytecode_address).and_then(|precompile| {
        let input = inputs.input.as_bytes(context);
        let output = precompile.execute(&input, inputs.gas_limit, 0).ok()?;
        output.halt_reason().cloned()
    });
    reason.map_or_else(|| "precompiled failed".to_owned(), |reason| in_geths_words(&reason))
}

/// What geth says where revm's precompiles halt.
fn in_geths_words(reason: &PrecompileHalt) -> String {
    use PrecompileHalt as Halt;
    let text = match reason {
        Halt::OutOfGas => "out of gas",
        Halt::Blake2WrongLength
        | Halt::BlobInvalidInputLength
        | Halt::Bls12381ScalarInputLength
        | Halt::Bls12381G1AddInputLength
        | Halt::Bls12381G1MsmInputLength
        | Halt::Bls12381G2AddInputLength
        | Halt::Bls12381G2MsmInputLength
        | Halt::Bls12381PairingInputLength
        | Halt::Bls12381MapFpToG1InputLength
        | Halt::Bls12381MapFp2ToG2InputLength => "invalid input length",
        Halt::Blake2WrongFinalIndicatorFlag => "invalid final flag",
        Halt::ModexpEip7823LimitSize => {
            "one or more of base/exponent/modulus length exceeded 1024 bytes"
        }
        Halt::Bn254FieldPointNotAMember => "invalid fp.Element encoding",
        Halt::Bn254AffineGFailedToCreate => "malformed point",
        Halt::Bn254PairLength => "bad elliptic curve pairing size",
        Halt::BlobMismatchedVersion => "mismatched versioned hash",
        Halt::BlobVerifyKzgProofFailed => "error verifying kzg proof",
        Halt::NonCanonicalFp => "invalid fp.Element encoding",
        Halt::Bls12381FpPaddingInvalid => "invalid field element top bytes",
        Halt::Bls12381G1NotOnCurve | Halt::Bls12381G2NotOnCurve => "invalid point: not on curve",
        Halt::Bls12381G1NotInSubgroup => "g1 point is not on correct subgroup",
        Halt::Bls12381G2NotInSubgroup => "g2 point is not on correct subgroup",
        other => return other.to_string(),
    };
    text.to_owned()
}
