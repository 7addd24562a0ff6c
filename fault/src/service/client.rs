//! ClientLayer and ClientError: faults around HTTP clients.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{fmt, io};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::error::{BodyError, RejectError};
use crate::body::fault_body::FaultBody;
use crate::body::request_body::{BodyRebox, ReboxSlot};
use crate::connection::error::{InjectedError, InjectedIoError};
use crate::fault::capability::Placement;
use crate::fault::fault::Fault;
use crate::fault::set::FaultSet;
use crate::fault::source::FaultSource;
use crate::report::event::Action;
use crate::report::mark::Injected;
use crate::service::evaluation::ErrorFns;
use crate::service::future::FaultFuture;
use crate::service::service::FaultInner;

type BoxError = Box<dyn Error + Send + Sync>;

/// Wraps any tower HTTP client in a [`Fault`]: hyper-util's client, tonic's channel, reqwest in an
/// adapter.
///
/// Responses of the fault look as if the server had sent them. An exchange without a response is
/// [`ClientError::Injected`], since the client's own errors cannot be constructed. `FaultConnector`
/// produces the client's own errors.
///
/// ```
/// use http::{Request, Response};
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{ClientError, Fault, Reject, reject};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let fault = Fault::new("no-stock", reject(Reject::ConnectionRefused)).enabled(true).participation(1.0).build()?;
/// let client = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::from("real"))));
/// let client = fault.client_layer().layer(client);
///
/// let error = client.oneshot(Request::new(String::new())).await.unwrap_err();
/// let ClientError::Injected(injected) = error else { panic!("not injected") };
/// assert_eq!((injected.fault(), injected.kind()), ("no-stock", std::io::ErrorKind::ConnectionRefused));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing until it wraps a client"]
pub struct ClientLayer {
    source: FaultSource,
    rebox: ReboxSlot,
}

impl ClientLayer {
    /// Allows changes of request bodies of type `B`, as
    /// [`FaultLayer::request_body_with`](crate::FaultLayer::request_body_with) does for servers.
    pub fn request_body_with<B>(self, rebox: fn(FaultBody<B>) -> B) -> Self
    where
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        Self { rebox: ReboxSlot::new(BodyRebox::new(rebox)), ..self }
    }
}

impl Fault {
    /// Returns a layer of this fault for clients.
    pub fn client_layer(&self) -> ClientLayer {
        ClientLayer { source: FaultSource::One(self.clone()), rebox: ReboxSlot::default() }
    }
}

impl FaultSet {
    /// Returns a layer of the set's faults for a client.
    pub fn client_layer(&self) -> ClientLayer {
        ClientLayer { source: FaultSource::Set(self.clone()), rebox: ReboxSlot::default() }
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let inner = Fallible { inner };
        ClientService {
            inner: FaultInner { service: inner, source: self.source.clone(), rebox: self.rebox.clone() },
        }
    }
}

/// A client wrapped in a [`Fault`], made by [`ClientLayer`].
#[derive(Debug, Clone)]
pub struct ClientService<S> {
    inner: FaultInner<Fallible<S>>,
}

impl<S> ClientService<S> {
    /// Returns the wrapped client.
    pub fn get_ref(&self) -> &S {
        &self.inner.service.inner
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for ClientService<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone,
    S::Error: Into<BoxError>,
    ReqB: 'static,
{
    type Response = Response<FaultBody<ResB>>;
    type Error = ClientError;
    type Future = ClientFuture<S, ReqB>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<Request<ReqB>>::poll_ready(&mut self.inner.service, cx)
    }

    #[inline]
    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let errors = ErrorFns {
            on_reject: |rejected| {
                Err(ClientError::Injected(InjectedError::new(rejected.mark.fault(), rejected.termination)))
            },
            is_injected: |error| error.is_injected(),
        };
        ClientFuture { future: self.inner.call(Placement::Client, request, errors) }
    }
}

pin_project! {
    /// The response future of a [`ClientService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ClientFuture<S, B>
    where
        S: Service<Request<B>>,
        S::Error: Into<BoxError>,
    {
        #[pin]
        future: FaultFuture<Fallible<S>, B>,
    }
}

impl<S, B, ResB> Future for ClientFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response<FaultBody<ResB>>, ClientError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx)
    }
}

impl<S, B> fmt::Debug for ClientFuture<S, B>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientFuture").finish_non_exhaustive()
    }
}

/// The client, with an error type that includes the fault's.
#[derive(Debug, Clone)]
struct Fallible<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for Fallible<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = ClientError;
    type Future = FallibleFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(ServiceError::of)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        FallibleFuture { future: self.inner.call(request) }
    }
}

