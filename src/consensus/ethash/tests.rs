//! Are hashes, sizes and results those of Ethash?

use super::*;
use alloy_primitives::{B64, U256, hex};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::sync::OnceLock;

/// The cache of the first epoch, for all tests here.
fn first_cache() -> &'static Cache {
    static CACHE: OnceLock<Cache> = OnceLock::new();
    CACHE.get_or_init(|| Cache::new(0))
}

#[test]
fn sizes_and_seeds_are_those_of_another_implementation() {
    for epoch in [0, 1, 2, 10, 40, 146, 500, 2_047] {
        assert_eq!(cache_bytes(epoch), ethash::get_cache_size(epoch as usize) as u64, "{epoch}");
        assert_eq!(dataset_bytes(epoch), ethash::get_full_size(epoch as usize) as u64, "{epoch}");
        assert_eq!(seed_hash(epoch).0, ethash::get_seedhash(epoch as usize).0, "{epoch}");
    }
    assert_eq!((epoch_of(29_999), epoch_of(30_000)), (0, 1));
}

#[test]
fn the_cache_is_that_of_another_implementation() {
    let mut theirs = vec![0; ethash::get_cache_size(0)];
    ethash::make_cache(&mut theirs, ethash::get_seedhash(0));
    assert!(first_cache().to_bytes() == theirs);
}

#[test]
fn results_are_those_of_another_implementation() {
    let bytes = first_cache().to_bytes();
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..8 {
        let (hash, nonce): ([u8; 32], [u8; 8]) = (random.random(), random.random());
        let ours = first_cache().hashimoto(hash.into(), nonce.into());
        let size = ethash::get_full_size(0);
        let (mix, result) = ethash::hashimoto_light(hash.into(), nonce.into(), size, &bytes);
        assert_eq!((ours.mix_hash.0, ours.result.0), (mix.0, result.0));
    }
}

#[test]
fn the_seal_hash_covers_every_field_but_the_seal() {
    let header = Header {
        base_fee_per_gas: Some(7),
        withdrawals_root: Some(B256::repeat_byte(1)),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::repeat_byte(2)),
        requests_hash: Some(B256::repeat_byte(3)),
        ..Default::default()
    };
    let hash = seal_hash(&header);
    let sealed = Header { nonce: B64::repeat_byte(1), mix_hash: hash, ..header.clone() };
    assert_eq!(seal_hash(&sealed), hash);
    let changed = [
        Header { base_fee_per_gas: Some(8), ..header.clone() },
        Header { withdrawals_root: None, ..header.clone() },
        Header { requests_hash: None, ..header.clone() },
        Header { extra_data: hex!("01").into(), ..header.clone() },
        Header { difficulty: U256::ONE, ..header },
    ];
    for other in changed {
        assert_ne!(seal_hash(&other), hash, "{other:?}");
    }
}
