//! Which methods are served: of which namespaces, on which kind of node?

use crate::spec::Mode;
use jsonrpsee::Methods;
use std::collections::BTreeSet;

/// Served only where it is named: it makes blocks that no rule of the chain asks for.
const TESTING: &str = "testing";
/// Works with files of the machine: served over HTTP where nobody else can ask, or where it is named.
const ADMIN: &str = "admin";
/// Says who is paid: served over HTTP where nobody else can ask, or where it is named.
const MINER: &str = "miner";
/// Change a node or speak for its signer: on a chain that is no developer's own they are served over HTTP
/// where nobody else can ask, or where their namespace is named.
const CONTROL: [&str; 5] =
    ["clique_discard", "clique_propose", "debug_clearTxpool", "debug_setHead", "debug_verbosity"];
/// Tells which namespaces there are; always served.
const RPC: &str = "rpc";

/// What kind of node it is: some methods mean nothing on others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Of a development chain, which its developer may change by hand.
    #[default]
    Development,
    /// Of a stored chain, whose blocks come about in this way.
    Stored(Mode),
}

/// Methods that only some kinds of node serve.
#[derive(Debug)]
struct Special {
    /// Their names; those that end with an underscore are whole namespaces.
    names: &'static [&'static str],
    /// Who serves them.
    on: &'static [Kind],
    /// On which chains that is, for the caller of another node.
    chains: &'static str,
}

/// What is not here is served by every kind of node.
const SPECIAL: [Special; 4] = [
    Special {
        names: &[
            "anvil_",
            "chain_branch",
            "chain_checkout",
            "chain_deleteBranch",
            "chain_listBranches",
            "evm_",
            "hardhat_",
            "personal_",
            "tenderly_",
        ],
        on: &[Kind::Development],
        chains: "only a development chain (mainspring dev) may be changed by hand",
    },
    Special {
        names: &[
            "admin_addPeer",
            "admin_addTrustedPeer",
            "admin_isolate",
            "admin_peerEvents",
            "admin_peerEvents_unsubscribe",
            "admin_removePeer",
            "admin_removeTrustedPeer",
            "admin_subscribe",
            "admin_unsubscribe",
        ],
        on: &[
            Kind::Stored(Mode::Poa),
            Kind::Stored(Mode::Pow),
            Kind::Stored(Mode::Merged),
            Kind::Stored(Mode::Bft),
        ],
        chains: "only a node of a network (mainspring node) has peers",
    },
    Special {
        names: &["clique_"],
        on: &[Kind::Stored(Mode::Poa)],
        chains: "only a chain of proof of authority (mainspring node) has signers",
    },
    Special {
        names: &["eth_getWork", "eth_submitHashrate", "eth_submitWork", "miner_"],
        on: &[Kind::Stored(Mode::Pow)],
        chains: "only a chain of proof of work (mainspring node) is mined",
    },
];

impl Kind {
    /// May a developer change the chain by hand?
    pub const fn is_development(self) -> bool {
        matches!(self, Self::Development)
    }

    /// On which chains a method is that has no meaning on this one; `None` if it has one.
    pub(super) fn lacks(self, method: &str) -> Option<&'static str> {
        let special = SPECIAL.iter().find(|it| it.names.iter().any(|name| names(name, method)))?;
        (!special.on.contains(&self)).then_some(special.chains)
    }
}

/// Is the method that of a name, or in the namespace of a name?
fn names(name: &str, method: &str) -> bool {
    if name.ends_with('_') { method.starts_with(name) } else { method == name }
}

/// Which methods are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespaces {
    /// The kind of node.
    pub kind: Kind,
    /// Is what governs the node, as `admin` and `miner` do, served over HTTP without being named?
    pub admin: bool,
    /// Exactly these, by name; `None` is all but `testing` and, as the field says, what governs the node.
    pub named: Option<Vec<String>>,
}

/// A namespace that does not exist here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("--http.api names the namespace {given:?}; those that exist here are {known}")]
pub struct UnknownNamespace {
    /// As given.
    pub given: String,
    /// The existing ones, with commas.
    pub known: String,
}

impl Default for Namespaces {
    fn default() -> Self {
        Self { kind: Kind::Development, admin: true, named: None }
    }
}

impl Namespaces {
    /// Is every named one there?
    pub(super) fn check(&self, all: &Methods) -> Result<(), UnknownNamespace> {
        let here = all.method_names().filter(|name| self.kind.lacks(name).is_none());
        let known: BTreeSet<&str> = here.filter_map(space).collect();
        let unknown = self.named.iter().flatten().find(|name| !known.contains(name.as_str()));
        unknown.map_or(Ok(()), |given| {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            Err(UnknownNamespace { given: given.clone(), known })
        })
    }

    /// Those of all methods that are served.
    pub(super) fn select(&self, all: &Methods) -> Methods {
        let mut served = Methods::new();
        let serves = |name: &&str| self.kind.lacks(name).is_none() && self.serves(name);
        for name in all.method_names().filter(serves) {
            if let Some(method) = all.method(name) {
                let inserted = served.verify_and_insert(name, method.clone());
                inserted.map(drop).expect("a name is there once");
            }
        }
        served
    }

