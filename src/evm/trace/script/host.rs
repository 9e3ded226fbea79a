//! How does a node run a script, and how does it end it? It starts a process, serves the state, and
//! kills the process when its time is over or nobody waits for the answer any more.

use super::wire::{Ask, Bounds, Failure, Request, Task, receive, send};
use crate::{
    evm::{
        EvmError, StateSource,
        trace::{TraceError, TraceLimits, run::Rules},
    },
    spec::ChainSpec,
};
use serde::de::DeserializeOwned;
use std::{
    io::{self, Read, Write},
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// The subcommand that [`super::serve`]s.
const COMMAND: &str = "script-tracer";
/// How much later than its time a script is killed; until then it says itself that it is late. The
/// process starts in that time too.
const GRACE: Duration = Duration::from_secs(1);
/// How long a wait lasts before it is looked whether somebody still wants the answer.
const LOOK: Duration = Duration::from_millis(50);
/// What an answer is wrapped in, in bytes.
const WRAPPING: usize = 64 << 10;
/// What is read of a process's last words, in bytes.
const LAST_WORDS: u64 = 4 << 10;

/// Where scripts run, and what each may use up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptHost {
    /// The program whose subcommand `script-tracer` runs a script: this one.
    pub program: PathBuf,
    /// Memory of one script, in bytes.
    pub memory: u64,
    /// Time of one request, however many transactions it traces.
    pub time: Duration,
}

impl Default for ScriptHost {
    fn default() -> Self {
        // Also there after the file was replaced by that of another version.
        let own = Path::new("/proc/self/exe");
        let program = if own.exists() { Some(own.into()) } else { std::env::current_exe().ok() };
        let program = program.unwrap_or_else(|| "mainspring".into());
        Self { program, memory: 256 << 20, time: Duration::from_secs(60) }
    }
}

impl ScriptHost {
    /// Runs a task over a state for at most `time`.
    pub(in crate::evm::trace) fn run<T: DeserializeOwned>(
        &self,
        rules: Rules<'_>,
        source: &StateSource,
        task: Task,
        time: Duration,
        limits: &TraceLimits,
    ) -> Result<T, TraceError> {
        let time = time.min(self.time);
        let until = Instant::now() + time + GRACE;
        let bounds = Bounds {
            memory: self.memory,
            seconds: (time + GRACE).as_secs() + 1,
            answer: limits.bytes,
            timeout: limits.timeout,
        };
        let request = Request {
            bounds,
            genesis: without_accounts(rules.spec),
            settings: rules.settings.clone(),
            task,
        };
        let (ours, theirs) = UnixStream::pair().map_err(TraceError::ScriptStart)?;
        let mut guest = Guest::start(&self.program, theirs).map_err(TraceError::ScriptStart)?;
        let mut pipe = Pipe::new(ours, until, &limits.stop).map_err(TraceError::ScriptStart)?;
        let answer = converse(&mut pipe, &request, source, limits.bytes);
        answer.map_err(|end| self.explain(end, &mut guest, limits.bytes))
    }

    /// Why is there no answer?
    fn explain(&self, end: End, guest: &mut Guest, bytes: usize) -> TraceError {
        match end {
            End::Said(Failure::Timeout) => TraceError::Timeout,
            End::Said(Failure::TooLarge) => TraceError::TooLarge { limit: bytes },
            End::Said(Failure::Because(text)) => TraceError::Script(text),
            End::State(error) => TraceError::Evm(error),
            End::Pipe(error) => match error.kind() {
                io::ErrorKind::TimedOut => TraceError::Timeout,
                io::ErrorKind::ConnectionAborted => TraceError::Unwanted,
                io::ErrorKind::FileTooLarge => TraceError::TooLarge { limit: bytes },
                _ => guest.last_words(self.memory),
            },
        }
    }
}

/// The genesis as far as rules look at it.
fn without_accounts(spec: &ChainSpec) -> alloy_genesis::Genesis {
    let genesis = &spec.genesis;
    alloy_genesis::Genesis {
        config: genesis.config.clone(),
        alloc: Default::default(),
        extra_data: genesis.extra_data.clone(),
        ..*genesis
    }
}

/// How a conversation ended without an answer.
enum End {
    Said(Failure),
    State(EvmError),
    Pipe(io::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Pipe(error)
    }
}

/// Serves the state until there is an answer.
fn converse<T: DeserializeOwned>(
    pipe: &mut Pipe<'_>,
    request: &Request,
    source: &StateSource,
    bytes: usize,
) -> Result<T, End> {
    let state = |error| End::State(EvmError::from(error));
    send(pipe, request)?;
    loop {
        match receive(pipe, bytes.saturating_add(WRAPPING))? {
            Ask::Account(address) => send(pipe, &source.account(address).map_err(state)?)?,
            Ask::Slot(address, slot) => {
                send(pipe, &source.storage(address, slot).map_err(state)?)?;
            }
            Ask::Code(hash) => send(pipe, &source.code(hash).map_err(state)?)?,
            Ask::BlockHash(number) => send(pipe, &source.block_hash(number).map_err(state)?)?,
            Ask::Done(answer) => {
                return Ok(serde_json::from_str(answer.get()).map_err(io::Error::from)?);
            }
            Ask::Failed(failure) => return Err(End::Said(failure)),
        }
    }
}

/// The process of a script. It ends with this value, whatever it does.
struct Guest(Child);

impl Guest {
    fn start(program: &Path, pipe: UnixStream) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.arg0("mainspring").arg(COMMAND);
        // Nothing of the node's surroundings is a script's business. Its allocator must not put
        // memory aside before there is a bound.
        command.env_clear().env("MIMALLOC_ARENA_RESERVE", "0");
        command.stdin(OwnedFd::from(pipe)).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().map(Self)
    }

    fn end(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Why the process hung up, from what it said.
    fn last_words(&mut self, memory: u64) -> TraceError {
        // If it has not ended, it does nothing useful any more. What it said stays in the pipe.
        self.end();
        let mut said = Vec::new();
        if let Some(words) = self.0.stderr.take() {
            let _ = words.take(LAST_WORDS).read_to_end(&mut said);
        }
        let said = String::from_utf8_lossy(&said);
        let is_memory = ["memory allocation of", "capacity overflow", "out of memory"];
        if is_memory.iter().any(|words| said.contains(words)) {
            return TraceError::ScriptMemory { limit: memory };
        }
        if said.contains("overflowed its stack") {
            return TraceError::ScriptStack;
        }
        let status = self.0.wait().map_or_else(|error| error.to_string(), |it| it.to_string());
        TraceError::ScriptLost { status }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.end();
    }
}

/// Our end of the pipe: no wait on it is longer than the script's time, or goes on when nobody wants
/// the answer.
struct Pipe<'a> {
    stream: UnixStream,
    until: Instant,
    stop: &'a AtomicBool,
}

impl<'a> Pipe<'a> {
    fn new(stream: UnixStream, until: Instant, stop: &'a AtomicBool) -> io::Result<Self> {
        stream.set_read_timeout(Some(LOOK))?;
        stream.set_write_timeout(Some(LOOK))?;
        Ok(Self { stream, until, stop })
    }

    fn patiently(
        &mut self,
        mut act: impl FnMut(&mut UnixStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            if Instant::now() > self.until {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match act(&mut self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }
}

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.patiently(|stream| stream.read(buffer))
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.patiently(|stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
