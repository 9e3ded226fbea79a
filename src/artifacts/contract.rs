//! What is known of a contract: its name, its ABI, and where its instructions come from.

use super::{
    source::{Source, Spotted},
    source_map::{Jump, Spot, spots},
    template::Template,
};
use alloy_json_abi::JsonAbi;
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

/// The files of one run of the compiler, by its numbers.
pub(super) type Files = BTreeMap<u32, Arc<Source>>;

/// A contract that a compiler wrote.
#[derive(Debug)]
pub struct Contract {
    /// Its name.
    pub name: String,
    /// Its file, as the compiler calls it; empty if that is not known.
    pub file: String,
    /// Functions, events and errors.
    pub abi: Arc<JsonAbi>,
    pub(super) creation: Option<Arc<Code>>,
    pub(super) runtime: Option<Arc<Code>>,
    pub(super) files: Arc<Files>,
}

impl Contract {
    /// `contracts/Token.sol:Token`.
    pub fn full_name(&self) -> String {
        if self.file.is_empty() {
            return self.name.clone();
        }
        format!("{}:{}", self.file, self.name)
    }
}

/// Code of a contract, and where it comes from.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) template: Template,
    map: String,
    /// Made of the map when it is first asked for.
    spots: OnceLock<Vec<Option<Spot>>>,
}

impl Code {
    pub(super) const fn new(template: Template, map: String) -> Self {
        Self { template, map, spots: OnceLock::new() }
    }

    fn spot(&self, position: usize) -> Option<Spot> {
        let spots = self.spots.get_or_init(|| spots(&self.map, self.template.bytes()));
        spots.get(position).copied().flatten()
    }
}

/// A contract whose code runs, and which of its two codes.
#[derive(Clone, Debug)]
pub struct Running {
    /// The contract.
    pub contract: Arc<Contract>,
    /// Is it being created?
    pub is_creation: bool,
}

impl Running {
    /// What a jump at this position of the code means.
    pub fn jump(&self, position: usize) -> Jump {
        self.code().and_then(|code| code.spot(position)).map_or(Jump::Regular, |spot| spot.jump)
    }

    /// Does the instruction at this position come from a source that is known?
    pub fn has_source(&self, position: usize) -> bool {
        let file = self.code().and_then(|code| code.spot(position)?.file);
        file.is_some_and(|file| self.contract.files.contains_key(&file))
    }

    /// What the source map says of the instruction at this position.
    pub fn raw_spot(&self, position: usize) -> Option<Spot> {
        let spot = self.code()?.spot(position)?;
        Some(Spot { jump: Jump::Regular, ..spot })
    }

    /// Where the instruction at this position comes from, if that is known and no code of the compiler's
    /// own.
    pub fn spot(&self, position: usize) -> Option<Spotted<'_>> {
        let spot = self.code()?.spot(position)?;
        let file = self.contract.files.get(&spot.file?)?;
        Some(file.spot(spot.start, spot.length))
    }

    /// How long the code is as the compiler wrote it: behind a creation's stand its arguments.
    pub fn code_len(&self) -> usize {
        self.code().map_or(0, |code| code.template.len())
    }

    fn code(&self) -> Option<&Code> {
        let Contract { creation, runtime, .. } = self.contract.as_ref();
        if self.is_creation { creation.as_deref() } else { runtime.as_deref() }
    }
}
