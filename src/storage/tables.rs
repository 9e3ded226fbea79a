//! Every table, with a sentence on its key, its value, and who removes its rows.
//!
//! All tables are plain (one value a key) and all numbers in keys are big-endian, so that key order
//! is block order. Measured against duplicate-sorted rows and change sets: the README's Decisions.

/// A table: its index among the tables of its environment, and its name in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    pub(super) index: usize,
    pub(super) name: &'static str,
}

const fn table(index: usize, name: &'static str) -> Table {
    Table { index, name }
}

/// Small facts by name: schema version, genesis, and for `state` its head and counters.
pub(super) const META: Table = table(0, "meta");

/// `blocks`: number -> header hash and header RLP, canonical blocks only. Removed by unwinding.
pub(super) const HEADERS: Table = table(1, "headers");
/// `blocks`: number -> transactions with senders, ommers, withdrawals. Removed by unwinding.
pub(super) const BODIES: Table = table(2, "bodies");
/// `blocks`: number -> receipts. Removed by unwinding.
pub(super) const RECEIPTS: Table = table(3, "receipts");
/// `blocks`: header hash -> number, canonical blocks only. Removed by unwinding.
pub(super) const NUMBERS: Table = table(4, "numbers");
/// `blocks`: number, sequence -> a developer's edit that is part of block `number`. Removed by
/// unwinding and by reverting to a snapshot.
pub(super) const EDITS: Table = table(5, "edits");
/// `blocks`: hash -> a transaction that waits, in the form the pool gives it. Removed when it leaves.
pub(super) const POOL: Table = table(6, "pool");
/// `blocks`: number -> total difficulty (32 bytes) of the canonical block, only where the block has
/// a difficulty above zero: after the merge the row below holds. Removed by unwinding.
pub(super) const TOTAL_DIFFICULTIES: Table = table(7, "total difficulties");
/// `blocks`: number, hash -> total difficulty, header and body of an executed block off the canonical
/// chain. Removed when it becomes canonical, or too old, or when there are too many.
pub(super) const SIDE_BLOCKS: Table = table(8, "side blocks");
/// `blocks`: name of a branch that is not current -> its newest block, edits over it, what was set there.
/// Removed when the branch becomes the chain, or is deleted.
pub(super) const BRANCHES: Table = table(9, "branches");
/// `blocks`: number, hash -> parent's hash, header, body, receipts, edits and changes of a block that a
/// branch goes through. Removed when no branch does any more; a row may also belong to a canonical block.
pub(super) const KEPT_BLOCKS: Table = table(10, "kept blocks");

/// `state`: keccak(address), inverted block -> account as of that block; empty = no account.
/// Removed by unwinding.
pub(super) const ACCOUNTS: Table = table(1, "accounts");
/// `state`: storage id, keccak(slot), inverted block -> value as of that block; empty = zero.
/// Removed by unwinding.
pub(super) const SLOTS: Table = table(2, "slots");
/// `state`: code hash -> code. Never removed: content-addressed.
pub(super) const CODES: Table = table(3, "codes");
/// `state`: storage id (0 = accounts), nibble path -> trie branch at the flushed head.
pub(super) const TRIE: Table = table(4, "trie");
/// `state`: number -> block hash and the keys that the block wrote. Removed by unwinding.
pub(super) const CHANGES: Table = table(5, "changes");
/// `state`: keccak -> the address or slot it is the hash of. Never removed.
pub(super) const PREIMAGES: Table = table(6, "preimages");
/// `state`: transaction hash -> block and index. A row may be stale after unwinding: who reads it
/// compares with the block.
pub(super) const TRANSACTIONS: Table = table(7, "transactions");

/// `state`: log key, number -> nothing: the block has an event of that address or topic. Removed by
/// unwinding.
pub(super) const LOG_INDEX: Table = table(8, "log index");
/// `state`: number -> the log keys of the block, only where it has events. Removed by unwinding.
pub(super) const LOG_KEYS: Table = table(9, "log keys");

/// `upstream`: point, address -> account as of the point; empty = no account. Never removed: a point
/// does not change.
pub(super) const FETCHED_ACCOUNTS: Table = table(1, "accounts");
/// `upstream`: point, address, slot -> value as of the point; empty = zero. Never removed.
pub(super) const FETCHED_SLOTS: Table = table(2, "slots");
/// `upstream`: code hash -> code. Never removed.
pub(super) const FETCHED_CODES: Table = table(3, "codes");
/// `upstream`: point, what was asked -> hash of a block of the chain that ends in the point. Never
/// removed.
pub(super) const FETCHED_HASHES: Table = table(4, "hashes");
/// `upstream`: hash of a question -> the answer as it came. Never removed.
pub(super) const FETCHED_ANSWERS: Table = table(5, "answers");
/// `state`: address, number, index -> what the address was in that transaction. Removed by unwinding.
pub(super) const ADDRESS_INDEX: Table = table(10, "address index");
/// `state`: number -> the addresses in the block's transactions, only where it has some. Removed by
/// unwinding.
pub(super) const ADDRESS_KEYS: Table = table(11, "address keys");
/// `state`: contract, inverted block, inverted index -> who created it there. Removed by unwinding.
pub(super) const ADDRESS_CREATIONS: Table = table(12, "address creations");
/// `state`: sender, nonce, inverted block -> index of the transaction. Removed by unwinding.
pub(super) const ADDRESS_NONCES: Table = table(13, "address nonces");

