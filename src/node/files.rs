//! How do blocks lie in files? Written, read back, compressed where the name says so.

use super::import;
use crate::{
    chain::{ByHand, Chain, ChainError},
    rpc::ChainFiles,
};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Why blocks were not written. What came before is whole blocks.
#[derive(Debug, thiserror::Error)]
pub enum ExportFailure {
    /// Blocks that the chain does not have.
    #[error("cannot export blocks {from} to {to}: the chain has blocks {first} to {head}")]
    Range {
        /// First block wanted.
        from: u64,
        /// Last block wanted.
        to: u64,
        /// First block there is.
        first: u64,
        /// Last block there is.
        head: u64,
    },
    /// A block that should be there.
    #[error("block {number} is missing; restore a backup")]
    Missing {
        /// Its height.
        number: u64,
    },
    /// A block that nobody else could execute.
    #[error(
        "stopped before block {number}: {reason}, so no other node can execute it; blocks {from} \
         to {} were written", number.saturating_sub(1)
    )]
    ByHand {
        /// Its height.
        number: u64,
        /// What a developer did.
        reason: ByHand,
        /// First block that was written.
        from: u64,
    },
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The file cannot be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

/// Writes the blocks `from` to `to`, up to the first that nobody else could execute; tells each. How
/// many they are.
pub fn export(
    chain: &Chain,
    from: u64,
    to: u64,
    out: &mut impl Write,
    mut each: impl FnMut(u64),
) -> Result<u64, ExportFailure> {
    check_range(chain, from, to)?;
    for number in from..=to {
        let block = chain.block(number)?.ok_or(ExportFailure::Missing { number })?;
        if let Some(reason) = chain.made_by_hand(&block)? {
            return Err(ExportFailure::ByHand { number, reason, from });
        }
        out.write_all(&block.encode())?;
        each(number);
    }
    Ok((to + 1).saturating_sub(from))
}

/// Does the chain have these blocks?
pub fn check_range(chain: &Chain, from: u64, to: u64) -> Result<(), ExportFailure> {
    let (first, head) = (chain.earliest(), chain.head().number);
    if to > head || from < first || from > to.saturating_add(1) {
        return Err(ExportFailure::Range { from, to, first, head });
    }
    Ok(())
}

/// A file of blocks that is being written.
pub enum BlocksOut {
    /// As they are.
    Plain(Box<dyn Write + Send>),
    /// Compressed.
    Gzip(GzEncoder<Box<dyn Write + Send>>),
}

impl BlocksOut {
    /// Into `out`, compressed if the file's name ends with `.gz`.
    pub fn new(name: &Path, out: impl Write + Send + 'static) -> Self {
        let out: Box<dyn Write + Send> = Box::new(BufWriter::new(out));
        if is_compressed(name) {
            Self::Gzip(GzEncoder::new(out, Compression::default()))
        } else {
            Self::Plain(out)
        }
    }

    /// Writes what is left.
    pub fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut out) => out.flush(),
            Self::Gzip(out) => out.finish()?.flush(),
        }
    }
}

impl Write for BlocksOut {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Gzip(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Gzip(out) => out.flush(),
        }
    }
}

/// Is it compressed, by its name?
pub fn is_compressed(name: &Path) -> bool {
    name.extension().is_some_and(|extension| extension == "gz")
}

/// The blocks of a file, which is compressed if its name says so.
pub fn blocks_in(name: &Path, file: File) -> Box<dyn Read + Send> {
    if is_compressed(name) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) }
}

/// What `admin_exportChain` and `admin_importChain` do.
pub(super) fn files(chain: &Arc<Chain>, dir: PathBuf) -> ChainFiles {
    let (from, into) = (chain.clone(), chain.clone());
    ChainFiles {
        dir,
        export: Box::new(move |path, first, last| {
            export_to(&from, path, first, last).map_err(|failure| failure.to_string())
        }),
        import: Box::new(move |path| import_from(&into, path)),
    }
}

fn export_to(
    chain: &Chain,
    path: &Path,
    first: Option<u64>,
    last: Option<u64>,
) -> Result<(), ExportFailure> {
    let from = first.unwrap_or_else(|| chain.earliest());
    let to = last.unwrap_or_else(|| chain.head().number);
    check_range(chain, from, to)?;
    let mut out = BlocksOut::new(path, File::create_new(path)?);
    let written = export(chain, from, to, &mut out, |_number| {});
    let done = written.and_then(|_count| Ok(out.finish()?));
    if done.is_err() {
        // Nobody asked for half a file; the error that counts is the first.
        let _ = std::fs::remove_file(path);
    }
    done
}

fn import_from(chain: &Arc<Chain>, path: &Path) -> Result<(), String> {
    let open = || {
        // A pipe could keep the caller waiting for ever.
        let is_file = std::fs::metadata(path)?.is_file();
        let not_a_file = || io::Error::new(io::ErrorKind::InvalidInput, "it is not a file");
        is_file.then_some(()).ok_or_else(not_a_file)?;
        File::open(path)
    };
    let file = open().map_err(|reason| reason.to_string())?;
    import(chain, blocks_in(path, file), |_step| {}).map_err(|failure| failure.to_string())
}
