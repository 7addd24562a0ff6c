//! The response of a rejection, byte by byte.

use axum_core::response::IntoResponse;
use http_body_util::BodyExt;
use waylay_extract::{Extract, Rejection};

use crate::{bytes, get};

#[derive(Debug, Extract)]
#[extract(limit = "1KiB")]
struct Update {
    #[param]
    _id: u64,
    #[query]
    _page: u16,
    #[json]
    _title: String,
    #[json]
    _stars: u8,
}

async fn answer(rejection: Rejection) -> (u16, String) {
    let response = rejection.into_response();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_problem_follows_rfc_9457() {
    let parts = get("/?page=x", &[("content-type", "application/json")]);
    let body = bytes(r#"{"_stars": 300, "_title": "t"}"#);
    let rejection = Update::extract(&parts, &[("_id", "7")], body).unwrap_err();
    let expected = concat!(
        r#"{"type":"about:blank","title":"Bad Request","status":400,"#,
        r#""detail":"the request has 2 errors","errors":["#,
        r#"{"in":"query","name":"_page","code":"missing","detail":"expected a value"},"#,
        r#"{"in":"body","pointer":"/_stars","code":"invalid","detail":"expected u8"}]}"#,
    );
    assert_eq!(answer(rejection).await, (400, expected.to_owned()));
}

#[tokio::test]
async fn the_first_status_applies_and_all_errors_are_reported() {
    let large = format!("\"{}\"", "x".repeat(1024));
    let rows = [
        // (query, content type, body, status, errors)
        ("?_page=x", "text/html", &*large, 413, 2),
        ("?_page=x", "text/html", "{}", 415, 2),
        ("?_page=1", "text/html", "{}", 415, 1),
        ("?_page=1", "", "{}", 415, 1),
        ("?_page=x", "application/json", "{}", 400, 3),
        ("?_page=1", "application/json", "{", 400, 1),
        ("?_page=1", "application/json", "{}", 422, 2),
        ("?_page=1", "application/json", "", 400, 1),
        ("?_page=1", "", "", 400, 1),
        ("?_page=1", "application/json", "{\"_title\": \"\", \"_stars\": 256}", 422, 1),
    ];
    for (query, kind, body, status, errors) in rows {
        let parts = get(&format!("/{query}"), &[("content-type", kind)]);
        let rejection = Update::extract(&parts, &[("_id", "1")], bytes(body)).unwrap_err();
        assert_eq!(rejection.status(), status, "{query} {kind} {body}");
        assert_eq!(rejection.errors().len(), errors, "{query} {kind} {body} {rejection}");
        let accept = rejection.clone().into_response().headers().get("accept").cloned();
        assert_eq!(accept.is_some(), status == 415, "{query} {kind} {body}");
    }
}

#[test]
fn json_is_application_json_or_a_json_suffix() {
    let rows = [
        ("application/json", true),
        ("APPLICATION/JSON; charset=utf-8", true),
        ("application/json;", true),
        (" application/json ; x", true),
        ("application/vnd.schemaregistry.v1+json", true),
        ("application/problem+json", true),
        ("application/other+json+", false),
        ("application/json+other", false),
        ("application/jsonx", false),
        ("application/xjson", false),
        ("other/json", false),
        ("text/plain", false),
        ("json", false),
        ("", false),
    ];
    for (kind, json) in rows {
        let parts = get("/?_page=1", &[("content-type", kind)]);
        let body = bytes(r#"{"_stars": 3, "_title": "t"}"#);
        let read = Update::extract(&parts, &[("_id", "1")], body);
        assert_eq!(read.is_ok(), json, "{kind}");
    }
}

#[tokio::test]
async fn an_error_of_the_program_is_a_500_without_a_reason() {
    #[derive(Debug, Extract)]
    struct Wired {
        #[extension]
        _pool: u8,
    }
    let rejection = Wired::extract_parts(&get("/", &[]), &[]).unwrap_err();
    assert_eq!(rejection.to_string(), "no extension fills the field `_pool`");
    let expected = concat!(
        r#"{"type":"about:blank","title":"Internal Server Error","status":500,"#,
        r#""detail":"the server cannot read this request","errors":[]}"#,
    );
    assert_eq!(answer(rejection).await, (500, expected.to_owned()));

    let mut parts = get("/", &[]);
    parts.extensions.insert(3u8);
    assert_eq!(Wired::extract_parts(&parts, &[]).unwrap()._pool, 3);
}

#[test]
fn the_rejection_is_in_the_extensions() {
    let rejection = Update::extract_parts(&get("/", &[]), &[]).unwrap_err();
    let response = rejection.into_response();
    let typed = response.extensions().get::<Rejection>().unwrap();
    assert_eq!(typed.errors().len(), 3);
}