/// While a dump is read: state, keccak(address) -> account. Removed with the environment.
pub(super) const STAGED_ACCOUNTS: Table = table(1, "staged accounts");
/// While a dump is read: state, keccak(address), keccak(slot) -> slot and value. Removed with the
/// environment.
pub(super) const STAGED_SLOTS: Table = table(2, "staged slots");
/// While a dump is read: code hash -> code. Removed with the environment.
pub(super) const STAGED_CODES: Table = table(3, "staged codes");
/// While a dump is read: block hash -> header and body. Removed with the environment.
pub(super) const STAGED_BLOCKS: Table = table(4, "staged blocks");
/// While a dump is read: number -> hash of the block that came last. Removed with the environment.
pub(super) const STAGED_NUMBERS: Table = table(5, "staged numbers");
/// While a dump is read: block hash, index -> transaction hash and receipt. Removed with the environment.
pub(super) const STAGED_RECEIPTS: Table = table(6, "staged receipts");

/// While a dump is read: block hash -> which state is the one after it. Removed with the environment.
pub(super) const STAGED_STATES: Table = table(7, "staged states");

/// Tables of a dump that is being read, in index order.
pub(super) const STAGE: &[Table] = &[
    META,
    STAGED_ACCOUNTS,
    STAGED_SLOTS,
    STAGED_CODES,
    STAGED_BLOCKS,
    STAGED_NUMBERS,
    STAGED_RECEIPTS,
    STAGED_STATES,
];
/// Tables of the `blocks` environment, in index order.
pub(super) const BLOCKS: &[Table] = &[
    META,
    HEADERS,
    BODIES,
    RECEIPTS,
    NUMBERS,
    EDITS,
    POOL,
    TOTAL_DIFFICULTIES,
    SIDE_BLOCKS,
    BRANCHES,
    KEPT_BLOCKS,
];
/// Tables of the `state` environment, in index order.
pub(super) const STATE: &[Table] = &[
    META,
    ACCOUNTS,
    SLOTS,
    CODES,
    TRIE,
    CHANGES,
    PREIMAGES,
    TRANSACTIONS,
    LOG_INDEX,
    LOG_KEYS,
    ADDRESS_INDEX,
    ADDRESS_KEYS,
    ADDRESS_CREATIONS,
    ADDRESS_NONCES,
];

/// Tables of the `upstream` environment, in index order.
pub(super) const UPSTREAM: &[Table] =
    &[META, FETCHED_ACCOUNTS, FETCHED_SLOTS, FETCHED_CODES, FETCHED_HASHES, FETCHED_ANSWERS];

/// Version of the layout of both environments. A change of any row's form raises it.
pub(super) const SCHEMA_VERSION: u64 = 1;

/// Key of the schema version in [`META`].
pub(super) const META_SCHEMA: &[u8] = b"schema";
/// Key of the stored genesis (JSON) in [`META`] of `blocks`.
pub(super) const META_GENESIS: &[u8] = b"genesis";
/// Key of the block that the chain stands on (JSON) in [`META`] of `blocks`. A directory without it
/// begins with its genesis.
pub(super) const META_BASE: &[u8] = b"base";
/// Key of the id (32 bytes) of the load that both environments come from in [`META`] of both. A `state`
/// that was built for a load counts once `blocks` has its id.
pub(super) const META_LOAD: &[u8] = b"load";
/// Key of the file that the chain was loaded from or dumped to last in [`META`] of `blocks`.
pub(super) const META_STATE_FILE: &[u8] = b"state file";
/// Key of what the chain began with before a reset gave it another beginning (JSON) in [`META`] of
/// `blocks`.
pub(super) const META_ORIGIN: &[u8] = b"origin";
/// Key of the limits of execution (JSON) that hold for the newest blocks in [`META`] of `blocks`.
pub(super) const META_LIMITS: &[u8] = b"limits";
/// Key of what a developer set that is no block and no edit (JSON) in [`META`] of `blocks`.
pub(super) const META_DEVELOPMENT: &[u8] = b"development";
/// Key of the name of the canonical chain, once it was given another than the first, in [`META`] of
/// `blocks`.
pub(super) const META_BRANCH: &[u8] = b"branch";
/// Key of the flushed head (number, hash, state root) in [`META`] of `state`.
pub(super) const META_HEAD: &[u8] = b"head";
/// Key of the block (number, hash) up to which the log index is complete in [`META`] of `state`. A
/// version that does not know the index leaves it behind, which shows here.
pub(super) const META_LOGS: &[u8] = b"logs";
/// Key of the block (number, hash) up to which the address index is complete in [`META`] of `state`.
pub(super) const META_ADDRESSES: &[u8] = b"addresses";
/// Key of the first block whose state can be read in [`META`] of `state`; none as long as all of it can.
pub(super) const META_HORIZON: &[u8] = b"horizon";
/// Key of the next unused storage id in [`META`] of `state`.
pub(super) const META_NEXT_STORAGE_ID: &[u8] = b"next storage id";
