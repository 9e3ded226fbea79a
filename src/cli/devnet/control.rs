//! What does a second terminal say to the supervisor? One line of JSON each way, over a Unix socket that
//! only the user can open.

use super::{
    DevnetError, Layout,
    error::{Refusal, file},
    report::{self, Row},
};
use serde::{Deserialize, Serialize};
use std::{
    fmt, fs,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    time::Duration,
};
use tokio::net::UnixListener;

/// Longest line, in bytes.
const LINE: u64 = 64 << 10;
/// Who has connected says at once what it wants.
const ASKED_WITHIN: Duration = Duration::from_secs(5);
/// Every wish is granted or refused by then: each node is given time to end or to start.
const ANSWERED_WITHIN: Duration = Duration::from_secs(600);
/// Only the user may open the socket.
const OWN: u32 = 0o600;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    Stop,
    Kill,
    Start,
    Cut,
    Heal,
    Status,
}

/// What is to be done to whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Wish {
    pub(super) action: Action,
    pub(super) nodes: Vec<String>,
}

/// What was done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    /// This, in words.
    Done(Vec<String>),
    /// The nodes, for who asked after them.
    Nodes(Vec<Row>),
    /// Nothing, or not all of it.
    Refused(String),
}

/// Somebody who has connected.
pub(super) struct Asker(BufReader<UnixStream>);

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asker")
    }
}

/// Opens the socket. One that a dead supervisor left is replaced: the directory is ours.
pub(super) fn listen(layout: &Layout) -> Result<UnixListener, DevnetError> {
    let path = layout.control();
    if path.exists() {
        fs::remove_file(&path).map_err(file(&path))?;
    }
    let listener = UnixListener::bind(&path).map_err(file(&path))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(OWN)).map_err(file(&path))?;
    Ok(listener)
}

impl Asker {
    /// The next who connects.
    pub(super) async fn next(listener: &UnixListener) -> io::Result<Self> {
        let (stream, _nameless) = listener.accept().await?;
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(ASKED_WITHIN))?;
        stream.set_write_timeout(Some(ASKED_WITHIN))?;
        Ok(Self(BufReader::new(stream)))
    }

    pub(super) fn wish(&mut self) -> io::Result<Wish> {
        let mut line = String::new();
        self.0.by_ref().take(LINE).read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    pub(super) fn answer(self, answer: &Answer) -> io::Result<()> {
        let mut stream = self.0.into_inner();
        stream.write_all(&serde_json::to_vec(answer)?)?;
        stream.write_all(b"\n")
    }
}

/// Hands a wish to the supervisor and answers what it says, a line each.
pub(super) fn ask(layout: &Layout, wish: &Wish) -> Result<Vec<String>, DevnetError> {
    let not_running = |_source| DevnetError::NotRunning { dir: layout.dir.clone() };
    let stream = UnixStream::connect(layout.control()).map_err(not_running)?;
    let failed = |source| DevnetError::Control { dir: layout.dir.clone(), source };
    match exchange(stream, wish).map_err(failed)? {
        Answer::Done(lines) => Ok(lines),
        Answer::Nodes(rows) => Ok(report::with_heads(layout, &rows)),
        Answer::Refused(reason) => Err(DevnetError::Wish(Refusal(reason))),
    }
}

fn exchange(mut stream: UnixStream, wish: &Wish) -> io::Result<Answer> {
    stream.set_read_timeout(Some(ANSWERED_WITHIN))?;
    stream.write_all(&serde_json::to_vec(wish)?)?;
    stream.write_all(b"\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    if line.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "it ended before it had answered",
        ));
    }
    Ok(serde_json::from_str(&line)?)
}
