//! What does one HTTP exchange say?

use super::{Endpoint, UpstreamError, UpstreamSettings};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Longest text of an upstream's error that is handed on, in characters.
const LEGIBLE: usize = 200;
/// Connections that stay open to one host.
const IDLE_CONNECTIONS: usize = 16;
/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// One question.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) params: Value,
}

/// Why an exchange brought no answer, and how long the endpoint asks to be left alone.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: UpstreamError,
    pub(super) retry_after: Option<Duration>,
}

impl From<UpstreamError> for Failure {
    fn from(error: UpstreamError) -> Self {
        Self { error, retry_after: None }
    }
}

/// Sends requests and reads answers; keeps connections.
#[derive(Debug)]
pub(super) struct Wire {
    agent: ureq::Agent,
    headers: Vec<(String, String)>,
    timeout: Duration,
    limit: u64,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    result: Value,
    error: Option<ReplyError>,
}

#[derive(Deserialize)]
struct ReplyError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

impl Wire {
    pub(super) fn new(settings: &UpstreamSettings) -> Self {
        let tls = ureq::tls::TlsConfig::builder()
            .root_certs(ureq::tls::RootCerts::PlatformVerifier)
            .build();
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(settings.timeout))
            .timeout_connect(Some(CONNECT.min(settings.timeout)))
            .http_status_as_error(false)
            .max_idle_connections_per_host(IDLE_CONNECTIONS)
            .max_idle_connections(4 * IDLE_CONNECTIONS)
            // Keys and headers are for the host that was named, and for no other.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("mainspring/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build();
        Self {
            agent: ureq::Agent::new_with_config(config),
            headers: settings.headers.clone(),
            timeout: settings.timeout,
            limit: settings.max_answer_bytes,
        }
    }

    /// Asks one question.
    pub(super) fn ask(&self, endpoint: &Endpoint, call: &Call) -> Result<Value, Failure> {
        let request = request(0, call);
        let reply: Reply = self.exchange(endpoint, call.method, &request)?;
        answer(endpoint, call.method, reply)
    }

    /// Asks several questions in one exchange; `None` where the endpoint takes no batches.
    pub(super) fn ask_all(
        &self,
        endpoint: &Endpoint,
        calls: &[Call],
    ) -> Result<Option<Vec<Value>>, Failure> {
        let Some(first) = calls.first() else { return Ok(Some(Vec::new())) };
        let requests = calls.iter().enumerate().map(|(id, call)| request(id, call));
        let requests = Value::Array(requests.collect());
        let replies: Value = self.exchange(endpoint, first.method, &requests)?;
        if !replies.is_array() {
            // One object for all: an error about the batch, or a limit.
            let reply = serde_json::from_value::<Reply>(replies).ok();
            let failure = reply.map(|reply| answer(endpoint, first.method, reply));
            return match failure {
                Some(Err(failure)) if failure.error.is_for_now() => Err(failure),
                _ => Ok(None),
            };
        }
        let no_reply = |_json| garbage(endpoint.host(), first.method, "a batch of something else");
        let replies: Vec<Reply> = serde_json::from_value(replies).map_err(no_reply)?;
        let mut found: Vec<Option<Reply>> = calls.iter().map(|_| None).collect();
        for reply in replies {
            let place = reply.id.as_u64().and_then(|id| usize::try_from(id).ok());
            if let Some(place) = place.and_then(|place| found.get_mut(place)) {
                *place = Some(reply);
            }
        }
        let answers = calls.iter().zip(found).map(|(call, reply)| match reply {
            Some(reply) => answer(endpoint, call.method, reply),
            None => Err(garbage(endpoint.host(), call.method, "a batch that leaves it out").into()),
        });
        answers.collect::<Result<_, _>>().map(Some)
    }

    fn exchange<T: serde::de::DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        method: &'static str,
        body: &Value,
    ) -> Result<T, Failure> {
        let mut request =
            self.agent.post(endpoint.url()).header("content-type", "application/json");
        if let Some(authorization) = endpoint.authorization() {
            request = request.header("authorization", authorization);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let failed = |error| self.failed(endpoint, method, &error);
        let mut response = request.send(body.to_string()).map_err(failed)?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(|it| it.to_str().ok());
        let retry_after = retry_after.and_then(|it| it.parse().ok()).map(Duration::from_secs);
        let host = || endpoint.host().to_owned();
        if status == 429 {
            let error = UpstreamError::Limited { host: host(), method, times: 1 };
            return Err(Failure { error, retry_after });
        }
        let text = response.body_mut().with_config().limit(self.limit).read_to_vec();
        let text = text.map_err(failed)?;
        // Some answer errors with a status and still say in JSON what is wrong.
        match serde_json::from_slice(&text) {
            Ok(found) if status < 500 => Ok(found),
            _ if status != 200 => {
                let error = UpstreamError::Status { host: host(), method, status };
                Err(Failure { error, retry_after })
            }
            Ok(found) => Ok(found),
            Err(_json) => Err(garbage(endpoint.host(), method, &shown(&text)).into()),
        }
    }

    fn failed(&self, endpoint: &Endpoint, method: &'static str, error: &ureq::Error) -> Failure {
        let host = endpoint.host().to_owned();
        let unreachable = |reason: &str| {
            let reason = reason.to_owned();
            UpstreamError::Unreachable { host: host.clone(), reason }
        };
        // Never the error's own words where they may hold the URL.
        let error = match error {
            ureq::Error::Timeout(ureq::Timeout::Connect) => unreachable("no connection in time"),
            ureq::Error::Timeout(_) => {
                UpstreamError::Timeout { host, method, waited: self.timeout }
            }
            ureq::Error::BodyExceedsLimit(_) => {
                UpstreamError::TooLong { host, method, limit: self.limit }
            }
            ureq::Error::HostNotFound => unreachable("no such host"),
            ureq::Error::ConnectionFailed => unreachable("connection refused"),
            ureq::Error::Io(error) => unreachable(&error.to_string()),
            ureq::Error::Tls(reason) => unreachable(reason),
            ureq::Error::Rustls(error) => unreachable(&error.to_string()),
            ureq::Error::Protocol(_) => unreachable("it does not speak HTTP"),
            ureq::Error::Http(_) => unreachable("a header of --fork-header cannot be sent"),
            ureq::Error::Decompress(..) => unreachable("its answer is compressed badly"),
            ureq::Error::ConnectProxyFailed(_) => unreachable("the proxy refused"),
            _ => unreachable("the exchange failed"),
        };
        error.into()
    }
}

