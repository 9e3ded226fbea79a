//! What does the log say of who may sign blocks: who came, who went, and is their number a good one?

use crate::{
    chain::{Chain, ChainError, ChainEvent},
    consensus::clique,
    primitives::BlockNumHash,
};
use alloy_primitives::Address;
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Tells of the signers now, and of every change, until the chain is closed.
pub(super) async fn tell(chain: Arc<Chain>, mut news: Receiver<ChainEvent>) {
    let mut known = None;
    loop {
        let looking = chain.clone();
        let before = known.clone();
        // Headers may have to be read.
        let looked = tokio::task::spawn_blocking(move || look(&looking, before.as_ref())).await;
        match looked {
            Ok(Ok(signers)) => known = Some(signers),
            Ok(Err(error)) => {
                tracing::error!(target: "chain", %error, "who may sign blocks is not known");
            }
            // A panic of it is on the log already.
            Err(_) => {}
        }
        loop {
            match news.recv().await {
                // Only a vote changes who may sign.
                Ok(ChainEvent::NewHead(new)) if new.block.header.beneficiary.is_zero() => {}
                Ok(_) | Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return,
            }
        }
    }
}

/// The signers after the head; logs what is different from before.
fn look(
    chain: &Chain,
    before: Option<&BTreeSet<Address>>,
) -> Result<BTreeSet<Address>, ChainError> {
    let head = chain.head();
    let snapshot = chain.signers_after(BlockNumHash::new(head.number, head.seal()))?;
    let (signers, number) = (&snapshot.signers, head.number);
    if before == Some(signers) {
        return Ok(signers.clone());
    }
    if let Some(before) = before {
        let count = signers.len();
        for one in signers.difference(before) {
            tracing::info!(target: "chain", "block {number}: {one} is a signer now, one of {count}");
        }
        for one in before.difference(signers) {
            tracing::info!(target: "chain", "block {number}: {one} is no signer any more; {count} are left");
        }
    }
    if let Some(warning) = clique::even_signers(signers.len()) {
        tracing::warn!(target: "chain", "{warning}");
    }
    Ok(signers.clone())
}
