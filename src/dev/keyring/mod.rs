//! Whose keys does the node hold, and which of them may sign now?
//!
//! Three kinds of account lie in one ring: the development accounts, whose keys everyone knows;
//! accounts that somebody stored here, sealed with a passphrase and kept in the data directory; and
//! addresses without a key, which may send once they are unlocked.

mod files;
mod keystore;

use super::accounts::DevAccounts;
use crate::primitives::Transaction;
use alloy_consensus::{EthereumTypedTransaction, SignableTransaction, TxEip4844Variant};
use alloy_primitives::{Address, B256, Signature, keccak256, map::AddressMap};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use files::Folder;
use keystore::Keystore;
use parking_lot::RwLock;
use std::{
    fmt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Opens every development account.
const NO_PASSPHRASE: &str = "";

/// Why there is no key, or no signature. Never contains a passphrase or a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// None of our accounts.
    #[error("no key for given address or file")]
    Unknown {
        /// Who was meant.
        address: Address,
    },
    /// The account is ours, and locked.
    #[error("authentication needed: password or unlock")]
    Locked {
        /// Who was meant.
        address: Address,
    },
    /// The account may send, but there is no key to sign with.
    #[error("{address} was added without a key: it can send, it cannot sign")]
    Keyless {
        /// Who was meant.
        address: Address,
    },
    /// Another passphrase was used when the key was stored.
    #[error("could not decrypt key with given password")]
    WrongPassphrase,
    /// The key is there already.
    #[error("account already exists")]
    Exists,
    /// Zero, or above the order of the curve.
    #[error("invalid private key: it is 32 bytes, more than zero and less than the curve's order")]
    InvalidKey,
    /// No room for another account.
    #[error("{limit} accounts were added already, no more fit; --max-stored-accounts allows more")]
    Full {
        /// Accounts allowed.
        limit: usize,
    },
    /// A key file that was made in a way that is not known here.
    #[error(
        "the key file is not one of version 3 with scrypt, aes-128-ctr and bearable parameters"
    )]
    Unsupported,
    /// A key file could not be read, written or removed.
    #[error("{path}: {source}")]
    File {
        /// The file or its folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file that was named as a key and is none.
    #[error("{path} is no key file of web3 secret storage, version 3")]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// A passphrase that is empty protects nothing.
    #[error("the first line of {path} is empty: write the passphrase there")]
    NoPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// The signature itself failed.
    #[error("{address} could not sign")]
    Signing {
        /// Who should have signed.
        address: Address,
        /// What the key said.
        #[source]
        source: alloy_signer::Error,
    },
}

/// The key in a file of web3 secret storage; the first line of `password` is its passphrase.
pub fn key_from_files(key: &Path, password: &Path) -> Result<PrivateKeySigner, KeyringError> {
    files::open(key, password)
}

/// The passphrase in the first line of a file.
pub fn passphrase_in(path: &Path) -> Result<String, KeyringError> {
    let passphrase = files::first_line(path)?;
    let path = path.to_owned();
    if passphrase.is_empty() { Err(KeyringError::NoPassphrase { path }) } else { Ok(passphrase) }
}

/// The private key in the first line of a file, in hex.
pub fn secret_in(path: &Path) -> Result<B256, KeyringError> {
    let line = files::first_line(path)?;
    line.trim().parse().map_err(|_secret| KeyringError::InvalidKey)
}

/// The node's accounts.
pub struct Keyring {
    ring: RwLock<Ring>,
    folder: Option<Folder>,
    limit: usize,
}

#[derive(Default)]
struct Ring {
    accounts: AddressMap<Account>,
    /// As they came: development accounts first.
    order: Vec<Address>,
    /// Accounts beside the development accounts.
    added: usize,
}

struct Account {
    origin: Origin,
    open: Option<Open>,
}

enum Origin {
    /// Everyone knows the key.
    Development(PrivateKeySigner),
    /// Only the passphrase opens the key.
    Stored(Box<Keystore>),
    /// There is no key; this is the passphrase's hash.
    Keyless(B256),
}

/// An unlocked account.
#[derive(Clone)]
struct Open {
    key: Option<PrivateKeySigner>,
    /// Locked from then on.
    until: Option<Instant>,
}

/// Addresses only.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keyring").field(&self.listed()).finish()
    }
}

