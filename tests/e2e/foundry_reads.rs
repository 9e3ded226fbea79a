//! Everything that cast reads, as one list that can be compared before and after a restart.

use crate::tools::Foundry;
use alloy_primitives::Address;
use std::collections::BTreeMap;

/// What there is to read about.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(crate) token: Address,
    pub(crate) owner: Address,
    pub(crate) recipient: Address,
    /// The transaction that created the token.
    pub(crate) created: String,
    /// A transfer of 250 tokens.
    pub(crate) sent: String,
    /// Its block.
    pub(crate) sent_in: u64,
}

/// A command of cast, and what it printed.
pub(crate) type Read = (String, String);

/// Runs them all.
pub(crate) fn reads(foundry: &Foundry, reader: &Reader) -> Vec<Read> {
    let commands = reader.commands();
    let run = |command: Vec<String>| {
        let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        let printed = foundry.cast(&arguments);
        (command.join(" "), printed)
    };
    commands.into_iter().map(run).collect()
}

impl Reader {
    fn commands(&self) -> Vec<Vec<String>> {
        let Self { token, owner, recipient, created, sent, sent_in } = self;
        let before = sent_in - 1;
        let lines = [
            "chain-id".to_owned(),
            "client".into(),
            "gas-price".into(),
            "base-fee".into(),
            "block-number".into(),
            "block latest".into(),
            "block 0".into(),
            format!("block {sent_in} --full"),
            "block finalized -f hash".into(),
            format!("age {sent_in}"),
            format!("balance {recipient}"),
            format!("balance {recipient} --block 0"),
            format!("balance {owner} --block {before}"),
            format!("balance {owner} --block {sent_in}"),
            format!("nonce {owner}"),
            format!("nonce {owner} --block {before}"),
            format!("code {token}"),
            format!("codesize {token}"),
            format!("codesize {token} --block 0"),
            format!("codehash {token}"),
            format!("storage {token} 0"),
            format!("proof {token} 0x0 --block {sent_in}"),
            format!("proof {owner} --block {before}"),
            format!("call {token} balanceOf(address)(uint256) {recipient}"),
            format!("call {token} balanceOf(address)(uint256) {recipient} --block {before}"),
            format!("call {token} transfer(address,uint256)(bool) {recipient} 1 --from {owner}"),
            format!("estimate {token} transfer(address,uint256) {recipient} 1 --from {owner}"),
            format!("estimate {recipient} --value 1 --from {owner}"),
            format!("access-list {token} transfer(address,uint256) {recipient} 1 --from {owner}"),
            format!("tx {sent}"),
            format!("tx {sent} --raw"),
            format!("receipt {sent}"),
            format!("receipt {created} contractAddress"),
            format!("run {sent} --quick"),
        ];
        let mut commands: Vec<Vec<String>> =
            lines.iter().map(|line| line.split(' ').map(str::to_owned).collect()).collect();
        let transfer = "Transfer(address indexed,address indexed,uint256)".to_owned();
        let logs = ["logs", "--from-block", "0", "--address", &token.to_string()];
        commands.push(logs.iter().map(|&word| word.to_owned()).chain([transfer]).collect());
        commands
    }

    /// What some of them must say.
    #[track_caller]
    pub(crate) fn expect(&self, reads: &[Read]) {
        let said: BTreeMap<&str, &str> =
            reads.iter().map(|(command, said)| (command.as_str(), said.as_str())).collect();
        let Self { token, owner, recipient, created, sent_in, .. } = self;
        let before = sent_in - 1;
        let held = format!("call {token} balanceOf(address)(uint256) {recipient}");
        assert_eq!(said["chain-id"], "31337");
        assert_eq!(said["block-number"], "3");
        assert_eq!(said[held.as_str()], "250");
        assert_eq!(said[format!("{held} --block {before}").as_str()], "0");
        assert_eq!(said[format!("balance {recipient}").as_str()], "1000000000000000000");
        assert_eq!(said[format!("balance {recipient} --block 0").as_str()], "0");
        assert_eq!(said[format!("nonce {owner}").as_str()], "3");
        assert_eq!(said[format!("nonce {owner} --block {before}").as_str()], "1");
        assert_eq!(said[format!("codesize {token} --block 0").as_str()], "0");
        assert_eq!(
            said[format!("estimate {recipient} --value 1 --from {owner}").as_str()],
            "21000"
        );
        assert_eq!(said[format!("receipt {created} contractAddress").as_str()], token.to_string());
        let (_, logs) = reads.last().unwrap();
        assert_eq!(logs.matches("transactionHash").count(), 2, "minted and sent:\n{logs}");
        assert!(said["client"].starts_with("anvil/mainspring/"), "{}", said["client"]);
    }
}
