//! Media: media types of Content-Type and Accept.

use std::fmt;
use std::str::FromStr;

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue};

/// A media type without parameters, in lower case; the subtype may be `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Media {
    text: Box<str>,
    slash: usize,
    is_range: bool,
}

/// The text is not a media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidMedia;

/// The two parts of a media type or range, as written.
#[derive(Clone, Copy)]
struct Halves<'t> {
    kind: &'t str,
    subtype: &'t str,
}

impl<'t> Halves<'t> {
    fn of(text: &'t str) -> Option<Self> {
        let essence = text.split(';').next().unwrap_or(text).trim_matches([' ', '\t']);
        let (kind, subtype) = essence.split_once('/')?;
        let token = |part: &str| !part.is_empty() && part.bytes().all(is_token);
        (token(kind) && token(subtype)).then_some(Self { kind, subtype })
    }

    /// Tests whether a concrete type is in this range.
    fn covers(self, other: Halves<'_>) -> bool {
        self.kind == "*"
            || (self.kind.eq_ignore_ascii_case(other.kind)
                && (self.subtype == "*" || self.subtype.eq_ignore_ascii_case(other.subtype)))
    }

    /// Returns the specificity of the range.
    fn precision(self) -> u8 {
        match (self.kind, self.subtype) {
            ("*", _) => 0,
            (_, "*") => 1,
            _ => 2,
        }
    }
}

impl FromStr for Media {
    type Err = InvalidMedia;

    fn from_str(text: &str) -> Result<Self, InvalidMedia> {
        Halves::of(text).map(Self::of).ok_or(InvalidMedia)
    }
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl Media {
    fn of(Halves { kind, subtype }: Halves<'_>) -> Self {
        let text = format!("{kind}/{subtype}").to_ascii_lowercase();
        let is_range = Halves { kind, subtype }.precision() < 2;
        Self { text: text.into(), slash: kind.len(), is_range }
    }

    fn halves(&self) -> Halves<'_> {
        Halves { kind: &self.text[..self.slash], subtype: &self.text[self.slash + 1..] }
    }

    /// Tests whether a concrete type is in this range.
    pub(crate) fn covers(&self, other: &Media) -> bool {
        self.halves().covers(other.halves())
    }

    /// Tests whether this is a range, and an `Accept` line names a type or range in it.
    pub(crate) fn is_named_in(&self, line: &str) -> bool {
        let mut named = line.split(',').filter_map(range);
        self.is_range && named.any(|(range, weight)| weight > 0 && self.halves().covers(range))
    }

    /// Returns a regex of the lines of `Content-Type` that are in this range; no line has spaces around it.
    pub(crate) fn regex(&self) -> String {
        let part = |part: &str| if part == "*" { "[^/; \\t]+".to_owned() } else { regex::escape(part) };
        let Halves { kind, subtype } = self.halves();
        format!(r"(?i:{}/{}(?:[ \t]*;.*)?)", part(kind), part(subtype))
    }

