//! Every kind of transaction: what it costs, what it changes, why it is refused.

use super::*;
use alloy_consensus::{Transaction as _, TxEip2930, TxEip4844, TxEip7702};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip4844::DATA_GAS_PER_BLOB,
    eip7702::Authorization,
};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;

fn legacy(to: impl Into<TxKind>, nonce: u64) -> TxLegacy {
    TxLegacy {
        chain_id: Some(31337),
        nonce,
        gas_price: 2 * GWEI,
        gas_limit: 100_000,
        to: to.into(),
        value: U256::from(5),
        input: Bytes::new(),
    }
}

#[test]
fn a_transfer_costs_21000_gas_burns_the_base_fee_and_pays_the_tip() {
    let scene = Scene::new();
    let (applied, executed) = scene.run(&by_alice(send(BOB, 5, 0)));
    assert_eq!((applied.gas_used, applied.success, applied.logs), (21_000, true, 0));
    assert_eq!(executed.gas_used, 21_000);
    let base_fee = u128::from(scene.template().base_fee.unwrap());
    assert_eq!(base_fee, 875_000_000);
    let price = U256::from(base_fee + GWEI);
    let changes = &executed.changes;
    assert_eq!(balance(changes, ALICE), ether(10_000) - U256::from(21_000) * price - U256::from(5));
    assert_eq!(balance(changes, BOB), U256::from(5));
    assert_eq!(balance(changes, COINBASE), U256::from(21_000 * GWEI));
    assert_eq!(changes.accounts[&ALICE].account.unwrap().nonce, 1);
}

#[test]
fn a_legacy_transaction_pays_its_whole_price() {
    let (applied, executed) = Scene::new().run(&signed(legacy(BOB, 0), ALICE));
    assert_eq!(applied.gas_used, 21_000);
    assert_eq!(executed.receipts[0].tx_type, alloy_consensus::TxType::Legacy);
    assert_eq!(balance(&executed.changes, COINBASE), U256::from(21_000 * 1_125_000_000_u64));
}

#[test]
fn an_access_list_costs_2400_an_address_and_1900_a_slot() {
    let item = AccessListItem { address: CONTRACT, storage_keys: vec![B256::ZERO] };
    let tx = TxEip2930 {
        chain_id: 31337,
        gas_price: 2 * GWEI,
        gas_limit: 100_000,
        to: BOB.into(),
        access_list: AccessList(vec![item]),
        ..Default::default()
    };
    let (applied, executed) = Scene::new().run(&signed(tx, ALICE));
    assert_eq!(applied.gas_used, 21_000 + 2_400 + 1_900);
    assert_eq!(executed.receipts[0].tx_type, alloy_consensus::TxType::Eip2930);
}

fn blob_tx(blobs: usize, nonce: u64) -> TxEip4844 {
    let mut hash = B256::repeat_byte(7);
    hash.0[0] = 1;
    TxEip4844 {
        chain_id: 31337,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 2 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: CONTRACT,
        blob_versioned_hashes: vec![hash; blobs],
        max_fee_per_blob_gas: 10,
        ..Default::default()
    }
}

#[test]
fn a_blob_transaction_pays_for_blobs_and_sees_their_hashes() {
    // BLOBHASH(1), stored in slot 0.
    let scene = Scene::new().with(CONTRACT, alloy_primitives::hex!("6001495f5500"), 0);
    let tx = signed(blob_tx(2, 0), ALICE);
    let (applied, executed) = scene.run(&tx);
    assert_eq!(executed.blob_gas_used, 2 * DATA_GAS_PER_BLOB);
    let hash = tx.blob_versioned_hashes().unwrap()[1];
    assert_eq!(
        executed.changes.accounts[&CONTRACT].storage[&U256::ZERO],
        U256::from_be_bytes(hash.0)
    );
    let spent = U256::from(applied.gas_used) * U256::from(1_875_000_000_u64);
    let blob_cost = U256::from(2 * DATA_GAS_PER_BLOB);
    assert_eq!(balance(&executed.changes, ALICE), ether(10_000) - spent - blob_cost);
}

