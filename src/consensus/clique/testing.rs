//! A chain of headers by signers with names, for tests.

use super::{CliqueRules, Extra, NONCE_ADD, NONCE_DROP, Snapshot, seal_hash, sealed};
use crate::primitives::BlockNumHash;
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;

/// The key that belongs to a name.
pub(super) fn key(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(name)).expect("a hash is a key")
}

/// Signs a header in its last 65 bytes of extra data.
pub(super) fn sign(header: &mut Header, key: &PrivateKeySigner) {
    let hash = seal_hash(header).expect("there is room for a seal");
    let signature = key.sign_hash_sync(&hash).expect("a key signs");
    *header = sealed(header.clone(), &signature).expect("there is room for a seal");
}

/// A chain under proof of authority.
pub(super) struct Authority {
    rules: CliqueRules,
    head: Header,
    snapshot: Snapshot,
}

impl Authority {
    pub(super) fn new(names: &[&str], rules: CliqueRules) -> Self {
        let mut signers: Vec<Address> = names.iter().map(|name| key(name).address()).collect();
        signers.sort();
        let extra = Extra { signers, ..Default::default() };
        let head = Header { extra_data: extra.to_bytes(), ..Default::default() };
        let at = BlockNumHash::new(0, head.hash_slow());
        let snapshot = Snapshot::at_checkpoint(at, &head).expect("the signers are listed");
        Self { rules, head, snapshot }
    }

    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    pub(super) fn address(&self, name: &str) -> Address {
        key(name).address()
    }

    /// The next header by this signer, not signed yet.
    pub(super) fn draft(&self, name: &str, vote: Option<(&str, bool)>) -> Header {
        let number = self.head.number + 1;
        let signer = self.address(name);
        let (beneficiary, nonce) = match vote {
            None => (Address::ZERO, NONCE_DROP),
            Some((on, true)) => (self.address(on), NONCE_ADD),
            Some((on, false)) => (self.address(on), NONCE_DROP),
        };
        let signers = match self.rules.is_checkpoint(number) {
            true => self.snapshot.signers.iter().copied().collect(),
            false => Vec::new(),
        };
        Header {
            parent_hash: self.head.hash_slow(),
            number,
            timestamp: self.head.timestamp + self.rules.period,
            beneficiary,
            nonce,
            difficulty: self.snapshot.difficulty(number, signer),
            extra_data: Extra { signers, ..Default::default() }.to_bytes(),
            ..Default::default()
        }
    }

    pub(super) fn sign(&self, name: &str, header: &mut Header) {
        sign(header, &key(name));
    }

    /// Makes the next block; whether it is valid is not asked.
    pub(super) fn block(&mut self, name: &str, vote: Option<(&str, bool)>) -> Header {
        self.try_block(name, vote).expect("the signer may sign")
    }

    pub(super) fn try_block(
        &mut self,
        name: &str,
        vote: Option<(&str, bool)>,
    ) -> Result<Header, super::CliqueError> {
        let mut header = self.draft(name, vote);
        self.sign(name, &mut header);
        let hash: B256 = header.hash_slow();
        self.snapshot = self.snapshot.after(self.rules, &header, hash)?;
        self.head = header.clone();
        Ok(header)
    }
}
