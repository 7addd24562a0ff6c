//! FaultService.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::body::fault_body::FaultBody;
use crate::body::request_body::PortSlot;
use crate::fault::capability::Side;
use crate::fault::fault::Fault;
use crate::service::future::{FaultFuture, Refuse};

#[derive(Debug, Clone)]
pub(crate) struct Around<S> {
    pub(crate) inner: S,
    pub(crate) fault: Fault,
    pub(crate) ports: PortSlot,
}

impl<S: Clone> Around<S> {
    /// Of an idle fault's cost, what is ours is one load; what counts is that the request is not
    /// copied on its way. So nothing that may unwind comes between, after which it would have to be
    /// dropped here; and whatever asks for its address is kept out of the caller's code.
    #[inline]
    pub(crate) fn call<B>(
        &mut self,
        side: Side,
        request: Request<B>,
        refuse: Refuse<S::Error>,
    ) -> FaultFuture<S, B>
    where
        S: Service<Request<B>>,
        B: 'static,
    {
        let idle = self.fault.idle();
        self.pass(idle, side, request, refuse)
    }

    #[inline]
    fn pass<B>(
        &mut self,
        idle: bool,
        side: Side,
        request: Request<B>,
        refuse: Refuse<S::Error>,
    ) -> FaultFuture<S, B>
    where
        S: Service<Request<B>>,
        B: 'static,
    {
        if idle {
            FaultFuture::spared(self.inner.call(request))
        } else {
            self.consider(side, request, refuse)
        }
    }

    #[inline(never)]
    fn consider<B>(
        &mut self,
        side: Side,
        mut request: Request<B>,
        refuse: Refuse<S::Error>,
    ) -> FaultFuture<S, B>
    where
        S: Service<Request<B>>,
        B: 'static,
    {
        match self.fault.decide(side, &mut request, || self.ports.port::<B>().is_some()) {
            None => FaultFuture::spared(self.inner.call(request)),
            Some(strike) => {
                // The one that was made ready goes along; its clone was not, and stays.
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                FaultFuture::struck(strike, ready, request, self.ports.port(), refuse)
            }
        }
    }
}

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
