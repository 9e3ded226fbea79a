//! Whose code is that, and which line of it? What Foundry and Hardhat write when they compile, read and
//! matched with code on the chain. Knows nothing of a chain.
//!
//! | file | question |
//! |---|---|
//! | `folder` | which contracts are in these folders? |
//! | `walk` | which files of a folder may be read? |
//! | `json` | what is in an artifact? |
//! | `built_in` | which contracts are known without artifacts? |
//! | `library` | whose code is that? |
//! | `template` | is this the code of that contract? |
//! | `contract` | what is known of a contract? |
//! | `source_map` | which part of the source does an instruction come from? |
//! | `source` | which line is that, and in which function? |
//! | `error` | why was an artifact not read? |

mod built_in;
mod contract;
mod error;
mod folder;
mod json;
mod library;
mod source;
mod source_map;
mod template;
#[cfg(test)]
mod tests;
mod walk;

pub use built_in::BUILT_IN;
pub use contract::{Contract, Running};
pub use error::ArtifactError;
pub use folder::{ArtifactLimits, Folders, Problem};
pub use library::Library;
pub use source::{Source, Spotted};
pub use source_map::{Jump, Spot};
pub use template::{Fit, Template};

use arc_swap::ArcSwap;
use std::sync::Arc;

/// The library of now, shared by all who look something up.
#[derive(Clone, Debug)]
pub struct Shelf(Arc<ArcSwap<Library>>);

impl Default for Shelf {
    /// Only what is built in.
    fn default() -> Self {
        let library = Library::new(built_in::contracts().collect());
        Self(Arc::new(ArcSwap::from_pointee(library)))
    }
}

impl Shelf {
    /// The library of now.
    pub fn library(&self) -> Arc<Library> {
        self.0.load_full()
    }

    /// Puts another library in its place.
    pub fn replace(&self, library: Library) {
        self.0.store(Arc::new(library));
    }
}
