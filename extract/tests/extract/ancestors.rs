//! Requests of juju/httprequest and lmdrouter, and how they are read here.
//!
//! A result that differs is stricter; its row has the original one.

#![allow(dead_code, reason = "fields are read through `Debug`")]

use std::fmt::Debug;

use axum_core::extract::FromRequest;
use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use waylay_extract::{Extract, FromText, Text, TextError};

use crate::{body::Frames, get, lines};

/// Reads a text that is not empty, with a mark.
#[derive(Debug)]
pub(crate) struct Loud(pub(crate) String);

impl FromText for Loud {
    fn from_text(text: &str) -> Result<Self, TextError> {
        if text.is_empty() {
            return Err(TextError::expected("a text that is not empty"));
        }
        Ok(Loud(format!("{text}!")))
    }
}

#[derive(Debug, Text)]
pub(crate) struct Name(pub(crate) String);

#[derive(Debug, Extract)]
struct One<T: FromText + Send> {
    #[query]
    a: T,
}

#[derive(Debug, Extract)]
struct Maybe<T: FromText + Send> {
    #[query]
    a: Option<T>,
}

#[derive(Debug, Extract)]
struct Simple {
    #[query("F1")]
    f1: i64,
    #[query("F2")]
    f2: i64,
    #[param("G1")]
    g1: String,
    #[param("G2")]
    g2: String,
    #[body]
    h: String,
    #[query("T")]
    t: Timestamp,
    #[query("TZ")]
    tz: Timestamp,
    #[query("TP")]
    tp: Option<Timestamp>,
    #[query("UnknownForm")]
    form: String,
    #[param("UnknownPath")]
    path: String,
}

#[derive(Debug, Extract)]
#[extract(duplicates = "first")]
struct Lax {
    #[query("F1")]
    f1: i64,
    #[query("F2")]
    f2: i64,
    #[param("G1")]
    g1: String,
    #[body]
    h: String,
    #[query("TZ", default)]
    tz: Timestamp,
    #[query("TP")]
    tp: Option<Timestamp>,
    #[query("UnknownForm", default)]
    form: String,
    #[param("UnknownPath", default)]
    path: String,
}

#[derive(Debug, Extract)]
struct Private {
    #[skip]
    f: i64,
    #[query]
    g: i64,
}

#[derive(Debug, Extract)]
struct Outer {
    #[flatten]
    inner: Two,
}

#[derive(Debug, Extract)]
struct Two {
    #[query]
    f: i64,
    #[query]
    g: i64,
}

#[derive(Debug, Extract)]
struct Texts {
    #[query]
    f: Loud,
    #[param]
    g: Loud,
    #[query]
    fp: Option<Loud>,
}

#[derive(Debug, Extract)]
struct Lists {
    #[query]
    a: Vec<String>,
    #[query]
    b: Option<Vec<String>>,
    #[query]
    c: Vec<String>,
    #[query]
    d: Option<Vec<String>>,
}

#[derive(Debug, Extract)]
struct Headers {
    #[header]
    a: Vec<String>,
    #[header]
    b: Option<Vec<String>>,
    #[header]
    c: Vec<String>,
    #[header]
    d: Option<Vec<String>>,
}

#[derive(Debug, Extract)]
struct Whole {
    #[body]
    a: String,
}

#[derive(Debug, serde::Deserialize)]
struct Inner {
    n: Option<i64>,
}

#[derive(Debug, Extract)]
struct Pointer {
    #[body]
    body: Inner,
}

#[derive(Debug, Extract)]
struct Scan {
    #[param]
    id: String,
    #[query]
    page: Option<i64>,
    #[query]
    terms: Vec<String>,
    #[query]
    numbers: Vec<f64>,
    #[query]
    alias: Option<Name>,
    #[query(csv)]
    split: Vec<Name>,
    #[header]
    accept_language: Option<String>,
    #[header(csv)]
    accept_encoding: Vec<String>,
}

#[derive(Debug, Extract)]
struct Post {
    #[param]
    id: String,
    #[json]
    name: String,
    #[json]
    date: String,
}

