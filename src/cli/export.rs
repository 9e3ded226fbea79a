//! `mainspring export`: blocks of a stored chain into a file.

use super::CliError;
use crate::node::{self, BlocksOut, ExportFailure, Progress, StoredChain};
use clap::Args;
use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// What `mainspring export` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct ExportArgs {
    /// Directory of the chain's database
    #[arg(long, env = "MAINSPRING_DATADIR", value_name = "DIR")]
    datadir: PathBuf,
    /// First block [default: the one after genesis]
    #[arg(long, value_name = "NUMBER")]
    from: Option<u64>,
    /// Last block [default: the head]
    #[arg(long, value_name = "NUMBER")]
    to: Option<u64>,
    /// File for the concatenated block RLPs, compressed if the name ends with .gz; - is standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Writes the blocks, up to the first that nobody else could execute.
pub(super) fn run(args: &ExportArgs) -> Result<(), CliError> {
    let stored = StoredChain::open(&args.datadir, false)?;
    let chain = stored.chain();
    let first = chain.earliest();
    let (from, to) = (args.from.unwrap_or(first + 1), args.to.unwrap_or(chain.head().number));
    node::check_range(chain, from, to)?;
    let failed = |source| CliError::Write { path: args.file.clone(), source };
    let to_stdout = args.file == Path::new("-");
    let mut out = if to_stdout {
        BlocksOut::new(&args.file, io::stdout())
    } else {
        BlocksOut::new(&args.file, File::create(&args.file).map_err(failed)?)
    };
    let mut progress = Progress::blocks("export", (to + 1).saturating_sub(from));
    let written = node::export(chain, from, to, &mut out, |number| {
        progress.at(number + 1 - from, number);
    });
    progress.finish();
    // Also after an error: what was written is whole blocks.
    let flushed = out.finish();
    let closed = stored.close();
    let count = written.map_err(|failure| match failure {
        ExportFailure::Write(source) => failed(source),
        other => other.into(),
    })?;
    flushed.map_err(failed)?;
    closed?;
    if !to_stdout {
        writeln!(
            io::stdout(),
            "Exported {count} blocks, {from} to {to}, to {}",
            args.file.display()
        )
        .map_err(CliError::Output)?;
    }
    Ok(())
}
