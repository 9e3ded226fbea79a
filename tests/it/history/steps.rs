//! What may happen to a chain: blocks, edits, snapshots, reverts, restarts.

use super::{KEYS, Run, SLOTS};
use crate::{
    code::{self, Constructor, STORE},
    node::COINBASE,
    wallet::{delegate, key, sign},
    world::{Action, Gas, Sent, World, create2_address},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, map::B256Map};
use mainspring::{
    chain::ChainError,
    dev::DevError,
    primitives::{Edit, Transaction},
    sealer::Spacing,
    spec::{Fork, contracts::CREATE2_DEPLOYER_ADDRESS},
};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

impl Run {
    /// Sends some transactions, makes a block, and lets the model follow what is in it.
    pub(super) fn mine(&mut self) {
        let mut sent = B256Map::default();
        let mut nonces: Vec<_> =
            (0..KEYS).map(|index| self.now.get(key(index).address()).nonce).collect();
        for _ in 0..self.rng.random_range(0..7) {
            let from = self.rng.random_range(0..KEYS);
            let nonce = &mut nonces[from as usize];
            let (transaction, what) = self.transaction(from, *nonce);
            // A sender that an edit made poor is turned away.
            if self.node.send(transaction.clone()).is_ok() {
                *nonce += 1;
                sent.insert(transaction.hash(), what);
            }
        }
        self.node.mine().unwrap();
        self.node.pool.drop_all();
        self.follow(&sent);
    }

    /// Makes some empty blocks in one commit, if nothing lies over the head.
    pub(super) fn mine_empty(&mut self) {
        let before = self.node.chain.head().number;
        let count = self.rng.random_range(1..12);
        let made = self.node.sealer.mine_empty(count, Spacing::Clock).unwrap();
        assert_eq!(self.node.chain.head().number, before + made);
        for number in before + 1..=before + made {
            self.follow_block(number, &B256Map::default());
        }
    }

    /// Lets the model run what is in the new head.
    fn follow(&mut self, sent: &B256Map<Sent>) {
        self.follow_block(self.node.chain.head().number, sent);
    }

    /// Lets the model run what is in a new block.
    pub(super) fn follow_block(&mut self, number: u64, sent: &B256Map<Sent>) {
        let chain = &self.node.chain;
        let block = chain.block(number).unwrap().unwrap();
        let receipts = chain.receipts(number).unwrap().unwrap();
        let (fork, header) = (self.node.setup.fork, block.header.inner());
        assert_eq!(block.body.transactions.len(), receipts.len());
        let mut world = self.now.clone();
        world.begin(fork, header);
        let mut gas_before = 0;
        for (transaction, receipt) in block.body.transactions.iter().zip(receipts.iter()) {
            let sent = &sent[&transaction.hash()];
            let used = receipt.cumulative_gas_used - gas_before;
            let gas = Gas { limit: transaction.gas_limit(), used };
            gas_before = receipt.cumulative_gas_used;
            let success = world.run(sent, fork, header, gas);
            assert_eq!(receipt.status.coerce_status(), success, "{sent:?}");
        }
        self.now = world.clone();
        self.blocks.push((block.hash(), world));
    }

    pub(super) fn transaction(&mut self, from: u64, nonce: u64) -> (Transaction, Sent) {
        let key_ = key(from);
        let sender = key_.address();
        let value = U256::from(self.rng.random_range(0..3) * self.rng.random_range(0..1000));
        let action = self.action(from);
        let sent = |action| Sent { sender, nonce, value, action };
        let signed = |to: TxKind, input: Bytes| sign(&key_, nonce, to, value, input);
        let (transaction, action) = match action {
            Action::Transfer(to) => (signed(to.into(), Bytes::new()), Action::Transfer(to)),
            Action::Store(to, pairs) => {
                (signed(to.into(), code::store(&pairs)), Action::Store(to, pairs))
            }
            Action::Destroy(to, heir) => {
                (signed(to.into(), code::destroy(heir)), Action::Destroy(to, heir))
            }
            Action::Create(constructor) => {
                self.learn(sender.create(nonce));
                (signed(TxKind::Create, constructor.code()), Action::Create(constructor))
            }
            Action::Create2(salt, constructor) => {
                self.learn(create2_address(salt, constructor));
                let input = [salt.as_slice(), &constructor.code()].concat();
                let to = CREATE2_DEPLOYER_ADDRESS;
                (signed(to.into(), input.into()), Action::Create2(salt, constructor))
            }
            Action::Delegate(_, at, target) => {
                let authority = key((from + 1) % KEYS);
                let transaction = delegate(&key_, nonce, (&authority, at), target);
                let action = Action::Delegate(authority.address(), at, target);
                return (transaction, Sent { value: U256::ZERO, ..sent(action) });
            }
        };
        (transaction, sent(action))
    }

    fn action(&mut self, from: u64) -> Action {
        let address = self.someone();
        match self.rng.random_range(0..20) {
            0..3 => Action::Transfer(address),
            3..9 => Action::Store(address, self.pairs()),
            9..12 => {
                let heir = self.someone();
                // Who inherits from himself burns: a rule of its own, not of history.
                if heir == address {
                    return Action::Transfer(address);
                }
                Action::Destroy(address, heir)
            }
            12..14 => Action::Create(self.constructor()),
            14..18 => {
                // Few salts, so that addresses come again.
                let salt = B256::with_last_byte(self.rng.random_range(0..2));
                Action::Create2(salt, self.constructor())
            }
            _ if self.node.setup.fork < Fork::Prague => Action::Store(address, self.pairs()),
            _ => {
                let at = self.now.get(key((from + 1) % KEYS).address()).nonce;
                let is_store = self.now.get(address).code == STORE;
                let target = if is_store { address } else { Address::ZERO };
                Action::Delegate(Address::ZERO, at, target)
            }
        }
    }

