//! Faults that match on the service's response.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use tokio::time::Instant;
use tower::{Service, ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    Action, AutoStop, ClientError, Corruption, DecideBy, Delay, DelayPoint, Fault, FaultBuilder,
    FaultErrorKind, FaultPlacement, FaultSet, Format, Guards, InjectContext, InjectOutcome, Injector, Key,
    Phase, Reject, SetError, Side, SkipReason, Toxic, TruncateAt, TruncateEnd, chain, corrupt, custom, error,
    messages, patch, random, rate_limit, reject, replace, slow, truncate, wrong_length,
};

use crate::support::{Log, always, get, request};

/// A service that responds with the status in the path, a header and a body.
fn service() -> impl Service<Request<String>, Response = Response<String>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    service_fn(async |request: Request<String>| {
        let mut response = Response::new(String::from("real"));
        *response.status_mut() = request.uri().path()[1..].parse().unwrap();
        response.headers_mut().insert("x-cache", "hit".parse().unwrap());
        Ok::<_, Infallible>(response)
    })
}

type Seen = (u16, String, bool);

async fn seen<B>(response: Response<B>) -> Seen
where
    B: http_body::Body<Data = bytes::Bytes>,
{
    let status = response.status().as_u16();
    let is_marked = response.headers().contains_key(waylay_fault::INJECTED_HEADER);
    let body = response.into_body().collect().await.ok();
    let body = body.map_or("failed".into(), |body| String::from_utf8_lossy(&body.to_bytes()).into_owned());
    (status, body, is_marked)
}

async fn through(fault: &Fault, request: Request<String>) -> Seen {
    seen(fault.layer().layer(service()).oneshot(request).await.unwrap()).await
}

/// Every status and several lists, against a slow oracle.
#[tokio::test]
async fn the_lists_of_statuses_decide() {
    type Oracle = fn(u16) -> bool;
    let rows: [(&[&str], &[&str], Oracle); 6] = [
        (&["5xx"], &[], |status| status / 100 == 5),
        (&["503", "4xx"], &[], |status| status == 503 || status / 100 == 4),
        (&["500-504"], &["502"], |status| (500..=504).contains(&status) && status != 502),
        (&[], &["2xx", "3xx"], |status| !matches!(status / 100, 2 | 3)),
        (&["2xx"], &["200-299"], |_| false),
        (&["200-599"], &[], |_| true),
    ];
    for (allow, block, oracle) in rows {
        let mut fault = always(error(418).text("injected"));
        if !allow.is_empty() {
            fault = fault.allow_statuses(allow.iter().copied());
        }
        let fault = fault.block_statuses(block.iter().copied()).build().unwrap();
        for status in (200..600).filter(|status| !matches!(status, 204 | 205 | 304)) {
            let expected = if oracle(status) {
                (418, "injected".to_owned(), true)
            } else {
                (status, "real".to_owned(), false)
            };
            let seen = through(&fault, get(&format!("/{status}"))).await;
            assert_eq!(seen, expected, "{allow:?} {block:?} {status}");
        }
        let counts = fault.control().counts();
        assert_eq!(counts.seen, counts.injected + counts.response_mismatch);
        assert_eq!(counts.active, 0);
    }
}

#[tokio::test]
async fn the_headers_of_the_response_decide() {
    let fault = |header: (&'static str, &'static str), status: &'static str| {
        let fault = always(error(418)).allow_response_headers([header]).allow_statuses([status]);
        fault.build().unwrap()
    };
    let rows = [
        (("x-cache", "hit"), "2xx", 418),
        (("x-cache", "miss"), "2xx", 200),
        (("x-cache", "hit"), "5xx", 200),
    ];
    for (header, status, expected) in rows {
        assert_eq!(through(&fault(header, status), get("/200")).await.0, expected, "{header:?} {status}");
    }
    let blocked = always(error(418)).block_response_headers([("x-cache", "hit")]).build().unwrap();
    assert_eq!(through(&blocked, get("/200")).await, (200, "real".into(), false));
}

