//! `mainspring account`: keys at rest, in web3 secret storage.

use super::CliError;
use crate::{
    config::{AccountsConfig, ConfigError},
    dev::keyring::{Keyring, KeyringError, passphrase_in, secret_in},
};
use alloy_primitives::Address;
use clap::{Args, Subcommand};
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// Keys that are listed, or among which a new one finds room, at most.
const MAX_KEYS: usize = 100_000;

/// What is done with keys.
#[derive(Subcommand, Clone, Debug)]
pub(super) enum Account {
    /// Make a key and store it
    #[command(
        after_help = "Example: mainspring account new --keystore keys --password-file password.txt"
    )]
    New(SealArgs),
    /// Store a key that a file holds as 64 hex digits
    #[command(
        after_help = "Example: mainspring account import --keystore keys --password-file password.txt secret.txt

The key is never a flag's value: other users of the machine can read those."
    )]
    Import {
        /// File with the private key
        #[arg(value_name = "FILE")]
        secret: PathBuf,
        #[command(flatten)]
        seal: SealArgs,
    },
    /// Print the addresses of the stored keys, a line each
    List(FolderArgs),
    /// Print an address, its key file, and whether the passphrase opens it
    Show {
        /// Whose key
        #[arg(value_name = "ADDRESS")]
        address: Address,
        #[command(flatten)]
        seal: SealArgs,
    },
}

/// Where the keys are.
#[derive(Args, Clone, Debug)]
pub(super) struct FolderArgs {
    /// Folder of key files, one an account
    #[arg(long, env = "MAINSPRING_KEYSTORE", value_name = "DIR", default_value = "keystore")]
    keystore: PathBuf,
}

/// Where the keys are, and what opens them.
#[derive(Args, Clone, Debug)]
pub(super) struct SealArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// File whose first line is the passphrase
    #[arg(long, env = "MAINSPRING_PASSWORD_FILE", value_name = "FILE")]
    password_file: PathBuf,
}

impl FolderArgs {
    fn open(&self) -> Result<Keyring, CliError> {
        let nobody = AccountsConfig { count: 0, ..AccountsConfig::default() }
            .derive()
            .map_err(ConfigError::from)?;
        Ok(Keyring::in_folder(&nobody, &self.keystore, MAX_KEYS)?)
    }

    fn tell(&self, keyring: &Keyring, address: Address) -> Result<(), CliError> {
        let file = keyring.file(address)?.ok_or(KeyringError::Unknown { address })?;
        let mut out = io::stdout().lock();
        writeln!(out, "Address:  {address}\nKey file: {}", file.display())
            .and_then(|()| out.flush())
            .map_err(CliError::Output)
    }
}

/// Does it.
pub(super) fn run(account: &Account) -> Result<(), CliError> {
    match account {
        Account::New(seal) => {
            let passphrase = passphrase_in(&seal.password_file)?;
            let keyring = seal.folder.open()?;
            let address = keyring.create(&passphrase)?;
            seal.folder.tell(&keyring, address)
        }
        Account::Import { secret, seal } => {
            let (key, passphrase) = (secret_in(secret)?, passphrase_in(&seal.password_file)?);
            let keyring = seal.folder.open()?;
            let address = keyring.import(key, &passphrase)?;
            seal.folder.tell(&keyring, address)
        }
        Account::List(folder) => {
            let mut out = io::stdout().lock();
            let listed = folder.open()?.listed();
            let mut told = listed.iter().map(|address| writeln!(out, "{address}"));
            told.try_for_each(|line| line).map_err(CliError::Output)
        }
        Account::Show { address, seal } => {
            let keyring = seal.folder.open()?;
            keyring.opened(*address, &passphrase_in(&seal.password_file)?)?;
            seal.folder.tell(&keyring, *address)
        }
    }
}
