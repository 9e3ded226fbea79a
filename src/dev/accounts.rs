//! Accounts with known keys: who are they?

use alloy_primitives::{Address, B256};
use alloy_signer_local::{
    LocalSignerError, MnemonicBuilder, PrivateKeySigner,
    coins_bip39::{English, Entropy, Mnemonic, MnemonicError},
};
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
use std::fmt;

/// The phrase that anvil, hardhat and nearly every tutorial use.
pub const DEFAULT_MNEMONIC: &str = "test test test test test test test test test test test junk";

/// Where the accounts lie below the phrase's seed (BIP-44, coin type 60); the index follows.
pub const DEFAULT_DERIVATION_PATH: &str = "m/44'/60'/0'/0/";

/// Why there are no such accounts. Never contains a phrase or a key.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// Unknown word, wrong number of words, or a checksum that does not fit.
    #[error(
        "the mnemonic is not a valid BIP-39 phrase: it needs 12, 15, 18, 21 or 24 English words \
         and a last word that fits the others (got {words} words)"
    )]
    Mnemonic {
        /// Words given.
        words: usize,
    },
    /// BIP-39 knows five lengths.
    #[error("a mnemonic has 12, 15, 18, 21 or 24 words, not {0}")]
    WordCount(usize),
    /// Not a BIP-32 path.
    #[error("the derivation path \"{path}\" is not valid, an example is m/44'/60'/0'/0/")]
    DerivationPath {
        /// As given.
        path: String,
    },
    /// No account can be derived at this index.
    #[error("account {index} cannot be derived")]
    Derivation {
        /// Position of the account.
        index: usize,
        /// What the derivation said.
        #[source]
        source: LocalSignerError,
    },
}

/// Accounts whose keys the node holds, because everyone may know them.
#[derive(Clone)]
pub struct DevAccounts {
    mnemonic: String,
    derivation_path: String,
    signers: Vec<PrivateKeySigner>,
}

/// Addresses only.
impl fmt::Debug for DevAccounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DevAccounts").field(&self.addresses()).finish()
    }
}

impl DevAccounts {
    /// The first `count` accounts of a phrase under a path such as `m/44'/60'/0'/0/`. The path's
    /// parent key is derived once, which takes most of the time.
    pub fn from_mnemonic(phrase: &str, count: usize, path: &str) -> Result<Self, AccountsError> {
        let words: Vec<&str> = phrase.split_whitespace().collect();
        let mnemonic = words.join(" ");
        Mnemonic::<English>::new_from_phrase(&mnemonic)
            .map_err(|_secret| AccountsError::Mnemonic { words: words.len() })?;
        let derivation_path = format!("{}/", path.trim_end_matches('/'));
        let bad_path = |_cause| AccountsError::DerivationPath { path: path.to_owned() };
        let parent = MnemonicBuilder::<English>::default()
            .phrase(mnemonic.as_str())
            .derivation_path(format!("{derivation_path}0"))
            .and_then(|builder| builder.build_parent_key())
            .map_err(bad_path)?;
        let mut signers = Vec::new();
        for (index, signer) in parent.children().take(count).enumerate() {
            signers.push(signer.map_err(|source| AccountsError::Derivation { index, source })?);
        }
        Ok(Self { mnemonic, derivation_path, signers })
    }

    /// In order of derivation.
    pub fn addresses(&self) -> Vec<Address> {
        self.signers.iter().map(PrivateKeySigner::address).collect()
    }

    /// Private keys in order of derivation, for the start banner. They are no secret: the phrase
    /// is printed beside them.
    pub fn private_keys(&self) -> Vec<B256> {
        self.signers.iter().map(PrivateKeySigner::to_bytes).collect()
    }

    /// The phrase the accounts come from.
    pub fn mnemonic(&self) -> &str {
        &self.mnemonic
    }

    /// The path without an account's index.
    pub fn derivation_path(&self) -> &str {
        &self.derivation_path
    }

    /// The keys in order of derivation.
    pub(super) fn signers(&self) -> &[PrivateKeySigner] {
        &self.signers
    }
}

/// A new phrase of 12, 15, 18, 21 or 24 words from the system's randomness.
pub fn random_mnemonic(words: usize) -> Result<String, AccountsError> {
    let mut bytes = vec![0; entropy_len(words)?];
    rand::rng().fill_bytes(&mut bytes);
    phrase(&bytes).map_err(|_length| AccountsError::WordCount(words))
}

