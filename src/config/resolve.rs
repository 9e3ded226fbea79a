//! From settings as given to a configuration: defaults filled in, contradictions refused.

use super::{
    AccountsConfig, Config, ConfigError, DataConfig, DebuggingConfig, EvmConfig, GenesisConfig,
    IpcConfig, MiningConfig, NetworkConfig, OutputConfig, PoolConfig, Role, RpcLimits,
    SealingConfig, ServerConfig, Settings, StateConfig, WriterConfig,
    accounts::parse_funding,
    fork::{cache, fork, upstream},
};
use crate::spec::Fork;
use alloy_primitives::U256;
use std::{
    io,
    net::{IpAddr, ToSocketAddrs},
    time::Duration,
};

/// Code of any size: far above what a block could hold, far below what overflows.
const ANY_CODE_SIZE: usize = u32::MAX as usize;

impl Config {
    /// Fills in the defaults.
    ///
    /// # Errors
    /// Settings that contradict each other, or values that mean nothing.
    pub fn from_settings(settings: Settings) -> Result<Self, ConfigError> {
        let accounts = AccountsConfig::from_settings(&settings)?;
        Ok(Self {
            role: Role::default(),
            signer: None,
            mining: MiningConfig::default(),
            genesis: genesis(&settings, accounts.balance)?,
            fork: fork(&settings)?,
            upstream: upstream(&settings)?,
            cache: cache(&settings),
            accounts,
            data: data(&settings)?,
            state: state(&settings)?,
            sealing: sealing(&settings)?,
            evm: evm(&settings)?,
            server: server(&settings)?,
            network: NetworkConfig::from_settings(&settings)?,
            rpc: rpc(&settings)?,
            pool: pool(&settings)?,
            writer: writer(&settings)?,
            debugging: DebuggingConfig::from_settings(&settings)?,
            output: output(settings)?,
        })
    }
}

fn data(settings: &Settings) -> Result<DataConfig, ConfigError> {
    let default = DataConfig::default();
    let ephemeral = settings.ephemeral;
    if ephemeral && settings.datadir.is_some() {
        return Err(ConfigError::Conflict { one: "ephemeral", other: "datadir" });
    }
    Ok(DataConfig {
        dir: settings.datadir.clone().unwrap_or(default.dir),
        ephemeral,
        fresh: settings.fresh,
        rotate_chain_id: settings.rotate_chain_id,
        monotonic: settings.monotonic,
        keep_states: settings.prune_history,
        no_address_index: settings.no_address_index,
    })
}

fn state(settings: &Settings) -> Result<StateConfig, ConfigError> {
    let conflict = |one, other| Err(ConfigError::Conflict { one, other });
    let (both, load) = (settings.state.clone(), settings.load_state.clone());
    let dump = settings.dump_state.clone();
    if both.is_some() && load.is_some() {
        return conflict("state", "load-state");
    }
    if both.is_some() && dump.is_some() {
        return conflict("state", "dump-state");
    }
    // A dump brings the state that a genesis file would.
    if settings.init.is_some() && both.is_some() {
        return conflict("init", "state");
    }
    if settings.init.is_some() && load.is_some() {
        return conflict("init", "load-state");
    }
    let interval = seconds("state-interval", settings.state_interval)?;
    if interval.is_some() && both.is_none() && dump.is_none() {
        return Err(ConfigError::Needs { one: "state-interval", other: "dump-state" });
    }
    let default = StateConfig::default();
    let must_exist = load.is_some();
    Ok(StateConfig {
        load: load.or_else(|| both.clone()),
        must_exist,
        dump: dump.or(both),
        interval: interval.unwrap_or(default.interval),
        older_states: settings.preserve_historical_states,
    })
}

fn genesis(settings: &Settings, balance: U256) -> Result<GenesisConfig, ConfigError> {
    check_init(settings)?;
    let hardfork = settings.hardfork.as_deref().map(str::parse::<Fork>).transpose()?;
    let funded = settings.fund_accounts.iter().flatten();
    Ok(GenesisConfig {
        init: settings.init.clone(),
        chain_id: settings.chain_id,
        timestamp: settings.timestamp,
        number: settings.number,
        hardfork,
        gas_limit: above_zero("gas-limit", settings.gas_limit)?,
        base_fee: settings.block_base_fee_per_gas,
        no_create2: settings.disable_default_create2_deployer,
        funded: funded.map(|each| parse_funding(each, balance)).collect::<Result<_, _>>()?,
    })
}

