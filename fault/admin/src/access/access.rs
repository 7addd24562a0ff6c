//! Access: the checks that every request passes before it is routed.

use std::net::SocketAddr;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use crate::access::origin::{RequestOrigin, single};
use crate::access::ticket::Tickets;
use crate::access::token::Token;
use crate::problem::Problem;

/// Who may do what.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) token: Token,
    /// Names of hosts other than those of loopback; with any, other machines may send requests.
    pub(crate) hosts: Vec<String>,
    pub(crate) tickets: Tickets,
}

/// Paths that tell nothing about the faults, and need no token.
const OPEN: [&str; 3] = ["/", "/health", "/openapi.json"];

/// The path of the event stream, which a ticket opens.
const EVENTS: &str = "/events";

/// The content types that a page of another site can send without asking (Fetch, section 2.2.2).
const SIMPLE: [&str; 3] = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

impl Access {
    /// Tests whether requests of other machines are accepted.
    pub(crate) fn is_remote(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// Checks a request: host, peer, origin, token, content type. `peer` is its sender, if that is known.
    pub(crate) fn check(&self, parts: &Parts, peer: Option<SocketAddr>) -> Result<(), Problem> {
        let bad = |reason: &str| Problem::new(StatusCode::BAD_REQUEST, reason);
        let origin = RequestOrigin::of(parts).map_err(bad)?;
        let is_known = self.hosts.iter().any(|host| host.eq_ignore_ascii_case(origin.host()));
        if !origin.is_loopback() && !is_known {
            let detail = format!(
                "`{}` is not a host of this API; call it as `localhost`, or name the host where it is built (`hosts`)",
                origin.host()
            );
            return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
        }
        let is_near = peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
        if peer.is_some() && !is_near && !self.is_remote() {
            let detail = "this API is for programs of the same machine; name its hosts (`hosts`) to open it";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        origin.check_page(parts).map_err(|reason| Problem::new(StatusCode::FORBIDDEN, reason))?;
        let is_read = parts.method == Method::GET || parts.method == Method::HEAD;
        let is_local = is_near && origin.is_loopback() && !origin.is_forwarded;
        let is_open = is_read && (is_local || OPEN.contains(&parts.uri.path()));
        if !is_open && !self.has_ticket(parts) {
            self.check_token(parts)?;
        }
        if !is_read { check_content_type(parts) } else { Ok(()) }
    }

    fn has_ticket(&self, parts: &Parts) -> bool {
        if parts.method != Method::GET || parts.uri.path() != EVENTS {
            return false;
        }
        let pairs = parts.uri.query().unwrap_or_default().split('&');
        pairs.filter_map(|pair| pair.strip_prefix("ticket=")).any(|ticket| self.tickets.admits(ticket))
    }

    fn check_token(&self, parts: &Parts) -> Result<(), Problem> {
        let challenge = |detail: &str, error: &'static str| {
            Problem::new(StatusCode::UNAUTHORIZED, detail)
                .header(WWW_AUTHENTICATE, HeaderValue::from_static(error))
        };
        let line = single(&parts.headers, &AUTHORIZATION)
            .map_err(|reason| challenge(reason, r#"Bearer realm="faults", error="invalid_request""#))?;
        let given = line.and_then(|line| line.split_once(' ')).and_then(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' '))
        });
        match given {
            Some(given) if self.token.is(given) => Ok(()),
            Some(_) => Err(challenge(
                "the token is not the one of this process",
                r#"Bearer realm="faults", error="invalid_token""#,
            )),
            None => {
                Err(challenge("a token is needed: `authorization: Bearer …`", r#"Bearer realm="faults""#))
            }
        }
    }
}

/// Checks that a change could not be sent by a form of another site: the content type is none of those that need no
/// preflight request. DELETE needs one anyway, and has no content.
fn check_content_type(parts: &Parts) -> Result<(), Problem> {
    if parts.method == Method::DELETE {
        return Ok(());
    }
    let problem = |detail: &str| {
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
            .header(HeaderName::from_static("accept-post"), HeaderValue::from_static("application/json"))
    };
    let line = single(&parts.headers, &CONTENT_TYPE).map_err(problem)?;
    let kind = line.map(|line| line.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match kind.as_deref() {
        None | Some("") => Err(problem("a change needs `content-type: application/json`")),
        Some(kind) if SIMPLE.contains(&kind) => {
            Err(problem("a change needs `content-type: application/json`, not one that forms can send"))
        }
        Some(_) => Ok(()),
    }
}