#[derive(Debug, Extract)]
struct Renamed {
    #[query("x1")]
    f1: i64,
    #[query("x2")]
    f2: i64,
    #[param]
    g1: String,
    #[param]
    g2: String,
}

#[derive(Debug, Extract)]
#[extract(duplicates = "first")]
struct LaxRenamed {
    #[query("x1")]
    f1: i64,
    #[query("x2")]
    f2: i64,
    #[param]
    g1: String,
    #[param]
    g2: String,
}

#[derive(Debug, Extract)]
struct PrivateBody {
    #[skip]
    foo: (i64, i64),
}

/// A request in memory.
#[derive(Clone, Copy, Default)]
pub(crate) struct Given {
    path: &'static [(&'static str, &'static str)],
    query: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
}

const NOTHING: Given = Given { path: &[], query: "", headers: &[], body: "" };
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// Returns the struct by `Debug`, or the errors.
fn outcome<T: Extract + Debug>(given: Given) -> String {
    let parts = get(&format!("/?{}", given.query), given.headers);
    match T::extract(&parts, given.path, Bytes::from_static(given.body.as_bytes())) {
        Ok(value) => format!("{value:?}"),
        Err(rejection) => format!("{}: {}", rejection.status().as_u16(), lines(&rejection).join(", ")),
    }
}

/// One value of a query.
const fn a(query: &'static str) -> Given {
    Given { query, ..NOTHING }
}

const fn path(path: &'static [(&'static str, &'static str)], query: &'static str) -> Given {
    Given { path, query, ..NOTHING }
}

const fn json(body: &'static str) -> Given {
    Given { headers: JSON, body, ..NOTHING }
}

const SIMPLE: Given = Given {
    path: &[("G2", "g2 val"), ("G1", "g1 val"), ("G1", "g1 wrong val")],
    query: "F1=99&F2=-35&F2=not%20a%20number&T=2001-02-03T04:05:06Z&TP=2011-02-03T04:05:06Z",
    headers: JSON,
    body: "\"h val\"",
};

const RENAMED: Given = Given {
    path: &[("g2", "g2 val"), ("g1", "g1 val"), ("g1", "g1 wrong val")],
    ..a("x1=99&x2=-35&x2=not%20a%20number")
};

const POST: &str = r#"{"name": "Fake Post", "date": "2020-03-23T11:33:00Z"}"#;
const POSTED: &str = r#"Post { id: "bla", name: "Fake Post", date: "2020-03-23T11:33:00Z" }"#;
const INVALID: &str = "400: query a invalid";

/// The ids in the tables of the ancestors, how the rows are read, the values, the errors.
type Row = (&'static str, fn(Given) -> String, Given, &'static str);

