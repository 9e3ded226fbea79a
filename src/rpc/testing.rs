//! A node without a port to ask questions, and the tests that need one.

mod batches;
mod blocks;
mod branches;
mod calls;
mod clock;
mod debug;
mod decoded;
mod development;
mod discover;
mod filters;
mod methods;
mod numbers;
mod ots;
mod personal;
mod reorganisations;
mod sends;
mod server;
mod shapes;
mod signatures;
mod simulations;
mod state;
mod subscriptions;
mod trace;
mod traces;
mod waiting;

use super::{Api, ChainFiles, FeeSettings, Readiness, RpcContext, RpcLimits, Verbosity};
use crate::{
    chain::{Chain, ChainSettings},
    dev::{
        Dev, DevSettings,
        accounts::{DEFAULT_DERIVATION_PATH, DEFAULT_MNEMONIC, DevAccounts},
        keyring::Keyring,
    },
    evm::trace::ScriptHost,
    pool::{Limits, Order, Pool},
    sealer::{Mode, Sealer, SealerHandle, SealerSettings},
    spec::{ChainSpec, Fork, dev::DevGenesis},
    storage::{Durability, Storage},
};
use alloy_primitives::{Address, U256};
use serde_json::{Value, json};
use std::{sync::Arc, thread::JoinHandle};

/// The first account of the phrase that everyone knows.
const ALICE: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
/// The second.
const BOB: &str = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
/// Nobody's.
const STRANGER: &str = "0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e";
/// Has 10 ether and no nonce.
const ETHER: u128 = 1_000_000_000_000_000_000;

/// An error's code, message and data.
type Refusal = (i64, String, Option<Value>);

/// A quantity.
fn hex(value: &Value) -> u64 {
    u64::from_str_radix(&value.as_str().unwrap()[2..], 16).unwrap()
}

struct TestNode {
    api: Api,
    chain: Arc<Chain>,
    sealer: SealerHandle,
    thread: Option<JoinHandle<()>>,
    _dir: tempfile::TempDir,
}

impl TestNode {
    /// Two accounts with ten ether each; blocks on arrival.
    fn start() -> Self {
        Self::with(Mode::Instant, RpcLimits::default())
    }

    fn with(mode: Mode, limits: RpcLimits) -> Self {
        Self::build(mode, limits, spec(&accounts().addresses()))
    }

    /// Any chain; blocks on arrival.
    fn over(spec: ChainSpec) -> Self {
        Self::build(Mode::Instant, RpcLimits::default(), spec)
    }

    fn build(mode: Mode, limits: RpcLimits, spec: ChainSpec) -> Self {
        let accounts = Arc::new(Keyring::in_memory(&accounts(), 10));
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(dir.path(), Durability::Ephemeral).unwrap();
        let (chain, _opened) = Chain::open(storage, Arc::new(spec), chain_settings()).unwrap();
        let pool = Arc::new(Pool::new(Limits::default()));
        let sealer = Sealer::new(chain.clone(), pool.clone(), sealer_settings(mode));
        let handle = sealer.handle();
        let dev = Dev::new(chain.clone(), pool.clone(), handle.clone(), DevSettings::default());
        let thread = std::thread::Builder::new().spawn(move || sealer.run()).unwrap();
        let api = Api::new(RpcContext {
            chain: chain.clone(),
            pool,
            sealer: handle.clone(),
            accounts,
            dev: Arc::new(dev),
            limits,
            fees: FeeSettings::default(),
            dialect: Default::default(),
            namespaces: Default::default(),
            ready: Readiness::new(|| Ok(())),
            verbosity: Verbosity::default(),
            files: no_files(),
            scripts: ScriptHost::default(),
            told: Default::default(),
            network: None,
        });
        Self { api, chain, sealer: handle, thread: Some(thread), _dir: dir }
    }

    /// Asks; the answer or the refusal.
    async fn try_ask(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        // Served only where it is named.
        let is_testing = method.starts_with("testing_");
        let methods = if is_testing { self.api.all_methods() } else { self.api.methods() };
        let (answer, _news) = methods.raw_json_request(&request.to_string(), 1).await.unwrap();
        let mut answer: Value = serde_json::from_str(answer.get()).unwrap();
        match answer.get_mut("error") {
            None => Ok(answer["result"].take()),
            Some(error) => Err((
                error["code"].as_i64().unwrap(),
                error["message"].as_str().unwrap().to_owned(),
                error.get("data").cloned(),
            )),
        }
    }

    /// Asks what has an answer.
    async fn ask(&self, method: &str, params: Value) -> Value {
        match self.try_ask(method, params).await {
            Ok(answer) => answer,
            Err(refusal) => panic!("{method}: {refusal:?}"),
        }
    }

    /// Asks what is refused; the code and the message.
    async fn refusal(&self, method: &str, params: Value) -> (i64, String) {
        match self.try_ask(method, params).await {
            Ok(answer) => panic!("{method} answers {answer}"),
            Err((code, message, _data)) => (code, message),
        }
    }

    /// Sends from a dev account and answers the receipt.
    async fn send(&self, request: Value) -> Value {
        let hash = self.ask("eth_sendTransaction", json!([request])).await;
        self.ask("eth_getTransactionReceipt", json!([hash])).await
    }

    /// Deploys code that returns `runtime` and answers its address.
    async fn deploy(&self, runtime: &str) -> String {
        let length = runtime.len() / 2;
        // PUSH1 length, DUP1, PUSH1 9, PUSH0, CODECOPY, PUSH0, RETURN, then the code.
        let code = format!("0x60{length:02x}8060095f395ff3{runtime}");
        let receipt = self.send(json!({ "from": ALICE, "data": code })).await;
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt["contractAddress"].as_str().unwrap().to_owned()
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        self.sealer.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn no_files() -> ChainFiles {
    let none = || Err("this node keeps no files".to_owned());
    ChainFiles {
        dir: "data".into(),
        export: Box::new(move |_, _, _| none()),
        import: Box::new(move |_| none()),
    }
}

fn accounts() -> DevAccounts {
    DevAccounts::from_mnemonic(DEFAULT_MNEMONIC, 2, DEFAULT_DERIVATION_PATH).unwrap()
}

fn spec(accounts: &[Address]) -> ChainSpec {
    let genesis = DevGenesis {
        chain_id: 31337,
        timestamp: 1_700_000_000,
        number: 0,
        gas_limit: 30_000_000,
        base_fee: 1_000_000_000,
        fork: Fork::LATEST,
        accounts: accounts.iter().map(|address| (*address, U256::from(10 * ETHER))).collect(),
        create2_deployer: true,
    };
    ChainSpec::from_genesis(genesis.genesis()).unwrap()
}

fn chain_settings() -> ChainSettings {
    ChainSettings { trie_nodes: 10_000, ..ChainSettings::default() }
}

fn sealer_settings(mode: Mode) -> SealerSettings {
    SealerSettings {
        mode,
        order: Order::Fees,
        coinbase: Address::ZERO,
        answer_at_once: false,
        max_transactions: 10_000,
        max_tx_bytes: 1 << 20,
        min_tip: 0,
        disable_balance_check: false,
        authority: None,
        miner: None,
    }
}
