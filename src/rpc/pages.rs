//! Which web pages may ask? A browser that runs on this machine reaches the node from any page that its
//! user looks at, so a loopback address alone keeps nobody out.
//!
//! Over HTTP the browser asks first whether a page of another origin may
//! ([CORS](https://fetch.spec.whatwg.org/#http-cors-protocol)); over WebSocket it only says where the page
//! comes from, and the node has to look. A page whose own name was made to stand for this machine (DNS
//! rebinding) is of no other origin for the browser: the name that it asked for gives it away.

use super::ServeError;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{HOST, ORIGIN, UPGRADE},
    uri::Authority,
};
use std::{net::IpAddr, sync::Arc};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// Pages of which origins may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origins {
    Any,
    These(Arc<[HeaderValue]>),
}

/// Which pages may ask.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    origins: Origins,
    /// Must requests be for an address or `localhost`?
    own_names_only: bool,
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stranger {
    #[error(
        "this node is not served under the name {0:?}: ask for its address or for localhost, or start it \
         with --rpc-token or --rpc-open"
    )]
    Name(String),
    #[error("pages of {0:?} may not call this node; --allow-origin names those that may")]
    Origin(String),
}

impl Pages {
    /// `allow_origin` is `*`, or origins with commas; without it no page of another origin may ask.
    pub(super) fn new(
        allow_origin: Option<&str>,
        own_names_only: bool,
    ) -> Result<Self, ServeError> {
        let origins = match allow_origin {
            Some("*") => Origins::Any,
            named => {
                let each = named.into_iter().flat_map(|named| named.split(','));
                let failed = |reason| ServeError::Origin {
                    origin: named.unwrap_or_default().into(),
                    reason,
                };
                let each = each.map(|one| HeaderValue::from_str(one.trim()).map_err(failed));
                Origins::These(each.collect::<Result<_, _>>()?)
            }
        };
        Ok(Self { origins, own_names_only })
    }

    /// Answers the browser's question, where any page of another origin may ask; also from public pages to
    /// this machine ([private network access](https://wicg.github.io/private-network-access/)).
    pub(super) fn cors(&self) -> Option<CorsLayer> {
        let allowed = match &self.origins {
            Origins::These(none) if none.is_empty() => return None,
            Origins::These(these) => AllowOrigin::list(these.iter().cloned()),
            Origins::Any => AllowOrigin::any(),
        };
        let layer = CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::POST])
            // `*` would leave out the header of the token.
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(Vec::<HeaderName>::new())
            .allow_private_network(true);
        Some(layer)
    }

    /// Is the request one of a page that may not ask?
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Stranger> {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        if let Some(host) = headers.get(HOST).filter(|_| self.own_names_only)
            && !is_own_name(host)
        {
            return Err(Stranger::Name(text(host)));
        }
        let origin = headers.get(ORIGIN).filter(|_| headers.contains_key(UPGRADE));
        match origin {
            Some(origin) if !self.may_connect(origin, headers.get(HOST)) => {
                Err(Stranger::Origin(text(origin)))
            }
            _ => Ok(()),
        }
    }

    /// What is no page, as a wallet that is built into the browser, has an origin of another scheme, which
    /// no page can say.
    fn may_connect(&self, origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
        let Origins::These(these) = &self.origins else { return true };
        let Ok(said) = origin.to_str() else { return false };
        let of_page = ["http://", "https://"].iter().find_map(|scheme| said.strip_prefix(scheme));
        let is_own = of_page.is_some_and(|name| host.is_some_and(|host| host == name));
        let is_page = of_page.is_some() || said == "null";
        !is_page || is_own || these.contains(origin)
    }
}

/// Is it an address, or a name that stands for this machine by itself?
fn is_own_name(host: &HeaderValue) -> bool {
    let Ok(authority) = Authority::try_from(host.as_bytes()) else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let is_local = name == "localhost" || name.ends_with(".localhost");
    is_local || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(of: &[(HeaderName, &str)]) -> HeaderMap {
        of.iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn an_origin_with_a_line_break_is_refused() {
        assert!(matches!(Pages::new(Some("http://a\nb"), false), Err(ServeError::Origin { .. })));
        let two = Pages::new(Some("http://localhost:3000, https://example.org"), false).unwrap();
        assert!(two.cors().is_some());
        assert!(Pages::new(None, false).unwrap().cors().is_none());
    }

    #[test]
    fn a_page_whose_name_was_made_to_stand_for_this_machine_is_found_out() {
        let own = Pages::new(Some("*"), true).unwrap();
        for name in ["localhost", "LOCALHOST:8545", "a.localhost", "127.0.0.1:8545", "[::1]:1"] {
            assert_eq!(own.check(&headers(&[(HOST, name)])), Ok(()), "{name}");
        }
        for name in ["evil.example", "localhost.evil.example:8545", "127.0.0.1.evil.example", "a b"]
        {
            let refused = own.check(&headers(&[(HOST, name)]));
            assert_eq!(refused, Err(Stranger::Name(name.to_owned())));
        }
        let all = Pages::new(Some("*"), false).unwrap();
        assert_eq!(all.check(&headers(&[(HOST, "node.example")])), Ok(()));
    }

    #[test]
    fn a_page_of_another_origin_opens_no_websocket() {
        let says = |pages: &Pages, origin| {
            let of = [(HOST, "127.0.0.1:8545"), (ORIGIN, origin), (UPGRADE, "websocket")];
            pages.check(&headers(&of)).is_ok()
        };
        let none = Pages::new(None, true).unwrap();
        let one = Pages::new(Some("http://a.example"), true).unwrap();
        let any = Pages::new(Some("*"), true).unwrap();
        for (origin, by) in [
            ("http://a.example", [false, true, true]),
            ("https://a.example", [false, false, true]),
            ("null", [false, false, true]),
            ("http://127.0.0.1:8545", [true, true, true]),
            ("chrome-extension://abc", [true, true, true]),
        ] {
            assert_eq!([&none, &one, &any].map(|pages| says(pages, origin)), by, "{origin}");
        }
    }
}
