//! Who may ask a node, and what does its role change?

use crate::{
    harness::{BINARY, Launch},
    network::until,
};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    process::{Command, Stdio},
};

const ASK: &str = r#"{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}"#;

/// A stored chain that nobody serves.
fn stored() -> Launch {
    Launch::new(&["dev"]).start().stop("TERM")
}

/// Status and body of an answer to a request with this header.
fn ask(address: SocketAddr, header: &str) -> (u16, Value) {
    let length = ASK.len();
    let (status, _, body) = exchange(
        address,
        &format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{ASK}"
        ),
    );
    (status, serde_json::from_str(&body).unwrap())
}

/// Sends a request as it is and answers the status, the head and the body.
fn exchange(address: SocketAddr, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", address.port())).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

#[test]
fn a_web_page_governs_no_node_of_this_machine() {
    let chain = stored();
    let evil = "Origin: http://evil.example\r\n";
    let knock = |host: &str, more: &str| {
        format!("{more}\r\nHost: {host}\r\nConnection: close\r\n{evil}Content-Length: 0\r\n\r\n")
    };
    let may = "OPTIONS / HTTP/1.1\r\nAccess-Control-Request-Method: POST";
    let socket = "GET / HTTP/1.1\r\nUpgrade: websocket";
    let node = chain.with_flags(&["node"]).start();
    let (_, head, _) = exchange(node.address, &knock("localhost", may));
    assert!(!head.contains("access-control-allow-origin"), "{head}");
    let (status, _, said) = exchange(node.address, &knock("evil.example", "POST / HTTP/1.1"));
    assert!(status == 403 && said.contains("--rpc-token"), "{said}");
    let (status, _, said) = exchange(node.address, &knock("localhost", socket));
    assert!(status == 403 && said.contains("--allow-origin"), "{said}");
    let chain = node.stop("TERM");

    let node = chain.with_flags(&["node", "--allow-origin", "http://evil.example"]).start();
    let (_, head, _) = exchange(node.address, &knock("localhost", may));
    assert!(head.contains("access-control-allow-origin: http://evil.example"), "{head}");
    let open = ["node", "--host", "0.0.0.0", "--rpc-open"];
    let node = node.stop("TERM").with_flags(&open).start();
    assert_eq!(ask(node.address, "Origin: http://evil.example\r\n").0, 200, "as was said");
    let refused = node.client().refused("debug_setHead", serde_json::json!(["0x0"]));
    assert!(refused.code == -32601 && refused.message.contains("--http.api"), "{refused:?}");
}

#[test]
fn other_machines_need_a_token_or_an_open_door() {
    let chain = stored();
    let open = ["node", "--host", "0.0.0.0"];
    chain.with_flags(&open).is_refused(&["--host 0.0.0.0", "--rpc-token FILE", "--rpc-open"]);
    let both = [&open[..], &["--rpc-open", "--rpc-token", "t"]].concat();
    chain.with_flags(&both).is_refused(&["--rpc-open", "--rpc-token"]);
    let node = chain.with_flags(&[&open[..], &["--rpc-open"]].concat()).start();
    assert_eq!(ask(node.address, "").0, 200);
    let chain = node.stop("TERM");

    let file = chain.home().join("token");
    fs::write(&file, "too short").unwrap();
    let path = file.display().to_string();
    let flags = [&open[..], &["--rpc-token", &path]].concat();
    chain.with_flags(&flags).is_refused(&["32 bytes", "--rpc-token"]);
    fs::remove_file(&file).unwrap();
    let node = chain.with_flags(&flags).start();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let token = fs::read_to_string(&file).unwrap();
    let (status, answer) = ask(node.address, "");
    assert_eq!((status, answer["error"]["code"].as_i64()), (401, Some(-32000)));
    let wrong = format!("Authorization: Bearer {}\r\n", "00".repeat(32));
    assert_eq!(ask(node.address, &wrong).0, 401);
    let right = format!("Authorization: Bearer {}\r\n", token.trim());
    let (status, answer) = ask(node.address, &right);
    assert_eq!((status, answer["result"].as_str()), (200, Some("0x0")));
    assert_eq!(node.client().get_page("/health").unwrap().0, 200, "tells nothing");
    assert!(!node.output().contains(token.trim()), "nobody reads it in the log");
}

#[test]
fn a_development_chain_opens_as_anvil_does_and_warns() {
    let node = Launch::new(&["dev", "--host", "0.0.0.0"]).start();
    assert_eq!(ask(node.address, "").0, 200);
    assert!(node.output().contains("everyone who reaches 0.0.0.0"), "{}", node.output());
}

#[test]
fn a_worker_is_asked_over_its_socket_and_ends_with_its_parent() {
    let chain = stored();
    let mut worker = Command::new(BINARY);
    worker.args(["node", "--role", "worker", "--until-stdin-closes", "--datadir"]);
    worker.arg(chain.data_dir()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut worker = worker.spawn().unwrap();
    let socket = chain.data_dir().join("mainspring.ipc");
    let mut stream = until("it has a socket", || UnixStream::connect(&socket).ok());
    stream.write_all(ASK.as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    assert!(answer.contains(r#""result":"0x0""#), "{answer}");
    drop(worker.stdin.take());
    let said = worker.wait_with_output().unwrap();
    assert!(said.status.success());
    let said = String::from_utf8_lossy(&said.stdout);
    assert!(said.contains("on the IPC path only") && !said.contains("Listening"), "{said}");
}
