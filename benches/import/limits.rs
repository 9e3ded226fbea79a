//! What is the least that importing these blocks could cost on this machine? Measured in the same
//! run: recovering the senders on all cores, raw revm over a map in memory, and MDBX writing the same
//! rows.

use crate::workload::Outcome;
use alloy_consensus::Header;
use alloy_evm::ToTxEnv;
use alloy_genesis::Genesis;
use alloy_primitives::{B256, U256};
use mainspring::{
    chain::{Chain, ChainSettings},
    evm,
    primitives::{Block, BlockNumHash, StateChanges, Transaction},
    spec::ChainSpec,
    state::{StateTrie, StorageIds},
    storage::{Durability, FlushBlock, StateBatch, Storage, TrieChanges},
};
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext,
    bytecode::Bytecode,
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::block::BlobExcessGasAndPrice,
    database::{CacheDB, EmptyDB},
    primitives::hardfork::SpecId,
    state::AccountInfo,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Blocks that the node writes into its state at once, by default.
const BATCH: usize = 64;

/// Decodes every block and recovers every sender on all cores, and nothing else.
pub(crate) fn recover(blocks: &[Vec<u8>]) -> Outcome<(Vec<Block>, Duration)> {
    let started = Instant::now();
    let decoded: Result<Vec<_>, _> = blocks.iter().map(|raw| Block::decode(raw)).collect();
    Ok((decoded?, started.elapsed()))
}

/// Executes every transaction with revm over a map, one after the other, and keeps nothing else.
pub(crate) fn execute(genesis: &Genesis, blocks: &[Block]) -> Outcome<Duration> {
    let mut database = CacheDB::new(EmptyDB::default());
    for (address, account) in &genesis.alloc {
        let code = Bytecode::new_raw(account.code.clone().unwrap_or_default());
        let info =
            AccountInfo::new(account.balance, account.nonce.unwrap_or(0), code.hash_slow(), code);
        database.insert_account_info(*address, info);
        for (slot, value) in account.storage.iter().flatten() {
            database.insert_account_storage(*address, (*slot).into(), (*value).into())?;
        }
    }
    let mut cfg = CfgEnv::new_with_spec(SpecId::CANCUN);
    cfg.chain_id = genesis.config.chain_id;
    let mut machine = Context::mainnet().with_db(database).with_cfg(cfg).build_mainnet();
    let started = Instant::now();
    for block in blocks {
        machine.ctx.block = environment(block.header.inner());
        for transaction in &block.body.transactions {
            let transaction: TxEnv = transaction.recovered().to_tx_env();
            if !machine.transact_commit(transaction)?.is_success() {
                return Err("a transaction of the workload failed in raw revm".into());
            }
        }
    }
    Ok(started.elapsed())
}

fn environment(header: &Header) -> BlockEnv {
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or(0),
        prevrandao: Some(header.mix_hash),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice {
            excess_blob_gas: 0,
            blob_gasprice: 1,
        }),
        ..Default::default()
    }
}

/// Writes the rows that these blocks leave in the state (accounts, slots, changes, preimages, places
/// of transactions, trie branches) in the node's batches and order, durably, and does nothing else.
/// What the rows are is computed before the clock starts.
pub(crate) fn write_rows(genesis: &Genesis, blocks: &[Block]) -> Outcome<Duration> {
    let batches = Rows::of(genesis, blocks)?;
    let dir = tempfile::tempdir()?;
    let storage = Storage::open(dir.path(), Durability::Synced)?;
    let (first, rest) = batches.split_first().ok_or("nothing to write")?;
    storage.state.flush(&first.as_written())?;
    let started = Instant::now();
    for batch in rest {
        storage.state.flush(&batch.as_written())?;
    }
    Ok(started.elapsed())
}

/// What one commit writes; the first is genesis.
#[derive(Default)]
struct Batch {
    blocks: Vec<Written>,
    trie: TrieChanges,
    next_storage_id: u64,
}

struct Written {
    block: BlockNumHash,
    root: B256,
    changes: StateChanges,
    transactions: Vec<Transaction>,
}

impl Batch {
    fn as_written(&self) -> StateBatch<'_> {
        StateBatch {
            blocks: self.blocks.iter().map(Written::as_flushed).collect(),
            trie: self.trie.clone(),
            next_storage_id: self.next_storage_id,
        }
    }
}

impl Written {
    fn as_flushed(&self) -> FlushBlock<'_> {
        FlushBlock {
            block: self.block,
            root: self.root,
            changes: &self.changes,
            transactions: &self.transactions,
            receipts: &[],
            inside: None,
        }
    }
}

/// The rows so far, and a trie that knows them all.
struct Rows {
    trie: StateTrie,
    ids: StorageIds,
    storage: Storage,
    batch: Batch,
    done: Vec<Batch>,
}

impl Rows {
    fn of(genesis: &Genesis, blocks: &[Block]) -> Outcome<Vec<Batch>> {
        let spec = Arc::new(ChainSpec::from_genesis(genesis.clone())?);
        let dir = tempfile::tempdir()?;
        let storage = Storage::open(dir.path(), Durability::Ephemeral)?;
        let (chain, _) = Chain::open(storage.clone(), spec.clone(), ChainSettings::default())?;
        let (trie, ids) = (StateTrie::empty(), StorageIds::new(1));
        let mut rows = Self { trie, ids, storage, batch: Batch::default(), done: Vec::new() };
        let first = Block { header: chain.head(), body: Arc::default() };
        rows.add(spec.genesis_changes(), &first)?;
        rows.end_batch(None);
        std::thread::scope(|scope| {
            scope.spawn(|| chain.run_state_writer());
            let done = blocks.chunks(BATCH).try_for_each(|part| rows.add_all(&chain, part));
            chain.stop();
            done
        })?;
        Ok(rows.done)
    }

    fn add_all(&mut self, chain: &Chain, blocks: &[Block]) -> Outcome<()> {
        for block in blocks {
            let (view, _) = chain.build_context()?.split();
            let (spec, settings) = (&chain.spec(), chain.evm_settings());
            let done = evm::execute(spec, settings, view, Default::default(), block, None)?;
            self.add(done.changes, block)?;
            chain.import(block)?;
        }
        self.end_batch(blocks.first().map(|block| block.number() - 1));
        Ok(())
    }

    fn add(&mut self, mut changes: StateChanges, block: &Block) -> Outcome<()> {
        let reader = self.storage.state.reader()?;
        let number = block.number().max(1);
        let removed = self.trie.apply(&mut changes, number, &reader, &mut self.ids)?;
        self.batch.trie.removed_owners.extend(removed.owners);
        self.batch.trie.removed.extend(removed.branches);
        self.batch.blocks.push(Written {
            block: block.num_hash(),
            root: self.trie.root(),
            changes,
            transactions: block.body.transactions.clone(),
        });
        Ok(())
    }

    fn end_batch(&mut self, written: Option<u64>) {
        self.batch.trie.rows = self.trie.rows_since(written);
        self.batch.next_storage_id = self.ids.next();
        self.done.push(std::mem::take(&mut self.batch));
    }
}