/// What each injector does to a response that is there.
#[tokio::test(start_paused = true)]
async fn injectors_act_on_the_response() {
    let teapot = || {
        custom("teapot", |_: InjectContext| async {
            let mut response = Response::new(bytes::Bytes::from("tea"));
            *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
            InjectOutcome::Respond(response)
        })
    };
    let inspect = || {
        custom("inspect", |_: InjectContext| async {
            InjectOutcome::inspect(|head| {
                assert_eq!(head.status, 500, "the head of the service's own response");
                head.status = http::StatusCode::ACCEPTED;
                InjectOutcome::Continue
            })
        })
    };
    let declined = || custom("declined", |_: InjectContext| async { InjectOutcome::Skip });
    let of = |status, body: &str, is_marked| (status, body.to_owned(), is_marked);
    let rows: [(&str, Injector, Seen, u64); 14] = [
        ("error", error(503).text("injected").into(), of(503, "injected", true), 0),
        ("delay", slow(Delay::fixed("90ms")), of(500, "real", true), 90),
        ("head", slow(Delay::fixed("90ms").at(DelayPoint::ResponseHead)), of(500, "real", true), 90),
        ("truncate", truncate(TruncateAt::Bytes(2)).then(TruncateEnd::Clean).into(), of(500, "re", true), 0),
        ("replace", replace("other").into(), of(500, "other", true), 0),
        ("patch", patch().status(201).into(), of(201, "real", true), 0),
        ("corrupt", corrupt(Corruption::Utf8).into(), of(500, "real\u{fffd}", true), 0),
        ("empty reply", reject(Reject::EmptyReply), of(500, "failed", true), 0),
        ("hang", reject(Reject::hang("2s")), of(500, "failed", true), 2000),
        ("custom", teapot(), of(418, "tea", true), 0),
        ("inspect", inspect(), of(202, "real", true), 0),
        ("declined", declined(), of(500, "real", false), 0),
        ("random", random([(1.0, error(504).text("x"))]), of(504, "x", true), 0),
        (
            "chain",
            chain([slow(Delay::fixed("1s")), patch().status(599).into(), replace("y").into()]),
            of(599, "y", true),
            1000,
        ),
    ];
    for (name, injector, expected, millis) in rows {
        let fault = always(injector).allow_statuses(["500"]).build().unwrap();
        let begin = Instant::now();
        let seen = through(&fault, get("/500")).await;
        if name == "corrupt" {
            assert_ne!(seen.1, "real", "{name}");
        } else {
            assert_eq!(seen, expected, "{name}");
        }
        assert_eq!(begin.elapsed(), Duration::from_millis(millis), "{name}");
        assert_eq!(through(&fault, get("/200")).await, of(200, "real", false), "{name}");
        let counts = fault.control().counts();
        let injected = u64::from(name != "declined");
        assert_eq!(
            (counts.injected, counts.declined, counts.response_mismatch, counts.active),
            (injected, 1 - injected, 1, 0),
            "{name}"
        );
    }
}

/// The service is called, and the delay comes after it.
#[tokio::test(start_paused = true)]
async fn a_delay_begins_with_the_response() {
    let called = Arc::new(AtomicBool::new(false));
    let inner = service_fn({
        let called = called.clone();
        move |_: Request<String>| {
            called.store(true, Ordering::Relaxed);
            async { Ok::<_, Infallible>(Response::new(String::new())) }
        }
    });
    let log = Log::default();
    let fault = always(slow(Delay::fixed("1h"))).allow_statuses(["2xx"]).reporter(log.reporter());
    let fault = fault.build().unwrap();
    let under_way = tokio::spawn(fault.layer().layer(inner).oneshot(get("/")));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(called.load(Ordering::Relaxed));
    assert_eq!((fault.control().counts().active, fault.control().counts().injected), (1, 1));
    let begin = Instant::now();
    fault.control().set_enabled(false);
    assert_eq!(under_way.await.unwrap().unwrap().status(), 200, "the delay is cancelled");
    assert!(begin.elapsed() < Duration::from_secs(1));
    let slow = vec![Action::Slow(Duration::from_secs(3600))];
    assert_eq!(log.take(), [(Phase::Started, slow.clone()), (Phase::Cancelled, slow)]);
}

/// The decision is that of the same fault without the lists: one for each key, whatever the response.
#[tokio::test]
async fn the_draw_is_that_of_the_request() {
    let build = |fault: FaultBuilder| fault.participation(0.5).seed(7).decide_by(DecideBy::RequestId);
    let plain = build(always(error(418))).build().unwrap();
    let matching = build(always(error(418))).allow_statuses(["5xx"]).build().unwrap();
    let mut selected = 0;
    for number in 0..200_u32 {
        let id = number.to_string();
        let is_selected = plain.sampler().draw(Key::Header(id.as_bytes()), b"").is_selected(0.5);
        for (path, is_error) in [("/503", true), ("/200", false)] {
            let request = request(Method::GET, path, &[("x-request-id", &id)]);
            let is_injected = through(&matching, request).await.0 == 418;
            assert_eq!(is_injected, is_selected && is_error, "{id} {path}");
        }
        selected += u64::from(is_selected);
    }
    let counts = matching.control().counts();
    assert_eq!(
        (counts.injected, counts.response_mismatch, counts.not_selected),
        (selected, selected, 400 - 2 * selected)
    );
}