fn sealing(settings: &Settings) -> Result<SealingConfig, ConfigError> {
    let default = SealingConfig::default();
    let block_time = seconds("block-time", settings.block_time)?;
    let no_mining = settings.no_mining;
    let mixed = settings.mixed_mining;
    if no_mining && block_time.is_some() {
        return Err(ConfigError::Conflict { one: "block-time", other: "no-mining" });
    }
    if mixed && block_time.is_none() {
        return Err(ConfigError::Needs { one: "mixed-mining", other: "block-time" });
    }
    let max_transactions = above_zero("max-transactions", settings.max_transactions)?;
    Ok(SealingConfig {
        block_time,
        no_mining,
        mixed,
        order: settings.order.unwrap_or_default(),
        async_automine: settings.async_automine,
        max_transactions: max_transactions.unwrap_or(default.max_transactions),
        slots_in_an_epoch: above_zero("slots-in-an-epoch", settings.slots_in_an_epoch)?,
        gas_price: settings.gas_price.map(u128::from),
        no_tip: settings.disable_min_priority_fee,
        allow_equal_timestamps: settings.allow_equal_timestamps,
    })
}

fn evm(settings: &Settings) -> Result<EvmConfig, ConfigError> {
    let default = EvmConfig::default();
    let any_code_size = settings.disable_code_size_limit;
    if any_code_size && settings.code_size_limit.is_some() {
        let other = "disable-code-size-limit";
        return Err(ConfigError::Conflict { one: "code-size-limit", other });
    }
    let code_size = above_zero("code-size-limit", settings.code_size_limit)?;
    let memory_limit = above_zero("memory-limit", settings.memory_limit)?;
    Ok(EvmConfig {
        disable_block_gas_limit: settings.disable_block_gas_limit,
        tx_gas_cap: settings.enable_tx_gas_limit,
        code_size_limit: if any_code_size {
            Some(ANY_CODE_SIZE)
        } else {
            code_size.map(|bytes| bytes.min(ANY_CODE_SIZE))
        },
        memory_limit: memory_limit.unwrap_or(default.memory_limit),
        auto_impersonate: settings.auto_impersonate,
    })
}

fn server(settings: &Settings) -> Result<ServerConfig, ConfigError> {
    let default = ServerConfig::default();
    let no_cors = settings.no_cors;
    if no_cors && settings.allow_origin.is_some() {
        return Err(ConfigError::Conflict { one: "no-cors", other: "allow-origin" });
    }
    let allow_origin = settings.allow_origin.clone().or(default.allow_origin);
    let hosts = settings.host.as_ref().filter(|hosts| !hosts.is_empty());
    let hosts = hosts.map(|hosts| addresses(hosts)).transpose()?;
    Ok(ServerConfig {
        hosts: hosts.unwrap_or(default.hosts),
        port: settings.port.unwrap_or(default.port),
        access: default.access,
        ipc: settings.ipc.clone().map_or(IpcConfig::Off, IpcConfig::At),
        allow_origin: allow_origin.filter(|_origin| !no_cors),
        namespaces: settings.http_api.clone(),
        dialect: settings.rpc_dialect.unwrap_or_default(),
        metrics: settings.metrics,
    })
}

/// The addresses of hosts, each once. Of a name that has several the first of version 4, else the first.
fn addresses(hosts: &[String]) -> Result<Vec<IpAddr>, ConfigError> {
    let mut found = Vec::new();
    for host in hosts {
        let unknown = |source| ConfigError::UnknownHost { name: host.clone(), source };
        let none = || io::Error::new(io::ErrorKind::NotFound, "it has no address");
        let address = match host.parse::<IpAddr>() {
            Ok(address) => address,
            Err(_name) => {
                let known: Vec<_> =
                    (host.as_str(), 0).to_socket_addrs().map_err(unknown)?.collect();
                let first = known.iter().find(|it| it.is_ipv4()).or(known.first());
                first.ok_or_else(none).map_err(unknown)?.ip()
            }
        };
        if !found.contains(&address) {
            found.push(address);
        }
    }
    Ok(found)
}

