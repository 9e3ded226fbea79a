//! `mainspring node`: serves a stored chain until it is asked to stop.

use super::{
    CliError, logging,
    mining::{MiningArgs, show_datasets},
    roles::{AccessArgs, RoleArgs},
    signals,
};
use crate::{
    config::{
        Config, DEFAULT_METRICS, IpcConfig, NetworkArgs, Role, Settings, SignerConfig,
        metrics_address,
    },
    node::{self, NodeHandle},
};
use clap::Args;
use std::{
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
};

/// What `mainspring node` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct NodeArgs {
    /// Directory of the chain's database
    #[arg(long, env = "MAINSPRING_DATADIR", value_name = "DIR")]
    datadir: PathBuf,
    /// Port for HTTP and WebSocket; 0 takes a free one [default: 8545; for a worker, none]
    #[arg(short, long, env = "MAINSPRING_PORT", visible_alias = "http.port", alias = "ws.port")]
    #[arg(value_name = "PORT")]
    port: Option<u16>,
    /// Addresses to listen on, or names that stand for one, as localhost does [default: 127.0.0.1]
    #[arg(long, env = "MAINSPRING_HOST", visible_alias = "http.addr", alias = "ws.addr")]
    #[arg(value_name = "HOST", value_delimiter = ',')]
    host: Option<Vec<String>>,
    /// Origins of web pages that may call the node, as in `https://a.example,https://b.example`, or `*` for
    /// all [default: none]
    #[arg(long, env = "MAINSPRING_ALLOW_ORIGIN", visible_alias = "http.corsdomain")]
    #[arg(value_name = "ORIGIN")]
    allow_origin: Option<String>,
    /// Namespaces to serve over HTTP, as in eth,net,web3 [default: all but testing; where others than this
    /// machine may ask, also without admin, miner and what changes or speaks for the node: debug_setHead,
    /// debug_clearTxpool, debug_verbosity, clique_propose, clique_discard]
    #[arg(long = "http.api", env = "MAINSPRING_HTTP_API", alias = "ws.api")]
    #[arg(value_name = "NAMESPACE", value_delimiter = ',')]
    http_api: Option<Vec<String>>,
    /// Where to answer on a Unix socket; a bare name lies in the data directory [default: mainspring.ipc]
    #[arg(long, env = "MAINSPRING_IPC", visible_alias = "ipcpath", value_name = "PATH")]
    ipc: Option<PathBuf>,
    /// Serve the node's numbers at /metrics, in Prometheus' form [default: off; 127.0.0.1:9001]
    #[arg(long, env = "MAINSPRING_METRICS", value_name = "ADDR:PORT", num_args = 0..=1)]
    #[arg(default_missing_value = DEFAULT_METRICS, value_parser = metrics_address)]
    metrics: Option<SocketAddr>,
    /// Open no Unix socket
    #[arg(long, env = "MAINSPRING_NO_IPC", visible_alias = "ipcdisable", conflicts_with = "ipc")]
    no_ipc: bool,
    #[command(flatten)]
    role: RoleArgs,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    p2p: NetworkArgs,
    /// Make no blocks
    #[arg(long, env = "MAINSPRING_NO_SEAL")]
    no_seal: bool,
    /// Key file of the account that signs blocks (proof of authority)
    #[arg(long, env = "MAINSPRING_SIGNER", value_name = "FILE", requires = "password_file")]
    signer: Option<PathBuf>,
    /// File whose first line is the key file's passphrase
    #[arg(long, env = "MAINSPRING_PASSWORD_FILE", value_name = "FILE", requires = "signer")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    mining: MiningArgs,
    /// Verify proof of work also on a chain that has merged
    #[arg(long, env = "MAINSPRING_VERIFY_SEAL")]
    verify_seal: bool,
    /// File with limits, in the form of `mainspring dev`'s settings file
    #[arg(long, env = "MAINSPRING_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Throw the states of old blocks away: those of so many blocks below the newest are kept (256 if no
    /// number is given); blocks, receipts and logs stay
    #[arg(long, env = "MAINSPRING_PRUNE_HISTORY", value_name = "BLOCKS")]
    #[arg(num_args = 0..=1, default_missing_value = "256")]
    prune_history: Option<u64>,
    /// End when standard input, a pipe, is closed: when the program that started the node is gone
    #[arg(long, env = "MAINSPRING_UNTIL_STDIN_CLOSES")]
    until_stdin_closes: bool,
    /// Print nothing but errors
    #[arg(short, long, env = "MAINSPRING_QUIET", alias = "silent")]
    quiet: bool,
    /// Print logs as JSON, a line each
    #[arg(long, env = "MAINSPRING_JSON_LOGS", alias = "json")]
    json_logs: bool,
}

