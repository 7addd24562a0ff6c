//! serve_connection: one connection served by hyper, with GOAWAY.

use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::task::Poll;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tower_layer::Layer;
use tower_service::Service;

use crate::connection::handle::Connection;

/// Serves one connection with hyper, HTTP/1.1 or HTTP/2 with upgrades. The connection's handle is
/// inserted into every request, and [`Reject::GoAway`](crate::Reject::GoAway) starts a graceful
/// shutdown. The `io` is a [`FaultStream`](crate::FaultStream), or TLS on top of one.
///
/// # Errors
/// hyper's error of the connection, which includes injected ends.
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
    // Required by WebSockets over HTTP/2 (RFC 8441).
    builder.http2().enable_connect_protocol();
    let mut serving = pin!(builder.serve_connection_with_upgrades(TokioIo::new(io), service));
    let mut draining = false;
    std::future::poll_fn(|cx| {
        if !draining && drained.as_mut().poll(cx).is_ready() {
            draining = true;
            serving.as_mut().graceful_shutdown();
        }
        match serving.as_mut().poll(cx) {
            // The drain was requested during this poll: no other task may wake this one.
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

/// The error of a connection, injected or not; its source is hyper's own error.
#[derive(Debug)]
pub struct ServeError(Box<dyn Error + Send + Sync>);

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection failed")
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
