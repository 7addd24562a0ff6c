//! The traits that structs have, and the reading of a request in memory.

use bytes::Bytes;
use http::request::Parts;
use http_body::SizeHint;

use crate::{
    decode,
    errors::Errors,
    layout::{Layout, Slots},
    rejection::Rejection,
    value::Value,
    walk::{finish, read_parts},
};
#[cfg(feature = "router")]
use crate::{matched::feed, rejection::Manner};

/// A struct that is read from a request, field by field.
///
/// It is written by `#[derive(Extract)]`, which also makes the struct an argument of handlers:
/// the [crate's page](crate) has its attributes and rules. The methods here read a request without a router.
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
    message = "`{Self}` does not say how it is read from a request",
    note = "write `#[derive(waylay_extract::Extract)]` on it",
    note = "a struct that borrows from the request implements `ExtractRef` and is read without a router"
)]
pub trait Extract: Sized {
    /// Where the values of the fields wait until all are read.
    #[doc(hidden)]
    type Slots: for<'r> Slots<'r> + Layout<Output = Self>;

    /// Reads the struct from a request whose body is in memory.
    ///
    /// `path` holds the names and the decoded values of the route's variables.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the request, in one [`Rejection`].
    fn extract(parts: &Parts, path: &[(&str, &str)], body: Bytes) -> Result<Self, Rejection> {
        whole::<Self::Slots>(parts, path, &body)
    }

    /// As [`extract`](Self::extract) for a struct that reads no body, or a request that has none.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the request, in one [`Rejection`].
    fn extract_parts(parts: &Parts, path: &[(&str, &str)]) -> Result<Self, Rejection> {
        Self::extract(parts, path, Bytes::new())
    }

    /// Tells what the fields are, for a document.
    #[cfg(feature = "openapi")]
    #[doc(hidden)]
    fn describe(_operation: &mut crate::openapi::operation::Operation) {}
}

/// A struct that borrows from the request that it is read from; every [`Extract`] is one as well.
///
/// It has one lifetime, and no handler takes it: the request is gone when a handler runs.
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
    /// Where the values of the fields wait until all are read.
    #[doc(hidden)]
    type Slots: Slots<'r> + Layout<Output = Self>;

    /// Reads the struct from a request whose body is in memory.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the request, in one [`Rejection`].
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

/// Reads a request whose body is in memory.
fn whole<'r, F: Slots<'r>>(
    parts: &'r Parts,
    path: &[(&'r str, &'r str)],
    body: &'r Bytes,
) -> Result<F::Output, Rejection> {
    let mut slots = F::default();
    for (name, value) in path {
        slots.path(name, Value::Text(value), false);
        if F::WANTS.raw_path {
            slots.raw_path(name, Value::Text(value));
        }
    }
    behind_path(slots, parts, body)
}

/// As [`whole`] with the path values that the struct's own route finds.
#[cfg(feature = "router")]
pub(crate) fn routed<'r, F: for<'s> Slots<'s>>(
    parts: &'r Parts,
    body: &'r Bytes,
) -> Result<F::Output, Rejection> {
    let found = match F::door() {
        Some(door) => door.enter(parts),
        None => Err(Rejection::wiring("the struct has no route of its own")),
    };
    let matched = found.map_err(|rejection| rejection.with_manner(Manner::of(parts)))?;
    let mut slots = F::default();
    feed(&matched, &mut slots, false);
    behind_path(slots, parts, body)
}

/// Reads what is not the path of a request whose body is in memory.
fn behind_path<'r, F: Slots<'r>>(
    mut slots: F,
    parts: &'r Parts,
    body: &'r Bytes,
) -> Result<F::Output, Rejection> {
    let mut errors = Errors::default();
    read_parts(&mut slots, parts, &mut errors);
    let plan = const { &F::BODY };
    if plan.reads() {
        let size = SizeHint::with_exact(body.len() as u64);
        match plan.admit(&parts.headers, &size) {
            Ok(kind) => decode::memory(&mut slots, kind, &parts.headers, body, &mut errors),
            Err(state) => errors.body = state,
        }
    }
    finish(slots, &mut errors, parts)
}
