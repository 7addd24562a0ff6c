//! Evaluation: a request that waits for the flags of its faults.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Request;

use crate::body::request_body::BodyRebox;
use crate::fault::capability::Placement;
use crate::fault::execution::Rejected;
use crate::fault::flag::FlagEvaluations;
use crate::fault::set::Snapshot;
use crate::fault::source::{Decision, FaultSource};

/// What a layer does with the error type of its service.
pub(crate) struct ErrorFns<E> {
    /// Turns a rejection into a failing response, or into the client's error.
    pub(crate) on_reject: fn(Rejected) -> Result<Rejected, E>,
    /// Tests whether a fault made the error, further in.
    pub(crate) is_injected: fn(&E) -> bool,
}

impl<E> Clone for ErrorFns<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for ErrorFns<E> {}

pub(crate) struct Evaluation<S, B, E> {
    evaluations: FlagEvaluations,
    snapshot: Option<Arc<Snapshot>>,
    source: FaultSource,
    placement: Placement,
    /// `None` once it is over.
    waiting: Option<Waiting<S, B, E>>,
}

/// A request, and the service that is ready for it.
pub(crate) struct Waiting<S, B, E> {
    pub(crate) service: S,
    pub(crate) request: Request<B>,
    pub(crate) rebox: Option<BodyRebox<B>>,
    pub(crate) errors: ErrorFns<E>,
}

impl<S, B, E> Evaluation<S, B, E> {
    pub(crate) fn new(
        (evaluations, snapshot): (FlagEvaluations, Option<Arc<Snapshot>>),
        source: FaultSource,
        placement: Placement,
        waiting: Waiting<S, B, E>,
    ) -> Self {
        Self { evaluations, snapshot, source, placement, waiting: Some(waiting) }
    }

    /// Ready with the decision about the request when all flags are evaluated.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(Decision, Waiting<S, B, E>)> {
        if self.waiting.is_none() {
            // After completion.
            return Poll::Pending;
        }
        let shares = ready!(self.evaluations.poll(cx));
        let Some(mut waiting) = self.waiting.take() else { return Poll::Pending };
        shares.insert_into(&mut waiting.request);
        let has_rebox = waiting.rebox.is_some();
        let snapshot = self.snapshot.take();
        let request = &mut waiting.request;
        let decision = self.source.decide_evaluated(snapshot, self.placement, request, || has_rebox);
        Poll::Ready((decision, waiting))
    }
}
