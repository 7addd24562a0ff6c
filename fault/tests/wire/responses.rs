//! Responses made by a fault, as clients receive them.

use http::{Method, Response};
use waylay_fault::{
    Delay, Fault, FaultBuilder, INJECTED_HEADER, InjectContext, InjectOutcome, Injector, RetryAfter, chain,
    custom, error, patch, replace, slow,
};

use crate::support::{Client, NEVER, PLACES, Protocol, serve};

fn always(injector: impl Into<Injector>) -> FaultBuilder {
    Fault::new("flaky", injector).enabled(true).participation(1.0)
}

#[tokio::test]
async fn status_text_and_headers_arrive() {
    let rows = [
        (error(503), 503, "Service Unavailable"),
        (error(500).text("very custom text"), 500, "very custom text"),
        (error(418).text(""), 418, ""),
        (error(599), 599, "599"),
        (error(200), 200, "OK"),
        (error(204).text("never sent"), 204, ""),
        (error(205), 205, ""),
        (error(304), 304, ""),
    ];
    for place in PLACES {
        for (abort, status, text) in rows.clone() {
            let fault = always(abort.header("retry-after", "2")).build().unwrap();
            let server = serve(place, &fault, NEVER).await;
            for protocol in [Protocol::Http1, Protocol::Http2] {
                // One connection for all: a wrong length would disturb the next exchange.
                let mut client = Client::connect(protocol, server).await;
                for method in [Method::HEAD, Method::GET, Method::POST, Method::HEAD, Method::GET] {
                    let row = format!("{place:?} {protocol:?} {method} {status}");
                    let response =
                        client.send(method.clone()).await.unwrap_or_else(|error| panic!("{row}: {error:?}"));
                    let body = if method == Method::HEAD { "" } else { text };
                    assert_eq!(
                        (response.status().as_u16(), &response.body()[..]),
                        (status, body.as_bytes()),
                        "{row}"
                    );
                    let headers = response.headers();
                    assert_eq!([&headers[INJECTED_HEADER], &headers["retry-after"]], ["flaky", "2"], "{row}");
                    if matches!(status, 204 | 205 | 304) {
                        assert!(!headers.contains_key("content-type"), "{row}");
                    } else {
                        assert_eq!(headers["content-type"], "text/plain; charset=utf-8", "{row}");
                        assert_eq!(headers["x-content-type-options"], "nosniff", "{row}");
                    }
                    if !text.is_empty() {
                        assert_eq!(headers["content-length"], text.len().to_string(), "{row}");
                    }
                }
            }
        }
    }
}

/// For every response without content, neither protocol sends a length or a body, and the
/// next exchange of the connection is in step.
#[tokio::test]
async fn statuses_without_content() {
    let own = |status: u16| {
        custom("own", move |_: InjectContext| async move {
            let response = Response::builder().status(status).header("content-length", "5");
            InjectOutcome::Respond(response.body("never".into()).unwrap())
        })
    };
    for place in PLACES {
        for status in [204, 304] {
            let rows: [Injector; 4] = [
                patch().status(status).into(),
                chain::<Injector>([patch().status(status).into(), replace("never").into()]),
                error(status).header("content-length", "5").into(),
                own(status),
            ];
            for injector in rows {
                let fault = always(injector).build().unwrap();
                let server = serve(place, &fault, NEVER).await;
                for protocol in [Protocol::Http1, Protocol::Http2] {
                    let mut client = Client::connect(protocol, server).await;
                    for method in [Method::GET, Method::HEAD, Method::GET] {
                        let response = client.send(method).await.unwrap();
                        let row = format!("{place:?} {protocol:?} {fault:?} {response:?}");
                        assert_eq!((response.status().as_u16(), response.body().len()), (status, 0), "{row}");
                        for header in ["content-length", "transfer-encoding"] {
                            assert!(!response.headers().contains_key(header), "{row}");
                        }
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_delayed_response_is_the_services_own_with_a_mark() {
    let rows = [
        (|| slow(Delay::fixed("1ms")), true, true),
        (|| slow(Delay::fixed("1ms")), false, false),
        (|| slow(Delay::fixed("0s")), true, true),
        (|| chain([slow(Delay::fixed("1ms")), slow(Delay::fixed("1ms"))]), true, true),
        (|| chain::<Injector>([]), true, false),
    ] as [(fn() -> Injector, bool, bool); 5];
    for place in PLACES {
        for (injector, mark, marked) in rows {
            let fault = always(injector()).mark(mark).build().unwrap();
            let server = serve(place, &fault, NEVER).await;
            for protocol in [Protocol::Http1, Protocol::Http2] {
                let response = Client::connect(protocol, server).await.send(Method::GET).await.unwrap();
                assert_eq!((response.status().as_u16(), &response.body()[..]), (200, &b"real"[..]));
                assert_eq!(response.headers().contains_key(INJECTED_HEADER), marked, "{place:?} {fault:?}");
            }
        }
    }
}

/// A custom injector need not know that HTTP/2 servers send bodies even for HEAD.
#[tokio::test]
async fn a_custom_response_to_head_states_its_length() {
    let own = custom("own", |_: InjectContext| async {
        InjectOutcome::Respond(Response::new("short and stout".into()))
    });
    let fault = always(own).build().unwrap();
    for place in PLACES {
        let server = serve(place, &fault, NEVER).await;
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let mut client = Client::connect(protocol, server).await;
            for (method, body) in [(Method::HEAD, ""), (Method::GET, "short and stout"), (Method::HEAD, "")] {
                let response = client.send(method).await.unwrap();
                assert_eq!(response.body(), body, "{place:?} {protocol:?}");
                assert_eq!(response.headers()["content-length"], "15", "{place:?} {protocol:?}");
            }
        }
    }
}

/// A date is computed for each response, a number of seconds stays the same.
#[tokio::test]
async fn retry_after_is_seconds_or_a_date() {
    use std::time::{Duration, SystemTime};
    let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let rows: [(RetryAfter, Option<&str>); 4] = [
        ("2s".into(), Some("2")),
        (Duration::from_millis(1500).into(), Some("2")),
        (noon.into(), Some("Fri, 15 Jan 2027 08:00:00 GMT")),
        (RetryAfter::date_in("1h"), None),
    ];
    for (when, wanted) in rows {
        let busy = error(503).retry_after(when).body(r#"{"busy":true}"#).content_type("application/json");
        let server = serve(PLACES[0], &always(busy).build().unwrap(), NEVER).await;
        let before = SystemTime::now();
        let response = Client::connect(Protocol::Http1, server).await.send(Method::GET).await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.body(), r#"{"busy":true}"#);
        let seen = response.headers()["retry-after"].to_str().unwrap();
        match wanted {
            Some(wanted) => assert_eq!(seen, wanted),
            None => {
                let date = httpdate::parse_http_date(seen).unwrap();
                // Dates have whole seconds.
                let hour = Duration::from_secs(3600);
                let late = SystemTime::now() + hour;
                assert!(date + Duration::from_secs(1) >= before + hour && date <= late, "{seen}");
            }
        }
    }
}
