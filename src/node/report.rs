//! What the log says of the chain: a line a transaction and a block, as anvil prints them, and why
//! a transaction reverted.

use crate::{
    chain::{Chain, ChainEvent},
    evm,
    primitives::{Block, Receipt, Transaction},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256};
use std::sync::Arc;
use tokio::sync::broadcast::{self, error::RecvError};

/// Logs every new block until the chain is gone.
pub(super) async fn report(chain: Arc<Chain>, mut news: broadcast::Receiver<ChainEvent>) {
    loop {
        match news.recv().await {
            Ok(ChainEvent::NewHead(stored)) => {
                if tracing::enabled!(target: "block", tracing::Level::INFO) {
                    block(&chain, &stored.block, &stored.receipts);
                }
            }
            Ok(ChainEvent::Unwound { to, removed }) => {
                tracing::info!(target: "block", "    Back to block {to}: {} removed", removed.len());
            }
            Err(RecvError::Lagged(missed)) => {
                tracing::info!(target: "block", "    ... {missed} blocks not listed");
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Blocks with more transactions than this are summed up in one line.
const LISTED: usize = 50;

fn block(chain: &Chain, block: &Block, receipts: &[Receipt]) {
    let transactions = &block.body.transactions;
    if transactions.len() <= LISTED {
        let mut gas_before = 0;
        for (transaction, receipt) in transactions.iter().zip(receipts) {
            let gas = receipt.cumulative_gas_used - gas_before;
            gas_before = receipt.cumulative_gas_used;
            line(chain, block, transaction, receipt, gas);
        }
    } else {
        tracing::info!(target: "block", "    {} transactions", transactions.len());
    }
    let (number, hash, time) = (block.number(), block.hash(), block.header.timestamp);
    tracing::info!(
        target: "block",
        number, %hash, time, transactions = transactions.len(), gas = block.header.gas_used,
        "    Block Number: {number}\n    Block Hash: {hash}\n    Block Time: {time}\n"
    );
}

fn line(chain: &Chain, block: &Block, transaction: &Transaction, receipt: &Receipt, gas: u64) {
    let hash = transaction.hash();
    tracing::info!(target: "block", "    Transaction: {hash}");
    if transaction.is_create() && receipt.status.coerce_status() {
        let created = transaction.sender().create(transaction.nonce());
        tracing::info!(target: "block", "    Contract created: {created}");
    }
    tracing::info!(target: "block", "    Gas used: {gas}");
    if !receipt.status.coerce_status() {
        let reason = reason(chain, block, hash).unwrap_or_else(|| "it ran out of gas".into());
        tracing::info!(target: "block", "    Error: reverted with: {reason}");
        if let Some((account, target)) = delegation(chain, block, transaction) {
            tracing::info!(
                target: "block",
                "    {account} is delegated to {target} (EIP-7702), whose code rejects plain transfers"
            );
        }
    }
}

/// The receiver of a plain transfer and whose code it runs, if it only delegates.
fn delegation(
    chain: &Chain,
    block: &Block,
    transaction: &Transaction,
) -> Option<(Address, Address)> {
    let account = transaction.to().filter(|_to| transaction.input().is_empty())?;
    let view = chain.state_at(block.number()).ok()?;
    let code = view.code(view.account(account).ok()??.code_hash).ok()?;
    Some((account, evm::delegate_of(&code)?))
}

/// Executes the block again up to the transaction to learn what it reverted with.
fn reason(chain: &Chain, block: &Block, hash: B256) -> Option<String> {
    let output = chain.output_of(block, hash).ok()??;
    Some(evm::revert_reason(&output).unwrap_or_else(|| output.to_string()))
}