fn request(id: usize, call: &Call) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": call.method, "params": call.params })
}

fn answer(endpoint: &Endpoint, method: &'static str, reply: Reply) -> Result<Value, Failure> {
    let Some(ReplyError { code, message }) = reply.error else { return Ok(reply.result) };
    let host = endpoint.host().to_owned();
    if is_limit(code, &message) {
        return Err(UpstreamError::Limited { host, method, times: 1 }.into());
    }
    let message = message.chars().filter(|it| !it.is_control()).take(LEGIBLE).collect();
    Err(UpstreamError::Refused { host, method, code, message }.into())
}

/// Does an error say that the same question may be asked in a moment? There is a code for it
/// ([EIP-1474](https://eips.ethereum.org/EIPS/eip-1474)), which some providers use for other limits
/// too, and there are words.
fn is_limit(code: i64, message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|it| message.contains(it));
    if says(&["block range", "too many blocks", "query returned more than", "response size"]) {
        return false;
    }
    code == 429
        || code == -32005
        || says(&[
            "rate limit",
            "rate-limit",
            "too many requests",
            "request limit",
            "compute units",
        ])
}

pub(super) fn garbage(host: &str, method: &'static str, found: &str) -> UpstreamError {
    UpstreamError::Answer { host: host.to_owned(), method, found: found.to_owned() }
}

/// The beginning of something that should have been JSON.
fn shown(text: &[u8]) -> String {
    if text.is_empty() {
        return "nothing".to_owned();
    }
    let start = String::from_utf8_lossy(&text[..text.len().min(60)]);
    let start: String = start.chars().filter(|it| !it.is_control()).collect();
    format!("no JSON: \"{start}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_requests_are_told_from_limits_of_answers() {
        assert!(is_limit(-32005, "daily request count exceeded"));
        assert!(is_limit(-32000, "Too Many Requests"));
        assert!(is_limit(429, "Your app has exceeded its compute units per second capacity"));
        assert!(!is_limit(-32005, "query returned more than 10000 results"));
        assert!(!is_limit(-32602, "block range is too wide: rate limit"));
        assert!(!is_limit(-32000, "missing trie node"));
    }
}
