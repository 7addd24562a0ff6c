//! Faults on the client's side, and the errors that each client reports.

use std::error::Error;
use std::io::ErrorKind;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, Uri, Version};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::{TcpListener, TcpStream};
use tower::{Service, ServiceExt};
use tower_layer::Layer;
use waylay_fault::{
    ClientError, ConnectError, Delay, Fault, FaultBuilder, FaultConnector, FaultListener, FaultPlacement,
    FaultSet, INJECTED_HEADER, InjectedError, InjectedIoError, Injector, Reject, ResetCode, Toxic, chain,
    error, reject, serve_connection, slow,
};

use crate::support::{NEVER, Place, serve};

fn always(injector: impl Into<Injector>) -> FaultBuilder {
    Fault::new("bad-net", injector).enabled(true).participation(1.0)
}

fn idle() -> Fault {
    always(reject(Reject::EmptyReply)).enabled(false).build().unwrap()
}

fn get(server: SocketAddr) -> Request<Empty<Bytes>> {
    Request::get(format!("http://{server}/")).body(Empty::new()).unwrap()
}

/// The first error of this type in a chain of sources.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An io error returns its inner error by `get_ref`, and skips it as a source.
        if let Some(found) = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref())
            && let Some(found) = found.downcast_ref()
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[tokio::test]
async fn a_client_layer_fails_with_its_own_error() {
    let server = serve(Place::Hyper, &idle(), NEVER).await;
    let rows = [
        (Reject::EmptyReply, ErrorKind::UnexpectedEof),
        (Reject::hang("1ms"), ErrorKind::TimedOut),
        (Reject::ConnectionClose, ErrorKind::BrokenPipe),
        (Reject::ConnectionReset, ErrorKind::ConnectionReset),
        (Reject::ConnectionRefused, ErrorKind::ConnectionRefused),
        (Reject::BrokenPipe, ErrorKind::BrokenPipe),
        (Reject::StreamReset(ResetCode::REFUSED_STREAM), ErrorKind::ConnectionReset),
    ];
    for (how, kind) in rows {
        let code = matches!(how, Reject::StreamReset(_));
        let fault = always(reject(how)).build().unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let error = fault.client_layer().layer(client).oneshot(get(server)).await.unwrap_err();
        let reason = find::<h2::Error>(&error).and_then(h2::Error::reason);
        assert_eq!(reason, code.then_some(h2::Reason::REFUSED_STREAM));
        assert_eq!(find::<std::io::Error>(&error).map(std::io::Error::kind), (!code).then_some(kind));
        let ClientError::Injected(injected) = error else { panic!("{error:?}") };
        assert_eq!((injected.fault(), injected.kind()), ("bad-net", kind));
        assert_eq!(fault.control().counts().injected, 1);
    }
}

#[tokio::test]
async fn a_client_layer_responds_and_delays_like_a_servers() {
    let server = serve(Place::Hyper, &idle(), NEVER).await;
    let rows: [(Injector, u16); 3] = [
        (error(503).into(), 503),
        (slow(Delay::fixed("1ms")), 200),
        (chain([slow(Delay::fixed("1ms")), error(429).into()]), 429),
    ];
    for (injector, status) in rows {
        let fault = always(injector).build().unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let response = fault.client_layer().layer(client).oneshot(get(server)).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()[INJECTED_HEADER]),
            (status, &"bad-net".parse().unwrap())
        );
        assert!(response.into_body().collect().await.is_ok());
    }
    // Actions without a meaning on this side are skipped; the client's own errors pass.
    let fault = always(Toxic::limit_data(0)).build().unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let mut client = fault.client_layer().layer(client);
    assert_eq!(client.ready().await.unwrap().call(get(server)).await.unwrap().status(), 200);
    let nowhere = Request::get("http://127.0.0.1:1/").body(Empty::new()).unwrap();
    let error = client.ready().await.unwrap().call(nowhere).await.unwrap_err();
    let ClientError::Inner(inner) = &error else { panic!("{error:?}") };
    let inner = inner.downcast_ref::<hyper_util::client::legacy::Error>();
    assert!(inner.is_some_and(hyper_util::client::legacy::Error::is_connect), "{error:?}");
    assert_eq!(fault.control().counts().not_deliverable, 2);
}

