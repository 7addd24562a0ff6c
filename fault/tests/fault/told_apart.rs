//! Injected and genuine errors, told apart wherever a program meets them.

use std::convert::Infallible;
use std::error::Error;
use std::io::ErrorKind;

use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    BodyError, ClientError, ConnectError, Corruption, Delay, Fault, FaultStream, INJECTED_HEADER, Injected,
    InjectedIoError, Injector, Reject, Toxic, TruncateAt, corrupt, error, grpc, patch, quota, reject,
    replace, slow, truncate,
};

use crate::support::{always, get};

type Make = fn() -> Injector;

/// The same status, injected and genuine; the mark alone tells.
#[tokio::test(start_paused = true)]
async fn responses_of_servers() {
    let rows: [(&str, Make, bool); 9] = [
        ("error", || error(503).into(), false),
        ("grpc", || grpc(14).into(), false),
        ("slow", || slow(Delay::fixed("1s")), false),
        ("reject", || reject(Reject::EmptyReply), true),
        ("truncate", || truncate(TruncateAt::Bytes(1)).into(), false),
        ("corrupt", || corrupt(Corruption::Utf8).into(), false),
        ("replace", || replace("x").into(), false),
        ("patch", || patch().status(503).into(), false),
        ("quota", || quota(0, "1h").into(), false),
    ];
    for (name, injector, is_reject) in rows {
        for is_enabled in [false, true] {
            let fault = always(injector()).enabled(is_enabled).build().unwrap();
            let inner = service_fn(async |_: Request<String>| {
                let response = Response::builder().status(503).body(String::from("genuine"));
                Ok::<_, Infallible>(response.unwrap())
            });
            let response = fault.layer().layer(inner).oneshot(get("/")).await.unwrap();
            let injected = response.extensions().get::<Injected>();
            let header = response.headers().get(INJECTED_HEADER).map(|name| name.to_str().unwrap());
            assert_eq!(injected.map(Injected::fault), is_enabled.then_some("test"), "{name}");
            assert_eq!(header, is_enabled.then_some("test"), "{name}");
            assert_eq!(injected.is_some_and(Injected::is_reject), is_enabled && is_reject, "{name}");
            if !is_enabled {
                assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{name}");
            }
        }
    }
}

/// A body that fails, by itself or by a fault.
#[tokio::test(start_paused = true)]
async fn errors_of_bodies() {
    let rows: [(&str, Make, bool); 4] = [
        ("truncate", || truncate(TruncateAt::Bytes(1)).into(), true),
        ("reject", || reject(Reject::EmptyReply), true),
        ("slow", || slow(Delay::fixed("1s")), false),
        ("replace", || replace("x").into(), false),
    ];
    for (name, injector, is_failing) in rows {
        for is_genuine in [false, true] {
            let fault = always(injector()).enabled(!is_genuine).build().unwrap();
            let inner = service_fn(move |_: Request<String>| {
                let frames = [Ok(http_body::Frame::data(bytes::Bytes::from("text"))), Err("genuine")];
                let frames = futures_util::stream::iter(frames.into_iter().take(1 + usize::from(is_genuine)));
                let body = http_body_util::StreamBody::new(frames);
                std::future::ready(Ok::<_, Infallible>(Response::new(body)))
            });
            let body = fault.layer().layer(inner).oneshot(get("/")).await.unwrap().into_body();
            let seen: Result<_, BodyError> = body.collect().await;
            let told = seen.err().map(|error| error.reject().map(|reject| reject.fault().to_owned()));
            let wanted = match (is_genuine, is_failing) {
                (true, _) => Some(None),
                (false, true) => Some(Some("test".to_owned())),
                (false, false) => None,
            };
            assert_eq!(told, wanted, "{name}, genuine: {is_genuine}");
        }
    }
}

const REJECTS: [(Reject, ErrorKind); 5] = [
    (Reject::EmptyReply, ErrorKind::UnexpectedEof),
    (Reject::ConnectionClose, ErrorKind::BrokenPipe),
    (Reject::ConnectionReset, ErrorKind::ConnectionReset),
    (Reject::ConnectionRefused, ErrorKind::ConnectionRefused),
    (Reject::BrokenPipe, ErrorKind::BrokenPipe),
];

