//! On which port are the numbers, and how many may ask at once?

use super::Sources;
use crate::node::NodeError;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CONNECTION, CONTENT_TYPE},
};
use jsonrpsee::server::{HttpBody, serve};
use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{Mutex, Semaphore},
    task::{JoinSet, spawn_blocking},
    time::{sleep, timeout},
};
use tower::service_fn;

/// Where the numbers are.
const PATH: &str = "/metrics";
/// Connections at the same time; more are closed at once.
const CONNECTIONS: usize = 16;
/// From the first byte to the last: a connection is for one question.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it is waited before the next connection is taken after the system refused one.
const REFUSED: Duration = Duration::from_millis(100);

const TEXT: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// An open port.
#[derive(Debug)]
pub(in crate::node) struct MetricsServer {
    listener: TcpListener,
    address: SocketAddr,
}

impl MetricsServer {
    /// Opens the port, if there is to be one; 0 takes a free one.
    pub(in crate::node) async fn open(
        wanted: Option<SocketAddr>,
    ) -> Result<Option<Self>, NodeError> {
        let Some(wanted) = wanted else { return Ok(None) };
        let failed = |source| NodeError::Metrics { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Some(Self { listener, address }))
    }

    /// Where it is.
    pub(in crate::node) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is dropped.
    pub(in crate::node) async fn run(self, sources: Sources) {
        let scrape = Arc::new(Mutex::new(sources));
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _from)) => stream,
                Err(reason) => {
                    tracing::warn!(target: "metrics", %reason, "a connection was not taken");
                    sleep(REFUSED).await;
                    continue;
                }
            };
            while connections.try_join_next().is_some() {}
            let Ok(place) = room.clone().try_acquire_owned() else {
                tracing::warn!(target: "metrics", "too many ask at once; one was sent away");
                continue;
            };
            let scrape = scrape.clone();
            connections.spawn(async move {
                let service = service_fn(move |request| answer(request, scrape.clone()));
                // Whoever asks and goes, or takes too long, hears nothing.
                let _ = timeout(PATIENCE, serve(stream, service)).await;
                drop(place);
            });
        }
    }
}

async fn answer<B>(
    request: Request<B>,
    scrape: Arc<Mutex<Sources>>,
) -> Result<Response<HttpBody>, Infallible> {
    let is_asked = request.method() == Method::GET || request.method() == Method::HEAD;
    let (status, kind, text) = match request.uri().path() {
        PATH if is_asked => match collected(scrape).await {
            Some(text) => (StatusCode::OK, OPEN_METRICS, text),
            None => {
                let said = "the numbers could not be collected; the log says why\n".to_owned();
                (StatusCode::INTERNAL_SERVER_ERROR, TEXT, said)
            }
        },
        PATH => (StatusCode::METHOD_NOT_ALLOWED, TEXT, "ask with GET\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, TEXT, format!("the numbers are at {PATH}\n")),
    };
    let mut response = Response::new(HttpBody::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    Ok(response)
}

/// Collects the numbers, for one after the other: whoever asks often does not keep the node busy with
/// more than one thread.
async fn collected(scrape: Arc<Mutex<Sources>>) -> Option<String> {
    let turn = scrape.lock_owned().await;
    let text = spawn_blocking(move || turn.text()).await;
    text.ok()?.ok()
}
