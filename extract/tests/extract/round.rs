//! Struct to request to struct: what is written is read back, source by source.

use std::{fmt::Debug, task};

use axum_core::body::Body;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::BodyExt;
use proptest::{collection::vec, option, prelude::*, sample::select};
use waylay_extract::{Extract, IntoRequest, WriteError};
use waylay_router::{Peer, Route, Table};

/// The bytes of a body that lies in memory.
pub(crate) fn bytes_of(body: Body) -> Bytes {
    let future = std::pin::pin!(body.collect());
    match future.poll(&mut task::Context::from_waker(task::Waker::noop())) {
        task::Poll::Ready(body) => body.unwrap().to_bytes(),
        task::Poll::Pending => panic!("the body does not lie in memory"),
    }
}

/// Reads a request as a server with one route would.
fn read<T: Extract + Debug>(table: &Table<()>, request: Request<Body>) -> T {
    let found = match table.find(&request, &Peer::default()) {
        Ok(found) => found.into_matched(),
        Err(miss) => panic!("{} is not matched: {miss:?}", request.uri()),
    };
    let path: Vec<_> =
        found.captures().map(|capture| (capture.name().to_owned(), capture.decode().unwrap())).collect();
    let path: Vec<_> = path.iter().map(|(name, value)| (&**name, &**value)).collect();
    let (parts, body) = request.into_parts();
    let shown = format!("{} {:?}", parts.uri, parts.headers);
    match T::extract(&parts, &path, bytes_of(body)) {
        Ok(value) => value,
        Err(rejection) => panic!("{shown}: {rejection}"),
    }
}

fn table(template: &str) -> Table<()> {
    Table::builder().route(Route::put(template).value(())).build().unwrap()
}

/// Writes and reads the value back; `None` if it cannot be written.
fn back<T: Extract + IntoRequest + Debug>(table: &Table<()>, value: &T, template: &str) -> Option<T> {
    let request = value.to_request_at(Method::PUT, template).ok()?;
    Some(read(table, request))
}

