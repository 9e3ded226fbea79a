//! How accounts, bodies and receipts look as rows.

use super::StorageError;
use crate::primitives::{Account, Body, Receipt, Transaction};
use alloy_consensus::{Eip658Value, Header, TxEnvelope, TxType};
use alloy_eips::{Decodable2718, Encodable2718, eip4895::Withdrawals};
use alloy_primitives::{Address, B256, Log, U256};
use alloy_rlp::{Decodable, Encodable};
use std::sync::Arc;

const HAS_CODE: u8 = 1 << 4;
const HAS_STORAGE_ID: u8 = 1 << 5;
const IS_REMOTE: u8 = 1 << 6;

/// Flags and nonce length, balance length, nonce, balance, then code hash and storage (id and
/// root) where the account has them. A plain account takes 3 to 20 bytes.
pub(super) fn encode_account(account: &Account) -> Vec<u8> {
    let nonce = account.nonce.to_be_bytes();
    let nonce = &nonce[account.nonce.leading_zeros() as usize / 8..];
    let balance = account.balance.to_be_bytes_trimmed_vec();
    let mut flags = nonce.len() as u8;
    if account.has_code() {
        flags |= HAS_CODE;
    }
    if account.storage_id != 0 {
        flags |= HAS_STORAGE_ID;
    }
    if account.is_remote {
        flags |= IS_REMOTE;
    }
    let mut row = Vec::with_capacity(2 + nonce.len() + balance.len() + 72);
    row.extend([flags, balance.len() as u8]);
    row.extend_from_slice(nonce);
    row.extend_from_slice(&balance);
    if account.has_code() {
        row.extend_from_slice(account.code_hash.as_slice());
    }
    if account.storage_id != 0 {
        row.extend_from_slice(&account.storage_id.to_be_bytes());
        row.extend_from_slice(account.storage_root.as_slice());
    }
    row
}

/// Reads what [`encode_account`] wrote.
pub(super) fn decode_account(row: &[u8]) -> Result<Account, StorageError> {
    let mut rest = Rest { table: "accounts", bytes: row };
    let flags = rest.byte()?;
    let balance_length = rest.byte()? as usize;
    let mut account = Account { is_remote: flags & IS_REMOTE != 0, ..Account::default() };
    let nonce = rest.take((flags & 0x0f) as usize)?;
    account.nonce = nonce
        .iter()
        .try_fold(0u64, |n, b| n.checked_mul(256)?.checked_add(u64::from(*b)))
        .ok_or(StorageError::Row { table: "accounts", reason: "nonce of more than eight bytes" })?;
    account.balance = U256::try_from_be_slice(rest.take(balance_length)?)
        .ok_or(StorageError::Row { table: "accounts", reason: "balance of more than 32 bytes" })?;
    if flags & HAS_CODE != 0 {
        account.code_hash = B256::from_slice(rest.take(32)?);
    }
    if flags & HAS_STORAGE_ID != 0 {
        account.storage_id = rest.u64()?;
        account.storage_root = B256::from_slice(rest.take(32)?);
    }
    rest.end()?;
    Ok(account)
}

/// Count, senders, end of each transaction, the transactions, then ommers and withdrawals: one
/// transaction is found without decoding the others.
pub(super) fn encode_body(body: &Body) -> Vec<u8> {
    let count = body.transactions.len();
    let mut row = Vec::with_capacity(64 + count * 200);
    row.extend_from_slice(&(count as u32).to_be_bytes());
    for transaction in &body.transactions {
        row.extend_from_slice(transaction.sender().as_slice());
    }
    append_parts(&mut row, &body.transactions, |transaction, row| {
        transaction.envelope().encode_2718(row);
    });
    body.ommers.encode(&mut row);
    match &body.withdrawals {
        None => row.push(0),
        Some(withdrawals) => {
            row.push(1);
            withdrawals.encode(&mut row);
        }
    }
    row
}

