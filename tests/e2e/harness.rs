//! How is a node started, killed and started again? The real binary in a directory of its own.

use crate::wire::Client;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Starting takes less than a second; more than this is a node that hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// What is kept of a node's output.
const KEPT_OUTPUT: usize = 256 << 10;

/// The program under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_mainspring");

/// Held by tests that keep both cores busy, so that they run one after the other.
pub(crate) fn heavy() -> MutexGuard<'static, ()> {
    static HEAVY: Mutex<()> = Mutex::new(());
    HEAVY.lock()
}

/// A folder of the published fixtures, which `MAINSPRING_FIXTURES` names; `None`, said loudly, where
/// it is not on this machine.
pub(crate) fn fixtures(part: &str) -> Option<PathBuf> {
    let named = std::env::var_os("MAINSPRING_FIXTURES").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures");
    let folder = named.unwrap_or_else(beside).join(part);
    if folder.exists() {
        return Some(folder);
    }
    eprintln!(
        "SKIPPED: no fixtures at {}; name their folder in MAINSPRING_FIXTURES",
        folder.display()
    );
    None
}

/// How a node is to be started.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    program: PathBuf,
    before: Vec<String>,
    flags: Vec<String>,
    env: Vec<(String, String)>,
    dir: Arc<TempDir>,
    adds_directory: bool,
    port: String,
}

impl Launch {
    /// With these flags, on a free port, in a new directory.
    pub(crate) fn new(flags: &[&str]) -> Self {
        Self {
            program: BINARY.into(),
            before: Vec::new(),
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
            env: Vec::new(),
            dir: Arc::new(tempfile::tempdir().unwrap()),
            adds_directory: true,
            port: "0".into(),
        }
    }

    /// Leaves `--datadir` out.
    pub(crate) fn without_directory(mut self) -> Self {
        self.adds_directory = false;
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without what [`Launch::env`] has set.
    pub(crate) fn without_env(mut self) -> Self {
        self.env.clear();
        self
    }

    /// The same directory with these flags instead.
    pub(crate) fn with_flags(&self, flags: &[&str]) -> Self {
        let flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        Self { flags, ..self.clone() }
    }

    pub(crate) fn on_port(mut self, port: &str) -> Self {
        self.port = port.to_owned();
        self
    }

    /// Another name or place of the binary.
    pub(crate) fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = program.into();
        self
    }

    /// Started by `sh`, after this command, as the same process.
    pub(crate) fn after(mut self, command: &str) -> Self {
        let program = std::mem::replace(&mut self.program, "sh".into());
        let script = format!("{command}; exec \"$0\" \"$@\"");
        self.before = vec!["-c".into(), script, program.display().to_string()];
        self
    }

    /// Started by this program, which becomes the node.
    pub(crate) fn inside(mut self, program: &str, arguments: &[&str]) -> Self {
        let inner = std::mem::replace(&mut self.program, program.into());
        let arguments = arguments.iter().map(|&argument| argument.to_owned());
        self.before.splice(0..0, arguments.chain([inner.display().to_string()]));
        self
    }

    /// Without the command of [`Launch::after`].
    pub(crate) fn at_once(mut self) -> Self {
        if let Some(program) = self.before.pop() {
            self.program = program.into();
        }
        self.before.clear();
        self
    }

    /// Where the node keeps its data.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The directory around the data, the working directory of the node.
    pub(crate) fn home(&self) -> &Path {
        self.dir.path()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.before).args(&self.flags).args(["--port", &self.port]);
        if self.adds_directory {
            command.arg("--datadir").arg(self.data_dir());
        }
        command.envs(self.env.iter().cloned()).current_dir(self.home());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts it and waits until it listens.
    #[track_caller]
    pub(crate) fn start(&self) -> Node {
        self.try_start().unwrap_or_else(|refused| panic!("the node ended: {refused}"))
    }

    /// Starts it; it listens, or ends with this exit status and output.
    pub(crate) fn try_start(&self) -> Result<Node, String> {
        let started = Instant::now();
        let mut child = self.command().spawn().unwrap();
        let output = Output::follow(&mut child);
        let Some(address) = output.wait_for_address() else {
            let status = child.wait().unwrap();
            return Err(format!("{status}\n{}", output.text()));
        };
        Ok(Node {
            client: Client::new(address).into(),
            address,
            started_in: started.elapsed(),
            banner: output.text(),
            launch: self.clone(),
            output,
            child,
        })
    }

