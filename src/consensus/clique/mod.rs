//! Proof of authority: signers in turn, who vote each other in and out
//! ([EIP-225](https://eips.ethereum.org/EIPS/eip-225)).
//!
//! | file | question |
//! |---|---|
//! | `extra` | what does the extra data of a header hold? |
//! | `seal` | who signed a header, and how is one signed? |
//! | `snapshot` | who may sign after a block, and which votes are open? |
//! | `check` | may this header follow these signers? |
//! | `tie` | which of two branches of the same difficulty wins? |
//! | `error` | why is a header refused? |
//!
//! Two rules differ from EIP-225 as geth ran it: headers have the fields of every fork (a chain may be
//! at the newest fork from its genesis on), and the last signer cannot be voted out, because nobody
//! could ever seal a block after that.

mod check;
mod error;
mod extra;
mod seal;
mod snapshot;
mod tie;

#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod testing;

pub use check::{check_header, check_signed};
pub use error::CliqueError;
pub use extra::Extra;
pub use seal::{seal_hash, sealed, signer};
pub use snapshot::{Snapshot, Vote};
pub use tie::{Tip, wins};

use alloy_genesis::Genesis;
use alloy_primitives::{B64, U256};

/// Nonce of a header that votes for an address to become a signer.
pub const NONCE_ADD: B64 = B64::repeat_byte(0xff);
/// Nonce of a header that votes for a signer to be removed, or that votes for nothing.
pub const NONCE_DROP: B64 = B64::ZERO;
/// Difficulty of a block by the signer whose turn it is.
pub const IN_TURN: U256 = U256::from_limbs([2, 0, 0, 0]);
/// Difficulty of a block by another signer.
pub const OUT_OF_TURN: U256 = U256::from_limbs([1, 0, 0, 0]);

/// Blocks between two checkpoints where the genesis says nothing else.
const DEFAULT_EPOCH: u64 = 30_000;
/// Seconds between two blocks where the genesis says nothing else.
const DEFAULT_PERIOD: u64 = 2;

/// What the genesis says of proof of authority: `config.clique`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CliqueRules {
    /// Least seconds between a block and its parent. With 0 a block comes when there is something to
    /// put into it.
    pub period: u64,
    /// Every so many blocks a checkpoint lists the signers, and open votes are forgotten.
    pub epoch: u64,
}

impl CliqueRules {
    /// The rules of a chain with this genesis.
    pub fn of(genesis: &Genesis) -> Self {
        let clique = genesis.config.clique.as_ref();
        let epoch = clique.and_then(|clique| clique.epoch).filter(|epoch| *epoch > 0);
        Self {
            period: clique.and_then(|clique| clique.period).unwrap_or(DEFAULT_PERIOD),
            epoch: epoch.unwrap_or(DEFAULT_EPOCH),
        }
    }

    /// Does the block at this height list the signers?
    pub const fn is_checkpoint(&self, number: u64) -> bool {
        number.is_multiple_of(self.epoch)
    }
}

/// What can happen with so many signers that cannot with one more or less; `None` if they are odd.
pub fn even_signers(signers: usize) -> Option<String> {
    match signers {
        2 => Some(
            "2 signers are an even number: the chain stops as soon as one of them does, and a third \
             would let it go on; vote one in with clique_propose"
                .to_owned(),
        ),
        _ if signers.is_multiple_of(2) => Some(format!(
            "{signers} signers are an even number: cut into two halves, neither half can go on, and both \
             may have made branches of the same difficulty; vote one in or out with clique_propose"
        )),
        _ => None,
    }
}

/// A signer may sign one of so many blocks in a row: more than half of the signers.
pub const fn turn_limit(signers: usize) -> u64 {
    signers as u64 / 2 + 1
}
