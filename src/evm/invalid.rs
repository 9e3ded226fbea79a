//! Why a transaction may not be executed, in geth's words and with the numbers.

use alloy_primitives::{Address, U256};
use revm::context::{BlockEnv, Cfg, CfgEnv, TxEnv, result::InvalidTransaction};

/// Why a transaction is not valid on top of a state. The texts are geth's, which tools compare.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTx {
    /// The nonce was used before.
    #[error("nonce too low: address {address}, tx: {given} state: {expected}")]
    NonceTooLow {
        /// The sender.
        address: Address,
        /// Nonce of the transaction.
        given: u64,
        /// Nonce of the account.
        expected: u64,
    },
    /// Earlier nonces are missing.
    #[error("nonce too high: address {address}, tx: {given} state: {expected}")]
    NonceTooHigh {
        /// The sender.
        address: Address,
        /// Nonce of the transaction.
        given: u64,
        /// Nonce of the account.
        expected: u64,
    },
    /// The nonce is 2^64 - 1 (EIP-2681).
    #[error("nonce has max value: address {address}, nonce: {nonce}")]
    NonceMax {
        /// The sender.
        address: Address,
        /// Nonce of the transaction.
        nonce: u64,
    },
    /// The balance does not cover gas limit, price, blobs and value.
    #[error(
        "insufficient funds for gas * price + value: address {address} have {have} want {want}"
    )]
    InsufficientFunds {
        /// The sender.
        address: Address,
        /// Its balance in wei.
        have: U256,
        /// What the transaction may cost at most, in wei.
        want: U256,
    },
    /// Gas limit times price plus value is beyond 2^256.
    #[error(
        "insufficient funds for gas * price + value: address {address} required balance exceeds 256 bits"
    )]
    CostOverflow {
        /// The sender.
        address: Address,
    },
    /// The most that the sender pays is below the base fee.
    #[error(
        "max fee per gas less than block base fee: address {address}, maxFeePerGas: {max_fee}, baseFee: {base_fee}"
    )]
    FeeCapTooLow {
        /// The sender.
        address: Address,
        /// In wei per gas.
        max_fee: u128,
        /// In wei per gas.
        base_fee: u64,
    },
    /// The tip is above the most that the sender pays.
    #[error(
        "max priority fee per gas higher than max fee per gas: address {address}, maxPriorityFeePerGas: {tip}, maxFeePerGas: {max_fee}"
    )]
    TipAboveFeeCap {
        /// The sender.
        address: Address,
        /// In wei per gas.
        tip: u128,
        /// In wei per gas.
        max_fee: u128,
    },
    /// The most that the sender pays for blobs is below their base fee.
    #[error(
        "max fee per blob gas less than block blob gas fee: address {address} blobGasFeeCap: {max_fee}, blobBaseFee: {base_fee}"
    )]
    BlobFeeCapTooLow {
        /// The sender.
        address: Address,
        /// In wei per blob gas.
        max_fee: u128,
        /// In wei per blob gas.
        base_fee: u128,
    },
    /// The gas limit does not cover what every transaction costs.
    #[error("intrinsic gas too low: have {have}, want {want}")]
    IntrinsicGas {
        /// The gas limit.
        have: u64,
        /// The cost before execution.
        want: u64,
    },
    /// The gas limit is below the floor for the data (EIP-7623).
    #[error("insufficient gas for floor data gas cost: have {have}, want {want}")]
    FloorDataGas {
        /// The gas limit.
        have: u64,
        /// The floor.
        want: u64,
    },
    /// The gas limit is above the cap for one transaction (EIP-7825).
    #[error("transaction gas limit too high (cap: {cap}, tx: {gas_limit})")]
    GasLimitTooHigh {
        /// The gas limit.
        gas_limit: u64,
        /// Most that is allowed.
        cap: u64,
    },
    /// The gas limit is above the block's.
    #[error("exceeds block gas limit: tx {gas_limit}, block {block}")]
    ExceedsBlockGasLimit {
        /// The gas limit.
        gas_limit: u64,
        /// The block's.
        block: u64,
    },
    /// The sender has code that is no delegation (EIP-3607).
    #[error("sender not an eoa: address {address}")]
    SenderNotEoa {
        /// The sender.
        address: Address,
    },
    /// The code that creates a contract is too long (EIP-3860).
    #[error("max initcode size exceeded: code size {size} limit {limit}")]
    InitCodeTooLong {
        /// In bytes.
        size: usize,
        /// In bytes.
        limit: usize,
    },
    /// Signed for another chain.
    #[error("invalid chain id for signer: have {have} want {want}")]
    ChainId {
        /// The transaction's, 0 if it has none.
        have: u64,
        /// Ours.
        want: u64,
    },
    /// The fork does not know this kind of transaction.
    #[error("transaction type not supported: type {tx_type}")]
    TypeNotSupported {
        /// EIP-2718 type.
        tx_type: u8,
    },
    /// A blob transaction without blobs.
    #[error("blob transaction missing blob hashes")]
    NoBlobs,
    /// More blobs than a transaction may carry.
    #[error("blob transaction has too many blobs: have {have}, permitted: {max}")]
    TooManyBlobs {
        /// Number of blobs.
        have: usize,
        /// Most that is allowed.
        max: usize,
    },
    /// A blob hash of a version other than 1.
    #[error("blob transaction has a blob hash of an invalid version")]
    BlobVersion,
    /// A blob transaction that would create a contract.
    #[error("blob transaction of type create")]
    BlobCreate,
    /// A set-code transaction that sets nothing.
    #[error("EIP-7702 transaction with empty auth list (sender {address})")]
    NoAuthorizations {
        /// The sender.
        address: Address,
    },
    /// A set-code transaction that would create a contract.
    #[error("EIP-7702 transaction cannot be used to create contract (sender {address})")]
    SetCodeCreate {
        /// The sender.
        address: Address,
    },
}

