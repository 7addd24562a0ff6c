//! MakeWithConnection: the handle of each connection, under `axum::serve`.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::ConnectInfo;
use axum::serve::{IncomingStream, Listener};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite};
use tower_layer::Layer;
use tower_service::Service;

use crate::connection::layer::ConnectionService;
use crate::io::listener::{Accept, FaultListener};
use crate::io::stream::FaultStream;

/// Makes the service for `axum::serve(FaultListener::new(listener), with_connection(app))`: the
/// extensions of every request contain the handle of its [`Connection`](crate::Connection), and
/// `ConnectInfo` with the peer's address.
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
pub fn with_connection<S>(app: S) -> MakeWithConnection<S> {
    MakeWithConnection { app }
}

/// A make-service that inserts the connection's handle into requests, made by [`with_connection`].
#[derive(Debug, Clone)]
pub struct MakeWithConnection<S> {
    app: S,
}

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
            inner: stream.io().connection().layer().layer(self.app.clone()),
            peer: ConnectInfo(stream.remote_addr().clone()),
        }))
    }
}

/// A service that inserts the connection's handle and the peer's address into its requests, made by
/// [`MakeWithConnection`].
#[derive(Debug, Clone)]
pub struct WithConnection<S, A> {
    inner: ConnectionService<S>,
    peer: ConnectInfo<A>,
}

impl<S, A, B> Service<Request<B>> for WithConnection<S, A>
where
    S: Service<Request<B>>,
    A: Clone + Send + Sync + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.peer.clone());
        self.inner.call(request)
    }
}

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
                Err(error) if is_client_error(&error) => {}
                // Most likely out of file descriptors, as hyper's and axum's own loops assume: the
                // condition is temporary, and an immediate retry would use up the processor.
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        FaultListener::local_addr(self)
    }
}

/// Tests whether the client left before its connection was accepted.
fn is_client_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
