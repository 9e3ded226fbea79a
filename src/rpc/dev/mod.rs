//! What a developer does to time, blocks and the chain: `evm_*`, `anvil_*`, `hardhat_*`.
//!
//! | file | question |
//! |---|---|
//! | `time` | what time is it in the next block? |
//! | `mining` | when are blocks made, and how many now? |
//! | `next_block` | what else does the next block say? |
//! | `tokens` | where does a token keep a balance? |
//! | `snapshots` | how does the chain go back? |
//! | `forks` | who answers for the chain that this one is a fork of? |
//! | `reorganise` | how are the newest blocks replaced by others? |
//! | `state` | how does the whole state go out of the node and come back? |
//! | `info` | what does the node say of itself? |
//! | `error` | what is wrong with what a developer asked for? |

mod error;
mod forks;
mod info;
mod mining;
mod next_block;
mod reorganise;
mod snapshots;
mod state;
mod time;
mod tokens;

pub use error::DevelopmentError;
pub use forks::ForksServer;
pub use info::InfoServer;
pub use mining::{EvmMiningServer, MiningServer};
pub use next_block::NextBlockServer;
pub use reorganise::ReorganisationsServer;
pub use snapshots::SnapshotsServer;
pub use state::StateServer;
pub use time::TimeServer;
pub use tokens::TokensServer;

use super::Api;
use jsonrpsee::Methods;

pub(super) fn methods(api: &Api) -> Methods {
    let mut methods = Methods::from(TimeServer::into_rpc(api.clone()));
    for more in [
        Methods::from(MiningServer::into_rpc(api.clone())),
        EvmMiningServer::into_rpc(api.clone()).into(),
        NextBlockServer::into_rpc(api.clone()).into(),
        SnapshotsServer::into_rpc(api.clone()).into(),
        ReorganisationsServer::into_rpc(api.clone()).into(),
        StateServer::into_rpc(api.clone()).into(),
        TokensServer::into_rpc(api.clone()).into(),
        InfoServer::into_rpc(api.clone()).into(),
        ForksServer::into_rpc(api.clone()).into(),
    ] {
        methods.merge(more).expect("no two traits share a name");
    }
    methods
}
