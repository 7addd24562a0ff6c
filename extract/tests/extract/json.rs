//! JSON bodies, by member and whole, compared with serde.

use bytes::Bytes;
use proptest::prelude::*;
use serde::Deserialize;
use waylay_extract::Extract;

use crate::{bytes, json, lines};

#[derive(Debug, Deserialize, PartialEq)]
struct Address {
    city: String,
    #[serde(default)]
    lines: Vec<u8>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Short,
    Long { pages: u8 },
}

#[derive(Debug, Extract)]
struct Post {
    #[json]
    title: String,
    #[json(default)]
    draft: bool,
    #[json(default = 3)]
    stars: u8,
    #[json]
    note: Option<String>,
    #[json("a/b~c")]
    odd: Option<u8>,
    #[json]
    #[serde(alias = "addr")]
    address: Option<Address>,
    #[json]
    kind: Option<Kind>,
    #[json]
    #[serde(deserialize_with = "doubled", default)]
    double: u8,
}

fn doubled<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let half = u8::deserialize(deserializer)?;
    half.checked_mul(2).ok_or_else(|| serde::de::Error::custom(format!("too much, expected {half}")))
}

/// Returns the errors of each body, one a line.
const FAULTS: &[(&str, u16, &[&str])] = &[
    ("", 400, &["body  missing"]),
    ("{}", 422, &["body /title missing"]),
    ("null", 422, &["body  invalid"]),
    ("[\"title\", true]", 422, &["body  invalid"]),
    ("\"title\"", 422, &["body  invalid"]),
    ("{", 400, &["body  malformed"]),
    ("{\"title\": \"x\"", 400, &["body  malformed"]),
    ("{\"title\": \"x\"} {}", 400, &["body  malformed"]),
    ("title=x", 400, &["body  malformed"]),
    ("{\"title\": 1, ]", 400, &["body  malformed"]),
    ("{\"title\": null}", 422, &["body /title invalid"]),
    (
        "{\"title\": 1, \"draft\": \"x\", \"stars\": 256, \"note\": 1, \"a/b~c\": -1}",
        422,
        &[
            "body /title invalid",
            "body /draft invalid",
            "body /stars invalid",
            "body /note invalid",
            "body /a~1b~0c invalid",
        ],
    ),
    ("{\"title\": \"a\", \"title\": \"b\"}", 422, &["body /title duplicate"]),
    ("{\"title\": \"a\", \"address\": null, \"addr\": null}", 422, &["body /addr duplicate"]),
    ("{\"title\": \"a\", \"address\": {}}", 422, &["body /address/city missing"]),
    (
        "{\"title\": \"a\", \"addr\": {\"city\": \"c\", \"lines\": [1, 2, \"x\"]}}",
        422,
        &["body /addr/lines/2 invalid"],
    ),
    (
        "{\"title\": \"a\", \"address\": {\"city\": \"c\", \"city\": \"d\"}}",
        422,
        &["body /address/city duplicate"],
    ),
    ("{\"title\": \"a\", \"kind\": \"wide\"}", 422, &["body /kind invalid"]),
    ("{\"title\": \"a\", \"kind\": {\"long\": {\"pages\": 300}}}", 422, &["body /kind/long/pages invalid"]),
    ("{\"title\": \"a\", \"double\": 200}", 422, &["body /double invalid"]),
];

#[test]
fn every_error_of_a_body_is_reported_with_its_pointer() {
    for (body, status, expected) in FAULTS {
        let rejection = Post::extract(&json(), &[], bytes(body)).unwrap_err();
        assert_eq!(lines(&rejection), *expected, "{body}");
        assert_eq!(rejection.status(), *status, "{body}");
    }
}

#[test]
fn only_texts_that_are_read_must_be_utf8() {
    let body = |text: &[u8]| Bytes::copy_from_slice(text);
    let post = Post::extract(&json(), &[], body(b"{\"title\": \"t\", \"other\": \"\xff\"}")).unwrap();
    assert_eq!(post.title, "t");
    for text in [&b"{\"title\": \"\xff\"}"[..], b"{\"title\": \"t\", \"\xff\": 1}", b"{\"title\": \"t\"}\xff"]
    {
        let rejection = Post::extract(&json(), &[], body(text)).unwrap_err();
        assert_eq!(lines(&rejection), ["body  malformed"], "{text:?}");
    }
}

#[test]
fn details_contain_what_is_expected_and_never_the_value() {
    let rows = [
        ("{\"title\": 1}", "expected a string"),
        ("{\"title\": \"a\", \"stars\": \"s3cret\"}", "expected an integer from 0 to 255"),
        ("{\"title\": \"a\", \"stars\": \", expected s3cret\"}", "expected an integer from 0 to 255"),
        ("{\"title\": \"a\", \"stars\": \" at line s3cret\"}", "expected an integer from 0 to 255"),
        ("{\"title\": \"a\", \"kind\": \"s3cret\"}", "expected `short` or `long`"),
        ("{\"title\": \"a\", \"double\": 200}", "expected a valid value"),
        ("{\"title\": \"a\" s3cret}", "expected JSON, line 1 column 15 is not"),
        ("{\"title\": \"a\"", "expected JSON, the text ends at line 1 column 13"),
        ("", "expected a body"),
        ("[]", "expected a JSON object"),
    ];
    for (body, detail) in rows {
        let rejection = Post::extract(&json(), &[], bytes(body)).unwrap_err();
        assert_eq!(rejection.errors()[0].detail(), detail, "{body}");
        assert!(!format!("{rejection:?}").contains("s3cret"), "{body}");
    }
}

