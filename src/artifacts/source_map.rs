//! Which part of the source does an instruction come from?
//! <https://docs.soliditylang.org/en/latest/internals/source_mappings.html>

/// Where an instruction comes from, in bytes of a source file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// First byte.
    pub start: u32,
    /// How many.
    pub length: u32,
    /// The compiler's number of the file; `None` for code of the compiler's own.
    pub file: Option<u32>,
    /// Does it go into a function, or out of one?
    pub jump: Jump,
}

/// What a jump means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jump {
    /// Nothing: a loop, a branch, or no jump.
    #[default]
    Regular,
    /// Into a function.
    Into,
    /// Back out of one.
    Out,
}

/// The spots of the instructions of `code`, by position in the code. Bytes that are no instruction have
/// that of the one before; what the map does not reach has none. Parts of the map that mean nothing count
/// as not written.
pub(super) fn spots(map: &str, code: &[u8]) -> Vec<Option<Spot>> {
    let mut spots = Vec::with_capacity(code.len());
    let mut entries = map.split(';');
    let mut current = Spot::default();
    while spots.len() < code.len() {
        let Some(entry) = entries.next().filter(|_| !map.is_empty()) else { break };
        current = next(current, entry);
        let size = size_of_instruction(code[spots.len()]);
        let end = (spots.len() + size).min(code.len());
        spots.resize(end, Some(current));
    }
    spots.resize(code.len(), None);
    spots
}

/// The spot of an entry, which says only what is different from the one before.
fn next(before: Spot, entry: &str) -> Spot {
    let mut spot = before;
    for (field, text) in entry.split(':').enumerate().filter(|(_, text)| !text.is_empty()) {
        match field {
            0 => spot.start = text.parse().unwrap_or(spot.start),
            1 => spot.length = text.parse().unwrap_or(spot.length),
            // -1 is code of no file.
            2 => spot.file = text.parse().ok(),
            3 => {
                spot.jump = match text {
                    "i" => Jump::Into,
                    "o" => Jump::Out,
                    _ => Jump::Regular,
                }
            }
            _ => {}
        }
    }
    spot
}

/// An instruction with the bytes that it pushes.
const fn size_of_instruction(opcode: u8) -> usize {
    const PUSH1: u8 = 0x60;
    const PUSH32: u8 = 0x7f;
    match opcode {
        PUSH1..=PUSH32 => 2 + (opcode - PUSH1) as usize,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(start: u32, length: u32, file: Option<u32>, jump: Jump) -> Option<Spot> {
        Some(Spot { start, length, file, jump })
    }

    #[test]
    fn entries_say_what_is_different_from_the_one_before() {
        // PUSH1 1, PUSH1 2, ADD, JUMP, STOP
        let code = [0x60, 1, 0x60, 2, 0x01, 0x56, 0x00];
        let spots = spots("1:2:1:-;:9;;2:1:2:i:3;::-1", &code);
        let first = spot(1, 2, Some(1), Jump::Regular);
        let second = spot(1, 9, Some(1), Jump::Regular);
        let jump = spot(2, 1, Some(2), Jump::Into);
        let last = spot(2, 1, None, Jump::Into);
        assert_eq!(spots, [first, first, second, second, second, jump, last]);
    }

    #[test]
    fn a_map_shorter_than_the_code_leaves_the_rest_without_a_spot() {
        assert_eq!(spots("", &[0, 0]), [None, None]);
        let first = spot(5, 6, Some(0), Jump::Out);
        assert_eq!(spots("5:6:0:o", &[0, 0]), [first, None]);
        // A push that ends behind the code.
        assert_eq!(spots("5:6:0:o;7", &[0x7f, 1]), [first, first]);
        assert_eq!(spots("5:6:0:o;7", &[]), []);
    }

    #[test]
    fn garbage_counts_as_not_written() {
        let garbage = spots("x:-5:99999999999:?:a:b:c;:::", &[0, 0]);
        assert_eq!(garbage, [Some(Spot::default()), Some(Spot::default())]);
    }
}