#[test]
fn a_block_takes_21_blobs_and_a_transaction_6() {
    let scene = Scene::new();
    assert_eq!(
        scene.refused(&signed(blob_tx(7, 0), ALICE)),
        "blob transaction has too many blobs: have 7, permitted: 6"
    );
    let mut executor = scene.begin();
    for nonce in 0..3 {
        executor.apply(&signed(blob_tx(6, nonce), ALICE)).unwrap();
    }
    let error = executor.apply(&signed(blob_tx(4, 3), ALICE)).unwrap_err();
    assert!(matches!(error, ApplyError::BlobGasExceeded { needed: 524_288, available: 393_216 }));
    executor.apply(&signed(blob_tx(3, 3), ALICE)).unwrap();
    assert_eq!(executor.finish().unwrap().blob_gas_used, 21 * DATA_GAS_PER_BLOB);
}

#[test]
fn a_set_code_transaction_delegates_and_runs_the_code() {
    let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(3)).unwrap();
    let authority = signer.address();
    let authorization = Authorization { chain_id: U256::from(31337), address: CONTRACT, nonce: 0 };
    let signature = signer.sign_hash_sync(&authorization.signature_hash()).unwrap();
    let tx = TxEip7702 {
        chain_id: 31337,
        gas_limit: 200_000,
        max_fee_per_gas: 2 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: authority,
        authorization_list: vec![authorization.into_signed(signature)],
        ..Default::default()
    };
    // Stores 1 in slot 0.
    let scene = Scene::new().with(CONTRACT, alloy_primitives::hex!("60015f5500"), 0);
    let (applied, executed) = scene.run(&signed(tx, ALICE));
    // Base, one authorization, PUSH1 PUSH0 SSTORE; the code behind the target's delegation is warm.
    assert_eq!(applied.gas_used, 21_000 + 25_000 + 3 + 2 + 22_100);
    let change = &executed.changes.accounts[&authority];
    assert_eq!(change.storage[&U256::ZERO], U256::from(1));
    let account = change.account.unwrap();
    assert_eq!(account.nonce, 1);
    let code = [&[0xef, 0x01, 0x00], CONTRACT.as_slice()].concat();
    assert_eq!(executed.changes.codes[&account.code_hash], Bytes::from(code));
}

#[test]
fn refunds_stop_at_a_fifth_of_the_gas() {
    // Clears ten slots: PUSH0 PUSH1 n SSTORE.
    let code: Vec<u8> = (0..10).flat_map(|slot| [0x5f, 0x60, slot, 0x55]).collect();
    let mut scene = Scene::new().with(CONTRACT, code, 0);
    for slot in 0..10 {
        scene = scene.with_slot(CONTRACT, slot, 1);
    }
    let (applied, executed) = scene.run(&by_alice(send(CONTRACT, 0, 0)));
    let spent = 21_000 + 10 * (2 + 3 + 5_000);
    assert_eq!(applied.gas_used, spent - spent / 5);
    assert!(executed.changes.accounts[&CONTRACT].storage.values().all(|value| value.is_zero()));
    assert_eq!(executed.changes.accounts[&CONTRACT].storage.len(), 10);
}

#[test]
fn a_refused_transaction_leaves_no_trace_and_the_block_goes_on() {
    let scene = Scene::new();
    let mut executor = scene.begin();
    let poor = signed(send(ALICE, 1, 0), BOB);
    assert!(matches!(executor.apply(&poor), Err(ApplyError::Invalid(_))));
    let early = by_alice(send(BOB, 1, 1));
    assert!(matches!(executor.apply(&early), Err(ApplyError::Invalid(_))));
    executor.apply(&by_alice(send(BOB, 1, 0))).unwrap();
    executor.apply(&early).unwrap();
    let with_refusals = executor.finish().unwrap();

    let mut executor = scene.begin();
    executor.apply(&by_alice(send(BOB, 1, 0))).unwrap();
    executor.apply(&early).unwrap();
    assert_eq!(executor.finish().unwrap(), with_refusals);
    assert_eq!(with_refusals.receipts[1].cumulative_gas_used, 42_000);
}

