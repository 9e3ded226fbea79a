//! Body: does it belong to its header, and is it valid whatever the state is?

use super::{
    BodyError, ChainSpec, Fork, Mode, TransactionError,
    transaction::{check_caps, check_transaction},
};
use crate::primitives::{Body, Transaction};
use alloy_consensus::{
    Header, Transaction as _,
    proofs::{calculate_ommers_root, calculate_transaction_root, calculate_withdrawals_root},
};
use alloy_eips::{eip4844::DATA_GAS_PER_BLOB, eip7840::BlobParams};

/// Most bytes of a block's RLP ([EIP-7934](https://eips.ethereum.org/EIPS/eip-7934)): 10 MiB less
/// what the beacon block around it needs.
const MAX_BLOCK_BYTES: usize = (10 << 20) - (2 << 20);

/// Checks that the body is the one the header names, and all that can be said of its transactions
/// before they run. Ommers are checked by [`check_ommers`](super::check_ommers).
///
/// A development chain may lift the size of init code, the gas cap of a transaction and with them
/// the size of a block, so these are not checked there.
pub fn check_body(spec: &ChainSpec, header: &Header, body: &Body) -> Result<(), BodyError> {
    let fork = spec.fork_of(header.number, header.timestamp, header.difficulty);
    check_size(spec, header, body, fork)?;
    check_roots(header, body)?;
    let blobs = spec.blob_params_at(header.timestamp);
    for (index, tx) in body.transactions.iter().enumerate() {
        check_one(spec, header, fork, &blobs, tx).map_err(|source| BodyError::Transaction {
            index,
            hash: tx.hash(),
            source,
        })?;
    }
    check_blob_gas(header, body)
}

fn check_size(spec: &ChainSpec, header: &Header, body: &Body, fork: Fork) -> Result<(), BodyError> {
    if fork < Fork::Osaka || spec.mode == Mode::Dev {
        return Ok(());
    }
    let bytes = body.rlp_length(header);
    if bytes > MAX_BLOCK_BYTES {
        return Err(BodyError::TooLong { bytes, max: MAX_BLOCK_BYTES });
    }
    Ok(())
}

fn check_roots(header: &Header, body: &Body) -> Result<(), BodyError> {
    let transactions: Vec<_> = body.transactions.iter().map(|tx| tx.envelope()).collect();
    let withdrawals = body.withdrawals.as_ref();
    let roots = [
        ("sha3Uncles", Some(header.ommers_hash), Some(calculate_ommers_root(&body.ommers))),
        (
            "transactionsRoot",
            Some(header.transactions_root),
            Some(calculate_transaction_root(&transactions)),
        ),
        (
            "withdrawalsRoot",
            header.withdrawals_root,
            withdrawals.map(|list| calculate_withdrawals_root(list)),
        ),
    ];
    for (field, header, computed) in roots {
        if header != computed {
            return Err(BodyError::Root { field, header, computed });
        }
    }
    Ok(())
}

fn check_one(
    spec: &ChainSpec,
    header: &Header,
    fork: Fork,
    blobs: &BlobParams,
    tx: &Transaction,
) -> Result<(), TransactionError> {
    check_transaction(fork, spec.chain_ids.at(header.number), tx)?;
    if spec.mode != Mode::Dev {
        check_caps(fork, tx)?;
    }
    let (max_fee, base_fee) = (tx.max_fee_per_gas(), header.base_fee_per_gas.unwrap_or(0));
    if max_fee < u128::from(base_fee) {
        return Err(TransactionError::FeeBelowBaseFee { max_fee, base_fee });
    }
    check_blobs(spec, header, blobs, tx)
}

/// A transaction has few enough blobs and pays for them.
fn check_blobs(
    spec: &ChainSpec,
    header: &Header,
    blobs: &BlobParams,
    tx: &Transaction,
) -> Result<(), TransactionError> {
    let Some(hashes) = tx.blob_versioned_hashes() else { return Ok(()) };
    let (given, max) = (hashes.len(), blobs.max_blobs_per_tx);
    if given as u64 > max {
        return Err(TransactionError::TooManyBlobs { given, max });
    }
    let base_fee = spec.blob_base_fee(header).unwrap_or(0);
    match tx.max_fee_per_blob_gas() {
        Some(max_fee) if max_fee < base_fee => {
            Err(TransactionError::BlobFeeBelowBaseFee { max_fee, base_fee })
        }
        _ => Ok(()),
    }
}

