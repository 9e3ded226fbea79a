//! Why a block breaks the rules of its chain: both values, and the rule's name.

use super::Fork;
use crate::primitives::or_none;
use alloy_primitives::{B64, B256, Bytes, U256};

/// Why a header may not follow its parent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not the parent's number plus one.
    #[error("number {header} does not follow the parent's {parent}")]
    Number {
        /// The header's.
        header: u64,
        /// The parent's.
        parent: u64,
    },
    /// Not later than the parent.
    #[error("timestamp {header} is not later than the parent's {parent}")]
    Timestamp {
        /// The header's, in seconds.
        header: u64,
        /// The parent's, in seconds.
        parent: u64,
    },
    /// Not what the formula gives; 0 after the merge.
    #[error("difficulty {header}, expected {expected}")]
    Difficulty {
        /// The header's.
        header: U256,
        /// By the rules.
        expected: U256,
    },
    /// Proof of work is over, so the nonce is zero.
    #[error("nonce {header} after the merge, expected zero")]
    NonceAfterMerge {
        /// The header's.
        header: B64,
    },
    /// Only blocks with proof of work have ommers.
    #[error("ommers hash {header} without proof of work, expected that of no ommers")]
    OmmersWithoutWork {
        /// The header's.
        header: B256,
    },
    /// Too many free bytes.
    #[error("{length} bytes of extra data, at most {max}")]
    ExtraData {
        /// In bytes.
        length: usize,
        /// In bytes.
        max: usize,
    },
    /// Around the DAO fork the extra data says on which side a block is.
    #[error("extra data {extra_data} at the DAO fork, which this chain supports: {support}")]
    DaoExtraData {
        /// The header's.
        extra_data: Bytes,
        /// Does the chain support the fork?
        support: bool,
    },
    /// Beyond what a gas limit may be.
    #[error("gas limit {header}, at most {max}")]
    GasLimitTooHigh {
        /// The header's.
        header: u64,
        /// By the rules.
        max: u64,
    },
    /// Below what a gas limit may be.
    #[error("gas limit {header}, at least {min}")]
    GasLimitTooLow {
        /// The header's.
        header: u64,
        /// By the rules.
        min: u64,
    },
    /// Too far from the parent's.
    #[error("gas limit {header} is not within a 1024th of {parent}")]
    GasLimitStep {
        /// The header's.
        header: u64,
        /// The parent's, doubled for the first London block.
        parent: u64,
    },
    /// More gas than the limit.
    #[error("gas used {header} is above the gas limit {limit}")]
    GasUsed {
        /// The header's.
        header: u64,
        /// The header's gas limit.
        limit: u64,
    },
    /// Not what the fee market gives; there exactly since London.
    #[error("base fee {}, expected {}", or_none(.header), or_none(.expected))]
    BaseFee {
        /// The header's, in wei per gas.
        header: Option<u64>,
        /// By the rules, in wei per gas.
        expected: Option<u64>,
    },
    /// A field of a later fork.
    #[error("{field} is there, but {fork} does not have it")]
    FieldTooEarly {
        /// Its JSON name.
        field: &'static str,
        /// The block's.
        fork: Fork,
    },
    /// A field that the fork demands.
    #[error("{field} is missing, but {fork} has it")]
    FieldMissing {
        /// Its JSON name.
        field: &'static str,
        /// The block's.
        fork: Fork,
    },
    /// Not whole blobs, or too many.
    #[error("blob gas used {header}, expected whole blobs and at most {max}")]
    BlobGasUsed {
        /// The header's.
        header: u64,
        /// By the rules.
        max: u64,
    },
    /// Does not follow the parent.
    #[error("excess blob gas {header}, expected {expected}")]
    ExcessBlobGas {
        /// The header's.
        header: u64,
        /// By the rules.
        expected: u64,
    },
}

impl HeaderError {
    /// The rule's name, as reports show it.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Number { .. } => "InvalidNumber",
            Self::Timestamp { .. } => "InvalidTimestamp",
            Self::Difficulty { .. } => "InvalidDifficulty",
            Self::NonceAfterMerge { .. } => "InvalidNonce",
            Self::OmmersWithoutWork { .. } => "OmmersWithoutWork",
            Self::ExtraData { .. } => "ExtraDataTooLong",
            Self::DaoExtraData { .. } => "InvalidDaoExtraData",
            Self::GasLimitTooHigh { .. }
            | Self::GasLimitTooLow { .. }
            | Self::GasLimitStep { .. } => "InvalidGasLimit",
            Self::GasUsed { .. } => "InvalidGasUsed",
            Self::BaseFee { .. } => "InvalidBaseFee",
            Self::FieldTooEarly { .. } => "FieldTooEarly",
            Self::FieldMissing { .. } => "FieldMissing",
            Self::BlobGasUsed { .. } => "InvalidBlobGasUsed",
            Self::ExcessBlobGas { .. } => "InvalidExcessBlobGas",
        }
    }
}

