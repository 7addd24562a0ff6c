//! Extract, ExtractRef, HasRoute: structs that are read from requests.

use bytes::Bytes;
use http::request::Parts;
use http_body::SizeHint;

use crate::descriptor::route::RouteTarget;
use crate::error::collector::Errors;
use crate::error::rejection::Rejection;
#[cfg(feature = "router")]
use crate::error::rejection::RejectionOptions;
use crate::extract::body;
use crate::extract::head::{finish, read_parts};
#[cfg(feature = "router")]
use crate::extract::path::{match_request, push_captures};
use crate::field::slots::{Layout, Slots};
use crate::field::value::Value;

/// A struct that is read from a request, field by field.
///
/// `#[derive(Extract)]` implements it, and makes the struct an argument of handlers:
/// the [crate documentation](crate) lists the attributes and rules. The methods here need no router.
///
/// ```
/// use http::Request;
/// use waylay_extract::Extract;
///
/// #[derive(Debug, Extract)]
/// struct Show {
///     #[param]
///     id: u64,
///     #[query(default = 1)]
///     page: u16,
///     #[json]
///     title: String,
/// }
///
/// let (parts, ()) = Request::post("/posts/7")
///     .header("content-type", "application/json")
///     .body(())
///     .unwrap()
///     .into_parts();
/// let body = br#"{"title": "Ways"}"#.as_slice().into();
/// let show = Show::extract(&parts, &[("id", "7")], body).unwrap();
/// assert_eq!((show.id, show.page, &*show.title), (7, 1, "Ways"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a request",
    note = "write `#[derive(waylay_extract::Extract)]` on it",
    note = "a struct that borrows from the request implements `ExtractRef` and is read without a router"
)]
pub trait Extract: Sized {
    /// The values of the fields until all are read.
    #[doc(hidden)]
    type Slots: for<'r> Slots<'r> + Layout<Output = Self>;

    /// Reads the struct from a request whose body is in memory.
    ///
    /// `path` contains the names and the decoded values of the route's variables.
    ///
    /// # Errors
    ///
    /// All errors of the request in one [`Rejection`].
    fn extract(parts: &Parts, path: &[(&str, &str)], body: Bytes) -> Result<Self, Rejection> {
        whole::<Self::Slots>(parts, path, &body)
    }

    /// As [`extract`](Self::extract) for a struct that reads no body, or a request without one.
    ///
    /// # Errors
    ///
    /// All errors of the request in one [`Rejection`].
    fn extract_parts(parts: &Parts, path: &[(&str, &str)]) -> Result<Self, Rejection> {
        Self::extract(parts, path, Bytes::new())
    }

    /// Describes the fields for an OpenAPI document.
    #[cfg(feature = "openapi")]
    #[doc(hidden)]
    fn describe(_operation: &mut crate::openapi::operation::Operation) {}
}

/// A struct that borrows from its request. Every [`Extract`] implements it.
///
/// It has one lifetime and cannot be the argument of a handler, which has no access to the request.
///
/// ```
/// use std::borrow::Cow;
///
/// use bytes::Bytes;
/// use http::Request;
/// use waylay_extract::{Extract, ExtractRef};
///
/// #[derive(Debug, Extract)]
/// struct Search<'r> {
///     #[query]
///     text: Cow<'r, str>,
///     #[header]
///     accept_language: Option<&'r str>,
/// }
///
/// let request = Request::get("/?text=ways").header("accept-language", "de").body(()).unwrap();
/// let (parts, ()) = request.into_parts();
/// let body = Bytes::new();
/// let search = Search::extract_ref(&parts, &[], &body).unwrap();
/// assert!(matches!(search.text, Cow::Borrowed("ways")));
/// assert_eq!(search.accept_language, Some("de"));
/// ```
pub trait ExtractRef<'r>: Sized {
    /// The values of the fields until all are read.
    #[doc(hidden)]
    type Slots: Slots<'r> + Layout<Output = Self>;

    /// Reads the struct from a request whose body is in memory.
    ///
    /// # Errors
    ///
    /// All errors of the request in one [`Rejection`].
    fn extract_ref(
        parts: &'r Parts,
        path: &[(&'r str, &'r str)],
        body: &'r Bytes,
    ) -> Result<Self, Rejection> {
        whole::<Self::Slots>(parts, path, body)
    }
}

