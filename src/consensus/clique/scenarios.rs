//! The voting scenarios that EIP-225 publishes, as data: signers, blocks with votes, who may sign after.

use super::{CliqueError, CliqueRules, testing::Authority};

const NO_EPOCH: u64 = 30_000;

/// Plays blocks such as `A`, `A+C` (A votes for C) or `B-C` (B votes against C), and answers who may
/// sign afterwards.
fn play(epoch: u64, signers: &str, blocks: &str) -> Result<String, CliqueError> {
    let names: Vec<&str> = signers.split(' ').collect();
    let mut authority = Authority::new(&names, CliqueRules { period: 1, epoch });
    for block in blocks.split(' ') {
        let (signer, vote) = match block.split_once(['+', '-']) {
            None => (block, None),
            Some((signer, on)) => (signer, Some((on, block.contains('+')))),
        };
        authority.try_block(signer, vote)?;
    }
    let left = ["A", "B", "C", "D", "E", "F"].into_iter();
    let left = left.filter(|name| authority.snapshot().signers.contains(&authority.address(name)));
    Ok(left.collect::<Vec<_>>().join(" "))
}

#[test]
fn votes_decide_who_may_sign() {
    let scenarios = [
        ("one signer, no vote", "A", "A", "A"),
        ("the first of two others gets in, the second needs two", "A", "A+B B A+C", "A B"),
        (
            "the first two of three get in, the third needs three",
            "A B",
            "A+C B+C A+D B+D C A+E B+E",
            "A B C D",
        ),
        ("one of two is no majority", "A B", "A-B", "A B"),
        ("two of two are", "A B", "A-B B-B", "A"),
        ("two of three drop the third", "A B C", "A-C B-C", "A B"),
        ("two of four drop nobody", "A B C D", "A-C B-C", "A B C D"),
        ("three of four do", "A B C D", "A-D B-D C-D", "A B C"),
        ("a vote to add counts once", "A B", "A+C B A+C B A+C", "A B"),
        ("two may be added at the same time", "A B", "A+C B A+D B A B+D A B+C", "A B C D"),
        ("a vote to drop counts once", "A B", "A-B B A-B B A-B", "A B"),
        (
            "two may be dropped at the same time",
            "A B C D",
            "A-C B C A-D B C A B-D C-D A B-C",
            "A B",
        ),
        ("votes to drop leave with who cast them", "A B C", "C-B A-C B-C A-B", "A B"),
        ("votes to add leave with who cast them", "A B C", "C+D A-C B-C A+D", "A B"),
        (
            "a decision does not bring another about",
            "A B C D",
            "A-C B C A-D B-C C A B-D C-D",
            "A B C",
        ),
        (
            "a question that was decided by the way is carried out when it is touched",
            "A B C D",
            "A-C B C A-D B-C C A B-D C-D A C+C",
            "A B",
        ),
        (
            "unless the one who touches it changes a mind",
            "A B C D",
            "A-C B C A-D B-C C A B-D C-D A B+C",
            "A B C",
        ),
        (
            "votes do not outlive the change of whom they are on",
            "A B C D E",
            "A+F B+F C+F D-F E-F B-F C-F D+F E+F B-A C-A D-A B+F",
            "B C D E F",
        ),
    ];
    for (claim, signers, blocks, expected) in scenarios {
        assert_eq!(play(NO_EPOCH, signers, blocks).as_deref(), Ok(expected), "{claim}");
    }
}

#[test]
fn the_last_signer_cannot_be_voted_out() {
    assert_eq!(play(NO_EPOCH, "A", "A-A A A-A").as_deref(), Ok("A"));
    assert_eq!(play(NO_EPOCH, "A B", "A-A B-A B-B B").as_deref(), Ok("B"));
}

#[test]
fn a_checkpoint_forgets_open_votes() {
    assert_eq!(play(3, "A B", "A+C B A B+C").as_deref(), Ok("A B"));
    assert_eq!(play(NO_EPOCH, "A B", "A+C B A B+C").as_deref(), Ok("A B C"));
}

#[test]
fn strangers_and_those_who_signed_a_moment_ago_may_not_sign() {
    let refused = |epoch, signers, blocks| play(epoch, signers, blocks).expect_err("may not sign");
    assert!(matches!(refused(NO_EPOCH, "A", "B"), CliqueError::Unauthorized { number: 1, .. }));
    let twice = refused(NO_EPOCH, "A B", "A A");
    assert!(matches!(twice, CliqueError::RecentlySigned { number: 2, recent: 1, limit: 2, .. }));
    let over_checkpoint = refused(3, "A B C", "A B A A");
    assert!(matches!(over_checkpoint, CliqueError::RecentlySigned { number: 4, recent: 3, .. }));
}

#[test]
fn a_larger_set_makes_signers_wait_longer_at_once() {
    // With four signers two others must sign in between, also where the fourth came a block ago.
    let refused = play(NO_EPOCH, "A B C", "A+D B C+D A").expect("D is voted in, A may sign");
    assert_eq!(refused, "A B C D");
    let early = play(NO_EPOCH, "A B C", "A B+D C+D B").expect_err("only one signed in between");
    assert!(matches!(early, CliqueError::RecentlySigned { number: 4, recent: 2, limit: 3, .. }));
}
