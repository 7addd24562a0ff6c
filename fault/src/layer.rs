//! The layer that puts a fault around services.

use tower_layer::Layer;

use crate::fault::Fault;
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
}

impl<S> Layer<S> for FaultLayer {
    type Service = FaultService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        FaultService::new(inner, self.fault.clone())
    }
}

impl Fault {
    /// A layer of this fault.
    pub fn layer(&self) -> FaultLayer {
        FaultLayer { fault: self.clone() }
    }
}
