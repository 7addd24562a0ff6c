//! Struct to request to struct: written values are read back, by source.

use std::{fmt::Debug, task};

use axum_core::body::Body;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::BodyExt;
use waylay_extract::{Extract, IntoRequest, WriteError};
use waylay_router::{Peer, Route, Table};

/// Returns the bytes of a body in memory.
pub(crate) fn bytes_of(body: Body) -> Bytes {
    let future = std::pin::pin!(body.collect());
    match future.poll(&mut task::Context::from_waker(task::Waker::noop())) {
        task::Poll::Ready(body) => body.unwrap().to_bytes(),
        task::Poll::Pending => panic!("the body does not lie in memory"),
    }
}

/// Reads a request as a server with one route.
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

pub(crate) fn table(template: &str) -> Table<()> {
    Table::builder().route(Route::put(template).value(())).build().unwrap()
}

/// Writes and reads the value back; `None` if it cannot be written.
pub(crate) fn back<T: Extract + IntoRequest + Debug>(
    table: &Table<()>,
    value: &T,
    template: &str,
) -> Option<T> {
    let request = value.to_request_at(Method::PUT, template).ok()?;
    Some(read(table, request))
}

/// Seeded by the number of the case, so that a failure can be repeated.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Steele, Lea and Flood's SplitMix64.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Texts that need escapes, and others.
    pub(crate) fn text(&mut self) -> String {
        const HARD: &[char] = &[
            ' ', 'a', 'B', '0', '/', '%', '?', '&', '=', '+', ';', ',', '"', '\\', '.', '.', ':', '@', '#',
            '{', '}', '[', ']', '<', '>', '|', '^', '`', '~', '\'', '*', '!', '$', '(', ')', '-', '_', '\t',
            '\n', '\r', '\0', '\u{7f}', 'é', '€', '𝄞', '\u{a0}', '\u{feff}', '\u{2028}',
        ];
        let length = self.below(7);
        let kind = self.below(4);
        (0..length)
            .map(|_| match kind {
                0 => char::from_u32(self.below(0x11_0000) as u32).unwrap_or('x'),
                1 => char::from(b'a' + self.below(26) as u8),
                _ => HARD[self.below(HARD.len() as u64) as usize],
            })
            .collect()
    }

    pub(crate) fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(3) > 0).then(|| make(self))
    }

    pub(crate) fn list<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(4)).map(|_| make(self)).collect()
    }
}

