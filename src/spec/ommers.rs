//! Ommers: may a block name these headers as its ommers?

use super::{ChainSpec, Mode, OmmerError, header::check_ommer};
use crate::primitives::SealedHeader;
use alloy_consensus::Header;
use alloy_primitives::map::B256Set;

/// Most ommers of a block (yellow paper, 11.1).
const MAX_OMMERS: usize = 2;

/// How many ancestors of a block decide about its ommers: an ommer's parent is at most the seventh,
/// and an ommer that one of them named is used up.
pub const OMMER_ANCESTORS: usize = 7;

/// An ancestor of the block that names ommers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    /// The ancestor's header.
    pub header: SealedHeader,
    /// The ommers that it names itself.
    pub ommers: Vec<Header>,
}

/// Checks the ommers of the block with this header, but their seals and the ommers hash.
/// `ancestors` are the block's [`OMMER_ANCESTORS`] nearest ancestors, newest first; near the genesis
/// there are fewer. Only blocks with proof of work have ommers.
pub fn check_ommers(
    spec: &ChainSpec,
    header: &Header,
    ommers: &[Header],
    ancestors: &[Ancestor],
) -> Result<(), OmmerError> {
    let works = matches!(spec.mode, Mode::Pow | Mode::Merged) && !header.difficulty.is_zero();
    let max = if works { MAX_OMMERS } else { 0 };
    if ommers.len() > max {
        return Err(OmmerError::TooMany { given: ommers.len(), max });
    }
    if ommers.is_empty() {
        return Ok(());
    }
    let ancestors = &ancestors[..ancestors.len().min(OMMER_ANCESTORS)];
    let mut used = used_up(ancestors);
    for ommer in ommers {
        check_one(spec, header, ommer, ancestors, &mut used)?;
    }
    Ok(())
}

fn check_one(
    spec: &ChainSpec,
    header: &Header,
    ommer: &Header,
    ancestors: &[Ancestor],
    used: &mut B256Set,
) -> Result<(), OmmerError> {
    let hash = ommer.hash_slow();
    if !used.insert(hash) {
        return Err(OmmerError::Repeated { hash });
    }
    if ancestors.iter().any(|ancestor| ancestor.header.seal() == hash) {
        return Err(OmmerError::IsAncestor { hash });
    }
    let parent = ancestors.iter().find(|ancestor| ancestor.header.seal() == ommer.parent_hash);
    let Some(parent) = parent else {
        return Err(OmmerError::UnknownParent { hash, parent: ommer.parent_hash });
    };
    if ommer.parent_hash == header.parent_hash {
        return Err(OmmerError::IsBrother { hash, parent: ommer.parent_hash });
    }
    check_ommer(spec, &parent.header, ommer).map_err(|source| OmmerError::Header { hash, source })
}

