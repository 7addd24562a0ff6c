//! Stage: one transformation of a body, with cancellable delays.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::body::error::{BodyError, RejectError};
use crate::report::callback::{GuardedFuture, guard};

/// The result of polling a body.
pub(crate) type Polled = Poll<NextFrame>;

/// The next frame of a body, its failure, or its end.
pub(crate) type NextFrame = Option<Result<Frame<Bytes>, BodyError>>;

/// One transformation of a body: reads frames from its input and returns its own.
pub(crate) trait Stage: fmt::Debug + Send + Sync {
    /// Returns the next frame. Once the fault is [off](StageInput::is_off), buffered data is
    /// returned and the rest passes unchanged.
    fn poll_frame(&mut self, cx: &mut Context<'_>, input: &mut StageInput<'_>) -> Polled;

    /// Returns the size of the output, given that of the input.
    fn size_hint(&self, input: SizeHint) -> SizeHint {
        input
    }

    /// Tests whether the output has ended, given whether the input has.
    fn is_end(&self, input: bool) -> bool {
        input
    }

    /// Begins in the middle of a body: these bytes of an incomplete message were sent already.
    fn resume(&mut self, _partial: &[u8]) {}

    /// Tests whether it can be applied to the body of a message with this head.
    fn applies_to(&self, _: &HeaderMap) -> bool {
        true
    }

    /// Tests whether [`applies_to`](Self::applies_to) may be false.
    fn is_conditional(&self) -> bool {
        false
    }

    /// Tests whether the head must not state the length of the input.
    fn resizes(&self) -> bool {
        false
    }

    /// Receives the length of the input, if known, before the first frame.
    fn begin(&mut self, _length: Option<u64>) {}
}

/// Adds the bytes that a stage has buffered.
pub(crate) fn plus(hint: SizeHint, bytes: u64) -> SizeHint {
    let mut sum = SizeHint::new();
    sum.set_lower(hint.lower().saturating_add(bytes));
    if let Some(upper) = hint.upper() {
        sum.set_upper(upper.saturating_add(bytes));
    }
    sum
}

/// A fault, as seen by the stages and toxics that it has injected.
pub(crate) trait FaultHandle: Send + Sync {
    /// Returns the name of the fault.
    fn name(&self) -> Arc<str>;

    /// Tests whether the fault is disabled or halted.
    fn is_off(&self) -> bool;

    /// Tests whether what outlives a request is to end: the fault is off, or was replaced.
    fn is_over(&self) -> bool {
        self.is_off()
    }

    /// Completes when the fault is disabled or halted.
    fn when_off(&self) -> WhenOff;

    /// Starts a delay.
    fn pause(&self, time: Duration) -> Pause;

    /// Resets the whole connection, if its handle is known.
    fn reset_connection(&self) {}

    /// Called when the body has ended or the fault was cancelled.
    fn done(&mut self, _is_cancelled: bool) {}
}

/// The future of [`FaultHandle::when_off`].
pub(crate) type WhenOff = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Everything before one stage.
pub(crate) struct StageInput<'a> {
    stages: &'a mut [Box<dyn Stage>],
    source: Pin<&'a mut (dyn Body<Data = Bytes, Error = BodyError> + 'a)>,
    handle: &'a dyn FaultHandle,
    off: bool,
}

impl StageInput<'_> {
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled {
        let Some((stage, stages)) = self.stages.split_last_mut() else {
            return self.source.as_mut().poll_frame(cx);
        };
        stage.poll_frame(
            cx,
            &mut StageInput { stages, source: self.source.as_mut(), handle: self.handle, off: self.off },
        )
    }

    /// Returns the next frame of other stages on the same input, which belong to another handle.
    pub(crate) fn poll_stages(
        &mut self,
        cx: &mut Context<'_>,
        stages: &mut [Box<dyn Stage>],
        handle: &dyn FaultHandle,
        off: bool,
    ) -> Polled {
        StageInput { stages, source: self.source.as_mut(), handle, off }.poll_frame(cx)
    }

    pub(crate) fn is_off(&self) -> bool {
        self.off
    }

    pub(crate) fn pause(&self, time: Duration) -> Pause {
        self.handle.pause(time)
    }

    /// Resets the whole connection, if its handle is known.
    pub(crate) fn reset_connection(&self) {
        self.handle.reset_connection();
    }

    /// Returns the error of a truncated body.
    pub(crate) fn truncation_error(&self, code: Option<u32>) -> BodyError {
        BodyError::injected(RejectError::truncated(self.handle.name(), code))
    }
}

pin_project! {
    /// A body with the stages of one or more faults; each is active until the body ends.
    pub(crate) struct StagedBody<B> {
        #[pin]
        body: B,
        // Those of the innermost fault come first.
        groups: Vec<StageGroup>,
    }
}

/// The stages of one fault.
struct StageGroup {
    /// A frame passes the stages in this order.
    stages: Vec<Box<dyn Stage>>,
    handle: Box<dyn FaultHandle>,
    has_begun: bool,
    /// Stays set: a fault that is enabled again does not know its position in the body.
    is_cancelled: bool,
    is_ended: bool,
}

