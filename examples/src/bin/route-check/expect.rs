//! What is expected against what is got: where they differ, and what is not compared.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::case::{Asked, Case, Dialect};
use crate::reverse::BuildAnswer;

/// An expected result as it was written; `None` is a `null`.
pub(crate) type Wanted = Option<Map<String, Value>>;

/// How many were compared, and how many of them are as expected.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) agree: usize,
    pub(crate) differ: usize,
    /// Those that are not compared.
    passed: usize,
}

impl Count {
    pub(crate) fn add(&mut self, agrees: bool) {
        if agrees {
            self.agree += 1;
        } else {
            self.differ += 1;
        }
    }

    pub(crate) fn pass(&mut self) {
        self.passed += 1;
    }

    /// Whether more than a share of all differ, in percent.
    fn exceeds(&self, percent: f64) -> bool {
        self.differ as f64 * 100.0 > (self.agree + self.differ + self.passed) as f64 * percent
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} agree, {} differ", self.agree, self.differ)
    }
}

/// The three counts of the last line, and one of what routes tell of themselves.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) requests: Count,
    pub(crate) builds: Count,
    pub(crate) rejects: Count,
    pub(crate) infos: Count,
}

impl Counts {
    /// Whether more than a share of one of them differ, in percent.
    pub(crate) fn exceed(&self, percent: f64) -> bool {
        [self.requests, self.builds, self.rejects, self.infos].iter().any(|count| count.exceeds(percent))
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |count: &Count, what: &str| format!("{} {what}, {count}", count.agree + count.differ);
        let (requests, builds) = (one(&self.requests, "requests"), one(&self.builds, "builds"));
        write!(f, "{requests}; {builds}; {}", one(&self.rejects, "rejects"))
    }
}

/// The tags of lines that show a defect of the original, or that Rust's `regex` and `http` cannot hold.
const NOT_COMPARED: [&str; 5] = [
    "quirk",
    "rust-regex-rejects-pattern",
    "http-crate-rejects-uri",
    "go-noncanonical-header-map-key",
    "non-ascii-authority",
];

/// Why a whole line is not compared, if it is not.
pub(crate) fn not_compared(case: &Case) -> Option<&'static str> {
    let tagged = NOT_COMPARED.iter().find(|tag| case.tags.iter().any(|own| own == *tag));
    tagged.copied().or(case.setup_panic.is_some().then_some("quirk"))
}

/// Why one result is not compared: a defect of the original, a mistake in an escape that it makes, or a
/// target that no Rust server hands over as it came.
pub(crate) fn skipped(case: &Case, asked: &Asked, wanted: &Wanted) -> Option<&'static str> {
    let wanted = wanted.as_ref()?;
    let redirect = wanted.get("redirect_by").and_then(Value::as_str);
    let path = asked.url.split('?').next().unwrap_or_default();
    let tagged = ["quirk", "panic", "vars_hex"].into_iter().find(|key| wanted.contains_key(*key));
    let pathless = path.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'));
    match redirect {
        _ if tagged.is_some() => tagged,
        Some("clean") if path.contains('%') => Some("a redirect loses escapes"),
        Some(_) if case.router.use_encoded_path => Some("a redirect escapes twice"),
        Some("clean") if pathless => Some("an absolute target has no path"),
        _ => None,
    }
}

