//! `chain_*`: what is this node's own about its chain? Named branches, first.

use super::{Answer, Api, RpcContext, RpcError};
use crate::chain::BranchInfo;
use alloy_primitives::{B256, U64};
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use serde::Serialize;

/// Chains with names, as git has them: one is current, and its newest block moves with the head; the
/// others stand still, with all that a snapshot has, also over a restart. The first is called `main`.
#[rpc(server, namespace = "chain")]
pub trait Branches {
    /// Names a new branch: the chain as it is now, or as the branch `from` is. The current branch stays
    /// the current one.
    #[method(name = "branch")]
    async fn branch(&self, name: String, from: Option<String>) -> Answer<Branch>;

    /// Makes a branch the current one, with its blocks, edits, clock, what was fixed about its next
    /// block, mining mode, impersonations and pool. The branch that was current stays as it is.
    #[method(name = "checkout")]
    async fn checkout(&self, name: String) -> Answer<Branch>;

    /// Forgets a branch that is not current, and the blocks that only it has.
    #[method(name = "deleteBranch")]
    async fn delete_branch(&self, name: String) -> Answer<()>;

    /// All branches, by name.
    #[method(name = "listBranches")]
    async fn list_branches(&self) -> Answer<Vec<Branch>>;
}

/// A branch.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Branch {
    name: String,
    /// Height of its newest block.
    number: U64,
    /// Hash of its newest block.
    hash: B256,
    /// Is it the chain that everything else answers of?
    current: bool,
    /// Blocks that no other branch has.
    own_blocks: U64,
}

impl From<BranchInfo> for Branch {
    fn from(branch: BranchInfo) -> Self {
        Self {
            name: branch.name,
            number: U64::from(branch.tip.number),
            hash: branch.tip.hash,
            current: branch.is_current,
            own_blocks: U64::from(branch.own_blocks),
        }
    }
}

#[async_trait]
impl BranchesServer for Api {
    async fn branch(&self, name: String, from: Option<String>) -> Answer<Branch> {
        self.blocking(move |node| {
            node.dev.branch(&name, from.as_deref())?;
            found(node, &name)
        })
        .await
    }

    async fn checkout(&self, name: String) -> Answer<Branch> {
        self.blocking(move |node| {
            node.dev.checkout(&name)?;
            found(node, &name)
        })
        .await
    }

    async fn delete_branch(&self, name: String) -> Answer<()> {
        self.blocking(move |node| Ok(node.dev.delete_branch(&name)?)).await
    }

    async fn list_branches(&self) -> Answer<Vec<Branch>> {
        self.blocking(|node| Ok(node.dev.branches()?.into_iter().map(Branch::from).collect())).await
    }
}

fn found(node: &RpcContext, name: &str) -> Answer<Branch> {
    let mut all = node.dev.branches()?.into_iter();
    // Somebody else may have deleted it already.
    all.find(|branch| branch.name == name).map(Branch::from).ok_or(RpcError::WorkerLost)
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
