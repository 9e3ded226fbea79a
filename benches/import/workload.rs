//! Which blocks are imported? Made here, with seeded randomness, by the node's own executor.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use mainspring::{
    chain::{Chain, ChainSettings, ExecutedBlock},
    evm::{BlockExecutor, BlockTemplate, assemble},
    primitives::{Block, Body, Transaction},
    spec::ChainSpec,
    storage::{Durability, Storage},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use serde_json::{Value, json};
use std::{collections::BTreeMap, error::Error, sync::Arc};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The token, and a contract that writes slots, and one that computes.
const TOKEN: Address = Address::repeat_byte(0x70);
const WRITER: Address = Address::repeat_byte(0x71);
const HASHER: Address = Address::repeat_byte(0x72);

/// Most gas of a block.
pub(crate) const GAS_LIMIT: u64 = 1_000_000_000;

/// Slots that one call of the writer fills.
const SLOTS: u64 = 100;
/// Hashes that one call of the hasher makes.
const HASHES: u64 = 20_000;

/// `for (i = SLOTS; i > 0; i--) sstore(calldata[0] + i, i)`
const WRITER_CODE: &str = "60645b80806000350155600190038060025700";
/// `for (i = HASHES; i > 0; i--) keccak256(memory[0..32])`, each hash over the one before.
const HASHER_CODE: &str = "614e205b6020600020600052600190038060035700";

/// What the blocks hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Transfers of ether and of a token in turns, among all accounts.
    Transfers,
    /// Calls that each fill a hundred fresh slots.
    Storage,
    /// Calls that each hash twenty thousand times.
    Compute,
}

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) blocks: u64,
    pub(crate) per_block: usize,
    pub(crate) accounts: usize,
}

/// A chain to be imported.
pub(crate) struct Workload {
    pub(crate) genesis: Genesis,
    /// RLP of each block after genesis, in order.
    pub(crate) blocks: Vec<Vec<u8>>,
    pub(crate) transactions: usize,
    pub(crate) gas: u64,
}

impl Workload {
    /// Makes the blocks. Takes longer than importing them: every transaction is signed.
    pub(crate) fn make(kind: Kind, size: Size) -> Outcome<Self> {
        let keys = keys(size.accounts)?;
        let genesis = genesis(&keys)?;
        let spec = Arc::new(ChainSpec::from_genesis(genesis.clone())?);
        let dir = tempfile::tempdir()?;
        let storage = Storage::open(dir.path(), Durability::Ephemeral)?;
        let (chain, _) = Chain::open(storage, spec, ChainSettings::default())?;
        let recipients: Vec<Address> = keys.iter().map(PrivateKeySigner::address).collect();
        let mut random = StdRng::seed_from_u64(7);
        let mut nonces = vec![0; keys.len()];
        let mut made = Self { genesis, blocks: Vec::new(), transactions: 0, gas: 0 };
        std::thread::scope(|scope| {
            scope.spawn(|| chain.run_state_writer());
            let done = (0..size.blocks).try_for_each(|_| {
                let plans = plans(kind, size, &recipients, &mut random, &mut nonces);
                let signed: Outcome<Vec<_>> =
                    plans.into_par_iter().map(|plan| plan.sign(&keys)).collect();
                made.append(&chain, signed?)
            });
            chain.stop();
            done
        })?;
        Ok(made)
    }

    fn append(&mut self, chain: &Chain, transactions: Vec<Transaction>) -> Outcome<()> {
        let context = chain.build_context()?;
        let template = template(&chain.spec(), &context.parent);
        let (view, trie) = context.split();
        let (spec, settings) = (&chain.spec(), chain.evm_settings());
        let executor = BlockExecutor::begin(spec, settings, view, Default::default(), &template)?;
        let mut executor = executor.with_participants();
        for transaction in &transactions {
            if !executor.apply(transaction)?.success {
                return Err("a transaction of the workload failed".into());
            }
        }
        let mut executed = executor.finish()?;
        let (root, step) = trie.root(&mut executed.changes)?;
        self.transactions += transactions.len();
        self.gas += executed.gas_used;
        let withdrawals = template.withdrawals.clone();
        let body = Body { transactions, withdrawals, ..Default::default() };
        let block = Block::new(assemble(&template, &body, &executed, root), body);
        self.blocks.push(block.encode());
        let receipts = Arc::new(executed.receipts);
        Ok(chain.append(ExecutedBlock {
            block,
            receipts,
            changes: executed.changes,
            step,
            participants: executed.participants,
        })?)
    }
}

fn template(spec: &ChainSpec, parent: &mainspring::primitives::SealedHeader) -> BlockTemplate {
    let timestamp = parent.timestamp + 1;
    BlockTemplate {
        parent_hash: parent.seal(),
        number: parent.number + 1,
        timestamp,
        gas_limit: parent.gas_limit,
        base_fee: spec.next_base_fee(parent),
        excess_blob_gas: spec.next_excess_blob_gas(parent, timestamp),
        parent_beacon_block_root: Some(B256::ZERO),
        withdrawals: Some(Default::default()),
        ..Default::default()
    }
}

