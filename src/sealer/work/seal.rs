//! What becomes of a nonce that somebody found: a thread of this node, or a miner who asked for work?

use super::{Job, Miner, board::STALE};
use crate::{
    chain::{ChainError, ExecutedBlock, ImportError, Imported},
    consensus::{SealError as Unproven, ethash::Work},
    primitives::{Block, SealedHeader},
    sealer::{SealError, SealerHandle, handle::Shared},
};
use alloy_consensus::Header;
use alloy_primitives::{B64, B256};
use std::sync::Arc;

impl Shared {
    /// A thread of this node found a nonce. One from a dataset is verified: a file may be damaged.
    pub(super) fn found(&self, miner: &Miner, job: &Job, nonce: B64, work: Work, is_stored: bool) {
        let block = sealed(job, nonce, work.mix_hash);
        if is_stored && let Err(error) = miner.ethash().verify(&block.header) {
            if error == Unproven::Stopped {
                return;
            }
            tracing::error!(target: "sealer", %error, "the dataset is damaged: it is made anew");
            miner.datasets.iter().for_each(|datasets| datasets.refuse(job.block.number()));
            return miner.board.look_again();
        }
        if let Err(error) = self.take_sealed(miner, job, block) {
            tracing::error!(target: "sealer", %error, "a sealed block was not taken");
            // The same block would not be taken again: another one is made.
            self.state.lock().failure = Some(Arc::new(error));
            miner.board.clear();
            self.wake();
        }
    }

    /// Somebody hands in a nonce for a block. Does it seal it, and is the block not too old?
    fn submit(
        &self,
        miner: &Miner,
        seal_hash: B256,
        nonce: B64,
        mix_hash: B256,
    ) -> Result<bool, SealError> {
        let Some(job) = miner.board.find(seal_hash) else { return Ok(false) };
        if job.block.number() + STALE < self.chain.head().number {
            return Ok(false);
        }
        let block = sealed(&job, nonce, mix_hash);
        if miner.ethash().verify(&block.header).is_err() {
            return Ok(false);
        }
        self.take_sealed(miner, &job, block)
    }

    /// Appends a sealed block. Where the head has moved since, or the block was executed too long ago, it
    /// is taken in like one of somebody else: it may still become an ommer.
    fn take_sealed(&self, miner: &Miner, job: &Job, block: Block) -> Result<bool, SealError> {
        // Whoever prints what was said looks for the block by the hash that it has from now on.
        if self.chain.may_have_logged(job.block.hash()) {
            self.chain.note_console(block.hash());
        }
        let sealing = self.sealing.lock();
        let taken = match miner.board.take(job.seal_hash) {
            Some(executed) => self.append_sealed(executed, block.clone()),
            None => self.import_sealed(&block),
        };
        drop(sealing);
        self.wake();
        if taken? {
            self.counted.sealed.one();
            let (number, hash) = (block.number(), block.hash());
            tracing::info!(target: "sealer", number, %hash, "mined a block");
        }
        Ok(true)
    }

    /// Is it the head now?
    fn append_sealed(&self, executed: ExecutedBlock, block: Block) -> Result<bool, SealError> {
        let executed = ExecutedBlock { block: block.clone(), ..executed };
        match self.counted.times.append.time(|| self.chain.append(executed)) {
            Err(ChainError::StaleParent { .. }) => return self.import_sealed(&block),
            appended => appended?,
        }
        self.follow_or_log(&block);
        self.state.lock().failure = None;
        Ok(true)
    }

    fn import_sealed(&self, block: &Block) -> Result<bool, SealError> {
        match self.chain.import(block) {
            Ok(Imported::Extended | Imported::Reorganised { .. }) => {
                self.follow_or_log(block);
                Ok(true)
            }
            Ok(Imported::Side | Imported::Known) => Ok(false),
            Err(ImportError::Chain(error)) => Err(error.into()),
            Err(error) => Err(SealError::Refused(Box::new(error))),
        }
    }

    fn follow_or_log(&self, block: &Block) {
        if let Err(error) = self.follow(&block.body.transactions) {
            // The block stands. What it used up is dropped when the next one is built.
            tracing::error!(target: "sealer", %error, "the pool could not follow a block");
        }
    }

    pub(super) fn wake(&self) {
        self.state.lock().arrived = true;
        self.wake.notify_all();
    }
}

fn sealed(job: &Job, nonce: B64, mix_hash: B256) -> Block {
    let header = Header { nonce, mix_hash, ..job.block.header.inner().clone() };
    Block { header: Arc::new(SealedHeader::new(header)), body: job.block.body.clone() }
}

/// What the owner of a node, and miners who work for it, ask of it.
impl SealerHandle {
    /// Who mines here, on a chain of proof of work.
    pub fn miner(&self) -> Option<&Miner> {
        self.shared.settings.miner.as_deref()
    }

    /// Changes what the owner wants of the miner.
    ///
    /// # Errors
    /// [`SealError::NoMiner`] on a chain without proof of work; what no block may say.
    pub fn wish(&self, change: impl FnOnce(&mut super::Wishes)) -> Result<(), SealError> {
        self.miner().ok_or(SealError::NoMiner)?.wish(change)?;
        self.wake();
        Ok(())
    }

    /// Puts up work on the head now, for whoever keeps the time without [`crate::sealer::Sealer::run`]. `None`
    /// where no work could prove it.
    ///
    /// # Errors
    /// [`SealError::NoMiner`] on a chain without proof of work; why the block cannot be made.
    pub fn put_up_work(&self) -> Result<Option<Arc<Job>>, SealError> {
        let miner = self.miner().ok_or(SealError::NoMiner)?;
        self.shared.make_work(miner)?;
        Ok(miner.work())
    }

    /// Hands in a nonce for a block that was worked on. False if it does not seal it, or if nobody knows
    /// the block any more. Takes a few milliseconds.
    pub fn submit_work(
        &self,
        seal_hash: B256,
        nonce: B64,
        mix_hash: B256,
    ) -> Result<bool, SealError> {
        let miner = self.miner().ok_or(SealError::NoMiner)?;
        self.shared.submit(miner, seal_hash, nonce, mix_hash)
    }
}
