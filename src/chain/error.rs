//! Why the chain could not answer or change.

use super::{Base, BranchError};
use crate::{
    consensus::clique::CliqueError,
    evm::{ApplyError, EvmError},
    spec::{Fork, ForkChangeError, Mode},
    state::{StateError, TrieError},
    storage::StorageError,
    upstream::UpstreamError,
};
use alloy_primitives::{Address, B256};

/// Why the chain could not answer or change.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The state failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The trie failed.
    #[error(transparent)]
    Trie(#[from] TrieError),
    /// A stored block does not execute.
    #[error(transparent)]
    Evm(#[from] EvmError),
    /// A transaction of a stored block is not valid any more.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Proof of authority without authority: the genesis or a checkpoint lists nobody who may sign, or
    /// a stored seal is damaged.
    #[error("proof of authority: {0}")]
    Signers(#[from] CliqueError),
    /// A genesis file under which the chain cannot go on.
    #[error(transparent)]
    Forks(#[from] ForkChangeError),
    /// A fork after which no block could be made.
    #[error(
        "{fork} calls the contract for {name} in every block, and there is no code at {address}: put it \
         there first, as its specification says, and give the fork a time after that"
    )]
    ForkWithoutContract {
        /// The fork.
        fork: Fork,
        /// What the contract is for.
        name: &'static str,
        /// Where it has to be.
        address: Address,
    },
    /// Only proof of authority has signers.
    #[error("a chain of mode {0:?} has no signers")]
    NoSigners(Mode),
    /// There is no canonical block at this height.
    #[error("block {number} is unknown: the head is block {head}")]
    UnknownBlock {
        /// What was asked for.
        number: u64,
        /// The head's height.
        head: u64,
    },
    /// The state of that block was thrown away.
    #[error(
        "pruned history unavailable: the state of block {number} was thrown away, the first that is kept \
         is that of block {first}"
    )]
    Pruned {
        /// What was asked for.
        number: u64,
        /// The first block with state.
        first: u64,
    },
    /// The state knows the key of an account and not its address.
    #[error("no preimage found for hash {0}")]
    UnknownPreimage(B256),
    /// A block whose trie would take too much memory to bring back.
    #[error(
        "block {number} is too far back: {changed} accounts and slots were written \
         since (max {limit})"
    )]
    TooFarBack {
        /// The block's height.
        number: u64,
        /// Accounts and slots written since.
        changed: u64,
        /// Most that are taken back.
        limit: u64,
    },
    /// The address index does not have all blocks.
    #[error(
        "the address index has {indexed} of {head} blocks: it is being made (the log says how far it \
         is), try again later; with --no-address-index it is never made"
    )]
    AddressIndex {
        /// Blocks that it has.
        indexed: u64,
        /// Blocks that the state has.
        head: u64,
    },
    /// A reader of the history that was away for too long.
    #[error(
        "the chain went back {unwinds} times since this was read last, more often or farther than is \
         remembered: begin anew"
    )]
    Forgotten {
        /// How often it went back.
        unwinds: u64,
    },
    /// Edits wait in memory for the next block.
    #[error(
        "{count} edits with {bytes} bytes of code would wait for the next block ({most} and \
         {most_bytes} bytes fit); make one with evm_mine"
    )]
    TooManyEdits {
        /// Edits there would be.
        count: usize,
        /// Edits that fit.
        most: usize,
        /// Bytes of code in them.
        bytes: usize,
        /// Bytes that fit.
        most_bytes: usize,
    },
    /// A seal was not looked at, because that takes long.
    #[error("the node stops: the seal of the block was not looked at")]
    Stopped,
    /// The block was built on a head that is not the head any more.
    #[error("block {number} was built on {parent}, but the head is {head}")]
    StaleParent {
        /// The block's height.
        number: u64,
        /// The parent it names.
        parent: B256,
        /// The head's hash.
        head: B256,
    },
    /// The data belongs to another chain.
    #[error(
        "the data directory holds the chain with genesis {stored}, not {given}; choose \
         another --datadir, or start over there (dev: --fresh; init: once it is removed)"
    )]
    OtherGenesis {
        /// Genesis hash of the stored chain.
        stored: B256,
        /// Genesis hash that was asked for.
        given: B256,
    },
    /// The data belongs to a chain that stands on something else.
    #[error(
        "the data directory holds a chain that {stored}, not one that {given}; choose \
         another --datadir, or start over there (dev: --fresh; init: once it is removed)"
    )]
    OtherBase {
        /// What the stored chain stands on.
        stored: Box<Base>,
        /// What was asked for.
        given: Box<Base>,
    },
    /// The state of a block that was history when the chain began here.
    #[error(
        "the state of block {number} is not here: the chain {base} (a dump made with \
         --preserve-historical-states has states of older blocks)"
    )]
    BelowBase {
        /// The block's height.
        number: u64,
        /// What the chain stands on.
        base: Box<Base>,
    },
    /// The state of an older block came with a dump: it can be read, and no block can follow it.
    #[error(
        "no block can be made on block {number}, whose state was only loaded: the chain {base}"
    )]
    OnlyLoaded {
        /// The block's height.
        number: u64,
        /// What the chain stands on.
        base: Box<Base>,
    },
    /// A block that was executed elsewhere cannot be executed again.
    #[error(
        "block {number} cannot be executed again: the state before it is not here, the chain {base}"
    )]
    NotExecuted {
        /// The block's height.
        number: u64,
        /// What the chain stands on.
        base: Box<Base>,
    },
    /// Nothing can be proven against a root that covers another state than is stored.
    #[error(
        "nothing can be proven at block {number}: its state root is {stated}, and what is stored of \
         its state has root {stored}, since the chain {base}; ask for a newer block"
    )]
    NoProof {
        /// The block's height.
        number: u64,
        /// Root in its header.
        stated: B256,
        /// Root of what is stored.
        stored: B256,
        /// What the chain stands on.
        base: Box<Base>,
    },
    /// The root of a block of a fork covers a part of its state.
    #[error(
        "nothing can be proven at block {number}: its state root covers only what was changed here since \
         the fork at block {fork}; ask for a block up to {fork}"
    )]
    LocalRoot {
        /// The block's height.
        number: u64,
        /// Height of the block with which the fork begins.
        fork: u64,
    },
    /// Only development chains begin anew while they are served.
    #[error(
        "a chain whose mode is {mode:?} cannot become one whose mode is {given:?}; start another node for it"
    )]
    OtherMode {
        /// Of the chain.
        mode: Mode,
        /// Of the chain that was to take its place.
        given: Mode,
    },
    /// What is not stored here is not to be had from the chain this one is a fork of.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// What a forked chain does not hold itself cannot be kept.
    #[error(
        "a dump cannot be loaded into a forked chain: most of its state is the upstream's, which would \
         show through what was loaded; start a node without --fork-url"
    )]
    LoadOnFork,
    /// No block can follow such a block.
    #[error(
        "the dump's block {number} has the {what} {given}; no block can follow it, possible is {least} \
         to {most}"
    )]
    LoadedHead {
        /// Its height.
        number: u64,
        /// Which of its fields.
        what: &'static str,
        /// What it says.
        given: u64,
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// What was to be loaded is not the stage of a chain.
    #[error("the dump has no block {number}, and says nothing of it")]
    NoLoadedHead {
        /// The height that it names.
        number: u64,
    },
    /// The rows of the base block's state are gone.
    #[error(
        "the state of block {number}, on which the chain stands, is missing; restore a backup, or \
         start over with another --datadir (dev also: --fresh)"
    )]
    BaseState {
        /// The base's height.
        number: u64,
    },
    /// Executing a stored block again gave another state.
    #[error(
        "block {number} says state root {stored}, but executing it gives {computed}: the data is \
         damaged; restore a backup, or start over with another --datadir (dev also: --fresh)"
    )]
    StateRoot {
        /// The block's height.
        number: u64,
        /// Root in its header.
        stored: B256,
        /// Root computed.
        computed: B256,
    },
    /// A named branch was not made, changed or left.
    #[error(transparent)]
    Branch(#[from] BranchError),
    /// The chain stopped accepting changes after a failed write.
    #[error("the chain accepts no changes since a write failed ({reason}); restart the node")]
    Halted {
        /// The failure.
        reason: String,
    },
}
