//! What has this block changed so far? A cache over the parent's state that revm reads and that
//! remembers, of every account and slot, the value before the block and the value now.

use super::{EvmError, StateSource, error::ReadError, participants::Notes, roots::Unrooted};
use crate::{
    primitives::{Account, AccountChange, StateChanges},
    storage::StateReader,
};
use alloy_consensus::constants::{EMPTY_ROOT_HASH, KECCAK_EMPTY};
use alloy_primitives::{
    Address, B256, Bytes, U256, keccak256,
    map::{AddressMap, B256Map, HashMap, U256Map, hash_map},
};
use revm::{
    Database,
    context::TxEnv,
    primitives::hardfork::SpecId,
    state::{AccountInfo, Bytecode, EvmState},
};

/// The state inside one block. Reads go down to the source once; what a transaction changed is
/// taken in by [`BlockState::absorb`].
#[derive(Debug)]
pub struct BlockState {
    source: StateSource,
    rules: SpecId,
    accounts: AddressMap<Entry>,
    codes: B256Map<Bytecode>,
    hashes: HashMap<u64, B256>,
    /// What changed since the last state root, where roots are made.
    unrooted: Option<Unrooted>,
    /// Who takes part in transactions, where somebody wants to know.
    notes: Option<Box<Notes>>,
}

#[derive(Debug, Default)]
struct Entry {
    /// Before the block.
    before: Option<Account>,
    now: Option<Account>,
    /// The slots from before the block do not count any more.
    wiped: bool,
    slots: U256Map<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Before the block; zero once the account was wiped.
    before: U256,
    now: U256,
}

impl Entry {
    /// Can a slot that was not written in this block still have a value?
    const fn has_old_slots(&self) -> bool {
        self.before.is_some() && !self.wiped
    }

    /// Does a slot have a value? Only for an account without code and nonce, which cannot clear one.
    fn has_storage(&self) -> bool {
        let had_slots = |account: Account| account.storage_root != EMPTY_ROOT_HASH;
        (!self.wiped && self.before.is_some_and(had_slots))
            || self.slots.values().any(|slot| !slot.now.is_zero())
    }

    /// Drops all slots, because the account ends or begins.
    fn wipe(&mut self) {
        self.wiped = self.before.is_some();
        self.slots.clear();
    }

    fn destroy(&mut self) {
        self.wipe();
        self.now = None;
    }

    /// The account with new contents. Where its storage is stored stays what it was, unless it was
    /// wiped: a new life gets a new place.
    fn set(&mut self, nonce: u64, balance: U256, code_hash: B256) {
        let stored = if self.wiped { None } else { self.before };
        let stored = stored.unwrap_or_default();
        let code_hash = if code_hash.is_zero() { KECCAK_EMPTY } else { code_hash };
        self.now = Some(Account { nonce, balance, code_hash, ..stored });
    }

    /// What revm takes for the hash of the code. Code, a nonce or storage is in the way of a creation
    /// ([EIP-7610](https://eips.ethereum.org/EIPS/eip-7610)), but revm does not look at storage. Of an
    /// account that has nothing but storage and wei it gets the zero hash, which it takes for no code
    /// everywhere but there, and in EXTCODEHASH, where [`super::machine`] takes care of it.
    fn shown_code_hash(&self, account: &Account) -> B256 {
        let is_plain = account.nonce == 0 && !account.has_code();
        if is_plain && self.has_storage() { B256::ZERO } else { account.code_hash }
    }

    fn into_change(self) -> Option<AccountChange> {
        let changed = self.slots.into_iter().filter(|(_, slot)| slot.now != slot.before);
        let storage: U256Map<U256> = changed.map(|(key, slot)| (key, slot.now)).collect();
        let is_same = self.now == self.before && !self.wiped && storage.is_empty();
        (!is_same).then_some(AccountChange { account: self.now, wiped: self.wiped, storage })
    }
}

impl BlockState {
    /// Brings what a transaction names, where that is far away.
    pub(super) fn prefetch(&self, tx: &TxEnv) {
        self.source.prefetch(tx);
    }

