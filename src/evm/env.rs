//! What surrounds a transaction: the block it is in, and which limits hold.

use super::machine::net_metered;
use crate::{
    consensus::author,
    primitives::Block,
    spec::{ChainSpec, Fork, Mode},
};
use alloy_consensus::Header;
use alloy_eips::eip4895::Withdrawals;
use alloy_evm::EvmEnv;
use alloy_primitives::{Address, B256, Bytes, U256};
use revm::{
    context::{BlockEnv, CfgEnv},
    context_interface::block::BlobExcessGasAndPrice,
    primitives::hardfork::SpecId,
};
use serde::{Deserialize, Serialize};

/// Limits that a node may set differently from the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvmSettings {
    /// Most bytes of code a contract may have, init code twice that; `None` is the fork's rule
    /// ([EIP-170](https://eips.ethereum.org/EIPS/eip-170),
    /// [EIP-3860](https://eips.ethereum.org/EIPS/eip-3860)).
    pub code_size_limit: Option<usize>,
    /// May a block hold more gas than its limit?
    pub disable_block_gas_limit: bool,
    /// Does the cap of 2^24 gas for one transaction hold
    /// ([EIP-7825](https://eips.ethereum.org/EIPS/eip-7825))?
    pub transaction_gas_cap: bool,
    /// Most bytes of memory that one call frame may use; beyond it is out of gas.
    pub memory_limit: u64,
    /// Most gas a call, an estimate or an access list may use; 0 is no limit.
    pub call_gas_cap: u64,
}

impl Default for EvmSettings {
    fn default() -> Self {
        Self {
            code_size_limit: None,
            disable_block_gas_limit: false,
            transaction_gas_cap: false,
            memory_limit: 1 << 27,
            call_gas_cap: 50_000_000,
        }
    }
}

impl EvmSettings {
    /// The protocol's own limits and nothing else: for blocks that other nodes made. Memory ends at
    /// 2^32 - 1 bytes ([EIP-1985](https://eips.ethereum.org/EIPS/eip-1985)).
    pub fn consensus() -> Self {
        Self {
            code_size_limit: None,
            disable_block_gas_limit: false,
            transaction_gas_cap: true,
            memory_limit: u64::from(u32::MAX),
            ..Self::default()
        }
    }

    /// These limits as far as a chain of this mode lets a node choose: a block of proof of work, or of
    /// a chain that merged, was made by others, under the protocol's limits.
    pub fn on(self, mode: Mode) -> Self {
        match mode {
            Mode::Pow | Mode::Merged => {
                Self { call_gas_cap: self.call_gas_cap, ..Self::consensus() }
            }
            Mode::Dev | Mode::Poa | Mode::Bft => self,
        }
    }
}

/// What is known of a block before its transactions run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockTemplate {
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Height.
    pub number: u64,
    /// In seconds.
    pub timestamp: u64,
    /// Most gas of all transactions together.
    pub gas_limit: u64,
    /// In wei per gas; `None` before London.
    pub base_fee: Option<u64>,
    /// Who gets the tips.
    pub beneficiary: Address,
    /// What opcode 0x44 answers since Paris.
    pub prev_randao: B256,
    /// What opcode 0x44 answers before Paris, and the header's difficulty.
    pub difficulty: U256,
    /// `None` before Cancun.
    pub excess_blob_gas: Option<u64>,
    /// `None` before Cancun.
    pub parent_beacon_block_root: Option<B256>,
    /// `None` before Shanghai.
    pub withdrawals: Option<Withdrawals>,
    /// Free bytes in the header.
    pub extra_data: Bytes,
}

impl BlockTemplate {
    /// The template that a header was made from, without withdrawals. The tips are its author's, also
    /// where the beneficiary field is a vote.
    pub fn from_header(spec: &ChainSpec, header: &Header) -> Self {
        Self::by(author(spec, header), spec, header)
    }