    fn constructor(&mut self) -> Constructor {
        match self.rng.random_range(0..5) {
            0..2 => Constructor::Plain,
            2..4 => Constructor::Writes(3, 4),
            _ => Constructor::Doomed(Address::repeat_byte(0x71)),
        }
    }

    fn pairs(&mut self) -> Vec<(U256, U256)> {
        let count = self.rng.random_range(1..4);
        let pair = |rng: &mut StdRng| {
            let value = if rng.random_bool(0.4) { 0 } else { rng.random_range(1..1u64 << 40) };
            (U256::from(rng.random_range(0..SLOTS)), U256::from(value))
        };
        // One pair of two words is no single word, which would mean to destroy.
        (0..count).map(|_| pair(&mut self.rng)).collect()
    }

    fn someone(&mut self) -> Address {
        *self.addresses.choose(&mut self.rng).unwrap()
    }

    fn learn(&mut self, address: Address) {
        if !self.addresses.contains(&address) {
            self.addresses.push(address);
        }
    }

    /// Edits the head by hand, at least once.
    pub(super) fn edit(&mut self) {
        for _ in 0..self.rng.random_range(1..3) {
            let edits = self.edits();
            let mut world = self.now.clone();
            edits.iter().for_each(|edit| world.edit(edit));
            self.node.chain.edit(edits).unwrap();
            self.now = world;
        }
    }

    fn edits(&mut self) -> Vec<Edit> {
        let address = self.someone();
        let holder = self.now.get(address);
        if self.rng.random_bool(0.3) {
            return self.crowd(address, holder.nonce);
        }
        let is_key = (0..KEYS).any(|index| key(index).address() == address);
        match self.rng.random_range(0..6) {
            0 if !is_key => vec![Edit::Balance(address, U256::from(self.rng.random_range(0..3)))],
            0..2 => vec![Edit::Balance(address, U256::from(10).pow(U256::from(19)))],
            2 => vec![Edit::Nonce(address, holder.nonce + self.rng.random_range(1..4))],
            // Code and slots of an account without a nonce would make it a case of its own.
            // Before Cancun a coinbase that destroys itself loses even its tips.
            3 if !is_key && address != COINBASE => {
                let code = if self.rng.random_bool(0.7) { STORE } else { Bytes::new() };
                vec![Edit::Nonce(address, holder.nonce.max(1)), Edit::Code(address, code)]
            }
            _ => {
                let mut edits = vec![Edit::Nonce(address, holder.nonce.max(1))];
                let pairs = self.pairs();
                edits.extend(pairs.iter().map(|(slot, to)| Edit::Storage(address, *slot, *to)));
                edits
            }
        }
    }

    /// Many accounts that come and go, or many slots of one: tries that grow and shrink.
    fn crowd(&mut self, address: Address, nonce: u64) -> Vec<Edit> {
        let (count, share) = (self.rng.random_range(1..60), self.rng.random_range(0.0..1.0));
        let any = |rng: &mut StdRng| U256::from(rng.random_bool(share));
        if self.rng.random_bool(0.5) {
            let edit = |rng: &mut StdRng| {
                let address = Address::with_last_byte(rng.random_range(0x80..0xf0));
                Edit::Balance(address, any(rng))
            };
            return (0..count).map(|_| edit(&mut self.rng)).collect();
        }
        let edit = |rng: &mut StdRng| {
            Edit::Storage(address, U256::from(rng.random_range(0..64)), any(rng))
        };
        let slots: Vec<_> = (0..count).map(|_| edit(&mut self.rng)).collect();
        std::iter::once(Edit::Nonce(address, nonce.max(1))).chain(slots).collect()
    }

    pub(super) fn snapshot(&mut self) {
        let id = self.node.dev.snapshot().unwrap();
        self.snapshots.push((id, self.blocks.len(), self.now.clone()));
    }

    /// Goes back to one of the snapshots; those after it are gone.
    pub(super) fn revert(&mut self) {
        if self.snapshots.is_empty() {
            assert!(!self.node.dev.revert(u64::MAX).unwrap());
            return;
        }
        let place = self.rng.random_range(0..self.snapshots.len());
        let later: Vec<_> = self.snapshots.drain(place..).collect();
        let (id, height, world): (u64, usize, World) = later[0].clone();
        match self.node.dev.revert(id) {
            Err(DevError::Chain(ChainError::Pruned { number, first })) => {
                return self.check_pruned(number, first);
            }
            done => assert!(done.unwrap()),
        }
        for (id, ..) in later {
            assert!(!self.node.dev.revert(id).unwrap(), "snapshot {id} was used up");
        }
        self.blocks.truncate(height);
        self.now = world;
    }

    pub(super) fn restart(&mut self, clean: bool) {
        if clean {
            self.node.stop();
        } else {
            self.node.crash();
        }
        self.node.open().unwrap();
        self.snapshots.clear();
    }
}
