//! `trace_*`: what happened inside blocks and calls, in OpenEthereum's shapes.
//!
//! | file | question |
//! |---|---|
//! | `blocks` | what happened in a block or a transaction? |
//! | `calls` | what would happen? |
//! | `filter` | where did an address send or receive? |

pub mod blocks;
pub mod calls;
pub mod filter;

use super::Api;
use jsonrpsee::Methods;

/// Every `trace_` method.
pub(super) fn methods(api: &Api) -> Methods {
    let mut methods = blocks::methods(api);
    for more in [calls::methods(api), filter::methods(api)] {
        methods.merge(more).expect("no two traits share a method or an alias");
    }
    methods
}
