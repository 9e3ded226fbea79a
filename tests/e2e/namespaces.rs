//! Signers on a network that delays and loses: each node in a network namespace of its own, where this
//! machine lets us make some.

use crate::{
    harness::BINARY,
    network::{Network, until},
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

const NAMES: [&str; 4] = ["main", "worker-1", "worker-2", "worker-3"];
const POA: &[&str] = &["--consensus", "poa", "--workers", "3", "--period", "1"];
/// The port is nobody else's in a namespace.
const PORT: &str = "30303";

/// Namespaces with a cable each to one of two bridges in a hub; they go when this is dropped.
struct Wires(String);

impl Wires {
    /// `None` where this machine does not allow it.
    fn lay() -> Option<Self> {
        let wires = Self(format!("ms{}", std::process::id()));
        wires.lay_all().then_some(wires)
    }

    fn space(&self, place: usize) -> String {
        format!("{}-{place}", self.0)
    }

    fn in_hub(&self, arguments: &[&str]) -> bool {
        run("ip", &[&["-n", &self.0, "link"], arguments].concat())
    }

    fn lay_all(&self) -> bool {
        run("ip", &["netns", "add", &self.0])
            && ["one", "two"].into_iter().all(|bridge| {
                self.in_hub(&["add", bridge, "type", "bridge"])
                    && self.in_hub(&["set", bridge, "up"])
            })
            && (0..NAMES.len()).all(|place| self.lay_one(place))
    }

    fn lay_one(&self, place: usize) -> bool {
        let (space, cable) = (self.space(place), format!("to-{place}"));
        let address = format!("{}/24", host(place));
        let veth = ["add", &cable, "type", "veth", "peer", "name", "eth0", "netns", &space];
        run("ip", &["netns", "add", &space])
            && self.in_hub(&veth)
            && self.in_hub(&["set", &cable, "up"])
            && self.plug(place, "one")
            && run("ip", &["-n", &space, "addr", "add", &address, "dev", "eth0"])
            && ["lo", "eth0"]
                .into_iter()
                .all(|it| run("ip", &["-n", &space, "link", "set", it, "up"]))
    }

    /// Lets every cable delay and lose as far as the kernel can, and says loudly what it cannot.
    fn disturb(&self) {
        if self.queue(&["netem", "delay", "40ms", "20ms", "loss", "3%"]) {
            return;
        }
        eprintln!(
            "SKIPPED: a delay of 40 ms and a loss of 3 % on every cable, because this kernel has no \
             sch_netem for `tc`"
        );
        // A packet of a thousand bytes takes 30 ms then.
        match self.queue(&["tbf", "rate", "256kbit", "burst", "1600", "latency", "200ms"]) {
            true => eprintln!(
                "instead every cable carries 256 kbit/s: packets wait for each other up to 200 ms, and \
                 those that would wait longer are lost; and cables break"
            ),
            false => eprintln!("nor has it sch_tbf: cables only break"),
        }
    }

    /// Gives every cable a queue of this kind.
    fn queue(&self, kind: &[&str]) -> bool {
        (0..NAMES.len()).all(|place| {
            let space = self.space(place);
            let qdisc = ["-n", &space, "qdisc", "add", "dev", "eth0", "root"];
            run("tc", &[&qdisc[..], kind].concat())
        })
    }

    /// Puts a node's cable into a bridge.
    fn plug(&self, place: usize, bridge: &str) -> bool {
        self.in_hub(&["set", &format!("to-{place}"), "master", bridge])
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        for place in 0..NAMES.len() {
            run("ip", &["netns", "del", &self.space(place)]);
        }
        run("ip", &["netns", "del", &self.0]);
    }
}

fn run(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn host(place: usize) -> String {
    format!("10.77.0.{}", place + 1)
}

/// A node in its namespace, killed when this is dropped.
struct Placed {
    child: Child,
    socket: PathBuf,
}

impl Placed {
    fn start(wires: &Wires, net: &Path, place: usize, peers: &[String]) -> Self {
        let dir = net.join(NAMES[place]);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &wires.space(place), BINARY, "node"]);
        command.args(["--p2p-host", &host(place), "--p2p-port", PORT, "--datadir"]).arg(&dir);
        command.args(["--role", if place == 0 { "main" } else { "worker" }]);
        if place > 0 {
            let keys = std::fs::read_dir(net.join("keys").join(NAMES[place])).unwrap();
            let key = keys.map(|entry| entry.unwrap().path()).next().unwrap();
            command.arg("--signer").arg(key).arg("--password-file").arg(net.join("password.txt"));
        }
        for peer in peers {
            command.args(["--peer", peer]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        Self { child, socket: dir.join("mainspring.ipc") }
    }

    /// Sockets of files know no namespaces.
    fn ask(&self, method: &str, params: Value) -> Option<Value> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        stream.write_all(request.to_string().as_bytes()).ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok()?;
        let answer: Value = serde_json::from_str(&line).ok()?;
        answer.get("result").cloned()
    }

    fn peer(&self) -> String {
        let info = until("the node runs", || self.ask("admin_nodeInfo", json!([])));
        info["addresses"][0].as_str().unwrap().to_owned()
    }

    fn block(&self, tag: &str) -> Option<(u64, Value)> {
        let block = self.ask("eth_getBlockByNumber", json!([tag, false]))?;
        let number = block["number"].as_str()?.strip_prefix("0x")?;
        Some((u64::from_str_radix(number, 16).ok()?, block["hash"].clone()))
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until all nodes have the same block above this height.
#[track_caller]
fn agree(nodes: &[Placed], above: u64) -> u64 {
    until("all nodes agree", || {
        let heads = nodes.iter().map(|node| node.block("latest")).collect::<Option<Vec<_>>>()?;
        let lowest = heads.iter().map(|(number, _)| *number).min()?;
        let tag = format!("{lowest:#x}");
        let same = nodes.iter().map(|node| node.block(&tag)).collect::<Option<Vec<_>>>()?;
        (lowest > above && same.iter().all(|block| *block == same[0])).then_some(lowest)
    })
}

#[test]
fn signers_agree_over_wires_that_delay_lose_and_break() {
    let Some(wires) = Wires::lay() else {
        eprintln!("SKIPPED: this machine makes no network namespaces with `ip`");
        return;
    };
    wires.disturb();
    let (_, dir) = Network::start(POA).end("TERM");
    let net = dir.path().join("net");
    let mut nodes: Vec<Placed> = Vec::new();
    for place in 0..NAMES.len() {
        let peers: Vec<String> = nodes.iter().map(Placed::peer).collect();
        nodes.push(Placed::start(&wires, &net, place, &peers));
    }
    let before = agree(&nodes, 3);
    // Two and two: pulled out, and plugged into another bridge.
    assert!(wires.plug(2, "two") && wires.plug(3, "two"));
    until("the greater half goes on", || {
        nodes[2].block("latest").filter(|(number, _)| *number > before + 4)
    });
    assert!(wires.plug(2, "one") && wires.plug(3, "one"));
    agree(&nodes, before + 4);
}
