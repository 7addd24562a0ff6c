//! Serve_connection (hyper), with_connection (axum).

#[cfg(all(feature = "axum", feature = "net"))]
use std::convert::Infallible;
#[cfg(feature = "hyper")]
use std::error::Error;
#[cfg(feature = "hyper")]
use std::fmt;
#[cfg(all(feature = "axum", feature = "net"))]
use std::future::{Ready, ready};
#[cfg(all(feature = "axum", feature = "net"))]
use std::io;
#[cfg(feature = "hyper")]
use std::pin::pin;
#[cfg(all(feature = "axum", feature = "net"))]
use std::task::{Context, Poll};
#[cfg(all(feature = "axum", feature = "net"))]
use std::time::Duration;

#[cfg(all(feature = "axum", feature = "net"))]
use axum::extract::connect_info::ConnectInfo;
#[cfg(all(feature = "axum", feature = "net"))]
use axum::serve::{IncomingStream, Listener};
#[cfg(all(feature = "axum", feature = "net"))]
use http::Request;
#[cfg(feature = "hyper")]
use http::Response;
#[cfg(feature = "hyper")]
use http_body::Body;
#[cfg(feature = "hyper")]
use hyper::body::Incoming;
#[cfg(feature = "hyper")]
use hyper_util::rt::{TokioExecutor, TokioIo};
#[cfg(feature = "hyper")]
use hyper_util::server::conn::auto;
#[cfg(feature = "hyper")]
use hyper_util::service::TowerToHyperService;
#[cfg(all(feature = "axum", feature = "net"))]
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(feature = "hyper")]
use tower_layer::Layer;
#[cfg(all(feature = "axum", feature = "net"))]
use tower_service::Service;

#[cfg(all(feature = "axum", feature = "net"))]
use crate::connection::handle::Connection;
#[cfg(all(feature = "axum", feature = "net"))]
use crate::io::listener::{Accept, FaultListener};
#[cfg(all(feature = "axum", feature = "net"))]
use crate::io::stream::FaultStream;

/// For `axum::serve(FaultListener::new(listener), with_connection(app))`: every request carries the
/// handle of its [`Connection`], and `ConnectInfo` of the peer's address besides.
///
/// ```
/// use axum::{Router, extract::ConnectInfo, routing::get};
/// use std::net::SocketAddr;
/// use tokio::net::{TcpListener, TcpStream};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use waylay_fault::{Fault, FaultListener, Toxic, with_connection};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let fault = Fault::new("cut", Toxic::limit_data(12)).enabled(true).participation(1.0).build()?;
/// let app = Router::new()
///     .route("/", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()))
///     .layer(fault.layer());
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let address = listener.local_addr()?;
/// tokio::spawn(async { axum::serve(FaultListener::new(listener), with_connection(app)).await });
///
/// let mut client = TcpStream::connect(address).await?;
/// client.write_all(b"GET / HTTP/1.1\r\nhost: example.com\r\n\r\n").await?;
/// let mut seen = String::new();
/// client.read_to_string(&mut seen).await?;
/// assert_eq!(seen, "HTTP/1.1 200");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(all(feature = "axum", feature = "net"))]
pub fn with_connection<S>(app: S) -> MakeWithConnection<S> {
    MakeWithConnection { app }
}

/// A make-service that lends each connection's handle to its requests, made by [`with_connection`].
#[cfg(all(feature = "axum", feature = "net"))]
#[derive(Debug, Clone)]
pub struct MakeWithConnection<S> {
    app: S,
}

#[cfg(all(feature = "axum", feature = "net"))]
impl<S, L, T> Service<IncomingStream<'_, L>> for MakeWithConnection<S>
where
    S: Clone,
    L: Listener<Io = FaultStream<T>>,
    L::Addr: Clone,
{
    type Response = WithConnection<S, L::Addr>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, stream: IncomingStream<'_, L>) -> Self::Future {
        ready(Ok(WithConnection {
            app: self.app.clone(),
            connection: stream.io().connection().clone(),
            peer: ConnectInfo(stream.remote_addr().clone()),
        }))
    }
}

/// A service whose requests know their [`Connection`] and their peer, made by
/// [`MakeWithConnection`].
#[cfg(all(feature = "axum", feature = "net"))]
#[derive(Debug, Clone)]
pub struct WithConnection<S, A> {
    app: S,
    connection: Connection,
    peer: ConnectInfo<A>,
}

