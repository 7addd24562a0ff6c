//! PathRegex: a regex over the whole path.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use regex_syntax::hir::Look;
use regex_syntax::hir::literal::Extractor;

use crate::request::view::RequestView;
use crate::template::value_regex::ValueRegex;

/// A regex, and the form of the path that it is compared with.
#[derive(Debug, Clone)]
pub(crate) struct PathRegex {
    pub(crate) regex: ValueRegex,
    /// Whether it is compared with the canonical path with all its escapes, not with the readable path.
    pub(crate) escaped: bool,
}

impl PathRegex {
    /// Returns the literal start of all matching paths, as far as it has no escapes: the index looks it up.
    pub(crate) fn beginning(&self) -> Option<String> {
        let hir = regex_syntax::parse(self.regex.as_str()).ok().filter(|_| !self.escaped)?;
        if !hir.properties().look_set_prefix().contains(Look::Start) {
            return None;
        }
        let literals = Extractor::new().extract(&hir);
        let common = String::from_utf8_lossy(literals.longest_common_prefix()?).into_owned();
        let kept = common.split(['%', char::REPLACEMENT_CHARACTER]).next()?;
        (kept.len() > 1 && kept.starts_with('/')).then(|| kept.to_owned())
    }

    /// Tests the path; `None` if it is not UTF-8, or too long.
    pub(crate) fn holds(&self, view: &RequestView<'_>) -> Option<bool> {
        if !view.may_match_path() {
            return None;
        }
        let path = if self.escaped { view.path } else { view.shared.written_path(view.path, written)? };
        Some(self.regex.is_match(path))
    }
}

/// Decodes a canonical path except for `%` and what cannot stand unescaped in a segment (`/`, `?`, `#`, `[`, `]`): an
/// upstream that decodes must not see what a regex did not.
fn written(path: &str) -> Option<Cow<'_, str>> {
    if !path.contains('%') {
        return Some(Cow::Borrowed(path));
    }
    let mut kept = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        kept.push_str(&rest[..at]);
        let escape = rest.get(at..at + 3).unwrap_or(&rest[at..]);
        let byte = percent_decode_str(escape).next().unwrap_or(b'%');
        if b"%/?#[]".contains(&byte) {
            // Written twice, so that the decoding below leaves one.
            kept.push_str("%25");
            kept.push_str(escape.strip_prefix('%').unwrap_or(escape));
        } else {
            kept.push_str(escape);
        }
        rest = &rest[at + escape.len()..];
    }
    kept.push_str(rest);
    percent_decode_str(&kept).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::{PathRegex, ValueRegex, written};

    #[test]
    fn beginnings() {
        for (regex, wanted) in [
            (r"\A(?:/api/v[0-9]+/.*)\z", Some("/api/v")),
            (r"\A(?:/(?:ab|ac).*)\z", Some("/a")),
            (r"\A(?:/a%2Fb)\z", Some("/a")),
            (r"\A(?:/a|/b)\z", None),
            (r"\A(?:(?i:/ab))\z", None),
            (r"\A(?:(?:/ab)?.*)\z", None),
            (r"\A(?:.*)\z", None),
            ("/ab", None),
            ("^/ab", Some("/ab")),
        ] {
            let regex_of = |text: &str| ValueRegex::new(text.parse().unwrap(), false);
            let whole = PathRegex { regex: regex_of(regex), escaped: false };
            assert_eq!(whole.beginning().as_deref(), wanted, "{regex}");
        }
    }

    #[test]
    fn delimiters_stay_escaped() {
        for (path, wanted) in [
            ("/a/b", Some("/a/b")),
            ("/a%20b", Some("/a b")),
            ("/a%2Fb%25", Some("/a%2Fb%25")),
            ("/%7Bid%7D", Some("/{id}")),
            ("/caf%C3%A9%3D%40", Some("/caf\u{e9}=@")),
            ("/a%3F%23%5B", Some("/a%3F%23%5B")),
            ("/%FF", None),
            ("/%25%32%46", Some("/%252F")),
        ] {
            assert_eq!(written(path).as_deref(), wanted, "{path}");
        }
    }
}
