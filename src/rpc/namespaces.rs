//! Which namespaces are served?

use jsonrpsee::Methods;
use std::collections::BTreeSet;

/// Served only where it is named: it makes blocks that no rule of the chain asks for.
const TESTING: &str = "testing";
/// Works with files of the machine: served over HTTP where nobody else can ask, or where it is named.
const ADMIN: &str = "admin";
/// What only a development chain may do.
const DEVELOPMENT: [&str; 5] = ["anvil", "evm", "hardhat", "personal", "tenderly"];
/// Methods of other namespaces that are the same.
const DEVELOPMENT_METHODS: [&str; 4] =
    ["chain_branch", "chain_checkout", "chain_deleteBranch", "chain_listBranches"];
/// Tells which namespaces there are; always served.
const RPC: &str = "rpc";

/// Which namespaces are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespaces {
    /// May a developer change the chain by hand?
    pub development: bool,
    /// Is `admin` served over HTTP without being named?
    pub admin: bool,
    /// Exactly these, by name; `None` is all but `testing` and, as the field says, `admin`.
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
        Self { development: true, admin: true, named: None }
    }
}

impl Namespaces {
    /// Is every named one there?
    pub(super) fn check(&self, all: &Methods) -> Result<(), UnknownNamespace> {
        let known: BTreeSet<&str> = all.method_names().filter_map(space).collect();
        let known = known.into_iter().filter(|space| self.exists(space)).collect::<Vec<_>>();
        let unknown = self.named.iter().flatten().find(|name| !known.contains(&name.as_str()));
        unknown.map_or(Ok(()), |given| {
            Err(UnknownNamespace { given: given.clone(), known: known.join(", ") })
        })
    }

    /// Those of all methods that are served.
    pub(super) fn select(&self, all: &Methods) -> Methods {
        let mut served = Methods::new();
        let serves = |name: &&str| {
            let is_possible = self.development || !DEVELOPMENT_METHODS.contains(name);
            is_possible && space(name).is_some_and(|it| self.serves(it))
        };
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

    /// Is this the name of a method that a development chain would have?
    pub(super) fn belongs_to_development(&self, method: &str) -> bool {
        let in_space = space(method).is_some_and(|space| DEVELOPMENT.contains(&space));
        !self.development && (in_space || DEVELOPMENT_METHODS.contains(&method))
    }

    fn exists(&self, space: &str) -> bool {
        self.development || !DEVELOPMENT.contains(&space)
    }

    fn serves(&self, space: &str) -> bool {
        let wanted = match &self.named {
            Some(named) => named.iter().any(|name| name == space),
            None => space != TESTING && (space != ADMIN || self.admin),
        };
        space == RPC || (wanted && self.exists(space))
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
        for name in
            ["admin_datadir", "eth_call", "anvil_mine", "evm_mine", "testing_build", "rpc_modules"]
        {
            module.register_method(name, |_, _, _| 0).unwrap();
        }
        module.into()
    }

    fn served(development: bool, named: Option<&[&str]>) -> Vec<&'static str> {
        let named = named.map(|names| names.iter().map(|&name| name.to_owned()).collect());
        let methods = Namespaces { development, admin: false, named }.select(&all());
        let mut names: Vec<_> = methods.method_names().collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn testing_is_served_only_where_it_is_named() {
        assert_eq!(served(true, None), ["anvil_mine", "eth_call", "evm_mine", "rpc_modules"]);
        assert_eq!(served(true, Some(&["testing"])), ["rpc_modules", "testing_build"]);
    }

    #[test]
    fn what_changes_a_chain_by_hand_is_served_on_development_chains_only() {
        assert_eq!(served(false, None), ["eth_call", "rpc_modules"]);
        let named = Some(vec!["eth".to_owned(), "anvil".to_owned()]);
        let error =
            Namespaces { development: false, admin: false, named }.check(&all()).unwrap_err();
        assert_eq!(
            (error.given.as_str(), error.known.as_str()),
            ("anvil", "admin, eth, rpc, testing")
        );
    }
}
