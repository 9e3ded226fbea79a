//! What do a node and the process of a script tell each other? JSON messages, each after its length.

use crate::{
    evm::{
        EvmSettings,
        trace::{CallBundle, CallTraceOptions, TraceOptions},
    },
    primitives::{Block, BlockDecodeError, StateChanges},
};
use alloy_consensus::Header;
use alloy_genesis::Genesis;
use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::{
    io::{self, Read, Write},
    time::Duration,
};

/// Everything that a script's process must know, but for the state.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) bounds: Bounds,
    /// The chain's rules; without the accounts, which no rule looks at.
    pub(super) genesis: Genesis,
    pub(super) settings: EvmSettings,
    pub(super) task: Task,
}

/// What the process may use up.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Bounds {
    /// Bytes of memory, on top of what an idle process has.
    pub(super) memory: u64,
    /// Seconds of processor time.
    pub(super) seconds: u64,
    /// Bytes of the answer.
    pub(super) answer: usize,
    /// The longest time that a caller may ask for, for one transaction.
    pub(super) timeout: Duration,
}

/// What shall be traced.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::evm::trace) enum Task {
    /// Transactions of a block: all, or one.
    Transactions { over: Replayed, only: Option<usize>, options: TraceOptions },
    /// Calls after a block.
    After { header: Box<Header>, bundles: Vec<CallBundle>, options: CallTraceOptions },
    /// Calls in a block, before the transaction at `index`.
    Inside {
        over: Replayed,
        index: u64,
        header: Box<Header>,
        bundles: Vec<CallBundle>,
        options: CallTraceOptions,
    },
}

/// A block that is executed again, without the state below it.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::evm::trace) struct Replayed {
    block: Bytes,
    senders: Vec<Address>,
    pub(super) edits: StateChanges,
}

impl Replayed {
    pub(in crate::evm::trace) fn new(block: &Block, edits: StateChanges) -> Self {
        let senders = block.body.transactions.iter().map(|tx| tx.sender()).collect();
        Self { block: block.encode().into(), senders, edits }
    }

    pub(super) fn block(&self) -> Result<Block, BlockDecodeError> {
        Block::decode_with_senders(&self.block, &self.senders)
    }
}

/// What the process of a script says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// Wants an `Option<Account>`.
    Account(Address),
    /// Wants a `U256`.
    Slot(Address, U256),
    /// Wants `Bytes`.
    Code(B256),
    /// Wants a `B256`.
    BlockHash(u64),
    /// Has the answer, and ends.
    Done(Box<RawValue>),
    /// Has none, and ends.
    Failed(Failure),
}

/// Why a process has no answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Failure {
    Timeout,
    TooLarge,
    Because(String),
}

/// Writes a message.
pub(super) fn send<T: Serialize>(to: &mut impl Write, message: &T) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len() - 4).map_err(io::Error::other)?;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    to.write_all(&bytes)?;
    to.flush()
}

/// Reads a message of at most `limit` bytes. One that is longer is an error of the kind
/// [`io::ErrorKind::FileTooLarge`].
pub(super) fn receive<T: DeserializeOwned>(from: &mut impl Read, limit: usize) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length as usize > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::new();
    from.take(length.into()).read_to_end(&mut bytes)?;
    if bytes.len() < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_as_they_were_sent_and_no_longer_than_allowed() {
        let mut pipe = Vec::new();
        let asks = [Ask::Slot(Address::repeat_byte(7), U256::MAX), Ask::BlockHash(u64::MAX)];
        asks.iter().for_each(|ask| send(&mut pipe, ask).unwrap());
        let mut rest = pipe.as_slice();
        for ask in &asks {
            let read: Ask = receive(&mut rest, 1_000).unwrap();
            assert_eq!(format!("{read:?}"), format!("{ask:?}"));
        }
        let end = receive::<Ask>(&mut rest, 1_000).unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
        let long = receive::<Ask>(&mut pipe.as_slice(), 10).unwrap_err();
        assert_eq!(long.kind(), io::ErrorKind::FileTooLarge);
        let cut = receive::<Ask>(&mut &pipe[..20], 1_000).unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    }
}