#[test]
fn refusals_read_as_in_geth_and_carry_the_numbers() {
    let scene = Scene::new();
    let refused = |tx: TxEip1559| scene.refused(&by_alice(tx));
    let base = || send(BOB, 1, 0);
    assert_eq!(
        refused(send(BOB, 1, 3)),
        format!("nonce too high: address {ALICE}, tx: 3 state: 0")
    );
    assert_eq!(
        refused(TxEip1559 { max_fee_per_gas: 7, max_priority_fee_per_gas: 7, ..base() }),
        format!(
            "max fee per gas less than block base fee: address {ALICE}, maxFeePerGas: 7, \
             baseFee: 875000000"
        )
    );
    assert_eq!(
        refused(TxEip1559 { max_priority_fee_per_gas: 3 * GWEI, ..base() }),
        format!(
            "max priority fee per gas higher than max fee per gas: address {ALICE}, \
             maxPriorityFeePerGas: 3000000000, maxFeePerGas: 2000000000"
        )
    );
    assert_eq!(
        refused(TxEip1559 { gas_limit: 20_999, ..base() }),
        "intrinsic gas too low: have 20999, want 21000"
    );
    assert_eq!(
        refused(TxEip1559 { chain_id: 1, ..base() }),
        "invalid chain id for signer: have 1 want 31337"
    );
    assert_eq!(
        scene.refused(&signed(base(), BOB)),
        format!(
            "insufficient funds for gas * price + value: address {BOB} have 0 want \
             2000000000000001"
        )
    );
    assert_eq!(
        refused(TxEip1559 { gas_limit: 30_000_001, ..base() }),
        "gas limit reached: transaction needs 30000001, block has 30000000 left"
    );
}

#[test]
fn older_forks_refuse_newer_transactions() {
    let scene = Scene::at(Fork::Shanghai);
    let refused = scene.refused(&signed(blob_tx(1, 0), ALICE));
    assert_eq!(refused, "transaction type not supported: type 3");
    let (applied, _) = Scene::at(Fork::London).run(&by_alice(send(BOB, 1, 0)));
    assert_eq!(applied.gas_used, 21_000);
}

#[test]
fn limits_can_be_set() {
    let mut scene = Scene::new();
    let large = by_alice(TxEip1559 { gas_limit: 20_000_000, ..send(BOB, 1, 0) });
    assert_eq!(scene.run(&large).0.gas_used, 21_000);
    scene.settings.transaction_gas_cap = true;
    assert_eq!(
        scene.refused(&large),
        "transaction gas limit too high (cap: 16777216, tx: 20000000)"
    );
    let mut scene = Scene::new();
    let larger = by_alice(TxEip1559 { gas_limit: 40_000_000, ..send(BOB, 1, 0) });
    scene.settings.disable_block_gas_limit = true;
    assert_eq!(scene.run(&larger).0.gas_used, 21_000);
}

#[test]
fn an_impersonated_contract_may_send() {
    let scene = Scene::new().with(CONTRACT, [0_u8], 0);
    let tx = legacy(BOB, 1);
    let funded = TxLegacy { gas_price: GWEI, value: U256::ZERO, gas_limit: 21_000, ..tx };
    let mut executor = scene.begin();
    let cost = U256::from(21_000 * GWEI);
    executor.credit(CONTRACT, cost).unwrap();
    let by_key = signed(funded.clone(), CONTRACT);
    let refused = executor.apply(&by_key).unwrap_err().to_string();
    assert_eq!(refused, format!("sender not an eoa: address {CONTRACT}"));
    executor.apply(&Transaction::impersonate(funded.into(), CONTRACT)).unwrap();
    let refused = executor.apply(&by_key).unwrap_err().to_string();
    assert_eq!(refused, format!("sender not an eoa: address {CONTRACT}"));
}
