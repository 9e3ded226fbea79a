//! How is a whole network started, hurt and ended? `mainspring devnet` in a directory of its own.

use crate::{harness::BINARY, wire::Client};
use rustix::process::{Pid, test_kill_process};
use serde_json::Value;
use std::{
    fs::{self, File},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Four nodes start in seconds, but miners without optimisation on a busy machine take minutes to make their
/// first cache; more than this is a network that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(400);
/// How often it is looked again.
const LOOK: Duration = Duration::from_millis(25);

/// Waits until there is something.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::park_timeout(LOOK);
    }
}

/// Is there a process of this number?
pub(crate) fn is_alive(pid: u32) -> bool {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    test_kill_process(pid).is_ok()
}

/// A network that runs. It is ended when the test drops it.
#[derive(Debug)]
pub(crate) struct Network {
    dir: Arc<TempDir>,
    child: Child,
    log: PathBuf,
}

impl Network {
    /// A new network with these flags, on free ports.
    #[track_caller]
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), flags)
    }

    /// The network of this directory.
    #[track_caller]
    pub(crate) fn start_in(dir: Arc<TempDir>, flags: &[&str]) -> Self {
        Self::go_on(dir, &[flags, &["--port", "0"]].concat())
    }

    /// The network of this directory with these flags and no others.
    #[track_caller]
    pub(crate) fn go_on(dir: Arc<TempDir>, flags: &[&str]) -> Self {
        let log = dir.path().join(format!("said-{}", fs::read_dir(dir.path()).unwrap().count()));
        let out = File::create(&log).unwrap();
        let mut command = Command::new(BINARY);
        command.arg("devnet").args(flags).arg("--datadir").arg(dir.path().join("net"));
        command.stdin(Stdio::null()).stderr(out.try_clone().unwrap()).stdout(out);
        let child = command.spawn().unwrap();
        let mut network = Self { dir, child, log };
        let started = until("the network runs", || {
            let ended = network.child.try_wait().unwrap();
            (network.said().contains("ctrl-c") || ended.is_some()).then_some(ended)
        });
        assert!(started.is_none(), "it ended: {started:?}\n{}", network.said());
        network
    }

    pub(crate) fn dir(&self) -> Arc<TempDir> {
        self.dir.clone()
    }

    /// What the supervisor has printed.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// What `devnet.json` says of a node.
    #[track_caller]
    pub(crate) fn node(&self, name: &str) -> Value {
        let text = fs::read(self.dir.path().join("net/devnet.json")).unwrap();
        let told: Value = serde_json::from_slice(&text).unwrap();
        let nodes = told["nodes"].as_array().unwrap();
        nodes.iter().find(|node| node["name"] == name).unwrap().clone()
    }

    /// The process of a node that runs.
    #[track_caller]
    pub(crate) fn pid(&self, name: &str) -> u32 {
        u32::try_from(self.node(name)["pid"].as_u64().unwrap()).unwrap()
    }

    /// A connection to a node.
    #[track_caller]
    pub(crate) fn client(&self, name: &str) -> Client {
        let url = self.node(name)["rpc"].as_str().unwrap().to_owned();
        let address: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
        Client::new(address)
    }

    /// A command of a second terminal.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(BINARY);
        command.arg("devnet").args(arguments).arg("--datadir").arg(self.dir.path().join("net"));
        command.output().unwrap()
    }

    /// One that is done.
    #[track_caller]
    pub(crate) fn fault(&self, arguments: &[&str]) -> String {
        let said = self.command(arguments);
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        let errors = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{arguments:?}: {text}{errors}");
        text
    }

    /// One that is refused with these words.
    #[track_caller]
    pub(crate) fn is_refused(&self, arguments: &[&str], words: &[&str]) {
        let said = self.command(arguments);
        let errors = String::from_utf8_lossy(&said.stderr);
        assert!(!said.status.success(), "{arguments:?} was done");
        for word in words {
            assert!(errors.contains(word), "{arguments:?}: nothing says {word:?}: {errors}");
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Ends the supervisor, and waits until it has ended.
    pub(crate) fn end(mut self, signal: &str) -> (ExitStatus, Arc<TempDir>) {
        self.signal(signal);
        (self.child.wait().unwrap(), self.dir.clone())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the network said:\n{}", self.said());
        }
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            // Its nodes see that it is gone.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
