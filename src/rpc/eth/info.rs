//! Which chain is this, how far is it, whose keys does the node hold?

use crate::{
    network::NetworkHandle,
    rpc::{Answer, Api},
    sealer::SealError,
};
use alloy_primitives::{Address, U64};
use jsonrpsee::{Methods, proc_macros::rpc};
use serde_json::{Value, json};

/// `eth/69`.
const WIRE_PROTOCOL: u64 = 69;

/// The chain and the node's accounts.
#[rpc(server, namespace = "eth")]
pub trait Info {
    /// The chain id that transactions sign ([EIP-155](https://eips.ethereum.org/EIPS/eip-155)).
    #[method(name = "chainId")]
    fn chain_id(&self) -> Answer<U64>;

    /// How far the download of blocks is; false where the node has what its peers have.
    #[method(name = "syncing")]
    fn syncing(&self) -> Answer<Value>;

    /// Height of the newest block.
    #[method(name = "blockNumber")]
    fn block_number(&self) -> Answer<U64>;

    /// The newest version of Ethereum's wire protocol whose blocks, transactions and receipts the node
    /// speaks ([EIP-7642](https://eips.ethereum.org/EIPS/eip-7642)).
    #[method(name = "protocolVersion")]
    fn protocol_version(&self) -> Answer<U64>;

    /// Accounts whose keys the node holds: what `eth_sendTransaction` signs for, once unlocked.
    #[method(name = "accounts", aliases = ["eth_requestAccounts"])]
    fn accounts(&self) -> Answer<Vec<Address>>;

    /// Who is paid for the blocks that this node mines; where nobody mines, who was paid the tips of the
    /// newest block.
    #[method(name = "coinbase")]
    fn coinbase(&self) -> Answer<Address>;
}

impl InfoServer for Api {
    fn chain_id(&self) -> Answer<U64> {
        Ok(U64::from(self.chain.spec().chain_id()))
    }

    fn syncing(&self) -> Answer<Value> {
        let progress = self.network.as_ref().and_then(NetworkHandle::sync_progress);
        let Some(progress) = progress else { return Ok(Value::Bool(false)) };
        Ok(json!({
            "startingBlock": U64::from(progress.starting),
            "currentBlock": U64::from(progress.current),
            "highestBlock": U64::from(progress.highest),
        }))
    }

    fn block_number(&self) -> Answer<U64> {
        Ok(U64::from(self.chain.head().number))
    }

    fn protocol_version(&self) -> Answer<U64> {
        Ok(U64::from(WIRE_PROTOCOL))
    }

    fn accounts(&self) -> Answer<Vec<Address>> {
        Ok(self.accounts.addresses())
    }

    fn coinbase(&self) -> Answer<Address> {
        match self.sealer.miner() {
            Some(miner) => Ok(miner.wishes().coinbase.ok_or(SealError::NoCoinbase)?),
            None => Ok(self.chain.head().beneficiary),
        }
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
