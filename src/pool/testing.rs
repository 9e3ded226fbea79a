//! Transactions for tests: unsigned, their sender given.

use super::{Limits, Pool, Rules, SenderState};
use crate::{primitives::Transaction, spec::Fork};
use alloy_consensus::{
    EthereumTypedTransaction, TxEip1559, TxEip4844, TxEip4844Variant, TxEip4844WithSidecar,
};
use alloy_eips::{
    eip4844::{Blob, Bytes48},
    eip7594::{BlobTransactionSidecarEip7594, BlobTransactionSidecarVariant},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};

pub(crate) const ALICE: Address = Address::repeat_byte(0xa1);
pub(crate) const BOB: Address = Address::repeat_byte(0xb0);

/// A transfer that a test bends to its needs.
#[derive(Clone, Debug)]
pub(crate) struct Tx {
    pub(crate) sender: Address,
    pub(crate) inner: TxEip1559,
}

impl Tx {
    pub(crate) fn new(sender: Address, nonce: u64) -> Self {
        Self::fees(sender, nonce, 2_000_000_000, 1_000_000_000)
    }

    pub(crate) fn fees(sender: Address, nonce: u64, fee_cap: u128, tip: u128) -> Self {
        let inner = TxEip1559 {
            chain_id: 31337,
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: fee_cap,
            max_priority_fee_per_gas: tip,
            to: TxKind::Call(BOB),
            value: U256::ZERO,
            access_list: Default::default(),
            input: Bytes::new(),
        };
        Self { sender, inner }
    }

    pub(crate) fn build(self) -> Transaction {
        sent(EthereumTypedTransaction::Eip1559(self.inner), self.sender)
    }
}

/// Any transaction as if `sender` had sent it.
pub(crate) fn sent(
    inner: EthereumTypedTransaction<alloy_consensus::TxEip4844Variant>,
    sender: Address,
) -> Transaction {
    Transaction::impersonate(inner, sender)
}

/// A blob transaction whose blobs and proofs are nothing; each seed gives a versioned hash.
pub(crate) fn blob_tx(sender: Address, nonce: u64, seeds: &[u8]) -> Transaction {
    let sidecar = BlobTransactionSidecarEip7594 {
        blobs: seeds.iter().map(|seed| Blob::repeat_byte(*seed)).collect(),
        commitments: seeds.iter().map(|seed| Bytes48::repeat_byte(*seed)).collect(),
        cell_proofs: Vec::new(),
    };
    let tx = TxEip4844 {
        chain_id: 31337,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        max_fee_per_blob_gas: 1,
        to: BOB,
        blob_versioned_hashes: seeds.iter().map(|seed| B256::repeat_byte(*seed)).collect(),
        ..Default::default()
    };
    let variant = TxEip4844Variant::TxEip4844WithSidecar(TxEip4844WithSidecar {
        tx,
        sidecar: BlobTransactionSidecarVariant::Eip7594(sidecar),
    });
    sent(EthereumTypedTransaction::Eip4844(variant), sender)
}

pub(crate) fn rules() -> Rules {
    Rules {
        chain_id: 31337,
        fork: Fork::Osaka,
        base_fee: 1_000_000_000,
        blob_base_fee: 1,
        block_gas_limit: 30_000_000,
        min_tip: 0,
        tx_gas_cap: None,
        max_tx_bytes: 128 * 1024,
        max_init_code: Some(49_152),
        max_blobs: 6,
        disable_balance_check: false,
    }
}

pub(crate) fn rich(nonce: u64) -> SenderState {
    SenderState { nonce, balance: U256::MAX, code_len: 0, delegated: false }
}

pub(crate) fn pool() -> Pool {
    Pool::new(Limits::default())
}