/// Why a body does not belong to its header, or is invalid in itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The header commits to another list.
    #[error("{field} {}, the body gives {}", or_none(.header), or_none(.computed))]
    Root {
        /// Its JSON name.
        field: &'static str,
        /// The header's.
        header: Option<B256>,
        /// The body's; `None` if it has no such list.
        computed: Option<B256>,
    },
    /// The block's RLP is too long.
    #[error("the block has {bytes} bytes, at most {max}")]
    TooLong {
        /// Length of the RLP.
        bytes: usize,
        /// By the rules.
        max: usize,
    },
    /// Not the sum over the transactions.
    #[error("blob gas used {header}, the transactions use {computed}")]
    BlobGasUsed {
        /// The header's.
        header: u64,
        /// The transactions'.
        computed: u64,
    },
    /// A transaction is invalid.
    #[error("transaction {index} ({hash}): {source}")]
    Transaction {
        /// Position in the block.
        index: usize,
        /// Of the transaction.
        hash: B256,
        /// Why.
        source: TransactionError,
    },
}

impl BodyError {
    /// The rule's name, as reports show it.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Root { .. } => "InvalidRoot",
            Self::TooLong { .. } => "BlockTooLong",
            Self::BlobGasUsed { .. } => "InvalidBlobGasUsed",
            Self::Transaction { source, .. } => source.rule(),
        }
    }
}

/// Why a block may not name a header as its ommer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OmmerError {
    /// More than the rules allow.
    #[error("{given} ommers, at most {max}")]
    TooMany {
        /// In the block.
        given: usize,
        /// By the rules.
        max: usize,
    },
    /// Named twice, or by an ancestor already.
    #[error("ommer {hash} was named before")]
    Repeated {
        /// Of the ommer.
        hash: B256,
    },
    /// It is on the block's own chain.
    #[error("ommer {hash} is an ancestor of the block")]
    IsAncestor {
        /// Of the ommer.
        hash: B256,
    },
    /// It does not branch off the last seven ancestors.
    #[error("the parent {parent} of ommer {hash} is none of the last seven ancestors")]
    UnknownParent {
        /// Of the ommer.
        hash: B256,
        /// Of its parent.
        parent: B256,
    },
    /// It has the block's own parent.
    #[error("ommer {hash} has the block's own parent {parent}")]
    IsBrother {
        /// Of the ommer.
        hash: B256,
        /// Of the parent.
        parent: B256,
    },
    /// Its header is invalid.
    #[error("ommer {hash}: {source}")]
    Header {
        /// Of the ommer.
        hash: B256,
        /// Why.
        source: HeaderError,
    },
}

impl OmmerError {
    /// The rule's name, as reports show it.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::TooMany { .. } => "TooManyOmmers",
            Self::Repeated { .. } => "OmmerRepeated",
            Self::IsAncestor { .. } => "OmmerIsAncestor",
            Self::UnknownParent { .. } => "OmmerParentIsNoAncestor",
            Self::IsBrother { .. } => "OmmerIsBrother",
            Self::Header { source, .. } => source.rule(),
        }
    }
}

