//! Header: may this header follow its parent?

use super::{
    ChainSpec, Fork, HeaderError, Mode, difficulty::next_difficulty, fees::next_excess_blob_gas,
};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_primitives::{B64, U256};

/// Least gas limit of a block.
const MIN_GAS_LIMIT: u64 = 5_000;

/// Most gas limit of a block: 2^63 - 1.
const MAX_GAS_LIMIT: u64 = i64::MAX as u64;

/// A gas limit moves by less than this part of the parent's.
const GAS_LIMIT_DIVISOR: u64 = 1_024;

/// The first London block may have this many times the gas of its parent
/// ([EIP-1559](https://eips.ethereum.org/EIPS/eip-1559)).
const ELASTICITY: u64 = 2;

/// Most bytes of extra data, outside of proof of authority.
pub const MAX_EXTRA_DATA: usize = 32;

/// What the headers around the DAO fork say ([EIP-779](https://eips.ethereum.org/EIPS/eip-779)).
const DAO_EXTRA_DATA: &[u8] = b"dao-hard-fork";

/// How many headers, from the DAO fork on, say it.
const DAO_EXTRA_BLOCKS: u64 = 10;

/// What stands behind a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// Work, of the difficulty that the formula gives.
    Work,
    /// A signer, whose rules consensus checks.
    Signer,
    /// Nothing in the header: the chain is merged, or this node made the block.
    None,
}

/// Checks everything about a header that its parent and the chain's rules decide, but the seal. The
/// parent is the one that `header.parent_hash` names; `parent_total_difficulty` is the sum up to
/// and with the parent, and decides whether proof of work is over.
///
/// On a development chain ([`Mode::Dev`]) a developer sets the base fee and the gas limit of any
/// block and may switch the gas limit off, so these three values are free there; whether a fork's
/// field is present is not. A chain that is merged from its genesis on and made elsewhere has
/// `config.mainspring.mode` = `merged`, where everything counts.
pub fn check_header(
    spec: &ChainSpec,
    parent: &Header,
    header: &Header,
    parent_total_difficulty: U256,
) -> Result<(), HeaderError> {
    check_after(spec, parent, header, proof_after(spec, parent_total_difficulty))
}

/// Checks the header of an ommer against its own parent: proof of work is not over there.
pub(super) fn check_ommer(
    spec: &ChainSpec,
    parent: &Header,
    ommer: &Header,
) -> Result<(), HeaderError> {
    check_after(spec, parent, ommer, Proof::Work)
}

/// The gas limit of a block after `parent` at `timestamp` in seconds that is nearest to `target` and
/// that the rules allow, on a chain of proof of work or authority.
pub fn next_gas_limit(spec: &ChainSpec, parent: &Header, timestamp: u64, target: u64) -> u64 {
    // Any difficulty above zero says that the block is not merged.
    let fork = spec.fork_of(parent.number.saturating_add(1), timestamp, U256::ONE);
    let base = gas_limit_base(spec, parent, fork);
    let step = (base / GAS_LIMIT_DIVISOR).saturating_sub(1);
    let target = target.clamp(MIN_GAS_LIMIT, MAX_GAS_LIMIT);
    target.clamp(base.saturating_sub(step), base.saturating_add(step))
}

/// The extra data that a block with proof of work has to have at this height, around the DAO fork
/// ([EIP-779](https://eips.ethereum.org/EIPS/eip-779)); `None` where it is free.
pub fn required_extra_data(spec: &ChainSpec, number: u64) -> Option<&'static [u8]> {
    let fork = spec.dao_fork_block()?;
    (fork..fork.saturating_add(DAO_EXTRA_BLOCKS)).contains(&number).then_some(DAO_EXTRA_DATA)
}

/// What stands behind the block whose parent has this total difficulty
/// ([EIP-3675](https://eips.ethereum.org/EIPS/eip-3675)).
fn proof_after(spec: &ChainSpec, parent_total_difficulty: U256) -> Proof {
    let is_terminal = |terminal| parent_total_difficulty >= terminal;
    match spec.mode {
        Mode::Poa => Proof::Signer,
        Mode::Dev | Mode::Bft => Proof::None,
        Mode::Pow | Mode::Merged if spec.terminal_total_difficulty().is_some_and(is_terminal) => {
            Proof::None
        }
        Mode::Pow | Mode::Merged => Proof::Work,
    }
}

