//! What becomes of blocks and transactions that peers pass on, and what is told to them?

use super::*;

#[test]
fn gossip_is_judged_once_and_by_what_it_is() {
    let (_source, mut maker, blocks) = source(3);
    let mut node = Node::new(ProtocolSettings::default());
    let head = head_of(&node.chain).0;
    let peers: Vec<PeerId> = (0..4).map(|_| node.join(head)).collect();
    let first = EncodedBlock::from(&blocks[0]);
    // Its header is right, and its body another's.
    let (alice, genesis) = (crate::wallet::transfer(&key(1), 0, Address::ZERO, 1), maker.genesis());
    let other = maker.make(genesis, Wanted::with(vec![alice], 3, 9));
    let mixed = Block { header: blocks[0].header.clone(), body: other.body };
    assert_eq!(node.hear(peers[0], 1, &EncodedBlock::from(&mixed)), Some(Verdict::Reject));
    assert_eq!(node.bans(), [peers[0]]);
    assert_eq!(node.hear(peers[1], 2, &first), Some(Verdict::Accept), "the right one may follow");
    assert_eq!(node.chain.chain.head().seal(), blocks[0].hash());
    assert_eq!(node.hear(peers[2], 3, &first), Some(Verdict::Ignore), "it is here already");
    let forged = Header { gas_used: 7, ..blocks[1].header.inner().clone() };
    let forged = Block::new(signed(forged, &key(7)), blocks[1].body.as_ref().clone());
    assert_eq!(node.hear(peers[3], 4, &EncodedBlock::from(&forged)), Some(Verdict::Reject));
    assert_eq!(node.bans(), [peers[0], peers[3]]);
}

/// The same block with a right seal and a state that does not come of it.
fn of_wrong_state(block: &Block) -> Block {
    let signer = clique::signer(&block.header).unwrap();
    let by = (0..3).map(key).find(|key| key.address() == signer).unwrap();
    let header = Header { state_root: B256::repeat_byte(1), ..block.header.inner().clone() };
    Block::new(signed(header, &by), block.body.as_ref().clone())
}

#[test]
fn a_block_is_passed_on_after_it_was_executed_and_not_before() {
    let (_source, _, blocks) = source(1);
    let mut node = Node::new(ProtocolSettings::default());
    let head = head_of(&node.chain).0;
    let (liar, honest) = (node.join(head), node.join(head));
    let wrong = of_wrong_state(&blocks[0]);
    assert_eq!(node.hear(liar, 1, &EncodedBlock::from(&wrong)), Some(Verdict::Reject));
    assert_eq!(node.bans(), [liar]);
    let child = Header { parent_hash: wrong.hash(), ..wrong.header.inner().clone() };
    let child = Block::new(child, wrong.body.as_ref().clone());
    assert_eq!(node.hear(honest, 2, &EncodedBlock::from(&blocks[0])), Some(Verdict::Accept));
    assert_eq!(node.chain.chain.head().seal(), blocks[0].hash());
    assert_eq!(node.hear(honest, 3, &EncodedBlock::from(&child)), Some(Verdict::Reject));
    let judged = |it: &&Action| matches!(it, Action::Judge { .. });
    assert_eq!(node.rest.iter().filter(judged).count(), 3, "each once");
}

#[test]
fn a_block_with_an_unknown_parent_brings_its_ancestors() {
    let (source, _, blocks) = source(5);
    let mut node = Node::new(ProtocolSettings::default());
    let peer = node.join(head_of(&node.chain).0);
    let newest = EncodedBlock::from(&blocks[4]);
    assert_eq!(node.hear(peer, 1, &newest), Some(Verdict::Ignore), "it is not passed on yet");
    assert!(
        node.is_asked(|it| matches!(it, Request::Ancestry { of, .. } if *of == blocks[4].hash()))
    );
    node.answer_all(&source, |_, _, response| Some(response));
    assert_eq!(node.chain.chain.head().seal(), blocks[4].hash());
}

#[test]
fn a_peer_that_may_not_know_us_yet_is_asked_nothing() {
    let (source, _, blocks) = source(5);
    let mut node = Node::new(ProtocolSettings::default());
    let head = head_of(&source).0;
    let peer = node.greet(head);
    assert_eq!(node.hear(peer, 1, &EncodedBlock::from(&blocks[4])), Some(Verdict::Ignore));
    assert!(!node.is_asked(|it| !matches!(it, Request::Hello(_))), "{:?}", node.asked);
    node.take_us(peer, head);
    node.answer_all(&source, |_, _, response| Some(response));
    assert_eq!(node.chain.chain.head().seal(), blocks[4].hash());
}

