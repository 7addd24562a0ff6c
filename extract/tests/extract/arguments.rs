//! Arguments of handlers: other extractors, validation, another rejection.

use axum_core::{
    body::Body,
    extract::{FromRequest, FromRequestParts},
    response::{IntoResponse, Response},
};
use http::{Request, StatusCode, request::Parts};
use http_body_util::BodyExt;
use waylay_extract::{Code, Extract, Invalid, Rejection};

use crate::{bytes, get, json, lines};

/// A custom extractor with its own rejection.
#[derive(Debug)]
struct User(String);

impl<S: Send + Sync> FromRequestParts<S> for User {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let name = parts.headers.get("x-user").and_then(|name| name.to_str().ok());
        name.map(|name| User(name.to_owned())).ok_or((StatusCode::UNAUTHORIZED, "who are you?"))
    }
}

#[derive(Debug, Extract)]
struct Update {
    #[query]
    page: u8,
    #[from]
    user: User,
    #[json]
    title: String,
}

fn request(user: Option<&str>, body: &'static str) -> Request<Body> {
    let request = Request::post("/?page=1").header("content-type", "application/json");
    let request = match user {
        Some(user) => request.header("x-user", user),
        None => request,
    };
    request.body(Body::from(body)).unwrap()
}

async fn text(answer: Response) -> String {
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn another_extractor_responds_before_the_body_is_read() {
    let update = Update::from_request(request(Some("ann"), r#"{"title": "t"}"#), &()).await.unwrap();
    assert_eq!((update.page, &*update.user.0, &*update.title), (1, "ann", "t"));

    let rejection = Update::from_request(request(None, "no JSON"), &()).await.unwrap_err();
    assert_eq!((rejection.status(), rejection.errors().len()), (StatusCode::UNAUTHORIZED, 0));
    assert_eq!(rejection.to_string(), "another extractor responded with 401 Unauthorized");
    let again = rejection.clone().into_response();
    assert_eq!(text(rejection.into_response()).await, "");
    assert_eq!((again.status(), &*text(again).await), (StatusCode::UNAUTHORIZED, "who are you?"));
}

#[derive(Debug, Extract)]
#[extract(validate = sound)]
struct Range {
    #[query]
    first: u8,
    #[query("last-one")]
    last: u8,
    #[json]
    items: Vec<u8>,
}

fn sound(range: &Range) -> Result<(), Invalid> {
    let mut errors = Invalid::new();
    if range.first > range.last {
        errors = errors.with_field("last", "expected one not before the first");
    }
    for (index, _) in range.items.iter().enumerate().filter(|(_, item)| **item == 0) {
        errors = errors.with_field(format!("items[{index}]"), "expected one that is not zero");
    }
    if range.items.is_empty() {
        errors = errors.with_field("", "expected something");
    }
    errors.into_result()
}

#[test]
fn a_valid_struct_is_validated_as_a_whole() {
    let rows: &[(&str, &str, &[&str])] = &[
        ("/?first=1&last-one=2", "[1]", &[]),
        ("/?first=3&last-one=2", "[1]", &["query last-one failed_check"]),
        ("/?first=3&last-one=2", "[1, 0]", &["query last-one failed_check", "body /items/1 failed_check"]),
        ("/?first=1&last-one=2", "[]", &["body  failed_check"]),
        // A struct with an invalid field is not validated.
        ("/?first=x&last-one=0", "[]", &["query first invalid"]),
    ];
    for (uri, items, expected) in rows {
        let body = bytes(&format!(r#"{{"items": {items}}}"#));
        let parts = get(uri, &[("content-type", "application/json")]);
        match Range::extract(&parts, &[], body) {
            Ok(_) => assert!(expected.is_empty(), "{uri} {items}"),
            Err(rejection) => {
                assert_eq!(lines(&rejection), *expected, "{uri} {items}");
                let checked = rejection.errors()[0].code() == Code::Validation;
                assert_eq!(rejection.status(), if checked { 422 } else { 400 });
            }
        }
    }
}

/// A custom rejection.
#[derive(Debug)]
struct Teapot(Rejection);

impl From<Rejection> for Teapot {
    fn from(rejection: Rejection) -> Self {
        Teapot(rejection)
    }
}

impl IntoResponse for Teapot {
    fn into_response(self) -> Response {
        (StatusCode::IM_A_TEAPOT, self.0.to_string()).into_response()
    }
}

#[tokio::test]
async fn the_rejection_may_be_a_custom_type() {
    #[derive(Debug, Extract)]
    #[extract(error = Teapot)]
    struct Show {
        #[query]
        _page: u8,
    }
    let (mut parts, ()) = Request::get("/?_page=x").body(()).unwrap().into_parts();
    let answer = Show::from_request_parts(&mut parts, &()).await.unwrap_err().into_response();
    assert_eq!(answer.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(text(answer).await, "query `_page`: expected an integer from 0 to 255");
}

#[tokio::test]
async fn plain_text_is_for_clients_that_prefer_it() {
    #[derive(Debug, Extract)]
    struct Show {
        #[query]
        _page: u8,
        #[query]
        _size: u8,
    }
    let rows = [
        ("text/plain", true),
        ("text/plain, application/json;q=0.5", true),
        ("text/plain;q=0.5, application/problem+json", false),
        ("text/html, */*", false),
        ("text/plain, */*;q=0.1", true),
        ("text/plain;q=x", false),
        ("", false),
    ];
    for (accept, plain) in rows {
        let parts = get("/?_page=x", &[("accept", accept)]);
        let answer = Show::extract_parts(&parts, &[]).unwrap_err().into_response();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!(kind.starts_with("text/plain"), plain, "{accept}");
        if plain {
            let expected = "the request has 2 errors\n\
                query `_page`: expected an integer from 0 to 255\nquery `_size`: expected a value\n";
            assert_eq!(text(answer).await, expected);
        }
    }
}

#[test]
fn the_members_of_a_body_are_counted() {
    #[derive(Debug, Extract)]
    #[extract(max_params = 2)]
    struct Show {
        #[json]
        _a: Option<u8>,
    }
    let outcome = |body: &str| match Show::extract(&json(), &[], bytes(body)) {
        Ok(_) => Vec::new(),
        Err(rejection) => lines(&rejection),
    };
    assert_eq!(outcome(r#"{"_a": 1, "b": 2}"#), Vec::<String>::new());
    assert_eq!(outcome(r#"{"_a": 1, "b": 2, "c": 3}"#), ["body  too_many"]);
}