    /// The state before a block; `rules` decide whether empty accounts stay (EIP-161).
    pub(super) fn new(source: StateSource, rules: SpecId) -> Self {
        Self {
            source,
            rules,
            accounts: AddressMap::default(),
            codes: B256Map::default(),
            hashes: HashMap::default(),
            unrooted: None,
            notes: None,
        }
    }

    /// From now on it is noted who takes part in transactions.
    pub(super) fn take_notes(&mut self) {
        self.notes = Some(Box::default());
    }

    /// Who took part, where that is noted.
    pub(super) fn notes(&mut self) -> Option<&mut Notes> {
        self.notes.as_deref_mut()
    }

    /// Hands the notes over; they end.
    pub(super) fn hand_over_notes(&mut self) -> Notes {
        self.notes.take().map_or_else(Notes::default, |notes| *notes)
    }

    /// The read transaction below, for the trie.
    pub(super) const fn reader(&self) -> Result<&StateReader, EvmError> {
        self.source.reader()
    }

    /// From now on remembers what no state root knows yet: all that was changed so far.
    pub(super) fn track(&mut self) {
        let mut unrooted = Unrooted::default();
        for (address, entry) in &self.accounts {
            let account = unrooted.account(*address);
            account.wiped = entry.wiped;
            let changed = entry.slots.iter().filter(|(_, slot)| slot.now != slot.before);
            account.slots.extend(changed.map(|(key, _)| *key));
        }
        self.unrooted = Some(unrooted);
    }

    /// What changed since this was last asked for.
    pub(super) fn take_unrooted(&mut self) -> StateChanges {
        let unrooted = self.unrooted.as_mut().map(std::mem::take).unwrap_or_default();
        let mut changes = StateChanges::default();
        for (address, changed) in unrooted.0 {
            let Some(entry) = self.accounts.get(&address) else { continue };
            let value = |key: U256| Some((key, entry.slots.get(&key)?.now));
            let storage = changed.slots.into_iter().filter_map(value).collect();
            let change = AccountChange { account: entry.now, wiped: changed.wiped, storage };
            changes.accounts.insert(address, change);
        }
        changes
    }

    /// Takes slots of an account of a remote chain for changed, whatever they were: its code, if it is
    /// `code`, is about to write them, and what stood there does not matter. So nobody is asked for it.
    pub(super) fn overwrite(
        &mut self,
        address: Address,
        code: &Bytes,
        keys: impl IntoIterator<Item = u64>,
    ) -> Result<(), ReadError> {
        let entry = load(&self.source, &mut self.accounts, address)?;
        let is_it = |account: Account| account.is_remote && account.code_hash == keccak256(code);
        if entry.before.is_some_and(is_it) && !entry.wiped {
            let unlike_any = Slot { before: U256::MAX, now: U256::MAX };
            for key in keys {
                entry.slots.entry(U256::from(key)).or_insert(unlike_any);
            }
        }
        Ok(())
    }

    /// Lays changes over the state as if the block had made them.
    pub(super) fn lay(&mut self, changes: StateChanges) -> Result<(), ReadError> {
        let rules = self.rules;
        let codes = changes.codes.into_iter().map(|(hash, code)| (hash, bytecode(code, rules)));
        self.codes.extend(codes);
        for (address, change) in changes.accounts {
            let entry = load(&self.source, &mut self.accounts, address)?;
            if change.wiped {
                entry.wipe();
            }
            entry.now = change.account;
            for (key, now) in change.storage {
                set_slot(&self.source, entry, address, key, now)?;
            }
        }
        Ok(())
    }