fn rpc(settings: &Settings) -> Result<RpcLimits, ConfigError> {
    let default = RpcLimits::default();
    let unlimited = settings.no_request_size_limit;
    if unlimited && settings.rpc_max_body_bytes.is_some() {
        let other = "rpc-max-body-bytes";
        return Err(ConfigError::Conflict { one: "no-request-size-limit", other });
    }
    let body = above_zero("rpc-max-body-bytes", settings.rpc_max_body_bytes)?;
    let batch = above_zero("rpc-max-batch", settings.rpc_max_batch)?;
    let response = above_zero("rpc-max-response-bytes", settings.rpc_max_response_bytes)?;
    let connections = above_zero("rpc-max-connections", settings.rpc_max_connections)?;
    let client_requests = above_zero("rpc-client-requests", settings.rpc_client_requests)?;
    let client_bytes = above_zero("rpc-client-bytes", settings.rpc_client_bytes)?;
    let client_connections = above_zero("rpc-client-connections", settings.rpc_client_connections)?;
    let script_memory = above_zero("script-memory-limit", settings.script_memory_limit)?;
    let script_time = seconds("script-seconds", settings.script_seconds)?;
    let filter_idle = seconds("rpc-filter-seconds", settings.rpc_filter_seconds)?;
    let slow_reader = seconds("rpc-slow-reader-seconds", settings.rpc_slow_reader_seconds)?;
    let heavy_calls = above_zero("rpc-heavy-calls", settings.rpc_heavy_calls)?;
    Ok(RpcLimits {
        max_body_bytes: if unlimited { u32::MAX } else { body.unwrap_or(default.max_body_bytes) },
        max_batch: batch.unwrap_or(default.max_batch),
        max_response_bytes: response.unwrap_or(default.max_response_bytes),
        log_range: settings.rpc_log_range.unwrap_or(default.log_range),
        max_logs: settings.rpc_max_logs.unwrap_or(default.max_logs),
        page: above_zero("rpc-max-page", settings.rpc_max_page)?.unwrap_or(default.page),
        max_log_terms: settings.rpc_max_log_terms.unwrap_or(default.max_log_terms),
        max_watched_terms: settings.rpc_max_watched_terms.unwrap_or(default.max_watched_terms),
        max_filters: settings.rpc_max_filters.unwrap_or(default.max_filters),
        filter_idle: filter_idle.unwrap_or(default.filter_idle),
        slow_reader: slow_reader.unwrap_or(default.slow_reader),
        gas_cap: above_zero("rpc-gas-cap", settings.rpc_gas_cap)?.unwrap_or(default.gas_cap),
        heavy_calls: heavy_calls.unwrap_or(default.heavy_calls),
        proof_slots: settings.rpc_proof_slots.unwrap_or(default.proof_slots),
        fee_history: settings.rpc_fee_history.unwrap_or(default.fee_history),
        mined_blocks: settings.rpc_mined_blocks.unwrap_or(default.mined_blocks),
        stored_accounts: settings.max_stored_accounts.unwrap_or(default.stored_accounts),
        load_state_bytes: settings.rpc_load_state_bytes.unwrap_or(default.load_state_bytes),
        typed_data_bytes: settings.rpc_typed_data_bytes.unwrap_or(default.typed_data_bytes),
        scripts: above_zero("scripts", settings.scripts)?.unwrap_or(default.scripts),
        script_memory: script_memory.unwrap_or(default.script_memory),
        script_time: script_time.unwrap_or(default.script_time),
        snapshots: above_zero("max-snapshots", settings.max_snapshots)?
            .unwrap_or(default.snapshots),
        branches: above_zero("max-branches", settings.max_branches)?.unwrap_or(default.branches),
        branch_bytes: settings.max_branch_bytes.unwrap_or(default.branch_bytes),
        max_connections: connections.unwrap_or(default.max_connections),
        client_requests: client_requests.unwrap_or(default.client_requests),
        client_bytes: client_bytes.unwrap_or(default.client_bytes),
        client_connections: client_connections.unwrap_or(default.client_connections),
        clients: settings.rpc_clients.unwrap_or(default.clients),
        limit_loopback: settings.rpc_limit_loopback,
        max_subscriptions: settings.rpc_max_subscriptions.unwrap_or(default.max_subscriptions),
    })
}

