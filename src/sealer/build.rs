//! What goes into a block? Built once: what is executed here is what is appended.

use super::{SealError, SealerSettings, stats::BuildTimes};
use crate::{
    chain::{BuildContext, Chain, ExecutedBlock, NextBlock},
    consensus::rewards,
    evm::{ApplyError, BlockExecutor, BlockTemplate, InvalidTx, assemble},
    pool::{Conditions, Pool, UnmetCondition},
    primitives::{Block, Body, SealedHeader, Transaction},
    spec::{ChainSpec, Fork},
};
use alloy_consensus::{Header, Transaction as _};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use std::{sync::Arc, time::Instant};

/// What a developer fixed for one block.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlockOptions {
    /// Exact timestamp in seconds.
    pub timestamp: Option<u64>,
    /// Take no transactions.
    pub empty: bool,
}

/// Builds a block on the head from what waits in the pool. Transactions that can never be executed
/// leave the pool; those that do not fit stay.
pub fn build(
    chain: &Chain,
    pool: &Pool,
    settings: &SealerSettings,
    options: BlockOptions,
) -> Result<ExecutedBlock, SealError> {
    build_timed(chain, pool, settings, options, &BuildTimes::default())
}

/// [`build`], which notes how long its stages took.
pub(super) fn build_timed(
    chain: &Chain,
    pool: &Pool,
    settings: &SealerSettings,
    options: BlockOptions,
    times: &BuildTimes,
) -> Result<ExecutedBlock, SealError> {
    let context = chain.build_context()?;
    let template = template(chain, settings, &context.parent, options);
    let fill = |executor: &mut BlockExecutor, template: &BlockTemplate| match options.empty {
        true => Ok(Vec::new()),
        false => fill(executor, pool, settings, &chain.spec(), template),
    };
    execute(chain, context, template, Vec::new(), fill, Ok, times)
}

/// Builds a block of what waits in the pool from a template, with ommers, whose seal is still to be
/// searched for.
pub(super) fn build_unsealed(
    chain: &Chain,
    pool: &Pool,
    settings: &SealerSettings,
    context: BuildContext,
    template: BlockTemplate,
    ommers: Vec<Header>,
    times: &BuildTimes,
) -> Result<ExecutedBlock, SealError> {
    let fill = |executor: &mut BlockExecutor, template: &BlockTemplate| {
        fill(executor, pool, settings, &chain.spec(), template)
    };
    let unsealed = |header| Ok(Header { mix_hash: B256::ZERO, ..header });
    execute(chain, context, template, ommers, fill, unsealed, times)
}

/// Builds a block of what waits in the pool from a template, and lets `seal` finish its header.
pub(super) fn build_sealed(
    chain: &Chain,
    pool: &Pool,
    settings: &SealerSettings,
    context: BuildContext,
    template: BlockTemplate,
    seal: impl FnOnce(Header) -> Result<Header, SealError>,
    times: &BuildTimes,
) -> Result<ExecutedBlock, SealError> {
    let fill = |executor: &mut BlockExecutor, template: &BlockTemplate| {
        fill(executor, pool, settings, &chain.spec(), template)
    };
    execute(chain, context, template, Vec::new(), fill, seal, times)
}

/// Builds a block without transactions on any parent, as [`super::burst`] makes them by the hundred.
pub(super) fn build_empty(
    chain: &Chain,
    context: BuildContext,
    template: BlockTemplate,
) -> Result<ExecutedBlock, SealError> {
    let nothing = |_: &mut _, _: &_| Ok(Vec::new());
    execute(chain, context, template, Vec::new(), nothing, Ok, &BuildTimes::default())
}

