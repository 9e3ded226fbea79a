//! Every reason to turn a transaction away, with its words and numbers.

use super::*;
use crate::pool::testing::{ALICE, BOB, Tx, rich, rules, sent};
use alloy_consensus::{
    EthereumTypedTransaction as Typed, SidecarBuilder, SimpleCoder, TxEip2930, TxEip4844,
    TxEip4844Variant, TxEip7702, TxLegacy,
};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip4844::BlobTransactionSidecar,
    eip7594::{BlobTransactionSidecarEip7594, BlobTransactionSidecarVariant},
};
use alloy_primitives::{B256, Bytes, TxKind};

fn refusal(tx: &Transaction, account: &SenderState, rules: &Rules) -> String {
    check(tx, account, rules).map_or_else(|error| error.to_string(), |()| "admitted".into())
}

/// The refusal of a transfer that `bend` changed, under today's rules, from a rich sender.
fn bent(bend: impl FnOnce(&mut Tx)) -> String {
    let mut tx = Tx::new(ALICE, 0);
    bend(&mut tx);
    refusal(&tx.build(), &rich(0), &rules())
}

fn ruled(change: impl FnOnce(&mut Rules), tx: Tx) -> String {
    let mut rules = rules();
    change(&mut rules);
    refusal(&tx.build(), &rich(0), &rules)
}

#[test]
fn a_plain_transfer_is_admitted() {
    assert_eq!(bent(|_| {}), "admitted");
}

#[test]
fn a_type_waits_for_its_fork() {
    let refused = ruled(|rules| rules.fork = Fork::Berlin, Tx::new(ALICE, 0));
    let text = "transaction type not supported: type 2 rejected, pool not yet in London";
    assert_eq!(refused, text);
    let blob = refusal(&blob_tx(|_| {}), &rich(0), &Rules { fork: Fork::Shanghai, ..rules() });
    assert_eq!(blob, "transaction type not supported: type 3 rejected, pool not yet in Cancun");
}

#[test]
fn another_chains_transaction_is_refused() {
    let text = "invalid chain id for signer: have 1 want 31337";
    assert_eq!(bent(|tx| tx.inner.chain_id = 1), text);
}

#[test]
fn a_legacy_transaction_without_chain_id_is_admitted() {
    let legacy =
        TxLegacy { gas_limit: 21_000, gas_price: 1, to: TxKind::Call(BOB), ..Default::default() };
    let tx = sent(Typed::Legacy(legacy), ALICE);
    assert_eq!(refusal(&tx, &rich(0), &rules()), "admitted");
}

#[test]
fn a_large_transaction_is_refused_with_its_size() {
    let mut tx = Tx::new(ALICE, 0);
    tx.inner.input = vec![0; 131_072].into();
    let tx = tx.build();
    let size = tx.encoded_2718().len();
    assert!(size > 131_072);
    let text = format!("oversized data: transaction size {size}, limit 131072");
    assert_eq!(refusal(&tx, &rich(0), &rules()), text);
}

#[test]
fn init_code_has_a_limit_of_its_own() {
    let text = bent(|tx| {
        tx.inner.to = TxKind::Create;
        tx.inner.input = vec![0; 49_153].into();
    });
    assert_eq!(text, "max initcode size exceeded: code size 49153, limit 49152");
}

#[test]
fn gas_has_two_upper_limits() {
    let greedy = || {
        let mut tx = Tx::new(ALICE, 0);
        tx.inner.gas_limit = 30_000_001;
        tx
    };
    let block = "exceeds block gas limit: gas 30000001, block gas limit 30000000";
    assert_eq!(ruled(|_| {}, greedy()), block);
    let capped = ruled(|rules| rules.tx_gas_cap = Some(16_777_216), greedy());
    assert_eq!(capped, "transaction gas limit too high (cap: 16777216, tx: 30000001)");
}

#[test]
fn a_tip_above_the_fee_cap_is_refused() {
    let text = bent(|tx| tx.inner.max_priority_fee_per_gas = 2_000_000_001);
    let expected = format!(
        "max priority fee per gas higher than max fee per gas: address {ALICE}, \
         maxPriorityFeePerGas: 2000000001, maxFeePerGas: 2000000000"
    );
    assert_eq!(text, expected);
}

#[test]
fn a_tip_below_the_nodes_minimum_is_refused() {
    let text = ruled(|rules| rules.min_tip = 1_000_000_001, Tx::new(ALICE, 0));
    let expected = "transaction gas price below minimum: gas tip cap 1000000000, minimum needed \
                    1000000001";
    assert_eq!(text, expected);
}

#[test]
fn nonces_have_two_ends() {
    let used = refusal(&Tx::new(ALICE, 3).build(), &rich(5), &rules());
    assert_eq!(used, "nonce too low: next nonce 5, tx nonce 3");
    let last = bent(|tx| tx.inner.nonce = u64::MAX);
    let expected = format!("nonce has max value: address {ALICE}, nonce: 18446744073709551615");
    assert_eq!(last, expected);
}

