//! What does an account hold, at which block, and how is it proven?

use super::nonces;
use crate::{
    primitives::Account,
    rpc::{
        Answer, Api, RpcContext, RpcError,
        params::{At, Word, word},
        resolve,
    },
    state::{AccountProof, StateError, StateView},
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types::{
    Account as RpcAccount, AccountInfo, EIP1186AccountProofResponse, EIP1186StorageProof,
};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use std::collections::BTreeMap;

/// Accounts, at every block since genesis; the newest if none is named.
#[rpc(server, namespace = "eth")]
pub trait State {
    /// Balance in wei.
    #[method(name = "getBalance")]
    fn balance(&self, address: Address, block: Option<At>) -> Answer<U256>;

    /// Code; empty for an account without.
    #[method(name = "getCode")]
    fn code(&self, address: Address, block: Option<At>) -> Answer<Bytes>;

    /// One storage slot.
    #[method(name = "getStorageAt")]
    fn storage_at(&self, address: Address, slot: Word, block: Option<At>) -> Answer<B256>;

    /// Storage slots of several accounts, all of one block.
    #[method(name = "getStorageValues")]
    async fn storage_values(
        &self,
        slots: BTreeMap<Address, Vec<Word>>,
        block: Option<At>,
    ) -> Answer<BTreeMap<Address, Vec<B256>>>;

    /// Nonce of the next transaction; at `pending`, after all that wait in the pool.
    #[method(name = "getTransactionCount")]
    fn transaction_count(&self, address: Address, block: Option<At>) -> Answer<U64>;

    /// The account as it is in the state trie; null if there is none.
    #[method(name = "getAccount")]
    async fn account(&self, address: Address, block: Option<At>) -> Answer<Option<RpcAccount>>;

    /// Balance, nonce and code in one.
    #[method(name = "getAccountInfo")]
    fn account_info(&self, address: Address, block: Option<At>) -> Answer<AccountInfo>;

    /// The account and some of its slots with the trie nodes that prove them against the block's
    /// state root ([EIP-1186](https://eips.ethereum.org/EIPS/eip-1186)).
    #[method(name = "getProof")]
    async fn proof(
        &self,
        address: Address,
        slots: Vec<Word>,
        block: Option<At>,
    ) -> Answer<EIP1186AccountProofResponse>;
}

#[async_trait]
impl StateServer for Api {
    fn balance(&self, address: Address, block: Option<At>) -> Answer<U256> {
        Ok(account(&view(self, block)?, address)?.balance)
    }

    fn code(&self, address: Address, block: Option<At>) -> Answer<Bytes> {
        let view = view(self, block)?;
        Ok(view.code(account(&view, address)?.code_hash)?)
    }

    fn storage_at(&self, address: Address, slot: Word, block: Option<At>) -> Answer<B256> {
        Ok(view(self, block)?.storage(address, word(slot))?.into())
    }

    async fn storage_values(
        &self,
        slots: BTreeMap<Address, Vec<Word>>,
        block: Option<At>,
    ) -> Answer<BTreeMap<Address, Vec<B256>>> {
        let (asked, limit) = (slots.values().map(Vec::len).sum::<usize>(), self.limits.proof_slots);
        if asked == 0 {
            return Err(RpcError::NoSlots);
        }
        if asked > limit {
            return Err(RpcError::TooManySlots(limit));
        }
        self.blocking(move |node| {
            let view = view(node, block)?;
            let read = |(address, slots): (Address, Vec<Word>)| {
                let values = slots.into_iter().map(|slot| view.storage(address, word(slot)));
                let values: Result<Vec<U256>, StateError> = values.collect();
                Ok((address, values?.into_iter().map(B256::from).collect()))
            };
            slots.into_iter().map(read).collect()
        })
        .await
    }

    fn transaction_count(&self, address: Address, block: Option<At>) -> Answer<U64> {
        if At::or_latest(block) == BlockId::Number(BlockNumberOrTag::Pending) {
            return Ok(U64::from(nonces::pending(self, address)?));
        }
        Ok(U64::from(account(&view(self, block)?, address)?.nonce))
    }

    async fn account(&self, address: Address, block: Option<At>) -> Answer<Option<RpcAccount>> {
        let proof = self.blocking(move |node| prove(node, address, &[], block)).await?;
        Ok(proof.account.map(in_trie))
    }

    fn account_info(&self, address: Address, block: Option<At>) -> Answer<AccountInfo> {
        let view = view(self, block)?;
        let Account { balance, nonce, code_hash, .. } = account(&view, address)?;
        Ok(AccountInfo { balance, nonce, code: view.code(code_hash)? })
    }

    async fn proof(
        &self,
        address: Address,
        slots: Vec<Word>,
        block: Option<At>,
    ) -> Answer<EIP1186AccountProofResponse> {
        let limit = self.limits.proof_slots;
        if slots.len() > limit {
            return Err(RpcError::TooManySlots(limit));
        }
        self.blocking(move |node| {
            let keys: Vec<U256> = slots.iter().copied().map(word).collect();
            Ok(proof_response(address, &slots, prove(node, address, &keys, block)?))
        })
        .await
    }
}

fn view(node: &RpcContext, block: Option<At>) -> Answer<StateView> {
    let (_header, view) = resolve::state(&node.chain, At::or_latest(block))?;
    Ok(view)
}

fn account(view: &StateView, address: Address) -> Answer<Account> {
    Ok(view.account(address)?.unwrap_or_default())
}

fn prove(
    node: &RpcContext,
    address: Address,
    slots: &[U256],
    block: Option<At>,
) -> Answer<AccountProof> {
    let header = resolve::canonical(&node.chain, At::or_latest(block))?;
    Ok(node.chain.prove(header.number, address, slots)?)
}

fn in_trie(account: Account) -> RpcAccount {
    let Account { nonce, balance, code_hash, storage_root, .. } = account;
    RpcAccount { nonce, balance, code_hash, storage_root }
}

/// Slots are named in the answer as they were in the question.
fn proof_response(
    address: Address,
    slots: &[Word],
    proof: AccountProof,
) -> EIP1186AccountProofResponse {
    let account = proof.account.unwrap_or_default();
    let each = slots.iter().zip(proof.storage);
    EIP1186AccountProofResponse {
        address,
        balance: account.balance,
        code_hash: account.code_hash,
        nonce: account.nonce,
        storage_hash: account.storage_root,
        account_proof: proof.proof,
        storage_proof: each
            .map(|(key, slot)| EIP1186StorageProof::new(*key, slot.value, slot.proof))
            .collect(),
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::SlotProof;
    use serde_json::json;

    #[test]
    fn a_proof_of_nothing_says_so_as_geth_does() {
        let slot = SlotProof { slot: U256::ZERO, value: U256::ZERO, proof: vec![] };
        let proof = AccountProof { account: None, proof: vec![], storage: vec![slot] };
        let zero = serde_json::from_value::<Word>(json!("0x0")).unwrap();
        let shown = proof_response(Address::ZERO, &[zero], proof);
        assert_eq!(
            serde_json::to_value(shown).unwrap(),
            json!({
                "address": "0x0000000000000000000000000000000000000000",
                "accountProof": [],
                "balance": "0x0",
                "codeHash": "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
                "nonce": "0x0",
                "storageHash": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
                "storageProof": [{ "key": "0x0", "value": "0x0", "proof": [] }],
            })
        );
    }
}
