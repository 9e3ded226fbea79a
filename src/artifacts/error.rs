//! Why was an artifact not read?

use crate::primitives::echo;

/// Why an artifact was not read. It is left out, or stays as it was before; nothing stops.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// It is not there, or may not be read.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// It is no JSON, or not what its fields say it is. It may be half written.
    #[error("is no artifact that can be read: {}", echo(&.0.to_string()))]
    Json(#[from] serde_json::Error),
    /// A file beyond the limit.
    #[error("has {bytes} bytes, --artifacts-max-file-bytes allows {limit}")]
    TooLong {
        /// Its length.
        bytes: u64,
        /// The most.
        limit: u64,
    },
    /// More files than are read.
    #[error("holds more than {limit} files; --artifacts-max-files sets the limit")]
    TooMany {
        /// The most.
        limit: usize,
    },
    /// All together are too long.
    #[error("does not fit into {limit} bytes; --artifacts-max-bytes sets the limit")]
    TooMuch {
        /// The most.
        limit: u64,
    },
}
