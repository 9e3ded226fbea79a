//! Which block, which receipts does an answer hold?

use super::{Upstream, UpstreamError};
use crate::primitives::{Block, Body, Receipt, SealedHeader, Transaction};
use alloy_consensus::Header;
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::B256;
use alloy_rpc_types::{Header as RpcHeader, Transaction as RpcTransaction, TransactionReceipt};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// A block as JSON, as far as its header does not say it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct UpstreamBlock {
    transactions: Vec<Value>,
    withdrawals: Option<Withdrawals>,
    /// As [`Upstream::block_at`] adds them.
    ommers: Vec<RpcHeader>,
}

impl Upstream {
    /// The header in a block's JSON, under the hash that the upstream gives it.
    pub fn read_header(&self, block: &Value) -> Result<Arc<SealedHeader>, UpstreamError> {
        let header: RpcHeader = self.read("eth_getBlockByNumber", block.clone())?;
        let (header, hash): (Header, B256) = (header.inner, header.hash);
        Ok(Arc::new(SealedHeader::new_unchecked(header, hash)))
    }

    /// The block in the JSON of a whole block.
    pub fn read_block(&self, block: &Value) -> Result<Block, UpstreamError> {
        let header = self.read_header(block)?;
        let read: UpstreamBlock = self.read("eth_getBlockByNumber", block.clone())?;
        let transactions = read.transactions.into_iter().map(|it| self.transaction(&header, it));
        let body = Body {
            transactions: transactions.collect::<Result<_, _>>()?,
            ommers: read.ommers.into_iter().map(|ommer| ommer.inner).collect(),
            withdrawals: read.withdrawals,
        };
        Ok(Block { header, body: Arc::new(body) })
    }

    /// The hashes of a block's transactions, whether it is whole or not.
    pub fn read_hashes(&self, block: &Value) -> Result<Vec<B256>, UpstreamError> {
        let transactions = block["transactions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let hash = |it: &Value| if it.is_object() { it["hash"].clone() } else { it.clone() };
        let hashes = transactions.iter().map(|it| self.read("eth_getBlockByNumber", hash(it)));
        hashes.collect()
    }

    fn transaction(&self, header: &Header, json: Value) -> Result<Transaction, UpstreamError> {
        self.check_type(header.number, &json)?;
        let read: RpcTransaction = self.read("eth_getBlockByNumber", json)?;
        let (envelope, sender) = read.inner.into_parts();
        Ok(Transaction::new_unchecked(envelope, sender))
    }

    /// The receipts in the JSON of [`Upstream::receipts`]: one a transaction.
    pub fn read_receipts(
        &self,
        block: u64,
        count: usize,
        receipts: &Value,
    ) -> Result<Vec<Receipt>, UpstreamError> {
        const METHOD: &str = "eth_getBlockReceipts";
        let list = receipts.as_array().filter(|list| list.len() == count);
        let list =
            list.ok_or_else(|| self.nonsense(METHOD, "receipts that are not the block's"))?;
        let read = |json: &Value| {
            self.check_type(block, json)?;
            let read: TransactionReceipt = self.read(METHOD, json.clone())?;
            let tx_type = read.inner.tx_type();
            let with_bloom = read.inner.as_receipt_with_bloom();
            let with_bloom = with_bloom.ok_or_else(|| self.nonsense(METHOD, "no receipt"))?;
            let receipt = &with_bloom.receipt;
            Ok(Receipt {
                tx_type,
                status: receipt.status,
                cumulative_gas_used: receipt.cumulative_gas_used,
                logs: receipt.logs.iter().map(|log| log.inner.clone()).collect(),
            })
        };
        list.iter().map(read).collect()
    }

    fn check_type(&self, block: u64, json: &Value) -> Result<(), UpstreamError> {
        let kind = json["type"].as_str().unwrap_or("0x0");
        if matches!(kind, "0x0" | "0x1" | "0x2" | "0x3" | "0x4") {
            return Ok(());
        }
        let found = kind.chars().filter(|it| !it.is_control()).take(10).collect();
        Err(UpstreamError::TransactionType { host: self.host(), block, found })
    }
}
