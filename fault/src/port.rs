//! Ports: how the body of a request is exchanged for one that a fault has its hand in.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::body::FaultBody;

/// Makes a request's body type of the fault's own.
pub(crate) type Port<B> = fn(FaultBody<B>) -> B;

/// The port that a layer was given, for a body type that is known again when a request comes.
#[derive(Clone, Default)]
pub(crate) struct PortSlot(Option<Arc<dyn Any + Send + Sync>>);

impl PortSlot {
    pub(crate) fn holding<B: 'static>(port: Port<B>) -> Self {
        Self(Some(Arc::new(port)))
    }

    /// The port for this body type: the given one, or axum's for axum's.
    pub(crate) fn port<B: 'static>(&self) -> Option<Port<B>> {
        self.0.as_ref().and_then(|any| any.downcast_ref().copied()).or_else(axum_port)
    }
}

impl fmt::Debug for PortSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "given" } else { "none" })
    }
}

fn axum_port<B: 'static>() -> Option<Port<B>> {
    #[cfg(feature = "axum")]
    use axum::body::Body;
    #[cfg(all(feature = "router", not(feature = "axum")))]
    use waylay_router::Body;

    #[cfg(any(feature = "axum", feature = "router"))]
    {
        let port: Port<Body> = Body::new;
        (&port as &dyn Any).downcast_ref().copied()
    }
    #[cfg(not(any(feature = "axum", feature = "router")))]
    None
}
