//! Whatever a peer sends, the node is alive, says who it was, and goes on with those who are honest.

mod client;

use crate::{
    maker::{Maker, Wanted, signed},
    network::{Member, World, alone, until},
    node::Setup,
    wallet::{key, sign_tx, transfer},
};
use alloy_consensus::{Header, TxEip1559};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, Bytes, U256};
use client::{Client, PATIENCE, frame, heavy};
use mainspring::{
    network::{
        codec,
        message::{EncodedBlock, Gossip, Head, Request, Response},
    },
    primitives::{Block, Transaction},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    net::TcpStream,
    sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    time::Instant,
};

fn block(block: &Block) -> Gossip {
    Gossip::Block(block.into())
}

fn transactions(all: &[Transaction]) -> Gossip {
    let raw = |tx: &Transaction| Bytes::from(tx.envelope().encoded_2718());
    Gossip::Transactions(all.iter().map(raw).collect())
}

/// A follower of a chain whose one signer is made up by the test, and what signs for it.
async fn follower() -> (World, Member, Maker) {
    let mut world = World::new(1);
    let node = world.start(None, &[]).await;
    let maker = Maker::new(&world.setup);
    (world, node, maker)
}

/// An honest peer passes on the next block, and the node takes it.
async fn goes_on(node: &Member, setup: &Setup, maker: &mut Maker) {
    let parent = node.hash(node.head()).unwrap();
    let next = maker.make(parent, Wanted::empty(1, 99));
    let mut honest = Client::new(node, setup);
    honest.join().await;
    honest.pass_on(&block(&next));
    honest.until("the chain goes on", |_| node.hash(next.number()) == Some(next.hash())).await;
}

