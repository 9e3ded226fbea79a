//! A small chain to run blocks and calls on, and the tests of this floor.

mod accounts;
mod blocks;
mod calls;
mod estimates;
mod forks;
mod roots;
mod transactions;

use super::{Applied, ApplyError, BlockExecutor, BlockTemplate, EvmSettings, Executed};
use crate::{
    primitives::{Account, AccountChange, StateChanges, Transaction},
    spec::{ChainSpec, Fork, dev::DevGenesis},
    state::{Overlay, StateTrie, StateView, StorageIds},
    storage::{Durability, Storage},
};
use alloy_consensus::{Header, Signed, TxEip1559, TxEnvelope, TxLegacy};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use std::sync::Arc;

/// Has 10,000 ether.
const ALICE: Address = Address::repeat_byte(0xa1);
/// Has nothing.
const BOB: Address = Address::repeat_byte(0xb0);
/// Gets the tips.
const COINBASE: Address = Address::repeat_byte(0xc0);
/// Where tests put a contract.
const CONTRACT: Address = Address::repeat_byte(0xcc);

const GWEI: u128 = 1_000_000_000;

fn ether(amount: u64) -> U256 {
    U256::from(amount) * U256::from(10).pow(U256::from(18))
}

/// A chain that remembers its state as one set of changes over an empty database.
struct Scene {
    spec: ChainSpec,
    settings: EvmSettings,
    state: StateChanges,
    head: Header,
    storage: Storage,
    _dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self::at(Fork::LATEST)
    }

    fn at(fork: Fork) -> Self {
        let genesis = DevGenesis {
            chain_id: 31337,
            timestamp: 1_700_000_000,
            number: 0,
            gas_limit: 30_000_000,
            base_fee: 1_000_000_000,
            fork,
            accounts: vec![(ALICE, ether(10_000))],
            create2_deployer: true,
        };
        Self::of(ChainSpec::from_genesis(genesis.genesis()).unwrap())
    }

    fn of(spec: ChainSpec) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            state: spec.genesis_changes(),
            head: spec.genesis_header(B256::repeat_byte(1)),
            settings: EvmSettings::default(),
            storage: Storage::open(dir.path(), Durability::Ephemeral).unwrap(),
            _dir: dir,
            spec,
        }
    }

    /// Puts a contract in place.
    fn with(mut self, address: Address, code: impl Into<Bytes>, balance: u64) -> Self {
        let code = code.into();
        let account = Account {
            nonce: 1,
            balance: U256::from(balance),
            code_hash: keccak256(&code),
            storage_id: 7,
            ..Default::default()
        };
        self.state.codes.insert(account.code_hash, code);
        let change = AccountChange { account: Some(account), ..Default::default() };
        self.state.accounts.insert(address, change);
        self
    }

    fn with_slot(mut self, address: Address, slot: u64, value: u64) -> Self {
        let change = self.state.accounts.get_mut(&address).unwrap();
        change.storage.insert(U256::from(slot), U256::from(value));
        self
    }

    /// The trie of the state, which learns its storage roots, and the next storage id.
    fn trie(&mut self) -> (StateTrie, u64) {
        let (mut trie, mut ids) = (StateTrie::empty(), StorageIds::new(1));
        let reader = self.storage.state.reader().unwrap();
        trie.apply(&mut self.state, self.head.number + 1, &reader, &mut ids).unwrap();
        (trie, ids.next())
    }

    fn view(&self) -> StateView {
        let overlay = Overlay::default().with(Arc::new(self.state.clone()));
        let reader = self.storage.state.reader().unwrap();
        StateView::new(self.head.number, overlay, reader, self.storage.clone())
    }

    /// The next block, 12 seconds later.
    fn template(&self) -> BlockTemplate {
        let timestamp = self.head.timestamp + 12;
        let fork = self.spec.fork_of(self.head.number + 1, timestamp, U256::ZERO);
        BlockTemplate {
            parent_hash: self.head.hash_slow(),
            number: self.head.number + 1,
            timestamp,
            gas_limit: 30_000_000,
            base_fee: self.spec.next_base_fee(&self.head),
            beneficiary: COINBASE,
            prev_randao: B256::repeat_byte(0x44),
            difficulty: U256::ZERO,
            excess_blob_gas: self.spec.next_excess_blob_gas(&self.head, timestamp),
            parent_beacon_block_root: (fork >= Fork::Cancun).then_some(B256::repeat_byte(0xbe)),
            withdrawals: (fork >= Fork::Shanghai).then(Default::default),
            extra_data: Bytes::new(),
        }
    }

    fn begin(&self) -> BlockExecutor {
        self.begin_with(StateChanges::default(), &self.template())
    }

    fn begin_with(&self, edits: StateChanges, template: &BlockTemplate) -> BlockExecutor {
        BlockExecutor::begin(&self.spec, &self.settings, self.view(), edits, template).unwrap()
    }

    /// Runs one transaction in a block of its own.
    fn run(&self, tx: &Transaction) -> (Applied, Executed) {
        let mut executor = self.begin();
        let applied = executor.apply(tx).unwrap();
        (applied, executor.finish().unwrap())
    }

    fn refused(&self, tx: &Transaction) -> String {
        self.begin().apply(tx).unwrap_err().to_string()
    }
}

fn signed<T>(tx: T, sender: Address) -> Transaction
where
    Signed<T>: Into<TxEnvelope>,
    T: alloy_consensus::SignableTransaction<Signature>,
{
    let envelope = Signed::new_unhashed(tx, Signature::test_signature()).into();
    Transaction::new_unchecked(envelope, sender)
}

/// ALICE sends: 1,000,000 gas, 2 gwei at most, 1 gwei tip.
fn send(to: impl Into<TxKind>, value: u64, nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: 31337,
        nonce,
        gas_limit: 1_000_000,
        max_fee_per_gas: 2 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: to.into(),
        value: U256::from(value),
        ..Default::default()
    }
}

fn by_alice(tx: TxEip1559) -> Transaction {
    signed(tx, ALICE)
}

/// A creation by ALICE whose contract has the given code.
fn deploy(code: &[u8], nonce: u64) -> TxEip1559 {
    TxEip1559 { input: init_code(code), to: TxKind::Create, ..send(BOB, 0, nonce) }
}

/// Init code that returns `code`: PUSH2 size, DUP1, PUSH1 12, PUSH1 0, CODECOPY, PUSH1 0, RETURN.
fn init_code(code: &[u8]) -> Bytes {
    let [high, low] = u16::try_from(code.len()).unwrap().to_be_bytes();
    let mut init = vec![0x61, high, low, 0x80, 0x60, 12, 0x60, 0, 0x39, 0x60, 0, 0xf3];
    init.extend_from_slice(code);
    init.into()
}

fn balance(changes: &StateChanges, address: Address) -> U256 {
    changes.accounts[&address].account.unwrap().balance
}
