//! The query parser, compared with that of the WHATWG and a naive one.

use std::str;

use http::Uri;
use proptest::prelude::*;
use waylay_extract::{Code, Extract};

use crate::get;

#[derive(Debug, Extract)]
#[extract(max_items = 100000)]
struct Keys {
    #[query]
    a: Vec<String>,
    #[query("b c")]
    b: Vec<String>,
}

/// Decodes one key or value, byte by byte.
fn naive(raw: &str) -> Result<String, Code> {
    let mut bytes = Vec::new();
    let mut rest = raw.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = rest.get(..2).ok_or(Code::InvalidEscape)?;
                let text = str::from_utf8(digits).map_err(|_| Code::InvalidEscape)?;
                if !text.chars().all(|digit| digit.is_ascii_hexdigit()) {
                    return Err(Code::InvalidEscape);
                }
                bytes.push(u8::from_str_radix(text, 16).map_err(|_| Code::InvalidEscape)?);
                rest = &rest[2..];
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).map_err(|_| Code::InvalidUtf8)
}

fn naive_key(query: &str, wanted: &str) -> Vec<Result<String, Code>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(key, _)| naive(key).as_deref() == Ok(wanted))
        .map(|(_, value)| naive(value))
        .collect()
}

#[test]
fn pairs_of_every_length_are_read() {
    // More than two words of eight bytes, with each mark at each position of a word.
    for (key, value) in (0..20).flat_map(|key| (0..20).map(move |value| (key, value))) {
        for (mark, expected) in [("v", "v"), ("=", "="), ("+", " "), ("%26", "&"), ("é", "é")] {
            let (key, value) = ("k".repeat(key), "v".repeat(value));
            let query = format!("{key}=a&&a={value}{mark}&b+c={mark}{value}=&{key}a={key}&a");
            let mut parts = get("/", &[]);
            parts.uri = Uri::from_maybe_shared(bytes::Bytes::from(format!("/?{query}"))).unwrap();
            let keys = Keys::extract_parts(&parts, &[]).unwrap();
            let mut a = vec![format!("{value}{expected}"), String::new()];
            if key.is_empty() {
                a.insert(1, String::new());
            }
            assert_eq!((keys.a, keys.b), (a, vec![format!("{expected}{value}=")]), "{query}");
        }
    }
}

proptest! {
    #[test]
    fn written_pairs_are_read_back(
        pairs in prop::collection::vec(("a|b c|[a-c ]{0,3}", any::<String>()), 0..8)
    ) {
        let query = serde_urlencoded::to_string(&pairs).unwrap();
        let keys = Keys::extract_parts(&get(&format!("/?{query}"), &[]), &[]).unwrap();
        let of = |wanted| pairs.iter().filter(move |(key, _)| key == wanted);
        let a: Vec<_> = of("a").map(|(_, value)| value.clone()).collect();
        let b: Vec<_> = of("b c").map(|(_, value)| value.clone()).collect();
        prop_assert_eq!((keys.a, keys.b), (a, b));
    }

    #[test]
    fn any_query_is_read_as_by_the_naive_parser(
        query in "([abc=&%+;]|%[0-9a-fA-FgG]{1,2}|%20|é|a=|b%20c=|b\\+c=|%61=|%c3%a9|%e9|&a){0,12}"
    ) {
        let Ok(uri) = format!("/?{query}").parse::<Uri>() else { return Ok(()) };
        let query = uri.query().unwrap_or_default();
        let expected = [naive_key(query, "a"), naive_key(query, "b c")];
        let wrong: Vec<_> = expected.iter().flatten().filter_map(|item| item.as_ref().err()).copied().collect();
        match Keys::extract_parts(&get(&uri.to_string(), &[]), &[]) {
            Ok(keys) => {
                prop_assert!(wrong.is_empty(), "{:?}", wrong);
                let read = [keys.a, keys.b].map(|list| list.into_iter().map(Ok).collect::<Vec<_>>());
                prop_assert_eq!(&read, &expected);
                // Without invalid escapes, the WHATWG parser agrees.
                let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap();
                let a = pairs.into_iter().filter(|(key, _)| key == "a").map(|(_, value)| Ok(value));
                prop_assert_eq!(&a.collect::<Vec<_>>(), &expected[0]);
            }
            Err(rejection) => {
                let codes: Vec<_> = rejection.errors().iter().map(|error| error.code()).collect();
                prop_assert_eq!(codes, wrong);
            }
        }
    }

    #[test]
    fn nothing_in_a_query_or_a_cookie_panics(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        #[derive(Debug, Extract)]
        struct Any {
            #[query]
            _a: Option<u8>,
            #[query(csv)]
            _b: Vec<String>,
            #[cookie]
            _c: Option<String>,
        }
        let mut parts = get("/", &[]);
        if let Ok(value) = http::HeaderValue::from_bytes(&bytes) {
            parts.headers.insert("cookie", value);
        }
        let mut query = b"/?".to_vec();
        query.extend(&bytes);
        if let Ok(uri) = Uri::from_maybe_shared(bytes::Bytes::from(query)) {
            parts.uri = uri;
        }
        let _ = Any::extract_parts(&parts, &[]);
    }
}
