//! `admin_*`: where does the node keep its chain, and how does the chain go into a file and back?
//!
//! The paths are of the machine that the node runs on. So the methods are served over IPC, and over
//! HTTP where `--http.api` names them or a development chain listens to its own machine only; never to
//! web pages.

use super::{Answer, Api, anvil::small, params::Number};
use crate::primitives::echo;
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Writes blocks into a file: path, first and last block.
type Export = dyn Fn(&Path, Option<u64>, Option<u64>) -> Result<(), String> + Send + Sync;
/// Takes in the blocks of a file.
type Import = dyn Fn(&Path) -> Result<(), String> + Send + Sync;

/// What the node does with files.
pub struct ChainFiles {
    /// The data directory.
    pub dir: PathBuf,
    /// Writes blocks into a new file, which is compressed if its name ends with `.gz`.
    pub export: Box<Export>,
    /// Takes in the blocks of a file.
    pub import: Box<Import>,
}

impl fmt::Debug for ChainFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainFiles").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// Why blocks did not go into a file or come from one.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Half a range.
    #[error("last cannot be specified without first")]
    LastWithoutFirst,
    /// Nothing is written over.
    #[error("location would overwrite an existing file: {}", shown(.0))]
    WouldOverwrite(PathBuf),
    /// The file or what is in it.
    #[error("{}: {reason}", shown(file))]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// A path that somebody made up, as long as is legible.
fn shown(path: &Path) -> String {
    echo(&path.display().to_string()).into_owned()
}

/// The node's own files, as in geth.
#[rpc(server, namespace = "admin")]
pub trait Admin {
    /// The data directory.
    #[method(name = "datadir")]
    fn datadir(&self) -> Answer<PathBuf>;

    /// Writes blocks, by default all, into a new file of concatenated block RLPs, compressed if its
    /// name ends with `.gz`. Stops with an error at a block that nobody else could execute.
    #[method(name = "exportChain")]
    async fn export_chain(
        &self,
        file: PathBuf,
        first: Option<Number>,
        last: Option<Number>,
    ) -> Answer<bool>;

    /// Takes in the blocks of a file, checked and executed like a peer's; those that are there are
    /// passed over. What came before a bad block stays.
    #[method(name = "importChain")]
    async fn import_chain(&self, file: PathBuf) -> Answer<bool>;
}

#[async_trait]
impl AdminServer for Api {
    fn datadir(&self) -> Answer<PathBuf> {
        Ok(self.files.dir.clone())
    }

    async fn export_chain(
        &self,
        file: PathBuf,
        first: Option<Number>,
        last: Option<Number>,
    ) -> Answer<bool> {
        if first.is_none() && last.is_some() {
            return Err(AdminError::LastWithoutFirst.into());
        }
        let first = first.map(|number| small(number, "block number")).transpose()?;
        let last = last.map(|number| small(number, "block number")).transpose()?;
        if file.exists() {
            return Err(AdminError::WouldOverwrite(file).into());
        }
        self.blocking(move |node| {
            let done = (node.files.export)(&file, first, last);
            done.map_err(|reason| AdminError::File { file, reason })?;
            Ok(true)
        })
        .await
    }

    async fn import_chain(&self, file: PathBuf) -> Answer<bool> {
        self.blocking(move |node| {
            let done = (node.files.import)(&file);
            done.map_err(|reason| AdminError::File { file, reason })?;
            Ok(true)
        })
        .await
    }
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_without_end_does_not_come_back_whole() {
        let file = PathBuf::from("x".repeat(100_000));
        let reason = "File name too long".to_owned();
        assert!(AdminError::File { file: file.clone(), reason }.to_string().len() < 1_000);
        assert!(AdminError::WouldOverwrite(file).to_string().len() < 1_000);
    }
}
