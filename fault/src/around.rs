//! Around: a service, the fault that lies around it, and the way past.

use http::Request;
use tower_service::Service;

use crate::fault::Fault;
use crate::future::FaultFuture;
use crate::port::PortSlot;
use crate::reach::Side;
use crate::struck::Refuse;

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