#[test]
fn absent_members_are_none_or_their_defaults() {
    let post = Post::extract(&json(), &[], bytes("{\"title\": \"t\"}")).unwrap();
    assert_eq!((&*post.title, post.draft, post.stars, post.double), ("t", false, 3, 0));
    assert_eq!((post.note, post.odd, post.address, post.kind), (None, None, None, None));

    let body = r#" {"double": 4, "unknown": [{}], "addr": {"city": "c"}, "note": null, "title": "é",
        "kind": {"long": {"pages": 3}}, "a/b~c": 1, "stars": 5, "draft": true}"#;
    let post = Post::extract(&json(), &[], bytes(body)).unwrap();
    assert_eq!((&*post.title, post.draft, post.stars, post.double), ("é", true, 5, 8));
    let city = "c".to_owned();
    let address = Address { city, lines: Vec::new() };
    assert_eq!((post.note, post.odd, post.address), (None, Some(1), Some(address)));
    assert_eq!(post.kind, Some(Kind::Long { pages: 3 }));
    assert_eq!(Kind::Short, serde_json::from_str("\"short\"").unwrap());
}

#[derive(Debug, Extract)]
struct Generic<T: serde::de::DeserializeOwned + Send + Default> {
    #[json]
    value: T,
    #[json(default)]
    other: T,
}

#[test]
fn a_generic_member_is_read() {
    let read = Generic::<u8>::extract(&json(), &[], bytes("{\"value\": 3}")).unwrap();
    assert_eq!((read.value, read.other), (3, 0));
    let wrong = Generic::<u8>::extract(&json(), &[], bytes("{\"other\": -1}")).unwrap_err();
    assert_eq!(lines(&wrong), ["body /value missing", "body /other invalid"]);
}

#[derive(Debug, Extract)]
struct Whole {
    #[body]
    address: Address,
}

#[derive(Debug, Extract)]
struct Maybe {
    #[body]
    address: Option<Address>,
}

#[test]
fn a_whole_body_is_decoded_or_its_first_error_reported() {
    let rows: &[(&str, &[&str])] = &[
        ("", &["body  missing"]),
        ("{}", &["body /city missing"]),
        ("3", &["body  invalid"]),
        ("{\"city\": \"c\", \"lines\": [0, 1, 256]}", &["body /lines/2 invalid"]),
        ("{\"city\": ", &["body  malformed"]),
    ];
    for (body, expected) in rows {
        let rejection = Whole::extract(&json(), &[], bytes(body)).unwrap_err();
        assert_eq!(lines(&rejection), *expected, "{body}");
    }
    let whole = Whole::extract(&json(), &[], bytes("{\"city\": \"c\"}")).unwrap();
    assert_eq!(whole.address.city, "c");
    let broken = Maybe::extract(&json(), &[], bytes("{")).unwrap_err();
    assert_eq!(lines(&broken), ["body  malformed"]);
    for (body, some) in [("", false), ("null", false), ("{\"city\": \"c\"}", true)] {
        let maybe = Maybe::extract(&json(), &[], bytes(body)).unwrap();
        assert_eq!(maybe.address.is_some(), some, "{body}");
    }
}

/// The same members for serde.
#[derive(Deserialize)]
struct Twin {
    a: u8,
    b: Option<bool>,
    #[serde(default)]
    c: Vec<i8>,
}

#[derive(Extract)]
struct Ours {
    #[json]
    a: u8,
    #[json]
    b: Option<bool>,
    #[json(default)]
    c: Vec<i8>,
}

proptest! {
    #[test]
    fn an_object_is_accepted_where_serde_accepts_it(
        members in prop::collection::vec(
            ("a|b|c|d|\\\\u0061", "1|256|null|true|\\[\\]|\\[1, 200\\]|\\[-1\\]|\"x\"|\\{\\}|1.5|-"),
            0..5,
        ),
        end in "\\}|\\} |\\}x|",
    ) {
        let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
        let body = format!("{{{}{end}", members.join(","));
        let twin = serde_json::from_str::<Twin>(&body);
        match Ours::extract(&json(), &[], bytes(&body)) {
            Ok(ours) => {
                let twin = twin.unwrap();
                prop_assert_eq!((ours.a, ours.b, ours.c), (twin.a, twin.b, twin.c));
            }
            Err(rejection) => {
                prop_assert!(twin.is_err(), "{} {}", body, rejection);
                prop_assert!(!rejection.errors().is_empty());
            }
        }
    }
}

/// The keys of a map come from the client: a response contains none of two megabytes.
#[test]
fn a_pointer_is_cut_before_a_long_key() {
    #[derive(Debug, Extract)]
    struct Stars {
        #[json]
        stars: std::collections::BTreeMap<String, Vec<Address>>,
    }
    let outcome = |key: &str, value: &str| {
        let body = format!("{{\"stars\": {{\"{key}\": {value}}}}}");
        lines(&Stars::extract(&json(), &[], bytes(&body)).map(|read| read.stars).unwrap_err())
    };
    let (long, longest) = ("k".repeat(1000), "k".repeat(100_000));
    assert_eq!(outcome(&long, "[1]"), [format!("body /stars/{long}/0 invalid")]);
    assert_eq!(outcome(&long, "[{}]"), [format!("body /stars/{long}/0/city missing")]);
    assert_eq!(outcome(&longest, "[1]"), ["body /stars invalid"]);
    assert_eq!(outcome(&longest, "[{}]"), ["body /stars missing"]);
}