/// The phrase of 12 words that belongs to a number, the same that anvil makes of it. Anyone can
/// guess it: for tests only.
pub fn seeded_mnemonic(seed: u64) -> Result<String, AccountsError> {
    let mut random = StdRng::seed_from_u64(seed);
    let bytes: [u8; 16] = std::array::from_fn(|_index| random.random());
    phrase(&bytes).map_err(|_length| AccountsError::WordCount(12))
}

/// Bytes of entropy: four for every three words.
fn entropy_len(words: usize) -> Result<usize, AccountsError> {
    match words {
        12 | 15 | 18 | 21 | 24 => Ok(words / 3 * 4),
        _ => Err(AccountsError::WordCount(words)),
    }
}

fn phrase(entropy: &[u8]) -> Result<String, MnemonicError> {
    let entropy = Entropy::from_slice(entropy)?;
    Ok(Mnemonic::<English>::new_from_entropy(entropy).to_phrase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, b256};

    fn accounts(phrase: &str, count: usize) -> Result<DevAccounts, AccountsError> {
        DevAccounts::from_mnemonic(phrase, count, DEFAULT_DERIVATION_PATH)
    }

    fn error(result: Result<impl fmt::Debug, AccountsError>) -> String {
        result.expect_err("it must be refused").to_string()
    }

    #[test]
    fn the_default_accounts_are_the_ones_everybody_knows() {
        let accounts = accounts(DEFAULT_MNEMONIC, 10).unwrap();
        let addresses = accounts.addresses();
        assert_eq!(addresses.len(), 10);
        assert_eq!(addresses[0], address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
        assert_eq!(addresses[9], address!("a0Ee7A142d267C1f36714E4a8F75612F20a79720"));
        let key = b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
        assert_eq!(accounts.private_keys()[0], key);
    }

    #[test]
    fn a_seed_gives_the_phrase_that_anvil_gives() {
        let phrase = "pen brief eager pepper brass detect problem vital physical tent assume damp";
        assert_eq!(seeded_mnemonic(42).unwrap(), phrase);
        let first = accounts(phrase, 1).unwrap().addresses()[0];
        assert_eq!(first, address!("00f8D5566c82BA5082352d92895551AeF6432e3E"));
    }

    #[test]
    fn random_phrases_differ_and_have_the_length_asked_for() {
        for words in [12, 15, 18, 21, 24] {
            let phrase = random_mnemonic(words).unwrap();
            assert_eq!(phrase.split(' ').count(), words);
            assert!(accounts(&phrase, 1).is_ok());
            assert_ne!(random_mnemonic(words).unwrap(), phrase);
        }
        let text = "a mnemonic has 12, 15, 18, 21 or 24 words, not 13";
        assert_eq!(error(random_mnemonic(13)), text);
    }

    #[test]
    fn spaces_do_not_matter_and_a_wrong_word_is_not_repeated() {
        let spaced = DEFAULT_MNEMONIC.replace(' ', "  ");
        assert_eq!(accounts(&spaced, 1).unwrap().mnemonic(), DEFAULT_MNEMONIC);
        for wrong in ["secret words", &DEFAULT_MNEMONIC.replace("junk", "test"), ""] {
            let text = error(accounts(wrong, 1));
            assert!(text.contains("not a valid BIP-39 phrase"), "{text}");
            assert!(!text.contains("secret") && !text.contains("test"), "{text}");
        }
    }

    #[test]
    fn a_path_ends_with_or_without_a_slash() {
        let with = DevAccounts::from_mnemonic(DEFAULT_MNEMONIC, 2, "m/44'/60'/1'/0/").unwrap();
        let without = DevAccounts::from_mnemonic(DEFAULT_MNEMONIC, 2, "m/44'/60'/1'/0").unwrap();
        assert_eq!(with.addresses(), without.addresses());
        assert_ne!(with.addresses(), accounts(DEFAULT_MNEMONIC, 2).unwrap().addresses());
        let text = error(DevAccounts::from_mnemonic(DEFAULT_MNEMONIC, 2, "m/x/"));
        assert_eq!(
            text,
            "the derivation path \"m/x/\" is not valid, an example is m/44'/60'/0'/0/"
        );
    }

    #[test]
    fn keys_do_not_show_in_debug_output() {
        let accounts = accounts(DEFAULT_MNEMONIC, 1).unwrap();
        let text = format!("{accounts:?}").to_lowercase();
        assert!(text.contains("f39fd6e51aad88f6f4ce6ab8827279cfffb92266"));
        assert!(!text.contains("ac0974be") && !text.contains("junk"));
    }
}
