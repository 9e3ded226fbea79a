//! The command line: what is asked of this process?

mod account;
mod banner;
mod compat;
mod completions;
mod db;
mod dev;
mod devnet;
mod error;
mod export;
#[cfg(feature = "failpoints")]
mod failpoints;
mod foreign;
mod genesis;
mod import;
mod init;
mod logging;
mod mining;
mod node;
mod roles;
mod script_tracer;
mod signals;
mod test;

use crate::{config::Settings, node::Progress};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use compat::CompatArgs;
use devnet::DevnetArgs;
use error::CliError;
use export::ExportArgs;
use genesis::GenesisArgs;
use import::ImportArgs;
use init::InitArgs;
use node::NodeArgs;
use std::{
    error::Error,
    ffi::OsString,
    fmt,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// An EVM-compatible Solidity chain in one binary: durable, archival, fast.
#[derive(Parser, Debug)]
#[command(name = "mainspring", version, args_conflicts_with_subcommands = true)]
#[command(after_help = "Example: mainspring --block-time 2 --accounts 20")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    dev: DevArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a development chain (also without a subcommand)
    #[command(after_help = "Examples:
  mainspring dev                                a chain that survives restarts, in ./.mainspring
  mainspring dev --ephemeral --port 0           a throw-away chain on a free port
  mainspring dev --block-time 0.5 --order fifo  two blocks a second, first come first served")]
    Dev(Box<DevArgs>),
    /// Write the genesis file of a network
    #[command(after_help = "Examples:
  mainspring genesis --consensus poa --chain-id 1234 --signer 0xA… 0xB… 0xC… --fund 0xD…:1000 > genesis.json
  mainspring genesis --consensus pow --chain-id 1234 --fund-dev-accounts --out genesis.json
  mainspring genesis --consensus poa --chain-id 1234 --signer 0xA… --from ./.mainspring --out genesis.json")]
    Genesis(Box<GenesisArgs>),
    /// Make a chain from a genesis file in geth's format
    #[command(after_help = "Example: mainspring init --datadir ./chain --genesis genesis.json")]
    Init(InitArgs),
    /// Take in blocks from files of concatenated block RLPs
    #[command(after_help = "Examples:
  mainspring import --datadir ./chain chain.rlp
  zcat blocks.rlp.gz | mainspring import --datadir ./chain -

Blocks that the chain has are passed over: an import that was stopped goes on where it was.")]
    Import(ImportArgs),
    /// Write blocks as concatenated block RLPs
    #[command(
        after_help = "Example: mainspring export --datadir ./chain --from 1 --to 1000 chain.rlp

A block that a developer's edit or a sender without a signature is part of cannot be executed
elsewhere: the export stops there and names it."
    )]
    Export(ExportArgs),
    /// Look after a stored chain: figures, verification, copies
    #[command(subcommand)]
    Db(db::Db),
    /// Serve a stored chain
    #[command(after_help = "Examples:
  mainspring node --datadir ./chain --http.port 8545 --no-seal
  mainspring node --datadir ./chain --signer key.json --password-file password.txt
  mainspring node --datadir ./chain --mine --coinbase 0xf39F… --threads 2")]
    Node(Box<NodeArgs>),
    /// Keys of signers and senders, in files that a passphrase opens
    #[command(subcommand)]
    Account(account::Account),
    /// Run a network on this machine: a main node and workers, and its faults on demand
    #[command(after_help = "Examples:
  mainspring devnet                                 three signers and a main node, RPC on port 8545
  mainspring devnet --port 9000 --fresh             another network, RPC on ports 9000 to 9003
  mainspring devnet --consensus pow --workers 2 --datadir ./pow --port 0
                                                    two miners; every node on a free port
  mainspring devnet status                          from a second terminal: heads and peers
  mainspring devnet kill worker-1                   as if its power had failed
  mainspring devnet cut worker-1 worker-2           they keep each other and lose all others
  mainspring devnet heal                            all connected again

The same directory goes on with the same network and ports. If this process dies, its nodes end.")]
    Devnet(Box<DevnetArgs>),
    /// Run published tests of Ethereum's rules
    #[command(subcommand)]
    Test(test::Test),
    /// Report what of Ethereum's surface this binary serves, seen on a node that it starts for it
    #[command(after_help = "Example: mainspring compat --json > report.json

Every line is a check that was made just now. The exit code is 0 only if all of them passed.")]
    Compat(CompatArgs),
    /// Run a JavaScript tracer for a node, which starts this itself
    #[command(hide = true)]
    ScriptTracer,
    /// Print a completion script for a shell
    #[command(visible_alias = "com")]
    #[command(
        after_help = "Example: mainspring completions bash > /etc/bash_completion.d/mainspring"
    )]
    Completions {
        /// The shell to complete in
        shell: Shell,
    },
}

/// The exit code that clap has for it.
const WRONG_USAGE: u8 = 2;
/// The exit code of a shell's command that SIGPIPE has ended.
const CLOSED_PIPE: u8 = 141;

