//! How does a signer of a chain of proof of authority make its blocks? In its turn at once, else a
//! little later, so that whose turn it is comes first ([EIP-225](https://eips.ethereum.org/EIPS/eip-225)).

use super::{
    BlockOptions, SealError, SealerSettings,
    build::{build_sealed, template},
    handle::Shared,
    plan::{earliest, wait},
    run::RETRY,
};
use crate::{
    chain::{Chain, ChainError},
    consensus::clique::{CliqueRules, Extra, NONCE_ADD, NONCE_DROP, Snapshot, seal_hash, sealed},
    evm::BlockTemplate,
    primitives::{Block, BlockNumHash, SealedHeader},
    spec::ChainSpec,
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc, time::Instant};

/// Addresses that one signer votes on; voting on each takes a block of its own.
const MAX_PROPOSALS: usize = 1_000;

/// The key that signs blocks, and what its owner votes for.
#[derive(Debug)]
pub struct Authority {
    key: PrivateKeySigner,
    proposals: Mutex<BTreeMap<Address, bool>>,
}

/// Why no block is being made, or when the next one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The key belongs to no signer: this node follows.
    NoSigner,
    /// It signed one of the newest blocks; others have to sign before it may again.
    Recently {
        /// The first block that it may sign.
        next: u64,
    },
    /// Without a period a block comes when there is something to put into it.
    Idle,
    /// The next block may be signed.
    Ready {
        /// Is it its turn?
        in_turn: bool,
    },
}

impl Authority {
    /// An authority that votes for nothing.
    pub fn new(key: PrivateKeySigner) -> Self {
        Self { key, proposals: Mutex::default() }
    }

    /// Who signs.
    pub const fn address(&self) -> Address {
        self.key.address()
    }

    /// Votes from now on, in every block it signs, for an address to become a signer, or not to be
    /// one, until that is so.
    ///
    /// # Errors
    /// [`SealError::TooManyProposals`] where there are as many as are remembered.
    pub fn propose(&self, address: Address, authorize: bool) -> Result<(), SealError> {
        let mut proposals = self.proposals.lock();
        if proposals.len() >= MAX_PROPOSALS && !proposals.contains_key(&address) {
            return Err(SealError::TooManyProposals { limit: MAX_PROPOSALS });
        }
        proposals.insert(address, authorize);
        Ok(())
    }

    /// What it votes for: to add an address, or to drop it.
    pub fn proposals(&self) -> BTreeMap<Address, bool> {
        self.proposals.lock().clone()
    }

    /// Votes no more on an address.
    pub fn discard(&self, address: Address) {
        self.proposals.lock().remove(&address);
    }

    /// May it sign the block after a snapshot, and is it its turn?
    pub fn turn(&self, snapshot: &Snapshot, period: u64, waits: bool) -> Turn {
        let number = snapshot.number.saturating_add(1);
        match snapshot.next_turn(self.address()) {
            None => Turn::NoSigner,
            Some(next) if next > number => Turn::Recently { next },
            Some(_) if period == 0 && !waits => Turn::Idle,
            Some(_) => Turn::Ready { in_turn: snapshot.in_turn(number) == Some(self.address()) },
        }
    }

    /// The vote of the next block: one of the open proposals, another one in each round of the signers,
    /// so that one on which nobody agrees holds no other up.
    fn vote(&self, snapshot: &Snapshot) -> Option<(Address, bool)> {
        let proposals = self.proposals.lock();
        let open = |it: &(&Address, &bool)| snapshot.is_open_question(*it.0, *it.1);
        let open: Vec<_> = proposals.iter().filter(open).collect();
        let round = snapshot.number.checked_div(snapshot.count() as u64)?;
        let turn = round.checked_rem(open.len() as u64)?;
        open.get(turn as usize).map(|(address, authorize)| (**address, **authorize))
    }

    /// What the header of the next block says before it is executed.
    fn template(
        &self,
        chain: &Chain,
        settings: &SealerSettings,
        parent: &SealedHeader,
        snapshot: &Snapshot,
    ) -> BlockTemplate {
        let earliest = earliest(CliqueRules::of(&chain.spec().genesis), parent);
        let timestamp = Some(chain.clock().now().max(earliest));
        let options = BlockOptions { timestamp, ..Default::default() };
        BlockTemplate {
            beneficiary: self.address(),
            prev_randao: B256::ZERO,
            difficulty: snapshot.difficulty(parent.number + 1, self.address()),
            ..template(chain, settings, parent, options)
        }
    }

    /// The header that it signs, of a block that was executed.
    fn seal(
        &self,
        spec: &ChainSpec,
        snapshot: &Snapshot,
        header: Header,
    ) -> Result<Header, SealError> {
        let is_checkpoint = CliqueRules::of(&spec.genesis).is_checkpoint(header.number);
        let vote = if is_checkpoint { None } else { self.vote(snapshot) };
        let signers = match is_checkpoint {
            true => snapshot.signers.iter().copied().collect(),
            false => Vec::new(),
        };
        let header = Header {
            beneficiary: vote.map_or(Address::ZERO, |(address, _)| address),
            nonce: if vote.is_some_and(|(_, add)| add) { NONCE_ADD } else { NONCE_DROP },
            mix_hash: B256::ZERO,
            extra_data: Extra { vanity: vanity(), signers, seal: None }.to_bytes(),
            ..header
        };
        let hash = seal_hash(&header).map_err(ChainError::from)?;
        let signature = self.key.sign_hash_sync(&hash).map_err(SealError::Sign)?;
        Ok(sealed(header, &signature).map_err(ChainError::from)?)
    }
}

