//! Faults requested by headers.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use tokio::time::Instant;
use tower::{Service, ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    Action, DecideBy, Event, Fault, FaultBuilder, FaultErrorKind, FaultPlacement, FaultSet, Guards,
    HeaderControl, SetError, SkipReason, chain, header_control, random,
};

use crate::support::{always, request};

const KEY: &str = "correct-horse-battery";

fn control() -> HeaderControl {
    header_control("x-chaos-key", KEY)
}

/// A service of 8 KiB that records what headers it gets.
fn service(
    seen: Arc<Mutex<Vec<HeaderMap>>>,
) -> impl Service<Request<String>, Response = Response<String>, Error = Infallible, Future: Send> + Clone {
    service_fn(move |request: Request<String>| {
        seen.lock().unwrap().push(request.headers().clone());
        async { Ok::<_, Infallible>(Response::new("x".repeat(8192))) }
    })
}

/// Sends a request with the secret and these headers; its status, gRPC status and time.
async fn ask(fault: &Fault, headers: &[(&str, &str)]) -> (u16, Option<String>, Duration) {
    let with_secret: Vec<_> = [("x-chaos-key", KEY)].iter().chain(headers).copied().collect();
    send(fault, &with_secret).await
}

async fn send(fault: &Fault, headers: &[(&str, &str)]) -> (u16, Option<String>, Duration) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let begin = Instant::now();
    let request = request(Method::GET, "/", headers);
    let response = fault.layer().layer(service(seen.clone())).oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    body.collect().await.unwrap();
    for headers in &*seen.lock().unwrap() {
        let left: Vec<_> = headers.keys().filter(|name| name.as_str() != "x-own").collect();
        assert!(left.is_empty(), "the service sees {left:?}");
    }
    let grpc = head.headers.get("grpc-status").map(|status| status.to_str().unwrap().to_owned());
    (head.status.as_u16(), grpc, begin.elapsed())
}

#[tokio::test(start_paused = true)]
async fn what_is_requested_is_injected_within_the_limits() {
    let fault = always(control().max_delay("2s").min_throughput(2)).build().unwrap();
    let ms = Duration::from_millis;
    let grpc = |status: &str| Some(status.to_owned());
    type Row<'a> = (&'a [(&'a str, &'a str)], (u16, Option<String>, Duration));
    let rows: [Row<'_>; 13] = [
        (&[("x-envoy-fault-abort-request", "503")], (503, None, ms(0))),
        (&[("x-envoy-fault-abort-request", "200")], (200, None, ms(0))),
        (&[("x-envoy-fault-abort-request", "599")], (599, None, ms(0))),
        (&[("x-envoy-fault-abort-grpc-request", "14")], (200, grpc("14"), ms(0))),
        (
            &[("x-envoy-fault-abort-grpc-request", "14"), ("x-envoy-fault-abort-request", "418")],
            (418, None, ms(0)),
        ),
        (&[("x-envoy-fault-delay-request", "90")], (200, None, ms(90))),
        (&[("x-envoy-fault-delay-request", "0")], (200, None, ms(0))),
        (&[("x-envoy-fault-delay-request", "2001")], (200, None, ms(2000))),
        (&[("x-envoy-fault-delay-request", "99999999999999999999999")], (200, None, ms(2000))),
        (
            &[("x-envoy-fault-delay-request", "10"), ("x-envoy-fault-abort-request", "503")],
            (503, None, ms(10)),
        ),
        // 8 KiB: at 4 KiB per second, and at no less than 2.
        (&[("x-envoy-fault-throughput-response", "4")], (200, None, ms(2000))),
        (&[("x-envoy-fault-throughput-response", "1")], (200, None, ms(4000))),
        (
            &[("x-envoy-fault-delay-request", "500"), ("x-envoy-fault-throughput-response", "8")],
            (200, None, ms(1500)),
        ),
    ];
    let count = rows.len() as u64;
    for (headers, expected) in rows {
        let (status, grpc, time) = ask(&fault, headers).await;
        assert_eq!((status, grpc), (expected.0, expected.1), "{headers:?}");
        // Timers of slices round up to milliseconds.
        assert!((expected.2..expected.2 + ms(50)).contains(&time), "{headers:?}: {time:?}");
    }
    let counts = fault.control().counts();
    assert_eq!((counts.injected, counts.seen, counts.active), (count, count, 0));
}

