//! The port: bad input, health, origins, subscriptions.

use super::*;
use crate::rpc::{ClientLimits, ServerSettings, Token, serve};
use jsonrpsee::{
    core::client::{ClientT, Subscription, SubscriptionClientT},
    rpc_params,
    server::ServerHandle,
    ws_client::WsClientBuilder,
};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// A node with an open port.
pub(super) struct Port {
    pub(super) node: TestNode,
    pub(super) address: SocketAddr,
    _server: ServerHandle,
    _serving: JoinSet<()>,
}

impl Port {
    pub(super) async fn open(node: TestNode) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let settings = ServerSettings { allow_origin: Some("*".to_owned()), ..Default::default() };
        Self::open_as(node, any, &settings).await
    }

    async fn open_as(node: TestNode, address: SocketAddr, settings: &ServerSettings) -> Self {
        let (address, server, serving) = serve(&node.api, address, settings).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(serving);
        Self { node, address, _server: server, _serving: tasks }
    }

    /// Sends a request as it is and answers the status, the head, and the body.
    async fn exchange(&self, head: &str, body: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let request = format!(
            "{head}\r\nHost: node\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), body.to_owned())
    }

    /// Posts a body without saying that it is JSON.
    pub(super) async fn post(&self, body: &str) -> (u16, Value) {
        let (status, _head, answer) = self.exchange("POST / HTTP/1.1", body).await;
        (status, serde_json::from_str(&answer).unwrap())
    }
}