/// Reads what [`encode_body`] wrote.
pub(super) fn decode_body(row: &[u8]) -> Result<Body, StorageError> {
    let mut rest = Rest { table: "bodies", bytes: row };
    let count = rest.count()?;
    let senders = rest.take(count * 20)?;
    let parts = rest.parts(count)?;
    let transactions = senders
        .chunks_exact(20)
        .zip(parts)
        .map(|(sender, raw)| decode_transaction(sender, raw))
        .collect::<Result<_, _>>()?;
    let ommers = rest.rlp::<Vec<Header>>()?;
    let withdrawals = match rest.byte()? {
        0 => None,
        _ => Some(rest.rlp::<Withdrawals>()?),
    };
    rest.end()?;
    Ok(Body { transactions, ommers, withdrawals })
}

/// The transaction at `index` of a body row; `None` past the end.
pub(super) fn decode_body_transaction(
    row: &[u8],
    index: usize,
) -> Result<Option<Transaction>, StorageError> {
    let mut rest = Rest { table: "bodies", bytes: row };
    let count = rest.count()?;
    let senders = rest.take(count * 20)?;
    match (rest.part(count, index)?, senders.chunks_exact(20).nth(index)) {
        (Some(raw), Some(sender)) => decode_transaction(sender, raw).map(Some),
        _ => Ok(None),
    }
}

fn decode_transaction(sender: &[u8], raw: &[u8]) -> Result<Transaction, StorageError> {
    let envelope = TxEnvelope::decode_2718(&mut &*raw).map_err(|_reason| StorageError::Row {
        table: "bodies",
        reason: "a transaction does not decode",
    })?;
    Ok(Transaction::of_dump(envelope, Address::from_slice(sender)))
}

/// Count, end of each receipt, the receipts.
pub(super) fn encode_receipts(receipts: &[Receipt]) -> Vec<u8> {
    let mut row = Vec::with_capacity(16 + receipts.len() * 64);
    row.extend_from_slice(&(receipts.len() as u32).to_be_bytes());
    append_parts(&mut row, receipts, encode_receipt);
    row
}

/// Reads what [`encode_receipts`] wrote.
pub(super) fn decode_receipts(row: &[u8]) -> Result<Vec<Receipt>, StorageError> {
    let mut rest = Rest { table: "receipts", bytes: row };
    let count = rest.count()?;
    rest.parts(count)?.into_iter().map(decode_receipt).collect()
}

fn encode_receipt(receipt: &Receipt, row: &mut Vec<u8>) {
    row.push(receipt.tx_type as u8);
    match receipt.status {
        Eip658Value::Eip658(success) => row.push(u8::from(success)),
        Eip658Value::PostState(root) => {
            row.push(2);
            row.extend_from_slice(root.as_slice());
        }
    }
    row.extend_from_slice(&receipt.cumulative_gas_used.to_be_bytes());
    receipt.logs.encode(row);
}

fn decode_receipt(bytes: &[u8]) -> Result<Receipt, StorageError> {
    let mut rest = Rest { table: "receipts", bytes };
    let tx_type = TxType::try_from(rest.byte()?).map_err(|_unknown| StorageError::Row {
        table: "receipts",
        reason: "unknown transaction type",
    })?;
    let status = match rest.byte()? {
        2 => Eip658Value::PostState(B256::from_slice(rest.take(32)?)),
        flag => Eip658Value::Eip658(flag == 1),
    };
    let cumulative_gas_used = rest.u64()?;
    let logs = rest.rlp::<Vec<Log>>()?;
    rest.end()?;
    Ok(Receipt { tx_type, status, cumulative_gas_used, logs })
}

