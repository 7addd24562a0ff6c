//! FaultSet: faults behind one layer, swapped while they run.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;
use tower::{Service, ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    Accept, BodyError, ClientError, Corruption, DecideBy, Delay, DelayPoint, DelayReport, Event, Fault,
    FaultBuilder, FaultPlacement, FaultSet, INJECTED_HEADER, InjectContext, InjectOutcome, Injector, Phase,
    Reject, Reporter, SetError, SetEvent, SkipReason, Toxic, TruncateAt, TruncateEnd, chain, corrupt, custom,
    error, patch, quota, reject, slow, truncate,
};

use crate::support::{get, request};

type TestBody = Full<bytes::Bytes>;

fn on(name: &str, injector: impl Into<Injector>) -> FaultBuilder {
    Fault::new(name, injector).enabled(true).participation(1.0)
}

/// An injector that decides by the head of the response.
fn inspect(with: fn(&mut http::response::Parts) -> InjectOutcome) -> Injector {
    custom("inspect", move |_: InjectContext| async move { InjectOutcome::inspect(with) })
}

/// The service that the tests put behind faults: `{"real":"text"}`.
fn inner()
-> impl Service<Request<String>, Response = Response<TestBody>, Error = Infallible, Future: Send> + Clone + Send
{
    service_fn(async |_: Request<String>| {
        Ok::<_, Infallible>(Response::new(Full::from(r#"{"real":"text"}"#)))
    })
}

/// Status, mark headers and body, or the error of the body.
type Seen = (u16, Vec<String>, Result<String, BodyError>);

async fn read<B>(response: Response<B>) -> Seen
where
    B: http_body::Body<Data = bytes::Bytes, Error = BodyError>,
{
    let status = response.status().as_u16();
    let marks = response.headers().get_all(INJECTED_HEADER).iter();
    let marks = marks.map(|mark| mark.to_str().unwrap().to_owned()).collect();
    let body = response.into_body().collect().await;
    (status, marks, body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()))
}

async fn through_set(set: &FaultSet) -> Seen {
    read(set.layer().layer(inner()).oneshot(get("/")).await.unwrap()).await
}

/// One set does what nested layers do, the first fault being the outermost.
#[tokio::test(start_paused = true)]
async fn a_set_acts_like_nested_layers() {
    type Pair = fn() -> [Injector; 3];
    let rows: [Pair; 15] = [
        || [slow(Delay::fixed("10ms")), slow(Delay::fixed("20ms")), slow(Delay::fixed("30ms"))],
        || [slow(Delay::fixed("10ms")), error(503).into(), error(500).into()],
        || {
            [
                truncate(TruncateAt::Bytes(8)).then(TruncateEnd::Clean).into(),
                slow(Delay::fixed("5ms")),
                patch().status(201).set("x-a", "1").into(),
            ]
        },
        || {
            [
                truncate(TruncateAt::Bytes(3)).then(TruncateEnd::Clean).into(),
                error(503).text("overloaded").into(),
                slow(Delay::fixed("1s")),
            ]
        },
        || {
            [
                corrupt(Corruption::Json).into(),
                truncate(TruncateAt::Bytes(9)).into(),
                corrupt(Corruption::Utf8).into(),
            ]
        },
        || {
            [
                slow(Delay::fixed("5ms").at(waylay_fault::DelayPoint::ResponseHead)),
                slow(Delay::fixed("7ms").at(waylay_fault::DelayPoint::ResponseHead)),
                error(404).into(),
            ]
        },
        || [patch().status(299).into(), reject(Reject::EmptyReply), error(500).into()],
        || [chain::<Injector>([]), patch().drop("content-type").into(), error(418).text("tea").into()],
        // What decides only once the response is there.
        || {
            let teapot = |head: &mut http::response::Parts| {
                assert_eq!(head.status, 200);
                let mut response = Response::new(bytes::Bytes::from("tea"));
                *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
                InjectOutcome::Respond(response)
            };
            [inspect(teapot), truncate(TruncateAt::Bytes(3)).into(), slow(Delay::fixed("1ms"))]
        },
        || [slow(Delay::fixed("1ms")), inspect(|_| InjectOutcome::EmptyReply), slow(Delay::fixed("2ms"))],
        || [inspect(|_| InjectOutcome::Skip), error(503).into(), error(500).into()],
        || {
            let created = |head: &mut http::response::Parts| {
                head.status = http::StatusCode::CREATED;
                InjectOutcome::Continue
            };
            let head = DelayPoint::ResponseHead;
            [slow(Delay::fixed("3ms").at(head)), inspect(created), slow(Delay::fixed("4ms").at(head))]
        },
        // A fault sees the head as those within it send it.
        || {
            let as_sent = |head: &mut http::response::Parts| {
                assert_eq!((head.status.as_u16(), head.headers["x-a"].as_bytes()), (201, &b"1"[..]));
                assert_eq!(head.headers["x-fault-injected"], "three");
                head.status = http::StatusCode::ACCEPTED;
                head.headers.insert("x-a", "2".parse().unwrap());
                InjectOutcome::Continue
            };
            let patch: Injector = patch().status(201).set("x-a", "1").into();
            [slow(Delay::fixed("1ms").at(DelayPoint::ResponseHead)), inspect(as_sent), patch]
        },
        || {
            let skipped = |head: &mut http::response::Parts| {
                assert_eq!(head.headers["x-a"], "1");
                head.headers.clear();
                InjectOutcome::Skip
            };
            [inspect(skipped), patch().set("x-a", "1").into(), truncate(TruncateAt::Bytes(3)).into()]
        },
        || [patch().status(200).into(), truncate(TruncateAt::Bytes(3)).into(), patch().status(204).into()],
    ];
    for (row, injectors) in rows.into_iter().enumerate() {
        let named = || {
            let names = ["one", "two", "three"];
            names.into_iter().zip(injectors()).map(|(name, injector)| on(name, injector).seed(7))
        };
        let [one, two, three] =
            named().map(|fault| fault.build().unwrap()).collect::<Vec<_>>().try_into().unwrap();
        let begin = Instant::now();
        let rebox = |body: waylay_fault::FaultBody<_>| body.boxed_unsync();
        // Nested bodies have nested errors, so those are compared by their text alone.
        let nested = {
            let service = three.layer().layer(inner());
            let service = tower::ServiceBuilder::new()
                .map_response(move |r: Response<_>| r.map(rebox))
                .service(service);
            let service = two.layer().layer(service);
            let service = tower::ServiceBuilder::new()
                .map_response(move |r: Response<_>| r.map(|b: waylay_fault::FaultBody<_>| b.boxed_unsync()))
                .service(service);
            read(one.layer().layer(service).oneshot(get("/")).await.unwrap()).await
        };
        let nested_time = begin.elapsed();

        let set = FaultSet::new();
        set.replace(named()).unwrap();
        let begin = Instant::now();
        let seen = through_set(&set).await;
        assert_eq!(begin.elapsed(), nested_time, "row {row}");
        assert_eq!((seen.0, &seen.1), (nested.0, &nested.1), "row {row}");
        assert_eq!(seen.2.as_ref().ok(), nested.2.as_ref().ok(), "row {row}");
        for fault in [one, two, three] {
            let control = set.control(fault.name()).unwrap();
            assert_eq!(control.counts(), fault.control().counts(), "row {row}, {}", fault.name());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_keeps_the_set_with_which_it_began() {
    let set = FaultSet::new();
    let service = set.layer().layer(inner());
    let waits = slow(Delay::fixed("10s"));
    set.replace([on("a", waits), on("b", error(503))]).unwrap();
    let under_way = tokio::spawn(service.clone().oneshot(get("/")));
    tokio::time::sleep(Duration::from_secs(1)).await;

    // Both names stay, so that nothing is switched off; what they do is another thing.
    set.replace([on("a", slow(Delay::fixed("1ms"))), on("b", error(500)), on("c", error(599))]).unwrap();
    assert_eq!(service.oneshot(get("/")).await.unwrap().status(), 500);
    let begin = Instant::now();
    assert_eq!(under_way.await.unwrap().unwrap().status(), 503, "the fault of the old set");
    assert!(begin.elapsed() > Duration::from_secs(8), "its delay was not cut short");
    assert_eq!(set.control("a").unwrap().counts().injected, 2);
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_leaves_lets_its_requests_go() {
    let set = FaultSet::new();
    set.replace([on("stuck", reject(Reject::hang("1h")))]).unwrap();
    let under_way = tokio::spawn(set.layer().layer(inner()).oneshot(get("/")));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begin = Instant::now();
    set.clear();
    assert_eq!(under_way.await.unwrap().unwrap().status(), 200);
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn what_is_counted_outlives_a_swap() {
    let set = FaultSet::new();
    let faults = |limit| [on("few", error(503)).limit(limit).decide_by(DecideBy::Counter)];
    set.replace(faults(2)).unwrap();
    let seed = |set: &FaultSet| format!("{:?}", set.explain(&get("/")));
    let before = seed(&set);
    assert_eq!(before, seed(&set));
    for status in [503, 503] {
        assert_eq!(through_set(&set).await.0, status);
    }
    set.replace(faults(3)).unwrap();
    assert_eq!(through_set(&set).await.0, 503, "the window goes on");
    assert_eq!([through_set(&set).await.0, through_set(&set).await.0], [200, 200]);
    let counts = set.control("few").unwrap().counts();
    assert_eq!((counts.seen, counts.injected, counts.outside_window), (5, 3, 2));

    set.clear();
    set.replace(faults(2)).unwrap();
    assert_eq!(set.control("few").unwrap().counts().seen, 0, "a name that left begins anew");
}

#[tokio::test]
async fn a_wrong_set_leaves_the_old_one() {
    let set = FaultSet::new();
    set.replace([on("good", error(503))]).unwrap();
    let wrong =
        set.replace([on("a", error(99)), on("ok", error(500)), on("b", error(99)).participation(2.0)]);
    let Err(SetError::Faults(errors)) = wrong else { panic!("{wrong:?}") };
    assert_eq!(
        errors.iter().map(|errors| (errors.fault(), errors.iter().len())).collect::<Vec<_>>(),
        [("a", 1), ("b", 2)]
    );
    let twice = set.replace([on("a", error(500)), on("a", error(501))]);
    assert_eq!(twice, Err(SetError::DuplicateName("a".into())));
    assert_eq!((through_set(&set).await.0, set.revision()), (503, 1));
}

/// Every order of switching and swapping: the set is idle exactly if none of its faults is enabled.
#[tokio::test]
async fn a_set_is_idle_exactly_when_no_fault_is_enabled() {
    let set = FaultSet::new();
    let is_counted = async |set: &FaultSet| {
        let before = set.counts().iter().map(|(_, counts)| counts.seen).sum::<u64>();
        let _ = through_set(set).await;
        set.counts().iter().map(|(_, counts)| counts.seen).sum::<u64>() > before
    };
    set.replace([Fault::new("a", error(503)), Fault::new("b", error(503))]).unwrap();
    assert!(!is_counted(&set).await);
    let (a, b) = (set.control("a").unwrap(), set.control("b").unwrap());
    for (control, enabled, active) in [
        (&a, true, true),
        (&a, true, true),
        (&b, true, true),
        (&a, false, true),
        (&b, false, false),
        (&b, false, false),
    ] {
        control.set_enabled(enabled);
        assert_eq!(is_counted(&set).await, active, "{control:?}");
    }
    b.set_enabled(true);
    set.replace([Fault::new("a", error(503))]).unwrap();
    assert!(!is_counted(&set).await, "an enabled fault left");
    b.set_enabled(false);
    b.set_enabled(true);
    assert!(!is_counted(&set).await, "a fault of the past is of no interest");
    set.replace([on("c", error(500))]).unwrap();
    assert!(is_counted(&set).await);
}

#[tokio::test]
async fn placements_are_kept_apart() {
    let set = FaultSet::new();
    set.replace_at([
        (FaultPlacement::Server, on("served", error(503))),
        (FaultPlacement::Client, on("called", reject(Reject::ConnectionRefused))),
    ])
    .unwrap();
    assert_eq!(through_set(&set).await.0, 503);
    let client = set.client_layer().layer(inner());
    let Err(ClientError::Injected(error)) = client.oneshot(get("/")).await else { panic!("it is refused") };
    assert_eq!(error.fault(), "called");
}

struct Inside(tokio::sync::Mutex<tokio::sync::mpsc::Receiver<DuplexStream>>);

impl Accept for Inside {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&self) -> std::io::Result<(DuplexStream, ())> {
        let next = self.0.lock().await.recv().await;
        next.map(|io| (io, ())).ok_or_else(|| std::io::ErrorKind::NotConnected.into())
    }

    fn local_addr(&self) -> std::io::Result<()> {
        Ok(())
    }

    fn peer(_: &()) -> Option<std::net::SocketAddr> {
        None
    }
}

/// Shopify/toxiproxy 148: connections that are open see toxics that come later, and toxics that
/// leave end on them.
#[tokio::test(start_paused = true)]
async fn open_connections_follow_the_set() {
    let set = FaultSet::new();
    let (connect, accept) = tokio::sync::mpsc::channel(1);
    let listener = set.listener(Inside(tokio::sync::Mutex::new(accept)));
    let (mut client, server) = duplex(1 << 16);
    connect.send(server).await.unwrap();
    let (mut server, ()) = listener.accept().await.unwrap();

    let mut trip = async || {
        let begin = Instant::now();
        let (written, read) = tokio::join!(
            async {
                server.write_all(b"x").await?;
                server.flush().await
            },
            client.read_u8()
        );
        written.unwrap();
        assert_eq!(read.unwrap(), b'x');
        begin.elapsed().as_millis()
    };
    assert_eq!(trip().await, 0);
    let at_listener = |ms: &str| [(FaultPlacement::Listener, on("lag", Toxic::latency(ms, "0s")))];
    set.replace_at(at_listener("100ms")).unwrap();
    assert_eq!(trip().await, 100);
    set.replace_at(at_listener("30ms")).unwrap();
    assert_eq!(trip().await, 30, "the toxic of the old set has ended");
    set.clear();
    assert_eq!(trip().await, 0);
}

#[tokio::test]
async fn explaining_moves_nothing() {
    let set = FaultSet::new();
    set.replace([
        on("quota", quota(1, "1m")).skip(0),
        on("once", error(503)).limit(1),
        on("half", error(500)).participation(0.5).seed(3),
        on("first", error(501)).decide_by(DecideBy::RequestId).first_per_key(1),
        Fault::new("off", error(502)).participation(1.0),
        on("cart", error(504)).allow_paths(["/cart"]),
    ])
    .unwrap();
    let explain = || set.explain(&request(http::Method::GET, "/", &[("x-request-id", "1")]));
    let first = explain();
    for _ in 0..10 {
        assert_eq!(explain(), first);
    }
    let skipped: Vec<_> = first.faults().iter().map(|fault| (fault.name(), fault.skipped())).collect();
    assert_eq!(skipped[0], ("quota", Some(SkipReason::OutsideWindow)));
    assert_eq!(skipped[1], ("once", None));
    assert_eq!(skipped[3], ("first", None));
    assert_eq!(skipped[4..], [("off", Some(SkipReason::NotEnabled)), ("cart", Some(SkipReason::NoMatch))]);
    assert!(set.counts().iter().all(|(_, counts)| *counts == waylay_fault::Counts::default()));
    // What was said is what is done.
    assert_eq!(through_set(&set).await.0, 503);
    assert_eq!(explain().faults()[1].skipped(), Some(SkipReason::OutsideWindow));
}

#[tokio::test]
async fn a_set_reports_in_order() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (events, reports) = (log.clone(), log.clone());
    let own = Arc::new(AtomicBool::new(false));
    let heard = own.clone();
    let set = FaultSet::builder()
        .on_event(move |event: &SetEvent| events.lock().unwrap().push(event.to_string()))
        .reporter(move |event: &Event<'_>| reports.lock().unwrap().push(event.to_string()))
        .build();
    set.replace([
        on("a", chain::<Injector>([])),
        on("b", error(503)),
        on("c", error(500)).reporter(move |event: &Event<'_>| {
            heard.store(event.phase() == Phase::Started, Ordering::Relaxed);
        }),
    ])
    .unwrap();
    let _ = through_set(&set).await;
    assert_eq!(
        *log.lock().unwrap(),
        [
            "faults applied: revision 1, 3 faults",
            "fault a started (GET /)",
            "fault a finished (GET /)",
            "fault b started: error 503 (GET /)",
            "fault b finished: error 503 (GET /)",
        ]
    );
    assert!(!own.load(Ordering::Relaxed), "the third fault never saw the request");
    assert_eq!(set.control("c").unwrap().counts().seen, 0);
}

/// Swaps under load on several threads: no request is lost, and every one is under one set.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn swaps_under_load_are_whole() {
    let set = FaultSet::new();
    let faults = |status: u16, mark: &str| {
        [on("a", patch().set("x-set", mark)), on("b", error(status).header("x-own", mark))]
    };
    set.replace(faults(501, "501")).unwrap();
    let is_done = Arc::new(AtomicBool::new(false));
    let clients = (0..4).map(|_| {
        let (service, is_done) = (set.layer().layer(inner()), is_done.clone());
        tokio::spawn(async move {
            let mut requests = 0_u64;
            while !is_done.load(Ordering::Relaxed) {
                let response = service.clone().oneshot(get("/")).await.unwrap();
                assert_eq!(response.headers()["x-set"], response.headers()["x-own"]);
                requests += 1;
                tokio::task::yield_now().await;
            }
            requests
        })
    });
    let clients: Vec<_> = clients.collect();
    for turn in 0..300_u16 {
        let status = 501 + turn % 10;
        set.replace(faults(status, &status.to_string())).unwrap();
        tokio::task::yield_now().await;
    }
    is_done.store(true, Ordering::Relaxed);
    let mut requests = 0;
    for client in clients {
        requests += client.await.unwrap();
    }
    let counts = set.control("b").unwrap().counts();
    assert_eq!((counts.seen, counts.injected, counts.active), (requests, requests, 0));
}

/// A pair of reporters has each event twice, with the name of the set, and delays as they were spent.
#[tokio::test(start_paused = true)]
async fn reporters_learn_of_sets_and_delays() {
    #[derive(Clone, Default)]
    struct Texts(Arc<Mutex<Vec<String>>>);
    impl Reporter for Texts {
        fn report(&self, event: &Event<'_>) {
            self.0.lock().unwrap().push(format!("{:?} {}", event.set(), event.phase()));
        }

        fn report_delay(&self, delay: &DelayReport<'_>) {
            let DelayReport { fault, set, placement, time, is_cancelled, .. } = delay;
            self.0.lock().unwrap().push(format!("{set:?} {placement} {fault} {time:?} {is_cancelled}"));
        }
    }
    let texts = [Texts::default(), Texts::default()];
    let [one, other] = texts.clone();
    let (late, cancelled) =
        (|| on("late", slow(Delay::fixed("2s"))), || on("late", slow(Delay::fixed("1h"))));
    let set = FaultSet::builder().name("shop").reporter((one, Arc::new(other))).build();
    set.replace([late()]).unwrap();
    let _ = through_set(&set).await;
    set.replace([cancelled()]).unwrap();
    let off = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        set.control("late").unwrap().set_enabled(false);
    };
    let _ = tokio::join!(through_set(&set), off);
    for texts in texts {
        assert_eq!(
            *texts.0.lock().unwrap(),
            [
                "Some(\"shop\") started",
                "Some(\"shop\") server late 2s false",
                "Some(\"shop\") finished",
                "Some(\"shop\") started",
                "Some(\"shop\") server late 7s true",
                "Some(\"shop\") cancelled",
            ]
        );
    }
}

/// Functions for the events of a set are called in the order in which they came, and may come back to the set.
#[tokio::test]
async fn a_set_has_several_functions_for_its_events() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let function = |name: &'static str| {
        let log = log.clone();
        move |event: &SetEvent| log.lock().unwrap().push(format!("{name} {}", event.name()))
    };
    let set = FaultSet::builder().on_event(function("first")).on_event(function("second")).build();
    set.on_event(|_| panic!("caught"));
    let adds = (set.clone(), function("third"));
    set.on_event(move |_| adds.0.on_event(adds.1.clone()));
    set.clear();
    set.clear();
    let expected = ["first applied", "second applied", "first applied", "second applied", "third applied"];
    assert_eq!(*log.lock().unwrap(), expected);
}
