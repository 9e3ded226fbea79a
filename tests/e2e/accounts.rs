//! Keys are made, stored and listed on the command line, and sign for a node.

use crate::harness::BINARY;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn account(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.current_dir(home).arg("account").args(arguments).output().unwrap()
}

fn told(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn keys_are_made_stored_listed_and_opened() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::write(home.join("password.txt"), "open-sesame\nnot this line\n").unwrap();
    let secret = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    fs::write(home.join("secret.txt"), secret).unwrap();
    let password = ["--password-file", "password.txt"];

    let made = told(&account(home, &["new", password[0], password[1]]));
    let imported = told(&account(home, &["import", "secret.txt", password[0], password[1]]));
    let known = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    assert!(imported.contains(known), "{imported}");
    let listed = told(&account(home, &["list"]));
    assert_eq!(listed.lines().count(), 2);
    assert!(listed.contains(known) && listed.lines().any(|line| made.contains(line)));
    assert_eq!(told(&account(home, &["show", known, password[0], password[1]])), imported);
    let again = account(home, &["import", "secret.txt", password[0], password[1]]);
    assert!(refused(&again).contains("account already exists"));

    let file = imported.lines().find_map(|line| line.strip_prefix("Key file: ")).unwrap();
    let stored = fs::read_to_string(home.join(file)).unwrap();
    assert!(!stored.contains(&secret[2..]) && stored.contains("scrypt"));
}

#[test]
fn what_opens_no_key_is_named() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let new = |password: &str| account(home, &["new", "--password-file", password]);
    assert!(refused(&new("nowhere.txt")).contains("nowhere.txt"));
    fs::write(home.join("empty.txt"), "\n").unwrap();
    assert!(refused(&new("empty.txt")).contains("the first line of empty.txt is empty"));
    fs::write(home.join("right.txt"), "right").unwrap();
    fs::write(home.join("wrong.txt"), "wrong").unwrap();
    let made = told(&new("right.txt"));
    let address = made.lines().find_map(|line| line.strip_prefix("Address:  ")).unwrap();
    let shown = account(home, &["show", address, "--password-file", "wrong.txt"]);
    assert!(refused(&shown).contains("could not decrypt key with given password"));
    fs::write(home.join("secret.txt"), "0x00").unwrap();
    let imported = account(home, &["import", "secret.txt", "--password-file", "right.txt"]);
    let text = refused(&imported);
    assert!(text.contains("invalid private key") && !text.contains("0x00"), "{text}");
}
