//! What is in a dump? Read element by element onto disk; its parts may come in any order.

use super::{
    DumpError,
    older::States,
    shapes::{self, BlockEnvironment, DumpedReceipt, Number},
    source::{self, Allowance},
};
use crate::{
    chain::{Chain, LoadHead},
    storage::{Stage, StageBatch, StagedAccount, StagedReceipt, StagedState},
};
use alloy_consensus::{Header, constants::KECCAK_EMPTY};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::{fmt, io::Read, marker::PhantomData};

/// Rows, and bytes of code and blocks, that are staged with one commit.
const BATCH_ROWS: usize = 50_000;
const BATCH_BYTES: usize = 32 << 20;

/// A dump that was read, on disk.
#[derive(Debug)]
pub struct Dump {
    pub(super) stage: Stage,
    pub(super) head: LoadHead,
}

/// Reads a dump into a stage of the chain, which does not change. `limit` bounds its unpacked bytes;
/// `told` hears how many bytes of the input were taken.
pub fn read(
    chain: &Chain,
    input: impl Read,
    limit: Option<u64>,
    told: &mut dyn FnMut(u64),
) -> Result<Dump, DumpError> {
    let allowance = Allowance::default();
    let json = source::open(input, limit, &allowance, told)?;
    let stage = chain.stage()?;
    let mut reading = Reading {
        stage: &stage,
        allowance: allowance.clone(),
        state: StagedState::HEAD,
        states: 0,
        batch: StageBatch::default(),
        rows: 0,
        bytes: 0,
        failed: None,
        has_accounts: false,
        best: None,
        environment: None,
    };
    let mut json = serde_json::Deserializer::from_reader(json);
    let read = Document(&mut reading).deserialize(&mut json).and_then(|()| json.end());
    if let Err(error) = read {
        return Err(reading.failed.take().unwrap_or_else(|| allowance.explain(error)));
    }
    if !reading.has_accounts {
        return Err(DumpError::NoAccounts);
    }
    reading.put()?;
    let head = reading.head(chain)?;
    Ok(Dump { stage, head })
}

pub(super) struct Reading<'a> {
    stage: &'a Stage,
    pub(super) allowance: Allowance,
    /// Whose accounts and slots come now.
    pub(super) state: StagedState,
    /// States of older blocks so far.
    states: u32,
    batch: StageBatch,
    rows: usize,
    bytes: usize,
    /// What went wrong that is no matter of form.
    failed: Option<DumpError>,
    has_accounts: bool,
    best: Option<u64>,
    environment: Option<BlockEnvironment>,
}

impl Reading<'_> {
    fn put(&mut self) -> Result<(), DumpError> {
        self.stage.put(&self.batch)?;
        self.batch = StageBatch::default();
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    /// One row more, with so many bytes that are not of fixed size.
    pub(super) fn added<E: Error>(&mut self, bytes: usize) -> Result<(), E> {
        self.allowance.next_element();
        self.rows += 1;
        self.bytes += bytes;
        if self.rows < BATCH_ROWS && self.bytes < BATCH_BYTES {
            return Ok(());
        }
        self.put().map_err(|error| {
            self.failed = Some(error);
            E::custom("the dump cannot be stored")
        })
    }

    /// The state after this block comes now.
    pub(super) fn next_state<E: Error>(&mut self, block: B256) -> Result<(), E> {
        self.states = self.states.checked_add(1).ok_or_else(|| E::custom("too many states"))?;
        self.state = StagedState(self.states);
        self.batch.states.push((block, self.state));
        self.added(0)
    }

    pub(super) fn account(&mut self, address: Address, record: Record) {
        let Record { nonce, balance, code } = record;
        let code_hash = if code.is_empty() { KECCAK_EMPTY } else { keccak256(&code) };
        let account = StagedAccount { address, nonce, balance, code_hash };
        self.batch.accounts.push((self.state, account));
        if !code.is_empty() {
            self.batch.codes.push((code_hash, code));
        }
    }

    /// The block that becomes the head. Versions before 0.1 name none, and have nothing but accounts.
    fn head(&self, chain: &Chain) -> Result<LoadHead, DumpError> {
        let environment = self.environment.clone().unwrap_or_default();
        let named = environment.number.map(|number| number.0.saturating_to());
        let highest = self.stage.reader()?.highest()?;
        let now = chain.head();
        let number = self.best.or(named).or(highest).unwrap_or(now.number);
        let small = |number: Option<Number>, or: u64| number.map_or(or, |it| it.0.saturating_to());
        let template = chain.spec().genesis_header(B256::ZERO);
        let base_fee = template.base_fee_per_gas.map(|or| small(environment.basefee, or));
        let header = Header {
            parent_hash: B256::ZERO,
            number,
            beneficiary: environment.beneficiary.unwrap_or_default(),
            timestamp: small(environment.timestamp, now.timestamp),
            gas_limit: small(environment.gas_limit, now.gas_limit),
            mix_hash: environment.prevrandao.unwrap_or_default(),
            base_fee_per_gas: base_fee,
            extra_data: Bytes::new(),
            ..template
        };
        Ok(LoadHead { number, header: Some(header) })
    }
}

