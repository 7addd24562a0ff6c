//! Guards of a set and limits of a fault, on a clock that is paused.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::time::{advance, sleep};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    AutoStop, Counts, DecideBy, Delay, Fault, FaultBuilder, FaultSet, Guards, INJECTED_HEADER, Injector,
    Reject, SetEvent, SkipReason, error, reject, slow,
};

use crate::support::{get, is_injected, request};

const S: Duration = Duration::from_secs(1);

fn on(name: &str, injector: impl Into<Injector>) -> FaultBuilder {
    Fault::new(name, injector).enabled(true).participation(1.0)
}

fn set_of(guards: Guards, fault: FaultBuilder) -> (FaultSet, Arc<Mutex<Vec<SetEvent>>>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let log = events.clone();
    let set = FaultSet::builder().on_event(move |event| log.lock().unwrap().push(event.clone())).build();
    set.set_guards(guards).unwrap();
    set.replace([fault]).unwrap();
    (set, events)
}

/// Sends a request to a service that answers this status after this time.
async fn send(set: &FaultSet, request: Request<String>, status: u16, time: Duration) -> u16 {
    let inner = service_fn(move |_: Request<String>| async move {
        if !time.is_zero() {
            sleep(time).await;
        }
        let mut response = Response::new(Full::<bytes::Bytes>::from("real"));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        Ok::<_, Infallible>(response)
    });
    set.layer().layer(inner).oneshot(request).await.unwrap().status().as_u16()
}

async fn status(set: &FaultSet) -> u16 {
    send(set, get("/"), 200, Duration::ZERO).await
}

fn counts(set: &FaultSet) -> Counts {
    set.counts()[0].1
}

