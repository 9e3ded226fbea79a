//! How is it found out what there is to know?

use super::{Making, Own, Peers, Signed, Signer, Signers, Situation, Syncing, Waiting, Work};
use crate::{
    chain::{Chain, ChainError},
    consensus::clique::{self, CliqueRules, turn_limit},
    network::NetworkHandle,
    pool::{Order, Pool},
    primitives::{BlockNumHash, SealedHeader},
    sealer::{Mode, SealerHandle},
    spec,
};
use alloy_primitives::Address;
use std::{collections::BTreeMap, time::Duration};

/// Blocks behind the head in which it is looked who signed, for each signer.
const BLOCKS_PER_SIGNER: usize = 4;
/// And at most: telling who signed a block takes a tenth of a millisecond.
const MOST_BLOCKS: usize = 256;
/// Blocks whose time is averaged under proof of work.
const AVERAGED: u64 = 64;
/// What a block takes under proof of work while there are too few to tell.
const USUAL_WORK: Duration = Duration::from_secs(13);

/// What a node is made of, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Its chain.
    pub chain: &'a Chain,
    /// What waits.
    pub pool: &'a Pool,
    /// Who makes its blocks.
    pub sealer: &'a SealerHandle,
    /// May a developer change the chain by hand?
    pub is_development: bool,
    /// The network; `None` where the node has none.
    pub network: Option<&'a NetworkHandle>,
}

/// Finds out how things are. Reads headers: not for a thread that serves requests.
pub fn observe(parts: Parts<'_>) -> Result<Situation, ChainError> {
    let head = parts.chain.head();
    let mut making = parts.making(&head)?;
    if let Making::Signers(signers) = &mut making {
        remember(parts.chain, &head, &mut signers.all)?;
    }
    Ok(Situation {
        head: at(&head),
        timestamp: head.timestamp,
        is_first: head.number == parts.chain.first(),
        now: parts.chain.clock().now(),
        making,
        waiting: parts.waiting(&head),
        peers: parts.network.map(peers),
        hold: parts.sealer.held().filter(|_| parts.sealer.makes_blocks()),
        failure: parts.failure(),
    })
}

impl Parts<'_> {
    /// How long the next block may take before something is wrong. Costs little.
    pub fn patience(&self) -> Result<Option<Duration>, ChainError> {
        let head = self.chain.head();
        Ok(super::patience(&self.making(&head)?, self.waiting(&head).ready))
    }

    /// How blocks come about, without who signed when.
    fn making(&self, head: &SealedHeader) -> Result<Making, ChainError> {
        Ok(match self.chain.spec().mode {
            spec::Mode::Dev => {
                let sealer = self.sealer.stats();
                // Nobody may ask for blocks of a stored chain: without a reason it makes none.
                let here = self.is_development || sealer.mode != Mode::Manual;
                Making::Alone { mode: sealer.mode, here, requests: sealer.requests }
            }
            spec::Mode::Poa => Making::Signers(self.signers(head)?),
            spec::Mode::Pow => Making::Work(self.work(head)?),
            spec::Mode::Merged | spec::Mode::Bft => Making::Elsewhere,
        })
    }

    fn signers(&self, head: &SealedHeader) -> Result<Signers, ChainError> {
        let snapshot = self.chain.signers_after(at(head))?;
        let next = head.number.saturating_add(1);
        let period = CliqueRules::of(&self.chain.spec().genesis).period;
        let waits = self.pool.pending_len() > 0;
        let all = snapshot.signers.iter().map(|address| Signer {
            address: *address,
            may_sign: snapshot.next_turn(*address) == Some(next),
            last: None,
        });
        Ok(Signers {
            period,
            in_turn: snapshot.in_turn(next),
            all: all.collect(),
            needed: turn_limit(snapshot.count()) as usize,
            own: self.sealer.authority().map(|authority| Own {
                address: authority.address(),
                turn: authority.turn(&snapshot, period, waits),
            }),
        })
    }

    fn work(&self, head: &SealedHeader) -> Result<Work, ChainError> {
        let from = head.number.saturating_sub(AVERAGED).max(self.chain.first() + 1);
        let blocks = head.number.saturating_sub(from);
        let interval = match self.chain.header(from)? {
            Some(from) if blocks > 0 => {
                Duration::from_secs(head.timestamp.saturating_sub(from.timestamp))
                    .div_f64(blocks as f64)
                    .max(Duration::from_secs(1))
            }
            _ => USUAL_WORK,
        };
        let miner = self.sealer.miner().filter(|miner| miner.wishes().mines);
        let hash_rate = miner.map(|miner| miner.rate() as f64);
        Ok(Work { difficulty: head.difficulty, mines: miner.is_some(), hash_rate, interval })
    }

    fn waiting(&self, head: &SealedHeader) -> Waiting {
        let (pending, queued) = (self.pool.pending_len(), self.pool.queued_len());
        let base_fee = self.chain.next_base_fee(head).unwrap_or(0);
        let is_ready = || self.pool.best(base_fee, 0, Order::Fifo).next().is_some();
        Waiting { pending, queued, ready: pending > 0 && is_ready() }
    }

    fn failure(&self) -> Option<String> {
        let written = self.chain.write_failure().map(|failure| failure.to_string());
        written.or_else(|| self.sealer.failure().map(|failure| failure.to_string()))
    }
}

/// Fills in which of the newest blocks each signed.
fn remember(chain: &Chain, head: &SealedHeader, signers: &mut [Signer]) -> Result<(), ChainError> {
    let blocks = signers.len().saturating_mul(BLOCKS_PER_SIGNER).min(MOST_BLOCKS) as u64;
    let lowest = head.number.saturating_sub(blocks).max(chain.first());
    let mut last: BTreeMap<Address, Signed> = BTreeMap::new();
    for number in (lowest.saturating_add(1)..=head.number).rev() {
        if last.len() == signers.len() {
            break;
        }
        let Some(header) = chain.header(number)? else { break };
        let signed = Signed { number, timestamp: header.timestamp };
        last.entry(clique::signer(&header)?).or_insert(signed);
    }
    for signer in signers {
        signer.last = last.get(&signer.address).copied();
    }
    Ok(())
}

fn at(header: &SealedHeader) -> BlockNumHash {
    BlockNumHash::new(header.number, header.seal())
}

/// Peers count when they are of this chain.
fn peers(network: &NetworkHandle) -> Peers {
    let statuses: Vec<_> = network.peers().into_iter().filter_map(|peer| peer.status).collect();
    Peers {
        connected: statuses.len(),
        sealing: statuses.iter().filter(|status| status.seals).count(),
        signers: statuses.iter().filter_map(|status| status.signer).collect(),
        refused: network.refused(),
        clock_difference: network.clock_difference(),
        syncing: network.sync_progress().map(|progress| Syncing {
            from: progress.starting,
            at: progress.current,
            to: progress.highest,
        }),
    }
}