/// A wrong value injects nothing, does not reach the service, and is counted.
#[tokio::test(start_paused = true)]
async fn wrong_values_are_counted_and_let_pass() {
    let fault = always(control()).build().unwrap();
    let abort = "x-envoy-fault-abort-request";
    let rows: &[&[(&str, &str)]] = &[
        &[(abort, "")],
        &[(abort, "abc")],
        &[(abort, "199")],
        &[(abort, "600")],
        &[(abort, "-1")],
        &[(abort, "+503")],
        &[(abort, "503.0")],
        &[(abort, " 503 x")],
        &[(abort, "99999999999999999999")],
        &[(abort, "503"), (abort, "503")],
        &[(abort, "503"), ("x-envoy-fault-abort-request-percentage", "1/2")],
        &[("x-envoy-fault-abort-grpc-request", "17")],
        &[("x-envoy-fault-delay-request", "1s")],
        &[("x-envoy-fault-throughput-response", "0")],
        &[("x-envoy-fault-delay-request", "1"), (abort, "999")],
    ];
    for headers in rows {
        assert_eq!(ask(&fault, headers).await, (200, None, Duration::ZERO), "{headers:?}");
    }
    let counts = fault.control().counts();
    assert_eq!((counts.invalid_control, counts.injected), (rows.len() as u64, 0));
}

#[tokio::test(start_paused = true)]
async fn only_the_secret_is_trusted() {
    let fault = always(control()).build().unwrap();
    let abort = ("x-envoy-fault-abort-request", "503");
    let long = KEY.repeat(2);
    let wrong: [&[(&str, &str)]; 6] = [
        &[abort],
        &[abort, ("x-chaos-key", "")],
        &[abort, ("x-chaos-key", "correct-horse-batterx")],
        &[abort, ("x-chaos-key", &KEY[1..])],
        &[abort, ("x-chaos-key", &long)],
        &[abort, ("x-chaos-key", KEY), ("x-chaos-key", "another")],
    ];
    for headers in wrong {
        assert_eq!(send(&fault, headers).await.0, 200, "{headers:?}");
    }
    // The secret alone, and no header at all, request nothing; neither does a percentage alone.
    assert_eq!(ask(&fault, &[]).await.0, 200);
    assert_eq!(send(&fault, &[("x-own", "1")]).await.0, 200);
    assert_eq!(ask(&fault, &[("x-envoy-fault-abort-request-percentage", "100")]).await.0, 200);
    let counts = fault.control().counts();
    assert_eq!((counts.untrusted, counts.not_requested, counts.injected), (6, 3, 0));
}

/// Shares of a kind, below the limit and cut to it, each with its own draw.
#[tokio::test(start_paused = true)]
async fn percentages_are_shares_within_the_limit() {
    let by_id = |fault: FaultBuilder| fault.seed(7).decide_by(DecideBy::RequestId);
    let fault = by_id(always(control().max_share(0.5))).build().unwrap();
    let abort = ("x-envoy-fault-abort-request", "503");
    let percent = "x-envoy-fault-abort-request-percentage";
    for (given, share) in [("0", 0.0_f64), ("20", 0.2), ("50", 0.5), ("100", 0.5), ("4000000000", 0.5)] {
        let before = fault.control().counts();
        let mut injected = 0;
        for number in 0..400 {
            let id = number.to_string();
            let headers = [abort, (percent, given), ("x-request-id", &*id)];
            let with_key: Vec<_> = [("x-chaos-key", KEY)].iter().chain(&headers).copied().collect();
            let request = request(Method::GET, "/", &with_key);
            let response = fault.layer().layer(service(Arc::default())).oneshot(request).await.unwrap();
            injected += u32::from(response.status() == 503);
        }
        // Five sigma.
        let (expected, sigma) = (400.0 * share, (400.0 * share * (1.0 - share)).sqrt());
        assert!((f64::from(injected) - expected).abs() <= 5.0 * sigma, "{given}: {injected}");
        let after = fault.control().counts();
        assert_eq!(after.injected - before.injected, u64::from(injected));
        assert_eq!(after.not_selected - before.not_selected, 400 - u64::from(injected));
    }
}

