//! Responses made by a fault: every header, and the body to the byte.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use tower::{ServiceExt, service_fn};
use tower_http::trace::TraceLayer;
use tower_layer::Layer;
use waylay_fault::{
    Abort, ClientError, Corruption, Delay, Fault, FaultBody, InjectContext, InjectOutcome, Injected,
    Injector, LengthOffset, Reject, RetryAfter, TruncateAt, chain, corrupt, custom, error, grpc, patch,
    quota, rate_limit, reject, replace, slow, truncate, wrong_length,
};

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

/// Every way to a status that has no content sends none, and announces none; other headers stay.
#[tokio::test]
async fn statuses_without_content() {
    type Row = (&'static str, fn(u16) -> Injector);
    fn own(status: u16) -> Injector {
        custom("own", move |_: InjectContext| async move {
            let response = Response::builder().status(status).header("content-length", "5");
            InjectOutcome::Respond(response.body("never".into()).unwrap())
        })
    }
    fn length(status: u16) -> Abort {
        error(status).text("never").header("content-length", "5").header("transfer-encoding", "chunked")
    }
    let rows: [Row; 8] = [
        ("error", |status| length(status).into()),
        ("custom", own),
        ("quota", |status| quota(0, "1h").response(length(status)).into()),
        ("patch", |status| patch().status(status).into()),
        ("patch and length", |status| patch().status(status).add("content-length", "5").into()),
        ("patch and replace", |status| {
            chain::<Injector>([patch().status(status).into(), replace("never").into()])
        }),
        ("replace and patch", |status| {
            chain::<Injector>([replace("never").into(), patch().status(status).into()])
        }),
        ("patched error", |status| chain::<Injector>([patch().status(status).into(), error(500).into()])),
    ];
    for (name, injector) in rows {
        for status in [204, 205, 304] {
            for method in [Method::GET, Method::HEAD] {
                let row = format!("{name}, {method} {status}");
                let inner = service_fn(async |_: Request<String>| {
                    let response = Response::builder().header("content-length", "4").header("etag", "\"7\"");
                    Ok::<_, Infallible>(response.body(String::from("real")).unwrap())
                });
                let fault = always(injector(status)).build().unwrap();
                let response = fault.layer().layer(inner).oneshot(request(method, "/", &[])).await.unwrap();
                assert_eq!(response.status(), status, "{row}");
                assert_eq!(
                    response.headers().get("etag").is_some(),
                    name.contains("patch") && !name.contains("error"),
                    "{row}"
                );
                for header in ["content-length", "transfer-encoding"] {
                    assert!(!response.headers().contains_key(header), "{row} {header}");
                }
                assert!(response.body().is_end_stream(), "{row}");
                assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "", "{row}");
            }
        }
    }
    // A response that had no content before is unchanged.
    let inner = service_fn(async |_: Request<String>| {
        let response = Response::builder().status(304).header("content-length", "4");
        Ok::<_, Infallible>(response.body(String::new()).unwrap())
    });
    let fault = always(patch().set("etag", "\"8\"")).build().unwrap();
    let response = fault.layer().layer(inner).oneshot(request(Method::GET, "/", &[])).await.unwrap();
    assert_eq!(response.headers()["content-length"], "4");
}

/// A trace around the fault can distinguish the 500 of a reject from a real one, also where
/// another fault is between them.
#[tokio::test(start_paused = true)]
async fn rejects_are_marked_in_the_extensions() {
    let slow =
        || Fault::new("slow", slow(Delay::fixed("1ms"))).enabled(true).participation(1.0).build().unwrap();
    let rows: [(Injector, bool); 4] = [
        (reject(Reject::EmptyReply), true),
        (reject(Reject::hang("1s")), true),
        (custom("own", |_: InjectContext| async { InjectOutcome::EmptyReply }), true),
        (error(500).into(), false),
    ];
    for (injector, wanted) in rows {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let trace = TraceLayer::new_for_http().on_response({
            let seen = seen.clone();
            move |response: &Response<FaultBody<FaultBody<String>>>, _: Duration, _: &_| {
                let injected = response.extensions().get::<Injected>().unwrap();
                let faults: Vec<_> = injected.iter().map(|injected| injected.fault().to_owned()).collect();
                seen.lock().unwrap().push((response.status().as_u16(), injected.is_reject(), faults));
            }
        });
        let inner = service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
        let fault = always(injector).build().unwrap();
        let service = trace.layer(slow().layer().layer(fault.layer().layer(inner)));
        drop(service.oneshot(request(Method::GET, "/", &[])).await.unwrap());
        assert_eq!(*seen.lock().unwrap(), [(500, wanted, vec!["slow".to_owned(), "test".to_owned()])]);
    }
}