/// A response that does not match uses up no window, no attempt and no guard.
#[tokio::test(start_paused = true)]
async fn only_a_match_is_taken() {
    let fault = always(error(418)).allow_statuses(["5xx"]).skip(1).limit(2).build().unwrap();
    let mut statuses = Vec::new();
    for path in ["/200", "/500", "/200", "/500", "/200", "/500", "/500", "/500"] {
        statuses.push(through(&fault, get(path)).await.0);
    }
    assert_eq!(statuses, [200, 500, 200, 418, 200, 418, 500, 500]);
    assert_eq!(fault.control().counts().outside_window, 3);

    let first = always(error(418)).allow_statuses(["5xx"]).decide_by(DecideBy::RequestId).first_per_key(1);
    let first = first.build().unwrap();
    let keyed = |path, id| request(Method::GET, path, &[("x-request-id", id)]);
    let mut statuses = Vec::new();
    for (path, id) in [("/200", "a"), ("/500", "a"), ("/500", "a"), ("/500", "b")] {
        statuses.push(through(&first, keyed(path, id)).await.0);
    }
    assert_eq!(statuses, [200, 418, 500, 418]);

    let set = FaultSet::new();
    set.replace([Fault::new("late", error(418)).enabled(true).participation(1.0).allow_statuses(["5xx"])])
        .unwrap();
    set.set_guards(Guards::new().max_per_second(1)).unwrap();
    let send = async |path| set.layer().layer(service()).oneshot(get(path)).await.unwrap().status().as_u16();
    let counts = || set.counts()[0].1;
    assert_eq!([send("/200").await, send("/500").await, send("/500").await], [200, 418, 500]);
    assert_eq!((counts().max_rate, counts().response_mismatch, counts().injected), (1, 1, 1));
    set.set_guards(Guards::new().dry_run(true)).unwrap();
    assert_eq!([send("/200").await, send("/500").await], [200, 500]);
    assert_eq!((counts().dry_run, counts().response_mismatch, counts().injected), (1, 2, 1));
    assert_eq!(set.status().active, 0);
}

/// While a fault waits for the response, the response is the service's own: the automatic stop counts it.
#[tokio::test(start_paused = true)]
async fn the_automatic_stop_sees_responses_that_are_waited_for() {
    let set = FaultSet::new();
    let late = |name: &str, status: &str| {
        Fault::new(name, error(418)).enabled(true).participation(1.0).allow_statuses([status.to_owned()])
    };
    set.replace([late("never", "404"), late("errors", "500")]).unwrap();
    set.set_guards(Guards::new().stop(AutoStop::new("30s").min_requests(10).error_ratio(0.5))).unwrap();
    let send = async |path| set.layer().layer(service()).oneshot(get(path)).await.unwrap().status().as_u16();
    for _ in 0..9 {
        assert_eq!(send("/500").await, 418);
    }
    assert!(set.status().stop.is_none());
    send("/500").await;
    assert!(set.status().stop.is_some(), "the genuine errors were replaced, and counted all the same");
    assert_eq!(send("/500").await, 500);
}

/// Layers and sets: an outer fault matches what the inner ones make of the response.
#[tokio::test]
async fn an_outer_fault_matches_the_response_of_an_inner_one() {
    type Inner = fn() -> Injector;
    let rows: [(Inner, u16); 5] = [
        (|| error(503).into(), 418),
        (|| patch().status(503).into(), 418),
        (|| patch().status(201).into(), 201),
        (|| reject(Reject::EmptyReply), 500),
        (|| chain::<Injector>([]), 200),
    ];
    for (inner, expected) in rows {
        let outer =
            || Fault::new("outer", error(418)).enabled(true).participation(1.0).allow_statuses(["5xx"]);
        let inner = || Fault::new("inner", inner()).enabled(true).participation(1.0);
        let nested = outer().build().unwrap().layer().layer(
            tower::ServiceBuilder::new()
                .map_response(|response: Response<_>| {
                    response.map(|body: waylay_fault::FaultBody<_>| body.boxed_unsync())
                })
                .service(inner().build().unwrap().layer().layer(service())),
        );
        let nested = nested.oneshot(get("/200")).await.unwrap().status();
        let set = FaultSet::new();
        set.replace([outer(), inner()]).unwrap();
        let one = set.layer().layer(service()).oneshot(get("/200")).await.unwrap().status();
        assert_eq!((nested.as_u16(), one.as_u16()), (expected, expected));
    }
}

#[tokio::test]
async fn clients_match_on_the_response_too() {
    let fault = always(error(418)).allow_statuses(["5xx"]).build().unwrap();
    let client = fault.client_layer().layer(service());
    assert_eq!(client.clone().oneshot(get("/502")).await.unwrap().status(), 418);
    assert_eq!(client.oneshot(get("/404")).await.unwrap().status(), 404);
    let refused = service_fn(async |_: Request<String>| {
        Err::<Response<String>, _>(std::io::Error::from(std::io::ErrorKind::ConnectionRefused))
    });
    let failed = fault.client_layer().layer(refused).oneshot(get("/502")).await;
    assert!(matches!(failed, Err(ClientError::Inner(_))));
    let counts = fault.control().counts();
    assert_eq!((counts.injected, counts.response_mismatch, counts.active), (1, 2, 0));

    let ends = always(reject(Reject::ConnectionReset)).allow_statuses(["5xx"]).build().unwrap();
    let ended = ends.client_layer().layer(service()).oneshot(get("/500")).await;
    assert!(matches!(ended, Err(ClientError::Injected(_))));
}

