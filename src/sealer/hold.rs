//! May this node make blocks by itself, or does it have to hear of its peers first?
//!
//! A signer that lost its data, or was away, would sign at heights that it signed before, and a miner would
//! work on a branch of its own. Whoever knows the network says so.

use super::SealerHandle;

/// What a node waits for before it makes blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// A peer has to say where the chain is.
    Unheard,
    /// A peer says that it has a heavier chain.
    Lighter,
    /// Blocks that others have are missing here.
    Behind,
}

impl SealerHandle {
    /// From now on no block is made, signed or worked on, or it may be again. Blocks that somebody asks for
    /// are made all the same.
    pub fn hold(&self, hold: Option<Hold>) {
        let mut state = self.shared.state.lock();
        if state.hold == hold {
            return;
        }
        state.hold = hold;
        drop(state);
        self.wake();
    }

    /// Why it makes no blocks now, if it is held.
    pub fn held(&self) -> Option<Hold> {
        self.shared.state.lock().hold
    }
}
