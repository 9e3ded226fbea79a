//! How are the checks asked? Over HTTP, and over the Unix socket for news.

use alloy_primitives::{Address, U256};
use serde_json::{Value, json};
use std::{
    io::{self, BufRead, BufReader, Write},
    net::SocketAddr,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

/// An answer that takes longer is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was seen instead of what should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Wrong {
    /// A call that should be answered.
    #[error("{method} is refused: {code} {message}")]
    Refused {
        /// The method.
        method: String,
        /// Of the error.
        code: i64,
        /// Of the error.
        message: String,
    },
    /// An answer that says something else.
    #[error("{what}: wanted {wanted}, got {got}")]
    Differs {
        /// What was looked at.
        what: &'static str,
        /// As it should be.
        wanted: Value,
        /// As it is.
        got: Value,
    },
    /// A call that should be refused.
    #[error("{0} is not refused")]
    NotRefused(String),
    /// The node did not answer over HTTP.
    #[error("no answer over HTTP: {0}")]
    Http(#[from] ureq::Error),
    /// An answer that is no JSON.
    #[error("an answer is no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The node did not answer over its socket.
    #[error("no answer over the Unix socket: {0}")]
    Ipc(#[from] io::Error),
    /// The node has no socket or no port.
    #[error("the node does not listen")]
    Silent,
}

pub(super) type Result<T> = std::result::Result<T, Wrong>;

/// An error's code, message and data.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: i64,
    pub(super) message: String,
    pub(super) data: Value,
}

/// A connection to the node under test.
pub(super) struct Client {
    agent: ureq::Agent,
    url: Option<String>,
    ipc: Option<PathBuf>,
}

impl Client {
    pub(super) fn new(addresses: &[SocketAddr], ipc: Option<&Path>) -> Self {
        let config = ureq::Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE));
        let url = addresses.first().map(|address| format!("http://{address}"));
        Self { agent: config.build().into(), url, ipc: ipc.map(Path::to_owned) }
    }

    /// Posts a body and answers the status and what came back.
    pub(super) fn post(&self, body: &str) -> Result<(u16, String)> {
        let url = self.url.as_deref().ok_or(Wrong::Silent)?;
        let request = self.agent.post(url).header("content-type", "application/json");
        let mut response = request.send(body)?;
        Ok((response.status().as_u16(), response.body_mut().read_to_string()?))
    }

    /// Posts a body and answers the JSON that came back.
    pub(super) fn post_json(&self, body: &str) -> Result<Value> {
        Ok(serde_json::from_str(&self.post(body)?.1)?)
    }

    /// Calls a method.
    pub(super) fn ask(
        &self,
        method: &str,
        params: Value,
    ) -> Result<std::result::Result<Value, Refusal>> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut answer = self.post_json(&request.to_string())?;
        Ok(match answer.get("error") {
            None => Ok(answer["result"].take()),
            Some(error) => Err(Refusal {
                code: error["code"].as_i64().unwrap_or_default(),
                message: error["message"].as_str().unwrap_or_default().to_owned(),
                data: error["data"].clone(),
            }),
        })
    }

    /// Calls what has an answer.
    pub(super) fn get(&self, method: &str, params: Value) -> Result<Value> {
        let refused = |Refusal { code, message, .. }| {
            let method = method.to_owned();
            Wrong::Refused { method, code, message }
        };
        self.ask(method, params)?.map_err(refused)
    }

    /// Calls what has to be refused.
    pub(super) fn refused(&self, method: &str, params: Value) -> Result<Refusal> {
        match self.ask(method, params)? {
            Ok(_answer) => Err(Wrong::NotRefused(method.to_owned())),
            Err(refusal) => Ok(refusal),
        }
    }

    /// Sends from the first account and answers the receipt.
    pub(super) fn send(&self, mut request: Value) -> Result<Value> {
        request["from"] = self.get("eth_accounts", json!([]))?[0].take();
        let hash = self.get("eth_sendTransaction", json!([request]))?;
        self.get("eth_getTransactionReceipt", json!([hash]))
    }

    /// Runs code at the head, at an address that nobody has.
    pub(super) fn run(&self, code: &str) -> Result<Value> {
        let at = Address::repeat_byte(0xc0).to_string();
        let there = json!({ at.clone(): { "code": code } });
        self.get("eth_call", json!([{ "to": at }, "latest", there]))
    }

    pub(super) fn block_number(&self) -> Result<u64> {
        Ok(quantity(&self.get("eth_blockNumber", json!([]))?))
    }

    /// News over the socket.
    pub(super) fn subscribe(&self, params: Value) -> Result<News> {
        let stream = UnixStream::connect(self.ipc.as_deref().ok_or(Wrong::Silent)?)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut news = News(BufReader::new(stream));
        let request =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": params });
        news.0.get_mut().write_all(request.to_string().as_bytes())?;
        let answer = news.read()?;
        same("eth_subscribe answers an id", true, answer["result"].is_string())?;
        Ok(news)
    }
}

/// What a subscription brings.
pub(super) struct News(BufReader<UnixStream>);

impl News {
    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// The next piece.
    pub(super) fn next(&mut self) -> Result<Value> {
        Ok(self.read()?["params"]["result"].take())
    }
}

/// Is it as it should be?
pub(super) fn same(
    what: &'static str,
    wanted: impl Into<Value>,
    got: impl Into<Value>,
) -> Result<()> {
    let (wanted, got) = (wanted.into(), got.into());
    if wanted == got { Ok(()) } else { Err(Wrong::Differs { what, wanted, got }) }
}

/// A number of at most 64 bits; 0 for anything else.
pub(super) fn quantity(value: &Value) -> u64 {
    big(value).saturating_to()
}

/// A number; 0 for anything else.
pub(super) fn big(value: &Value) -> U256 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}