/// Builds a block on the head of transactions that were mined elsewhere, in a block with this header.
///
/// # Errors
/// When one of them cannot be executed here.
pub fn build_like(
    chain: &Chain,
    header: &Header,
    transactions: &[Transaction],
) -> Result<ExecutedBlock, SealError> {
    let context = chain.build_context()?;
    let fixed = NextBlock {
        gas_limit: Some(header.gas_limit),
        base_fee: header.base_fee_per_gas,
        prev_randao: Some(header.mix_hash),
        beneficiary: Some(header.beneficiary),
    };
    let (coinbase, timestamp) = (header.beneficiary, header.timestamp);
    let template = template_with(chain, coinbase, &context.parent, timestamp, fixed);
    let template = BlockTemplate {
        parent_beacon_block_root: template
            .parent_beacon_block_root
            .map(|zero| header.parent_beacon_block_root.unwrap_or(zero)),
        ..template
    };
    build_of(chain, context, template, transactions)
}

/// Builds a block of exactly these transactions, in this order, on any parent. One that does not fit
/// or is not valid there fails the block: its place and the reason.
pub(super) fn build_of(
    chain: &Chain,
    context: BuildContext,
    template: BlockTemplate,
    transactions: &[Transaction],
) -> Result<ExecutedBlock, SealError> {
    let fill = |executor: &mut BlockExecutor, template: &BlockTemplate| {
        let mut included = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            executor.apply(transaction).map_err(|reason| SealError::NotPlaced {
                hash: transaction.hash(),
                block: template.number,
                reason: Box::new(reason),
            })?;
            included.push(transaction.without_sidecar());
        }
        Ok(included)
    };
    execute(chain, context, template, Vec::new(), fill, Ok, &BuildTimes::default())
}

/// Executes a block of what `fill` puts into it, and pays its rewards; `seal` finishes its header.
fn execute(
    chain: &Chain,
    context: BuildContext,
    template: BlockTemplate,
    ommers: Vec<Header>,
    fill: impl FnOnce(&mut BlockExecutor, &BlockTemplate) -> Result<Vec<Transaction>, SealError>,
    seal: impl FnOnce(Header) -> Result<Header, SealError>,
    times: &BuildTimes,
) -> Result<ExecutedBlock, SealError> {
    let start = Instant::now();
    let (edits, (view, trie)) = (context.edits.as_ref().clone(), context.split());
    let (spec, evm) = (&chain.spec(), chain.evm_settings());
    let executor = BlockExecutor::begin(spec, evm, view, edits, &template)?;
    let mut executor = executor.with_participants();
    let fork = spec.fork_of(template.number, template.timestamp, template.difficulty);
    if let Some((parent_trie, next_storage_id)) = trie.for_receipts(fork) {
        executor = executor.with_roots(parent_trie, next_storage_id);
    }
    let transactions = fill(&mut executor, &template)?;
    for (address, wei) in rewards(spec, &rewarded(&template), &ommers) {
        executor.credit(address, wei)?;
    }
    let mut executed = executor.finish()?;
    times.execute.since(start);
    let (root, step) = times.root.time(|| trie.root(&mut executed.changes))?;
    let body = Body { transactions, ommers, withdrawals: template.withdrawals.clone() };
    let header = times.seal.time(|| seal(assemble(&template, &body, &executed, root)))?;
    let block = Block::new(header, body);
    if executed.may_have_logged {
        chain.note_console(block.hash());
    }
    Ok(ExecutedBlock {
        block,
        receipts: Arc::new(executed.receipts),
        changes: executed.changes,
        step,
        participants: executed.participants,
    })
}

/// What rewards depend on.
fn rewarded(template: &BlockTemplate) -> Header {
    Header {
        number: template.number,
        timestamp: template.timestamp,
        difficulty: template.difficulty,
        beneficiary: template.beneficiary,
        ..Default::default()
    }
}

