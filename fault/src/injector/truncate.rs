//! Truncate: truncated bodies.

use std::ops::ControlFlow;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::body::error::BodyError;
use crate::body::stage::{NextFrame, Pause, Polled, Stage, StageInput, plus};
use crate::config::duration::DelayTime;
use crate::config::error::{ErrorCollector, FaultErrorKind};
#[cfg(feature = "http2")]
use crate::connection::command::ResetCode;
use crate::injector::key::RequestKeys;
use crate::injector::steps::{Change, Steps};
use crate::injector::tree::{CompiledInjector, Injector, InjectorConfig, child_setting};
use crate::random::draws::Draws;
use crate::report::event::{Action, Side};

/// The length at which a body is truncated.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum TruncateAt {
    /// After this number of bytes; a body that is not longer stays whole.
    Bytes(u64),
    /// After this share of its length, from 0 to 1. If the length is unknown, it is a share of the
    /// first chunk.
    Fraction(f64),
}

/// The end of a truncated body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TruncateEnd {
    /// HTTP/1 closes the connection, HTTP/2 resets the stream with `INTERNAL_ERROR`: the client can
    /// detect the truncation.
    #[default]
    Close,
    /// HTTP/2 resets the stream with this code; HTTP/1 closes the connection.
    #[cfg(feature = "http2")]
    Reset(ResetCode),
    /// The whole connection is reset by a TCP `RST`. Only for a response, and only if its
    /// connection has a [handle](crate::FaultListener); otherwise it is not deliverable.
    ConnectionReset,
    /// A regular end: the head states the shorter length, and the client cannot detect the
    /// truncation. Trailers are left out.
    Clean,
}

/// Truncates a body; the bytes before the cut are sent.
///
/// When a server resets an HTTP/2 stream, data not sent yet is lost. So the end comes some time
/// after the last byte: 50 ms, unless set by [`linger`](Truncate::linger).
///
/// ```
/// use waylay_fault::{TruncateAt, TruncateEnd, Fault, truncate};
///
/// Fault::new("at-short", truncate(TruncateAt::Bytes(512))).build()?;
/// Fault::new("half", truncate(TruncateAt::Fraction(0.5)).then(TruncateEnd::Clean)).build()?;
/// assert!(Fault::new("more", truncate(TruncateAt::Fraction(1.5))).build().is_err());
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn truncate(at: TruncateAt) -> Truncate {
    let linger = DelayTime::from(Duration::from_millis(50));
    Truncate { at, ending: TruncateEnd::default(), side: Side::default(), linger }
}

/// A truncation, made by [`truncate`].
#[derive(Debug, Clone)]
pub struct Truncate {
    at: TruncateAt,
    ending: TruncateEnd,
    side: Side,
    linger: DelayTime,
}

impl Truncate {
    /// Sets the end of the body; [`TruncateEnd::Close`] by default.
    #[must_use]
    pub fn then(mut self, ending: TruncateEnd) -> Self {
        self.ending = ending;
        self
    }

    /// Selects the body of the request or of the response (the default).
    #[must_use]
    pub fn on(mut self, side: Side) -> Self {
        self.side = side;
        self
    }

    /// Sets the time for sending the bytes before the cut.
    #[must_use]
    pub fn linger(mut self, time: impl Into<DelayTime>) -> Self {
        self.linger = time.into();
        self
    }
}

impl From<Truncate> for Injector {
    fn from(truncate: Truncate) -> Self {
        Self::new(truncate)
    }
}

impl InjectorConfig for Truncate {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        let at = child_setting(at, "truncate");
        let linger = errors.time(format!("{at}.linger"), self.linger.duration());
        if let TruncateAt::Fraction(share) = self.at
            && !(0.0..=1.0).contains(&share)
        {
            errors.add(format!("{at}.fraction"), share, FaultErrorKind::Fraction);
            return None;
        }
        let resets = self.ending == TruncateEnd::ConnectionReset;
        if resets && self.side == Side::Request {
            errors.add(format!("{at}.then"), "ConnectionReset", FaultErrorKind::RequestReset);
            return None;
        }
        let code = match self.ending {
            #[cfg(feature = "http2")]
            TruncateEnd::Reset(code) => Some(code.into()),
            _ => None,
        };
        let clean = self.ending == TruncateEnd::Clean;
        Some(Box::new(TruncateConfig { at: self.at, clean, code, resets, linger: linger?, side: self.side }))
    }
}

#[derive(Debug, Clone, Copy)]
struct TruncateConfig {
    at: TruncateAt,
    clean: bool,
    code: Option<u32>,
    resets: bool,
    linger: Duration,
    side: Side,
}

impl TruncateConfig {
    /// Returns the cut in a body, or a first chunk, of this length.
    fn point(&self, length: u64) -> u64 {
        match self.at {
            TruncateAt::Bytes(bytes) => bytes,
            TruncateAt::Fraction(share) => (length as f64 * share) as u64,
        }
    }
}

