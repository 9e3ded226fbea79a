//! What was in a blob? As long as the node keeps it: while its transaction waits, and then up to a
//! number of bytes.

use super::{Answer, Api, RpcContext};
use crate::{pool, primitives::Transaction};
use alloy_consensus::Transaction as _;
use alloy_primitives::{B256, Bytes};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};

/// Blobs of transactions that wait or are on the chain.
#[rpc(server, namespace = "anvil")]
pub trait Blobs {
    /// A blob by its versioned hash; null if it is not there (any more).
    #[method(name = "getBlobByHash")]
    async fn by_hash(&self, versioned_hash: B256) -> Answer<Option<Bytes>>;

    /// All blobs of a transaction, in its order; null if they are not there (any more).
    #[method(name = "getBlobsByTransactionHash")]
    async fn by_transaction(&self, hash: B256) -> Answer<Option<Vec<Bytes>>>;
}

#[async_trait]
impl BlobsServer for Api {
    async fn by_hash(&self, versioned_hash: B256) -> Answer<Option<Bytes>> {
        self.blocking(move |node| {
            let tx = node.pool.with_blob(versioned_hash).map(|tx| known(node, tx)).transpose()?;
            Ok(tx.flatten().and_then(|tx| {
                let mut hashes = tx.blob_versioned_hashes()?.iter();
                let index = hashes.position(|hash| *hash == versioned_hash)?;
                Some(Bytes::copy_from_slice(pool::sidecar(&tx)?.blobs().get(index)?.as_slice()))
            }))
        })
        .await
    }

    async fn by_transaction(&self, hash: B256) -> Answer<Option<Vec<Bytes>>> {
        self.blocking(move |node| {
            let tx = node.pool.with_blobs(hash).map(|tx| known(node, tx)).transpose()?;
            Ok(tx.flatten().and_then(|tx| {
                let blobs = pool::sidecar(&tx)?.blobs().iter();
                Some(blobs.map(|blob| Bytes::copy_from_slice(blob.as_slice())).collect())
            }))
        })
        .await
    }
}

/// The transaction, unless the chain went back behind it.
fn known(node: &RpcContext, tx: Transaction) -> Answer<Option<Transaction>> {
    let is_known = node.pool.contains(tx.hash()) || node.chain.locate(tx.hash())?.is_some();
    Ok(is_known.then_some(tx))
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
