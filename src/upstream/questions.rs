//! What can an upstream be asked for?
//!
//! Blocks and receipts are answered as the JSON that came: it can be kept as it is, and `convert` reads
//! it.

use super::{Upstream, UpstreamError};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types::{EIP1186AccountProofResponse, Filter, Log};
use serde::Deserialize;
use serde_json::{Value, json};

/// What every node says when it does not know a method.
const UNKNOWN_METHOD: i64 = -32601;
/// Receipts that are asked for in one batch.
const BATCH: usize = 100;

/// An account as an upstream answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchedAccount {
    /// Transactions sent.
    pub nonce: u64,
    /// In wei.
    pub balance: U256,
    /// Empty without code.
    pub code: Bytes,
}

/// An event of an upstream's block.
pub type FetchedLog = Log;

/// Where a transaction of an upstream stands.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    block_number: Option<U64>,
    transaction_index: Option<U64>,
}

impl Upstream {
    /// EIP-155 id.
    pub fn chain_id(&self) -> Result<u64, UpstreamError> {
        Ok(self.ask::<U64>("eth_chainId", json!([]))?.to())
    }

    /// Height of the newest block.
    pub fn block_number(&self) -> Result<u64, UpstreamError> {
        Ok(self.ask::<U64>("eth_blockNumber", json!([]))?.to())
    }

    /// What `eth_gasPrice` says.
    pub fn gas_price(&self) -> Result<u128, UpstreamError> {
        Ok(self.ask::<U256>("eth_gasPrice", json!([]))?.saturating_to())
    }

    /// The accounts as of block `number`, in one batch where the upstream takes batches.
    pub fn accounts(
        &self,
        addresses: &[Address],
        number: u64,
    ) -> Result<Vec<FetchedAccount>, UpstreamError> {
        const METHODS: [&str; 3] = ["eth_getBalance", "eth_getTransactionCount", "eth_getCode"];
        let at = U64::from(number);
        let calls = addresses
            .iter()
            .flat_map(|address| METHODS.map(|method| (method, json!([address, at]))))
            .collect();
        let answers = self.ask_all(calls)?;
        let mut accounts = Vec::with_capacity(addresses.len());
        let mut answers = answers.into_iter();
        while let (Some(balance), Some(nonce), Some(code)) =
            (answers.next(), answers.next(), answers.next())
        {
            accounts.push(FetchedAccount {
                balance: self.read(METHODS[0], balance)?,
                nonce: self.read::<U64>(METHODS[1], nonce)?.to(),
                code: self.read(METHODS[2], code)?,
            });
        }
        Ok(accounts)
    }

    /// A storage slot as of block `number`.
    pub fn slot(&self, address: Address, slot: U256, number: u64) -> Result<U256, UpstreamError> {
        self.ask("eth_getStorageAt", json!([address, B256::from(slot), U64::from(number)]))
    }

    /// Storage slots as of block `number`, in one batch where the upstream takes batches.
    pub fn slots(
        &self,
        slots: &[(Address, U256)],
        number: u64,
    ) -> Result<Vec<U256>, UpstreamError> {
        const METHOD: &str = "eth_getStorageAt";
        let at = U64::from(number);
        let call =
            |(address, slot): &(Address, U256)| (METHOD, json!([address, B256::from(*slot), at]));
        let answers = self.ask_all(slots.iter().map(call).collect())?;
        answers.into_iter().map(|answer| self.read(METHOD, answer)).collect()
    }

    /// The block at a height as JSON, with its transactions or only their hashes; `None` if there is none.
    pub fn block_at(&self, number: u64, whole: bool) -> Result<Option<Value>, UpstreamError> {
        self.block("eth_getBlockByNumber", json!([U64::from(number), whole]))
    }

    /// The block with a hash as JSON; `None` if there is none.
    pub fn block_of(&self, hash: B256, whole: bool) -> Result<Option<Value>, UpstreamError> {
        self.block("eth_getBlockByHash", json!([hash, whole]))
    }

    /// With a whole block come the headers of its ommers, under `ommers`.
    fn block(&self, method: &'static str, params: Value) -> Result<Option<Value>, UpstreamError> {
        let is_whole = params[1] == true;
        let block: Option<Value> = self.ask(method, params)?;
        let Some(mut block) = block else { return Ok(None) };
        let hash = block["hash"].clone();
        let ommers = block["uncles"].as_array().map_or(0, Vec::len);
        if is_whole && ommers > 0 {
            let call =
                |place: usize| ("eth_getUncleByBlockHashAndIndex", json!([hash, U64::from(place)]));
            let headers = self.ask_all((0..ommers).map(call).collect())?;
            block["ommers"] = Value::Array(headers);
        }
        Ok(Some(block))
    }

    /// The receipts of a block as JSON; `hashes` are its transactions.
    pub fn receipts(&self, number: u64, hashes: &[B256]) -> Result<Value, UpstreamError> {
        if hashes.is_empty() {
            return Ok(json!([]));
        }
        match self.ask::<Option<Value>>("eth_getBlockReceipts", json!([U64::from(number)])) {
            Ok(Some(receipts)) if receipts.as_array().map(Vec::len) == Some(hashes.len()) => {
                return Ok(receipts);
            }
            Ok(_) => {}
            Err(UpstreamError::Refused { code: UNKNOWN_METHOD, .. }) => {}
            Err(error) => return Err(error),
        }
        let mut receipts = Vec::with_capacity(hashes.len());
        for some in hashes.chunks(BATCH) {
            let calls = some.iter().map(|hash| ("eth_getTransactionReceipt", json!([hash])));
            receipts.extend(self.ask_all(calls.collect())?);
        }
        Ok(Value::Array(receipts))
    }

    /// Height and place of a mined transaction; `None` if it is not known, or waits.
    pub fn locate(&self, hash: B256) -> Result<Option<(u64, u64)>, UpstreamError> {
        let place: Option<Place> = self.ask("eth_getTransactionByHash", json!([hash]))?;
        let place = place.and_then(|it| it.block_number.zip(it.transaction_index));
        Ok(place.map(|(block, index)| (block.to(), index.to())))
    }

    /// Events of blocks `from` to `to`.
    pub fn logs(&self, filter: &Filter, from: u64, to: u64) -> Result<Vec<Log>, UpstreamError> {
        let filter = filter.clone().from_block(from).to_block(to);
        self.ask("eth_getLogs", json!([filter]))
    }

    /// An account and slots of it as of block `number`, with their proofs.
    pub fn proof(
        &self,
        address: Address,
        slots: &[U256],
        number: u64,
    ) -> Result<EIP1186AccountProofResponse, UpstreamError> {
        let slots: Vec<B256> = slots.iter().map(|slot| B256::from(*slot)).collect();
        self.ask("eth_getProof", json!([address, slots, U64::from(number)]))
    }

    /// There is no such block.
    pub fn no_block(&self, block: impl ToString) -> UpstreamError {
        UpstreamError::NoBlock { host: self.host(), block: block.to_string() }
    }
}