#[test]
fn blocks_that_one_peer_misses_leave_room_for_those_of_others() {
    let (_source, _, blocks) = source(24);
    let mut node = Node::new(ProtocolSettings::default());
    let head = head_of(&node.chain).0;
    let (liar, honest) = (node.join(head), node.join(head));
    for (id, block) in (1..).zip(&blocks[1..20]) {
        assert_eq!(node.hear(liar, id, &EncodedBlock::from(block)), Some(Verdict::Ignore));
    }
    let of = |it: &(PeerId, u64, Request), peer| {
        it.0 == peer && matches!(it.2, Request::Ancestry { .. })
    };
    let asked = |node: &Node, peer| node.asked.iter().filter(|it| of(it, peer)).count();
    assert_eq!(asked(&node, liar), 4);
    node.hear(honest, 100, &EncodedBlock::from(&blocks[22]));
    assert_eq!(asked(&node, honest), 1);

    for id in 200..210 {
        let Some(place) = node.asked.iter().position(|it| of(it, liar)) else { break };
        let (peer, request, _) = node.asked.remove(place);
        let response = Response::Ancestry(Vec::new());
        node.tell(Event::Answered { peer, id: request, response });
        // What it did not answer is asked again when it comes again, in another message.
        node.hear(liar, id, &EncodedBlock::from(&blocks[id as usize - 190]));
    }
    assert_eq!(node.bans(), [liar], "it has not got what it passed on");
}

#[test]
fn a_signer_of_ever_more_blocks_makes_nobody_import_them() {
    let (_source, mut maker, blocks) = source(1);
    let mut node = Node::new(ProtocolSettings::default());
    let peer = node.join(head_of(&node.chain).0);
    assert_eq!(node.hear(peer, 1, &EncodedBlock::from(&blocks[0])), Some(Verdict::Accept));
    let rivals: Vec<Block> =
        (0..6).map(|tag| maker.make(blocks[0].hash(), Wanted::empty(1, tag))).collect();
    let verdicts: Vec<_> = (10..)
        .zip(&rivals)
        .map(|(id, rival)| node.hear(peer, id, &EncodedBlock::from(rival)).unwrap())
        .collect();
    let (accept, ignore) = (Verdict::Accept, Verdict::Ignore);
    assert_eq!(verdicts, [accept, accept, ignore, ignore, ignore, ignore]);
    assert!(node.bans().is_empty(), "whoever passes them on has broken no rule");

    // With a block of another signer above it one of them is the heaviest.
    let heir = maker.make(rivals[5].hash(), Wanted::empty(1, 0));
    assert_eq!(node.hear(peer, 20, &EncodedBlock::from(&heir)), Some(Verdict::Ignore));
    let (_, id, _) = node.take(|it| matches!(it, Request::Ancestry { .. }));
    let both = [&heir, &rivals[5]].map(EncodedBlock::from).to_vec();
    node.tell(Event::Answered { peer, id, response: Response::Ancestry(both) });
    assert_eq!(node.chain.chain.head().seal(), heir.hash());
}

#[test]
fn a_message_is_passed_on_if_all_of_it_was_taken_and_nothing_was_passed_over_unlooked_at() {
    let mut node = Node::new(ProtocolSettings::default());
    let head = head_of(&node.chain).0;
    let [one, other] = [node.join(head), node.join(head)];
    let [bad, poor, good, better, best] = [1, 2, 3, 4, 5].map(|tag| Bytes::from(vec![tag; 100]));

    // While the invalid one is looked at, and after it was found to be, it comes with one that is right.
    let invalid = vec![bad.clone()];
    assert_eq!(node.hear_transactions(one, 1, &invalid), Some(invalid.clone()));
    let both = vec![good.clone(), bad];
    assert_eq!(node.hear_transactions(other, 2, &both), Some(both.clone()), "it is looked at");
    node.admitted(one, 1, &[], true);
    assert_eq!(node.hear_transactions(other, 3, &both), Some(both.clone()), "and not forgotten");
    node.admitted(other, 2, &[(&good, true)], true);
    assert_eq!([1, 2].map(|id| node.verdict(id)), [Some(Verdict::Reject); 2]);
    assert_eq!(node.published(), [vec![good.clone()]], "the right one is not lost");

    // One that only this node has no use for is passed on by nobody in its name.
    node.hear_transactions(one, 4, &[poor.clone(), better.clone()]);
    node.admitted(one, 4, &[(&poor, false), (&better, true)], false);
    let mixed = vec![poor.clone(), best.clone()];
    assert_eq!(node.hear_transactions(other, 5, &mixed), Some(vec![best.clone()]));
    node.admitted(other, 5, &[(&best, true)], false);
    assert_eq!([4, 5].map(|id| node.verdict(id)), [Some(Verdict::Ignore); 2]);
    assert_eq!(node.published()[1..], [vec![better.clone()], vec![best.clone()]]);

    // What was taken before does no harm.
    let last = Bytes::from(vec![6; 100]);
    assert_eq!(node.hear_transactions(other, 6, &[better, last.clone()]), Some(vec![last.clone()]));
    node.admitted(other, 6, &[(&last, true)], false);
    assert_eq!(node.verdict(6), Some(Verdict::Accept));
    assert_eq!((node.published().len(), node.bans().len()), (3, 0));
}

