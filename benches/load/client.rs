//! How does a benchmark talk to a node? Over a keep-alive connection, at as little cost as possible.

use crate::Outcome;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// A keep-alive HTTP connection that costs the machine as little as possible.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
    line: String,
}

impl Connection {
    pub(crate) fn open(url: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(url)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(1 << 16, stream),
            host: url.into(),
            line: String::new(),
        })
    }

    pub(crate) fn post(&mut self, body: &str) -> Outcome<String> {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        self.stream.get_mut().write_all((head + body).as_bytes())?;
        let mut length = 0;
        loop {
            self.line.clear();
            if self.stream.read_line(&mut self.line)? == 0 {
                return Err("the node closed the connection".into());
            }
            let line = self.line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        Ok(String::from_utf8(answer)?)
    }

    pub(crate) fn call(&mut self, method: &str, params: Value) -> Outcome<Value> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut answer: Value = serde_json::from_str(&self.post(&request.to_string())?)?;
        if let Some(error) = answer.get("error") {
            return Err(format!("{method}: {error}").into());
        }
        Ok(answer["result"].take())
    }

    pub(crate) fn receipt(&mut self, hash: &str) -> Outcome<Value> {
        for _ in 0..1000 {
            let receipt = self.call("eth_getTransactionReceipt", json!([hash]))?;
            if !receipt.is_null() {
                return Ok(receipt);
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        Err(format!("{hash} is not mined").into())
    }
}
