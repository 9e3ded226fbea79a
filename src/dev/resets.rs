//! With what does the chain start over? Its own first block, another block of a remote chain, or a chain of
//! its own where it was a fork.

use super::{
    Answers, Dev, DevError, Impersonation,
    forking::{ForkBlock, ForkError, ForkPlan, Forked},
    new_instance,
    snapshots::Snapshots,
};
use crate::{
    chain::{BaseKind, Beginning, ChainError, Development},
    sealer,
    spec::{ChainSpec, Fork},
    state::Remote,
    upstream::{Endpoint, UpstreamSettings},
};
use alloy_consensus::Header;
use alloy_primitives::{Address, U256};
use std::sync::Arc;

/// What a chain starts over with.
#[derive(Clone, Debug)]
pub enum Restart {
    /// A chain of its own: the one that the flags make if they name no fork.
    Own,
    /// What it begins with now. Where the flags ask for a fork that a reset ended, that fork.
    Again,
    /// A block of a remote chain.
    Fork {
        /// Who serves it, if not those who serve the chain that this one is a fork of.
        endpoint: Option<Endpoint>,
        /// The block.
        block: ForkBlock,
    },
}

/// What resets have to know of the flags.
#[derive(Clone, Debug)]
pub struct Beginnings {
    /// The chain of its own that they make.
    pub own: Arc<ChainSpec>,
    /// The fork that they ask for, if any.
    pub fork: Option<ForkPlan>,
    /// How an upstream is asked.
    pub upstream: UpstreamSettings,
    /// The rules after a fork, if not those of the remote chain.
    pub hardfork: Option<Fork>,
    /// Who gets how much wei where a fork begins.
    pub funded: Vec<(Address, U256)>,
    /// What upstreams have answered.
    pub answers: Arc<Answers>,
}

impl Beginnings {
    /// Of a node whose flags make the chain of these rules, and nothing else.
    pub(super) fn only(own: Arc<ChainSpec>) -> Self {
        Self {
            own,
            fork: None,
            upstream: UpstreamSettings::default(),
            hardfork: None,
            funded: Vec::new(),
            answers: Arc::new(Answers::in_folder(None)),
        }
    }
}

impl Dev {
    /// Starts over: nothing waits, and what a developer set, the mining mode, the impersonations, the
    /// snapshots and their ids are as at the start.
    ///
    /// # Errors
    /// [`DevError::Fork`] when an upstream does not answer; nothing has changed then.
    pub fn reset(&self, to: Restart) -> Result<(), DevError> {
        let is_fork = self.chain.remote().is_some();
        match (to, &self.beginnings.fork) {
            (Restart::Own, _) if is_fork => self.reset_to_own(),
            (Restart::Again, Some(asked)) if !is_fork => self.reset_to_fork(asked),
            (Restart::Own | Restart::Again, _) => self.reset_to_first(),
            (Restart::Fork { endpoint, block }, _) => {
                let plan = self.plan(endpoint, block)?;
                self.reset_to_fork(&plan)
            }
        }
    }

    fn reset_to_first(&self) -> Result<(), DevError> {
        let pause = self.sealer.pause();
        let reached = self.reached(self.first_after_reset())?;
        self.back_to_first()?;
        self.sealer.fill_to(&pause, reached)?;
        self.begin_anew();
        Ok(())
    }

    fn reset_to_own(&self) -> Result<(), DevError> {
        let pause = self.sealer.pause();
        let own = self.beginnings.own.clone();
        let first = own.genesis.number.unwrap_or(0);
        let reached = self.reached(first)?;
        let mut set = Development::default();
        if let Some(id) = self.rotated_id() {
            set.set_chain_id(first, id);
        }
        self.refound(Beginning { spec: own, fork: None }, set)?;
        self.sealer.fill_to(&pause, reached)?;
        self.begin_anew();
        Ok(())
    }

    fn reset_to_fork(&self, plan: &ForkPlan) -> Result<(), DevError> {
        let cache = match self.chain.remote() {
            Some(remote) => remote.cache().clone(),
            None => self.beginnings.answers.open()?,
        };
        let Forked { remote, genesis, founding, replayed } = plan.make(&cache)?;
        let _pause = self.sealer.pause();
        match self.chain.remote().filter(|now| is_same(now, &remote)) {
            Some(now) if self.chain.spec().genesis == genesis => {
                self.back_to_first()?;
                now.upstream().replace(plan.endpoints.clone());
            }
            _ => {
                let set = self.development_of(&founding.block.header);
                let spec = Arc::new(ChainSpec::from_genesis(genesis).map_err(ForkError::from)?);
                self.warn_wallets(founding.block.number());
                self.refound(Beginning { spec, fork: Some((founding, remote)) }, set)?;
            }
        }
        if let Some(replayed) = replayed {
            let (header, transactions) = (&replayed.block.header, &replayed.transactions);
            self.chain.append(sealer::build_like(&self.chain, header, transactions)?)?;
        }
        self.begin_anew();
        Ok(())
    }

