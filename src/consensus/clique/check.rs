//! May this header follow these signers? All rules of EIP-225 but those that hold on every chain.

use super::{CliqueError, CliqueRules, Extra, NONCE_ADD, NONCE_DROP, Snapshot, seal};
use alloy_consensus::Header;
use alloy_primitives::Address;

/// Checks a header against its parent and the signers after the parent. Says who signed it.
///
/// # Errors
/// A [`CliqueError`] names the broken rule.
pub fn check_header(
    rules: CliqueRules,
    parent: &Header,
    header: &Header,
    snapshot: &Snapshot,
) -> Result<Address, CliqueError> {
    check_signed(rules, parent, header, snapshot, || seal::signer(header))
}

/// [`check_header`], where the caller may know already who signed the header.
pub fn check_signed(
    rules: CliqueRules,
    parent: &Header,
    header: &Header,
    snapshot: &Snapshot,
    signer: impl FnOnce() -> Result<Address, CliqueError>,
) -> Result<Address, CliqueError> {
    let earliest = parent.timestamp.saturating_add(rules.period);
    if header.timestamp < earliest {
        return Err(CliqueError::TooEarly { header: header.timestamp, earliest });
    }
    if !header.mix_hash.is_zero() {
        return Err(CliqueError::MixHash(header.mix_hash));
    }
    check_vote(rules, header)?;
    check_signers(rules, header, snapshot)?;
    let signer = signer()?;
    snapshot.check_turn(header.number, signer)?;
    let expected = snapshot.difficulty(header.number, signer);
    if header.difficulty != expected {
        return Err(CliqueError::Difficulty { header: header.difficulty, expected, signer });
    }
    Ok(signer)
}

fn check_vote(rules: CliqueRules, header: &Header) -> Result<(), CliqueError> {
    let (number, beneficiary, nonce) = (header.number, header.beneficiary, header.nonce);
    if nonce != NONCE_ADD && nonce != NONCE_DROP {
        return Err(CliqueError::Nonce(nonce));
    }
    if rules.is_checkpoint(number) && !(beneficiary.is_zero() && nonce == NONCE_DROP) {
        return Err(CliqueError::VoteInCheckpoint { number, beneficiary, nonce });
    }
    Ok(())
}

fn check_signers(
    rules: CliqueRules,
    header: &Header,
    snapshot: &Snapshot,
) -> Result<(), CliqueError> {
    let (number, listed) = (header.number, Extra::parse(&header.extra_data)?.signers);
    if !rules.is_checkpoint(number) {
        let bytes = listed.len() * Address::len_bytes();
        let is_empty = listed.is_empty();
        return match is_empty {
            true => Ok(()),
            false => Err(CliqueError::SignersOutsideCheckpoint { number, bytes }),
        };
    }
    if !listed.iter().eq(&snapshot.signers) {
        let expected = snapshot.signers.iter().copied().collect();
        return Err(CliqueError::CheckpointSigners { number, listed, expected });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::testing::Authority, *};
    use alloy_primitives::{B64, B256, Bytes, U256};

    const RULES: CliqueRules = CliqueRules { period: 2, epoch: 3 };

    /// A chain of A, B and C at block 1, signed by A, and a right header on it.
    fn chain() -> (Authority, Header, Snapshot, Header) {
        let mut authority = Authority::new(&["A", "B", "C"], RULES);
        let parent = authority.block("A", None);
        let snapshot = authority.snapshot().clone();
        let header = authority.draft("B", None);
        (authority, parent, snapshot, header)
    }

    fn refusal(change: impl FnOnce(&mut Header)) -> CliqueError {
        let (authority, parent, snapshot, mut header) = chain();
        change(&mut header);
        authority.sign("B", &mut header);
        check_header(RULES, &parent, &header, &snapshot).expect_err("the header is wrong")
    }

    #[test]
    fn a_right_header_is_accepted_and_names_its_signer() {
        let (authority, parent, snapshot, mut header) = chain();
        authority.sign("B", &mut header);
        let signer = check_header(RULES, &parent, &header, &snapshot);
        assert_eq!(signer, Ok(authority.address("B")));
    }

    #[test]
    fn each_broken_rule_is_named() {
        assert!(matches!(refusal(|it| it.timestamp -= 1), CliqueError::TooEarly { .. }));
        let mix_hash = B256::repeat_byte(1);
        assert_eq!(refusal(|it| it.mix_hash = mix_hash), CliqueError::MixHash(mix_hash));
        let nonce = B64::repeat_byte(0xfe);
        assert_eq!(refusal(|it| it.nonce = nonce), CliqueError::Nonce(nonce));
        let wrong = |it: &mut Header| it.difficulty = U256::from(3) - it.difficulty;
        assert!(matches!(refusal(wrong), CliqueError::Difficulty { .. }));
        let signers = |it: &mut Header| {
            it.extra_data = Bytes::from(vec![0; 97 + 20]);
        };
        let refused = refusal(signers);
        assert_eq!(refused, CliqueError::SignersOutsideCheckpoint { number: 2, bytes: 20 });
    }

    #[test]
    fn nobody_signs_twice_in_a_row_and_no_stranger_signs() {
        let (authority, parent, snapshot, mut header) = chain();
        for (name, is_signer) in [("A", true), ("D", false)] {
            authority.sign(name, &mut header);
            let refused = check_header(RULES, &parent, &header, &snapshot);
            let signer = authority.address(name);
            let expected = match is_signer {
                true => CliqueError::RecentlySigned { number: 2, signer, recent: 1, limit: 2 },
                false => CliqueError::Unauthorized { number: 2, signer },
            };
            assert_eq!(refused, Err(expected));
        }
    }

    #[test]
    fn a_checkpoint_lists_exactly_the_signers_and_does_not_vote() {
        let (mut authority, _, _, _) = chain();
        let parent = authority.block("B", None);
        let snapshot = authority.snapshot().clone();
        let right = authority.draft("C", None);
        assert_eq!(Extra::parse(&right.extra_data).map(|extra| extra.signers.len()), Ok(3));
        let check = |mut header: Header| {
            authority.sign("C", &mut header);
            check_header(RULES, &parent, &header, &snapshot)
        };
        assert!(check(right.clone()).is_ok());
        let voting = Header { beneficiary: authority.address("D"), ..right.clone() };
        assert!(matches!(check(voting), Err(CliqueError::VoteInCheckpoint { .. })));
        let signers = vec![authority.address("A").min(authority.address("B"))];
        let fewer = Extra { signers, ..Default::default() }.to_bytes();
        let fewer = Header { extra_data: fewer, ..right };
        assert!(matches!(check(fewer), Err(CliqueError::CheckpointSigners { .. })));
    }
}
