//! What does a node say when it starts? In anvil's shape, which scripts and test libraries read.

use crate::{
    dev::accounts::DevAccounts,
    spec::{
        contracts::{CREATE2_DEPLOYER_ADDRESS, MULTICALL3_ADDRESS},
        main_contract::MAIN_ADDRESS,
    },
};
use alloy_genesis::Genesis;
use alloy_primitives::{Address, U256, utils::format_ether};
use serde_json::{Value, json};
use std::{
    fmt::{self, Display},
    net::SocketAddr,
    path::{Path, PathBuf},
};

const NAME: &str = r"
                   _                       _
   _ __ ___   __ _(_)_ __  ___ _ __  _ __ (_)_ __   __ _
  | '_ ` _ \ / _` | | '_ \/ __| '_ \| '__|| | '_ \ / _` |
  | | | | | | (_| | | | | \__ \ |_) | |   | | | | | (_| |
  |_| |_| |_|\__,_|_|_| |_|___/ .__/|_|   |_|_| |_|\__, |
                              |_|                  |___/
";

/// Where the chain lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In this directory.
    Directory(PathBuf),
    /// In a temporary folder that goes with the process.
    Nowhere,
}

/// Everything that is told at the start.
#[derive(Clone, Debug)]
pub(super) struct Banner<'a> {
    pub(super) accounts: &'a DevAccounts,
    /// In wei.
    pub(super) balances: Vec<U256>,
    pub(super) chain_id: u64,
    /// Of the genesis block in wei per gas; `None` before London.
    pub(super) base_fee: Option<u64>,
    /// In wei.
    pub(super) gas_price: u128,
    pub(super) gas_limit: u64,
    pub(super) genesis_timestamp: u64,
    pub(super) genesis_number: u64,
    pub(super) place: Place,
    /// The newest block.
    pub(super) head: u64,
    /// Contracts of ours that are on the chain.
    pub(super) contracts: Vec<(&'static str, Address)>,
    /// The Unix socket.
    pub(super) ipc: Option<&'a Path>,
    /// Where the node's numbers are.
    pub(super) metrics: Option<SocketAddr>,
    pub(super) listening: &'a [SocketAddr],
    pub(super) as_anvil: bool,
}

/// Our contracts, as far as the genesis has them.
pub(super) fn contracts(genesis: &Genesis) -> Vec<(&'static str, Address)> {
    let ours = [
        ("Main", MAIN_ADDRESS),
        ("Multicall3", MULTICALL3_ADDRESS),
        ("CREATE2 deployer", CREATE2_DEPLOYER_ADDRESS),
    ];
    let found = ours.into_iter().filter(|(_name, address)| genesis.alloc.contains_key(address));
    found.collect()
}

impl Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{NAME}\n    {}", env!("CARGO_PKG_VERSION"))?;
        if self.as_anvil {
            writeln!(f, "    Called as anvil: runs as `mainspring dev --ephemeral`")?;
        }
        self.write_accounts(f)?;
        self.write_genesis(f)?;
        self.write_data(f)?;
        if let Some(path) = self.ipc {
            writeln!(f, "IPC path: {}", path.display())?;
        }
        if let Some(address) = self.metrics {
            writeln!(f, "Metrics: http://{address}/metrics")?;
        }
        for address in self.listening {
            writeln!(f, "Listening on {address}")?;
        }
        Ok(())
    }
}

impl Banner<'_> {
    fn write_accounts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        title(f, "Available Accounts")?;
        let addresses = self.accounts.addresses();
        for (index, (address, balance)) in addresses.iter().zip(&self.balances).enumerate() {
            writeln!(f, "({index}) {address} ({} ETH)", format_ether(*balance))?;
        }
        title(f, "Private Keys")?;
        for (index, key) in self.accounts.private_keys().iter().enumerate() {
            writeln!(f, "({index}) {key}")?;
        }
        write!(f, "\nWallet\n{RULE}\n")?;
        writeln!(f, "Mnemonic:          {}", self.accounts.mnemonic())?;
        writeln!(f, "Derivation path:   {}\n", self.accounts.derivation_path())
    }

    fn write_genesis(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        section(f, "Chain ID", self.chain_id)?;
        match self.base_fee {
            Some(base_fee) => section(f, "Base Fee", base_fee)?,
            None => section(f, "Gas Price", self.gas_price)?,
        }
        section(f, "Gas Limit", self.gas_limit)?;
        section(f, "Genesis Timestamp", self.genesis_timestamp)?;
        section(f, "Genesis Number", self.genesis_number)
    }

    fn write_data(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        title(f, "Data")?;
        match &self.place {
            Place::Nowhere => writeln!(f, "Nothing is kept (ephemeral)")?,
            Place::Directory(path) => {
                writeln!(f, "Directory:         {}", path.display())?;
                let verb = if self.head > self.genesis_number { "Resumed" } else { "Starts" };
                writeln!(f, "{:<19}{}", format!("{verb} at block:"), self.head)?;
            }
        }
        if !self.contracts.is_empty() {
            title(f, "Contracts")?;
            for (name, address) in &self.contracts {
                writeln!(f, "{:<19}{address}", format!("{name}:"))?;
            }
        }
        writeln!(f)
    }

    /// The same for scripts, under anvil's keys.
    pub(super) fn json(&self) -> Value {
        let addresses: Vec<_> =
            self.accounts.addresses().iter().map(|address| format!("{address:#x}")).collect();
        json!({
            "available_accounts": addresses,
            "private_keys": self.accounts.private_keys(),
            "wallet": {
                "derivation_path": self.accounts.derivation_path(),
                "mnemonic": self.accounts.mnemonic(),
            },
            "base_fee": self.base_fee.map(|fee| fee.to_string()),
            "gas_price": self.gas_price.to_string(),
            "gas_limit": self.gas_limit.to_string(),
            "genesis_timestamp": self.genesis_timestamp.to_string(),
        })
    }
}

