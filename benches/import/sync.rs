//! How fast does a fresh worker join a chain, beside `mainspring import` of the same blocks? Real processes on
//! directories of their own, in turns: what slows one turn down slows both.

use crate::{
    authority::Network,
    workload::{Outcome, Size},
};
use alloy_primitives::B256;
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

/// The program under test.
const BINARY: &str = env!("CARGO_BIN_EXE_mainspring");
/// How often it is looked where the head is.
const LOOK: Duration = Duration::from_millis(10);
/// A worker that takes longer does not join at all.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// What a turn took.
struct Turn {
    import: Duration,
    import_cpu: f64,
    sync: Duration,
    worker_cpu: f64,
    peers_cpu: f64,
}

/// Imports the chain and joins it, so often, with so many peers that have it. Medians.
pub(crate) fn measure(size: Size, turns: usize, peers: usize) -> Outcome<Value> {
    let dir = tempfile::tempdir()?;
    let made = Network::make(size)?;
    let place = Place { dir: dir.path().to_path_buf() };
    fs::write(place.of("genesis.json"), serde_json::to_vec(&made.genesis)?)?;
    fs::write(place.of("made.rlp"), &made.blocks)?;
    for peer in 0..peers {
        let name = format!("peer{peer}");
        place.init(&name)?;
        place.import(&name, "made.rlp")?;
    }
    place.run(&["export", "--datadir", "peer0", "blocks.rlp"])?;
    if fs::read(place.of("blocks.rlp"))? != made.blocks {
        return Err("the chain that was exported is another one".into());
    }
    let mut serving = Vec::new();
    for peer in 0..peers {
        serving.push(Node::start(&place, &format!("peer{peer}"), &[])?);
    }
    let mut taken = Vec::with_capacity(turns);
    for turn in 0..turns {
        taken.push(one_turn(&place, &made, &serving, turn)?);
    }
    serving.into_iter().try_for_each(Node::stop)?;
    Ok(report(size, &made, peers, &taken))
}

fn one_turn(place: &Place, made: &Network, peers: &[Node], turn: usize) -> Outcome<Turn> {
    let (file, worker) = (format!("import{turn}"), format!("worker{turn}"));
    place.init(&file)?;
    let before = cpu_of_children()?;
    let began = Instant::now();
    place.import(&file, "blocks.rlp")?;
    let (import, import_cpu) = (began.elapsed(), cpu_of_children()? - before);

    place.init(&worker)?;
    let cpu = |peers: &[Node]| peers.iter().map(Node::cpu).sum::<Outcome<f64>>();
    let before = cpu(peers)?;
    let began = Instant::now();
    let addresses: Vec<&str> = peers.iter().map(|peer| peer.address.as_str()).collect();
    let node = Node::start(place, &worker, &addresses)?;
    node.follow(made.head.number)?;
    let sync = began.elapsed();
    let (worker_cpu, peers_cpu) = (node.cpu()?, cpu(peers)? - before);
    if node.hash(made.head.number)? != made.head.hash {
        return Err("the worker has another chain".into());
    }
    node.stop()?;
    [file, worker].iter().try_for_each(|name| fs::remove_dir_all(place.of(name)))?;
    Ok(Turn { import, import_cpu, sync, worker_cpu, peers_cpu })
}

fn report(size: Size, made: &Network, peers: usize, turns: &[Turn]) -> Value {
    let median = |of: &dyn Fn(&Turn) -> f64| {
        let mut all: Vec<f64> = turns.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or_default()
    };
    let (import, sync) =
        (median(&|it| it.import.as_secs_f64()), median(&|it| it.sync.as_secs_f64()));
    let ratio = median(&|it| it.import.as_secs_f64() / it.sync.as_secs_f64());
    let round = |value: f64| (value * 100.0).round() / 100.0;
    let speed = |seconds: f64| {
        json!({
            "seconds": round(seconds), "blocks_per_second": (size.blocks as f64 / seconds).round(),
            "mgas_per_second": round(made.gas as f64 / seconds / 1e6),
        })
    };
    let (mut imported, mut synced) = (speed(import), speed(sync));
    imported["cpu_seconds"] = json!(round(median(&|it| it.import_cpu)));
    synced["cpu_seconds"] = json!(round(median(&|it| it.worker_cpu)));
    synced["cpu_seconds_of_peers"] = json!(round(median(&|it| it.peers_cpu)));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    json!({
        "kind": "sync", "blocks": size.blocks, "transactions": made.transactions, "turns": turns.len(),
        "import": imported, "sync": synced, "sync_of_import": round(ratio), "peers": peers,
        "machine": format!("the worker and its {peers} serving peer(s) share {cores} cores"),
    })
}