pin_project! {
    struct FallibleFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F, T, E> Future for FallibleFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, ClientError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map_err(ServiceError::of)
    }
}

/// The error of a request through a [`ClientLayer`].
///
/// It implements `Error` for every error type of the client, boxed ones included.
#[derive(Debug)]
pub enum ClientError {
    /// The fault ended the exchange.
    Injected(InjectedError),
    /// The client's own error.
    Inner(ServiceError),
}

impl ClientError {
    /// Tests whether a fault made the error: that of the layer, or one further in, such as that of a
    /// connector.
    pub fn is_injected(&self) -> bool {
        Injected::of_error(self).is_some()
    }
}

impl Injected {
    /// Returns the mark of a response that a program makes of this error, if a fault made the error or one of
    /// its sources: a [`ClientError`], or an error of a connector, a connection or a body.
    ///
    /// A gateway responds to such an error with a 502. Marked, that counts as injected: the
    /// [automatic stop](crate::AutoStop) leaves it out, here and in the process that receives it.
    ///
    /// ```
    /// use http::{Response, StatusCode};
    /// use tokio::io::AsyncReadExt;
    /// use waylay_fault::{FaultStream, INJECTED_HEADER, Injected};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # let (ours, _theirs) = tokio::io::duplex(64);
    /// let mut upstream = FaultStream::accepted(ours, None);
    /// upstream.connection().reset();
    /// let error = upstream.read_u8().await.unwrap_err();
    ///
    /// let mut response = Response::new(String::new());
    /// *response.status_mut() = StatusCode::BAD_GATEWAY;
    /// if let Some(injected) = Injected::of_error(&error) {
    ///     injected.mark(&mut response);
    /// }
    /// assert!(response.headers().contains_key(INJECTED_HEADER));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_error(error: &(dyn Error + 'static)) -> Option<Self> {
        std::iter::successors(Some(error), |error| (*error).source()).find_map(|error| {
            // An io error has its own error inside, and skips it as a source.
            let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            of_one(error).or_else(|| of_one(inner?))
        })
    }
}

/// Returns the mark of this error, without its sources.
fn of_one(error: &(dyn Error + 'static)) -> Option<Injected> {
    let with = |fault: &str, action: Option<Action>| {
        let actions = action.into_iter().collect();
        Some(Injected { fault: fault.into(), actions, is_reject: false, inner: None })
    };
    if let Some(error) = error.downcast_ref::<InjectedIoError>() {
        return with(error.fault(), error.action());
    }
    let injected = match error.downcast_ref::<ClientError>() {
        Some(ClientError::Injected(error)) => Some(error),
        _ => error.downcast_ref::<InjectedError>(),
    };
    if let Some(error) = injected {
        return with(error.fault(), error.action());
    }
    let body = error.downcast_ref::<BodyError>().and_then(BodyError::reject);
    with(body.or_else(|| error.downcast_ref::<RejectError>())?.fault(), None)
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Injected(error) => error.fmt(f),
            Self::Inner(_) => f.write_str("the request got no response"),
        }
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // `Display` prints the injected error, so its source comes next.
            Self::Injected(error) => error.source(),
            Self::Inner(error) => Some(&*error.0),
        }
    }
}

/// The error of the client within a [`ClientLayer`].
///
/// It is the [source](Error::source) of [`ClientError::Inner`].
///
/// ```
/// use std::error::Error;
/// use std::io;
/// use http::{Request, Response};
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{ClientError, Fault, error};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let fault = Fault::new("flaky", error(503)).build()?;
/// // As clients under tower's own middleware have it.
/// let client = service_fn(async |_: Request<String>| {
///     Err::<Response<String>, Box<dyn Error + Send + Sync>>(io::Error::from(io::ErrorKind::TimedOut).into())
/// });
/// let error = fault.client_layer().layer(client).oneshot(Request::new(String::new())).await.unwrap_err();
/// let ClientError::Inner(inner) = &error else { panic!("the fault is off") };
/// assert_eq!(inner.downcast_ref::<io::Error>().map(io::Error::kind), Some(io::ErrorKind::TimedOut));
/// assert!(error.source().is_some_and(|source| source.is::<io::Error>()));
/// # Ok::<(), Box<dyn Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn Error>>(())
/// ```
#[derive(Debug)]
pub struct ServiceError(BoxError);

impl ServiceError {
    fn of(error: impl Into<BoxError>) -> ClientError {
        ClientError::Inner(Self(error.into()))
    }

    /// Returns the error, if it is of this type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }

    /// Returns the error itself.
    pub fn into_inner(self) -> BoxError {
        self.0
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for ServiceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
