//! Blocks made on any parent, for others to import: executed by appending, never by importing.

use crate::{
    node::{COINBASE, Setup},
    wallet::key,
};
use alloy_consensus::{Header, proofs::calculate_ommers_root};
use alloy_primitives::{Address, B256, Bytes};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use mainspring::{
    chain::{Chain, ExecutedBlock},
    consensus::clique::{CliqueRules, Extra, NONCE_ADD, NONCE_DROP, seal_hash, sealed},
    evm::{self, BlockTemplate, EvmSettings},
    primitives::{Block, BlockNumHash, Body, Receipt, Transaction},
    spec::{Mode as SpecMode, next_difficulty},
    storage::{Durability, Storage},
};
use std::{collections::HashMap, sync::Arc};

/// Seconds between blocks that keep the least difficulty.
pub(crate) const SLOW: u64 = 10;
/// Seconds between blocks that raise it.
pub(crate) const FAST: u64 = 1;

/// A block that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) transactions: Vec<Transaction>,
    pub(crate) ommers: Vec<Header>,
    /// After the parent.
    pub(crate) seconds: u64,
    /// Tells apart blocks that are the same otherwise.
    pub(crate) tag: u8,
    /// The test key that signs, under proof of authority; `None` is whose turn it is.
    pub(crate) signer: Option<u64>,
    /// On whom it votes there, and how.
    pub(crate) vote: Option<(Address, bool)>,
}

impl Wanted {
    pub(crate) fn empty(seconds: u64, tag: u8) -> Self {
        Self {
            transactions: Vec::new(),
            ommers: Vec::new(),
            seconds,
            tag,
            signer: None,
            vote: None,
        }
    }

    pub(crate) fn with(transactions: Vec<Transaction>, seconds: u64, tag: u8) -> Self {
        Self { transactions, ..Self::empty(seconds, tag) }
    }
}

/// Test keys that may sign blocks.
const KEYS: u64 = 16;

/// The header with a right seal.
pub(crate) fn signed(header: Header, key: &PrivateKeySigner) -> Header {
    let hash = seal_hash(&header).unwrap();
    sealed(header, &key.sign_hash_sync(&hash).unwrap()).unwrap()
}

/// A chain of its own that is taken back and forth.
#[derive(Debug)]
pub(crate) struct Maker {
    chain: Arc<Chain>,
    made: HashMap<B256, Block>,
    _dir: tempfile::TempDir,
}

impl Maker {
    pub(crate) fn new(setup: &Setup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(dir.path(), Durability::Ephemeral).unwrap();
        let mut settings = setup.chain_settings();
        settings.flush.blocks = usize::MAX;
        settings.flush.gas = u64::MAX;
        settings.flush.bytes = usize::MAX;
        let (chain, _) = Chain::open(storage, setup.spec(), settings).unwrap();
        Self { chain, made: HashMap::new(), _dir: dir }
    }

    pub(crate) fn genesis(&self) -> B256 {
        self.chain.header(0).unwrap().unwrap().seal()
    }

    /// The receipts of the block that was made last.
    pub(crate) fn receipts(&self) -> Arc<Vec<Receipt>> {
        self.chain.receipts(self.chain.head().number).unwrap().unwrap()
    }

    /// A chain of empty blocks.
    pub(crate) fn run(&mut self, parent: B256, count: usize, seconds: u64, tag: u8) -> Vec<Block> {
        let mut parent = parent;
        let mut next = || {
            let block = self.make(parent, Wanted::empty(seconds, tag));
            parent = block.hash();
            block
        };
        (0..count).map(|_| next()).collect()
    }

    /// A valid block on this parent.
    pub(crate) fn make(&mut self, parent: B256, wanted: Wanted) -> Block {
        self.go_to(parent);
        let mut header = self.draft(&wanted);
        let signer = self.authority(&mut header, &wanted);
        let body = Body {
            transactions: wanted.transactions,
            ommers: wanted.ommers,
            withdrawals: header.withdrawals_root.map(|_| Default::default()),
        };
        let block = self.append(header, body, Some(signer.as_ref()));
        self.made.insert(block.hash(), block.clone());
        block
    }

    /// What is known of a header on the head before its block is executed.
    fn draft(&self, wanted: &Wanted) -> Header {
        let (spec, parent) = (&self.chain.spec(), self.chain.head());
        let timestamp = parent.timestamp + wanted.seconds;
        let number = parent.number + 1;
        let difficulty = next_difficulty(spec, parent.inner(), timestamp);
        let fork = spec.fork_of(number, timestamp, difficulty);
        use mainspring::spec::Fork;
        Header {
            parent_hash: parent.seal(),
            ommers_hash: calculate_ommers_root(&wanted.ommers),
            beneficiary: COINBASE,
            difficulty,
            number,
            gas_limit: parent.gas_limit,
            timestamp,
            extra_data: Bytes::from(vec![wanted.tag]),
            base_fee_per_gas: spec.next_base_fee(parent.inner()),
            withdrawals_root: (fork >= Fork::Shanghai).then_some(B256::ZERO),
            excess_blob_gas: spec.next_excess_blob_gas(parent.inner(), timestamp),
            parent_beacon_block_root: (fork >= Fork::Cancun).then_some(B256::ZERO),
            ..Default::default()
        }
    }