const RULE: &str = "==================";

fn title(f: &mut fmt::Formatter<'_>, title: &str) -> fmt::Result {
    write!(f, "\n{title}\n{RULE}\n\n")
}

fn section(f: &mut fmt::Formatter<'_>, name: &str, value: impl Display) -> fmt::Result {
    title(f, name)?;
    writeln!(f, "{value}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AccountsConfig;

    fn banner<'a>(accounts: &'a DevAccounts, listening: &'a [SocketAddr]) -> Banner<'a> {
        Banner {
            accounts,
            balances: vec![AccountsConfig::default().balance; accounts.addresses().len()],
            chain_id: 31337,
            base_fee: Some(1_000_000_000),
            gas_price: 1_875_000_000,
            gas_limit: 30_000_000,
            genesis_timestamp: 1_700_000_000,
            genesis_number: 0,
            place: Place::Directory("./.mainspring".into()),
            head: 7,
            contracts: contracts(&everything()),
            ipc: None,
            metrics: None,
            listening,
            as_anvil: false,
        }
    }

    fn everything() -> Genesis {
        let ours = [MAIN_ADDRESS, MULTICALL3_ADDRESS, CREATE2_DEPLOYER_ADDRESS];
        Genesis::default().extend_accounts(ours.map(|address| (address, Default::default())))
    }

    #[test]
    fn only_contracts_of_the_genesis_are_named() {
        assert_eq!(contracts(&everything()).len(), 3);
        assert_eq!(contracts(&Genesis::default()), []);
    }

    fn two_accounts() -> DevAccounts {
        AccountsConfig { count: 2, ..AccountsConfig::default() }.derive().expect("a good phrase")
    }

    #[test]
    fn the_banner_has_anvils_shape_and_ends_with_where_it_listens() {
        let (accounts, listening) = (two_accounts(), ["127.0.0.1:8545".parse().unwrap()]);
        let text = banner(&accounts, &listening).to_string();
        let after_name = text.split_once("Available Accounts").unwrap().1;
        let expected = "
==================

(0) 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 (10000.000000000000000000 ETH)
(1) 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 (10000.000000000000000000 ETH)

Private Keys
==================

(0) 0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80
(1) 0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d

Wallet
==================
Mnemonic:          test test test test test test test test test test test junk
Derivation path:   m/44'/60'/0'/0/


Chain ID
==================

31337

Base Fee
==================

1000000000

Gas Limit
==================

30000000

Genesis Timestamp
==================

1700000000

Genesis Number
==================

0

Data
==================

Directory:         ./.mainspring
Resumed at block:  7

Contracts
==================

Main:              0x000000000000000000000000000000004D61696E
Multicall3:        0xcA11bde05977b3631167028862bE2a173976CA11
CREATE2 deployer:  0x4e59b44847b379578588920cA78FbF26c0B4956C

Listening on 127.0.0.1:8545
";
        assert_eq!(after_name, expected);
    }

    #[test]
    fn an_ephemeral_chain_says_so_and_a_new_one_does_not_resume() {
        let accounts = two_accounts();
        let mut banner = banner(&accounts, &[]);
        banner.head = 0;
        assert!(banner.to_string().contains("Starts at block:   0"));
        (banner.place, banner.as_anvil) = (Place::Nowhere, true);
        let text = banner.to_string();
        assert!(text.contains("Nothing is kept (ephemeral)"));
        assert_eq!(text.matches("Called as anvil").count(), 1);
    }

    #[test]
    fn the_json_has_anvils_keys() {
        let accounts = two_accounts();
        let json = banner(&accounts, &[]).json();
        let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = [
            "available_accounts",
            "private_keys",
            "wallet",
            "base_fee",
            "gas_price",
            "gas_limit",
            "genesis_timestamp",
        ];
        expected.sort_unstable();
        let mut keys = keys;
        keys.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!(json["available_accounts"][0], "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
        assert_eq!(json["base_fee"], "1000000000");
    }
}
