//! Is the node alive, and can it take work? `GET /health` and `GET /ready`, beside the methods.

use super::middleware::{Http, Page};
use http::{
    HeaderValue, Method, StatusCode,
    header::{CONTENT_TYPE, ORIGIN, UPGRADE},
};
use jsonrpsee::server::{HttpBody, HttpRequest, HttpResponse};
use serde_json::json;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// Asks the node whether it can take work; the text says why not (a full disk, a sealer that
/// stopped).
#[derive(Clone)]
pub struct Readiness(Arc<dyn Fn() -> Result<(), String> + Send + Sync>);

impl Readiness {
    /// Wraps the question.
    pub fn new(ask: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    fn answer(&self) -> HttpResponse {
        match (self.0)() {
            Ok(()) => reply(StatusCode::OK, &json!({ "status": "ready" })),
            Err(reason) => {
                let body = json!({ "status": "not ready", "reason": reason });
                reply(StatusCode::SERVICE_UNAVAILABLE, &body)
            }
        }
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readiness")
    }
}

/// Answers the two paths and hands everything else on.
#[derive(Clone, Debug)]
pub(super) struct HealthLayer {
    pub(super) ready: Readiness,
    /// Take a POST without a content type for JSON. Off where cross-origin requests are not
    /// allowed: a page may send such a request without asking first.
    pub(super) assume_json: bool,
}

impl<S> Layer<S> for HealthLayer {
    type Service = Health<S>;

    fn layer(&self, inner: S) -> Health<S> {
        Health { inner, layer: self.clone() }
    }
}

/// The service that [`HealthLayer`] makes.
#[derive(Clone, Debug)]
pub(super) struct Health<S> {
    inner: S,
    layer: HealthLayer,
}

impl<S> Service<HttpRequest> for Health<S>
where
    S: Service<HttpRequest, Response = HttpResponse>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = HttpResponse;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: HttpRequest) -> Self::Future {
        let answer = match (request.method(), request.uri().path()) {
            (&Method::GET, "/health") => reply(StatusCode::OK, &json!({ "status": "ok" })),
            (&Method::GET, "/ready") => self.layer.ready.answer(),
            _ => {
                if self.layer.assume_json && !request.headers().contains_key(CONTENT_TYPE) {
                    let json = HeaderValue::from_static("application/json");
                    request.headers_mut().insert(CONTENT_TYPE, json);
                }
                if !request.headers().contains_key(UPGRADE) {
                    request.extensions_mut().insert(Http);
                }
                if request.headers().contains_key(ORIGIN) {
                    request.extensions_mut().insert(Page);
                }
                return Box::pin(self.inner.call(request));
            }
        };
        Box::pin(async { Ok(answer) })
    }
}

fn reply(status: StatusCode, body: &serde_json::Value) -> HttpResponse {
    let mut response = HttpResponse::new(HttpBody::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::convert::Infallible;
    use tower::{ServiceExt, service_fn};

    async fn ask(request: HttpRequest, ready: Result<(), String>) -> (StatusCode, String) {
        let ready = Readiness::new(move || ready.clone());
        let echo = service_fn(|request: HttpRequest| async move {
            let kind = request.headers().get(CONTENT_TYPE).cloned();
            let text = kind.map_or("none".to_owned(), |kind| kind.to_str().unwrap().to_owned());
            Ok::<_, Infallible>(HttpResponse::new(HttpBody::from(text)))
        });
        let service = HealthLayer { ready, assume_json: true }.layer(echo);
        let response = service.oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn get(path: &str) -> HttpRequest {
        http::Request::get(path).body(HttpBody::empty()).unwrap()
    }

    #[tokio::test]
    async fn a_node_that_cannot_commit_is_alive_but_not_ready() {
        let full = Err("no space left on the disk".to_owned());
        assert_eq!(
            ask(get("/health"), full.clone()).await,
            (StatusCode::OK, r#"{"status":"ok"}"#.to_owned())
        );
        let (status, body) = ask(get("/ready"), full).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.contains("no space left on the disk"), "{body}");
        assert_eq!(ask(get("/ready"), Ok(())).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_post_without_content_type_is_taken_for_json() {
        let post = http::Request::post("/").body(HttpBody::empty()).unwrap();
        assert_eq!(ask(post, Ok(())).await.1, "application/json");
        let mut text = http::Request::post("/").body(HttpBody::empty()).unwrap();
        text.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        assert_eq!(ask(text, Ok(())).await.1, "text/plain", "what is said is believed");
    }
}
