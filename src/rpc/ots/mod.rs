//! `ots_*`: what the Otterscan explorer asks, in its shapes
//! (<https://docs.otterscan.io/api-docs/ots-api>).
//!
//! | file | question |
//! |---|---|
//! | `blocks` | what is in a block, and what did it earn? |
//! | `inside` | what happened in a transaction? |
//! | `search` | in which transactions did an address take part? |

pub mod blocks;
pub mod inside;
pub mod search;

use super::Api;
use jsonrpsee::Methods;

/// Every `ots_` method.
pub(super) fn methods(api: &Api) -> Methods {
    let mut methods = blocks::methods(api);
    for more in [inside::methods(api), search::methods(api)] {
        methods.merge(more).expect("no two traits share a method or an alias");
    }
    methods
}
