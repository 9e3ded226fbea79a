//! Where do the bytes of a dump come from, and how many may they be? Plain or compressed, counted, and
//! bounded for each element.

use super::DumpError;
use flate2::read::MultiGzDecoder;
use std::{
    cell::Cell,
    io::{self, BufRead, BufReader, Read},
    rc::Rc,
};

/// Most bytes of one element that is held in memory: a block, a transaction, the code of an account.
const MOST_BYTES: u64 = 256 << 20;
const BUFFER: usize = 64 << 10;
/// How a gzip file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What may still be read, and what went wrong that has a name of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowance(Rc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    element: Cell<u64>,
    /// Nothing that is read now is held in memory.
    skips: Cell<bool>,
    too_long: Cell<Option<u64>>,
    element_too_long: Cell<bool>,
    compressed: Cell<bool>,
}

impl Allowance {
    /// The next element begins.
    pub(super) fn next_element(&self) {
        self.0.element.set(0);
        self.0.skips.set(false);
    }

    /// What comes now is skipped, however long it is.
    pub(super) fn skip(&self) {
        self.0.skips.set(true);
    }

    /// The error that a failed read has a name for.
    pub(super) fn explain(&self, error: serde_json::Error) -> DumpError {
        match self.0.too_long.get() {
            _ if self.0.element_too_long.get() => DumpError::ElementTooLong { limit: MOST_BYTES },
            Some(limit) => DumpError::TooLong { limit },
            None if self.0.compressed.get() && error.is_io() => DumpError::Compressed(error.into()),
            None if error.is_io() => DumpError::Io(error.into()),
            None => DumpError::Format(error),
        }
    }
}

/// The JSON of a dump, unpacked if it is compressed. `limit` is for bytes that a stranger sends; `told`
/// hears how many bytes of the input were taken.
pub(super) fn open<'a>(
    input: impl Read + 'a,
    limit: Option<u64>,
    allowance: &Allowance,
    told: &'a mut dyn FnMut(u64),
) -> Result<Box<dyn Read + 'a>, DumpError> {
    let mut input = BufReader::with_capacity(BUFFER, Told { input, taken: 0, told });
    let start = input.fill_buf()?;
    if start.is_empty() {
        return Err(DumpError::Empty);
    }
    let is_compressed = start.starts_with(&GZIP);
    allowance.0.compressed.set(is_compressed);
    let input: Box<dyn Read + 'a> =
        if is_compressed { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) };
    let metered = Metered { input, allowance: allowance.clone(), left: limit, limit };
    Ok(Box::new(BufReader::with_capacity(BUFFER, metered)))
}

struct Told<'a, R> {
    input: R,
    taken: u64,
    told: &'a mut dyn FnMut(u64),
}

impl<R: Read> Read for Told<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.taken += read as u64;
        (self.told)(self.taken);
        Ok(read)
    }
}

struct Metered<R> {
    input: R,
    allowance: Allowance,
    left: Option<u64>,
    limit: Option<u64>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        if let (Some(left), Some(limit)) = (&mut self.left, self.limit) {
            let Some(less) = left.checked_sub(read as u64) else {
                self.allowance.0.too_long.set(Some(limit));
                return Err(io::Error::other("too long"));
            };
            *left = less;
        }
        let inner = &self.allowance.0;
        inner.element.set(inner.element.get() + read as u64);
        if inner.element.get() > MOST_BYTES && !inner.skips.get() {
            inner.element_too_long.set(true);
            return Err(io::Error::other("an element is too long"));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_without_end_is_told_as_that_and_not_as_damage() {
        let compressed = flate2::read::GzEncoder::new(
            io::repeat(b' ').take(MOST_BYTES + 2),
            flate2::Compression::fast(),
        );
        let (allowance, mut told) = (Allowance::default(), |_bytes| ());
        let mut dump = open(compressed, None, &allowance, &mut told).unwrap();
        let error = io::copy(&mut dump, &mut io::sink()).unwrap_err();
        let text = allowance.explain(serde_json::Error::io(error)).to_string();
        assert!(text.contains(&MOST_BYTES.to_string()) && !text.contains("damaged"), "{text}");
    }
}
