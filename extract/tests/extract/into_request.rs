//! Structs as requests, as juju's httprequest writes them, with the differences.

use std::borrow::Cow;

use axum_core::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt;
use waylay_extract::{BaseUrl, Extract, IntoRequest, TextError, ToText, WriteError};

/// A text type that rejects the empty text.
struct Spelt(&'static str);

impl ToText for Spelt {
    fn to_text(&self) -> Result<Cow<'_, str>, TextError> {
        if self.0.is_empty() {
            return Err(TextError::expected("a text that is not empty"));
        }
        Ok(format!("test_{}", self.0).into())
    }
}

/// A number that is written after a word.
#[derive(Clone, Copy, PartialEq)]
struct Shown(i64);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "str{}", self.0)
    }
}

fn is_zero(number: &Shown) -> bool {
    *number == Shown(0)
}

fn url(request: &Request<Body>) -> String {
    BaseUrl::new("http://localhost:8081").unwrap().join(&request.uri().to_string()).unwrap()
}

async fn body(request: Request<Body>) -> String {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

fn at(template: &str, value: &impl IntoRequest) -> Result<Request<Body>, WriteError> {
    value.to_request_at(Method::GET, template)
}

#[derive(IntoRequest)]
#[extract(rename_all = "UPPERCASE")]
struct Simple<'s> {
    #[param]
    f01: i64,
    #[query]
    f02: &'s str,
    #[query(skip_if = str::is_empty)]
    f03: String,
    #[query(skip_if = str::is_empty)]
    f04: String,
    #[query]
    f08: Option<&'s str>,
    #[query]
    f09: Option<&'s str>,
    #[query(skip_if = is_zero)]
    f10: Shown,
    #[query(skip_if = is_zero)]
    f11: Shown,
    #[query]
    f12: Option<Shown>,
    #[query]
    f13: Option<Shown>,
}

#[test]
fn fields_are_written_in_their_order() {
    let simple = Simple {
        f01: 99,
        f02: "some text",
        f03: String::new(),
        f04: "something".into(),
        f08: None,
        f09: Some("2011-02-03T04:05:06Z"),
        f10: Shown(0),
        f11: Shown(99),
        f12: None,
        f13: Some(Shown(99)),
    };
    assert_eq!(
        url(&at("/{F01}", &simple).unwrap()),
        "http://localhost:8081/99?F02=some+text&F04=something&F09=2011-02-03T04%3A05%3A06Z&F11=str99&F13=str99"
    );
}

#[derive(IntoRequest)]
struct Person {
    #[param]
    name: &'static str,
    #[query]
    age: i64,
    #[query]
    address: Option<&'static str>,
    #[skip]
    #[expect(dead_code, reason = "it is not sent")]
    note: &'static str,
}

#[test]
fn skipped_and_absent_values_are_not_sent() {
    let person = Person { name: "some random user", age: 42, address: None, note: "some more random text" };
    assert_eq!(url(&at("/{name}", &person).unwrap()), "http://localhost:8081/some%20random%20user?age=42");
}

#[derive(IntoRequest)]
struct Renderers {
    #[param]
    param1: Spelt,
    #[query]
    param3: Spelt,
    #[query]
    param4: Option<Spelt>,
    #[query]
    users: Option<Vec<String>>,
}

#[test]
fn types_define_their_text_or_an_error() {
    let value =
        |text| Renderers { param1: Spelt(text), param3: Spelt("3"), param4: Some(Spelt("4")), users: None };
    assert_eq!(
        url(&at("/u/{param1}", &value("1")).unwrap()),
        "http://localhost:8081/u/test_1?param3=test_3&param4=test_4"
    );
    let error = at("/u/{param1}", &value("")).unwrap_err();
    assert_eq!(error.errors()[0].to_string(), "path `param1`: expected a text that is not empty");
}

#[derive(IntoRequest)]
struct Form {
    #[form]
    f1: &'static str,
    #[form]
    f2: Vec<&'static str>,
    #[query]
    f3: &'static str,
}

#[tokio::test]
async fn a_form_is_in_the_body_for_every_method() {
    let request = at("/", &Form { f1: "f1", f2: vec!["f2.1", "f2.2"], f3: "f3" }).unwrap();
    assert_eq!(url(&request), "http://localhost:8081/?f3=f3");
    assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(body(request).await, "f1=f1&f2=f2.1&f2=f2.2");
}

#[derive(serde::Serialize)]
struct Info {
    name: &'static str,
    age: i64,
    address: Option<&'static str>,
}

#[derive(IntoRequest)]
struct Whole<T: serde::Serialize> {
    #[body]
    info: Option<T>,
}

