//! Comparison of results with expected results.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value, json};

use crate::input::{Case, Dialect, RequestSpec};
use crate::results::{Description, RequestResult, UrlResult, WalkStep};

/// An expected result of the input; `None` is `null`.
pub(crate) type Expected = Option<Map<String, Value>>;

/// Numbers of compared results that agree and differ.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) agree: usize,
    pub(crate) differ: usize,
    /// Results that are not compared.
    skipped: usize,
}

impl Count {
    pub(crate) fn add(&mut self, agrees: bool) {
        if agrees {
            self.agree += 1;
        } else {
            self.differ += 1;
        }
    }

    pub(crate) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// Tests whether more than this percentage of all results differ.
    fn exceeds(&self, percent: f64) -> bool {
        self.differ as f64 * 100.0 > (self.agree + self.differ + self.skipped) as f64 * percent
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} agree, {} differ", self.agree, self.differ)
    }
}

/// Counts by kind of result; the last line of the output has all but the descriptions.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) requests: Count,
    pub(crate) builds: Count,
    pub(crate) rejects: Count,
    pub(crate) descriptions: Count,
}

impl Counts {
    /// Tests whether more than this percentage of one kind differ.
    pub(crate) fn exceed(&self, percent: f64) -> bool {
        [self.requests, self.builds, self.rejects, self.descriptions]
            .iter()
            .any(|count| count.exceeds(percent))
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |count: &Count, kind: &str| format!("{} {kind}, {count}", count.agree + count.differ);
        let (requests, builds) = (part(&self.requests, "requests"), part(&self.builds, "builds"));
        write!(f, "{requests}; {builds}; {}", part(&self.rejects, "rejects"))
    }
}

/// Tags of lines that show a defect of the original, or that Rust's `regex` and `http` cannot represent.
const NOT_COMPARED: [&str; 5] = [
    "quirk",
    "rust-regex-rejects-pattern",
    "http-crate-rejects-uri",
    "go-noncanonical-header-map-key",
    "non-ascii-authority",
];

/// Returns the reason why a whole line is not compared.
pub(crate) fn skipped_line(case: &Case) -> Option<&'static str> {
    let tagged = NOT_COMPARED.iter().find(|tag| case.tags.iter().any(|own| own == *tag));
    tagged.copied().or(case.setup_panic.is_some().then_some("quirk"))
}

/// Returns the reason why one result is not compared: a defect of the original, a wrong escape in its
/// redirect, or a target that a Rust server normalizes.
pub(crate) fn skipped_result(case: &Case, spec: &RequestSpec, expected: &Expected) -> Option<&'static str> {
    let expected = expected.as_ref()?;
    let redirect = expected.get("redirect_by").and_then(Value::as_str);
    let path = spec.url.split('?').next().unwrap_or_default();
    let tagged = ["quirk", "panic", "vars_hex"].into_iter().find(|key| expected.contains_key(*key));
    let has_no_path = path.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'));
    match redirect {
        _ if tagged.is_some() => tagged,
        Some("clean") if path.contains('%') => Some("a redirect loses escapes"),
        Some(_) if case.router.use_encoded_path => Some("a redirect escapes twice"),
        Some("clean") if has_no_path => Some("an absolute target has no path"),
        _ => None,
    }
}

/// Returns the parts of a result that differ.
///
/// In gorilla/mux 404 and 405 depend on the order of unrelated routes; 405 is expected exactly if `allow_probe`
/// has a method. Parts that the expected result does not have are not compared, except `vars`, which
/// gorilla's own results have only if there are any.
pub(crate) fn differing_parts(
    dialect: Dialect,
    spec: &RequestSpec,
    expected: &Expected,
    got: Option<&RequestResult>,
) -> Vec<&'static str> {
    let (expected, got) = match (expected, got) {
        (Some(expected), Some(got)) => (expected, got),
        (None, None) => return Vec::new(),
        _ => return vec!["table"],
    };
    let gorilla = dialect == Dialect::Gorilla;
    let matched = || expected.get("matched").and_then(Value::as_str) == got.matched.as_deref();
    let status = || match expected.get("status") {
        Some(Value::Number(status)) if gorilla && matches!(status.as_u64(), Some(404 | 405)) => {
            let allowed = expected.get("allow_probe").and_then(Value::as_array);
            got.status == if allowed.is_some_and(|methods| !methods.is_empty()) { 405 } else { 404 }
        }
        Some(status) => status.as_u64() == Some(u64::from(got.status)),
        None => true,
    };
    let location = || match expected.get("location").and_then(Value::as_str) {
        Some(location) => got.location.as_deref() == Some(relative(dialect, spec, location)),
        None => got.location.is_none() || !expected.contains_key("status"),
    };
    let allow = || match expected.get("allow").and_then(Value::as_array) {
        Some(methods) => {
            let expected: BTreeSet<&str> = methods.iter().filter_map(Value::as_str).collect();
            got.allow
                .as_ref()
                .is_some_and(|got| got.iter().map(String::as_str).collect::<BTreeSet<_>>() == expected)
        }
        None => true,
    };
    let vars = || match expected.get("vars").and_then(Value::as_object) {
        Some(vars) => {
            vars.len() == got.vars.len()
                && vars.iter().all(|(name, value)| value.as_str() == got.vars.get(name).map(String::as_str))
        }
        None => !gorilla || got.vars.is_empty(),
    };
    let text = |key: &str| expected.get(key).and_then(Value::as_str);
    let template = || {
        let template = text("path_template").filter(|_| gorilla);
        template.is_none_or(|template| got.path_template.as_deref().unwrap_or_default() == template)
    };
    let redirect_by = || text("redirect_by").is_none_or(|by| got.redirect_by == Some(by));
    let allow_header = || match text("access_control_allow_methods") {
        Some(expected) => {
            got.access_control_allow_methods.as_ref().is_some_and(|got| set(got) == set(expected))
        }
        None => true,
    };
    let trace = || {
        let expected = expected.get("trace").and_then(Value::as_array);
        let mut expected = expected.into_iter().flatten().filter_map(Value::as_str);
        let got = got.trace.iter().map(String::as_str);
        !gorilla || expected.by_ref().eq(got)
    };
    let parts = [
        ("matched", matched()),
        ("status", status()),
        ("location", location()),
        ("allow", allow()),
        ("vars", vars()),
        ("path_template", template()),
        ("redirect_by", redirect_by()),
        ("access_control_allow_methods", allow_header()),
        ("trace", trace()),
    ];
    parts.into_iter().filter(|(_, agrees)| !agrees).map(|(part, _)| part).collect()
}

