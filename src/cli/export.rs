//! `mainspring export`: blocks of a stored chain into a file.

use super::{CliError, progress::Progress};
use crate::{chain::Chain, node::StoredChain};
use clap::Args;
use std::{
    fs::File,
    io::{self, BufWriter, Write},
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
    /// File for the concatenated block RLPs; - is standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Writes the blocks, up to the first that nobody else could execute.
pub(super) fn run(args: &ExportArgs) -> Result<(), CliError> {
    let stored = StoredChain::open(&args.datadir, false)?;
    let chain = stored.chain();
    let head = chain.head().number;
    let first = chain.earliest();
    let (from, to) = (args.from.unwrap_or(first + 1), args.to.unwrap_or(head));
    if to > head || from < first || from > to.saturating_add(1) {
        return Err(CliError::Range { from, to, first, head });
    }
    let failed = |source| CliError::Write { path: args.file.clone(), source };
    let to_stdout = args.file == Path::new("-");
    let out: Box<dyn Write> = if to_stdout {
        Box::new(io::stdout())
    } else {
        Box::new(File::create(&args.file).map_err(failed)?)
    };
    let mut out = BufWriter::new(out);
    let written = write_blocks(chain, from, to, &mut out, &args.file);
    // Also after an error: what was written is whole blocks.
    let flushed = out.flush();
    drop(out);
    let closed = stored.close();
    let count = written?;
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

fn write_blocks(
    chain: &Chain,
    from: u64,
    to: u64,
    out: &mut impl Write,
    path: &Path,
) -> Result<u64, CliError> {
    let mut progress = Progress::blocks("export", (to + 1).saturating_sub(from));
    for number in from..=to {
        let block = chain.block(number).map_err(CliError::chain)?;
        let Some(block) = block else { return Err(CliError::Missing { number }) };
        if let Some(reason) = chain.made_by_hand(&block).map_err(CliError::chain)? {
            return Err(CliError::ByHand { number, reason, from });
        }
        let failed = |source| CliError::Write { path: path.into(), source };
        out.write_all(&block.encode()).map_err(failed)?;
        progress.at(number + 1 - from, number);
    }
    progress.finish();
    Ok((to + 1).saturating_sub(from))
}