#[cfg(all(feature = "axum", feature = "net"))]
impl<S, A, B> Service<Request<B>> for WithConnection<S, A>
where
    S: Service<Request<B>>,
    A: Clone + Send + Sync + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.app.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.connection.clone());
        request.extensions_mut().insert(self.peer.clone());
        self.app.call(request)
    }
}

#[cfg(all(feature = "axum", feature = "net"))]
impl<L> Listener for FaultListener<L>
where
    L: Accept + Sync,
    L::Io: AsyncRead + AsyncWrite,
{
    type Io = FaultStream<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match FaultListener::accept(self).await {
                Ok(accepted) => return accepted,
                Err(error) if is_of_the_client(&error) => {}
                // Out of file descriptors, most likely, as hyper's and axum's own loops assume: it
                // passes, and trying at once would burn the processor.
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        FaultListener::local_addr(self)
    }
}

/// The client left between its connect and our accept.
#[cfg(all(feature = "axum", feature = "net"))]
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// Serves one connection by hyper, HTTP/1.1 or HTTP/2 with upgrades, its handle lent to every
/// request and [`Reject::GoAway`](crate::Reject::GoAway) heard. The `io` is a
/// [`FaultStream`](crate::FaultStream), or TLS upon one.
///
/// # Errors
/// What hyper says of the connection; an injected end is one, too.
///
/// ```
/// use std::time::Duration;
///
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use hyper::body::{Bytes, Incoming};
/// use tokio::net::{TcpListener, TcpStream};
/// use tower_layer::Layer;
/// use waylay_fault::{Fault, FaultListener, Reject, reject, serve_connection};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let fault = Fault::new("draining", reject(Reject::GoAway)).enabled(true).participation(1.0).build()?;
/// let app = fault.layer().layer(tower::service_fn(async |_: Request<Incoming>| {
///     Ok::<_, std::io::Error>(Response::new(Full::new(Bytes::from("real"))))
/// }));
/// let listener = FaultListener::new(TcpListener::bind("127.0.0.1:0").await?);
/// let address = listener.local_addr()?;
/// tokio::spawn(async move {
///     loop {
///         let Ok((stream, _peer)) = listener.accept().await else {
///             // Out of descriptors, perhaps: some will be free again.
///             tokio::time::sleep(Duration::from_millis(100)).await;
///             continue;
///         };
///         let connection = stream.connection().clone();
///         tokio::spawn(serve_connection(stream, connection, app.clone()));
///     }
/// });
///
/// let (client, connection) = h2::client::handshake(TcpStream::connect(address).await?).await?;
/// let connection = tokio::spawn(connection);
/// let request = Request::get("http://example.com/").body(())?;
/// let (response, _) = client.ready().await?.send_request(request, true)?;
/// assert_eq!(response.await?.status(), 200);
/// connection.await??; // The server has let the connection go.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "hyper")]
pub async fn serve_connection<T, S, B>(io: T, connection: Connection, service: S) -> Result<(), ServeError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut drained = pin!(connection.drained());
    let service = TowerToHyperService::new(connection.layer().layer(service));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // WebSockets over HTTP/2 (RFC 8441) want it.
    builder.http2().enable_connect_protocol();
    let mut serving = pin!(builder.serve_connection_with_upgrades(TokioIo::new(io), service));
    let mut draining = false;
    std::future::poll_fn(|cx| {
        if !draining && drained.as_mut().poll(cx).is_ready() {
            draining = true;
            serving.as_mut().graceful_shutdown();
        }
        match serving.as_mut().poll(cx) {
            // What was called for meanwhile is heard at once: nobody else might wake us.
            Poll::Pending if !draining && drained.as_mut().poll(cx).is_ready() => {
                draining = true;
                serving.as_mut().graceful_shutdown();
                serving.as_mut().poll(cx)
            }
            poll => poll,
        }
    })
    .await
    .map_err(ServeError)
}

/// A connection ended badly, injected or not; its source is hyper's own error.
#[cfg(feature = "hyper")]
#[derive(Debug)]
pub struct ServeError(Box<dyn Error + Send + Sync>);

#[cfg(feature = "hyper")]
impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection ended badly")
    }
}

#[cfg(feature = "hyper")]
impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