/// A header row: hash, then RLP. RLP tells optional fields by their place, so that a header which lacks one
/// and has a later one (old versions of anvil made such) is JSON instead.
pub(super) fn encode_header(header: &crate::primitives::SealedHeader) -> Vec<u8> {
    let mut row = header.seal().to_vec();
    let start = row.len();
    header.inner().encode(&mut row);
    let is_usual = header.base_fee_per_gas.is_some()
        && header.withdrawals_root.is_some()
        && header.blob_gas_used.is_some()
        && header.excess_blob_gas.is_some()
        && header.parent_beacon_block_root.is_some()
        && header.block_access_list_hash.is_none()
        && header.slot_number.is_none();
    let reads_back = || Header::decode(&mut &row[start..]).is_ok_and(|it| it == *header.inner());
    if !is_usual && !reads_back() {
        row.truncate(start);
        row.extend(serde_json::to_vec(header.inner()).unwrap_or_default());
    }
    row
}

/// Reads what [`encode_header`] wrote.
pub(super) fn decode_header(
    row: &[u8],
) -> Result<Arc<crate::primitives::SealedHeader>, StorageError> {
    let mut rest = Rest { table: "headers", bytes: row };
    let hash = B256::from_slice(rest.take(32)?);
    let header = if rest.bytes.first() == Some(&b'{') {
        let damaged = |_json| StorageError::Row { table: "headers", reason: "is no JSON" };
        serde_json::from_slice(rest.bytes).map_err(damaged)?
    } else {
        let header = rest.rlp::<Header>()?;
        rest.end()?;
        header
    };
    Ok(Arc::new(crate::primitives::SealedHeader::new_unchecked(header, hash)))
}

/// Appends the end offset of each item, then the items.
fn append_parts<T>(row: &mut Vec<u8>, items: &[T], encode: impl Fn(&T, &mut Vec<u8>)) {
    let ends = row.len();
    row.resize(ends + items.len() * 4, 0);
    let start = row.len();
    for (index, item) in items.iter().enumerate() {
        encode(item, row);
        let end = ((row.len() - start) as u32).to_be_bytes();
        row[ends + index * 4..ends + index * 4 + 4].copy_from_slice(&end);
    }
}

/// What is left of a row that is being read.
struct Rest<'a> {
    table: &'static str,
    bytes: &'a [u8],
}

impl<'a> Rest<'a> {
    fn short(&self) -> StorageError {
        StorageError::Row { table: self.table, reason: "ends too early" }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], StorageError> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or_else(|| self.short())?;
        self.bytes = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, StorageError> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StorageError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u64(&mut self) -> Result<u64, StorageError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A count of items, each of which takes at least four bytes.
    fn count(&mut self) -> Result<usize, StorageError> {
        let count = u32::from_be_bytes(self.array()?) as usize;
        if count > self.bytes.len() / 4 {
            return Err(self.short());
        }
        Ok(count)
    }

    /// The items that [`append_parts`] wrote.
    fn parts(&mut self, count: usize) -> Result<Vec<&'a [u8]>, StorageError> {
        let ends = self.take(count * 4)?;
        let mut from = 0;
        let mut parts = Vec::with_capacity(count);
        for end in ends.chunks_exact(4).map(be_u32) {
            parts.push(self.take(end.checked_sub(from).ok_or_else(|| self.short())?)?);
            from = end;
        }
        Ok(parts)
    }

    /// One of the items that [`append_parts`] wrote.
    fn part(&mut self, count: usize, index: usize) -> Result<Option<&'a [u8]>, StorageError> {
        let ends = self.take(count * 4)?;
        let end_of = |index: usize| ends.chunks_exact(4).nth(index).map(be_u32);
        let Some(end) = end_of(index) else { return Ok(None) };
        let from = index.checked_sub(1).and_then(end_of).unwrap_or(0);
        self.bytes.get(from..end).map(Some).ok_or_else(|| self.short())
    }

    fn rlp<T: Decodable>(&mut self) -> Result<T, StorageError> {
        T::decode(&mut self.bytes).map_err(|reason| StorageError::Rlp { table: self.table, reason })
    }

    fn end(&self) -> Result<(), StorageError> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        Err(StorageError::Row { table: self.table, reason: "goes on after its end" })
    }
}

