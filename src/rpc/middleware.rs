//! What happens to every request: a log line, a name for what is unknown, batches.

use super::{
    Dialect, arguments,
    calls::{Calls, Open, Transport},
    clients::Visitor,
    error::{method_elsewhere, no_notifications, not_for_pages, unknown_method, unnamed_method},
};
use crate::chain::Chain;
use jsonrpsee::{
    BatchResponseBuilder, MethodResponse, Methods,
    core::middleware::{
        Batch, BatchEntry, BatchEntryErr, Notification, Request, ResponseFuture, RpcServiceT,
    },
    types::{
        ErrorObject, ErrorObjectOwned, Id,
        error::{INVALID_PARAMS_CODE, INVALID_REQUEST_CODE},
    },
};
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Semaphore,
};

/// Methods whose answer waits for a block. Neighbours of this kind in a batch are handed in
/// together, in their order, so that a batch of sends becomes a block and not a block each.
const SENDS: [&str; 2] = ["eth_sendRawTransaction", "eth_sendTransaction"];

/// Methods that need a connection on which news can be sent.
const SUBSCRIPTIONS: [&str; 6] = [
    "admin_peerEvents",
    "admin_peerEvents_unsubscribe",
    "admin_subscribe",
    "admin_unsubscribe",
    "eth_subscribe",
    "eth_unsubscribe",
];

/// Methods that work with files of the machine: no page that a browser shows may call them.
const FILES: &str = "admin_";

/// Longest part of a method's name that is logged and sent back, in characters.
const LEGIBLE: usize = 80;

/// Marks a request that came over HTTP, where nothing can be sent later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Http;

/// Marks a request that a browser sent for a web page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page;

/// What the layer needs to know; shared by all connections.
pub(super) struct Rules {
    /// Every method that is served.
    pub(super) methods: Methods,
    /// Methods that mean nothing on this chain, and on which chains they do.
    pub(super) elsewhere: HashMap<&'static str, &'static str>,
    /// Methods of namespaces that are not served here.
    pub(super) unnamed: HashSet<&'static str>,
    /// The words of errors.
    pub(super) dialect: Dialect,
    /// Most requests in one batch.
    pub(super) batch_requests: usize,
    /// Longest answer to a batch, in bytes.
    pub(super) response_bytes: usize,
    /// What the methods read: of a fork, any read may wait for the network.
    pub(super) chain: Arc<Chain>,
    /// Threads that may wait at once for light methods of a fork.
    pub(super) waits: Arc<Semaphore>,
    /// Where calls are counted.
    pub(super) calls: Arc<Calls>,
    /// How they come in.
    pub(super) transport: Transport,
}

impl Rules {
    /// The answer to a method that is not served.
    fn refuse_unknown(&self, method: &str) -> ErrorObjectOwned {
        if let Some(chains) = self.elsewhere.get(method) {
            method_elsewhere(method, chains)
        } else if self.unnamed.contains(method) {
            unnamed_method(method)
        } else {
            unknown_method(&legible(method))
        }
    }
}

/// The service around jsonrpsee's own.
#[derive(Clone)]
pub(super) struct Front<S> {
    inner: S,
    rules: Arc<Rules>,
    _open: Arc<Open>,
}

impl<S> Front<S> {
    /// For one request over HTTP, or one connection of another kind.
    pub(super) fn new(inner: S, rules: &Arc<Rules>) -> Self {
        let open = rules.calls.open(rules.transport).into();
        Self { inner, rules: rules.clone(), _open: open }
    }

    fn is_known(&self, method: &str) -> bool {
        self.rules.methods.method(method).is_some()
    }
}

/// Runs something that may wait for the network where others do not wait for it: the runtime goes on
/// with another thread meanwhile.
fn in_place<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// A future that may wait for the network whenever it is polled.
struct InPlace<F>(Pin<Box<F>>);

impl<F: Future> Future for InPlace<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        in_place(|| self.0.as_mut().poll(context))
    }
}

