//! Words everyone uses: blocks, files of blocks, transactions with their sender and who takes part in
//! them, receipts, state changes.

mod account;
mod block;
mod block_file;
mod participants;
mod receipt;
mod shown;
mod transaction;

pub use account::{Account, AccountChange, Edit, StateChanges, StorageId};
pub use block::{Block, BlockDecodeError, BlockNumHash, Body, SealedHeader};
pub use block_file::{BlockFile, BlockFileError, RawBlock};
pub use participants::{Involved, Part, Participant, Participants, involved, part_of};
pub use receipt::{Receipt, bloom_of, receipts_root};
pub use shown::{echo, or_none};
pub use transaction::{DecodeError, Transaction};