/// The error of a client layer implements `Error` for every error of the client, which is its source.
#[tokio::test]
async fn errors_of_clients_are_errors() {
    type BoxError = Box<dyn std::error::Error + Send + Sync>;
    fn source<E: std::error::Error + 'static>(error: &E) -> Option<std::io::ErrorKind> {
        let mut next = error.source();
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<std::io::Error>() {
                return Some(error.kind());
            }
            next = error.source();
        }
        None
    }
    let timed_out = || std::io::Error::from(std::io::ErrorKind::TimedOut);
    let boxed = service_fn(move |_: Request<String>| {
        std::future::ready(Err::<Response<String>, BoxError>(timed_out().into()))
    });
    let typed =
        service_fn(move |_: Request<String>| std::future::ready(Err::<Response<String>, _>(timed_out())));
    for (enabled, kind) in [(false, std::io::ErrorKind::TimedOut), (true, std::io::ErrorKind::UnexpectedEof)]
    {
        let fault = always(reject(Reject::EmptyReply)).enabled(enabled).build().unwrap();
        let layer = fault.client_layer();
        let error = layer.layer(boxed).oneshot(request(Method::GET, "/", &[])).await.unwrap_err();
        assert_eq!(source(&error), Some(kind));
        let error = layer.layer(typed).oneshot(request(Method::GET, "/", &[])).await.unwrap_err();
        assert_eq!(source(&error), Some(kind));
        if let ClientError::Inner(error) = error {
            assert!(
                error.downcast_ref::<std::io::Error>().is_some() && error.into_inner().is::<std::io::Error>()
            );
        }
    }
}

/// Without a body, actions on bodies are not delivered: neither counted nor marked, and the head is unchanged.
#[tokio::test(start_paused = true)]
async fn responses_without_a_body_are_unchanged() {
    type Row = (&'static str, fn() -> Injector);
    let rows: [Row; 5] = [
        ("truncate", || truncate(TruncateAt::Bytes(0)).into()),
        ("corrupt", || corrupt(Corruption::BitFlips(1.0)).into()),
        ("wrong length", || wrong_length(LengthOffset::More(1)).into()),
        ("replace", || replace("never").content_type("text/never").into()),
        ("rate limit", || rate_limit(1).into()),
    ];
    for (name, injector) in rows {
        for (status, method) in
            [(204, Method::GET), (205, Method::GET), (304, Method::GET), (200, Method::HEAD)]
        {
            for chained in [false, true] {
                let row = format!("{name} {status} {method} {chained}");
                let inner = service_fn(|_: Request<String>| {
                    let response = Response::builder().status(status).header("content-type", "text/real");
                    std::future::ready(Ok::<_, Infallible>(response.body(String::new()).unwrap()))
                });
                let links =
                    if chained { vec![slow(Delay::fixed("1s")), injector()] } else { vec![injector()] };
                let fault = always(chain(links)).build().unwrap();
                let response =
                    fault.layer().layer(inner).oneshot(request(method.clone(), "/", &[])).await.unwrap();
                assert_eq!(response.headers()["content-type"], "text/real", "{row}");
                let injected = response.extensions().get::<Injected>();
                assert_eq!(
                    injected.map_or(0, |injected| injected.actions().len()),
                    usize::from(chained),
                    "{row}"
                );
                let counts = fault.control().counts();
                let (injected, skipped) = (u64::from(chained), u64::from(!chained));
                assert_eq!(
                    (counts.injected, counts.not_deliverable, counts.active),
                    (injected, skipped, 0),
                    "{row}"
                );
            }
        }
    }
}
