//! Minutes under every fault at once, over HTTP/1 and HTTP/2, while sets are swapped: no resource leaks.
//!
//! `cargo run --release -p waylay-fault-wire --features soak --bin soak -- --minutes 10 --report fault/wire/soak.md`
//! samples memory, descriptors and tasks, and fails if one of them grows or is not given back.

#![allow(clippy::unwrap_used, reason = "a program that checks ends at the line of its expectation")]

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};
use tower_layer::Layer;
use waylay_fault::{
    ChunkError, Corruption, Delay, DelayPoint, Direction, Fault, FaultConnector, FaultListener, FaultSet,
    Format, Injector, LengthOffset, Reject, ResetCode, Side, Toxic, TruncateAt, TruncateEnd, corrupt, error,
    grpc, messages, patch, rate_limit, reject, replace, serve_connection, slow, truncate, wrong_length,
};
use waylay_fault_wire::trend::{Sample, Trend, report, trends};

const CONNECTIONS: usize = 200;

type Body = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;
type App = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

fn layers() -> Vec<Injector> {
    let brief = |at| slow(Delay::uniform("0s", "4ms").at(at));
    vec![
        brief(DelayPoint::Request),
        brief(DelayPoint::ResponseHead),
        brief(DelayPoint::RequestChunks),
        brief(DelayPoint::ResponseChunks),
        error(503).into(),
        grpc(14).into(),
        reject(Reject::EmptyReply),
        reject(Reject::StreamReset(ResetCode::REFUSED_STREAM)),
        reject(Reject::hang("3ms")),
        reject(Reject::ConnectionClose),
        reject(Reject::ConnectionReset),
        reject(Reject::GoAway),
        reject(Reject::GoAwayWith(ResetCode::ENHANCE_YOUR_CALM)),
        rate_limit(2_000_000).into(),
        truncate(TruncateAt::Fraction(0.5)).then(TruncateEnd::Close).into(),
        truncate(TruncateAt::Bytes(100)).then(TruncateEnd::Clean).into(),
        corrupt(Corruption::BitFlips(0.01)).into(),
        corrupt(Corruption::ChunkFraming(ChunkError::Shorter)).into(),
        corrupt(Corruption::ChunkFraming(ChunkError::MissingLast)).into(),
        replace("other").into(),
        patch().set("x-patched", "1").on(Side::Request).into(),
        wrong_length(LengthOffset::More(7)).into(),
        messages(Format::Sse).duplicate(0.5).delay(0.5, Delay::fixed("1ms")).into(),
        Toxic::latency("2ms", "1ms").into(),
        Toxic::limit_data(5000).into(),
        Toxic::reset_after(9000).into(),
    ]
}

fn listeners() -> Vec<Injector> {
    vec![
        Toxic::latency("1ms", "1ms").into(),
        Toxic::bandwidth(5000).direction(Direction::Upstream).into(),
        Toxic::bandwidth(5000).into(),
        Toxic::slicer(700, 100, "0s").into(),
        Toxic::slow_close("5ms").into(),
        Toxic::timeout("20ms").into(),
        Toxic::reset_peer("5ms").into(),
        reject(Reject::hang("5ms")),
        reject(Reject::ConnectionReset),
    ]
}

fn connectors() -> Vec<Injector> {
    vec![
        reject(Reject::ConnectionRefused),
        reject(Reject::hang("3ms")),
        reject(Reject::EmptyReply),
        reject(Reject::BrokenPipe),
        Toxic::latency("1ms", "1ms").direction(Direction::Upstream).into(),
        Toxic::limit_data(20_000).into(),
    ]
}

/// All of them, each at a fifth; different names give different draws.
fn faults(place: &str, injectors: Vec<Injector>) -> Vec<Fault> {
    let build = |(number, injector)| {
        let fault =
            Fault::new(format!("{place} {number}"), injector).enabled(true).participation(0.2).seed(7);
        fault.build().unwrap()
    };
    injectors.into_iter().enumerate().map(build).collect()
}