/// The header's blob gas is that of all transactions together.
fn check_blob_gas(header: &Header, body: &Body) -> Result<(), BodyError> {
    let blobs_of = |tx: &Transaction| tx.blob_versioned_hashes().map_or(0, <[_]>::len) as u64;
    let blobs: u64 = body.transactions.iter().map(blobs_of).sum();
    let (computed, header) = (blobs * DATA_GAS_PER_BLOB, header.blob_gas_used.unwrap_or(0));
    if header == computed { Ok(()) } else { Err(BodyError::BlobGasUsed { header, computed }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{
        EthereumTypedTransaction, Signed, TxEip1559, TxEip4844, TxEip4844Variant, TxEip7702,
        TxLegacy,
    };
    use alloy_eips::eip4895::Withdrawals;
    use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
    use serde_json::json;

    type Typed = EthereumTypedTransaction<TxEip4844Variant>;

    /// Merged, and of the newest fork from the genesis on.
    fn osaka(mode: &str) -> ChainSpec {
        let genesis = json!({
            "config": {"chainId": 1, "londonBlock": 0, "terminalTotalDifficulty": 0,
                "shanghaiTime": 0, "cancunTime": 0, "pragueTime": 0, "osakaTime": 0,
                "mainspring": {"mode": mode}},
            "gasLimit": "0x1c9c380", "difficulty": "0x0", "alloc": {}
        });
        ChainSpec::from_genesis(serde_json::from_value(genesis).unwrap()).unwrap()
    }

    fn signed(typed: impl Into<Typed>, s: U256) -> Transaction {
        let signature = Signature::new(U256::ONE, s, false);
        let envelope = Signed::new_unhashed(typed.into(), signature).into();
        Transaction::new_unchecked(envelope, Address::ZERO)
    }

    fn call() -> TxEip1559 {
        TxEip1559 {
            chain_id: 1,
            gas_limit: 21_000,
            max_fee_per_gas: 7,
            to: TxKind::Call(Address::ZERO),
            ..Default::default()
        }
    }

    fn blob_call(count: usize) -> TxEip4844 {
        let hash = B256::from([1; 32]);
        TxEip4844 {
            chain_id: 1,
            gas_limit: 21_000,
            max_fee_per_gas: 7,
            max_fee_per_blob_gas: 1,
            blob_versioned_hashes: vec![hash; count],
            ..Default::default()
        }
    }

    /// A body and the header that belongs to it.
    fn block(transactions: Vec<Transaction>, blob_count: u64) -> (Header, Body) {
        let body =
            Body { transactions, ommers: Vec::new(), withdrawals: Some(Withdrawals::default()) };
        let envelopes: Vec<_> = body.transactions.iter().map(|tx| tx.envelope()).collect();
        let header = Header {
            ommers_hash: calculate_ommers_root::<Header>(&[]),
            transactions_root: calculate_transaction_root(&envelopes),
            withdrawals_root: Some(calculate_withdrawals_root(&[])),
            base_fee_per_gas: Some(7),
            blob_gas_used: Some(blob_count * DATA_GAS_PER_BLOB),
            excess_blob_gas: Some(0),
            ..Default::default()
        };
        (header, body)
    }

    fn rule(result: Result<(), BodyError>) -> &'static str {
        result.map_or_else(|error| error.rule(), |()| "valid")
    }

    fn with(typed: impl Into<Typed>) -> &'static str {
        let (header, body) = block(vec![signed(typed, U256::ONE)], 0);
        rule(check_body(&osaka("merged"), &header, &body))
    }

    #[test]
    fn the_header_names_its_body() {
        let spec = osaka("merged");
        let (header, body) = block(vec![signed(call(), U256::ONE)], 0);
        let check = |header: Header, body: &Body| rule(check_body(&spec, &header, body));
        assert_eq!(check(header.clone(), &body), "valid");
        let other = Header { transactions_root: B256::ZERO, ..header.clone() };
        assert_eq!(check(other, &body), "InvalidRoot");
        let other = Header { ommers_hash: B256::ZERO, ..header.clone() };
        assert_eq!(check(other, &body), "InvalidRoot");
        let other = Header { withdrawals_root: None, ..header.clone() };
        assert_eq!(check(other, &body), "InvalidRoot");
        let without = Body { withdrawals: None, ..body };
        assert_eq!(check(header, &without), "InvalidRoot");
    }

    #[test]
    fn blob_gas_is_that_of_the_transactions_and_each_has_at_most_six() {
        let spec = osaka("merged");
        let check = |counts: &[usize], used| {
            let txs = counts.iter().map(|count| signed_blobs(*count)).collect();
            let (header, body) = block(txs, used);
            rule(check_body(&spec, &header, &body))
        };
        assert_eq!(check(&[6, 3], 9), "valid");
        assert_eq!(check(&[6, 2], 9), "InvalidBlobGasUsed");
        assert_eq!(check(&[7], 7), "TooManyBlobs");
        assert_eq!(check(&[0], 0), "NoBlobs");
        let version = TxEip4844 { blob_versioned_hashes: vec![B256::ZERO], ..blob_call(1) };
        assert_eq!(with(Typed::Eip4844(version.into())), "InvalidBlobVersion");
        let cheap = TxEip4844 { max_fee_per_blob_gas: 0, ..blob_call(1) };
        assert_eq!(with(Typed::Eip4844(cheap.into())), "BlobFeeBelowBaseFee");
    }

    fn signed_blobs(count: usize) -> Transaction {
        signed(Typed::Eip4844(blob_call(count).into()), U256::ONE)
    }

    #[test]
    fn a_transaction_keeps_the_rules_that_need_no_state() {
        assert_eq!(with(call()), "valid");
        assert_eq!(with(TxEip1559 { chain_id: 2, ..call() }), "InvalidChainId");
        assert_eq!(with(TxEip1559 { nonce: u64::MAX, ..call() }), "NonceMax");
        assert_eq!(with(TxEip1559 { max_priority_fee_per_gas: 8, ..call() }), "TipAboveFee");
        assert_eq!(with(TxEip1559 { max_fee_per_gas: 6, ..call() }), "FeeBelowBaseFee");
        assert_eq!(with(TxEip1559 { gas_limit: 20_999, ..call() }), "IntrinsicGasTooLow");
        let data = Bytes::from(vec![1; 100]);
        let floor = TxEip1559 { gas_limit: 24_999, input: data, ..call() };
        assert_eq!(with(TxEip1559 { gas_limit: 25_000, ..floor.clone() }), "valid");
        assert_eq!(with(floor), "FloorGasTooLow");
        let set_code = TxEip7702 { chain_id: 1, gas_limit: 21_000, ..Default::default() };
        assert_eq!(with(set_code), "NoAuthorizations");
        let (header, body) = block(vec![signed(call(), U256::MAX)], 0);
        assert_eq!(rule(check_body(&osaka("merged"), &header, &body)), "InvalidSignature");
    }

    #[test]
    fn the_caps_hold_but_on_a_development_chain() {
        let gas = TxEip1559 { gas_limit: (1 << 24) + 1, ..call() };
        let init_code = TxEip1559 {
            gas_limit: 1 << 24,
            to: TxKind::Create,
            input: Bytes::from(vec![0; 49_153]),
            ..call()
        };
        for (typed, broken) in [(gas, "GasAboveCap"), (init_code, "InitCodeTooLong")] {
            let (header, body) = block(vec![signed(typed, U256::ONE)], 0);
            assert_eq!(rule(check_body(&osaka("merged"), &header, &body)), broken);
            assert_eq!(rule(check_body(&osaka("dev"), &header, &body)), "valid");
        }
    }

    #[test]
    fn a_block_has_at_most_eight_mebibytes() {
        let spec = osaka("merged");
        let check = |bytes: usize| {
            let input = Bytes::from(vec![0; bytes]);
            let typed = TxEip1559 { gas_limit: 1 << 24, input, ..call() };
            let (header, body) = block(vec![signed(typed, U256::ONE)], 0);
            (body.rlp_length(&header), check_size(&spec, &header, &body, Fork::Osaka))
        };
        let around = check(8_000_000).0 - 8_000_000;
        let (length, result) = check(MAX_BLOCK_BYTES - around);
        assert_eq!((length, result), (MAX_BLOCK_BYTES, Ok(())));
        assert_eq!(rule(check(MAX_BLOCK_BYTES - around + 1).1), "BlockTooLong");
    }

    #[test]
    fn older_forks_know_fewer_kinds_and_no_chain_id() {
        let legacy = |chain_id| TxLegacy { chain_id, gas_limit: 53_000, ..Default::default() };
        let check = |fork, typed: Typed| {
            let result = check_transaction(fork, 1, &signed(typed, U256::ONE));
            result.map_or_else(|error| error.rule(), |()| "valid")
        };
        assert_eq!(check(Fork::Frontier, legacy(None).into()), "valid");
        assert_eq!(check(Fork::Tangerine, legacy(Some(1)).into()), "InvalidChainId");
        assert_eq!(check(Fork::SpuriousDragon, legacy(Some(1)).into()), "valid");
        assert_eq!(check(Fork::SpuriousDragon, legacy(Some(2)).into()), "InvalidChainId");
        assert_eq!(check(Fork::Berlin, call().into()), "TypeNotSupported");
        assert_eq!(check(Fork::London, call().into()), "valid");
        let high = |fork| check_transaction(fork, 1, &signed(legacy(None), U256::MAX)).is_ok();
        assert_eq!([Fork::Frontier, Fork::Homestead].map(high), [true, false]);
    }
}