/// Where everything lies.
struct Place {
    dir: PathBuf,
}

impl Place {
    fn of(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn run(&self, arguments: &[&str]) -> Outcome<()> {
        let mut command = Command::new(BINARY);
        let done = command.current_dir(&self.dir).args(arguments).output()?;
        match done.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&done.stderr).into()),
        }
    }

    fn init(&self, name: &str) -> Outcome<()> {
        self.run(&["init", "--datadir", name, "--genesis", "genesis.json"])
    }

    fn import(&self, name: &str, file: &str) -> Outcome<()> {
        self.run(&["import", "--datadir", name, file])
    }
}

/// A worker that runs; killed when dropped.
struct Node {
    child: Child,
    /// Read to the end by a thread.
    address: String,
    socket: PathBuf,
}

impl Node {
    fn start(place: &Place, name: &str, peers: &[&str]) -> Outcome<Self> {
        let mut command = Command::new(BINARY);
        command.current_dir(&place.dir).args(["node", "--role", "worker", "--no-seal"]);
        command.args(["--p2p-host", "127.0.0.1", "--p2p-port", "0", "--datadir", name]);
        command.args(peers.iter().flat_map(|peer| ["--peer", peer]));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let out = child.stdout.take().ok_or("no output")?;
        let socket = place.of(name).join("mainspring.ipc");
        let mut node = Self { child, address: String::new(), socket };
        node.address = address_of(out)?;
        Ok(node)
    }

    /// Waits until its head is at this height.
    fn follow(&self, height: u64) -> Outcome<()> {
        let began = Instant::now();
        let mut line = Line::open(&self.socket)?;
        while began.elapsed() < PATIENCE {
            let number = line.ask("eth_blockNumber", json!([]))?;
            let number = number.as_str().and_then(|it| it.strip_prefix("0x")).unwrap_or_default();
            if u64::from_str_radix(number, 16)? >= height {
                return Ok(());
            }
            std::thread::park_timeout(LOOK);
        }
        Err(format!("the worker has not come to block {height}").into())
    }

    fn hash(&self, number: u64) -> Outcome<B256> {
        let block = Line::open(&self.socket)?
            .ask("eth_getBlockByNumber", json!([format!("{number:#x}"), false]))?;
        Ok(block["hash"].as_str().ok_or("no such block")?.parse()?)
    }

    /// Seconds that all its threads ran.
    fn cpu(&self) -> Outcome<f64> {
        let [own, system, ..] = ticks(&format!("/proc/{}/stat", self.child.id()))?;
        Ok(own + system)
    }

    fn stop(mut self) -> Outcome<()> {
        let pid = self.child.id().to_string();
        Command::new("kill").arg(&pid).status()?;
        match self.child.wait()?.success() {
            true => Ok(()),
            false => Err("a node did not end as it should".into()),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It has ended where all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a node that starts is reached; what it prints after that is read and dropped.
fn address_of(out: ChildStdout) -> Outcome<String> {
    let mut lines = BufReader::new(out).lines();
    while let Some(line) = lines.next().transpose()? {
        if let Some(address) = line.strip_prefix("Peer address:") {
            let address = address.trim().to_owned();
            let rest = std::thread::Builder::new().name("output".into());
            rest.spawn(move || lines.for_each(drop))?;
            return Ok(address);
        }
    }
    Err("a node ended before it said where its peers reach it".into())
}

/// A connection to a node's Unix socket.
struct Line {
    stream: BufReader<UnixStream>,
}

impl Line {
    fn open(socket: &Path) -> Outcome<Self> {
        Ok(Self { stream: BufReader::new(UnixStream::connect(socket)?) })
    }

    fn ask(&mut self, method: &str, params: Value) -> Outcome<Value> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        writeln!(self.stream.get_mut(), "{request}")?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let mut answer: Value = serde_json::from_str(&line)?;
        Ok(answer["result"].take())
    }
}

fn cpu_of_children() -> Outcome<f64> {
    let [.., own, system] = ticks("/proc/self/stat")?;
    Ok(own + system)
}

/// User and system time of a process, and of its children that have ended, in seconds.
fn ticks(stat: &str) -> Outcome<[f64; 4]> {
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = fs::read_to_string(stat)?;
    // The name in parentheses may hold spaces; the times are the 12th to 15th after it.
    let fields = stat.rsplit_once(')').ok_or("no process")?.1.split_whitespace().skip(11);
    let mut seconds = [0.0; 4];
    for (second, field) in seconds.iter_mut().zip(fields) {
        *second = field.parse::<f64>()? / TICKS_A_SECOND;
    }
    Ok(seconds)
}