    /// Executes a block on the head and appends it; a new one gets its header from the outcome.
    fn append(
        &self,
        header: Header,
        body: Body,
        new_by: Option<Option<&PrivateKeySigner>>,
    ) -> Block {
        let (spec, settings) = (&self.chain.spec(), EvmSettings::default());
        let fork = spec.fork_of(header.number, header.timestamp, header.difficulty);
        let draft = Block::new(header, body);
        let (view, trie) = self.chain.build_context().unwrap().split();
        let roots = trie.for_receipts(fork);
        let executed = evm::execute(spec, &settings, view, Default::default(), &draft, roots);
        let mut executed = executed.unwrap();
        let (root, step) = trie.root(&mut executed.changes).unwrap();
        let template = BlockTemplate::from_block(spec, &draft);
        let header = evm::assemble(&template, &draft.body, &executed, root);
        // The fields say something else than what opcodes answer: before the merge, and where they vote.
        let (mix_hash, beneficiary) = (B256::ZERO, draft.header.beneficiary);
        let nonce = draft.header.nonce;
        let header = match new_by {
            Some(None) => Header { mix_hash, ..header },
            Some(Some(key)) => signed(Header { mix_hash, beneficiary, nonce, ..header }, key),
            None => draft.header.inner().clone(),
        };
        let block = Block::new(header, draft.body.as_ref().clone());
        let receipts = Arc::new(executed.receipts);
        let (changes, participants) = (executed.changes, executed.participants);
        let executed =
            ExecutedBlock { block: block.clone(), receipts, changes, step, participants };
        self.chain.append(executed).unwrap();
        block
    }

    /// Makes a block that was made here the head again.
    fn go_to(&self, hash: B256) {
        let mut missing = Vec::new();
        let mut at = hash;
        let is_canonical = |hash| self.chain.header_by_hash(hash).unwrap().is_some();
        while !is_canonical(at) {
            let block = &self.made[&at];
            missing.push(block.clone());
            at = block.header.parent_hash;
        }
        let number = self.chain.header_by_hash(at).unwrap().unwrap().number;
        self.chain.unwind(number, 0).unwrap();
        for block in missing.into_iter().rev() {
            self.append(block.header.inner().clone(), block.body.as_ref().clone(), None);
        }
    }

    /// Which of the first test keys may sign on this block.
    pub(crate) fn may_sign(&self, parent: B256, keys: u64) -> Vec<u64> {
        self.go_to(parent);
        let head = self.chain.head();
        let snapshot = self.chain.signers_after(BlockNumHash::new(head.number, head.seal()));
        let snapshot = snapshot.unwrap();
        let may = |index: &u64| snapshot.check_turn(head.number + 1, key(*index).address()).is_ok();
        (0..keys).filter(may).collect()
    }

    /// Under proof of authority: makes the header one of its signer, who is answered.
    fn authority(&self, header: &mut Header, wanted: &Wanted) -> Option<PrivateKeySigner> {
        if self.chain.spec().mode != SpecMode::Poa {
            return None;
        }
        let head = self.chain.head();
        let snapshot = self.chain.signers_after(BlockNumHash::new(head.number, head.seal()));
        let snapshot = snapshot.unwrap();
        let turn = snapshot.in_turn(header.number).unwrap();
        let by_turn = || (0..KEYS).find(|index| key(*index).address() == turn).unwrap();
        let key = key(wanted.signer.unwrap_or_else(by_turn));
        let rules = CliqueRules::of(&self.chain.spec().genesis);
        let is_checkpoint = rules.is_checkpoint(header.number);
        let mut extra = Extra { vanity: [wanted.tag; 32], ..Default::default() };
        if is_checkpoint {
            extra.signers = snapshot.signers.iter().copied().collect();
        }
        header.extra_data = extra.to_bytes();
        header.difficulty = snapshot.difficulty(header.number, key.address());
        let vote = wanted.vote.filter(|_| !is_checkpoint);
        header.beneficiary = vote.map_or(Address::ZERO, |(address, _)| address);
        header.nonce = match vote {
            Some((_, true)) => NONCE_ADD,
            _ => NONCE_DROP,
        };
        *header = signed(header.clone(), &key);
        Some(key)
    }
}
