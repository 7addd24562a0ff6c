//! Structs of any values to requests and back: the same value, or an error of writing.
#![no_main]

mod source;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::task::{Context, Poll, Waker};

use axum_core::body::Body;
use bytes::Bytes;
use http::HeaderValue;
use http_body::Body as _;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde::{Deserialize, Serialize};
use waylay_extract::{Extract, HasRoute, IntoRequest, Text};

use source::Source;

impl Source<'_> {
    fn number(&mut self) -> u64 {
        // Few numbers have eight bytes.
        self.number_of(&[0, 1, 1, 8])
    }

    fn float(&mut self) -> f64 {
        match self.byte() % 4 {
            0 => f64::from_bits(self.number()),
            1 => self.number() as f64 / 8.0,
            2 => -0.0,
            _ => f64::from(self.byte()),
        }
    }

    fn text(&mut self) -> String {
        const UNUSUAL: [&str; 16] =
            ["", ".", "..", "/", "%", "+", "&", "=", ",", "\"", "\\", "[0]", ".a", "null", "é", "\u{202e}"];
        match self.byte() {
            kind @ 0..=127 => UNUSUAL[usize::from(kind) % UNUSUAL.len()].to_owned(),
            kind => String::from_utf8_lossy(self.take(usize::from(kind - 128) % 8)).into_owned(),
        }
    }

    fn option<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (!self.byte().is_multiple_of(3)).then(|| make(self))
    }

    fn list<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.byte() % 4).map(|_| make(self)).collect()
    }

    fn map<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> BTreeMap<String, T> {
        self.list(|source| (source.text(), make(source))).into_iter().collect()
    }

    fn line(&mut self) -> HeaderValue {
        let text = self.text();
        HeaderValue::from_bytes(text.trim().as_bytes()).unwrap_or(HeaderValue::from_static("x"))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Text)]
enum Word {
    One,
    Two,
}

#[derive(Debug, PartialEq, Extract, IntoRequest)]
#[route(GET "/a b/{name}/{stem}-{kind}/v{number}/{*rest}")]
struct Head {
    #[param]
    name: String,
    #[param]
    stem: String,
    #[param]
    kind: String,
    #[param]
    number: i64,
    #[param]
    rest: String,
    #[query]
    text: String,
    #[query("a b")]
    option: Option<String>,
    #[query(default = Some(3))]
    three: Option<u8>,
    #[query(flag)]
    flag: bool,
    #[query]
    float: Option<f64>,
    #[query]
    list: Vec<String>,
    #[query(csv)]
    commas: Option<Vec<String>>,
    #[query(empty = "none")]
    filled: Option<String>,
    #[query]
    word: Option<Word>,
    #[query(rest)]
    others: BTreeMap<String, Vec<String>>,
    #[flatten(prefix = "p.")]
    page: Page,
    #[flatten]
    plain: Page,
}

#[derive(Debug, PartialEq, Extract, IntoRequest)]
struct Page {
    #[query(alias = "n")]
    number: Option<u16>,
    #[query(nested)]
    sort: Vec<String>,
}

#[derive(Debug, PartialEq, Extract, IntoRequest)]
#[route(POST "/headers")]
struct Headers {
    #[header]
    x_text: String,
    #[header("x-option")]
    option: Option<String>,
    #[header("x-list")]
    list: Vec<String>,
    #[header("x-maybe")]
    maybe: Option<Vec<String>>,
    #[header("x-line", default = Some(HeaderValue::from_static("d")))]
    line: Option<HeaderValue>,
    #[cookie]
    sid: String,
    #[cookie(raw)]
    raw: Option<String>,
    #[cookie(default = 3)]
    visits: i8,
    #[json]
    member: Option<Tree>,
    #[json("a/b~\"")]
    float: f64,
    #[json(default = Some(3))]
    three: Option<u8>,
    #[json]
    texts: Vec<Option<String>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Tree {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    number: i32,
    #[serde(default)]
    list: Vec<Tree>,
    #[serde(default)]
    map: BTreeMap<String, Vec<u8>>,
    kind: Kind,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Text(String),
    Pair(u8, Option<u8>),
    Fields { a: Option<bool>, b: Vec<String> },
}

#[derive(Debug, PartialEq, Extract, IntoRequest)]
#[extract(max_items = 1000000, max_params = 1000000)]
#[route(PUT "/form")]
struct Form {
    #[query(nested, depth = 32)]
    query: Option<Tree>,
    #[form(nested = "dots", depth = 32)]
    tree: Option<Tree>,
    #[form(nested)]
    map: BTreeMap<String, Vec<String>>,
    #[form(query)]
    both: Option<String>,
    #[form(flag)]
    flag: Option<bool>,
    #[form(csv)]
    commas: Vec<i8>,
    #[form(rest)]
    rest: Vec<(String, String)>,
}

#[derive(Debug, PartialEq, Extract, IntoRequest)]
#[extract(max_items = 1000000, max_params = 1000000)]
#[route(POST "/parts")]
struct Parts {
    #[part]
    text: Option<String>,
    #[part(default = vec![3])]
    list: Vec<u8>,
    #[part(json)]
    tree: Option<Tree>,
    #[part]
    raw: Option<Bytes>,
    #[form(nested)]
    map: BTreeMap<String, String>,
    #[form(rest)]
    rest: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, PartialEq, Extract, IntoRequest)]