#[tokio::test]
async fn bad_input_is_refused_with_its_code() {
    let limits = RpcLimits { body_bytes: 1_000, ..Default::default() };
    let port = Port::open(TestNode::with(Mode::Manual, limits)).await;
    for (body, code) in [
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":", -32700),
        ("not json", -32700),
        ("", -32700),
        ("[{\"jsonrpc\"", -32700),
        ("{\"id\":1}", -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_getBalance\",\"params\":[]}", -32602),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_getBalance\",\"params\":[5]}", -32602),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_getBalance\",\"params\":\"x\"}", -32602),
    ] {
        let (_status, answer) = port.post(body).await;
        assert_eq!(answer["error"]["code"], code, "{body}: {answer}");
    }
    let (_, answer) = port.post(r#"{"jsonrpc":"2.0","id":"a","method":"eth_nothing"}"#).await;
    let wanted = "the method eth_nothing does not exist/is not available";
    assert_eq!(
        answer,
        json!({ "jsonrpc": "2.0", "id": "a", "error": { "code": -32601, "message": wanted } })
    );
    let (_, answer) = port.post(r#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe"}"#).await;
    let wanted = json!({ "code": -32601, "message": "notifications not supported" });
    assert_eq!(answer["error"], wanted);
    let (status, answer) = port.post(&" ".repeat(1_001)).await;
    assert_eq!((status, &answer["error"]["code"]), (413, &json!(-32007)));
    let (_, answer) = port.post(r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#).await;
    assert_eq!(answer["result"], "0x7a69", "and the node lives on");
}

#[tokio::test]
async fn an_id_comes_back_as_it_was_or_makes_an_invalid_request() {
    let port = Port::open(TestNode::start()).await;
    for id in ["{}", "[]", "{\"a\":1}", "[1]"] {
        let request = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_chainId"}}"#);
        let (status, answer) = port.post(&request).await;
        assert_eq!((status, &answer["id"]), (200, &Value::Null), "{id}: {answer}");
        assert_eq!(answer["error"]["code"], -32600, "{id}: {answer}");
        let good = r#"{"jsonrpc":"2.0","id":"b","method":"eth_chainId"}"#;
        let (_, answer) = port.post(&format!("[{request},{good}]")).await;
        assert_eq!(answer[0]["error"]["code"], -32600, "{id}: {answer}");
        assert_eq!((&answer[1]["id"], &answer[1]["result"]), (&json!("b"), &json!("0x7a69")));
    }
    for id in ["1.5", "-1", "true", "null", "7", "\"a\""] {
        let request = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_chainId"}}"#);
        let wanted = json!({
            "jsonrpc": "2.0", "id": serde_json::from_str::<Value>(id).unwrap(), "result": "0x7a69",
        });
        assert_eq!(port.post(&request).await.1, wanted, "{id}");
        assert_eq!(port.post(&format!("[{request},{request}]")).await.1, json!([wanted, wanted]));
    }
}

#[tokio::test]
async fn health_and_origins() {
    let port = Port::open(TestNode::start()).await;
    let (status, _, body) = port.exchange("GET /health HTTP/1.1", "").await;
    assert_eq!((status, body.as_str()), (200, r#"{"status":"ok"}"#));
    assert_eq!(port.exchange("GET /ready HTTP/1.1", "").await.0, 200);
    assert_eq!(port.exchange("GET / HTTP/1.1", "").await.0, 405);
    let preflight =
        "OPTIONS / HTTP/1.1\r\nOrigin: http://page\r\nAccess-Control-Request-Method: POST";
    let (status, head, _) = port.exchange(preflight, "").await;
    assert_eq!(status, 200);
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
}

#[tokio::test]
async fn a_token_opens_everything_but_the_health_of_the_node() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    let settings = ServerSettings {
        allow_origin: Some("*".to_owned()),
        token: Some(Token::read_or_make(&path).unwrap()),
        own_names_only: false,
    };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let port = Port::open_as(TestNode::start(), any, &settings).await;
    let ask = r#"{"jsonrpc":"2.0","id":7,"method":"eth_blockNumber","params":[]}"#;
    let (status, head, body) = port.exchange("POST / HTTP/1.1\r\nOrigin: http://page", ask).await;
    let refused: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, refused["error"]["code"].as_i64()), (401, Some(-32000)));
    assert!(body.contains("Authorization: Bearer"), "{body}");
    assert!(
        head.contains("www-authenticate: bearer") && head.contains("access-control-allow-origin")
    );
    let token = std::fs::read_to_string(&path).unwrap();
    let with_token = format!("POST / HTTP/1.1\r\nAuthorization: Bearer {}", token.trim());
    let (status, _, body) = port.exchange(&with_token, ask).await;
    assert_eq!((status, body.as_str()), (200, r#"{"jsonrpc":"2.0","id":7,"result":"0x0"}"#));
    assert_eq!(port.exchange("GET /health HTTP/1.1", "").await.0, 200);
    let preflight = "OPTIONS / HTTP/1.1\r\nOrigin: http://page\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization";
    let (status, head, _) = port.exchange(preflight, "").await;
    assert_eq!(status, 200);
    assert!(head.contains("access-control-allow-headers: authorization"), "{head}");
    let url = format!("ws://{}", port.address);
    assert!(WsClientBuilder::default().build(&url).await.is_err(), "the handshake is refused too");
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {}", token.trim()).parse().unwrap());
    let client = WsClientBuilder::default().set_headers(headers).build(&url).await.unwrap();
    assert_eq!(client.request::<String, _>("eth_blockNumber", rpc_params![]).await.unwrap(), "0x0");
}

#[tokio::test]
async fn a_client_that_has_had_its_share_is_told_when_to_come_back() {
    let clients =
        ClientLimits { requests: 1, connections: 2, loopback: true, ..ClientLimits::default() };
    let limits = RpcLimits { clients, ..Default::default() };
    let port = Port::open(TestNode::with(Mode::Manual, limits)).await;
    let one = r#"{"jsonrpc":"2.0","id":7,"method":"eth_blockNumber","params":[]}"#;
    let batch = format!("[{}]", [one; 12].join(","));
    let (status, answers) = port.post(&batch).await;
    assert_eq!(status, 200);
    let (first, last) = (&answers[0], &answers[11]);
    assert_eq!((&first["result"], &last["id"]), (&json!("0x0"), &json!(7)));
    assert_eq!(last["error"]["code"], -32005, "{answers}");
    assert!(last["error"]["data"]["retryAfterMs"].as_u64().unwrap() <= 1_001, "{last}");

    let url = format!("ws://{}", port.address);
    let first = WsClientBuilder::default().build(&url).await.unwrap();
    let second = WsClientBuilder::default().build(&url).await.unwrap();
    let (status, answer) = port.post(one).await;
    assert_eq!((status, &answer["error"]["code"]), (429, &json!(-32005)));
    drop((first, second));
    // The server sees the end of a session a moment later.
    while port.post(one).await.0 == 429 {}
}

#[tokio::test]
async fn news_counts_as_answers_do_and_waits_for_a_share_without_getting_lost() {
    let clients = ClientLimits { bytes: 2_000, loopback: true, ..ClientLimits::default() };
    let limits = RpcLimits { clients, ..Default::default() };
    let port = Port::open(TestNode::with(Mode::Manual, limits)).await;
    let client = WsClientBuilder::default().build(format!("ws://{}", port.address)).await.unwrap();
    let params = rpc_params!["newHeads"];
    let subscribed = client.subscribe("eth_subscribe", params, "eth_unsubscribe").await;
    let mut heads: Subscription<Value> = subscribed.unwrap();
    let one = r#"{"jsonrpc":"2.0","id":7,"method":"eth_blockNumber","params":[]}"#;
    assert_eq!(port.post(one).await.1["result"], "0x0");
    let blocks = 16;
    port.node.ask("anvil_mine", json!([format!("{blocks:#x}")])).await;
    let mut was_refused = false;
    for number in 1..=blocks {
        let head = heads.next().await.unwrap().unwrap();
        assert_eq!(head["number"], format!("{number:#x}"));
        was_refused |= port.post(one).await.1["error"]["code"] == -32005;
    }
    assert!(was_refused, "news had no part in the share");
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let port = Port::open(TestNode::start()).await;
    let served = serve(&port.node.api, port.address, &ServerSettings::default()).await;
    let error = served.err().unwrap();
    assert!(error.to_string().starts_with(&format!("cannot listen on {}: ", port.address)));
}

#[tokio::test]
async fn new_blocks_and_events_are_pushed() {
    let port = Port::open(TestNode::start()).await;
    // PUSH1 7, PUSH0, PUSH0, LOG1
    let emitter = port.node.deploy("60075f5fa100").await;
    let url = format!("ws://{}", port.address);
    let client = WsClientBuilder::default().build(url).await.unwrap();
    let subscribe = |kind: &'static str, filter: Value| {
        let params = if filter.is_null() { rpc_params![kind] } else { rpc_params![kind, filter] };
        client.subscribe("eth_subscribe", params, "eth_unsubscribe")
    };
    let mut heads: Subscription<Value> = subscribe("newHeads", Value::Null).await.unwrap();
    let mut logs: Subscription<Value> =
        subscribe("logs", json!({ "address": emitter })).await.unwrap();
    let receipt = port.node.send(json!({ "from": ALICE, "to": emitter })).await;
    assert_eq!(heads.next().await.unwrap().unwrap()["hash"], receipt["blockHash"]);
    assert_eq!(logs.next().await.unwrap().unwrap(), receipt["logs"][0]);
    let other: Result<Subscription<Value>, _> = subscribe("newTails", Value::Null).await;
    assert!(other.is_err());
    let chain_id: Value = client.request("eth_chainId", rpc_params![]).await.unwrap();
    assert_eq!(chain_id, "0x7a69", "one connection serves calls and news");
}
