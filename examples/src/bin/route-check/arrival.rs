//! Requests as a server hands them over.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, HeaderName, HeaderValue};
use http::uri::Scheme;
use http::{Method, Request, Uri};
use waylay_router::Peer;

use crate::case::{Asked, Dialect};

/// Above this `http::Uri` reads no target, and servers answer 414.
const LONGEST_TARGET: usize = 65_534;

/// A request as a server hands it over, or the status with which the server refuses it.
pub(crate) type Arrived = Result<(Request<()>, Peer), u16>;

/// Reads a request as a server would.
///
/// # Errors
/// What is wrong with a text that no wire carries: the address of the other end.
pub(crate) fn arrive(asked: &Asked, dialect: Dialect) -> Result<Arrived, String> {
    let scheme = if asked.tls { Scheme::HTTPS } else { Scheme::HTTP };
    let mut peer = Peer::default().scheme(scheme);
    if let Some(remote) = &asked.remote {
        let addr =
            remote.parse::<SocketAddr>().or_else(|_| remote.parse::<IpAddr>().map(|ip| (ip, 0).into()));
        match addr {
            Ok(addr) => peer = peer.addr(addr),
            // In Go it is any text, and one that is no address is in no network.
            Err(_) if dialect == Dialect::TraefikV3 => {}
            Err(_) => return Err(format!("remote `{remote}` is no address")),
        }
    }
    if asked.url.len() > LONGEST_TARGET {
        return Ok(Err(414));
    }
    Ok(request(asked).map(|request| (request, peer)).ok_or(400))
}

fn request(asked: &Asked) -> Option<Request<()>> {
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(asked.method.as_bytes()).ok()?;
    *request.uri_mut() = target(asked).parse::<Uri>().ok()?;
    let headers = request.headers_mut();
    if let Some(host) = &asked.host {
        headers.append(HOST, HeaderValue::from_bytes(host.as_bytes()).ok()?);
    }
    for (name, lines) in &asked.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        for line in lines.iter() {
            headers.try_append(&name, HeaderValue::from_bytes(line.as_bytes()).ok()?).ok()?;
        }
    }
    Some(request)
}

/// The target; of a query that is none, what no target holds is escaped, and means the same.
fn target(asked: &Asked) -> Cow<'_, str> {
    let Some(query) = &asked.raw_query else { return Cow::Borrowed(&asked.url) };
    let mut target = format!("{}?", asked.url.split('?').next().unwrap_or_default());
    for byte in query.bytes() {
        match byte {
            b'#' | b'"' | b'<' | b'>' | 0..=b' ' | 0x7f.. => target.push_str(&format!("%{byte:02X}")),
            _ => target.push(char::from(byte)),
        }
    }
    Cow::Owned(target)
}