    /// Takes in what a transaction or a system call changed.
    pub(super) fn absorb(&mut self, state: EvmState) -> Result<(), ReadError> {
        for (address, account) in state {
            if !account.is_touched() {
                continue;
            }
            let entry = load(&self.source, &mut self.accounts, address)?;
            let ends =
                account.is_selfdestructed() || account.state_clear_aware_is_empty(self.rules);
            if let Some(unrooted) = &mut self.unrooted {
                if ends || account.is_created() {
                    unrooted.wipe(address);
                }
                let changed = account.storage.iter().filter(|(_, slot)| slot.is_changed());
                unrooted.account(address).slots.extend(changed.map(|(key, _)| *key));
            }
            if ends {
                entry.destroy();
                continue;
            }
            if account.is_created() {
                entry.wipe();
            }
            let info = account.info;
            entry.set(info.nonce, info.balance, info.code_hash);
            for (key, slot) in account.storage.iter().filter(|(_, slot)| slot.is_changed()) {
                set_slot(&self.source, entry, address, *key, slot.present_value)?;
            }
            if let Some(code) = info.code
                && info.code_hash != KECCAK_EMPTY
            {
                self.codes.entry(info.code_hash).or_insert(code);
            }
        }
        Ok(())
    }

    /// Adds wei to an account that no transaction pays: withdrawals, rewards.
    pub(super) fn credit(&mut self, address: Address, amount: U256) -> Result<(), ReadError> {
        let balance = self.account(address)?.map_or(U256::ZERO, |account| account.balance);
        self.set_balance(address, balance.saturating_add(amount))
    }

    /// Sets a balance outside of transactions. That touches the account: it begins, or since EIP-161
    /// it ends if there is nothing in it.
    pub(super) fn set_balance(&mut self, address: Address, wei: U256) -> Result<(), ReadError> {
        let entry = load(&self.source, &mut self.accounts, address)?;
        let account = Account { balance: wei, ..entry.now.unwrap_or_default() };
        if self.rules.is_enabled_in(SpecId::SPURIOUS_DRAGON) && account.is_empty() {
            entry.destroy();
            if let Some(unrooted) = &mut self.unrooted {
                unrooted.wipe(address);
            }
            return Ok(());
        }
        entry.set(account.nonce, account.balance, account.code_hash);
        if let Some(unrooted) = &mut self.unrooted {
            unrooted.account(address);
        }
        Ok(())
    }

    /// The account as it is now.
    pub(super) fn account(&mut self, address: Address) -> Result<Option<Account>, ReadError> {
        Ok(load(&self.source, &mut self.accounts, address)?.now)
    }

    /// The root of an account's storage trie; `None` if this block has changed a slot of it, since the
    /// new root is made when the block is finished.
    pub(super) fn storage_root(&mut self, address: Address) -> Result<Option<B256>, ReadError> {
        let entry = load(&self.source, &mut self.accounts, address)?;
        let is_same = !entry.wiped && entry.slots.values().all(|slot| slot.now == slot.before);
        let root = entry.before.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
        Ok(is_same.then_some(root))
    }

    /// Is there code at `address`?
    pub(super) fn has_code(&mut self, address: Address) -> Result<bool, ReadError> {
        Ok(self.account(address)?.is_some_and(|account| account.has_code()))
    }

    /// Has anything looked at this account? What never did has not called it either.
    pub(super) fn has_seen(&self, address: Address) -> bool {
        self.accounts.contains_key(&address)
    }

    /// Everything that is different from before the block. Code is there if an account got it. With
    /// it comes the state before the block.
    pub(super) fn into_parts(mut self) -> (StateChanges, StateSource) {
        let mut changes = StateChanges::default();
        changes.accounts.reserve(self.accounts.len());
        for (address, entry) in self.accounts {
            let old_code = entry.before.map_or(KECCAK_EMPTY, |account| account.code_hash);
            let Some(change) = entry.into_change() else { continue };
            let code_hash = change.account.map_or(KECCAK_EMPTY, |account| account.code_hash);
            if code_hash != KECCAK_EMPTY
                && code_hash != old_code
                && let Some(code) = self.codes.remove(&code_hash)
            {
                changes.codes.insert(code_hash, code.original_bytes());
            }
            changes.accounts.insert(address, change);
        }
        (changes, self.source)
    }

