//! Keys that are stored, locked, unlocked, added and removed.

use super::*;
use crate::dev::accounts::{DEFAULT_DERIVATION_PATH, DEFAULT_MNEMONIC};
use alloy_consensus::TxLegacy;

const KEY: B256 = B256::repeat_byte(7);
const PHANTOM: Address = Address::repeat_byte(9);

fn accounts() -> DevAccounts {
    DevAccounts::from_mnemonic(DEFAULT_MNEMONIC, 2, DEFAULT_DERIVATION_PATH).unwrap()
}

fn ring() -> Keyring {
    Keyring::in_memory(&accounts(), 3)
}

fn error<T>(result: Result<T, KeyringError>) -> String {
    result.err().expect("it must be refused").to_string()
}

#[test]
fn development_accounts_are_unlocked_and_can_be_locked() {
    let ring = ring();
    let [alice, bob] = accounts().addresses()[..] else { panic!("two accounts") };
    assert_eq!(ring.addresses(), [alice, bob]);
    let key = ring.key(alice).unwrap();
    assert_eq!(key.address(), alice);
    assert!(ring.lock(alice));
    assert_eq!(error(ring.key(alice)), "authentication needed: password or unlock");
    assert_eq!(ring.key(bob).unwrap().address(), bob);
    let wrong = ring.unlock(alice, "no", None);
    assert_eq!(error(wrong), "could not decrypt key with given password");
    ring.unlock(alice, "", None).unwrap();
    assert_eq!(ring.key(alice).unwrap().address(), alice);
    assert!(!ring.lock(PHANTOM), "none of ours");
}

#[test]
fn what_a_key_signs_recovers_to_its_address() {
    let ring = ring();
    let key = ring.key(ring.addresses()[0]).unwrap();
    let legacy = TxLegacy { chain_id: Some(31337), ..TxLegacy::default() };
    let signed = sign_transaction(&key, legacy.into()).unwrap();
    assert_eq!(Transaction::recover(signed.envelope().clone()).unwrap(), signed);
    let message = sign_message(&key, b"hello").unwrap();
    assert_eq!(message.recover_address_from_msg(b"hello").unwrap(), key.address());
}

#[test]
fn a_stored_key_is_locked_until_its_passphrase_comes() {
    let ring = ring();
    let address = ring.import(KEY, "pass").unwrap();
    assert_eq!(ring.addresses()[2], address);
    assert_eq!(error(ring.import(KEY, "other")), "account already exists");
    assert!(matches!(ring.key(address), Err(KeyringError::Locked { .. })));
    assert_eq!(ring.opened(address, "pass").unwrap().unwrap().to_bytes(), KEY);
    assert!(matches!(ring.key(address), Err(KeyringError::Locked { .. })), "only for that one use");
    ring.unlock(address, "pass", Some(Duration::ZERO)).unwrap();
    assert!(matches!(ring.key(address), Err(KeyringError::Locked { .. })), "the time is over");
    ring.unlock(address, "pass", Some(Duration::from_secs(300))).unwrap();
    assert_eq!(ring.key(address).unwrap().to_bytes(), KEY);
    assert!(ring.lock(address));
    assert!(matches!(ring.key(address), Err(KeyringError::Locked { .. })));
}

#[test]
fn what_is_no_key_is_refused_and_the_ring_has_an_end() {
    let ring = ring();
    let text =
        "invalid private key: it is 32 bytes, more than zero and less than the curve's order";
    for wrong in [B256::ZERO, B256::repeat_byte(0xff)] {
        assert_eq!(error(ring.import(wrong, "")), text);
    }
    for _account in 0..3 {
        ring.create("").unwrap();
    }
    let text = "3 accounts were added already, no more fit; --max-stored-accounts allows more";
    assert_eq!(error(ring.create("")), text);
    assert_eq!(error(ring.add(PHANTOM, "")), text);
}

#[test]
fn an_address_without_a_key_sends_and_does_not_sign() {
    let ring = ring();
    assert!(ring.add(PHANTOM, "pass").unwrap());
    assert!(!ring.add(PHANTOM, "pass").unwrap(), "it is there");
    assert!(!ring.addresses().contains(&PHANTOM) && ring.listed().contains(&PHANTOM));
    assert!(matches!(ring.unlocked(PHANTOM), Err(KeyringError::Locked { .. })));
    assert!(matches!(ring.unlock(PHANTOM, "", None), Err(KeyringError::WrongPassphrase)));
    ring.unlock(PHANTOM, "pass", None).unwrap();
    assert!(ring.unlocked(PHANTOM).unwrap().is_none());
    assert!(matches!(ring.key(PHANTOM), Err(KeyringError::Keyless { .. })));
    assert!(matches!(ring.remove(PHANTOM, ""), Err(KeyringError::WrongPassphrase)));
    assert!(ring.remove(PHANTOM, "pass").unwrap());
    assert!(!ring.remove(PHANTOM, "pass").unwrap(), "it is gone");
    assert!(matches!(ring.unlocked(PHANTOM), Err(KeyringError::Unknown { .. })));
}

#[test]
fn stored_keys_are_there_after_a_restart_and_removed_ones_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("keystore");
    let start = || Keyring::in_folder(&accounts(), &folder, 3).unwrap();
    let ring = start();
    assert!(!folder.exists(), "nothing is made before there is something to keep");
    let (kept, removed) = (ring.import(KEY, "pass").unwrap(), ring.create("gone").unwrap());
    assert!(ring.remove(removed, "gone").unwrap());
    std::fs::write(folder.join("notes.txt"), "not a key").unwrap();
    let ring = start();
    assert_eq!(ring.addresses()[2..], [kept]);
    assert!(matches!(ring.key(kept), Err(KeyringError::Locked { .. })), "locked by a restart");
    ring.unlock(kept, "pass", None).unwrap();
    assert_eq!(ring.key(kept).unwrap().to_bytes(), KEY);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_a_key_file() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let ring = Keyring::in_folder(&accounts(), dir.path(), 3).unwrap();
    ring.import(KEY, "pass").unwrap();
    let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(files.len(), 1);
    let file = files[0].as_ref().unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(file.path()).unwrap();
    assert!(!text.contains(&"07".repeat(32)) && !text.contains("pass"), "{text}");
}

#[test]
fn keys_do_not_show_in_debug_output() {
    let ring = ring();
    ring.import(KEY, "pass").unwrap();
    let text = format!("{ring:?}").to_lowercase();
    assert!(text.contains("f39fd6e51aad88f6f4ce6ab8827279cfffb92266"));
    assert!(!text.contains("ac0974be") && !text.contains("0707") && !text.contains("pass"));
}
