//! A minute under every fault at once: no resource leaks.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};
use tower_layer::Layer;
use waylay_fault::{
    ChunkError, Corruption, Delay, DelayPoint, Direction, Fault, FaultConnector, FaultListener, Injector,
    LengthOffset, Reject, ResetCode, Side, Toxic, TruncateAt, TruncateEnd, corrupt, error, grpc, patch,
    rate_limit, reject, replace, serve_connection, slow, truncate, wrong_length,
};

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

/// The resources of the process: tasks, file descriptors, kilobytes of memory.
fn held() -> (usize, usize, u64) {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let files = std::fs::read_dir("/proc/self/fd").unwrap().count();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    (tasks, files, resident.trim().trim_end_matches(" kB").parse().unwrap())
}

fn app(faults: &[Fault]) -> App {
    let service = tower::service_fn(async |request: Request<Body>| {
        // A changed upload may fail, and has a response nevertheless.
        let _ = request.into_body().collect().await;
        Ok::<_, Infallible>(Response::new(Full::from(vec![b'a'; 4000]).map_err(Into::into).boxed_unsync()))
    });
    faults.iter().fold(BoxCloneSyncService::new(service), |app, fault| {
        let layer = fault.layer().request_body_with::<Body>(|body| body.map_err(Into::into).boxed_unsync());
        let boxed = layer.layer(app).map_response(|response: Response<_>| {
            response.map(|body: waylay_fault::FaultBody<Body>| body.map_err(Into::into).boxed_unsync())
        });
        BoxCloneSyncService::new(boxed)
    })
}

/// Sends requests until the time is over, with a body and without. Responses and failures are both
/// correct.
async fn send_request(
    server: SocketAddr,
    number: usize,
    connectors: Vec<Fault>,
    layer: Fault,
    until: Instant,
) -> [u64; 2] {
    let connector = connectors.iter().fold(FaultConnector::new(HttpConnector::new()), FaultConnector::fault);
    let client = Client::builder(TokioExecutor::new())
        .http2_only(number.is_multiple_of(2))
        .build::<_, Full<Bytes>>(connector);
    let mut client = layer.client_layer().layer(client);
    let mut outcomes = [0, 0];
    while Instant::now() < until {
        let method = [Method::GET, Method::HEAD, Method::POST][number % 3].clone();
        let body = if method == Method::POST { vec![b'q'; 3000] } else { Vec::new() };
        let request = Request::builder().method(method).uri(format!("http://{server}/"));
        let response = client.call(request.body(Full::from(body)).unwrap()).await;
        let whole = match response {
            Ok(response) => response.into_body().collect().await.is_ok(),
            Err(_) => false,
        };
        outcomes[usize::from(whole)] += 1;
    }
    outcomes
}

#[test]
#[ignore = "takes 60 s"]
fn no_resources_leak() {
    const ALONE: &str = "WAYLAY_SOAK_ALONE";
    if std::env::var_os(ALONE).is_some() {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        return runtime.worker_threads(2).enable_all().build().unwrap().block_on(soak());
    }
    // Descriptors and memory belong to the process: concurrent tests would be counted, too.
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    alone.args(["--exact", "soak::no_resources_leak", "--ignored", "--nocapture"]).env(ALONE, "1");
    assert!(alone.status().unwrap().success());
}

async fn soak() {
    let seconds = std::env::var("WAYLAY_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let begun = Instant::now();
    let (at_layers, at_listener, at_connectors) =
        (faults("layer", layers()), faults("listener", listeners()), faults("connector", connectors()));
    let at_clients = faults("client", vec![slow(Delay::uniform("0s", "2ms"))]);

    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let server = listener.local_addr().unwrap();
    let app = app(&at_layers).map_request(|request: Request<Incoming>| {
        request.map(|body| body.map_err(Into::into).boxed_unsync())
    });
    let listener = at_listener.iter().fold(FaultListener::new(listener), FaultListener::fault);
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = stream.connection().clone();
            tokio::spawn(serve_connection(stream, connection, app.clone()));
        }
    });
    let (tasks, files, _) = held();

    let until = begun + Duration::from_secs(seconds);
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            tokio::spawn(send_request(server, number, at_connectors.clone(), at_clients[0].clone(), until))
        })
        .collect();
    tokio::time::sleep_until((begun + Duration::from_secs(seconds / 3)).into()).await;
    let (_, _, warm) = held();
    let mut outcomes = [0, 0];
    for client in clients {
        let [failed, whole] = client.await.unwrap();
        outcomes = [outcomes[0] + failed, outcomes[1] + whole];
    }
    let (_, _, resident) = held();

    // The last connections close by themselves, and soon.
    let deadline = Instant::now() + Duration::from_secs(20);
    while (held().0, held().1) != (tasks, files) && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let after = held();
    println!(
        "{outcomes:?} exchanges failed and were complete; memory {warm} kB warm, {resident} kB in the end"
    );
    assert_eq!((after.0, after.1), (tasks, files), "tasks and file descriptors, left and before");
    for fault in [&at_layers[..], &at_listener, &at_connectors, &at_clients].concat() {
        let counts = fault.control().counts();
        assert_eq!(counts.active, 0, "{fault:?}");
        assert!(counts.injected > 0, "{fault:?} {counts:?}");
    }
    assert!(outcomes[0] > 0 && outcomes[1] > 0, "{outcomes:?}");
    assert!(resident <= warm + warm / 5 + 4096, "memory grew from {warm} kB to {resident} kB");
    serving.abort();
}
