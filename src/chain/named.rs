//! Which chains have names, where do they leave the canonical one, and which blocks must be kept for them?
//!
//! One branch is current: the canonical chain, whose newest block moves with the head. The others stand
//! still. What they need above the canonical chain is kept in `blocks`; what they need of the canonical
//! chain is kept the moment before the chain goes back below it.

use super::ChainError;
use crate::{
    primitives::BlockNumHash,
    storage::{BlocksReader, KeptAt, KeptRow},
};
use alloy_primitives::{B256, map::B256Map};
use std::collections::{BTreeMap, HashSet};

/// The name of the chain before it got one.
pub(super) const FIRST: &str = "main";
/// Longest name, in bytes.
const LONGEST_NAME: usize = 64;

/// How much may be kept for named branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BranchLimits {
    /// Branches, the current one counted.
    pub count: usize,
    /// Bytes of blocks that are not canonical, with what they changed and what they take in memory when
    /// they come back, and of what branches remember.
    pub bytes: usize,
}

impl Default for BranchLimits {
    fn default() -> Self {
        Self { count: 1_000, bytes: 256 << 20 }
    }
}

/// Why a branch was not made, changed or left.
#[derive(Debug, thiserror::Error)]
pub enum BranchError {
    /// There is none of that name.
    #[error("there is no branch {0:?}; chain_listBranches tells which there are")]
    Unknown(String),
    /// There is one of that name.
    #[error("there is a branch {name:?} already; choose another name, or use chain_deleteBranch")]
    Exists {
        /// The name.
        name: String,
    },
    /// It is the chain.
    #[error("{0:?} is the current branch; use chain_checkout to go to another one first")]
    Current(String),
    /// Not every text is a name.
    #[error(
        "{given:?} is no name for a branch: 1 to {LONGEST_NAME} letters, digits, '-', '_', '.' or '/'"
    )]
    Name {
        /// As given, not longer than it may be.
        given: String,
    },
    /// There are enough.
    #[error(
        "{count} branches are kept, and no more may be; use chain_deleteBranch, or raise --max-branches"
    )]
    TooMany {
        /// Branches there are.
        count: usize,
    },
    /// There is no room for their blocks.
    #[error(
        "the blocks of all branches would take {bytes} bytes ({limit} allowed); use \
         chain_deleteBranch, or raise --max-branch-bytes"
    )]
    TooLarge {
        /// Bytes they would take.
        bytes: usize,
        /// Bytes they may take.
        limit: usize,
    },
    /// A kept block is not what it was.
    #[error(
        "block {number} of branch {name:?} is missing or damaged; the branch can only be deleted \
         (chain_deleteBranch)"
    )]
    Damaged {
        /// The branch.
        name: String,
        /// The block's height.
        number: u64,
    },
}

/// A branch, as it is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchInfo {
    /// Its name.
    pub name: String,
    /// Its newest block.
    pub tip: BlockNumHash,
    /// Is it the canonical chain?
    pub is_current: bool,
    /// Blocks that no other branch has.
    pub own_blocks: u64,
}

/// The named branches, without what is in them.
#[derive(Debug)]
pub(super) struct NamedBranches {
    pub(super) current: String,
    /// Names the current branch while this process runs, as no other branch was or will be.
    pub(super) id: u64,
    pub(super) others: BTreeMap<String, Other>,
    /// By hash.
    kept: B256Map<KeptAt>,
    bytes: usize,
    ids: u64,
}

/// A branch that is not current.
#[derive(Clone, Copy, Debug)]
pub(super) struct Other {
    pub(super) id: u64,
    pub(super) tip: BlockNumHash,
    /// Height of a canonical block that it goes through. All of its blocks above are kept.
    pub(super) joins: u64,
    /// Size of its row.
    pub(super) bytes: usize,
}

impl Default for NamedBranches {
    fn default() -> Self {
        Self {
            current: FIRST.to_owned(),
            id: 0,
            others: BTreeMap::new(),
            kept: B256Map::default(),
            bytes: 0,
            ids: 0,
        }
    }
}

/// Where a branch leaves other blocks, and its blocks above, lowest first.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) base: u64,
    pub(super) blocks: Vec<BlockNumHash>,
}