fn be_u32(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{EthereumTypedTransaction, TxEip1559, TxLegacy};
    use alloy_eips::eip4895::Withdrawal;

    fn body() -> Body {
        let tx = |nonce| {
            let typed = if nonce % 2 == 0 {
                EthereumTypedTransaction::Legacy(TxLegacy { nonce, ..Default::default() })
            } else {
                EthereumTypedTransaction::Eip1559(TxEip1559 { nonce, ..Default::default() })
            };
            Transaction::impersonate(typed, Address::repeat_byte(nonce as u8 + 1))
        };
        Body {
            transactions: (0..5).map(tx).collect(),
            ommers: vec![Header::default()],
            withdrawals: Some(Withdrawals::new(vec![Withdrawal::default()])),
        }
    }

    #[test]
    fn accounts_survive_their_row() {
        let plain = Account { nonce: 256, balance: U256::from(1000), ..Default::default() };
        let contract = Account {
            nonce: u64::MAX,
            balance: U256::MAX,
            code_hash: B256::repeat_byte(1),
            storage_root: B256::repeat_byte(2),
            storage_id: 7,
            is_remote: true,
        };
        for account in [Account::default(), plain, contract] {
            assert_eq!(decode_account(&encode_account(&account)).unwrap(), account);
        }
        assert_eq!(encode_account(&plain).len(), 6);
    }

    #[test]
    fn bodies_and_their_single_transactions_survive_their_row() {
        let body = body();
        let row = encode_body(&body);
        assert_eq!(decode_body(&row).unwrap(), body);
        for (index, transaction) in body.transactions.iter().enumerate() {
            let found = decode_body_transaction(&row, index).unwrap();
            assert_eq!(found.as_ref(), Some(transaction));
        }
        assert_eq!(decode_body_transaction(&row, 5).unwrap(), None);
        let empty = Body::default();
        assert_eq!(decode_body(&encode_body(&empty)).unwrap(), empty);
    }

    #[test]
    fn a_header_without_a_field_in_the_middle_survives_its_row() {
        let whole = Header {
            base_fee_per_gas: Some(7),
            withdrawals_root: Some(B256::ZERO),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            requests_hash: Some(B256::ZERO),
            ..Default::default()
        };
        for header in [
            whole.clone(),
            Header { base_fee_per_gas: None, ..whole.clone() },
            Header { blob_gas_used: None, ..whole.clone() },
            Header { withdrawals_root: None, requests_hash: None, ..whole.clone() },
            Header { parent_beacon_block_root: None, ..whole },
            Header::default(),
        ] {
            let sealed = crate::primitives::SealedHeader::new(header);
            assert_eq!(*decode_header(&encode_header(&sealed)).unwrap(), sealed);
        }
    }

    #[test]
    fn receipts_survive_their_row() {
        let log = Log::new_unchecked(
            Address::repeat_byte(3),
            vec![B256::repeat_byte(4)],
            vec![5; 70].into(),
        );
        let receipts = vec![
            Receipt {
                tx_type: TxType::Eip7702,
                status: Eip658Value::Eip658(true),
                cumulative_gas_used: 21_000,
                logs: vec![log],
            },
            Receipt {
                tx_type: TxType::Legacy,
                status: Eip658Value::PostState(B256::repeat_byte(9)),
                cumulative_gas_used: 42_000,
                logs: Vec::new(),
            },
        ];
        assert_eq!(decode_receipts(&encode_receipts(&receipts)).unwrap(), receipts);
    }

    #[test]
    fn every_truncation_of_a_row_is_an_error_and_no_panic() {
        let row = encode_body(&body());
        for length in 0..row.len() {
            assert!(decode_body(&row[..length]).is_err(), "{length} of {} bytes", row.len());
        }
        let account = encode_account(&Account { nonce: 9, storage_id: 3, ..Default::default() });
        for length in 0..account.len() {
            assert!(decode_account(&account[..length]).is_err());
        }
    }
}
