//! `debug_*`: what the node holds, in the form in which it holds it, one documented trait a question.
//!
//! | file | question |
//! |---|---|
//! | `raw` | how is a header, a block, a receipt, a transaction encoded? |
//! | `dump`, `page` | which accounts and slots are there? |
//! | `state` | what did a block do to the state, and whose hash is this? |
//! | `trace` | what happened inside a transaction, a block, a call? |
//! | `control` | what may an operator change while the node runs? |

pub mod control;
pub mod dump;
pub mod page;
pub mod raw;
pub mod state;
pub mod trace;

use super::Api;
use jsonrpsee::Methods;

/// Every `debug_` method.
pub(super) fn methods(api: &Api) -> Methods {
    let mut methods = raw::methods(api);
    for more in
        [dump::methods(api), state::methods(api), control::methods(api), trace::methods(api)]
    {
        methods.merge(more).expect("no two traits share a method or an alias");
    }
    methods
}