#[test]
fn gas_for_the_start_is_counted_to_the_unit() {
    let short = |gas: u64, bend: &dyn Fn(&mut Tx)| {
        bent(|tx| {
            bend(tx);
            tx.inner.gas_limit = gas;
        })
    };
    let text = |gas, minimum| format!("intrinsic gas too low: gas {gas}, minimum needed {minimum}");
    assert_eq!(short(20_000, &|_| {}), text(20_000, 21_000));
    // 33 bytes of init code: two words of metering, 16 a byte.
    let create = |tx: &mut Tx| {
        tx.inner.to = TxKind::Create;
        tx.inner.input = vec![1; 33].into();
    };
    assert_eq!(short(53_531, &create), text(53_531, 21_000 + 32_000 + 33 * 16 + 4));
    assert_eq!(short(53_532, &create), "admitted");
    let list = |tx: &mut Tx| {
        let storage_keys = vec![B256::ZERO; 2];
        tx.inner.access_list = AccessList(vec![AccessListItem { address: BOB, storage_keys }]);
    };
    assert_eq!(short(27_199, &list), text(27_199, 21_000 + 2_400 + 2 * 1_900));
    assert_eq!(short(27_200, &list), "admitted");
}

#[test]
fn calldata_has_a_floor_since_prague() {
    let calldata = |gas_limit| {
        let mut tx = Tx::new(ALICE, 0);
        tx.inner.input = vec![1; 100].into();
        tx.inner.gas_limit = gas_limit;
        tx
    };
    let text = "insufficient gas for floor data gas cost: gas 24999, minimum needed 25000";
    assert_eq!(ruled(|_| {}, calldata(24_999)), text);
    assert_eq!(ruled(|_| {}, calldata(25_000)), "admitted");
    assert_eq!(ruled(|rules| rules.fork = Fork::Cancun, calldata(24_999)), "admitted");
}

#[test]
fn a_contract_sends_only_when_impersonated() {
    let contract = SenderState { code_len: 7, ..rich(0) };
    let impersonated = Tx::new(ALICE, 0).build();
    assert_eq!(refusal(&impersonated, &contract, &rules()), "admitted");
    let forged = Transaction::new_unchecked(impersonated.envelope().clone(), BOB);
    let text = format!("sender not an eoa: address {BOB}, len(code): 7");
    assert_eq!(refusal(&forged, &contract, &rules()), text);
    let delegated = SenderState { code_len: 23, delegated: true, ..rich(0) };
    assert_eq!(refusal(&forged, &delegated, &rules()), "admitted");
}

#[test]
fn a_sender_must_be_able_to_pay_to_the_wei() {
    let mut tx = Tx::new(ALICE, 0);
    tx.inner.value = U256::from(5);
    let cost = U256::from(21_000u64 * 2_000_000_000 + 5);
    let tx = tx.build();
    let with = |balance| SenderState { balance, ..rich(0) };
    assert_eq!(refusal(&tx, &with(cost), &rules()), "admitted");
    let poor = with(cost - U256::from(1));
    let text = "insufficient funds for gas * price + value: balance 42000000000004, tx cost \
                42000000000005, overshot 1";
    assert_eq!(refusal(&tx, &poor, &rules()), text);
    let lenient = Rules { disable_balance_check: true, ..rules() };
    assert_eq!(refusal(&tx, &poor, &lenient), "admitted");
}

#[test]
fn a_cost_beyond_all_numbers_is_too_much() {
    let mut tx = Tx::new(ALICE, 0);
    tx.inner.value = U256::MAX;
    let poor = SenderState { balance: U256::from(1), ..rich(0) };
    let refused = check(&tx.build(), &poor, &rules());
    assert!(matches!(refused, Err(PoolError::InsufficientFunds { cost, .. }) if cost == U256::MAX));
}

#[test]
fn a_set_code_transaction_needs_an_authorization() {
    let inner = TxEip7702 { chain_id: 31337, gas_limit: 100_000, ..Default::default() };
    let tx = sent(Typed::Eip7702(inner), ALICE);
    let text = "set code tx must have at least one authorization tuple";
    assert_eq!(refusal(&tx, &rich(0), &rules()), text);
}

#[test]
fn an_access_list_transaction_is_admitted_since_berlin() {
    let inner = TxEip2930 { chain_id: 31337, gas_limit: 21_000, ..TxEip2930::default() };
    let mut inner = inner;
    inner.to = TxKind::Call(BOB);
    let tx = sent(Typed::Eip2930(inner), ALICE);
    let berlin = Rules { fork: Fork::Berlin, ..rules() };
    assert_eq!(refusal(&tx, &rich(0), &berlin), "admitted");
}

fn sidecar_of_cells() -> BlobTransactionSidecarEip7594 {
    let builder = SidecarBuilder::<SimpleCoder>::from_slice(b"four word blob claim");
    builder.build_7594().expect("the blob is well formed")
}

