//! How does a chain with another beginning take the place of this one?
//!
//! A fork may begin with another block or on another chain, become a chain of its own, and come back. The
//! new state is built beside the old one and one commit decides, as with a load: who is killed in between
//! starts with the old chain or the new one. Readers see the new rules with the new head, never one
//! without the other.

use super::{
    BaseKind, Chain, ChainError, Development, Founding, Origin, base::Ground, load::Renewed,
    open::Genesis, origin::stored_origin,
};
use crate::{spec::ChainSpec, state::Remote};
use alloy_primitives::B256;
use std::sync::Arc;

/// What a chain begins with.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// Its rules.
    pub spec: Arc<ChainSpec>,
    /// Of a fork: its first block, and the chain that it comes from. Without it the chain begins with the
    /// genesis of its rules.
    pub fork: Option<(Founding, Arc<Remote>)>,
}

impl Chain {
    /// Puts a chain that begins anew in the place of this one; `load` is an id that no other has. What the
    /// flags made is remembered as the [`Origin`] until a chain begins with that again.
    ///
    /// # Errors
    /// [`ChainError::OtherMode`] if others would make the blocks of the new chain. After a failed write
    /// that may be durable the chain accepts no changes any more.
    pub fn refound(
        &self,
        load: B256,
        beginning: Beginning,
        development: Development,
    ) -> Result<(), ChainError> {
        let mut side = self.side.lock();
        let _state_writer = self.state_writer.lock();
        let mut writer = self.writer.lock();
        writer.check()?;
        let Beginning { spec, fork } = beginning;
        let before = self.ground();
        let (mode, given) = (before.spec.mode, spec.mode);
        if mode != given {
            return Err(ChainError::OtherMode { mode, given });
        }
        let genesis = Genesis::of(&spec, &self.storage)?;
        let next = self.storage.next_state(load)?;
        let (base, head, total, remote) = match fork {
            Some((founding, remote)) => {
                let trie_root = founding.store_state(next.state())?;
                let base = founding.base(genesis.hash(), trie_root, Some(load));
                (base, founding.stored(), founding.total_difficulty, Some(remote))
            }
            None => {
                genesis.store_state(next.state())?;
                let (base, head) = (genesis.base(), genesis.stored());
                let total = head.block.header.difficulty;
                (super::Base { load: Some(load), ..base }, head, total, None)
            }
        };
        let origin = self.origin_after(&before, base.kind, &spec)?;
        let total = (base.number, total);
        let ground = Ground { base: Arc::new(base), spec, remote };
        let (genesis, origin) = (Some(genesis.json), Some(origin));
        let renewed = Renewed { load, ground, genesis, origin, head, development, total };
        self.take_place(&mut writer, next, renewed, None, std::iter::empty())?;
        *side = Default::default();
        Ok(())
    }

    /// What is to be remembered of the beginning that the flags made: nothing if this is it again.
    fn origin_after(
        &self,
        before: &Ground,
        kind: BaseKind,
        spec: &ChainSpec,
    ) -> Result<Vec<u8>, ChainError> {
        let origin = stored_origin(&self.storage)?.unwrap_or_else(|| Origin {
            kind: match before.base.kind {
                // A load keeps the genesis, to which a reset goes back.
                BaseKind::Loaded => BaseKind::Genesis,
                kind => kind,
            },
            genesis: before.spec.genesis.clone(),
        });
        Ok(if origin.is(kind, &spec.genesis) { Vec::new() } else { origin.to_row() })
    }
}
