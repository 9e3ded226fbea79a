//! What came before the block with which a fork begins?
//!
//! Blocks below the fork's base are those of the remote chain: asked for once, kept in the cache as they
//! came, and the newest of them in memory as they were read.

use super::{Chain, ChainError};
use crate::{
    primitives::{Block, Receipt, SealedHeader},
    state::{AccountProof, Remote, SlotProof, StateError},
    storage::TxLocation,
    upstream::UpstreamError,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rpc_types::{Filter, Log};
use alloy_trie::{Nibbles, TrieAccount};
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc};

/// Blocks that stay in memory.
const KEPT_BLOCKS: usize = 32;
/// Transactions in them.
const KEPT_TRANSACTIONS: usize = 4_000;

/// Blocks of the remote chain that were read, the newest last.
#[derive(Debug, Default)]
pub(super) struct Ancestors(Mutex<VecDeque<Ancestor>>);

#[derive(Clone, Debug)]
struct Ancestor {
    block: Block,
    receipts: Option<Arc<Vec<Receipt>>>,
}

impl Ancestors {
    fn get(&self, hash: B256) -> Option<Ancestor> {
        self.0.lock().iter().find(|it| it.block.hash() == hash).cloned()
    }

    fn put(&self, ancestor: Ancestor) {
        let mut kept = self.0.lock();
        kept.retain(|it| it.block.hash() != ancestor.block.hash());
        kept.push_back(ancestor);
        let size = |it: &Ancestor| it.block.body.transactions.len();
        while kept.len() > KEPT_BLOCKS
            || (kept.len() > 1 && kept.iter().map(size).sum::<usize>() > KEPT_TRANSACTIONS)
        {
            kept.pop_front();
        }
    }

    pub(super) fn forget(&self) {
        self.0.lock().clear();
    }
}

impl Chain {
    /// The chain that this one is a fork of, if it is one.
    pub fn remote(&self) -> Option<Arc<Remote>> {
        self.visible.load().ground.remote.clone()
    }

    /// The header of a remote block with this hash that is below the base.
    pub(super) fn remote_header(
        &self,
        hash: B256,
    ) -> Result<Option<Arc<SealedHeader>>, ChainError> {
        let Some(remote) = self.remote() else { return Ok(None) };
        let upstream = remote.upstream();
        let json = match remote.kept_json("header", hash)? {
            Some(json) => json,
            None => match remote.upstream().block_of(hash, false)? {
                Some(json) => json,
                None => return Ok(None),
            },
        };
        let header = upstream.read_header(&json)?;
        // It may be above the fork, or off the chain.
        let is_ours = remote.hash_at(header.number)? == Some(hash);
        if is_ours {
            remote.keep_json("header", hash, &json);
        }
        Ok(is_ours.then_some(header))
    }

    /// The remote block at a height below the base.
    pub(super) fn remote_block(
        &self,
        remote: &Remote,
        number: u64,
    ) -> Result<Option<Block>, ChainError> {
        Ok(self.ancestor(remote, number)?.map(|it| it.block))
    }

    fn ancestor(&self, remote: &Remote, number: u64) -> Result<Option<Ancestor>, ChainError> {
        let Some(hash) = remote.hash_at(number)? else { return Ok(None) };
        if let Some(kept) = self.ancestors.get(hash) {
            return Ok(Some(kept));
        }
        let kept = remote.kept_json("block", hash)?;
        let is_kept = kept.is_some();
        let json = match kept {
            Some(json) => Some(json),
            None => remote.upstream().block_of(hash, true)?,
        };
        let Some(json) = json else { return Ok(None) };
        let block = remote.upstream().read_block(&json)?;
        if !is_kept {
            remote.keep_json("block", hash, &json);
        }
        let ancestor = Ancestor { block, receipts: None };
        self.ancestors.put(ancestor.clone());
        Ok(Some(ancestor))
    }

    /// The receipts of the remote block at a height below the base.
    pub(super) fn remote_receipts(
        &self,
        remote: &Remote,
        number: u64,
    ) -> Result<Option<Arc<Vec<Receipt>>>, ChainError> {
        let Some(mut ancestor) = self.ancestor(remote, number)? else { return Ok(None) };
        if ancestor.receipts.is_none() {
            let receipts = remote_receipts(remote, &ancestor.block)?;
            ancestor.receipts = Some(Arc::new(receipts));
            self.ancestors.put(ancestor.clone());
        }
        Ok(ancestor.receipts)
    }

    /// Where a transaction stands on the remote chain, up to the fork. That it is not there is kept too:
    /// no block is added there.
    pub(super) fn remote_place(&self, hash: B256) -> Result<Option<TxLocation>, ChainError> {
        let Some(remote) = self.remote() else { return Ok(None) };
        let name = remote.name_of("place", hash.as_slice());
        let place: Option<(u64, u64)> =
            match remote.cache().answer(&name).map_err(StateError::from)? {
                Some(kept) => serde_json::from_slice(&kept).unwrap_or_default(),
                None => {
                    let asked = remote.upstream().locate(hash)?;
                    let place = asked.filter(|(block, _)| *block <= remote.fork().number);
                    remote
                        .cache()
                        .put_answer(&name, serde_json::json!(place).to_string().into_bytes());
                    place
                }
            };
        Ok(place.map(|(block, index)| TxLocation { block, index }))
    }

