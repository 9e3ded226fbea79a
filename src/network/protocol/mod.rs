//! What happened, and what is to be done about it? A machine without sockets, threads or a clock.
//!
//! | file | question |
//! |---|---|
//! | `event` | what can happen, and what can be done? |

mod event;

pub use event::{
    Above, Action, Check, CheckId, Checked, Direction, Event, Failure, GossipId, Now, Refusal,
    RequestId, Verdict,
};
