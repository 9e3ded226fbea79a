//! Calls that the protocol itself makes around a block's transactions, and the requests that the
//! block passes to the consensus layer ([EIP-7685](https://eips.ethereum.org/EIPS/eip-7685)).

use super::{BlockExecutor, EvmError, block_state::BlockState, error::split};
use crate::spec::{
    Fork,
    contracts::{
        BEACON_ROOTS_ADDRESS, CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, HISTORY_STORAGE_ADDRESS,
        SYSTEM_ADDRESS, WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    },
};
use alloy_eips::{
    eip2935::HISTORY_STORAGE_CODE, eip4788::BEACON_ROOTS_CODE, eip6110::DEPOSIT_REQUEST_TYPE,
    eip7002::WITHDRAWAL_REQUEST_TYPE, eip7251::CONSOLIDATION_REQUEST_TYPE, eip7685::Requests,
};
use alloy_evm::{Evm, eth::EthEvmContext};
use alloy_primitives::{Address, B256, Bytes, b256};
use revm::{context::result::ExecutionResult, inspector::Inspector};

/// Entries in the rings of the beacon roots ([EIP-4788](https://eips.ethereum.org/EIPS/eip-4788)) and of
/// the block hashes ([EIP-2935](https://eips.ethereum.org/EIPS/eip-2935)).
const RING: u64 = 8_191;

/// Topic of the deposit contract's event.
const DEPOSIT_EVENT: B256 =
    b256!("0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");

/// Length of a deposit event's data.
const DEPOSIT_LOG_BYTES: usize = 576;

/// The five fields of a deposit event: where the offset of a field must point, and its length.
const DEPOSIT_FIELDS: [(usize, usize); 5] = [(160, 48), (256, 32), (320, 8), (384, 96), (512, 8)];

impl<I: Inspector<EthEvmContext<BlockState>>> BlockExecutor<I> {
    /// The calls before the first transaction: the parent's beacon root since Cancun, its hash since
    /// Prague. Neither in a genesis block.
    pub(super) fn open(&mut self) -> Result<(), EvmError> {
        let fork = self.fork;
        let missing = |field| EvmError::MissingField { field, fork };
        if fork >= Fork::Cancun {
            self.template.excess_blob_gas.ok_or_else(|| missing("excessBlobGas"))?;
            let root = self.template.parent_beacon_block_root;
            let root = root.ok_or_else(|| missing("parentBeaconBlockRoot"))?;
            let place = self.template.timestamp % RING;
            self.writes(BEACON_ROOTS_ADDRESS, &BEACON_ROOTS_CODE, &[place, place + RING])?;
            self.call_if_not_genesis(BEACON_ROOTS_ADDRESS, root)?;
        }
        if fork >= Fork::Prague {
            let place = self.template.number.saturating_sub(1) % RING;
            self.writes(HISTORY_STORAGE_ADDRESS, &HISTORY_STORAGE_CODE, &[place])?;
            self.call_if_not_genesis(HISTORY_STORAGE_ADDRESS, self.template.parent_hash)?;
        }
        Ok(())
    }

    /// The requests of the block in the order of their types; `None` before Prague.
    pub(super) fn collect_requests(&mut self) -> Result<Option<Requests>, EvmError> {
        if self.fork < Fork::Prague {
            return Ok(None);
        }
        let contracts = [
            (WITHDRAWAL_REQUEST_TYPE, "withdrawal requests", WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS),
            (
                CONSOLIDATION_REQUEST_TYPE,
                "consolidation requests",
                CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
            ),
        ];
        let mut requests = Requests::default();
        let deposits = self.deposits()?;
        if !deposits.is_empty() {
            requests.push_request_with_type(DEPOSIT_REQUEST_TYPE, deposits);
        }
        for (request_type, name, address) in contracts {
            let output = self.call_required(name, address)?;
            if !output.is_empty() {
                requests.push_request_with_type(request_type, output);
            }
        }
        Ok(Some(requests))
    }

    /// The slots that the next call writes without a look at them.
    fn writes(&mut self, address: Address, code: &Bytes, slots: &[u64]) -> Result<(), EvmError> {
        if self.template.number > 0 {
            self.evm.db_mut().overwrite(address, code, slots.iter().copied())?;
        }
        Ok(())
    }

