//! Each source with each cardinality, compared with a slow and obvious reader.

use std::{fmt::Debug, str::FromStr};

use proptest::prelude::*;
use waylay_extract::{Code, Extract, FromText, Rejection, TextError};

use crate::{get, lines};

macro_rules! readers {
    ($($one:ident $option:ident $source:ident,)*) => {$(
        #[derive(Debug, Extract)]
        struct $one<T: FromText + Send> {
            #[$source("v")]
            value: T,
        }

        #[derive(Debug, Extract)]
        struct $option<T: FromText + Send> {
            #[$source("v")]
            value: Option<T>,
        }
    )*};
}

readers! {
    Param ParamOption param,
    Query QueryOption query,
    Header HeaderOption header,
    Cookie CookieOption cookie,
}

#[derive(Debug, Extract)]
struct QueryMany<T: FromText + Send> {
    #[query("v")]
    value: Vec<T>,
}

#[derive(Debug, Extract)]
struct HeaderMany<T: FromText + Send> {
    #[header("v")]
    value: Vec<T>,
}

/// The values of the field in the request.
type Given<'g> = &'g [&'g str];

const GIVEN: &[Given<'_>] = &[
    &[],
    &[""],
    &["7"],
    &["-7"],
    &["+7"],
    &[" 7"],
    &["7 "],
    &["007"],
    &["65535"],
    &["65536"],
    &["1_000"],
    &["0x10"],
    &["12abc"],
    &["1.5"],
    &["1e3"],
    &["NaN"],
    &["inf"],
    &["-0"],
    &["true"],
    &["on"],
    &["1"],
    &["yes"],
    &["x"],
    &["é"],
    &["a b&c=d;e%2F+"],
    &["7", "8"],
    &["7", "x"],
    &["", ""],
    &["x", "7", ""],
];

/// Reads one value by the grammar, digit by digit.
trait Naive: FromText + Send + Debug + PartialEq + 'static {
    fn naive(text: &str) -> Option<Self>;
}

macro_rules! naive_integers {
    ($($ty:ty)*) => {$(
        impl Naive for $ty {
            fn naive(text: &str) -> Option<Self> {
                let digits = text.strip_prefix('-').unwrap_or(text);
                let zeros = digits.len() > 1 && digits.starts_with('0');
                if digits.is_empty() || zeros || text == "-0" {
                    return None;
                }
                let mut sum = 0i128;
                for digit in digits.chars() {
                    sum = sum * 10 + i128::from("0123456789".find(digit)? as u32);
                }
                let negative = text.starts_with('-');
                // std accepts no sign before an unsigned zero.
                if negative && <$ty>::MIN == 0 {
                    return None;
                }
                (if negative { -sum } else { sum }).try_into().ok()
            }
        }
    )*};
}

naive_integers! { u16 i64 }

impl Naive for bool {
    fn naive(text: &str) -> Option<Self> {
        let words = [("true", true), ("1", true), ("on", true), ("false", false), ("0", false)];
        words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
    }
}

impl Naive for f64 {
    fn naive(text: &str) -> Option<Self> {
        let number: f64 = text.parse().ok()?;
        (text.contains(|c: char| c.is_ascii_digit()) && number.is_finite()).then_some(number)
    }
}

impl Naive for char {
    fn naive(text: &str) -> Option<Self> {
        let all: Vec<char> = text.chars().collect();
        (all.len() == 1).then(|| all[0])
    }
}

