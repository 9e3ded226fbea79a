//! `mainspring genesis`: the file that a network begins with.

mod values;

use super::CliError;
use crate::{
    config::AccountsConfig,
    consensus::clique,
    node::{self, SourceChain},
    spec::{ChainSpec, FeeMarket, Fork, ForkPlan, NetworkConsensus, NetworkGenesis, SpecError},
};
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::{Address, Bytes, U256};
use clap::{Args, ValueEnum};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};
use values::Funding;

/// Least gas limit of a block ([Yellow Paper](https://ethereum.github.io/yellowpaper/paper.pdf), 4.3.4).
const LEAST_GAS_LIMIT: u64 = 5_000;
const DEFAULT_PERIOD: u64 = 2;
const DEFAULT_EPOCH: u64 = 30_000;
/// Takes a second or two to find with the light cache.
const DEFAULT_DIFFICULTY: U256 = U256::from_limbs([2_000, 0, 0, 0]);
const DEFAULT_MINIMUM_DIFFICULTY: U256 = U256::from_limbs([500, 0, 0, 0]);

/// How the blocks of the network come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ConsensusName {
    /// Proof of authority: signers in turn, who vote each other in and out
    Poa,
    /// Proof of work: Ethash
    Pow,
    /// Validators that vote on every block (not there yet)
    Bft,
}

/// What `mainspring genesis` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct GenesisArgs {
    /// How blocks come about
    #[arg(long, value_enum, value_name = "MODE")]
    consensus: ConsensusName,
    /// Id that transactions of the network are signed for
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u64).range(1..))]
    chain_id: u64,
    /// Accounts that sign blocks (poa)
    #[arg(long, value_name = "ADDRESS", num_args = 1.., value_delimiter = ',')]
    #[arg(value_parser = values::address, help_heading = "Consensus")]
    signer: Vec<Address>,
    /// Seconds between two blocks; with 0 a block comes with transactions (poa) [default: 2]
    #[arg(long, value_name = "SECONDS", help_heading = "Consensus")]
    period: Option<u64>,
    /// Blocks between two checkpoints, at which open votes end (poa) [default: 30000]
    #[arg(long, value_name = "BLOCKS", help_heading = "Consensus")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    epoch: Option<u64>,
    /// Difficulty of the first block (pow) [default: 2000]
    #[arg(long, value_name = "NUMBER", help_heading = "Consensus")]
    difficulty: Option<U256>,
    /// Least difficulty of a block (pow) [default: 500]
    #[arg(long, value_name = "NUMBER", help_heading = "Consensus")]
    minimum_difficulty: Option<U256>,
    /// Let the difficulty rise by itself with the height, as Ethereum's did (pow)
    #[arg(long, help_heading = "Consensus")]
    bomb: bool,
    /// The newest fork whose rules hold from the first block on [default: the newest]
    #[arg(long, visible_alias = "hardfork", value_name = "FORK", value_parser = values::fork)]
    #[arg(help_heading = "Rules")]
    fork: Option<Fork>,
    /// Let a fork begin at a time, in seconds since 1970; older ones begin with the genesis
    #[arg(long, value_name = "FORK=TIME", value_parser = values::fork_time, help_heading = "Rules")]
    fork_time: Vec<(Fork, u64)>,
    /// How the base fee comes about: eip1559, zero, or fixed:WEI
    #[arg(long, value_name = "MARKET", value_parser = values::fee_market, default_value = "eip1559")]
    #[arg(help_heading = "Rules")]
    fee_market: FeeMarket,
    /// Gas limit of the first block
    #[arg(long, value_name = "GAS", default_value_t = 30_000_000, help_heading = "Rules")]
    #[arg(value_parser = clap::value_parser!(u64).range(LEAST_GAS_LIMIT..=i64::MAX as u64))]
    gas_limit: u64,
    /// Time of the first block in seconds since 1970 [default: 0, so that the same command writes the
    /// same chain; with --from, the time of its head]
    #[arg(long, value_name = "SECONDS", help_heading = "Rules")]
    timestamp: Option<u64>,
    /// At most 32 bytes of the first block's extra data: text, or hex after 0x
    #[arg(long, visible_alias = "vanity", value_name = "TEXT", value_parser = values::extra)]
    #[arg(help_heading = "Rules")]
    extra: Option<Bytes>,
    /// Ether that an account starts with: 1, 0.5, 1e6, or 21000wei
    #[arg(long, value_name = "ADDRESS:ETHER", value_parser = values::funding, num_args = 1..)]
    #[arg(help_heading = "State")]
    fund: Vec<Funding>,
    /// Give 10,000 ether each to the first accounts of the phrase that everyone knows [default: 10]
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "10")]
    #[arg(help_heading = "State")]
    fund_dev_accounts: Option<usize>,
    /// File of accounts in the form of a genesis' alloc, or a genesis file: its accounts
    #[arg(long, value_name = "FILE", help_heading = "State")]
    alloc: Option<PathBuf>,
    /// Leave out Main, Multicall3 and the CREATE2 deployer
    #[arg(long, help_heading = "State")]
    bare: bool,
    /// Take the accounts of the head of a stored chain along: balances, code and storage, no history
    #[arg(long, value_name = "DATADIR", help_heading = "State")]
    from: Option<PathBuf>,
    /// Where to write the file [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file that is there
    #[arg(long, requires = "out")]
    force: bool,
}