    /// Starts it and wants it to refuse: an exit status that is not zero, and these words.
    #[track_caller]
    pub(crate) fn is_refused(&self, words: &[&str]) {
        let Err(said) = self.try_start() else { panic!("the node started") };
        assert!(said.starts_with("exit status: ") && !said.starts_with("exit status: 0"), "{said}");
        assert!(!said.contains("panicked"), "{said}");
        for word in words {
            assert!(said.contains(word), "nothing says {word:?}:\n{said}");
        }
    }
}

/// A running node. It is killed when the test drops it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    /// From the start of the process to its `Listening` line.
    pub(crate) started_in: Duration,
    /// Everything up to the `Listening` line.
    pub(crate) banner: String,
    pub(crate) launch: Launch,
    client: std::cell::RefCell<Client>,
    output: Output,
    child: Child,
}

impl Node {
    /// A new chain with these flags.
    #[track_caller]
    pub(crate) fn start(flags: &[&str]) -> Self {
        Launch::new(flags).start()
    }

    /// The connection of this thread's test.
    pub(crate) fn client(&self) -> std::cell::RefMut<'_, Client> {
        self.client.borrow_mut()
    }

    /// A connection of its own for another thread.
    pub(crate) fn new_client(&self) -> Client {
        Client::new(self.address)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far, on both channels.
    pub(crate) fn output(&self) -> String {
        self.output.text()
    }

    /// Waits until it has printed these words.
    #[track_caller]
    pub(crate) fn says(&self, words: &str) {
        self.output.wait_for(words);
    }

    /// The end that no process can prepare for.
    pub(crate) fn kill9(mut self) -> Launch {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.launch.clone()
    }

    /// Asks it to end and wants a clean end.
    #[track_caller]
    pub(crate) fn stop(mut self, signal: &str) -> Launch {
        self.signal(signal);
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "after SIG{signal}: {status}:\n{}", self.output.text());
        self.launch.clone()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.pid());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits until it ends by itself.
    pub(crate) fn ended(mut self) -> (ExitStatus, Launch) {
        (self.child.wait().unwrap(), self.launch.clone())
    }

    /// The same directory, started again after `kill -9`.
    #[track_caller]
    pub(crate) fn restart(self) -> Self {
        self.kill9().start()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the node said:\n{}", tail(&self.output.text(), 4_000));
        }
    }
}

fn tail(text: &str, bytes: usize) -> &str {
    let mut from = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

/// What a process prints, read as it comes so that it never waits for us.
#[derive(Clone, Debug)]
struct Output(Arc<(Mutex<Printed>, Condvar)>);

#[derive(Debug, Default)]
struct Printed {
    text: String,
    address: Option<SocketAddr>,
    open_channels: usize,
}

impl Output {
    fn follow(child: &mut Child) -> Self {
        let output = Self(Arc::default());
        output.0.0.lock().open_channels = 2;
        output.read(child.stdout.take().unwrap());
        output.read(child.stderr.take().unwrap());
        output
    }

    fn read(&self, channel: impl Read + Send + 'static) {
        let output = self.clone();
        let reader = std::thread::Builder::new().name("output".into());
        let follow = move || {
            let mut lines = BufReader::new(channel);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                output.take(&String::from_utf8_lossy(&line));
                line.clear();
            }
            output.0.0.lock().open_channels -= 1;
            output.0.1.notify_all();
        };
        reader.spawn(follow).unwrap();
    }

    fn take(&self, line: &str) {
        let (printed, changed) = &*self.0;
        let mut printed = printed.lock();
        if printed.text.len() > KEPT_OUTPUT {
            printed.text = tail(&printed.text, KEPT_OUTPUT / 2).to_owned();
        }
        printed.text.push_str(line);
        changed.notify_all();
        if let Some(address) = line.trim().strip_prefix("Listening on ") {
            printed.address = address.parse().ok();
            changed.notify_all();
        }
    }

    /// `None` if the process closed its output without listening.
    fn wait_for_address(&self) -> Option<SocketAddr> {
        let (printed, changed) = &*self.0;
        let mut printed = printed.lock();
        while printed.address.is_none() && printed.open_channels > 0 {
            let waited = changed.wait_for(&mut printed, PATIENCE);
            assert!(!waited.timed_out(), "neither listens nor ends:\n{}", printed.text);
        }
        printed.address
    }

    /// Waits until these words were printed.
    #[track_caller]
    fn wait_for(&self, words: &str) {
        let (printed, changed) = &*self.0;
        let mut printed = printed.lock();
        let deadline = Instant::now() + PATIENCE;
        while !printed.text.contains(words) {
            let waited = changed.wait_until(&mut printed, deadline);
            assert!(!waited.timed_out(), "nothing says {words:?}:\n{}", tail(&printed.text, 4_000));
        }
    }

    fn text(&self) -> String {
        self.0.0.lock().text.clone()
    }
}
