//! Which of two branches wins? The heavier one; of two that weigh the same, the shorter, then the one
//! whose newest block is nearer to its signer's turn, then the one with the lower hash
//! ([EIP-3436](https://eips.ethereum.org/EIPS/eip-3436)).
//!
//! The rule is total: every node that has seen both picks the same, so that signers who all have signed
//! recently, on branches of equal weight, do not wait for each other for ever. The text and the formula
//! of EIP-3436 contradict each other about the third step; here the newest block in turn wins, which
//! has the smallest `(number - place) mod count`.

use super::Snapshot;
use alloy_primitives::{Address, B256, U256};
use std::cmp::Reverse;

/// The newest block of a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Of the branch up to and with it.
    pub total_difficulty: U256,
    /// Height.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Blocks since its signer's turn: 0 is in turn.
    pub late: u64,
}

impl Tip {
    /// The block `number` by `signer`; the snapshot is its parent's.
    pub fn new(
        total_difficulty: U256,
        number: u64,
        hash: B256,
        signer: Address,
        snapshot: &Snapshot,
    ) -> Self {
        let count = snapshot.signers.len() as u64;
        let place = snapshot.place(signer).unwrap_or(0);
        let late = number.checked_rem(count).map_or(0, |at| (at + count - place) % count);
        Self { total_difficulty, number, hash, late }
    }
}

/// Does `branch` replace `head`?
pub fn wins(branch: &Tip, head: &Tip) -> bool {
    rank(branch) > rank(head)
}

fn rank(tip: &Tip) -> (U256, Reverse<u64>, Reverse<u64>, Reverse<B256>) {
    (tip.total_difficulty, Reverse(tip.number), Reverse(tip.late), Reverse(tip.hash))
}

#[cfg(test)]
mod tests {
    use super::{super::testing::Authority, *};
    use crate::consensus::clique::CliqueRules;

    fn tip(total_difficulty: u64, number: u64, late: u64, hash: u8) -> Tip {
        let total_difficulty = U256::from(total_difficulty);
        Tip { total_difficulty, number, hash: B256::repeat_byte(hash), late }
    }

    #[test]
    fn weight_counts_before_length_before_turn_before_hash() {
        let rising = [
            tip(9, 4, 0, 1),
            tip(10, 6, 0, 1),
            tip(10, 5, 2, 1),
            tip(10, 5, 1, 9),
            tip(10, 5, 1, 8),
        ];
        for (place, higher) in rising.iter().enumerate() {
            for lower in &rising[..place] {
                assert!(wins(higher, lower) && !wins(lower, higher), "{higher:?} {lower:?}");
            }
            assert!(!wins(higher, higher));
        }
    }

    #[test]
    fn a_block_in_turn_is_not_late() {
        let rules = CliqueRules { period: 0, epoch: 30_000 };
        let authority = Authority::new(&["A", "B", "C"], rules);
        let snapshot = authority.snapshot();
        for number in 1..20 {
            let late = snapshot
                .signers
                .iter()
                .map(|signer| Tip::new(U256::ZERO, number, B256::ZERO, *signer, snapshot).late);
            let mut late: Vec<u64> = late.collect();
            let turn = snapshot.in_turn(number).and_then(|signer| snapshot.place(signer));
            assert_eq!(late[turn.unwrap() as usize], 0);
            late.sort_unstable();
            assert_eq!(late, [0, 1, 2]);
        }
    }
}