impl Keyring {
    /// The development accounts, unlocked, and nothing else. What is stored is forgotten with the
    /// process. `limit` accounts may be added.
    pub fn in_memory(accounts: &DevAccounts, limit: usize) -> Self {
        let mut ring = Ring::default();
        for signer in accounts.signers() {
            let open = Open { key: Some(signer.clone()), until: None };
            let origin = Origin::Development(signer.clone());
            ring.insert(signer.address(), Account { origin, open: Some(open) });
        }
        ring.added = 0;
        Self { ring: RwLock::new(ring), folder: None, limit }
    }

    /// The development accounts, and the accounts in a folder of key files, locked. The folder is
    /// made when the first key is stored.
    pub fn in_folder(
        accounts: &DevAccounts,
        folder: &Path,
        limit: usize,
    ) -> Result<Self, KeyringError> {
        let folder = Folder::new(folder);
        let keyring = Self::in_memory(accounts, limit);
        for stored in folder.read(limit)? {
            let mut ring = keyring.ring.write();
            if let Some(address) = stored.address().filter(|it| !ring.accounts.contains_key(it)) {
                ring.insert(address, Account::locked(stored));
            }
        }
        Ok(Self { folder: Some(folder), ..keyring })
    }

    /// Accounts whose keys are here, locked or not, the development accounts first.
    pub fn addresses(&self) -> Vec<Address> {
        let ring = self.ring.read();
        let has_key = |address: &&Address| {
            ring.accounts.get(*address).is_some_and(|it| !matches!(it.origin, Origin::Keyless(_)))
        };
        ring.order.iter().filter(has_key).copied().collect()
    }

    /// All accounts, also those without a key.
    pub fn listed(&self) -> Vec<Address> {
        self.ring.read().order.clone()
    }

    /// The file with an account's key; `None` if it is stored in none.
    pub fn file(&self, address: Address) -> Result<Option<PathBuf>, KeyringError> {
        self.folder.as_ref().map_or(Ok(None), |folder| folder.find(address))
    }

    /// The key of an unlocked account; `None` for one that is unlocked and has none.
    pub fn unlocked(&self, address: Address) -> Result<Option<PrivateKeySigner>, KeyringError> {
        let ring = self.ring.read();
        let account = ring.accounts.get(&address).ok_or(KeyringError::Unknown { address })?;
        let is_open = |open: &&Open| open.until.is_none_or(|end| Instant::now() < end);
        match account.open.as_ref().filter(is_open) {
            Some(open) => Ok(open.key.clone()),
            None => Err(KeyringError::Locked { address }),
        }
    }

    /// The key of an unlocked account.
    pub fn key(&self, address: Address) -> Result<PrivateKeySigner, KeyringError> {
        self.unlocked(address)?.ok_or(KeyringError::Keyless { address })
    }

    /// The key that a passphrase opens, whether the account is locked or not; `None` if the
    /// passphrase is right and there is no key. Takes about a tenth of a second.
    pub fn opened(
        &self,
        address: Address,
        passphrase: &str,
    ) -> Result<Option<PrivateKeySigner>, KeyringError> {
        let sealed = {
            let ring = self.ring.read();
            let account = ring.accounts.get(&address).ok_or(KeyringError::Unknown { address })?;
            match &account.origin {
                Origin::Development(_) if passphrase != NO_PASSPHRASE => None,
                Origin::Development(signer) => return Ok(Some(signer.clone())),
                Origin::Keyless(hash) if *hash != keccak256(passphrase) => None,
                Origin::Keyless(_) => return Ok(None),
                Origin::Stored(sealed) => Some(sealed.clone()),
            }
        };
        // Opened without the lock, because it takes long.
        sealed.ok_or(KeyringError::WrongPassphrase)?.open(passphrase).map(Some)
    }

    /// Unlocks an account for so long; for as long as the node runs if nothing is said.
    pub fn unlock(
        &self,
        address: Address,
        passphrase: &str,
        time: Option<Duration>,
    ) -> Result<(), KeyringError> {
        let key = self.opened(address, passphrase)?;
        // A time that no clock can hold is forever.
        let until = time.and_then(|time| Instant::now().checked_add(time));
        let mut ring = self.ring.write();
        let account = ring.accounts.get_mut(&address).ok_or(KeyringError::Unknown { address })?;
        account.open = Some(Open { key, until });
        Ok(())
    }