/// Starts the node, tells what it serves, and waits for ctrl-c, SIGTERM or the node's own end.
pub(super) async fn run(args: NodeArgs) -> Result<(), CliError> {
    let until_stdin_closes = args.until_stdin_closes;
    let config = config(args)?;
    let verbosity = logging::init(&config.output);
    let stop = signals::stop_requested().map_err(CliError::Signals)?;
    let alone = signals::stdin_closed(until_stdin_closes).map_err(CliError::Stdin)?;
    let node = node::start(config.clone(), verbosity).await?;
    if !config.output.quiet {
        announce(&config, &node).map_err(CliError::Output)?;
    }
    tokio::select! {
        requested = stop => requested.map_err(CliError::Signals)?,
        () = alone => {}
        () = node.ended() => {}
        () = show_datasets(&node), if !config.output.quiet => {}
    }
    node.shutdown().await.map_err(CliError::from)
}

fn config(args: NodeArgs) -> Result<Config, CliError> {
    let file = args.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
    let settings = Settings {
        datadir: Some(args.datadir),
        port: args.port,
        host: args.host,
        allow_origin: args.allow_origin,
        http_api: args.http_api,
        p2p: args.p2p,
        metrics: args.metrics,
        quiet: args.quiet,
        json_logs: args.json_logs,
        prune_history: args.prune_history,
        ..Settings::default()
    }
    .over(file)?;
    let no_cors = settings.no_cors || settings.allow_origin.is_none();
    let settings = Settings { no_cors, ..settings };
    let names_server = settings.port.is_some() || settings.host.is_some();
    let mut config = Config::from_settings(settings)?;
    config.server.access = args.access.access();
    config.server.ipc = match args.ipc {
        _ if args.no_ipc => IpcConfig::Off,
        Some(path) => IpcConfig::At(path),
        None => IpcConfig::Default,
    };
    config.mining = args.mining.config();
    let is_asked = args.signer.is_some() || config.mining.mines;
    let seals = !args.no_seal && args.role.seals(is_asked);
    if !args.role.serves(names_server) {
        config.server.hosts.clear();
    }
    config.role = Role::Stored { seals, verify_seals: args.verify_seal };
    let signer = args.signer.zip(args.password_file);
    config.signer = signer.map(|(key, password)| SignerConfig { key, password });
    Ok(config)
}

fn announce(config: &Config, node: &NodeHandle) -> io::Result<()> {
    let head = node.chain().head();
    let mut out = io::stdout().lock();
    writeln!(out, "mainspring {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "Directory:    {}", config.data.dir.display())?;
    writeln!(out, "Chain id:     {}", node.chain_id())?;
    writeln!(out, "Genesis hash: {}", node.genesis_hash())?;
    writeln!(out, "Head:         block {} {}", head.number, head.seal())?;
    if let Some(path) = node.ipc_path() {
        writeln!(out, "IPC path:     {}", path.display())?;
    }
    if node.addresses().is_empty() {
        writeln!(out, "RPC:          on the IPC path only (--port or --host opens it)")?;
    }
    if let Some(network) = node.network() {
        writeln!(out, "Peer id:      {}", network.local_peer_id())?;
        for address in network.listen_addresses() {
            writeln!(out, "Peer address: {address}")?;
        }
    }
    if let Some(address) = node.metrics_address() {
        writeln!(out, "Metrics:      http://{address}/metrics")?;
    }
    for address in node.addresses() {
        writeln!(out, "Listening on {address}")?;
    }
    out.flush()
}
