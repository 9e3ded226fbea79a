//! Block zero: the state and the header that a genesis file describes.

use super::{ChainSpec, Fork};
use crate::primitives::{Account, AccountChange, StateChanges};
use alloy_consensus::{
    EMPTY_OMMER_ROOT_HASH, Header,
    constants::{EMPTY_RECEIPTS, EMPTY_TRANSACTIONS, EMPTY_WITHDRAWALS, KECCAK_EMPTY},
};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_genesis::GenesisAccount;
use alloy_primitives::{B64, B256, Bloom};

/// Gas limit of a genesis that names none, as in geth.
const DEFAULT_GAS_LIMIT: u64 = 4_712_388;

impl ChainSpec {
    /// The genesis accounts as changes of an empty state.
    pub fn genesis_changes(&self) -> StateChanges {
        let mut changes = StateChanges::default();
        for (address, account) in &self.genesis.alloc {
            if let Some(code) = account.non_empty_code() {
                let hash = account.code_hash().unwrap_or(KECCAK_EMPTY);
                changes.codes.insert(hash, code.clone());
            }
            changes.accounts.insert(*address, change_of(account));
        }
        changes
    }

    /// The genesis header over this state. Fields that a fork brings are there exactly if it is
    /// active at the genesis.
    pub fn genesis_header(&self, state_root: B256) -> Header {
        let genesis = &self.genesis;
        let number = genesis.number.unwrap_or(0);
        let fork = self.fork_of(number, genesis.timestamp, genesis.difficulty);
        let base_fee = genesis.base_fee_per_gas.and_then(|fee| u64::try_from(fee).ok());
        let since = |first: Fork| fork >= first;
        Header {
            parent_hash: genesis.parent_hash.unwrap_or_default(),
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: genesis.coinbase,
            state_root,
            transactions_root: EMPTY_TRANSACTIONS,
            receipts_root: EMPTY_RECEIPTS,
            logs_bloom: Bloom::ZERO,
            difficulty: genesis.difficulty,
            number,
            gas_limit: if genesis.gas_limit == 0 { DEFAULT_GAS_LIMIT } else { genesis.gas_limit },
            gas_used: 0,
            timestamp: genesis.timestamp,
            extra_data: genesis.extra_data.clone(),
            mix_hash: genesis.mix_hash,
            nonce: B64::from(genesis.nonce),
            base_fee_per_gas: since(Fork::London)
                .then(|| base_fee.unwrap_or_else(|| self.fee_market.first_base_fee())),
            withdrawals_root: since(Fork::Shanghai).then_some(EMPTY_WITHDRAWALS),
            blob_gas_used: since(Fork::Cancun).then(|| genesis.blob_gas_used.unwrap_or(0)),
            excess_blob_gas: since(Fork::Cancun).then(|| genesis.excess_blob_gas.unwrap_or(0)),
            parent_beacon_block_root: since(Fork::Cancun).then_some(B256::ZERO),
            requests_hash: since(Fork::Prague).then_some(EMPTY_REQUESTS_HASH),
            ..Default::default()
        }
    }
}

fn change_of(account: &GenesisAccount) -> AccountChange {
    let storage = account.storage_slots().filter(|(_, value)| !value.is_zero());
    AccountChange {
        account: Some(Account {
            nonce: account.nonce.unwrap_or(0),
            balance: account.balance,
            code_hash: account.code_hash().unwrap_or(KECCAK_EMPTY),
            ..Default::default()
        }),
        wiped: false,
        storage: storage.map(|(slot, value)| (slot.into(), value)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, U256, b256};
    use serde_json::json;

    fn read(genesis: serde_json::Value) -> ChainSpec {
        ChainSpec::from_genesis(serde_json::from_value(genesis).unwrap()).unwrap()
    }

    #[test]
    fn mainnet_header_fields_give_mainnets_hash() {
        let spec = read(json!({
            "config": {"chainId": 1, "homesteadBlock": 1_150_000, "ethash": {}},
            "nonce": "0x42", "timestamp": "0x0", "gasLimit": "0x1388", "difficulty": "0x400000000",
            "extraData": "0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa",
            "alloc": {}
        }));
        let root = b256!("0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544");
        let hash = b256!("0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3");
        assert_eq!(spec.genesis_header(root).hash_slow(), hash);
    }

    #[test]
    fn accounts_come_with_code_and_slots_that_are_not_zero() {
        let address = Address::repeat_byte(9);
        let spec = read(json!({
            "config": {"chainId": 1}, "gasLimit": "0x0", "difficulty": "0x0",
            "alloc": {address.to_string(): {
                "balance": "0x5", "nonce": "0x2", "code": "0x6001",
                "storage": {"0x01": "0x02", "0x03": "0x00"}
            }}
        }));
        let changes = spec.genesis_changes();
        let change = &changes.accounts[&address];
        let account = change.account.unwrap();
        assert_eq!((account.nonce, account.balance), (2, U256::from(5)));
        assert_eq!(changes.codes[&account.code_hash].as_ref(), [0x60, 0x01]);
        assert_eq!(change.storage.len(), 1);
        assert_eq!(change.storage[&U256::from(1)], U256::from(2));
        assert_eq!(spec.genesis_header(B256::ZERO).gas_limit, DEFAULT_GAS_LIMIT);
    }
}