    /// [`Self::from_header`], where the caller knows who made the block.
    fn by(author: Address, spec: &ChainSpec, header: &Header) -> Self {
        Self {
            parent_hash: header.parent_hash,
            number: header.number,
            timestamp: header.timestamp,
            gas_limit: header.gas_limit,
            base_fee: header.base_fee_per_gas,
            beneficiary: author,
            prev_randao: spec.prev_randao(header),
            difficulty: header.difficulty,
            excess_blob_gas: header.excess_blob_gas,
            parent_beacon_block_root: header.parent_beacon_block_root,
            withdrawals: None,
            extra_data: header.extra_data.clone(),
        }
    }

    /// The template that a block was made from.
    pub fn from_block(spec: &ChainSpec, block: &Block) -> Self {
        Self::from_block_by(author(spec, &block.header), spec, block)
    }

    /// [`Self::from_block`], where the caller knows who made the block: finding it out costs as much as the
    /// sender of a transaction.
    pub fn from_block_by(author: Address, spec: &ChainSpec, block: &Block) -> Self {
        let withdrawals = block.body.withdrawals.clone();
        Self { withdrawals, ..Self::by(author, spec, &block.header) }
    }
}

/// revm's name of a fork's rules.
pub(super) const fn rules(fork: Fork) -> SpecId {
    match fork {
        Fork::Frontier => SpecId::FRONTIER,
        Fork::Homestead | Fork::Dao => SpecId::HOMESTEAD,
        Fork::Tangerine => SpecId::TANGERINE,
        Fork::SpuriousDragon => SpecId::SPURIOUS_DRAGON,
        Fork::Byzantium => SpecId::BYZANTIUM,
        Fork::Constantinople | Fork::Petersburg => SpecId::PETERSBURG,
        Fork::Istanbul | Fork::MuirGlacier => SpecId::ISTANBUL,
        Fork::Berlin => SpecId::BERLIN,
        Fork::London | Fork::ArrowGlacier | Fork::GrayGlacier => SpecId::LONDON,
        Fork::Paris => SpecId::MERGE,
        Fork::Shanghai => SpecId::SHANGHAI,
        Fork::Cancun => SpecId::CANCUN,
        Fork::Prague => SpecId::PRAGUE,
        Fork::Osaka => SpecId::OSAKA,
    }
}

/// The environment of a block's transactions.
pub(super) fn block_env(
    spec: &ChainSpec,
    settings: &EvmSettings,
    fork: Fork,
    template: &BlockTemplate,
) -> EvmEnv {
    let params = spec.blob_params_at(template.timestamp);
    let blobs = template.excess_blob_gas.map(|excess| BlobExcessGasAndPrice {
        excess_blob_gas: excess,
        blob_gasprice: params.calc_blob_fee(excess),
    });
    let block_env = BlockEnv {
        number: U256::from(template.number),
        beneficiary: template.beneficiary,
        timestamp: U256::from(template.timestamp),
        gas_limit: template.gas_limit,
        basefee: template.base_fee.unwrap_or(0),
        difficulty: template.difficulty,
        prevrandao: Some(template.prev_randao),
        blob_excess_gas_and_price: blobs,
        slot_num: 0,
    };
    let mut cfg_env = cfg(spec, settings, fork, template.number);
    cfg_env.max_blobs_per_tx = Some(params.max_blobs_per_tx);
    EvmEnv { cfg_env, block_env }
}

fn cfg(spec: &ChainSpec, settings: &EvmSettings, fork: Fork, number: u64) -> CfgEnv {
    let mut cfg = CfgEnv::new_with_spec(rules(fork));
    if fork == Fork::Constantinople {
        net_metered(&mut cfg.gas_params);
    }
    cfg.chain_id = spec.chain_ids.at(number);
    cfg.limit_contract_code_size = settings.code_size_limit;
    cfg.limit_contract_initcode_size =
        settings.code_size_limit.map(|limit| limit.saturating_mul(2));
    cfg.disable_block_gas_limit = settings.disable_block_gas_limit;
    cfg.tx_gas_limit_cap = (!settings.transaction_gas_cap).then_some(u64::MAX);
    cfg.memory_limit = settings.memory_limit;
    cfg
}
