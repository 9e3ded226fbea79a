//! `mainspring test`: does this client agree with the tests that Ethereum's clients are judged by?
//!
//! | file | what it answers |
//! |---|---|
//! | `suite` | which files and cases there are, which of them pass, and how that is told |
//! | `blockchain` | a genesis, blocks that must be taken in or refused, the state at the end |
//! | `vectors` | transactions, RLP, tries, difficulties, Ethash, genesis blocks |

mod blockchain;
mod suite;
mod vectors;

use clap::{Args, Subcommand};
use regex::Regex;
use std::{io, path::PathBuf, process::ExitCode};
use suite::TestError;

/// What is tested.
#[derive(Subcommand, Clone, Debug)]
pub(super) enum Test {
    /// Run blockchain tests: import blocks that must be taken in or refused, compare the state
    #[command(
        after_help = "Each case runs on a new database of the node's own kind in a temporary folder, \
through the node's own import.
A file that cannot be read, an unknown network, or a case that takes more than a minute, fails.
Exit code: 0 if every case passed, 1 if one failed, 2 if there was no case.

Example: mainspring test blockchain --only 'bcUncle' --json results.json ../fixtures/blockchain"
    )]
    Blockchain(TestArgs),
    /// Run test vectors: transactions, RLP, tries, difficulties, Ethash, genesis blocks
    #[command(
        after_help = "A case is one name in a file; in difficulty tests it is one block. A transaction \
counts once and must be right on every fork that its case lists.
A file that cannot be read, or a case that none of these tests knows, fails.
Exit code: 0 if every case passed, 1 if one failed, 2 if there was no case.

Example: mainspring test vectors --only 'ttValue|RLP' ../fixtures/vectors"
    )]
    Vectors(TestArgs),
}

/// What every kind of test takes.
#[derive(Args, Clone, Debug)]
pub(super) struct TestArgs {
    /// Files, or folders in which every *.json counts
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Only cases of which `<file> :: <case>` matches this expression
    #[arg(long, value_name = "REGEX")]
    pub(super) only: Option<Regex>,
    /// Also write the results as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
}

/// Runs the tests and tells the results. The exit code is 0 only if there were some and all passed.
pub(super) fn run(test: &Test) -> ExitCode {
    let done = match test {
        Test::Blockchain(args) => suite::run(args, blockchain::cases),
        Test::Vectors(args) => suite::run(args, vectors::cases),
    };
    done.unwrap_or_else(|error| {
        if matches!(&error, TestError::Output(pipe) if pipe.kind() == io::ErrorKind::BrokenPipe) {
            return ExitCode::from(super::CLOSED_PIPE);
        }
        super::complain(format_args!("Error: {}", super::with_causes(&error)));
        ExitCode::FAILURE
    })
}