impl InvalidTx {
    /// Puts the numbers that revm leaves out back in. What no other variant says is that the fork
    /// does not know this type of transaction, or a field of it.
    pub(super) fn new(
        error: &InvalidTransaction,
        tx: &TxEnv,
        block: &BlockEnv,
        cfg: &CfgEnv,
    ) -> Self {
        Self::of_sender(error, tx)
            .or_else(|| Self::of_fees(error, tx, block))
            .or_else(|| Self::of_gas(error, tx, block))
            .or_else(|| Self::of_kind(error, tx, cfg))
            .unwrap_or(Self::TypeNotSupported { tx_type: tx.tx_type })
    }

    fn of_sender(error: &InvalidTransaction, tx: &TxEnv) -> Option<Self> {
        let address = tx.caller;
        Some(match error {
            InvalidTransaction::NonceTooLow { tx, state } => {
                Self::NonceTooLow { address, given: *tx, expected: *state }
            }
            InvalidTransaction::NonceTooHigh { tx, state } => {
                Self::NonceTooHigh { address, given: *tx, expected: *state }
            }
            InvalidTransaction::NonceOverflowInTransaction => {
                Self::NonceMax { address, nonce: tx.nonce }
            }
            InvalidTransaction::LackOfFundForMaxFee { fee, balance } => {
                Self::InsufficientFunds { address, have: **balance, want: **fee }
            }
            InvalidTransaction::OverflowPaymentInTransaction => Self::CostOverflow { address },
            InvalidTransaction::RejectCallerWithCode => Self::SenderNotEoa { address },
            _ => return None,
        })
    }

    fn of_fees(error: &InvalidTransaction, tx: &TxEnv, block: &BlockEnv) -> Option<Self> {
        let address = tx.caller;
        Some(match error {
            InvalidTransaction::GasPriceLessThanBasefee => {
                Self::FeeCapTooLow { address, max_fee: tx.gas_price, base_fee: block.basefee }
            }
            InvalidTransaction::PriorityFeeGreaterThanMaxFee => Self::TipAboveFeeCap {
                address,
                tip: tx.gas_priority_fee.unwrap_or_default(),
                max_fee: tx.gas_price,
            },
            InvalidTransaction::BlobGasPriceGreaterThanMax {
                block_blob_gas_price: base_fee,
                tx_max_fee_per_blob_gas: max_fee,
            } => Self::BlobFeeCapTooLow { address, max_fee: *max_fee, base_fee: *base_fee },
            _ => return None,
        })
    }

    fn of_gas(error: &InvalidTransaction, tx: &TxEnv, block: &BlockEnv) -> Option<Self> {
        Some(match error {
            InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
                Self::IntrinsicGas { have: *gas_limit, want: *initial_gas }
            }
            InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
                Self::FloorDataGas { have: *gas_limit, want: *gas_floor }
            }
            InvalidTransaction::TxGasLimitGreaterThanCap { gas_limit, cap } => {
                Self::GasLimitTooHigh { gas_limit: *gas_limit, cap: *cap }
            }
            InvalidTransaction::CallerGasLimitMoreThanBlock => {
                Self::ExceedsBlockGasLimit { gas_limit: tx.gas_limit, block: block.gas_limit }
            }
            _ => return None,
        })
    }

    fn of_kind(error: &InvalidTransaction, tx: &TxEnv, cfg: &CfgEnv) -> Option<Self> {
        Some(match error {
            InvalidTransaction::CreateInitCodeSizeLimit => {
                Self::InitCodeTooLong { size: tx.data.len(), limit: cfg.max_initcode_size() }
            }
            InvalidTransaction::InvalidChainId | InvalidTransaction::MissingChainId => {
                Self::ChainId { have: tx.chain_id.unwrap_or(0), want: cfg.chain_id }
            }
            InvalidTransaction::EmptyBlobs => Self::NoBlobs,
            InvalidTransaction::TooManyBlobs { max, have } => {
                Self::TooManyBlobs { have: *have, max: *max }
            }
            InvalidTransaction::BlobVersionNotSupported => Self::BlobVersion,
            InvalidTransaction::BlobCreateTransaction => Self::BlobCreate,
            InvalidTransaction::EmptyAuthorizationList => {
                Self::NoAuthorizations { address: tx.caller }
            }
            _ => return None,
        })
    }
}