impl<S> RpcServiceT for Front<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let method = request.method_name();
        let (calls, began) = (self.rules.calls.clone(), Instant::now());
        let called = calls.place(method);
        let visitor = request.extensions().get::<Visitor>().cloned();
        if let Some(enough) = visitor.as_ref().and_then(|visitor| visitor.ask().err()) {
            tracing::debug!(target: "rpc", "refused: {enough}");
            calls.answered(called, began, false);
            return ResponseFuture::ready(MethodResponse::error(request.id, enough));
        }
        let error = if !self.is_known(method) {
            self.rules.refuse_unknown(method)
        } else if SUBSCRIPTIONS.contains(&method) && request.extensions().get::<Http>().is_some() {
            no_notifications()
        } else if method.starts_with(FILES) && request.extensions().get::<Page>().is_some() {
            not_for_pages(method)
        } else {
            tracing::info!(target: "rpc", "{method}");
            let (id, dialect) = (request.id.clone(), self.rules.dialect);
            let asked = Asked::of(&request);
            // Light methods answer in the call, others in the future.
            let waits = self.rules.chain.remote().is_some();
            let begun = match waits {
                false => Ok(dialect.speak(|| self.inner.call(request))),
                true => Err((self.clone(), request)),
            };
            return ResponseFuture::future(async move {
                let answer = match begun {
                    Ok(begun) => dialect.speak_in(begun).await,
                    Err((front, request)) => {
                        let turn = front.rules.waits.acquire().await;
                        let begun = in_place(|| dialect.speak(|| front.inner.call(request)));
                        drop(turn);
                        InPlace(Box::pin(dialect.speak_in(begun))).await
                    }
                };
                calls.answered(called, began, answer.is_success());
                let answer = in_words(id, asked, answer);
                if let Some(visitor) = visitor {
                    visitor.spend(answer.as_ref().len());
                }
                answer
            });
        };
        tracing::info!(target: "rpc", "refused: {}", error.message());
        calls.answered(called, began, false);
        ResponseFuture::ready(MethodResponse::error(request.id, error))
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let front = self.clone();
        async move {
            let refused = refusal(batch.len(), front.rules.batch_requests);
            match refused {
                Some(error) => MethodResponse::error(Id::Null, error),
                None => front.answer(batch).await,
            }
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        let method = legible(notification.method_name());
        tracing::info!(target: "rpc", "{method} (a notification: not run)");
        self.inner.notification(notification)
    }
}

impl<S> Front<S>
where
    Self: RpcServiceT<MethodResponse = MethodResponse, NotificationResponse = MethodResponse>,
{
    /// Answers a batch in its order, stopping where the answer grows too long.
    async fn answer(&self, batch: Batch<'_>) -> MethodResponse {
        let mut answers = BatchResponseBuilder::new_with_limit(self.rules.response_bytes);
        let mut entries = batch.into_iter().peekable();
        // Was something asked that is not answered with the others?
        let mut is_silent = false;
        while let Some(entry) = entries.next() {
            let done = match entry {
                Ok(BatchEntry::Call(request)) if is_send(&request) => {
                    let mut sends = vec![Box::pin(self.call(request))];
                    while let Some(Ok(BatchEntry::Call(next))) = entries.next_if(is_send_entry) {
                        sends.push(Box::pin(self.call(next)));
                    }
                    together(sends).await
                }
                Ok(BatchEntry::Call(request)) => vec![self.call(request).await],
                Ok(BatchEntry::Notification(notification)) => {
                    is_silent = true;
                    self.notification(notification).await;
                    continue;
                }
                Err(broken) => vec![broken_entry(broken)],
            };
            for answer in done {
                if answer.is_subscription() {
                    // Its client has it: jsonrpsee sends it when the subscription is made or refused.
                    is_silent = true;
                    continue;
                }
                if let Err(too_long) = answers.append(answer) {
                    return too_long;
                }
            }
        }
        if answers.is_empty() && is_silent {
            return MethodResponse::notification();
        }
        MethodResponse::from_batch(answers.finish())
    }
}

/// Why a batch of that many requests is not answered, in geth's words.
fn refusal(requests: usize, limit: usize) -> Option<ErrorObject<'static>> {
    let text = match requests {
        0 => "empty batch".to_owned(),
        _ if requests > limit => format!("batch too large: {requests} requests, {limit} allowed"),
        _ => return None,
    };
    Some(ErrorObject::owned(INVALID_REQUEST_CODE, text, None::<()>))
}

/// What was called with which arguments, for who has to say what is wrong with them.
struct Asked<'a> {
    method: Cow<'a, str>,
    /// `None` if there are too many bytes of them.
    params: Option<Option<Cow<'a, RawValue>>>,
}

impl<'a> Asked<'a> {
    fn of(request: &Request<'a>) -> Self {
        let length = request.params.as_ref().map_or(0, |params| params.get().len());
        let params = (length <= arguments::LONGEST).then(|| request.params.clone());
        Self { method: request.method.clone(), params }
    }

    fn explain(&self, reason: &str) -> String {
        let params = self.params.as_ref().map(|params| params.as_deref());
        arguments::explain(&self.method, params, reason)
    }
}

