//! `eth_createAccessList`: which accounts and slots does a transaction touch?

use super::{
    CallError, CallRequest, EvmSettings, Overrides,
    call::{CallResult, Machine, Setting},
    revert_message,
};
use crate::{spec::ChainSpec, state::StateView};
use alloy_consensus::Header;
use alloy_consensus::TxType;
use alloy_eips::eip2930::AccessList;
use revm::context::TxEnv;

/// An access list and what the transaction costs with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessListOutcome {
    /// Accounts and slots, without sender, target and precompiles unless they have slots.
    pub access_list: AccessList,
    /// With the list in place.
    pub gas_used: u64,
    /// Why the transaction failed, if it did.
    pub error: Option<String>,
}

/// Most runs before the list is taken as it is; nearly always two are enough.
const MOST_RUNS: usize = 16;

/// Runs the transaction until its access list does not change any more.
pub fn create_access_list(
    spec: &ChainSpec,
    settings: &EvmSettings,
    view: StateView,
    header: &Header,
    request: CallRequest,
    overrides: Overrides,
) -> Result<AccessListOutcome, CallError> {
    let mut setting = Setting::new(spec, settings, view, header, overrides)?;
    let given = request.access_list.clone().unwrap_or_default();
    let mut tx = with_list(setting.transaction(request)?, given);
    let mut machine = Machine::new(setting);
    for _ in 1..MOST_RUNS {
        let (list, _) = machine.touched(tx.clone())?;
        if list == tx.access_list {
            break;
        }
        tx = with_list(tx, list);
    }
    let access_list = tx.access_list.clone();
    let result = machine.transact(tx.clone())?;
    let outcome = machine.outcome(tx, result)?;
    let error = match outcome.result {
        CallResult::Success { .. } => None,
        CallResult::Revert { output } => Some(revert_message(&output)),
        CallResult::Halt { reason } => Some(reason),
    };
    Ok(AccessListOutcome { access_list, gas_used: outcome.gas_used, error })
}

/// A legacy transaction cannot carry a list.
fn with_list(tx: TxEnv, access_list: AccessList) -> TxEnv {
    let tx_type = tx.tx_type.max(TxType::Eip2930 as u8);
    TxEnv { tx_type, access_list, ..tx }
}
