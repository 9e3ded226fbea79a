//! Whose keys sign, and which genesis do all nodes have? Every step may be repeated: a founding that was
//! cut short goes on where it stopped.

use super::{
    DevnetError, Layout,
    error::file,
    layout::write_whole,
    shape::{Consensus, Shape},
};
use crate::{
    chain,
    config::{AccountsConfig, DEFAULT_GAS_LIMIT},
    dev::keyring::Keyring,
    node::{NodeError, StoredChain},
    spec::{FeeMarket, Fork, ForkPlan, NetworkConsensus, NetworkGenesis},
    storage::StorageError,
};
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::{Address, Bytes, U256, hex};
use rand::Rng;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Nodes of a network that was killed need this long to end at most.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(100);
/// Blocks between two lists of signers.
const EPOCH: u64 = 30_000;
/// Keys of one worker.
const ONE_KEY: usize = 1;

/// The key of a worker.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) file: PathBuf,
    pub(super) address: Address,
}

/// What the nodes are started with: a key a worker.
#[derive(Clone, Debug)]
pub(super) struct Founded {
    pub(super) keys: Vec<Key>,
}

/// Makes keys, genesis and every node's chain, or finds them made.
pub(super) fn found(layout: &Layout, shape: &Shape) -> Result<Founded, DevnetError> {
    let password = password(layout)?;
    let workers = shape.names().into_iter().skip(1);
    let keys = workers.map(|name| key(layout, &name, &password)).collect::<Result<Vec<_>, _>>()?;
    let path = layout.genesis();
    if !path.exists() {
        let genesis = genesis(shape, &keys)?;
        let text = serde_json::to_vec_pretty(&genesis);
        let format = |source| DevnetError::Format { path: path.clone(), source };
        write_whole(&path, &text.map_err(format)?)?;
    }
    for name in shape.names() {
        init(&layout.node(&name), &path)?;
    }
    Ok(Founded { keys })
}

/// The passphrase of all keys, made at random the first time.
fn password(layout: &Layout) -> Result<String, DevnetError> {
    let path = layout.password();
    if !path.exists() {
        write_whole(
            &path,
            format!("{}\n", hex::encode(rand::rng().random::<[u8; 32]>())).as_bytes(),
        )?;
    }
    let text = fs::read_to_string(&path).map_err(file(&path))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn key(layout: &Layout, name: &str, password: &str) -> Result<Key, DevnetError> {
    let folder = layout.keys(name);
    let nobody = AccountsConfig { count: 0, ..AccountsConfig::default() }.derive()?;
    let ring = Keyring::in_folder(&nobody, &folder, ONE_KEY)?;
    let address = match ring.listed().first() {
        Some(address) => *address,
        None => ring.create(password)?,
    };
    Ok(Key { file: folder.join(format!("{}.json", hex::encode(address))), address })
}

/// The genesis of a network whose workers seal, with the accounts that everyone knows.
fn genesis(shape: &Shape, keys: &[Key]) -> Result<Genesis, DevnetError> {
    let known = AccountsConfig::default();
    let rich = GenesisAccount::default().with_balance(known.balance);
    let funded = known.derive()?.addresses().into_iter().map(|address| (address, rich.clone()));
    let network = NetworkGenesis {
        chain_id: shape.chain_id,
        consensus: match shape.consensus {
            Consensus::Poa => NetworkConsensus::Authority {
                signers: keys.iter().map(|key| key.address).collect(),
                period: shape.period,
                epoch: EPOCH,
            },
            Consensus::Pow => NetworkConsensus::Work {
                difficulty: U256::from(shape.difficulty),
                minimum_difficulty: U256::from((shape.difficulty / 2).max(1)),
                bomb: false,
            },
        },
        forks: ForkPlan::at_genesis(Fork::LATEST),
        fee_market: FeeMarket::Eip1559,
        timestamp: chain::genesis_time(),
        gas_limit: DEFAULT_GAS_LIMIT,
        extra: Bytes::new(),
        accounts: funded.collect(),
        tools: true,
    };
    Ok(network.genesis().map_err(NodeError::from)?)
}

/// Makes a node's chain. Nodes of a network that was killed a moment ago may still hold it.
fn init(dir: &Path, genesis: &Path) -> Result<(), DevnetError> {
    let began = Instant::now();
    loop {
        match StoredChain::init(dir, genesis) {
            Ok(chain) => return Ok(chain.close()?),
            Err(NodeError::Storage(StorageError::InUse { .. })) if began.elapsed() < PATIENCE => {
                std::thread::park_timeout(LOOK);
            }
            Err(other) => return Err(other.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{ChainSpec, Mode, main_contract::MAIN_ADDRESS};

    fn shape(consensus: Consensus) -> Shape {
        Shape { consensus, workers: 2, period: 1, difficulty: 3_000, chain_id: 77, port: 0 }
    }

    fn found_in(dir: &Path, consensus: Consensus) -> (Founded, Genesis) {
        let layout = Layout::claim(dir).unwrap();
        let founded = found(&layout, &shape(consensus)).unwrap();
        let genesis = serde_json::from_slice(&fs::read(layout.genesis()).unwrap()).unwrap();
        (founded, genesis)
    }

    #[test]
    fn every_worker_is_a_signer_and_stays_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let (first, genesis) = found_in(dir.path(), Consensus::Poa);
        let spec = ChainSpec::from_genesis(genesis.clone()).unwrap();
        assert_eq!((spec.mode, spec.chain_id()), (Mode::Poa, 77));
        assert_eq!(genesis.extra_data.len(), 32 + 2 * 20 + 65);
        assert!(genesis.alloc.contains_key(&MAIN_ADDRESS), "the Main contract is there");
        let (second, again) = found_in(dir.path(), Consensus::Poa);
        let addresses =
            |founded: &Founded| -> Vec<_> { founded.keys.iter().map(|key| key.address).collect() };
        assert_eq!(addresses(&first), addresses(&second));
        assert_eq!(genesis, again);
        assert!(second.keys.iter().all(|key| key.file.is_file()));
    }

    #[test]
    fn a_network_of_miners_has_its_difficulty() {
        let dir = tempfile::tempdir().unwrap();
        let (_, genesis) = found_in(dir.path(), Consensus::Pow);
        let spec = ChainSpec::from_genesis(genesis).unwrap();
        assert_eq!((spec.mode, spec.genesis.difficulty), (Mode::Pow, U256::from(3_000)));
    }
}
