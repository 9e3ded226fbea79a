//! What is a state, as simply as it can be said, and what does a transaction do to it?

use crate::{
    code::{Constructor, STORE},
    node::COINBASE,
    wallet::TIP,
};
use alloy_consensus::{
    Header,
    constants::{EMPTY_ROOT_HASH, KECCAK_EMPTY},
};
use alloy_genesis::Genesis;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{
    TrieAccount,
    root::{state_root_unhashed, storage_root_unhashed},
};
use mainspring::{
    primitives::Edit,
    spec::{
        Fork,
        contracts::{BEACON_ROOTS_ADDRESS, CREATE2_DEPLOYER_ADDRESS, HISTORY_STORAGE_ADDRESS},
    },
};
use std::collections::BTreeMap;

/// Slots of the two ring buffers that system calls write.
const RING: u64 = 8191;
/// How the code of an account that acts as another one begins.
const DELEGATION: [u8; 3] = [0xef, 0x01, 0x00];

/// An account with all it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) nonce: u64,
    pub(crate) balance: U256,
    pub(crate) code: Bytes,
    pub(crate) slots: BTreeMap<U256, U256>,
}

impl Holder {
    pub(crate) fn code_hash(&self) -> B256 {
        if self.code.is_empty() { KECCAK_EMPTY } else { keccak256(&self.code) }
    }

    pub(crate) fn in_trie(&self) -> TrieAccount {
        let slots = self.slots.iter().map(|(slot, value)| (B256::from(*slot), *value));
        let empty = self.slots.is_empty();
        TrieAccount {
            nonce: self.nonce,
            balance: self.balance,
            storage_root: if empty { EMPTY_ROOT_HASH } else { storage_root_unhashed(slots) },
            code_hash: self.code_hash(),
        }
    }

    fn store(&mut self, slot: U256, value: U256) {
        if value.is_zero() {
            self.slots.remove(&slot);
        } else {
            self.slots.insert(slot, value);
        }
    }

    fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code.is_empty()
    }

    fn is_plain(&self) -> bool {
        self.code.is_empty() || self.code.starts_with(&DELEGATION)
    }
}

/// The gas of one transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gas {
    pub(crate) limit: u64,
    pub(crate) used: u64,
}

/// What a transaction asks for.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) sender: Address,
    pub(crate) nonce: u64,
    pub(crate) value: U256,
    pub(crate) action: Action,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Transfer(Address),
    Store(Address, Vec<(U256, U256)>),
    Destroy(Address, Address),
    Create(Constructor),
    Create2(B256, Constructor),
    /// The authority, its nonce in the authorization, whose code it will run (zero: its own).
    Delegate(Address, u64, Address),
}

/// The address that a salt and a constructor give.
pub(crate) fn create2_address(salt: B256, constructor: Constructor) -> Address {
    CREATE2_DEPLOYER_ADDRESS.create2(salt, keccak256(constructor.code()))
}

/// All accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) holders: BTreeMap<Address, Holder>,
}

impl World {
    pub(crate) fn genesis(genesis: &Genesis) -> Self {
        let holder = |account: &alloy_genesis::GenesisAccount| Holder {
            nonce: account.nonce.unwrap_or(0),
            balance: account.balance,
            code: account.code.clone().unwrap_or_default(),
            slots: BTreeMap::new(),
        };
        let alloc = genesis.alloc.iter();
        Self { holders: alloc.map(|(address, account)| (*address, holder(account))).collect() }
    }

    /// The state root, from nothing but the accounts.
    pub(crate) fn root(&self) -> B256 {
        let holders = self.holders.iter();
        state_root_unhashed(holders.map(|(address, holder)| (*address, holder.in_trie())))
    }

    pub(crate) fn get(&self, address: Address) -> Holder {
        self.holders.get(&address).cloned().unwrap_or_default()
    }

    fn at(&mut self, address: Address) -> &mut Holder {
        self.holders.entry(address).or_default()
    }

    fn prune(&mut self) {
        self.holders.retain(|_, holder| !holder.is_empty());
    }

    pub(crate) fn edit(&mut self, edit: &Edit) {
        match edit {
            Edit::Balance(address, balance) => self.at(*address).balance = *balance,
            Edit::Nonce(address, nonce) => self.at(*address).nonce = *nonce,
            Edit::Code(address, code) => self.at(*address).code = code.clone(),
            Edit::Storage(address, slot, value) => self.at(*address).store(*slot, *value),
        }
        self.prune();
    }