/// Hashes of the ommers that the ancestors name.
fn used_up(ancestors: &[Ancestor]) -> B256Set {
    let ommers = ancestors.iter().flat_map(|ancestor| ancestor.ommers.iter());
    ommers.map(Header::hash_slow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::next_difficulty;
    use alloy_consensus::EMPTY_OMMER_ROOT_HASH;
    use alloy_primitives::{Address, U256};
    use serde_json::json;

    fn spec() -> ChainSpec {
        let genesis = json!({
            "config": {"chainId": 1, "ethash": {}, "homesteadBlock": 0}, "gasLimit": "0x1388",
            "difficulty": "0x20000", "alloc": {}
        });
        ChainSpec::from_genesis(serde_json::from_value(genesis).unwrap()).unwrap()
    }

    fn child(spec: &ChainSpec, parent: &Header, miner: u8) -> Header {
        let timestamp = parent.timestamp + 10;
        Header {
            parent_hash: parent.hash_slow(),
            number: parent.number + 1,
            timestamp,
            difficulty: next_difficulty(spec, parent, timestamp),
            gas_limit: parent.gas_limit,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: Address::with_last_byte(miner),
            ..Default::default()
        }
    }

    /// A chain of `length` headers after a genesis, newest first, and the genesis last.
    fn chain(spec: &ChainSpec, length: usize) -> Vec<Ancestor> {
        let genesis = Header {
            difficulty: U256::from(131_072),
            gas_limit: 5_000,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            ..Default::default()
        };
        let mut headers = vec![genesis];
        for _ in 0..length {
            headers.push(child(spec, headers.last().unwrap(), 1));
        }
        let ancestor = |header| Ancestor { header: SealedHeader::new(header), ommers: Vec::new() };
        headers.into_iter().rev().map(ancestor).collect()
    }

    fn rule(result: Result<(), OmmerError>) -> &'static str {
        result.map_or_else(|error| error.rule(), |()| "valid")
    }

    #[test]
    fn an_ommers_parent_is_one_of_the_second_to_seventh_ancestors() {
        let spec = spec();
        let chain = chain(&spec, 9);
        let block = child(&spec, &chain[0].header, 1);
        for (age, expected) in [
            (0, "OmmerIsBrother"),
            (1, "valid"),
            (6, "valid"),
            (7, "OmmerParentIsNoAncestor"),
            (8, "OmmerParentIsNoAncestor"),
        ] {
            let ommer = child(&spec, &chain[age].header, 2);
            assert_eq!(rule(check_ommers(&spec, &block, &[ommer], &chain)), expected, "{age}");
        }
        let near_genesis = &chain[8..];
        let block = child(&spec, &near_genesis[0].header, 1);
        let ommer = child(&spec, &near_genesis[1].header, 2);
        assert_eq!(rule(check_ommers(&spec, &block, &[ommer], near_genesis)), "valid");
    }

    #[test]
    fn an_ommer_is_named_once_and_is_no_ancestor() {
        let spec = spec();
        let mut chain = chain(&spec, 9);
        let block = child(&spec, &chain[0].header, 1);
        let ommer = child(&spec, &chain[2].header, 2);
        let other = child(&spec, &chain[2].header, 3);
        let check = |chain: &[Ancestor], ommers: &[&Header]| {
            let ommers: Vec<_> = ommers.iter().map(|each| (*each).clone()).collect();
            rule(check_ommers(&spec, &block, &ommers, chain))
        };
        assert_eq!(check(&chain, &[&ommer, &other]), "valid");
        assert_eq!(check(&chain, &[&ommer, &ommer]), "OmmerRepeated");
        assert_eq!(check(&chain, &[&ommer, &other, &other]), "TooManyOmmers");
        let ancestor = chain[1].header.inner().clone();
        assert_eq!(check(&chain, &[&ancestor]), "OmmerIsAncestor");
        chain[1].ommers.push(ommer.clone());
        assert_eq!(check(&chain, &[&ommer]), "OmmerRepeated");
        assert_eq!(check(&chain, &[&other]), "valid");
    }

    #[test]
    fn an_ommers_header_follows_its_own_parent() {
        let spec = spec();
        let chain = chain(&spec, 9);
        let block = child(&spec, &chain[0].header, 1);
        let good = child(&spec, &chain[1].header, 2);
        let check = |ommer: Header| rule(check_ommers(&spec, &block, &[ommer], &chain));
        assert_eq!(check(Header { number: 7, ..good.clone() }), "InvalidNumber");
        assert_eq!(check(Header { difficulty: U256::ZERO, ..good.clone() }), "InvalidDifficulty");
        assert_eq!(check(Header { gas_limit: 6_000, ..good }), "InvalidGasLimit");
        let merged = Header { difficulty: U256::ZERO, ..block.clone() };
        let ommer = child(&spec, &chain[1].header, 2);
        assert_eq!(rule(check_ommers(&spec, &merged, &[ommer], &chain)), "TooManyOmmers");
    }
}