fn check_after(
    spec: &ChainSpec,
    parent: &Header,
    header: &Header,
    proof: Proof,
) -> Result<(), HeaderError> {
    check_place(parent, header)?;
    check_proof(spec, parent, header, proof)?;
    check_extra_data(spec, header, proof)?;
    // From here on the difficulty says truly whether the block is merged, so the fork is right.
    let fork = spec.fork_of(header.number, header.timestamp, header.difficulty);
    check_gas(spec, parent, header, fork)?;
    check_base_fee(spec, parent, header, fork)?;
    check_presence(header, fork)?;
    check_blob_gas(spec, parent, header)
}

/// Number and time go up.
fn check_place(parent: &Header, header: &Header) -> Result<(), HeaderError> {
    if Some(header.number) != parent.number.checked_add(1) {
        return Err(HeaderError::Number { header: header.number, parent: parent.number });
    }
    if header.timestamp <= parent.timestamp {
        let (header, parent) = (header.timestamp, parent.timestamp);
        return Err(HeaderError::Timestamp { header, parent });
    }
    Ok(())
}

fn check_proof(
    spec: &ChainSpec,
    parent: &Header,
    header: &Header,
    proof: Proof,
) -> Result<(), HeaderError> {
    let expected = match proof {
        Proof::Work => next_difficulty(spec, parent, header.timestamp),
        Proof::None => U256::ZERO,
        Proof::Signer => header.difficulty,
    };
    if header.difficulty != expected {
        return Err(HeaderError::Difficulty { header: header.difficulty, expected });
    }
    if proof == Proof::None && header.nonce != B64::ZERO {
        return Err(HeaderError::NonceAfterMerge { header: header.nonce });
    }
    if proof != Proof::Work && header.ommers_hash != EMPTY_OMMER_ROOT_HASH {
        return Err(HeaderError::OmmersWithoutWork { header: header.ommers_hash });
    }
    Ok(())
}

fn check_extra_data(spec: &ChainSpec, header: &Header, proof: Proof) -> Result<(), HeaderError> {
    let length = header.extra_data.len();
    if proof != Proof::Signer && length > MAX_EXTRA_DATA {
        return Err(HeaderError::ExtraData { length, max: MAX_EXTRA_DATA });
    }
    let config = &spec.genesis.config;
    let (Proof::Work, Some(fork)) = (proof, config.dao_fork_block) else { return Ok(()) };
    let around_fork = fork..fork.saturating_add(DAO_EXTRA_BLOCKS);
    let says_fork = header.extra_data.as_ref() == DAO_EXTRA_DATA;
    if around_fork.contains(&header.number) && says_fork != config.dao_fork_support {
        let (extra_data, support) = (header.extra_data.clone(), config.dao_fork_support);
        return Err(HeaderError::DaoExtraData { extra_data, support });
    }
    Ok(())
}

/// The gas limit is near the parent's, and the gas used is within it.
fn check_gas(
    spec: &ChainSpec,
    parent: &Header,
    header: &Header,
    fork: Fork,
) -> Result<(), HeaderError> {
    let limit = header.gas_limit;
    if limit > MAX_GAS_LIMIT {
        return Err(HeaderError::GasLimitTooHigh { header: limit, max: MAX_GAS_LIMIT });
    }
    if spec.mode == Mode::Dev {
        return Ok(());
    }
    if header.gas_used > limit {
        return Err(HeaderError::GasUsed { header: header.gas_used, limit });
    }
    let base = gas_limit_base(spec, parent, fork);
    if limit.abs_diff(base) >= base / GAS_LIMIT_DIVISOR {
        return Err(HeaderError::GasLimitStep { header: limit, parent: base });
    }
    if limit < MIN_GAS_LIMIT {
        return Err(HeaderError::GasLimitTooLow { header: limit, min: MIN_GAS_LIMIT });
    }
    Ok(())
}

