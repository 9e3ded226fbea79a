//! A small HTTP server answers as a test says; the client is asked.

use super::{Endpoint, Upstream, UpstreamError, UpstreamSettings};
use alloy_primitives::{Address, U256};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

/// What the server says to a request's body: a status, headers, a body. `None` says nothing at all.
type Say = dyn Fn(usize, &Value) -> Option<(u16, &'static str, String)> + Send + Sync;

/// A server on a port of its own, which ends with the test's process.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Server {
    fn start(
        say: impl Fn(usize, &Value) -> Option<(u16, &'static str, String)> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/key/SECRET", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (say, seen): (Arc<Say>, _) = (Arc::new(say), asked.clone());
        thread(move || {
            for stream in listener.incoming().flatten() {
                let (say, seen) = (say.clone(), seen.clone());
                thread(move || _ = serve(stream, &say, &seen));
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> usize {
        self.asked.lock().len()
    }
}

fn thread(body: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().spawn(body).unwrap();
}

fn serve(stream: TcpStream, say: &Arc<Say>, seen: &Mutex<Vec<Value>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let body: Value = serde_json::from_slice(&body).ok()?;
        let place = {
            let mut seen = seen.lock();
            seen.push(body.clone());
            seen.len()
        };
        let Some((status, headers, text)) = say(place, &body) else {
            // Holds the connection until the other side gives up.
            let _ = reader.read(&mut [0]);
            return None;
        };
        let head =
            format!("HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\n\r\n", text.len());
        (&stream).write_all(head.as_bytes()).ok()?;
        (&stream).write_all(text.as_bytes()).ok()?;
    }
}

fn ok(body: &Value, result: &Value) -> Option<(u16, &'static str, String)> {
    let answer = |call: &Value| json!({"jsonrpc": "2.0", "id": call["id"], "result": result});
    let text = match body.as_array() {
        Some(calls) => Value::Array(calls.iter().map(answer).collect()),
        None => answer(body),
    };
    Some((200, "", text.to_string()))
}

fn settings() -> UpstreamSettings {
    UpstreamSettings {
        backoff: Duration::from_millis(1),
        timeout: Duration::from_secs(20),
        ..UpstreamSettings::default()
    }
}

fn asking(servers: &[&Server], settings: UpstreamSettings) -> Upstream {
    let endpoint = |server: &&Server| server.url.parse::<Endpoint>().unwrap();
    Upstream::new(servers.iter().map(endpoint).collect(), settings)
}

#[test]
fn an_account_is_one_request() {
    let server = Server::start(|_, body| ok(body, &json!("0x10")));
    let upstream = asking(&[&server], settings());
    let found = upstream.accounts(&[Address::ZERO, Address::repeat_byte(1)], 5).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!((found[1].nonce, found[1].balance), (16, U256::from(16)));
    assert_eq!(found[1].code.as_ref(), [0x10]);
    assert_eq!((server.asked(), upstream.requests()), (1, 1));
    assert_eq!(server.asked.lock()[0].as_array().unwrap().len(), 6);
}

#[test]
fn an_upstream_without_batches_is_asked_one_by_one() {
    let server = Server::start(|_, body| match body.is_array() {
        true => {
            let error = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "no batches"}});
            Some((200, "", error.to_string()))
        }
        false => ok(body, &json!("0x10")),
    });
    let upstream = asking(&[&server], settings());
    assert_eq!(upstream.accounts(&[Address::ZERO], 5).unwrap()[0].nonce, 16);
    assert_eq!(server.asked(), 4, "a batch, then three");
    upstream.accounts(&[Address::ZERO], 5).unwrap();
    assert_eq!(server.asked(), 7, "it is remembered");
}

#[test]
fn who_is_turned_away_for_now_asks_again() {
    let server = Server::start(|place, body| match place {
        1 => Some((429, "retry-after: 0\r\n", String::new())),
        2 => Some((503, "", String::new())),
        3 => {
            let error = json!({"jsonrpc": "2.0", "id": 0, "error": {"code": -32005, "message": "slow down"}});
            Some((200, "", error.to_string()))
        }
        _ => ok(body, &json!("0x7")),
    });
    let settings = UpstreamSettings { compute_units_per_second: None, ..settings() };
    assert_eq!(asking(&[&server], settings).chain_id(), Ok(7));
    assert_eq!(server.asked(), 4);
}

#[test]
fn retries_end() {
    let server = Server::start(|_, _| Some((429, "", String::new())));
    let settings = UpstreamSettings { retries: 2, ..settings() };
    let error = asking(&[&server], settings).chain_id().unwrap_err();
    assert!(matches!(&error, UpstreamError::Limited { times: 3, .. }), "{error}");
    assert_eq!(server.asked(), 3);
}

#[test]
fn another_endpoint_answers_for_one_that_is_down() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::start(|_, body| ok(body, &json!("0x7")));
    let upstream = asking(&[&server], settings());
    let down: Endpoint = format!("http://{gone}").parse().unwrap();
    upstream.replace([vec![down], upstream.endpoints()].concat());
    for _ in 0..4 {
        assert_eq!(upstream.chain_id(), Ok(7));
    }
}