    /// The fork that begins with this block.
    fn plan(&self, endpoint: Option<Endpoint>, block: ForkBlock) -> Result<ForkPlan, DevError> {
        let Beginnings { fork, upstream, hardfork, funded, .. } = &self.beginnings;
        let remote = self.chain.remote();
        let known = remote.as_ref().map(|remote| remote.upstream().endpoints());
        let (endpoints, chain_id) = match (endpoint, &remote, fork) {
            (Some(named), Some(remote), _)
                if known.as_ref().is_some_and(|it| it.contains(&named)) =>
            {
                (vec![named], Some(remote.chain_id()))
            }
            // It may serve any chain.
            (Some(named), _, _) => (vec![named], None),
            (None, Some(remote), _) => (known.unwrap_or_default(), Some(remote.chain_id())),
            (None, None, Some(asked)) => (asked.endpoints.clone(), asked.chain_id),
            (None, None, None) => return Err(DevError::NoFork),
        };
        let (settings, hardfork, funded) = (upstream.clone(), *hardfork, funded.clone());
        Ok(ForkPlan { endpoints, settings, block, chain_id, hardfork, funded })
    }

    /// Another chain is there from now on, and no snapshot of the one before.
    fn refound(&self, beginning: Beginning, set: Development) -> Result<(), ChainError> {
        let mut snapshots = self.snapshots.lock();
        self.chain.refound(new_instance(), beginning, set)?;
        *snapshots = Snapshots::default();
        Ok(())
    }

    /// What a developer has set where a fork begins: the time of its block, and its chain id.
    fn development_of(&self, fork: &Header) -> Development {
        let mut set = Development::default();
        set.clock.go_on_from(fork.timestamp);
        if let Some(id) = self.settings.fork_chain_id {
            set.set_chain_id(fork.number + 1, id);
        }
        (set.next.gas_limit, set.next.base_fee) = self.settings.fork_next;
        set
    }

    /// The chain id after a reset to a chain of its own, if it is another one.
    fn rotated_id(&self) -> Option<u64> {
        self.settings.rotate_chain_id.then(|| self.chain.spec().chain_id().saturating_add(1))
    }

    /// The block that a reset goes back to: a chain that was loaded begins again with its genesis, as
    /// anvil's does.
    fn first_after_reset(&self) -> u64 {
        match self.chain.base().kind {
            BaseKind::Loaded => self.chain.spec().genesis.number.unwrap_or(0),
            BaseKind::Genesis | BaseKind::Forked { .. } => self.chain.first(),
        }
    }

    /// The first block is the head, and there are no snapshots. The caller has paused the sealer.
    fn back_to_first(&self) -> Result<(), DevError> {
        let (first, rotated) = (self.first_after_reset(), self.rotated_id());
        let mut snapshots = self.snapshots.lock();
        if self.chain.base().kind == BaseKind::Loaded {
            let development = self.chain.development().after_reset(first, rotated);
            self.chain.unload(new_instance(), development)?;
            *snapshots = Snapshots::default();
            return Ok(());
        }
        self.chain.unwind(first, 0)?;
        *snapshots = Snapshots::default();
        drop(snapshots);
        let forked = self.chain.remote().map(|_| self.chain.head());
        self.chain.develop(|set| {
            *set = match forked {
                Some(head) => self.development_of(&head),
                None => set.after_reset(first, rotated),
            }
        })?;
        Ok(())
    }

    /// Nothing waits, and the rest is as at the start.
    fn begin_anew(&self) {
        self.pool.drop_all();
        *self.impersonation.lock() = Impersonation::at_start(&self.settings);
        *self.instance.lock() = new_instance();
        self.sealer.set_mode(self.sealer.first_mode());
    }
}

/// Are these the same chain up to the same block?
fn is_same(one: &Remote, other: &Remote) -> bool {
    (one.chain_id(), one.fork()) == (other.chain_id(), other.fork())
}