/// Everything that holds for other faults: lists, probes, participation, guards, dry run, explanations.
#[tokio::test(start_paused = true)]
async fn other_checks_apply() {
    let set = FaultSet::new();
    let requested = || Fault::new("asked", control()).enabled(true).participation(1.0);
    set.replace([requested().block_paths(["/pay"])]).unwrap();
    let send = async |path: &str| {
        let headers = [("x-chaos-key", KEY), ("x-envoy-fault-abort-request", "503")];
        let request = request(Method::GET, path, &headers);
        set.layer().layer(service(Arc::default())).oneshot(request).await.unwrap().status().as_u16()
    };
    let counts = || set.counts()[0].1;
    assert_eq!([send("/a").await, send("/pay").await, send("/healthz").await], [503, 200, 200]);
    assert_eq!((counts().no_match, counts().protected), (1, 1));
    set.set_guards(Guards::new().protect_paths(["/b"]).max_per_second(1)).unwrap();
    assert_eq!([send("/b").await, send("/a").await, send("/a").await], [200, 503, 200]);
    assert_eq!((counts().protected, counts().max_rate), (2, 1));
    set.set_guards(Guards::new().dry_run(true)).unwrap();
    assert_eq!(send("/a").await, 200);
    assert_eq!(counts().dry_run, 1);
    set.set_guards(Guards::new()).unwrap();

    let headers = [("x-chaos-key", KEY), ("x-envoy-fault-delay-request", "7")];
    let explained = set.explain(&request(Method::GET, "/a", &headers));
    assert_eq!(explained.faults()[0].actions(), [Action::Slow(Duration::from_millis(7))]);
    assert_eq!(
        set.explain(&request(Method::GET, "/a", &[])).faults()[0].skipped(),
        Some(SkipReason::NotRequested)
    );

    set.replace([requested().participation(0.0)]).unwrap();
    assert_eq!(send("/a").await, 200);
    assert_eq!(counts().not_selected, 1);
}

/// Two faults in one set: the first removes the headers, and the second still reads them.
#[tokio::test(start_paused = true)]
async fn faults_further_inside_read_what_was_removed() {
    let set = FaultSet::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    let writer = log.clone();
    let other = header_control("x-other-key", "another-secret-word");
    set.replace([
        Fault::new("outer", other).enabled(true).participation(1.0),
        Fault::new("inner", control()).enabled(true).participation(1.0).reporter(move |event: &Event<'_>| {
            writer.lock().unwrap().push(event.headers().keys().map(ToString::to_string).collect::<Vec<_>>());
        }),
    ])
    .unwrap();
    let headers = [("x-chaos-key", KEY), ("x-envoy-fault-abort-request", "503"), ("x-own", "1")];
    let response = set
        .layer()
        .layer(service(Arc::default()))
        .oneshot(request(Method::GET, "/", &headers))
        .await
        .unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["x-fault-injected"]),
        (503, &"inner".parse().unwrap())
    );
    assert_eq!(set.counts()[0].1.untrusted, 1);
    // Reports do not show the secret.
    assert_eq!(*log.lock().unwrap(), [["x-own"], ["x-own"]]);
}

#[test]
fn wrong_settings_are_errors() {
    let errors = always(
        header_control("x chaos", "short").prefix("").max_delay("soon").min_throughput(0).max_share(2.0),
    )
    .build()
    .unwrap_err();
    let found: Vec<_> = errors.iter().map(|error| error.setting()).collect();
    assert_eq!(
        found,
        [
            "header_control.header",
            "header_control.secret",
            "header_control.max_delay",
            "header_control.min_throughput",
            "header_control.max_share",
            "header_control.prefix"
        ]
    );
    let text = format!("{errors} {:?}", header_control("x-chaos-key", "secret-that-is-not-shown"));
    assert!(!text.contains("short\"") && !text.contains("not-shown"), "{text}");

    for nested in [chain([control()]), random([(1.0, control())])] {
        let errors = always(nested).build().unwrap_err();
        assert_eq!(errors.iter().next().unwrap().kind(), &FaultErrorKind::Nested);
    }
    let set = FaultSet::new();
    let placed = set.replace_at([(FaultPlacement::Listener, Fault::new("asked", control()))]);
    let Err(SetError::Faults(errors)) = placed else { panic!("{placed:?}") };
    assert_eq!(errors[0].iter().next().unwrap().kind(), &FaultErrorKind::NoRequest);
}
