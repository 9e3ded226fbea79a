//! What the log says of the chain: a line a transaction and a block, as anvil prints them, and why
//! a transaction reverted.

use crate::{
    artifacts::Library,
    chain::{Chain, ChainEvent},
    evm::{
        self,
        trace::{self, Failure, RecordedCall, ScriptHost, TraceError, TraceLimits, Watch},
    },
    explain::{self, ConsoleLog, Told, console_logs},
    primitives::{Block, Receipt, Transaction},
    storage::StoredBlock,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::Address;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::broadcast::{self, error::RecvError};

/// Blocks with more transactions than this are summed up in one line.
const LISTED: usize = 50;
/// How long a block may be executed once more for the log.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes that are recorded of it.
const MAX_BYTES: usize = 64 << 20;

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
                    let wanted = Wanted::of(&chain, &told, &stored);
                    if wanted.is_nothing(&stored.receipts) {
                        block(&chain, &stored, &BTreeMap::new());
                        continue;
                    }
                    let (chain, stop, library) =
                        (chain.clone(), stop.0.clone(), told.shelf.library());
                    // Executing it again is no work for a thread that serves requests. A panic of it
                    // is on the log already.
                    let _ = tokio::task::spawn_blocking(move || {
                        let stories = wanted.stories(&chain, &library, &stored, stop);
                        block(&chain, &stored, &stories);
                    })
                    .await;
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

/// What of a block is executed once more.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    /// What its transactions said to the console.
    console: bool,
    /// Why some failed.
    failures: bool,
}

/// What executing a transaction once more told.
#[derive(Debug)]
struct Story {
    logs: Vec<ConsoleLog>,
    failure: Option<String>,
}

impl Story {
    fn of(call: &RecordedCall) -> Self {
        let failure = call.failure.as_ref().map(|failure| match failure {
            Failure::Reverted => {
                evm::revert_reason(&call.output).unwrap_or_else(|| call.output.to_string())
            }
            Failure::Halted(reason) => reason.clone(),
        });
        Self { logs: console_logs(call), failure }
    }
}

impl Wanted {
    fn of(chain: &Chain, told: &Told, stored: &StoredBlock) -> Self {
        Self {
            console: told.console && chain.may_have_logged(stored.block.hash()),
            failures: stored.receipts.len() <= LISTED,
        }
    }

    /// Is all there is to say in the receipts?
    fn is_nothing(self, receipts: &[Receipt]) -> bool {
        !(0..receipts.len()).any(|index| self.includes(receipts, index))
    }

    fn includes(self, receipts: &[Receipt], index: usize) -> bool {
        let has_failed = receipts.get(index).is_some_and(|it| !it.status.coerce_status());
        self.console || (self.failures && has_failed)
    }

    /// Executes the block once more. What takes too long is left out, and the log says so.
    fn stories(
        self,
        chain: &Chain,
        library: &Arc<Library>,
        stored: &StoredBlock,
        stop: Arc<AtomicBool>,
    ) -> BTreeMap<usize, Story> {
        let mut stories = BTreeMap::new();
        if let Err(error) = self.replay(chain, library, stored, stop, &mut stories) {
            let number = stored.block.number();
            tracing::info!(
                target: "block",
                "    Block {number} was not executed again to the end for this log: {error}"
            );
        }
        stories
    }

    fn replay(
        self,
        chain: &Chain,
        library: &Arc<Library>,
        stored: &StoredBlock,
        stop: Arc<AtomicBool>,
        stories: &mut BTreeMap<usize, Story>,
    ) -> Result<(), TraceError> {
        let replay = chain.replay_of(stored.block.clone());
        // A block that is gone again needs no story.
        let Ok(Some(block)) = replay else { return Ok(()) };
        let (spec, settings) = (chain.spec(), chain.evm_settings());
        let wanted = |index| self.includes(&stored.receipts, index);
        let limits = TraceLimits {
            bytes: MAX_BYTES,
            timeout: PATIENCE,
            stop,
            scripts: ScriptHost::default(),
        };
        let begun = Instant::now();
        let mut is_late = false;
        let told = |index, call: RecordedCall| {
            stories.insert(index, Story::of(&call));
            is_late = begun.elapsed() > PATIENCE;
            !is_late
        };
        let watch = Watch { limits: &limits, library };
        trace::record_transactions(spec, settings, block, wanted, watch, told)?;
        if is_late { Err(TraceError::Timeout) } else { Ok(()) }
    }
}

fn block(chain: &Chain, stored: &StoredBlock, stories: &BTreeMap<usize, Story>) {
    let (block, receipts) = (&stored.block, &stored.receipts);
    let transactions = &block.body.transactions;
    if transactions.len() <= LISTED {
        let mut gas_before = 0;
        for (index, (transaction, receipt)) in transactions.iter().zip(receipts.iter()).enumerate()
        {
            let gas = receipt.cumulative_gas_used - gas_before;
            gas_before = receipt.cumulative_gas_used;
            line(chain, block, transaction, receipt, gas, stories.get(&index));
        }
    } else {
        for (index, story) in stories.iter().filter(|(_, story)| !story.logs.is_empty()) {
            tracing::info!(target: "block", "    Transaction: {}", transactions[*index].hash());
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

fn line(
    chain: &Chain,
    block: &Block,
    transaction: &Transaction,
    receipt: &Receipt,
    gas: u64,
    story: Option<&Story>,
) {
    let hash = transaction.hash();
    tracing::info!(target: "block", "    Transaction: {hash}");
    if transaction.is_create() && receipt.status.coerce_status() {
        let created = transaction.sender().create(transaction.nonce());
        tracing::info!(target: "block", "    Contract created: {created}");
    }
    explain::print_console(story.map_or(&[], |story| &story.logs));
    tracing::info!(target: "block", "    Gas used: {gas}");
    if !receipt.status.coerce_status() {
        let reason = story.and_then(|story| story.failure.as_deref()).unwrap_or("unknown");
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