    /// Returns types in this range, among them one that the others contain too, if there is any.
    pub(crate) fn examples(&self, others: &[&[Media]]) -> Vec<String> {
        let all = others.iter().flat_map(|any| any.iter()).chain([self]);
        let concrete = all.map(|media| media.text.replace("*/*", "text/plain").replace("/*", "/plain"));
        concrete.collect()
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Tests whether a line of `Content-Type` names one of the types; an unreadable one does not.
pub(crate) fn carries(line: &HeaderValue, any: &[Media]) -> bool {
    // Most values are a type without parameters, as it is written in conditions.
    let bytes = line.as_bytes();
    if any.iter().any(|media| bytes == media.text.as_bytes()) {
        return true;
    }
    // A type that is no range is compared with what the line starts with.
    let may_be = |media: &Media| {
        let start = bytes.trim_ascii_start().get(..media.text.len());
        media.is_range || start.is_some_and(|start| start.eq_ignore_ascii_case(media.text.as_bytes()))
    };
    if !any.iter().any(may_be) {
        return false;
    }
    let carried = line.to_str().ok().and_then(Halves::of);
    carried.is_some_and(|carried| any.iter().any(|media| media.halves().covers(carried)))
}

/// The most ranges of an `Accept` header that are read; browsers send about ten.
const MAX_RANGES: usize = 64;

/// A range that the client accepts, and its weight in thousandths.
#[derive(Debug)]
pub(crate) struct AcceptedRange(Media, u16);

/// Returns the ranges of all `Accept` lines; `None` without a line.
pub(crate) fn accepted_ranges(headers: &HeaderMap) -> Option<Vec<AcceptedRange>> {
    let owned = |(range, weight): (Halves<'_>, u16)| AcceptedRange(Media::of(range), weight);
    has_accept(headers).then(|| ranges(headers).map(owned).collect())
}

fn has_accept(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|line| line.to_str().is_ok())
}

fn ranges(headers: &HeaderMap) -> impl Iterator<Item = (Halves<'_>, u16)> {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).take(MAX_RANGES).filter_map(range)
}

/// Returns the client's weight for the best of the types, in thousandths: without an `Accept` line all have
/// the same weight; otherwise the most specific range of a type gives the weight.
pub(crate) fn quality(headers: &HeaderMap, any: &[Media]) -> u16 {
    if has_accept(headers) { best(any, || ranges(headers)) } else { 1000 }
}

/// The same for ranges that have been read before.
pub(crate) fn quality_of(accepted: Option<&[AcceptedRange]>, any: &[Media]) -> u16 {
    accepted.map_or(1000, |accepted| best(any, || accepted.iter().map(|one| (one.0.halves(), one.1))))
}

fn best<'r, R: Iterator<Item = (Halves<'r>, u16)>>(any: &[Media], ranges: impl Fn() -> R) -> u16 {
    let qualities = any.iter().filter_map(|media| {
        let covering = ranges().filter(|(range, _)| range.covers(media.halves()));
        let covering = covering.max_by_key(|(range, _)| range.precision()).map(|(_, weight)| weight);
        // A route that returns types of a range may return the one of the highest weight.
        let inside = ranges().filter(|(range, _)| media.is_range && media.halves().covers(*range));
        covering.max(inside.map(|(_, weight)| weight).max())
    });
    qualities.max().unwrap_or(0)
}

/// A range and its weight in thousandths; an unreadable weight counts as 1.
fn range(item: &str) -> Option<(Halves<'_>, u16)> {
    let range = Halves::of(item)?;
    let weight = item.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    Some((range, weight.and_then(thousandths).unwrap_or(1000)))
}

/// RFC 9110 §12.4.2: `0` or `1`, with at most three digits after the point.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, part) = weight.split_once('.').unwrap_or((weight, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = part.bytes().chain(*b"000").take(3).fold(0, |sum, digit| 10 * sum + u16::from(digit - b'0'));
    match whole {
        "0" => Some(part),
        "1" if part == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(name: http::HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), line.parse().unwrap())).collect()
    }

    #[test]
    fn carried() {
        let json = ["application/json".parse().unwrap(), "text/*".parse().unwrap()];
        for (line, wanted) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("\t application/json ;a=b", true),
            ("text/csv", true),
            ("text/*", true),
            ("application/jsonp", false),
            ("application/json p", false),
            ("application", false),
            ("application/json,text/csv", false),
            ("application/json; title=\u{e9}", false),
            ("", false),
        ] {
            let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            assert_eq!(carries(&line, &json), wanted, "{line:?}");
            assert_eq!(
                carries(&line, &json[..1]),
                wanted && !line.as_bytes().starts_with(b"text"),
                "{line:?}"
            );
        }
    }

    #[test]
    fn weighed() {
        let any = ["text/html".parse().unwrap(), "text/csv".parse().unwrap()];
        for (line, wanted) in [
            ("text/html;q=0.25", 250),
            ("text/html;q=0.2, text/csv;q=0.7", 700),
            ("text/*;q=0.5, text/html;q=0.1, text/csv;q=0.001", 100),
            ("text/html;q=1.000", 1000),
            ("text/html;q=1.5", 1000),
            ("image/png", 0),
        ] {
            let headers = asks(ACCEPT, &[line]);
            assert_eq!(quality(&headers, &any), wanted, "{line}");
            assert_eq!(quality_of(accepted_ranges(&headers).as_deref(), &any), wanted, "{line}");
        }
    }

    #[test]
    fn ranges_of_a_route() {
        for (own, line, wanted) in [
            ("*/*", "application/json", 1000),
            ("image/*", "image/png;q=0.3, image/gif;q=0.2", 300),
            ("image/*", "image/*", 1000),
            ("image/*", "text/html, */*;q=0.1", 100),
            ("image/*", "image/*;q=0, */*", 0),
            ("image/*", "image/*;q=0, image/png;q=0.5", 500),
            ("image/*", "text/html", 0),
            ("*/*", "*/*;q=0", 0),
            ("image/png", "image/gif", 0),
        ] {
            assert_eq!(quality(&asks(ACCEPT, &[line]), &[own.parse().unwrap()]), wanted, "{own} {line}");
        }
    }

    #[test]
    fn accepted() {
        let json = ["application/json".parse().unwrap()];
        for (lines, wanted) in [
            (&[][..], true),
            (&["*/*"], true),
            (&["application/*"], true),
            (&["text/html, application/json;q=0.2"], true),
            (&["text/html", "application/json"], true),
            (&["text/html"], false),
            (&["application/json;q=0"], false),
            (&["application/json; q=0.000, */*"], false),
            (&["*/*;q=0, application/json"], true),
            (&["application/*;q=0, */*"], false),
            (&["application/json;q=x"], true),
            (&["nonsense"], false),
            (&[&"a/b,".repeat(60), "Application/Json"], true),
            (&[&"a/b,".repeat(64), "application/json"], false),
        ] {
            let headers = asks(ACCEPT, lines);
            assert_eq!(quality(&headers, &json) > 0, wanted, "{lines:?}");
            assert_eq!(quality_of(accepted_ranges(&headers).as_deref(), &json) > 0, wanted, "{lines:?}");
        }
    }
}
