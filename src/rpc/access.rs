//! Who may ask over HTTP and WebSocket? Who knows the token, where there is one, has no more connections
//! than one may have, and is no web page that may not ask.

use super::{clients::Visitor, pages::Pages};
use alloy_primitives::{B256, hex, keccak256};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use jsonrpsee::server::{HttpBody, HttpRequest, HttpResponse};
use rand::Rng;
use serde_json::json;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// Shortest token, in bytes.
const SHORTEST: usize = 32;
/// Longest file of a token, in bytes.
const LONGEST_FILE: u64 = 4 << 10;
/// Only the user that runs the node may read a token that it makes.
const OWN: u32 = 0o600;
/// Others than the owner may read it.
const OTHERS: u32 = 0o077;
/// What HTTP puts before a token.
const BEARER: &str = "Bearer ";

/// What callers must know. Only its hash is kept: it cannot be printed, and comparing hashes tells
/// nothing of how much of a guess was right.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(B256);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read or made.
    #[error("--rpc-token {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What it says is no token.
    #[error(
        "--rpc-token {}: a token is {SHORTEST} bytes or more in hex; delete the file, and the node \
         makes a new one", .0.display()
    )]
    Form(PathBuf),
}

impl Token {
    /// The token in a file: hex, 32 bytes or more. A file that is not there is made, with a token at
    /// random that only its owner may read.
    pub fn read_or_make(path: &Path) -> Result<Self, TokenError> {
        let failed = |source| TokenError::File { path: path.to_owned(), source };
        if make(path).map_err(failed)? {
            tracing::info!(target: "rpc", "made a token for callers in {}", path.display());
        }
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.mode() & OTHERS != 0 {
            let path = path.display();
            tracing::warn!(target: "rpc", "other users may read {path}: chmod 600 {path}");
        }
        let mut text = String::new();
        let read = file.take(LONGEST_FILE + 1).read_to_string(&mut text);
        read.map_err(|_text| TokenError::Form(path.to_owned()))?;
        // What follows was not read: it would be another token.
        let whole = (text.len() as u64 <= LONGEST_FILE).then_some(text.as_str());
        whole.and_then(Self::parse).ok_or_else(|| TokenError::Form(path.to_owned()))
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = hex::decode(text.trim()).ok()?;
        (bytes.len() >= SHORTEST).then(|| Self(keccak256(bytes)))
    }

    /// Does a request say it?
    fn is_said(&self, headers: &HeaderMap) -> bool {
        let said = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let scheme = |said: &&str| {
            said.get(..BEARER.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(BEARER))
        };
        let token = said.filter(scheme).and_then(|said| Self::parse(&said[BEARER.len()..]));
        token.is_some_and(|token| token == *self)
    }
}

/// Makes a token, if there is no file.
fn make(path: &Path) -> io::Result<bool> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(OWN).open(path);
    let mut file = match opened {
        Err(there) if there.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        opened => opened?,
    };
    let written = writeln!(file, "{}", hex::encode(rand::rng().random::<[u8; SHORTEST]>()))
        .and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a token would be refused at the next start.
        let _ = fs::remove_file(path);
    }
    written.map(|()| true)
}

/// Lets in who may ask, and tells the methods who it is.
#[derive(Clone, Debug)]
pub(super) struct AccessLayer {
    pub(super) token: Option<Token>,
    pub(super) pages: Arc<Pages>,
    pub(super) visitor: Visitor,
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access { inner, layer: self.clone() }
    }
}

/// The service that [`AccessLayer`] makes.
#[derive(Clone, Debug)]
pub(super) struct Access<S> {
    inner: S,
    layer: AccessLayer,
}

impl<S> Service<HttpRequest> for Access<S>
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
        let AccessLayer { token, pages, visitor } = &self.layer;
        let refused = if !visitor.is_welcome() {
            Some(too_many(visitor.most_connections()))
        } else if let Err(stranger) = pages.check(request.headers()) {
            let code = super::error::SERVER_ERROR;
            Some(refusal(StatusCode::FORBIDDEN, code, &stranger.to_string()))
        } else if token.as_ref().is_some_and(|token| !token.is_said(request.headers())) {
            Some(no_token())
        } else {
            None
        };
        if let Some(refused) = refused {
            return Box::pin(async { Ok(refused) });
        }
        request.extensions_mut().insert(visitor.clone());
        Box::pin(self.inner.call(request))
    }
}

fn no_token() -> HttpResponse {
    let text = "this node wants a token: send the header `Authorization: Bearer TOKEN` with what is in \
                the file that it was started with (--rpc-token)";
    let mut response = refusal(StatusCode::UNAUTHORIZED, super::error::SERVER_ERROR, text);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn too_many(limit: u32) -> HttpResponse {
    let text =
        format!("limit exceeded: {limit} connections of one client; close some, or keep one");
    let code = super::error::LIMIT_EXCEEDED;
    let mut response = refusal(StatusCode::TOO_MANY_REQUESTS, code, &text);
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn refusal(status: StatusCode, code: i32, text: &str) -> HttpResponse {
    let error = json!({ "code": code, "message": text });
    let body = json!({ "jsonrpc": "2.0", "id": null, "error": error });
    let mut response = HttpResponse::new(HttpBody::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const TOKEN: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn says(value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        Token::parse(TOKEN).unwrap().is_said(&headers)
    }

    #[test]
    fn only_the_whole_token_is_one() {
        assert!(says(&format!("Bearer {TOKEN}")));
        assert!(says(&format!("bearer 0x{}", TOKEN.to_uppercase())), "hex in any spelling");
        for wrong in ["", "Bearer ", TOKEN, &format!("Basic {TOKEN}"), "Bearer zz", "Béarer 00"] {
            assert!(!says(wrong), "{wrong}");
        }
        assert!(!says(&format!("Bearer {}", &TOKEN[..62])) && !says(&format!("Bearer {TOKEN}00")));
        assert!(!Token::parse(TOKEN).unwrap().is_said(&HeaderMap::new()));
    }

    #[test]
    fn a_token_is_made_once_for_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let made = Token::read_or_make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, OWN);
        assert_eq!(Token::read_or_make(&path).unwrap(), made);
        assert!(!format!("{made:?}").contains(fs::read_to_string(&path).unwrap().trim()));
    }

    #[test]
    fn a_file_that_is_no_token_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        for text in ["", "secret", &TOKEN[2..], &"00".repeat(4_000)] {
            fs::write(&path, text).unwrap();
            let error = Token::read_or_make(&path).unwrap_err();
            assert!(matches!(error, TokenError::Form(_)), "{error}");
        }
        let error = Token::read_or_make(&dir.path().join("no/token")).unwrap_err();
        assert!(matches!(error, TokenError::File { .. }), "{error}");
    }
}