    /// Locks an account. False if it is none of ours.
    pub fn lock(&self, address: Address) -> bool {
        let mut ring = self.ring.write();
        ring.accounts.get_mut(&address).is_some_and(|account| {
            account.open = None;
            true
        })
    }

    /// Makes a new key and stores it, locked.
    pub fn create(&self, passphrase: &str) -> Result<Address, KeyringError> {
        self.store(&PrivateKeySigner::random(), passphrase)
    }

    /// Stores a key, locked. It is on the disk when this returns, if there is a folder.
    pub fn import(&self, key: B256, passphrase: &str) -> Result<Address, KeyringError> {
        let key = PrivateKeySigner::from_bytes(&key).map_err(|_secret| KeyringError::InvalidKey)?;
        self.store(&key, passphrase)
    }

    fn store(&self, key: &PrivateKeySigner, passphrase: &str) -> Result<Address, KeyringError> {
        let address = key.address();
        // Checked before the long work, and again when the account goes in.
        self.ring.read().check_room(address, self.limit)?;
        let sealed = Keystore::seal(key, passphrase)?;
        let mut ring = self.ring.write();
        ring.check_room(address, self.limit)?;
        if let Some(folder) = &self.folder {
            folder.write(address, &sealed)?;
        }
        ring.insert(address, Account::locked(sealed));
        Ok(address)
    }

    /// Adds an address without a key, locked, until the node ends. False if it is there already.
    pub fn add(&self, address: Address, passphrase: &str) -> Result<bool, KeyringError> {
        let mut ring = self.ring.write();
        match ring.check_room(address, self.limit) {
            Err(KeyringError::Exists) => Ok(false),
            Err(other) => Err(other),
            Ok(()) => {
                let origin = Origin::Keyless(keccak256(passphrase));
                ring.insert(address, Account { origin, open: None });
                Ok(true)
            }
        }
    }

    /// Removes an account and its key file. False if it is none of ours.
    pub fn remove(&self, address: Address, passphrase: &str) -> Result<bool, KeyringError> {
        match self.opened(address, passphrase) {
            Err(KeyringError::Unknown { .. }) => return Ok(false),
            other => other?,
        };
        let mut ring = self.ring.write();
        let Some(account) = ring.accounts.get(&address) else { return Ok(false) };
        if let (Origin::Stored(_), Some(folder)) = (&account.origin, &self.folder) {
            folder.remove(address)?;
        }
        ring.remove(address);
        Ok(true)
    }
}

impl Ring {
    fn check_room(&self, address: Address, limit: usize) -> Result<(), KeyringError> {
        if self.accounts.contains_key(&address) {
            return Err(KeyringError::Exists);
        }
        if self.added >= limit { Err(KeyringError::Full { limit }) } else { Ok(()) }
    }

    fn insert(&mut self, address: Address, account: Account) {
        if self.accounts.insert(address, account).is_none() {
            self.order.push(address);
            self.added += 1;
        }
    }

    fn remove(&mut self, address: Address) {
        let removed = self.accounts.remove(&address);
        self.order.retain(|other| *other != address);
        if removed.is_some_and(|account| !matches!(account.origin, Origin::Development(_))) {
            self.added -= 1;
        }
    }
}

impl Account {
    fn locked(sealed: Keystore) -> Self {
        Self { origin: Origin::Stored(Box::new(sealed)), open: None }
    }
}

/// Signs a hash as it is.
pub fn sign_hash(key: &PrivateKeySigner, hash: B256) -> Result<Signature, KeyringError> {
    let address = key.address();
    key.sign_hash_sync(&hash).map_err(|source| KeyringError::Signing { address, source })
}

/// Signs a message behind [EIP-191]'s prefix, as `eth_sign` and `personal_sign` do.
///
/// [EIP-191]: https://eips.ethereum.org/EIPS/eip-191
pub fn sign_message(key: &PrivateKeySigner, message: &[u8]) -> Result<Signature, KeyringError> {
    sign_hash(key, alloy_primitives::eip191_hash_message(message))
}

/// Signs a transaction of any type.
pub fn sign_transaction(
    key: &PrivateKeySigner,
    transaction: EthereumTypedTransaction<TxEip4844Variant>,
) -> Result<Transaction, KeyringError> {
    let signature = sign_hash(key, transaction.signature_hash())?;
    let envelope = transaction.into_signed(signature).into();
    Ok(Transaction::new_unchecked(envelope, key.address()))
}

#[cfg(test)]
mod tests;
