//! The request head: pairs, unknown keys, FromRequestHead.

#[cfg(feature = "headers")]
use headers::Header;
use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Uri, Version};

use crate::error::collector::Errors;
use crate::error::field::{Code, FieldError, Location, ValueError};
use crate::error::rejection::{Rejection, RejectionOptions};
use crate::field::slots::{Layout, Slots};
use crate::field::value;
use crate::field::value::Value;

/// A type that a `#[request]` field can have.
///
/// Implemented for [`Method`], [`Uri`], [`Version`], [`HeaderMap`] and [`Extensions`] of `http`; with the
/// feature `router` also for `Matched` and `Peer` of waylay-router. A value that may be missing is an
/// `Option`.
///
/// ```
/// use http::{Method, Request, Uri};
/// use waylay_extract::Extract;
///
/// #[derive(Debug, Extract)]
/// struct Log {
///     #[request]
///     method: Method,
///     #[request]
///     uri: Uri,
/// }
///
/// let (parts, ()) = Request::put("/a?b").body(()).unwrap().into_parts();
/// let log = Log::extract_parts(&parts, &[]).unwrap();
/// assert_eq!((log.method, log.uri.query()), (Method::PUT, Some("b")));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not part of a request head",
    label = "not a method, URI, version, header map, match or peer",
    note = "an own type in the extensions is `#[extension]`, an extractor is `#[from]`"
)]
pub trait FromRequestHead: Sized {
    /// Returns the value, if the request has it.
    fn from_request_head(parts: &Parts) -> Option<Self>;
}

impl FromRequestHead for Method {
    fn from_request_head(parts: &Parts) -> Option<Self> {
        Some(parts.method.clone())
    }
}

impl FromRequestHead for Uri {
    fn from_request_head(parts: &Parts) -> Option<Self> {
        Some(parts.uri.clone())
    }
}

impl FromRequestHead for Version {
    fn from_request_head(parts: &Parts) -> Option<Self> {
        Some(parts.version)
    }
}

impl FromRequestHead for HeaderMap {
    fn from_request_head(parts: &Parts) -> Option<Self> {
        Some(parts.headers.clone())
    }
}

impl FromRequestHead for Extensions {
    fn from_request_head(parts: &Parts) -> Option<Self> {
        Some(parts.extensions.clone())
    }
}

#[cfg(feature = "router")]
impl FromRequestHead for waylay_router::Matched {
    fn from_request_head(parts: &Parts) -> Option<Self> {
        parts.extensions.get().cloned()
    }
}

#[cfg(feature = "router")]
impl FromRequestHead for waylay_router::Peer {
    fn from_request_head(parts: &Parts) -> Option<Self> {
        parts.extensions.get().cloned()
    }
}

/// Reads query, cookies and headers into the slots.
pub(crate) fn read_parts<'r, F: Slots<'r>>(slots: &mut F, parts: &'r Parts, errors: &mut Errors) {
    let head = F::HEAD;
    if head.query | head.deny_query {
        let text = parts.uri.query().unwrap_or_default();
        let (max, deny) = (head.max_params, head.deny_query);
        read_pairs::<F>(Location::Query, text, max, deny, errors, |key, value| slots.query(key, value));
    }
    if head.cookie {
        value::cookies(&parts.headers, &mut |name, value| slots.cookie(name, value));
    }
    slots.lookup(parts);
}

/// Calls `visit` for every pair of a query or a form; reports unknown keys, and too many pairs.
pub(crate) fn read_pairs<'r, F: Layout>(
    location: Location,
    text: &'r str,
    max: usize,
    deny: bool,
    errors: &mut Errors,
    mut visit: impl FnMut(&str, Value<'r>) -> bool,
) {
    let mut unknown = 0;
    let mut pairs = value::Pairs::new(text, max);
    for (key, value) in pairs.by_ref() {
        if !visit(&key, value) && deny && unknown < MAX_UNKNOWN {
            unknown += 1;
            errors.push_unknown(unknown_key::<F>(location, &key));
        }
    }
    if pairs.is_cut {
        let error = ValueError::new(Code::TooMany, format!("expected at most {max} values"));
        errors.push_unknown(FieldError::new(location, "", error));
    }
}

/// Returns the struct of filled slots, or all errors.
pub(crate) fn finish<F: Layout>(
    slots: F,
    errors: &mut Errors,
    parts: &Parts,
) -> Result<F::Output, Rejection> {
    match slots.finish(errors) {
        Some(value) if errors.is_clean() => Ok(value),
        _ => {
            if let Some(name) = errors.lacking {
                errors.set_misconfigured(lacking_variable::<F>(name, parts));
            }
            let plan = const { &F::BODY };
            let path_is_404 = F::HEAD.path_is_404;
            let options = RejectionOptions { path_is_404, plan: Some(plan), ..RejectionOptions::of(parts) };
            Err(errors.take_rejection().with_options(options).reported())
        }
    }
}

/// Returns the reason of a response to a request whose route has no variable for a required field.
fn lacking_variable<F: Layout>(name: &str, parts: &Parts) -> String {
    let reader = F::PARAMS.required().into_iter().find(|(variable, _)| *variable == name);
    let reader = reader.map_or(name, |(_, field)| field);
    #[cfg(feature = "router")]
    let template = parts.extensions.get::<waylay_router::Matched>().map(|matched| matched.template());
    #[cfg(not(feature = "router"))]
    let (template, _) = (None::<&str>, parts);
    let route = template.map_or_else(|| "the route".to_owned(), |template| format!("the route `{template}`"));
    format!(
        "`{reader}` reads the variable `{name}`, which {route} does not have: add `{{{name}}}` to its path, or make \
         the field an `Option`"
    )
}

/// Maximum unknown keys that are reported.
pub(crate) const MAX_UNKNOWN: usize = 20;

/// Maximum characters of a key in an error.
const MAX_SHOWN: usize = 64;

/// Returns the error of an unknown key, with a suggestion.
pub(crate) fn unknown_key<F: Layout>(location: Location, key: &str) -> FieldError {
    let mut best: Option<(usize, String)> = None;
    // Long keys are not compared, which would take quadratic time.
    if key.len() <= MAX_SHOWN {
        F::keys(location, &mut |known| {
            let edits = strsim::osa_distance(key, known);
            let near = edits <= 1 + known.len() / 4;
            if near && best.as_ref().is_none_or(|(least, _)| edits < *least) {
                best = Some((edits, known.to_owned()));
            }
        });
    }
    let detail = match best {
        Some((_, meant)) => format!("no such key: did you mean `{meant}`?"),
        None => "no such key".to_owned(),
    };
    let shown: String = key.chars().take(MAX_SHOWN).collect();
    let name = match location {
        Location::Body => format!("/{}", shown.replace('~', "~0").replace('/', "~1")),
        _ => shown,
    };
    FieldError::new(location, name, ValueError::new(Code::Unknown, detail))
}

/// Returns the name of a typed header.
#[cfg(feature = "headers")]
pub fn typed_name<T: Header>() -> &'static str {
    T::name().as_str()
}

/// Reads a typed header, if the request has it.
#[cfg(feature = "headers")]
pub fn typed<T: Header>(headers: &HeaderMap) -> Option<Result<Option<T>, Box<ValueError>>> {
    let mut values = headers.get_all(T::name()).iter().peekable();
    values.peek()?;
    let invalid = |_| Box::new(ValueError::new(Code::Invalid, "expected a valid header"));
    Some(T::decode(&mut values).map(Some).map_err(invalid))
}