/// Why a transaction is invalid whatever the state is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// The fork does not know its type.
    #[error("transaction type {tx_type} begins with {since}, this is {fork}")]
    TypeNotSupported {
        /// EIP-2718 type.
        tx_type: u8,
        /// The first fork that knows it.
        since: Fork,
        /// The block's.
        fork: Fork,
    },
    /// Names a chain before transactions could.
    #[error("chain id {given} in {fork}, before spuriousdragon")]
    ChainIdTooEarly {
        /// The transaction's.
        given: u64,
        /// The block's.
        fork: Fork,
    },
    /// Signed for another chain.
    #[error("chain id {given}, expected {expected}")]
    ChainId {
        /// The transaction's.
        given: u64,
        /// The chain's.
        expected: u64,
    },
    /// The signature's `s` is in the upper half.
    #[error("signature with s {s}, at most {max}")]
    HighS {
        /// The signature's.
        s: U256,
        /// Half of the curve's order.
        max: U256,
    },
    /// The nonce has no successor.
    #[error("nonce {nonce} has no successor")]
    NonceMax {
        /// The transaction's.
        nonce: u64,
    },
    /// The tip is above the whole fee.
    #[error("tip {tip} is above the most that is paid, {max_fee}")]
    TipAboveFee {
        /// In wei per gas.
        tip: u128,
        /// In wei per gas.
        max_fee: u128,
    },
    /// The whole fee is below the base fee.
    #[error("pays at most {max_fee} wei per gas, the base fee is {base_fee}")]
    FeeBelowBaseFee {
        /// In wei per gas.
        max_fee: u128,
        /// In wei per gas.
        base_fee: u64,
    },
    /// The gas limit is below what every such transaction costs.
    #[error("gas limit {gas_limit} is below the intrinsic gas {needed}")]
    IntrinsicGas {
        /// The transaction's.
        gas_limit: u64,
        /// By the rules.
        needed: u64,
    },
    /// The gas limit is below the floor for the data.
    #[error("gas limit {gas_limit} is below the floor {floor} of the data")]
    FloorGas {
        /// The transaction's.
        gas_limit: u64,
        /// By the rules.
        floor: u64,
    },
    /// The gas limit is above the cap for one transaction.
    #[error("gas limit {gas_limit}, at most {cap}")]
    GasCap {
        /// The transaction's.
        gas_limit: u64,
        /// By the rules.
        cap: u64,
    },
    /// The code that creates a contract is too long.
    #[error("{size} bytes of init code, at most {max}")]
    InitCode {
        /// In bytes.
        size: usize,
        /// In bytes.
        max: usize,
    },
    /// A blob transaction without blobs.
    #[error("a blob transaction without blobs")]
    NoBlobs,
    /// More blobs than one transaction may have.
    #[error("{given} blobs, at most {max}")]
    TooManyBlobs {
        /// The transaction's.
        given: usize,
        /// By the rules.
        max: u64,
    },
    /// A blob hash of an unknown version.
    #[error("blob hash {hash} is not of version {expected}")]
    BlobVersion {
        /// The hash.
        hash: B256,
        /// The only known version.
        expected: u8,
    },
    /// Pays less for blobs than they cost.
    #[error("pays at most {max_fee} wei per blob gas, the blob base fee is {base_fee}")]
    BlobFeeBelowBaseFee {
        /// In wei per blob gas.
        max_fee: u128,
        /// In wei per blob gas.
        base_fee: u128,
    },
    /// A set-code transaction that sets nothing.
    #[error("a set-code transaction without authorizations")]
    NoAuthorizations,
}

impl TransactionError {
    /// The rule's name, as reports show it.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::TypeNotSupported { .. } => "TypeNotSupported",
            Self::ChainIdTooEarly { .. } | Self::ChainId { .. } => "InvalidChainId",
            Self::HighS { .. } => "InvalidSignature",
            Self::NonceMax { .. } => "NonceMax",
            Self::TipAboveFee { .. } => "TipAboveFee",
            Self::FeeBelowBaseFee { .. } => "FeeBelowBaseFee",
            Self::IntrinsicGas { .. } => "IntrinsicGasTooLow",
            Self::FloorGas { .. } => "FloorGasTooLow",
            Self::GasCap { .. } => "GasAboveCap",
            Self::InitCode { .. } => "InitCodeTooLong",
            Self::NoBlobs => "NoBlobs",
            Self::TooManyBlobs { .. } => "TooManyBlobs",
            Self::BlobVersion { .. } => "InvalidBlobVersion",
            Self::BlobFeeBelowBaseFee { .. } => "BlobFeeBelowBaseFee",
            Self::NoAuthorizations => "NoAuthorizations",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_show_values_and_not_how_they_are_held() {
        let fee = HeaderError::BaseFee { header: Some(7), expected: None };
        assert_eq!(fee.to_string(), "base fee 7, expected none");
        let computed = Some(B256::ZERO);
        let root = BodyError::Root { field: "withdrawalsRoot", header: None, computed };
        let wanted = format!("withdrawalsRoot none, the body gives 0x{:064x}", 0);
        assert_eq!(root.to_string(), wanted);
    }
}
