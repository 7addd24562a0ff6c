//! FaultConnector and ConnectLayer: faults of a client's connections.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Method, Request, Uri};
#[cfg(feature = "hyper")]
use hyper_util::client::legacy::connect::{Connected, Connection as Connect};
#[cfg(feature = "hyper")]
use hyper_util::rt::TokioIo;
use tower_layer::Layer;
use tower_service::Service;

#[cfg(feature = "hyper")]
use crate::connection::command::Termination;
use crate::connection::error::InjectedError;
use crate::connection::handle::Connection;
use crate::fault::capability::Placement;
use crate::fault::execution::{Outcome, Rejected};
use crate::fault::fault::Fault;
use crate::fault::set::FaultSet;
use crate::fault::source::FaultSource;
#[cfg(feature = "hyper")]
use crate::io::stream::FaultStream;

/// Wraps the connect phase only, for connectors whose connections are not accessible: reqwest's
/// `connector_layer`, whose types are sealed.
///
/// Delays, hangs and refusals are the same as in a `FaultConnector`; closes and resets fail the
/// connect, and toxics are not deliverable.
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
#[must_use = "a layer does nothing until it wraps a connector"]
pub struct ConnectLayer {
    source: FaultSource,
}

impl Fault {
    /// Returns a layer of this fault for the connect phase of a client.
    pub fn connect_layer(&self) -> ConnectLayer {
        ConnectLayer { source: FaultSource::One(self.clone()) }
    }
}

impl FaultSet {
    /// Returns a layer of the set's faults for connectors, for the connect phase of a client.
    pub fn connect_layer(&self) -> ConnectLayer {
        ConnectLayer { source: FaultSource::Set(self.clone()) }
    }
}

impl<S> Layer<S> for ConnectLayer {
    type Service = ConnectService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ConnectService { inner, source: self.source.clone() }
    }
}

/// A connector wrapped in a [`Fault`] or a [`FaultSet`], made by [`ConnectLayer`]. Its error is the box that reqwest
/// requires: a [`ConnectError`], or the connector's own error.
#[derive(Debug, Clone)]
pub struct ConnectService<S> {
    inner: S,
    source: FaultSource,
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
        // The future takes the ready service and leaves the clone, which is not ready.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let faults: Vec<Fault> = match &self.source {
            FaultSource::One(fault) => vec![fault.clone()],
            FaultSource::Set(set) if set.is_idle() => Vec::new(),
            FaultSource::Set(set) => set.begin().faults(Placement::ConnectPhase).to_vec(),
        };
        ConnectFuture::new(async move {
            for fault in &faults {
                // The target is sealed as well.
                let mut request = connect_request(&Uri::default(), None);
                if let Some(rejected) = decide_connect(fault, Placement::ConnectPhase, &mut request).await {
                    return Err(ConnectError::injected(&rejected).into());
                }
            }
            inner.call(target).await.map_err(Into::into)
        })
    }
}

/// The future of a [`ConnectService`], or of a `FaultConnector`.
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

/// The error of a connect, failed by a fault or by itself.
#[derive(Debug)]
pub struct ConnectError(Cause);

#[derive(Debug)]
enum Cause {
    Injected(InjectedError),
    #[cfg_attr(not(feature = "hyper"), allow(dead_code, reason = "only made around a connector"))]
    Inner(Box<dyn Error + Send + Sync>),
}

impl ConnectError {
    /// Returns the fault's error, if it is one.
    pub fn injected_error(&self) -> Option<&InjectedError> {
        match &self.0 {
            Cause::Injected(error) => Some(error),
            Cause::Inner(_) => None,
        }
    }

    pub(crate) fn injected(rejected: &Rejected) -> Self {
        Self(Cause::Injected(InjectedError::new(rejected.mark.fault(), rejected.termination)))
    }

    #[cfg(feature = "hyper")]
    pub(crate) fn inner(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Cause::Inner(error.into()))
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Injected(_) => f.write_str("a fault failed the connect"),
            Cause::Inner(_) => f.write_str("the connect failed"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Cause::Injected(error) => Some(error),
            Cause::Inner(error) => Some(&**error),
        }
    }
}

/// Runs the fault for one connect. `Some`: the connect fails.
pub(crate) async fn decide_connect(
    fault: &Fault,
    placement: Placement,
    request: &mut Request<()>,
) -> Option<Rejected> {
    match fault.decide(placement, request, || false)?.run().await {
        Outcome::Reject(rejected) => Some(rejected),
        _ => None,
    }
}

