//! FaultService: the tower service around another.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::body::fault_body::FaultBody;
use crate::body::request_body::ReboxSlot;
use crate::fault::capability::Placement;
use crate::fault::fault::Fault;
use crate::fault::source::{Decision, FaultSource, is_idle};
use crate::service::evaluation::{ErrorFns, Evaluation, Waiting};
use crate::service::future::FaultFuture;

#[derive(Debug, Clone)]
pub(crate) struct FaultInner<S> {
    pub(crate) service: S,
    pub(crate) source: FaultSource,
    pub(crate) rebox: ReboxSlot,
}

impl<S: Clone> FaultInner<S> {
    /// An idle fault costs one load, and must not copy the request. So nothing that may unwind
    /// comes before the inner call, after which the request would have to be dropped here; and code
    /// that takes its address is not inlined.
    #[inline]
    pub(crate) fn call<B>(
        &mut self,
        placement: Placement,
        request: Request<B>,
        errors: ErrorFns<S::Error>,
    ) -> FaultFuture<S, B>
    where
        S: Service<Request<B>>,
        B: 'static,
    {
        let is_idle = is_idle(&self.source);
        self.dispatch(is_idle, placement, request, errors)
    }

    #[inline]
    fn dispatch<B>(
        &mut self,
        is_idle: bool,
        placement: Placement,
        request: Request<B>,
        errors: ErrorFns<S::Error>,
    ) -> FaultFuture<S, B>
    where
        S: Service<Request<B>>,
        B: 'static,
    {
        if is_idle {
            FaultFuture::passthrough(self.service.call(request))
        } else {
            self.decide(placement, request, errors)
        }
    }

    #[inline(never)]
    fn decide<B>(
        &mut self,
        placement: Placement,
        mut request: Request<B>,
        errors: ErrorFns<S::Error>,
    ) -> FaultFuture<S, B>
    where
        S: Service<Request<B>>,
        B: 'static,
    {
        match self.source.decide(placement, &mut request, || self.rebox.get::<B>().is_some()) {
            Decision::Pass => FaultFuture::passthrough(self.service.call(request)),
            Decision::Follow(followers) => {
                let rebox = self.rebox.get();
                let standbys = followers.standbys.iter();
                let request = standbys.fold(request, |request, standby| standby.request(request, rebox));
                FaultFuture::followed(self.service.call(request), followers, errors)
            }
            Decision::Evaluate(evaluations, snapshot) => {
                let clone = self.service.clone();
                let service = std::mem::replace(&mut self.service, clone);
                let waiting = Waiting { service, request, rebox: self.rebox.get(), errors };
                let (flags, source) = ((evaluations, snapshot), self.source.clone());
                FaultFuture::evaluating(Evaluation::new(flags, source, placement, waiting))
            }
            Decision::Inject(execution, remaining) => {
                // The future takes the ready service and leaves the clone, which is not ready.
                let clone = self.service.clone();
                let ready = std::mem::replace(&mut self.service, clone);
                FaultFuture::injected(execution, remaining, ready, request, self.rebox.get(), errors)
            }
        }
    }
}

/// A service wrapped in a [`Fault`], made by [`FaultLayer`](crate::FaultLayer). Its error type is
/// the inner service's: the fault acts by a response, or by a failing body.
#[derive(Debug, Clone)]
pub struct FaultService<S> {
    inner: FaultInner<S>,
}

impl<S> FaultService<S> {
    /// Wraps a service in a fault.
    pub fn new(inner: S, fault: Fault) -> Self {
        Self::from_source(inner, FaultSource::One(fault))
    }

    pub(crate) fn from_source(inner: S, source: FaultSource) -> Self {
        Self { inner: FaultInner { service: inner, source, rebox: ReboxSlot::default() } }
    }

    pub(crate) fn with_rebox(self, rebox: ReboxSlot) -> Self {
        Self { inner: FaultInner { rebox, ..self.inner } }
    }

    /// Returns the wrapped service.
    pub fn get_ref(&self) -> &S {
        &self.inner.service
    }

    /// Returns the wrapped service, by value.
    pub fn into_inner(self) -> S {
        self.inner.service
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
        self.inner.service.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        // The error type is the service's, and may be any.
        let errors = ErrorFns { on_reject: Ok, is_injected: |_| false };
        self.inner.call(Placement::Server, request, errors)
    }
}
