//! Peer of each connection: make-services under `axum::serve`, `ConnectInfo`, and reports of a missing one.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::ConnectInfo;
use axum::extract::connect_info::MockConnectInfo;
use axum::serve::{IncomingStream, ListenerExt};
use http::Request;
use http::uri::Scheme;
use tokio::net::TcpListener;
use tower::{Service, ServiceExt};
use waylay_router::{Body, ConnectionInfo, Peer, Route, Router, SwapRouter};

use crate::wire::raw;
use crate::{get, text, text_of};

fn router() -> Router {
    let show = async |info: ConnectionInfo, own: Option<axum::Extension<ConnectInfo<SocketAddr>>>| {
        let scheme = info.scheme.map(|scheme| scheme.to_string()).unwrap_or_default();
        format!("{} {scheme} {}", info.addr.unwrap().ip(), own.is_some())
    };
    Router::builder()
        .route(Route::get("/ip").client_ip("127.0.0.0/8").to(show))
        .route(Route::get("/ip").to(async || "elsewhere"))
        .route(Route::get("/scheme").scheme("http").to(async || "plain"))
        .route(Route::get("/scheme").scheme("https").to(async || "secure"))
        .build()
        .unwrap()
}

/// Starts a server, and returns the bodies of the responses at `/ip` and `/scheme`.
macro_rules! served {
    ($make:expr) => {
        served!($make, |listener| listener)
    };
    ($make:expr, |$listener:ident| $map:expr) => {{
        let $listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = $listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve($map, $make).await });
        let mut bodies = Vec::new();
        for path in ["/ip", "/scheme"] {
            let request = format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
            let answer = raw(address, request.as_bytes()).await;
            bodies.push(answer.split_once("\r\n\r\n").unwrap().1.to_owned());
        }
        server.abort();
        bodies
    }};
}

#[derive(Clone)]
struct Port(u16);

impl axum::extract::connect_info::Connected<IncomingStream<'_, TcpListener>> for Port {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self(stream.remote_addr().port())
    }
}

#[tokio::test]
async fn axum_serve_knows_the_peer() {
    let plain = ["127.0.0.1 http false", "plain"];
    assert_eq!(served!(router()), plain);
    assert_eq!(served!(router().into_make_service()), plain);
    assert_eq!(served!(SwapRouter::new(router())), plain);
    assert_eq!(served!(SwapRouter::new(router()).into_make_service()), plain);
    assert_eq!(served!(router(), |listener| listener.tap_io(|_| ())), plain);
    let secure = router().into_make_service().scheme(Scheme::HTTPS);
    assert_eq!(served!(secure), ["127.0.0.1 https false", "secure"]);

    let with_info = || router().into_make_service_with_connect_info::<SocketAddr>();
    assert_eq!(served!(with_info()), ["127.0.0.1 http true", "plain"]);
    assert_eq!(served!(with_info().scheme(Scheme::HTTPS)), ["127.0.0.1 https true", "secure"]);
    let port = Router::builder()
        .route(
            Route::any("/{*p}")
                .client_ip("127.0.0.1")
                .to(async |ConnectInfo(port): ConnectInfo<Port>| (port.0 > 0).to_string()),
        )
        .build()
        .unwrap();
    assert_eq!(served!(port.into_make_service_with_connect_info::<Port>()), ["true", "true"]);
}

