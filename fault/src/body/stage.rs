//! Stage: one transformation of a body; cancellable sleeps.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::body::error::{BodyError, RejectError};

/// What a poll of a body gives.
pub(crate) type Polled = Poll<Option<Result<Frame<Bytes>, BodyError>>>;

/// One thing done to a body: it pulls frames from below and hands its own out.
pub(crate) trait Stage: fmt::Debug + Send + Sync {
    /// The next frame. From the moment that the fault is [off](StageInput::off), what is held back is
    /// handed out and the rest goes by untouched.
    fn poll_frame(&mut self, cx: &mut Context<'_>, input: &mut StageInput<'_>) -> Polled;

    /// The size of what comes out, of that which comes in.
    fn size_hint(&self, input: SizeHint) -> SizeHint {
        input
    }

    /// Whether nothing comes out any more, given whether nothing comes in.
    fn is_end(&self, input: bool) -> bool {
        input
    }

    /// Whether the head must not promise the length that the body had.
    fn resizes(&self) -> bool {
        false
    }

    /// Told before the first frame what length the body is known to have, if any.
    fn begin(&mut self, _length: Option<u64>) {}
}

/// A size with some bytes more, which a stage holds back.
pub(crate) fn plus(hint: SizeHint, bytes: u64) -> SizeHint {
    let mut sum = SizeHint::new();
    sum.set_lower(hint.lower().saturating_add(bytes));
    if let Some(upper) = hint.upper() {
        sum.set_upper(upper.saturating_add(bytes));
    }
    sum
}

/// The fault behind the stages, as they see it.
pub(crate) trait FaultHandle: Send + Sync {
    /// The name of the fault.
    fn name(&self) -> Arc<str>;

    /// Whether the fault was switched off or halted.
    fn off(&self) -> bool;

    /// Begins a wait.
    fn pause(&self, time: Duration) -> Pause;

    /// Resets the whole connection, where it can be had.
    fn reset_connection(&self) {}

    /// The body came to its end, or the fault was called off before.
    fn done(&mut self, is_cancelled: bool);
}

/// All that lies below one stage.
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

    pub(crate) fn off(&self) -> bool {
        self.off
    }

    pub(crate) fn pause(&self, time: Duration) -> Pause {
        self.handle.pause(time)
    }

    /// Resets the whole connection, where it can be had.
    pub(crate) fn reset_connection(&self) {
        self.handle.reset_connection();
    }

    /// The error that ends a body before its time.
    pub(crate) fn truncation_error(&self, code: Option<u32>) -> BodyError {
        BodyError::injected(RejectError::cut(self.handle.name(), code))
    }
}

pin_project! {
    /// A body that faults change, each of which counts as active until the body ends.
    pub(crate) struct StagedBody<B> {
        #[pin]
        body: B,
        // The first is the innermost fault's.
        groups: Vec<StageGroup>,
    }
}

/// The stages of one fault.
struct StageGroup {
    /// The first written is the first that a frame comes through.
    stages: Vec<Box<dyn Stage>>,
    handle: Box<dyn FaultHandle>,
    has_begun: bool,
    /// It stays so: a fault that is on once more has lost its place in the body.
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

/// All that lies below the stages of one fault.
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
            // Each is told what the ones below it make of the length.
            self.stages.iter_mut().fold(source.size_hint(), |hint, stage| {
                stage.begin(hint.exact());
                stage.size_hint(hint)
            });
        }
        if !self.is_cancelled && self.handle.off() {
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
            // A server that knows the length does not ask again.
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

/// A wait under way. It tells whether it ran to its end or was called off.
///
/// The lock is never taken: it only makes a future that need not be `Sync` fit into bodies that
/// must be.
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

/// How time is slept away: tokio's timer, or a function of the user's.
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

    pub(crate) async fn sleep(&self, time: Duration) {
        match &self.0 {
            Some(sleep) => sleep(time).await,
            None => tokio::time::sleep(time).await,
        }
    }
}