/// A transaction before it is signed.
pub(crate) struct Plan {
    sender: usize,
    transaction: TxEip1559,
}

impl Plan {
    pub(crate) fn sign(self, keys: &[PrivateKeySigner]) -> Outcome<Transaction> {
        let key = &keys[self.sender];
        let signature = key.sign_hash_sync(&self.transaction.signature_hash())?;
        let envelope: TxEnvelope = self.transaction.into_signed(signature).into();
        Ok(Transaction::new_unchecked(envelope, key.address()))
    }
}

/// What the next block holds.
pub(crate) fn plans(
    kind: Kind,
    size: Size,
    accounts: &[Address],
    random: &mut StdRng,
    nonces: &mut [u64],
) -> Vec<Plan> {
    let mut plan = |place: usize| {
        let sender = random.random_range(0..accounts.len());
        let recipient = accounts[random.random_range(0..accounts.len())];
        let (to, value, input, gas_limit) = match kind {
            Kind::Transfers if place.is_multiple_of(2) => (recipient, 1, Bytes::new(), 21_000),
            Kind::Transfers => (TOKEN, 0, transfer_call(recipient), 60_000),
            Kind::Storage => {
                let base: U256 = U256::from(random.random::<u128>()) << 100;
                (WRITER, 0, Bytes::from(base.to_be_bytes_vec()), 25_000 * SLOTS)
            }
            Kind::Compute => (HASHER, 0, Bytes::new(), 60_000 + 100 * HASHES),
        };
        let nonce = nonces[sender];
        nonces[sender] += 1;
        let transaction = TxEip1559 {
            chain_id: 1,
            nonce,
            gas_limit,
            max_fee_per_gas: 1_000_000_000_000,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(to),
            value: U256::from(value),
            input,
            access_list: Default::default(),
        };
        Plan { sender, transaction }
    };
    (0..size.per_block).map(&mut plan).collect()
}

fn transfer_call(recipient: Address) -> Bytes {
    let mut input = keccak256("transfer(address,uint256)")[..4].to_vec();
    input.extend_from_slice(recipient.into_word().as_slice());
    input.extend_from_slice(&U256::from(1).to_be_bytes::<32>());
    input.into()
}

pub(crate) fn keys(count: usize) -> Outcome<Vec<PrivateKeySigner>> {
    let key = |index: usize| Ok(PrivateKeySigner::from_bytes(&key_of(index))?);
    (0..count).into_par_iter().map(key).collect()
}

fn key_of(index: usize) -> B256 {
    keccak256(format!("key {index}"))
}

/// Every account has ether and tokens; all forks are on; a block has room for everything.
fn genesis(keys: &[PrivateKeySigner]) -> Outcome<Genesis> {
    let mut genesis: Genesis = serde_json::from_value(json!({
        "config": {
            "chainId": 1, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0,
            "eip158Block": 0, "byzantiumBlock": 0, "constantinopleBlock": 0,
            "petersburgBlock": 0, "istanbulBlock": 0, "berlinBlock": 0, "londonBlock": 0,
            "terminalTotalDifficulty": 0, "shanghaiTime": 0, "cancunTime": 0
        },
        "difficulty": "0x0", "gasLimit": format!("{GAS_LIMIT:#x}"), "timestamp": "0x1",
        "alloc": {}
    }))?;
    genesis.alloc.extend(accounts(keys)?);
    Ok(genesis)
}

/// Of the accounts, and of the contracts that they call.
pub(crate) fn accounts(keys: &[PrivateKeySigner]) -> Outcome<BTreeMap<Address, GenesisAccount>> {
    let rich = U256::from(10).pow(U256::from(24));
    let funded = |key: &PrivateKeySigner| {
        (key.address(), GenesisAccount { balance: rich, ..Default::default() })
    };
    let mut accounts: BTreeMap<_, _> = keys.iter().map(funded).collect();
    let artifact = concat!(env!("CARGO_MANIFEST_DIR"), "/contracts/artifacts/Token.json");
    let artifact: Value = serde_json::from_str(&std::fs::read_to_string(artifact)?)?;
    let token = artifact["deployedBytecode"].as_str().ok_or("Token.json has no code")?;
    let balances = keys.iter().map(|key| (balance_slot(key.address()), B256::from(rich)));
    let contract = |code: &str, storage| -> Outcome<GenesisAccount> {
        let code = Some(hex::decode(code)?.into());
        Ok(GenesisAccount { code, storage, nonce: Some(1), ..Default::default() })
    };
    accounts.insert(TOKEN, contract(token, Some(balances.collect()))?);
    accounts.insert(WRITER, contract(WRITER_CODE, None)?);
    accounts.insert(HASHER, contract(HASHER_CODE, None)?);
    Ok(accounts)
}

/// Where the token keeps a balance: its mapping is the first thing it stores.
fn balance_slot(owner: Address) -> B256 {
    keccak256([owner.into_word().0, [0; 32]].concat())
}
