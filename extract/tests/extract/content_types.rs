//! The content types of a struct, and the headers of a 415.

use axum_core::response::IntoResponse;
use http::{Request, request::Parts};
use waylay_extract::Extract;

use crate::{bytes, lines};

#[derive(Debug, Extract)]
#[extract(accept = ["Text/JSON", "application/vnd.api"])]
struct Wide {
    #[body(json, text)]
    value: u8,
}

#[derive(Debug, Extract)]
#[extract(accept = ["application/json-patch"])]
struct Members {
    #[json]
    value: u8,
}

fn parts(method: &str, kind: &str) -> Parts {
    let request = Request::builder().method(method).uri("/").header("content-type", kind).body(());
    request.unwrap().into_parts().0
}

#[test]
fn further_types_are_read_as_json() {
    for (kind, body, expected) in [
        ("application/json", "7", Some(7)),
        ("text/json", " 7", Some(7)),
        ("TEXT/json;charset=utf-8", "7\n", Some(7)),
        ("application/vnd.api", " 7", Some(7)),
        // Read as text, in which a number has no space before it.
        ("text/plain", " 7", None),
        ("text/plain", "7", Some(7)),
        ("application/vnd.apix", "7", None),
    ] {
        let read = Wide::extract(&parts("POST", kind), &[], bytes(body));
        assert_eq!(read.ok().map(|wide| wide.value), expected, "{kind}");
    }
    let read = Members::extract(&parts("PATCH", "application/json-patch"), &[], bytes("{\"value\": 7}"));
    assert_eq!(read.unwrap().value, 7);
}

#[test]
fn a_415_lists_the_accepted_types() {
    const TYPES: &str = "application/json, application/json-patch";
    // RFC 9110, 12.5.1; Linked Data Platform 1.0, 7.1; RFC 5789, 2.2 and 3.1.
    for (method, post, patch) in
        [("POST", Some(TYPES), None), ("PATCH", None, Some(TYPES)), ("PUT", None, None)]
    {
        let rejection = Members::extract(&parts(method, "text/xml"), &[], bytes("x")).unwrap_err();
        assert_eq!(lines(&rejection), ["body  unsupported_media_type"], "{method}");
        let response = rejection.into_response();
        let said = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(response.status(), 415);
        assert_eq!(said("accept").as_deref(), Some(TYPES), "{method}");
        assert_eq!(said("accept-post").as_deref(), post, "{method}");
        assert_eq!(said("accept-patch").as_deref(), patch, "{method}");
    }
    let other = Members::extract(&parts("POST", "application/json"), &[], bytes("[]")).unwrap_err();
    assert!(!other.into_response().headers().contains_key("accept-post"));
}
