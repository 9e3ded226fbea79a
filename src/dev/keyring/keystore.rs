//! How is a key stored so that only its passphrase opens it? As geth stores it: [Web3 Secret
//! Storage](https://ethereum.org/developers/docs/data-structures-and-encoding/web3-secret-storage/),
//! version 3.

use super::KeyringError;
use aes::Aes128;
use alloy_primitives::{Address, B256, hex, keccak256};
use alloy_signer_local::PrivateKeySigner;
use ctr::{
    Ctr128BE,
    cipher::{KeyIvInit, StreamCipher},
};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Work that one guess of a passphrase costs: geth's light parameters, 4 MiB and about a tenth of a
/// second. A development node opens keys while somebody waits.
const OUR_WORK: Work = Work { n: 1 << 12, r: 8, p: 6, dklen: 32 };
/// The hardest file that is opened: geth's standard parameters, 256 MiB. More would let a file take
/// the machine's memory.
const HARDEST: Work = Work { n: 1 << 18, r: 8, p: 16, dklen: 32 };

/// A key that is encrypted with a passphrase, in the fields of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Keystore {
    /// Without `0x`, as geth writes it.
    address: String,
    /// ethers writes it with a capital.
    #[serde(alias = "Crypto")]
    crypto: Crypto,
    id: String,
    version: u8,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Crypto {
    cipher: String,
    ciphertext: String,
    cipherparams: CipherParams,
    kdf: String,
    kdfparams: KdfParams,
    mac: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct CipherParams {
    iv: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct KdfParams {
    #[serde(flatten)]
    work: Work,
    salt: String,
}

/// Parameters of [scrypt](https://www.rfc-editor.org/rfc/rfc7914).
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Work {
    n: u64,
    r: u32,
    p: u32,
    dklen: usize,
}

impl Work {
    fn params(self) -> Option<scrypt::Params> {
        let is_bearable = self.n <= HARDEST.n && self.r <= HARDEST.r && self.p <= HARDEST.p;
        let is_possible = self.n.is_power_of_two() && self.n > 1 && self.dklen == HARDEST.dklen;
        let log_n = u8::try_from(self.n.trailing_zeros()).ok()?;
        let params = scrypt::Params::new(log_n, self.r, self.p, self.dklen).ok()?;
        (is_bearable && is_possible).then_some(params)
    }
}

impl Keystore {
    /// Encrypts a key. Takes about a tenth of a second.
    pub(super) fn seal(key: &PrivateKeySigner, passphrase: &str) -> Result<Self, KeyringError> {
        let (salt, iv) = (rand::rng().random::<[u8; 32]>(), rand::rng().random::<[u8; 16]>());
        let derived = derive(OUR_WORK, passphrase, &salt)?;
        let mut ciphertext = key.to_bytes();
        crypt(&derived, &iv, ciphertext.as_mut_slice());
        Ok(Self {
            address: hex::encode(key.address()),
            crypto: Crypto {
                cipher: "aes-128-ctr".into(),
                ciphertext: hex::encode(ciphertext),
                cipherparams: CipherParams { iv: hex::encode(iv) },
                kdf: "scrypt".into(),
                kdfparams: KdfParams { work: OUR_WORK, salt: hex::encode(salt) },
                mac: hex::encode(mac(&derived, ciphertext.as_slice())),
            },
            id: random_id(),
            version: 3,
        })
    }

    /// Decrypts the key.
    ///
    /// # Errors
    /// [`KeyringError::WrongPassphrase`], or [`KeyringError::Unsupported`] for a file of another kind.
    pub(super) fn open(&self, passphrase: &str) -> Result<PrivateKeySigner, KeyringError> {
        let crypto = &self.crypto;
        if (self.version, crypto.kdf.as_str()) != (3, "scrypt") || crypto.cipher != "aes-128-ctr" {
            return Err(KeyringError::Unsupported);
        }
        let salt = hex::decode(&crypto.kdfparams.salt).map_err(unsupported)?;
        let iv = hex::decode_to_array(&crypto.cipherparams.iv).map_err(unsupported)?;
        let mut key: [u8; 32] = hex::decode_to_array(&crypto.ciphertext).map_err(unsupported)?;
        let wanted: [u8; 32] = hex::decode_to_array(&crypto.mac).map_err(unsupported)?;
        let derived = derive(crypto.kdfparams.work, passphrase, &salt)?;
        if mac(&derived, &key) != wanted {
            return Err(KeyringError::WrongPassphrase);
        }
        crypt(&derived, &iv, &mut key);
        PrivateKeySigner::from_bytes(&B256::from(key)).map_err(|_secret| KeyringError::InvalidKey)
    }

    /// Whose key it is, as the file says.
    pub(super) fn address(&self) -> Option<Address> {
        self.address.parse().ok()
    }
}

fn unsupported(_secret: hex::FromHexError) -> KeyringError {
    KeyringError::Unsupported
}

fn derive(work: Work, passphrase: &str, salt: &[u8]) -> Result<[u8; 32], KeyringError> {
    let params = work.params().ok_or(KeyringError::Unsupported)?;
    let mut derived = [0; 32];
    scrypt::scrypt(passphrase.as_bytes(), salt, &params, &mut derived)
        .map_err(|_length| KeyringError::Unsupported)?;
    Ok(derived)
}

/// Encrypts, or decrypts: the same in counter mode.
fn crypt(derived: &[u8; 32], iv: &[u8; 16], data: &mut [u8]) {
    let (key, _for_the_mac) = derived.split_at(16);
    let mut cipher = Ctr128BE::<Aes128>::new(key.into(), iv.into());
    cipher.apply_keystream(data);
}

fn mac(derived: &[u8; 32], ciphertext: &[u8]) -> [u8; 32] {
    keccak256([&derived[16..], ciphertext].concat()).0
}

/// A UUID of version 4.
fn random_id() -> String {
    let mut bytes = rand::rng().random::<[u8; 16]>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex::encode(bytes);
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What ethers 6 makes of the key of the definition's own examples; the passphrase is
    /// `testpassword`. (The definition's scrypt example breaks a bound of RFC 7914, and ethers
    /// refuses it too.)
    fn of_ethers() -> Keystore {
        serde_json::from_value(json!({
            "address": "008aeeda4d805471df9b2a5b0f38a0c3bcba786b",
            "Crypto": {
                "cipher": "aes-128-ctr",
                "cipherparams": { "iv": "83dbcc02d8ccb40e466191a123791e0e" },
                "ciphertext": "91c23c03a8b5117a6e3d78dbb5dfc46f037aff9351dff59c2879586f51756502",
                "kdf": "scrypt",
                "kdfparams": {
                    "dklen": 32, "n": 8192, "p": 1, "r": 8,
                    "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
                },
                "mac": "8f8639fe08fe1f43d6c13006d66ad2d993c6674ee2ba03f025596797a73614b9",
            },
            "id": "3198bc9c-6672-4ab3-9995-4942343ae5b6",
            "version": 3,
        }))
        .unwrap()
    }

    #[test]
    fn a_file_of_another_program_opens() {
        let key = of_ethers().open("testpassword").unwrap();
        let wanted = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
        assert_eq!(hex::encode(key.to_bytes()), wanted);
        assert_eq!(Some(key.address()), of_ethers().address());
    }

    #[test]
    fn a_key_opens_with_its_passphrase_only() {
        let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).unwrap();
        let sealed = Keystore::seal(&key, "open sesame").unwrap();
        assert_eq!(sealed.open("open sesame").unwrap().to_bytes(), key.to_bytes());
        assert!(matches!(sealed.open("open"), Err(KeyringError::WrongPassphrase)));
        let text = serde_json::to_string(&sealed).unwrap();
        assert!(!text.contains(&hex::encode(key.to_bytes())) && !text.contains("sesame"));
        let again = serde_json::to_string(&Keystore::seal(&key, "open sesame").unwrap()).unwrap();
        assert_ne!(text, again, "salt, counter and id are new each time");
    }

    #[test]
    fn a_file_that_asks_for_more_than_the_machine_has_is_refused() {
        for (n, r, p) in [(1 << 40, 8, 1), (1 << 18, 1 << 20, 1), (1 << 18, 8, 99), (3, 8, 1)] {
            let mut file = of_ethers();
            file.crypto.kdfparams.work = Work { n, r, p, dklen: 32 };
            assert!(matches!(file.open("testpassword"), Err(KeyringError::Unsupported)));
        }
        let mut file = of_ethers();
        file.crypto.kdf = "pbkdf2".into();
        assert!(matches!(file.open("testpassword"), Err(KeyringError::Unsupported)));
    }
}