impl NamedBranches {
    /// The branches that are stored.
    pub(super) fn load(reader: &BlocksReader) -> Result<Self, ChainError> {
        let mut named = Self::default();
        named.current = reader.current_branch()?.unwrap_or(named.current);
        for block in reader.kept_blocks()? {
            named.bytes += block.bytes;
            named.kept.insert(block.at.hash, block);
        }
        for (name, tip, bytes) in reader.branches()? {
            named.add(name, tip, 0, bytes);
        }
        named.join_all(|at| Ok(reader.hash(at.number)? == Some(at.hash)))?;
        Ok(named)
    }

    /// Looks up where every branch leaves the canonical chain, which has changed.
    pub(super) fn join_all(
        &mut self,
        is_canonical: impl Fn(BlockNumHash) -> Result<bool, ChainError>,
    ) -> Result<(), ChainError> {
        // What branches have in common is walked once.
        let mut known: B256Map<u64> = B256Map::default();
        for other in self.others.values_mut() {
            let (mut at, mut walked) = (other.tip, Vec::new());
            other.joins = loop {
                if let Some(joins) = known.get(&at.hash) {
                    break *joins;
                }
                if is_canonical(at)? {
                    break at.number;
                }
                walked.push(at.hash);
                // A damaged branch stays until somebody deletes it; nothing more is kept for it.
                let Some(kept) = self.kept.get(&at.hash) else { break 0 };
                at = BlockNumHash::new(at.number.saturating_sub(1), kept.parent);
            };
            known.extend(walked.into_iter().map(|hash| (hash, other.joins)));
        }
        Ok(())
    }

    /// From the newest block of a branch down to the first that is canonical; `None` if a block is
    /// missing between.
    pub(super) fn path(
        &self,
        tip: BlockNumHash,
        is_canonical: impl Fn(BlockNumHash) -> Result<bool, ChainError>,
    ) -> Result<Option<Path>, ChainError> {
        let (mut at, mut blocks) = (tip, Vec::new());
        while !is_canonical(at)? {
            let Some(kept) = self.kept.get(&at.hash) else { return Ok(None) };
            blocks.push(at);
            let Some(below) = at.number.checked_sub(1) else { return Ok(None) };
            at = BlockNumHash::new(below, kept.parent);
        }
        blocks.reverse();
        Ok(Some(Path { base: at.number, blocks }))
    }

    /// Adds a branch that is not current.
    pub(super) fn add(&mut self, name: String, tip: BlockNumHash, joins: u64, bytes: usize) {
        self.bytes += bytes;
        self.ids += 1;
        self.others.insert(name, Other { id: self.ids, tip, joins, bytes });
    }

    /// Forgets a branch that is not current.
    pub(super) fn remove(&mut self, name: &str) {
        if let Some(gone) = self.others.remove(name) {
            self.bytes -= gone.bytes;
        }
    }

    /// Another branch is current now, and the one before stands still.
    pub(super) fn switch(&mut self, to: &str, from: &str, left: (BlockNumHash, usize)) {
        let arrived = self.others.get(to).map_or(self.id, |other| other.id);
        let left_id = std::mem::replace(&mut self.id, arrived);
        self.remove(to);
        self.current = to.to_owned();
        let (tip, bytes) = left;
        self.add(from.to_owned(), tip, 0, bytes);
        if let Some(other) = self.others.get_mut(from) {
            other.id = left_id;
        }
    }

    /// Is this block kept?
    pub(super) fn keeps(&self, hash: B256) -> bool {
        self.kept.contains_key(&hash)
    }

    /// These blocks are kept from now on.
    pub(super) fn keep(&mut self, rows: &[KeptRow]) {
        for row in rows {
            let place = row.place();
            if self.kept.insert(row.at.hash, place).is_none() {
                self.bytes += place.bytes;
            }
        }
    }

    /// These blocks are gone.
    pub(super) fn drop_blocks(&mut self, blocks: &[BlockNumHash]) {
        for at in blocks {
            self.bytes -= self.kept.remove(&at.hash).map_or(0, |gone| gone.bytes);
        }
    }

