//! What happens to one client's documents? Each is answered on its own, so that a long call holds up no
//! other; a client that does not read its answers is not read either.

use super::{
    calls::Calls,
    frames::{Frames, Piece},
};
use crate::rpc::{
    RpcLimits, ids,
    middleware::{Front, Rules},
};
use jsonrpsee::{
    MethodResponse, Methods,
    core::{
        middleware::{Batch, BatchEntry, BatchEntryErr, Notification, Request, RpcServiceT},
        server::{BoundedSubscriptions, ConnectionId, MethodSink, prepare_error},
    },
    types::{
        ErrorObject, Id, InvalidRequest,
        error::{ErrorCode, reject_too_big_request},
    },
};
use serde_json::value::RawValue;
use std::{io, sync::Arc};
use tokio::{
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinSet,
};

/// Documents of one client that are answered at the same time.
const AT_ONCE: usize = 16;
/// Bytes read at a time.
const READ: usize = 64 << 10;

/// One client.
pub(super) struct Connection {
    front: Front<Calls>,
    sink: MethodSink,
    answers: mpsc::Receiver<Box<RawValue>>,
    /// Longest document, in bytes.
    limit: u32,
}

impl Connection {
    pub(super) fn new(
        id: ConnectionId,
        methods: &Methods,
        rules: &Arc<Rules>,
        limits: &RpcLimits,
    ) -> Self {
        let (queue, answers) = mpsc::channel(limits.buffered_messages.max(1) as usize);
        let sink = MethodSink::new_with_limit(queue, limits.response_bytes);
        let subscriptions = BoundedSubscriptions::new(limits.subscriptions);
        let inner = Calls { id, methods: methods.clone(), sink: sink.clone(), subscriptions };
        let front = Front::new(inner, rules);
        Self { front, sink, answers, limit: limits.body_bytes }
    }

    /// Answers what comes until the client has said all, or is gone.
    pub(super) async fn serve(self, stream: UnixStream) {
        let Self { front, sink, answers, limit } = self;
        let (read, write) = stream.into_split();
        let (said_all, ended) = oneshot::channel();
        let mut writer = JoinSet::new();
        writer.spawn(write_all(write, answers, ended));
        let mut calls = JoinSet::new();
        take_in(&read, &mut calls, &front, &sink, limit).await;
        // A client may close its side and still wait for its answers.
        while calls.join_next().await.is_some() {}
        // The writer may have ended before, with the client.
        let _ = said_all.send(());
        writer.join_next().await;
    }
}

/// Reads documents and begins to answer them.
async fn take_in(
    read: &OwnedReadHalf,
    calls: &mut JoinSet<()>,
    front: &Front<Calls>,
    sink: &MethodSink,
    limit: u32,
) {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut frames = Frames::new(limit as usize);
    let mut bytes = vec![0; READ];
    loop {
        let told = match frames.next() {
            Ok(Some(Piece::Document(document))) => {
                let Ok(turn) = turns.clone().acquire_owned().await else { return };
                calls.spawn(answer(front.clone(), sink.clone(), document, turn));
                while calls.try_join_next().is_some() {}
                Ok(())
            }
            Ok(Some(Piece::Noise)) => sink.send_error(Id::Null, ErrorCode::ParseError.into()).await,
            Ok(None) => match next_bytes(read, sink, &mut bytes).await {
                Ok(count) if count > 0 => {
                    frames.push(&bytes[..count]);
                    Ok(())
                }
                _ => return,
            },
            Err(_too_long) => {
                // Nobody knows where the next document begins. A client that is gone hears nothing.
                let _ = sink.send_error(Id::Null, reject_too_big_request(limit)).await;
                return;
            }
        };
        if told.is_err() {
            return;
        }
    }
}

/// Waits for bytes; none at the end of the stream, and when the client reads no more.
async fn next_bytes(
    read: &OwnedReadHalf,
    sink: &MethodSink,
    bytes: &mut [u8],
) -> io::Result<usize> {
    loop {
        tokio::select! {
            ready = read.readable() => ready?,
            () = sink.closed() => return Ok(0),
        }
        match read.try_read(bytes) {
            Err(early) if early.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
    }
}

/// Writes answers and news, each on a line, until the client is gone or all is said.
async fn write_all(
    write: OwnedWriteHalf,
    mut answers: mpsc::Receiver<Box<RawValue>>,
    mut ended: oneshot::Receiver<()>,
) {
    loop {
        let next = tokio::select! {
            biased;
            next = answers.recv() => next,
            _ = &mut ended => {
                // Subscriptions end here; what is in the queue still goes out.
                answers.close();
                answers.recv().await
            }
        };
        let Some(answer) = next else { return };
        let mut line = String::from(Box::<str>::from(answer));
        line.push('\n');
        if write_line(&write, line.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn write_line(write: &OwnedWriteHalf, mut line: &[u8]) -> io::Result<()> {
    while !line.is_empty() {
        write.writable().await?;
        match write.try_write(line) {
            Ok(count) => line = &line[count..],
            Err(early) if early.kind() == io::ErrorKind::WouldBlock => {}
            Err(failed) => return Err(failed),
        }
    }
    Ok(())
}

/// Answers one document, unless its client is gone before.
async fn answer(
    front: Front<Calls>,
    sink: MethodSink,
    document: Vec<u8>,
    turn: OwnedSemaphorePermit,
) {
    let own = ids::legible(&document);
    let asked = own.as_ref().map_or(document.as_slice(), |text| text.as_bytes());
    let response = tokio::select! {
        response = respond(&front, asked) => response,
        () = sink.closed() => return,
    };
    // A subscription has answered by itself.
    if response.is_method_call() || response.is_batch() {
        let is_success = response.is_success();
        let (answer, told, _extensions) = response.into_parts();
        let answer = if own.is_some() { with_own_ids(answer) } else { answer };
        if sink.send(answer).await.is_ok()
            && let Some(told) = told
        {
            told.notify(is_success);
        }
    }
    drop(turn);
}

fn with_own_ids(answer: Box<RawValue>) -> Box<RawValue> {
    RawValue::from_string(ids::with_own_ids(answer.get())).unwrap_or(answer)
}

async fn respond(front: &Front<Calls>, document: &[u8]) -> MethodResponse {
    if document.starts_with(b"[") {
        let Ok(entries) = serde_json::from_slice::<Vec<&RawValue>>(document) else {
            return MethodResponse::error(Id::Null, ErrorObject::from(ErrorCode::ParseError));
        };
        let entries = entries.into_iter().map(|entry| entry_of(entry.get()));
        return front.batch(Batch::from(entries.collect())).await;
    }
    if let Ok(request) = serde_json::from_slice::<Request<'_>>(document) {
        front.call(request).await
    } else if let Ok(notification) = serde_json::from_slice::<Notification<'_>>(document) {
        front.notification(notification).await
    } else {
        let (id, code) = prepare_error(document);
        MethodResponse::error(id, ErrorObject::from(code))
    }
}

fn entry_of(entry: &str) -> Result<BatchEntry<'_>, BatchEntryErr<'_>> {
    if let Ok(request) = serde_json::from_str::<Request<'_>>(entry) {
        Ok(BatchEntry::Call(request))
    } else if let Ok(notification) = serde_json::from_str::<Notification<'_>>(entry) {
        Ok(BatchEntry::Notification(notification))
    } else {
        let id = serde_json::from_str::<InvalidRequest<'_>>(entry).map_or(Id::Null, |bad| bad.id);
        Err(BatchEntryErr::new(id, ErrorCode::InvalidRequest.into()))
    }
}
