//! Do blocks follow each other, do bodies and receipts belong to their headers, and do the indexes know
//! them?

use super::{BaseKind, Fault, Work};
use crate::{
    primitives::{Body, Receipt, SealedHeader, Transaction, bloom_of, receipts_root},
    storage::{BlockRows, StorageError, TxLocation},
};
use alloy_consensus::proofs::{
    calculate_ommers_root, calculate_transaction_root, calculate_withdrawals_root,
};
use alloy_primitives::B256;
use rayon::prelude::*;
use std::sync::Arc;

impl Work<'_> {
    /// Every block, and in the end the number of rows.
    pub(super) fn check_blocks(&mut self) {
        let mut parent: Option<Arc<SealedHeader>> = None;
        let mut rows = BlockRows::default();
        let written_is_there = self.blocks.hash(self.written.number);
        match written_is_there {
            Ok(Some(hash)) if hash == self.written.hash => {}
            Ok(_) => {
                self.found.faults.add(Fault::State("it is of a block that the chain does not have"))
            }
            Err(error) => {
                self.unreadable("header of the state's block", self.written.number, error)
            }
        }
        for number in self.found.first..=self.found.head {
            self.at.block = number;
            parent = self.check_block(number, parent, &mut rows);
            self.step(1);
        }
        let counts = self.blocks.row_counts(self.found.head + 1 - self.found.first);
        self.compare("number of blocks", counts);
        let counts = self.state.row_counts(&rows, self.base.kind == BaseKind::Genesis);
        self.compare("number of rows", counts);
    }

    fn compare(
        &mut self,
        what: &'static str,
        counts: Result<Vec<crate::storage::RowCount>, StorageError>,
    ) {
        match counts {
            Ok(counts) => {
                for count in counts.into_iter().filter(|it| it.rows != it.expected) {
                    let (table, rows, expected) = (count.table, count.rows, count.expected);
                    self.found.faults.add(Fault::Rows { table, rows, expected });
                }
            }
            Err(error) => self.unreadable(what, self.found.head, error),
        }
    }

    pub(super) fn unreadable(&mut self, what: &'static str, number: u64, source: StorageError) {
        self.found.faults.add(Fault::Unreadable { what, number, source });
    }

    fn wrong(&mut self, number: u64, wrong: &'static str) {
        self.found.faults.add(Fault::Block { number, wrong });
    }

    /// What was read, or a fault: it is not there, or cannot be read.
    fn read<T>(
        &mut self,
        number: u64,
        what: &'static str,
        missing: &'static str,
        row: Result<Option<T>, StorageError>,
    ) -> Option<T> {
        match row {
            Ok(Some(found)) => return Some(found),
            Ok(None) => self.wrong(number, missing),
            Err(error) => self.unreadable(what, number, error),
        }
        None
    }

    /// Looks at one block; answers its header.
    fn check_block(
        &mut self,
        number: u64,
        parent: Option<Arc<SealedHeader>>,
        rows: &mut BlockRows,
    ) -> Option<Arc<SealedHeader>> {
        self.found.blocks += 1;
        let row = self.blocks.header(number);
        let header = self.read(number, "header", "its header is missing", row)?;
        self.check_header(number, &header, parent.as_deref());
        let row = self.blocks.body(number);
        let body = self.read(number, "body", "its body is missing", row);
        let row = self.blocks.receipts(number);
        let receipts = self.read(number, "receipts", "its receipts are missing", row);
        if let Some(body) = &body {
            self.found.transactions += body.transactions.len() as u64;
            self.check_body(number, &header, body);
        }
        if let Some(receipts) = &receipts {
            self.check_receipts(number, &header, receipts);
        }
        if let (Some(body), Some(receipts)) = (&body, &receipts) {
            if body.transactions.len() != receipts.len() {
                self.wrong(number, "it does not have a receipt a transaction");
            }
            if number <= self.written.number {
                self.check_indexes(number, &header, &body.transactions, receipts, rows);
            }
        }
        Some(header)
    }

    fn check_header(&mut self, number: u64, header: &SealedHeader, parent: Option<&SealedHeader>) {
        let computed = header.inner().hash_slow();
        if computed != header.seal() {
            self.field(number, "hash", header.seal(), computed);
        }
        if header.number != number {
            self.wrong(number, "its header has another number");
        }
        if let Some(parent) = parent
            && parent.seal() != header.parent_hash
        {
            self.field(number, "parentHash", header.parent_hash, parent.seal());
        }
        match self.blocks.number(header.seal()) {
            Ok(Some(found)) if found == number => {}
            Ok(_) => self.wrong(number, "it is not found by its hash"),
            Err(error) => self.unreadable("number of a hash", number, error),
        }
    }

    fn field(&mut self, number: u64, field: &'static str, stored: B256, computed: B256) {
        self.found.faults.add(Fault::Field { number, field, stored, computed });
    }

    fn check_body(&mut self, number: u64, header: &SealedHeader, body: &Body) {
        let envelopes: Vec<_> = body.transactions.iter().map(|tx| tx.envelope()).collect();
        let withdrawals = body.withdrawals.as_ref().map(|all| calculate_withdrawals_root(all));
        let roots = [
            (
                "transactionsRoot",
                Some(header.transactions_root),
                Some(calculate_transaction_root(&envelopes)),
            ),
            ("sha3Uncles", Some(header.ommers_hash), Some(calculate_ommers_root(&body.ommers))),
            ("withdrawalsRoot", header.withdrawals_root, withdrawals),
        ];
        for (field, stored, computed) in roots.into_iter().filter(|(_, a, b)| a != b) {
            let (stored, computed) = (stored.unwrap_or_default(), computed.unwrap_or_default());
            self.field(number, field, stored, computed);
        }
        let senders: Vec<bool> =
            body.transactions.par_iter().map(Transaction::has_true_sender).collect();
        for (index, _) in senders.into_iter().enumerate().filter(|(_, is_true)| !is_true) {
            self.found.faults.add(Fault::Sender { number, index });
        }
    }

    fn check_receipts(&mut self, number: u64, header: &SealedHeader, receipts: &[Receipt]) {
        let computed = receipts_root(receipts);
        if computed != header.receipts_root {
            self.field(number, "receiptsRoot", header.receipts_root, computed);
        }
        if bloom_of(receipts) != header.logs_bloom {
            self.wrong(number, "its bloom filter is not that of its events");
        }
        let gas = receipts.last().map_or(0, |receipt| receipt.cumulative_gas_used);
        if gas != header.gas_used {
            self.wrong(number, "its gas is not that of its receipts");
        }
    }

    /// What the state and the indexes say of a block.
    fn check_indexes(
        &mut self,
        number: u64,
        header: &SealedHeader,
        transactions: &[Transaction],
        receipts: &[Receipt],
        rows: &mut BlockRows,
    ) {
        if number >= self.found.first_state {
            let changes = self.state.check_changes(number, header.seal(), rows);
            self.note(number, "what a block changed", changes);
        }
        for (index, tx) in transactions.iter().enumerate() {
            let place = TxLocation { block: number, index: index as u64 };
            let is_found = self.state.transaction(tx.hash()).and_then(|found| match found {
                Some(found) if found == place => Ok(true),
                // A developer who sets a nonce back may have it mined twice.
                Some(found) => {
                    let there = self.blocks.transaction(found)?;
                    Ok(there.is_some_and(|there| there.hash() == tx.hash()))
                }
                None => Ok(false),
            });
            match is_found {
                Ok(true) => {}
                Ok(false) => self.found.faults.add(Fault::Transaction { number, index }),
                Err(error) => self.unreadable("place of a transaction", number, error),
            }
        }
        if self.found.logs_indexed.is_some_and(|indexed| number <= indexed) {
            let logs = self.state.check_logs(number, receipts, rows);
            self.note(number, "log index", logs);
        }
        if self.found.addresses_indexed.is_some_and(|indexed| number <= indexed) {
            let addresses = self.state.check_addresses(number, transactions, rows);
            self.note(number, "address index", addresses);
        }
    }

    fn note(
        &mut self,
        number: u64,
        what: &'static str,
        found: Result<Option<&'static str>, StorageError>,
    ) {
        match found {
            Ok(None) => {}
            Ok(Some(wrong)) => self.wrong(number, wrong),
            Err(error) => self.unreadable(what, number, error),
        }
    }
}
