//! Blocks from a file: read, decoded with their senders, and imported, each on its own thread.

use super::{NodeError, thread};
use crate::{
    chain::{Chain, Import, ImportError, Imported},
    primitives::{Block, BlockDecodeError, BlockFile, BlockFileError, BlockNumHash, RawBlock},
};
use parking_lot::{Condvar, Mutex};
use std::{
    io::Read,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::Duration,
};

/// Blocks that are decoded ahead at most.
const AHEAD_BLOCKS: usize = 64;
/// Their bytes in the file at most; in memory they take a few times that.
const AHEAD_BYTES: usize = 16 << 20;
/// When no block comes for this long, what is there is made durable.
const IDLE: Duration = Duration::from_millis(100);

/// Why an import stopped. What came before is imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportFailure {
    /// The file holds no block where one should begin.
    #[error(transparent)]
    File(#[from] BlockFileError),
    /// The bytes of a block are none.
    #[error("the block at byte {offset}: {source}")]
    Decode {
        /// Where it begins in the file.
        offset: u64,
        /// Why.
        source: BlockDecodeError,
    },
    /// The block is invalid, or fits nowhere, or the chain failed.
    #[error("at byte {offset} of the file: {source}")]
    Import {
        /// Where the block begins in the file.
        offset: u64,
        /// Why.
        source: ImportError,
    },
    /// The last blocks could not be made durable.
    #[error(transparent)]
    Commit(ImportError),
    /// The thread that decodes did not start.
    #[error(transparent)]
    Thread(#[from] NodeError),
}

/// What became of one block of a file.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Its height and hash.
    pub block: BlockNumHash,
    /// What became of it.
    pub imported: Imported,
    /// Where it ends in the file.
    pub end: u64,
    /// Its transactions.
    pub transactions: usize,
    /// Its gas.
    pub gas: u64,
    /// Does it have a seal that nobody looked at?
    pub is_unverified: bool,
}

/// Imports every block of `input` in its order, and tells each step. Blocks that the chain has are
/// passed over, so that an import that was stopped goes on where it was.
pub fn import(
    chain: &Arc<Chain>,
    input: impl Read + Send + 'static,
    mut each: impl FnMut(Step),
) -> Result<(), ImportFailure> {
    let window = Arc::new(Window::default());
    let (sender, decoded) = sync_channel(AHEAD_BLOCKS);
    let decoder = Decoder { chain: chain.clone(), window: window.clone(), sender };
    // Not waited for: it may be waiting for input that never comes.
    thread("block decoder", move || decoder.run(BlockFile::new(input)))?;
    let mut import = chain.importing();
    let done = take_in(&mut import, &decoded, &window, &mut each);
    window.close();
    let committed = import.commit();
    done?;
    committed.map_err(ImportFailure::Commit)
}

fn take_in(
    import: &mut Import<'_>,
    decoded: &Receiver<Result<Decoded, ImportFailure>>,
    window: &Window,
    each: &mut impl FnMut(Step),
) -> Result<(), ImportFailure> {
    loop {
        let next = match decoded.recv_timeout(IDLE) {
            Ok(next) => next?,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                import.commit().map_err(ImportFailure::Commit)?;
                match decoded.recv() {
                    Ok(next) => next?,
                    Err(_ended) => return Ok(()),
                }
            }
        };
        let Decoded { offset, bytes, found } = next;
        let end = offset + bytes as u64;
        let step = match found {
            Found::Known(block) => Step {
                block,
                imported: Imported::Known,
                end,
                transactions: 0,
                gas: 0,
                is_unverified: false,
            },
            Found::New(block) => {
                let failed = |source| ImportFailure::Import { offset, source };
                let imported = import.add(&block).map_err(failed)?;
                Step {
                    block: block.num_hash(),
                    imported,
                    end,
                    transactions: block.body.transactions.len(),
                    gas: block.header.gas_used,
                    is_unverified: imported != Imported::Known
                        && import.chain().leaves_seal_unverified(&block.header),
                }
            }
        };
        window.leave(bytes);
        each(step);
    }
}

/// A block on its way from the file to the chain.
struct Decoded {
    offset: u64,
    bytes: usize,
    found: Found,
}

enum Found {
    /// The canonical chain has it.
    Known(BlockNumHash),
    New(Block),
}

/// Reads and decodes ahead of the import.
struct Decoder {
    chain: Arc<Chain>,
    window: Arc<Window>,
    sender: SyncSender<Result<Decoded, ImportFailure>>,
}

impl Decoder {
    fn run(self, mut file: BlockFile<impl Read>) {
        loop {
            let next = match file.next_block() {
                Ok(None) => return,
                Ok(Some(raw)) => {
                    if !self.window.enter(raw.bytes.len()) {
                        return;
                    }
                    self.decode(&raw)
                }
                Err(error) => Err(error.into()),
            };
            let is_last = next.is_err();
            // Nobody listens any more after an error of the import.
            if self.sender.send(next).is_err() || is_last {
                return;
            }
        }
    }

    fn decode(&self, raw: &RawBlock) -> Result<Decoded, ImportFailure> {
        let (offset, bytes) = (raw.offset, raw.bytes.len());
        let failed = |source| ImportFailure::Decode { offset, source };
        let named = Block::peek(&raw.bytes).map_err(failed)?;
        let found = if self.is_canonical(named) {
            Found::Known(named)
        } else {
            Found::New(self.chain.recovering(|| Block::decode(&raw.bytes)).map_err(failed)?)
        };
        Ok(Decoded { offset, bytes, found })
    }

    /// An error here is one that the import meets too.
    fn is_canonical(&self, block: BlockNumHash) -> bool {
        let header = self.chain.header(block.number).ok().flatten();
        header.is_some_and(|header| header.seal() == block.hash)
    }
}

/// Bounds the bytes that are decoded ahead.
#[derive(Debug, Default)]
struct Window {
    state: Mutex<WindowState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct WindowState {
    bytes: usize,
    closed: bool,
}

impl Window {
    /// Waits for room; a block that is larger than all of it waits until it is alone. `false` when
    /// the import has ended.
    fn enter(&self, bytes: usize) -> bool {
        let mut state = self.state.lock();
        while !state.closed && state.bytes > 0 && state.bytes + bytes > AHEAD_BYTES {
            self.changed.wait(&mut state);
        }
        state.bytes += bytes;
        !state.closed
    }

    fn leave(&self, bytes: usize) {
        self.state.lock().bytes -= bytes;
        self.changed.notify_all();
    }

    fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }
}
