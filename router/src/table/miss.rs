//! Miss, Reason, Redirect: the result without a route.

use http::StatusCode;

use crate::request::method::MethodSet;
use crate::request::path::BadRequest;
use crate::table::matched::Matched;
use crate::table::routes::ScopeId;

/// The result of a look-up without a matching route; independent of the order of routes.
///
/// ```
/// use waylay_router::{Miss, Peer, Route, Table};
/// let table = Table::builder().route(Route::put("/x").value(())).route(Route::get("/x").value(())).build()?;
/// let request = http::Request::post("/x").body(())?;
/// let miss = table.find(&request, &Peer::default()).unwrap_err();
/// assert_eq!((miss.status().as_u16(), miss.allow().unwrap().to_string()), (405, "GET, HEAD, PUT".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Miss {
    /// The reason.
    pub reason: Reason,
    /// The deepest scope whose conditions held.
    pub scope: Option<ScopeId>,
}

/// The reasons for a miss.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The request is rejected, whatever routes it matches: 400, or 414 or 431 for the length of its target or headers.
    BadRequest(BadRequest),
    /// The policy redirects the request.
    Redirect(Redirect),
    /// Routes match except for the method: 405, with the allowed methods.
    MethodNotAllowed(MethodSet),
    /// An OPTIONS request that the policy responds to: 204, with the allowed methods.
    Options(MethodSet),
    /// Routes match except for the type of the body: 415, with the accepted types. There are none if the routes name
    /// only types that they do not accept.
    UnsupportedMediaType(Vec<String>),
    /// Routes match except for the types that the client accepts: 406, with the returned types; there may be none, as
    /// above.
    NotAcceptable(Vec<String>),
    /// Nothing matches: 404.
    NotFound,
}

/// The target of a redirect.
///
/// ```
/// use waylay_router::{Peer, Policy, Reason, Route, Table, TrailingSlash};
/// let policy = Policy::default().trailing_slash(TrailingSlash::Redirect);
/// let table = Table::builder().policy(policy).route(Route::get("/a/").value(())).build()?;
/// let request = http::Request::get("/a?b=c").body(())?;
/// let Err(miss) = table.find(&request, &Peer::default()) else { unreachable!() };
/// let Reason::Redirect(redirect) = miss.reason else { unreachable!() };
/// assert_eq!((redirect.status.as_u16(), redirect.target.as_str()), (308, "/a/?b=c"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redirect {
    /// 308, or 301 in the gorilla dialect.
    pub status: StatusCode,
    /// Path and query, never with two leading slashes.
    pub target: String,
    /// The match, if only the final slash of the path differs.
    pub matched: Option<Box<Matched>>,
}

impl Miss {
    /// Returns the miss of a request that is rejected.
    pub(crate) fn rejection(reason: BadRequest) -> Self {
        Self { reason: Reason::BadRequest(reason), scope: None }
    }

    /// Returns the status of the default response.
    pub fn status(&self) -> StatusCode {
        match &self.reason {
            Reason::BadRequest(BadRequest::PathTooLong | BadRequest::QueryTooLong) => {
                StatusCode::URI_TOO_LONG
            }
            Reason::BadRequest(BadRequest::HeaderTooLong | BadRequest::TooManyCookies) => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Reason::BadRequest(_) => StatusCode::BAD_REQUEST,
            Reason::Redirect(redirect) => redirect.status,
            Reason::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Reason::Options(_) => StatusCode::NO_CONTENT,
            Reason::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Reason::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
            Reason::NotFound => StatusCode::NOT_FOUND,
        }
    }

    /// Returns the allowed methods, if only the method failed.
    pub fn allow(&self) -> Option<&MethodSet> {
        match &self.reason {
            Reason::MethodNotAllowed(methods) | Reason::Options(methods) => Some(methods),
            _ => None,
        }
    }
}
