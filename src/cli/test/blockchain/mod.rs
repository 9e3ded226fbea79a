//! `mainspring test blockchain`: does the node's own import agree with Ethereum's tests?

mod case;
mod network;
mod post_state;

use super::suite;
use crate::{
    chain::{Chain, ChainError, ChainSettings, ImportError},
    evm::EvmSettings,
    primitives::{Block, BlockDecodeError},
    spec::{ChainSpec, SpecError},
    storage::{Durability, Storage, StorageError},
};
use alloy_primitives::{B256, hex};
use case::{BlockForm, Case};
use network::UnknownNetwork;
use post_state::PostStateError;
use serde_json::Value;
use std::{path::Path, sync::Arc};

/// Why a case failed.
#[derive(Debug, thiserror::Error)]
enum CaseError {
    /// The JSON is not a blockchain test.
    #[error("not a blockchain test")]
    Form(#[from] serde_json::Error),
    /// No rules are known by the name of the network.
    #[error(transparent)]
    Network(#[from] UnknownNetwork),
    /// The genesis makes no chain.
    #[error("the genesis makes no chain")]
    Spec(#[from] SpecError),
    /// No temporary directory.
    #[error("cannot make a temporary directory")]
    Temporary(#[from] std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The state of the genesis.
    #[error("genesis has state root {found}, expected {expected}")]
    GenesisRoot {
        /// Ours.
        found: B256,
        /// The test's.
        expected: B256,
    },
    /// The header of the genesis.
    #[error("genesis has hash {found}, expected {expected}")]
    GenesisHash {
        /// Ours.
        found: B256,
        /// The test's.
        expected: B256,
    },
    /// The encoding of the genesis.
    #[error("the RLP of genesis is not the expected one")]
    GenesisRlp,
    /// A valid block was refused.
    #[error("block {index} of the case is valid, but was refused")]
    Refused {
        /// Its place in the case, from 0.
        index: usize,
        /// Why.
        source: Refusal,
    },
    /// An invalid block was accepted.
    #[error("block {index} of the case is invalid ({exception}), but was accepted")]
    Accepted {
        /// Its place in the case, from 0.
        index: usize,
        /// What the test says is wrong with it.
        exception: String,
    },
    /// A block was not judged, because the node failed.
    #[error("block {index} of the case could not be judged")]
    Failed {
        /// Its place in the case, from 0.
        index: usize,
        /// The failure.
        source: Refusal,
    },
    /// An invalid block was refused and has left something behind.
    #[error("block {index} of the case was refused, but moved the head from {before} to {after}")]
    Moved {
        /// Its place in the case, from 0.
        index: usize,
        /// The head before.
        before: B256,
        /// The head after.
        after: B256,
    },
    /// A block decoded to something else.
    #[error("block {index} of the case has hash {found}, expected {expected}")]
    BlockHash {
        /// Its place in the case, from 0.
        index: usize,
        /// Ours.
        found: B256,
        /// The test's.
        expected: B256,
    },
    /// The canonical chain ends elsewhere.
    #[error("the head is {found}, expected {expected}")]
    Head {
        /// Ours.
        found: B256,
        /// The test's.
        expected: B256,
    },
    /// The case says nothing about the state at the end.
    #[error("the case has neither postState nor postStateHash")]
    NoPostState,
    /// The state at the end.
    #[error(transparent)]
    PostState(#[from] PostStateError),
}

/// Why a block did not get in.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// Not even hex.
    #[error("the RLP is not hex")]
    Hex(#[from] hex::FromHexError),
    /// The encoding.
    #[error(transparent)]
    Decode(#[from] BlockDecodeError),
    /// A rule.
    #[error(transparent)]
    Import(#[from] ImportError),
}

/// The cases of a file: one a name.
pub(super) fn cases(_file: &Path, content: Value) -> Vec<suite::Case> {
    let Value::Object(cases) = content else {
        return vec![suite::Case::new("(file)", move || run(content))];
    };
    let case = |(name, case)| suite::Case::new(name, move || run(case));
    cases.into_iter().map(case).collect()
}

/// Runs one case on a new database of the node's own kind, which is deleted afterwards.
fn run(case: Value) -> Result<(), CaseError> {
    let case: Case = serde_json::from_value(case)?;
    let spec = Arc::new(ChainSpec::from_genesis(case.genesis()?)?);
    let dir = tempfile::tempdir()?;
    let storage = Storage::open(dir.path(), Durability::Ephemeral)?;
    let settings = ChainSettings {
        evm: EvmSettings::consensus(),
        takes_future_blocks: true,
        ..ChainSettings::default()
    };
    let (chain, _) = Chain::open(storage, spec, settings)?;
    check_genesis(&chain, &case)?;
    std::thread::scope(|scope| {
        scope.spawn(|| chain.run_state_writer());
        let mut blocks = case.blocks.iter().enumerate();
        let done = blocks.try_for_each(|(index, form)| import(&chain, index, form));
        chain.stop();
        done
    })?;
    chain.flush_state()?;
    check_end(&chain, &case)
}

fn check_genesis(chain: &Chain, case: &Case) -> Result<(), CaseError> {
    let (header, expected) = (chain.head(), &case.genesis_block_header);
    if header.state_root != expected.state_root {
        let (found, expected) = (header.state_root, expected.state_root);
        return Err(CaseError::GenesisRoot { found, expected });
    }
    if header.seal() != expected.hash {
        return Err(CaseError::GenesisHash { found: header.seal(), expected: expected.hash });
    }
    let block = chain.block(header.number)?;
    match (&case.genesis_rlp, block) {
        (Some(expected), Some(block)) if block.encode() != *expected => Err(CaseError::GenesisRlp),
        _ => Ok(()),
    }
}

/// Imports a block, which must be refused exactly if the case has no header of it.
fn import(chain: &Chain, index: usize, form: &BlockForm) -> Result<(), CaseError> {
    let before = chain.head().seal();
    match (import_rlp(chain, &form.rlp), &form.block_header) {
        (Err(Refusal::Import(error)), _) if error.rule().is_none() => {
            Err(CaseError::Failed { index, source: error.into() })
        }
        (Ok(found), Some(header)) if found != header.hash => {
            Err(CaseError::BlockHash { index, found, expected: header.hash })
        }
        (Ok(_), Some(_)) => Ok(()),
        (Ok(_), None) => {
            let exception = form.expected_exception().unwrap_or("no reason given").to_owned();
            Err(CaseError::Accepted { index, exception })
        }
        (Err(source), Some(_)) => Err(CaseError::Refused { index, source }),
        (Err(_), None) => {
            let after = chain.head().seal();
            let moved = CaseError::Moved { index, before, after };
            if before == after { Ok(()) } else { Err(moved) }
        }
    }
}

fn import_rlp(chain: &Chain, rlp: &str) -> Result<B256, Refusal> {
    let block = Block::decode(&hex::decode(rlp)?)?;
    chain.import(&block)?;
    Ok(block.hash())
}

fn check_end(chain: &Chain, case: &Case) -> Result<(), CaseError> {
    let head = chain.head();
    if head.seal() != case.lastblockhash {
        return Err(CaseError::Head { found: head.seal(), expected: case.lastblockhash });
    }
    let view = chain.state_at(head.number)?;
    post_state::check_root(&view, head.state_root)?;
    match (&case.post_state, case.post_state_hash) {
        (Some(accounts), _) => Ok(post_state::check_accounts(&view, accounts)?),
        (None, Some(expected)) if expected == head.state_root => Ok(()),
        (None, Some(expected)) => {
            Err(PostStateError::Hash { found: head.state_root, expected }.into())
        }
        (None, None) => Err(CaseError::NoPostState),
    }
}