    /// The chain went back to block `to`: all that branches need above is kept.
    pub(super) fn went_back(&mut self, to: u64) {
        self.others.values_mut().for_each(|other| other.joins = other.joins.min(to));
    }

    /// Up to which block somebody else needs the canonical chain.
    pub(super) fn needed(&self) -> Option<u64> {
        self.others.values().map(|other| other.joins).max()
    }

    /// Kept blocks that no branch goes through, apart from one that is about to go and those that are
    /// canonical.
    pub(super) fn unneeded(
        &self,
        without: Option<&str>,
        is_canonical: impl Fn(BlockNumHash) -> Result<bool, ChainError>,
    ) -> Result<Vec<BlockNumHash>, ChainError> {
        let mut needed = HashSet::new();
        for (name, other) in &self.others {
            let mut at = other.tip.hash;
            while Some(name.as_str()) != without
                && let Some(kept) = self.kept.get(&at)
                && needed.insert(at)
            {
                at = kept.parent;
            }
        }
        let mut unneeded = Vec::new();
        for kept in self.kept.values().filter(|kept| !needed.contains(&kept.at.hash)) {
            if !is_canonical(kept.at)? {
                unneeded.push(kept.at);
            }
        }
        Ok(unneeded)
    }

    /// Is there room for so many bytes more, after others have gone?
    pub(super) fn check_room(
        &self,
        more: usize,
        gone: &[BlockNumHash],
        limit: usize,
    ) -> Result<(), BranchError> {
        let gone = gone.iter().filter_map(|at| self.kept.get(&at.hash));
        let bytes = (self.bytes + more).saturating_sub(gone.map(|kept| kept.bytes).sum());
        // What is there already may be more than a lower limit of a later start.
        if more > 0 && bytes > limit {
            return Err(BranchError::TooLarge { bytes, limit });
        }
        Ok(())
    }

    /// May a branch of this name be added?
    pub(super) fn check_new(&self, name: &str, limits: BranchLimits) -> Result<(), BranchError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(fits) {
            let given = name.chars().take(LONGEST_NAME + 1).collect();
            return Err(BranchError::Name { given });
        }
        if self.current == name || self.others.contains_key(name) {
            return Err(BranchError::Exists { name: name.to_owned() });
        }
        let count = self.others.len() + 1;
        if count >= limits.count {
            return Err(BranchError::TooMany { count });
        }
        Ok(())
    }

    /// A branch that is there and not current.
    pub(super) fn other(&self, name: &str) -> Result<Other, BranchError> {
        if name == self.current {
            return Err(BranchError::Current(name.to_owned()));
        }
        let unknown = || BranchError::Unknown(name.chars().take(LONGEST_NAME + 1).collect());
        self.others.get(name).copied().ok_or_else(unknown)
    }

    /// All branches, by name. Where two meet, neither has a block of its own any more.
    pub(super) fn list(&self, head: BlockNumHash) -> Vec<BranchInfo> {
        let names: Vec<&String> = self.others.keys().collect();
        let mut meets: Vec<u64> = self.others.values().map(|other| other.joins).collect();
        let mut seen: B256Map<usize> = B256Map::default();
        for (place, other) in self.others.values().enumerate() {
            let mut at = other.tip;
            while at.number > other.joins
                && let Some(kept) = self.kept.get(&at.hash)
            {
                if let Some(first) = seen.insert(at.hash, place) {
                    seen.insert(at.hash, first);
                    meets[first] = meets[first].max(at.number);
                    meets[place] = meets[place].max(at.number);
                    break;
                }
                at = BlockNumHash::new(at.number.saturating_sub(1), kept.parent);
            }
        }
        let current = BranchInfo {
            name: self.current.clone(),
            tip: head,
            is_current: true,
            own_blocks: head.number.saturating_sub(self.needed().unwrap_or(0)),
        };
        let other = |(place, name): (usize, &&String)| {
            let tip = self.others[*name].tip;
            let own_blocks = tip.number.saturating_sub(meets[place]);
            BranchInfo { name: (*name).clone(), tip, is_current: false, own_blocks }
        };
        let mut all: Vec<_> = names.iter().enumerate().map(other).chain([current]).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }
}