fn pool(settings: &Settings) -> Result<PoolConfig, ConfigError> {
    let default = PoolConfig::default();
    let transactions = above_zero("pool-max-transactions", settings.pool_max_transactions)?;
    let bytes = above_zero("pool-max-bytes", settings.pool_max_bytes)?;
    let per_sender = above_zero("pool-max-per-sender", settings.pool_max_per_sender)?;
    let tx_bytes = above_zero("max-tx-bytes", settings.max_tx_bytes)?;
    Ok(PoolConfig {
        max_transactions: transactions.unwrap_or(default.max_transactions),
        max_bytes: bytes.unwrap_or(default.max_bytes),
        max_per_sender: per_sender.unwrap_or(default.max_per_sender),
        kept_blob_bytes: settings.pool_kept_blob_bytes.unwrap_or(default.kept_blob_bytes),
        max_tx_bytes: tx_bytes.unwrap_or(default.max_tx_bytes),
        disable_balance_checks: settings.disable_pool_balance_checks,
    })
}

fn writer(settings: &Settings) -> Result<WriterConfig, ConfigError> {
    let default = WriterConfig::default();
    let age = seconds("writer-seconds", settings.writer_seconds)?;
    let blocks = above_zero("writer-blocks", settings.writer_blocks)?;
    Ok(WriterConfig {
        blocks: blocks.unwrap_or(default.blocks),
        bytes: above_zero("writer-bytes", settings.writer_bytes)?.unwrap_or(default.bytes),
        age: age.unwrap_or(default.age),
        gas: above_zero("writer-gas", settings.writer_gas)?.unwrap_or(default.gas),
        trie_nodes: above_zero("trie-nodes", settings.trie_nodes)?.unwrap_or(default.trie_nodes),
    })
}

fn output(settings: Settings) -> Result<OutputConfig, ConfigError> {
    if settings.quiet && settings.verbosity.is_some() {
        return Err(ConfigError::Conflict { one: "quiet", other: "verbosity" });
    }
    Ok(OutputConfig {
        quiet: settings.quiet,
        verbosity: settings.verbosity,
        json_logs: settings.json_logs,
        config_out: settings.config_out,
    })
}

/// A genesis file is used as it is: flags that would change it contradict it.
fn check_init(settings: &Settings) -> Result<(), ConfigError> {
    let shaping = [
        ("chain-id", settings.chain_id.is_some()),
        ("timestamp", settings.timestamp.is_some()),
        ("number", settings.number.is_some()),
        ("hardfork", settings.hardfork.is_some()),
        ("gas-limit", settings.gas_limit.is_some()),
        ("block-base-fee-per-gas", settings.block_base_fee_per_gas.is_some()),
        ("fund-accounts", settings.fund_accounts.is_some()),
        ("disable-default-create2-deployer", settings.disable_default_create2_deployer),
    ];
    match shaping.into_iter().find(|(_name, is_given)| *is_given) {
        Some((other, _)) if settings.init.is_some() => {
            Err(ConfigError::Conflict { one: "init", other })
        }
        _ => Ok(()),
    }
}

pub(super) fn above_zero<T: Default + PartialEq>(
    name: &'static str,
    value: Option<T>,
) -> Result<Option<T>, ConfigError> {
    match value {
        Some(value) if value == T::default() => Err(ConfigError::Zero(name)),
        value => Ok(value),
    }
}

fn seconds(name: &'static str, value: Option<f64>) -> Result<Option<Duration>, ConfigError> {
    let Some(value) = value else { return Ok(None) };
    match Duration::try_from_secs_f64(value) {
        Ok(span) if !span.is_zero() => Ok(Some(span)),
        _ => Err(ConfigError::Seconds { name, value }),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
