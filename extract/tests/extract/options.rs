//! The options of text fields, each with several requests.

#![allow(dead_code, reason = "fields are read through `Debug`")]

use std::{borrow::Cow, collections::HashMap};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, Version};
use waylay_extract::{Code, Extract, ExtractRef, FieldError, TextError};

use crate::{get, lines};

/// Returns the names and codes of all errors, or the struct by `Debug`.
fn outcome<T: Extract + std::fmt::Debug>(uri: &str, headers: &[(&str, &str)]) -> Result<String, Vec<String>> {
    let read = T::extract_parts(&get(uri, headers), &[]);
    read.map(|value| format!("{value:?}")).map_err(|rejection| lines(&rejection))
}

fn check<T: Extract + std::fmt::Debug>(rows: &[(&str, Result<&str, &[&str]>)]) {
    for (uri, expected) in rows {
        let expected =
            expected.map(str::to_owned).map_err(|errors| errors.iter().map(ToString::to_string).collect());
        assert_eq!(outcome::<T>(uri, &[]), expected, "{uri}");
    }
}

#[test]
fn a_flag_without_a_value_is_true() {
    #[derive(Debug, Extract)]
    struct Show {
        #[query(flag)]
        all: bool,
    }
    check::<Show>(&[
        ("/", Ok("Show { all: false }")),
        ("/?all", Ok("Show { all: true }")),
        ("/?all=", Ok("Show { all: true }")),
        ("/?all=0", Ok("Show { all: false }")),
        ("/?all=x", Err(&["query all invalid"])),
        ("/?all&all", Err(&["query all duplicate"])),
    ]);
}