impl Naive for String {
    fn naive(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

fn naive_one<T: Naive>(given: Given<'_>) -> Result<T, Vec<Code>> {
    match given {
        [] => Err(vec![Code::Missing]),
        [text] => T::naive(text).ok_or(vec![Code::Invalid]),
        _ => Err(vec![Code::Duplicate]),
    }
}

fn naive_option<T: Naive>(given: Given<'_>) -> Result<Option<T>, Vec<Code>> {
    match given {
        [] => Ok(None),
        [""] => Ok(T::naive("")),
        _ => naive_one(given).map(Some),
    }
}

fn naive_many<T: Naive>(given: Given<'_>) -> Result<Vec<T>, Vec<Code>> {
    let read: Vec<_> = given.iter().map(|text| T::naive(text)).collect();
    let wrong = read.iter().filter(|item| item.is_none()).count();
    match wrong {
        0 => Ok(read.into_iter().flatten().collect()),
        wrong => Err(vec![Code::Invalid; wrong]),
    }
}

fn codes<T>(result: Result<T, Rejection>) -> Result<T, Vec<Code>> {
    result.map_err(|rejection| rejection.errors().iter().map(|error| error.code()).collect())
}

/// Compares every reader of one type with the naive one.
fn check<T: Naive>() {
    for given in GIVEN {
        let about = format!("{given:?} as {}", std::any::type_name::<T>());
        let pairs: Vec<_> = given.iter().map(|value| ("v", *value)).collect();

        if given.len() < 2 {
            let parts = get("/", &[]);
            let one = Param::<T>::extract_parts(&parts, &pairs).map(|read| read.value);
            assert_eq!(codes(one), naive_one(given), "param {about}");
            let option = ParamOption::<T>::extract_parts(&parts, &pairs).map(|read| read.value);
            assert_eq!(codes(option), naive_option(given), "param {about}");
        }

        let query = serde_urlencoded::to_string(&pairs).unwrap();
        let parts = get(&format!("/?{query}"), &[]);
        let one = Query::<T>::extract_parts(&parts, &[]).map(|read| read.value);
        assert_eq!(codes(one), naive_one(given), "query {about}");
        let option = QueryOption::<T>::extract_parts(&parts, &[]).map(|read| read.value);
        assert_eq!(codes(option), naive_option(given), "query {about}");
        let many = QueryMany::<T>::extract_parts(&parts, &[]).map(|read| read.value);
        assert_eq!(codes(many), naive_many(given), "query {about}");

        let parts = get("/", &pairs);
        let one = Header::<T>::extract_parts(&parts, &[]).map(|read| read.value);
        assert_eq!(codes(one), naive_one(given), "header {about}");
        let option = HeaderOption::<T>::extract_parts(&parts, &[]).map(|read| read.value);
        assert_eq!(codes(option), naive_option(given), "header {about}");
        let many = HeaderMany::<T>::extract_parts(&parts, &[]).map(|read| read.value);
        assert_eq!(codes(many), naive_many(given), "header {about}");

        // A cookie's value is percent-encoded, as by scripts in browsers.
        let encode = |value| percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
        let cookies: Vec<_> = given.iter().map(|value| format!("v={}", encode(value))).collect();
        let parts = get("/", &[("cookie", &cookies.join("; "))]);
        let one = Cookie::<T>::extract_parts(&parts, &[]).map(|read| read.value);
        assert_eq!(codes(one), naive_one(given), "cookie {about}");
        let option = CookieOption::<T>::extract_parts(&parts, &[]).map(|read| read.value);
        assert_eq!(codes(option), naive_option(given), "cookie {about}");
    }
}

#[test]
fn every_source_and_cardinality_is_read_as_by_the_naive_reader() {
    check::<u16>();
    check::<i64>();
    check::<bool>();
    check::<f64>();
    check::<char>();
    check::<String>();
}

proptest! {
    #[test]
    fn integers_and_floats_follow_the_grammar(text in "[-+0-9a-z_. ]{0,6}|-?[0-9]{1,22}") {
        prop_assert_eq!(u16::from_text(&text).ok(), u16::naive(&text));
        prop_assert_eq!(i64::from_text(&text).ok(), i64::naive(&text));
        prop_assert_eq!(f64::from_text(&text).ok(), f64::naive(&text));
        prop_assert_eq!(bool::from_text(&text).ok(), bool::naive(&text));
    }
}

/// Read through `FromStr`, whose error quotes the value.
#[derive(Debug, PartialEq)]
enum Color {
    Red,
}

impl FromStr for Color {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "red" => Ok(Self::Red),
            other => Err(format!("no color: {other}")),
        }
    }
}