impl<B> StagedBody<B> {
    pub(crate) fn new(body: B, stages: Vec<Box<dyn Stage>>, handle: Box<dyn FaultHandle>) -> Self {
        Self { body, groups: vec![StageGroup::new(stages, handle)] }
    }

    /// Adds the stages of a further fault, around those that are there.
    pub(crate) fn push(self: Pin<&mut Self>, stages: Vec<Box<dyn Stage>>, handle: Box<dyn FaultHandle>) {
        self.project().groups.push(StageGroup::new(stages, handle));
    }
}

impl<B> Body for StagedBody<B>
where
    B: Body<Data = Bytes, Error = BodyError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let this = self.project();
        Pin::new(&mut GroupInput { groups: this.groups, source: this.body }).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.groups.iter().fold(self.body.is_end_stream(), |end, group| group.is_end(end))
    }

    fn size_hint(&self) -> SizeHint {
        self.groups.iter().fold(self.body.size_hint(), |hint, group| group.size_hint(hint))
    }
}

/// Everything before the stages of one fault.
struct GroupInput<'a> {
    groups: &'a mut [StageGroup],
    source: Pin<&'a mut (dyn Body<Data = Bytes, Error = BodyError> + 'a)>,
}

impl Body for GroupInput<'_> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let Self { groups, source } = &mut *self;
        let Some((group, groups)) = groups.split_last_mut() else {
            return source.as_mut().poll_frame(cx);
        };
        group.poll_frame(cx, Pin::new(&mut GroupInput { groups, source: source.as_mut() }))
    }

    fn is_end_stream(&self) -> bool {
        self.groups.iter().fold(self.source.is_end_stream(), |end, group| group.is_end(end))
    }

    fn size_hint(&self) -> SizeHint {
        self.groups.iter().fold(self.source.size_hint(), |hint, group| group.size_hint(hint))
    }
}

impl StageGroup {
    fn new(stages: Vec<Box<dyn Stage>>, handle: Box<dyn FaultHandle>) -> Self {
        Self { stages, handle, has_begun: false, is_cancelled: false, is_ended: false }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>, mut source: Pin<&mut GroupInput<'_>>) -> Polled {
        if self.is_ended {
            return Poll::Ready(None);
        }
        if !std::mem::replace(&mut self.has_begun, true) {
            // Each stage receives the length that results from the ones before it.
            self.stages.iter_mut().fold(source.size_hint(), |hint, stage| {
                stage.begin(hint.exact());
                stage.size_hint(hint)
            });
        }
        if !self.is_cancelled && self.handle.is_off() {
            self.is_cancelled = true;
            self.handle.done(true);
        }
        let off = self.is_cancelled;
        let stages = &mut self.stages;
        let polled =
            StageInput { stages, source: source.as_mut(), handle: &*self.handle, off }.poll_frame(cx);
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None | Some(Err(_))) => {
                self.is_ended = true;
                self.handle.done(false);
            }
            // A server that knows the length does not poll again.
            Poll::Ready(Some(Ok(_))) => {
                if self.stages.iter().fold(source.is_end_stream(), |end, stage| stage.is_end(end)) {
                    self.handle.done(false);
                }
            }
        }
        polled
    }

    fn is_end(&self, below: bool) -> bool {
        self.is_ended || self.stages.iter().fold(below, |end, stage| stage.is_end(end))
    }

    fn size_hint(&self, below: SizeHint) -> SizeHint {
        self.stages.iter().fold(below, |hint, stage| stage.size_hint(hint))
    }
}

impl<B> fmt::Debug for StagedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stages: Vec<_> = self.groups.iter().flat_map(|group| &group.stages).collect();
        f.debug_struct("StagedBody").field("stages", &stages).finish_non_exhaustive()
    }
}

/// A running delay. Returns `None` if it was cancelled.
///
/// The lock is never contended: it makes a future that is not `Sync` fit into bodies that must be.
pub(crate) struct Pause(Mutex<Pin<Box<dyn Future<Output = Option<()>> + Send>>>);

impl Pause {
    pub(crate) fn new(wait: impl Future<Output = Option<()>> + Send + 'static) -> Self {
        Self(Mutex::new(Box::pin(wait)))
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx)
    }
}

impl fmt::Debug for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pause")
    }
}

/// The clock of delays: tokio's timer, or a custom function.
#[derive(Clone, Default)]
pub(crate) struct Sleeper(Option<Arc<Sleep>>);

type Sleep = dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

impl Sleeper {
    pub(crate) fn new<F>(sleep: impl Fn(Duration) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self(Some(Arc::new(move |time| Box::pin(sleep(time)))))
    }

    /// Sleeps; `None` if the function panicked.
    pub(crate) async fn sleep(&self, time: Duration) -> Option<()> {
        match &self.0 {
            Some(sleep) => GuardedFuture::new(guard(|| sleep(time))?).await,
            None => {
                tokio::time::sleep(time).await;
                Some(())
            }
        }
    }
}
