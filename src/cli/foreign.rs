//! What do flags of other programs mean here? Scripts that start anvil, hardhat node, ganache or geth
//! go on working: a flag that has another name here is renamed, one that has nothing to say here is
//! taken and told of once, and one that would mean something else is refused with what to use instead.

use std::{collections::VecDeque, ffi::OsString};

/// What a flag of another program means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// The same as ours of this name.
    Ours(&'static str),
    /// The same as ours, unless it is zero, which is what happens here without it.
    OursAboveZero(&'static str),
    /// Nothing, and why; it stands alone.
    Moot(&'static str),
    /// Nothing, and why; it has a value.
    MootValue(&'static str),
    /// Something that is asked for in another way.
    Instead(&'static str),
}
use Meaning::{Instead, Moot, MootValue, Ours, OursAboveZero};

const ON_DISK: &str =
    "all history is kept on disk; what memory holds is bounded by --writer-blocks";
const ARCHIVE: &str = "the node keeps all history";
const ALWAYS: &str = "that is what runs here anyway";
const ANY_HOST: &str = "requests for every host name are answered";
const NO_PEERS: &str = "a development chain has no peers";
const BY_THE_PHRASE: &str = "the accounts come from the phrase; --mnemonic chooses another";
const FAMILY: &str = "no other chain family is served here; leave it out";

/// Flags of anvil, hardhat node, ganache and geth that are not ours by name.
const FLAGS: &[(&str, Meaning)] = &[
    // anvil
    ("--transaction-block-keeper", MootValue(ON_DISK)),
    ("--max-persisted-states", MootValue(ON_DISK)),
    ("--cache-path", MootValue("what is kept lies in the data directory (--datadir)")),
    ("--threads", MootValue("as many threads run as there is work for")),
    ("-j", MootValue("as many threads run as there is work for")),
    ("--jobs", MootValue("as many threads run as there is work for")),
    ("--color", MootValue("colour is used on a terminal, unless NO_COLOR is set")),
    ("--md", Moot("the log is plain text, or JSON with --json-logs")),
    ("-v", Moot("--verbosity 4 or RUST_LOG make the log say more")),
    ("-vv", Moot("--verbosity 4 or RUST_LOG make the log say more")),
    ("-vvv", Moot("--verbosity 4 or RUST_LOG make the log say more")),
    ("-vvvv", Moot("--verbosity 5 or RUST_LOG make the log say more")),
    ("-vvvvv", Moot("--verbosity 5 or RUST_LOG make the log say more")),
    ("--network", Instead(FAMILY)),
    ("-n", Instead(FAMILY)),
    ("--optimism", Instead(FAMILY)),
    ("--celo", Instead(FAMILY)),
    ("--tempo", Instead(FAMILY)),
    ("--tempo.fee-payer", Instead(FAMILY)),
    ("--monad", Instead(FAMILY)),
    ("--odyssey", Instead("use --hardfork")),
    ("--alphanet", Instead("use --hardfork")),
    // hardhat node
    ("--hostname", Ours("--host")),
    ("--chain-type", MootValue("the rules are Ethereum's; --hardfork chooses which")),
    // ganache
    ("--wallet.mnemonic", Ours("--mnemonic")),
    ("--wallet.totalAccounts", Ours("--accounts")),
    ("--wallet.defaultBalance", Ours("--balance")),
    ("--wallet.hdPath", Ours("--derivation-path")),
    ("--wallet.deterministic", Moot(BY_THE_PHRASE)),
    ("--deterministic", Moot(BY_THE_PHRASE)),
    ("-d", Moot(BY_THE_PHRASE)),
    ("--wallet.seed", Instead("use --mnemonic-seed-unsafe with a number")),
    ("--wallet.accounts", Instead("use --fund-accounts and personal_importRawKey")),
    ("--wallet.accountKeysPath", Instead("use --config-out")),
    ("--wallet.unlockedAccounts", Instead("use --auto-impersonate or anvil_impersonateAccount")),
    ("--wallet.lock", Instead("use personal_lockAccount")),
    ("--chain.chainId", Ours("--chain-id")),
    ("--chain.networkId", Ours("--chain-id")),
    ("--chain.hardfork", Ours("--hardfork")),
    ("--chain.time", Instead("use --timestamp with seconds since 1970")),
    ("--chain.allowUnlimitedContractSize", Ours("--disable-code-size-limit")),
    ("--chain.vmErrorsOnRPCResponse", Instead("use --rpc-dialect hardhat")),
    ("--miner.blockTime", OursAboveZero("--block-time")),
    ("--miner.blockGasLimit", Ours("--gas-limit")),
    ("--miner.defaultGasPrice", Ours("--gas-price")),
    ("--miner.callGasLimit", Ours("--rpc-gas-cap")),
    ("--miner.coinbase", Instead("use anvil_setCoinbase")),
    ("--miner.timestampIncrement", Instead("use anvil_setBlockTimestampInterval")),
    (
        "--miner.instamine",
        Instead("use --async-automine for strict; eager is what happens without it"),
    ),
    ("--database.dbPath", Ours("--datadir")),
    ("--server.host", Ours("--host")),
    ("--server.port", Ours("--port")),
    ("--server.ws", Moot("WebSocket is served on the same port")),
    ("--logging.quiet", Ours("--quiet")),
    ("--logging.verbose", Moot("--verbosity 4 makes the log say more")),
    ("--logging.debug", Moot("--verbosity 4 makes the log say more")),
    // geth
    ("--dev", Moot(ALWAYS)),
    ("--dev.period", OursAboveZero("--block-time")),
    ("--dev.gaslimit", Ours("--gas-limit")),
    ("--http", Moot(ALWAYS)),
    ("--ws", Moot("WebSocket is served on the same port")),
    ("--http.vhosts", MootValue(ANY_HOST)),
    ("--http.rpcprefix", Instead("methods are served on every path")),
    ("--ws.origins", Ours("--allow-origin")),
    ("--ipcdisable", Moot("there is no Unix socket unless --ipc asks for one")),
    ("--networkid", Ours("--chain-id")),
    ("--nodiscover", Moot(NO_PEERS)),
    ("--maxpeers", MootValue(NO_PEERS)),
    ("--bootnodes", MootValue(NO_PEERS)),
    ("--nat", MootValue(NO_PEERS)),
    ("--allow-insecure-unlock", Moot("accounts can be unlocked over HTTP")),
    ("--unlock", Instead("use personal_unlockAccount")),
    ("--password", Instead("use personal_unlockAccount")),
    ("--gcmode", MootValue(ARCHIVE)),
    ("--syncmode", MootValue(ARCHIVE)),
    ("--history.state", MootValue(ARCHIVE)),
    ("--history.logs", MootValue(ARCHIVE)),
    ("--history.transactions", MootValue(ARCHIVE)),
    ("--state.scheme", MootValue(ARCHIVE)),
    ("--cache", MootValue("what memory holds is bounded by --writer-bytes and --trie-nodes")),
    ("--mine", Moot(ALWAYS)),
    ("--miner.gaslimit", Ours("--gas-limit")),
    ("--miner.gasprice", Ours("--gas-price")),
    ("--miner.etherbase", Instead("use anvil_setCoinbase")),
    ("--rpc.batch-request-limit", Ours("--rpc-max-batch")),
    ("--rpc.batch-response-max-size", Ours("--rpc-max-response-bytes")),
    ("--rpc.rangelimit", Ours("--rpc-log-range")),
    ("--rpc.allow-unprotected-txs", Moot("transactions without a chain id are taken")),
    ("--rpc.txfeecap", MootValue("a transaction may pay what its sender has")),
    ("--rpc.evmtimeout", MootValue("--rpc-gas-cap bounds what a call may do")),
    ("--override.osaka", Instead("use --hardfork")),
    ("--log.json", Ours("--json-logs")),
];

/// A command line in our words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Translated {
    pub(super) arguments: Vec<OsString>,
    /// What was left out, each with its reason.
    pub(super) moot: Vec<(&'static str, &'static str)>,
}

/// A flag that means nothing here, with what to use.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{flag} is not a flag of mainspring: {instead}")]
pub(super) struct ForeignFlag {
    flag: &'static str,
    instead: &'static str,
}

/// The command line in our words, if it starts a development chain.
pub(super) fn translate(arguments: Vec<OsString>) -> Result<Translated, ForeignFlag> {
    let starts_chain = arguments.get(1).and_then(|first| first.to_str());
    if starts_chain.is_some_and(|first| first != "dev" && !first.starts_with('-')) {
        return Ok(Translated { arguments, ..Translated::default() });
    }
    let mut translated = Translated::default();
    let mut rest = VecDeque::from(arguments);
    while let Some(argument) = rest.pop_front() {
        let Some((name, meaning, value)) = meaning_of(&argument) else {
            translated.arguments.push(argument);
            continue;
        };
        match meaning {
            Instead(instead) => return Err(ForeignFlag { flag: name, instead }),
            Moot(why) => translated.moot.push((name, why)),
            MootValue(why) => {
                if value.is_none() {
                    rest.pop_front();
                }
                translated.moot.push((name, why));
            }
            OursAboveZero(_) if is_zero(value.or_else(|| rest.front()?.to_str())) => {
                if value.is_none() {
                    rest.pop_front();
                }
            }
            Ours(ours) | OursAboveZero(ours) => {
                let own = value.map_or_else(|| ours.to_owned(), |value| format!("{ours}={value}"));
                translated.arguments.push(own.into());
            }
        }
    }
    Ok(translated)
}

/// A foreign flag: its name, its meaning, and its value, if that is in the same word.
fn meaning_of(argument: &OsString) -> Option<(&'static str, Meaning, Option<&str>)> {
    let text = argument.to_str()?;
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let (name, meaning) = FLAGS.iter().find(|(flag, _)| *flag == name)?;
    Some((*name, *meaning, value))
}

fn is_zero(value: Option<&str>) -> bool {
    value.is_some_and(|value| value.parse() == Ok(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::{CommandFactory, Parser};

    fn line(text: &str) -> Result<Translated, ForeignFlag> {
        translate(text.split(' ').map(OsString::from).collect())
    }

    fn words(text: &str) -> String {
        let translated = line(text).unwrap();
        translated.arguments.join(std::ffi::OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn flags_of_others_become_ours() {
        let given = "mainspring --wallet.mnemonic x --miner.blockTime=2 --hostname 0.0.0.0";
        assert_eq!(words(given), "mainspring --mnemonic x --block-time=2 --host 0.0.0.0");
        let geth =
            "mainspring dev --dev --http --dev.period 0 --dev.gaslimit 9 --gcmode archive -p 1";
        assert_eq!(words(geth), "mainspring dev --gas-limit 9 -p 1");
        assert_eq!(words("mainspring --dev.period=0 --cache=5"), "mainspring");
        assert_eq!(line(geth).unwrap().moot.len(), 3);
    }

    #[test]
    fn other_commands_keep_their_words() {
        assert_eq!(words("mainspring node --dev --http"), "mainspring node --dev --http");
        assert_eq!(words("mainspring"), "mainspring");
    }

    #[test]
    fn what_means_something_else_is_refused_with_what_to_use() {
        let refused = line("mainspring --wallet.seed 5").unwrap_err().to_string();
        assert_eq!(
            refused,
            "--wallet.seed is not a flag of mainspring: use --mnemonic-seed-unsafe with a number"
        );
        assert!(line("mainspring --optimism").is_err());
    }

    #[test]
    fn every_name_is_there_once_and_every_flag_that_is_named_instead_is_ours() {
        let ours: Vec<String> = Cli::command()
            .get_arguments()
            .flat_map(|flag| {
                let names = flag.get_long_and_visible_aliases().unwrap_or_default();
                let hidden = flag.get_all_aliases().unwrap_or_default();
                names.into_iter().chain(hidden).map(|name| format!("--{name}")).collect::<Vec<_>>()
            })
            .collect();
        let is_ours = |name: &str| ours.iter().any(|own| own == name);
        for (index, (name, meaning)) in FLAGS.iter().enumerate() {
            assert!(FLAGS[..index].iter().all(|(other, _)| other != name), "{name} twice");
            assert!(!is_ours(name), "{name} is ours already");
            match meaning {
                Ours(named) | OursAboveZero(named) => assert!(is_ours(named), "{name}: {named}"),
                Moot(why) | MootValue(why) | Instead(why) => {
                    let mut named = why.split([' ', ';', ',', ')', '(']);
                    let unknown = named.find(|word| word.starts_with("--") && !is_ours(word));
                    assert_eq!(unknown, None, "{name}");
                }
            }
        }
    }

    #[test]
    fn a_flag_that_nobody_knows_gets_the_nearest_of_ours() {
        for (given, meant) in [
            ("--blok-time", "--block-time"),
            ("--chainid", "--chain-id"),
            ("--base-fe", "--base-fee"),
            ("--no-minning", "--no-mining"),
        ] {
            let refused = Cli::try_parse_from(["mainspring", given]).unwrap_err().to_string();
            assert!(refused.contains(meant), "{given}: {refused}");
        }
    }
}
