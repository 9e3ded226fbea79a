//! Whatever happens, the index of addresses says what traces of every block say.

use crate::{
    node::{Setup, TestChain, check_stored},
    wallet::{key, sign},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use mainspring::{
    chain::{ChainError, Direction},
    evm::trace::{TraceLimits, TraceOptions, trace_block},
    primitives::{Block, Edit, Part},
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

const STEPS: usize = 30;
/// Contracts that are there from the start.
const PLACED: [Address; 4] = [
    Address::repeat_byte(0xc1),
    Address::repeat_byte(0xc2),
    Address::repeat_byte(0xc3),
    Address::repeat_byte(0xc4),
];
/// Nobody's.
const PLAIN: [Address; 2] = [Address::repeat_byte(0xd1), Address::repeat_byte(0xd2)];

/// Height and place of a transaction, and what an address was in it.
type Seen = BTreeMap<(u64, usize), Part>;

/// What traces say of a chain.
#[derive(Debug, Default)]
struct Told {
    seen: BTreeMap<Address, Seen>,
    /// The newest creation of each contract: the transaction and who did it there.
    created: BTreeMap<Address, (B256, Address)>,
    /// The newest transaction of each sender and nonce.
    sent: BTreeMap<(Address, u64), B256>,
}

struct Run {
    rng: StdRng,
    node: TestChain,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let node = TestChain::start(Setup::at_any_pace(&mut rng));
        let mut run = Self { rng, node };
        let code = PLACED.map(|address| Edit::Code(address, run.program()));
        let wei = PLACED.map(|address| Edit::Balance(address, U256::from(1_000)));
        run.node.chain.edit([code, wei].concat()).unwrap();
        run.node.mine().unwrap();
        run
    }

    fn go(mut self) {
        for step in 0..STEPS {
            match self.rng.random_range(0..100) {
                0..64 => self.mine(),
                64..74 => self.go_back(),
                74..82 => self.node.chain.flush_state().unwrap(),
                82..88 => drop(self.node.reopen_after_crash()),
                88..92 => self.node.chain.forget_address_index().unwrap(),
                92..96 => self.restart_with(!self.node.setup.address_index),
                _ => self.restart_with(true),
            }
            if step % 10 == 9 {
                self.compare();
            }
        }
        self.compare();
        check_stored(&self.node);
        self.node.chain.flush_state().unwrap();
        self.compare();
        check_stored(&self.node);
    }

    fn restart_with(&mut self, address_index: bool) {
        self.node.stop();
        self.node.setup.address_index = address_index;
        self.node.open().unwrap();
    }

    fn somebody(&mut self) -> Address {
        let mut all = [&PLACED[..], &PLAIN[..]].concat();
        all.extend((0..3).map(|index| key(index).address()));
        *all.choose(&mut self.rng).unwrap()
    }

    /// Code that calls, creates and destroys, and ends in one of several ways.
    fn program(&mut self) -> Bytes {
        let mut code = Vec::new();
        for _ in 0..self.rng.random_range(0..4) {
            if self.rng.random_bool(0.3) {
                self.creation(&mut code);
            } else {
                self.call(&mut code);
            }
        }
        let heir = self.somebody();
        match self.rng.random_range(0..10) {
            0 => code.extend([0x5f, 0x5f, 0xfd]),
            1 => code.push(0xfe),
            2 => code.extend([&[0x73], heir.as_slice(), &[0xff]].concat()),
            3..6 => code.extend([0x60, 1, 0x5f, 0xf3]),
            _ => code.push(0),
        }
        code.into()
    }

    fn call(&mut self, code: &mut Vec<u8>) {
        let (kind, to) =
            (*[0xf1, 0xf1, 0xf2, 0xf4, 0xfa].choose(&mut self.rng).unwrap(), self.somebody());
        let to = if self.rng.random_bool(0.1) { Address::with_last_byte(4) } else { to };
        code.extend([0x5f; 4]);
        if matches!(kind, 0xf1 | 0xf2) {
            code.extend([0x60, *[0, 1, 200].choose(&mut self.rng).unwrap()]);
        }
        code.push(0x73);
        code.extend(to);
        // 65,535 gas.
        code.extend([0x61, 0xff, 0xff, kind, 0x50]);
    }

    fn creation(&mut self, code: &mut Vec<u8>) {
        let heir = self.somebody();
        let init = match self.rng.random_range(0..4) {
            0 => vec![0x5f, 0x5f, 0xfd],
            1 => [&[0x73], heir.as_slice(), &[0xff]].concat(),
            2 => vec![0x60, 1, 0x5f, 0xf3],
            _ => vec![],
        };
        code.push(0x7f);
        code.extend(B256::right_padding_from(&init));
        code.extend([0x5f, 0x52]);
        let by_salt = self.rng.random_bool(0.5);
        if by_salt {
            code.extend([0x60, self.rng.random_range(0..3)]);
        }
        code.extend([0x60, init.len() as u8, 0x5f, 0x60, self.rng.random_range(0..2)]);
        code.extend([if by_salt { 0xf5 } else { 0xf0 }, 0x50]);
    }

    fn mine(&mut self) {
        for sender in 0..self.rng.random_range(0..4) {
            let nonce = self.node.account(key(sender).address()).0;
            let (to, input) = match self.rng.random_range(0..3) {
                0 => (TxKind::Create, self.program()),
                _ => (self.somebody().into(), Bytes::new()),
            };
            self.node.send(sign(&key(sender), nonce, to, U256::from(7), input)).unwrap();
        }
        if self.rng.random_bool(0.05) {
            let again = key(self.rng.random_range(0..3)).address();
            self.node.chain.edit(vec![Edit::Nonce(again, 0)]).unwrap();
        }
        self.node.mine().unwrap();
    }

    fn go_back(&mut self) {
        let head = self.node.chain.head().number;
        let to = self.rng.random_range(head.saturating_sub(8).max(1)..=head);
        self.node.dev.set_head(to).unwrap();
    }

    fn compare(&mut self) {
        if !self.node.setup.address_index {
            let error = self.node.chain.creation_of(Address::ZERO).unwrap_err();
            assert!(matches!(error, ChainError::AddressIndex { .. }), "{error}");
            return;
        }
        self.wait_for_the_index();
        let told = self.told();
        let mut addresses: BTreeSet<_> = told.seen.keys().copied().collect();
        addresses.extend(PLAIN);
        for address in addresses {
            let seen = told.seen.get(&address).cloned().unwrap_or_default();
            for direction in [Direction::Up, Direction::Down] {
                assert_eq!(self.pages(address, direction), seen, "{address} {direction:?}");
            }
            let created = self.node.chain.creation_of(address).unwrap();
            assert_eq!(created, told.created.get(&address).copied(), "{address}");
        }
        for ((sender, nonce), hash) in &told.sent {
            let found = self.node.chain.sent_with_nonce(*sender, *nonce).unwrap();
            assert_eq!(found, Some(*hash), "{sender} {nonce}");
            let never = self.node.chain.sent_with_nonce(*sender, *nonce + 1_000).unwrap();
            assert_eq!(never, None);
        }
    }

    fn wait_for_the_index(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        // Where it was emptied, the next start fills it.
        let is_empty = || self.node.storage.state.reader().unwrap().addresses_indexed().unwrap();
        if is_empty().is_none() {
            self.restart_with(true);
        }
        while self.node.chain.creation_of(Address::ZERO).is_err() {
            assert!(Instant::now() < deadline, "the index is not complete");
            std::thread::yield_now();
        }
    }

    /// Everything of an address, a page after the other.
    fn pages(&mut self, address: Address, direction: Direction) -> Seen {
        let mut seen = Seen::new();
        let mut from = if direction == Direction::Up { 0 } else { u64::MAX };
        loop {
            let size = self.rng.random_range(1..4);
            let page = self.node.chain.transactions_of(address, from, direction, size).unwrap();
            let count: usize = page.places.iter().map(|(_, places)| places.len()).sum();
            let last = page.places.last().map_or(0, |(_, places)| places.len());
            assert!(count < size + last, "a page ends with the block that fills it");
            for (number, places) in &page.places {
                seen.extend(places.iter().map(|(index, part)| ((*number, *index), *part)));
            }
            let Some((number, _)) = page.places.last() else { return seen };
            from = match direction {
                _ if page.is_last => return seen,
                Direction::Up => number + 1,
                Direction::Down => number - 1,
            };
        }
    }

    fn told(&self) -> Told {
        let mut told = Told::default();
        for number in 1..=self.node.chain.head().number {
            let block = self.node.chain.block(number).unwrap().unwrap();
            self.tell(&block, &mut told);
        }
        told
    }

    fn tell(&self, block: &Block, told: &mut Told) {
        let chain = &self.node.chain;
        let replay = chain.replay_of(block.clone()).unwrap().unwrap();
        let options: TraceOptions =
            serde_json::from_value(json!({ "tracer": "flatCallTracer" })).unwrap();
        let limits = TraceLimits {
            bytes: 1 << 30,
            timeout: Duration::from_secs(60),
            stop: Default::default(),
            scripts: Default::default(),
        };
        let traced =
            trace_block(&chain.spec(), chain.evm_settings(), replay, &options, &limits).unwrap();
        for (index, (tx, traced)) in block.body.transactions.iter().zip(traced).enumerate() {
            told.sent.insert((tx.sender(), tx.nonce()), tx.hash());
            let mut add = |address: Address, part: Part| {
                let seen = told.seen.entry(address).or_default();
                let known = seen.entry((block.number(), index)).or_default();
                *known = known.and(part);
            };
            add(tx.sender(), Part::SENT);
            tx.to().into_iter().for_each(|to| add(to, Part::RECEIVED));
            let frames: Vec<Value> = serde_json::from_str(traced.result.get()).unwrap();
            let failed: Vec<_> = frames.iter().filter(|it| it.get("error").is_some()).collect();
            for frame in &frames {
                let place = frame["traceAddress"].as_array().unwrap();
                let is_kept = !failed
                    .iter()
                    .any(|it| place.starts_with(it["traceAddress"].as_array().unwrap()));
                let address = |value: &Value| serde_json::from_value::<Address>(value.clone()).ok();
                let action = &frame["action"];
                if !place.is_empty() {
                    let called = [&action["to"], &action["refundAddress"]];
                    let called = called.into_iter().filter_map(address);
                    let called = called.filter(|it| !it.starts_with(&[0; 18]));
                    called.for_each(|it| add(it, Part::CALLED));
                }
                if let (true, Some(contract)) = (is_kept, address(&frame["result"]["address"])) {
                    add(contract, Part::CREATED);
                    let creator = address(&action["from"]).unwrap();
                    told.created.insert(contract, (tx.hash(), creator));
                }
            }
        }
    }
}

#[test]
fn the_index_of_addresses_says_what_traces_of_every_block_say() {
    crate::history::each_seed(|seed| Run::new(seed).go());
}

#[test]
fn a_start_without_the_index_is_made_up_for() {
    let mut run = Run::new(3);
    run.restart_with(false);
    (0..12).for_each(|_| run.mine());
    run.compare();
    run.restart_with(true);
    run.compare();
}