/// What the process holds now.
fn sample(begun: Instant, exchanges: &Exchanges) -> Sample {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let files = std::fs::read_dir("/proc/self/fd").unwrap().count();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let memory: f64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    let exchanges = exchanges.failed.load(Ordering::Relaxed) + exchanges.whole.load(Ordering::Relaxed);
    Sample {
        at: begun.elapsed().as_secs_f64(),
        memory,
        files: files as f64,
        tasks: tasks as f64,
        exchanges: exchanges as f64,
    }
}

/// Exchanges so far.
#[derive(Default)]
struct Exchanges {
    failed: AtomicU64,
    whole: AtomicU64,
}

fn app(faults: &[Fault], set: &FaultSet) -> App {
    let service = tower::service_fn(async |request: Request<Body>| {
        let is_stream = request.uri().path() == "/events";
        // A changed upload may fail, and has a response nevertheless.
        let _ = request.into_body().collect().await;
        if is_stream {
            let events = (0..5).map(|number| Ok(Frame::data(Bytes::from(format!("data: {number}\n\n")))));
            let body = StreamBody::new(futures_util::stream::iter(events)).boxed_unsync();
            let response = Response::builder().header("content-type", "text/event-stream");
            return Ok::<_, Infallible>(response.body(body).unwrap());
        }
        Ok(Response::new(Full::from(vec![b'a'; 4000]).map_err(Into::into).boxed_unsync()))
    });
    let of_set = set.layer().layer(service).map_response(|response: Response<_>| {
        response.map(|body: waylay_fault::FaultBody<Body>| body.map_err(Into::into).boxed_unsync())
    });
    faults.iter().fold(BoxCloneSyncService::new(of_set), |app, fault| {
        let layer = fault.layer().request_body_with::<Body>(|body| body.map_err(Into::into).boxed_unsync());
        let boxed = layer.layer(app).map_response(|response: Response<_>| {
            response.map(|body: waylay_fault::FaultBody<Body>| body.map_err(Into::into).boxed_unsync())
        });
        BoxCloneSyncService::new(boxed)
    })
}

