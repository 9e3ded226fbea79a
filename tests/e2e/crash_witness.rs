//! What has a client seen, and is all of it still true?

use crate::{
    harness::Launch,
    wallet::{Token, Wallet, fresh},
    wire::{Client, hash, number, quantity},
};
use alloy_primitives::{Address, B256, U256};
use mainspring::{
    chain::{Chain, ChainSettings},
    spec::ChainSpec,
    state::full_root,
    storage::{Durability, Storage},
};
use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};
use std::{collections::BTreeMap, io, path::Path, sync::Arc, sync::mpsc::Sender};

/// Everything that answers have told. None of it may ever become untrue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness {
    receipts: BTreeMap<B256, Value>,
    blocks: BTreeMap<u64, B256>,
    balances: BTreeMap<(u64, Address), U256>,
    /// Balances that a developer set, of accounts that nobody else uses.
    edits: BTreeMap<Address, U256>,
    /// Nonces at the head: they may grow.
    nonces: BTreeMap<Address, u64>,
}

impl Witness {
    pub(crate) fn merge(&mut self, other: Self) {
        self.receipts.extend(other.receipts);
        self.blocks.extend(other.blocks);
        self.balances.extend(other.balances);
        self.edits.extend(other.edits);
        self.nonces.extend(other.nonces);
    }

    pub(crate) fn len(&self) -> usize {
        self.receipts.len()
    }

    /// A part of it, for a look at what is old.
    pub(crate) fn sample(&self, random: &mut StdRng, share: f64) -> Self {
        let mut some = Self { nonces: self.nonces.clone(), ..Self::default() };
        for (hash, receipt) in &self.receipts {
            if random.random_bool(share) {
                some.receipts.insert(*hash, receipt.clone());
            }
        }
        for (place, balance) in &self.balances {
            if random.random_bool(share) {
                some.balances.insert(*place, *balance);
            }
        }
        some.blocks = self.blocks.iter().rev().take(50).map(|(n, h)| (*n, *h)).collect();
        some
    }

    /// Asks for all of it again.
    #[track_caller]
    pub(crate) fn check(&self, client: &mut Client) {
        let head = client.block_number();
        for (number, seen) in &self.blocks {
            assert!(*number <= head, "block {number} was seen, the head is {head}");
            let block = client.get("eth_getBlockByNumber", json!([format!("{number:#x}"), false]));
            assert_eq!(hash(&block["hash"]), *seen, "block {number} has changed");
        }
        for (transaction, seen) in &self.receipts {
            assert_eq!(client.receipt(*transaction), *seen, "the receipt of {transaction}");
        }
        for ((number, address), seen) in &self.balances {
            let found = client.balance(*address, &format!("{number:#x}"));
            assert_eq!(found, *seen, "the balance of {address} at block {number}");
        }
        for (address, seen) in &self.edits {
            assert_eq!(client.balance(*address, "latest"), *seen, "the edit of {address}");
        }
        for (address, seen) in &self.nonces {
            let found = client.nonce(*address, "latest");
            assert!(found >= *seen, "the nonce of {address} was {seen} and is {found}");
        }
    }
}

/// One client that only looks: at the head, again and again, until the node is gone. A head that was
/// visible before it was durable is what it is there to catch.
pub(crate) fn watch(mut client: Client) -> Witness {
    let mut witness = Witness::default();
    while let Ok(head) = client.try_rpc("eth_getBlockByNumber", json!(["latest", false])) {
        let head = head.unwrap();
        witness.blocks.insert(number(&head["number"]), hash(&head["hash"]));
    }
    witness
}

/// One client: sends with its own accounts, reads what came of it, until the node is gone.
pub(crate) struct Load {
    pub(crate) client: Client,
    pub(crate) wallets: Vec<Wallet>,
    pub(crate) token: Address,
    pub(crate) random: StdRng,
    pub(crate) answered: Sender<()>,
}

impl Load {
    pub(crate) fn run(mut self) -> Witness {
        let mut witness = Witness::default();
        // The end of the connection is the end of the node.
        let _ = self.send_until_the_end(&mut witness);
        witness
    }