/// hyper-util's client cannot distinguish these from real transport errors.
#[tokio::test]
async fn a_connector_produces_transport_errors() {
    let server = serve(Place::Hyper, &idle(), NEVER).await;
    type Row = (fn() -> Injector, bool, Option<ErrorKind>);
    let rows: [Row; 8] = [
        (|| reject(Reject::ConnectionRefused), true, Some(ErrorKind::ConnectionRefused)),
        (|| reject(Reject::hang("1ms")), true, Some(ErrorKind::TimedOut)),
        (|| reject(Reject::ConnectionReset), false, Some(ErrorKind::ConnectionReset)),
        (|| reject(Reject::EmptyReply), false, None),
        (|| reject(Reject::ConnectionClose), false, None),
        (|| reject(Reject::BrokenPipe), false, Some(ErrorKind::BrokenPipe)),
        (|| Toxic::limit_data(5).into(), false, None),
        (|| Toxic::reset_after(5).into(), false, Some(ErrorKind::ConnectionReset)),
    ];
    for (injector, connects, kind) in rows {
        for http2 in [false, true] {
            let fault = always(injector()).build().unwrap();
            let connector = FaultConnector::new(HttpConnector::new()).fault(&fault);
            let client = Client::builder(TokioExecutor::new()).http2_only(http2).build(connector);
            let error = client.request(get(server)).await.unwrap_err();
            let row = format!("{fault:?} http2 {http2}: {error:?}");
            assert_eq!(error.is_connect(), connects, "{row}");
            if connects {
                let why = find::<ConnectError>(&error).and_then(ConnectError::injected_error);
                assert_eq!(why.map(InjectedError::kind), kind, "{row}");
            } else if !http2 {
                let hyper = find::<hyper::Error>(&error).unwrap();
                assert_eq!(hyper.is_incomplete_message(), kind.is_none(), "{row}");
                assert_eq!(find::<std::io::Error>(&error).map(std::io::Error::kind), kind, "{row}");
                assert_eq!(
                    find::<InjectedIoError>(&error).map(InjectedIoError::fault),
                    kind.map(|_| "bad-net"),
                    "{row}"
                );
            }
            assert_eq!(fault.control().counts().injected, 1, "{row}");
        }
    }
}

/// A pool keeps its connections: there is one draw per connection, not per request.
#[tokio::test]
async fn a_skipped_connection_stays_skipped() {
    let server = serve(Place::Hyper, &idle(), NEVER).await;
    let fault = always(reject(Reject::ConnectionRefused)).build().unwrap();
    fault.control().set_participation(0.0).unwrap();
    let connector = FaultConnector::new(HttpConnector::new()).fault(&fault);
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
    for _ in 0..3 {
        let response = client.request(get(server)).await.unwrap();
        response.into_body().collect().await.unwrap();
        fault.control().set_participation(1.0).unwrap();
    }
    assert_eq!((fault.control().counts().seen, fault.control().counts().not_selected), (1, 1));
}

#[tokio::test]
async fn a_hang_ends_when_the_fault_is_disabled() {
    let server = serve(Place::Hyper, &idle(), NEVER).await;
    let fault = always(reject(Reject::hang("1h"))).build().unwrap();
    let connector = FaultConnector::new(HttpConnector::new()).fault(&fault);
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
    let request = tokio::spawn(client.request(get(server)));
    while fault.control().counts().active == 0 {
        tokio::task::yield_now().await;
    }
    fault.control().set_enabled(false);
    assert_eq!(request.await.unwrap().unwrap().status(), 200);
    assert_eq!(fault.control().counts().active, 0);
}

/// reqwest's connections are not accessible: only the connect itself can be changed.
#[tokio::test]
async fn reqwest_by_its_connector_layer() {
    let server = serve(Place::Hyper, &idle(), NEVER).await;
    let rows: [(Injector, Option<ErrorKind>); 6] = [
        (reject(Reject::ConnectionRefused), Some(ErrorKind::ConnectionRefused)),
        (reject(Reject::ConnectionReset), Some(ErrorKind::ConnectionReset)),
        (reject(Reject::EmptyReply), Some(ErrorKind::UnexpectedEof)),
        (reject(Reject::hang("1ms")), Some(ErrorKind::TimedOut)),
        (slow(Delay::fixed("1ms")), None),
        (Toxic::limit_data(5).into(), None),
    ];
    for (injector, kind) in rows {
        let fault = always(injector).build().unwrap();
        let client = reqwest::Client::builder().connector_layer(fault.connect_layer()).build().unwrap();
        let answer = client.get(format!("http://{server}/")).send().await;
        match answer {
            Ok(response) => assert_eq!((response.status().as_u16(), kind), (200, None), "{fault:?}"),
            Err(error) => {
                assert!(error.is_connect(), "{fault:?}: {error:?}");
                let why = find::<ConnectError>(&error).and_then(ConnectError::injected_error);
                assert_eq!(why.map(InjectedError::kind), kind, "{fault:?}: {error:?}");
            }
        }
    }
}

