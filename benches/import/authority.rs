//! Which chain does a worker join? One of proof of authority with transactions in every block, made here by
//! the node's own pool and signers, in a time that has passed.

use crate::workload::{GAS_LIMIT, Kind, Outcome, Size, accounts, keys, plans};
use alloy_genesis::Genesis;
use alloy_primitives::{Address, B256};
use alloy_signer_local::PrivateKeySigner;
use mainspring::{
    chain::{Chain, ChainSettings, WallTime},
    pool::{Limits, Order, Pool},
    primitives::{BlockNumHash, Transaction},
    sealer::{Authority, Mode, Sealer, SealerHandle, SealerSettings},
    spec::{ChainSpec, FeeMarket, Fork, ForkPlan, NetworkConsensus, NetworkGenesis},
    storage::{Durability, Storage},
};
use rand::{SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
};

/// Who signs, in turns.
const SIGNERS: usize = 3;
/// Seconds since 1970 of the first block; the others follow a second after each other.
const BEGAN: u64 = 1_600_000_000;

/// A chain of proof of authority.
pub(crate) struct Network {
    pub(crate) genesis: Genesis,
    /// RLP of the blocks after genesis, one after the other.
    pub(crate) blocks: Vec<u8>,
    pub(crate) transactions: usize,
    pub(crate) gas: u64,
    pub(crate) head: BlockNumHash,
}

impl Network {
    /// Makes the blocks: of transfers of ether and of a token.
    pub(crate) fn make(size: Size) -> Outcome<Self> {
        let keys = keys(size.accounts)?;
        let signers =
            (1..=SIGNERS).map(|one| PrivateKeySigner::from_bytes(&B256::with_last_byte(one as u8)));
        let signers = signers.collect::<Result<Vec<_>, _>>()?;
        let genesis = genesis(&keys, &signers)?;
        let spec = Arc::new(ChainSpec::from_genesis(genesis.clone())?);
        let dir = tempfile::tempdir()?;
        let storage = Storage::open(dir.path(), Durability::Ephemeral)?;
        let wall = WallTime::simulated(Arc::new(AtomicU64::new(BEGAN * 1_000)));
        let settings = ChainSettings { wall, ..ChainSettings::default() };
        let (chain, _) = Chain::open(storage, spec, settings)?;
        let head = BlockNumHash::new(0, chain.head().seal());
        let mut made = Self { genesis, blocks: Vec::new(), transactions: 0, gas: 0, head };
        std::thread::scope(|scope| {
            scope.spawn(|| chain.run_state_writer());
            let done = made.seal(&chain, size, &keys, signers);
            chain.stop();
            done
        })?;
        Ok(made)
    }

    fn seal(
        &mut self,
        chain: &Arc<Chain>,
        size: Size,
        keys: &[PrivateKeySigner],
        signers: Vec<PrivateKeySigner>,
    ) -> Outcome<()> {
        let pool = Arc::new(Pool::new(Limits::default()));
        let sealers: BTreeMap<Address, SealerHandle> = signers
            .into_iter()
            .map(|key| (key.address(), sealer(chain, &pool, Authority::new(key))))
            .collect();
        let door = sealers.values().next().ok_or("nobody signs")?;
        let recipients: Vec<Address> = keys.iter().map(PrivateKeySigner::address).collect();
        let (mut random, mut nonces) = (StdRng::seed_from_u64(7), vec![0; keys.len()]);
        for _ in 0..size.blocks {
            let plans = plans(Kind::Transfers, size, &recipients, &mut random, &mut nonces);
            let signed: Outcome<Vec<Transaction>> =
                plans.into_par_iter().map(|plan| plan.sign(keys)).collect();
            for transaction in signed? {
                // Nobody waits for the answer: the block is made here.
                let _admitted = door.admit(transaction, None)?;
            }
            let after = chain.signers_after(self.head)?;
            let turn = after.in_turn(self.head.number + 1).ok_or("nobody's turn")?;
            let sealer = sealers.get(&turn).ok_or("a signer without a key")?;
            let block = sealer.sign(self.head.hash)?.ok_or("the head moved")?;
            if block.body.transactions.len() != size.per_block {
                return Err("a block of the workload does not hold all of its transactions".into());
            }
            self.head = block.num_hash();
            self.transactions += size.per_block;
            self.gas += block.header.gas_used;
            self.blocks.extend(block.encode());
        }
        Ok(())
    }
}

fn sealer(chain: &Arc<Chain>, pool: &Arc<Pool>, authority: Authority) -> SealerHandle {
    let settings = SealerSettings {
        mode: Mode::Manual,
        order: Order::Fifo,
        coinbase: Address::ZERO,
        answer_at_once: true,
        max_transactions: usize::MAX,
        max_tx_bytes: 1 << 17,
        min_tip: 0,
        disable_balance_check: false,
        authority: Some(Arc::new(authority)),
        miner: None,
    };
    Sealer::new(chain.clone(), pool.clone(), settings).handle()
}

fn genesis(keys: &[PrivateKeySigner], signers: &[PrivateKeySigner]) -> Outcome<Genesis> {
    let consensus = NetworkConsensus::Authority {
        signers: signers.iter().map(PrivateKeySigner::address).collect(),
        period: 1,
        epoch: 30_000,
    };
    let network = NetworkGenesis {
        chain_id: 1,
        consensus,
        forks: ForkPlan::at_genesis(Fork::LATEST),
        fee_market: FeeMarket::Eip1559,
        timestamp: BEGAN,
        gas_limit: GAS_LIMIT,
        extra: Default::default(),
        accounts: accounts(keys)?,
        tools: true,
    };
    Ok(network.genesis()?)
}
