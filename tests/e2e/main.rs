//! End to end: the real binary, spoken to over the wire, with the tools that people use.
//!
//! Every test has a node and a data directory of its own. Nothing sleeps: a test waits for the
//! `Listening` line, for an answer, for a receipt, or for the end of the process.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod accounts;
mod admin;
mod artifacts;
mod authority;
mod automine;
mod bad_input;
mod bad_transactions;
mod blockchain_tests;
mod branch_crash;
mod cli;
mod clients;
mod compat;
mod concurrent_sends;
mod crash;
mod crash_witness;
mod data_directory;
mod db;
mod dev_methods;
mod devnet;
mod dumps;
mod elastic;
mod flags;
mod fork_resets;
mod forks;
mod foundry;
mod foundry_reads;
mod full_disk;
mod hardhat;
mod harness;
mod import;
mod ipc;
mod main_order;
mod methods;
mod metrics;
mod namespaces;
mod network;
mod network_genesis;
mod older_states;
mod partitions;
mod peers;
mod pool_restart;
mod readme;
mod resume;
mod reverts;
mod roles;
mod rpc_compat;
mod scripts;
mod soak;
mod status;
mod stored_keys;
mod strangers;
mod tools;
mod vectors;
mod votes;
mod walks;
mod wallet;
mod wallet_resets;
mod websocket;
mod wire;
mod work;