/// The whole dump.
struct Document<'a, 'b>(&'a mut Reading<'b>);

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a dump: an object with accounts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reading = self.0;
        while let Some(key) = map.next_key::<String>()? {
            reading.allowance.next_element();
            match key.as_str() {
                "block" => reading.environment = map.next_value()?,
                "best_block_number" => {
                    let best: Option<Number> = map.next_value()?;
                    reading.best = best.map(Number::small).transpose()?;
                }
                "accounts" => {
                    reading.has_accounts = true;
                    map.next_value_seed(Entries(reading))?;
                }
                "blocks" => map.next_value_seed(Items { reading, one: block })?,
                "transactions" => map.next_value_seed(Items { reading, one: mined })?,
                "historical_states" => map.next_value_seed(States(reading))?,
                _ => {
                    reading.allowance.skip();
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Every element of a list.
struct Items<'a, 'b, T> {
    reading: &'a mut Reading<'b>,
    one: fn(&mut Reading<'b>, T),
}

/// An element of a list that is put down at once.
trait Element: Sized {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
    fn bytes(&self) -> usize;
}

impl Element for crate::primitives::Block {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shapes::block(deserializer)
    }

    fn bytes(&self) -> usize {
        self.rlp_length()
    }
}

impl Element for DumpedReceipt {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }

    fn bytes(&self) -> usize {
        self.receipt.logs.iter().map(|log| 200 + log.data.data.len()).sum()
    }
}

fn block(reading: &mut Reading<'_>, block: crate::primitives::Block) {
    reading.batch.blocks.push(block);
}

fn mined(reading: &mut Reading<'_>, mined: DumpedReceipt) {
    let index = mined.info.transaction_index.0.saturating_to();
    reading.batch.receipts.push(StagedReceipt {
        block: mined.block_hash,
        index,
        transaction: mined.info.transaction_hash,
        receipt: mined.receipt,
    });
}

impl<'de, T: Element> DeserializeSeed<'de> for Items<'_, '_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Element> Visitor<'de> for Items<'_, '_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element_seed(One(PhantomData::<T>))? {
            let bytes = element.bytes();
            (self.one)(self.reading, element);
            self.reading.added(bytes)?;
        }
        Ok(())
    }
}

struct One<T>(PhantomData<T>);

impl<'de, T: Element> DeserializeSeed<'de> for One<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::read(deserializer)
    }
}

/// Every account of an object by address.
struct Entries<'a, 'b>(&'a mut Reading<'b>);

impl<'de> DeserializeSeed<'de> for Entries<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("accounts by address")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(address) = map.next_key::<Address>()? {
            let record = map.next_value_seed(Account { reading: self.0, address })?;
            let bytes = record.code.len();
            self.0.account(address, record);
            self.0.added(bytes)?;
        }
        Ok(())
    }
}

/// An account without its storage, which is put down as it comes.
#[derive(Default)]
pub(super) struct Record {
    pub(super) nonce: u64,
    pub(super) balance: U256,
    pub(super) code: Bytes,
}

struct Account<'a, 'b> {
    reading: &'a mut Reading<'b>,
    address: Address,
}

impl<'de> DeserializeSeed<'de> for Account<'_, '_> {
    type Value = Record;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Record, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Account<'_, '_> {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account: an object with nonce, balance, code and storage")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
        let mut record = Record::default();
        let mut balance = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "nonce" => record.nonce = map.next_value::<Number>()?.small()?,
                "balance" => balance = Some(map.next_value::<Number>()?.0),
                "code" => record.code = map.next_value()?,
                "storage" => {
                    let address = self.address;
                    map.next_value_seed(Storage { reading: self.reading, address })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        record.balance = balance.ok_or_else(|| A::Error::missing_field("balance"))?;
        Ok(record)
    }
}

/// Slots of an account, which are put down as they come.
pub(super) struct Storage<'a, 'b> {
    pub(super) reading: &'a mut Reading<'b>,
    pub(super) address: Address,
}

impl<'de> DeserializeSeed<'de> for Storage<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Storage<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("slots and what they hold")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((slot, value)) = map.next_entry::<Number, Number>()? {
            let row = (self.reading.state, self.address, slot.0, value.0);
            self.reading.batch.slots.push(row);
            self.reading.added(0)?;
        }
        Ok(())
    }
}
