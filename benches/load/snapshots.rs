//! How long do a snapshot and the way back take on a large state? Several nodes in turns, so that what
//! else the machine does hits all of them.

use crate::{
    Outcome, Plan,
    client::Connection,
    questions::{deploy, median},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ROUNDS: usize = 25;
const ALICE: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
/// Creation code of a contract that gives a wei to each of so many addresses: the first, and their
/// number, are the words of the call's data.
const SPREADER: &str =
    "0x60208060095f395ff35f5b806020351115601e575f5f5f5f6001855f35015ff1506001016001565b00";
/// Accounts that get something in one transaction: as many as its gas is enough for.
const SPREAD: usize = 400;
/// After so long a node has written what it keeps in memory, if it writes anything.
const REST: Duration = Duration::from_millis(500);

/// Gives each node `--count` accounts, then takes snapshots, changes something and goes back.
pub(crate) fn compare(plan: &Plan) -> Outcome<()> {
    let nodes: Vec<&str> = plan.url.split(',').collect();
    let spreaders = nodes.iter().map(|node| Spreader::fill(node, plan.count));
    let spreaders = spreaders.collect::<Outcome<Vec<_>>>()?;
    for (changed, rest) in
        [(0, Duration::ZERO), (1, Duration::ZERO), (100, Duration::ZERO), (1, REST)]
    {
        let mut times = vec![(Vec::new(), Vec::new()); nodes.len()];
        for round in 0..=ROUNDS {
            let each = nodes.iter().zip(&spreaders).zip(&mut times);
            for ((node, spreader), (snapshots, reverts)) in each {
                let mut control = Connection::open(node)?;
                // Any answer: the connection is there.
                control.call("eth_chainId", json!([]))?;
                let (taken, id) = timed(&mut control, "evm_snapshot", json!([]))?;
                spreader.change(&mut control, changed)?;
                std::thread::park_timeout(rest);
                let (back, did) = timed(&mut control, "evm_revert", json!([id]))?;
                if did != json!(true) {
                    return Err(format!("{node} does not go back: {did}").into());
                }
                // The first round warms up.
                if round > 0 {
                    snapshots.push(taken);
                    reverts.push(back);
                }
            }
        }
        for (node, (snapshots, reverts)) in nodes.iter().zip(times) {
            println!(
                "{}",
                json!({
                    "node": node, "accounts": plan.count, "changed_since": changed,
                    "rested_ms": rest.as_millis() as u64,
                    "snapshot_ms": rounded(snapshots), "revert_ms": rounded(reverts),
                })
            );
        }
    }
    Ok(())
}

/// Gives each node `--count` accounts.
pub(crate) fn accounts(plan: &Plan) -> Outcome<()> {
    plan.url.split(',').try_for_each(|node| Spreader::fill(node, plan.count).map(drop))
}

/// Takes `--count` snapshots with one changed account between two of them.
pub(crate) fn take_many(plan: &Plan) -> Outcome<()> {
    let spreader = Spreader::fill(&plan.url, 1)?;
    let mut control = Connection::open(&plan.url)?;
    let started = Instant::now();
    for _ in 0..plan.count {
        control.call("evm_snapshot", json!([]))?;
        spreader.change(&mut control, 1)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{}", json!({ "node": plan.url, "snapshots": plan.count, "seconds": seconds }));
    Ok(())
}

/// The contract that gives to many.
struct Spreader(String);

impl Spreader {
    /// Deploys it, and gives so many accounts a wei each.
    fn fill(node: &str, accounts: usize) -> Outcome<Self> {
        let spreader = Self(deploy(node, SPREADER)?);
        let mut control = Connection::open(node)?;
        for first in (0..accounts).step_by(SPREAD) {
            spreader.give(&mut control, first, SPREAD.min(accounts - first))?;
        }
        let last = json!([format!("{:#042x}", address(accounts.saturating_sub(1))), "latest"]);
        match control.call("eth_getBalance", last)? {
            nothing if nothing == json!("0x0") => Err(format!("{node} gave nothing").into()),
            _ => Ok(spreader),
        }
    }

    /// A block in which so many of the accounts change.
    fn change(&self, control: &mut Connection, accounts: usize) -> Outcome<()> {
        if accounts == 0 { Ok(()) } else { self.give(control, 0, accounts) }
    }

    fn give(&self, control: &mut Connection, first: usize, count: usize) -> Outcome<()> {
        let data = format!("0x{:064x}{count:064x}", address(first));
        let value = format!("{count:#x}");
        let gas = format!("{:#x}", 60_000 + 40_000 * count);
        let call =
            json!([{ "from": ALICE, "to": self.0, "data": data, "value": value, "gas": gas }]);
        let hash = control.call("eth_sendTransaction", call)?;
        let receipt = control.receipt(hash.as_str().ok_or("no hash")?)?;
        if receipt["status"] == "0x1" { Ok(()) } else { Err(format!("failed: {receipt}").into()) }
    }
}

/// Neighbours by number, spread over the trie by their hashes.
fn address(index: usize) -> u128 {
    (0x5e << 64) + index as u128
}

fn timed(control: &mut Connection, method: &str, params: Value) -> Outcome<(f64, Value)> {
    let started = Instant::now();
    let answer = control.call(method, params)?;
    Ok((started.elapsed().as_secs_f64() * 1_000.0, answer))
}

/// The median, to the microsecond.
fn rounded(times: Vec<f64>) -> Option<f64> {
    median(times).map(|time| (time * 1_000.0).round() / 1_000.0)
}
