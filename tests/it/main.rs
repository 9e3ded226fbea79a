//! The heart of the node in one process: storage, state, trie, chain, sealer and snapshots together.
//!
//! | file | what it claims |
//! |---|---|
//! | `node` | no claim: starts, stops, kills and reopens a chain |
//! | `code` | no claim: the few contracts that the tests deploy, in bytes |
//! | `wallet` | no claim: keys and signed transactions |
//! | `work` | miners agree on a chain, ommers are paid, and old work is taken as long as it counts |
//! | `world` | no claim: what a state is, as simple as it can be said, and what a transaction does to it |
//! | `authority` | under proof of authority only who may sign does, and all agree on the head |
//! | `bases` | a chain goes on from a block that it did not execute, and its state begins there |
//! | `addresses` | the index of addresses says what traces of every block say |
//! | `branches` | a named branch brings back everything that a developer left there |
//! | `clock` | whatever is done to the clock, the next block gets the time that a model says |
//! | `decoders` | bytes that are nearly right do no harm |
//! | `genesis_files` | genesis files of other clients give the chain that they give there |
//! | `history` | whatever happens, every block since genesis answers as the simple model does |
//! | `inspect` | pages of the state and states inside blocks do not depend on what is written yet |
//! | `hostile` | whatever a peer sends, the node is alive and goes on with the honest ones |
//! | `import` | blocks from outside are checked, and the heaviest branch is the chain |
//! | `loads` | a chain goes into a dump and comes out of it, whole or not at all |
//! | `logs` | a search by the index finds what a look into every block finds |
//! | `maker` | no claim: makes blocks on any parent, for others to import |
//! | `network` | real nodes find each other, share blocks and transactions, and agree |
//! | `peers` | what peers send is checked, and whoever lies, stalls or asks too much is left |
//! | `stallers` | whoever hands out little, late or nothing keeps no node busy, and what can be had is fetched |
//! | `older_states` | a dump brings the states of older blocks along, where it has them |
//! | `pool` | what waits follows the chain over reorganisations, reverts, restarts and damage |
//! | `recovery` | a crash or a failed write loses nothing that was visible |
//! | `rejoining` | who comes back makes no blocks before it has heard where the chain is, and waits for nobody for ever |
//! | `sealing` | blocks are made, and what was sent is in them |
//! | `simulation` | nodes of a network agree in the end, whatever is lost, cut or killed |
//! | `snapshots` | a snapshot brings back everything that a developer set |
//! | `trace` | traces of known contracts read as geth writes them |

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod addresses;
mod authority;
mod bases;
mod branches;
mod clock;
mod code;
mod decoders;
mod genesis_files;
mod history;
mod hostile;
mod import;
mod inspect;
mod loads;
mod logs;
mod maker;
mod network;
mod node;
mod older_states;
mod peers;
mod pool;
mod recovery;
mod rejoining;
mod sealing;
mod simulation;
mod snapshots;
mod stallers;
mod trace;
mod wallet;
mod work;
mod world;
