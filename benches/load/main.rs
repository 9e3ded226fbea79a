//! How fast does a node take transactions and answer questions over HTTP? Works against any node with
//! the development accounts; `scripts/bench.sh` runs it against this one and against anvil.
//!
//! `cargo bench --bench load -- --url 127.0.0.1:8545 --kind transfer --count 40000`
//!
//! Kinds: `transfer` and `erc20` (all transactions are signed beforehand; the clock starts with the
//! first send and stops when the last one is mined), `reads`, `logs` and `snapshots` (several nodes in
//! turns, their addresses joined by commas), `many-snapshots` (without going back), `accounts` (only gives
//! each node so many), `bare` (serves two methods without a node behind them, to compare
//! with). One line of JSON is printed for each measurement.

mod client;
mod questions;
mod snapshots;

use client::Connection;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, Bytes, TxKind, U256, hex, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English};
use serde_json::{Value, json};
use std::{
    error::Error,
    time::{Duration, Instant},
};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const MNEMONIC: &str = "test test test test test test test test test test test junk";

/// What to send, and how.
#[derive(Clone, Debug)]
struct Plan {
    url: String,
    kind: String,
    count: usize,
    connections: usize,
    senders: usize,
    batch: usize,
    limit: Duration,
}

impl Plan {
    fn from_arguments() -> Outcome<Self> {
        let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
        let mut plan = Self {
            url: "127.0.0.1:8545".into(),
            kind: "transfer".into(),
            count: 40_000,
            connections: 8,
            senders: 20,
            batch: 1,
            limit: Duration::from_secs(300),
        };
        for pair in arguments.chunks(2) {
            let [flag, value] = pair else { return Err(format!("{pair:?} has no value").into()) };
            match flag.as_str() {
                "--url" => plan.url = value.replace("http://", ""),
                "--kind" => plan.kind = value.clone(),
                "--count" => plan.count = value.parse()?,
                "--connections" => plan.connections = value.parse()?,
                "--senders" => plan.senders = value.parse()?,
                "--batch" => plan.batch = value.parse()?,
                "--limit" => plan.limit = Duration::from_secs(value.parse()?),
                other => return Err(format!("unknown flag {other}").into()),
            }
        }
        Ok(plan)
    }
}

fn main() -> Outcome<()> {
    let plan = Plan::from_arguments()?;
    match plan.kind.as_str() {
        "transfer" | "erc20" => send_transactions(&plan),
        "reads" => questions::reads(&plan),
        "logs" => questions::logs(&plan),
        "snapshots" => snapshots::compare(&plan),
        "accounts" => snapshots::accounts(&plan),
        "many-snapshots" => snapshots::take_many(&plan),
        "bare" => questions::serve_bare(&plan.url),
        other => Err(format!("unknown kind {other}").into()),
    }
}

fn send_transactions(plan: &Plan) -> Outcome<()> {
    let mut control = Connection::open(&plan.url)?;
    let accounts = (0..plan.senders).map(signer).collect::<Outcome<Vec<_>>>()?;
    let token =
        if plan.kind == "erc20" { Some(deploy_token(&mut control, &accounts)?) } else { None };
    let lanes = sign_all(plan, &mut control, &accounts, token)?;
    let last = lanes.iter().flat_map(|lane| lane.last_hashes.clone()).collect::<Vec<_>>();

    let started = Instant::now();
    let answers = std::thread::scope(|scope| {
        let running: Vec<_> =
            lanes.iter().map(|lane| scope.spawn(|| send(plan, &lane.bodies))).collect();
        running.into_iter().map(|lane| lane.join().map_err(|_panic| "a sender panicked")?).collect()
    });
    let answers: Outcome<Vec<usize>> = answers;
    let refused: usize = answers?.iter().sum();
    let sent = started.elapsed();
    let mined = wait_until_mined(plan, &mut control, &last, started)?;
    println!(
        "{}",
        json!({
            "kind": plan.kind, "count": plan.count, "batch": plan.batch, "refused": refused,
            "sent_seconds": sent.as_secs_f64(), "mined_seconds": mined.map(|t| t.as_secs_f64()),
            "per_second": mined.map(|t| (plan.count as f64 / t.as_secs_f64()).round()),
        })
    );
    Ok(())
}

fn signer(index: usize) -> Outcome<PrivateKeySigner> {
    let builder = MnemonicBuilder::<English>::default().phrase(MNEMONIC);
    Ok(builder.index(index as u32)?.build()?)
}

/// What one connection sends.
struct Lane {
    bodies: Vec<String>,
    last_hashes: Vec<String>,
}

