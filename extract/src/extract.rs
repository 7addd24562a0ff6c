//! The trait that the derive writes, and how its parts are driven.

use bytes::Bytes;
use http::request::Parts;

use crate::{
    body::{Intake, Plan},
    error::FieldError,
    reader,
    rejection::{Errors, Rejection},
    slot::Slot,
    value::Value,
};

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
    note = "write `#[derive(waylay_extract::Extract)]` on it"
)]
pub trait Extract: Sized {
    /// Where the values of the fields wait until all are read.
    #[doc(hidden)]
    type Slots: Slots<Output = Self>;

    /// Reads the struct from a request whose body is in memory.
    ///
    /// `path` holds the names and the decoded values of the route's variables.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the request, in one [`Rejection`].
    fn extract(parts: &Parts, path: &[(&str, &str)], body: Bytes) -> Result<Self, Rejection> {
        let mut slots = Self::Slots::default();
        for (name, value) in path {
            slots.path(name, Value::Text(value));
        }
        read_parts(&mut slots, parts);
        let intake = Self::Slots::BODY.map(|plan| plan.check(&parts.headers, body));
        finish(slots, intake)
    }

    /// As [`extract`](Self::extract) for a struct that reads no body, or a request that has none.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the request, in one [`Rejection`].
    fn extract_parts(parts: &Parts, path: &[(&str, &str)]) -> Result<Self, Rejection> {
        Self::extract(parts, path, Bytes::new())
    }
}

/// The generated slots of a struct.
pub trait Slots: Default + Send {
    /// The struct.
    type Output;

    /// Whether a field reads a path variable.
    const PATH: bool;
    /// Whether a field reads a query key.
    const QUERY: bool;
    /// Whether a field reads a cookie.
    const COOKIE: bool;
    /// Whether a field reads the router's state.
    const STATE: bool;
    /// What is done with the body, if anything.
    const BODY: Option<Plan>;

    /// The name of a path variable that a field reads, if this is one.
    fn path_name(name: &str) -> Option<&'static str>;
    /// Takes a path variable in; a later one of the same name is not looked at.
    fn path(&mut self, name: &str, value: Value<'_>);
    /// Takes a query value in.
    fn query(&mut self, key: &str, value: Value<'_>);
    /// Takes a cookie in.
    fn cookie(&mut self, name: &str, value: Value<'_>);
    /// Takes what is looked up by type or name: headers and extensions.
    fn lookup(&mut self, parts: &Parts);
    /// Takes the body in, which is not empty.
    fn body(&mut self, body: &Bytes) -> Result<(), FieldError>;
    /// Looks at all slots before the body is read.
    fn survey(&self) -> Survey;
    /// Makes the struct, or tells every error in field order.
    fn finish(self, errors: &mut Errors) -> Option<Self::Output>;
}

/// What a look at the slots shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Survey {
    pub(crate) faulty: bool,
    pub(crate) touched: bool,
}

impl Survey {
    /// Looks at one more slot.
    pub fn see(&mut self, slot: &dyn Slot, required: bool) {
        self.faulty |= slot.is_faulty() || (required && slot.is_absent());
        self.touched |= !slot.is_absent();
    }

    /// Adds what a look at other slots has shown.
    pub fn join(&mut self, other: Self) {
        self.faulty |= other.faulty;
        self.touched |= other.touched;
    }
}

/// Fills the slots of everything but the path and the body.
pub(crate) fn read_parts<F: Slots>(slots: &mut F, parts: &Parts) {
    if F::QUERY {
        let text = parts.uri.query().unwrap_or_default();
        reader::query(text, &mut |key, value| slots.query(key, value));
    }
    if F::COOKIE {
        let headers = &parts.headers;
        reader::cookies(headers, &mut |name, value| slots.cookie(name, value));
    }
    slots.lookup(parts);
}

/// Makes the struct of its slots and what became of the body.
pub(crate) fn finish<F: Slots>(mut slots: F, intake: Option<Intake>) -> Result<F::Output, Rejection> {
    let mut errors = Errors::default();
    match intake {
        Some(Intake::Read(bytes)) => {
            if let Err(error) = slots.body(&bytes) {
                errors.refuse_body(error);
            }
        }
        Some(Intake::Unread(state)) => errors.body = state,
        None => {}
    }
    let value = slots.finish(&mut errors);
    errors.into_result(value)
}