/// Returns the request that represents a connection to be made, for the fault's filter, sampler and
/// reports: a CONNECT to the target, with the handle in its extensions.
pub(crate) fn connect_request(target: &Uri, connection: Option<&Connection>) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = target.clone();
    if let Some(connection) = connection {
        request.extensions_mut().insert(connection.clone());
    }
    request
}

/// Wraps a connector, for hyper-util's client and tonic's channel: the client observes real
/// transport errors, in its own error types.
///
/// Delays apply before the connect, a [hang](crate::Reject::hang) ends in a timeout,
/// [`ConnectionRefused`](crate::Reject::ConnectionRefused) fails the connect, other rejections fail
/// the connection after the first bytes, and toxics apply to its bytes. There is one draw per
/// connection; the filter of a fault sees a `CONNECT` to the target.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use hyper_util::client::legacy::{Client, connect::HttpConnector};
/// use hyper_util::rt::TokioExecutor;
/// use waylay_fault::{Fault, FaultConnector, Reject, reject};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let refused = Fault::new("no-stock", reject(Reject::ConnectionRefused)).enabled(true).participation(1.0).build()?;
/// let connector = FaultConnector::new(HttpConnector::new()).fault(&refused);
/// let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
///
/// let error = client.get("http://127.0.0.1:80/".parse()?).await.unwrap_err();
/// assert!(error.is_connect());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "hyper")]
#[derive(Debug, Clone)]
pub struct FaultConnector<C> {
    inner: C,
    faults: Vec<Fault>,
    set: Option<FaultSet>,
}

/// The connection of a [`FaultConnector`].
#[cfg(feature = "hyper")]
pub type FaultIo<T> = TokioIo<FaultStream<TokioIo<T>>>;

#[cfg(feature = "hyper")]
impl<C> FaultConnector<C> {
    /// Wraps this connector.
    pub fn new(inner: C) -> Self {
        Self { inner, faults: Vec::new(), set: None }
    }

    /// Adds a fault of connections.
    #[must_use]
    pub fn fault(mut self, fault: &Fault) -> Self {
        self.faults.push(fault.clone());
        self
    }
}

#[cfg(feature = "hyper")]
impl FaultSet {
    /// Returns a connector whose connections are under the set's faults for connectors.
    pub fn connector<C>(&self, inner: C) -> FaultConnector<C> {
        FaultConnector { inner, faults: Vec::new(), set: Some(self.clone()) }
    }
}

#[cfg(feature = "hyper")]
impl<C> Service<Uri> for FaultConnector<C>
where
    C: Service<Uri> + Clone + Send + 'static,
    C::Response: hyper::rt::Read + hyper::rt::Write + Unpin,
    C::Error: Into<Box<dyn Error + Send + Sync>>,
    C::Future: Send,
{
    type Response = FaultIo<C::Response>;
    type Error = ConnectError;
    type Future = ConnectFuture<Self::Response, ConnectError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.inner.poll_ready(cx).map_err(ConnectError::inner)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        // The future takes the ready service and leaves the clone, which is not ready.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let set = self.set.as_ref().filter(|set| !set.is_idle()).map(FaultSet::begin);
        let of_set = set.iter().flat_map(|snapshot| snapshot.faults(Placement::Connector));
        let faults: Vec<_> = of_set.chain(&self.faults).cloned().collect();
        ConnectFuture::new(async move {
            let connection = Connection::new(None, false);
            let mut pending = None;
            for fault in &faults {
                let mut request = connect_request(&target, Some(&connection));
                let Some(rejected) = decide_connect(fault, Placement::Connector, &mut request).await else {
                    continue;
                };
                if matches!(rejected.termination, Termination::Refuse | Termination::TimedOut) {
                    return Err(ConnectError::injected(&rejected));
                }
                pending.get_or_insert(rejected);
            }
            let io = inner.call(target).await.map_err(ConnectError::inner)?;
            let mut stream = FaultStream::of(TokioIo::new(io), connection);
            if let Some(Rejected { termination, mark, .. }) = pending {
                stream.terminate_later(termination, mark.fault());
            }
            Ok(TokioIo::new(stream))
        })
    }
}

#[cfg(feature = "hyper")]
impl<T: Connect> Connect for FaultStream<T> {
    fn connected(&self) -> Connected {
        self.get_ref().map_or_else(Connected::new, Connect::connected)
    }
}
