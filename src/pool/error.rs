//! Why was a transaction turned away? In geth's words, with the numbers.

use alloy_eips::eip4844::BlobTransactionValidationError;
use alloy_primitives::{Address, U256};

/// Why the pool refused a transaction, or could not read its journal.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The very same transaction waits already.
    #[error("already known")]
    AlreadyKnown,
    /// The fork in force does not know this EIP-2718 type.
    #[error("transaction type not supported: type {kind} rejected, pool not yet in {since}")]
    TypeNotSupported {
        /// EIP-2718 type byte.
        kind: u8,
        /// Name of the fork that brings the type.
        since: &'static str,
    },
    /// Signed for another chain (EIP-155).
    #[error("invalid chain id for signer: have {have} want {want}")]
    ChainId {
        /// Of the transaction.
        have: u64,
        /// Of this chain.
        want: u64,
    },
    /// Larger than the pool takes.
    #[error("oversized data: transaction size {size}, limit {limit}")]
    Oversized {
        /// Encoded bytes, without blobs.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// More init code than EIP-3860 allows.
    #[error("max initcode size exceeded: code size {size}, limit {limit}")]
    InitCodeSize {
        /// Bytes of init code.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Above the gas limit of one transaction (EIP-7825).
    #[error("transaction gas limit too high (cap: {cap}, tx: {gas})")]
    GasCap {
        /// Gas limit of the transaction.
        gas: u64,
        /// The most a transaction may ask for.
        cap: u64,
    },
    /// Fits into no block.
    #[error("exceeds block gas limit: gas {gas}, block gas limit {limit}")]
    BlockGasLimit {
        /// Gas limit of the transaction.
        gas: u64,
        /// Gas limit of a block.
        limit: u64,
    },
    /// EIP-1559: the tip is part of the fee cap.
    #[error(
        "max priority fee per gas higher than max fee per gas: address {sender}, \
         maxPriorityFeePerGas: {tip}, maxFeePerGas: {fee_cap}"
    )]
    TipAboveFeeCap {
        /// Who sends.
        sender: Address,
        /// Wei per gas.
        tip: u128,
        /// Wei per gas.
        fee_cap: u128,
    },
    /// EIP-2681: the nonce would overflow.
    #[error("nonce has max value: address {sender}, nonce: {nonce}")]
    NonceMax {
        /// Who sends.
        sender: Address,
        /// Always 2^64 - 1.
        nonce: u64,
    },
    /// The tip is below what this node asks for.
    #[error("transaction gas price below minimum: gas tip cap {tip}, minimum needed {minimum}")]
    TipTooLow {
        /// Wei per gas.
        tip: u128,
        /// Wei per gas.
        minimum: u128,
    },
    /// EIP-7702 without an authorization.
    #[error("set code tx must have at least one authorization tuple")]
    NoAuthorizations,
    /// A blob transaction without its blobs.
    #[error("missing sidecar in blob transaction")]
    MissingSidecar,
    /// A blob transaction that names no blob.
    #[error("blobless blob transaction")]
    NoBlobs,
    /// More blobs than one transaction may carry.
    #[error("too many blobs in transaction: have {have}, permitted {permitted}")]
    TooManyBlobs {
        /// Blobs named.
        have: usize,
        /// Blobs allowed.
        permitted: usize,
    },
    /// Blobs and their versioned hashes differ in number.
    #[error("invalid number of {blobs} blobs compared to {hashes} blob hashes")]
    BlobCount {
        /// Blobs in the sidecar.
        blobs: usize,
        /// Hashes in the transaction.
        hashes: usize,
    },
    /// The sidecar carries the proofs of another fork (EIP-7594 since Osaka).
    #[error("unexpected sidecar version, want: {want}, got: {got}")]
    SidecarVersion {
        /// 0 = blob proofs, 1 = cell proofs.
        want: u8,
        /// 0 = blob proofs, 1 = cell proofs.
        got: u8,
    },
    /// The blob fee cap is below the protocol's minimum.
    #[error(
        "transaction gas price below minimum: blob fee cap {fee_cap}, minimum needed {minimum}"
    )]
    BlobFeeTooLow {
        /// Wei per blob gas.
        fee_cap: u128,
        /// Wei per blob gas.
        minimum: u128,
    },
    /// A blob does not match its commitment, or a commitment its hash.
    #[error("KZG verification error: {0}")]
    Kzg(#[source] BlobTransactionValidationError),
    /// Not enough gas to start.
    #[error("intrinsic gas too low: gas {gas}, minimum needed {minimum}")]
    IntrinsicGas {
        /// Gas limit of the transaction.
        gas: u64,
        /// Gas it costs before the first instruction.
        minimum: u64,
    },
    /// Not enough gas for the calldata floor (EIP-7623).
    #[error("insufficient gas for floor data gas cost: gas {gas}, minimum needed {minimum}")]
    FloorDataGas {
        /// Gas limit of the transaction.
        gas: u64,
        /// The floor.
        minimum: u64,
    },
    /// The nonce was used.
    #[error("nonce too low: next nonce {next}, tx nonce {given}")]
    NonceTooLow {
        /// Nonce of the account.
        next: u64,
        /// Nonce of the transaction.
        given: u64,
    },
    /// A contract cannot sign (EIP-3607).
    #[error("sender not an eoa: address {sender}, len(code): {code_len}")]
    SenderNotEoa {
        /// Who sends.
        sender: Address,
        /// Bytes of its code.
        code_len: usize,
    },
    /// The sender cannot pay.
    #[error(
        "insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, \
         overshot {overshot}"
    )]
    InsufficientFunds {
        /// Wei.
        balance: U256,
        /// Wei; 2^256 - 1 if it is more than that.
        cost: U256,
        /// Wei missing.
        overshot: U256,
    },
    /// The sender cannot pay for this beside what can run already.
    #[error(
        "insufficient funds for gas * price + value: balance {balance}, queued cost {queued}, \
         tx {} {cost}, overshot {}",
        if *.bumps { "bumped" } else { "cost" },
        .queued.saturating_add(*.cost).saturating_sub(*.balance)
    )]
    InsufficientFundsForAll {
        /// Wei.
        balance: U256,
        /// Wei that what can run costs at most.
        queued: U256,
        /// Wei that this adds to it.
        cost: U256,
        /// It takes the place of another one, and only the difference counts.
        bumps: bool,
    },
    /// A replacement must raise the fee cap by ten percent (a blob transaction: double it).
    #[error(
        "replacement transaction underpriced: new tx gas fee cap {given} < {queued} queued + \
         {bump}% replacement penalty"
    )]
    ReplacementFeeCap {
        /// Wei per gas.
        given: u128,
        /// Wei per gas of the waiting transaction.
        queued: u128,
        /// Percent.
        bump: u128,
    },
    /// A replacement must raise the tip by ten percent (a blob transaction: double it).
    #[error(
        "replacement transaction underpriced: new tx gas tip cap {given} < {queued} queued + \
         {bump}% replacement penalty"
    )]
    ReplacementTip {
        /// Wei per gas.
        given: u128,
        /// Wei per gas of the waiting transaction.
        queued: u128,
        /// Percent.
        bump: u128,
    },
    /// A replacement must double the blob fee cap.
    #[error(
        "replacement transaction underpriced: new tx blob gas fee cap {given} < {queued} queued \
         + {bump}% replacement penalty"
    )]
    ReplacementBlobFee {
        /// Wei per blob gas.
        given: u128,
        /// Wei per blob gas of the waiting transaction.
        queued: u128,
        /// Percent.
        bump: u128,
    },
    /// One sender has too many waiting.
    #[error("account limit exceeded: pooled {pooled} txs")]
    AccountLimit {
        /// Transactions of this sender that wait.
        pooled: usize,
    },
    /// An account with a delegation, or with one that waits, has one transaction in flight.
    #[error("in-flight transaction limit reached for delegated accounts: {pending} pending")]
    InFlightLimit {
        /// Of its transactions that can run.
        pending: usize,
    },
    /// An account with a delegation, or with one that waits, leaves out no nonce.
    #[error("gapped-nonce tx from delegated accounts: next nonce {next}, tx nonce {given}")]
    GappedFromDelegated {
        /// Nonce of the account.
        next: u64,
        /// Nonce of the transaction.
        given: u64,
    },
    /// Whoever signed an authorization has several transactions waiting.
    #[error("authority already reserved: {authority}")]
    AuthorityReserved {
        /// Who signed.
        authority: Address,
    },
    /// The pool is full of what can run, and this cannot yet.
    #[error(
        "future transaction tries to replace pending transaction: {transactions} transactions, \
         {bytes} bytes"
    )]
    FutureReplacesPending {
        /// Transactions that wait.
        transactions: usize,
        /// Their size.
        bytes: usize,
    },
    /// The pool is full and everything in it pays more.
    #[error("txpool is full: {transactions} transactions, {bytes} bytes")]
    Full {
        /// Transactions that wait.
        transactions: usize,
        /// Their size.
        bytes: usize,
    },
}