impl CompiledInjector for TruncateConfig {
    fn plan(&self, _: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        let left = match self.at {
            TruncateAt::Bytes(bytes) => Some(bytes),
            TruncateAt::Fraction(_) => None,
        };
        steps.resets |= self.resets;
        let stage = Box::new(TruncateStage {
            config: *self,
            left,
            rest: Bytes::new(),
            state: TruncateState::Reading,
        });
        steps.change(self.side, Change::Body(stage), Action::Truncate(self.side));
    }

    fn changes_request(&self) -> bool {
        self.side == Side::Request
    }
}

#[derive(Debug)]
struct TruncateStage {
    config: TruncateConfig,
    /// Number of bytes before the cut, once known.
    left: Option<u64>,
    /// The rest of the cut chunk, sent if the fault is cancelled.
    rest: Bytes,
    state: TruncateState,
}

#[derive(Debug)]
enum TruncateState {
    Reading,
    Lingering(Pause),
    Ended,
}

impl TruncateStage {
    /// Waits for the end after the last byte. `Some`: the body fails now.
    fn poll_linger(
        &mut self,
        cx: &mut Context<'_>,
        input: &StageInput<'_>,
        is_off: bool,
    ) -> Poll<Option<BodyError>> {
        let TruncateState::Lingering(pause) = &mut self.state else { return Poll::Ready(None) };
        let is_cancelled = is_off || ready!(pause.poll(cx)).is_none();
        if is_cancelled {
            self.state = TruncateState::Reading;
            self.left = Some(u64::MAX);
            return Poll::Ready(None);
        }
        self.state = TruncateState::Ended;
        if self.config.resets {
            input.reset_connection();
        }
        Poll::Ready(Some(input.truncation_error(self.config.code)))
    }

    /// Reads up to the cut. `Break`: the next frame before it, or the body ended by itself.
    fn poll_before_cut(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut StageInput<'_>,
    ) -> Poll<ControlFlow<NextFrame>> {
        let data = match ready!(input.poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => data,
                Err(trailers) => return Poll::Ready(ControlFlow::Break(Some(Ok(trailers)))),
            },
            other => return Poll::Ready(ControlFlow::Break(other)),
        };
        let length = data.len() as u64;
        let left = *self.left.get_or_insert_with(|| self.config.point(length));
        if length <= left {
            self.left = Some(left - length);
            return Poll::Ready(ControlFlow::Break(Some(Ok(Frame::data(data)))));
        }
        // Less than the chunk's length, which is a `usize`.
        self.rest = data.slice(left as usize..);
        self.left = Some(0);
        Poll::Ready(match left {
            0 => ControlFlow::Continue(()),
            left => ControlFlow::Break(Some(Ok(Frame::data(data.slice(..left as usize))))),
        })
    }
}

impl Stage for TruncateStage {
    fn begin(&mut self, length: Option<u64>) {
        if let Some(length) = length {
            self.left = Some(self.config.point(length));
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>, input: &mut StageInput<'_>) -> Polled {
        // A promised shorter length is kept, even if the fault is switched off.
        let is_off = input.is_off() && !self.config.clean;
        if let Some(error) = ready!(self.poll_linger(cx, input, is_off)) {
            return Poll::Ready(Some(Err(error)));
        }
        if matches!(self.state, TruncateState::Ended) {
            return Poll::Ready(None);
        }
        if is_off || self.left == Some(u64::MAX) {
            return match std::mem::take(&mut self.rest) {
                rest if rest.is_empty() => input.poll_frame(cx),
                rest => Poll::Ready(Some(Ok(Frame::data(rest)))),
            };
        }
        if self.rest.is_empty()
            && let ControlFlow::Break(frame) = ready!(self.poll_before_cut(cx, input))
        {
            return Poll::Ready(frame);
        }
        if self.config.clean {
            self.state = TruncateState::Ended;
            return Poll::Ready(None);
        }
        self.state = TruncateState::Lingering(input.pause(self.config.linger));
        // Polls the new timer, which registers the waker.
        self.poll_frame(cx, input)
    }

    fn size_hint(&self, input: SizeHint) -> SizeHint {
        let whole = plus(input, self.rest.len() as u64);
        if !self.config.clean {
            return whole;
        }
        if matches!(self.state, TruncateState::Ended) {
            return SizeHint::with_exact(0);
        }
        match whole.exact() {
            Some(length) => {
                SizeHint::with_exact(self.left.unwrap_or_else(|| self.config.point(length)).min(length))
            }
            None => SizeHint::default(),
        }
    }

    fn is_end(&self, input: bool) -> bool {
        matches!(self.state, TruncateState::Ended) || (input && self.rest.is_empty())
    }

    fn resizes(&self) -> bool {
        self.config.clean
    }
}
