//! Who finds the next proof of work? Drawn from the seed; the proof itself is real, and small.

use super::node::Running;
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_primitives::{Address, B64, B256, U256};
use mainspring::{
    chain::ExecutedBlock,
    consensus::ethash,
    evm::{self, BlockTemplate},
    pool::Order,
    primitives::{Block, Body, Transaction},
    spec::{Fork, next_difficulty},
};
use rand::{Rng, rngs::StdRng};
use std::sync::Arc;

/// Of every block: so little that it does not change.
pub(super) const DIFFICULTY: u64 = 4;
/// Milliseconds that the whole network takes for a block, in the middle.
const MEAN: f64 = 3_500.0;

/// Milliseconds until one of so many nodes finds the next block.
pub(super) fn time(nodes: usize, rng: &mut StdRng) -> u64 {
    let uniform: f64 = rng.random_range(1e-9..1.0);
    (-uniform.ln() * MEAN * nodes as f64) as u64 + 1
}

/// Makes and appends the block after the head, of what waits in the pool; `None` if the head is another.
pub(super) fn make(running: &Running, node: usize, parent: B256) -> Option<Block> {
    let chain = &running.chain;
    let head = chain.head();
    if head.seal() != parent {
        return None;
    }
    let spec = &chain.spec();
    let timestamp = chain.clock().now().max(head.timestamp + 1);
    let number = head.number + 1;
    let difficulty = next_difficulty(spec, &head, timestamp);
    let fork = spec.fork_of(number, timestamp, difficulty);
    let header = Header {
        parent_hash: parent,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: Address::repeat_byte(node as u8 + 1),
        difficulty,
        number,
        gas_limit: head.gas_limit,
        timestamp,
        base_fee_per_gas: spec.next_base_fee(&head),
        withdrawals_root: (fork >= Fork::Shanghai).then_some(B256::ZERO),
        excess_blob_gas: spec.next_excess_blob_gas(&head, timestamp),
        parent_beacon_block_root: (fork >= Fork::Cancun).then_some(B256::ZERO),
        ..Default::default()
    };
    let fee = header.base_fee_per_gas.unwrap_or(0);
    let transactions: Vec<Transaction> = running.pool.best(fee, 0, Order::Fees).collect();
    let withdrawals = header.withdrawals_root.map(|_| Default::default());
    let body = Body { transactions, withdrawals, ..Default::default() };
    Some(append(running, header, body))
}

fn append(running: &Running, header: Header, body: Body) -> Block {
    let chain = &running.chain;
    let (spec, number) = (&chain.spec(), header.number);
    let fork = spec.fork_of(number, header.timestamp, header.difficulty);
    let draft = Block::new(header, body);
    let (view, trie) = chain.build_context().unwrap().split();
    let roots = trie.for_receipts(fork);
    let executed =
        evm::execute(spec, chain.evm_settings(), view, Default::default(), &draft, roots);
    let mut executed = executed.unwrap();
    let (root, step) = trie.root(&mut executed.changes).unwrap();
    let template = BlockTemplate::from_block(spec, &draft);
    let header = evm::assemble(&template, &draft.body, &executed, root);
    let block = Block::new(sealed(running, header), draft.body.as_ref().clone());
    let receipts = Arc::new(executed.receipts);
    let (changes, participants) = (executed.changes, executed.participants);
    let made = ExecutedBlock { block: block.clone(), receipts, changes, step, participants };
    chain.append(made).unwrap();
    block
}

/// The header with the first nonce that proves its work.
fn sealed(running: &Running, header: Header) -> Header {
    let cache = running.ethash.cache(header.number).unwrap();
    let hash = ethash::seal_hash(&header);
    let most = U256::MAX / header.difficulty;
    let nonces = (0u64..).map(|nonce| B64::from(nonce.to_be_bytes()));
    let mut tried = nonces.map(|nonce| (nonce, cache.hashimoto(hash, nonce)));
    let proves = |(_, work): &(B64, ethash::Work)| U256::from_be_bytes(work.result.0) <= most;
    let (nonce, work) = tried.find(proves).expect("there are many nonces");
    Header { nonce, mix_hash: work.mix_hash, ..header }
}