/// What `mainspring dev` takes.
#[derive(Args, Clone, Debug, Default)]
struct DevArgs {
    /// Settings file [default: ./mainspring.toml, if there is one]
    #[arg(long, env = "MAINSPRING_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// Reads the command line and does what it asks for. The exit code is 0 only when that is done; an
/// error is told on standard error, from the outermost cause to the innermost. Wrong usage is
/// explained and ends the process, as does `--help`. Who closes the pipe that is written to, as `head` does, is
/// told nothing.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    #[cfg(feature = "failpoints")]
    failpoints::arm();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let as_anvil = arguments.first().is_some_and(is_anvil);
    let foreign::Translated { arguments, moot } = match foreign::translate(arguments) {
        Ok(translated) => translated,
        Err(flag) => {
            complain(format_args!("error: {flag}"));
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let cli = Cli::parse_from(arguments);
    let started = dev::Started { as_anvil, moot };
    let goes_on = cli.goes_on();
    let done = match cli.command {
        None => dev::run(cli.dev, started).await,
        Some(Command::Dev(args)) => dev::run(*args, started).await,
        Some(Command::Genesis(args)) => genesis::run(&args),
        Some(Command::Init(args)) => init::run(&args),
        Some(Command::Import(args)) => import::run(&args),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Db(db)) => db::run(&db),
        Some(Command::Node(args)) => node::run(*args).await,
        Some(Command::Account(account)) => account::run(&account),
        Some(Command::Devnet(args)) => devnet::run(*args).await,
        Some(Command::Test(test)) => return test::run(&test),
        Some(Command::Compat(args)) => compat::run(&args).await,
        Some(Command::ScriptTracer) => script_tracer::run(),
        Some(Command::Completions { shell }) => completions::print(shell),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if !goes_on && error.is_closed_pipe() => ExitCode::from(CLOSED_PIPE),
        Err(error) => {
            complain(format_args!("Error: {}", with_causes(&error)));
            ExitCode::FAILURE
        }
    }
}

/// A line on standard error, if anybody reads it.
fn complain(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

impl Cli {
    /// Does it run until it is stopped? Then its end has a reason to be told.
    fn goes_on(&self) -> bool {
        match &self.command {
            None | Some(Command::Dev(_) | Command::Node(_)) => true,
            Some(Command::Devnet(args)) => args.starts(),
            Some(_) => false,
        }
    }
}

/// The error and what caused it, on one line; a cause that the text contains already is left out.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// Was the binary called by the other tool's name, through a link?
fn is_anvil(name: &OsString) -> bool {
    Path::new(name).file_stem().is_some_and(|stem| stem == "anvil")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigError;
    use clap::CommandFactory;

    fn settings(line: &str) -> Settings {
        let cli = Cli::try_parse_from(line.split(' ')).expect("the line is right");
        match cli.command {
            None => cli.dev.settings,
            Some(Command::Dev(dev)) => dev.settings,
            Some(_) => panic!("not a development chain"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn dev_is_what_runs_without_a_subcommand() {
        assert_eq!(settings("mainspring --port 1"), settings("mainspring dev --port 1"));
        assert_eq!(settings("mainspring"), Settings::default());
    }

    #[test]
    fn anvils_spellings_and_aliases_are_taken() {
        let pairs = [
            ("-b 2", "--blockTime 2"),
            ("-p 1", "--http.port 1"),
            ("--no-mining", "--no-mine"),
            ("--chain-id 5", "--chain 5"),
            ("--gas-limit 9", "--block-gas-limit 9"),
            ("--block-base-fee-per-gas 3", "--base-fee 3"),
            ("--enable-tx-gas-limit", "--tx-gas-limit"),
            ("--auto-impersonate", "--auto-unlock"),
            ("--disable-default-create2-deployer", "--no-create2"),
            ("-q", "--silent"),
            ("--json-logs", "--json"),
        ];
        for (one, other) in pairs {
            let given = settings(&format!("mainspring {one}"));
            assert_ne!(given, Settings::default(), "{one}");
            assert_eq!(given, settings(&format!("mainspring {other}")), "{other}");
        }
    }

    #[test]
    fn lists_and_bare_values_are_read() {
        let given = settings("mainspring --host 127.0.0.1,::1 --mnemonic-random");
        assert_eq!(given.host.map(|hosts| hosts.len()), Some(2));
        assert_eq!(given.mnemonic_random, Some(12));
        assert_eq!(settings("mainspring --mnemonic-random 24").mnemonic_random, Some(24));
    }

    #[test]
    fn a_flag_that_means_nothing_here_is_refused() {
        for line in ["mainspring --no-such-flag", "mainspring --optimism", "mainspring run"] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let missing = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        let read = ConfigError::Read { path: "chain.toml".into(), source: missing };
        let error = CliError::Config(read);
        assert_eq!(with_causes(&error), "cannot read chain.toml: no such file");
    }

    #[test]
    fn a_link_named_anvil_is_recognised() {
        assert!(is_anvil(&"/usr/bin/anvil".into()) && is_anvil(&"anvil.exe".into()));
        assert!(!is_anvil(&"mainspring".into()));
    }
}
