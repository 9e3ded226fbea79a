//! What does a caller read when something goes wrong? The one place that gives codes and data.

use super::{
    build::PayloadError,
    drop::AlreadyMined,
    eth::{conditional::TooManyConditions, waiting::ResendError},
    txpool::PoolTooLarge,
};
use crate::{
    chain::{ChainError, ImportError},
    dev::{DevError, accounts::AccountsError},
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
    error::{INTERNAL_ERROR_CODE, INVALID_PARAMS_CODE, METHOD_NOT_FOUND_CODE},
};
use std::time::Duration;

/// Code of an execution that reverted; `data` is what it returned, in hex.
pub const REVERTED: i32 = 3;
/// Code of `eth_sendRawTransactionSync` when time ran out; `data` is the transaction's hash.
pub const NOT_MINED_IN_TIME: i32 = 4;
/// Code of everything that the request's meaning, not its form, is to blame for.
pub const SERVER_ERROR: i32 = -32000;
/// Code of a transaction whose conditions do not hold (EIP-7796).
pub const CONDITION_NOT_MET: i32 = -32003;
/// Code of a transaction with too many conditions (EIP-7796).
pub const TOO_MANY_CONDITIONS: i32 = -32005;

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
    /// A log search that finds too much.
    #[error(
        "query returns more than {limit} logs; narrow the filter or ask for blocks {from} to {to}"
    )]
    TooManyLogs {
        /// Logs allowed.
        limit: usize,
        /// First block of the search.
        from: u64,
        /// Last block up to which the logs fit.
        to: u64,
    },
    /// One block alone holds more matching logs than may be answered.
    #[error("block {block} alone has more than {limit} matching logs; narrow the filter")]
    TooManyLogsInBlock {
        /// Logs allowed.
        limit: usize,
        /// The block.
        block: u64,
    },
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
    /// The key could not sign.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// The called code reverted with this data.
    #[error("{}", revert_message(.0))]
    Reverted(Bytes),
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
    /// Execution itself failed.
    #[error(transparent)]
    Evm(#[from] EvmError),
    /// A development method was refused.
    #[error(transparent)]
    Dev(#[from] DevError),
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
            Self::Reverted(_) => REVERTED,
            Self::NotMinedInTime { .. } => NOT_MINED_IN_TIME,
            Self::InvalidBlockRange
            | Self::LogRange { .. }
            | Self::TooManyLogs { .. }
            | Self::TooManyLogsInBlock { .. }
            | Self::TooManySlots(_)
            | Self::NoSlots
            | Self::Payload(_)
            | Self::DumpTooLarge(_)
            | Self::TraceRange { .. }
            | Self::TooManyTraces { .. }
            | Self::TooManyCalls { .. }
            | Self::Parity(ParityError::Steps { .. })
            | Self::TooManyBlocks { .. }
            | Self::TooLarge(_)
            | Self::AlreadyMined(_)
            | Self::Incomplete(_) => INVALID_PARAMS_CODE,
            Self::Trace(error) if error.is_bad_request() => INVALID_PARAMS_CODE,
            Self::Seal(SealError::Condition(_)) => CONDITION_NOT_MET,
            Self::TooManyConditions(_) => TOO_MANY_CONDITIONS,
            Self::WorkerLost => INTERNAL_ERROR_CODE,
            Self::Simulation(error) => simulation_code(error),
            _ => SERVER_ERROR,
        }
    }

    /// The error object's `data`.
    pub fn data(&self) -> Option<String> {
        match self {
            Self::Reverted(output) => Some(hex::encode_prefixed(output)),
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
        Self::owned(error.code(), error.to_string(), error.data())
    }
}

/// The answer to a method that is not served.
pub(super) fn unknown_method(method: &str) -> ErrorObjectOwned {
    let text = format!("the method {method} does not exist/is not available");
    ErrorObjectOwned::owned(METHOD_NOT_FOUND_CODE, text, None::<()>)
}

