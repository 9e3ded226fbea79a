//! Genesis files as other clients write them give the chain and the hash that they give there.

use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes, U256, address};
use alloy_rlp::Decodable;
use mainspring::{
    spec::{ChainSpec, Fork, Mode},
    state::{StateTrie, StorageIds},
    storage::{Durability, Storage},
};
use serde_json::{Value, json};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

fn read(genesis: Value) -> ChainSpec {
    ChainSpec::from_genesis(serde_json::from_value(genesis).unwrap()).unwrap()
}

/// Block zero, its state root computed by the node's own trie.
fn block_zero(spec: &ChainSpec) -> Header {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(folder.path(), Durability::Ephemeral).unwrap();
    let (mut changes, mut trie) = (spec.genesis_changes(), StateTrie::empty());
    let reader = storage.state.reader().unwrap();
    trie.apply(&mut changes, 0, &reader, &mut StorageIds::new(1)).unwrap();
    spec.genesis_header(trie.root())
}

/// A file of the published conversations; `None`, said loudly, where it is not on this machine.
fn published(name: &str) -> Option<Vec<u8>> {
    let fixtures = env::var_os("MAINSPRING_FIXTURES").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures");
    let file = fixtures.unwrap_or_else(beside).join("rpc-compat").join(name);
    if !file.is_file() {
        eprintln!("SKIPPED: no {}; set MAINSPRING_FIXTURES", file.display());
        return None;
    }
    Some(fs::read(file).unwrap())
}

/// The header of the first block of a file of blocks.
fn first_header(blocks: &[u8]) -> Header {
    let mut rest = blocks;
    alloy_rlp::Header::decode(&mut rest).unwrap();
    Header::decode(&mut rest).unwrap()
}

#[test]
fn the_published_genesis_is_the_parent_of_the_published_first_block() {
    let Some(genesis) = published("genesis.json") else { return };
    let Some(chain) = published("chain.rlp") else { return };
    let spec = read(serde_json::from_slice(&genesis).unwrap());
    let (genesis, first) = (block_zero(&spec), first_header(&chain));
    assert_eq!(genesis.hash_slow(), first.parent_hash);
    assert_eq!((first.number, spec.mode), (1, Mode::Merged));
    mainspring::spec::check_header(&spec, &genesis, &first, genesis.difficulty).unwrap();
    let work = U256::from(131_072);
    assert_eq!(spec.fork_of(33, 330, work), Fork::GrayGlacier);
    assert_eq!(spec.fork_of(36, 360, U256::ZERO), Fork::Paris);
    assert_eq!(spec.fork_of(48, 480, U256::ZERO), Fork::Osaka);
    let most_blobs = |time| spec.blob_params_at(time).max_blob_count;
    assert_eq!([480, 509, 510, 540].map(most_blobs), [9, 9, 15, 21]);
}

#[test]
fn numbers_with_leading_zeros_keys_without_prefix_and_null_fields_are_read() {
    let plain = json!({
        "config": {"chainId": 7, "ethash": {}, "homesteadBlock": 0},
        "nonce": "0x42", "timestamp": "0x10", "gasLimit": "0x1388", "difficulty": "0x20000",
        "alloc": {"0x0000000000000000000000000000000000000001": {"balance": "0x10", "nonce": "0x1",
            "storage": {"0x01": "0x02"}}}
    });
    let odd = json!({
        "config": {
            "chainId": 7, "ethash": {}, "homesteadBlock": 0, "daoForkBlock": null,
            "daoForkSupport": false, "londonBlock": null, "shanghaiTime": null,
            "mergeNetsplitBlock": null, "terminalTotalDifficulty": null, "blobSchedule": {}
        },
        "nonce": "0x0000000000000042", "timestamp": "0x0010", "gasLimit": "0x001388",
        "difficulty": "0x00020000", "extraData": "0x", "number": "0x00", "gasUsed": "0x0",
        "parentHash": B256::ZERO, "mixHash": B256::ZERO, "baseFeePerGas": null,
        "excessBlobGas": null, "blobGasUsed": null,
        "coinbase": "0x0000000000000000000000000000000000000000",
        "alloc": {"0000000000000000000000000000000000000001": {"balance": "0x0010",
            "nonce": "0x01", "code": "0x", "storage": {
                "0x0000000000000000000000000000000000000000000000000000000000000001": "0x0002"
            }}}
    });
    let (plain, odd) = (read(plain), read(odd));
    assert_eq!(block_zero(&odd).hash_slow(), block_zero(&plain).hash_slow());
    assert_eq!((odd.mode, odd.terminal_total_difficulty()), (Mode::Pow, None));
}

#[test]
fn what_a_genesis_says_of_its_consensus_is_heard() {
    let genesis = |config: Value| {
        read(json!({"config": config, "gasLimit": "0x1388", "difficulty": "0x1", "alloc": {}}))
    };
    let clique = genesis(json!({"chainId": 1, "clique": {"period": 5, "epoch": 30_000}}));
    assert_eq!(clique.mode, Mode::Poa);
    let merged = genesis(json!({"chainId": 1, "ethash": {}, "terminalTotalDifficulty": 100,
        "mergeNetsplitBlock": 36, "terminalTotalDifficultyPassed": true,
        "depositContractAddress": "0x00000000219ab540356cbb839cbe05303d7705fa"}));
    assert_eq!(merged.mode, Mode::Merged);
    assert_eq!(merged.deposit_contract, address!("0x00000000219ab540356cbb839cbe05303d7705fa"));
    let dao = genesis(json!({"chainId": 1, "ethash": {}, "homesteadBlock": 0, "daoForkBlock": 5,
        "daoForkSupport": true}));
    assert_eq!([4, 5].map(|at| dao.fork_of(at, 0, U256::ONE)), [Fork::Homestead, Fork::Dao]);
    let extra = read(json!({"config": {"chainId": 1, "ethash": {}}, "gasLimit": "0x1388",
        "difficulty": "0x1", "extraData": "0x6d61696e", "alloc": {}}));
    assert_eq!(block_zero(&extra).extra_data, Bytes::from_static(b"main"));
}
