//! What does each part need of the settings?

use crate::{
    chain::{self, BranchLimits, ChainSettings, FlushLimits},
    config::{Config, DEFAULT_BASE_FEE, DEFAULT_CHAIN_ID, DEFAULT_GAS_LIMIT, OrderName, Role},
    consensus::Ethash,
    dev::DevSettings,
    evm::{EvmSettings, trace::ScriptHost},
    explain::Told,
    pool::Order,
    rpc::{ClientLimits, FeeSettings, RpcLimits},
    sealer::{Miner, MinerSettings, Mode, SealerSettings, Wishes},
    spec::{self, ChainSpec, Fork, dev::DevGenesis},
};
use alloy_primitives::{Address, U256};
use std::{num::NonZero, sync::Arc};

pub(super) fn dev_genesis(config: &Config, funded: &[(Address, U256)]) -> DevGenesis {
    let genesis = &config.genesis;
    DevGenesis {
        chain_id: genesis.chain_id.unwrap_or(DEFAULT_CHAIN_ID),
        timestamp: genesis.timestamp.unwrap_or_else(chain::genesis_time),
        number: genesis.number.unwrap_or(0),
        gas_limit: genesis.gas_limit.unwrap_or(DEFAULT_GAS_LIMIT),
        base_fee: genesis.base_fee.unwrap_or(DEFAULT_BASE_FEE),
        fork: genesis.hardfork.unwrap_or(Fork::LATEST),
        accounts: funded.to_vec(),
        create2_deployer: !genesis.no_create2,
    }
}

pub(super) fn chain_settings(config: &Config, spec: &ChainSpec) -> ChainSettings {
    let verify_seals = matches!(config.role, Role::Stored { verify_seals: true, .. });
    ChainSettings {
        wall: Default::default(),
        evm: EvmSettings {
            code_size_limit: config.evm.code_size_limit,
            disable_block_gas_limit: config.evm.disable_block_gas_limit,
            // A developer may leave the cap out; elsewhere it is a rule.
            transaction_gas_cap: config.evm.tx_gas_cap || spec.mode != spec::Mode::Dev,
            memory_limit: config.evm.memory_limit,
            call_gas_cap: config.rpc.gas_cap,
        },
        flush: FlushLimits {
            blocks: config.writer.blocks,
            bytes: config.writer.bytes,
            gas: config.writer.gas,
            age: config.writer.age,
        },
        trie_nodes: config.writer.trie_nodes,
        slots_in_an_epoch: config.sealing.slots_in_an_epoch.unwrap_or(0),
        verify_seals,
        ethash: Ethash::shared(),
        allow_equal_timestamps: config.sealing.allow_equal_timestamps,
        keep_states: config.data.keep_states,
        address_index: !config.data.no_address_index,
        takes_future_blocks: false,
        remote: None,
        branches: BranchLimits { count: config.rpc.branches, bytes: config.rpc.branch_bytes },
    }
}

pub(super) fn dev_settings(config: &Config) -> DevSettings {
    DevSettings {
        auto_impersonate: config.evm.auto_impersonate,
        snapshots: config.rpc.snapshots,
        rotate_chain_id: config.data.rotate_chain_id,
        monotonic: config.data.monotonic,
        fork_chain_id: config.genesis.chain_id,
        fork_next: (config.genesis.gas_limit, config.genesis.base_fee),
        filled_blocks: config.rpc.mined_blocks,
    }
}

pub(super) fn sealer_settings(config: &Config) -> SealerSettings {
    let sealing = &config.sealing;
    SealerSettings {
        mode: Mode::from_settings(sealing.block_time, sealing.mixed, sealing.no_mining),
        order: match sealing.order {
            OrderName::Fees => Order::Fees,
            OrderName::Fifo => Order::Fifo,
        },
        coinbase: Address::ZERO,
        answer_at_once: sealing.async_automine,
        max_transactions: sealing.max_transactions,
        max_tx_bytes: config.pool.max_tx_bytes,
        min_tip: 0,
        disable_balance_check: config.pool.disable_balance_checks,
        authority: None,
        miner: None,
    }
}

/// Who mines a chain of proof of work here, if somebody wants that.
pub(super) fn miner(config: &Config, ethash: Arc<Ethash>) -> Miner {
    let mining = &config.mining;
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let default = Wishes::default();
    let settings = MinerSettings {
        threads: mining.threads.unwrap_or(cores.saturating_sub(1).max(1)),
        wishes: Wishes {
            mines: mining.mines,
            coinbase: mining.coinbase,
            extra_data: mining.extra_data.clone().unwrap_or(default.extra_data.clone()),
            gas_limit: mining.gas_limit,
            recommit: mining.recommit.unwrap_or(default.recommit),
            ..default
        },
        dataset: mining.dataset.clone(),
    };
    Miner::new(settings, ethash)
}

pub(super) fn rpc_limits(config: &Config) -> RpcLimits {
    RpcLimits {
        body_bytes: config.rpc.max_body_bytes,
        response_bytes: config.rpc.max_response_bytes,
        batch_requests: config.rpc.max_batch as usize,
        clients: ClientLimits {
            requests: config.rpc.client_requests,
            bytes: config.rpc.client_bytes,
            connections: config.rpc.client_connections,
            clients: config.rpc.clients,
            loopback: config.rpc.limit_loopback,
        },
        connections: config.rpc.max_connections,
        subscriptions: config.rpc.max_subscriptions,
        log_range: config.rpc.log_range,
        logs: config.rpc.max_logs,
        page: config.rpc.page,
        log_terms: config.rpc.max_log_terms,
        watched_terms: config.rpc.max_watched_terms,
        filters: config.rpc.max_filters,
        filter_idle: config.rpc.filter_idle,
        patience: config.rpc.slow_reader,
        heavy_calls: config.rpc.heavy_calls,
        proof_slots: config.rpc.proof_slots,
        fee_history_blocks: config.rpc.fee_history,
        mined_blocks: config.rpc.mined_blocks,
        typed_data_bytes: config.rpc.typed_data_bytes,
        load_state_bytes: config.rpc.load_state_bytes,
        scripts: config.rpc.scripts,
        ..RpcLimits::default()
    }
}

pub(super) fn script_host(config: &Config) -> ScriptHost {
    let (memory, time) = (config.rpc.script_memory, config.rpc.script_time);
    ScriptHost { memory, time, ..ScriptHost::default() }
}

pub(super) fn told(config: &Config) -> Told {
    let debugging = &config.debugging;
    Told {
        console: !debugging.no_console_log,
        traces: debugging.print_traces,
        has_artifacts: !debugging.artifacts.is_empty(),
        ..Told::default()
    }
}

pub(super) fn fee_settings(config: &Config) -> FeeSettings {
    let min_gas_price = config.sealing.gas_price.unwrap_or(0);
    let tip = if config.sealing.no_tip { 0 } else { FeeSettings::default().tip };
    FeeSettings { min_gas_price, tip }
}
