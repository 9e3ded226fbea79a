//! Which states of older blocks are in a dump? Anvil writes them with `--preserve-historical-states`: a
//! list of block hashes, each with the whole state after that block, in any order.

use super::{
    read::{Reading, Record, Storage},
    shapes::Number,
};
use crate::storage::StagedState;
use alloy_primitives::{Address, B256, Bytes};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::fmt;

/// All of them; none is `null`.
pub(super) struct States<'a, 'b>(pub(super) &'a mut Reading<'b>);

impl<'de> DeserializeSeed<'de> for States<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for States<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of block hashes, each with the state after that block")
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let reading = self.0;
        while seq.next_element_seed(State(reading))?.is_some() {}
        reading.state = StagedState::HEAD;
        Ok(())
    }
}

/// A block hash and its state.
struct State<'a, 'b>(&'a mut Reading<'b>);

impl<'de> DeserializeSeed<'de> for State<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for State<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a block hash and the state after that block")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let missing = |place| A::Error::invalid_length(place, &"a block hash and a state");
        let hash: B256 = seq.next_element()?.ok_or_else(|| missing(0))?;
        self.0.next_state(hash)?;
        seq.next_element_seed(Parts(self.0))?.ok_or_else(|| missing(1))?;
        match seq.next_element::<IgnoredAny>()? {
            Some(_) => Err(missing(3)),
            None => Ok(()),
        }
    }
}

/// Accounts and storage of one state.
struct Parts<'a, 'b>(&'a mut Reading<'b>);

impl<'de> DeserializeSeed<'de> for Parts<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Parts<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a state: an object with accounts and storage")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut has_accounts = false;
        while let Some(key) = map.next_key::<String>()? {
            self.0.allowance.next_element();
            match key.as_str() {
                "accounts" => {
                    has_accounts = true;
                    map.next_value_seed(Accounts(self.0))?;
                }
                "storage" => map.next_value_seed(Storages(self.0))?,
                _ => {
                    self.0.allowance.skip();
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if has_accounts { Ok(()) } else { Err(A::Error::missing_field("accounts")) }
    }
}

/// Every account of an object by address, without its storage.
struct Accounts<'a, 'b>(&'a mut Reading<'b>);

impl<'de> DeserializeSeed<'de> for Accounts<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Accounts<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("accounts by address")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((address, account)) = map.next_entry::<Address, AccountInfo>()? {
            let code = account.code.map_or_else(|| Ok(Bytes::new()), Code::deployed)?;
            let bytes = code.len();
            let record = Record { nonce: account.nonce.small()?, balance: account.balance.0, code };
            self.0.account(address, record);
            self.0.added(bytes)?;
        }
        Ok(())
    }
}

/// The storage of every account of an object by address.
struct Storages<'a, 'b>(&'a mut Reading<'b>);

impl<'de> DeserializeSeed<'de> for Storages<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Storages<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("storage by address")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(address) = map.next_key::<Address>()? {
            self.0.allowance.next_element();
            map.next_value_seed(Storage { reading: self.0, address })?;
        }
        Ok(())
    }
}

/// An account as the EVM of anvil has it.
#[derive(Deserialize)]
struct AccountInfo {
    nonce: Number,
    balance: Number,
    #[serde(default)]
    code: Option<Code>,
}

/// Code as the EVM of anvil has it: with what it found out about it.
#[derive(Deserialize)]
enum Code {
    LegacyRaw(Bytes),
    LegacyAnalyzed { bytecode: Bytes, original_len: usize },
    Eip7702 { delegated_address: Address },
}

impl Code {
    /// What is deployed.
    fn deployed<E: Error>(self) -> Result<Bytes, E> {
        match self {
            Self::LegacyRaw(code) => Ok(code),
            Self::LegacyAnalyzed { bytecode, original_len } if original_len <= bytecode.len() => {
                Ok(bytecode.slice(..original_len))
            }
            Self::LegacyAnalyzed { .. } => Err(E::custom("code is shorter than its original_len")),
            Self::Eip7702 { delegated_address } => {
                Ok([&DELEGATION[..], delegated_address.as_slice()].concat().into())
            }
        }
    }
}

/// How the code of an account begins that delegates to another (EIP-7702).
const DELEGATION: [u8; 3] = [0xef, 0x01, 0x00];
