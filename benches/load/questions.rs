//! How fast are questions answered? Several nodes in turns, so that what else the machine does hits all
//! of them.

use crate::{Outcome, Plan, client::Connection};
use jsonrpsee::{RpcModule, server::Server};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ALICE: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
/// One turn of one node. Short turns and many of them: what else the machine does hits all alike.
const TURN: Duration = Duration::from_millis(500);
const ROUNDS: usize = 25;

/// Creation code of a contract that answers 32 bytes from storage slot 0.
const READER: &str = "0x60088060095f395ff35f545f5260205ff3";
/// Creation code of a contract that emits an event with topic 7.
const EMITTER: &str = "0x60068060095f395ff360075f5fa100";
/// How many of its events lie over the blocks that `--count` says.
const HITS: u64 = 10;

/// Answers a second to three questions, of each node. A node that does not know `eth_call` is left out
/// there.
pub(crate) fn reads(plan: &Plan) -> Outcome<()> {
    let nodes: Vec<&str> = plan.url.split(',').collect();
    let mut readers = Vec::new();
    for node in &nodes {
        readers.push(deploy(node, READER).ok());
    }
    for method in ["eth_chainId", "eth_getBalance", "eth_call"] {
        let mut rates = vec![Vec::new(); nodes.len()];
        for round in 0..=ROUNDS {
            for (index, node) in nodes.iter().enumerate() {
                let params = match (method, &readers[index]) {
                    ("eth_chainId", _) => json!([]),
                    ("eth_getBalance", _) => json!([ALICE, "latest"]),
                    (_, Some(reader)) => json!([{ "to": reader }, "latest"]),
                    (_, None) => continue,
                };
                let rate = answers_a_second(node, plan.connections, method, &params)?;
                // The first round warms up.
                if round > 0 {
                    rates[index].push(rate);
                }
            }
        }
        for (node, each) in nodes.iter().zip(&rates) {
            // Turn by turn, since neighbours in time had the same machine.
            let ratios = rates[0].iter().zip(each).map(|(first, this)| first / this).collect();
            let ratio = median(ratios).map(|ratio| (ratio * 100.0).round() / 100.0);
            let rate = median(each.clone()).map(f64::round);
            println!(
                "{}",
                json!({ "node": node, "method": method, "per_second": rate, "first_to_this": ratio })
            );
        }
    }
    Ok(())
}

fn answers_a_second(node: &str, connections: usize, method: &str, params: &Value) -> Outcome<f64> {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let body = request.to_string();
    let started = Instant::now();
    let counts: Outcome<Vec<u64>> = std::thread::scope(|scope| {
        let ask = || -> Outcome<u64> {
            let mut connection = Connection::open(node)?;
            let mut count = 0;
            while started.elapsed() < TURN {
                let answer = connection.post(&body)?;
                if answer.contains("\"error\"") {
                    return Err(answer.into());
                }
                count += 1;
            }
            Ok(count)
        };
        let running: Vec<_> = (0..connections).map(|_| scope.spawn(ask)).collect();
        running.into_iter().map(|lane| lane.join().map_err(|_panic| "a reader panicked")?).collect()
    });
    Ok(counts?.iter().sum::<u64>() as f64 / started.elapsed().as_secs_f64())
}

/// The time of one `eth_getLogs` for an address with few events over many blocks, of each node.
pub(crate) fn logs(plan: &Plan) -> Outcome<()> {
    let nodes: Vec<&str> = plan.url.split(',').collect();
    let mut emitters = Vec::new();
    for node in &nodes {
        let emitter = deploy(node, EMITTER)?;
        let mut control = Connection::open(node)?;
        for _ in 0..HITS {
            control.call("anvil_mine", json!([format!("{:#x}", plan.count as u64 / HITS)]))?;
            let call = json!([{ "from": ALICE, "to": emitter, "gas": "0x186a0" }]);
            let hash = control.call("eth_sendTransaction", call)?;
            control.receipt(hash.as_str().ok_or("no hash")?)?;
        }
        emitters.push(emitter);
    }
    let mut times = vec![Vec::new(); nodes.len()];
    for _ in 0..ROUNDS {
        for (index, node) in nodes.iter().enumerate() {
            let filter = json!([{ "address": emitters[index], "fromBlock": "0x0" }]);
            let mut control = Connection::open(node)?;
            let started = Instant::now();
            let found = control.call("eth_getLogs", filter)?;
            times[index].push(started.elapsed().as_secs_f64() * 1_000.0);
            if found.as_array().map(Vec::len) != Some(HITS as usize) {
                return Err(format!("{node} finds {found}").into());
            }
        }
    }
    for (node, times) in nodes.iter().zip(times) {
        println!("{}", json!({ "node": node, "method": "eth_getLogs", "ms": median(times) }));
    }
    Ok(())
}

pub(crate) fn deploy(node: &str, code: &str) -> Outcome<String> {
    let mut control = Connection::open(node)?;
    let deploy = json!([{ "from": ALICE, "data": code, "gas": "0x186a0" }]);
    let hash = control.call("eth_sendTransaction", deploy)?;
    let receipt = control.receipt(hash.as_str().ok_or("no hash")?)?;
    Ok(receipt["contractAddress"].as_str().ok_or("not deployed")?.to_owned())
}

pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// What the server library alone answers: two methods, nothing behind them and nothing around them.
pub(crate) fn serve_bare(address: &str) -> Outcome<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let server = Server::builder().build(address).await?;
        let mut module = RpcModule::new(());
        module.register_method("eth_chainId", |_, (), _| "0x7a69")?;
        module.register_method("eth_getBalance", |params, (), _| {
            let (address, block): (String, String) = params.parse()?;
            Ok::<_, jsonrpsee::types::ErrorObjectOwned>(match (address.len(), block.len()) {
                (42, 6) => "0x21e19e0c9bab2400000",
                _ => "0x0",
            })
        })?;
        server.start(module).stopped().await;
        Ok(())
    })
}
