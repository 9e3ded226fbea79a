//! Which values does this data hold? Read by the types of an ABI, if what comes out is no larger than what
//! went in: places in the data may be named again and again, and a few kilobytes of them could stand for
//! more than a machine holds.

use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::U256;

/// A word of the ABI, in bytes.
const WORD: usize = 32;
/// Deepest arrays of arrays that are read.
const MAX_BRACKETS: usize = 16;

/// The type that an ABI writes like this, if it is not nested without end.
pub(super) fn is_readable(kind: &str) -> bool {
    kind.bytes().filter(|byte| *byte == b'[').count() <= MAX_BRACKETS
}

/// The values of these types in the data.
pub(super) fn values(types: Vec<DynSolType>, data: &[u8]) -> Option<Vec<DynSolValue>> {
    check(&types, data)?;
    match DynSolType::Tuple(types).abi_decode_params(data).ok()? {
        DynSolValue::Tuple(values) => Some(values),
        _ => None,
    }
}

/// Are the values of these types about as large as the data that they are read from?
pub(super) fn check(types: &[DynSolType], data: &[u8]) -> Option<()> {
    let mut left = Budget(data.len().saturating_mul(2).saturating_add(64 * WORD));
    left.sequence(types.iter(), data)
}

/// How many bytes may still come out.
struct Budget(usize);

impl Budget {
    fn take(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.checked_sub(bytes)?;
        Some(())
    }

    /// Values that follow each other, those of no fixed length by their place.
    fn sequence<'a>(
        &mut self,
        types: impl Iterator<Item = &'a DynSolType>,
        data: &[u8],
    ) -> Option<()> {
        let mut at = 0_usize;
        for kind in types {
            match fixed(kind) {
                Some(bytes) => {
                    self.take(bytes)?;
                    at = at.checked_add(bytes)?;
                }
                None => {
                    self.take(WORD)?;
                    let place = number(data, at)?;
                    self.placed(kind, data.get(place..)?)?;
                    at += WORD;
                }
            }
        }
        Some(())
    }

    /// A value of no fixed length.
    fn placed(&mut self, kind: &DynSolType, data: &[u8]) -> Option<()> {
        match kind {
            DynSolType::Array(inner) => {
                let count = number(data, 0)?;
                // Also values that take no place are made.
                self.take(count.checked_mul(WORD)?)?;
                self.sequence(std::iter::repeat_n(inner.as_ref(), count), data.get(WORD..)?)
            }
            DynSolType::FixedArray(inner, count) => {
                self.take(count.checked_mul(WORD)?)?;
                self.sequence(std::iter::repeat_n(inner.as_ref(), *count), data)
            }
            DynSolType::Tuple(types) => self.sequence(types.iter(), data),
            // Bytes and text.
            _ => self.take(number(data, 0)?.checked_add(WORD)?),
        }
    }
}

/// How many bytes a value takes in its place, if that is fixed.
fn fixed(kind: &DynSolType) -> Option<usize> {
    match kind {
        DynSolType::Bytes | DynSolType::String | DynSolType::Array(_) => None,
        DynSolType::FixedArray(inner, count) => fixed(inner)?.checked_mul(*count),
        DynSolType::Tuple(types) => {
            types.iter().try_fold(0_usize, |sum, kind| sum.checked_add(fixed(kind)?))
        }
        _ => Some(WORD),
    }
}

/// The number in a word of the data.
fn number(data: &[u8], at: usize) -> Option<usize> {
    let word = data.get(at..at.checked_add(WORD)?)?;
    U256::from_be_slice(word).try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(list: &[&str]) -> Vec<DynSolType> {
        list.iter().map(|kind| DynSolType::parse(kind).unwrap()).collect()
    }

    fn word(number: usize) -> Vec<u8> {
        U256::from(number).to_be_bytes::<32>().to_vec()
    }

    #[test]
    fn what_an_encoder_writes_is_read() {
        for kinds in [
            vec!["uint256", "string", "bytes[]", "(uint8,string)[]", "bool[3]"],
            vec!["(address,bytes)[]"],
            vec!["string[2][]", "uint256[][]"],
            vec![],
        ] {
            let types = types(&kinds);
            let value = |kind: &DynSolType| match kind.to_string().as_str() {
                "uint256" => DynSolValue::Uint(U256::from(7), 256),
                "string" => DynSolValue::String("text".repeat(20)),
                "bool[3]" => DynSolValue::FixedArray(vec![true.into(), false.into(), true.into()]),
                "bytes[]" => DynSolValue::Array(vec![DynSolValue::Bytes(vec![1; 40]); 3]),
                "(uint8,string)[]" => {
                    let pair =
                        [DynSolValue::Uint(U256::from(1), 8), DynSolValue::String("x".into())];
                    DynSolValue::Array(vec![DynSolValue::Tuple(pair.to_vec()); 4])
                }
                "(address,bytes)[]" => {
                    let pair = [DynSolValue::Address([1; 20].into()), DynSolValue::Bytes(vec![])];
                    DynSolValue::Array(vec![DynSolValue::Tuple(pair.to_vec()); 100])
                }
                "string[2][]" => {
                    let pair = vec![DynSolValue::String(String::new()); 2];
                    DynSolValue::Array(vec![DynSolValue::FixedArray(pair); 9])
                }
                _ => DynSolValue::Array(vec![DynSolValue::Array(vec![]); 50]),
            };
            let given: Vec<_> = types.iter().map(value).collect();
            let data = DynSolValue::Tuple(given.clone()).abi_encode_params();
            assert_eq!(values(types, &data), Some(given), "{kinds:?}");
        }
    }

    #[test]
    fn places_that_are_named_again_and_again_do_not_multiply() {
        // A list of 1,000 entries, all of which are the same 64,000 bytes.
        let bytes = [word(64_000), vec![1; 64_000]].concat();
        let places = word(1_000 * WORD).repeat(1_000);
        let data = [word(WORD), word(1_000), places, bytes].concat();
        assert_eq!(values(types(&["bytes[]"]), &data), None);
        let huge = [word(WORD), word(usize::MAX)].concat();
        assert_eq!(values(types(&["uint256[]"]), &huge), None);
        let nothings = DynSolType::Array(Box::new(DynSolType::Tuple(Vec::new())));
        assert_eq!(values(vec![nothings], &huge), None);
        assert_eq!(values(types(&["uint256[1000000000]"]), &huge), None);
        assert_eq!(values(types(&["string"]), &huge[..40]), None);
    }

    #[test]
    fn arrays_without_end_are_no_type() {
        assert!(is_readable("(uint256,bytes32[4][])[2]"));
        assert!(!is_readable(&format!("uint256{}", "[]".repeat(100_000))));
    }
}
