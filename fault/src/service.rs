//! The service that a fault lies around.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::around::Around;
use crate::body::FaultBody;
use crate::fault::Fault;
use crate::future::FaultFuture;
use crate::port::PortSlot;
use crate::reach::Side;

/// A service behind a [`Fault`], made by [`FaultLayer`](crate::FaultLayer). Its error is the inner
/// service's: what the fault does is a response, or a body that fails.
#[derive(Debug, Clone)]
pub struct FaultService<S> {
    around: Around<S>,
}

impl<S> FaultService<S> {
    /// Puts the fault around a service.
    pub fn new(inner: S, fault: Fault) -> Self {
        Self { around: Around { inner, fault, ports: PortSlot::default() } }
    }

    pub(crate) fn with_ports(self, ports: PortSlot) -> Self {
        Self { around: Around { ports, ..self.around } }
    }

    /// The service behind the fault.
    pub fn get_ref(&self) -> &S {
        &self.around.inner
    }

    /// Takes the service out again.
    pub fn into_inner(self) -> S {
        self.around.inner
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for FaultService<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone,
    ReqB: 'static,
{
    type Response = Response<FaultBody<ResB>>;
    type Error = S::Error;
    type Future = FaultFuture<S, ReqB>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.around.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        self.around.call(Side::Server, request, Ok)
    }
}
