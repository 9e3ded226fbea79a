//! Words everyone uses: blocks, files of blocks, transactions with their sender and who takes part in
//! them, receipts, state changes; and how what is done is counted.

mod account;
mod block;
mod block_file;
mod measure;
mod participants;
mod receipt;
mod shown;
mod transaction;

pub use account::{Account, AccountChange, Edit, StateChanges, StorageId};
pub use block::{Block, BlockDecodeError, BlockNumHash, Body, SealedHeader};
pub use block_file::{BlockFile, BlockFileError, RawBlock};
pub use measure::{Count, Durations, Spread};
pub use participants::{Involved, Part, Participant, Participants, involved, part_of};
pub use receipt::{Receipt, bloom_of, receipts_root};
pub use shown::{echo, or_none};
pub use transaction::{DecodeError, Transaction};