#[tokio::test(start_paused = true)]
async fn a_set_ends_with_its_time() {
    for guards in [Guards::new().ttl("60s"), Guards::new().until(SystemTime::now() + 60 * S)] {
        let (set, events) = set_of(guards, on("a", error(503)));
        assert_eq!(status(&set).await, 503);
        advance(59 * S).await;
        assert_eq!(status(&set).await, 503);
        advance(S).await;
        assert_eq!(status(&set).await, 200);
        assert_eq!(status(&set).await, 200);
        assert!(matches!(events.lock().unwrap()[..], [SetEvent::Applied { .. }, SetEvent::Expired]));
        assert!(!set.control("a").unwrap().enabled(), "expiry disables");
        set.control("a").unwrap().set_enabled(true);
        assert_eq!(status(&set).await, 200, "it cannot be enabled beyond its time");
        assert_eq!(counts(&set).expired, 1);
        set.set_guards(Guards::new().ttl("60s")).unwrap();
        assert_eq!(status(&set).await, 503, "a new time to live does it");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_its_time_ends_what_runs() {
    let (set, _) = set_of(Guards::new().ttl("60s"), on("a", reject(Reject::hang("1h"))));
    let begin = tokio::time::Instant::now();
    assert_eq!(status(&set).await, 200, "the request goes on to the service");
    assert_eq!(begin.elapsed().as_secs(), 60);
    // Set while it runs, too.
    let (set, _) = set_of(Guards::new(), on("a", reject(Reject::hang("1h"))));
    let late = set.clone();
    let under_way = tokio::spawn(async move { status(&late).await });
    sleep(5 * S).await;
    set.set_guards(Guards::new().ttl("5s")).unwrap();
    let begin = tokio::time::Instant::now();
    assert_eq!(under_way.await.unwrap(), 200);
    assert_eq!(begin.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn protected_requests_are_left_alone() {
    let guards = Guards::new()
        .protect_paths(["/pay/*", "/orders/{id}/cancel"])
        .protect_header("x-no-chaos", None)
        .protect_header("x-tier", Some("gold"));
    let (set, _) = set_of(guards, on("a", error(503)));
    for (path, header, wanted) in [
        ("/pay/1", ("a", "b"), 200),
        ("/pay", ("a", "b"), 200),
        ("/%70ay/1", ("a", "b"), 200),
        ("/orders/7/cancel", ("a", "b"), 200),
        ("/orders/7", ("a", "b"), 503),
        ("/orders/7", ("x-no-chaos", ""), 200),
        ("/orders/7", ("x-tier", "gold"), 200),
        ("/orders/7", ("x-tier", "free"), 503),
    ] {
        let request = request(http::Method::GET, path, &[header]);
        assert_eq!(send(&set, request, 200, Duration::ZERO).await, wanted, "{path} {header:?}");
    }
    assert_eq!(counts(&set).protected, 6);
}

#[tokio::test(start_paused = true)]
async fn no_more_run_at_once_than_allowed() {
    let (set, _) = set_of(Guards::new().max_active(2), on("a", slow(Delay::fixed("10s"))));
    let under_way: Vec<_> = (0..5)
        .map(|_| {
            let set = set.clone();
            tokio::spawn(async move { status(&set).await })
        })
        .collect();
    sleep(S).await;
    assert_eq!((set.status().active, counts(&set).max_active), (2, 3));
    // envoyproxy/envoy 11504: a client that leaves gives its place back.
    under_way[0].abort();
    tokio::task::yield_now().await;
    assert_eq!(set.status().active, 1);
    sleep(20 * S).await;
    assert_eq!((set.status().active, counts(&set).active), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn no_more_begin_within_a_second_than_allowed() {
    let (set, _) = set_of(Guards::new().max_per_second(3), on("a", error(503)));
    let mut injected = Vec::new();
    for tenth in 0..40 {
        if status(&set).await == 503 {
            injected.push(tenth);
        }
        advance(S / 10).await;
    }
    assert_eq!(injected, [0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32]);
    assert_eq!(counts(&set).max_rate, 28);
}

#[tokio::test(start_paused = true)]
async fn no_larger_share_is_affected_than_allowed() {
    let (set, _) = set_of(Guards::new().max_affected(0.1, "10s"), on("a", error(503)));
    let mut injected = 0;
    for _ in 0..1000 {
        injected += u32::from(status(&set).await == 503);
        advance(S / 20).await;
    }
    assert_eq!((injected, counts(&set).max_affected), (100, 900));
    // A request that a count window takes back does not use the share up.
    let (set, _) =
        set_of(Guards::new().max_affected(0.5, "10s").max_per_second(10), on("a", error(503)).skip(5));
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(status(&set).await);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 6 - 1 + 1, "{statuses:?}");
}

#[tokio::test]
async fn a_dry_run_decides_and_injects_nothing() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let reports = log.clone();
    let set = FaultSet::builder()
        .reporter(move |event: &waylay_fault::Event<'_>| reports.lock().unwrap().push(event.to_string()))
        .build();
    set.set_guards(Guards::new().dry_run(true)).unwrap();
    set.replace([on("a", error(503)).limit(2)]).unwrap();
    for _ in 0..3 {
        assert_eq!(status(&set).await, 200);
    }
    let counts = counts(&set);
    assert_eq!((counts.seen, counts.injected, counts.dry_run, counts.outside_window), (3, 0, 2, 1));
    assert_eq!(
        log.lock().unwrap()[..2],
        ["fault a skipped: dry run: error 503 (GET /)", "fault a skipped: dry run: error 503 (GET /)"]
    );
    assert!(set.status().is_dry_run);
}

#[tokio::test(start_paused = true)]
async fn too_many_genuine_errors_stop_the_set() {
    let stop = AutoStop::new("30s").min_requests(10).error_ratio(0.2);
    // Every other request is injected: none of those counts.
    let (set, events) = set_of(Guards::new().stop(stop), on("a", error(500)).every(2));
    let mut genuine = 0;
    for turn in 0..100 {
        let answer = if turn < 60 { 200 } else { 500 };
        let request = get("/");
        let before = counts(&set).injected;
        send(&set, request, answer, Duration::ZERO).await;
        genuine += u32::from(counts(&set).injected == before);
        advance(S / 10).await;
        if set.status().stop.is_some() {
            break;
        }
    }
    let reason = set.status().stop.expect("it stopped");
    assert!(!reason.is_client && reason.latency.is_none() && reason.share() > 0.2, "{reason}");
    assert_eq!(reason.responses, u64::from(genuine));
    assert_eq!(
        reason.to_string(),
        "8 of 38 genuine server responses within 30s failed (21.053 %), more than 20.000 %"
    );
    assert_eq!(events.lock().unwrap().last(), Some(&SetEvent::Stopped(reason)));

    // It is sticky, also over a swap and long after the window.
    advance(600 * S).await;
    assert_eq!(status(&set).await, 200);
    set.replace([on("a", error(500))]).unwrap();
    assert_eq!(status(&set).await, 200);
    assert_eq!(set.explain(&get("/")).faults()[0].skipped(), Some(SkipReason::Stopped));
    set.rearm();
    assert_eq!(status(&set).await, 500);
    assert_eq!(events.lock().unwrap().last(), Some(&SetEvent::Rearmed));
}

#[tokio::test(start_paused = true)]
async fn injected_errors_never_stop_the_set() {
    let stop = AutoStop::new("30s").min_requests(1).error_ratio(0.0).latency(0.5, "10ms");
    let (set, _) = set_of(Guards::new().stop(stop), on("a", error(500)));
    for _ in 0..100 {
        assert_eq!(status(&set).await, 500);
    }
    // Nor do those that a fault further in has made.
    set.replace([on("a", error(500)).allow_paths(["/none"])]).unwrap();
    let inner = on("inner", error(500)).build().unwrap();
    let service = service_fn(async |_: Request<String>| {
        Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::from("real")))
    });
    let service = set.layer().layer(inner.layer().layer(service));
    let response = service.oneshot(get("/")).await.unwrap();
    assert_eq!(response.headers()[INJECTED_HEADER], "inner");
    assert_eq!(set.status().stop, None);
    assert_eq!(send(&set, get("/"), 500, Duration::ZERO).await, 500);
    assert!(set.status().stop.is_some(), "a genuine one does");
}

/// What stops a set, as one request of a service or a client that may fail in these ways.
#[tokio::test(start_paused = true)]
async fn failures_are_genuine_unless_a_fault_made_them() {
    use futures_util::FutureExt;
    use waylay_fault::{FaultPlacement, InjectedPanic};

    let stop = || Guards::new().stop(AutoStop::new("30s").min_requests(1).error_ratio(0.0));
    // On, and not for these requests; or waiting for the response, which it leaves alone.
    let injectors: [fn() -> FaultBuilder; 2] =
        [|| on("a", error(503)).allow_paths(["/none"]), || on("a", error(503)).allow_statuses(["404"])];
    type Answer = fn() -> Result<Response<Full<bytes::Bytes>>, std::io::Error>;
    fn response(status: u16) -> Response<Full<bytes::Bytes>> {
        Response::builder().status(status).body(Full::from("real")).unwrap()
    }
    fn injected_panic() -> Result<Response<Full<bytes::Bytes>>, std::io::Error> {
        let fault = on("inner", waylay_fault::panic("injected")).build().unwrap();
        let inner = service_fn(async |_: Request<String>| Ok::<_, Infallible>(response(200)));
        let _ = fault.layer().layer(inner).oneshot(get("/")).now_or_never();
        unreachable!("it panics")
    }
    let rows: [(&str, Answer, bool); 6] = [
        ("200", || Ok(response(200)), false),
        ("500", || Ok(response(500)), true),
        ("an error", || Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)), true),
        ("a panic", || panic!("a bug"), true),
        ("an injected panic", injected_panic, false),
        (
            "injected by another process",
            || {
                let mut response = response(500);
                response.headers_mut().insert(INJECTED_HEADER, http::HeaderValue::from_static("other"));
                Ok(response)
            },
            false,
        ),
    ];
    for injector in injectors {
        for (name, answer, stops) in rows {
            for placement in [FaultPlacement::Server, FaultPlacement::Client] {
                let set = FaultSet::new();
                set.replace_at([(placement, injector())]).unwrap();
                set.set_guards(stop()).unwrap();
                let service = service_fn(move |_: Request<String>| async move { answer() });
                let task = match placement {
                    FaultPlacement::Server => {
                        let call = set.layer().layer(service).oneshot(get("/"));
                        tokio::spawn(async move { drop(call.await) })
                    }
                    _ => {
                        let call = set.client_layer().layer(service).oneshot(get("/"));
                        tokio::spawn(async move { drop(call.await) })
                    }
                };
                let panic = task.await.err().map(tokio::task::JoinError::into_panic);
                assert_eq!(panic.is_some(), name.ends_with("panic"), "{name}");
                let is_injected = panic.is_some_and(|payload| payload.is::<InjectedPanic>());
                assert_eq!(is_injected, name == "an injected panic");
                assert_eq!(set.status().stop.is_some(), stops, "{name}, {placement}");
            }
        }
    }

    // Errors of a client by a fault of its connections.
    for (is_enabled, stops) in [(true, false), (false, true)] {
        let set = FaultSet::new();
        set.replace_at([(FaultPlacement::Client, on("a", error(503)).allow_paths(["/none"]))]).unwrap();
        set.set_guards(stop()).unwrap();
        let refused = on("refused", reject(Reject::ConnectionRefused)).enabled(is_enabled).build().unwrap();
        let client = service_fn(move |_: Request<String>| {
            let connector = service_fn(async |_: http::Uri| {
                Err::<Response<String>, _>(std::io::Error::from(std::io::ErrorKind::ConnectionRefused))
            });
            refused.connect_layer().layer(connector).oneshot(http::Uri::from_static("http://a/"))
        });
        assert!(set.client_layer().layer(client).oneshot(get("/")).await.is_err());
        assert_eq!(set.status().stop.is_some(), stops);
    }
}

/// A gateway makes a 502 of each error of its connector. One that is marked does not stop the set; a genuine error
/// has no mark.
#[tokio::test(start_paused = true)]
async fn a_response_made_of_an_injected_error_is_injected() {
    use waylay_fault::{Action, FaultPlacement, Injected};

    // Whether the fault is enabled, whether the gateway marks, whether that stops the set.
    for (is_enabled, marks, stops) in [(true, true, false), (true, false, true), (false, true, true)] {
        let set = FaultSet::new();
        let refused = on("refused", reject(Reject::ConnectionRefused)).enabled(is_enabled);
        set.replace_at([
            (FaultPlacement::Connector, refused),
            (FaultPlacement::Server, on("other", error(503)).allow_paths(["/none"])),
        ])
        .unwrap();
        set.set_guards(Guards::new().stop(AutoStop::new("30s").min_requests(1).error_ratio(0.0))).unwrap();
        let connector = set.connect_layer().layer(service_fn(async |_: http::Uri| {
            Err::<(), _>(std::io::Error::from(std::io::ErrorKind::ConnectionRefused))
        }));
        let gateway = service_fn(move |_: Request<String>| {
            let connecting = connector.clone().oneshot(http::Uri::from_static("http://upstream/"));
            async move {
                let error = connecting.await.unwrap_err();
                let mut response = Response::new(Full::<bytes::Bytes>::from(error.to_string()));
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                if marks && let Some(injected) = Injected::of_error(&*error) {
                    injected.mark(&mut response);
                }
                Ok::<_, Infallible>(response)
            }
        });
        let response = set.layer().layer(gateway).oneshot(get("/")).await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
        let injected: Option<&Injected> = response.extensions().get();
        assert_eq!(injected.is_some(), is_enabled && marks);
        if let Some(injected) = injected {
            assert_eq!((injected.fault(), injected.actions()), ("refused", &[Action::ConnectionRefused][..]));
            assert!(!injected.is_reject());
            assert_eq!(response.headers()[INJECTED_HEADER], "refused");
        }
        assert_eq!(set.status().stop.is_some(), stops, "enabled: {is_enabled}, marked: {marks}");
    }
}

#[tokio::test(start_paused = true)]
async fn late_genuine_responses_stop_the_set_and_what_runs() {
    let stop = AutoStop::new("60s").min_requests(100).latency(0.95, "1s");
    let (set, _) =
        set_of(Guards::new().stop(stop), on("a", reject(Reject::hang("1h"))).allow_paths(["/hang"]));
    let hung = set.clone();
    let hung = tokio::spawn(async move { send(&hung, get("/hang"), 201, Duration::ZERO).await });
    for turn in 1..=200 {
        let time = if turn % 20 == 0 { 2 * S } else { S / 100 };
        send(&set, get("/"), 200, time).await;
    }
    assert_eq!(set.status().stop, None, "the 0.95 quantile is not above the limit");
    send(&set, get("/"), 200, 2 * S).await;
    let mut turns = 0;
    while set.status().stop.is_none() {
        send(&set, get("/"), 200, 2 * S).await;
        turns += 1;
        assert!(turns < 10);
    }
    assert_eq!(set.status().stop.unwrap().latency, Some(S));
    assert_eq!(hung.await.unwrap(), 201, "the hang ended with the stop");
}

#[tokio::test(start_paused = true)]
async fn a_schedule_holds_and_ramps() {
    let now = SystemTime::now();
    let fault = on("a", error(500)).starts_at(now + 60 * S).ends_at(now + 120 * S).build().unwrap();
    let mut held = Vec::new();
    for second in [0, 59, 60, 119, 120, 300] {
        let begin = second - held.last().map_or(0, |(second, _)| *second);
        advance(Duration::from_secs(begin)).await;
        held.push((second, is_injected(&fault, get("/")).await));
    }
    // The dates were read a moment after `now`.
    assert_eq!(held, [(0, false), (59, false), (60, true), (119, true), (120, false), (300, false)]);
    assert_eq!(fault.control().counts().outside_schedule, 4);

    let fault = on("a", error(500)).ramp(100 * S).seed(1).build().unwrap();
    for percent in [0_u32, 25, 50, 75, 100, 100] {
        let mut injected = 0;
        for _ in 0..2000 {
            injected += u32::from(is_injected(&fault, get("/")).await);
        }
        assert!(injected.abs_diff(20 * percent) < 100, "{injected} at {percent} %");
        advance(25 * S).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_duration_begins_when_the_fault_is_enabled() {
    let fault = on("a", reject(Reject::hang("1h"))).duration(10 * S).build().unwrap();
    let begin = tokio::time::Instant::now();
    assert!(!is_injected(&fault, get("/")).await, "it ends what runs, and the request goes on");
    assert_eq!(begin.elapsed().as_secs(), 10);
    assert!(!is_injected(&fault, get("/")).await);
    assert_eq!(fault.control().counts().outside_schedule, 1);
    fault.control().set_enabled(false);
    fault.control().set_enabled(true);
    assert!(!is_injected(&fault, get("/")).await);
    assert_eq!(fault.control().counts().injected, 2);
}

#[tokio::test]
async fn the_first_attempts_of_each_key() {
    let fault = on("a", error(500))
        .decide_by(DecideBy::RequestId)
        .attempt_header("x-attempt")
        .first_per_key(2)
        .limit(5)
        .build()
        .unwrap();
    let mut injected = Vec::new();
    for (id, attempt) in [
        ("a", "1"),
        ("a", "2"),
        ("b", "1"),
        ("a", "3"),
        ("b", "2"),
        ("b", "3"),
        ("c", "1"),
        ("d", "1"),
        ("d", "2"),
    ] {
        let request = request(http::Method::GET, "/", &[("x-request-id", id), ("x-attempt", attempt)]);
        injected.push((id, attempt, is_injected(&fault, request).await));
    }
    let injected: String = injected.iter().map(|(_, _, is)| if *is { '1' } else { '0' }).collect();
    assert_eq!(injected, "111010100", "two of each, five in all");
}

#[test]
fn wrong_limits_are_all_named() {
    let guards = Guards::new()
        .ttl("soon")
        .protect_paths(["pay"])
        .protect_header("a b", Some("\n"))
        .max_active(0)
        .max_per_second(0)
        .max_affected(1.5, "0s")
        .stop(AutoStop::new("x").error_ratio(2.0).latency(-1.0, "1s"));
    let errors = FaultSet::new().set_guards(guards).unwrap_err();
    let settings: Vec<_> = errors.iter().map(|error| error.setting()).collect();
    assert_eq!(
        settings,
        [
            "ttl",
            "protect.headers[0]",
            "protect.paths[0]",
            "max_active_faults",
            "max_faults_per_second",
            "max_affected.window",
            "stop.window",
            "stop.error_ratio",
            "stop.latency.quantile",
        ]
    );
}