/// A set has a wrapper or a layer for each side of a connection: its faults of other sides do nothing
/// there, and a swap reaches what was wrapped before.
#[tokio::test]
async fn a_set_on_every_side() {
    use FaultPlacement::{Client as OfClient, Connector, Listener, Server};

    let faults = FaultSet::new();
    let app = faults.layer().layer(tower::service_fn(async |_: Request<hyper::body::Incoming>| {
        Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::new(Bytes::from("real"))))
    }));
    let listener = faults.listener(TcpListener::bind(("127.0.0.1", 0)).await.unwrap());
    let server = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = stream.connection().clone();
            tokio::spawn(serve_connection(stream, connection, app.clone()));
        }
    });
    let refused = || reject(Reject::ConnectionRefused);
    let rows: [(FaultPlacement, Injector, &str, &str); 5] = [
        (Server, error(503).into(), "503", "503"),
        (OfClient, error(503).into(), "503", "200"),
        (Listener, reject(Reject::ConnectionReset), "reset", "reset"),
        (Connector, refused(), "refused", "refused"),
        // reqwest's connections are not accessible.
        (Connector, Toxic::reset_after(5).into(), "reset", "200"),
    ];
    fn describe(status: Result<u16, &(dyn Error + 'static)>) -> String {
        match status {
            Ok(status) => status.to_string(),
            Err(error) if find::<ConnectError>(error).is_some() => "refused".to_owned(),
            Err(error) => match find::<std::io::Error>(error).map(std::io::Error::kind) {
                Some(ErrorKind::ConnectionReset) => "reset".to_owned(),
                _ => format!("{error:?}"),
            },
        }
    }
    for (placement, injector, by_hyper, by_reqwest) in rows {
        faults.clear();
        let client = Client::builder(TokioExecutor::new()).build(faults.connector(HttpConnector::new()));
        let client = faults.client_layer().layer(client);
        let reqwest = reqwest::Client::builder().connector_layer(faults.connect_layer()).build().unwrap();
        faults.replace_at([(placement, always(injector))]).unwrap();

        let seen = client.oneshot(get(server)).await;
        let seen = seen.as_ref().map(|response| response.status().as_u16());
        assert_eq!(describe(seen.map_err(|error| error as _)), by_hyper, "{placement}");
        let seen = reqwest.get(format!("http://{server}/")).send().await;
        let seen = seen.as_ref().map(|response| response.status().as_u16());
        assert_eq!(describe(seen.map_err(|error| error as _)), by_reqwest, "{placement}");
    }
}

/// reqwest's own types are not http's, but they convert: the client layer wraps an adapter.
#[tokio::test]
async fn reqwest_by_the_client_layer() {
    let server = serve(Place::Hyper, &idle(), NEVER).await;
    let fault = always(error(503)).build().unwrap();
    let reqwest = reqwest::Client::new();
    let adapter = tower::service_fn(move |request: Request<reqwest::Body>| {
        let reqwest = reqwest.clone();
        async move {
            let response = reqwest.execute(request.try_into()?).await?;
            Ok::<_, reqwest::Error>(http::Response::<reqwest::Body>::from(response))
        }
    });
    let mut client = fault.client_layer().layer(adapter);
    for (enabled, status) in [(true, 503), (false, 200)] {
        fault.control().set_enabled(enabled);
        let request = Request::get(format!("http://{server}/")).body(reqwest::Body::default()).unwrap();
        let response = client.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
    }
}

/// GOAWAY: the selected request is answered, and so are those in progress; then the connection
/// ends.
#[tokio::test]
async fn a_server_that_awaits_drained_closes_the_connection() {
    let fault = always(reject(Reject::GoAway)).block_headers([("x-no-chaos", "1")]).build().unwrap();
    let app = fault.layer().layer(tower::service_fn(async |_: Request<hyper::body::Incoming>| {
        Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::new(Bytes::from("real"))))
    }));
    let listener = FaultListener::new(TcpListener::bind(("127.0.0.1", 0)).await.unwrap());
    let server = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = stream.connection().clone();
            tokio::spawn(serve_connection(stream, connection, app.clone()));
        }
    });

    for method in [Method::GET, Method::HEAD] {
        let (client, connection) =
            h2::client::handshake(TcpStream::connect(server).await.unwrap()).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut client = client.ready().await.unwrap();
        for no_chaos in ["1", "1", "0"] {
            let request = Request::builder()
                .method(method.clone())
                .uri(Uri::from_static("http://example.com/"))
                .version(Version::HTTP_2)
                .header("x-no-chaos", no_chaos);
            let (response, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
            assert_eq!(response.await.unwrap().status(), 200);
        }
        // It ends regularly: a GOAWAY without an error.
        connection.await.unwrap().unwrap();
        assert!(client.ready().await.is_err());
    }

    // On HTTP/1 the response states it, under any server.
    let anywhere = serve(Place::AxumRoute, &fault, NEVER).await;
    for server in [server, anywhere] {
        let stream = hyper_util::rt::TokioIo::new(TcpStream::connect(server).await.unwrap());
        let (mut client, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let response = client.send_request(get(server)).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["connection"]),
            (200, &"close".parse().unwrap())
        );
        response.into_body().collect().await.unwrap();
        connection.await.unwrap().unwrap();
    }
}