    fn send_until_the_end(&mut self, witness: &mut Witness) -> io::Result<()> {
        for index in 0..self.wallets.len() {
            self.learn_nonce(index)?;
        }
        loop {
            if self.random.random_bool(0.05) {
                self.edit(witness)?;
            }
            let index = self.random.random_range(0..self.wallets.len());
            let (raw, recipient) = self.transaction(index);
            match self.client.try_rpc("eth_sendRawTransaction", json!([raw]))? {
                Ok(transaction) => {
                    self.read(index, recipient, hash(&transaction), witness)?;
                    // Nobody counts any more when the node is about to be killed.
                    let _ = self.answered.send(());
                }
                // What was sent before the kill, and never answered, is mined after the restart.
                Err(failure) => {
                    let known = ["nonce too low", "already known", "replacement", "failpoint"];
                    let is_known = known.iter().any(|words| failure.message.contains(words));
                    assert!(is_known, "{failure:?}");
                    self.learn_nonce(index)?;
                }
            }
        }
    }

    /// Sets the balance of an account that is never used again.
    fn edit(&mut self, witness: &mut Witness) -> io::Result<()> {
        let (account, balance) =
            (fresh(self.random.random()), U256::from(self.random.random::<u64>()));
        match self.client.try_rpc("anvil_setBalance", json!([account, balance]))? {
            Ok(_) => witness.edits.insert(account, balance),
            Err(failure) => panic!("{failure:?}"),
        };
        Ok(())
    }

    fn learn_nonce(&mut self, index: usize) -> io::Result<()> {
        let sender = self.wallets[index].address();
        let asked = self.client.try_rpc("eth_getTransactionCount", json!([sender, "pending"]))?;
        self.wallets[index].nonce = number(&asked.unwrap());
        Ok(())
    }

    fn transaction(&mut self, index: usize) -> (String, Option<Address>) {
        let recipient = fresh(self.random.random_range(0..5_000));
        let wallet = &mut self.wallets[index];
        match self.random.random_range(0..3) {
            0 => (wallet.transfer(recipient, 1), Some(recipient)),
            1 => (wallet.deposit(1), None),
            _ => {
                let call = Token::transferCall { to: recipient, value: U256::ZERO };
                (wallet.call(self.token, &call, 0), None)
            }
        }
    }

    /// Reads what the answer to the send made visible.
    fn read(
        &mut self,
        index: usize,
        recipient: Option<Address>,
        transaction: B256,
        witness: &mut Witness,
    ) -> io::Result<()> {
        let mut ask = |method: &str, params: Value| -> io::Result<Value> {
            Ok(self.client.try_rpc(method, params)?.unwrap())
        };
        let receipt = ask("eth_getTransactionReceipt", json!([transaction]))?;
        assert_eq!(receipt["status"], "0x1", "{transaction}: {receipt}");
        let block = number(&receipt["blockNumber"]);
        if let Some(recipient) = recipient {
            let balance = ask("eth_getBalance", json!([recipient, receipt["blockNumber"]]))?;
            witness.balances.insert((block, recipient), quantity(&balance));
        }
        let sender = self.wallets[index].address();
        let nonce = number(&ask("eth_getTransactionCount", json!([sender, "latest"]))?);
        assert!(nonce >= self.wallets[index].nonce, "the nonce follows the receipt");
        witness.nonces.insert(sender, nonce);
        witness.blocks.insert(block, hash(&receipt["blockHash"]));
        witness.receipts.insert(transaction, receipt);
        Ok(())
    }
}

/// Opens a copy of what the dead node left, in this process: executing what the state lacks must
/// give each header's root, and the root made from nothing but the rows must be the head's.
#[track_caller]
pub(crate) fn roots_hold(dead: &Launch) {
    let copy = tempfile::tempdir().unwrap();
    for environment in ["blocks", "state"] {
        let to = copy.path().join(environment);
        std::fs::create_dir(&to).unwrap();
        let from = dead.data_dir().join(environment).join("mdbx.dat");
        std::fs::copy(from, to.join("mdbx.dat")).unwrap();
    }
    let (head, root, executed) = from_scratch(copy.path());
    assert_eq!(head.1, root, "the head, block {}, after executing {executed} again", head.0);
}

/// Number and root of the head, the root made from its rows, blocks executed again.
fn from_scratch(dir: &Path) -> ((u64, B256), B256, u64) {
    let storage = Storage::open(dir, Durability::Ephemeral).unwrap();
    let genesis = storage.blocks.reader().unwrap().genesis().unwrap().unwrap();
    let spec = ChainSpec::from_genesis(serde_json::from_slice(&genesis).unwrap()).unwrap();
    let settings = ChainSettings::default();
    let (chain, opened) = Chain::open(storage.clone(), Arc::new(spec), settings).unwrap();
    chain.flush_state().unwrap();
    let head = chain.head();
    let root = full_root(&storage.state.reader().unwrap(), u64::MAX).unwrap();
    ((head.number, head.state_root), root, opened.executed)
}
