//! Why is no block being made, who makes the next one, and what can be done about it?
//!
//! | file | question |
//! |---|---|
//! | `situation` | what is known of a chain and its nodes? |
//! | `observe` | how is that found out? |
//! | `judge` | what does it mean, in words? |
//! | `hints` | what does the network know that may be why? |
//! | `words` | how are a span of time and a list of addresses said? |

mod hints;
mod judge;
mod observe;
mod situation;
#[cfg(test)]
mod tests;
mod words;

pub use judge::{Judgement, judge, patience};
pub use observe::{Parts, observe};
pub use situation::{
    Making, Own, Peers, Signed, Signer, Signers, Situation, Syncing, Waiting, Work,
};