/// The first io error among the sources.
fn io_kind(error: &(dyn Error + 'static)) -> Option<ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return Some(error.kind());
        }
        next = error.source();
    }
    None
}

/// Both have the same kind of io error as a source.
#[tokio::test(start_paused = true)]
async fn errors_of_clients() {
    for (how, kind) in REJECTS {
        for is_enabled in [false, true] {
            let fault = always(reject(how.clone())).enabled(is_enabled).build().unwrap();
            let client = service_fn(move |_: Request<String>| {
                std::future::ready(Err::<Response<String>, _>(std::io::Error::from(kind)))
            });
            let error = fault.client_layer().layer(client).oneshot(get("/")).await.unwrap_err();
            assert_eq!(io_kind(&error), Some(kind), "{how:?}");
            assert_eq!(error.is_injected(), is_enabled, "{how:?}");
            match error {
                ClientError::Injected(injected) => assert_eq!((injected.fault(), is_enabled), ("test", true)),
                ClientError::Inner(_) => assert!(!is_enabled, "{how:?}"),
            }
        }
    }
}

/// What a client meets of faults further in is injected as well, whatever wraps it.
#[tokio::test(start_paused = true)]
async fn errors_within_errors_of_clients() {
    type BoxError = Box<dyn Error + Send + Sync>;
    type Fail = fn() -> std::pin::Pin<Box<dyn Future<Output = BoxError> + Send>>;
    /// Fails like hyper's errors, which have the io error as a source.
    #[derive(Debug)]
    struct Wrapper(BoxError);
    impl std::fmt::Display for Wrapper {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("wrapped")
        }
    }
    impl Error for Wrapper {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&*self.0)
        }
    }
    async fn of_stream(is_enabled: bool) -> BoxError {
        let fault = always(Toxic::reset_after(2).direction(waylay_fault::Direction::Upstream))
            .enabled(is_enabled)
            .build()
            .unwrap();
        let (near, far) = duplex(64);
        let mut near = FaultStream::connected(near, None).reset_by(|_| Ok(())).fault(&fault);
        near.write_all(b"x").await.unwrap();
        // The peer stays, unless it is to be the reason.
        let _far = Some(far).filter(|_| is_enabled);
        near.write_all(b"text").await.unwrap_err().into()
    }
    async fn of_connect(is_enabled: bool) -> BoxError {
        let fault = always(reject(Reject::ConnectionRefused)).enabled(is_enabled).build().unwrap();
        let connector =
            service_fn(async |_: Uri| Err::<(), _>(std::io::Error::from(ErrorKind::ConnectionRefused)));
        fault.connect_layer().layer(connector).oneshot(Uri::from_static("http://a/")).await.unwrap_err()
    }
    async fn of_body(is_enabled: bool) -> BoxError {
        let fault = always(reject(Reject::EmptyReply)).enabled(is_enabled).build().unwrap();
        let inner = service_fn(async |_: Request<String>| {
            let frames = futures_util::stream::iter([Err::<http_body::Frame<bytes::Bytes>, _>("genuine")]);
            Ok::<_, Infallible>(Response::new(http_body_util::StreamBody::new(frames)))
        });
        let body = fault.layer().layer(inner).oneshot(get("/")).await.unwrap().into_body();
        body.collect().await.unwrap_err().into()
    }
    let rows: [(Fail, bool); 6] = [
        (|| Box::pin(of_stream(true)), true),
        (|| Box::pin(of_stream(false)), false),
        (|| Box::pin(of_connect(true)), true),
        (|| Box::pin(of_connect(false)), false),
        (|| Box::pin(of_body(true)), true),
        (|| Box::pin(of_body(false)), false),
    ];
    for (index, (fail, is_injected)) in rows.into_iter().enumerate() {
        for depth in 0..3 {
            let client = service_fn(move |_: Request<String>| async move {
                let error = (0..depth).fold(fail().await, |error, _| Wrapper(error).into());
                Err::<Response<String>, _>(error)
            });
            let off = always(error(503)).enabled(false).build().unwrap();
            let error = off.client_layer().layer(client).oneshot(get("/")).await.unwrap_err();
            assert!(matches!(error, ClientError::Inner(_)));
            assert_eq!(error.is_injected(), is_injected, "{index} {depth}");
            let mark = Injected::of_error(&error);
            assert_eq!(mark.as_ref().map(Injected::fault), is_injected.then_some("test"), "{index} {depth}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_connects() {
    for (how, kind) in REJECTS {
        for is_enabled in [false, true] {
            let fault = always(reject(how.clone())).enabled(is_enabled).build().unwrap();
            let connector =
                service_fn(move |_: Uri| std::future::ready(Err::<(), _>(std::io::Error::from(kind))));
            let connector = fault.connect_layer().layer(connector);
            let error = connector.oneshot(Uri::from_static("http://a/")).await.unwrap_err();
            let injected = error.downcast_ref::<ConnectError>().and_then(ConnectError::injected_error);
            let is_deliverable = !matches!(how, Reject::BrokenPipe);
            assert_eq!(injected.map(|error| error.fault()), (is_enabled && is_deliverable).then_some("test"));
            assert_eq!(io_kind(&*error), Some(kind), "{how:?}");
        }
    }
}

/// Errors of a stream, by a toxic or by its peer.
#[tokio::test(start_paused = true)]
async fn errors_of_connections() {
    let rows: [(Toxic, ErrorKind); 4] = [
        (Toxic::limit_data(2), ErrorKind::BrokenPipe),
        (Toxic::reset_after(2), ErrorKind::ConnectionReset),
        (Toxic::garbage(2), ErrorKind::BrokenPipe),
        (Toxic::close_after("0s"), ErrorKind::BrokenPipe),
    ];
    for (toxic, kind) in rows {
        for is_enabled in [false, true] {
            let fault = always(toxic.clone()).enabled(is_enabled).build().unwrap();
            let (server, client) = duplex(64);
            let mut server = FaultStream::accepted(server, None).reset_by(|_| Ok(())).fault(&fault);
            let client = if is_enabled {
                Some(client)
            } else {
                drop(client);
                None
            };
            let mut failed = None;
            for _ in 0..5 {
                if let Err(error) = server.write_all(b"text").await {
                    failed = Some(error);
                    break;
                }
            }
            let error = failed.unwrap();
            let injected = error.get_ref().and_then(|error| error.downcast_ref::<InjectedIoError>());
            assert_eq!(injected.map(InjectedIoError::fault), is_enabled.then_some("test"), "{toxic:?}");
            assert_eq!(error.kind(), if is_enabled { kind } else { ErrorKind::BrokenPipe }, "{toxic:?}");
            drop(client);
        }
    }
    // An end without an error is the end of the peer.
    let fault = always(Toxic::limit_data(0)).build().unwrap();
    let (server, mut client) = duplex(64);
    let mut server = FaultStream::accepted(server, None).fault(&fault);
    assert!(server.write_all(b"x").await.is_err());
    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
}

/// A set has a layer over connectors, whose faults act in order; those of other sides do not.
#[tokio::test(start_paused = true)]
async fn a_set_has_a_layer_of_connects() {
    use waylay_fault::{FaultPlacement, FaultSet};
    let set = FaultSet::new();
    let connector =
        set.connect_layer().layer(service_fn(async |_: Uri| Ok::<_, std::io::Error>("connected")));
    let connect = || connector.clone().oneshot(Uri::from_static("http://a/"));
    assert_eq!(connect().await.unwrap(), "connected");
    let slow = Fault::new("slow", slow(Delay::fixed("1s"))).enabled(true).participation(1.0);
    let refused = |name| Fault::new(name, reject(Reject::ConnectionRefused)).enabled(true).participation(1.0);
    set.replace_at([
        (FaultPlacement::Client, refused("other side")),
        (FaultPlacement::Connector, slow),
        (FaultPlacement::Connector, refused("refused")),
        (FaultPlacement::Connector, refused("later")),
    ])
    .unwrap();
    let begin = tokio::time::Instant::now();
    let error = connect().await.unwrap_err();
    let injected = error.downcast_ref::<ConnectError>().and_then(ConnectError::injected_error).unwrap();
    assert_eq!((injected.fault(), begin.elapsed().as_secs()), ("refused", 1));
    let injected: Vec<_> = set.counts().into_iter().map(|(_, counts)| counts.injected).collect();
    assert_eq!(injected, [0, 1, 1, 0]);
    set.clear();
    assert_eq!(connect().await.unwrap(), "connected");
}