/// A client that leaves before the response is counted once, and nothing stays active.
#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_is_a_mismatch() {
    let never = service_fn(async |_: Request<String>| {
        std::future::pending::<()>().await;
        Ok::<_, Infallible>(Response::new(String::new()))
    });
    let log = Log::default();
    let fault = always(error(418)).allow_statuses(["5xx"]).reporter(log.reporter()).build().unwrap();
    let left = fault.layer().layer(never).oneshot(get("/"));
    assert!(tokio::time::timeout(Duration::from_secs(1), left).await.is_err());
    let counts = fault.control().counts();
    assert_eq!((counts.seen, counts.response_mismatch, counts.active), (1, 1, 0));
    assert_eq!(log.take(), [(Phase::Skipped(SkipReason::ResponseMismatch), vec![])]);
}

#[test]
fn explanations_name_the_response() {
    let set = FaultSet::new();
    let late = || Fault::new("late", error(503)).enabled(true).participation(1.0).allow_statuses(["5xx"]);
    set.replace([late()]).unwrap();
    let explained = set.explain(&get("/"));
    assert_eq!(explained.to_string(), "late (server): error 503, if the response matches");
    assert!(explained.faults()[0].awaits_response());
    set.set_guards(Guards::new().dry_run(true)).unwrap();
    assert_eq!(
        set.explain(&get("/")).to_string(),
        "late (server): skipped: dry run; would do error 503, if the response matches"
    );
    set.replace([late().participation(0.0)]).unwrap();
    assert_eq!(set.explain(&get("/")).to_string(), "late (server): skipped: not selected");
    assert_eq!(set.counts()[0].1.seen, 0);
}

/// What cannot be done once the service has responded is an error when the fault is built.
#[test]
fn what_comes_too_late_is_an_error() {
    let on_request: [(&str, Injector); 9] = [
        ("rate limit", rate_limit(1).on(Side::Request).into()),
        ("truncate", truncate(TruncateAt::Bytes(1)).on(Side::Request).into()),
        ("corrupt", corrupt(Corruption::Json).on(Side::Request).into()),
        ("replace", replace("").on(Side::Request).into()),
        ("patch", patch().on(Side::Request).into()),
        ("wrong length", wrong_length(waylay_fault::LengthOffset::More(1)).on(Side::Request).into()),
        ("delay", slow(Delay::fixed("1s").at(DelayPoint::RequestChunks))),
        ("websocket", messages(Format::WebSocket).drop(0.5).into()),
        ("sse", messages(Format::Sse).drop(0.5).on(Side::Request).into()),
    ];
    for (name, injector) in on_request {
        let nested = random([(1.0, chain([slow(Delay::fixed("1s")), injector]))]);
        let errors = always(nested).allow_statuses(["5xx"]).build().unwrap_err();
        let found: Vec<_> = errors.iter().map(|error| (error.setting(), error.kind().clone())).collect();
        assert_eq!(found, [("allow_statuses", FaultErrorKind::AfterResponse)], "{name}");
    }
    assert!(always(Toxic::latency("1ms", "0s")).allow_statuses(["5xx"]).build().is_ok());

    let wrong = always(error(503)).allow_statuses(["6x", "200-100", "5xx"]).block_statuses(["x"]);
    let errors = wrong.build().unwrap_err();
    let settings: Vec<_> = errors.iter().map(|error| error.setting()).collect();
    assert_eq!(settings, ["block_statuses[0]", "allow_statuses[0]", "allow_statuses[1]"]);
    let none: [&str; 0] = [];
    let errors = always(error(503)).allow_statuses(none).build().unwrap_err();
    assert_eq!(errors.iter().next().unwrap().kind(), &FaultErrorKind::EmptyAllowList);
}

#[test]
fn connections_have_no_response() {
    let set = FaultSet::new();
    for (placement, name) in
        [(FaultPlacement::Listener, "listener"), (FaultPlacement::Connector, "connector")]
    {
        let fault = Fault::new("late", reject(Reject::ConnectionClose)).block_statuses(["5xx"]);
        let Err(SetError::Faults(errors)) = set.replace_at([(placement, fault)]) else {
            panic!("{placement}")
        };
        let text = errors[0].to_string();
        let expected = format!("block_statuses: a fault of a {name} has connections, not requests");
        assert!(text.contains(&expected), "{text}");
    }
}
