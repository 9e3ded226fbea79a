//! Which contracts do the tests deploy? Assembled by hand, so that their effect is known exactly.

use alloy_primitives::{Address, B256, Bytes, U256, bytes};

/// Runtime code. Called with nothing it takes the ether; with 32 bytes it destroys itself in favour
/// of that address; with pairs of 32 bytes it stores each second one at the slot of the first.
pub(crate) const STORE: Bytes = bytes!(
    // calldatasize == 32 ? destroy
    "36602014602157"
    // for i = 0; i < calldatasize; i += 64 { sstore(calldata[i], calldata[i + 32]) }
    "60005b36811015601f578060200135813555604001600956"
    // end: stop
    "5b00"
    // destroy: selfdestruct(calldata[0])
    "5b600035ff"
);

/// What a constructor does before it returns [`STORE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Constructor {
    /// Nothing.
    Plain,
    /// Writes these slots: slot 1 and 2.
    Writes(u8, u8),
    /// Writes slot 1 and destroys the contract in favour of an heir.
    Doomed(Address),
}

impl Constructor {
    /// The slots that are set when it returns.
    pub(crate) fn slots(self) -> Vec<(U256, U256)> {
        match self {
            Self::Writes(one, two) => {
                vec![(U256::from(1), U256::from(one)), (U256::from(2), U256::from(two))]
            }
            Self::Plain | Self::Doomed(_) => Vec::new(),
        }
    }

    /// The creation code.
    pub(crate) fn code(self) -> Bytes {
        let mut code = Vec::new();
        let mut store = |slot: u8, value: u8| code.extend([0x60, value, 0x60, slot, 0x55]);
        match self {
            Self::Plain => {}
            Self::Writes(one, two) => {
                store(1, one);
                store(2, two);
            }
            Self::Doomed(heir) => {
                store(1, 1);
                code.push(0x73);
                code.extend(heir);
                code.push(0xff);
                return code.into();
            }
        }
        let length = STORE.len() as u8;
        let offset = code.len() as u8 + 12;
        // codecopy(0, offset, length); return(0, length)
        code.extend([0x60, length, 0x60, offset, 0x60, 0, 0x39]);
        code.extend([0x60, length, 0x60, 0, 0xf3]);
        code.extend(STORE);
        code.into()
    }
}

/// Calldata that makes [`STORE`] write slots.
pub(crate) fn store(pairs: &[(U256, U256)]) -> Bytes {
    let words = pairs.iter().flat_map(|(slot, value)| [B256::from(*slot), B256::from(*value)]);
    words.flatten().collect::<Vec<u8>>().into()
}

/// Calldata that makes [`STORE`] destroy itself.
pub(crate) fn destroy(heir: Address) -> Bytes {
    heir.into_word().to_vec().into()
}

/// Words that [`emitter`] reads for one event: how many topics it has, and four topics.
pub(crate) const EVENT_WORDS: usize = 5;

/// Runtime code that emits an event without data for every [`EVENT_WORDS`] words it is called with.
pub(crate) fn emitter() -> Bytes {
    // i = 0; loop: if i >= calldatasize stop
    let mut code = vec![0x5f, 0x5b, 0x36, 0x81, 0x10, 0x15, 0x60, 0, 0x57];
    let (loop_at, end_place) = (1, 7);
    let mut places = Vec::new();
    for topics in 0..5 {
        // if calldata[i] == topics, go to what emits that many
        code.extend([0x80, 0x35, 0x60, topics, 0x14, 0x60, 0, 0x57]);
        places.push(code.len() - 2);
    }
    for (topics, place) in (0..5_u8).zip(places) {
        code[place] = code.len() as u8;
        code.push(0x5b);
        for pushed in 0..topics {
            // calldata[i + 32 * topic], the last topic first
            code.extend([0x80 + pushed, 0x60, 0x20 * (topics - pushed), 0x01, 0x35]);
        }
        // log(0, 0, topics); i += 160; go to loop
        code.extend([0x5f, 0x5f, 0xa0 + topics, 0x60, 0xa0, 0x01, 0x60, loop_at, 0x56]);
    }
    code[end_place] = code.len() as u8;
    code.extend([0x5b, 0x00]);
    code.into()
}

/// Calldata that makes [`emitter`] emit events with these topics.
pub(crate) fn emit(events: &[Vec<B256>]) -> Bytes {
    let words = events.iter().flat_map(|topics| {
        let mut words = [B256::ZERO; EVENT_WORDS];
        words[0] = B256::from(U256::from(topics.len()));
        words[1..=topics.len()].copy_from_slice(topics);
        words
    });
    words.flatten().collect::<Vec<u8>>().into()
}
