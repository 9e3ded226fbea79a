//! Is this the code of that contract? Compared with what the compiler wrote, without what is put in
//! later: immutable values, addresses of libraries, and the hash of the metadata.

use alloy_primitives::hex;
use serde::Deserialize;
use std::{collections::BTreeMap, ops::Range};

/// Longest code that is compared, in bytes: any that a chain can hold, and far more.
const MAX_CODE_BYTES: usize = 16 << 20;

/// Code as the compiler wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    bytes: Vec<u8>,
    /// What differs between two deployments, in order.
    holes: Vec<Range<usize>>,
    /// Where the metadata is, if there is any: at the end.
    metadata: Option<Range<usize>>,
}

/// How well code fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// All but the metadata: the same contract of another text, or of other compiler settings.
    WithoutMetadata,
    /// All of it.
    Exact,
}

/// A place that is filled in later, as compilers write it.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Hole {
    start: usize,
    length: usize,
}

/// Places by file and library, and places by immutable variable.
pub(super) type LinkReferences = BTreeMap<String, BTreeMap<String, Vec<Hole>>>;
pub(super) type ImmutableReferences = BTreeMap<String, Vec<Hole>>;

impl Template {
    /// Reads an `object`: hex, with or without `0x`, with placeholders where libraries are missing.
    /// `None` for what is no code, and for contracts that have none.
    pub(super) fn read(
        object: &str,
        links: &LinkReferences,
        immutables: &ImmutableReferences,
    ) -> Option<Self> {
        let bytes = bytes(object)?;
        let of_links = links.values().flat_map(BTreeMap::values);
        let holes = of_links.chain(immutables.values()).flatten();
        let mut holes: Vec<_> = holes
            .filter_map(|hole| Some(hole.start..hole.start.checked_add(hole.length)?))
            .filter(|hole| hole.end <= bytes.len())
            .chain(library_guard(&bytes))
            .collect();
        holes.sort_by_key(|hole| hole.start);
        let metadata = metadata(&bytes);
        Some(Self { bytes, holes, metadata })
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Is there no code?
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Is this code a deployment of it?
    pub fn fits(&self, code: &[u8]) -> Option<Fit> {
        (code.len() == self.bytes.len()).then(|| self.fits_start(code)).flatten()
    }

    /// Is it what this code begins with? Arguments of the constructor follow.
    pub fn fits_start(&self, code: &[u8]) -> Option<Fit> {
        let code = code.get(..self.bytes.len())?;
        let mut at = 0;
        let end = self.metadata.as_ref().map_or(self.bytes.len(), |metadata| metadata.start);
        for hole in &self.holes {
            // Holes may overlap, or lie in the metadata.
            let until = hole.start.clamp(at, end);
            if code[at..until] != self.bytes[at..until] {
                return None;
            }
            at = hole.end.clamp(at, end);
        }
        if code[at..end] != self.bytes[at..end] {
            return None;
        }
        let same = code[end..] == self.bytes[end..];
        Some(if same { Fit::Exact } else { Fit::WithoutMetadata })
    }

    /// The code, for the table of its instructions.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn bytes(object: &str) -> Option<Vec<u8>> {
    let object = object.trim().strip_prefix("0x").unwrap_or(object.trim());
    if object.is_empty() || object.len() / 2 > MAX_CODE_BYTES {
        return None;
    }
    if !object.contains('_') {
        return hex::decode(object).ok();
    }
    // `__$…$__` or `__File.sol:Name______`: forty characters in the place of an address.
    let mut plain = String::with_capacity(object.len());
    let mut rest = object;
    while let Some(start) = rest.find("__") {
        plain.push_str(&rest[..start]);
        plain.push_str(&"0".repeat(40));
        rest = rest.get(start + 40..)?;
    }
    plain.push_str(rest);
    hex::decode(plain).ok()
}

/// A library begins with its own address, which the compiler writes as zeros.
fn library_guard(bytes: &[u8]) -> Option<Range<usize>> {
    const PUSH20: u8 = 0x73;
    let is_guard = bytes.first() == Some(&PUSH20) && bytes.get(1..21)? == [0; 20];
    is_guard.then_some(1..21)
}

/// Where the metadata is: a CBOR map at the end, and its length in two bytes.
fn metadata(bytes: &[u8]) -> Option<Range<usize>> {
    let (rest, length) = bytes.split_last_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let start = rest.len().checked_sub(length)?;
    // A map of one to four entries, whose first key is a short text.
    let is_map = matches!(rest.get(start), Some(0xa1..=0xa4));
    let is_text = matches!(rest.get(start + 1), Some(0x61..=0x77));
    (is_map && is_text).then_some(start..bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(object: &str, holes: &[(usize, usize)]) -> Template {
        let holes = holes.iter().map(|&(start, length)| Hole { start, length }).collect();
        let immutables = BTreeMap::from([("7".to_owned(), holes)]);
        Template::read(object, &BTreeMap::new(), &immutables).unwrap()
    }

    #[test]
    fn immutable_values_do_not_count() {
        let template = template("0x6001000000005b", &[(2, 4), (2, 2)]);
        assert_eq!(template.fits(&hex!("6001aabbccdd5b")), Some(Fit::Exact));
        assert_eq!(template.fits(&hex!("6002aabbccdd5b")), None);
        assert_eq!(template.fits(&hex!("6001aabbccdd5b00")), None);
        assert_eq!(template.fits_start(&hex!("6001aabbccdd5b00")), Some(Fit::Exact));
        assert_eq!(template.fits_start(&hex!("6001")), None);
    }

    #[test]
    fn missing_libraries_and_the_librarys_own_address_do_not_count() {
        let object = format!("6073__${}$__00", "ab".repeat(17));
        let hole = Hole { start: 2, length: 20 };
        let file = BTreeMap::from([("Lib".to_owned(), vec![hole])]);
        let links = BTreeMap::from([("Lib.sol".to_owned(), file)]);
        let template = Template::read(&object, &links, &BTreeMap::new()).unwrap();
        let linked = [&hex!("6073")[..], &[9; 20], &[0]].concat();
        assert_eq!(template.fits(&linked), Some(Fit::Exact));
        let library = [&[0x73][..], &[0; 20], &hex!("3014")].concat();
        let template = template_of(&library);
        let deployed = [&[0x73][..], &[7; 20], &hex!("3014")].concat();
        assert_eq!(template.fits(&deployed), Some(Fit::Exact));
    }

    fn template_of(bytes: &[u8]) -> Template {
        template(&hex::encode(bytes), &[])
    }

    #[test]
    fn another_metadata_hash_is_a_weaker_fit() {
        // a264 'ipfs' ... 0033 as solc ends its code.
        let code = |hash: u8| {
            let map =
                [&hex!("a2646970667358221220")[..], &[hash; 32], &hex!("64736f6c63430008250033")];
            [&hex!("600160025b")[..], &map.concat()].concat()
        };
        let template = template_of(&code(1));
        assert_eq!(template.fits(&code(1)), Some(Fit::Exact));
        assert_eq!(template.fits(&code(2)), Some(Fit::WithoutMetadata));
        let mut other = code(2);
        other[0] = 0x61;
        assert_eq!(template.fits(&other), None);
    }

    #[test]
    fn garbage_is_no_code() {
        let read = |object: &str, holes: &[(usize, usize)]| {
            let holes = holes.iter().map(|&(start, length)| Hole { start, length }).collect();
            Template::read(object, &BTreeMap::new(), &BTreeMap::from([("1".to_owned(), holes)]))
        };
        assert_eq!(read("", &[]), None);
        assert_eq!(read("0x", &[]), None);
        assert_eq!(read("0xzz", &[]), None);
        assert_eq!(read("60__", &[]), None);
        assert_eq!(read("60__ü", &[]), None);
        let far = read("6001", &[(usize::MAX, 2), (1, usize::MAX), (5, 9)]).unwrap();
        assert_eq!(far.fits(&hex!("6001")), Some(Fit::Exact));
        assert_eq!(far.fits(&hex!("6002")), None);
    }
}
