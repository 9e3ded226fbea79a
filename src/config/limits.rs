//! Limits that keep the node alive: of requests, of the pool, of memory.

use std::time::Duration;

/// What a request may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcLimits {
    /// Bytes of one request body.
    pub max_body_bytes: u32,
    /// Requests in one batch.
    pub max_batch: u32,
    /// Bytes of one answer.
    pub max_response_bytes: u32,
    /// Blocks that one log query may look into, not counting those that the index rules out.
    pub log_range: u64,
    /// Logs in one answer.
    pub max_logs: usize,
    /// Transactions on one page of `ots_*`.
    pub page: usize,
    /// Addresses, and topics at one place, in one log query or filter.
    pub max_log_terms: usize,
    /// Addresses and topics that all filters and subscriptions watch for.
    pub max_watched_terms: usize,
    /// Filters.
    pub max_filters: usize,
    /// A filter that nobody reads for so long is removed.
    pub filter_idle: Duration,
    /// A subscriber that takes nothing for so long is unsubscribed.
    pub slow_reader: Duration,
    /// Gas that a call or estimate may use.
    pub gas_cap: u64,
    /// Calls, estimates, proofs and log searches that run at the same time; more wait in line.
    pub heavy_calls: usize,
    /// Storage slots in one proof.
    pub proof_slots: usize,
    /// Blocks that one fee history looks at.
    pub fee_history: u64,
    /// Blocks that one request may make.
    pub mined_blocks: u64,
    /// Bytes of a typed document to sign.
    pub typed_data_bytes: usize,
    /// Bytes of a dump that a request brings, unpacked.
    pub load_state_bytes: u64,
    /// Accounts that may be added to the development accounts.
    pub stored_accounts: usize,
    /// Tracers in JavaScript that run at the same time; more wait in line.
    pub scripts: usize,
    /// Bytes of memory that one of them may use.
    pub script_memory: u64,
    /// How long one request may run them, and may wait in line.
    pub script_time: Duration,
    /// Snapshots that may be kept.
    pub snapshots: usize,
    /// Named branches that may be kept, the current one counted.
    pub branches: usize,
    /// Bytes that they may take: blocks off the canonical chain with what they changed.
    pub branch_bytes: usize,
    /// Open connections.
    pub max_connections: u32,
    /// Requests a second of one client.
    pub client_requests: u32,
    /// Bytes of answers a second of one client.
    pub client_bytes: u32,
    /// Open connections of one client.
    pub client_connections: u32,
    /// Clients that are told apart.
    pub clients: usize,
    /// Do the limits of clients hold for this machine too?
    pub limit_loopback: bool,
    /// Subscriptions of one connection.
    pub max_subscriptions: u32,
}

impl Default for RpcLimits {
    fn default() -> Self {
        Self {
            max_body_bytes: 10 << 20,
            max_batch: 1_000,
            max_response_bytes: 25 << 20,
            log_range: 100_000,
            max_logs: 20_000,
            page: 1_000,
            max_log_terms: 1_000,
            max_watched_terms: 500_000,
            max_filters: 10_000,
            filter_idle: Duration::from_secs(300),
            slow_reader: Duration::from_secs(60),
            gas_cap: 50_000_000,
            heavy_calls: 16,
            proof_slots: 1_024,
            fee_history: 1_024,
            mined_blocks: 100_000,
            typed_data_bytes: 128 << 10,
            load_state_bytes: 1 << 30,
            stored_accounts: 1_000,
            scripts: 4,
            script_memory: 256 << 20,
            script_time: Duration::from_secs(60),
            snapshots: 100_000,
            branches: 1_000,
            branch_bytes: 256 << 20,
            max_connections: 500,
            client_requests: 1_000,
            client_bytes: 25 << 20,
            client_connections: 256,
            clients: 10_000,
            limit_loopback: false,
            max_subscriptions: 128,
        }
    }
}

/// How much may wait, and what is admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Transactions in all.
    pub max_transactions: usize,
    /// Their encoded size in bytes.
    pub max_bytes: usize,
    /// Transactions of one sender.
    pub max_per_sender: usize,
    /// Blobs of mined transactions that stay readable, in bytes.
    pub kept_blob_bytes: usize,
    /// Encoded size of one transaction in bytes, without blobs.
    pub max_tx_bytes: usize,
    /// Admit senders that cannot pay.
    pub disable_balance_checks: bool,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            max_transactions: 100_000,
            max_bytes: 128 << 20,
            max_per_sender: 16_384,
            kept_blob_bytes: 64 << 20,
            max_tx_bytes: 128 << 10,
            disable_balance_checks: false,
        }
    }
}

/// When blocks are written from memory into the state: whichever is reached first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterConfig {
    /// Blocks in memory.
    pub blocks: usize,
    /// Their size in bytes.
    pub bytes: usize,
    /// Age of the oldest.
    pub age: Duration,
    /// Gas they used, which bounds how long executing them again takes at the next start.
    pub gas: u64,
    /// Trie nodes that may stay in memory.
    pub trie_nodes: usize,
}

impl Default for WriterConfig {
    fn default() -> Self {
        Self {
            blocks: 64,
            bytes: 16 << 20,
            age: Duration::from_secs(2),
            gas: 500_000_000,
            trie_nodes: 400_000,
        }
    }
}
