//! What did gas cost in the blocks before? `eth_feeHistory`, number for number as geth does it.

use crate::{
    primitives::{Block, Receipt},
    rpc::{Answer, RpcContext, RpcError, resolve},
    spec::ChainSpec,
};
use alloy_consensus::{Header, Transaction as _};
use alloy_eips::BlockId;
use alloy_rpc_types::FeeHistory;

/// Most percentiles of one request, as in geth.
const MAX_PERCENTILES: usize = 100;

/// Reads `count` blocks up to `newest` (fewer near genesis), and what the block after it will cost.
pub(super) fn read(
    node: &RpcContext,
    count: u64,
    newest: BlockId,
    percentiles: &[f64],
) -> Answer<FeeHistory> {
    check(percentiles)?;
    if count == 0 {
        return Ok(FeeHistory::default());
    }
    let newest = newest_number(node, newest)?;
    let first = node.chain.earliest();
    let count = count.min(node.limits.fee_history_blocks).min(newest.saturating_sub(first) + 1);
    let mut history = FeeHistory { oldest_block: newest + 1 - count, ..Default::default() };
    let mut rewards = Vec::new();
    for number in history.oldest_block..=newest {
        let block = node.chain.block(number)?.ok_or(RpcError::HeaderNotFound)?;
        push_block(&mut history, &node.chain.spec(), &block.header);
        if !percentiles.is_empty() {
            let receipts = resolve::receipts(&node.chain, &block)?;
            let receipts = receipts.ok_or(RpcError::HeaderNotFound)?;
            rewards.push(block_rewards(&block, &receipts, percentiles));
        }
        if number == newest {
            let head = node.chain.head();
            let base_fee = if head.seal() == block.hash() {
                node.chain.next_base_fee(&head)
            } else {
                node.chain.spec().next_base_fee(&block.header)
            };
            push_next(&mut history, &node.chain.spec(), &block.header, base_fee);
        }
    }
    history.reward = (!percentiles.is_empty()).then_some(rewards);
    Ok(history)
}

fn newest_number(node: &RpcContext, newest: BlockId) -> Answer<u64> {
    let head = node.chain.head().number;
    let requested = match newest {
        BlockId::Number(tag) => resolve::number(&node.chain, tag),
        BlockId::Hash(_) => resolve::canonical(&node.chain, newest)?.number,
    };
    if requested > head {
        return Err(RpcError::BeyondHead { requested, head });
    }
    Ok(requested)
}

/// Percentiles lie between 0 and 100 and rise.
fn check(percentiles: &[f64]) -> Answer<()> {
    if percentiles.len() > MAX_PERCENTILES {
        return Err(RpcError::TooManyPercentiles(MAX_PERCENTILES));
    }
    for (index, percentile) in percentiles.iter().copied().enumerate() {
        if !(0.0..=100.0).contains(&percentile) {
            return Err(RpcError::Percentile(percentile));
        }
        let next = percentiles.get(index + 1).copied();
        if let Some(high) = next.filter(|next| *next <= percentile) {
            return Err(RpcError::PercentileOrder { index, low: percentile, high });
        }
    }
    Ok(())
}

/// One block's base fees and how full it was; zeros before the forks that brought them.
fn push_block(history: &mut FeeHistory, spec: &ChainSpec, header: &Header) {
    history.base_fee_per_gas.push(u128::from(header.base_fee_per_gas.unwrap_or(0)));
    history.gas_used_ratio.push(ratio(header.gas_used, header.gas_limit));
    history.base_fee_per_blob_gas.push(spec.blob_base_fee(header).unwrap_or(0));
    let most = spec.blob_params_at(header.timestamp).max_blob_gas_per_block();
    history.blob_gas_used_ratio.push(ratio(header.blob_gas_used.unwrap_or(0), most));
}

/// The base fees of the block after the newest.
fn push_next(history: &mut FeeHistory, spec: &ChainSpec, newest: &Header, base_fee: Option<u64>) {
    history.base_fee_per_gas.push(u128::from(base_fee.unwrap_or(0)));
    let excess = spec.next_excess_blob_gas(newest, newest.timestamp);
    let next = excess.map(|excess| {
        let params = spec.blob_params_at(newest.timestamp);
        params.calc_blob_fee(excess)
    });
    history.base_fee_per_blob_gas.push(next.unwrap_or(0));
}