#[tokio::test]
async fn a_body_is_json_and_an_absent_body_is_none() {
    let info = Info { name: "test user", age: 42, address: Some("test address") };
    let request = at("/u", &Whole { info: Some(info) }).unwrap();
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(body(request).await, r#"{"name":"test user","age":42,"address":"test address"}"#);
    let request = at("/u", &Whole { info: Some("hello test") }).unwrap();
    assert_eq!(body(request).await, "\"hello test\"");
    let request = at("/u", &Whole::<Info> { info: None }).unwrap();
    assert!(request.headers().is_empty());
    assert_eq!(body(request).await, "");
}

#[test]
fn values_without_json_are_reported() {
    let odd = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error = at("/u", &Whole { info: Some(odd) }).unwrap_err();
    assert!(error.to_string().starts_with("body: expected a value that JSON can represent"), "{error}");
}

#[derive(IntoRequest)]
struct Tail {
    #[param]
    name: &'static str,
}

#[test]
fn a_tail_keeps_its_slashes_and_a_segment_does_not() {
    let url = |template| at(template, &Tail { name: "test/a b" }).unwrap().uri().to_string();
    assert_eq!(url("/u/{*name}"), "/u/test/a%20b");
    assert_eq!(url("/u/{name}"), "/u/test%2Fa%20b");
}

#[derive(IntoRequest)]
#[route(GET "/pages/{page?}")]
struct Page {
    #[param]
    page: Option<u8>,
}

#[test]
fn an_absent_optional_variable_removes_its_slash() {
    let url = |page| Page { page }.to_request().unwrap().uri().to_string();
    assert_eq!((url(Some(2)), url(None)), ("/pages/2".to_owned(), "/pages".to_owned()));
    assert_eq!(at("/{page?}", &Page { page: None }).unwrap().uri(), "/");
    assert!(at("/{page}", &Page { page: None }).is_err());
}

#[derive(IntoRequest)]
struct Raw {
    #[param(raw)]
    rest: &'static str,
}

#[test]
fn a_raw_value_is_encoded_already() {
    let url = |rest| at("/{*rest}", &Raw { rest }).map(|request| request.uri().to_string()).ok();
    for (rest, expected) in [
        ("a%2Fb/c%20d", Some("/a%2Fb/c%20d")),
        ("a b", None),
        ("a%2", None),
        ("a%zz", None),
        ("a?b", None),
        ("%2e%2E", None),
        ("", None),
    ] {
        assert_eq!(url(rest).as_deref(), expected, "{rest}");
    }
}

#[derive(IntoRequest)]
struct Headers {
    #[header("f01")]
    f01: &'static str,
    #[header("f02")]
    f02: i64,
    #[header("f03")]
    f03: bool,
    #[header("f12")]
    f12: Option<Shown>,
    #[header("f13")]
    f13: Option<Shown>,
    #[header("content-type")]
    kind: Option<&'static str>,
    #[body(text)]
    text: &'static str,
}

#[test]
fn headers_are_written_and_may_set_the_content_type() {
    let headers = |kind| Headers {
        f01: "some text",
        f02: 99,
        f03: true,
        f12: None,
        f13: Some(Shown(99)),
        kind,
        text: "x",
    };
    let request = at("/", &headers(None)).unwrap();
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap());
    assert_eq!((header("F01"), header("F02"), header("F03")), (Some("some text"), Some("99"), Some("true")));
    assert_eq!((header("f12"), header("f13")), (None, Some("str99")));
    assert_eq!(header("content-type"), Some("text/plain; charset=utf-8"));
    let request = at("/", &headers(Some("text/markdown"))).unwrap();
    assert_eq!(request.headers()["content-type"], "text/markdown");
    assert_eq!(request.headers().get_all("content-type").iter().count(), 1);
}

#[test]
fn structs_with_a_common_header_or_variable_have_one_value() {
    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Shared {
        #[header]
        accept: Option<String>,
        #[param]
        shop: u8,
        #[query]
        page: Option<u8>,
    }
    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Both {
        #[flatten(prefix = "a.")]
        one: Shared,
        #[flatten(prefix = "b.")]
        other: Shared,
        #[header]
        x_all: Vec<u8>,
    }
    let shared = |accept: &str, shop| Shared { accept: Some(accept.into()), shop, page: Some(1) };
    let both = Both { one: shared("x", 1), other: shared("x", 1), x_all: vec![1, 1] };
    let (parts, _) = at("/{shop}", &both).unwrap().into_parts();
    assert_eq!(parts.headers.get_all("accept").iter().count(), 1);
    assert_eq!(Both::extract_parts(&parts, &[("shop", "1")]).unwrap(), both);
    let apart = Both { other: shared("y", 2), ..both };
    let error = at("/{shop}", &apart).unwrap_err();
    assert_eq!(
        error.to_string(),
        "header `accept`: expected one value, another field has another one; \
         path `shop`: expected one value, another field has another one"
    );
}
