//! State roots inside a block: one after each transaction.

use super::*;
use alloy_consensus::Eip658Value;

/// A fork of each kind: with and without state clearing, net metering, status, old SELFDESTRUCT.
const FORKS: [Fork; 7] = [
    Fork::Frontier,
    Fork::Homestead,
    Fork::Tangerine,
    Fork::SpuriousDragon,
    Fork::Byzantium,
    Fork::Shanghai,
    Fork::Cancun,
];

/// Without input: slot 0 goes up by one, slot 1 is set or cleared in turn. With input: destroys itself
/// in favour of BOB.
fn counter() -> Vec<u8> {
    let mut code = vec![
        0x36, 0x60, 22, 0x57, // CALLDATASIZE, PUSH1 end, JUMPI
        0x60, 0x00, 0x54, 0x60, 0x01, 0x01, 0x80, // SLOAD 0, add 1, DUP1
        0x60, 0x00, 0x55, // to slot 0
        0x60, 0x01, 0x16, 0x60, 0x01, 0x55, // lowest bit to slot 1
        0x00, 0x00, // STOP
        0x5b, 0x73, // end: JUMPDEST, PUSH20
    ];
    code.extend_from_slice(BOB.as_slice());
    code.push(0xff);
    code
}

/// A transaction of ALICE that every fork takes.
fn plain(to: impl Into<TxKind>, value: u64, nonce: u64, input: Bytes) -> Transaction {
    let tx = TxLegacy {
        chain_id: None,
        nonce,
        gas_price: 2 * GWEI,
        gas_limit: 500_000,
        to: to.into(),
        value: U256::from(value),
        input,
    };
    signed(tx, ALICE)
}

/// Writes, clears, creates, destroys, and pays who was destroyed.
fn history() -> Vec<Transaction> {
    let created = ALICE.create(2);
    vec![
        plain(CONTRACT, 0, 0, Bytes::new()),
        plain(CONTRACT, 7, 1, Bytes::new()),
        plain(TxKind::Create, 0, 2, init_code(&counter())),
        plain(created, 1, 3, Bytes::new()),
        plain(CONTRACT, 0, 4, Bytes::from_static(&[1])),
        plain(CONTRACT, 3, 5, Bytes::new()),
        plain(created, 0, 6, Bytes::from_static(&[1])),
        plain(BOB, 0, 7, Bytes::new()),
        plain(Address::repeat_byte(0xee), 0, 8, Bytes::new()),
    ]
}

fn scene(fork: Fork) -> Scene {
    Scene::at(fork).with(CONTRACT, counter(), 5).with_slot(CONTRACT, 0, 8).with_slot(CONTRACT, 9, 1)
}

/// The root of the state that a block of these transactions leaves, by one pass over its changes.
fn root_of(scene: &Scene, trie: &(StateTrie, u64), transactions: &[Transaction]) -> B256 {
    let executor = scene.begin().without_receipts();
    let mut changes = executor.run(transactions, &[]).unwrap().changes;
    let (mut trie, mut ids) = (trie.0.clone(), StorageIds::new(trie.1));
    let reader = scene.storage.state.reader().unwrap();
    trie.apply(&mut changes, scene.head.number + 1, &reader, &mut ids).unwrap();
    trie.root()
}

#[test]
fn a_root_in_the_block_is_the_root_of_a_block_that_ends_there() {
    for fork in FORKS {
        let mut scene = scene(fork);
        let trie = scene.trie();
        let transactions = history();
        let mut executor = scene.begin().with_roots(trie.0.clone(), trie.1);
        for (index, tx) in transactions.iter().enumerate() {
            assert!(executor.apply(tx).unwrap().success, "{fork} {index}");
            assert_eq!(executor.roots().len(), index + 1);
            let expected = root_of(&scene, &trie, &transactions[..=index]);
            assert_eq!(executor.roots()[index], expected, "{fork} {index}");
        }
    }
}

#[test]
fn receipts_carry_roots_before_byzantium_and_a_status_since() {
    for fork in FORKS {
        let mut scene = scene(fork);
        let (trie, next) = scene.trie();
        let mut executor = scene.begin().with_roots(trie, next);
        for tx in history() {
            executor.apply(&tx).unwrap();
        }
        let roots = executor.roots().to_vec();
        let receipts = executor.finish().unwrap().receipts;
        let carried: Vec<_> = receipts.iter().map(|receipt| receipt.status).collect();
        let expected: Vec<_> = match fork < Fork::Byzantium {
            true => roots.into_iter().map(Eip658Value::PostState).collect(),
            false => roots.iter().map(|_| Eip658Value::Eip658(true)).collect(),
        };
        assert_eq!(carried, expected, "{fork}");
    }
}

#[test]
fn an_edit_and_a_reward_between_are_in_the_next_root() {
    let mut scene = scene(Fork::Homestead);
    let trie = scene.trie();
    let rich = Account { balance: ether(3), ..Default::default() };
    let change = AccountChange { account: Some(rich), ..Default::default() };
    let mut edits = StateChanges::default();
    edits.accounts.insert(BOB, change);
    let executor = scene.begin_with(edits.clone(), &scene.template());
    let mut executor = executor.with_roots(trie.0.clone(), trie.1);
    executor.credit(CONTRACT, ether(1)).unwrap();
    let tx = plain(CONTRACT, 0, 0, Bytes::new());
    executor.apply(&tx).unwrap();
    let inside = executor.roots()[0];

    let mut after = scene.begin_with(edits, &scene.template()).without_receipts();
    after.credit(CONTRACT, ether(1)).unwrap();
    let mut changes = after.run(&[tx], &[]).unwrap().changes;
    let (mut whole, mut ids) = (trie.0, StorageIds::new(trie.1));
    let reader = scene.storage.state.reader().unwrap();
    whole.apply(&mut changes, scene.head.number + 1, &reader, &mut ids).unwrap();
    assert_eq!(inside, whole.root());
}

#[test]
fn without_a_trie_receipts_before_byzantium_cannot_be_made() {
    let tx = plain(BOB, 1, 0, Bytes::new());
    let scene = Scene::at(Fork::SpuriousDragon);
    assert_eq!(
        scene.refused(&tx),
        "receipts of spuriousdragon carry state roots, and the executor has no trie to make them"
    );
    assert!(scene.begin().without_receipts().apply(&tx).unwrap().success);
    assert!(Scene::at(Fork::Byzantium).begin().apply(&tx).unwrap().success);
}