    /// The system calls that open a block.
    pub(crate) fn begin(&mut self, fork: Fork, header: &Header) {
        let time = U256::from(header.timestamp);
        if fork >= Fork::Cancun {
            self.at(BEACON_ROOTS_ADDRESS).store(U256::from(header.timestamp % RING), time);
        }
        if fork >= Fork::Prague {
            let parent = header.parent_hash.into();
            let slot = U256::from((header.number - 1) % RING);
            self.at(HISTORY_STORAGE_ADDRESS).store(slot, parent);
        }
    }

    /// Runs a transaction; answers whether it should have succeeded. All its gas is bought before,
    /// and what was not used is paid back after.
    pub(crate) fn run(&mut self, sent: &Sent, fork: Fork, header: &Header, gas: Gas) -> bool {
        let price = U256::from(header.base_fee_per_gas.unwrap_or(0)) + U256::from(TIP);
        let sender = self.at(sent.sender);
        assert_eq!(sender.nonce, sent.nonce, "an included transaction has its sender's nonce");
        sender.nonce += 1;
        sender.balance -= price * U256::from(gas.limit);
        let success = match &sent.action {
            Action::Transfer(to) => self.call(sent, *to),
            Action::Store(to, pairs) => self.store(sent, *to, pairs),
            Action::Destroy(to, heir) => self.destroy(sent, *to, *heir, fork),
            Action::Create(constructor) => {
                self.create(sent, sent.sender.create(sent.nonce), *constructor)
            }
            Action::Create2(salt, constructor) => self.create2(sent, *salt, *constructor),
            Action::Delegate(authority, at, target) => self.delegate(*authority, *at, *target),
        };
        self.at(sent.sender).balance += price * U256::from(gas.limit - gas.used);
        self.at(COINBASE).balance += U256::from(TIP) * U256::from(gas.used);
        self.prune();
        success
    }

    /// Pays for the work of a block.
    pub(crate) fn reward(&mut self, miner: Address, wei: U256) {
        self.at(miner).balance += wei;
    }

    fn call(&mut self, sent: &Sent, to: Address) -> bool {
        self.at(sent.sender).balance -= sent.value;
        self.at(to).balance += sent.value;
        true
    }

    /// Does a call of this account run [`STORE`]?
    fn runs_store(&self, address: Address) -> bool {
        let code = self.get(address).code;
        match code.strip_prefix(&DELEGATION) {
            Some(target) => self.get(Address::from_slice(target)).code == STORE,
            None => code == STORE,
        }
    }

    fn store(&mut self, sent: &Sent, to: Address, pairs: &[(U256, U256)]) -> bool {
        let runs = self.runs_store(to);
        self.call(sent, to);
        for (slot, value) in pairs.iter().filter(|_| runs) {
            self.at(to).store(*slot, *value);
        }
        true
    }

    fn destroy(&mut self, sent: &Sent, to: Address, heir: Address, fork: Fork) -> bool {
        let runs = self.runs_store(to);
        self.call(sent, to);
        if runs && to != heir {
            let left = std::mem::take(&mut self.at(to).balance);
            self.at(heir).balance += left;
        }
        if runs && fork < Fork::Cancun {
            self.holders.remove(&to);
        }
        true
    }

    fn create(&mut self, sent: &Sent, address: Address, constructor: Constructor) -> bool {
        let before = self.get(address);
        if before.nonce > 0 || !before.code.is_empty() {
            return false;
        }
        self.call(sent, address);
        let contract = self.at(address);
        if let Constructor::Doomed(heir) = constructor {
            let left = contract.balance;
            self.holders.remove(&address);
            self.at(heir).balance += left;
            return true;
        }
        contract.nonce = 1;
        contract.code = STORE;
        contract.slots = constructor.slots().into_iter().collect();
        true
    }

    fn create2(&mut self, sent: &Sent, salt: B256, constructor: Constructor) -> bool {
        let done = self.create(sent, create2_address(salt, constructor), constructor);
        self.at(CREATE2_DEPLOYER_ADDRESS).nonce += u64::from(done);
        done
    }

    fn delegate(&mut self, authority: Address, at: u64, target: Address) -> bool {
        let mut holder = self.get(authority);
        if holder.nonce == at && holder.is_plain() {
            holder.nonce += 1;
            let code = [&DELEGATION, target.as_slice()].concat();
            holder.code = if target.is_zero() { Bytes::new() } else { code.into() };
            self.holders.insert(authority, holder);
        }
        true
    }
}
