//! Does a node's process run, and how does it end?

use super::{DevnetError, error::file};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    env,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

/// A log that is longer than this begins anew at the next start; the old one stays beside it.
const LOG_BYTES: u64 = 16 << 20;
/// What of a log's end is looked at.
const TAIL_BYTES: u64 = 8 << 10;
/// What of it is shown.
const TAIL_LINES: usize = 12;
/// What of a log's beginning is searched for the node's address.
const HEAD_BYTES: u64 = 64 << 10;
/// Our own settings reach a node as flags only.
const SETTINGS: &str = "MAINSPRING_";
/// Of those, what the crash tests set.
const FAILPOINT: &str = "MAINSPRING_ABORT_AT";

/// A process of this program that lives as long as this one does, or shorter.
#[derive(Debug)]
pub(super) struct Process {
    /// Its standard input is a pipe of ours: when we are gone, however that came, it is closed, and the
    /// node ends.
    child: Child,
    log: PathBuf,
    /// Where in the log its own lines begin.
    begin: u64,
}

impl Process {
    /// Starts it. What it prints goes to the end of the log.
    pub(super) fn start(arguments: &[OsString], log: &Path) -> Result<Self, DevnetError> {
        let old = log.with_extension("old");
        if fs::metadata(log).is_ok_and(|log| log.len() > LOG_BYTES) {
            fs::rename(log, &old).map_err(file(&old))?;
        }
        let out = OpenOptions::new().create(true).append(true).open(log).map_err(file(log))?;
        let begin = out.metadata().map_err(file(log))?.len();
        let errors = out.try_clone().map_err(file(log))?;
        let program = env::current_exe().map_err(file(Path::new("mainspring")))?;
        let mut command = Command::new(&program);
        command.args(arguments).stdin(Stdio::piped()).stdout(out).stderr(errors);
        // A ctrl-c of the terminal is for the supervisor alone.
        command.process_group(0);
        let is_ours = |name: &OsString| {
            let name = name.to_string_lossy();
            name.starts_with(SETTINGS) && name != FAILPOINT
        };
        for (name, _value) in env::vars_os().filter(|(name, _value)| is_ours(name)) {
            command.env_remove(name);
        }
        let child = command.spawn().map_err(file(&program))?;
        Ok(Self { child, log: log.to_owned(), begin })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it has ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to end.
    pub(super) fn terminate(&self) -> io::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).map_err(io::Error::from)
    }

    /// Ends it at once.
    pub(super) fn kill(&mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }

    /// Where it says that it serves RPC, or that it serves none.
    pub(super) fn announced(&self) -> Option<Announced> {
        let mut text = String::new();
        let mut log = File::open(&self.log).ok()?;
        log.seek(SeekFrom::Start(self.begin)).ok()?;
        // A line that is being written may end in the middle of a letter.
        let _ = log.take(HEAD_BYTES).read_to_string(&mut text);
        let whole = text.rsplit_once('\n')?.0;
        whole.lines().find_map(Announced::read)
    }

    /// The end of what it has printed.
    pub(super) fn tail(&self) -> String {
        tail(&self.log, self.begin).unwrap_or_else(|error| error.to_string())
    }
}

/// Where a node serves RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Announced(pub(super) SocketAddr);

impl Announced {
    fn read(line: &str) -> Option<Self> {
        line.strip_prefix("Listening on ")?.trim().parse().ok().map(Self)
    }
}

fn tail(log: &Path, begin: u64) -> io::Result<String> {
    let mut log = File::open(log)?;
    let end = log.metadata()?.len();
    log.seek(SeekFrom::Start(begin.max(end.saturating_sub(TAIL_BYTES))))?;
    let mut bytes = Vec::new();
    log.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    Ok(last.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_of_this_start_are_shown() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let before = "of the start before\n";
        let lines: String = (1..=40).map(|number| format!("line {number}\n")).collect();
        fs::write(&log, format!("{before}{lines}")).unwrap();
        let shown = tail(&log, before.len() as u64).unwrap();
        assert_eq!(shown.lines().count(), TAIL_LINES);
        assert!(shown.starts_with("  line 29\n") && shown.ends_with("  line 40"), "{shown}");
        fs::write(&log, before).unwrap();
        assert_eq!(tail(&log, before.len() as u64).unwrap(), "");
    }

    #[test]
    fn an_address_is_read_from_its_line_only() {
        let read = |line| Announced::read(line).map(|found| found.0.port());
        assert_eq!(read("Listening on 127.0.0.1:8545"), Some(8545));
        assert_eq!(read("INFO Listening on 127.0.0.1:8545"), None);
        assert_eq!(read("Listening on a star"), None);
    }
}