/// What the gas limit of a block with these rules moves away from.
fn gas_limit_base(spec: &ChainSpec, parent: &Header, fork: Fork) -> u64 {
    let parent_fork = spec.fork_of(parent.number, parent.timestamp, parent.difficulty);
    let is_first_london = fork >= Fork::London && parent_fork < Fork::London;
    parent.gas_limit.saturating_mul(if is_first_london { ELASTICITY } else { 1 })
}

fn check_base_fee(
    spec: &ChainSpec,
    parent: &Header,
    header: &Header,
    fork: Fork,
) -> Result<(), HeaderError> {
    let expected = (fork >= Fork::London).then(|| spec.fee_market.next_base_fee(parent));
    let found = header.base_fee_per_gas;
    let is_free = spec.mode == Mode::Dev && found.is_some() && expected.is_some();
    if found == expected || is_free {
        Ok(())
    } else {
        Err(HeaderError::BaseFee { header: found, expected })
    }
}

/// Fields that a fork brings are there exactly from that fork on.
fn check_presence(header: &Header, fork: Fork) -> Result<(), HeaderError> {
    let fields = [
        ("withdrawalsRoot", header.withdrawals_root.is_some(), Some(Fork::Shanghai)),
        ("blobGasUsed", header.blob_gas_used.is_some(), Some(Fork::Cancun)),
        ("excessBlobGas", header.excess_blob_gas.is_some(), Some(Fork::Cancun)),
        ("parentBeaconBlockRoot", header.parent_beacon_block_root.is_some(), Some(Fork::Cancun)),
        ("requestsHash", header.requests_hash.is_some(), Some(Fork::Prague)),
        ("blockAccessListHash", header.block_access_list_hash.is_some(), None),
        ("slotNumber", header.slot_number.is_some(), None),
    ];
    for (field, present, since) in fields {
        let expected = since.is_some_and(|since| fork >= since);
        match (present, expected) {
            (true, false) => return Err(HeaderError::FieldTooEarly { field, fork }),
            (false, true) => return Err(HeaderError::FieldMissing { field, fork }),
            _ => {}
        }
    }
    Ok(())
}

