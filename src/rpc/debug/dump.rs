//! Which accounts and slots are there? Pages of the state in the order of the trie's keys.

use super::{
    page::{Next, Start},
    raw::found,
};
use crate::{
    primitives::Account,
    rpc::{
        Answer, Api, RpcContext, RpcError,
        params::{At, Number},
        resolve,
    },
    state::{Keyed, StateView, next_key},
};
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use serde::Serialize;
use std::collections::BTreeMap;

/// Most accounts in a page, as in geth.
const PAGE: usize = 256;

/// The state, page by page. It is exactly what the block's root says: a developer's edits since the
/// head are not part of it yet.
#[rpc(server, namespace = "debug")]
pub trait Dump {
    /// Accounts from a key on: at most 256. `next` is the key of the page after it. Accounts whose
    /// address is unknown are left out unless `incompletes`.
    #[method(name = "accountRange")]
    async fn account_range(
        &self,
        block: At,
        start: Option<Start>,
        max_results: Option<Number>,
        no_code: Option<bool>,
        no_storage: Option<bool>,
        incompletes: Option<bool>,
    ) -> Answer<StateDump>;

    /// The first 256 accounts of a block's state.
    #[method(name = "dumpBlock")]
    async fn dump_block(&self, block: At) -> Answer<StateDump>;

    /// Slots of an account from a key on, as they are before transaction `tx_index` of the block;
    /// after all of them with the number of transactions as index.
    #[method(name = "storageRangeAt")]
    async fn storage_range_at(
        &self,
        block: At,
        tx_index: Number,
        address: Address,
        start: Option<Start>,
        max_results: Number,
    ) -> Answer<StorageRange>;
}

/// A page of accounts in geth's shape.
#[derive(Clone, Debug, Serialize)]
pub struct StateDump {
    /// State root, without `0x`.
    root: String,
    /// By address, or `pre(key)` where the address is unknown.
    accounts: BTreeMap<String, DumpedAccount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Next>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DumpedAccount {
    /// Wei, in decimal.
    balance: String,
    nonce: u64,
    root: B256,
    code_hash: B256,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Bytes>,
    /// Slot to value, in hex without `0x` and without leading zero bytes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    storage: BTreeMap<B256, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    key: B256,
}

/// A page of slots in geth's shape.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageRange {
    storage: BTreeMap<B256, RangeSlot>,
    next_key: Option<B256>,
}

#[derive(Clone, Debug, Serialize)]
struct RangeSlot {
    key: Option<B256>,
    value: B256,
}

#[async_trait]
impl DumpServer for Api {
    async fn account_range(
        &self,
        block: At,
        start: Option<Start>,
        max_results: Option<Number>,
        no_code: Option<bool>,
        no_storage: Option<bool>,
        incompletes: Option<bool>,
    ) -> Answer<StateDump> {
        let asked = max_results.map_or(0, |asked| asked.saturating_to());
        let wanted = Wanted {
            start: start.unwrap_or_default().0,
            accounts: if (1..=PAGE).contains(&asked) { asked } else { PAGE },
            code: !no_code.unwrap_or(false),
            storage: !no_storage.unwrap_or(false),
            incomplete: incompletes.unwrap_or(false),
        };
        self.blocking(move |node| dump(node, block, wanted)).await
    }

    async fn dump_block(&self, block: At) -> Answer<StateDump> {
        let wanted = Wanted {
            start: B256::ZERO,
            accounts: PAGE,
            code: true,
            storage: true,
            incomplete: false,
        };
        self.blocking(move |node| dump(node, block, wanted)).await
    }

    async fn storage_range_at(
        &self,
        block: At,
        tx_index: Number,
        address: Address,
        start: Option<Start>,
        max_results: Number,
    ) -> Answer<StorageRange> {
        let (index, limit) = (tx_index.saturating_to(), max_results.saturating_to());
        let start = start.unwrap_or_default().0;
        self.blocking(move |node| storage_range(node, block, index, address, start, limit)).await
    }
}

/// What of the state is wanted.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    start: B256,
    accounts: usize,
    code: bool,
    storage: bool,
    incomplete: bool,
}

fn dump(node: &RpcContext, block: At, wanted: Wanted) -> Answer<StateDump> {
    let header = resolve::canonical(&node.chain, block.0)?;
    let view = node.chain.state_at(header.number)?;
    let mut slots_left = node.limits.dump_slots;
    let mut accounts = BTreeMap::new();
    let mut from = Some(wanted.start);
    let mut next = None;
    'pages: while let Some(start) = from {
        let page = view.accounts_from(start, wanted.accounts + 1)?;
        let last = page.last().filter(|_| page.len() > wanted.accounts);
        from = last.and_then(|last| next_key(last.hash));
        for entry in &page {
            if accounts.len() == wanted.accounts {
                next = Some(Next(entry.hash));
                break 'pages;
            }
            if entry.key.is_some() || wanted.incomplete {
                accounts.insert(name(entry), dumped(node, &view, entry, wanted, &mut slots_left)?);
            }
        }
    }
    Ok(StateDump { root: hex::encode(header.state_root), accounts, next })
}

fn name(entry: &Keyed<Address, Account>) -> String {
    match entry.key {
        Some(address) => address.to_checksum(None),
        None => format!("pre({})", entry.hash),
    }
}

fn dumped(
    node: &RpcContext,
    view: &StateView,
    entry: &Keyed<Address, Account>,
    wanted: Wanted,
    slots_left: &mut usize,
) -> Answer<DumpedAccount> {
    let account = entry.value;
    let mut storage = BTreeMap::new();
    if wanted.storage {
        let slots = view.slots_from(entry.key, &account, B256::ZERO, *slots_left + 1)?;
        let Some(left) = slots_left.checked_sub(slots.len()) else {
            return Err(RpcError::DumpTooLarge(node.limits.dump_slots));
        };
        *slots_left = left;
        let named = slots.iter().filter_map(|slot| Some((B256::from(slot.key?), slot.value)));
        storage =
            named.map(|(key, value)| (key, hex::encode(value.to_be_bytes_trimmed_vec()))).collect();
    }
    let code = if wanted.code { view.code(account.code_hash)? } else { Bytes::new() };
    let code = (!code.is_empty()).then_some(code);
    Ok(DumpedAccount {
        balance: account.balance.to_string(),
        nonce: account.nonce,
        root: account.storage_root,
        code_hash: account.code_hash,
        code,
        storage,
        address: entry.key,
        key: entry.hash,
    })
}

fn storage_range(
    node: &RpcContext,
    block: At,
    index: usize,
    address: Address,
    start: B256,
    limit: usize,
) -> Answer<StorageRange> {
    let header = resolve::canonical(&node.chain, block.0)?;
    let block = found(node, At(header.seal().into()))?;
    let transactions = block.body.transactions.len();
    if index > transactions {
        return Err(RpcError::TransactionIndex { index, block: block.hash() });
    }
    let allowed = node.limits.dump_slots;
    if limit > allowed {
        return Err(RpcError::TooManySlots(allowed));
    }
    let view = node.chain.state_within(&block, index)?;
    let Some(account) = view.account(address)? else { return Ok(StorageRange::default()) };
    let mut slots = view.slots_from(Some(address), &account, start, limit + 1)?;
    let next_key = if slots.len() > limit { slots.pop().map(|slot| slot.hash) } else { None };
    let shown = |slot: Keyed<U256, U256>| {
        (slot.hash, RangeSlot { key: slot.key.map(B256::from), value: slot.value.into() })
    };
    Ok(StorageRange { storage: slots.into_iter().map(shown).collect(), next_key })
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
