//! What the log says of the chain: a line a transaction and a block, as anvil prints them, what
//! contracts said, and why and where a transaction failed.

use super::stories::{Stories, Story, Wanted};
use crate::{
    artifacts::{Library, Running},
    chain::{Chain, ChainEvent},
    evm,
    explain::{self, Told},
    primitives::{Receipt, Transaction},
    state::StateView,
    storage::StoredBlock,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::Address;
use std::{
    cell::OnceCell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::broadcast::{self, error::RecvError};

/// Blocks with more transactions than this are summed up in one line.
const LISTED: usize = 50;

/// Logs every new block until the chain is gone.
pub(super) async fn report(
    chain: Arc<Chain>,
    told: Told,
    mut news: broadcast::Receiver<ChainEvent>,
) {
    let stop = Stop::default();
    loop {
        match news.recv().await {
            Ok(ChainEvent::NewHead(stored)) => {
                if tracing::enabled!(target: "block", tracing::Level::INFO) {
                    new_head(&chain, &told, stored, &stop).await;
                }
            }
            Ok(ChainEvent::Unwound { to, removed, .. }) => {
                tracing::info!(target: "block", "    Back to block {to}: {} removed", removed.len());
            }
            Err(RecvError::Lagged(missed)) => {
                tracing::info!(target: "block", "    ... {missed} blocks not listed");
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Says, when it is dropped, that the node stops.
#[derive(Default)]
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn new_head(chain: &Arc<Chain>, told: &Told, stored: StoredBlock, stop: &Stop) {
    let is_listed = stored.receipts.len() <= LISTED;
    let wanted = Wanted::of(chain, told, &stored, is_listed);
    let library = told.shelf.library();
    if wanted.is_nothing(&stored.receipts) {
        block(chain, &library, &stored, &Stories::new());
        return;
    }
    let (chain, stop) = (chain.clone(), stop.0.clone());
    // Executing it again is no work for a thread that serves requests. A panic of it is on the log already.
    let _ = tokio::task::spawn_blocking(move || {
        let stories = wanted.stories(&chain, &stored, stop);
        block(&chain, &library, &stored, &stories);
    })
    .await;
}

fn block(chain: &Chain, library: &Library, stored: &StoredBlock, stories: &Stories) {
    let (block, receipts) = (&stored.block, &stored.receipts);
    let transactions = &block.body.transactions;
    if transactions.len() <= LISTED {
        let (number, view) = (block.number(), OnceCell::new());
        let scene = Scene { library, chain, number, view };
        let mut gas_before = 0;
        for (index, (transaction, receipt)) in transactions.iter().zip(receipts.iter()).enumerate()
        {
            let gas = receipt.gas_after(gas_before);
            gas_before = receipt.cumulative_gas_used;
            scene.line(transaction, receipt, gas, stories.get(&index));
        }
    } else {
        for (index, story) in stories.iter().filter(|(_, story)| !story.logs.is_empty()) {
            if let Some(transaction) = transactions.get(*index) {
                tracing::info!(target: "block", "    Transaction: {}", transaction.hash());
            }
            explain::print_console(&story.logs);
        }
        tracing::info!(target: "block", "    {} transactions", transactions.len());
    }
    let (number, hash, time) = (block.number(), block.hash(), block.header.timestamp);
    tracing::info!(
        target: "block",
        number, %hash, time, transactions = transactions.len(), gas = block.header.gas_used,
        "    Block Number: {number}\n    Block Hash: {hash}\n    Block Time: {time}\n"
    );
}

/// Where transactions are told of: with names, over the state after their block.
struct Scene<'a> {
    library: &'a Library,
    chain: &'a Chain,
    number: u64,
    /// Opened when it is first looked at, which plain transfers need not.
    view: OnceCell<Option<StateView>>,
}

impl Scene<'_> {
    fn line(&self, transaction: &Transaction, receipt: &Receipt, gas: u64, story: Option<&Story>) {
        let hash = transaction.hash();
        tracing::info!(target: "block", "    Transaction: {hash}");
        if let Some(title) = self.title(transaction) {
            explain::print_lines(&[format!("Call: {title}")]);
        }
        let has_failed = !receipt.status.coerce_status();
        if transaction.is_create() && !has_failed {
            let created = transaction.sender().create(transaction.nonce());
            tracing::info!(target: "block", "    Contract created: {created}");
        }
        explain::print_console(story.map_or(&[], |story| &story.logs));
        tracing::info!(target: "block", "    Gas used: {gas}");
        explain::print_lines(story.map_or(&[], |story| &story.tree));
        if !has_failed {
            return;
        }
        match story.map(|story| story.failure.as_slice()) {
            Some(lines @ [_, ..]) => explain::print_lines(lines),
            _ => tracing::info!(target: "block", "    Error: the transaction failed"),
        }
        if let Some((account, target)) = self.delegation(transaction) {
            tracing::info!(
                target: "block",
                "    {account} is delegated to {target} (EIP-7702), whose code rejects plain transfers"
            );
        }
    }

    fn view(&self) -> Option<&StateView> {
        self.view.get_or_init(|| self.chain.state_at(self.number).ok()).as_ref()
    }

    /// What a transaction is about, if it is a creation or a call of a function that has a name.
    fn title(&self, transaction: &Transaction) -> Option<String> {
        let input = transaction.input();
        let running = match transaction.to() {
            None => Some(self.library.creating(input)?),
            // Nobody declares such a function.
            Some(_) if !self.library.names(input) => return None,
            Some(to) => self.running(to),
        };
        explain::title(self.library, running.as_ref(), input)
    }

    /// The contract at an address.
    fn running(&self, address: Address) -> Option<Running> {
        let view = self.view()?;
        let account = view.account(address).ok()??;
        if !account.has_code() {
            return None;
        }
        self.library.running_by(account.code_hash, || view.code(account.code_hash).ok())
    }

    /// The receiver of a plain transfer and whose code it runs, if it only delegates.
    fn delegation(&self, transaction: &Transaction) -> Option<(Address, Address)> {
        let account = transaction.to().filter(|_to| transaction.input().is_empty())?;
        let view = self.view()?;
        let code = view.code(view.account(account).ok()??.code_hash).ok()?;
        Some((account, evm::delegate_of(&code)?))
    }
}