/// Sends requests until the time is over, with a body and without. Responses and failures are both
/// correct.
async fn send_requests(
    server: SocketAddr,
    number: usize,
    connectors: Vec<Fault>,
    layer: Fault,
    until: Instant,
    exchanges: Arc<Exchanges>,
) {
    let connector = connectors.iter().fold(FaultConnector::new(HttpConnector::new()), FaultConnector::fault);
    let client = Client::builder(TokioExecutor::new())
        .http2_only(number.is_multiple_of(2))
        .build::<_, Full<Bytes>>(connector);
    let mut client = layer.client_layer().layer(client);
    while Instant::now() < until {
        let method = [Method::GET, Method::HEAD, Method::POST][number % 3].clone();
        let path = if number % 5 == 0 { "/events" } else { "/" };
        let body = if method == Method::POST { vec![b'q'; 3000] } else { Vec::new() };
        let request = Request::builder().method(method).uri(format!("http://{server}{path}"));
        let response = client.call(request.body(Full::from(body)).unwrap()).await;
        let is_whole = match response {
            Ok(response) => response.into_body().collect().await.is_ok(),
            Err(_) => false,
        };
        let count = if is_whole { &exchanges.whole } else { &exchanges.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Swaps the faults of the set, and switches them, until the time is over.
async fn swap_sets(set: FaultSet, until: Instant) {
    for round in 0_u64.. {
        if Instant::now() >= until {
            return set.clear();
        }
        let fault =
            |name: String, injector: Injector| Fault::new(name, injector).participation(0.1).seed(round);
        let faults = [
            fault("delayed".into(), slow(Delay::uniform("0s", "4ms"))),
            fault("streams".into(), messages(Format::Sse).drop(0.5).into()),
            fault(format!("round {round}"), error(503).into()),
        ];
        set.replace(faults.into_iter().map(|fault| fault.enabled(round % 3 > 0))).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        if let Some(control) = set.control("streams") {
            control.set_enabled(round % 2 == 0);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

struct Options {
    minutes: f64,
    report: Option<String>,
}

impl Options {
    fn read() -> Result<Self, String> {
        let mut options = Self { minutes: 10.0, report: None };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            match &*word {
                "--minutes" => {
                    let minutes = value.parse().ok().filter(|minutes| (0.05..=1e4).contains(minutes));
                    options.minutes = minutes.ok_or_else(|| format!("`{value}` is no number of minutes"))?;
                }
                "--report" => options.report = Some(value),
                _ => return Err(format!("`{word}` is no option; there are `--minutes` and `--report`")),
            }
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(soak(&options))
}

async fn soak(options: &Options) -> ExitCode {
    let begun = Instant::now();
    let length = Duration::from_secs_f64(options.minutes * 60.0);
    let (at_layers, at_listener, at_connectors) =
        (faults("layer", layers()), faults("listener", listeners()), faults("connector", connectors()));
    let at_clients = faults("client", vec![slow(Delay::uniform("0s", "2ms"))]);
    let set = FaultSet::new();

    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let server = listener.local_addr().unwrap();
    let app = app(&at_layers, &set).map_request(|request: Request<Incoming>| {
        request.map(|body| body.map_err(Into::into).boxed_unsync())
    });
    let listener = at_listener.iter().fold(FaultListener::new(listener), FaultListener::fault);
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = stream.connection().clone();
            tokio::spawn(serve_connection(stream, connection, app.clone()));
        }
    });
    let exchanges = Arc::new(Exchanges::default());
    let before = sample(begun, &exchanges);

    let until = begun + length;
    let mut running: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let (connectors, layer) = (at_connectors.clone(), at_clients[0].clone());
            tokio::spawn(send_requests(server, number, connectors, layer, until, exchanges.clone()))
        })
        .collect();
    running.push(tokio::spawn(swap_sets(set.clone(), until)));
    let step = (length / 200).max(Duration::from_millis(100));
    let mut samples = Vec::new();
    while Instant::now() + step < until {
        tokio::time::sleep(step).await;
        samples.push(sample(begun, &exchanges));
    }
    for task in running {
        task.await.unwrap();
    }
    let warm: Vec<Sample> =
        samples.iter().copied().filter(|sample| sample.at >= length.as_secs_f64() / 3.0).collect();

    // The last connections close by themselves, and soon.
    let deadline = Instant::now() + Duration::from_secs(20);
    let is_back = |after: &Sample| (after.tasks, after.files) == (before.tasks, before.files);
    while !is_back(&sample(begun, &exchanges)) && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let after = sample(begun, &exchanges);
    serving.abort();

    let command = format!(
        "cargo run --release -p waylay-fault-wire --features soak --bin soak -- --minutes {}",
        options.minutes
    );
    let text = report(&command, &samples, &warm);
    println!("{text}");
    if let Some(path) = &options.report {
        std::fs::write(path, text).unwrap();
    }
    assert!(is_back(&after), "tasks and descriptors are not given back: {after:?} after, {before:?} before");
    for fault in [&at_layers[..], &at_listener, &at_connectors, &at_clients].concat() {
        let counts = fault.control().counts();
        assert_eq!(counts.active, 0, "{fault:?}");
        assert!(counts.injected > 0, "{fault:?} {counts:?}");
    }
    let [failed, whole] = [&exchanges.failed, &exchanges.whole].map(|count| count.load(Ordering::Relaxed));
    assert!(failed > 0 && whole > 0, "{failed} exchanges failed and {whole} were complete");
    if trends(&warm).iter().any(Trend::grows) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
