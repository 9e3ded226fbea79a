//! How much room is left in an answer? What is collected row by row is counted as it will be written, so that
//! an answer that would be refused for its length never takes memory.

use super::{Answer, RpcContext, RpcError};
use serde::Serialize;
use std::io;

/// The bytes that an answer may still have.
#[derive(Debug)]
pub(super) struct Room {
    left: usize,
    limit: usize,
    is_full: bool,
}

/// Counts what is written, and takes no more than there is room for.
struct Counter<'a>(&'a mut usize);

impl io::Write for Counter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.checked_sub(bytes.len()) {
            Some(left) => {
                *self.0 = left;
                Ok(bytes.len())
            }
            None => Err(io::ErrorKind::FileTooLarge.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Room {
    /// Of an empty answer.
    pub(super) fn of(node: &RpcContext) -> Self {
        let limit = node.limits.response_bytes as usize;
        Self { left: limit, limit, is_full: false }
    }

    /// Is there room for one more row? After the first that does not fit there is none for any.
    pub(super) fn fits(&mut self, row: &impl Serialize) -> bool {
        // The comma after it.
        let counted = serde_json::to_writer(Counter(&mut self.left), row).is_ok() && self.left > 0;
        self.left = self.left.saturating_sub(1);
        self.is_full |= !counted;
        !self.is_full
    }

    /// Takes room for one more row.
    pub(super) fn take(&mut self, row: &impl Serialize) -> Answer<()> {
        self.fits(row);
        self.check()
    }

    /// Has everything fitted?
    pub(super) fn check(&self) -> Answer<()> {
        match self.is_full {
            true => Err(RpcError::AnswerTooLong { limit: self.limit }),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_fit_with_their_commas_until_one_does_not() {
        let mut room = Room { left: 12, limit: 12, is_full: false };
        assert!(room.fits(&"1234") && room.check().is_ok());
        assert!(room.fits(&1));
        assert!(!room.fits(&"1234"), "two bytes are left");
        assert!(!room.fits(&1), "nothing comes after a gap");
        let text = room.take(&1).unwrap_err().to_string();
        assert!(text.contains("12 bytes") && text.contains("--rpc-max-response-bytes"), "{text}");
    }
}
