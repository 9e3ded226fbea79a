//! Mainspring: an EVM-compatible Solidity execution chain in one package and one binary.
//!
//! The map, floor by floor. A file uses only floors below its own; news goes up through one event
//! channel ([`chain::events`]). `tests/architecture.rs` enforces it.
//!
//! | floor | module | what it answers |
//! |---|---|---|
//! | 1 | [`primitives`] | words everyone uses: blocks, files of blocks, transactions with their sender, state changes |
//! | 2 | [`spec`] | chain rules that need no state: forks, genesis, fees, headers, bodies, ommers |
//! | 3 | [`artifacts`] | what compilers wrote: whose code is that, and which line of it? |
//! | 3 | [`consensus`] | who may seal, is a seal valid, which head wins, what a block earns |
//! | 3 | [`storage`] | MDBX: tables, readers, writers |
//! | 3 | [`upstream`] | the node whose chain this one is a fork of, asked over JSON-RPC |
//! | 4 | [`state`] | accounts and slots at a block: views, pages, overlays, the trie |
//! | 5 | [`evm`] | runs code: block executor, call, estimate, access list, simulation, trace |
//! | 6 | [`chain`] | the canonical chain and its only writer: append, import, reorganisation |
//! | 6 | [`explain`] | what a transaction did, in words its author knows |
//! | 7 | [`pool`] | which transactions wait, in which order |
//! | 8 | [`network`] | other nodes: who is there, what do they have, what do we tell them? |
//! | 8 | [`sealer`] | makes our own blocks: when, and of what |
//! | 9 | [`dev`] | what only a development chain may do |
//! | 9 | [`status`] | why is no block being made, and what can be done about it? |
//! | 10 | [`rpc`] | Ethereum JSON-RPC: translate, call one thing below, translate back |
//! | 12 | [`config`] | every setting, its default, its flag |
//! | 13 | [`node`] | wiring: the only file that knows every part |
//! | 14 | [`cli`] | one file a subcommand |

pub mod artifacts;
pub mod chain;
pub mod cli;
pub mod config;
pub mod consensus;
pub mod dev;
pub mod evm;
pub mod explain;
pub mod network;
pub mod node;
pub mod pool;
pub mod primitives;
pub mod rpc;
pub mod sealer;
pub mod spec;
pub mod state;
pub mod status;
pub mod storage;
pub mod upstream;
