//! SharedParts: parts of a request that several conditions read, each split or decoded once.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};

use http::header::{ACCEPT, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::request::media_type;
use crate::request::media_type::{AcceptedRange, Media, accepted_ranges};
use crate::request::pairs::{MAX_PAIRS, Pair, PairIndex};
use crate::request::path::BadRequest;
use crate::template::decoded::DecodedValues;
use crate::template::encoding::{Encoding, has_bad_escape};

/// The most bytes of a path, of the values of one header, or of the values of one query key that a pattern of a condition or
/// a variable reads; each value counts 32 bytes more. A request with more of them is rejected if such a pattern is tested.
///
/// ```
/// use waylay_router::{MAX_MATCHED_BYTES, Peer, Route, Table};
/// let table = Table::builder().route(Route::get("/").header_regex("x", ".*").value(())).build()?;
/// let status = |bytes: usize| {
///     let request = http::Request::get("/").header("x", "v".repeat(bytes)).body(()).unwrap();
///     table.find(&request, &Peer::default()).map_err(|miss| miss.status().as_u16()).map(|_| ())
/// };
/// assert_eq!((status(MAX_MATCHED_BYTES - 32), status(MAX_MATCHED_BYTES)), (Ok(()), Err(431)));
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
pub const MAX_MATCHED_BYTES: usize = 8 * 1024;

/// What a value counts beside its bytes: the cost of a match.
const VALUE_BYTES: usize = 32;

/// Below this number of bytes for one request, conditions scan texts: a few are scanned faster than an index is made, which
/// allocates. No text that is scanned has more than [`MAX_PAIRS`] pairs.
const SCANNED_BYTES: usize = MAX_PAIRS - 1;

/// What conditions of one look-up share. Empty until a condition needs it.
#[derive(Debug, Default)]
pub(crate) struct SharedParts {
    parts: OnceCell<Box<Parts>>,
    /// The bytes that conditions have scanned without an index.
    scanned: Cell<usize>,
    rejection: Cell<Option<BadRequest>>,
    /// Long values of the path and the query.
    pub(crate) values: DecodedValues,
}

#[derive(Debug, Default)]
struct Parts {
    query: OnceCell<PairIndex>,
    is_query_readable: OnceCell<bool>,
    cookies: OnceCell<Cookies>,
    are_cookies_readable: OnceCell<bool>,
    accepted: OnceCell<Option<Vec<AcceptedRange>>>,
    /// The path as path regexes read it.
    written_path: OnceCell<Option<String>>,
    is_path_readable: OnceCell<bool>,
}

/// The `Cookie` lines, joined.
#[derive(Debug)]
struct Cookies {
    text: String,
    pairs: PairIndex,
}

impl SharedParts {
    fn parts(&self) -> &Parts {
        self.parts.get_or_init(Box::default)
    }

    /// Counts a scan; returns false if an index is to be used instead.
    pub(crate) fn scans(&self, bytes: usize) -> bool {
        let scanned = self.scanned.get().saturating_add(bytes);
        self.scanned.set(scanned);
        scanned <= SCANNED_BYTES
    }

    /// Rejects the request, whatever other conditions say.
    #[cold]
    pub(crate) fn reject(&self, reason: BadRequest) {
        self.rejection.set(self.rejection.get().or(Some(reason)));
    }

    /// Returns why the request is rejected, after all conditions were tested.
    #[inline]
    pub(crate) fn rejection(&self) -> Option<BadRequest> {
        self.rejection.get()
    }

    /// Tests whether a pattern may read these values; rejects the request if they are too long.
    pub(crate) fn may_match(&self, lengths: impl Iterator<Item = usize>, reason: BadRequest) -> bool {
        let mut total = 0usize;
        for length in lengths {
            total = total.saturating_add(length).saturating_add(VALUE_BYTES);
            if total > MAX_MATCHED_BYTES {
                self.reject(reason);
                return false;
            }
        }
        true
    }

    /// Returns the pairs of the query; none if there are too many.
    pub(crate) fn query(&self, query: &str, divides: impl Fn(char) -> bool) -> &PairIndex {
        self.parts().query.get_or_init(|| {
            PairIndex::query(query, divides).unwrap_or_else(|_| {
                self.reject(BadRequest::TooManyPairs);
                PairIndex::default()
            })
        })
    }

    /// Returns the values of a cookie; none if there are too many cookies.
    pub(crate) fn cookie<'s>(&'s self, headers: &HeaderMap, name: &str) -> impl Iterator<Item = &'s str> {
        let cookies = self.parts().cookies.get_or_init(|| {
            let mut text = String::new();
            for line in headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok()) {
                text.push_str(line);
                text.push(';');
            }
            let pairs = PairIndex::cookies(&text).unwrap_or_else(|_| {
                self.reject(BadRequest::TooManyCookies);
                PairIndex::default()
            });
            Cookies { text, pairs }
        });
        cookies.pairs.of(name).iter().map(|Pair { start, end, .. }| &cookies.text[*start..*end])
    }

    fn accepted(&self, headers: &HeaderMap) -> Option<&[AcceptedRange]> {
        self.parts().accepted.get_or_init(|| accepted_ranges(headers)).as_deref()
    }

    /// Returns the client's weight for the best of the types, in thousandths.
    pub(crate) fn quality(&self, headers: &HeaderMap, any: &[Media]) -> u16 {
        if self.scans(header_bytes(headers, &ACCEPT)) {
            media_type::quality(headers, any)
        } else {
            media_type::quality_of(self.accepted(headers), any)
        }
    }

    /// Returns the decoded path for path regexes; `None` if it is not UTF-8.
    pub(crate) fn written_path<'s>(
        &'s self,
        path: &'s str,
        write: impl FnOnce(&str) -> Option<Cow<'_, str>>,
    ) -> Option<&'s str> {
        if !path.contains('%') {
            return Some(path);
        }
        self.parts().written_path.get_or_init(|| write(path).map(Cow::into_owned)).as_deref()
    }

    /// Tests whether the query can be decoded.
    pub(crate) fn is_query_readable(&self, query: &str) -> bool {
        let test = || !has_bad_escape(query) && Encoding::Form.decode(query).is_ok();
        // A short test costs less than to note its result.
        if self.scans(query.len()) { test() } else { *self.parts().is_query_readable.get_or_init(test) }
    }

    /// Tests whether the path can be decoded.
    pub(crate) fn is_path_readable(&self, path: &str) -> bool {
        let test = || Encoding::Path.decode(path).is_ok();
        if self.scans(path.len()) { test() } else { *self.parts().is_path_readable.get_or_init(test) }
    }

    /// Tests whether all `Cookie` lines are text.
    pub(crate) fn are_cookies_readable(&self, headers: &HeaderMap) -> bool {
        let test = || headers.get_all(COOKIE).iter().all(|line| line.to_str().is_ok());
        if self.scans(header_bytes(headers, &COOKIE)) {
            test()
        } else {
            *self.parts().are_cookies_readable.get_or_init(test)
        }
    }
}

/// The greatest number of header lines that are compared one by one: so many are compared faster than a name is hashed.
pub(crate) const FEW_LINES: usize = 8;

/// Returns the single line of a header, if there is any; nothing if there are several.
#[inline(always)]
pub(crate) fn single_line<'r>(headers: &'r HeaderMap, name: &HeaderName) -> Option<Option<&'r HeaderValue>> {
    if headers.len() > headers.keys_len() {
        let mut lines = headers.get_all(name).iter();
        let first = lines.next();
        return lines.next().is_none().then_some(first);
    }
    // Clients send some of them first, such as Host (RFC 9110 §7.2).
    let first = headers.iter().take(FEW_LINES).find(|(other, _)| *other == name);
    match first {
        Some((_, value)) => Some(Some(value)),
        None if headers.len() <= FEW_LINES => Some(None),
        None => Some(headers.get(name)),
    }
}

/// Returns the number of bytes of the lines of a header.
pub(crate) fn header_bytes(headers: &HeaderMap, name: &HeaderName) -> usize {
    headers.get_all(name).iter().map(HeaderValue::len).sum()
}
