//! Tests of the derives through the public interface.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of its expectation")]

#[cfg(all(feature = "form", feature = "headers", feature = "multipart", feature = "schemars"))]
mod agreement;
#[cfg(all(feature = "jiff", feature = "router"))]
mod ancestor_runner;
#[cfg(all(feature = "jiff", feature = "router"))]
mod ancestor_table;
#[cfg(feature = "jiff")]
mod ancestors;
mod arguments;
mod attributes;
#[cfg(feature = "axum")]
mod axum;
mod body;
#[cfg(all(feature = "garde", feature = "pattern"))]
mod bounds;
mod checks;
#[cfg(feature = "router")]
mod client;
mod content_types;
#[cfg(feature = "router")]
mod endpoint;
#[cfg(feature = "tracing")]
mod events;
#[cfg(feature = "form")]
mod forms;
mod generated_names;
#[cfg(feature = "form")]
mod grammar;
mod into_request;
mod json;
mod json_passes;
#[cfg(feature = "multipart")]
mod limits;
#[cfg(feature = "multipart")]
mod multipart;
#[cfg(all(feature = "form", feature = "multipart", feature = "router"))]
mod multipart_reader;
#[cfg(feature = "router")]
mod nested;
#[cfg(all(feature = "utoipa", feature = "schemars"))]
mod openapi;
#[cfg(all(feature = "form", feature = "multipart", feature = "schemars"))]
mod openapi_bodies;
mod options;
mod oracle;
#[cfg(feature = "router")]
mod own_route;
mod query_parser;
mod rejection;
#[cfg(feature = "router")]
mod responses;
#[cfg(feature = "router")]
mod round_trip;
#[cfg(feature = "router")]
mod router;
mod texts;
#[cfg(all(feature = "garde", feature = "validator"))]
mod validate;

use bytes::Bytes;
use http::{Request, request::Parts};
use waylay_extract::Rejection;

/// Returns the head of a GET request with these headers.
fn get(uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, value.as_bytes());
    }
    request.body(()).unwrap().into_parts().0
}

/// Returns the head of a request with a JSON body.
fn json() -> Parts {
    get("/", &[("content-type", "application/json")])
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Returns the errors of a rejection, one a line.
fn lines(rejection: &Rejection) -> Vec<String> {
    let line = |error: &waylay_extract::FieldError| {
        let place = error.name().or(error.pointer()).unwrap_or_default();
        let (location, code) = (error.location(), error.code());
        format!("{location} {place} {code}")
    };
    rejection.errors().iter().map(line).collect()
}
