//! Does a new block become the head?

use crate::consensus::is_heavier;
use alloy_consensus::Header;
use alloy_primitives::{B256, U256};

/// What a valid block does to the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// It is the head's child.
    Extend,
    /// It stays beside the canonical chain.
    Side,
    /// Its branch becomes the canonical one.
    Reorganise,
}

/// The head, as far as the choice depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) header: &'a Header,
    pub(super) hash: B256,
    pub(super) total_difficulty: U256,
    /// Is it the first block of the chain?
    pub(super) is_first: bool,
}

/// With proof of work the highest total difficulty wins, and the first seen wins ties. A block
/// without difficulty was chosen by whoever hands it in: what came last is the head. A chain does
/// not go back from there to proof of work.
pub(super) fn choose(head: Head<'_>, block: &Header, total_difficulty: U256) -> Choice {
    if block.parent_hash == head.hash {
        return Choice::Extend;
    }
    if block.difficulty.is_zero() {
        return Choice::Reorganise;
    }
    let is_work_over = head.header.difficulty.is_zero() && !head.is_first;
    if !is_work_over && is_heavier(total_difficulty, head.total_difficulty) {
        return Choice::Reorganise;
    }
    Choice::Side
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(difficulty: u64) -> Header {
        Header { difficulty: U256::from(difficulty), ..Default::default() }
    }

    fn choice(head: &Header, block: &Header, total_difficulty: u64) -> Choice {
        let head = Head {
            header: head,
            hash: B256::repeat_byte(7),
            total_difficulty: U256::from(100),
            is_first: false,
        };
        choose(head, block, U256::from(total_difficulty))
    }

    #[test]
    fn the_heavier_branch_wins_and_the_first_seen_wins_ties() {
        let (head, block) = (header(10), header(10));
        assert_eq!(choice(&head, &block, 99), Choice::Side);
        assert_eq!(choice(&head, &block, 100), Choice::Side);
        assert_eq!(choice(&head, &block, 101), Choice::Reorganise);
    }

    #[test]
    fn a_child_of_the_head_extends_it_whatever_it_weighs() {
        let child = Header { parent_hash: B256::repeat_byte(7), ..header(10) };
        assert_eq!(choice(&header(10), &child, 110), Choice::Extend);
    }

    #[test]
    fn after_the_merge_the_last_one_is_the_head_and_work_never_wins_again() {
        assert_eq!(choice(&header(0), &header(0), 100), Choice::Reorganise);
        assert_eq!(choice(&header(10), &header(0), 90), Choice::Reorganise);
        assert_eq!(choice(&header(0), &header(10), 101), Choice::Side);
    }
}
