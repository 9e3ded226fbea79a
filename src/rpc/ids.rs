//! Is the `id` of a request one that an answer can carry? jsonrpsee takes a request with any other id
//! than a string, null or a whole number for a notification, and says nothing. Over HTTP, as in geth,
//! objects and lists make an invalid request, and what is left (1.5, -1, true) comes back as it was.

use http::{Method, header::CONTENT_LENGTH};
use http_body_util::BodyExt;
use jsonrpsee::{
    core::BoxError,
    server::{HttpBody, HttpRequest, HttpResponse},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// What jsonrpsee refuses as an invalid request with the id null.
const REFUSED: &str = r#"{"id":null}"#;
/// Begins the string that stands for an id which jsonrpsee does not know, as JSON writes it.
const MARK: &str = "\\u0000id ";

/// Looks at the ids of requests of at most so many bytes; longer ones are refused elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct IdsLayer {
    pub(super) body_bytes: u32,
}

impl<S> Layer<S> for IdsLayer {
    type Service = Ids<S>;

    fn layer(&self, inner: S) -> Ids<S> {
        Ids { inner, body_bytes: self.body_bytes.into() }
    }
}

/// The service that [`IdsLayer`] makes.
#[derive(Clone, Debug)]
pub(super) struct Ids<S> {
    inner: S,
    body_bytes: u64,
}

impl<S> Ids<S> {
    fn is_looked_at(&self, request: &HttpRequest) -> bool {
        let length = request.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        request.method() == Method::POST && length.is_some_and(|bytes| bytes <= self.body_bytes)
    }
}

impl<S> Service<HttpRequest> for Ids<S>
where
    S: Service<HttpRequest, Response = HttpResponse> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + Send + 'static,
{
    type Response = HttpResponse;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: HttpRequest) -> Self::Future {
        if !self.is_looked_at(&request) {
            let answer = self.inner.call(request);
            return Box::pin(async { answer.await.map_err(Into::into) });
        }
        // The one that is ready; its clone is for the next request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let Some(other) = legible(&body) else {
                let body = HttpBody::new(http_body_util::Full::new(body));
                return inner.call(HttpRequest::from_parts(parts, body)).await.map_err(Into::into);
            };
            let request = HttpRequest::from_parts(parts, HttpBody::from(other));
            let (mut parts, body) = inner.call(request).await.map_err(Into::into)?.into_parts();
            let answer = body.collect().await?.to_bytes();
            parts.headers.remove(CONTENT_LENGTH);
            let answer = String::from_utf8_lossy(&answer);
            Ok(HttpResponse::from_parts(parts, HttpBody::from(with_own_ids(&answer))))
        })
    }
}

/// The same requests with ids that jsonrpsee knows; `None` if all are such.
pub(super) fn legible(body: &[u8]) -> Option<String> {
    let text = str::from_utf8(body).ok()?;
    if !text.trim_start().starts_with('[') {
        return legible_one(text);
    }
    let batch: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let others: Vec<_> = batch.iter().map(|request| legible_one(request.get())).collect();
    if others.iter().all(Option::is_none) {
        return None;
    }
    let all = batch.iter().zip(&others);
    let all = all.map(|(request, other)| other.as_deref().unwrap_or(request.get()));
    Some(format!("[{}]", all.collect::<Vec<_>>().join(",")))
}

fn legible_one(request: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow, default)]
        id: Option<&'a RawValue>,
    }
    let id = serde_json::from_str::<Envelope<'_>>(request).ok()?.id?.get();
    if id.starts_with('"') || id == "null" || id.parse::<u64>().is_ok() {
        return None;
    }
    if id.starts_with(['{', '[']) {
        return Some(REFUSED.to_owned());
    }
    // A part of the request, so that its place is known.
    let start = id.as_ptr() as usize - request.as_ptr() as usize;
    let (before, after) = (&request[..start], &request[start + id.len()..]);
    Some(format!("{before}\"{MARK}{id}\"{after}"))
}

/// The answers with the ids as the caller wrote them.
pub(super) fn with_own_ids(answers: &str) -> String {
    let mut text = String::with_capacity(answers.len());
    let mut rest = answers;
    let mark = format!("\"id\":\"{MARK}");
    while let Some((before, after)) = rest.split_once(&mark) {
        let Some((id, after)) = after.split_once('"') else { break };
        text.push_str(before);
        text.push_str("\"id\":");
        text.push_str(id);
        rest = after;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_that_an_answer_cannot_carry_are_changed() {
        for id in ["1", "0", "18446744073709551615", "\"a\"", "\"\"", "null"] {
            assert_eq!(legible_one(&format!(r#"{{"id":{id},"method":"x"}}"#)), None, "{id}");
        }
        for id in ["{}", "[]", "[1]", "{\"a\":1}"] {
            let refused = legible_one(&format!(r#"{{"method":"x","id":{id}}}"#));
            assert_eq!(refused.as_deref(), Some(REFUSED), "{id}");
        }
        assert_eq!(legible_one(r#"{"method":"x"}"#), None, "a notification");
        assert_eq!(legible_one("no json"), None);
    }

    #[test]
    fn other_ids_come_back_as_they_were() {
        for id in ["1.5", "-1", "1e3", "true", "18446744073709551616"] {
            let request = format!(r#"{{"method":"x","id": {id} ,"params":[]}}"#);
            let other = legible_one(&request).unwrap();
            assert_eq!(other, format!(r#"{{"method":"x","id": "\u0000id {id}" ,"params":[]}}"#));
            let answer = format!(r#"[{{"id":7}},{{"id":"\u0000id {id}","result":"0x1"}}]"#);
            assert_eq!(
                with_own_ids(&answer),
                format!(r#"[{{"id":7}},{{"id":{id},"result":"0x1"}}]"#)
            );
        }
    }

    #[test]
    fn the_other_requests_of_a_batch_stay_as_they_are() {
        assert_eq!(legible(br#"[{"id":1,"method":"x"}]"#), None);
        let batch = legible(br#" [{"id":1, "method":"x"},{"id":{}}]"#);
        assert_eq!(batch.as_deref(), Some(r#"[{"id":1, "method":"x"},{"id":null}]"#));
    }
}
