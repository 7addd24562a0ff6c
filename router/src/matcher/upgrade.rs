//! Requests that ask to change protocols.

use http::header::{CONNECTION, HeaderName, UPGRADE};
use http::{HeaderMap, Method, Version};

use crate::view::Head;

/// Whether a request asks for one of the protocols: by `Upgrade` over HTTP/1.1 (RFC 9110 §7.8), by an
/// extended CONNECT over HTTP/2 (RFC 8441) and later.
pub(crate) fn asks(head: &Head<'_>, any: &[String]) -> bool {
    match head.version {
        Version::HTTP_11 => {
            // The method is told by the method bits; CONNECT makes a tunnel of another kind.
            head.method != Method::CONNECT
                && has(head.headers, &CONNECTION, "upgrade")
                && any.iter().any(|protocol| has(head.headers, &UPGRADE, protocol))
        }
        Version::HTTP_09 | Version::HTTP_10 => false,
        _ => connect_protocol(head)
            .is_some_and(|own| any.iter().any(|wanted| own.eq_ignore_ascii_case(wanted))),
    }
}

/// Whether a token stands in a list of them, over all lines.
fn has(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// The `:protocol` that hyper's server keeps.
#[cfg(feature = "http2")]
fn connect_protocol<'r>(head: &Head<'r>) -> Option<&'r str> {
    head.extensions.get::<hyper::ext::Protocol>().map(hyper::ext::Protocol::as_str)
}

#[cfg(not(feature = "http2"))]
fn connect_protocol<'r>(_head: &Head<'r>) -> Option<&'r str> {
    None
}
