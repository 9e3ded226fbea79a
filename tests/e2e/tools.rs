//! The programs that people use, at the versions that `scripts/setup-tools.sh` installs: Foundry, Node, Python.

use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};
use tempfile::TempDir;

/// forge and cast, pointed at one node.
#[derive(Debug)]
pub(crate) struct Foundry {
    url: String,
    records: TempDir,
}

/// Settings of the machine that must not reach the tools.
const PROXIES: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The directory of the programs, installed if they are not there.
pub(crate) fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let script = root().join("scripts/setup-tools.sh");
        let output = Command::new("bash").arg(script).output().unwrap();
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "scripts/setup-tools.sh: {problem}");
        String::from_utf8(output.stdout).unwrap().trim().into()
    })
}

/// Where one of the programs is.
pub(crate) fn program(name: &str) -> PathBuf {
    programs().join(name)
}

/// A folder that is thrown away, with npm packages beside what is written there: a user's project.
#[derive(Debug)]
pub(crate) struct Workshop {
    dir: TempDir,
    url: String,
}

impl Workshop {
    /// A project with the packages at `modules`, a path from the folder of tools, for this node.
    pub(crate) fn with(modules: &str, url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let installed = programs().join("..").join(modules).canonicalize().unwrap();
        std::os::unix::fs::symlink(installed, dir.path().join("node_modules")).unwrap();
        Self { dir, url: url.to_owned() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file, with the node in the place of the usual address.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text.replace("http://127.0.0.1:8545", &self.url)).unwrap();
    }

    /// Is web3.py installed?
    pub(crate) fn has_python(&self) -> bool {
        python().exists()
    }

    /// What a command prints in the folder; it must succeed.
    #[track_caller]
    pub(crate) fn shell(&self, command: &str) -> String {
        let mut bash = Command::new("bash");
        for proxy in PROXIES {
            bash.env_remove(proxy);
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let python = python().parent().unwrap().to_owned();
        bash.args(["-euo", "pipefail", "-c", command])
            .current_dir(self.path())
            .env("PATH", format!("{}:{}:{path}", programs().display(), python.display()))
            .env("NODE_URL", &self.url)
            // Hardhat keeps settings in the home directory and asks about telemetry where it finds none.
            .env("HOME", self.path())
            .env("CI", "1")
            .env("NO_COLOR", "1");
        let output = bash.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {}\n{said}\n{problem}", output.status);
        said
    }
}

/// The Python that has web3.py, if it is there.
fn python() -> PathBuf {
    programs().join("../python/bin/python3")
}

/// Runs a script of `tests/e2e/clients` with Node, which must succeed.
#[track_caller]
pub(crate) fn node_script(name: &str, env: &[(&str, &str)]) {
    let node = programs().join("node");
    let node = if node.exists() { node } else { "node".into() };
    script(Command::new(node).arg("--test-force-exit"), name, env);
}

/// The same with Python; says loudly that it was skipped where Python's `venv` is missing.
#[track_caller]
pub(crate) fn python_script(name: &str, env: &[(&str, &str)]) {
    let python = python();
    if !python.exists() {
        eprintln!(
            "SKIPPED: {name}: python3 -m venv does not work here, see scripts/setup-tools.sh"
        );
        return;
    }
    script(&mut Command::new(python), name, env);
}

#[track_caller]
fn script(command: &mut Command, name: &str, env: &[(&str, &str)]) {
    for proxy in PROXIES {
        command.env_remove(proxy);
    }
    command.arg(root().join("tests/e2e/clients").join(name)).envs(env.iter().copied());
    let output = command.current_dir(root()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{said}\n{problem}", output.status);
}

impl Foundry {
    pub(crate) fn at(url: &str) -> Self {
        Self { url: url.to_owned(), records: tempfile::tempdir().unwrap() }
    }

    /// A file for a tool to read.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.records.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// One of the programs, pointed at the node.
    fn command(&self, program: &str, arguments: &[&str], env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(root());
        for proxy in PROXIES {
            command.env_remove(proxy);
        }
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env("PATH", format!("{}:{path}", programs().display()))
            .env("ETH_RPC_URL", &self.url)
            .env("FOUNDRY_BROADCAST", self.records.path().join("broadcast"))
            .env("FOUNDRY_DISABLE_NIGHTLY_WARNING", "1")
            .env("NO_COLOR", "1")
            .envs(env.iter().copied());
        command
    }

    fn run(
        &self,
        program: &str,
        arguments: &[&str],
        env: &[(&str, &str)],
    ) -> Result<String, String> {
        let mut command = self.command(program, arguments, env);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() {
            return Ok(text);
        }
        let problem = String::from_utf8_lossy(&output.stderr);
        Err(format!("{program} {arguments:?}: {}\n{text}\n{problem}", output.status))
    }

    /// What cast prints; it must succeed.
    #[track_caller]
    pub(crate) fn cast(&self, arguments: &[&str]) -> String {
        self.run("cast", arguments, &[]).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// What cast complains about; it must fail.
    #[track_caller]
    pub(crate) fn cast_fails(&self, arguments: &[&str]) -> String {
        self.run("cast", arguments, &[]).expect_err("cast succeeded")
    }

    /// What cast prints with `--json`.
    #[track_caller]
    pub(crate) fn cast_json(&self, arguments: &[&str]) -> Value {
        let text = self.cast(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// Sends a transaction of the owner of `key` and wants its receipt to say success.
    #[track_caller]
    pub(crate) fn send(&self, key: &str, arguments: &[&str]) -> Value {
        let receipt = self.cast_json(&[&["send", "--private-key", key], arguments].concat());
        assert_eq!(receipt["status"], "0x1", "{arguments:?}: {receipt}");
        receipt
    }

    /// What forge prints; it must succeed.
    #[track_caller]
    pub(crate) fn forge(&self, arguments: &[&str], env: &[(&str, &str)]) -> String {
        self.run("forge", arguments, env).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// forge, started and left to itself.
    pub(crate) fn start_forge(&self, arguments: &[&str], env: &[(&str, &str)]) -> Running {
        let mut command = self.command("forge", arguments, env);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Running(command.spawn().unwrap())
    }

    /// What shell lines print, with the node in the place of the usual address; they must succeed.
    #[track_caller]
    pub(crate) fn shell(&self, lines: &str) -> String {
        let lines = lines.replace("http://127.0.0.1:8545", &self.url);
        self.run("bash", &["-euo", "pipefail", "-c", &lines], &[])
            .unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// The transactions that `forge script` recorded for this chain.
    #[track_caller]
    pub(crate) fn broadcast(&self, script: &str, chain_id: u64) -> Value {
        let record = format!("broadcast/{script}/{chain_id}/run-latest.json");
        let text = std::fs::read(self.records.path().join(record)).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

/// A program that runs beside the test. It is killed when the test drops it.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Running {
    /// Does it still run?
    pub(crate) fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
