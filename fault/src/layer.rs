//! The layer that puts a fault around services.

use std::error::Error;

use bytes::Bytes;
use http_body::Body;
use tower_layer::Layer;

use crate::body::FaultBody;
use crate::fault::Fault;
use crate::port::{Port, PortSlot};
use crate::service::FaultService;

/// Puts a [`Fault`] around any HTTP service. All services of one fault share its switch, counts
/// and dice.
///
/// Lay it outside of what catches panics or buffers bodies, and inside of the timeouts and traces
/// that are to see the fault. Its responses have a body type of their own, which axum's
/// `Router::layer` and hyper take as it is; where the inner type is wanted, there is
/// [`boxed_by`](Self::boxed_by).
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{Fault, error};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let fault = Fault::new("flaky", error(503)).participation(1.0).build()?;
/// let inner = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::from("real"))));
/// let service = fault.layer().layer(inner);
///
/// let response = service.clone().oneshot(Request::new(String::new())).await?;
/// assert_eq!(response.status(), StatusCode::OK);
///
/// fault.control().set_enabled(true);
/// let response = service.oneshot(Request::new(String::new())).await?;
/// assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing until it is around a service"]
pub struct FaultLayer {
    fault: Fault,
    ports: PortSlot,
}

impl FaultLayer {
    /// Lets the fault have its hand in the bodies of requests of type `B`: `rebox` makes a `B` of
    /// the fault's own bodies. axum's body type needs no such word (features `axum`, `router`);
    /// for others what is to be done to a request's body is without it
    /// [`unreachable`](crate::Counts::unreachable).
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
    /// use tower::{ServiceExt, service_fn};
    /// use tower_layer::Layer;
    /// use waylay_fault::{BodyError, Cut, Ending, Fault, Side, truncate};
    ///
    /// type Boxed = UnsyncBoxBody<Bytes, BodyError>;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let fault = Fault::new("half", truncate(Cut::Fraction(0.5)).on(Side::Request).then(Ending::End))
    ///     .enabled(true)
    ///     .participation(1.0)
    ///     .build()?;
    /// let echo = service_fn(async |request: Request<Boxed>| {
    ///     Ok::<_, BodyError>(Response::new(request.into_body().collect().await?.to_bytes()))
    /// });
    /// let service = fault.layer().uploads_by::<Boxed>(|body| body.boxed_unsync()).layer(
    ///     tower::ServiceBuilder::new().map_response(|r: Response<Bytes>| r.map(http_body_util::Full::new)).service(echo),
    /// );
    /// let body = http_body_util::Full::from("12345678").map_err(|never| match never {}).boxed_unsync();
    /// let response = service.oneshot(Request::new(body)).await?;
    /// assert_eq!(response.into_body().collect().await?.to_bytes(), "1234");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn uploads_by<B>(self, rebox: fn(FaultBody<B>) -> B) -> Self
    where
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        Self { ports: PortSlot::holding(Port::new(rebox)), ..self }
    }
}

impl<S> Layer<S> for FaultLayer {
    type Service = FaultService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        FaultService::new(inner, self.fault.clone()).with_ports(self.ports.clone())
    }
}

impl Fault {
    /// A layer of this fault.
    pub fn layer(&self) -> FaultLayer {
        FaultLayer { fault: self.clone(), ports: PortSlot::default() }
    }
}
