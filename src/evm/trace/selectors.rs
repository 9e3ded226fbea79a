//! `4byteTracer`: which functions were called, with how much data?

use super::tracer::{Enter, Kind};
use alloy_primitives::hex;
use std::collections::BTreeMap;

/// Counts selectors together with the length of the data after them.
#[derive(Debug, Default)]
pub(super) struct Selectors {
    counts: BTreeMap<String, u64>,
    depth: usize,
}

impl Selectors {
    pub(super) fn enter(&mut self, enter: &Enter) {
        let is_root = self.depth == 0;
        self.depth += 1;
        let is_call = !enter.kind.is_create() && enter.kind != Kind::SelfDestruct;
        // geth counts the outermost data whatever it is for.
        if !(is_root || is_call && !enter.is_precompile) {
            return;
        }
        if let Some((selector, data)) = enter.input.split_at_checked(4) {
            let key = format!("{}-{}", hex::encode_prefixed(selector), data.len());
            *self.counts.entry(key).or_default() += 1;
        }
    }

    pub(super) fn finish(self) -> BTreeMap<String, u64> {
        self.counts
    }
}
