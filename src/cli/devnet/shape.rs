//! What kind of network is it, and is it the one that lies in the directory?

use super::{DevnetError, Layout, error::file, layout::write_whole};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::{fmt, fs};

/// How blocks are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Consensus {
    /// Signers in turn: every worker is one.
    Poa,
    /// Proof of work: every worker mines.
    Pow,
}

impl fmt::Display for Consensus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Poa => "poa",
            Self::Pow => "pow",
        })
    }
}

/// The settings that a network keeps for ever, as given.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ShapeArgs {
    /// Who seals blocks: signers in turn, or miners [default: poa]
    #[arg(long, env = "MAINSPRING_DEVNET_CONSENSUS", value_enum)]
    consensus: Option<Consensus>,
    /// Workers beside the main node; each signs, or mines [default: 3]
    #[arg(long, env = "MAINSPRING_DEVNET_WORKERS", value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: Option<u16>,
    /// Seconds between blocks (proof of authority); 0 makes one when transactions wait [default: 2]
    #[arg(long, env = "MAINSPRING_DEVNET_PERIOD", value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=86_400))]
    period: Option<u64>,
    /// Difficulty of the first block (proof of work): hashes that a block takes [default: 2000]
    #[arg(long, env = "MAINSPRING_DEVNET_DIFFICULTY", value_name = "HASHES")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    difficulty: Option<u64>,
    /// Chain id [default: 31337]
    #[arg(long, env = "MAINSPRING_DEVNET_CHAIN_ID", value_name = "ID")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    chain_id: Option<u64>,
}

/// The settings that a network keeps: for ever, all but its port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shape {
    pub(super) consensus: Consensus,
    pub(super) workers: u16,
    /// Seconds between blocks.
    pub(super) period: u64,
    /// Of the first block, and half of it the least there is.
    pub(super) difficulty: u64,
    pub(super) chain_id: u64,
    /// Of the main node's RPC, as it was asked for last.
    #[serde(default = "first_port")]
    pub(super) port: u16,
}

/// The port of a network that nobody named another for.
const fn first_port() -> u16 {
    8545
}

impl ShapeArgs {
    /// The network that lies in the directory, if it is the one asked for; a new one where there is none.
    pub(super) fn settle(&self, layout: &Layout) -> Result<Shape, DevnetError> {
        let path = layout.shape();
        if !path.exists() {
            let shape = self.new_shape()?;
            layout.check_free()?;
            shape.keep(layout)?;
            return Ok(shape);
        }
        let text = fs::read(&path).map_err(file(&path))?;
        let stored: Shape =
            serde_json::from_slice(&text).map_err(|source| DevnetError::Format { path, source })?;
        self.check(layout, &stored)?;
        Ok(stored)
    }

    fn new_shape(&self) -> Result<Shape, DevnetError> {
        let consensus = self.consensus.unwrap_or(Consensus::Poa);
        self.check_consensus(consensus)?;
        Ok(Shape {
            consensus,
            workers: self.workers.unwrap_or(3),
            period: self.period.unwrap_or(2),
            difficulty: self.difficulty.unwrap_or(2_000),
            chain_id: self.chain_id.unwrap_or(31337),
            port: first_port(),
        })
    }

    fn check_consensus(&self, consensus: Consensus) -> Result<(), DevnetError> {
        match consensus {
            Consensus::Pow if self.period.is_some() => {
                Err(DevnetError::OtherConsensus { flag: "--period", consensus: "poa" })
            }
            Consensus::Poa if self.difficulty.is_some() => {
                Err(DevnetError::OtherConsensus { flag: "--difficulty", consensus: "pow" })
            }
            _ => Ok(()),
        }
    }

    /// What was named must be what lies there.
    fn check(&self, layout: &Layout, stored: &Shape) -> Result<(), DevnetError> {
        fn same<T: PartialEq + fmt::Display>(
            layout: &Layout,
            flag: &'static str,
            given: Option<T>,
            stored: T,
        ) -> Result<(), DevnetError> {
            let Some(given) = given.filter(|given| *given != stored) else { return Ok(()) };
            let (given, stored) = (given.to_string(), stored.to_string());
            Err(DevnetError::Differs { dir: layout.dir.clone(), flag, stored, given })
        }
        same(layout, "--consensus", self.consensus, stored.consensus)?;
        self.check_consensus(stored.consensus)?;
        same(layout, "--workers", self.workers, stored.workers)?;
        same(layout, "--period", self.period, stored.period)?;
        same(layout, "--difficulty", self.difficulty, stored.difficulty)?;
        same(layout, "--chain-id", self.chain_id, stored.chain_id)
    }
}

impl Shape {
    /// Writes it down for the next start.
    pub(super) fn keep(&self, layout: &Layout) -> Result<(), DevnetError> {
        let path = layout.shape();
        let format = |source| DevnetError::Format { path: path.clone(), source };
        write_whole(&path, &serde_json::to_vec_pretty(self).map_err(format)?)
    }

    /// The nodes' names: the main node, then the workers.
    pub(super) fn names(&self) -> Vec<String> {
        let workers = (1..=self.workers).map(|number| format!("worker-{number}"));
        std::iter::once("main".to_owned()).chain(workers).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::claim(&dir.path().join("net")).unwrap();
        (dir, layout)
    }

    #[test]
    fn a_network_is_found_again_and_another_one_is_refused() {
        let (_dir, layout) = layout();
        let given = ShapeArgs { workers: Some(2), period: Some(1), ..ShapeArgs::default() };
        let made = given.settle(&layout).unwrap();
        assert_eq!(made.names(), ["main", "worker-1", "worker-2"]);
        assert_eq!(ShapeArgs::default().settle(&layout).unwrap(), made, "nobody named another");
        let other = ShapeArgs { workers: Some(3), ..ShapeArgs::default() };
        let error = other.settle(&layout).unwrap_err().to_string();
        assert!(error.contains("--workers 2, not 3"), "{error}");
        let other = ShapeArgs { consensus: Some(Consensus::Pow), ..ShapeArgs::default() };
        let error = other.settle(&layout).unwrap_err().to_string();
        assert!(error.contains("--consensus poa, not pow"), "{error}");
    }

    #[test]
    fn a_network_of_an_older_version_has_the_port_that_all_had() {
        let (_dir, layout) = layout();
        let mut made = ShapeArgs::default().settle(&layout).unwrap();
        made.port = 9_000;
        made.keep(&layout).unwrap();
        assert_eq!(ShapeArgs::default().settle(&layout).unwrap().port, 9_000);
        let text = fs::read_to_string(layout.shape()).unwrap();
        let older = text.replace(",\n  \"port\": 9000", "");
        assert_ne!(older, text);
        fs::write(layout.shape(), older).unwrap();
        assert_eq!(ShapeArgs::default().settle(&layout).unwrap().port, 8_545);
    }

    #[test]
    fn a_setting_of_the_other_kind_is_refused() {
        let (_dir, layout) = layout();
        let given = ShapeArgs { difficulty: Some(5), ..ShapeArgs::default() };
        let error = given.settle(&layout).unwrap_err().to_string();
        assert_eq!(error, "--difficulty belongs to --consensus pow");
        assert!(!layout.shape().exists(), "nothing was begun");
    }

    #[test]
    fn a_directory_of_something_else_is_left_alone() {
        let (_dir, layout) = layout();
        fs::write(layout.dir.join("thesis.txt"), "mine").unwrap();
        let error = ShapeArgs::default().settle(&layout).unwrap_err();
        assert!(matches!(error, DevnetError::Foreign { .. }), "{error}");
    }
}