impl<'r, T: Extract> ExtractRef<'r> for T {
    type Slots = T::Slots;
}

/// A struct with a route.
///
/// `#[derive(Extract)]` implements it for `#[route(METHOD "/template")]`. The struct can then be read
/// without a router, as in a test or a serverless function:
///
/// ```
/// # #[cfg(feature = "router")] {
/// use http::Request;
/// use waylay_extract::{Extract, HasRoute};
///
/// #[derive(Debug, Extract)]
/// #[route(GET "/users/{user}/posts/{id:[0-9]+}")]
/// struct Show {
///     #[param]
///     user: String,
///     #[param]
///     id: u64,
/// }
///
/// let (parts, ()) = Request::get("/users/a%2Fb/posts/7").body(()).unwrap().into_parts();
/// let show = Show::read(&parts, "".into()).unwrap();
/// assert_eq!((&*show.user, show.id), ("a/b", 7));
///
/// let (parts, ()) = Request::get("/users/a/posts/last").body(()).unwrap().into_parts();
/// assert_eq!(Show::read(&parts, "".into()).unwrap_err().status(), 404);
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no route",
    note = "write `#[derive(Extract)]` and `#[route(GET \"/template\")]` on it"
)]
pub trait HasRoute: Extract {
    /// The method and the path template.
    const TARGET: &'static RouteTarget;

    /// Reads the struct from a request whose body is in memory and that no router has matched: its
    /// path is matched with the struct's own route, by the rules of waylay-router.
    ///
    /// # Errors
    ///
    /// All errors of the request in one [`Rejection`]: 404 if the path does not match,
    /// 405 if only the method differs.
    #[cfg(feature = "router")]
    fn read(parts: &Parts, body: Bytes) -> Result<Self, Rejection> {
        routed::<Self::Slots>(parts, &body)
    }
}

/// Reads a request whose body is in memory.
fn whole<'r, F: Slots<'r>>(
    parts: &'r Parts,
    path: &[(&'r str, &'r str)],
    body: &'r Bytes,
) -> Result<F::Output, Rejection> {
    let mut slots = F::default();
    for (name, value) in path {
        slots.path(name, Value::Text(value), false);
        if F::HEAD.raw_path {
            slots.raw_path(name, Value::Text(value));
        }
    }
    read_after_path(slots, parts, body)
}

/// Reads a request whose body is in memory, and its path by the struct's own route.
#[cfg(feature = "router")]
pub(crate) fn routed<'r, F: for<'s> Slots<'s>>(
    parts: &'r Parts,
    body: &'r Bytes,
) -> Result<F::Output, Rejection> {
    let found = match F::own_route() {
        Some(own_route) => match_request(own_route, parts),
        None => Err(Rejection::misconfigured("the struct has no route")),
    };
    let matched =
        found.map_err(|rejection| rejection.with_options(RejectionOptions::of(parts)).reported())?;
    let mut slots = F::default();
    push_captures(&matched, &mut slots, false);
    read_after_path(slots, parts, body)
}

/// Reads everything but the path of a request whose body is in memory.
fn read_after_path<'r, F: Slots<'r>>(
    mut slots: F,
    parts: &'r Parts,
    body: &'r Bytes,
) -> Result<F::Output, Rejection> {
    let mut errors = Errors::default();
    read_parts(&mut slots, parts, &mut errors);
    let plan = const { &F::BODY };
    if plan.reads() {
        let size = SizeHint::with_exact(body.len() as u64);
        match body::admit(plan, &parts.headers, &size) {
            Ok(kind) => body::memory(&mut slots, kind, &parts.headers, body, &mut errors),
            Err(state) => errors.body = state,
        }
    }
    finish(slots, &mut errors, parts)
}