/// Implements both traits: `FromText` is used.
#[derive(Debug, PartialEq)]
struct Both(&'static str);

impl FromStr for Both {
    type Err = std::convert::Infallible;

    fn from_str(_: &str) -> Result<Self, Self::Err> {
        Ok(Self("from_str"))
    }
}

impl FromText for Both {
    fn from_text(_: &str) -> Result<Self, TextError> {
        Ok(Self("from_text"))
    }
}

#[derive(Debug, Extract)]
#[extract(rename_all = "camelCase", max_items = 3)]
struct Everything {
    #[param]
    user_id: u64,
    #[param("slug")]
    name: String,
    #[query(default = 20)]
    page_size: u16,
    #[query]
    sort_by: Option<Color>,
    #[query("tag", alias = "tag[]")]
    tags: Vec<String>,
    #[query(csv)]
    ids: Vec<u32>,
    #[query(csv)]
    maybe_ids: Option<Vec<u32>>,
    #[query(default)]
    verbose: bool,
    #[query(default = "en")]
    lang: String,
    #[query(default = vec![1, 2])]
    weights: Vec<u8>,
    #[query]
    r#type: Option<Both>,
    #[header]
    if_match: Option<String>,
    #[header("X-Trace", default)]
    trace: String,
    #[header("accept-language", csv)]
    languages: Vec<String>,
    #[cookie("sid")]
    session: Option<String>,
    #[skip]
    skipped: u8,
}

const PATH: &[(&str, &str)] = &[("userId", "7"), ("slug", "a/b c")];

#[test]
fn a_struct_with_every_source_is_read() {
    let uri = "/?sortBy=red&tag=a&tag%5B%5D=b&tag=c+d&ids=1,2&ids=3&verbose=on&type=x&unknown=%zz";
    let parts = get(
        uri,
        &[
            ("if-match", "\"e\""),
            ("x-trace", "t"),
            ("accept-language", "de, en"),
            ("accept-language", "fr"),
            ("cookie", "a=1; sid=\"s%20+t\"; b=%zz"),
        ],
    );
    let all = Everything::extract_parts(&parts, PATH).unwrap();
    assert_eq!((all.user_id, &*all.name), (7, "a/b c"));
    assert_eq!((all.page_size, all.verbose, &*all.lang), (20, true, "en"));
    assert_eq!(all.sort_by, Some(Color::Red));
    assert_eq!(all.tags, ["a", "b", "c d"]);
    assert_eq!((all.ids, all.maybe_ids, all.weights), (vec![1, 2, 3], None, vec![1, 2]));
    assert_eq!(all.r#type, Some(Both("from_text")));
    assert_eq!((all.if_match.as_deref(), &*all.trace), (Some("\"e\""), "t"));
    assert_eq!(all.languages, ["de", "en", "fr"]);
    assert_eq!((all.session.as_deref(), all.skipped), (Some("s +t"), 0));
}

#[test]
fn every_error_of_a_struct_is_reported_in_field_order() {
    let uri = "/?ids=1,x,3,4&tag=%zz&tag=%ff&tag=c&pageSize=&sortBy=pink&lang=a&lang=b\
               &weights=300&maybeIds=&verbose=maybe";
    let parts =
        get(uri, &[("if-match", "a"), ("if-match", "b"), ("cookie", "sid=%e4"), ("cookie", "sid2=1")]);
    let rejection = Everything::extract_parts(&parts, &[("slug", "s")]).unwrap_err();
    assert_eq!(
        lines(&rejection),
        [
            "path userId missing",
            "query pageSize invalid",
            "query sortBy invalid",
            "query tag bad_escape",
            "query tag bad_utf8",
            "query ids invalid",
            "query ids too_many",
            "query verbose invalid",
            "query lang duplicate",
            "query weights invalid",
            "header if-match duplicate",
            "cookie sid bad_utf8",
        ]
    );
    assert_eq!(rejection.status(), 400);
    assert_eq!(rejection.errors()[5].detail(), "item 2: expected an integer from 0 to 4294967295");
    assert_eq!(rejection.errors()[6].detail(), "expected at most 3 items");
}

#[test]
fn a_list_has_at_most_max_items() {
    for (query, sound) in [
        ("ids=1,2,3", true),
        ("ids=1,2,3,4", false),
        ("ids=1&ids=2&ids=3", true),
        ("tag=1&tag=2&tag=3", true),
        ("tag=1&tag=2&tag=3&tag=4", false),
    ] {
        let parts = get(&format!("/?{query}"), &[]);
        let read = Everything::extract_parts(&parts, PATH);
        assert_eq!(read.is_ok(), sound, "{query}");
    }
}

#[test]
fn header_text_that_is_not_utf8_is_an_error_of_that_header() {
    let mut parts = get("/", &[]);
    let latin1 = http::HeaderValue::from_bytes(b"caf\xe9").unwrap();
    parts.headers.insert("if-match", latin1);
    let rejection = Everything::extract_parts(&parts, PATH).unwrap_err();
    assert_eq!(lines(&rejection), ["header if-match bad_utf8"]);
}

#[test]
fn no_response_quotes_a_value() {
    let parts = get("/?pageSize=s3cret&sortBy=s3cret&ids=s3cret", &[("cookie", "sid=s3cret%")]);
    let rejection = Everything::extract_parts(&parts, &[("userId", "s3cret")]).unwrap_err();
    assert_eq!(rejection.errors().len(), 6);
    assert!(!format!("{rejection} {rejection:?}").contains("s3cret"));
}

#[derive(Debug, Extract)]
struct Page {
    #[query(default = 1)]
    number: u16,
    #[query]
    size: Option<u16>,
}

#[derive(Debug, Extract)]
struct Tenant {
    #[param]
    tenant: String,
    #[header("x-trace")]
    trace: Option<u8>,
    #[cookie]
    sid: u8,
}

#[derive(Debug, Extract)]
struct List {
    #[flatten]
    tenant: Tenant,
    #[query]
    sort: String,
    #[flatten]
    page: Page,
    #[header("x-trace")]
    again: Option<u8>,
}

#[test]
fn a_flattened_struct_is_read_like_own_fields() {
    let parts = get("/?size=7&sort=a&number=3", &[("x-trace", "1"), ("cookie", "sid=2")]);
    let list = List::extract_parts(&parts, &[("tenant", "t")]).unwrap();
    assert_eq!((&*list.tenant.tenant, list.tenant.trace, list.tenant.sid), ("t", Some(1), 2));
    assert_eq!((&*list.sort, list.page.number, list.page.size, list.again), ("a", 3, Some(7), Some(1)));

    let parts = get("/?size=x&number=-1", &[("x-trace", "x")]);
    let rejection = List::extract_parts(&parts, &[]).unwrap_err();
    assert_eq!(
        lines(&rejection),
        [
            "path tenant missing",
            "header x-trace invalid",
            "cookie sid missing",
            "query sort missing",
            "query number invalid",
            "query size invalid",
            "header x-trace invalid",
        ]
    );
}
