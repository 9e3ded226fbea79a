//! `clique_*`: who may sign blocks on a chain of proof of authority, and who votes for whom?

use super::{Answer, Api, RpcContext, RpcError, params::At, resolve};
use crate::{
    consensus::clique::{self, CliqueError, IN_TURN, Snapshot, Vote},
    primitives::{BlockNumHash, SealedHeader},
    sealer::Authority,
};
use alloy_consensus::Header;
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::Decodable;
use jsonrpsee::{Methods, core::async_trait, proc_macros::rpc};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::collections::BTreeMap;

/// Newest blocks that `clique_status` looks at, as in geth.
const STATUS_BLOCKS: u64 = 64;
/// Digits of a block hash after `0x`: what is longer is a header.
const HASH_DIGITS: usize = 64;

/// Signers in turn ([EIP-225](https://eips.ethereum.org/EIPS/eip-225)), in geth's words.
#[rpc(server, namespace = "clique")]
pub trait Clique {
    /// Who may sign after a block, the newest by default, who signed a moment ago, and open votes.
    #[method(name = "getSnapshot")]
    async fn snapshot(&self, block: Option<At>) -> Answer<SnapshotAt>;

    /// The same of the block with a hash, also of one beside the chain.
    #[method(name = "getSnapshotAtHash")]
    async fn snapshot_at_hash(&self, hash: B256) -> Answer<SnapshotAt>;

    /// Who may sign after a block, the newest by default, in the order of their turns.
    #[method(name = "getSigners")]
    async fn signers(&self, block: Option<At>) -> Answer<Vec<Address>>;

    /// The same of the block with a hash, also of one beside the chain.
    #[method(name = "getSignersAtHash")]
    async fn signers_at_hash(&self, hash: B256) -> Answer<Vec<Address>>;

    /// Who signed a block, the newest by default; also of the RLP of a header or a block.
    #[method(name = "getSigner")]
    async fn signer(&self, block: Option<Signed>) -> Answer<Address>;

    /// What this node votes for in the blocks it signs: true to add, false to drop.
    #[method(name = "proposals")]
    fn proposals(&self) -> Answer<BTreeMap<Address, bool>>;

    /// Votes, in the blocks that this node signs, for an address to become a signer, or to be none.
    #[method(name = "propose")]
    async fn propose(&self, address: Address, authorize: bool) -> Answer<()>;

    /// Votes no more on an address.
    #[method(name = "discard")]
    fn discard(&self, address: Address) -> Answer<()>;

    /// How many of the newest blocks each signer signed, and how many came in turn.
    #[method(name = "status")]
    async fn status(&self) -> Answer<Status>;
}

/// Why there is no answer about signers.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Nobody here signs blocks.
    #[error(
        "this node signs no blocks and has no vote: start it with --signer FILE --password-file FILE, \
         and without --no-seal"
    )]
    NoKey,
    /// Nobody could ever seal a block.
    #[error(
        "{0} is the last signer, which cannot be voted out: nobody could sign a block after that"
    )]
    LastSigner(Address),
    /// Nobody has its key.
    #[error("the zero address cannot be a signer")]
    ZeroAddress,
    /// A header without a right seal.
    #[error("{0}")]
    Seal(CliqueError),
    /// Bytes that are neither a header nor a block.
    #[error("neither the RLP of a header nor of a block: {0}")]
    Rlp(alloy_rlp::Error),
}

/// A block by its number, tag or hash, or the header itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// A block that is here.
    At(At),
    /// RLP of a header or a block.
    Raw(Bytes),
}

impl<'de> Deserialize<'de> for Signed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let is_raw = value.as_str().is_some_and(|text| text.len() > 2 + HASH_DIGITS);
        let read = match is_raw {
            true => Bytes::deserialize(value).map(Self::Raw),
            false => At::deserialize(value).map(Self::At),
        };
        read.map_err(D::Error::custom)
    }
}

/// geth's form of a snapshot.
#[derive(Clone, Debug, Serialize)]
pub struct SnapshotAt {
    number: u64,
    hash: B256,
    signers: BTreeMap<Address, Nothing>,
    /// Signers of the newest blocks, by number, who may not sign the next.
    recents: BTreeMap<u64, Address>,
    votes: Vec<Vote>,
    tally: BTreeMap<Address, Tally>,
}

/// `{}`.
#[derive(Clone, Copy, Debug, Serialize)]
struct Nothing {}

/// The open votes on an address.
#[derive(Clone, Copy, Debug, Serialize)]
struct Tally {
    authorize: bool,
    votes: u64,
}

impl From<&Snapshot> for SnapshotAt {
    fn from(snapshot: &Snapshot) -> Self {
        let mut tally: BTreeMap<Address, Tally> = BTreeMap::new();
        for vote in &snapshot.votes {
            let first = Tally { authorize: vote.authorize, votes: 0 };
            tally.entry(vote.address).or_insert(first).votes += 1;
        }
        Self {
            number: snapshot.number,
            hash: snapshot.hash,
            signers: snapshot.signers.iter().map(|signer| (*signer, Nothing {})).collect(),
            recents: snapshot.recents.clone(),
            votes: snapshot.votes.clone(),
            tally,
        }
    }
}

