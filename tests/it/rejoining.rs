//! Who comes back to a network makes no block before it has heard where the chain is; and nobody waits for
//! ever.

use crate::network::{Member, World, alone, until};
use mainspring::network::{NetworkConfig, PeerAddress};
use serde_json::json;
use std::time::Duration;

/// Where nobody listens.
fn nobody() -> PeerAddress {
    let id = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
    format!("/ip4/127.0.0.1/tcp/1/p2p/{id}").parse().unwrap()
}

async fn reason(node: &Member) -> String {
    node.ask("chain_status", json!([])).await["reason"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_that_lost_its_data_signs_no_height_again() {
    let mut world = World::new(1);
    let first = world.start(Some(0), &[]).await;
    let other = world.start(None, &[&first]).await;
    until("blocks are made", || other.head() >= 3).await;
    first.handle.shutdown().await.unwrap();
    let (head, hash) = (other.head(), other.hash(1));
    let again = world.start(Some(0), &[&other]).await;
    until("it signs again", || other.head() > head && again.head() > head).await;
    assert_eq!(again.hash(1), hash);
    let stats = again.handle.chain().stats().unwrap();
    assert_eq!(stats.reorganisations, 0, "it had a branch of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_whose_peers_are_away_begins_with_the_first_that_comes() {
    let mut world = World::new(1);
    let peer_grace = Duration::from_secs(3_600);
    let network = NetworkConfig { peers: vec![nobody()], peer_grace, ..alone() };
    let signer = world.start_with(Some(0), network).await;
    let said = reason(&signer).await;
    assert!(said.contains("one of its peers"), "{said}");
    assert_eq!(signer.head(), 0);
    let _other = world.start(None, &[&signer]).await;
    until("blocks are made", || signer.head() >= 1).await;
    let said = reason(&signer).await;
    assert!(!said.contains("one of its peers"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_whose_peers_are_all_dead_goes_on_alone_after_a_while() {
    let mut world = World::new(1);
    let peer_grace = Duration::from_secs(1);
    let network = NetworkConfig { peers: vec![nobody()], peer_grace, ..alone() };
    let signer = world.start_with(Some(0), network).await;
    until("blocks are made", || signer.head() >= 1).await;
}
