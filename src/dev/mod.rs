//! What only a development chain may do: snapshots, impersonation, accounts with known keys.

pub mod accounts;
pub mod keyring;
mod snapshots;
pub mod typed_data;

pub use snapshots::DevError;

use crate::{chain::Chain, pool::Pool, sealer::SealerHandle};
use alloy_primitives::{Address, map::AddressSet};
use parking_lot::Mutex;
use snapshots::Snapshots;
use std::sync::Arc;

/// The developer's tools over a chain.
#[derive(Debug)]
pub struct Dev {
    chain: Arc<Chain>,
    pool: Arc<Pool>,
    sealer: SealerHandle,
    snapshots: Mutex<Snapshots>,
    impersonation: Mutex<Impersonation>,
}

/// Whose transactions are accepted without a signature.
#[derive(Clone, Debug, Default)]
struct Impersonation {
    addresses: AddressSet,
    everyone: bool,
}

impl Dev {
    /// Tools for this chain.
    pub fn new(chain: Arc<Chain>, pool: Arc<Pool>, sealer: SealerHandle, everyone: bool) -> Self {
        let impersonation = Impersonation { everyone, ..Default::default() };
        Self {
            chain,
            pool,
            sealer,
            snapshots: Mutex::default(),
            impersonation: Mutex::new(impersonation),
        }
    }

    /// Accepts transactions of `address` without a signature from now on.
    pub fn impersonate(&self, address: Address) {
        self.impersonation.lock().addresses.insert(address);
    }

    /// Ends [`Dev::impersonate`].
    pub fn stop_impersonating(&self, address: Address) {
        self.impersonation.lock().addresses.remove(&address);
    }

    /// Accepts transactions of everyone without a signature, or no more.
    pub fn auto_impersonate(&self, everyone: bool) {
        self.impersonation.lock().everyone = everyone;
    }

    /// Are transactions of `address` accepted without a signature?
    pub fn is_impersonated(&self, address: Address) -> bool {
        let impersonation = self.impersonation.lock();
        impersonation.everyone || impersonation.addresses.contains(&address)
    }
}
