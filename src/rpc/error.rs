//! What does a caller read when something goes wrong? The one place that gives codes and data.

use super::{
    admin::AdminError,
    build::PayloadError,
    clique::AuthorityError,
    dev::DevelopmentError,
    dialect,
    drop::AlreadyMined,
    eth::{conditional::TooManyConditions, error::WatchError, waiting::ResendError},
    peers::PeersError,
    txpool::PoolTooLarge,
};
use crate::{
    chain::{ChainError, ImportError},
    dev::{
        DevError, dump::DumpError, forking::ForkError, keyring::KeyringError,
        typed_data::TypedDataError,
    },
    evm::{
        ApplyError, CallError, EvmError, InvalidTx, revert_message,
        simulate::SimulationError,
        trace::{ParityError, TraceError},
    },
    pool::PoolError,
    primitives::{BlockDecodeError, DecodeError},
    sealer::SealError,
    state::{StateError, TrieError},
};
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, hex};
use jsonrpsee::types::{
    ErrorObjectOwned,
    error::{
        INTERNAL_ERROR_CODE, INVALID_PARAMS_CODE, METHOD_NOT_FOUND_CODE, OVERSIZED_RESPONSE_CODE,
    },
};
use std::time::Duration;

/// Code of an execution that reverted; `data` is what it returned, in hex.
pub const REVERTED: i32 = 3;
/// Code of `eth_sendRawTransactionSync` when time ran out; `data` is the transaction's hash.
pub const NOT_MINED_IN_TIME: i32 = 4;
/// Code of everything that the request's meaning, not its form, is to blame for.
pub const SERVER_ERROR: i32 = -32000;
/// Code of a question about a state that was thrown away.
pub const PRUNED: i32 = 4444;
/// Code of a transaction whose conditions do not hold (EIP-7796).
pub const CONDITION_NOT_MET: i32 = -32003;
/// Code of a client that has had its share ([EIP-1474](https://eips.ethereum.org/EIPS/eip-1474)).
pub const LIMIT_EXCEEDED: i32 = -32005;
/// Code of a transaction with too many conditions (EIP-7796).
pub const TOO_MANY_CONDITIONS: i32 = -32005;

/// Code of a block whose state, or which itself, is not kept here (EIP-4444 made it common).
pub const NOT_KEPT: i32 = 4444;

