//! The derive and what it reads, through the public face.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing where it stands")]

#[cfg(feature = "jiff")]
mod ancestors;
#[cfg(feature = "router")]
mod answers;
mod arguments;
mod attributes;
#[cfg(feature = "axum")]
mod axum;
mod body;
#[cfg(feature = "multipart")]
mod bombs;
#[cfg(all(feature = "form", feature = "multipart", feature = "router"))]
mod by_hand;
#[cfg(all(feature = "jiff", feature = "router"))]
mod cases;
#[cfg(all(feature = "garde", feature = "validator"))]
mod checks;
#[cfg(feature = "router")]
mod client;
#[cfg(all(feature = "form", feature = "multipart", feature = "schemars"))]
mod described;
#[cfg(all(feature = "jiff", feature = "router"))]
mod driven;
#[cfg(feature = "router")]
mod endpoint;
#[cfg(feature = "form")]
mod forms;
mod json;
mod media;
#[cfg(feature = "multipart")]
mod multipart;
mod names;
#[cfg(feature = "router")]
mod nested;
#[cfg(all(feature = "utoipa", feature = "schemars"))]
mod openapi;
mod options;
mod problem;
mod read;
mod roads;
#[cfg(feature = "router")]
mod round;
#[cfg(feature = "router")]
mod router;
mod texts;
#[cfg(feature = "router")]
mod unmatched;
mod walk;
mod written;

use bytes::Bytes;
use http::{Request, request::Parts};
use waylay_extract::Rejection;

/// The parts of a GET request with these headers.
fn get(uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, value.as_bytes());
    }
    request.body(()).unwrap().into_parts().0
}

/// The parts of a request with a JSON body.
fn json() -> Parts {
    get("/", &[("content-type", "application/json")])
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// A rejection as a person reads it, one error a line.
fn lines(rejection: &Rejection) -> Vec<String> {
    let line = |error: &waylay_extract::FieldError| {
        let place = error.name().or(error.pointer()).unwrap_or_default();
        let (location, code) = (error.location(), error.code());
        format!("{location} {place} {code}")
    };
    rejection.errors().iter().map(line).collect()
}
