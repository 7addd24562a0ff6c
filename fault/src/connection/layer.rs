//! ConnectionLayer: inserts the handle into the extensions of requests.

use std::task::{Context, Poll};

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use crate::connection::handle::Connection;

/// Inserts the [`Connection`] into the extensions of every request, made by [`Connection::layer`].
///
/// ```
/// use http::{Request, Response};
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{Connection, FaultStream};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let stream = FaultStream::accepted(tokio::io::duplex(64).0, None);
/// let app = stream.connection().layer().layer(service_fn(async |request: Request<()>| {
///     Ok::<_, std::io::Error>(Response::new(request.extensions().get().map(Connection::id)))
/// }));
/// let response = app.oneshot(Request::new(())).await?;
/// assert_eq!(*response.body(), Some(stream.connection().id()));
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct ConnectionLayer {
    connection: Connection,
}

impl Connection {
    /// Returns a layer that inserts this handle into the extensions of every request, where fault
    /// layers look for it. [`FaultListener`](crate::FaultListener) has an example.
    pub fn layer(&self) -> ConnectionLayer {
        ConnectionLayer { connection: self.clone() }
    }
}

impl<S> Layer<S> for ConnectionLayer {
    type Service = ConnectionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ConnectionService { inner, connection: self.connection.clone() }
    }
}

/// A service that inserts the [`Connection`] into its requests, made by [`ConnectionLayer`].
#[derive(Debug, Clone)]
pub struct ConnectionService<S> {
    inner: S,
    connection: Connection,
}

impl<S, B> Service<Request<B>> for ConnectionService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.connection.clone());
        self.inner.call(request)
    }
}
