//! Path, query, header and cookie keys; unknown keys.

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
/// Here are [`Method`], [`Uri`], [`Version`], [`HeaderMap`] and [`Extensions`] of `http`; with the feature
/// `router` also `Matched` and `Peer`, which need waylay's router. Where a piece may be missing, the field
/// is an `Option`.
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
    message = "`{Self}` is no piece of a request's head",
    label = "not a method, URI, version, header map, match or peer",
    note = "a type of your own in the extensions is `#[extension]`, an extractor is `#[from]`"
)]
pub trait FromRequestHead: Sized {
    /// The piece, if the request has it.
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

/// Fills the slots of everything but the path and the body.
pub(crate) fn read_parts<'r, F: Slots<'r>>(slots: &mut F, parts: &'r Parts, errors: &mut Errors) {
    let wants = F::HEAD;
    if wants.query | wants.deny_query {
        let text = parts.uri.query().unwrap_or_default();
        let (max, deny) = (wants.max_params, wants.deny_query);
        read_pairs::<F>(Location::Query, text, max, deny, errors, |key, value| slots.query(key, value));
    }
    if wants.cookie {
        value::cookies(&parts.headers, &mut |name, value| slots.cookie(name, value));
    }
    slots.lookup(parts);
}

/// Hands every pair of a query or a form on; tells of those that nobody takes, and of too many.
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
        if !visit(&key, value) && deny && unknown < MOST {
            unknown += 1;
            errors.push_unknown(error::<F>(location, &key));
        }
    }
    if pairs.is_cut {
        let error = ValueError::new(Code::TooMany, format!("expected at most {max} values"));
        errors.push_unknown(FieldError::new(location, "", error));
    }
}

/// Makes the struct of its slots and what became of the body.
pub(crate) fn finish<F: Layout>(
    slots: F,
    errors: &mut Errors,
    parts: &Parts,
) -> Result<F::Output, Rejection> {
    match slots.finish(errors) {
        Some(value) if errors.is_clean() => Ok(value),
        _ => {
            let plan = const { &F::BODY };
            let path_is_404 = F::HEAD.path_is_404;
            let options = RejectionOptions { path_is_404, plan: Some(plan), ..RejectionOptions::of(parts) };
            Err(errors.take().with_options(options))
        }
    }
}

/// The most unknown keys that are told of; one too many tells enough.
pub(crate) const MOST: usize = 20;

/// The most characters of a key that an error shows.
const SHOWN: usize = 64;

/// The error of a key that no field reads.
pub(crate) fn error<F: Layout>(location: Location, key: &str) -> FieldError {
    let mut best: Option<(usize, String)> = None;
    // A key much longer than any field's is not worth comparing.
    if key.len() <= SHOWN {
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
    let shown: String = key.chars().take(SHOWN).collect();
    let place = match location {
        Location::Body => format!("/{}", shown.replace('~', "~0").replace('/', "~1")),
        _ => shown,
    };
    FieldError::new(location, place, ValueError::new(Code::Unknown, detail))
}

/// The header, if the request has it.
#[cfg(feature = "headers")]
pub fn typed<T: Header>(headers: &HeaderMap) -> Option<Result<Option<T>, Box<ValueError>>> {
    let mut values = headers.get_all(T::name()).iter().peekable();
    values.peek()?;
    let invalid = |_| Box::new(ValueError::new(Code::Invalid, "expected a valid header"));
    Some(T::decode(&mut values).map(Some).map_err(invalid))
}
