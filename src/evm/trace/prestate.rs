//! `prestateTracer`: what must be known of the state to run the transaction, or what it changed.

use super::{
    TraceError,
    options::PrestateConfig,
    tracer::{Context, Finish},
};
use crate::evm::{EvmError, error::ReadError};
use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use revm::{
    Database,
    bytecode::opcode as op,
    context_interface::either::Either,
    interpreter::{
        InstructionResult, Interpreter,
        interpreter_types::{InputsTr, Jumps, MemoryTr},
    },
    state::AccountInfo,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Notes which accounts and slots are looked at, as geth does: by instruction.
#[derive(Debug)]
pub(super) struct Prestate {
    config: PrestateConfig,
    seen: BTreeMap<Address, BTreeSet<U256>>,
    /// Ran SELFDESTRUCT.
    deleted: BTreeSet<Address>,
    /// What the instruction that runs now looks at; it counts only if the gas for it is there.
    now: Option<Look>,
}

#[derive(Debug)]
enum Look {
    Slot(Address, U256),
    Account(Address),
    Destruction { contract: Address, heir: Address },
}

/// An account as geth writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_hash: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    storage: BTreeMap<B256, B256>,
}

/// The result in either mode.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum PrestateTrace {
    /// What was there before.
    Before(Accounts),
    /// What changed.
    Diff {
        /// The new values.
        post: Accounts,
        /// The old values.
        pre: Accounts,
    },
}

/// Accounts by address.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Accounts(BTreeMap<Address, Known>);

impl Prestate {
    pub(super) fn new(config: PrestateConfig) -> Self {
        Self { config, seen: BTreeMap::new(), deleted: BTreeSet::new(), now: None }
    }

    pub(super) fn step(&mut self, interpreter: &Interpreter, context: &Context) {
        let stack = interpreter.stack.data();
        let back = |index: usize| stack.len().checked_sub(index + 1).map(|at| stack[at]);
        let address = |index: usize| back(index).map(|word| Address::from_word(word.into()));
        let contract = interpreter.input.target_address();
        self.now = match interpreter.bytecode.opcode() {
            op::SLOAD | op::SSTORE => back(0).map(|slot| Look::Slot(contract, slot)),
            op::EXTCODECOPY | op::EXTCODEHASH | op::EXTCODESIZE | op::BALANCE => {
                address(0).map(Look::Account)
            }
            op::SELFDESTRUCT => address(0).map(|heir| Look::Destruction { contract, heir }),
            op::CALL | op::CALLCODE | op::DELEGATECALL | op::STATICCALL if stack.len() >= 5 => {
                address(1).map(Look::Account)
            }
            op::CREATE => {
                let account = context.journaled_state.inner.state.get(&contract);
                let nonce = account.map_or(0, |account| account.info.nonce);
                Some(Look::Account(contract.create(nonce)))
            }
            op::CREATE2 if stack.len() >= 4 => {
                let word = |index| back(index).unwrap_or_default();
                let code = memory(interpreter, word(1), word(2));
                let salt = B256::from(word(3));
                code.map(|code| Look::Account(contract.create2(salt, keccak256(code))))
            }
            _ => None,
        };
    }

    pub(super) fn step_end(&mut self, result: Option<InstructionResult>) {
        let Some(look) = self.now.take() else { return };
        if result.is_some_and(super::struct_logs::is_before_execution) {
            return;
        }
        match look {
            Look::Slot(contract, slot) => {
                self.seen.entry(contract).or_default().insert(slot);
            }
            Look::Account(address) => {
                self.seen.entry(address).or_default();
            }
            Look::Destruction { contract, heir } => {
                self.seen.entry(heir).or_default();
                self.deleted.insert(contract);
            }
        }
    }

    pub(super) fn finish(mut self, finish: &mut Finish<'_>) -> Result<PrestateTrace, TraceError> {
        self.see_participants(finish).map_err(EvmError::from)?;
        let is_diff = self.config.diff_mode;
        let (pre, post) = self.compare(finish).map_err(EvmError::from)?;
        Ok(if is_diff { PrestateTrace::Diff { post, pre } } else { PrestateTrace::Before(pre) })
    }

    /// Sender, receiver, beneficiary and authorities are always looked at.
    fn see_participants(&mut self, finish: &mut Finish<'_>) -> Result<(), ReadError> {
        let tx = finish.tx;
        let to = match tx.kind {
            TxKind::Call(to) => to,
            TxKind::Create => {
                let sender = finish.state.basic(tx.caller)?.unwrap_or_default();
                tx.caller.create(sender.nonce)
            }
        };
        let authorities = tx.authorization_list.iter().filter_map(|one| match one {
            Either::Left(signed) => signed.recover_authority().ok(),
            Either::Right(recovered) => recovered.authority(),
        });
        let delegate = code_of(finish, to)?.and_then(|code| delegation(&code));
        let always = [tx.caller, to, finish.env.beneficiary].into_iter();
        for address in always.chain(authorities).chain(delegate) {
            self.seen.entry(address).or_default();
        }
        let delegates: Vec<_> = self.seen.keys().copied().collect();
        for address in delegates {
            if let Some(target) = code_of(finish, address)?.and_then(|code| delegation(&code))
                && finish.outcome.state.contains_key(&target)
            {
                self.seen.entry(target).or_default();
            }
        }
        Ok(())
    }

