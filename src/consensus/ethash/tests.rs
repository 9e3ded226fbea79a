//! Are hashes, sizes and results those of Ethash?

use super::*;
use crate::{
    consensus::{SealError, SealPolicy},
    spec::ChainSpec,
};
use alloy_consensus::EMPTY_OMMER_ROOT_HASH;
use alloy_primitives::{B64, Bloom, Bytes, U256, address, b64, b256, bloom, bytes, hex};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::sync::OnceLock;

const REAL: Sizes = Sizes::ETHEREUM;

/// The cache of the first epoch, for all tests here.
fn first_cache() -> &'static Cache {
    static CACHE: OnceLock<Cache> = OnceLock::new();
    CACHE.get_or_init(|| Cache::new(REAL, 0))
}

#[test]
fn sizes_and_seeds_are_those_of_another_implementation() {
    for epoch in [0, 1, 2, 10, 40, 146, 500, 2_047] {
        let theirs = ethash::get_cache_size(epoch as usize) as u64;
        assert_eq!(REAL.cache_bytes(epoch), theirs, "{epoch}");
        let theirs = ethash::get_full_size(epoch as usize) as u64;
        assert_eq!(REAL.dataset_bytes(epoch), theirs, "{epoch}");
        assert_eq!(seed_hash(epoch).0, ethash::get_seedhash(epoch as usize).0, "{epoch}");
    }
    assert_eq!((REAL.epoch_of(29_999), REAL.epoch_of(30_000)), (0, 1));
    assert_eq!(REAL.first_block(1), 30_000);
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

/// Root of the trie of no transactions, and of no receipts.
const EMPTY: B256 = alloy_consensus::constants::EMPTY_TRANSACTIONS;

/// Headers of Ethereum's mainnet with their hashes, in epochs 0, 13, 64 and 155.
fn mainnet_headers() -> [(Header, B256); 4] {
    [
        (
            Header {
                parent_hash: b256!(
                    "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"
                ),
                ommers_hash: EMPTY_OMMER_ROOT_HASH,
                beneficiary: address!("0x05a56e2d52c817161883f50c441c3228cfe54d9f"),
                state_root: b256!(
                    "0xd67e4d450343046425ae4271474353857ab860dbc0a1dde64b41b5cd3a532bf3"
                ),
                transactions_root: EMPTY,
                receipts_root: EMPTY,
                difficulty: U256::from(0x3_ff80_0000_u64),
                number: 1,
                gas_limit: 5_000,
                timestamp: 1_438_269_988,
                extra_data: bytes!("0x476574682f76312e302e302f6c696e75782f676f312e342e32"),
                mix_hash: b256!(
                    "0x969b900de27b6ac6a67742365dd65f55a0526c41fd18e1b16f1a1215c2e66f59"
                ),
                nonce: b64!("0x539bd4979fef1ec4"),
                ..Default::default()
            },
            b256!("0x88e96d4537bea4d9c05d12549907b32561d3bf31f45aae734cdc119f13406cb6"),
        ),
        (
            Header {
                parent_hash: b256!(
                    "0x1e77d8f1267348b516ebc4f4da1e2aa59f85f0cbd853949500ffac8bfc38ba14"
                ),
                ommers_hash: EMPTY_OMMER_ROOT_HASH,
                beneficiary: address!("0x2a65aca4d5fc5b5c859090a6c34d164135398226"),
                state_root: b256!(
                    "0x0b5e4386680f43c224c5c037efc0b645c8e1c3f6b30da0eec07272b4e6f8cd89"
                ),
                transactions_root: EMPTY,
                receipts_root: EMPTY,
                difficulty: U256::from(6_022_643_743_806_u64),
                number: 400_000,
                gas_limit: 3_141_592,
                timestamp: 1_445_130_204,
                extra_data: bytes!("0xd583010202844765746885676f312e35856c696e7578"),
                mix_hash: b256!(
                    "0x3fbea7af642a4e20cd93a945a1f5e23bd72fc5261153e09102cf718980aeff38"
                ),
                nonce: b64!("0x6af23caae95692ef"),
                ..Default::default()
            },
            b256!("0x5d15649e25d8f3e2c0374946078539d200710afc977cdfc6a977bd23f20fa8e8"),
        ),
        (
            Header {
                parent_hash: b256!(
                    "0xa218e2c611f21232d857e3c8cecdcdf1f65f25a4477f98f6f47e4063807f2308"
                ),
                ommers_hash: EMPTY_OMMER_ROOT_HASH,
                beneficiary: address!("0xbcdfc35b86bedf72f0cda046a3c16829a2ef41d1"),
                state_root: b256!(
                    "0xc5e389416116e3696cce82ec4533cce33efccb24ce245ae9546a4b8f0d5e9a75"
                ),
                transactions_root: b256!(
                    "0x7701df8e07169452554d14aadd7bfa256d4a1d0355c1d174ab373e3e2d0a3743"
                ),
                receipts_root: b256!(
                    "0x26cf9d9422e9dd95aedc7914db690b92bab6902f5221d62694a2fa5d065f534b"
                ),
                difficulty: U256::from(0x38c3_bf26_16aa_u64),
                number: 1_920_000,
                gas_limit: 0x0047_e7c0,
                gas_used: 0x0001_4820,
                timestamp: 0x578f_7aa8,
                extra_data: Bytes::from_static(b"dao-hard-fork"),
                mix_hash: b256!(
                    "0x5b5acbf4bf305f948bd7be176047b20623e1417f75597341a059729165b92397"
                ),
                nonce: b64!("0xbede87201de42426"),
                ..Default::default()
            },
            b256!("0x4985f5ca3d2afbec36529aa96f74de3cc10a2a4a6c44f2157a57d2c6059a11bb"),
        ),
        (
            Header {
                parent_hash: b256!(
                    "0xa0890da724dd95c90a72614c3a906e402134d3859865f715f5dfb398ac00f955"
                ),
                ommers_hash: EMPTY_OMMER_ROOT_HASH,
                beneficiary: address!("0x2a65aca4d5fc5b5c859090a6c34d164135398226"),
                state_root: b256!(
                    "0x74cccff74c5490fbffc0e6883ea15c0e1139e2652e671f31f25f2a36970d2f87"
                ),
                transactions_root: b256!(
                    "0x0e750bf284c2b3ed1785b178b6f49ff3690a3a91779d400de3b9a3333f699a80"
                ),
                receipts_root: b256!(
                    "0xc68e3e82035e027ade5d966c36a1d49abaeec04b83d64976621c355e58724b8b"
                ),
                logs_bloom: BYZANTIUM_BLOOM,
                difficulty: U256::from(1_497_815_744_379_583_u64),
                number: 4_676_354,
                gas_limit: 6_705_843,
                gas_used: 6_691_442,
                timestamp: 1_512_424_752,
                extra_data: Bytes::from_static(b"DwarfPool"),
                mix_hash: b256!(
                    "0xdc425fdb323c469c91efac1d2672dfdd3ebfde8fa25d68c1b3261582503c4337"
                ),
                nonce: b64!("0xc35ca7100349f430"),
                ..Default::default()
            },
            b256!("0x5eddb0884d556174d5cbb984c8423d5789b93f1313b2f192e6dc4f2811acfec7"),
        ),
    ]
}

/// Of mainnet's block 4,676,354.
const BYZANTIUM_BLOOM: Bloom = bloom!(
    "0x\
     040019000040000000010000000000021000004020100688001a05000020816800000010a000010020140000\
     0000080100020000000400080000800004c0200000201040000000018110400c000000200001000000280000\
     0001000000100100800001200100000500410040000180002040022008040000810000118000220020200201\
     4000000002000508000180000000000810200814000860000000010000050000001008008200200010208000\
     0002040120008820400020100004a40801000002a0040c000010000114000000800000050008300020100000\
     000008010000000100120000000040000000808448200000080a00000624013000000080"
);

#[test]
fn mainnets_seals_hold_and_fail_with_any_bit_flipped() {
    let ethash = Ethash::default();
    for (header, hash) in mainnet_headers() {
        let number = header.number;
        assert_eq!(header.hash_slow(), hash, "{number} is typed wrong");
        assert_eq!(ethash.verify(&header), Ok(()), "{number}");
        let flips: [fn(&mut Header); 12] = [
            |header| header.nonce.0[7] ^= 1,
            |header| header.mix_hash.0[0] ^= 0x80,
            |header| header.parent_hash.0[31] ^= 1,
            |header| header.ommers_hash.0[0] ^= 1,
            |header| header.beneficiary.0[19] ^= 1,
            |header| header.state_root.0[5] ^= 1,
            |header| header.logs_bloom.0[255] ^= 1,
            |header| header.difficulty ^= U256::ONE,
            |header| header.gas_limit ^= 1,
            |header| header.gas_used ^= 1,
            |header| header.timestamp ^= 1,
            |header| header.extra_data = Bytes::new(),
        ];
        for (index, flip) in flips.into_iter().enumerate() {
            let mut damaged = header.clone();
            flip(&mut damaged);
            let result = ethash.verify(&damaged);
            assert!(matches!(result, Err(SealError::MixHash { .. })), "{number} {index}");
        }
    }
}

/// Of mainnet's block 300,005 only what its seal covers is known here, not its header.
#[test]
fn the_seal_of_mainnets_block_300005_holds() {
    assert_eq!((REAL.cache_bytes(10), REAL.dataset_bytes(10)), (18_087_488, 1_157_627_776));
    let hash = b256!("0x783b5c2bc6f879509cd69009cb28fecf004d63833d7e444109b7ab9e327ac866");
    let work = Cache::new(REAL, REAL.epoch_of(300_005)).hashimoto(hash, b64!("0x1e1fcbeeb527930b"));
    let mix_hash = b256!("0xd1e82d611846e4b162ad3ba0f129611c3a67f2c3aeda19ad862765cf64b383f6");
    assert_eq!(work.mix_hash, mix_hash);
}

#[test]
fn too_little_work_fails_even_with_the_right_mix_hash() {
    let (mut header, _hash) = mainnet_headers()[0].clone();
    header.difficulty = U256::MAX;
    header.mix_hash = first_cache().hashimoto(seal_hash(&header), header.nonce).mix_hash;
    let result = first_cache().verify(&header);
    assert!(matches!(result, Err(SealError::TooLittleWork { .. })), "{result:?}");
    header.difficulty = U256::ZERO;
    assert_eq!(first_cache().verify(&header), Err(SealError::NoDifficulty));
}

#[test]
fn many_threads_that_ask_at_once_get_one_cache() {
    let ethash = Ethash::default();
    let (header, _hash) = mainnet_headers()[0].clone();
    let results: Vec<_> = std::thread::scope(|scope| {
        let verify = || scope.spawn(|| ethash.verify(&header));
        let threads: Vec<_> = (0..4).map(|_| verify()).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(results, [Ok(()), Ok(()), Ok(()), Ok(())]);
}

#[test]
fn only_chains_of_work_check_seals() {
    let spec = |config: serde_json::Value| {
        let genesis = serde_json::json!({
            "config": config, "gasLimit": "0x1388", "difficulty": "0x1", "alloc": {}
        });
        ChainSpec::from_genesis(serde_json::from_value(genesis).unwrap()).unwrap()
    };
    let work = spec(serde_json::json!({"chainId": 1, "ethash": {}}));
    let merged = spec(serde_json::json!({"chainId": 1, "terminalTotalDifficulty": 7}));
    let dev = spec(serde_json::json!({"chainId": 1, "terminalTotalDifficulty": 0}));
    let (mut header, _hash) = mainnet_headers()[0].clone();
    let policy = |spec, verify| SealPolicy::of(spec, verify, &Ethash::shared());
    let checks = |spec, verify, header: &Header| policy(spec, verify).checks(header);
    assert!(checks(&work, false, &header));
    assert!(checks(&merged, true, &header) && !checks(&merged, false, &header));
    assert!(!checks(&dev, true, &header));
    header.nonce.0[0] ^= 1;
    assert!(policy(&work, false).verify(&header).is_err());
    assert_eq!(policy(&merged, false).verify(&header), Ok(()));
    header.difficulty = U256::ZERO;
    assert!(!checks(&merged, true, &header), "merged blocks have no seal");
}

/// The other implementation over the same small cache, whose sizes it takes as they are.
#[test]
fn small_sizes_leave_nothing_of_the_algorithm_out() {
    for epoch in [0, 1, 7] {
        let cache = Cache::new(Sizes::TINY, epoch);
        let bytes = cache.to_bytes();
        let mut theirs = vec![0; bytes.len()];
        ethash::make_cache(&mut theirs, ethash::get_seedhash(epoch as usize));
        assert!(bytes == theirs, "{epoch}");
        let size = Sizes::TINY.dataset_bytes(epoch) as usize;
        let mut dataset = vec![0; size];
        ethash::make_dataset(&mut dataset, &theirs);
        let ours: Vec<u8> = (0..cache.pages())
            .flat_map(|page| cache.page(page))
            .flat_map(u32::to_le_bytes)
            .collect();
        assert!(ours == dataset, "{epoch}");
        let mut random = StdRng::seed_from_u64(epoch);
        let (hash, nonce): ([u8; 32], [u8; 8]) = (random.random(), random.random());
        let ours = cache.hashimoto(hash.into(), nonce.into());
        let (mix, result) = ethash::hashimoto_full(hash.into(), nonce.into(), size, &dataset);
        assert_eq!((ours.mix_hash.0, ours.result.0), (mix.0, result.0), "{epoch}");
    }
}