/// Why no genesis was written.
#[derive(Debug, thiserror::Error)]
pub(super) enum GenesisError {
    #[error("--consensus bft is not there yet: choose poa or pow")]
    NotYet,
    #[error("{flag} is for --consensus {of}")]
    Foreign { flag: &'static str, of: &'static str },
    #[error("{0} is given twice: by --fund, --fund-dev-accounts or --alloc")]
    FundedTwice(Address),
    #[error(
        "{0} has an account in the chain of --from, which it keeps: leave it out of --fund and --alloc"
    )]
    InSource(Address),
    #[error("--fork-time names {0} twice")]
    ForkTwice(Fork),
    #[error("{path} is neither an alloc nor a genesis file: {source}")]
    Alloc { path: PathBuf, source: serde_json::Error },
    #[error("{0} is there already; --force replaces it")]
    Exists(PathBuf),
    #[error(transparent)]
    Spec(#[from] SpecError),
}

/// Writes the file, and says what to do with it.
pub(super) fn run(args: &GenesisArgs) -> Result<(), CliError> {
    if let Some(path) = args.out.as_ref().filter(|path| !args.force && path.exists()) {
        return Err(GenesisError::Exists(path.clone()).into());
    }
    let source = args.from.as_deref().map(SourceChain::open).transpose()?;
    let network = network(args, source.as_ref())?;
    let genesis = network.genesis().map_err(GenesisError::from)?;
    // Whatever `init` would say of it is said now.
    ChainSpec::of_others(genesis.clone()).map_err(GenesisError::from)?;
    let accounts = match &args.out {
        None => node::write_genesis(&genesis, source.as_ref(), &mut io::stdout().lock())?,
        Some(path) => write_file(path, args.force, &genesis, source.as_ref())?,
    };
    source.map_or(Ok(()), SourceChain::close)?;
    say(&network, accounts, args.out.as_deref()).map_err(CliError::Output)
}

/// The file is there whole, or not at all.
fn write_file(
    path: &Path,
    force: bool,
    genesis: &Genesis,
    source: Option<&SourceChain>,
) -> Result<u64, CliError> {
    let failed = |source| CliError::Write { path: path.to_owned(), source };
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::Builder::new().prefix(".genesis-").tempfile_in(folder).map_err(failed)?;
    let mut out = BufWriter::new(file);
    let accounts = node::write_genesis(genesis, source, &mut out)?;
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.as_file().sync_all().map_err(failed)?;
    readable_by_all(file.as_file()).map_err(failed)?;
    let placed = if force { file.persist(path) } else { file.persist_noclobber(path) };
    placed.map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => GenesisError::Exists(path.to_owned()).into(),
        _ => failed(error.error),
    })?;
    Ok(accounts)
}

