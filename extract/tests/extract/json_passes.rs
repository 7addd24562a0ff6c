//! The two passes over a JSON body give the same result.

use std::cell::Cell;

use proptest::prelude::*;
use serde::{Deserialize, Deserializer, de};
use waylay_extract::{Extract, Rejection};

use crate::{bytes, json};

thread_local! {
    static FAILS: Cell<bool> = const { Cell::new(false) };
}

/// Rejects its first value, so that the first pass fails and the second succeeds.
#[derive(Debug, PartialEq)]
struct Fickle;

impl<'de> Deserialize<'de> for Fickle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        de::IgnoredAny::deserialize(deserializer)?;
        if FAILS.take() { Err(de::Error::custom("not yet")) } else { Ok(Self) }
    }
}

#[derive(Debug, Extract, PartialEq)]
struct Inner {
    #[json]
    size: u8,
    #[json]
    name: Option<String>,
}

#[derive(Debug, Extract, PartialEq)]
struct Loose {
    #[json]
    fickle: Option<Fickle>,
    #[json]
    title: String,
    #[json(default = 3)]
    stars: u8,
    #[json]
    note: Option<String>,
    #[json]
    #[serde(alias = "list")]
    tags: Option<Vec<u8>>,
    #[json]
    any: Option<serde_json::Value>,
    #[flatten(body, prefix = "in_")]
    inner: Inner,
}

#[derive(Debug, Extract, PartialEq)]
#[extract(deny_unknown(json), max_params = 5)]
struct Strict {
    #[json]
    fickle: Option<Fickle>,
    #[json]
    title: String,
    #[json]
    stars: Option<u8>,
}

/// Returns the struct of a body, or every error as text.
fn read<T: Extract>(body: &str, fails: bool) -> Result<T, Vec<String>> {
    FAILS.set(fails);
    let describe = |rejection: Rejection| {
        let line = |error: &waylay_extract::FieldError| format!("{error} ({})", error.code());
        rejection.errors().iter().map(line).collect()
    };
    T::extract(&json(), &[], bytes(body)).map_err(describe)
}

fn member() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "title",
        "\\u0074itle",
        "stars",
        "note",
        "tags",
        "list",
        "any",
        "in_size",
        "in_name",
        "size",
        "other",
    ]);
    let value = prop::sample::select(vec![
        "\"ways\"",
        "\"\\u0077\\n\"",
        "7",
        "300",
        "-1",
        "7.5",
        "null",
        "true",
        "[1,2]",
        "[1,\"x\"]",
        "{\"a\":[null]}",
        "[",
    ]);
    (key, value).prop_map(|(key, value)| format!(", \"{key}\": {value}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn both_passes_give_the_same_result(members in prop::collection::vec(member(), 0..7), end in "\\}|\\}|\\}|\\} x|,\\}|") {
        let body = format!("{{\"fickle\": 1, \"title\": \"a\"{}{end}", members.concat());
        prop_assert_eq!(read::<Loose>(&body, false), read::<Loose>(&body, true), "{}", body);
        prop_assert_eq!(read::<Strict>(&body, false), read::<Strict>(&body, true), "{}", body);
        let body = format!("{{\"fickle\": 1{}{end}", members.concat());
        prop_assert_eq!(read::<Loose>(&body, false), read::<Loose>(&body, true), "{}", body);
        prop_assert_eq!(read::<Strict>(&body, false), read::<Strict>(&body, true), "{}", body);
    }
}

#[test]
fn a_type_that_fails_once_separates_the_passes() {
    let body = r#"{"fickle": 1, "title": "a", "in_size": 1}"#;
    assert!(read::<Loose>(body, false).is_ok());
    FAILS.set(true);
    assert!(serde_json::from_str::<Fickle>("1").is_err());
    assert_eq!(read::<Loose>(body, true).unwrap().title, "a");
    assert!(!FAILS.get(), "the first pass has run");
}