/// Within an axum router, axum's `ConnectInfo` gives the address; a `Peer` with an address precedes it.
#[tokio::test]
async fn connect_info_of_axum_is_read() {
    let nested = || axum::Router::<()>::new().fallback_service(router());
    let make = nested().into_make_service_with_connect_info::<SocketAddr>();
    assert_eq!(served!(make), ["127.0.0.1  true", ""]);

    let ask = async |peer: Option<Peer>, info: Option<&str>| {
        let mut request = get("/ip");
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        if let Some(info) = info {
            request.extensions_mut().insert(ConnectInfo::<SocketAddr>(info.parse().unwrap()));
        }
        text_of(&router(), request).await.1
    };
    let (near, far) = ("127.0.0.1:1", "10.0.0.1:1");
    let peer = |address: &str| Some(Peer::default().addr(address.parse().unwrap()));
    assert_eq!(ask(None, Some(near)).await, "127.0.0.1  true");
    assert_eq!(ask(None, Some(far)).await, "elsewhere");
    assert_eq!(ask(peer(near), Some(far)).await, "127.0.0.1  true");
    assert_eq!(ask(peer(far), Some(near)).await, "elsewhere");
    assert_eq!(ask(Some(Peer::default().scheme(Scheme::HTTPS)), Some(near)).await, "127.0.0.1 https true");

    let mocked = nested().layer(MockConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9))));
    let response = mocked.oneshot(get("/ip")).await.unwrap();
    let body = axum::body::to_bytes(response.into_body(), 99).await.unwrap();
    assert_eq!(body, "127.0.0.1  false");

    // A trusted proxy is recognized by the same address.
    let proxied = Router::builder()
        .trusted_proxy("127.0.0.1")
        .route(Route::get("/").client_ip("9.9.9.9").to(async |info: ConnectionInfo| format!("{info:?}")))
        .build()
        .unwrap();
    let mut request = get("/");
    request.headers_mut().insert("x-forwarded-for", "9.9.9.9".parse().unwrap());
    request.extensions_mut().insert(ConnectInfo::<SocketAddr>(near.parse().unwrap()));
    let (status, body) = text_of(&proxied, request).await;
    assert!(status == 200 && body.contains("9.9.9.9"), "{status} {body}");
}

#[tokio::test]
async fn other_servers_pass_addresses() {
    for (address, expected) in [([127, 0, 0, 1], "127.0.0.1  false"), ([10, 0, 0, 1], "elsewhere")] {
        let address = SocketAddr::from((address, 1));
        let connection = router().into_make_service().call(address).await.unwrap();
        let response: http::Response<Body> = connection.oneshot(get("/ip")).await.unwrap();
        assert_eq!(axum::body::to_bytes(response.into_body(), 99).await.unwrap(), expected);
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A router that reads the peer of a request without one reports it once, and in each explanation.
#[tokio::test]
async fn a_missing_peer_is_reported() {
    let on = |route: Route| Router::builder().route(route.name("guarded").to(async || "")).build().unwrap();
    let known = Peer::default().addr(([1, 1, 1, 1], 1).into()).scheme(Scheme::HTTP);
    for (router, peer, expected) in [
        (on(Route::get("/").client_ip("127.0.0.1")), None, Some("`guarded` reads the address")),
        (on(Route::rule("!ClientIP(`127.0.0.1`)")), None, Some("`guarded` reads the address")),
        (on(Route::get("/").scheme("https")), None, Some("`guarded` reads the scheme")),
        (
            on(Route::get("/").scheme("https")),
            Some(Peer::default().addr(([1, 1, 1, 1], 1).into())),
            Some("the scheme"),
        ),
        (Router::builder().trusted_proxy("127.0.0.1").build().unwrap(), None, Some("`trusted_proxy` reads")),
        (on(Route::get("/").client_ip("127.0.0.1").scheme("https")), Some(known), None),
        (on(Route::get("/")), None, None),
    ] {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        // With one subscriber only, an event that another test emits first, outside of it, would be taken for disabled.
        let _other = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
        let guard = tracing::subscriber::set_default(subscriber);
        let request = |peer: &Option<Peer>| {
            let mut request = Request::get("/").body(Body::empty()).unwrap();
            peer.clone().map(|peer| request.extensions_mut().insert(peer));
            request
        };
        for _ in 0..3 {
            text_of(&router, request(&peer)).await;
        }
        drop(guard);
        let (logged, explained) = (log.text(), router.explain(&request(&peer)).to_string());
        assert_eq!(logged.lines().count(), usize::from(expected.is_some()), "{logged}");
        for told in [&logged, &explained] {
            assert!(told.contains(expected.unwrap_or("")), "{told}");
            assert_eq!(told.contains("into_make_service"), expected.is_some(), "{told}");
        }
    }
    assert_eq!(text(&router(), "/ip").await.1, "elsewhere");
}