/// Splits a comma-separated list.
fn set(list: &str) -> BTreeSet<&str> {
    list.split(',').map(str::trim).collect()
}

/// Returns a location as it is compared, byte by byte. Those of gorilla/mux are absolute for an absolute target,
/// and without a scheme for an authority; ours are relative.
fn relative<'e>(dialect: Dialect, spec: &RequestSpec, expected: &'e str) -> &'e str {
    if dialect != Dialect::Gorilla {
        return expected;
    }
    let origin = match spec.url.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split(['/', '?']).next().unwrap_or_default();
            spec.url[..scheme.len() + 3 + host.len()].to_owned()
        }
        None if spec.method == "CONNECT" => format!("//{}", spec.url),
        None => String::new(),
    };
    expected.strip_prefix(&origin).unwrap_or(expected)
}

/// Tests whether a URL is built as expected.
pub(crate) fn same_url_result(dialect: Dialect, expected: &Expected, got: Option<&UrlResult>) -> bool {
    let (Some(expected), Some(got)) = (expected, got) else {
        return expected.is_none() && got.is_none();
    };
    let text = |key: &str| expected.get(key).and_then(Value::as_str);
    if let Some(error) = text("error").or(text("url_error")) {
        return got.error == Some(error);
    }
    let same = |key: &str, got: Option<&str>| match text(key) {
        Some(expected) => got.is_some_and(|got| same_url(dialect, expected, got)),
        None => got.is_none() || !expected.contains_key(&format!("{key}_error")),
    };
    same("url", got.url.as_deref()) && same("host", got.host.as_deref()) && same("path", got.path.as_deref())
}

/// Compares two URLs; decoded in gorilla's dialect, since Go escapes `!` in a path and writes a space in a
/// query as `+`, unlike this router.
fn same_url(dialect: Dialect, expected: &str, got: &str) -> bool {
    expected == got || dialect == Dialect::Gorilla && decoded(expected) == decoded(got)
}

/// Splits and decodes a URL into path segments and query pairs; an escaped slash does not separate segments.
fn decoded(url: &str) -> (Vec<Vec<u8>>, Vec<[Vec<u8>; 2]>) {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let pair = |pair: &str| {
        let pair = pair.replace('+', " ");
        let (key, value) = pair.split_once('=').unwrap_or((&pair, ""));
        [key, value].map(unescaped)
    };
    (path.split('/').map(unescaped).collect(), query.split('&').map(pair).collect())
}

/// Decodes all valid percent escapes.
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

/// Returns the names of both lists, and whether both have them.
pub(crate) fn compare_names<'n>(
    expected: &'n [String],
    got: impl Iterator<Item = &'n str>,
) -> Vec<(&'n str, bool)> {
    let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
    let got: BTreeSet<&str> = got.collect();
    expected.union(&got).map(|name| (*name, expected.contains(name) && got.contains(name))).collect()
}

/// Tests whether a route is described as expected: names in any order, and without gorilla's regexes, which
/// this router does not have.
pub(crate) fn same_description(expected: &Value, got: Option<&Description>) -> bool {
    let (Value::Object(expected), Value::Object(mut got)) = (expected, json!(got)) else { return false };
    let mut expected = expected.clone();
    expected.retain(|key, _| !key.ends_with("_regexp"));
    [&mut expected, &mut got].into_iter().for_each(sort);
    expected == got
}

fn sort(description: &mut Map<String, Value>) {
    for key in ["var_names", "methods"] {
        if let Some(Value::Array(names)) = description.get_mut(key) {
            names.sort_by_key(Value::to_string);
        }
    }
}

/// Tests whether the routes are listed as expected; the names of the enclosing scopes are not compared, since
/// routes may have none.
pub(crate) fn same_walk(expected: &[Value], got: &[WalkStep]) -> bool {
    let step = |step: &Value| Some((step.get(0)?.as_str()?.to_owned(), step.get(1)?.as_u64()? as usize));
    expected.iter().map(step).eq(got.iter().cloned().map(Some))
}