#[route(POST "/whole")]
struct Whole {
    #[query(all)]
    query: Option<Filter>,
    #[body(form)]
    body: Filter,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Filter {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default)]
    list: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u16>,
}

macro_rules! bodies {
    ($($path:literal $name:ident $kind:ident $ty:ty,)*) => {$(
        #[derive(Debug, PartialEq, Extract, IntoRequest)]
        #[route(POST $path)]
        struct $name {
            #[body($kind)]
            body: Option<$ty>,
        }
    )*};
}

bodies! {
    "/text" TextBody text String,
    "/raw" RawBody bytes Bytes,
    "/form" FormBody form Filter,
    "/json" JsonBody json Vec<Option<Tree>>,
    "/parts" PartsBody multipart Filter,
}

fn tree(source: &mut Source<'_>, depth: usize) -> Tree {
    Tree {
        text: source.option(Source::text),
        number: source.number() as i32,
        list: if depth < 4 { source.list(|source| tree(source, depth + 1)) } else { Vec::new() },
        map: source.map(|source| source.list(Source::byte)),
        kind: match source.byte() % 4 {
            0 => Kind::Unit,
            1 => Kind::Text(source.text()),
            2 => Kind::Pair(source.byte(), source.option(Source::byte)),
            _ => Kind::Fields { a: source.option(|source| source.byte() > 9), b: source.list(Source::text) },
        },
    }
}

fn filter(source: &mut Source<'_>) -> Filter {
    Filter {
        text: source.option(Source::text),
        list: source.list(Source::text),
        number: source.option(|source| source.number() as u16),
    }
}

fn page(source: &mut Source<'_>) -> Page {
    Page { number: source.option(|source| source.number() as u16), sort: source.list(Source::text) }
}

fuzz_target!(|data: &[u8]| -> Corpus {
    let source = &mut Source(data);
    let is_written = match source.byte() % 10 {
        0 | 1 => back(&Head {
            name: source.text(),
            stem: source.text(),
            kind: source.text(),
            number: source.number() as i64,
            rest: source.list(Source::text).join("/"),
            text: source.text(),
            option: source.option(Source::text),
            three: source.option(Source::byte),
            flag: source.byte() > 9,
            float: source.option(Source::float),
            list: source.list(Source::text),
            commas: source.option(|source| source.list(Source::text)),
            filled: source.option(Source::text),
            word: source.option(|source| if source.byte() > 9 { Word::One } else { Word::Two }),
            others: source.map(|source| source.list(Source::text)),
            page: page(source),
            plain: page(source),
        }),
        2 => back(&Headers {
            x_text: source.text(),
            option: source.option(Source::text),
            list: source.list(Source::text),
            maybe: source.option(|source| source.list(Source::text)),
            line: source.option(Source::line),
            sid: source.text(),
            raw: source.option(Source::text),
            visits: source.byte() as i8,
            member: source.option(|source| tree(source, 0)),
            float: source.float(),
            three: source.option(Source::byte),
            texts: source.list(|source| source.option(Source::text)),
        }),
        3 => back(&Form {
            query: source.option(|source| tree(source, 0)),
            tree: source.option(|source| tree(source, 0)),
            map: source.map(|source| source.list(Source::text)),
            both: source.option(Source::text),
            flag: source.option(|source| source.byte() > 9),
            commas: source.list(|source| source.byte() as i8),
            rest: source.list(|source| (source.text(), source.text())),
        }),
        4 => back(&Parts {
            text: source.option(Source::text),
            list: source.list(Source::byte),
            tree: source.option(|source| tree(source, 0)),
            raw: source.option(|source| source.list(Source::byte).into()),
            map: source.map(Source::text),
            rest: source.map(|source| source.list(Source::text)),
        }),
        5 => back(&Whole { query: source.option(filter), body: filter(source) }),
        6 => back(&TextBody { body: source.option(Source::text) }),
        7 => back(&RawBody { body: source.option(|source| source.list(Source::byte).into()) }),
        8 => {
            back(&FormBody { body: source.option(filter) }) | back(&PartsBody { body: source.option(filter) })
        }
        _ => back(&JsonBody {
            body: source.option(|source| source.list(|source| source.option(|source| tree(source, 0)))),
        }),
    };
    if is_written { Corpus::Keep } else { Corpus::Reject }
});

/// Writes a value, and reads it back if it can be written.
fn back<T: Extract + IntoRequest + HasRoute + Debug + PartialEq>(value: &T) -> bool {
    let request = match value.to_request() {
        Ok(request) => request,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let (parts, body) = request.into_parts();
    match T::read(&parts, bytes_of(body)) {
        Ok(read) => assert_eq!(&read, value, "{} {:?}", parts.uri, parts.headers),
        Err(rejection) => panic!("{rejection}: {value:?} as {} {:?}", parts.uri, parts.headers),
    }
    true
}

/// Returns the bytes of a body in memory, which is one frame.
fn bytes_of(body: Body) -> Bytes {
    let mut body = std::pin::pin!(body);
    match body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    }
}