    /// Those of all methods that are served to the machine itself: all but `testing`, unless it is named.
    pub(super) fn select_local(&self, all: &Methods) -> Methods {
        let mut named: Vec<String> =
            all.method_names().filter_map(space).map(str::to_owned).collect();
        let is_testing_named = self.named.iter().flatten().any(|name| name == TESTING);
        named.retain(|name| name != TESTING || is_testing_named);
        Self { named: Some(named), ..self.clone() }.select(all)
    }

    fn serves(&self, method: &str) -> bool {
        let Some(space) = space(method) else { return false };
        let wanted = match &self.named {
            Some(named) => named.iter().any(|name| name == space),
            None => match space {
                TESTING => false,
                ADMIN | MINER => self.admin,
                _ => self.admin || self.kind.is_development() || !CONTROL.contains(&method),
            },
        };
        space == RPC || wanted
    }
}

fn space(method: &str) -> Option<&str> {
    method.split_once('_').map(|(space, _)| space)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonrpsee::RpcModule;

    fn all() -> Methods {
        let mut module = RpcModule::new(());
        for name in [
            "admin_datadir",
            "anvil_mine",
            "chain_branch",
            "chain_traceDecoded",
            "clique_propose",
            "clique_status",
            "debug_setHead",
            "eth_call",
            "eth_getWork",
            "evm_mine",
            "miner_stop",
            "rpc_modules",
            "testing_build",
        ] {
            module.register_method(name, |_, _, _| 0).unwrap();
        }
        module.into()
    }

    fn served(kind: Kind, named: Option<&[&str]>) -> Vec<&'static str> {
        let named = named.map(|names| names.iter().map(|&name| name.to_owned()).collect());
        let methods = Namespaces { kind, admin: false, named }.select(&all());
        let mut names: Vec<_> = methods.method_names().collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn testing_is_served_only_where_it_is_named() {
        assert!(!served(Kind::Development, None).contains(&"testing_build"));
        let named = served(Kind::Development, Some(&["testing"]));
        assert_eq!(named, ["rpc_modules", "testing_build"]);
    }

    #[test]
    fn a_node_serves_what_has_a_meaning_on_its_chain() {
        let everywhere = ["chain_traceDecoded", "eth_call", "rpc_modules"];
        let by_hand = ["anvil_mine", "chain_branch", "debug_setHead", "evm_mine"];
        for (kind, own) in [
            (Kind::Development, &by_hand[..]),
            (Kind::Stored(Mode::Poa), &["clique_status"]),
            (Kind::Stored(Mode::Pow), &["eth_getWork"]),
            (Kind::Stored(Mode::Dev), &[]),
            (Kind::Stored(Mode::Merged), &[]),
        ] {
            let mut wanted = [&everywhere[..], own].concat();
            wanted.sort_unstable();
            assert_eq!(served(kind, None), wanted, "{kind:?}");
        }
        let mined = served(Kind::Stored(Mode::Pow), Some(&["miner"]));
        assert_eq!(mined, ["miner_stop", "rpc_modules"], "served over HTTP where it is named");
    }

    #[test]
    fn who_only_asks_governs_no_node() {
        let governs = |admin, named: Option<&str>| {
            let named = named.map(|name| vec![name.to_owned()]);
            let kind = Kind::Stored(Mode::Poa);
            let methods = Namespaces { kind, admin, named }.select(&all());
            ["admin_datadir", "clique_propose", "debug_setHead"]
                .map(|name| methods.method(name).is_some())
        };
        assert_eq!(governs(true, None), [true; 3], "nobody else can ask");
        assert_eq!(governs(false, None), [false; 3]);
        assert_eq!(governs(false, Some("clique")), [false, true, false]);
        assert_eq!(governs(false, Some("debug")), [false, false, true]);
    }

    #[test]
    fn a_method_of_another_chain_says_which() {
        let merged = Kind::Stored(Mode::Merged);
        let says = |kind: Kind, method: &str| kind.lacks(method).unwrap_or("it is here");
        assert!(says(merged, "hardhat_reset").contains("development chain"));
        assert!(says(Kind::Development, "clique_propose").contains("proof of authority"));
        assert!(says(Kind::Stored(Mode::Poa), "eth_getWork").contains("proof of work"));
        assert_eq!(says(Kind::Stored(Mode::Pow), "eth_getWork"), "it is here");
        assert_eq!(says(merged, "eth_getWorkOfOthers"), "it is here");
    }

    #[test]
    fn a_namespace_of_another_chain_cannot_be_named() {
        let unknown = |kind, space: &str| {
            let named = Some(vec!["eth".to_owned(), space.to_owned()]);
            let error = Namespaces { kind, admin: false, named }.check(&all()).unwrap_err();
            (error.given, error.known)
        };
        let (given, known) = unknown(Kind::Stored(Mode::Poa), "anvil");
        assert_eq!(
            (given.as_str(), known.as_str()),
            ("anvil", "admin, chain, clique, debug, eth, rpc, testing")
        );
        assert_eq!(unknown(Kind::Stored(Mode::Dev), "clique").0, "clique");
        assert_eq!(unknown(Kind::Stored(Mode::Poa), "miner").0, "miner");
    }
}
