//! What juju/httprequest and lmdrouter read of a request, and what we read of it.
//!
//! Where the answer differs it is stricter, and the row says what theirs is.

#![allow(dead_code, reason = "fields are read through `Debug`")]

use std::fmt::Debug;

use axum_core::extract::FromRequest;
use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use waylay_extract::{Extract, FromText, Text, TextError};

use crate::{body::Frames, get, lines};

/// Reads a text that is not empty and marks it.
#[derive(Debug)]
struct Loud(String);

impl FromText for Loud {
    fn from_text(text: &str) -> Result<Self, TextError> {
        if text.is_empty() {
            return Err(TextError::expected("a text that is not empty"));
        }
        Ok(Loud(format!("{text}!")))
    }
}

#[derive(Debug, Text)]
struct Name(String);

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

/// A request in memory.
#[derive(Clone, Copy, Default)]
struct Given {
    path: &'static [(&'static str, &'static str)],
    query: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
}

const NOTHING: Given = Given { path: &[], query: "", headers: &[], body: "" };
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// The struct as `Debug` shows it, or the errors.
fn told<T: Extract + Debug>(given: Given) -> String {
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

const POST: &str = r#"{"name": "Fake Post", "date": "2020-03-23T11:33:00Z"}"#;
const POSTED: &str = r#"Post { id: "bla", name: "Fake Post", date: "2020-03-23T11:33:00Z" }"#;
const INVALID: &str = "400: query a invalid";

type Row = (fn(Given) -> String, Given, &'static str);

const ROWS: &[Row] = &[
    // juju/httprequest. Theirs: the first of several values, zero for an absent one.
    (
        told::<Simple>,
        SIMPLE,
        "400: query F2 duplicate, path G1 duplicate, query TZ missing, query UnknownForm missing, \
            path UnknownPath missing",
    ),
    (
        told::<Lax>,
        SIMPLE,
        r#"Lax { f1: 99, f2: -35, g1: "g1 val", h: "h val", tz: 1970-01-01T00:00:00Z, tp: Some(2011-02-03T04:05:06Z), form: "", path: "" }"#,
    ),
    (told::<Private>, a("g=99&f=100"), "Private { f: 0, g: 99 }"),
    (told::<Outer>, a("f=99&g=100"), "Outer { inner: Two { f: 99, g: 100 } }"),
    (
        told::<Texts>,
        path(&[("g", "no")], "f=yes&fp=maybe"),
        r#"Texts { f: Loud("yes!"), g: Loud("no!"), fp: Some(Loud("maybe!")) }"#,
    ),
    (told::<One<Loud>>, a("a="), INVALID),
    (told::<One<Name>>, a("a=hello"), r#"One { a: Name("hello") }"#),
    (
        told::<Lists>,
        a("a=a1&a=a2&b=b1&b=b2&b=b3"),
        r#"Lists { a: ["a1", "a2"], b: Some(["b1", "b2", "b3"]), c: [], d: None }"#,
    ),
    (
        told::<Headers>,
        Given { headers: &[("a", "a1"), ("a", "a2"), ("b", "b1"), ("B", "b2"), ("b", "b3")], ..NOTHING },
        r#"Headers { a: ["a1", "a2"], b: Some(["b1", "b2", "b3"]), c: [], d: None }"#,
    ),
    (told::<One<i64>>, NOTHING, "400: query a missing"),
    (told::<Whole>, json("invalid JSON"), "400: body  malformed"),
    (
        told::<Whole>,
        Given { headers: &[("content-type", "text/html")], body: "invalid JSON", ..NOTHING },
        "415: body  unsupported_media_type",
    ),
    (told::<Pointer>, json("{}"), "Pointer { body: Inner { n: None } }"),
    // Theirs read the start of the text, other bases, blanks and `yes`.
    (told::<One<i64>>, a("a=12abc"), INVALID),
    (told::<One<i64>>, a("a=0x10"), INVALID),
    (told::<One<i64>>, a("a=010"), INVALID),
    (told::<One<i64>>, a("a=%207"), INVALID),
    (told::<One<i64>>, a("a=1_000"), INVALID),
    (told::<One<i64>>, a("a=1e3"), INVALID),
    (told::<One<i64>>, a("a=%2B5"), INVALID),
    (told::<One<i64>>, a("a="), INVALID),
    (told::<Maybe<i64>>, a("a="), "Maybe { a: None }"),
    (told::<One<i8>>, a("a=300"), INVALID),
    (told::<One<bool>>, a("a=true"), "One { a: true }"),
    (told::<One<bool>>, a("a=T"), INVALID),
    (told::<One<bool>>, a("a=0"), "One { a: false }"),
    (told::<One<bool>>, a("a=TRUE"), INVALID),
    (told::<One<bool>>, a("a=yes"), INVALID),
    (told::<One<bool>>, a("a=on"), "One { a: true }"),
    (told::<One<bool>>, a("a=tru"), INVALID),
    (told::<One<Name>>, a("a=hello%20world"), r#"One { a: Name("hello world") }"#),
    (told::<One<Name>>, a("a="), r#"One { a: Name("") }"#),
    (told::<One<f64>>, a("a=NaN"), INVALID),
    // Theirs: the first error alone.
    (told::<Two>, a("f=x&g=y"), "400: query f invalid, query g invalid"),
    // lmdrouter. Theirs: any content type, booleans by a regex that is not grouped, i8 that wraps.
    (told::<Scan>, path(&[("id", "x")], "page=abcd"), "400: query page invalid"),
    (
        told::<Scan>,
        Given {
            headers: &[("accept-language", "en-us"), ("accept-encoding", "gzip, deflate")],
            ..path(&[("id", "x")], "page=2&terms=one&terms=two&numbers=1.2&numbers=3&alias=a&split=one,two")
        },
        r#"Scan { id: "x", page: Some(2), terms: ["one", "two"], numbers: [1.2, 3.0], alias: Some(Name("a")), split: [Name("one"), Name("two")], accept_language: Some("en-us"), accept_encoding: ["gzip", "deflate"] }"#,
    ),
    (told::<Post>, Given { headers: JSON, body: POST, ..path(&[("id", "bla")], "") }, POSTED),
    (told::<Post>, Given { body: POST, ..path(&[("id", "bla")], "") }, "415: body  unsupported_media_type"),
    (
        told::<Post>,
        Given { headers: JSON, body: "this is not JSON", ..path(&[("id", "bla")], "") },
        "400: body  malformed",
    ),
    (told::<One<bool>>, a("a=10"), INVALID),
    (told::<One<bool>>, a("a=1false"), INVALID),
    (told::<One<bool>>, a("a=untrue"), INVALID),
    (told::<One<bool>>, a("a=button"), INVALID),
    (told::<One<bool>>, a("a=enabled"), INVALID),
    (told::<One<u64>>, a("a=-1"), INVALID),
    (told::<One<f64>>, a("a=abc"), INVALID),
    // Theirs panics.
    (told::<Maybe<i64>>, a("a=5"), "Maybe { a: Some(5) }"),
    // Theirs answers 500.
    (told::<Maybe<Timestamp>>, a("a=2021-11-01"), INVALID),
];

#[test]
fn requests_are_read_as_the_ancestors_read_them_or_more_strictly() {
    for (read, given, expected) in ROWS {
        assert_eq!(read(*given), *expected, "{} {}", given.query, given.body);
    }
}

#[test]
fn bodies_are_json_if_their_type_says_so() {
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
async fn a_body_that_cannot_be_read_is_the_bodys_fault() {
    let body = axum_core::body::Body::new(Frames { frames: vec!["\"", "?"], hint: None });
    let request = Request::post("/").header("content-type", "application/json").body(body).unwrap();
    let rejection = Whole::from_request(request, &()).await.unwrap_err();
    assert_eq!(lines(&rejection), ["body  unreadable"]);
}