#[expect(clippy::cast_precision_loss, reason = "a ratio is shown, not computed with")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Gas that a transaction used, and the tip it paid per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Paid {
    tip: u128,
    gas: u64,
}

fn block_rewards(block: &Block, receipts: &[Receipt], percentiles: &[f64]) -> Vec<u128> {
    let base_fee = block.header.base_fee_per_gas.unwrap_or(0);
    let mut before = 0;
    let mut paid = Vec::with_capacity(receipts.len());
    for (tx, receipt) in block.body.transactions.iter().zip(receipts) {
        let tip = tx.effective_tip_per_gas(base_fee).unwrap_or(0);
        paid.push(Paid { tip, gas: receipt.gas_after(before) });
        before = receipt.cumulative_gas_used;
    }
    rewards(paid, block.header.gas_used, percentiles)
}

/// For each percentile of the block's gas, the tip of the transaction that reaches it, when
/// transactions are sorted by tip and weighted by gas. All zeros for an empty block.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the threshold is rounded as in geth; percentiles are not negative"
)]
fn rewards(mut paid: Vec<Paid>, gas_used: u64, percentiles: &[f64]) -> Vec<u128> {
    paid.sort_by_key(|paid| paid.tip);
    let mut rest = paid.iter();
    let Some(mut current) = rest.next() else { return vec![0; percentiles.len()] };
    let mut sum = current.gas;
    let reached = percentiles.iter().map(|percentile| {
        let threshold = (gas_used as f64 * percentile / 100.0) as u64;
        while sum < threshold {
            let Some(next) = rest.next() else { break };
            current = next;
            sum += next.gas;
        }
        current.tip
    });
    reached.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paid(pairs: &[(u128, u64)]) -> Vec<Paid> {
        pairs.iter().map(|(tip, gas)| Paid { tip: *tip, gas: *gas }).collect()
    }

    #[test]
    fn rewards_are_weighted_by_gas() {
        // Sorted: 21,000 gas at tip 1, 63,000 at 2, 16,000 at 9; 100,000 in all.
        let block = paid(&[(9, 16_000), (1, 21_000), (2, 63_000)]);
        let at = [0.0, 21.0, 21.5, 84.0, 84.5, 100.0];
        assert_eq!(rewards(block, 100_000, &at), [1, 1, 2, 2, 9, 9]);
    }

    #[test]
    fn equal_tips_keep_their_order_and_one_transaction_answers_all() {
        assert_eq!(rewards(paid(&[(7, 21_000)]), 21_000, &[0.0, 50.0, 100.0]), [7, 7, 7]);
        assert_eq!(rewards(paid(&[(3, 10), (3, 90)]), 100, &[5.0, 95.0]), [3, 3]);
    }

    #[test]
    fn an_empty_block_rewards_nobody() {
        assert_eq!(rewards(vec![], 0, &[10.0, 90.0]), [0, 0]);
    }

    #[test]
    fn percentiles_must_rise_within_bounds() {
        assert!(check(&[0.0, 50.0, 100.0]).is_ok());
        assert!(matches!(check(&[-1.0]), Err(RpcError::Percentile(_))));
        assert!(matches!(check(&[f64::NAN]), Err(RpcError::Percentile(_))));
        assert!(matches!(check(&[5.0, 5.0]), Err(RpcError::PercentileOrder { index: 0, .. })));
        assert!(matches!(check(&[1.0, 9.0, 2.0]), Err(RpcError::PercentileOrder { index: 1, .. })));
        assert!(matches!(check(&[1.0; 101]), Err(RpcError::TooManyPercentiles(100))));
    }

    #[test]
    fn a_block_without_a_limit_is_not_full() {
        assert_eq!(ratio(15, 30), 0.5);
        assert_eq!(ratio(0, 0), 0.0);
    }
}