/// A genesis is no secret, and a temporary file is only its owner's.
fn readable_by_all(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

fn network(args: &GenesisArgs, source: Option<&SourceChain>) -> Result<NetworkGenesis, CliError> {
    let consensus = consensus(args)?;
    let mut times = BTreeMap::new();
    for (fork, time) in &args.fork_time {
        if times.insert(*fork, *time).is_some() {
            return Err(GenesisError::ForkTwice(*fork).into());
        }
    }
    let timestamp = args.timestamp.or_else(|| source.map(SourceChain::timestamp));
    Ok(NetworkGenesis {
        chain_id: args.chain_id,
        consensus,
        forks: ForkPlan::new(args.fork, &times).map_err(GenesisError::from)?,
        fee_market: args.fee_market,
        timestamp: timestamp.unwrap_or(0),
        gas_limit: args.gas_limit,
        extra: args.extra.clone().unwrap_or_default(),
        accounts: accounts(args, source)?,
        tools: !args.bare,
    })
}

fn consensus(args: &GenesisArgs) -> Result<NetworkConsensus, GenesisError> {
    let foreign = |flags: &[(bool, &'static str)], of| {
        let given = flags.iter().find(|(is_given, _)| *is_given);
        given.map_or(Ok(()), |(_, flag)| Err(GenesisError::Foreign { flag, of }))
    };
    match args.consensus {
        ConsensusName::Bft => Err(GenesisError::NotYet),
        ConsensusName::Poa => {
            let flags = [
                (args.difficulty.is_some(), "--difficulty"),
                (args.minimum_difficulty.is_some(), "--minimum-difficulty"),
                (args.bomb, "--bomb"),
            ];
            foreign(&flags, "pow")?;
            Ok(NetworkConsensus::Authority {
                signers: args.signer.clone(),
                period: args.period.unwrap_or(DEFAULT_PERIOD),
                epoch: args.epoch.unwrap_or(DEFAULT_EPOCH),
            })
        }
        ConsensusName::Pow => {
            let flags = [
                (!args.signer.is_empty(), "--signer"),
                (args.period.is_some(), "--period"),
                (args.epoch.is_some(), "--epoch"),
            ];
            foreign(&flags, "poa")?;
            Ok(NetworkConsensus::Work {
                difficulty: args.difficulty.unwrap_or(DEFAULT_DIFFICULTY),
                minimum_difficulty: args.minimum_difficulty.unwrap_or(DEFAULT_MINIMUM_DIFFICULTY),
                bomb: args.bomb,
            })
        }
    }
}

/// The accounts that are asked for: by file, by name, and those that everyone knows.
fn accounts(
    args: &GenesisArgs,
    source: Option<&SourceChain>,
) -> Result<BTreeMap<Address, GenesisAccount>, CliError> {
    let mut accounts = args.alloc.as_deref().map(read_alloc).transpose()?.unwrap_or_default();
    let balance = |wei| GenesisAccount::default().with_balance(wei);
    for Funding { address, balance: wei } in &args.fund {
        if accounts.insert(*address, balance(*wei)).is_some() {
            return Err(GenesisError::FundedTwice(*address).into());
        }
    }
    for address in accounts.keys() {
        if source.map_or(Ok(false), |source| source.has(*address))? {
            return Err(GenesisError::InSource(*address).into());
        }
    }
    let known = AccountsConfig { count: args.fund_dev_accounts.unwrap_or(0), ..Default::default() };
    let derived = known.derive().map_err(node::NodeError::from)?;
    for address in derived.addresses() {
        if accounts.insert(address, balance(known.balance)).is_some() {
            return Err(GenesisError::FundedTwice(address).into());
        }
    }
    Ok(accounts)
}

/// The accounts of a file: its `alloc`, or all of it.
fn read_alloc(path: &Path) -> Result<BTreeMap<Address, GenesisAccount>, CliError> {
    let text = node::read_genesis_text(path)?;
    let format = |source| GenesisError::Alloc { path: path.to_owned(), source };
    let mut value: serde_json::Value = serde_json::from_slice(&text).map_err(format)?;
    let alloc = value.get_mut("alloc").map(serde_json::Value::take).unwrap_or(value);
    Ok(serde_json::from_value(alloc).map_err(format)?)
}

/// What was written, and what comes next.
fn say(network: &NetworkGenesis, accounts: u64, out: Option<&Path>) -> io::Result<()> {
    let file = out.map_or("genesis.json".into(), Path::to_string_lossy);
    let mut err = io::stderr().lock();
    writeln!(err, "Chain id:   {}", network.chain_id)?;
    let node = match &network.consensus {
        NetworkConsensus::Authority { signers, period, .. } => {
            let pace = if *period == 0 {
                "a block when there is something to put into it".to_owned()
            } else {
                format!("a block every {period} s")
            };
            writeln!(err, "Consensus:  proof of authority, {} signers, {pace}", signers.len())?;
            "mainspring node --datadir DIR --signer KEYFILE --password-file FILE"
        }
        NetworkConsensus::Work { difficulty, minimum_difficulty, .. } => {
            writeln!(
                err,
                "Consensus:  proof of work, difficulty {difficulty}, never below {minimum_difficulty}"
            )?;
            "mainspring node --datadir DIR --mine --coinbase ADDRESS"
        }
    };
    let later = network.forks.later().map(|(fork, time)| format!(", {fork} at {time}"));
    writeln!(err, "Forks:      {}{}", network.forks.first(), later.collect::<String>())?;
    writeln!(err, "Accounts:   {accounts}")?;
    if let NetworkConsensus::Authority { signers, .. } = &network.consensus
        && let Some(warning) = clique::even_signers(signers.len())
    {
        writeln!(err, "Warning:    {warning}")?;
    }
    writeln!(err, "Next, on every machine:")?;
    writeln!(err, "  mainspring init --datadir DIR --genesis {file}")?;
    writeln!(err, "  {node}")?;
    writeln!(err, "or, to follow the chain without making blocks:")?;
    writeln!(err, "  mainspring node --datadir DIR --no-seal")
}
