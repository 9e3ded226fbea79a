//! How far behind the head are blocks that will hardly, or never, be reorganised?

use super::clique::turn_limit;
use crate::spec::Mode;

/// Blocks behind the head after which proof of work counts as `safe`.
const WORK_SAFE: u64 = 6;
/// Blocks behind the head after which proof of work counts as `finalized`.
const WORK_FINALIZED: u64 = 32;

/// Depths of the tags `safe` and `finalized` below the head, in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depths {
    /// Of `safe`.
    pub safe: u64,
    /// Of `finalized`.
    pub finalized: u64,
}

/// The depths on a chain of this mode with this many signers (proof of authority) whose blocks come
/// `slots` an epoch (development). Proof of authority: more than half of the signers have signed since.
pub const fn depths(mode: Mode, signers: usize, slots: u64) -> Depths {
    match mode {
        Mode::Poa => {
            let depth = turn_limit(signers);
            Depths { safe: depth, finalized: depth }
        }
        Mode::Pow => Depths { safe: WORK_SAFE, finalized: WORK_FINALIZED },
        Mode::Dev | Mode::Merged => Depths { safe: slots, finalized: slots.saturating_mul(2) },
        Mode::Bft => Depths { safe: 0, finalized: 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_promises_what_it_can_hold() {
        let depth = |mode, signers, slots| {
            let depths = depths(mode, signers, slots);
            (depths.safe, depths.finalized)
        };
        assert_eq!(depth(Mode::Dev, 0, 0), (0, 0));
        assert_eq!(depth(Mode::Dev, 0, 32), (32, 64));
        assert_eq!(depth(Mode::Poa, 1, 0), (1, 1));
        assert_eq!(depth(Mode::Poa, 5, 0), (3, 3));
        assert_eq!(depth(Mode::Pow, 0, 0), (6, 32));
        assert_eq!(depth(Mode::Bft, 4, 0), (0, 0));
    }
}
