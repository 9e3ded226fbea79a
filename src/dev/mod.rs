//! What only a development chain may do.
pub mod accounts;