/// Signs everything: each sender belongs to one connection, so its nonces arrive in order.
fn sign_all(
    plan: &Plan,
    control: &mut Connection,
    accounts: &[PrivateKeySigner],
    token: Option<Address>,
) -> Outcome<Vec<Lane>> {
    let chain_id = quantity(&control.call("eth_chainId", json!([]))?)?;
    let price = quantity(&control.call("eth_gasPrice", json!([]))?)? * 20;
    let mut raws: Vec<Vec<String>> = vec![Vec::new(); plan.connections];
    let mut lasts = vec![Vec::new(); plan.connections];
    let per_sender = plan.count / accounts.len();
    for (index, account) in accounts.iter().enumerate() {
        let lane = index % plan.connections;
        let parameters = json!([account.address(), "latest"]);
        let nonce = quantity(&control.call("eth_getTransactionCount", parameters)?)?;
        for step in 0..per_sender as u64 {
            let seed = keccak256(format!("{index} {step} {nonce} {}", plan.kind));
            let recipient = Address::from_slice(&seed[..20]);
            let (to, value, input, gas_limit) = match token {
                None => (recipient, U256::from(1), Bytes::new(), 21_000),
                Some(token) => (token, U256::ZERO, transfer_call(recipient), 60_000),
            };
            let transaction = TxEip1559 {
                chain_id,
                nonce: nonce + step,
                gas_limit,
                max_fee_per_gas: u128::from(price),
                max_priority_fee_per_gas: 1_000_000_000,
                to: TxKind::Call(to),
                value,
                input,
                access_list: Default::default(),
            };
            let signature = account.sign_hash_sync(&transaction.signature_hash())?;
            let envelope: TxEnvelope = transaction.into_signed(signature).into();
            raws[lane].push(hex::encode_prefixed(envelope.encoded_2718()));
            if step + 1 == per_sender as u64 {
                lasts[lane].push(envelope.tx_hash().to_string());
            }
        }
    }
    // Senders of a lane take turns, as independent users would.
    let lanes = raws.into_iter().zip(lasts).map(|(raws, last_hashes)| {
        let senders = raws.len().div_ceil(per_sender.max(1)).max(1);
        let ordered =
            (0..per_sender).flat_map(|step| (0..senders).map(move |s| s * per_sender + step));
        let ordered: Vec<&String> = ordered.filter_map(|place| raws.get(place)).collect();
        Lane { bodies: ordered.chunks(plan.batch).map(body).collect(), last_hashes }
    });
    Ok(lanes.collect())
}

fn body(raws: &[&String]) -> String {
    let request = |raw: &&String| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["{raw}"]}}"#
        )
    };
    match raws {
        [one] => request(one),
        many => format!("[{}]", many.iter().map(request).collect::<Vec<_>>().join(",")),
    }
}

fn transfer_call(recipient: Address) -> Bytes {
    let mut input = keccak256("transfer(address,uint256)")[..4].to_vec();
    input.extend_from_slice(recipient.into_word().as_slice());
    input.extend_from_slice(&U256::from(1).to_be_bytes::<32>());
    input.into()
}

/// Deploys the token and gives every sender some.
fn deploy_token(control: &mut Connection, accounts: &[PrivateKeySigner]) -> Outcome<Address> {
    let artifact = concat!(env!("CARGO_MANIFEST_DIR"), "/contracts/artifacts/Token.json");
    let artifact: Value = serde_json::from_str(&std::fs::read_to_string(artifact)?)?;
    let code = artifact["bytecode"].as_str().ok_or("Token.json has no bytecode")?;
    let supply = format!("{:064x}", U256::from(10).pow(U256::from(30)));
    let owner = accounts[0].address();
    let gas = "0x2dc6c0";
    let deploy = json!([{"from": owner, "data": format!("{code}{supply}"), "gas": gas}]);
    let hash = control.call("eth_sendTransaction", deploy)?;
    let receipt = control.receipt(hash.as_str().ok_or("no hash")?)?;
    let token: Address = receipt["contractAddress"].as_str().ok_or("not deployed")?.parse()?;
    for account in accounts {
        let mut input = transfer_call(account.address()).to_vec();
        input[36..].copy_from_slice(&U256::from(10).pow(U256::from(24)).to_be_bytes::<32>());
        let call =
            json!([{"from": owner, "to": token, "data": hex::encode_prefixed(input), "gas": gas}]);
        let hash = control.call("eth_sendTransaction", call)?;
        control.receipt(hash.as_str().ok_or("no hash")?)?;
    }
    Ok(token)
}

/// Sends the bodies one after the other and counts the answers that are errors.
fn send(plan: &Plan, bodies: &[String]) -> Outcome<usize> {
    let mut connection = Connection::open(&plan.url)?;
    let mut refused = 0;
    for body in bodies {
        let answer = connection.post(body)?;
        refused += answer.matches("\"error\"").count();
        if refused > 0 && refused < 3 {
            eprintln!("{answer}");
        }
    }
    Ok(refused)
}

/// Waits for the receipts of the last transaction of each sender; `None` when time is up.
fn wait_until_mined(
    plan: &Plan,
    control: &mut Connection,
    last: &[String],
    started: Instant,
) -> Outcome<Option<Duration>> {
    for hash in last {
        while control.call("eth_getTransactionReceipt", json!([hash]))?.is_null() {
            if started.elapsed() > plan.limit {
                return Ok(None);
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }
    Ok(Some(started.elapsed()))
}

fn quantity(value: &Value) -> Outcome<u64> {
    let text = value.as_str().ok_or("not a quantity")?;
    Ok(u64::from_str_radix(text.trim_start_matches("0x"), 16)?)
}