/// Joins and offends until the node has banned it: small faults add up. Then it cannot come back.
async fn offends(node: &Member, client: &mut Client, offence: impl Fn(&mut Client)) {
    let before = node.network().stats().bans;
    client.join().await;
    for _ in 0..300 {
        if !client.is_connected {
            break;
        }
        offence(client);
        for _ in 0..10 {
            client.live().await;
        }
    }
    client.until("it is thrown out", |it| !it.is_connected).await;
    assert!(node.network().stats().bans > before, "it was thrown out and not banned");
    client.connect().await;
    client.until("it cannot come back", |it| it.was_refused).await;
    let id = client.id();
    until("it is gone", || node.network().peers().iter().all(|peer| peer.id != id)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_what_is_no_message_is_banned() {
    let (world, node, mut maker) = follower().await;
    let mut rng = StdRng::seed_from_u64(7);
    let mut noise = vec![0; 5_000];
    rng.fill(&mut noise[..]);
    // The count is the last field: 1,000,000 instead of 1.
    let million = {
        let mut list = Vec::new();
        alloy_rlp::encode_list::<u64, u64>(&[1, 1_000_000], &mut list);
        [&[codec::VERSION, 2][..], &list].concat()
    };
    let hello_cut = frame(&codec::encode_request(&Request::Peers))[..5].to_vec();
    let requests: [(&str, Vec<u8>); 6] = [
        ("a frame of 4 GiB", u32::MAX.to_be_bytes().to_vec()),
        ("a frame with noise in it", frame(&noise)),
        ("an empty frame", frame(&[])),
        ("a frame that ends too early", hello_cut),
        ("a message of another version", frame(&[9, 0, 0xc0])),
        ("a million headers", frame(&million)),
    ];
    for (what, bytes) in requests {
        eprintln!("{what}");
        let mut client = Client::new(&node, &world.setup);
        offends(&node, &mut client, |it| it.send(bytes.clone())).await;
    }
    for topic in [0, 1] {
        let mut client = Client::new(&node, &world.setup);
        let salt = AtomicU8::new(0);
        // The same bytes again would be no news.
        let bytes = || [&noise[..], &[salt.fetch_add(1, Relaxed)]].concat();
        offends(&node, &mut client, |it| it.pass_on_bytes(topic, bytes())).await;
    }
    goes_on(&node, &world.setup, &mut maker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_before_it_says_who_it_is_gets_nothing() {
    let (world, node, mut maker) = follower().await;
    let mut client = Client::new(&node, &world.setup).silent();
    assert!(client.connect().await);
    for _ in 0..3 {
        client.ask(&Request::Headers { from: 0, count: 5 });
    }
    client.until("it is thrown out", |it| !it.is_connected).await;
    let headers = |bytes: &Vec<u8>| match codec::decode_response(bytes.get(4..).unwrap_or(&[])) {
        Ok(Response::Headers(headers)) => headers.len(),
        _ => 0,
    };
    assert_eq!(client.heard.iter().map(headers).sum::<usize>(), 0);
    goes_on(&node, &world.setup, &mut maker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_passes_on_a_block_that_is_not_valid_is_banned() {
    let (world, node, mut maker) = follower().await;
    let right = maker.make(maker.genesis(), Wanted::empty(1, 0));
    let wrong = |change: &dyn Fn(&mut Header), by: u64| {
        let mut header = right.header.inner().clone();
        change(&mut header);
        Block::new(signed(header, &key(by)), right.body.as_ref().clone())
    };
    let blocks = [
        ("signed by a stranger", wrong(&|_| {}, 9)),
        ("with another state", wrong(&|it| it.state_root.0[0] ^= 1, 0)),
        ("with another difficulty", wrong(&|it| it.difficulty = U256::from(9), 0)),
        ("with a gas limit out of reach", wrong(&|it| it.gas_limit *= 2, 0)),
    ];
    for (what, bad) in blocks {
        eprintln!("a block {what}");
        let mut client = Client::new(&node, &world.setup);
        offends(&node, &mut client, |it| it.pass_on(&block(&bad))).await;
        assert_eq!(node.head(), 0);
    }
    goes_on(&node, &world.setup, &mut maker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_made_to_pass_on_a_block_that_does_not_execute() {
    let mut world = World::new(1);
    let node = world.start(None, &[]).await;
    let neighbours = [world.start(None, &[&node]).await, world.start(None, &[&node]).await];
    let mut maker = Maker::new(&world.setup);
    let all = [&node, &neighbours[0], &neighbours[1]];
    until("they know each other", || all.iter().all(|it| it.network().peer_count() == 2)).await;
    let right = maker.make(maker.genesis(), Wanted::empty(1, 0));
    let mut header = right.header.inner().clone();
    header.state_root.0[0] ^= 1;
    let wrong = Block::new(signed(header, &key(0)), right.body.as_ref().clone());
    let mut client = Client::new(&node, &world.setup);
    offends(&node, &mut client, |it| it.pass_on(&block(&wrong))).await;

    goes_on(&node, &world.setup, &mut maker).await;
    let has_it = |it: &&Member| it.hash(1) == node.hash(1);
    until("the right one goes to all", || all.iter().all(has_it)).await;
    for neighbour in &neighbours {
        let stats = neighbour.network().stats();
        assert_eq!((stats.bans, stats.heard[0].rejected), (0, 0), "{stats:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heavier_chain_of_headers_that_are_not_valid_leads_nowhere() {
    let (world, node, mut maker) = follower().await;
    let honest = maker.run(maker.genesis(), 3, 1, 0);
    let first = node.handle.chain().header(0).unwrap().unwrap();
    let mut headers = vec![first.inner().clone()];
    headers.extend(honest.iter().map(|block| block.header.inner().clone()));
    for _ in 0..500 {
        let last = headers.last().unwrap();
        let next = Header {
            number: last.number + 1,
            parent_hash: last.hash_slow(),
            timestamp: last.timestamp + 1,
            difficulty: U256::from(1_000_000),
            ..last.clone()
        };
        headers.push(signed(next, &key(9)));
    }
    let lies: Vec<Header> = headers.clone();
    let answers = move |request: &Request| match request {
        Request::Headers { from, count } => {
            let from = usize::try_from(*from).unwrap();
            let some = lies.iter().skip(from).take(*count as usize).cloned().collect();
            Some(frame(&codec::encode_response(&Response::Headers(some))))
        }
        _ => None,
    };
    let last = headers.last().unwrap();
    let claimed = Head { number: last.number, hash: last.hash_slow(), ..heavy(0) };
    let mut client = Client::new(&node, &world.setup).lying(claimed, Box::new(answers));
    offends(&node, &mut client, |_| {}).await;
    goes_on(&node, &world.setup, &mut maker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_nobody_has_and_answers_that_never_come_stop_nobody() {
    let (world, node, mut maker) = follower().await;
    let mut client = Client::new(&node, &world.setup).lying(heavy(1_000_000), Box::new(|_| None));
    client.join().await;
    goes_on(&node, &world.setup, &mut maker).await;
    let other = |_: &Request| Some(frame(&codec::encode_response(&Response::Peers(Vec::new()))));
    let mut client = Client::new(&node, &world.setup).lying(heavy(1_000), Box::new(other));
    assert!(client.connect().await);
    client.until("who answers something else is thrown out", |it| !it.is_connected).await;
    goes_on(&node, &world.setup, &mut maker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_of_the_future_and_two_blocks_of_one_signer_stop_nobody() {
    let (world, node, mut maker) = follower().await;
    let mut client = Client::new(&node, &world.setup);
    client.join().await;
    let first = maker.make(maker.genesis(), Wanted::empty(1, 0));
    let future = {
        let header = Header { timestamp: 1 << 40, ..first.header.inner().clone() };
        Block::new(signed(header, &key(0)), first.body.as_ref().clone())
    };
    client.pass_on(&block(&future));
    client.pass_on(&block(&first));
    client.until("the right one is taken", |_| node.hash(1) == Some(first.hash())).await;

    let [one, two] = [1, 2].map(|tag| maker.make(first.hash(), Wanted::empty(1, tag)));
    client.pass_on(&block(&one));
    client.pass_on(&block(&two));
    client.until("one of them is taken", |_| node.head() == 2).await;
    assert!([one.hash(), two.hash()].contains(&node.hash(2).unwrap()));
    let heir = maker.make(two.hash(), Wanted::empty(1, 3));
    client.pass_on(&block(&heir));
    client
        .until("and the heavier branch is the chain", |_| node.hash(3) == Some(heir.hash()))
        .await;
    assert_eq!(node.network().stats().bans, 0, "no rule was broken by whoever passed them on");
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_nobody_can_pay_wait_nowhere() {
    let (world, node, mut maker) = follower().await;
    let mut client = Client::new(&node, &world.setup);
    client.join().await;
    let poor: Vec<_> = (100..400).map(|from| transfer(&key(from), 0, Address::ZERO, 1)).collect();
    let good = transfer(&key(5), 0, Address::repeat_byte(9), 1);
    client.pass_on(&transactions(&poor));
    client.pass_on(&transactions(&[good]));
    let waits = async || node.ask("txpool_status", serde_json::json!([])).await["pending"].clone();
    let began = Instant::now();
    while waits().await != "0x1" {
        assert!(began.elapsed() < PATIENCE, "who can pay waits, and nobody else");
        client.live().await;
    }

    let mut client = Client::new(&node, &world.setup);
    let nonce = AtomicU64::new(0);
    offends(&node, &mut client, |it| {
        for _ in 0..8 {
            let nonce = nonce.fetch_add(1, Relaxed);
            let other_chain = TxEip1559 { chain_id: 1, nonce, ..TxEip1559::default() };
            it.pass_on(&transactions(&[sign_tx(&key(5), other_chain)]));
        }
    })
    .await;
    assert_eq!(waits().await, "0x1");
    goes_on(&node, &world.setup, &mut maker).await;
}

/// Messages with a header that is known and ever new bytes where its body should be.
fn noisy(known: &Block, count: u8) -> Vec<Vec<u8>> {
    let header = alloy_rlp::encode(known.header.inner());
    let noisy = |salt: u8| {
        let noise = alloy_rlp::encode(&[salt; 2_000][..]);
        let fields = [&header[..], &alloy_rlp::encode(Bytes::from(noise)), &[0xc0]].concat();
        let prefix = alloy_rlp::Header { list: true, payload_length: fields.len() };
        let mut rlp = Vec::new();
        prefix.encode(&mut rlp);
        rlp.extend(fields);
        let gossip = Gossip::Block(EncodedBlock { header: known.header.clone(), rlp: rlp.into() });
        codec::encode_gossip(&gossip)
    };
    (0..count).map(noisy).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_passes_on_more_than_it_may_is_not_read() {
    let mut world = World::new(1);
    let network = mainspring::config::NetworkConfig { gossip_bytes: 1 << 10, ..alone() };
    let node = world.start_with(None, network).await;
    let mut maker = Maker::new(&world.setup);
    let known = maker.make(maker.genesis(), Wanted::empty(1, 0));
    let mut client = Client::new(&node, &world.setup);
    client.join().await;
    client.pass_on(&block(&known));
    client.until("it is known", |_| node.head() == 1).await;
    noisy(&known, 100).into_iter().for_each(|bytes| client.pass_on_bytes(0, bytes));
    client.until("most are not read", |_| node.network().stats().unheard > 50).await;
    let id = client.id();
    let is_noted = || node.network().peers().iter().any(|peer| peer.id == id && peer.score < 0);
    client.until("and that is held against it", |_| is_noted()).await;
    let heard = node.network().stats().heard[0];
    assert!(heard.ignored < 50 && heard.rejected == 0, "{heard:?}");
    goes_on(&node, &world.setup, &mut maker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gossip_that_the_node_never_asked_for_costs_the_connection() {
    let (world, node, mut maker) = follower().await;
    let salt = AtomicU8::new(0);
    let mut client = Client::new(&node, &world.setup);
    offends(&node, &mut client, |it| {
        let data = vec![salt.fetch_add(1, Relaxed); 100_000];
        it.pass_on_elsewhere("/mainspring/1/elsewhere", &data);
    })
    .await;
    goes_on(&node, &world.setup, &mut maker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_passes_on_is_news_when_an_honest_peer_does() {
    let (world, node, mut maker) = follower().await;
    let next = maker.make(maker.genesis(), Wanted::empty(1, 0));
    let mut stranger = Client::new(&node, &world.setup).silent();
    assert!(stranger.connect().await);
    stranger.until("the node hears gossip", |it| it.hears_gossip).await;
    stranger.pass_on(&block(&next));
    stranger.until("it has come", |_| node.network().stats().unheard > 0).await;
    assert_eq!(node.head(), 0, "it has not said who it is");

    let mut honest = Client::new(&node, &world.setup);
    honest.join().await;
    honest.pass_on(&block(&next));
    honest.until("the same from another", |_| node.hash(1) == Some(next.hash())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_connections_leaves_room_for_those_that_are_known() {
    let mut world = World::new(1);
    let friend = world.start(None, &[]).await;
    let network = mainspring::config::NetworkConfig {
        max_peers: 8,
        peers: vec![friend.address()],
        ..alone()
    };
    let node = world.start_with(None, network).await;
    until("the friend is there", || node.network().peer_count() == 1).await;
    let at = node.address().address.to_string();
    let port: u16 = at.split('/').nth(4).unwrap().parse().unwrap();
    let silent: Vec<_> =
        (0..200).filter_map(|_| TcpStream::connect(("127.0.0.1", port)).ok()).collect();
    let mut clients: Vec<_> = (0..30).map(|_| Client::new(&node, &world.setup)).collect();
    for client in &mut clients {
        client.connect().await;
    }
    assert!(node.network().peers().len() <= 9, "{}", node.network().peers().len());
    assert!(node.network().stats().refused_connections > 0);
    drop(silent);
    let mut maker = Maker::new(&world.setup);
    drop(clients);
    goes_on(&friend, &world.setup, &mut maker).await;
    until("what the friend has comes here", || node.head() == friend.head()).await;
}
