//! `mainspring dev`: a development chain that runs until it is asked to stop.

use super::{
    CliError, DevArgs,
    banner::{Banner, Place, contracts},
    logging, signals,
};
use crate::{
    config::{Config, ConfigError, DEFAULT_IPC, Settings},
    node::{self, NodeHandle},
};
use std::{
    io::{self, Write},
    path::Path,
};

/// The settings file that is read if nobody names one.
const SETTINGS_FILE: &str = "mainspring.toml";

/// Where anvil's clients look for its socket.
const ANVIL_IPC: &str = "/tmp/anvil.ipc";

/// How the command was called.
#[derive(Debug)]
pub(super) struct Started {
    /// By the name of the other tool.
    pub(super) as_anvil: bool,
    /// Flags of other programs that mean nothing here, and why.
    pub(super) moot: Vec<(&'static str, &'static str)>,
}

/// Starts the node, tells what it started, and waits for ctrl-c, SIGTERM or the node's own end.
pub(super) async fn run(args: DevArgs, started: Started) -> Result<(), CliError> {
    let Started { as_anvil, moot } = started;
    let config = Config::from_settings(settings(args, as_anvil)?)?;
    let verbosity = logging::init(&config.output);
    for (flag, why) in moot {
        tracing::warn!(target: "config", "{flag} changes nothing: {why}");
    }
    let stop = signals::stop_requested().map_err(CliError::Signals)?;
    let node = node::start(config.clone(), verbosity).await?;
    announce(&config, &node, as_anvil)?;
    tokio::select! {
        requested = stop => requested.map_err(CliError::Signals)?,
        () = node.ended() => {}
    }
    node.shutdown().await.map_err(CliError::from)
}

/// Flags and environment over the settings file.
fn settings(args: DevArgs, as_anvil: bool) -> Result<Settings, ConfigError> {
    let file = match args.config {
        Some(path) => Settings::read(&path)?,
        None if Path::new(SETTINGS_FILE).exists() => Settings::read(Path::new(SETTINGS_FILE))?,
        None => Settings::default(),
    };
    let mut settings = args.settings.over(file)?;
    if as_anvil && settings.ipc.as_deref() == Some(Path::new(DEFAULT_IPC)) {
        settings.ipc = Some(ANVIL_IPC.into());
    }
    settings.ephemeral |= as_anvil && settings.datadir.is_none();
    Ok(settings)
}

/// Prints the banner and writes `--config-out`.
fn announce(config: &Config, node: &NodeHandle, as_anvil: bool) -> Result<(), CliError> {
    let genesis = node.genesis();
    let place = if config.data.ephemeral {
        Place::Nowhere
    } else {
        Place::Directory(config.data.dir.clone())
    };
    let banner = Banner {
        accounts: node.accounts(),
        balances: node.balances()?,
        chain_id: node.chain_id(),
        base_fee: genesis.base_fee_per_gas,
        gas_price: node.gas_price(),
        gas_limit: genesis.gas_limit,
        genesis_timestamp: genesis.timestamp,
        genesis_number: genesis.number,
        place,
        head: node.head_number(),
        contracts: contracts(&node.chain().spec().genesis),
        ipc: node.ipc_path(),
        metrics: node.metrics_address(),
        listening: node.addresses(),
        as_anvil: as_anvil && config.data.ephemeral,
    };
    if let Some(path) = &config.output.config_out {
        std::fs::write(path, banner.json().to_string())
            .map_err(|source| CliError::ConfigOut { path: path.clone(), source })?;
    }
    if config.output.quiet {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    write!(out, "{banner}").and_then(|()| out.flush()).map_err(CliError::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_anvil_keeps_nothing_unless_a_directory_is_named() {
        let named = |datadir: Option<&str>| {
            let datadir = datadir.map(std::path::PathBuf::from);
            let settings = Settings { datadir, ..Settings::default() };
            settings_of(settings, true).ephemeral
        };
        assert!(named(None));
        assert!(!named(Some("chain")));
        assert!(!settings_of(Settings::default(), false).ephemeral);
    }

    fn settings_of(given: Settings, as_anvil: bool) -> Settings {
        settings(DevArgs { config: None, settings: given }, as_anvil).expect("no file is read")
    }

    #[test]
    fn a_named_file_must_exist() {
        let args = DevArgs { config: Some("nowhere.toml".into()), ..DevArgs::default() };
        let error = settings(args, false).expect_err("it does not");
        assert_eq!(error.to_string(), "cannot read nowhere.toml");
    }
}
