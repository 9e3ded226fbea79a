//! How do the tests speak to a node? JSON-RPC over one kept connection, with every byte in hand.

use alloy_primitives::{Address, B256, U256};
use serde_json::{Value, json};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// An answer that takes longer than this is a fault of its own: the node hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The `error` of a JSON-RPC answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RpcFailure {
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) data: Option<Value>,
}

/// One connection to a node, opened when it is first needed.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// A call; the connection may fail, because the node may be killed meanwhile.
    pub(crate) fn try_rpc(
        &mut self,
        method: &str,
        params: Value,
    ) -> io::Result<Result<Value, RpcFailure>> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let (status, answer) = self.post(body.to_string().as_bytes())?;
        let answer: Value = serde_json::from_str(&answer)
            .map_err(|error| io::Error::other(format!("{status}: {error} in {answer:?}")))?;
        Ok(outcome(answer))
    }

    /// A call to a node that must be there.
    #[track_caller]
    pub(crate) fn rpc(&mut self, method: &str, params: Value) -> Result<Value, RpcFailure> {
        match self.try_rpc(method, params) {
            Ok(answer) => answer,
            Err(error) => panic!("{method}: the node did not answer: {error}"),
        }
    }

    /// A call that must succeed.
    #[track_caller]
    pub(crate) fn get(&mut self, method: &str, params: Value) -> Value {
        match self.rpc(method, params.clone()) {
            Ok(value) => value,
            Err(failure) => panic!("{method} {params}: {failure:?}"),
        }
    }

    /// A call that must fail.
    #[track_caller]
    pub(crate) fn refused(&mut self, method: &str, params: Value) -> RpcFailure {
        match self.rpc(method, params.clone()) {
            Ok(value) => panic!("{method} {params} succeeded: {value}"),
            Err(failure) => failure,
        }
    }

    /// Any bytes as the body of a POST: status and text of the answer.
    pub(crate) fn post(&mut self, body: &[u8]) -> io::Result<(u16, String)> {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        self.exchange(&request)
    }

    /// What a web page of this origin is answered, with the head of the answer.
    pub(crate) fn ask_from_page(&self, origin: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: node\r\nOrigin: {origin}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// A GET: status and text of the answer.
    pub(crate) fn get_page(&mut self, path: &str) -> io::Result<(u16, String)> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        self.exchange(request.as_bytes())
    }

    fn exchange(&mut self, request: &[u8]) -> io::Result<(u16, String)> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        // A server that refuses a long body answers before it has read all of it.
        let sent = stream.get_mut().write_all(request);
        let (status, text, keep) = read_answer(&mut stream).map_err(|error| match &sent {
            Ok(()) => error,
            Err(sent) => io::Error::new(error.kind(), format!("{error} after {sent}")),
        })?;
        if keep && sent.is_ok() {
            self.stream = Some(stream);
        }
        Ok((status, text))
    }

    fn connect(&self) -> io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(BufReader::new(stream))
    }
}

fn read_answer(stream: &mut BufReader<TcpStream>) -> io::Result<(u16, String, bool)> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("not a status line: {line:?}")))?;
    let (mut length, mut chunked, mut keep) = (0, false, true);
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let header = line.trim_end().to_ascii_lowercase();
        match header.split_once(':').map(|(name, value)| (name, value.trim())) {
            _ if header.is_empty() => break,
            Some(("content-length", value)) => length = value.parse().map_err(io::Error::other)?,
            Some(("transfer-encoding", "chunked")) => chunked = true,
            Some(("connection", "close")) => keep = false,
            _ => {}
        }
    }
    let body = if chunked { read_chunks(stream)? } else { read_exact(stream, length)? };
    Ok((status, String::from_utf8(body).map_err(io::Error::other)?, keep))
}

fn read_exact(stream: &mut BufReader<TcpStream>, length: usize) -> io::Result<Vec<u8>> {
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn read_chunks(stream: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        let chunk = read_exact(stream, length + 2)?;
        body.extend_from_slice(&chunk[..length]);
        if length == 0 {
            return Ok(body);
        }
    }
}

/// Result or error of one answer.
pub(crate) fn outcome(mut answer: Value) -> Result<Value, RpcFailure> {
    let Some(error) = answer.get_mut("error").map(Value::take) else {
        return Ok(answer["result"].take());
    };
    Err(RpcFailure {
        code: error["code"].as_i64().unwrap_or_default(),
        message: error["message"].as_str().unwrap_or_default().to_owned(),
        data: error.get("data").cloned(),
    })
}

/// Reads what everyone asks for.
impl Client {
    #[track_caller]
    pub(crate) fn block_number(&mut self) -> u64 {
        number(&self.get("eth_blockNumber", json!([])))
    }

    #[track_caller]
    pub(crate) fn balance(&mut self, address: Address, block: &str) -> U256 {
        quantity(&self.get("eth_getBalance", json!([address, block])))
    }

    #[track_caller]
    pub(crate) fn nonce(&mut self, address: Address, block: &str) -> u64 {
        number(&self.get("eth_getTransactionCount", json!([address, block])))
    }

    #[track_caller]
    pub(crate) fn send_raw(&mut self, raw: &str) -> B256 {
        hash(&self.get("eth_sendRawTransaction", json!([raw])))
    }

    /// `Null` as long as the transaction is not mined.
    #[track_caller]
    pub(crate) fn receipt(&mut self, transaction: B256) -> Value {
        self.get("eth_getTransactionReceipt", json!([transaction]))
    }

    /// Sends and wants it mined, with success, by the time the send is answered.
    #[track_caller]
    pub(crate) fn mined(&mut self, raw: &str) -> Value {
        let transaction = self.send_raw(raw);
        let receipt = self.receipt(transaction);
        assert_eq!(receipt["status"], "0x1", "{transaction} failed or is not mined: {receipt}");
        receipt
    }

    /// Asks until the transaction is mined.
    #[track_caller]
    pub(crate) fn wait_for_receipt(&mut self, transaction: B256) -> Value {
        self.wait(|client| Some(client.receipt(transaction)).filter(|receipt| !receipt.is_null()))
    }

    /// Asks until there is an answer, for as long as any answer may take.
    #[track_caller]
    pub(crate) fn wait<T>(&mut self, mut ask: impl FnMut(&mut Self) -> Option<T>) -> T {
        let asked = std::time::Instant::now();
        while asked.elapsed() < PATIENCE {
            if let Some(answer) = ask(self) {
                return answer;
            }
        }
        panic!("what was waited for did not happen within {PATIENCE:?}");
    }
}

/// A JSON-RPC quantity.
#[track_caller]
pub(crate) fn quantity(value: &Value) -> U256 {
    match value.as_str().map(str::parse) {
        Some(Ok(quantity)) => quantity,
        _ => panic!("{value} is not a quantity"),
    }
}

/// A JSON-RPC quantity that fits into 64 bits.
#[track_caller]
pub(crate) fn number(value: &Value) -> u64 {
    quantity(value).to()
}

/// A hash.
#[track_caller]
pub(crate) fn hash(value: &Value) -> B256 {
    match value.as_str().map(str::parse) {
        Some(Ok(hash)) => hash,
        _ => panic!("{value} is not a hash"),
    }
}

/// An address.
#[track_caller]
pub(crate) fn address(value: &Value) -> Address {
    match value.as_str().map(str::parse) {
        Some(Ok(address)) => address,
        _ => panic!("{value} is not an address"),
    }
}
