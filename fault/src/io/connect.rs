//! The connect phase of a client, struck by itself.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Method, Request, Uri};
use tower_layer::Layer;
use tower_service::Service;

use super::line::Connection;
use crate::client::InjectedError;
use crate::fault::Fault;
use crate::reach::Side;
use crate::strike::{Outcome, Rejected};

/// The connect phase alone, for connectors whose connections are out of reach: reqwest's
/// `connector_layer`, whose types are sealed.
///
/// Delays, hangs and refusals are what they are in a `FaultConnector`; closes and resets fail the
/// connect, and toxics are `unreachable`.
///
/// ```
/// use http::Uri;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
/// use waylay_fault::{ConnectError, Fault, Reject, reject};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let refused = Fault::new("no-stock", reject(Reject::ConnectionRefused)).enabled(true).participation(1.0).build()?;
/// // With reqwest: `reqwest::Client::builder().connector_layer(refused.connect_layer())`.
/// let connector = ServiceBuilder::new()
///     .layer(refused.connect_layer())
///     .service(service_fn(async |_: Uri| Ok::<_, std::io::Error>("a connection")));
/// let error = connector.oneshot(Uri::from_static("http://stock:80/")).await.unwrap_err();
/// assert!(error.is::<ConnectError>());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing until it is around a connector"]
pub struct ConnectLayer {
    fault: Fault,
}

impl Fault {
    /// A layer of this fault around the connect phase of a client.
    pub fn connect_layer(&self) -> ConnectLayer {
        ConnectLayer { fault: self.clone() }
    }
}

impl<S> Layer<S> for ConnectLayer {
    type Service = ConnectService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ConnectService { inner, fault: self.fault.clone() }
    }
}

/// A connector behind a [`Fault`], made by [`ConnectLayer`]. Its error is the box that reqwest
/// wants: a [`ConnectError`], or the connector's own.
#[derive(Debug, Clone)]
pub struct ConnectService<S> {
    inner: S,
    fault: Fault,
}

impl<S, R> Service<R> for ConnectService<S>
where
    S: Service<R> + Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = ConnectFuture<S::Response, Self::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, target: R) -> Self::Future {
        // The one that was made ready goes along; its clone was not, and stays.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let fault = self.fault.clone();
        ConnectFuture::new(async move {
            // Where it goes is sealed as well.
            let mut request = stand_in(&Uri::default(), None);
            match strike(&fault, Side::Phase, &mut request).await {
                Some(rejected) => Err(ConnectError::injected(&rejected).into()),
                None => inner.call(target).await.map_err(Into::into),
            }
        })
    }
}

/// The connection of a [`ConnectService`], or of a `FaultConnector`.
#[must_use = "futures do nothing unless polled"]
pub struct ConnectFuture<T, E>(Pin<Box<dyn Future<Output = Result<T, E>> + Send>>);

impl<T, E> ConnectFuture<T, E> {
    pub(crate) fn new(connect: impl Future<Output = Result<T, E>> + Send + 'static) -> Self {
        Self(Box::pin(connect))
    }
}

impl<T, E> Future for ConnectFuture<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<T, E> fmt::Debug for ConnectFuture<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectFuture").finish_non_exhaustive()
    }
}

/// A connection did not come about: by a fault, or by itself.
#[derive(Debug)]
pub struct ConnectError(Why);

#[derive(Debug)]
enum Why {
    Injected(InjectedError),
    #[cfg_attr(not(feature = "hyper"), allow(dead_code, reason = "only made around a connector"))]
    Inner(Box<dyn Error + Send + Sync>),
}

impl ConnectError {
    /// The fault's error, if it is one.
    pub fn injected_error(&self) -> Option<&InjectedError> {
        match &self.0 {
            Why::Injected(error) => Some(error),
            Why::Inner(_) => None,
        }
    }

    pub(crate) fn injected(rejected: &Rejected) -> Self {
        Self(Why::Injected(InjectedError::new(rejected)))
    }

    #[cfg(feature = "hyper")]
    pub(crate) fn inner(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Why::Inner(error.into()))
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Why::Injected(_) => f.write_str("a fault let the connect fail"),
            Why::Inner(_) => f.write_str("the connect failed"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Why::Injected(error) => Some(error),
            Why::Inner(error) => Some(&**error),
        }
    }
}

/// What becomes of one connect: nothing, or its end.
pub(crate) async fn strike(fault: &Fault, side: Side, request: &mut Request<()>) -> Option<Rejected> {
    match fault.decide(side, request, || false)?.run().await {
        Outcome::Reject(rejected) => Some(rejected),
        _ => None,
    }
}

/// The request by which a fault's lists, dice and reports know a connection to make: a CONNECT to
/// the target, with the handle in its extensions.
pub(crate) fn stand_in(target: &Uri, connection: Option<&Connection>) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = target.clone();
    if let Some(connection) = connection {
        request.extensions_mut().insert(connection.clone());
    }
    request
}