    /// A call whose failure, or whose missing contract, changes nothing.
    fn call_if_not_genesis(&mut self, address: Address, input: B256) -> Result<(), EvmError> {
        if self.template.number > 0 {
            self.system_call(address, input.0.into())?;
        }
        Ok(())
    }

    /// A call without which the block is not valid.
    fn call_required(&mut self, name: &'static str, address: Address) -> Result<Bytes, EvmError> {
        if !self.evm.db_mut().has_code(address)? {
            return Err(EvmError::MissingSystemContract { name, address, fork: self.fork });
        }
        let failed = |reason| EvmError::SystemCall { name, address, reason };
        match self.system_call(address, Bytes::new())? {
            ExecutionResult::Success { output, .. } => Ok(output.into_data()),
            ExecutionResult::Revert { output, .. } => Err(failed(format!("reverted: {output}"))),
            ExecutionResult::Halt { reason, .. } => Err(failed(reason.to_string())),
        }
    }

    fn system_call(&mut self, address: Address, input: Bytes) -> Result<ExecutionResult, EvmError> {
        let outcome = match self.evm.transact_system_call(SYSTEM_ADDRESS, address, input) {
            Ok(outcome) => outcome,
            Err(error) => return Err(EvmError::Machine(split(error)?.to_string())),
        };
        self.evm.db_mut().absorb(outcome.state)?;
        Ok(outcome.result)
    }

    fn deposits(&self) -> Result<Vec<u8>, EvmError> {
        let logs = self.receipts.iter().flat_map(|receipt| &receipt.logs);
        let deposits = logs.filter(|log| {
            log.address == self.deposit_contract && log.topics().first() == Some(&DEPOSIT_EVENT)
        });
        let mut requests = Vec::new();
        for (index, log) in deposits.enumerate() {
            let data = &log.data.data;
            let deposit = deposit_request(data);
            let malformed = EvmError::MalformedDeposit { index, bytes: data.len() };
            requests.extend(deposit.ok_or(malformed)?);
        }
        Ok(requests)
    }
}

/// The 192 bytes of a deposit request, if the event is laid out as
/// [EIP-6110](https://eips.ethereum.org/EIPS/eip-6110) demands.
fn deposit_request(data: &[u8]) -> Option<Vec<u8>> {
    if data.len() != DEPOSIT_LOG_BYTES {
        return None;
    }
    let word = |at: usize| {
        let (high, low) = data[at..at + 32].split_at(24);
        let low = low.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        high.iter().all(|byte| *byte == 0).then_some(low)
    };
    let mut request = Vec::with_capacity(192);
    for (position, (offset, length)) in DEPOSIT_FIELDS.into_iter().enumerate() {
        if word(position * 32)? != offset as u64 || word(offset)? != length as u64 {
            return None;
        }
        request.extend_from_slice(&data[offset + 32..offset + 32 + length]);
    }
    Some(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deposit_log() -> Vec<u8> {
        let mut data = vec![0_u8; DEPOSIT_LOG_BYTES];
        for (position, (offset, length)) in DEPOSIT_FIELDS.into_iter().enumerate() {
            data[position * 32 + 30..position * 32 + 32]
                .copy_from_slice(&(offset as u16).to_be_bytes());
            data[offset + 31] = length as u8;
            data[offset + 32..offset + 32 + length].fill(position as u8 + 1);
        }
        data
    }

    #[test]
    fn a_deposit_is_its_five_fields_in_a_row() {
        let request = deposit_request(&deposit_log()).unwrap();
        let expected: Vec<u8> = [(1, 48), (2, 32), (3, 8), (4, 96), (5, 8)]
            .iter()
            .flat_map(|(v, n)| vec![*v; *n])
            .collect();
        assert_eq!(request, expected);
    }

    #[test]
    fn a_deposit_laid_out_otherwise_is_none() {
        let mut shifted = deposit_log();
        shifted[31] += 32;
        assert_eq!(deposit_request(&shifted), None);
        let mut long = deposit_log();
        long[160] = 1;
        assert_eq!(deposit_request(&long), None);
        assert_eq!(deposit_request(&deposit_log()[..575]), None);
    }
}
