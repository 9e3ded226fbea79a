//! What only a development chain may do: snapshots, impersonation, accounts with known keys.

pub mod accounts;
mod answers;
mod branches;
pub mod dump;
pub mod forking;
pub mod keyring;
mod reorganise;
mod resets;
mod snapshots;
pub mod typed_data;

pub use answers::Answers;
pub use resets::{Beginnings, Restart};
pub use snapshots::{DevError, WALLET_HINT};

use crate::{chain::Chain, pool::Pool, sealer::SealerHandle};
use alloy_primitives::{Address, B256, map::AddressSet};
use parking_lot::Mutex;
use snapshots::Snapshots;
use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, atomic::AtomicBool},
};

/// Addresses that may be impersonated one by one.
const MOST_IMPERSONATED: usize = 100_000;

/// What shapes the developer's tools.
#[derive(Clone, Copy, Debug)]
pub struct DevSettings {
    /// Transactions of everyone are accepted without a signature from the start.
    pub auto_impersonate: bool,
    /// Snapshots that may be kept.
    pub snapshots: usize,
    /// A reset takes the next chain id.
    pub rotate_chain_id: bool,
    /// A reset or a revert makes empty blocks until the head is above every block that was there.
    pub monotonic: bool,
    /// The chain id above the block with which a fork begins, if it is not the upstream's.
    pub fork_chain_id: Option<u64>,
    /// Gas limit and base fee that the first block of a fork has instead of those by rule.
    pub fork_next: (Option<u64>, Option<u64>),
    /// Blocks that one call may make for that.
    pub filled_blocks: u64,
}

impl Default for DevSettings {
    fn default() -> Self {
        Self {
            auto_impersonate: false,
            snapshots: 100_000,
            rotate_chain_id: false,
            monotonic: false,
            fork_chain_id: None,
            fork_next: (None, None),
            filled_blocks: 100_000,
        }
    }
}

/// The developer's tools over a chain.
#[derive(Debug)]
pub struct Dev {
    chain: Arc<Chain>,
    pool: Arc<Pool>,
    sealer: SealerHandle,
    settings: DevSettings,
    /// What resets may begin with.
    beginnings: Beginnings,
    snapshots: Mutex<Snapshots>,
    impersonation: Mutex<Arc<Impersonation>>,
    instance: Mutex<B256>,
    /// Held while a dump is read and loaded.
    loading: Mutex<()>,
    /// Was it said what a wallet has to be told?
    has_warned: AtomicBool,
}

/// Whose transactions are accepted without a signature.
#[derive(Clone, Debug, Default)]
struct Impersonation {
    addresses: AddressSet,
    everyone: bool,
}

impl Dev {
    /// Tools for this chain.
    pub fn new(
        chain: Arc<Chain>,
        pool: Arc<Pool>,
        sealer: SealerHandle,
        settings: DevSettings,
    ) -> Self {
        Self {
            beginnings: Beginnings::only(chain.spec()),
            chain,
            pool,
            sealer,
            snapshots: Mutex::default(),
            impersonation: Mutex::new(Impersonation::at_start(&settings)),
            instance: Mutex::new(new_instance()),
            loading: Mutex::default(),
            has_warned: AtomicBool::new(false),
            settings,
        }
    }

    /// With what resets may begin with.
    pub fn with_beginnings(mut self, beginnings: Beginnings) -> Self {
        self.beginnings = beginnings;
        self
    }

    /// Names this run of the chain: another one after a start or a reset.
    pub fn instance(&self) -> B256 {
        *self.instance.lock()
    }

    /// Accepts transactions of `address` without a signature from now on.
    pub fn impersonate(&self, address: Address) -> Result<(), DevError> {
        let mut impersonation = self.impersonation.lock();
        let known = impersonation.addresses.len();
        if known >= MOST_IMPERSONATED && !impersonation.addresses.contains(&address) {
            return Err(DevError::TooManyImpersonated(known));
        }
        Arc::make_mut(&mut impersonation).addresses.insert(address);
        Ok(())
    }

    /// Ends [`Dev::impersonate`].
    pub fn stop_impersonating(&self, address: Address) {
        Arc::make_mut(&mut self.impersonation.lock()).addresses.remove(&address);
    }

    /// Accepts transactions of everyone without a signature, or no more.
    pub fn auto_impersonate(&self, everyone: bool) {
        Arc::make_mut(&mut self.impersonation.lock()).everyone = everyone;
    }

    /// Are transactions of `address` accepted without a signature?
    pub fn is_impersonated(&self, address: Address) -> bool {
        let impersonation = self.impersonation.lock();
        impersonation.everyone || impersonation.addresses.contains(&address)
    }
}

impl Impersonation {
    fn at_start(settings: &DevSettings) -> Arc<Self> {
        Arc::new(Self { everyone: settings.auto_impersonate, ..Self::default() })
    }
}

/// A name that no other run has.
fn new_instance() -> B256 {
    // Every hasher of the standard library is seeded at random.
    let words: [u64; 4] = std::array::from_fn(|place| RandomState::new().hash_one(place));
    B256::from_slice(words.map(u64::to_be_bytes).as_flattened())
}
