//! Chain rules that need no state: forks, genesis, fees, what makes a block valid.
//!
//! | file | question |
//! |---|---|
//! | `chain_spec`, `forks`, `fork_plan` | which rules apply at a block? |
//! | `chain_ids` | which chain id holds in which block? |
//! | `fork_id` | what names a chain's rules at a time? |
//! | `agreed` | which rules must nodes share that their hashes do not tell? |
//! | `fork_change` | may a chain go on under other forks? |
//! | `genesis`, `dev`, `network_genesis` | what is block zero, on a development chain, of a network? |
//! | `genesis_names` | does every name in a genesis file mean something? |
//! | `networks` | which rules does a public network have, and a fork of a chain? |
//! | `contracts`, `main_contract`, `precompiles` | which contracts does everyone know? |
//! | `fees`, `difficulty`, `gas` | what must be paid, proven, and brought along? |
//! | `header`, `body`, `ommers`, `transaction` | is a part of a block valid? |
//! | `invalid`, `error` | why is it not, or why is there no chain? |

mod agreed;
mod body;
mod chain_ids;
mod chain_spec;
pub mod contracts;
pub mod dev;
mod difficulty;
mod error;
mod fees;
mod fork_change;
mod fork_id;
mod fork_plan;
mod forks;
mod gas;
mod genesis;
mod genesis_names;
mod header;
mod invalid;
pub mod main_contract;
mod network_genesis;
pub mod networks;
mod ommers;
pub mod precompiles;
mod transaction;

pub use body::check_body;
pub use chain_ids::ChainIds;
pub use chain_spec::{ChainSpec, Mode};
pub use contracts::CONSOLE_ADDRESS;
pub use difficulty::{MINIMUM_DIFFICULTY, next_difficulty};
pub use error::SpecError;
pub use fees::FeeMarket;
pub use fork_change::{ForkChange, ForkChangeError, fork_changes};
pub use fork_plan::{FORKS_BY_TIME, ForkPlan};
pub use forks::{Fork, UnknownFork};
pub use gas::{floor_gas, intrinsic_gas};
pub use genesis_names::check_names;
pub use header::{MAX_EXTRA_DATA, check_header, next_gas_limit, required_extra_data};
pub use invalid::{BodyError, HeaderError, OmmerError, TransactionError};
pub use network_genesis::{MAX_EXTRA_BYTES, NetworkConsensus, NetworkGenesis};
pub use ommers::{Ancestor, OMMER_ANCESTORS, check_ommers};
pub use transaction::{TRANSACTION_GAS_CAP, check_caps, check_transaction};
