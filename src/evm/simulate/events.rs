//! Which events, and transfers of ether if wanted, did a simulated call make?

use super::SimulatedEvent;
use alloy_primitives::{Address, B256, Log, LogData, U256, address, b256};
use revm::{
    Inspector,
    interpreter::{
        CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, InstructionResult,
    },
};

/// Whose events transfers of ether are shown as
/// ([ERC-7528](https://eips.ethereum.org/EIPS/eip-7528)).
const ETHER: Address = address!("0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");

/// Topic of `Transfer(address,address,uint256)`
/// ([ERC-20](https://eips.ethereum.org/EIPS/eip-20)).
const TRANSFER: B256 = b256!("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// Collects events call by call, so that a call that fails takes those of its own calls with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    shows_transfers: bool,
    /// Of calls that still run, outermost first.
    open: Vec<Vec<SimulatedEvent>>,
    /// Of the transaction that ended.
    kept: Vec<SimulatedEvent>,
    /// How many the block made so far, failed calls included.
    count: u64,
}

impl Events {
    /// For one block.
    pub(super) fn new(shows_transfers: bool) -> Self {
        Self { shows_transfers, ..Default::default() }
    }

    /// The events of the transaction that ended last.
    pub(super) fn take(&mut self) -> Vec<SimulatedEvent> {
        self.open.clear();
        std::mem::take(&mut self.kept)
    }

    fn enter(&mut self, from: Address, to: Address, value: U256) {
        self.open.push(Vec::new());
        self.transfer(from, to, value);
    }

    fn leave(&mut self, result: InstructionResult) {
        let ended = self.open.pop().unwrap_or_default();
        if result.is_ok() {
            self.open.last_mut().unwrap_or(&mut self.kept).extend(ended);
        }
    }

    fn transfer(&mut self, from: Address, to: Address, value: U256) {
        if self.shows_transfers && !value.is_zero() {
            let topics = vec![TRANSFER, from.into_word(), to.into_word()];
            let data = value.to_be_bytes::<32>().into();
            self.add(Log { address: ETHER, data: LogData::new_unchecked(topics, data) });
        }
    }

    fn add(&mut self, log: Log) {
        let event = SimulatedEvent { index: self.count, log };
        self.count += 1;
        if let Some(innermost) = self.open.last_mut() {
            innermost.push(event);
        }
    }
}

impl<CTX> Inspector<CTX> for Events {
    fn log(&mut self, _context: &mut CTX, log: Log) {
        self.add(log);
    }

    fn call(&mut self, _context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        let value = match inputs.scheme {
            CallScheme::Call | CallScheme::CallCode => inputs.call_value(),
            CallScheme::DelegateCall | CallScheme::StaticCall => U256::ZERO,
        };
        self.enter(inputs.caller, inputs.bytecode_address, value);
        None
    }

    fn call_end(&mut self, _context: &mut CTX, _inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.leave(outcome.result.result);
    }

    fn create(&mut self, _context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        // Where to is known when it is there.
        self.enter(inputs.caller(), Address::ZERO, inputs.value());
        None
    }

    fn create_end(
        &mut self,
        _context: &mut CTX,
        inputs: &CreateInputs,
        outcome: &mut CreateOutcome,
    ) {
        if let Some(created) = outcome.address
            && self.shows_transfers
            && !inputs.value().is_zero()
            && let Some(first) = self.open.last_mut().and_then(|events| events.first_mut())
        {
            let topics = vec![TRANSFER, inputs.caller().into_word(), created.into_word()];
            first.log.data = LogData::new_unchecked(topics, first.log.data.data.clone());
        }
        self.leave(outcome.result.result);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.transfer(contract, target, value);
    }
}
