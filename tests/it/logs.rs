//! Whatever happens, a search by the index finds what a look into every block finds.

use crate::{
    code::{emit, emitter},
    node::{Setup, TestChain},
    wallet::{key, sign},
};
use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types::Filter;
use mainspring::primitives::Edit;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IteratorRandom};

const STEPS: usize = 60;
const QUERIES: usize = 12;
/// Who emits.
const EMITTERS: [Address; 3] =
    [Address::repeat_byte(0xe1), Address::repeat_byte(0xe2), Address::repeat_byte(0xe3)];

/// An event by its place: height, transaction, place in the block, and who emitted it.
type Found = (u64, B256, u64, Address);

struct Run {
    rng: StdRng,
    node: TestChain,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let node = TestChain::start(Setup::at_any_pace(&mut rng));
        let code = EMITTERS.map(|address| Edit::Code(address, emitter()));
        node.chain.edit(code.into()).unwrap();
        node.mine().unwrap();
        Self { rng, node }
    }

    fn go(mut self) {
        for step in 0..STEPS {
            match self.rng.random_range(0..100) {
                0..70 => self.mine(),
                70..80 => self.go_back(),
                80..90 => self.node.chain.flush_state().unwrap(),
                90..95 => drop(self.node.reopen_after_crash()),
                _ => {
                    self.node.stop();
                    self.node.open().unwrap();
                }
            }
            if step % 5 == 0 {
                self.compare();
            }
        }
        self.compare();
        self.node.chain.flush_state().unwrap();
        self.compare();
    }

    fn topic(&mut self) -> B256 {
        B256::with_last_byte(self.rng.random_range(0..5))
    }

    /// A block with some transactions that emit, or none.
    fn mine(&mut self) {
        for sender in 0..self.rng.random_range(0..3) {
            let events: Vec<Vec<B256>> = (0..self.rng.random_range(0..4))
                .map(|_| (0..self.rng.random_range(0..5)).map(|_| self.topic()).collect())
                .collect();
            let to = *EMITTERS.iter().choose(&mut self.rng).unwrap();
            let nonce = self.node.account(key(sender).address()).0;
            let call = sign(&key(sender), nonce, to.into(), U256::ZERO, emit(&events));
            self.node.send(call).unwrap();
        }
        self.node.mine().unwrap();
    }

    fn go_back(&mut self) {
        let head = self.node.chain.head().number;
        let to = self.rng.random_range(head.saturating_sub(8).max(1)..=head);
        self.node.dev.set_head(to).unwrap();
    }

    fn filter(&mut self) -> Filter {
        let mut filter = Filter::new();
        let addresses = self.rng.random_range(0..3);
        let mut some = EMITTERS.iter().copied().choose_multiple(&mut self.rng, addresses);
        if self.rng.random_bool(0.1) {
            some.push(Address::repeat_byte(0xee));
        }
        filter.address = some.into_iter().collect();
        for place in 0..4 {
            if self.rng.random_bool(0.3) {
                let wanted = self.rng.random_range(1..4);
                filter.topics[place] = (0..wanted).map(|_| self.topic()).collect();
            }
        }
        filter
    }

    fn compare(&mut self) {
        let head = self.node.chain.head().number;
        for _ in 0..QUERIES {
            let filter = self.filter();
            let from = self.rng.random_range(0..=head);
            let to = self.rng.random_range(from..=head + 2);
            assert_eq!(self.search(&filter, from, to), self.scan(&filter, from, to), "{filter:?}");
        }
    }

    fn search(&self, filter: &Filter, from: u64, to: u64) -> Vec<Found> {
        let mut search = self.node.chain.search_logs(filter, from, to).unwrap();
        let mut found = Vec::new();
        while let Some(block) = search.next(u64::MAX).unwrap() {
            let number = block.header.number;
            found.extend(
                block
                    .logs
                    .into_iter()
                    .map(|log| (number, log.transaction_hash, log.log_index, log.event.address)),
            );
        }
        assert!(search.is_done());
        found
    }

    fn scan(&self, filter: &Filter, from: u64, to: u64) -> Vec<Found> {
        let mut found = Vec::new();
        for number in from..=to.min(self.node.chain.head().number) {
            let block = self.node.chain.block(number).unwrap().unwrap();
            let receipts = self.node.chain.receipts(number).unwrap().unwrap();
            let each = block.body.transactions.iter().zip(receipts.iter());
            let logs = each.flat_map(|(tx, it)| it.logs.iter().map(move |log| (tx.hash(), log)));
            let wanted = (0..).zip(logs).filter(|(_, (_, log))| filter.matches(log));
            found.extend(wanted.map(|(index, (hash, log))| (number, hash, index, log.address)));
        }
        found
    }
}

#[test]
fn a_search_finds_what_a_look_into_every_block_finds() {
    crate::history::each_seed(|seed| Run::new(seed).go());
}

#[test]
fn what_a_search_costs_follows_what_it_finds_and_not_the_range() {
    let mut run = Run::new(1);
    let emit_from = |run: &Run, emitter: Address, nonce| {
        let call = sign(&key(0), nonce, emitter.into(), U256::ZERO, emit(&[vec![B256::ZERO]]));
        run.node.send(call).unwrap();
    };
    for nonce in 0..400 {
        emit_from(&run, EMITTERS[usize::from(nonce % 100 == 0)], nonce);
        run.node.mine().unwrap();
    }
    run.node.stop();
    run.node.open().unwrap();
    let rare = Filter::new().address(EMITTERS[1]);
    let mut search = run.node.chain.search_logs(&rare, 0, 1_000).unwrap();
    assert_eq!(search.unindexed(), 0);
    let mut found = 0;
    while search.next(u64::MAX).unwrap().is_some() {
        found += 1;
    }
    assert_eq!((found, search.is_done()), (4, true));
    assert!(search.cost() <= 5, "{}", search.cost());
    // Everyone's topic and a rare address: the rare one leads.
    let both = rare.event_signature(B256::ZERO);
    let mut search = run.node.chain.search_logs(&both, 0, 1_000).unwrap();
    while search.next(u64::MAX).unwrap().is_some() {}
    assert!(search.cost() <= 6, "{}", search.cost());
}

#[test]
fn a_search_that_runs_out_of_its_budget_says_how_far_it_came() {
    let run = Run::new(2);
    for nonce in 0..20 {
        let input = emit(&[vec![B256::ZERO]]);
        let call = sign(&key(0), nonce, EMITTERS[0].into(), U256::ZERO, input);
        run.node.send(call).unwrap();
        run.node.mine().unwrap();
    }
    run.node.chain.flush_state().unwrap();
    let filter = Filter::new().address(EMITTERS[0]);
    let mut search = run.node.chain.search_logs(&filter, 2, 21).unwrap();
    let mut blocks = Vec::new();
    while let Some(block) = search.next(7).unwrap() {
        blocks.push(block.header.number);
    }
    assert!(!search.is_done());
    assert_eq!(blocks, (2..search.position()).collect::<Vec<_>>());
    assert!((4..=8).contains(&blocks.len()), "{blocks:?}");
}