/// Why a request is not answered with a result. Texts are geth's where geth has one.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// No block has that number (a read of state).
    #[error("header not found")]
    HeaderNotFound,
    /// No block has that hash (a read of state).
    #[error("header for hash not found")]
    HeaderForHashNotFound,
    /// A block has that hash, but it is not on the canonical chain.
    #[error("hash is not currently canonical")]
    NotCanonical,
    /// No block has that hash or number (logs, receipts, calls inside a block).
    #[error("unknown block")]
    UnknownBlock,
    /// No block has that number or hash (`debug_*`, `trace_*`).
    #[error("block {} not found", name(.0))]
    BlockNotFound(BlockId),
    /// No mined transaction has that hash (`debug_*`).
    #[error("transaction not found")]
    TransactionNotFound,
    /// Genesis was not executed.
    #[error("genesis is not traceable")]
    GenesisTrace,
    /// A traced call in a block that does not exist yet.
    #[error("tracing on top of pending is not supported")]
    TraceOnPending,
    /// Nothing was traced.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// As many tracers in JavaScript run as may, for as long as one may take.
    #[error("too many JavaScript tracers are running (max {running}); try again later")]
    ScriptsBusy {
        /// So many.
        running: usize,
    },
    /// Raw bytes that are no block.
    #[error(transparent)]
    DecodeBlock(#[from] BlockDecodeError),
    /// A block that breaks a rule.
    #[error(transparent)]
    InvalidBlock(Box<ImportError>),
    /// A place in a block where no transaction is.
    #[error("transaction index {index} out of range for block {block}")]
    TransactionIndex {
        /// The place.
        index: usize,
        /// The block.
        block: B256,
    },
    /// Nothing is known whose hash this is.
    #[error("unknown preimage")]
    UnknownPreimage,
    /// The first block has nothing before it.
    #[error("block {0} has no parent")]
    NoParent(u64),
    /// A comparison of two blocks that runs backwards.
    #[error("start block height ({start}) must be less than end block height ({end})")]
    BlockOrder {
        /// The older block.
        start: u64,
        /// The newer block.
        end: u64,
    },
    /// A search between a block and itself.
    #[error("from and to needs to be different")]
    SameBlock,
    /// A dump of accounts with too much storage.
    #[error(
        "the accounts have more than {0} slots together; ask for fewer accounts, leave the storage out, or use debug_storageRangeAt"
    )]
    DumpTooLarge(usize),
    /// What was collected grew longer than an answer may be.
    #[error(
        "the answer is longer than {limit} bytes; ask for fewer blocks, transactions or kinds at a time, or \
         allow more with --rpc-max-response-bytes"
    )]
    AnswerTooLong {
        /// The most.
        limit: usize,
    },
    /// The log's level belongs to another program.
    #[error("the level of the log cannot be changed here")]
    FixedLog,
    /// The first block of a search comes after the last.
    #[error("invalid block range params")]
    InvalidBlockRange,
    /// A log search, or a comparison of states, over too many blocks.
    #[error(
        "exceed maximum block range: {asked} blocks asked for, {limit} allowed; ask for {limit} blocks or fewer at a time"
    )]
    LogRange {
        /// Blocks in the range.
        asked: u64,
        /// Blocks allowed.
        limit: u64,
    },
    /// A search for events, a filter or a subscription.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// `eth_feeHistory` of blocks that do not exist yet.
    #[error("request beyond head block: requested {requested}, head {head}")]
    BeyondHead {
        /// The newest block asked for.
        requested: u64,
        /// The newest block there is.
        head: u64,
    },
    /// A percentile that is none.
    #[error("invalid reward percentile: {0:.6}")]
    Percentile(f64),
    /// Percentiles that do not rise.
    #[error("invalid reward percentile: #{before}:{low:.6} >= #{after}:{high:.6}", before = index, after = index + 1)]
    PercentileOrder {
        /// Position of the first of the two.
        index: usize,
        /// The first of the two.
        low: f64,
        /// The one after it.
        high: f64,
    },
    /// More percentiles than are answered.
    #[error("invalid reward percentile: over the query limit {0}")]
    TooManyPercentiles(usize),
    /// More storage slots in one request than allowed.
    #[error("too many slots (max {0})")]
    TooManySlots(usize),
    /// A request for slots that names none.
    #[error("empty request")]
    NoSlots,
    /// More blocks to mine at once than allowed.
    #[error("too many blocks to mine at once: {asked} (max {limit})")]
    TooManyBlocks {
        /// Blocks asked for.
        asked: u64,
        /// Blocks allowed.
        limit: u64,
    },
    /// A number that does not fit where it goes.
    #[error("{0} is too large")]
    TooLarge(&'static str),
    /// A sender whose key the node does not have, and who is not impersonated.
    #[error("unknown account {0}: not one of eth_accounts, and not impersonated")]
    UnknownAccount(Address),
    /// `data` and `input` say different things.
    #[error(r#"both "data" and "input" are set and not equal. Please use "input" to pass transaction call data"#)]
    DataAndInput,
    /// Prices of both fee models.
    #[error("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")]
    BothFeeModels,
    /// The fee cap is below the tip.
    #[error("maxFeePerGas ({cap}) < maxPriorityFeePerGas ({tip})")]
    TipAboveCap {
        /// Fee cap, wei per gas.
        cap: u128,
        /// Tip, wei per gas.
        tip: u128,
    },
    /// Neither a receiver nor code to deploy.
    #[error("contract creation without any data provided")]
    EmptyCreation,
    /// The request names another chain.
    #[error("chainId does not match node's (have={have}, want={want})")]
    ChainId {
        /// What the request says.
        have: u64,
        /// What the node is.
        want: u64,
    },
    /// A transaction request from which no transaction can be made.
    #[error("transaction request is incomplete or contradicts itself: {}", .0.join(", "))]
    Incomplete(Vec<&'static str>),
    /// Raw bytes that are no transaction.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// There is no such key, or it did not sign.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// A message to sign that is no hex string.
    #[error("invalid message to sign: {0}")]
    Message(serde_json::Error),
    /// A typed document that is none.
    #[error("invalid typed data: {0}")]
    Document(serde_json::Error),
    /// A typed document that is too long.
    #[error("the typed data is longer than {limit} bytes; --rpc-typed-data-bytes allows more")]
    DocumentTooLong {
        /// Bytes allowed.
        limit: usize,
    },
    /// Neither of two parameters is an address.
    #[error("invalid parameters: one of the two has to be an address")]
    NoAddress,
    /// A typed document that cannot be signed.
    #[error(transparent)]
    TypedData(#[from] TypedDataError),
    /// The called code reverted with this data.
    #[error("{}", revert_message(.0))]
    Reverted(Bytes),
    /// A plain transfer to an account that delegates to code which does not take it.
    #[error(
        "execution reverted: {account} is delegated to {target} (EIP-7702), whose code rejects plain \
         transfers"
    )]
    DelegateRejects {
        /// The receiver.
        account: Address,
        /// Whose code it runs.
        target: Address,
    },
    /// The called code stopped with an error.
    #[error("{0}")]
    Halted(String),
    /// The call could not be made, or has no estimate.
    #[error(transparent)]
    Call(CallError),
    /// The block or the calls were not traced.
    #[error(transparent)]
    Parity(#[from] ParityError),
    /// A search of traces over too many blocks.
    #[error("trace_filter of {asked} blocks, {limit} allowed; ask for fewer blocks at a time")]
    TraceRange {
        /// Blocks in the range.
        asked: u64,
        /// Blocks allowed.
        limit: u64,
    },
    /// A search that finds too many traces.
    #[error(
        "trace_filter finds more than {limit} traces; narrow it, or page with \"after\" and \"count\""
    )]
    TooManyTraces {
        /// Traces allowed.
        limit: usize,
    },
    /// A page of a search that is too long, or empty.
    #[error("a page of {asked} transactions: 1 to {limit} are allowed")]
    PageSize {
        /// Transactions asked for.
        asked: usize,
        /// Transactions allowed.
        limit: usize,
    },
    /// A list of more calls than may be traced at once.
    #[error("{asked} calls in one request, {limit} allowed")]
    TooManyCalls {
        /// Calls asked for.
        asked: usize,
        /// Calls allowed.
        limit: usize,
    },
    /// Blocks could not be simulated.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    /// The pool turned the transaction away.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A waiting transaction was not sent again.
    #[error(transparent)]
    Resend(#[from] ResendError),
    /// More waits than one answer can hold.
    #[error(transparent)]
    PoolTooLarge(#[from] PoolTooLarge),
    /// Conditions that take too long to check.
    #[error(transparent)]
    TooManyConditions(#[from] TooManyConditions),
    /// Blocks did not go into a file or come from one.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The network did not do what was asked.
    #[error(transparent)]
    Peers(#[from] PeersError),
    /// A transaction to drop that is mined.
    #[error(transparent)]
    AlreadyMined(#[from] AlreadyMined),
    /// A transaction that was handed in is not in a block yet.
    #[error("the transaction was added to the pool but was not mined within {waited:?}")]
    NotMinedInTime {
        /// Its hash.
        hash: B256,
        /// How long the caller waited.
        waited: Duration,
    },
    /// A block to build that cannot be.
    #[error("{0}")]
    Payload(PayloadError),
    /// A transaction that was to be in a block is not valid there.
    #[error("failed to apply transaction {index}: {reason}")]
    NotApplied {
        /// Its position.
        index: usize,
        /// Why.
        reason: ApplyError,
    },
    /// Signers are not as they were asked about.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Threads are started with the node.
    #[error(
        "{given} mining threads are too many: the node was started with {most}; start it with \
         --threads {given}"
    )]
    MinerThreads {
        /// As given.
        given: usize,
        /// As started.
        most: usize,
    },
    /// The transaction was not sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The chain could not answer.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The state could not answer.
    #[error(transparent)]
    State(#[from] StateError),
    /// The trie could not answer.
    #[error(transparent)]
    Trie(#[from] TrieError),
    /// A fork cannot be made, or read.
    #[error(transparent)]
    Fork(#[from] ForkError),
    /// Execution itself failed.
    #[error(transparent)]
    Evm(#[from] EvmError),
    /// The chain did not go back.
    #[error(transparent)]
    Dev(#[from] DevError),
    /// There is no dump, or it was not loaded.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// A development method was refused.
    #[error(transparent)]
    Development(#[from] DevelopmentError),
    /// Another chain took the place of the one that was asked.
    #[error("a reset or a load put another chain in place while the call ran; call again")]
    Replaced,
    /// A call's worker ended without a result; the log has the reason.
    #[error("internal error: the call did not finish")]
    WorkerLost,
}

/// A block as geth names it in its errors: `#` and a number, a tag, or a hash.
fn name(block: &BlockId) -> String {
    match block {
        BlockId::Number(tag) => tag.as_number().map_or(tag.to_string(), |it| format!("#{it}")),
        BlockId::Hash(hash) => hash.block_hash.to_string(),
    }
}

impl RpcError {
    /// The JSON-RPC error code.
    pub fn code(&self) -> i32 {
        match self {
            Self::Reverted(_) | Self::DelegateRejects { .. } => REVERTED,
            Self::NotMinedInTime { .. } => NOT_MINED_IN_TIME,
            Self::AnswerTooLong { .. } => OVERSIZED_RESPONSE_CODE,
            Self::InvalidBlockRange
            | Self::LogRange { .. }
            | Self::TooManySlots(_)
            | Self::NoSlots
            | Self::Payload(_)
            | Self::DumpTooLarge(_)
            | Self::TraceRange { .. }
            | Self::TooManyTraces { .. }
            | Self::TooManyCalls { .. }
            | Self::PageSize { .. }
            | Self::Parity(ParityError::Steps { .. })
            | Self::TooManyBlocks { .. }
            | Self::TooLarge(_)
            | Self::Message(_)
            | Self::Document(_)
            | Self::DocumentTooLong { .. }
            | Self::NoAddress
            | Self::TypedData(_)
            | Self::Development(_)
            | Self::Dev(
                DevError::Chain(ChainError::Branch(_))
                | DevError::TooDeep { .. }
                | DevError::TooManyBlocks { .. }
                | DevError::BeyondBranch { .. }
                | DevError::NoFork,
            )
            | Self::Dump(
                DumpError::Format(_)
                | DumpError::NoAccounts
                | DumpError::Empty
                | DumpError::Compressed(_)
                | DumpError::TooLong { .. }
                | DumpError::ElementTooLong { .. },
            )
            | Self::MinerThreads { .. }
            | Self::Seal(SealError::Timestamp { .. })
            | Self::AlreadyMined(_)
            | Self::Authority(AuthorityError::Rlp(_))
            | Self::Peers(PeersError::Address(_) | PeersError::TooMany { .. })
            | Self::Incomplete(_) => INVALID_PARAMS_CODE,
            Self::Chain(
                ChainError::BelowBase { .. }
                | ChainError::OnlyLoaded { .. }
                | ChainError::NotExecuted { .. }
                | ChainError::NoProof { .. }
                | ChainError::LocalRoot { .. },
            ) => NOT_KEPT,
            Self::Trace(error) if error.is_bad_request() => INVALID_PARAMS_CODE,
            Self::Watch(error) => error.code(),
            Self::Peers(PeersError::NoSubscription(_)) => METHOD_NOT_FOUND_CODE,
            Self::Seal(SealError::Condition(_)) => CONDITION_NOT_MET,
            Self::TooManyConditions(_) => TOO_MANY_CONDITIONS,
            Self::Chain(ChainError::Pruned { .. })
            | Self::Dev(DevError::Chain(ChainError::Pruned { .. }))
            | Self::Seal(SealError::Chain(ChainError::Pruned { .. })) => PRUNED,
            Self::WorkerLost => INTERNAL_ERROR_CODE,
            Self::Simulation(error) => simulation_code(error),
            _ => SERVER_ERROR,
        }
    }

    /// The error object's `data`.
    pub fn data(&self) -> Option<String> {
        match self {
            Self::Reverted(output) => Some(hex::encode_prefixed(output)),
            Self::DelegateRejects { .. } => Some("0x".to_owned()),
            Self::NotMinedInTime { hash, .. } => Some(hash.to_string()),
            _ => None,
        }
    }
}

/// The codes of `eth_simulateV1`
/// ([execution-apis](https://github.com/ethereum/execution-apis/blob/main/docs-api/docs/ethsimulatev1-notes.mdx)).
const fn simulation_code(error: &SimulationError) -> i32 {
    match error {
        SimulationError::Empty | SimulationError::TooLarge { .. } => INVALID_PARAMS_CODE,
        SimulationError::TooManyBlocks { .. } | SimulationError::GasCap { .. } => -38026,
        SimulationError::BlockNumber { .. } => -38020,
        SimulationError::BlockTimestamp { .. } => -38021,
        SimulationError::BlockGas { .. } => -38015,
        SimulationError::Invalid { source, .. } => match source {
            InvalidTx::NonceTooLow { .. } => -38010,
            InvalidTx::NonceTooHigh { .. } => -38011,
            InvalidTx::FeeCapTooLow { .. } => -38012,
            InvalidTx::IntrinsicGas { .. } | InvalidTx::FloorDataGas { .. } => -38013,
            InvalidTx::InsufficientFunds { .. } | InvalidTx::CostOverflow { .. } => -38014,
            InvalidTx::ExceedsBlockGasLimit { .. } => -38015,
            InvalidTx::SenderNotEoa { .. } => -38024,
            InvalidTx::InitCodeTooLong { .. } => -38025,
            InvalidTx::TipAboveFeeCap { .. } => INVALID_PARAMS_CODE,
            _ => INTERNAL_ERROR_CODE,
        },
        SimulationError::Call(_) | SimulationError::Evm(_) | SimulationError::Trie(_) => {
            SERVER_ERROR
        }
    }
}

impl From<CallError> for RpcError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Reverted { output } => Self::Reverted(output),
            other => Self::Call(other),
        }
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        dialect::said(&error)
    }
}

/// The answer to a method that is not served.
pub(super) fn unknown_method(method: &str) -> ErrorObjectOwned {
    let text = format!("the method {method} does not exist/is not available");
    ErrorObjectOwned::owned(METHOD_NOT_FOUND_CODE, text, None::<()>)
}

/// The answer to a method that means nothing on this chain; `chains` says where it does.
pub(super) fn method_elsewhere(method: &str, chains: &str) -> ErrorObjectOwned {
    let text = format!("the method {method} does not exist/is not available: {chains}");
    ErrorObjectOwned::owned(METHOD_NOT_FOUND_CODE, text, None::<()>)
}

/// The answer to a method whose namespace is not served.
pub(super) fn unnamed_method(method: &str) -> ErrorObjectOwned {
    let space = method.split('_').next().unwrap_or_default();
    let text = format!(
        "the method {method} does not exist/is not available: --http.api has to name {space} for it"
    );
    ErrorObjectOwned::owned(METHOD_NOT_FOUND_CODE, text, None::<()>)
}

/// The answer to a web page that asks for files of the machine.
pub(super) fn not_for_pages(method: &str) -> ErrorObjectOwned {
    let text = format!("the method {method} is not available to web pages");
    ErrorObjectOwned::owned(METHOD_NOT_FOUND_CODE, text, None::<()>)
}

/// The answer to a subscription over HTTP.
pub(super) fn no_notifications() -> ErrorObjectOwned {
    let text = "notifications not supported";
    ErrorObjectOwned::owned(METHOD_NOT_FOUND_CODE, text, None::<()>)
}

#[cfg(test)]
mod tests;