pub(crate) const ROWS: &[Row] = &[
    // juju/httprequest. Theirs: the first of several values, zero for an absent one.
    (
        "j-unmarshal-001",
        outcome::<Simple>,
        SIMPLE,
        "400: query F2 duplicate, path G1 duplicate, query TZ missing, query UnknownForm missing, \
            path UnknownPath missing",
    ),
    (
        "j-unmarshal-001",
        outcome::<Lax>,
        SIMPLE,
        r#"Lax { f1: 99, f2: -35, g1: "g1 val", h: "h val", tz: 1970-01-01T00:00:00Z, tp: Some(2011-02-03T04:05:06Z), form: "", path: "" }"#,
    ),
    ("j-unmarshal-003", outcome::<Private>, a("g=99&f=100"), "Private { f: 0, g: 99 }"),
    ("j-unmarshal-004", outcome::<Outer>, a("f=99&g=100"), "Outer { inner: Two { f: 99, g: 100 } }"),
    (
        "j-unmarshal-008",
        outcome::<Texts>,
        path(&[("g", "no")], "f=yes&fp=maybe"),
        r#"Texts { f: Loud("yes!"), g: Loud("no!"), fp: Some(Loud("maybe!")) }"#,
    ),
    ("j-unmarshal-010", outcome::<One<Loud>>, a("a="), INVALID),
    ("j-unmarshal-009", outcome::<One<Name>>, a("a=hello"), r#"One { a: Name("hello") }"#),
    (
        "j-unmarshal-011",
        outcome::<Lists>,
        a("a=a1&a=a2&b=b1&b=b2&b=b3"),
        r#"Lists { a: ["a1", "a2"], b: Some(["b1", "b2", "b3"]), c: [], d: None }"#,
    ),
    (
        "j-unmarshal-023",
        outcome::<Headers>,
        Given { headers: &[("a", "a1"), ("a", "a2"), ("b", "b1"), ("B", "b2"), ("b", "b3")], ..NOTHING },
        r#"Headers { a: ["a1", "a2"], b: Some(["b1", "b2", "b3"]), c: [], d: None }"#,
    ),
    ("j-unmarshal-013 l-unmarshal-020", outcome::<One<i64>>, NOTHING, "400: query a missing"),
    ("j-unmarshal-014", outcome::<Whole>, json("invalid JSON"), "400: body  malformed"),
    (
        "j-unmarshal-021",
        outcome::<Whole>,
        Given { headers: &[("content-type", "text/html")], body: "invalid JSON", ..NOTHING },
        "415: body  unsupported_media_type",
    ),
    ("j-unmarshal-024", outcome::<Pointer>, json("{}"), "Pointer { body: Inner { n: None } }"),
    // Theirs read the start of the text, other bases, spaces and `yes`.
    ("j-unmarshal-026", outcome::<One<i64>>, a("a=12abc"), INVALID),
    ("j-unmarshal-027", outcome::<One<i64>>, a("a=0x10"), INVALID),
    ("j-unmarshal-029", outcome::<One<i64>>, a("a=010"), INVALID),
    ("j-unmarshal-030", outcome::<One<i64>>, a("a=%207"), INVALID),
    ("j-unmarshal-032", outcome::<One<i64>>, a("a=1_000"), INVALID),
    ("j-unmarshal-033", outcome::<One<i64>>, a("a=1e3"), INVALID),
    ("j-unmarshal-034", outcome::<One<i64>>, a("a=%2B5"), INVALID),
    ("j-unmarshal-035 l-unmarshal-022", outcome::<One<i64>>, a("a="), INVALID),
    ("j-unmarshal-035", outcome::<Maybe<i64>>, a("a="), "Maybe { a: None }"),
    ("j-unmarshal-037 l-unmarshal-025", outcome::<One<i8>>, a("a=300"), INVALID),
    ("j-unmarshal-039", outcome::<One<bool>>, a("a=true"), "One { a: true }"),
    ("j-unmarshal-040", outcome::<One<bool>>, a("a=T"), INVALID),
    ("j-unmarshal-042", outcome::<One<bool>>, a("a=0"), "One { a: false }"),
    ("j-unmarshal-043 l-unmarshal-010", outcome::<One<bool>>, a("a=TRUE"), INVALID),
    ("j-unmarshal-044 l-unmarshal-018", outcome::<One<bool>>, a("a=yes"), INVALID),
    ("j-unmarshal-045", outcome::<One<bool>>, a("a=on"), "One { a: true }"),
    ("j-unmarshal-046", outcome::<One<bool>>, a("a=tru"), INVALID),
    ("j-unmarshal-047", outcome::<One<Name>>, a("a=hello%20world"), r#"One { a: Name("hello world") }"#),
    ("j-unmarshal-048", outcome::<One<Name>>, a("a="), r#"One { a: Name("") }"#),
    ("j-unmarshal-050", outcome::<One<f64>>, a("a=NaN"), INVALID),
    // Theirs: the first error alone.
    ("j-unmarshal-051", outcome::<Two>, a("f=x&g=y"), "400: query f invalid, query g invalid"),
    // lmdrouter. Theirs: any content type, booleans by a regex that is not grouped, i8 that wraps.
    ("l-unmarshal-002", outcome::<Scan>, path(&[("id", "x")], "page=abcd"), "400: query page invalid"),
    (
        "l-unmarshal-002",
        outcome::<Scan>,
        Given {
            headers: &[("accept-language", "en-us"), ("accept-encoding", "gzip, deflate")],
            ..path(&[("id", "x")], "page=2&terms=one&terms=two&numbers=1.2&numbers=3&alias=a&split=one,two")
        },
        r#"Scan { id: "x", page: Some(2), terms: ["one", "two"], numbers: [1.2, 3.0], alias: Some(Name("a")), split: [Name("one"), Name("two")], accept_language: Some("en-us"), accept_encoding: ["gzip", "deflate"] }"#,
    ),
    (
        "l-unmarshal-003",
        outcome::<Post>,
        Given { headers: JSON, body: POST, ..path(&[("id", "bla")], "") },
        POSTED,
    ),
    (
        "l-unmarshal-003",
        outcome::<Post>,
        Given { body: POST, ..path(&[("id", "bla")], "") },
        "415: body  unsupported_media_type",
    ),
    (
        "l-unmarshal-006",
        outcome::<Post>,
        Given { headers: JSON, body: "this is not JSON", ..path(&[("id", "bla")], "") },
        "400: body  malformed",
    ),
    ("l-unmarshal-008", outcome::<One<bool>>, a("a=10"), INVALID),
    ("l-unmarshal-009", outcome::<One<bool>>, a("a=1false"), INVALID),
    ("l-unmarshal-011", outcome::<One<bool>>, a("a=untrue"), INVALID),
    ("l-unmarshal-014", outcome::<One<bool>>, a("a=button"), INVALID),
    ("l-unmarshal-015", outcome::<One<bool>>, a("a=enabled"), INVALID),
    ("l-unmarshal-023", outcome::<One<u64>>, a("a=-1"), INVALID),
    ("l-unmarshal-024", outcome::<One<f64>>, a("a=abc"), INVALID),
    // Theirs panics.
    ("l-unmarshal-026", outcome::<Maybe<i64>>, a("a=5"), "Maybe { a: Some(5) }"),
    // Theirs responds with 500.
    ("l-unmarshal-028", outcome::<Maybe<Timestamp>>, a("a=2021-11-01"), INVALID),
    ("j-unmarshal-002", outcome::<Renamed>, RENAMED, "400: query x2 duplicate, path g1 duplicate"),
    (
        "j-unmarshal-002",
        outcome::<LaxRenamed>,
        RENAMED,
        r#"LaxRenamed { f1: 99, f2: -35, g1: "g1 val", g2: "g2 val" }"#,
    ),
    (
        "j-unmarshal-005",
        outcome::<PrivateBody>,
        json(r#"{"F": 99, "G": 100}"#),
        "PrivateBody { foo: (0, 0) }",
    ),
];

#[test]
fn requests_are_read_as_in_the_ancestors_or_more_strictly() {
    for (ids, read, given, expected) in ROWS {
        assert_eq!(read(*given), *expected, "{ids}: {} {}", given.query, given.body);
    }
}

#[test]
fn bodies_are_json_by_their_content_type() {
    let rows = [
        ("application/vnd.schemaregistry.v1+json", true),
        ("other/json", false),
        ("other/jsonx", false),
        ("other/xjson", false),
        // Theirs: any part between `+` that is `json`.
        ("application/other+json+", false),
        ("application/json; charset=utf-8", true),
        ("Application/JSON", true),
        ("", false),
    ];
    for (kind, is_json) in rows {
        let parts = get("/", &[("content-type", kind)]);
        let read = Whole::extract(&parts, &[], Bytes::from_static(b"\"x\""));
        assert_eq!(read.is_ok(), is_json, "{kind}");
        if let Err(rejection) = read {
            assert_eq!(lines(&rejection), ["body  unsupported_media_type"], "{kind}");
        }
    }
}

#[tokio::test]
async fn an_unreadable_body_is_an_error_of_the_body() {
    let body = axum_core::body::Body::new(Frames { frames: vec!["\"", "?"], hint: None });
    let request = Request::post("/").header("content-type", "application/json").body(body).unwrap();
    let rejection = Whole::from_request(request, &()).await.unwrap_err();
    assert_eq!(lines(&rejection), ["body  unreadable"]);
}
