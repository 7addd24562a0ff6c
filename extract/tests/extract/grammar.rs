//! One grammar of scalars, for single fields, nested keys and whole values.

#![allow(dead_code, reason = "fields are read through `Debug`")]

use std::collections::HashMap;
use std::num::NonZeroI64;

use proptest::prelude::*;
use serde::Deserialize;
use waylay_extract::{Extract, FromText};

use crate::{bytes, get, lines};

const FORM: &str = "application/x-www-form-urlencoded";

/// Each reader of the value of `v`, and its result.
fn each_way<T>(value: &str) -> Vec<String>
where
    T: FromText + for<'de> Deserialize<'de> + std::fmt::Debug + Send + 'static,
{
    #[derive(Debug, Deserialize)]
    struct Whole<T> {
        v: T,
    }

    #[derive(Debug, Deserialize)]
    struct Outer<T> {
        #[serde(flatten)]
        inner: Whole<T>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged<T> {
        A { v: T },
    }

    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    enum Untagged<T> {
        A { v: T },
    }

    #[derive(Debug, Extract)]
    struct Single<T: FromText + Send> {
        #[query]
        v: T,
    }

    #[derive(Debug, Extract)]
    struct Serde<T: for<'de> Deserialize<'de> + Send> {
        #[query(serde)]
        v: T,
    }

    #[derive(Debug, Extract)]
    struct Nested<T: for<'de> Deserialize<'de> + Send> {
        #[query(nested)]
        n: Whole<T>,
    }

    #[derive(Debug, Extract)]
    struct All<T: for<'de> Deserialize<'de> + Send> {
        #[query(all)]
        all: T,
    }

    #[derive(Debug, Extract)]
    struct Form<T: for<'de> Deserialize<'de> + Send> {
        #[body(form)]
        form: T,
    }

    fn outcome<T: Extract>(query: &str, value: impl FnOnce(T) -> String) -> String {
        match T::extract(&get(&format!("/?{query}"), &[("content-type", FORM)]), &[], bytes(query)) {
            Ok(read) => value(read),
            Err(rejection) => rejection.errors()[0].code().to_string(),
        }
    }

    let pair = format!("v={value}");
    let tagged = format!("kind=A&v={value}");
    vec![
        outcome::<Single<T>>(&pair, |read| format!("{:?}", read.v)),
        outcome::<Serde<T>>(&pair, |read| format!("{:?}", read.v)),
        outcome::<Nested<T>>(&format!("n[v]={value}"), |read| format!("{:?}", read.n.v)),
        outcome::<Nested<T>>(&format!("n.v={value}"), |read| format!("{:?}", read.n.v)),
        outcome::<All<Whole<T>>>(&pair, |read| format!("{:?}", read.all.v)),
        outcome::<All<Outer<T>>>(&pair, |read| format!("{:?}", read.all.inner.v)),
        outcome::<All<Tagged<T>>>(&tagged, |read| match read.all {
            Tagged::A { v } => format!("{v:?}"),
        }),
        outcome::<All<Untagged<T>>>(&pair, |read| match read.all {
            Untagged::A { v } => format!("{v:?}"),
        }),
        outcome::<Form<Whole<T>>>(&pair, |read| format!("{:?}", read.form.v)),
        outcome::<Form<Outer<T>>>(&pair, |read| format!("{:?}", read.form.inner.v)),
    ]
}

#[test]
fn a_scalar_is_the_same_for_every_reader() {
    fn check<T>(rows: &[(&str, &str)])
    where
        T: FromText + for<'de> Deserialize<'de> + std::fmt::Debug + Send + 'static,
    {
        for (value, expected) in rows {
            let all = each_way::<T>(value);
            let name = std::any::type_name::<T>();
            assert!(all.iter().all(|one| one == expected), "{name} {value}: {expected}, not {all:?}");
        }
    }
    check::<u8>(&[("5", "5"), ("0", "0"), ("255", "255")]);
    for bad in ["%2B5", "+5", "05", "-0", "256", "-1", "5.0", "1e1", "0x5", "%205", "x"] {
        check::<u8>(&[(bad, "invalid")]);
    }
    check::<i64>(&[("-9223372036854775808", "-9223372036854775808"), ("-0", "invalid")]);
    for number in ["9999999999999999999", "10000000000000000000", "18446744073709551615"] {
        check::<u64>(&[(number, number)]);
        check::<i64>(&[(number, "invalid")]);
    }
    check::<u64>(&[
        ("18446744073709551616", "invalid"),
        ("100000000000000000000", "invalid"),
        ("-1", "invalid"),
    ]);
    check::<i64>(&[("9223372036854775807", "9223372036854775807"), ("9223372036854775808", "invalid")]);
    check::<f64>(&[("1.5", "1.5"), ("-0.5e1", "-5.0"), ("2", "2.0"), ("1E2", "100.0")]);
    for bad in ["NaN", "inf", "infinity", "1e999", ".5", "5.", "05", "%2B1", "1_0", "1e", "--1"] {
        check::<f64>(&[(bad, "invalid")]);
    }
    check::<bool>(&[("1", "true"), ("on", "true"), ("0", "false"), ("false", "false"), ("yes", "invalid")]);
    check::<String>(&[("a+b", "\"a b\""), ("5", "\"5\""), ("true", "\"true\""), ("%C3%A9", "\"é\"")]);
    check::<String>(&[("%FF", "bad_utf8"), ("%zz", "bad_escape"), ("%4", "bad_escape")]);
    check::<u8>(&[("%FF", "bad_utf8"), ("%zz", "bad_escape")]);
}

proptest! {
    #[test]
    fn integers_are_read_in_their_range(number in any::<i128>(), bits in 0u32..128) {
        fn check<T: FromText + TryFrom<i128> + PartialEq + std::fmt::Debug>(number: i128) -> Result<(), TestCaseError> {
            prop_assert_eq!(T::from_text(&number.to_string()).ok(), T::try_from(number).ok());
            Ok(())
        }
        let number = number >> bits;
        check::<u8>(number)?;
        check::<i16>(number)?;
        check::<u32>(number)?;
        check::<i64>(number)?;
        check::<u64>(number)?;
        check::<usize>(number)?;
        check::<i128>(number)?;
        check::<u128>(number)?;
        let short = i64::try_from(number).ok().and_then(NonZeroI64::new);
        prop_assert_eq!(NonZeroI64::from_text(&number.to_string()).ok(), short);
    }
}

#[test]
fn an_optional_scalar_is_none_if_its_type_rejects_the_empty_text() {
    #[derive(Debug, Deserialize)]
    struct Whole {
        number: Option<u8>,
        flag: Option<bool>,
        text: Option<String>,
        #[serde(default)]
        list: Vec<String>,
    }

    #[derive(Debug, Extract)]
    struct Show {
        #[query(all)]
        all: Whole,
    }
    let read = |query: &str| {
        let read = Show::extract_parts(&get(&format!("/?{query}"), &[]), &[]);
        let show = |Whole { number, flag, text, list }| format!("{number:?} {flag:?} {text:?} {list:?}");
        read.map(|show_| show(show_.all)).map_err(|rejection| lines(&rejection).join(", "))
    };
    for (query, expected) in [
        ("", Ok("None None None []")),
        ("number=&flag=&text=&list=", Ok("None None Some(\"\") [\"\"]")),
        ("text&number", Ok("None None Some(\"\") []")),
        ("number=x", Err("query number invalid")),
        ("number=1&number=2", Err("query number duplicate")),
        ("text=a&text=b", Err("query text duplicate")),
    ] {
        assert_eq!(read(query), expected.map(str::to_owned).map_err(str::to_owned), "{query}");
    }
}

#[test]
fn numbers_among_buffered_fields_are_detected() {
    #[derive(Debug, Deserialize)]
    struct Page {
        page: u32,
        size: Option<f32>,
        exact: bool,
        #[serde(default)]
        ids: Vec<u16>,
        title: String,
    }

    #[derive(Debug, Deserialize)]
    struct Search {
        q: String,
        #[serde(flatten)]
        page: Page,
        #[serde(flatten)]
        others: HashMap<String, String>,
    }

    #[derive(Debug, Extract)]
    struct Show {
        #[query(all)]
        all: Search,
    }

    #[derive(Debug, Extract)]
    struct Nested {
        #[query(nested)]
        n: Search,
    }
    // Texts that look like numbers stay texts, though some are the same as numbers.
    let pairs =
        [("q", "5"), ("page", "5"), ("size", "5"), ("exact", "1"), ("title", "1"), ("x", "5"), ("y", "true")];
    let mut query: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    query.extend((0..300).map(|id| format!("ids={id}")));
    let many: Vec<_> = (0..300).map(|n| format!("z{n}={n}")).collect();
    let show = |query: &str| Show::extract_parts(&get(&format!("/?{query}"), &[]), &[]);
    let all = show(&[&*query, &*many].concat().join("&")).unwrap().all;
    assert_eq!((&*all.q, all.page.page, all.page.size, &*all.page.title), ("5", 5, Some(5.0), "1"));
    assert_eq!((all.page.exact, all.page.ids.len(), all.others.len()), (true, 300, 302));
    assert_eq!((&*all.others["x"], &*all.others["y"], &*all.others["z299"]), ("5", "true", "299"));

    let nested: Vec<_> = query.iter().map(|pair| format!("n.{pair}")).collect();
    let nested = Nested::extract_parts(&get(&format!("/?{}", nested.join("&")), &[]), &[]).unwrap().n;
    assert_eq!((&*nested.q, nested.page.page, nested.page.ids.len()), ("5", 5, 300));

    let wrong = show("q=a&title=b&exact=1&page=s3cret").unwrap_err();
    assert_eq!(lines(&wrong), ["query  invalid"]);
    assert_eq!(wrong.errors()[0].detail(), "expected an integer from 0 to 4294967295");
}

#[test]
fn keys_that_do_not_decode_are_unknown_and_always_reported() {
    #[derive(Debug, Extract)]
    #[extract(deny_unknown)]
    struct Deny {
        #[query]
        a: Option<u8>,
        #[form]
        b: Option<u8>,
    }
    let parts = get("/?%FF=1&a%zz&a=1", &[("content-type", FORM)]);
    let errors = Deny::extract(&parts, &[], bytes("b=1&%=1")).unwrap_err();
    assert_eq!(
        lines(&errors),
        ["query \u{fffd} unknown", "query a\u{fffd}zz unknown", "form \u{fffd} unknown"]
    );

    #[derive(Debug, Extract)]
    struct Rest {
        #[query(nested)]
        n: HashMap<String, u8>,
        #[query(rest)]
        rest: Vec<(String, String)>,
    }
    let errors = Rest::extract_parts(&get("/?%FFx=1&n[%zz]=1&n[a]=1&b=2", &[]), &[]).unwrap_err();
    assert_eq!(lines(&errors), ["query n[\u{fffd}zz] bad_escape", "query \u{fffd}x bad_utf8"]);

    #[derive(Debug, Extract)]
    struct All {
        #[query(all)]
        all: HashMap<String, String>,
        #[query]
        a: Option<u8>,
    }
    let errors = All::extract_parts(&get("/?%FF=1", &[]), &[]).unwrap_err();
    assert_eq!(lines(&errors), ["query \u{fffd} bad_utf8"]);

    // Without a field or option for unknown keys, they are ignored.
    #[derive(Debug, Extract)]
    struct Open {
        #[query]
        a: Option<u8>,
    }
    assert_eq!(Open::extract_parts(&get("/?%FF=1&a=1", &[]), &[]).unwrap().a, Some(1));
}

#[test]
fn a_question_mark_alone_is_no_query() {
    #[derive(Debug, Deserialize)]
    struct Whole {
        a: u8,
    }

    #[derive(Debug, Extract)]
    struct Show {
        #[query(all)]
        all: Option<Whole>,
    }
    for uri in ["/", "/?"] {
        assert!(Show::extract_parts(&get(uri, &[]), &[]).unwrap().all.is_none(), "{uri}");
    }
    assert_eq!(Show::extract_parts(&get("/?a=1", &[]), &[]).unwrap().all.unwrap().a, 1);
    assert_eq!(lines(&Show::extract_parts(&get("/?b", &[]), &[]).unwrap_err()), ["query a missing"]);
}
