//! What does a URL name, and what of it may be shown?

use super::UpstreamError;
use http::Uri;
use std::{fmt, str::FromStr};

/// One URL of an upstream. Shows its host and port only: path, query and user often are keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: String,
    host: String,
    authorization: Option<String>,
}

impl Endpoint {
    /// Splits `URL@BLOCK`, as `--fork-url` takes it: the URL, and the block if there is one. `@latest`
    /// is no block.
    pub fn with_block(text: &str) -> Result<(Self, Option<u64>), UpstreamError> {
        if let Some((url, block)) = text.rsplit_once('@') {
            if let Ok(block) = block.trim().parse() {
                return Ok((url.parse()?, Some(block)));
            }
            if block.trim() == "latest" {
                return Ok((url.parse()?, None));
            }
        }
        Ok((text.parse()?, None))
    }

    /// Host and port: all that may be printed.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The whole URL without user and password. It may hold keys: not to be printed.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The URL as the developer gave it, for answers to that developer's own questions.
    pub fn secret_url(&self) -> &str {
        &self.url
    }

    /// Value of the `authorization` header that user and password of the URL ask for.
    pub(super) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

impl FromStr for Endpoint {
    type Err = UpstreamError;

    fn from_str(text: &str) -> Result<Self, UpstreamError> {
        let text = text.trim();
        // A bare HOST:PORT means what everyone means by it.
        let text = match text.split_once("://") {
            Some(_) => text.to_owned(),
            None if text.is_empty() => return Err(UpstreamError::Url { reason: "it is empty" }),
            None => format!("http://{text}"),
        };
        let no_url = |_invalid| UpstreamError::Url { reason: "it does not parse" };
        let uri: Uri = text.parse().map_err(no_url)?;
        let scheme = uri.scheme_str().unwrap_or_default();
        if !matches!(scheme, "http" | "https") {
            return Err(UpstreamError::Scheme { scheme: scheme.to_owned() });
        }
        let authority = uri.authority().ok_or(UpstreamError::Url { reason: "it has no host" })?;
        let user = authority.as_str().rsplit_once('@').map(|(user, _)| user);
        let host = match authority.port_u16() {
            Some(port) => format!("{}:{port}", authority.host()),
            None => authority.host().to_owned(),
        };
        if authority.host().is_empty() {
            return Err(UpstreamError::Url { reason: "it has no host" });
        }
        let rest = uri.path_and_query().map_or("/", |rest| rest.as_str());
        Ok(Self {
            url: format!("{scheme}://{host}{rest}"),
            authorization: user.map(|user| format!("Basic {}", base64(&decoded(user)))),
            host,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.host)
    }
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten();
        let byte = escaped.and_then(|two| std::str::from_utf8(two).ok());
        match byte.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

/// [RFC 4648](https://www.rfc-editor.org/rfc/rfc4648#section-4), with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_may_follow_the_url() {
        let read = |text| {
            let (endpoint, block) = Endpoint::with_block(text).unwrap();
            (endpoint.url().to_owned(), block)
        };
        assert_eq!(read("http://a:1/x@14000000"), ("http://a:1/x".to_owned(), Some(14_000_000)));
        assert_eq!(read("https://a/x@latest"), ("https://a/x".to_owned(), None));
        assert_eq!(read("https://me:pw@a/x"), ("https://a/x".to_owned(), None));
        assert_eq!(read("localhost:8545"), ("http://localhost:8545/".to_owned(), None));
    }

    #[test]
    fn only_the_host_is_shown() {
        let (endpoint, _) =
            Endpoint::with_block("https://me:pw@node.example/v2/KEY?k=KEY").unwrap();
        assert_eq!(format!("{endpoint} {endpoint:?}"), "node.example Endpoint(node.example)");
        assert_eq!(endpoint.url(), "https://node.example/v2/KEY?k=KEY");
    }

    #[test]
    fn user_and_password_become_a_header() {
        let endpoint: Endpoint = "http://martin:se%63ret@a".parse().unwrap();
        assert_eq!(endpoint.authorization(), Some("Basic bWFydGluOnNlY3JldA=="));
        assert_eq!([base64(b"M"), base64(b"Ma"), base64(b"Man")], ["TQ==", "TWE=", "TWFu"]);
    }

    #[test]
    fn what_is_no_http_url_is_told_so() {
        let error = |text: &str| text.parse::<Endpoint>().unwrap_err().to_string();
        assert!(error("wss://a/key").contains("not wss://"), "{}", error("wss://a/key"));
        assert!(error("wss://a/key").contains("http://") && !error("wss://a/key").contains("key"));
        for broken in ["", "http://", "http://a b/", "http://:80"] {
            assert!(error(broken).contains("no URL"), "{broken}: {}", error(broken));
        }
    }
}
