//! What does a node say over its Unix socket?

use serde_json::{Value, json};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// A node that takes longer hangs, or is stopped.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest answer, in bytes.
const ANSWER: u64 = 1 << 20;

/// The answer to one call; inside, what the node refuses and why.
pub(super) fn call(
    socket: &Path,
    method: &str,
    params: &Value,
) -> io::Result<Result<Value, String>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    stream.write_all(request.to_string().as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(ANSWER)).read_line(&mut line)?;
    let mut answer: Value = serde_json::from_str(&line)?;
    match answer.get("error") {
        Some(error) => Ok(Err(error["message"].as_str().unwrap_or_default().to_owned())),
        None => Ok(Ok(answer["result"].take())),
    }
}
