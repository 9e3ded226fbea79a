//! `mainspring import`: blocks from files into a stored chain.

use super::CliError;
use crate::{
    chain::Imported,
    node::{self, ImportFailure, Progress, Step, StoredChain},
};
use clap::Args;
use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// What `mainspring import` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct ImportArgs {
    /// Directory of the chain's database
    #[arg(long, env = "MAINSPRING_DATADIR", value_name = "DIR")]
    datadir: PathBuf,
    /// Verify proof of work also on a chain that has merged
    #[arg(long)]
    verify_seal: bool,
    /// Files of concatenated block RLPs, compressed if the name ends with .gz; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    imported: u64,
    known: u64,
    side: u64,
    reorganised: u64,
    transactions: u64,
    gas: u64,
    unverified: u64,
}

impl Tally {
    fn add(&mut self, step: &Step) {
        match step.imported {
            Imported::Known => self.known += 1,
            Imported::Side => self.side += 1,
            Imported::Extended => self.imported += 1,
            Imported::Reorganised { .. } => {
                self.imported += 1;
                self.reorganised += 1;
            }
        }
        self.transactions += step.transactions as u64;
        self.gas += step.gas;
        self.unverified += u64::from(step.is_unverified);
    }
}

/// Imports all files. What came before a bad block stays.
pub(super) fn run(args: &ImportArgs) -> Result<(), CliError> {
    let stored = StoredChain::open(&args.datadir, args.verify_seal)?;
    let mut tally = Tally::default();
    let done = args.files.iter().try_for_each(|path| import_file(&stored, path, &mut tally));
    let head = stored.chain().head();
    let closed = stored.close();
    let mut out = io::stdout().lock();
    let told = writeln!(
        out,
        "Imported {} blocks with {} transactions ({} Mgas); {} known, {} beside the chain, {} \
         reorganisations",
        tally.imported,
        tally.transactions,
        tally.gas / 1_000_000,
        tally.known,
        tally.side,
        tally.reorganised
    )
    .and_then(|()| match tally.unverified {
        0 => Ok(()),
        count => writeln!(out, "Seals not verified: {count} (--verify-seal verifies them)"),
    })
    .and_then(|()| writeln!(out, "Head: block {} {}", head.number, head.seal()))
    .and_then(|()| writeln!(out, "State root: {}", head.state_root))
    .and_then(|()| out.flush());
    done?;
    closed?;
    told.map_err(CliError::Output)
}

fn import_file(stored: &StoredChain, path: &Path, tally: &mut Tally) -> Result<(), CliError> {
    let failed = |source| CliError::Open { path: path.into(), source };
    let (input, length): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
        (Box::new(io::stdin()), None)
    } else {
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        // How far a compressed one is, nobody knows.
        (node::blocks_in(path, file), Some(length).filter(|_| !node::is_compressed(path)))
    };
    let mut progress = Progress::bytes("import", length);
    let done = node::import(stored.chain(), input, |step| {
        tally.add(&step);
        progress.at(step.end, step.block.number);
    });
    progress.finish();
    let failed =
        |source: ImportFailure| CliError::Import { path: path.into(), source: Box::new(source) };
    done.map_err(failed)
}
