//! What does the node say of itself in numbers? In the text form of
//! [OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/), for whoever asks `/metrics`.
//!
//! Every part counts for itself; the numbers are collected when somebody asks for them.
//!
//! | file | question |
//! |---|---|
//! | `server` | on which port, and to how many at once? |
//! | `page` | how is a number written? |
//! | `chain`, `network`, `serving`, `process` | which numbers are there? |

mod chain;
mod network;
mod page;
mod process;
mod server;
mod serving;

pub(super) use server::MetricsServer;

use crate::{
    chain::Chain, network::NetworkHandle, pool::Pool, rpc::Api, sealer::SealerHandle,
    storage::Storage,
};
use page::Page;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, text::encode},
    registry::Registry,
};
use std::{
    fmt::{self, Display},
    sync::Arc,
};

/// The parts of a node that have numbers.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    pub(super) chain: Arc<Chain>,
    pub(super) pool: Arc<Pool>,
    pub(super) sealer: SealerHandle,
    pub(super) api: Api,
    pub(super) storage: Storage,
    /// Other nodes; `None` where there is no network.
    pub(super) network: Option<NetworkHandle>,
}

impl Collector for Sources {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        page.info("mainspring_build", "What runs.", &[("version", env!("CARGO_PKG_VERSION"))])?;
        chain::write(&mut page, self)?;
        if let Some(network) = &self.network {
            network::write(&mut page, network)?;
        }
        serving::write(&mut page, self)?;
        process::write(&mut page)
    }
}

impl Sources {
    /// All numbers as they are now. Reads the database: not for a thread that serves requests.
    fn text(&self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.clone()));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// What could be read; what could not is said in the log, and left out.
fn readable<T, E: Display>(what: &str, read: Result<T, E>) -> Option<T> {
    let said = |error: &E| tracing::warn!(target: "metrics", %error, "{what} left out");
    read.inspect_err(said).ok()
}
