//! slow and rate_limit: delays and limited rates.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

use crate::body::stage::{Pause, Polled, Stage, StageInput, plus};
use crate::config::error::{ErrorCollector, FaultErrorKind};
use crate::injector::key::RequestKeys;
use crate::injector::steps::{Change, Step, Steps};
use crate::injector::tree::{CompiledInjector, Injector, InjectorConfig, child_setting};
use crate::random::delay::{CompiledDelay, Delay, DelayPoint};
use crate::random::draws::Draws;
use crate::report::event::{Action, Side};

/// Limits each body to this number of bytes per second.
///
/// Data is sent in slices of a sixteenth of a second, as by Envoy's `response_rate_limit`; heads
/// and trailers are not delayed. A slow service does not accumulate credit.
/// [`Toxic::bandwidth`](crate::Toxic::bandwidth) limits a whole connection, with all its bytes.
///
/// ```
/// use waylay_fault::{Fault, Side, rate_limit};
///
/// Fault::new("thin-pipe", rate_limit(8 * 1024)).build()?;
/// Fault::new("thin-upload", rate_limit(8 * 1024).on(Side::Request)).build()?;
/// assert!(Fault::new("no-pipe", rate_limit(0)).build().is_err());
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn rate_limit(bytes_per_second: u64) -> RateLimit {
    RateLimit { rate: bytes_per_second, side: Side::default() }
}

/// A rate limit, made by [`rate_limit`].
#[derive(Debug, Clone)]
pub struct RateLimit {
    rate: u64,
    side: Side,
}

impl RateLimit {
    /// Selects the body of the request or of the response (the default).
    #[must_use]
    pub fn on(mut self, side: Side) -> Self {
        self.side = side;
        self
    }
}

impl From<RateLimit> for Injector {
    fn from(limit: RateLimit) -> Self {
        Self::new(limit)
    }
}

impl InjectorConfig for RateLimit {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        if self.rate == 0 {
            errors.add(child_setting(at, "rate_limit"), self.rate, FaultErrorKind::Rate);
            return None;
        }
        Some(self)
    }
}

impl CompiledInjector for RateLimit {
    fn plan(&self, _: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        let stage = Box::new(RateLimitStage { rate: self.rate, due: None, rest: Bytes::new(), pause: None });
        steps.change(self.side, Change::Body(stage), Action::RateLimit(self.side, self.rate));
    }

    fn changes_request(&self) -> bool {
        self.side == Side::Request
    }
}

const SLICES_PER_SECOND: u64 = 16;

#[derive(Debug)]
struct RateLimitStage {
    rate: u64,
    /// Time until which the slices sent so far use up the rate.
    due: Option<Instant>,
    /// The rest of a chunk.
    rest: Bytes,
    pause: Option<Pause>,
}

impl RateLimitStage {
    fn slice(&self) -> usize {
        let most = usize::try_from(self.rate.div_ceil(SLICES_PER_SECOND)).unwrap_or(usize::MAX);
        self.rest.len().min(most)
    }

    /// Returns the delay before the next slice.
    fn next_wait(&mut self) -> Duration {
        let price = self.slice() as u128 * 1_000_000_000 / u128::from(self.rate);
        let price = Duration::from_nanos(u64::try_from(price).unwrap_or(u64::MAX));
        let now = Instant::now();
        let start = self.due.map_or(now, |due| due.max(now));
        let due = start.checked_add(price).unwrap_or(start);
        self.due = Some(due);
        due - now
    }
}

impl Stage for RateLimitStage {
    fn poll_frame(&mut self, cx: &mut Context<'_>, input: &mut StageInput<'_>) -> Polled {
        while self.rest.is_empty() {
            match ready!(input.poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if input.is_off() => return Poll::Ready(Some(Ok(Frame::data(data)))),
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            }
        }
        if input.is_off() {
            self.pause = None;
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.rest)))));
        }
        if self.pause.is_none() {
            let wait = self.next_wait();
            self.pause = Some(input.pause(wait));
        }
        if let Some(pause) = &mut self.pause {
            let is_cancelled = ready!(pause.poll(cx)).is_none();
            self.pause = None;
            if is_cancelled {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.rest)))));
            }
        }
        let slice = self.slice();
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(slice)))))
    }

    fn size_hint(&self, input: SizeHint) -> SizeHint {
        plus(input, self.rest.len() as u64)
    }

    fn is_end(&self, input: bool) -> bool {
        input && self.rest.is_empty()
    }
}

/// Delays the request, then continues with the next link of a chain, and finally with the service.
/// Delays of one chain add up. [`Delay::at`] moves the delay to the head of the response or to the
/// chunks of a body.
///
/// A delay ends at once when the client leaves, and is cancelled (the request goes on to the
/// service) when the fault is disabled or halted. No thread is blocked. On HTTP/1 the server
/// notices that a client has left only while it reads: with an upload that is large or not complete
/// the delay runs to its end, unless the fault reads [ahead](crate::FaultBuilder::read_ahead).
///
/// ```
/// use waylay_fault::{Delay, Fault, slow};
///
/// Fault::new("slow-search", slow(Delay::uniform("80ms", "400ms"))).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn slow(delay: Delay) -> Injector {
    Injector::new(SlowConfig(delay))
}

#[derive(Debug)]
struct SlowConfig(Delay);

impl InjectorConfig for SlowConfig {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        Some(Box::new(Arc::new(self.0.check(&child_setting(at, "slow"), errors)?)))
    }
}

impl CompiledInjector for Arc<CompiledDelay> {
    fn plan(&self, mut draws: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        let side = match self.at() {
            DelayPoint::RequestChunks => Side::Request,
            DelayPoint::ResponseChunks => Side::Response,
            DelayPoint::Request => {
                let delay = self.draw(&mut draws);
                return steps.push(Step::Wait(delay), Action::Slow(delay));
            }
            DelayPoint::ResponseHead => {
                let delay = self.draw(&mut draws);
                return steps.push(Step::Response(Change::Wait(delay)), Action::SlowHead(delay));
            }
        };
        let stage = Box::new(DelayStage { delay: self.clone(), draws, held: None });
        steps.change(side, Change::Body(stage), Action::SlowChunks(side));
    }

    fn changes_request(&self) -> bool {
        self.at() == DelayPoint::RequestChunks
    }
}

/// Delays each chunk.
#[derive(Debug)]
struct DelayStage {
    delay: Arc<CompiledDelay>,
    draws: Draws,
    held: Option<(Bytes, Pause)>,
}

impl Stage for DelayStage {
    fn poll_frame(&mut self, cx: &mut Context<'_>, input: &mut StageInput<'_>) -> Polled {
        if self.held.is_none() {
            match ready!(input.poll_frame(cx)) {
                Some(Ok(frame)) if !input.is_off() => match frame.into_data() {
                    Ok(data) => {
                        let delay = self.delay.draw_guarded(&mut self.draws);
                        if delay.is_zero() {
                            return Poll::Ready(Some(Ok(Frame::data(data))));
                        }
                        self.held = Some((data, input.pause(delay)));
                    }
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            }
        }
        if let Some((_, pause)) = &mut self.held {
            // Cancelled or over, the chunk is sent.
            let _ = ready!(pause.poll(cx));
        }
        Poll::Ready(self.held.take().map(|(data, _)| Ok(Frame::data(data))))
    }

    fn size_hint(&self, input: SizeHint) -> SizeHint {
        plus(input, self.held.as_ref().map_or(0, |(data, _)| data.len() as u64))
    }

    fn is_end(&self, input: bool) -> bool {
        input && self.held.is_none()
    }
}
