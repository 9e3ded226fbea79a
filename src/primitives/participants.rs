//! Who took part in a transaction, and as what?

use super::Transaction;
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, map::HashMap};

/// What an address was in a transaction; it may have been several things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part(u8);

impl Part {
    /// It sent the transaction.
    pub const SENT: Self = Self(1);
    /// The transaction names it as receiver.
    pub const RECEIVED: Self = Self(1 << 1);
    /// The transaction created it.
    pub const CREATED: Self = Self(1 << 2);
    /// It was called inside, its code was run, or it got wei from a contract.
    pub const CALLED: Self = Self(1 << 3);

    /// As it is stored.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// What [`Part::bits`] answered.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Is it that, besides what else it may be?
    pub const fn is(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Somebody whom only execution shows to take part in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Participant {
    /// The transaction's place in its block.
    pub index: u32,
    /// Who.
    pub address: Address,
    /// Who created it; `None` if it was called.
    pub creator: Option<Address>,
}

/// Those whom only the execution of a block shows to take part in its transactions, in the order of
/// these.
pub type Participants = Vec<Participant>;

/// An address in a transaction of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Involved {
    /// The transaction's place in its block.
    pub index: u32,
    /// Who.
    pub address: Address,
    /// As what.
    pub part: Part,
}

/// Everyone who took part in the transactions of a block, each once a transaction, in the order of
/// transactions and addresses.
pub fn involved(transactions: &[Transaction], inside: &[Participant]) -> Vec<Involved> {
    let mut all = Vec::with_capacity(transactions.len() * 2 + inside.len());
    let mut rest = inside;
    let mut parts: HashMap<Address, Part> = HashMap::default();
    for (index, transaction) in (0_u32..).zip(transactions) {
        let mut add = |address: Address, part: Part| {
            let known = parts.entry(address).or_default();
            *known = known.and(part);
        };
        add(transaction.sender(), Part::SENT);
        transaction.to().into_iter().for_each(|to| add(to, Part::RECEIVED));
        let count = rest.iter().take_while(|it| it.index == index).count();
        let (here, later) = rest.split_at(count);
        for Participant { address, creator, .. } in here {
            add(*address, if creator.is_some() { Part::CREATED } else { Part::CALLED });
        }
        rest = later;
        let start = all.len();
        all.extend(parts.drain().map(|(address, part)| Involved { index, address, part }));
        if let Some(added) = all.get_mut(start..) {
            added.sort_unstable_by_key(|it| it.address);
        }
    }
    all
}

/// What one address was in a transaction of a block; `None` if it took no part.
pub fn part_of(
    address: Address,
    index: u32,
    transaction: &Transaction,
    inside: &[Participant],
) -> Option<Part> {
    let mut part = Part::default();
    if transaction.sender() == address {
        part = part.and(Part::SENT);
    }
    if transaction.to() == Some(address) {
        part = part.and(Part::RECEIVED);
    }
    let first = inside.partition_point(|it| it.index < index);
    let here = inside.get(first..).unwrap_or_default().iter().take_while(|it| it.index == index);
    for it in here.filter(|it| it.address == address) {
        part = part.and(if it.creator.is_some() { Part::CREATED } else { Part::CALLED });
    }
    (part != Part::default()).then_some(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::TxLegacy;

    const ALICE: Address = Address::repeat_byte(1);
    const BOB: Address = Address::repeat_byte(2);
    const VAULT: Address = Address::repeat_byte(3);

    fn transfer(from: Address, to: Address) -> Transaction {
        Transaction::impersonate(TxLegacy { to: to.into(), ..Default::default() }.into(), from)
    }

    #[test]
    fn an_address_shows_once_a_transaction_with_all_that_it_was() {
        let transactions = [transfer(ALICE, ALICE), transfer(BOB, ALICE)];
        let inside = [
            Participant { index: 0, address: ALICE, creator: None },
            Participant { index: 1, address: VAULT, creator: Some(ALICE) },
        ];
        let all = involved(&transactions, &inside);
        let self_call = Part::SENT.and(Part::RECEIVED).and(Part::CALLED);
        let expected = [
            (0, ALICE, self_call),
            (1, ALICE, Part::RECEIVED),
            (1, BOB, Part::SENT),
            (1, VAULT, Part::CREATED),
        ];
        let all: Vec<_> = all.into_iter().map(|it| (it.index, it.address, it.part)).collect();
        assert_eq!(all, expected);
        for (index, transaction) in (0_u32..).zip(&transactions) {
            for address in [ALICE, BOB, VAULT] {
                let listed = all.iter().find(|it| (it.0, it.1) == (index, address));
                let part = part_of(address, index, transaction, &inside);
                assert_eq!(part, listed.map(|it| it.2), "{address} in {index}");
            }
        }
    }
}
