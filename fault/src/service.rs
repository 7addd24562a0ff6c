//! The service that a fault lies around.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::body::FaultBody;
use crate::fault::Fault;
use crate::future::FaultFuture;
use crate::port::PortSlot;
use crate::reach::Side;

/// A service behind a [`Fault`], made by [`FaultLayer`](crate::FaultLayer). Its error is the inner
/// service's: what the fault does is a response, or a body that fails.
#[derive(Debug, Clone)]
pub struct FaultService<S> {
    inner: S,
    fault: Fault,
    ports: PortSlot,
}

impl<S> FaultService<S> {
    /// Puts the fault around a service.
    pub fn new(inner: S, fault: Fault) -> Self {
        Self { inner, fault, ports: PortSlot::default() }
    }

    pub(crate) fn with_ports(self, ports: PortSlot) -> Self {
        Self { ports, ..self }
    }

    /// The service behind the fault.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Takes the service out again.
    pub fn into_inner(self) -> S {
        self.inner
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

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        match self.fault.decide(Side::Server, &mut request, || self.ports.port::<ReqB>().is_some()) {
            None => FaultFuture::spared(self.inner.call(request)),
            Some(strike) => {
                // The one that was made ready goes along; its clone was not, and stays.
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                FaultFuture::struck(strike, ready, request, self.ports.port(), Ok)
            }
        }
    }
}