fn sidecar_of_blobs() -> BlobTransactionSidecar {
    let builder = SidecarBuilder::<SimpleCoder>::from_slice(b"four word blob claim");
    builder.build_4844().expect("the blob is well formed")
}

fn blob_tx_with(
    sidecar: impl Into<Option<BlobTransactionSidecarVariant>>,
    bend: impl FnOnce(&mut TxEip4844),
) -> Transaction {
    let sidecar = sidecar.into();
    let hashes = sidecar.as_ref().map(|sidecar| sidecar.versioned_hashes().collect());
    let mut inner = TxEip4844 {
        chain_id: 31337,
        gas_limit: 21_000,
        max_fee_per_gas: 2_000_000_000,
        max_fee_per_blob_gas: 1,
        to: BOB,
        blob_versioned_hashes: hashes.unwrap_or_else(|| vec![B256::repeat_byte(1)]),
        ..Default::default()
    };
    bend(&mut inner);
    let variant = match sidecar {
        Some(sidecar) => TxEip4844Variant::TxEip4844WithSidecar(inner.with_sidecar(sidecar)),
        None => TxEip4844Variant::TxEip4844(inner),
    };
    sent(Typed::Eip4844(variant), ALICE)
}

fn blob_tx(bend: impl FnOnce(&mut TxEip4844)) -> Transaction {
    blob_tx_with(BlobTransactionSidecarVariant::Eip7594(sidecar_of_cells()), bend)
}

#[test]
fn blobs_with_the_proofs_of_the_fork_are_admitted() {
    assert_eq!(refusal(&blob_tx(|_| {}), &rich(0), &rules()), "admitted");
    let before = Rules { fork: Fork::Prague, ..rules() };
    let old = blob_tx_with(BlobTransactionSidecarVariant::Eip4844(sidecar_of_blobs()), |_| {});
    assert_eq!(refusal(&old, &rich(0), &before), "admitted");
    let text = "unexpected sidecar version, want: 1, got: 0";
    assert_eq!(refusal(&old, &rich(0), &rules()), text);
    let text = "unexpected sidecar version, want: 0, got: 1";
    assert_eq!(refusal(&blob_tx(|_| {}), &rich(0), &before), text);
}

#[test]
fn blobs_must_be_there_and_counted() {
    let missing = blob_tx_with(None, |_| {});
    let text = "missing sidecar in blob transaction";
    assert_eq!(refusal(&missing, &rich(0), &rules()), text);
    let none = blob_tx(|inner| inner.blob_versioned_hashes.clear());
    assert_eq!(refusal(&none, &rich(0), &rules()), "blobless blob transaction");
    let many = blob_tx(|inner| inner.blob_versioned_hashes = vec![B256::ZERO; 7]);
    let text = "too many blobs in transaction: have 7, permitted 6";
    assert_eq!(refusal(&many, &rich(0), &rules()), text);
    let two = blob_tx(|inner| inner.blob_versioned_hashes.push(B256::ZERO));
    let text = "invalid number of 1 blobs compared to 2 blob hashes";
    assert_eq!(refusal(&two, &rich(0), &rules()), text);
}

#[test]
fn blobs_pay_a_fee_of_their_own() {
    let free = blob_tx(|inner| inner.max_fee_per_blob_gas = 0);
    let text = "transaction gas price below minimum: blob fee cap 0, minimum needed 1";
    assert_eq!(refusal(&free, &rich(0), &rules()), text);
    let cost = U256::from(21_000u64 * 2_000_000_000 + 131_072);
    let poor = SenderState { balance: cost - U256::from(1), ..rich(0) };
    let refused = check(&blob_tx(|_| {}), &poor, &rules());
    assert!(
        matches!(refused, Err(PoolError::InsufficientFunds { cost: told, .. }) if told == cost)
    );
}

#[test]
fn a_false_blob_or_hash_is_found_out() {
    let mut sidecar = sidecar_of_cells();
    sidecar.blobs[0].0[40] ^= 1;
    let tx = blob_tx_with(BlobTransactionSidecarVariant::Eip7594(sidecar), |_| {});
    assert_eq!(refusal(&tx, &rich(0), &rules()), "KZG verification error: invalid KZG proof");
    let tx = blob_tx(|inner| inner.blob_versioned_hashes = vec![B256::repeat_byte(1)]);
    let text = refusal(&tx, &rich(0), &rules());
    assert!(text.starts_with("KZG verification error: wrong versioned hash"), "{text}");
}

#[test]
fn the_size_of_blobs_does_not_count_as_data() {
    let small = Rules { max_tx_bytes: 400, ..rules() };
    assert_eq!(refusal(&blob_tx(|_| {}), &rich(0), &small), "admitted");
    let input = Bytes::from(vec![0; 400]);
    let tx = blob_tx(|inner| (inner.input, inner.gas_limit) = (input, 100_000));
    assert!(matches!(check(&tx, &rich(0), &small), Err(PoolError::Oversized { .. })));
}
