//! What time is it in the next block, whatever a developer did to the clock?

use super::*;

/// The timestamp of a block.
async fn time_of(node: &TestNode, block: &str) -> u64 {
    let block = node.ask("eth_getBlockByNumber", json!([block, false])).await;
    hex(&block["timestamp"])
}

/// Makes a block and answers its timestamp.
async fn mined_at(node: &TestNode) -> u64 {
    node.ask("evm_mine", json!([])).await;
    time_of(node, "latest").await
}

/// TIMESTAMP, returned.
const TELLER: &str = "425f5260205ff3";

async fn told(node: &TestNode, teller: &str, block: &str) -> u64 {
    let answer = node.ask("eth_call", json!([{ "to": teller }, block])).await;
    U256::from_str_radix(&answer.as_str().unwrap()[2..], 16).unwrap().to()
}

#[tokio::test]
async fn an_exact_time_shows_in_the_pending_block_until_a_block_has_it() {
    let node = TestNode::start();
    let teller = node.deploy(TELLER).await;
    let exact = time_of(&node, "latest").await + 5_000;
    node.ask("evm_setNextBlockTimestamp", json!([exact])).await;
    for _ in 0..2 {
        assert_eq!(told(&node, &teller, "pending").await, exact, "asking does not use it up");
    }
    assert!(told(&node, &teller, "latest").await < exact);
    assert_eq!(mined_at(&node).await, exact);
    let next = mined_at(&node).await;
    assert!((exact + 1..exact + 60).contains(&next), "time goes on from there: {next}");
}

#[tokio::test]
async fn a_step_is_answered_as_a_number_and_adds_up() {
    let node = TestNode::start();
    let before = mined_at(&node).await;
    assert_eq!(node.ask("evm_increaseTime", json!(["0xe10"])).await, 3_600);
    assert_eq!(node.ask("evm_increaseTime", json!([400])).await, 4_000);
    let after = mined_at(&node).await;
    assert!((before + 4_000..before + 4_060).contains(&after), "{before} {after}");
}

#[tokio::test]
async fn a_time_is_set_in_seconds_or_in_milliseconds() {
    let node = TestNode::start();
    let far = time_of(&node, "latest").await + 400_000_000;
    for time in [json!(far), json!(far * 1_000), json!(format!("{:#x}", far * 1_000))] {
        let ahead = node.ask("evm_setTime", json!([time])).await.as_u64().unwrap();
        assert!(ahead > 100_000_000, "{ahead}");
        let mined = mined_at(&node).await;
        assert!((far..far + 60).contains(&mined), "{time}: {mined}");
    }
    assert_eq!(node.ask("evm_setTime", json!([1_600_000_000])).await, 0, "the past");
    assert!(mined_at(&node).await > far, "a block is later than the one before");
}

#[tokio::test]
async fn an_interval_puts_blocks_on_a_grid_until_it_is_removed() {
    let node = TestNode::start();
    node.ask("anvil_setBlockTimestampInterval", json!([12])).await;
    let first = time_of(&node, "latest").await;
    assert_eq!(mined_at(&node).await, first + 12);
    assert_eq!(mined_at(&node).await, first + 24);
    node.ask("evm_setNextBlockTimestamp", json!([first + 1_000])).await;
    assert_eq!(mined_at(&node).await, first + 1_000, "an exact time goes first");
    assert_eq!(mined_at(&node).await, first + 1_012);
    assert_eq!(node.ask("anvil_removeBlockTimestampInterval", json!([])).await, true);
    assert_eq!(node.ask("anvil_removeBlockTimestampInterval", json!([])).await, false);
}

#[tokio::test]
async fn many_blocks_are_so_many_seconds_apart() {
    let node = TestNode::start();
    node.ask("hardhat_mine", json!(["0x4", "0x3c"])).await;
    let first = time_of(&node, "0x1").await;
    assert_eq!(time_of(&node, "0x4").await, first + 180);
    let next = mined_at(&node).await;
    assert!((first + 181..first + 240).contains(&next), "time goes on from there");
    node.ask("anvil_mine", json!(["0x3", "0x0"])).await;
    assert_eq!(time_of(&node, "0x8").await, time_of(&node, "0x7").await + 1, "0 is no interval");
}

#[tokio::test]
async fn a_time_that_cannot_be_is_refused_and_changes_nothing() {
    let node = TestNode::start();
    let head = mined_at(&node).await;
    let clock = node.chain.development();
    for (method, params, part) in [
        ("evm_setNextBlockTimestamp", json!([head]), format!("ask for {} or more", head + 1)),
        ("evm_setNextBlockTimestamp", json!([u64::MAX]), "at most 9007199254740991".to_owned()),
        ("evm_setNextBlockTimestamp", json!(["soon"]), "".to_owned()),
        ("evm_setNextBlockTimestamp", json!([]), "".to_owned()),
        ("evm_increaseTime", json!([U256::MAX]), "at most 9007199254740991".to_owned()),
        ("evm_increaseTime", json!([-5]), "".to_owned()),
        ("anvil_setBlockTimestampInterval", json!([U256::MAX]), "at most".to_owned()),
        ("evm_mine", json!([head]), format!("ask for {} or more", head + 1)),
        ("evm_mine", json!([{ "timestamp": u64::MAX, "blocks": 1 }]), "at most".to_owned()),
    ] {
        let (code, text) = node.refusal(method, params.clone()).await;
        assert_eq!(code, -32602, "{method} {params}: {text}");
        assert!(text.contains(&part), "{method} {params}: {text}");
    }
    assert_eq!((node.chain.development(), node.chain.head().timestamp), (clock, head));
}