    /// Replaces parts of an account, for a call with overrides.
    pub(super) fn override_account(
        &mut self,
        address: Address,
        balance: Option<U256>,
        nonce: Option<u64>,
        code: Option<Bytes>,
    ) -> Result<(), ReadError> {
        let code_hash = code.map(|code| self.remember(code));
        let entry = load(&self.source, &mut self.accounts, address)?;
        let account = entry.now.unwrap_or_default();
        entry.set(
            nonce.unwrap_or(account.nonce),
            balance.unwrap_or(account.balance),
            code_hash.unwrap_or(account.code_hash),
        );
        Ok(())
    }

    /// Sets slots, for a call with overrides; `whole` drops all others.
    pub(super) fn override_slots(
        &mut self,
        address: Address,
        slots: impl IntoIterator<Item = (B256, B256)>,
        whole: bool,
    ) -> Result<(), ReadError> {
        let entry = load(&self.source, &mut self.accounts, address)?;
        if whole {
            entry.wipe();
        }
        for (key, value) in slots {
            let now = value.into();
            entry.slots.insert(key.into(), Slot { before: now, now });
        }
        Ok(())
    }

    /// Sets the hash of a block, for a call with overrides.
    pub(super) fn override_hash(&mut self, number: u64, hash: B256) {
        self.hashes.insert(number, hash);
    }

    fn remember(&mut self, code: Bytes) -> B256 {
        if code.is_empty() {
            return KECCAK_EMPTY;
        }
        let hash = keccak256(&code);
        self.codes.insert(hash, bytecode(code, self.rules));
        hash
    }
}

fn load<'a>(
    source: &StateSource,
    accounts: &'a mut AddressMap<Entry>,
    address: Address,
) -> Result<&'a mut Entry, ReadError> {
    match accounts.entry(address) {
        hash_map::Entry::Occupied(known) => Ok(known.into_mut()),
        hash_map::Entry::Vacant(new) => {
            let before = source.account(address)?;
            Ok(new.insert(Entry { before, now: before, ..Default::default() }))
        }
    }
}

fn set_slot(
    source: &StateSource,
    entry: &mut Entry,
    address: Address,
    key: U256,
    now: U256,
) -> Result<(), ReadError> {
    let has_old_slots = entry.has_old_slots();
    match entry.slots.entry(key) {
        hash_map::Entry::Occupied(mut known) => known.get_mut().now = now,
        hash_map::Entry::Vacant(new) => {
            let before = if has_old_slots { source.storage(address, key)? } else { U256::ZERO };
            new.insert(Slot { before, now });
        }
    }
    Ok(())
}

/// Code in revm's form. What looks like a delegation is plain code before Prague, when anyone could
/// deploy such bytes (EIP-7702 has it so since), and so is what only begins like one.
fn bytecode(code: Bytes, rules: SpecId) -> Bytecode {
    if !rules.is_enabled_in(SpecId::PRAGUE) {
        return Bytecode::new_legacy(code);
    }
    Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_malformed| Bytecode::new_legacy(code))
}

impl Database for BlockState {
    type Error = ReadError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, ReadError> {
        let entry = load(&self.source, &mut self.accounts, address)?;
        Ok(entry.now.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: entry.shown_code_hash(&account),
            code: None,
            ..Default::default()
        }))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, ReadError> {
        match self.codes.entry(hash) {
            hash_map::Entry::Occupied(known) => Ok(known.get().clone()),
            hash_map::Entry::Vacant(new) => {
                let code = bytecode(self.source.code(hash)?, self.rules);
                Ok(new.insert(code).clone())
            }
        }
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, ReadError> {
        let entry = load(&self.source, &mut self.accounts, address)?;
        let has_old_slots = entry.has_old_slots();
        match entry.slots.entry(key) {
            hash_map::Entry::Occupied(known) => Ok(known.get().now),
            hash_map::Entry::Vacant(_) if !has_old_slots => Ok(U256::ZERO),
            hash_map::Entry::Vacant(new) => {
                let before = self.source.storage(address, key)?;
                Ok(new.insert(Slot { before, now: before }).now)
            }
        }
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, ReadError> {
        match self.hashes.entry(number) {
            hash_map::Entry::Occupied(known) => Ok(*known.get()),
            hash_map::Entry::Vacant(new) => Ok(*new.insert(self.source.block_hash(number)?)),
        }
    }
}