#[test]
fn a_branch_of_the_same_weight_is_asked_for_where_signers_break_ties() {
    let (source, mut maker, blocks) = source(4);
    let mut node = Node::new(ProtocolSettings::default());
    for block in &blocks[..3] {
        node.chain.chain.import(block).unwrap();
    }
    let rival = maker.make(blocks[2].hash(), Wanted::empty(2, 1));
    node.chain.chain.import(&rival).unwrap();
    let (head, timestamp) = head_of(&node.chain);
    node.tell(Event::Head { head, timestamp });
    assert_eq!(head.total_difficulty, head_of(&source).0.total_difficulty);
    node.join(head_of(&source).0);
    node.answer_all(&source, |_, _, response| Some(response));
    let winner = rival.hash().min(blocks[3].hash());
    assert_eq!(node.chain.chain.head().seal(), winner, "both nodes pick the same");
    source.chain.import(&rival).unwrap();
    assert_eq!(source.chain.head().seal(), winner);
}

#[test]
fn what_a_lost_branch_had_mined_is_told_again_in_another_message() {
    let mut node = Node::new(ProtocolSettings::default());
    let peer = node.join(head_of(&node.chain).0);
    let raw = |nonce| Bytes::from(to_nobody(nonce).envelope().encoded_2718());
    node.tell(Event::Submitted(vec![raw(0)]));
    node.tell(Event::Returned(vec![raw(0)]));
    let told: Vec<_> = node.rest.drain(..).filter_map(published).collect();
    let head = node.chain.chain.head().seal();
    let first = Gossip::Transactions(vec![raw(0)]);
    let again = Gossip::Returned { head, transactions: vec![raw(0)] };
    assert_eq!(told, [first, again]);
    assert_ne!(codec::encode_gossip(&told[0]), codec::encode_gossip(&told[1]));

    // Who has not heard of one takes it as any other; who has passes it on no further.
    let gossip = Gossip::Returned { head, transactions: vec![raw(0), raw(1)] };
    node.tell(Event::Heard { peer, id: 9, gossip });
    let admitted = node.rest.drain(..).find_map(|action| match action {
        Action::Admit { id, transactions, .. } => Some((id, transactions)),
        _ => None,
    });
    assert_eq!(admitted, Some((Some(9), vec![raw(1)])));
    node.tell(Event::Returned((0..5_000).map(raw).collect()));
    let told = node.rest.drain(..).filter_map(published).map(|told| match told {
        Gossip::Returned { transactions, .. } => transactions.len(),
        other => panic!("{other:?}"),
    });
    let told: Vec<usize> = told.collect();
    assert_eq!((told.len(), told.iter().sum::<usize>()), (2, 5_000), "as many as fit together");
}

#[test]
fn who_asks_what_waits_hears_also_of_what_misses_an_earlier_nonce() {
    let node = Node::new(ProtocolSettings::default());
    node.pool.reinject([2, 0].map(to_nobody).into(), |_sender| 0);
    assert_eq!((node.pool.pending_len(), node.pool.queued_len()), (1, 1));
    let told = serve::serve(&node.chain.chain, &node.pool, &Request::Waiting).unwrap();
    let hashes = [0, 2].map(|nonce| to_nobody(nonce).hash());
    assert_eq!(told, Some(Response::Waiting(hashes.into())), "what can run comes first");
}

fn to_nobody(nonce: u64) -> Transaction {
    transfer(&key(5), nonce, Address::repeat_byte(9), 1)
}

fn published(action: Action) -> Option<Gossip> {
    match action {
        Action::Publish(gossip) => Some(gossip),
        _ => None,
    }
}
