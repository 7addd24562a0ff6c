//! Responses made by a fault: every header, and the body to the byte.

use std::convert::Infallible;

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{Injector, RetryAfter, error, grpc};

use crate::support::{always, request};

const TEXT: (&str, &str) = ("content-type", "text/plain; charset=utf-8");
const NOSNIFF: (&str, &str) = ("x-content-type-options", "nosniff");
const INJECTED_HEADER: (&str, &str) = ("x-fault-injected", "test");

/// Status, header lines, body, and whether there are trailers.
async fn answer(injector: Injector, method: Method) -> (u16, Vec<String>, Vec<u8>, bool) {
    let inner = service_fn(async |_: Request<String>| -> Result<Response<String>, Infallible> {
        panic!("the service is not called")
    });
    let fault = always(injector).build().unwrap();
    let response = fault.layer().layer(inner).oneshot(request(method, "/", &[])).await.unwrap();
    let (parts, body) = response.into_parts();
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    let mut lines: Vec<_> = parts.headers.iter().map(line).collect();
    lines.sort();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().is_some();
    (parts.status.as_u16(), lines, body.to_bytes().to_vec(), trailers)
}

#[tokio::test]
async fn responses_have_the_given_parts() {
    type Row = (Injector, u16, Vec<(&'static str, &'static str)>, &'static [u8]);
    let rows: Vec<Row> = vec![
        (error(503).into(), 503, vec![TEXT, NOSNIFF, INJECTED_HEADER], b"Service Unavailable"),
        (error(599).text("").into(), 599, vec![TEXT, NOSNIFF, INJECTED_HEADER], b""),
        (
            error(500).body(vec![0, 159, 255]).content_type("application/octet-stream").into(),
            500,
            vec![("content-type", "application/octet-stream"), NOSNIFF, INJECTED_HEADER],
            &[0, 159, 255],
        ),
        // The first header of a name replaces a default, further ones are added.
        (
            error(401)
                .header("WWW-Authenticate", "Basic")
                .header("www-authenticate", "Bearer")
                .header("X-Content-Type-Options", "sniff")
                .header("set-cookie", "a=b; Path=/")
                .into(),
            401,
            vec![
                TEXT,
                ("x-content-type-options", "sniff"),
                ("www-authenticate", "Basic"),
                ("www-authenticate", "Bearer"),
                ("set-cookie", "a=b; Path=/"),
                INJECTED_HEADER,
            ],
            b"Unauthorized",
        ),
        (
            error(301).header("location", "/there").into(),
            301,
            vec![("location", "/there"), TEXT, NOSNIFF, INJECTED_HEADER],
            b"Moved Permanently",
        ),
        // An explicit `retry-after` header and the setter: the setter counts.
        (
            error(429).header("retry-after", "1").retry_after("90s").into(),
            429,
            vec![("retry-after", "90"), TEXT, NOSNIFF, INJECTED_HEADER],
            b"Too Many Requests",
        ),
        (
            error(204).text("never sent").header("x-a", "1").into(),
            204,
            vec![("x-a", "1"), INJECTED_HEADER],
            b"",
        ),
        (error(304).header("etag", "\"7\"").into(), 304, vec![("etag", "\"7\""), INJECTED_HEADER], b""),
        // Trailers-only: everything is in the head.
        (
            grpc(14).message("half 50 %").header("x-own", "1").into(),
            200,
            vec![
                ("content-type", "application/grpc"),
                ("grpc-status", "14"),
                ("grpc-message", "half 50 %25"),
                ("x-own", "1"),
                INJECTED_HEADER,
            ],
            b"",
        ),
    ];
    for (injector, status, headers, body) in rows {
        let name = format!("{injector:?}");
        let mut wanted: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        wanted.sort();
        let seen = answer(injector, Method::GET).await;
        assert_eq!(seen, (status, wanted, body.to_vec(), false), "{name}");
    }
}

/// A HEAD request receives the head of the same response, with the length of the body.
#[tokio::test]
async fn head_requests_receive_the_same_head() {
    let (status, lines, body, _) = answer(error(503).text("gone").into(), Method::HEAD).await;
    assert_eq!((status, body.len()), (503, 0));
    assert!(lines.contains(&"content-length: 4".to_owned()), "{lines:?}");
}

/// Dates and times that cannot be written are reported when the fault is built.
#[tokio::test]
async fn invalid_retry_after_dates() {
    use std::time::{Duration, SystemTime};
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let after = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800);
    for when in [RetryAfter::from(before), RetryAfter::from(after), RetryAfter::from("soon")] {
        let errors = always(error(503).retry_after(when)).build().unwrap_err();
        assert_eq!(errors.iter().next().unwrap().setting(), "error.retry_after");
    }
}