#[test]
fn endpoints_are_asked_in_turn() {
    let servers = [1, 2].map(|_| Server::start(|_, body| ok(body, &json!("0x7"))));
    let upstream = asking(&[&servers[0], &servers[1]], settings());
    for _ in 0..6 {
        upstream.chain_id().unwrap();
    }
    assert_eq!(servers.each_ref().map(Server::asked), [3, 3]);
}

#[test]
fn errors_name_the_host_and_no_secret() {
    let said: [(u16, String); 6] = [
        (200, "<html>SECRET".chars().take(6).collect()),
        (200, String::new()),
        (404, "not found".into()),
        (200, json!({"id": 0, "result": null}).to_string()),
        (200, json!({"id": 0, "result": {"a": 1}}).to_string()),
        (
            200,
            json!({"id": 0, "error": {"code": -32000, "message": "missing trie node"}}).to_string(),
        ),
    ];
    for (status, text) in said {
        let server = Server::start(move |_, _| Some((status, "", text.clone())));
        let error = asking(&[&server], settings()).chain_id().unwrap_err().to_string();
        let host = server.url.trim_start_matches("http://").split('/').next().unwrap();
        assert!(error.contains(host) && error.contains("eth_chainId"), "{error}");
        assert!(!error.contains("SECRET"), "{error}");
    }
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let server = Server::start(|_, body| ok(body, &json!("0".repeat(10_000))));
    let settings = UpstreamSettings { max_answer_bytes: 1_000, ..settings() };
    let error = asking(&[&server], settings).chain_id().unwrap_err();
    assert!(matches!(error, UpstreamError::TooLong { limit: 1_000, .. }), "{error}");
}

#[test]
fn an_endpoint_that_says_nothing_is_given_up() {
    let server = Server::start(|_, _| None);
    let settings = UpstreamSettings { timeout: Duration::from_millis(50), ..settings() };
    let error = asking(&[&server], settings).chain_id().unwrap_err();
    assert!(matches!(&error, UpstreamError::Timeout { .. }), "{error}");
    assert!(error.to_string().contains("--timeout"), "{error}");
}

#[test]
fn nobody_to_ask_is_said() {
    let error = Upstream::new(Vec::new(), settings()).chain_id().unwrap_err();
    assert_eq!(error, UpstreamError::NoEndpoint);
}

#[test]
fn headers_and_redirects_stay_with_the_host_that_was_named() {
    let other = Server::start(|_, body| ok(body, &json!("0x7")));
    let place: &'static str = Box::leak(format!("location: {}\r\n", other.url).into_boxed_str());
    let server = Server::start(move |_, _| Some((307, place, String::new())));
    let error = asking(&[&server], settings()).chain_id().unwrap_err();
    assert!(matches!(error, UpstreamError::Status { status: 307, .. }), "{error}");
    assert_eq!(other.asked(), 0);
}