/// Runs cases, each with its own random numbers.
pub(crate) fn cases(count: u64, mut case: impl FnMut(&mut Random)) {
    for seed in 0..count {
        case(&mut Random(seed));
    }
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
fn path_values_are_read_back() {
    let template = "/a b/{name}/x-{number}.é";
    let table = table(template);
    cases(10_000, |random| {
        let value = Segment { name: random.text(), number: random.next() as i64 };
        match back(&table, &value, template) {
            Some(read) => assert_eq!(read, value),
            None => {
                let name = &*value.name;
                assert!(matches!(name, "" | "." | "..") || has_control(name), "{} is rejected", name);
            }
        }
    });
}

#[test]
fn values_in_one_segment_are_read_back() {
    let template = "/{stem}.{kind}";
    let table = table(template);
    cases(10_000, |random| {
        let value = Mixed { stem: random.text(), kind: random.text() };
        match back(&table, &value, template) {
            Some(read) => assert_eq!(read, value),
            None => {
                let odd = |text: &str| text.is_empty() || text.contains('.') || has_control(text);
                assert!(odd(&value.stem) || odd(&value.kind));
            }
        }
    });
}

#[test]
fn tails_are_read_back() {
    let template = "/files/{*rest}";
    let table = table(template);
    cases(10_000, |random| {
        let value = Tail { rest: random.list(Random::text).join("/") };
        match back(&table, &value, template) {
            Some(read) => assert_eq!(read, value),
            None => {
                let odd = |part: &str| matches!(part, "" | "." | "..") || has_control(part);
                assert!(value.rest.split('/').any(odd));
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
fn query_values_are_read_back() {
    let table = table("/");
    cases(10_000, |random| {
        let value = Query {
            some_text: random.text(),
            odd_key: random.maybe(Random::text),
            list: random.list(Random::text),
            commas: random.list(Random::text),
            number: random.maybe(|random| f64::from_bits(random.next())),
            flag: random.maybe(|random| random.below(2) == 0),
            small: random.next() as u8,
        };
        match back(&table, &value, "/") {
            Some(read) => assert_eq!(read, value),
            None => {
                let odd = |item: &String| item.contains(',') || item.trim() != item;
                let commas = &value.commas;
                assert!(
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
fn header_values_are_read_back() {
    let table = table("/");
    cases(10_000, |random| {
        let value = Headers {
            x_text: random.text(),
            maybe: random.maybe(|random| random.next() as u32),
            list: random.list(Random::text),
            commas: random.list(|random| random.next() as i8),
        };
        match back(&table, &value, "/") {
            Some(read) => assert_eq!(read, value),
            None => {
                let odd = |text: &String| has_control(text) || text.trim_matches([' ', '\t']) != text;
                // Texts that the commas and quotes of a list could divide wrongly.
                let unlisted = |text: &String| odd(text) || text.is_empty() || text.contains([',', '"']);
                assert!(odd(&value.x_text) || value.list.iter().any(unlisted), "{value:?}");
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
fn cookies_are_read_back() {
    let table = table("/");
    cases(10_000, |random| {
        let value = Cookies { sid: random.text(), theme: random.maybe(Random::text), visits: random.next() };
        assert_eq!(back(&table, &value, "/"), Some(value));
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
    #[serde(with = "decimal_text")]
    raw_text: u64,
    #[query]
    beside: String,
}

mod decimal_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires it")]
    pub(crate) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[test]
fn json_members_are_read_back() {
    let table = table("/");
    cases(10_000, |random| {
        let value = Members {
            text: random.text(),
            maybe: random.maybe(Random::text),
            or_seven: random.maybe(|random| random.next() as u8),
            list: random.list(|random| random.next() as i32),
            raw_text: random.next(),
            beside: random.text(),
        };
        assert_eq!(back(&table, &value, "/"), Some(value));
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
fn whole_bodies_are_read_back() {
    let table = table("/");
    cases(30_000, |random| match random.below(3) {
        0 => {
            let value = Whole { body: random.maybe(|random| random.list(Random::text)) };
            assert_eq!(back(&table, &value, "/"), Some(value));
        }
        1 => {
            let value = Words { body: random.text(), query: Words2 { page: random.next() as u16 } };
            assert_eq!(back(&table, &value, "/"), Some(value));
        }
        _ => {
            let value = Raw { body: random.list(|random| random.next() as u8) };
            assert_eq!(back(&table, &value, "/"), Some(value));
        }
    });
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
struct Form {
    #[form]
    text: String,
    #[form]
    list: Vec<String>,
    #[form(csv)]
    commas: Vec<u16>,
    #[form(flag)]
    ticked: bool,
    #[form]
    maybe: Option<i32>,
    #[form(rest)]
    rest: Vec<(String, String)>,
}

#[test]
fn forms_are_read_back() {
    let table = table("/");
    cases(10_000, |random| {
        let value = Form {
            text: random.text(),
            list: random.list(Random::text),
            commas: random.list(|random| random.next() as u16),
            ticked: random.below(2) == 0,
            maybe: random.maybe(|random| random.next() as i32),
            rest: random.list(|random| (random.text(), random.text())),
        };
        assert_eq!(back(&table, &value, "/"), Some(value));
    });
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
struct Odd {
    #[query(flag)]
    is_set: bool,
    #[query(flag)]
    maybe_set: Option<bool>,
    #[query(flag, default = true)]
    set: bool,
    #[query(with = hex)]
    hex: u32,
    #[query(serde)]
    weekday: Weekday,
    #[query(empty = "none")]
    filled: Option<String>,
    #[query(skip_if = is_zero)]
    #[expect(clippy::struct_field_names, reason = "the names are short")]
    odd: Option<u8>,
    #[query(rest)]
    rest: std::collections::BTreeMap<String, Vec<String>>,
    #[header("x-bytes")]
    bytes: Option<http::HeaderValue>,
    #[cookie(raw)]
    raw: String,
    #[flatten(prefix = "in-")]
    inner: Inner,
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
struct Inner {
    #[query]
    page: u16,
    #[cookie]
    sid: String,
    #[header("x-inner")]
    header: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
enum Weekday {
    Monday,
    Tuesday,
}

#[expect(clippy::ref_option, reason = "the function receives the field")]
fn is_zero(number: &Option<u8>) -> bool {
    *number == Some(0)
}

mod hex {
    use std::borrow::Cow;

    use waylay_extract::TextError;

    pub(crate) fn from_text(text: &str) -> Result<u32, TextError> {
        u32::from_str_radix(text, 16).map_err(|_| TextError::expected("hexadecimal digits"))
    }

    #[expect(clippy::unnecessary_wraps, reason = "the form that is asked for")]
    pub(crate) fn to_text(number: &u32) -> Result<Cow<'_, str>, TextError> {
        Ok(format!("{number:x}").into())
    }
}

#[test]
fn options_of_fields_are_read_back() {
    let table = table("/");
    cases(10_000, |random| {
        let value = Odd {
            is_set: random.below(2) == 0,
            maybe_set: random.maybe(|random| random.below(2) == 0),
            set: random.below(2) == 0,
            hex: random.next() as u32,
            weekday: if random.below(2) == 0 { Weekday::Monday } else { Weekday::Tuesday },
            filled: random.maybe(Random::text),
            odd: random.maybe(|random| random.below(4) as u8),
            rest: random.list(|random| (random.text(), vec![random.text()])).into_iter().collect(),
            bytes: random
                .maybe(|random| http::HeaderValue::from_bytes(&[0x80 | random.next() as u8, b'x']).unwrap()),
            raw: random.text(),
            inner: Inner { page: random.next() as u16, sid: random.text(), header: None },
        };
        match back(&table, &value, "/") {
            Some(read) => {
                let odd = value.odd.filter(|odd| *odd != 0);
                assert_eq!(read, Odd { odd, ..value });
            }
            None => {
                let odd = |c: char| !c.is_ascii_graphic() || "\",;\\".contains(c);
                assert!(value.raw.contains(odd) || value.filled.as_deref() == Some(""), "{value:?}");
            }
        }
    });
}

#[cfg(feature = "multipart")]
mod parts {
    use bytes::Bytes;
    use waylay_extract::{Extract, IntoRequest, Upload};

    use super::{Random, back, cases, table};

    #[derive(Debug, Extract, IntoRequest)]
    struct Parts {
        #[form]
        text: String,
        #[form]
        list: Vec<String>,
        #[part]
        note: Option<String>,
        #[part(json)]
        data: Vec<String>,
        #[part]
        raw: Bytes,
        #[part]
        file: Option<Upload>,
    }

    #[test]
    fn parts_are_read_back() {
        let table = table("/");
        cases(10_000, |random| {
            let file = |random: &mut Random| {
                let name = random.maybe(|random| {
                    random.text().replace(|c: char| c.is_ascii_control() || "\"\\".contains(c), "_")
                });
                Upload::new(name.as_deref(), Some("image/png"), random.text().into())
            };
            let value = Parts {
                text: random.text(),
                list: random.list(Random::text),
                note: random.maybe(Random::text),
                data: random.list(Random::text),
                raw: random.list(|random| random.next() as u8).into(),
                file: random.maybe(file),
            };
            let chosen = |file: &Upload| file.file_name() != Some("") || !file.is_empty();
            if !value.file.as_ref().is_none_or(chosen) {
                return assert!(back(&table, &value, "/").is_none());
            }
            let read = back(&table, &value, "/").unwrap();
            assert_eq!((&read.text, &read.list, &read.note), (&value.text, &value.list, &value.note));
            assert_eq!((&read.data, &read.raw), (&value.data, &value.raw));
            let seen = |file: &Option<Upload>| {
                let file = file.as_ref()?;
                let text = |text: Option<&str>| text.map(str::to_owned);
                Some((text(file.file_name()), text(file.content_type()), file.bytes().cloned()))
            };
            assert_eq!(seen(&read.file), seen(&value.file));
        });
    }

    #[test]
    fn no_part_contains_the_boundary() {
        let value = || Parts {
            text: "--waylay-0000000000000000--\r\n".into(),
            // Every boundary from zero on: a search for each would take hours.
            list: vec![(0..90_000).map(|n| format!("waylay-{n:016x}")).collect()],
            note: None,
            data: vec![],
            raw: Bytes::new(),
            file: None,
        };
        let boundary = || {
            let request = value().to_request_at(http::Method::POST, "/").unwrap();
            request.headers()["content-type"].to_str().unwrap().rsplit('=').next().unwrap().to_owned()
        };
        let (one, other) = (boundary(), boundary());
        assert_ne!(one, other, "it is random");
        assert!(one.len() <= 70 && one.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
        let (parts, body) = value().to_request_at(http::Method::POST, "/").unwrap().into_parts();
        let read = Parts::extract(&parts, &[], super::bytes_of(body)).unwrap();
        assert_eq!((read.text, read.list), (value().text, value().list));
    }
}

/// A float is read back to its last bit from every source, as member, in a list, and as value of any type.
#[test]
fn floats_are_read_back() {
    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Floats {
        #[query]
        query: f64,
        #[query(nested)]
        nested: Vec<f64>,
        #[header("x-float")]
        header: f32,
        #[json]
        member: f64,
        #[json]
        list: Vec<f32>,
        #[json]
        any: Option<serde_json::Value>,
    }
    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Whole {
        #[body]
        body: (f64, f32),
    }

    let table = table("/");
    let find = |random: &mut Random| loop {
        let float = f64::from_bits(random.next());
        if float.is_finite() {
            return float;
        }
    };
    cases(5_000, |random| {
        let (float, short) = (find(random), find(random) as f32);
        let short = if short.is_finite() { short } else { 0.1 };
        let value = Floats {
            query: float,
            nested: vec![float, -float],
            header: short,
            member: float,
            list: vec![short, short / 3.0],
            any: Some(float.into()),
        };
        assert_eq!(back(&table, &value, "/"), Some(value));
        let value = Whole { body: (float, short) };
        assert_eq!(back(&table, &value, "/"), Some(value));
    });
}

#[cfg(feature = "headers")]
#[test]
fn typed_headers_are_read_back() {
    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Typed {
        #[header(typed)]
        range: Option<headers::Range>,
        #[header(typed)]
        etag: headers::IfMatch,
    }

    let value = Typed {
        range: Some(headers::Range::bytes(1..5).unwrap()),
        etag: "\"a\"".parse::<headers::ETag>().unwrap().into(),
    };
    assert_eq!(back(&table("/"), &value, "/"), Some(value));
}

#[cfg(feature = "form")]
#[test]
fn whole_queries_and_forms_are_read_back() {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Pairs {
        text: String,
        #[serde(default)]
        list: Vec<String>,
    }

    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct All {
        #[query(all)]
        query: Pairs,
        #[body(form)]
        body: Pairs,
    }

    let table = table("/");
    cases(10_000, |random| {
        let mut pairs = || Pairs { text: random.text(), list: random.list(Random::text) };
        let value = All { query: pairs(), body: pairs() };
        assert_eq!(back(&table, &value, "/"), Some(value));
    });
}

#[test]
fn all_write_errors_are_reported_at_once() {
    let value = Mixed { stem: "a.b".into(), kind: String::new() };
    let error: WriteError = value.to_request_at(Method::GET, "/{stem}.{kind}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "path `stem`: expected none of the characters that separate the variables of this segment; \
         path `kind`: expected a value that is not empty"
    );
    for (template, why) in [
        ("x", "`x` is not a path template: a path must start with `/`"),
        (
            "/{stem",
            "`/{stem` is not a path template: variable is not closed, add `}` (a literal brace is `{{`)",
        ),
        ("/stem}", "`/stem}` is not a path template: `}` without `{` (a literal brace is `}}`)"),
        ("/{}", "`/{}` is not a path template: variable has no name, write `{name}` or `{name:regex}`"),
        (
            "/{*stem}/x",
            "`/{*stem}/x` is not a path template: a variable that spans separators must end the template and stand alone in its segment",
        ),
        ("/{other}", "path `other`: no field has this variable"),
    ] {
        let value = Tail { rest: "x".into() };
        let error = value.to_request_at(Method::GET, template).unwrap_err();
        assert_eq!(error.to_string(), why, "{template}");
    }
}