/// The free bytes of a header: who made it.
fn vanity() -> [u8; 32] {
    let mut vanity = [0; 32];
    let name = concat!("mainspring/", env!("CARGO_PKG_VERSION"));
    vanity.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
    vanity
}

/// A block that this node means to sign.
#[derive(Clone, Copy, Debug)]
struct Plan {
    parent: B256,
    turn: Turn,
    is_held: bool,
    at: Option<Instant>,
}

impl Shared {
    /// The sealer's thread on a chain of proof of authority.
    pub(super) fn run_authority(&self, authority: &Authority) {
        let mut plan: Option<Plan> = None;
        let mut said: Option<Turn> = None;
        loop {
            // What is heard from here on may be news to the plan.
            self.state.lock().arrived = false;
            let next = match self.plan(authority, plan) {
                Ok(next) => {
                    say(authority, said.replace(next.turn), next.turn);
                    next
                }
                Err(error) => {
                    tracing::error!(target: "sealer", %error, "no block can be planned");
                    Plan { parent: B256::ZERO, turn: Turn::Idle, is_held: false, at: None }
                }
            };
            if let Some(before) = plan {
                self.counted.planned(before.turn, before.parent, next.parent);
            }
            plan = Some(next);
            let mut state = self.state.lock();
            if state.stop {
                drop(state);
                return self.abandon();
            }
            state.refuse_requests(|| SealError::InTurnOnly);
            if state.arrived {
                continue;
            }
            let is_due = match next.at {
                None => {
                    self.wake.wait(&mut state);
                    false
                }
                Some(at) => {
                    self.wake.wait_until(&mut state, at).timed_out() && state.hold.is_none()
                }
            };
            drop(state);
            if is_due {
                self.sign_or_log(authority, next.parent);
            }
        }
    }
}

/// Says when the key becomes a signer's, and when it is none any more.
fn say(authority: &Authority, before: Option<Turn>, next: Turn) {
    let address = authority.address();
    match (before, next == Turn::NoSigner) {
        (None, true) => tracing::warn!(
            target: "sealer",
            "{address} is none of the signers: this node follows the chain, and seals nothing before the \
             signers have voted it in"
        ),
        (Some(Turn::NoSigner), false) => {
            tracing::info!(target: "sealer", "{address} is a signer: this node seals blocks from now on");
        }
        (Some(Turn::NoSigner) | None, _) | (Some(_), false) => {}
        (Some(_), true) => tracing::warn!(
            target: "sealer",
            "{address} was voted out and is none of the signers any more: this node follows the chain, and \
             seals nothing before the signers have voted it in again"
        ),
    }
}

impl Shared {
    /// When the next block is signed, if it is; the same as before while the head is.
    fn plan(&self, authority: &Authority, before: Option<Plan>) -> Result<Plan, SealError> {
        let head = self.chain.head();
        let snapshot = self.chain.signers_after(num_hash(&head))?;
        let rules = CliqueRules::of(&self.chain.spec().genesis);
        let waits = self.pool.pending_len() > 0;
        let turn = authority.turn(&snapshot, rules.period, waits);
        let plan = Plan { parent: head.seal(), turn, is_held: self.is_held(), at: None };
        let is_same =
            |it: &Plan| (it.parent, it.turn, it.is_held) == (plan.parent, turn, plan.is_held);
        if let Some(before) = before.filter(is_same) {
            return Ok(before);
        }
        if plan.is_held {
            return Ok(plan);
        }
        let until = self.chain.clock().until(earliest(rules, &head));
        let wait = wait(&snapshot, turn, until, &mut rand::rng());
        Ok(Plan { at: wait.map(|wait| Instant::now() + wait), ..plan })
    }

    pub(super) fn is_held(&self) -> bool {
        self.state.lock().hold.is_some()
    }

    fn sign_or_log(&self, authority: &Authority, parent: B256) {
        match self.sign(authority, parent) {
            // Another signer was quicker: the next plan follows it.
            Ok(_) | Err(SealError::Chain(ChainError::StaleParent { .. })) => {}
            Err(error) => {
                tracing::error!(target: "sealer", %error, "no block was made");
                self.counted.failed.one();
                let mut state = self.state.lock();
                state.failure = Some(Arc::new(error));
                if !state.stop {
                    self.wake.wait_for(&mut state, RETRY);
                }
            }
        }
    }

    /// Makes a block on `parent`, if that is still the head.
    pub(super) fn sign(
        &self,
        authority: &Authority,
        parent: B256,
    ) -> Result<Option<Block>, SealError> {
        let _sealing = self.sealing.lock();
        let context = self.chain.build_context()?;
        if context.parent.seal() != parent {
            return Ok(None);
        }
        let snapshot = self.chain.signers_after(num_hash(&context.parent))?;
        let template = authority.template(&self.chain, &self.settings, &context.parent, &snapshot);
        let seal = |header| authority.seal(&self.chain.spec(), &snapshot, header);
        let (chain, pool) = (&self.chain, &self.pool);
        let times = &self.counted.times;
        let executed = build_sealed(chain, pool, &self.settings, context, template, seal, times)?;
        let block = executed.block.clone();
        times.append.time(|| self.chain.append(executed))?;
        self.counted.signed(block.hash());
        if let Err(error) = self.follow(&block.body.transactions) {
            // The block stands. What it used up is dropped when the next one is built.
            tracing::error!(target: "sealer", %error, "the pool could not follow a block");
        }
        self.state.lock().failure = None;
        Ok(Some(block))
    }
}

pub(super) fn num_hash(header: &SealedHeader) -> BlockNumHash {
    BlockNumHash::new(header.number, header.seal())
}