    /// Events of blocks `from` to `to` as far as they lie below the base; asks for fewer blocks at a time
    /// where the upstream wants that.
    pub fn remote_logs(
        &self,
        filter: &Filter,
        from: u64,
        to: u64,
        most: usize,
    ) -> Result<Vec<Log>, ChainError> {
        let Some(remote) = self.remote() else { return Ok(Vec::new()) };
        let to = to.min(remote.fork().number.saturating_sub(1));
        let mut found = Vec::new();
        let mut ranges = vec![(from, to)];
        while let Some((from, to)) = ranges.pop() {
            if from > to || from >= remote.fork().number {
                continue;
            }
            match logs_of(&remote, filter, from, to) {
                Ok(logs) => found.extend(logs),
                Err(ChainError::Upstream(
                    UpstreamError::Refused { .. } | UpstreamError::TooLong { .. },
                )) if from < to => {
                    let middle = from + (to - from) / 2;
                    ranges.push((middle + 1, to));
                    ranges.push((from, middle));
                }
                Err(error) => return Err(error),
            }
            if found.len() > most {
                break;
            }
        }
        Ok(found)
    }

    /// The upstream's proof of an account and slots at or below the base, checked against the header.
    pub(super) fn remote_proof(
        &self,
        remote: &Remote,
        number: u64,
        address: Address,
        slots: &[U256],
    ) -> Result<AccountProof, ChainError> {
        let header = self.header(number)?.ok_or_else(|| remote.upstream().no_block(number))?;
        let question = serde_json::json!([address, slots]).to_string();
        let name = [b"proof", header.seal().as_slice(), question.as_bytes()].concat();
        let kept = remote.cache().answer(&name).map_err(StateError::from)?;
        let kept = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
        let is_kept = kept.is_some();
        let answer: alloy_rpc_types::EIP1186AccountProofResponse = match kept {
            Some(kept) => kept,
            None => remote.upstream().proof(address, slots, number)?,
        };
        let wrong = || UpstreamError::Proof { host: remote.upstream().host(), block: number };
        let exists = TrieAccount {
            nonce: answer.nonce,
            balance: answer.balance,
            storage_root: answer.storage_hash,
            code_hash: answer.code_hash,
        };
        let (root, proof) = (header.state_root, &answer.account_proof);
        let is_there = proves(root, address, Some(alloy_rlp::encode(exists)), proof);
        if answer.address != address || answer.storage_proof.len() != slots.len() {
            return Err(wrong().into());
        }
        if !is_there && !proves(root, address, None, proof) {
            return Err(wrong().into());
        }
        let mut storage = Vec::with_capacity(slots.len());
        for (slot, given) in slots.iter().zip(&answer.storage_proof) {
            let value = Some(alloy_rlp::encode(given.value)).filter(|_| !given.value.is_zero());
            let has_storage = is_there && answer.storage_hash != alloy_trie::EMPTY_ROOT_HASH;
            let is_proven = match has_storage {
                true => proves(answer.storage_hash, B256::from(*slot), value, &given.proof),
                false => value.is_none(),
            };
            if !is_proven || U256::from_be_bytes(given.key.as_b256().0) != *slot {
                return Err(wrong().into());
            }
            storage.push(SlotProof { slot: *slot, value: given.value, proof: given.proof.clone() });
        }
        if !is_kept {
            let text = serde_json::to_vec(&answer).unwrap_or_default();
            remote.cache().put_answer(&name, text);
        }
        let account = crate::primitives::Account {
            nonce: answer.nonce,
            balance: answer.balance,
            code_hash: answer.code_hash,
            storage_root: answer.storage_hash,
            is_remote: true,
            ..Default::default()
        };
        Ok(AccountProof { account: is_there.then_some(account), proof: proof.clone(), storage })
    }
}

/// The receipts of a block of the remote chain.
pub fn remote_receipts(remote: &Remote, block: &Block) -> Result<Vec<Receipt>, ChainError> {
    let (upstream, hash) = (remote.upstream(), block.hash());
    let hashes: Vec<B256> = block.body.transactions.iter().map(|it| it.hash()).collect();
    let kept = remote.kept_json("receipts", hash)?;
    let is_kept = kept.is_some();
    let json = match kept {
        Some(json) => json,
        None => upstream.receipts(block.number(), &hashes)?,
    };
    let receipts = upstream.read_receipts(block.number(), hashes.len(), &json)?;
    if !is_kept {
        remote.keep_json("receipts", hash, &json);
    }
    Ok(receipts)
}

fn logs_of(remote: &Remote, filter: &Filter, from: u64, to: u64) -> Result<Vec<Log>, ChainError> {
    let question = serde_json::json!([filter, from, to]).to_string();
    let name = remote.name_of("logs", question.as_bytes());
    let kept = remote.cache().answer(&name).map_err(StateError::from)?;
    if let Some(logs) = kept.and_then(|kept| serde_json::from_slice(&kept).ok()) {
        return Ok(logs);
    }
    let logs = remote.upstream().logs(filter, from, to)?;
    remote.cache().put_answer(&name, serde_json::to_vec(&logs).unwrap_or_default());
    Ok(logs)
}

/// Does a proof lead from `root` to this value under the hash of `key`?
fn proves(root: B256, key: impl AsRef<[u8]>, value: Option<Vec<u8>>, proof: &[Bytes]) -> bool {
    let path = Nibbles::unpack(keccak256(key));
    alloy_trie::proof::verify_proof(root, path, value, proof).is_ok()
}