/// What the newest blocks say of the signers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Percentage of the blocks that came in turn.
    inturn_percent: f64,
    /// How many of the blocks each signer signed.
    sealer_activity: BTreeMap<Address, u64>,
    /// How many blocks these figures are of.
    num_blocks: u64,
}

#[async_trait]
impl CliqueServer for Api {
    async fn snapshot(&self, block: Option<At>) -> Answer<SnapshotAt> {
        self.blocking(move |node| Ok((&*snapshot(node, At::or_latest(block))?).into())).await
    }

    async fn snapshot_at_hash(&self, hash: B256) -> Answer<SnapshotAt> {
        self.blocking(move |node| Ok((&*snapshot(node, hash.into())?).into())).await
    }

    async fn signers(&self, block: Option<At>) -> Answer<Vec<Address>> {
        self.blocking(move |node| {
            Ok(snapshot(node, At::or_latest(block))?.signers.iter().copied().collect())
        })
        .await
    }

    async fn signers_at_hash(&self, hash: B256) -> Answer<Vec<Address>> {
        self.blocking(move |node| {
            Ok(snapshot(node, hash.into())?.signers.iter().copied().collect())
        })
        .await
    }

    async fn signer(&self, block: Option<Signed>) -> Answer<Address> {
        self.blocking(move |node| {
            let signer = match block.unwrap_or(Signed::At(At::LATEST)) {
                Signed::At(at) => clique::signer(&*header(node, at.0)?),
                Signed::Raw(raw) => clique::signer(&decode(&raw).map_err(AuthorityError::Rlp)?),
            };
            Ok(signer.map_err(AuthorityError::Seal)?)
        })
        .await
    }

    fn proposals(&self) -> Answer<BTreeMap<Address, bool>> {
        Ok(self.sealer.authority().map(Authority::proposals).unwrap_or_default())
    }

    async fn propose(&self, address: Address, authorize: bool) -> Answer<()> {
        self.blocking(move |node| {
            let authority = node.sealer.authority().ok_or(AuthorityError::NoKey)?;
            if address.is_zero() {
                return Err(AuthorityError::ZeroAddress.into());
            }
            let signers = &snapshot(node, At::LATEST.0)?.signers;
            if !authorize && signers.len() == 1 && signers.contains(&address) {
                return Err(AuthorityError::LastSigner(address).into());
            }
            Ok(authority.propose(address, authorize)?)
        })
        .await
    }

    fn discard(&self, address: Address) -> Answer<()> {
        let authority = self.sealer.authority().ok_or(AuthorityError::NoKey)?;
        authority.discard(address);
        Ok(())
    }

    async fn status(&self) -> Answer<Status> {
        self.blocking(status).await
    }
}

fn header(node: &RpcContext, id: BlockId) -> Answer<std::sync::Arc<SealedHeader>> {
    resolve::header(&node.chain, id)?.ok_or(RpcError::UnknownBlock)
}

fn snapshot(node: &RpcContext, id: BlockId) -> Answer<std::sync::Arc<Snapshot>> {
    let header = header(node, id)?;
    Ok(node.chain.signers_after(BlockNumHash::new(header.number, header.seal()))?)
}

/// The header that RLP is, or that the block begins with that it is.
fn decode(raw: &[u8]) -> alloy_rlp::Result<Header> {
    let mut fields = alloy_rlp::Header::decode_bytes(&mut &*raw, true)?;
    let is_block = fields.first().is_some_and(|byte| *byte >= alloy_rlp::EMPTY_LIST_CODE);
    if is_block { Header::decode(&mut fields) } else { Header::decode(&mut &*raw) }
}

fn status(node: &RpcContext) -> Answer<Status> {
    let head = node.chain.head();
    let snapshot = snapshot(node, head.seal().into())?;
    let mut activity: BTreeMap<Address, u64> = snapshot.signers.iter().map(|it| (*it, 0)).collect();
    let first = node.chain.earliest().saturating_add(1);
    let from = head.number.saturating_sub(STATUS_BLOCKS - 1).max(first);
    let (mut blocks, mut in_turn) = (0, 0);
    for number in from..=head.number {
        // The chain may go back meanwhile.
        let Some(header) = node.chain.header(number)? else { break };
        let signer = clique::signer(&header).map_err(AuthorityError::Seal)?;
        *activity.entry(signer).or_default() += 1;
        blocks += 1;
        in_turn += u64::from(header.difficulty == IN_TURN);
    }
    Ok(Status {
        inturn_percent: if blocks == 0 { 0.0 } else { 100.0 * in_turn as f64 / blocks as f64 },
        sealer_activity: activity,
        num_blocks: blocks,
    })
}

pub(super) fn methods(api: &Api) -> Methods {
    api.clone().into_rpc().into()
}
