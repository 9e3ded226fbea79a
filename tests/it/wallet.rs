//! Keys and signed transactions.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip7702, TxEnvelope};
use alloy_eips::eip7702::Authorization;
use alloy_network::TxSignerSync;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use mainspring::primitives::Transaction;

pub(crate) const CHAIN_ID: u64 = 31_337;
/// Wei per gas.
pub(crate) const TIP: u128 = 1_000_000_000;
/// Wei per gas; enough for every base fee in these tests.
pub(crate) const FEE_CAP: u128 = 100_000_000_000;

/// The key number `index`, always the same.
pub(crate) fn key(index: u64) -> PrivateKeySigner {
    let secret = B256::from(U256::from(0x6d61_696e_0000 + index));
    PrivateKeySigner::from_bytes(&secret).expect("a small number is a valid key")
}

/// Signs a call or a creation.
pub(crate) fn sign(
    from: &PrivateKeySigner,
    nonce: u64,
    to: TxKind,
    value: U256,
    input: Bytes,
) -> Transaction {
    let transfer = input.is_empty() && to.is_call();
    sign_tx(
        from,
        TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: if transfer { 100_000 } else { 500_000 },
            max_fee_per_gas: FEE_CAP,
            max_priority_fee_per_gas: TIP,
            to,
            value,
            input,
            access_list: Default::default(),
        },
    )
}

/// Signs a transfer.
pub(crate) fn transfer(
    from: &PrivateKeySigner,
    nonce: u64,
    to: Address,
    value: u64,
) -> Transaction {
    sign(from, nonce, to.into(), U256::from(value), Bytes::new())
}

/// Signs any transaction.
pub(crate) fn sign_tx<T>(from: &PrivateKeySigner, mut tx: T) -> Transaction
where
    T: SignableTransaction<Signature>,
    TxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let signature = from.sign_transaction_sync(&mut tx).expect("local keys sign");
    Transaction::new_unchecked(tx.into_signed(signature).into(), from.address())
}

/// Signs a transaction that lets `authority` (at its nonce `at`) act as the code of `target`.
pub(crate) fn delegate(
    from: &PrivateKeySigner,
    nonce: u64,
    (authority, at): (&PrivateKeySigner, u64),
    target: Address,
) -> Transaction {
    let chain_id = U256::from(CHAIN_ID);
    let authorization = Authorization { chain_id, address: target, nonce: at };
    let signature = authority.sign_hash_sync(&authorization.signature_hash());
    let signed = authorization.into_signed(signature.expect("local keys sign"));
    sign_tx(
        from,
        TxEip7702 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 200_000,
            max_fee_per_gas: FEE_CAP,
            max_priority_fee_per_gas: TIP,
            to: from.address(),
            authorization_list: vec![signed],
            ..Default::default()
        },
    )
}