#[test]
fn an_empty_value_is_read_by_the_option_of_the_field() {
    #[derive(Debug, Extract)]
    struct Show {
        #[query(empty = "none", default = 7)]
        a: u8,
        #[query(empty = "none")]
        b: Option<String>,
        #[query(empty = "keep")]
        c: Option<u8>,
        #[query(empty = "error")]
        d: Option<String>,
    }
    check::<Show>(&[
        ("/?a=&b=", Ok("Show { a: 7, b: None, c: None, d: None }")),
        ("/?a=1&b=x&c=2&d=y", Ok(r#"Show { a: 1, b: Some("x"), c: Some(2), d: Some("y") }"#)),
        ("/?c=&d=", Err(&["query c invalid", "query d invalid"])),
        ("/?a=&a=", Err(&["query a duplicate"])),
    ]);
}

#[test]
fn repeated_values_are_read_by_the_option_of_the_field() {
    #[derive(Debug, Extract)]
    #[extract(duplicates = "first")]
    struct Show {
        #[query]
        a: Option<u8>,
        #[query(duplicates = "last", alias = "z")]
        b: Option<u8>,
        #[query(duplicates = "reject")]
        c: Option<u8>,
    }
    check::<Show>(&[
        ("/?a=1&a=x&b=x&z=2", Ok("Show { a: Some(1), b: Some(2), c: None }")),
        ("/?a=x&a=1&b=1&b=x&c=1&c=1", Err(&["query a invalid", "query b invalid", "query c duplicate"])),
    ]);
}

#[test]
fn a_list_has_a_minimum_and_a_maximum_of_items() {
    #[derive(Debug, Extract)]
    struct Show {
        #[query(csv, min_items = 1, max_items = 2)]
        ids: Vec<u8>,
        #[query(min_items = 2)]
        tags: Option<Vec<String>>,
    }
    check::<Show>(&[
        ("/?ids=1,2", Ok("Show { ids: [1, 2], tags: None }")),
        ("/", Err(&["query ids too_few"])),
        ("/?ids=1&tags=a", Err(&["query tags too_few"])),
        ("/?ids=1,2,3,4", Err(&["query ids too_many"])),
    ]);
}

#[test]
fn a_value_has_a_maximum_of_bytes() {
    #[derive(Debug, Extract)]
    struct Show {
        #[query(limit = 3)]
        a: Option<String>,
        #[header("x-a", limit = 3)]
        b: Option<String>,
    }
    check::<Show>(&[
        ("/?a=%C3%A9x", Ok(r#"Show { a: Some("éx"), b: None }"#)),
        ("/?a=abcd", Err(&["query a too_long"])),
    ]);
    assert_eq!(outcome::<Show>("/", &[("x-a", "abcd")]), Err(vec!["header x-a too_long".into()]));
}

mod hex {
    use waylay_extract::TextError;

    pub(super) fn from_text(text: &str) -> Result<u32, TextError> {
        u32::from_str_radix(text, 16).map_err(|_| TextError::expected("a hexadecimal number"))
    }
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Order {
    NewestFirst,
    OldestFirst,
}

#[derive(Debug, serde::Deserialize)]
struct Metres(f64);

#[test]
fn a_module_or_serde_reads_types_without_from_text() {
    #[derive(Debug, Extract)]
    struct Show {
        #[query(with = hex)]
        color: u32,
        #[query(serde, default = Order::OldestFirst)]
        order: Order,
        #[query(serde)]
        width: Option<Metres>,
        #[query(with = hex, csv)]
        more: Vec<u32>,
    }
    check::<Show>(&[
        (
            "/?color=ff&order=newest-first&width=1.5&more=a,b",
            Ok("Show { color: 255, order: NewestFirst, width: Some(Metres(1.5)), more: [10, 11] }"),
        ),
        ("/?color=0", Ok("Show { color: 0, order: OldestFirst, width: None, more: [] }")),
        (
            "/?color=x&order=newest&width=NaN&more=g",
            Err(&["query color invalid", "query order invalid", "query width invalid", "query more invalid"]),
        ),
    ]);
    let rejection = Show::extract_parts(&get("/?color=x", &[]), &[]).unwrap_err();
    assert_eq!(rejection.errors()[0].detail(), "expected a hexadecimal number");
}

#[test]
fn unknown_keys_are_rejected_with_a_suggestion() {
    #[derive(Debug, Extract)]
    struct Billing {
        #[query]
        city: Option<String>,
    }

    #[derive(Debug, Extract)]
    #[extract(deny_unknown(query))]
    struct Show {
        #[query(alias = "p")]
        page: Option<u8>,
        #[flatten(prefix = "billing_")]
        billing: Billing,
    }
    check::<Show>(&[
        ("/?page=1&billing_city=x", Ok(r#"Show { page: Some(1), billing: Billing { city: Some("x") } }"#)),
        ("/?p=1", Ok("Show { page: Some(1), billing: Billing { city: None } }")),
        (
            "/?pgae=1&city=x&%zz=1",
            Err(&["query pgae unknown", "query city unknown", "query \u{fffd}zz unknown"]),
        ),
        ("/?page=x&other=1", Err(&["query page invalid", "query other unknown"])),
    ]);
    let details = |uri: &str| -> Vec<String> {
        let rejection = Show::extract_parts(&get(uri, &[]), &[]).unwrap_err();
        rejection.errors().iter().map(|error| error.detail().to_owned()).collect()
    };
    assert_eq!(details("/?pgae=1"), ["no such key: did you mean `page`?"]);
    assert_eq!(details("/?biling_city=1"), ["no such key: did you mean `billing_city`?"]);
    assert_eq!(details("/?colour=1"), ["no such key"]);
    let many: Vec<_> = (0..200).map(|n| format!("k{n}=1")).collect();
    assert_eq!(details(&format!("/?{}", many.join("&"))).len(), 20);
}

#[test]
fn a_flattened_struct_has_a_prefix() {
    #[derive(Debug, Extract)]
    struct Address {
        #[query]
        city: String,
        #[cookie]
        zone: Option<u8>,
        #[header]
        accept: Option<String>,
    }

    #[derive(Debug, Extract)]
    struct Show {
        #[flatten(prefix = "a.")]
        from: Address,
        #[flatten(prefix = "b.")]
        to: Address,
    }
    let headers = [("cookie", "a.zone=1; b.zone=2"), ("accept", "x")];
    let parts = get("/?a.city=x&b.city=y", &headers);
    let show = Show::extract_parts(&parts, &[]).unwrap();
    assert_eq!((&*show.from.city, &*show.to.city), ("x", "y"));
    assert_eq!((show.from.zone, show.to.zone), (Some(1), Some(2)));
    assert_eq!(show.from.accept, show.to.accept);
    let errors = outcome::<Show>("/?city=x&b.city=y&b.city=z", &[("cookie", "b.zone=x")]);
    let expected = ["query a.city missing", "query b.city duplicate", "cookie b.zone invalid"];
    assert_eq!(errors, Err(expected.map(String::from).to_vec()));
}

#[test]
fn the_rest_of_a_query_is_read() {
    #[derive(Debug, Extract)]
    struct Pairs {
        #[query]
        page: u8,
        #[query(rest)]
        rest: Vec<(String, String)>,
    }
    check::<Pairs>(&[
        ("/?page=1", Ok("Pairs { page: 1, rest: [] }")),
        ("/?b=1&page=1&a=%20&b=", Ok(r#"Pairs { page: 1, rest: [("b", "1"), ("a", " "), ("b", "")] }"#)),
        ("/?page=1&a=%zz&b=%ff", Err(&["query a bad_escape", "query b bad_utf8"])),
    ]);

    #[derive(Debug, Extract)]
    struct Map {
        #[query(rest)]
        rest: HashMap<String, String>,
    }
    check::<Map>(&[("/?a=1", Ok(r#"Map { rest: {"a": "1"} }"#)), ("/?a=1&a=2", Err(&["query a duplicate"]))]);
}

#[cfg(feature = "form")]
#[test]
fn a_whole_query_is_read_through_serde() {
    #[derive(Debug, serde::Deserialize)]
    struct Foreign {
        page: u8,
        #[serde(default)]
        tag: Vec<String>,
    }

    #[derive(Debug, Extract)]
    struct Show {
        #[query(all)]
        all: Foreign,
    }
    check::<Show>(&[
        ("/?page=1&tag=a&tag=b", Ok(r#"Show { all: Foreign { page: 1, tag: ["a", "b"] } }"#)),
        ("/?tag=a", Err(&["query page missing"])),
        ("/?page=s3cret", Err(&["query page invalid"])),
        ("/", Err(&["query  missing"])),
    ]);
    let rejection = Show::extract_parts(&get("/?page=s3cret", &[]), &[]).unwrap_err();
    assert!(!rejection.to_string().contains("s3cret"), "{rejection}");
    let parts = get("/?page=2", &[]);
    let show = Show::extract_parts(&parts, &[]).unwrap();
    assert_eq!((show.all.page, show.all.tag.len()), (2, 0));

    // The limits of the struct apply to values that serde reads as well.
    #[derive(Debug, Extract)]
    #[extract(max_params = 3)]
    struct Few {
        #[query(all)]
        all: Foreign,
        #[body(form)]
        form: Option<Foreign>,
    }
    let few = |query: &str, body: &str| {
        let parts = get(&format!("/?{query}"), &[("content-type", "application/x-www-form-urlencoded")]);
        let few = Few::extract(&parts, &[], crate::bytes(body));
        few.map(|few| (few.all.tag.len(), few.form.map(|form| form.tag.len()))).map_err(|few| lines(&few))
    };
    let three = "page=1&&tag=a&tag=b&";
    assert_eq!(few(three, three), Ok((2, Some(2))));
    assert_eq!(few(&format!("{three}x"), three), Err(vec!["query  too_many".into()]));
    assert_eq!(few(three, &format!("{three}x")), Err(vec!["body  too_many".into()]));
}

#[cfg(feature = "headers")]
#[test]
fn headers_may_be_typed() {
    #[derive(Debug, Extract)]
    struct Show {
        #[header(typed)]
        agent: headers::UserAgent,
        #[header(typed)]
        length: Option<headers::ContentLength>,
        #[header]
        x_raw: Option<HeaderValue>,
        #[header("x-all")]
        all: Vec<HeaderValue>,
    }
    let headers = [("user-agent", "a"), ("x-raw", "\u{e9}"), ("x-all", "1"), ("x-all", "2")];
    let show = Show::extract_parts(&get("/", &headers), &[]).unwrap();
    assert_eq!((show.agent.as_str(), show.length, show.all.len()), ("a", None, 2));
    assert_eq!(show.x_raw.unwrap().as_bytes(), "\u{e9}".as_bytes());
    let wrong = outcome::<Show>("/", &[("content-length", "x")]);
    assert_eq!(wrong, Err(vec!["header user-agent missing".into(), "header content-length invalid".into()]));
}

#[test]
fn the_request_head_is_available() {
    #[derive(Debug, Extract)]
    struct Show {
        #[request]
        method: Method,
        #[request]
        uri: Uri,
        #[request]
        version: Version,
        #[request]
        headers: HeaderMap,
    }
    let show = Show::extract_parts(&get("/a?b", &[("accept", "x")]), &[]).unwrap();
    assert_eq!(
        (show.method, show.uri, show.version),
        (Method::GET, "/a?b".parse().unwrap(), Version::HTTP_11)
    );
    assert_eq!(show.headers["accept"], "x");
}

#[test]
fn cookies_have_aliases_and_may_be_raw() {
    #[derive(Debug, Extract)]
    struct Show {
        #[cookie(alias = "session")]
        sid: String,
        #[cookie(raw)]
        raw: Option<String>,
    }
    let outcome = |cookie| outcome::<Show>("/", &[("cookie", cookie)]);
    assert_eq!(outcome("session=a%20b; raw=a%20b"), Ok(r#"Show { sid: "a b", raw: Some("a%20b") }"#.into()));
    assert_eq!(outcome("sid=a; session=b"), Err(vec!["cookie sid duplicate".into()]));
}

#[test]
fn values_are_shown_only_with_echo() {
    #[derive(Debug, Extract)]
    #[extract(echo)]
    struct Show {
        #[query]
        page: u8,
        #[query(redact)]
        pin: u8,
        #[query(csv)]
        ids: Vec<u8>,
    }
    let long = "x".repeat(100);
    let parts = get(&format!("/?page={long}&pin=s3cret&ids=1,y"), &[]);
    let rejection = Show::extract_parts(&parts, &[]).unwrap_err();
    let values: Vec<_> = rejection.errors().iter().map(FieldError::value).collect();
    assert_eq!(values, [Some(&long[..64]), None, Some("y")]);
    assert!(!format!("{rejection:?}").contains("s3cret"));

    #[derive(Debug, Extract)]
    struct Mute {
        #[query]
        page: u8,
    }
    let rejection = Mute::extract_parts(&parts, &[]).unwrap_err();
    assert_eq!(rejection.errors()[0].value(), None);
    assert!(!format!("{rejection:?}").contains("xxx"));
    assert_eq!(Mute::extract_parts(&get("/?page=1", &[]), &[]).unwrap().page, 1);
}

#[test]
fn one_source_may_apply_to_all_fields() {
    #[derive(Debug, Extract)]
    #[extract(source = query, rename_all = "camelCase")]
    struct Show {
        page_size: u8,
        tag: Vec<String>,
        #[header]
        accept: Option<String>,
    }
    check::<Show>(&[("/?pageSize=3&tag=a", Ok(r#"Show { page_size: 3, tag: ["a"], accept: None }"#))]);
}

#[test]
fn a_struct_may_borrow_from_the_request() {
    #[derive(Debug, Extract)]
    struct Inner<'r> {
        #[query]
        text: Cow<'r, str>,
    }

    #[derive(Debug, Extract)]
    struct Show<'r> {
        #[param]
        id: &'r str,
        #[header]
        accept: Option<&'r str>,
        #[query]
        tags: Vec<Cow<'r, str>>,
        #[query]
        page: u8,
        #[flatten]
        inner: Inner<'r>,
        #[json]
        title: &'r str,
        #[body(bytes)]
        raw: &'r [u8],
    }
    let headers = [("accept", "x"), ("content-type", "application/json")];
    let parts = get("/?tags=a&tags=b%20c&page=1&text=t", &headers);
    let body = Bytes::from_static(br#"{"title": "way"}"#);
    let show = Show::extract_ref(&parts, &[("id", "i")], &body).unwrap();
    assert_eq!((show.id, show.accept, show.page, show.title), ("i", Some("x"), 1, "way"));
    assert!(matches!(show.tags[..], [Cow::Borrowed("a"), Cow::Owned(_)]), "{:?}", show.tags);
    assert!(matches!(show.inner.text, Cow::Borrowed("t")));
    assert_eq!(show.raw, &*body);
    assert_eq!(show.raw.as_ptr(), body.as_ptr());
    let escaped = Bytes::from_static(br#"{"title": "w\u0061y"}"#);
    let rejection = Show::extract_ref(&parts, &[("id", "i")], &escaped).unwrap_err();
    assert_eq!(lines(&rejection), ["body /title invalid"]);
}

#[test]
fn a_query_with_too_many_pairs_is_rejected() {
    #[derive(Debug, Extract)]
    struct Show {
        #[query]
        a: Option<u8>,
    }

    #[derive(Debug, Extract)]
    #[extract(max_params = 2)]
    struct Few {
        #[query]
        a: Option<u8>,
    }
    let pairs = |count: usize| format!("/?{}", vec!["x=1"; count].join("&"));
    check::<Few>(&[
        ("/?x=1&&x=1&", Ok("Few { a: None }")),
        ("/?x=1&x=1&a=1", Err(&["query  too_many"])),
        ("/?a=x&x=1&x&", Err(&["query a invalid", "query  too_many"])),
    ]);
    let show = Show::extract_parts(&get(&pairs(1000), &[]), &[]).unwrap();
    assert_eq!(show.a, None);
    assert_eq!(outcome::<Show>(&pairs(1001), &[]), Err(vec!["query  too_many".into()]));
}

#[test]
fn a_path_error_may_be_a_404() {
    #[derive(Debug, Extract)]
    #[extract(path_error = 404)]
    struct Show {
        #[param]
        id: u8,
        #[query]
        page: u8,
    }
    let status = |id, uri| {
        let read = Show::extract_parts(&get(uri, &[]), &[("id", id)]);
        read.map(|show| (show.id, show.page)).map_err(|rejection| {
            assert!(rejection.errors().iter().all(|error| error.code() != Code::Unknown));
            rejection.status().as_u16()
        })
    };
    assert_eq!(status("1", "/?page=1"), Ok((1, 1)));
    assert_eq!(status("x", "/?page=1"), Err(404));
    assert_eq!(status("x", "/?page=x"), Err(404));
    assert_eq!(status("1", "/?page=x"), Err(400));
}

#[test]
fn path_values_may_be_raw() {
    #[derive(Debug, Extract)]
    struct Show {
        #[param(raw)]
        id: String,
        #[param(with = hex)]
        color: u32,
    }
    let read = |path: &[(&str, &str)]| Show::extract_parts(&get("/", &[]), path);
    let show = read(&[("id", "a%2Fb"), ("color", "ff")]).unwrap();
    assert_eq!((&*show.id, show.color), ("a%2Fb", 255));
    let twice = read(&[("id", "a"), ("color", "1"), ("color", "2")]).unwrap_err();
    assert_eq!(lines(&twice), ["path color duplicate"]);
    let _: TextError = hex::from_text("x").unwrap_err();
}

#[test]
fn a_list_of_a_header_is_one_whatever_its_lines() {
    #[derive(Debug, Extract)]
    struct Show {
        #[header("x-a", max_items = 3)]
        a: Vec<String>,
        #[header("x-b", csv)]
        b: Option<Vec<u8>>,
    }
    // RFC 9110, 5.3, 5.6.1 and 5.6.4.
    type Row = (&'static [(&'static str, &'static str)], Result<&'static str, &'static [&'static str]>);
    let rows: &[Row] = &[
        (&[("x-a", "a, b,c")], Ok(r#"Show { a: ["a", "b", "c"], b: None }"#)),
        (&[("x-a", "a,b"), ("x-a", "c")], Ok(r#"Show { a: ["a", "b", "c"], b: None }"#)),
        (&[("x-a", ",a,,\t, b ,"), ("x-a", "")], Ok(r#"Show { a: ["a", "b"], b: None }"#)),
        (
            &[("x-a", r#"W/"1,2", "a\",b", c"#)],
            Ok(r#"Show { a: ["W/\"1,2\"", "\"a\\\",b\"", "c"], b: None }"#),
        ),
        (&[("x-a", r#"5", 6"#)], Ok(r#"Show { a: ["5\", 6"], b: None }"#)),
        (&[("x-b", "1, ,2")], Ok(r#"Show { a: [], b: Some([1, 2]) }"#)),
        (&[("x-a", "a,b,c,d"), ("x-b", "1,x")], Err(&["header x-a too_many", "header x-b invalid"])),
    ];
    for (headers, expected) in rows {
        let expected =
            expected.map(str::to_owned).map_err(|errors| errors.iter().map(ToString::to_string).collect());
        assert_eq!(outcome::<Show>("/", headers), expected, "{headers:?}");
    }
}

#[test]
fn a_field_chooses_its_grammar_of_bools() {
    #[derive(Debug, Extract)]
    struct Show {
        #[query(bool = "strict")]
        a: Option<bool>,
        #[query(bool = "lenient", csv)]
        b: Vec<bool>,
        #[header("x-c", bool = "lenient", default = false)]
        c: bool,
    }
    check::<Show>(&[
        (
            "/?a=true&b=YES,no,On,off,1,0,y,N",
            Ok("Show { a: Some(true), b: [true, false, true, false, true, false, true, false], c: false }"),
        ),
        ("/?a=1", Err(&["query a invalid"])),
        ("/?a=on&b=maybe", Err(&["query a invalid", "query b invalid"])),
    ]);
    let rejection = Show::extract_parts(&get("/?a=1&b=x", &[]), &[]).unwrap_err();
    let details: Vec<_> = rejection.errors().iter().map(FieldError::detail).collect();
    let lenient = "item 1: expected true, false, 1, 0, on, off, yes, no, y or n";
    assert_eq!(details, ["expected true or false", lenient]);
}

#[test]
fn a_form_field_may_come_in_the_query() {
    #[derive(Debug, Extract)]
    #[extract(deny_unknown)]
    struct Show {
        #[form(query)]
        name: String,
        #[form(query)]
        tag: Vec<String>,
        #[form(query, default = 7)]
        size: u8,
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for (uri, body, expected) in [
        ("/?name=a&tag=x", "", Ok(r#"Show { name: "a", tag: ["x"], size: 7 }"#)),
        ("/", "name=a&size=1", Ok(r#"Show { name: "a", tag: [], size: 1 }"#)),
        ("/?tag=x&size=2", "name=a&tag=y", Ok(r#"Show { name: "a", tag: ["x", "y"], size: 2 }"#)),
        ("/?name=a", "name=a", Err("form name duplicate")),
        ("/", "", Err("form name missing")),
        ("/?name=a&size=x", "", Err("form size invalid")),
        ("/?nmae=a", "", Err("form name missing, query nmae unknown")),
    ] {
        let read = Show::extract(&get(uri, &form), &[], crate::bytes(body));
        let read = read.map(|show| format!("{show:?}")).map_err(|rejection| lines(&rejection).join(", "));
        assert_eq!(read, expected.map(str::to_owned).map_err(str::to_owned), "{uri} {body}");
    }
    let typed = Show::extract(&get("/?name=a", &[("content-type", "text/xml")]), &[], crate::bytes("<x/>"));
    assert_eq!(lines(&typed.unwrap_err()), ["body  unsupported_media_type"]);
}

#[test]
fn a_body_without_a_content_type_can_be_allowed() {
    #[derive(Debug, Extract)]
    #[extract(content_type = "optional")]
    struct Json {
        #[json]
        a: u8,
    }

    #[derive(Debug, Extract)]
    #[extract(content_type = "optional")]
    struct Form {
        #[form]
        a: u8,
    }

    #[derive(Debug, Extract)]
    #[extract(content_type = "required")]
    struct Strict {
        #[json]
        a: u8,
    }
    let json = || crate::bytes(r#"{"a": 7}"#);
    assert_eq!(Json::extract(&get("/", &[]), &[], json()).unwrap().a, 7);
    assert_eq!(Form::extract(&get("/", &[]), &[], crate::bytes("a=7")).unwrap().a, 7);
    for headers in [&[("content-type", "text/plain")], &[("content-type", "")]] {
        let rejection = Json::extract(&get("/", headers), &[], json()).unwrap_err();
        assert_eq!(lines(&rejection), ["body  unsupported_media_type"]);
    }
    assert_eq!(Strict::extract(&get("/", &[]), &[], json()).unwrap_err().status(), 415);
}