/// Executes what waits, best first, until the block or the pool is exhausted.
fn fill(
    executor: &mut BlockExecutor,
    pool: &Pool,
    settings: &SealerSettings,
    spec: &ChainSpec,
    template: &BlockTemplate,
) -> Result<Vec<Transaction>, SealError> {
    let blob_fee = template
        .excess_blob_gas
        .map_or(0, |excess| spec.blob_params_at(template.timestamp).calc_blob_fee(excess));
    let mut best = pool.best(template.base_fee.unwrap_or(0), blob_fee, settings.order);
    let min_tip = settings.least_tip();
    let mut included = Vec::new();
    while included.len() < settings.max_transactions {
        let Some(transaction) = best.next() else { break };
        let (sender, hash) = (transaction.sender(), transaction.hash());
        let tip = transaction.effective_tip_per_gas(template.base_fee.unwrap_or(0));
        if tip.is_some_and(|tip| tip < min_tip) {
            best.skip_sender(sender);
            continue;
        }
        if let Some(unmet) = unmet_condition(best.conditions(), executor, template)? {
            best.skip_sender(sender);
            if !unmet.may_hold_later() {
                tracing::info!(target: "sealer", %hash, %unmet, "conditional transaction dropped");
                pool.remove(hash);
            }
            continue;
        }
        match executor.apply(&transaction) {
            Ok(_) => included.push(transaction.without_sidecar()),
            Err(ApplyError::Invalid(
                InvalidTx::NonceTooLow { expected, .. } | InvalidTx::NonceTooHigh { expected, .. },
            )) => {
                // A developer, or an authorization in this block, has changed the nonce.
                pool.set_account_nonce(sender, expected);
                best.resume(sender, expected);
            }
            Err(ApplyError::Invalid(reason)) => {
                tracing::warn!(target: "sealer", %hash, %reason, "transaction dropped");
                best.skip_sender(sender);
                pool.remove(hash);
            }
            Err(ApplyError::Evm(error)) => return Err(error.into()),
            Err(_does_not_fit) => best.skip_sender(sender),
        }
    }
    Ok(included)
}

/// The condition of a transaction that the block, as far as it is made, does not meet.
fn unmet_condition(
    conditions: Option<&Conditions>,
    executor: &mut BlockExecutor,
    template: &BlockTemplate,
) -> Result<Option<UnmetCondition>, SealError> {
    let Some(conditions) = conditions else { return Ok(None) };
    match conditions.unmet_by_block(template.number, template.timestamp) {
        Some(unmet) => Ok(Some(unmet)),
        None => {
            Ok(conditions
                .unmet_by_storage(|address, slot| executor.known_storage(address, slot))?)
        }
    }
}

/// What the block after `parent` says before anything is in it: the rules, and over them what a
/// developer fixed.
pub(super) fn template(
    chain: &Chain,
    settings: &SealerSettings,
    parent: &SealedHeader,
    options: BlockOptions,
) -> BlockTemplate {
    let next = chain.clock().next_timestamp(parent.timestamp);
    let timestamp = options.timestamp.unwrap_or(next);
    template_with(chain, settings.coinbase, parent, timestamp, chain.next_block())
}

/// What the block after `parent` says, at a time and with what is fixed about it.
pub(super) fn template_with(
    chain: &Chain,
    coinbase: Address,
    parent: &SealedHeader,
    timestamp: u64,
    fixed: NextBlock,
) -> BlockTemplate {
    let spec = &chain.spec();
    let number = parent.number + 1;
    let fork = spec.fork_of(number, timestamp, U256::ZERO);
    BlockTemplate {
        parent_hash: parent.seal(),
        number,
        timestamp,
        gas_limit: fixed.gas_limit.unwrap_or(parent.gas_limit),
        base_fee: spec.next_base_fee(parent).map(|by_rule| fixed.base_fee.unwrap_or(by_rule)),
        beneficiary: fixed.beneficiary.unwrap_or(coinbase),
        prev_randao: if fork >= Fork::Paris {
            fixed.prev_randao.unwrap_or_else(|| keccak256(parent.seal()))
        } else {
            B256::ZERO
        },
        difficulty: U256::ZERO,
        excess_blob_gas: spec.next_excess_blob_gas(parent, timestamp),
        parent_beacon_block_root: (fork >= Fork::Cancun).then_some(B256::ZERO),
        withdrawals: (fork >= Fork::Shanghai).then(Default::default),
        extra_data: Bytes::new(),
    }
}