/// Texts that are hard on escapes, and any others.
fn text() -> impl Strategy<Value = String> {
    let hard = "[ a/%?&=+;,\"\\\\.:@#{}\\[\\]<>|^`~'*!$()é€\u{7f}\u{0}-\u{1f}𝄞-]{0,6}";
    prop_oneof![3 => hard, 1 => any::<String>(), 1 => "[a-z0-9.-]{0,8}"]
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn config() -> ProptestConfig {
    cases(10_000)
}

fn has_control(text: &str) -> bool {
    text.chars().any(|c| c.is_ascii_control())
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
struct Segment {
    #[param]
    name: String,
    #[param]
    number: i64,
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
struct Mixed {
    #[param]
    stem: String,
    #[param]
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
struct Tail {
    #[param]
    rest: String,
}

#[test]
fn path_values_come_back() {
    let template = "/a b/{name}/x-{number}.é";
    let table = table(template);
    proptest!(cases(6_000), |(name in text(), number in any::<i64>())| {
        let value = Segment { name, number };
        match back(&table, &value, template) {
            Some(read) => prop_assert_eq!(read, value),
            None => {
                let name = &*value.name;
                prop_assert!(matches!(name, "" | "." | "..") || has_control(name), "{} is refused", name);
            }
        }
    });
}

#[test]
fn values_that_share_a_segment_come_back() {
    let template = "/{stem}.{kind}";
    let table = table(template);
    proptest!(cases(2_000), |(stem in text(), kind in text())| {
        let value = Mixed { stem, kind };
        match back(&table, &value, template) {
            Some(read) => prop_assert_eq!(read, value),
            None => {
                let odd = |text: &str| text.is_empty() || text.contains('.') || has_control(text);
                prop_assert!(odd(&value.stem) || odd(&value.kind));
            }
        }
    });
}

#[test]
fn tails_come_back() {
    let template = "/files/{*rest}";
    let table = table(template);
    proptest!(cases(2_000), |(rest in prop_oneof![text(), vec(text(), 1..4).prop_map(|parts| parts.join("/"))])| {
        let value = Tail { rest };
        match back(&table, &value, template) {
            Some(read) => prop_assert_eq!(read, value),
            None => {
                let odd = |part: &str| matches!(part, "" | "." | "..") || has_control(part);
                prop_assert!(value.rest.split('/').any(odd));
            }
        }
    });
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
#[extract(rename_all = "camelCase")]
struct Query {
    #[query]
    some_text: String,
    #[query("a b&c=")]
    odd_key: Option<String>,
    #[query]
    list: Vec<String>,
    #[query(csv)]
    commas: Vec<String>,
    #[query]
    number: Option<f64>,
    #[query]
    flag: Option<bool>,
    #[query(default = 3)]
    small: u8,
}

#[test]
fn query_values_come_back() {
    let table = table("/");
    let all = (
        text(),
        option::of(text()),
        vec(text(), 0..4),
        vec(text(), 0..4),
        option::of(any::<f64>()),
        option::of(any::<bool>()),
        any::<u8>(),
    );
    proptest!(config(), |((some_text, odd_key, list, commas, number, flag, small) in all)| {
        let value = Query { some_text, odd_key, list, commas, number, flag, small };
        match back(&table, &value, "/") {
            Some(read) => prop_assert_eq!(read, value),
            None => {
                let odd = |item: &String| item.contains(',') || item.trim() != item;
                let commas = &value.commas;
                prop_assert!(
                    commas.iter().any(odd)
                        || *commas == [""]
                        || value.number.is_some_and(|number| !number.is_finite())
                );
            }
        }
    });
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
struct Headers {
    #[header]
    x_text: String,
    #[header("X-Maybe")]
    maybe: Option<u32>,
    #[header("x-list")]
    list: Vec<String>,
    #[header("x-commas", csv)]
    commas: Vec<i8>,
}

#[test]
fn header_values_come_back() {
    let table = table("/");
    let all = (text(), option::of(any::<u32>()), vec(text(), 0..4), vec(any::<i8>(), 0..4));
    proptest!(config(), |((x_text, maybe, list, commas) in all)| {
        let value = Headers { x_text, maybe, list, commas };
        match back(&table, &value, "/") {
            Some(read) => prop_assert_eq!(read, value),
            None => {
                let odd = |text: &String| has_control(text) || text.trim_matches([' ', '\t']) != text;
                prop_assert!(odd(&value.x_text) || value.list.iter().any(odd));
            }
        }
    });
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
struct Cookies {
    #[cookie]
    sid: String,
    #[cookie("theme")]
    theme: Option<String>,
    #[cookie]
    visits: u64,
}

#[test]
fn cookies_come_back() {
    let table = table("/");
    proptest!(config(), |((sid, theme, visits) in (text(), option::of(text()), any::<u64>()))| {
        let value = Cookies { sid, theme, visits };
        prop_assert_eq!(back(&table, &value, "/"), Some(value));
    });
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
struct Members {
    #[json("a\"b")]
    text: String,
    #[json]
    maybe: Option<String>,
    #[json(default = Some(7))]
    or_seven: Option<u8>,
    #[json]
    list: Vec<i32>,
    #[json]
    #[serde(with = "as_text")]
    spelt: u64,
    #[query]
    beside: String,
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    pub(crate) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[test]
fn json_members_come_back() {
    let table = table("/");
    let all =
        (text(), option::of(text()), option::of(any::<u8>()), vec(any::<i32>(), 0..4), any::<u64>(), text());
    proptest!(config(), |((text, maybe, or_seven, list, spelt, beside) in all)| {
        let value = Members { text, maybe, or_seven, list, spelt, beside };
        prop_assert_eq!(back(&table, &value, "/"), Some(value));
    });
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
struct Whole {
    #[body]
    body: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
struct Words {
    #[body(text)]
    body: String,
    #[flatten]
    query: Words2,
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
struct Words2 {
    #[query]
    page: u16,
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
struct Raw {
    #[body(bytes)]
    body: Vec<u8>,
}

#[test]
fn whole_bodies_come_back() {
    let table = table("/");
    let kinds = select(vec![0, 1, 2]);
    let all = (kinds, vec(text(), 0..4), text(), vec(any::<u8>(), 0..8), any::<u16>());
    proptest!(config(), |((kind, list, text, raw, page) in all)| match kind {
        0 => {
            let value = Whole { body: (!list.is_empty()).then_some(list) };
            prop_assert_eq!(back(&table, &value, "/"), Some(value));
        }
        1 => {
            let value = Words { body: text, query: Words2 { page } };
            prop_assert_eq!(back(&table, &value, "/"), Some(value));
        }
        _ => {
            let value = Raw { body: raw };
            prop_assert_eq!(back(&table, &value, "/"), Some(value));
        }
    });
}

#[test]
fn what_cannot_be_written_is_told_at_once() {
    let value = Mixed { stem: "a.b".into(), kind: String::new() };
    let error: WriteError = value.to_request_at(Method::GET, "/{stem}.{kind}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "path `stem`: expected none of the characters that end a variable here; \
         path `kind`: expected a value that is not empty"
    );
    for (template, why) in [
        ("x", "`x` is no template: a path starts with `/`"),
        ("/{stem", "`/{stem` is no template: a `{` is not closed"),
        ("/stem}", "`/stem}` is no template: a `}` closes nothing"),
        ("/{}", "`/{}` is no template: a variable has no name"),
        ("/{*stem}/x", "`/{*stem}/x` is no template: a tail stands last"),
        ("/{other}", "path `other`: no field gives this variable"),
    ] {
        let value = Tail { rest: "x".into() };
        let error = value.to_request_at(Method::GET, template).unwrap_err();
        assert_eq!(error.to_string(), why, "{template}");
    }
}