/// Blob gas is whole blobs within the limit, and its excess follows the parent
/// ([EIP-4844](https://eips.ethereum.org/EIPS/eip-4844)).
fn check_blob_gas(spec: &ChainSpec, parent: &Header, header: &Header) -> Result<(), HeaderError> {
    let (Some(used), Some(excess)) = (header.blob_gas_used, header.excess_blob_gas) else {
        return Ok(());
    };
    let params = spec.blob_params_at(header.timestamp);
    let max = params.max_blob_gas_per_block();
    if used > max || !used.is_multiple_of(DATA_GAS_PER_BLOB) {
        return Err(HeaderError::BlobGasUsed { header: used, max });
    }
    let expected = next_excess_blob_gas(&params, parent);
    if excess != expected {
        return Err(HeaderError::ExcessBlobGas { header: excess, expected });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{B256, Bytes};
    use serde_json::{Value, json};

    const TERMINAL: u64 = 1_000_000;

    fn spec(config: Value) -> ChainSpec {
        let genesis = json!({
            "config": config, "gasLimit": "0x1388", "difficulty": "0x20000", "alloc": {}
        });
        ChainSpec::from_genesis(serde_json::from_value(genesis).unwrap()).unwrap()
    }

    /// London at block 10, merged at [`TERMINAL`], Osaka at time 5,000.
    fn merging() -> ChainSpec {
        spec(json!({
            "chainId": 1, "ethash": {}, "homesteadBlock": 0, "byzantiumBlock": 0, "londonBlock": 10,
            "terminalTotalDifficulty": TERMINAL, "shanghaiTime": 3_000, "cancunTime": 4_000,
            "pragueTime": 4_000, "osakaTime": 5_000
        }))
    }

    fn parent(number: u64, timestamp: u64) -> Header {
        Header {
            number,
            timestamp,
            difficulty: U256::from(200_000),
            gas_limit: 1_024_000,
            gas_used: 0,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            ..Default::default()
        }
    }

    /// A header with proof of work that follows `parent`.
    fn work(spec: &ChainSpec, parent: &Header) -> Header {
        let timestamp = parent.timestamp + 10;
        Header {
            number: parent.number + 1,
            timestamp,
            difficulty: next_difficulty(spec, parent, timestamp),
            gas_limit: parent.gas_limit,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            nonce: B64::repeat_byte(1),
            ..Default::default()
        }
    }

    #[test]
    fn a_gas_limit_moves_towards_its_target_as_far_as_it_may() {
        let spec =
            spec(json!({"chainId": 1, "ethash": {}, "homesteadBlock": 0, "londonBlock": 10}));
        for (number, target, expected) in [
            (5, 2_000_000, 1_024_000 + 999),
            (5, 1_024_500, 1_024_500),
            (5, 0, 1_024_000 - 999),
            (9, 2_048_000, 2_048_000),
            (9, 1, 2_048_000 - 1_999),
            (20, u64::MAX, 1_024_000 + 999),
        ] {
            let mut parent = parent(number, 1_000);
            parent.base_fee_per_gas = (number >= 10).then_some(7);
            let gas_limit = next_gas_limit(&spec, &parent, 1_010, target);
            assert_eq!(gas_limit, expected, "{number} {target}");
            let base_fee_per_gas = spec.next_base_fee(&parent);
            let header = Header { gas_limit, base_fee_per_gas, ..work(&spec, &parent) };
            assert_eq!(check_header(&spec, &parent, &header, U256::ZERO), Ok(()), "{number}");
        }
    }

    #[test]
    fn around_the_dao_fork_the_extra_data_is_not_free() {
        let dao = |support| {
            spec(json!({"chainId": 1, "ethash": {}, "homesteadBlock": 0, "daoForkBlock": 8,
                "daoForkSupport": support}))
        };
        let required = |number| required_extra_data(&dao(true), number);
        assert_eq!([required(7), required(8)], [None, Some(DAO_EXTRA_DATA)]);
        assert_eq!([required(17), required(18)], [Some(DAO_EXTRA_DATA), None]);
        assert_eq!(required_extra_data(&dao(false), 8), None);
    }

    /// A merged Osaka parent and a header that follows it.
    fn merged(spec: &ChainSpec) -> (Header, Header) {
        let parent = Header {
            difficulty: U256::ZERO,
            base_fee_per_gas: Some(1_000),
            withdrawals_root: Some(B256::ZERO),
            blob_gas_used: Some(DATA_GAS_PER_BLOB * 9),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            requests_hash: Some(B256::ZERO),
            ..parent(20, 5_000)
        };
        let header = Header {
            number: 21,
            timestamp: 5_012,
            base_fee_per_gas: spec.next_base_fee(&parent),
            excess_blob_gas: spec.next_excess_blob_gas(&parent, 5_012),
            blob_gas_used: Some(DATA_GAS_PER_BLOB),
            ..parent.clone()
        };
        (parent, header)
    }

    fn rule(result: Result<(), HeaderError>) -> &'static str {
        result.map_or_else(|error| error.rule(), |()| "valid")
    }

    #[test]
    fn number_time_and_difficulty_follow_the_parent() {
        let spec = merging();
        let parent = parent(1, 1_000);
        let good = work(&spec, &parent);
        let check = |header: Header| rule(check_header(&spec, &parent, &header, U256::ZERO));
        assert_eq!(check(good.clone()), "valid");
        assert_eq!(check(Header { number: 3, ..good.clone() }), "InvalidNumber");
        assert_eq!(check(Header { timestamp: 1_000, ..good.clone() }), "InvalidTimestamp");
        let harder = good.difficulty + U256::ONE;
        assert_eq!(check(Header { difficulty: harder, ..good.clone() }), "InvalidDifficulty");
        assert_eq!(check(Header { difficulty: U256::ZERO, ..good }), "InvalidDifficulty");
    }

    #[test]
    fn the_gas_limit_moves_by_less_than_a_1024th() {
        let spec = merging();
        let parent = parent(1, 1_000);
        let good = work(&spec, &parent);
        let check = |gas_limit| {
            let header = Header { gas_limit, ..good.clone() };
            rule(check_header(&spec, &parent, &header, U256::ZERO))
        };
        assert_eq!(check(1_024_999), "valid");
        assert_eq!(check(1_025_000), "InvalidGasLimit");
        assert_eq!(check(1_023_001), "valid");
        assert_eq!(check(1_023_000), "InvalidGasLimit");
        assert_eq!(check(1 << 63), "InvalidGasLimit");
        let low = Header { gas_limit: 5_003, ..parent.clone() };
        let header = |gas_limit| Header { gas_limit, ..good.clone() };
        assert_eq!(rule(check_header(&spec, &low, &header(5_000), U256::ZERO)), "valid");
        assert_eq!(rule(check_header(&spec, &low, &header(4_999), U256::ZERO)), "InvalidGasLimit");
        let full = Header { gas_used: good.gas_limit + 1, ..good.clone() };
        assert_eq!(rule(check_header(&spec, &parent, &full, U256::ZERO)), "InvalidGasUsed");
    }

    #[test]
    fn the_first_london_block_doubles_the_gas_limit_and_brings_the_base_fee() {
        let spec = merging();
        let parent = parent(9, 1_000);
        let first = Header {
            gas_limit: 2 * parent.gas_limit,
            base_fee_per_gas: Some(1_000_000_000),
            ..work(&spec, &parent)
        };
        let check = |header: Header| rule(check_header(&spec, &parent, &header, U256::ZERO));
        assert_eq!(check(first.clone()), "valid");
        assert_eq!(
            check(Header { gas_limit: parent.gas_limit, ..first.clone() }),
            "InvalidGasLimit"
        );
        assert_eq!(check(Header { base_fee_per_gas: None, ..first.clone() }), "InvalidBaseFee");
        assert_eq!(check(Header { base_fee_per_gas: Some(7), ..first.clone() }), "InvalidBaseFee");
        let early = Header { number: 9, ..first };
        let before = Header { number: 8, gas_limit: early.gas_limit, ..parent.clone() };
        assert_eq!(rule(check_header(&spec, &before, &early, U256::ZERO)), "InvalidBaseFee");
    }

    #[test]
    fn work_ends_exactly_at_the_terminal_total_difficulty() {
        let spec = merging();
        let parent = Header { base_fee_per_gas: Some(1_000), ..parent(20, 1_000) };
        let base_fee_per_gas = spec.next_base_fee(&parent);
        let worked = Header { base_fee_per_gas, ..work(&spec, &parent) };
        let merged = Header { difficulty: U256::ZERO, nonce: B64::ZERO, ..worked.clone() };
        let check =
            |header: &Header, total| rule(check_header(&spec, &parent, header, U256::from(total)));
        assert_eq!(check(&worked, TERMINAL - 1), "valid");
        assert_eq!(check(&worked, TERMINAL), "InvalidDifficulty");
        assert_eq!(check(&merged, TERMINAL), "valid");
        assert_eq!(check(&merged, TERMINAL - 1), "InvalidDifficulty");
        let nonce = Header { nonce: B64::with_last_byte(1), ..merged.clone() };
        assert_eq!(check(&nonce, TERMINAL), "InvalidNonce");
        let ommers = Header { ommers_hash: B256::ZERO, ..merged };
        assert_eq!(check(&ommers, TERMINAL), "OmmersWithoutWork");
    }

    #[test]
    fn every_field_is_there_exactly_since_its_fork() {
        let spec = merging();
        let (parent, good) = merged(&spec);
        let total = U256::from(TERMINAL);
        let check = |change: fn(&mut Header)| {
            let mut header = good.clone();
            change(&mut header);
            rule(check_header(&spec, &parent, &header, total))
        };
        assert_eq!(check(|_| ()), "valid");
        assert_eq!(check(|header| header.withdrawals_root = None), "FieldMissing");
        assert_eq!(check(|header| header.blob_gas_used = None), "FieldMissing");
        assert_eq!(check(|header| header.excess_blob_gas = None), "FieldMissing");
        assert_eq!(check(|header| header.parent_beacon_block_root = None), "FieldMissing");
        assert_eq!(check(|header| header.requests_hash = None), "FieldMissing");
        assert_eq!(check(|header| header.slot_number = Some(1)), "FieldTooEarly");
        assert_eq!(
            check(|header| header.block_access_list_hash = Some(B256::ZERO)),
            "FieldTooEarly"
        );
        let older = Header { timestamp: 2_000, ..parent.clone() };
        let shanghai = Header { timestamp: 3_000, ..good };
        assert_eq!(rule(check_header(&spec, &older, &shanghai, total)), "FieldTooEarly");
    }

    #[test]
    fn blob_gas_is_whole_blobs_within_the_limit_and_its_excess_follows_the_parent() {
        let spec = merging();
        let (parent, good) = merged(&spec);
        let check = |used, excess| {
            let header =
                Header { blob_gas_used: Some(used), excess_blob_gas: Some(excess), ..good.clone() };
            rule(check_header(&spec, &parent, &header, U256::from(TERMINAL)))
        };
        let excess = good.excess_blob_gas.unwrap();
        assert!(excess > 0);
        assert_eq!(check(9 * DATA_GAS_PER_BLOB, excess), "valid");
        assert_eq!(check(10 * DATA_GAS_PER_BLOB, excess), "InvalidBlobGasUsed");
        assert_eq!(check(DATA_GAS_PER_BLOB + 1, excess), "InvalidBlobGasUsed");
        assert_eq!(check(0, 0), "InvalidExcessBlobGas");
        assert_eq!(check(0, excess + 1), "InvalidExcessBlobGas");
    }

    #[test]
    fn extra_data_is_short_and_speaks_of_the_dao_around_its_fork() {
        let with_support = |support| {
            spec(json!({"chainId": 1, "ethash": {}, "homesteadBlock": 0, "daoForkBlock": 5,
                "daoForkSupport": support}))
        };
        let check = |spec: &ChainSpec, number: u64, extra_data: &'static [u8]| {
            let parent = parent(number - 1, 1_000);
            let extra_data = Bytes::from_static(extra_data);
            let header = Header { extra_data, ..work(spec, &parent) };
            rule(check_header(spec, &parent, &header, U256::ZERO))
        };
        for (support, yes, no) in
            [(true, "valid", "InvalidDaoExtraData"), (false, "InvalidDaoExtraData", "valid")]
        {
            let spec = with_support(support);
            assert_eq!(check(&spec, 4, b""), "valid");
            assert_eq!(check(&spec, 4, b"dao-hard-fork"), "valid");
            for number in [5, 14] {
                assert_eq!(check(&spec, number, b"dao-hard-fork"), yes);
                assert_eq!(check(&spec, number, b"dao-hard-for"), no);
            }
            assert_eq!(check(&spec, 15, b""), "valid");
            assert_eq!(check(&spec, 15, &[0; 33]), "ExtraDataTooLong");
        }
    }

    #[test]
    fn a_developer_sets_base_fee_and_gas_limit_but_not_which_fields_there_are() {
        let spec = spec(json!({"chainId": 1, "londonBlock": 0, "terminalTotalDifficulty": 0}));
        let parent =
            Header { difficulty: U256::ZERO, base_fee_per_gas: Some(1_000), ..parent(1, 1_000) };
        let header = Header {
            number: 2,
            timestamp: 1_001,
            gas_limit: 60_000_000,
            base_fee_per_gas: Some(0),
            ..parent.clone()
        };
        let check = |header: &Header| rule(check_header(&spec, &parent, header, U256::ZERO));
        assert_eq!(check(&header), "valid");
        assert_eq!(check(&Header { base_fee_per_gas: None, ..header.clone() }), "InvalidBaseFee");
        assert_eq!(check(&Header { difficulty: U256::ONE, ..header }), "InvalidDifficulty");
    }
}
