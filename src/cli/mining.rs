//! Which flags of `mainspring node` speak of mining, and how far is a dataset that is being made?

use super::Progress;
use crate::{
    config::{MiningConfig, parse_extra_data, parse_recommit},
    node::NodeHandle,
};
use alloy_primitives::{Address, Bytes};
use clap::Args;
use std::{path::PathBuf, time::Duration};

const MINING: &str = "Mining (proof of work)";
/// How often it is looked how far a dataset is.
const LOOK: Duration = Duration::from_millis(200);

/// The flags of mining.
#[derive(Args, Clone, Debug)]
pub(super) struct MiningArgs {
    /// Mine blocks; without it the node follows the chain
    #[arg(long, env = "MAINSPRING_MINE", requires = "coinbase", conflicts_with = "no_seal")]
    #[arg(help_heading = MINING)]
    mine: bool,
    /// Who is paid for mined blocks
    #[arg(long, env = "MAINSPRING_COINBASE", visible_alias = "miner.etherbase")]
    #[arg(value_name = "ADDRESS", help_heading = MINING)]
    coinbase: Option<Address>,
    /// Threads that search for nonces; with 0 only others do, over eth_getWork [default: one less than
    /// there are cores, at least 1]
    #[arg(long, env = "MAINSPRING_THREADS", visible_alias = "miner.threads")]
    #[arg(value_name = "COUNT", help_heading = MINING)]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=1024))]
    threads: Option<u64>,
    /// What mined blocks say: text, or hex after 0x, at most 32 bytes [default: mainspring and its version]
    #[arg(long, env = "MAINSPRING_EXTRA_DATA", visible_alias = "miner.extradata")]
    #[arg(value_name = "TEXT", value_parser = parse_extra_data, help_heading = MINING)]
    extra_data: Option<Bytes>,
    /// Gas limit that mined blocks move towards [default: that of the block before]
    #[arg(long, env = "MAINSPRING_GAS_LIMIT", visible_alias = "miner.gaslimit")]
    #[arg(value_name = "GAS", help_heading = MINING)]
    gas_limit: Option<u64>,
    /// After how many seconds transactions that arrived get into the block that is worked on [default: 2]
    #[arg(long, env = "MAINSPRING_RECOMMIT", visible_alias = "miner.recommit")]
    #[arg(value_name = "SECONDS", value_parser = parse_recommit, help_heading = MINING)]
    recommit: Option<Duration>,
    /// Folder for the full dataset of each epoch (1 GiB and more): made once, and hundreds of times faster
    /// to mine with [default: mine with the light cache, in memory]
    #[arg(long, env = "MAINSPRING_DATASET", visible_alias = "ethash.dagdir")]
    #[arg(value_name = "DIR", help_heading = MINING)]
    dataset: Option<PathBuf>,
}

impl MiningArgs {
    /// As a node is told.
    pub(super) fn config(self) -> MiningConfig {
        MiningConfig {
            mines: self.mine,
            coinbase: self.coinbase,
            threads: self.threads.map(|threads| threads as usize),
            extra_data: self.extra_data,
            gas_limit: self.gas_limit,
            recommit: self.recommit,
            dataset: self.dataset,
        }
    }
}

/// Shows how far datasets are that are being made, as long as the node runs.
pub(super) async fn show_datasets(node: &NodeHandle) {
    let mut shown: Option<(u64, Progress)> = None;
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        let now = node.dataset_progress();
        shown = shown.filter(|(epoch, progress)| {
            let goes_on = now.is_some_and(|now| now.epoch == *epoch);
            if !goes_on {
                progress.finish();
            }
            goes_on
        });
        let Some(now) = now else { continue };
        let (_, progress) =
            shown.get_or_insert_with(|| (now.epoch, Progress::pages("dataset", now.total)));
        progress.at_page(now.done);
    }
}
