//! Whose code is that? All contracts that are known, found by their code, and what their ABIs name.

use super::{
    contract::{Contract, Running},
    template::{Fit, Template},
};
use alloy_json_abi::{Error, Event, Function};
use alloy_primitives::{
    B256, Selector,
    map::{B256Map, HashMap},
};
use parking_lot::Mutex;
use std::sync::Arc;

/// Codes whose contract is remembered.
const MAX_REMEMBERED: usize = 4_096;

/// The contracts that are known. What is loaded later is another library.
#[derive(Debug, Default)]
pub struct Library {
    contracts: Vec<Arc<Contract>>,
    /// By the length of the runtime code.
    by_length: HashMap<usize, Vec<usize>>,
    errors: HashMap<Selector, Vec<Error>>,
    events: B256Map<Vec<Event>>,
    functions: HashMap<Selector, Vec<Function>>,
    remembered: Mutex<B256Map<Option<Running>>>,
}

impl Library {
    /// Of two contracts with the same code the first is taken.
    pub(super) fn new(contracts: Vec<Arc<Contract>>) -> Self {
        let mut library = Self::default();
        for (index, contract) in contracts.iter().enumerate() {
            if let Some(code) = &contract.runtime {
                library.by_length.entry(code.template.len()).or_default().push(index);
            }
            for error in contract.abi.errors() {
                keep(library.errors.entry(error.selector()).or_default(), error);
            }
            for event in contract.abi.events() {
                keep(library.events.entry(event.selector()).or_default(), event);
            }
            for function in contract.abi.functions() {
                keep(library.functions.entry(function.selector()).or_default(), function);
            }
        }
        library.contracts = contracts;
        library
    }

    /// How many contracts are known.
    pub fn len(&self) -> usize {
        self.contracts.len()
    }

    /// Is none known?
    pub fn is_empty(&self) -> bool {
        self.contracts.is_empty()
    }

    /// The contract that this code, with this hash, is the runtime code of.
    pub fn running(&self, hash: B256, code: &[u8]) -> Option<Running> {
        self.remember(hash, || {
            let candidates = self.by_length.get(&code.len())?.iter();
            let candidates = candidates.map(|index| &self.contracts[*index]);
            let fit = |contract: &Contract| contract.runtime.as_ref()?.template.fits(code);
            Some(Running { contract: best(candidates, fit)?, is_creation: false })
        })
    }

    /// The same, with code that is read only if it was not met before.
    pub fn running_by<C: AsRef<[u8]>>(
        &self,
        hash: B256,
        code: impl FnOnce() -> Option<C>,
    ) -> Option<Running> {
        if let Some(known) = self.remembered.lock().get(&hash) {
            return known.clone();
        }
        self.running(hash, code()?.as_ref())
    }

    /// The contract that this code creates, if arguments may follow.
    pub fn creating(&self, code: &[u8]) -> Option<Running> {
        let fit = |contract: &Contract| {
            let template: &Template = &contract.creation.as_ref()?.template;
            // Of two that fit, the longer one leaves less to be arguments.
            Some((template.fits_start(code)?, template.len()))
        };
        let contract = best(self.contracts.iter(), fit)?;
        Some(Running { contract, is_creation: true })
    }

    /// Errors with this selector, of any contract.
    pub fn errors(&self, selector: Selector) -> &[Error] {
        self.errors.get(&selector).map_or(&[], Vec::as_slice)
    }

    /// Events with this first topic, of any contract.
    pub fn events(&self, topic: B256) -> &[Event] {
        self.events.get(&topic).map_or(&[], Vec::as_slice)
    }

    /// Functions with this selector, of any contract.
    pub fn functions(&self, selector: Selector) -> &[Function] {
        self.functions.get(&selector).map_or(&[], Vec::as_slice)
    }

    /// Does data begin with the selector of a function of any contract?
    pub fn names(&self, input: &[u8]) -> bool {
        let selector = input.first_chunk::<4>().map(|selector| Selector::from(*selector));
        selector.is_some_and(|selector| !self.functions(selector).is_empty())
    }

    fn remember(&self, hash: B256, find: impl FnOnce() -> Option<Running>) -> Option<Running> {
        if let Some(known) = self.remembered.lock().get(&hash) {
            return known.clone();
        }
        let found = find();
        let mut remembered = self.remembered.lock();
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(hash, found.clone());
        found
    }
}

/// The first of those that fit best.
fn best<'a, F: Ord>(
    contracts: impl Iterator<Item = &'a Arc<Contract>>,
    fit: impl Fn(&Contract) -> Option<F>,
) -> Option<Arc<Contract>> {
    let mut best: Option<(F, &Arc<Contract>)> = None;
    for contract in contracts {
        let Some(fit) = fit(contract) else { continue };
        if best.as_ref().is_none_or(|(before, _)| fit > *before) {
            best = Some((fit, contract));
        }
    }
    best.map(|(_, contract)| contract.clone())
}

/// Most declarations of one selector that are kept: they differ in names only.
const MAX_NAMESAKES: usize = 8;

fn keep<T: Clone + PartialEq>(kept: &mut Vec<T>, one: &T) {
    if kept.len() < MAX_NAMESAKES && !kept.contains(one) {
        kept.push(one.clone());
    }
}

const _: () = assert!(Fit::Exact as u8 > Fit::WithoutMetadata as u8, "a better fit is more");