/// The answer to a subscription over HTTP.
pub(super) fn no_notifications() -> ErrorObjectOwned {
    let text = "notifications not supported";
    ErrorObjectOwned::owned(METHOD_NOT_FOUND_CODE, text, None::<()>)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_sol_types::{Revert, SolError};

    #[track_caller]
    fn reads(error: RpcError, code: i32, text: &str) {
        let object = ErrorObjectOwned::from(error);
        assert_eq!((object.code(), object.message()), (code, text));
        assert_eq!(object.data().is_some(), code == REVERTED, "only a revert carries data");
    }

    #[test]
    fn blocks_that_are_not_there() {
        reads(RpcError::HeaderNotFound, -32000, "header not found");
        reads(RpcError::HeaderForHashNotFound, -32000, "header for hash not found");
        reads(RpcError::NotCanonical, -32000, "hash is not currently canonical");
        reads(RpcError::UnknownBlock, -32000, "unknown block");
        let beyond = RpcError::BeyondHead { requested: 9, head: 4 };
        reads(beyond, -32000, "request beyond head block: requested 9, head 4");
    }

    #[test]
    fn blocks_are_named_as_geth_names_them() {
        reads(RpcError::BlockNotFound(9.into()), -32000, "block #9 not found");
        let hash = B256::repeat_byte(7);
        reads(RpcError::BlockNotFound(hash.into()), -32000, &format!("block {hash} not found"));
        let order = RpcError::BlockOrder { start: 4, end: 4 };
        reads(order, -32000, "start block height (4) must be less than end block height (4)");
        let index = RpcError::TransactionIndex { index: 3, block: hash };
        reads(index, -32000, &format!("transaction index 3 out of range for block {hash}"));
    }

    #[test]
    fn limits_say_what_to_do() {
        reads(RpcError::InvalidBlockRange, -32602, "invalid block range params");
        reads(
            RpcError::LogRange { asked: 11, limit: 10 },
            -32602,
            "exceed maximum block range: 11 blocks asked for, 10 allowed; ask for 10 blocks or fewer at a time",
        );
        reads(
            RpcError::TooManyLogs { limit: 5, from: 1, to: 3 },
            -32602,
            "query returns more than 5 logs; narrow the filter or ask for blocks 1 to 3",
        );
        reads(
            RpcError::TooManyLogsInBlock { limit: 5, block: 3 },
            -32602,
            "block 3 alone has more than 5 matching logs; narrow the filter",
        );
        reads(
            RpcError::TraceRange { asked: 11, limit: 10 },
            -32602,
            "trace_filter of 11 blocks, 10 allowed; ask for fewer blocks at a time",
        );
        reads(
            RpcError::TooManyTraces { limit: 5 },
            -32602,
            r#"trace_filter finds more than 5 traces; narrow it, or page with "after" and "count""#,
        );
        let calls = RpcError::TooManyCalls { asked: 9, limit: 8 };
        reads(calls, -32602, "9 calls in one request, 8 allowed");
        let steps = ParityError::Steps { limit: 7 };
        reads(
            steps.into(),
            -32602,
            "vmTrace has more than 7 instructions; trace fewer transactions or leave it out",
        );
        reads(
            RpcError::DumpTooLarge(7),
            -32602,
            "the accounts have more than 7 slots together; ask for fewer accounts, leave the storage out, or use debug_storageRangeAt",
        );
        reads(RpcError::TooManySlots(8), -32602, "too many slots (max 8)");
        let blocks = RpcError::TooManyBlocks { asked: 9, limit: 8 };
        reads(blocks, -32602, "too many blocks to mine at once: 9 (max 8)");
        reads(RpcError::TooLarge("nonce"), -32602, "nonce is too large");
    }

    #[test]
    fn percentiles_are_refused_in_geths_words() {
        reads(RpcError::Percentile(100.5), -32000, "invalid reward percentile: 100.500000");
        let order = RpcError::PercentileOrder { index: 0, low: 50.0, high: 25.0 };
        reads(order, -32000, "invalid reward percentile: #0:50.000000 >= #1:25.000000");
        let many = RpcError::TooManyPercentiles(100);
        reads(many, -32000, "invalid reward percentile: over the query limit 100");
    }

    #[test]
    fn requests_that_contradict_themselves() {
        reads(
            RpcError::DataAndInput,
            -32000,
            r#"both "data" and "input" are set and not equal. Please use "input" to pass transaction call data"#,
        );
        reads(
            RpcError::BothFeeModels,
            -32000,
            "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
        );
        reads(RpcError::EmptyCreation, -32000, "contract creation without any data provided");
        let tip = RpcError::TipAboveCap { cap: 1, tip: 2 };
        reads(tip, -32000, "maxFeePerGas (1) < maxPriorityFeePerGas (2)");
        let chain = RpcError::ChainId { have: 1, want: 31337 };
        reads(chain, -32000, "chainId does not match node's (have=1, want=31337)");
        reads(
            RpcError::Incomplete(vec!["to", "maxFeePerBlobGas"]),
            -32602,
            "transaction request is incomplete or contradicts itself: to, maxFeePerBlobGas",
        );
        reads(
            RpcError::UnknownAccount(Address::ZERO),
            -32000,
            "unknown account 0x0000000000000000000000000000000000000000: not one of eth_accounts, and not impersonated",
        );
    }

    #[test]
    fn a_revert_has_code_three_its_reason_and_its_data() {
        let output = Revert::from("no stock").abi_encode();
        let object = ErrorObjectOwned::from(RpcError::Reverted(output.clone().into()));
        assert_eq!((object.code(), object.message()), (3, "execution reverted: no stock"));
        let data = object.data().map(|data| data.get().to_owned());
        assert_eq!(data, Some(format!("\"{}\"", hex::encode_prefixed(output))));
    }

    #[test]
    fn a_revert_without_words_is_just_that() {
        reads(RpcError::Reverted(Bytes::new()), 3, "execution reverted");
        reads(RpcError::Reverted(Bytes::from_static(&[1, 2, 3, 4])), 3, "execution reverted");
    }

    #[test]
    fn a_halt_and_an_impossible_estimate_are_plain_errors() {
        reads(RpcError::Halted("out of gas".to_owned()), -32000, "out of gas");
        let estimate = CallError::GasRequiredExceedsAllowance { allowance: 7 };
        reads(estimate.into(), -32000, "gas required exceeds allowance (7)");
        let reverted = CallError::Reverted { output: Bytes::new() };
        reads(reverted.into(), 3, "execution reverted");
    }

    #[test]
    fn an_unknown_method_is_named() {
        let object = unknown_method("eth_nothing");
        assert_eq!(object.code(), -32601);
        assert_eq!(object.message(), "the method eth_nothing does not exist/is not available");
    }
}