/// Says in the message what jsonrpsee says in the data about parameters that cannot be read: that is
/// where geth's clients look for it, and geth's errors of this kind have no data.
fn in_words(id: Id<'_>, asked: Asked<'_>, answer: MethodResponse) -> MethodResponse {
    #[derive(serde::Deserialize)]
    struct Failed {
        error: ErrorObjectOwned,
    }
    // The answer to a subscription is with its client already: another one would be sent as well.
    if answer.is_subscription() || answer.as_error_code() != Some(INVALID_PARAMS_CODE) {
        return answer;
    }
    let failed = serde_json::from_str::<Failed>(answer.as_ref());
    let reason = failed.ok().and_then(|failed| {
        let reason = serde_json::from_str::<String>(failed.error.data()?.get()).ok()?;
        Some(asked.explain(&reason))
    });
    match reason {
        Some(text) => {
            MethodResponse::error(id, ErrorObject::owned(INVALID_PARAMS_CODE, text, None::<()>))
        }
        None => answer,
    }
}

/// A name that somebody made up, fit for a line of the log: no control characters, not endless.
fn legible(method: &str) -> String {
    method.chars().filter(|letter| !letter.is_control()).take(LEGIBLE).collect()
}

fn broken_entry(broken: BatchEntryErr<'_>) -> MethodResponse {
    let (error, id) = broken.into_parts();
    MethodResponse::error(id, error)
}

fn is_send(request: &Request<'_>) -> bool {
    SENDS.contains(&request.method_name())
}

fn is_send_entry(entry: &Result<BatchEntry<'_>, BatchEntryErr<'_>>) -> bool {
    matches!(entry, Ok(BatchEntry::Call(request)) if is_send(request))
}

/// Starts all futures in their order and waits for the last of them.
async fn together<F: Future>(mut futures: Vec<Pin<Box<F>>>) -> Vec<F::Output> {
    let mut results: Vec<Option<F::Output>> = futures.iter().map(|_future| None).collect();
    poll_fn(|context| {
        let mut is_done = true;
        for (future, result) in futures.iter_mut().zip(&mut results) {
            if result.is_some() {
                continue;
            }
            match future.as_mut().poll(context) {
                Poll::Ready(value) => *result = Some(value),
                Poll::Pending => is_done = false,
            }
        }
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn an_empty_and_a_long_batch_are_refused() {
        let text = |requests| refusal(requests, 2).map(|error| error.message().to_owned());
        assert_eq!(text(0).as_deref(), Some("empty batch"));
        assert_eq!(text(2), None);
        assert_eq!(text(3).as_deref(), Some("batch too large: 3 requests, 2 allowed"));
        assert_eq!(refusal(0, 2).map(|error| error.code()), Some(-32600));
    }

    #[test]
    fn what_is_wrong_with_a_parameter_is_in_the_message() {
        let data = Some("expected hex at line 1 column 4");
        let error = ErrorObject::owned(INVALID_PARAMS_CODE, "Invalid params", data);
        let asked = || Asked { method: "eth_getBalance".into(), params: None };
        let answer = in_words(Id::Number(7), asked(), MethodResponse::error(Id::Number(7), error));
        let text = "invalid argument: expected hex at line 1 column 4";
        let wanted = serde_json::json!({
            "jsonrpc": "2.0", "id": 7, "error": { "code": -32602, "message": text }
        });
        let shown: serde_json::Value = serde_json::from_str(answer.as_ref()).unwrap();
        assert_eq!(shown, wanted);
        let ours = ErrorObject::owned(INVALID_PARAMS_CODE, "too many slots", None::<()>);
        let answer = in_words(Id::Number(7), asked(), MethodResponse::error(Id::Number(7), ours));
        assert!(answer.as_ref().contains("too many slots"));
    }

    #[test]
    fn a_made_up_name_stays_on_its_line() {
        assert_eq!(legible("eth_call"), "eth_call");
        assert_eq!(legible("a\nb\u{1b}[31m"), "ab[31m");
        assert_eq!(legible(&"x".repeat(1_000)).len(), LEGIBLE);
    }

    #[tokio::test]
    async fn sends_of_a_batch_start_in_order_before_any_is_done() {
        let started = Arc::new(Mutex::new(Vec::new()));
        let all_started = Arc::new(tokio::sync::Barrier::new(3));
        let send = |number: u32| {
            let (started, all_started) = (started.clone(), all_started.clone());
            Box::pin(async move {
                started.lock().unwrap().push(number);
                all_started.wait().await;
                number
            })
        };
        let results = together(vec![send(1), send(2), send(3)]).await;
        assert_eq!(results, [1, 2, 3]);
        assert_eq!(*started.lock().unwrap(), [1, 2, 3]);
    }
}
