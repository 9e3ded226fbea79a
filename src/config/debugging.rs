//! What does the node tell of transactions, and which artifacts does it know them by?

use super::{ConfigError, Settings, resolve::above_zero};
use crate::artifacts::ArtifactLimits;
use std::path::PathBuf;

/// What the node tells of transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebuggingConfig {
    /// Do not print what contracts hand to `console.log`.
    pub no_console_log: bool,
    /// Print the calls of each transaction and call.
    pub print_traces: bool,
    /// Folders of compiled contracts.
    pub artifacts: Vec<PathBuf>,
    /// What of them is read.
    pub limits: ArtifactLimits,
}

impl Default for DebuggingConfig {
    fn default() -> Self {
        let limits = ArtifactLimits { file_bytes: 128 << 20, files: 20_000, bytes: 512 << 20 };
        Self { no_console_log: false, print_traces: false, artifacts: Vec::new(), limits }
    }
}

impl DebuggingConfig {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let default = Self::default().limits;
        let file = above_zero("artifacts-max-file-bytes", settings.artifacts_max_file_bytes)?;
        let files = above_zero("artifacts-max-files", settings.artifacts_max_files)?;
        let bytes = above_zero("artifacts-max-bytes", settings.artifacts_max_bytes)?;
        Ok(Self {
            no_console_log: settings.disable_console_log,
            print_traces: settings.print_traces,
            artifacts: settings.artifacts.clone().unwrap_or_default(),
            limits: ArtifactLimits {
                file_bytes: file.unwrap_or(default.file_bytes),
                files: files.unwrap_or(default.files),
                bytes: bytes.unwrap_or(default.bytes),
            },
        })
    }
}
