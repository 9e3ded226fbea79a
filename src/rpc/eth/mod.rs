//! `eth_*`: the Ethereum methods, one documented trait a question.
//!
//! | file | question |
//! |---|---|
//! | `info` | which chain is this, how far is it, whose keys does the node hold? |
//! | `state` | what does an account hold, at which block, and how is it proven? |
//! | `blocks` | what is in a block? |
//! | `transactions` | where is a transaction, and what came of it? |
//! | `logs`, `log_search` | which events match? |
//! | `fees`, `fee_history` | what does gas cost? |
//! | `config` | which rules hold now and next? |
//! | `call`, `call_many` | what would happen if? |
//! | `simulate` | what would whole blocks do? |
//! | `send`, `conditional`, `fill`, `nonces` | how does a transaction get in? |
//! | `placed` | which transaction is a request, right after an older block? |
//! | `waiting` | what waits, and how is it sent again? |
//! | `sign` | what does a key of the node sign? |
//! | `work` | what is mined, how fast, and what do miners hand in? |
//! | `subscribe`, `filters`, `watch`, `news` | what is new? |

pub mod blocks;
pub mod call;
pub mod call_many;
pub mod conditional;
pub mod config;
pub mod error;
mod fee_history;
pub mod fees;
mod fill;
pub mod filters;
pub mod info;
mod log_search;
pub mod logs;
mod news;
pub(super) mod nonces;
pub(super) mod placed;
pub mod send;
pub mod sign;
pub mod simulate;
pub mod state;
pub mod subscribe;
pub mod transactions;
pub mod waiting;
pub(super) mod watch;
pub mod work;

use super::Api;
use jsonrpsee::Methods;

/// Every `eth_` method.
pub(super) fn methods(api: &Api) -> Methods {
    let mut methods = info::methods(api);
    for more in [
        state::methods(api),
        blocks::methods(api),
        transactions::methods(api),
        waiting::methods(api),
        logs::methods(api),
        fees::methods(api),
        call::methods(api),
        call_many::methods(api),
        config::methods(api),
        send::methods(api),
        sign::methods(api),
        simulate::methods(api),
        subscribe::methods(api),
        filters::methods(api),
        work::methods(api),
    ] {
        methods.merge(more).expect("no two traits share a method or an alias");
    }
    methods
}