/// What of an answer is not as expected.
///
/// gorilla/mux's 404 and 405 depend on the order of routes that have nothing to do with
/// each other; there the clean rule is expected: 405 exactly if `allow_probe` names a method.
/// What a result does not say is not compared, but that gorilla's says `vars` only if there are any.
pub(crate) fn differs(
    dialect: Dialect,
    asked: &Asked,
    wanted: &Wanted,
    got: Option<&Answer>,
) -> Vec<&'static str> {
    let (wanted, got) = match (wanted, got) {
        (Some(wanted), Some(got)) => (wanted, got),
        (None, None) => return Vec::new(),
        _ => return vec!["table"],
    };
    let gorilla = dialect == Dialect::Gorilla;
    let matched = || wanted.get("matched").and_then(Value::as_str) == got.matched.as_deref();
    let status = || match wanted.get("status") {
        Some(Value::Number(status)) if gorilla && matches!(status.as_u64(), Some(404 | 405)) => {
            let allowed = wanted.get("allow_probe").and_then(Value::as_array);
            got.status == if allowed.is_some_and(|methods| !methods.is_empty()) { 405 } else { 404 }
        }
        Some(status) => status.as_u64() == Some(u64::from(got.status)),
        None => true,
    };
    let location = || match wanted.get("location").and_then(Value::as_str) {
        Some(location) => got.location.as_ref().is_some_and(|path| same_place(asked, location, path)),
        None => got.location.is_none() || !wanted.contains_key("status"),
    };
    let allow = || match wanted.get("allow").and_then(Value::as_array) {
        Some(methods) => {
            let wanted: BTreeSet<&str> = methods.iter().filter_map(Value::as_str).collect();
            got.allow
                .as_ref()
                .is_some_and(|got| got.iter().map(String::as_str).collect::<BTreeSet<_>>() == wanted)
        }
        None => true,
    };
    let vars = || match wanted.get("vars").and_then(Value::as_object) {
        Some(vars) => {
            vars.len() == got.vars.len()
                && vars.iter().all(|(name, value)| value.as_str() == got.vars.get(name).map(String::as_str))
        }
        None => !gorilla || got.vars.is_empty(),
    };
    let text = |key: &str| wanted.get(key).and_then(Value::as_str);
    let template = || {
        let template = text("path_template").filter(|_| gorilla);
        template.is_none_or(|template| got.path_template.as_deref().unwrap_or_default() == template)
    };
    let by = || text("redirect_by").is_none_or(|by| got.redirect_by == Some(by));
    let told = || match text("access_control_allow_methods") {
        Some(wanted) => got.access_control_allow_methods.as_ref().is_some_and(|got| set(got) == set(wanted)),
        None => true,
    };
    let trace = || {
        let wanted = wanted.get("trace").and_then(Value::as_array);
        let mut wanted = wanted.into_iter().flatten().filter_map(Value::as_str);
        let got = got.trace.iter().map(String::as_str);
        !gorilla || wanted.by_ref().eq(got)
    };
    let parts = [
        ("matched", matched()),
        ("status", status()),
        ("location", location()),
        ("allow", allow()),
        ("vars", vars()),
        ("path_template", template()),
        ("redirect_by", by()),
        ("access_control_allow_methods", told()),
        ("trace", trace()),
    ];
    parts.into_iter().filter(|(_, agrees)| !agrees).map(|(part, _)| part).collect()
}

/// The members of a list with commas.
fn set(list: &str) -> BTreeSet<&str> {
    list.split(',').map(str::trim).collect()
}

/// Our redirects are relative; gorilla/mux answers an absolute target with an absolute one, and an authority
/// with an absolute one without a scheme.
fn same_place(asked: &Asked, wanted: &str, got: &str) -> bool {
    let origin = match asked.url.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split(['/', '?']).next().unwrap_or_default();
            asked.url[..scheme.len() + 3 + host.len()].to_owned()
        }
        None if asked.method == "CONNECT" => format!("//{}", asked.url),
        None => String::new(),
    };
    let wanted = wanted.strip_prefix(&origin).unwrap_or(wanted);
    // Go escapes more than it must, such as `*`.
    wanted == got || decoded(wanted) == decoded(got)
}

/// Whether a URL is built as expected.
pub(crate) fn builds(dialect: Dialect, wanted: &Wanted, got: Option<&BuildAnswer>) -> bool {
    let (Some(wanted), Some(got)) = (wanted, got) else {
        return wanted.is_none() && got.is_none();
    };
    let text = |key: &str| wanted.get(key).and_then(Value::as_str);
    if let Some(error) = text("error").or(text("url_error")) {
        return got.error == Some(error);
    }
    let same = |key: &str, got: Option<&str>| match text(key) {
        Some(wanted) => got.is_some_and(|got| same_url(dialect, wanted, got)),
        None => got.is_none() || !wanted.contains_key(&format!("{key}_error")),
    };
    same("url", got.url.as_deref()) && same("host", got.host.as_deref()) && same("path", got.path.as_deref())
}

/// Whether two URLs are one to gorilla/mux, which matches what is decoded: Go escapes `!` in a
/// path and writes a space of a query as `+`, we do neither.
fn same_url(dialect: Dialect, wanted: &str, got: &str) -> bool {
    wanted == got || dialect == Dialect::Gorilla && decoded(wanted) == decoded(got)
}

/// The path's segments, then keys and values of the query; an escaped slash divides nothing.
fn decoded(url: &str) -> (Vec<Vec<u8>>, Vec<[Vec<u8>; 2]>) {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let pair = |pair: &str| {
        let pair = pair.replace('+', " ");
        let (key, value) = pair.split_once('=').unwrap_or((&pair, ""));
        [key, value].map(unescaped)
    };
    (path.split('/').map(unescaped).collect(), query.split('&').map(pair).collect())
}

/// The text without escapes, byte by byte.
pub(crate) fn unescaped(text: &str) -> Vec<u8> {
    let digit =
        |byte: Option<&u8>| char::from(*byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// The names on either side, and whether they stand on both.
pub(crate) fn rejects<'n>(wanted: &'n [String], got: impl Iterator<Item = &'n str>) -> Vec<(&'n str, bool)> {
    let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
    let got: BTreeSet<&str> = got.collect();
    wanted.union(&got).map(|name| (*name, wanted.contains(name) && got.contains(name))).collect()
}
