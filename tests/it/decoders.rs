//! Bytes that are nearly right: whatever a peer sends, decoders say no or read what was meant. The claims
//! are those of the fuzz targets.

#[path = "../../fuzz/src/decoders.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets are a package of their own")]
mod claims;

use crate::{
    maker::{Maker, Wanted},
    node::Setup,
    wallet::{key, transfer},
};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, U256};
use mainspring::{
    network::{
        codec::{encode_gossip, encode_request, encode_response},
        message::{ForkId, Gossip, Head, Request, Response, Status},
    },
    spec::Mode,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{collections::BTreeMap, path::Path};

/// Mutations of each sample in the test command; `scripts/soak.sh` makes more.
const ROUNDS: u64 = 300;

fn rounds() -> u64 {
    let named = std::env::var("MAINSPRING_SEEDS").ok().and_then(|text| text.parse::<u64>().ok());
    named.map_or(ROUNDS, |seeds| seeds * 10)
}

/// Right bytes for each decoder.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let setup = Setup { signers: 1, keys: 16, ..Setup::default() };
    let mut maker = Maker::new(&setup);
    let sent: Vec<_> = (0..3).map(|from| transfer(&key(4 + from), 0, Address::ZERO, 1)).collect();
    let raw: Vec<Bytes> = sent.iter().map(|tx| tx.envelope().encoded_2718().into()).collect();
    let block = maker.make(maker.genesis(), Wanted::with(sent, 1, 0));
    let id = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
    let address = format!("/dns4/node.example/tcp/30303/p2p/{id}");
    let head = Head { number: 7, hash: block.hash(), total_difficulty: U256::from(9) };
    let status = Status {
        chain_id: 31337,
        genesis: block.header.parent_hash,
        mode: Mode::Poa,
        fork: ForkId { hash: [1, 2, 3, 4].into(), next: 1_800_000_000 },
        head,
        time: 1_700_000_000,
        client: "mainspring/v0.1.0".to_owned(),
        seals: true,
        signer: Some(Address::repeat_byte(5)),
        rules: [("config.clique.epoch", "30000"), ("config.clique.period", "2")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    };
    let requests = [
        Request::Hello(status.clone()),
        Request::Head(head),
        Request::Headers { from: 1, count: 10 },
        Request::Bodies(vec![block.hash(), B256::ZERO]),
        Request::Ancestry { of: block.hash(), count: 3 },
        Request::Peers,
        Request::Waiting,
        Request::Transactions(vec![block.hash()]),
    ];
    let responses = [
        Response::Hello(status.clone()),
        Response::Refused(status),
        Response::Head(head),
        Response::Headers(vec![block.header.inner().clone()]),
        Response::Bodies(vec![block.body.encode().into()]),
        Response::Ancestry(vec![(&block).into()]),
        Response::Peers(vec![address.clone()]),
        Response::Waiting(vec![block.hash()]),
        Response::Transactions(raw.clone()),
    ];
    let gossip = [Gossip::Block((&block).into()), Gossip::Transactions(raw.clone())];
    let mut samples = vec![
        ("block", block.encode()),
        ("body", block.body.encode()),
        ("transaction", raw[0].to_vec()),
        ("address", address.into_bytes()),
    ];
    samples.extend(requests.iter().map(|it| ("request", encode_request(it))));
    samples.extend(responses.iter().map(|it| ("response", encode_response(it))));
    samples.extend(gossip.iter().map(|it| ("gossip", encode_gossip(it))));
    samples
}

fn mutate(rng: &mut StdRng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = rng.random(),
            2 => bytes.insert(at, rng.random()),
            3 if at < bytes.len() => drop(bytes.remove(at)),
            4 => bytes.truncate(at),
            _ => {
                let part = bytes[at..].to_vec();
                bytes.extend(part.iter().take(64));
            }
        }
    }
}

#[test]
fn the_fuzzers_begin_with_these_samples() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let writes = std::env::var_os("MAINSPRING_WRITE_SEEDS").is_some();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, sample) in samples() {
        let count = counts.entry(name).or_default();
        *count += 1;
        let file = seeds.join(name).join(count.to_string());
        if writes {
            std::fs::create_dir_all(seeds.join(name)).unwrap();
            std::fs::write(&file, &sample).unwrap();
        }
        let held = std::fs::read(&file).unwrap_or_default();
        assert_eq!(held, sample, "{file:?} is old: MAINSPRING_WRITE_SEEDS=1 writes it anew");
    }
}

#[test]
fn nearly_right_bytes_do_no_harm() {
    for (name, sample) in samples() {
        let (_, claim) = claims::ALL.iter().find(|(of, _)| *of == name).unwrap();
        claim(&sample);
        for seed in 0..rounds() {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut bytes = sample.clone();
            mutate(&mut rng, &mut bytes);
            let held = std::panic::catch_unwind(|| claim(&bytes));
            assert!(held.is_ok(), "{name}, seed {seed}: {}", alloy_primitives::hex::encode(&bytes));
        }
    }
}

#[test]
fn noise_does_no_harm() {
    for (name, claim) in claims::ALL {
        for seed in 0..rounds() {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut bytes = vec![0; rng.random_range(0..200)];
            rng.fill(&mut bytes[..]);
            let held = std::panic::catch_unwind(|| claim(&bytes));
            assert!(held.is_ok(), "{name}, seed {seed}: {}", alloy_primitives::hex::encode(&bytes));
        }
    }
}
