//! How is a dump written? As anvil 1.7 reads it, account by account and block by block.

use super::{DumpError, write_older};
use crate::{
    chain::Whole,
    primitives::{Account, Block, Receipt, Transaction},
    state::{StateView, next_key},
};
use alloy_consensus::{Eip658Value, Transaction as _};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Accounts or slots read at once.
pub(super) const PAGE: usize = 1_000;

/// Writes the whole chain; with `older`, also the states of older blocks that are there.
pub fn write(mut whole: Whole, older: bool, mut out: impl Write) -> Result<(), DumpError> {
    let head = whole.head.clone();
    write!(out, "{{\"block\":{},\"accounts\":{{", environment(&whole))?;
    write_accounts(&whole, &mut out)?;
    write!(out, "}},\"best_block_number\":{},\"blocks\":[", head.number)?;
    let mut first = true;
    for number in whole.earliest..=head.number {
        let (block, _) = whole.block(number)?.ok_or(DumpError::MissingBlock(number))?;
        separate(&mut first, &mut out)?;
        put(&block_json(&block), &mut out)?;
    }
    out.write_all(b"],\"transactions\":[")?;
    let mut first = true;
    for number in whole.earliest..=head.number {
        let (block, receipts) = whole.block(number)?.ok_or(DumpError::MissingBlock(number))?;
        let mut gas_before = 0;
        for (index, receipt) in receipts.iter().enumerate() {
            separate(&mut first, &mut out)?;
            put(&mined_json(&block, receipt, index, gas_before), &mut out)?;
            gas_before = receipt.cumulative_gas_used;
        }
    }
    out.write_all(b"],\"historical_states\":")?;
    match older {
        true => write_older::write(&mut whole, &mut out)?,
        false => out.write_all(b"null")?,
    }
    out.write_all(b"}")?;
    Ok(out.flush()?)
}

pub(super) fn separate(first: &mut bool, out: &mut impl Write) -> io::Result<()> {
    if std::mem::take(first) { Ok(()) } else { out.write_all(b",") }
}

pub(super) fn put(value: &Value, out: &mut impl Write) -> Result<(), DumpError> {
    serde_json::to_writer(out, value).map_err(|error| DumpError::Io(error.into()))
}

fn environment(whole: &Whole) -> Value {
    let head = &whole.head;
    let excess = head.excess_blob_gas.unwrap_or(0);
    json!({
        "number": U256::from(head.number),
        "beneficiary": head.beneficiary,
        "timestamp": U256::from(head.timestamp),
        "gas_limit": head.gas_limit,
        "basefee": head.base_fee_per_gas.unwrap_or(0),
        "difficulty": head.difficulty,
        "prevrandao": head.mix_hash,
        "blob_excess_gas_and_price": {"excess_blob_gas": excess, "blob_gasprice": 1},
        "slot_num": 0,
    })
}

fn write_accounts(whole: &Whole, out: &mut impl Write) -> Result<(), DumpError> {
    let mut first = true;
    let mut from = Some(B256::ZERO);
    while let Some(start) = from {
        let page = whole.view.accounts_from(start, PAGE)?;
        from = page.last().and_then(|last| next_key(last.hash));
        for entry in page {
            let address = entry.key.ok_or(DumpError::UnknownAccount(entry.hash))?;
            separate(&mut first, out)?;
            write_account(whole, address, &entry.value, out)?;
        }
    }
    Ok(())
}

fn write_account(
    whole: &Whole,
    address: Address,
    account: &Account,
    out: &mut impl Write,
) -> Result<(), DumpError> {
    let code = if account.has_code() { whole.view.code(account.code_hash)? } else { Bytes::new() };
    let (nonce, balance) = (account.nonce, account.balance);
    write!(out, "\"{address:?}\":{{\"nonce\":{nonce},\"balance\":\"{balance:#x}\",")?;
    write!(out, "\"code\":\"{code}\",\"storage\":{{")?;
    write_slots(&whole.view, address, account, out)?;
    Ok(out.write_all(b"}}")?)
}

/// Slots that are not zero, separated by commas.
pub(super) fn write_slots(
    view: &StateView,
    address: Address,
    account: &Account,
    out: &mut impl Write,
) -> Result<(), DumpError> {
    let mut first = true;
    let mut from = Some(B256::ZERO);
    while let Some(start) = from {
        let page = view.slots_from(Some(address), account, start, PAGE)?;
        from = page.last().and_then(|last| next_key(last.hash));
        for entry in page {
            let unknown = DumpError::UnknownSlot { address, slot: entry.hash };
            let slot = B256::from(entry.key.ok_or(unknown)?);
            separate(&mut first, out)?;
            write!(out, "\"{slot}\":\"{}\"", B256::from(entry.value))?;
        }
    }
    Ok(())
}

fn block_json(block: &Block) -> Value {
    let transaction = |transaction: &Transaction| {
        let sender = transaction.is_impersonated().then(|| transaction.sender());
        json!({"transaction": transaction.envelope(), "impersonated_sender": sender})
    };
    let transactions: Vec<_> = block.body.transactions.iter().map(transaction).collect();
    let withdrawals = block.body.withdrawals.as_ref().filter(|list| !list.is_empty());
    json!({
        "header": block.header.inner(),
        "transactions": transactions,
        "ommers": block.body.ommers,
        "withdrawals": withdrawals,
    })
}

/// What anvil keeps of a mined transaction, without its traces.
fn mined_json(block: &Block, receipt: &Receipt, index: usize, gas_before: u64) -> Value {
    let transaction = block.body.transactions.get(index);
    let sender = transaction.map(Transaction::sender);
    let nonce = transaction.map_or(0, |transaction| transaction.envelope().nonce());
    let to = transaction.and_then(|transaction| transaction.envelope().to());
    let is_creation = transaction.is_some_and(|it| it.envelope().kind() == TxKind::Create);
    let created = sender.filter(|_| is_creation).map(|sender| sender.create(nonce));
    let success = !matches!(receipt.status, Eip658Value::Eip658(false));
    json!({
        "info": {
            "transaction_hash": transaction.map(Transaction::hash_in_dump),
            "transaction_index": index,
            "from": sender,
            "to": to,
            "contract_address": created,
            "traces": [],
            "exit": if success { "Stop" } else { "Revert" },
            "out": null,
            "nonce": nonce,
            "gas_used": receipt.gas_after(gas_before),
        },
        "receipt": receipt.envelope(),
        "block_hash": block.hash(),
        "block_number": block.number(),
    })
}
