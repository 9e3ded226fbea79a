//! What does the process do that runs a script? It bounds itself, reads one request, executes, and
//! answers. Everything that it knows of the state it asks of the node.

use super::wire::{Ask, Bounds, Failure, Request, Task, receive, send};
use crate::{
    evm::{
        StateSource,
        error::ReadError,
        trace::{
            CallBase, Replay, TraceError,
            run::{Job, Rules},
        },
    },
    primitives::Account,
    spec::ChainSpec,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::{
    io::{self, BufReader},
    os::{fd::AsFd, unix::net::UnixStream},
    sync::Arc,
    thread,
};

/// Stack of the thread that runs the script, in bytes; only what is used takes memory.
const STACK: usize = 64 << 20;
/// How much later than others the process gets its turn on a busy machine.
const NICE: i32 = 10;
/// Longest message of the node, in bytes: more than a request can be, and the largest code.
const LONGEST: usize = u32::MAX as usize;

/// Why a script's process cannot do its work at all.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// Started by somebody who is no node.
    #[error("this command is for the node's own use: {0}")]
    Pipe(#[from] io::Error),
    /// The system does not let the process bound itself.
    #[error("cannot bound what a script may use up: {0}")]
    Bounds(#[from] rustix::io::Errno),
    /// The script's thread ended by itself.
    #[error("the script's thread failed")]
    Thread,
}

/// Serves the one request that comes through standard input, a socket, and answers there.
pub fn serve() -> Result<(), GuestError> {
    // A node that is killed takes its scripts with it.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // The node's own work comes first.
    let _ = rustix::process::nice(NICE);
    let pipe = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let work = move || -> Result<(), GuestError> {
        let mut pipe = Pipe { reader: BufReader::new(pipe.try_clone()?), writer: pipe };
        let request: Request = receive(&mut pipe.reader, LONGEST)?;
        bound(request.bounds)?;
        let pipe = Arc::new(Mutex::new(pipe));
        let last = match execute(request, Served(pipe.clone())) {
            Ok(answer) => Ask::Done(answer),
            Err(TraceError::Timeout) => Ask::Failed(Failure::Timeout),
            Err(TraceError::TooLarge { .. }) => Ask::Failed(Failure::TooLarge),
            Err(other) => Ask::Failed(Failure::Because(other.to_string())),
        };
        Ok(send(&mut pipe.lock().writer, &last)?)
    };
    let script = thread::Builder::new().name("script".to_owned()).stack_size(STACK).spawn(work)?;
    script.join().map_err(|_panicked| GuestError::Thread)?
}

/// From here on the process cannot get more memory or processor time than this.
fn bound(bounds: Bounds) -> Result<(), GuestError> {
    let memory = Some(mapped().saturating_add(bounds.memory));
    setrlimit(Resource::As, Rlimit { current: memory, maximum: memory })?;
    let seconds = Some(bounds.seconds);
    Ok(setrlimit(Resource::Cpu, Rlimit { current: seconds, maximum: seconds })?)
}

/// Bytes of address space in use: the program itself, its stacks, the request. Zero where the system
/// does not tell.
fn mapped() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}

fn execute(request: Request, served: Served) -> Result<Box<RawValue>, TraceError> {
    let Request { bounds, genesis, settings, task } = request;
    let spec = ChainSpec::from_genesis(genesis).map_err(TraceError::because)?;
    let rules = Rules { spec: &spec, settings: &settings };
    let replay = |over: super::wire::Replayed, source: Served| -> Result<Replay, TraceError> {
        let block = over.block().map_err(TraceError::because)?;
        Ok(Replay { source: source.into(), edits: over.edits, block })
    };
    match task {
        Task::Transactions { over, only, options } => {
            let job = Job::new(&options, bounds.answer, bounds.timeout)?;
            json(&job.transactions(rules, replay(over, served)?, only)?)
        }
        Task::After { header, bundles, options } => {
            let job = Job::new(&options.trace, bounds.answer, bounds.timeout)?;
            let base = CallBase::After(Box::new(StateSource::from(served)));
            json(&job.calls(rules, base, &header, bundles, options)?)
        }
        Task::Inside { over, index, header, bundles, options } => {
            let job = Job::new(&options.trace, bounds.answer, bounds.timeout)?;
            let base = CallBase::Inside(Box::new(replay(over, served)?), index);
            json(&job.calls(rules, base, &header, bundles, options)?)
        }
    }
}

fn json<T: serde::Serialize>(answer: &T) -> Result<Box<RawValue>, TraceError> {
    Ok(serde_json::value::to_raw_value(answer)?)
}

#[derive(Debug)]
struct Pipe {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

/// A state that the node serves, a read at a time.
#[derive(Clone, Debug)]
pub struct Served(Arc<Mutex<Pipe>>);

impl Served {
    fn ask<T: DeserializeOwned>(&self, ask: &Ask) -> Result<T, ReadError> {
        let pipe = &mut *self.0.lock();
        send(&mut pipe.writer, ask)?;
        Ok(receive(&mut pipe.reader, LONGEST)?)
    }

    pub(in crate::evm) fn account(&self, address: Address) -> Result<Option<Account>, ReadError> {
        self.ask(&Ask::Account(address))
    }

    pub(in crate::evm) fn storage(&self, address: Address, slot: U256) -> Result<U256, ReadError> {
        self.ask(&Ask::Slot(address, slot))
    }

    pub(in crate::evm) fn code(&self, hash: B256) -> Result<Bytes, ReadError> {
        self.ask(&Ask::Code(hash))
    }

    pub(in crate::evm) fn block_hash(&self, number: u64) -> Result<B256, ReadError> {
        self.ask(&Ask::BlockHash(number))
    }
}
