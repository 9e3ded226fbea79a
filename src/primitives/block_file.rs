//! Which blocks lie in a file of concatenated block RLPs? Read one by one, in bounded memory.

use std::io::{self, BufReader, Read};

/// Most bytes that one block may have. Far above what a gas limit of today allows; a length beyond
/// it is no block but damage.
const MAX_BLOCK_BYTES: usize = 64 << 20;

/// The bytes of one block, and where they began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawBlock {
    /// Place of the first byte in the file.
    pub offset: u64,
    /// The block's RLP.
    pub bytes: Vec<u8>,
}

/// Why no block could be read.
#[derive(Debug, thiserror::Error)]
pub enum BlockFileError {
    /// The input failed.
    #[error("cannot read at byte {offset}: {source}")]
    Read {
        /// Place in the file.
        offset: u64,
        /// What the system says.
        source: io::Error,
    },
    /// A block begins as an RLP list; this is something else.
    #[error("no block begins at byte {offset}: found {found:#04x}, a block is an RLP list")]
    NoList {
        /// Place in the file.
        offset: u64,
        /// The byte there.
        found: u8,
    },
    /// The length of the list has leading zeros, or is one that a short form has.
    #[error("the block at byte {offset} has a malformed length")]
    Length {
        /// Place of the block.
        offset: u64,
    },
    /// More than any block has.
    #[error("the block at byte {offset} says it has {bytes} bytes; at most {max} are read")]
    TooLarge {
        /// Place of the block.
        offset: u64,
        /// What its length says.
        bytes: u64,
        /// The limit.
        max: usize,
    },
    /// The file ends inside a block.
    #[error("the file ends inside the block at byte {offset}: {missing} of its bytes are missing")]
    Truncated {
        /// Place of the block.
        offset: u64,
        /// How many bytes are not there.
        missing: u64,
    },
}

/// A reader of concatenated block RLPs without any frame around them, as geth's `export` writes them.
#[derive(Debug)]
pub struct BlockFile<R> {
    input: BufReader<R>,
    offset: u64,
    max_bytes: usize,
}

impl<R: Read> BlockFile<R> {
    /// Reads blocks of up to 64 MiB from `input`.
    pub fn new(input: R) -> Self {
        Self { input: BufReader::new(input), offset: 0, max_bytes: MAX_BLOCK_BYTES }
    }

    /// Place of the next byte that will be read.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The next block; `None` at the end of the file.
    pub fn next_block(&mut self) -> Result<Option<RawBlock>, BlockFileError> {
        let offset = self.offset;
        let mut bytes = Vec::new();
        self.take(1, &mut bytes)?;
        let Some(&first) = bytes.first() else { return Ok(None) };
        let payload = match first {
            0xc0..=0xf7 => u64::from(first - 0xc0),
            0xf8.. => self.long_length(usize::from(first - 0xf7), offset, &mut bytes)?,
            found => return Err(BlockFileError::NoList { offset, found }),
        };
        if payload > self.max_bytes as u64 {
            return Err(BlockFileError::TooLarge { offset, bytes: payload, max: self.max_bytes });
        }
        // Grows as bytes come: a wrong length takes no memory.
        let got = self.take(payload, &mut bytes)?;
        if got < payload {
            return Err(BlockFileError::Truncated { offset, missing: payload - got });
        }
        Ok(Some(RawBlock { offset, bytes }))
    }

    fn long_length(
        &mut self,
        digits: usize,
        offset: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<u64, BlockFileError> {
        let got = self.take(digits as u64, bytes)?;
        if got < digits as u64 {
            return Err(BlockFileError::Truncated { offset, missing: digits as u64 - got });
        }
        let digits = &bytes[1..];
        let length = digits.iter().fold(0, |length: u64, digit| length << 8 | u64::from(*digit));
        if digits[0] == 0 || length < 56 {
            return Err(BlockFileError::Length { offset });
        }
        Ok(length)
    }

    /// Appends up to `count` bytes; fewer only at the end of the file.
    fn take(&mut self, count: u64, bytes: &mut Vec<u8>) -> Result<u64, BlockFileError> {
        let read = (&mut self.input).take(count).read_to_end(bytes);
        let failed = |source| BlockFileError::Read { offset: self.offset, source };
        let read = read.map_err(failed)? as u64;
        self.offset += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(payload: &[u8]) -> Vec<u8> {
        let mut list = Vec::new();
        alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut list);
        list.extend_from_slice(payload);
        list
    }

    #[test]
    fn blocks_come_one_by_one_with_their_places() {
        let (short, long) = (list(&[1; 5]), list(&[2; 70_000]));
        let bytes = [short.as_slice(), &long, &short].concat();
        let mut file = BlockFile::new(bytes.as_slice());
        let places = [0, short.len(), short.len() + long.len()];
        for (block, offset) in [&short, &long, &short].into_iter().zip(places) {
            let expected = RawBlock { offset: offset as u64, bytes: block.clone() };
            assert_eq!(file.next_block().unwrap(), Some(expected));
        }
        assert_eq!(file.next_block().unwrap(), None);
        assert_eq!(file.offset(), bytes.len() as u64);
    }

    #[test]
    fn a_file_that_ends_inside_a_block_says_where_and_how_much_is_missing() {
        let block = list(&[1; 300]);
        for kept in 1..block.len() {
            let bytes = [block.as_slice(), &block[..kept]].concat();
            let mut file = BlockFile::new(bytes.as_slice());
            file.next_block().unwrap();
            let refused = file.next_block().unwrap_err();
            let BlockFileError::Truncated { offset: 303, missing } = refused else {
                panic!("{kept}: {refused}")
            };
            assert!(missing as usize <= block.len() - kept && missing > 0);
        }
    }

    #[test]
    fn what_is_no_block_is_refused_where_it_stands() {
        let block = list(&[1; 3]);
        let read = |tail: &[u8]| {
            let bytes = [block.as_slice(), tail].concat();
            let mut file = BlockFile::new(bytes.as_slice());
            file.next_block().unwrap();
            file.next_block().unwrap_err()
        };
        assert!(matches!(read(b"{}"), BlockFileError::NoList { offset: 4, found: b'{' }));
        assert!(matches!(read(&[0xf8, 3]), BlockFileError::Length { offset: 4 }));
        assert!(matches!(read(&[0xf9, 0, 99]), BlockFileError::Length { offset: 4 }));
        let huge = read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert!(matches!(huge, BlockFileError::TooLarge { offset: 4, bytes: u64::MAX, .. }));
    }
}