    fn compare(self, finish: &mut Finish<'_>) -> Result<(Accounts, Accounts), ReadError> {
        let Self { config, seen, deleted, .. } = self;
        let (mut pre, mut post) = (Accounts::default(), Accounts::default());
        for (address, slots) in seen {
            let before = finish.state.basic(address)?.unwrap_or_default();
            let is_empty = before.nonce == 0 && before.balance.is_zero() && !has_code(&before);
            let mut known = known(finish, &before, config)?;
            if !config.disable_storage {
                for slot in slots {
                    let value = finish.state.storage(address, slot)?;
                    known.storage.insert(slot.into(), value.into());
                }
            }
            if config.diff_mode && !deleted.contains(&address) {
                let Some(changed) = changes(finish, address, &mut known, &before, config)? else {
                    continue;
                };
                post.0.insert(address, changed);
            }
            if config.include_empty || !is_empty {
                pre.0.insert(address, known);
            }
        }
        Ok((pre, post))
    }
}

/// What an account is after the transaction where that differs; `None` if nothing does. Slots that
/// stay as they are, or were empty, are taken out of `known`.
fn changes(
    finish: &mut Finish<'_>,
    address: Address,
    known: &mut Known,
    before: &AccountInfo,
    config: PrestateConfig,
) -> Result<Option<Known>, ReadError> {
    let mut changed = Known::default();
    let after = match finish.outcome.state.get(&address) {
        None => before.clone(),
        Some(account) if account.is_selfdestructed() => AccountInfo::default(),
        Some(account) => account.info.clone(),
    };
    let mut is_changed = false;
    if after.balance != before.balance {
        is_changed = true;
        changed.balance = Some(after.balance);
    }
    if after.nonce != before.nonce {
        is_changed = true;
        changed.nonce = (after.nonce != 0).then_some(after.nonce);
    }
    if hash_of(&after) != hash_of(before) {
        is_changed = true;
        changed.code_hash = Some(hash_of(&after));
        if !config.disable_code {
            let code = after.code.as_ref().map(|code| code.original_bytes());
            changed.code = code.filter(|code| !code.is_empty());
        }
    }
    let account = finish.outcome.state.get(&address);
    known.storage.retain(|slot, old| {
        let new = match account {
            Some(account) if account.is_selfdestructed() => B256::ZERO,
            Some(account) => account
                .storage
                .get(&U256::from_be_bytes(slot.0))
                .map_or(*old, |slot| B256::from(slot.present_value)),
            None => *old,
        };
        if new != *old {
            is_changed = true;
            if !new.is_zero() {
                changed.storage.insert(*slot, new);
            }
        }
        new != *old && !old.is_zero()
    });
    Ok(is_changed.then_some(changed))
}

fn known(
    finish: &mut Finish<'_>,
    info: &AccountInfo,
    config: PrestateConfig,
) -> Result<Known, ReadError> {
    let code = match has_code(info) && !config.disable_code {
        true => Some(finish.state.code_by_hash(info.code_hash)?.original_bytes()),
        false => None,
    };
    Ok(Known {
        balance: Some(info.balance),
        code,
        code_hash: has_code(info).then_some(info.code_hash),
        nonce: (info.nonce != 0).then_some(info.nonce),
        storage: BTreeMap::new(),
    })
}

fn has_code(info: &AccountInfo) -> bool {
    hash_of(info) != KECCAK_EMPTY
}

const fn hash_of(info: &AccountInfo) -> B256 {
    if info.code_hash.const_eq(&B256::ZERO) { KECCAK_EMPTY } else { info.code_hash }
}

fn code_of(finish: &mut Finish<'_>, address: Address) -> Result<Option<Bytes>, ReadError> {
    match finish.state.basic(address)? {
        Some(info) if has_code(&info) => {
            Ok(Some(finish.state.code_by_hash(info.code_hash)?.original_bytes()))
        }
        _ => Ok(None),
    }
}

/// Whose code an account runs instead of its own
/// ([EIP-7702](https://eips.ethereum.org/EIPS/eip-7702)).
fn delegation(code: &[u8]) -> Option<Address> {
    let target = code.strip_prefix(&[0xef, 0x01, 0x00])?;
    (target.len() == 20).then(|| Address::from_slice(target))
}

/// A part of memory with zeros where there is none yet; `None` if no machine could pay for it.
fn memory(interpreter: &Interpreter, offset: U256, length: U256) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok().filter(|length| *length <= 1 << 24)?;
    let Ok(offset) = usize::try_from(offset) else { return (length == 0).then(Vec::new) };
    let size = interpreter.memory.size();
    let mut part = vec![0; length];
    if offset < size {
        let there = length.min(size - offset);
        part[..there].copy_from_slice(&interpreter.memory.slice_len(offset, there));
    }
    Some(part)
}
