//! Peers that somebody names or removes: who may come back, and when?

use super::*;

fn connects(node: &mut Node, peer: PeerId) -> bool {
    node.rest.clear();
    let address: Multiaddr = "/ip4/10.0.0.1/tcp/1".parse().unwrap();
    node.tell(Event::Connected { peer, address, direction: Direction::Inbound });
    let is_left = |it: &Action| matches!(it, Action::Disconnect { peer: of, .. } if *of == peer);
    let is_taken = !node.rest.iter().any(is_left);
    node.tell(Event::Disconnected(peer));
    is_taken
}

#[test]
fn a_peer_that_was_removed_stays_away_for_a_while_unless_it_is_named_again() {
    let settings = ProtocolSettings::default();
    let away = settings.refused_time;
    let mut node = Node::new(settings);
    let (peer, other) = (node.join(head_of(&node.chain).0), PeerId::random());
    node.tell(Event::RemovePeer(peer));
    assert!(matches!(node.rest.last(), Some(Action::Disconnect { peer: of, .. }) if *of == peer));
    node.tell(Event::Disconnected(peer));
    assert!(!connects(&mut node, peer), "it dials in again at once");
    assert!(connects(&mut node, other), "nobody else is meant");
    node.pass(away - Duration::from_secs(1));
    assert!(!connects(&mut node, peer));
    node.pass(Duration::from_secs(1));
    assert!(connects(&mut node, peer));

    node.tell(Event::RemovePeer(peer));
    assert!(!connects(&mut node, peer));
    let address = format!("/ip4/10.0.0.1/tcp/1/p2p/{peer}").parse().unwrap();
    node.tell(Event::AddPeer(address));
    assert!(connects(&mut node, peer), "it was named again");
}
