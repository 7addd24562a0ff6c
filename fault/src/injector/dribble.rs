//! Dribble: a body in parts, spread over a time.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

use crate::body::error::BodyError;
use crate::body::stage::{Pause, Polled, Stage, StageInput, plus};
use crate::config::duration::DelayTime;
use crate::config::error::{ErrorCollector, FaultErrorKind};
use crate::injector::key::RequestKeys;
use crate::injector::steps::{Change, Steps};
use crate::injector::tree::{CompiledInjector, Injector, InjectorConfig, child_setting};
use crate::random::draws::Draws;
use crate::report::event::{Action, Side};

/// Sends a body in this number of parts of equal size, spread evenly over a time, as WireMock's
/// `chunkedDribbleDelay` does: each part comes after its share of the time, and the last at its end.
/// The head is not delayed.
///
/// The time begins when the body is first read. A body of unknown length is read whole before, up to 1
/// MiB; what is longer follows after the last part. A body that has fewer bytes than parts has a part
/// for each byte.
///
/// ```
/// use std::time::Duration;
/// use http::{Request, Response};
/// use http_body_util::BodyExt;
/// use tokio::time::Instant;
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{Fault, dribble};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
/// let fault = Fault::new("dribble", dribble(4, "2s")).enabled(true).participation(1.0).build()?;
/// let inner = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::from("12345678"))));
/// let begin = Instant::now();
/// let mut body = fault.layer().layer(inner).oneshot(Request::new(String::new())).await?.into_body();
/// let mut parts = Vec::new();
/// while let Some(Ok(frame)) = body.frame().await {
///     parts.push((begin.elapsed().as_millis(), frame.into_data().expect("it has no trailers")));
/// }
/// assert_eq!(parts, [(500, "12".into()), (1000, "34".into()), (1500, "56".into()), (2000, "78".into())]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dribble(parts: u32, over: impl Into<DelayTime>) -> Dribble {
    Dribble { parts, over: over.into(), side: Side::default() }
}

/// A body in parts, made by [`dribble`].
#[derive(Debug, Clone)]
#[must_use = "an injector does nothing until a fault has it"]
pub struct Dribble {
    parts: u32,
    over: DelayTime,
    side: Side,
}

impl Dribble {
    /// Selects the body of the request or of the response (the default).
    pub fn on(mut self, side: Side) -> Self {
        self.side = side;
        self
    }
}

impl From<Dribble> for Injector {
    fn from(dribble: Dribble) -> Self {
        Self::new(dribble)
    }
}

impl InjectorConfig for Dribble {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        let at = child_setting(at, "dribble");
        let over = errors.time(format!("{at}.over"), self.over.duration());
        if self.parts == 0 {
            errors.add(format!("{at}.parts"), 0, FaultErrorKind::Zero);
            return None;
        }
        Some(Box::new(CompiledDribble { parts: self.parts, over: over?, side: self.side }))
    }
}

#[derive(Debug)]
struct CompiledDribble {
    parts: u32,
    over: Duration,
    side: Side,
}

impl CompiledInjector for CompiledDribble {
    fn plan(&self, _: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        let stage = Box::new(DribbleStage {
            parts: self.parts,
            over: self.over,
            begin: None,
            length: None,
            read: BytesMut::new(),
            last: None,
            rest: Bytes::new(),
            sent: 0,
            number: 0,
            pause: None,
        });
        let action = Action::Dribble(self.side, self.parts, self.over);
        steps.change(self.side, Change::Body(stage), action);
    }

    fn changes_request(&self) -> bool {
        self.side == Side::Request
    }
}

/// A body of unknown length is buffered up to this.
const MAX_DRIBBLE: usize = 1 << 20;

#[derive(Debug)]
struct DribbleStage {
    parts: u32,
    over: Duration,
    begin: Option<Instant>,
    /// Of the body, or of what is divided into parts.
    length: Option<u64>,
    /// The beginning of a body whose length is not known yet.
    read: BytesMut,
    /// What ended this beginning: trailers, or the failure of the body, which comes after what was read.
    last: Option<Result<Frame<Bytes>, BodyError>>,
    /// The rest of a chunk.
    rest: Bytes,
    sent: u64,
    /// Parts that were begun.
    number: u32,
    pause: Option<Pause>,
}

impl DribbleStage {
    /// Returns the number of bytes up to the end of the current part.
    fn boundary(&self, length: u64) -> u64 {
        let parts = u128::from(self.parts).min(u128::from(length)).max(1);
        u64::try_from(u128::from(length) * u128::from(self.number).min(parts) / parts).unwrap_or(length)
    }

    /// Returns the delay until the current part is sent.
    fn wait(&self, length: u64) -> Duration {
        let parts = u64::from(self.parts).min(length).max(1);
        let share = f64::from(self.number) / parts as f64;
        let due = self.over.mul_f64(share.min(1.0));
        let begin = self.begin.unwrap_or_else(Instant::now);
        due.saturating_sub(begin.elapsed())
    }

    /// Reads a body of unknown length, until it ends or the buffer is full.
    fn poll_length(&mut self, cx: &mut Context<'_>, input: &mut StageInput<'_>) -> Poll<u64> {
        if let Some(length) = self.length {
            return Poll::Ready(length);
        }
        while self.read.len() < MAX_DRIBBLE && !input.is_off() {
            match ready!(input.poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.read.extend_from_slice(&data),
                    Err(trailers) => {
                        self.last = Some(Ok(trailers));
                        break;
                    }
                },
                None => break,
                Some(Err(error)) => {
                    self.last = Some(Err(error));
                    break;
                }
            }
        }
        self.rest = self.read.split().freeze();
        let length = self.rest.len() as u64;
        self.length = Some(length);
        Poll::Ready(length)
    }
}

impl Stage for DribbleStage {
    fn begin(&mut self, length: Option<u64>) {
        self.length = length;
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>, input: &mut StageInput<'_>) -> Polled {
        self.begin.get_or_insert_with(Instant::now);
        let length = ready!(self.poll_length(cx, input));
        while self.rest.is_empty() {
            if let Some(last) = self.last.take() {
                return Poll::Ready(Some(last));
            }
            match ready!(input.poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            }
        }
        if self.pause.is_none() && self.sent >= self.boundary(length) && self.sent < length && !input.is_off()
        {
            self.number += 1;
            self.pause = Some(input.pause(self.wait(length)));
        }
        let is_cancelled = match &mut self.pause {
            Some(pause) => ready!(pause.poll(cx)).is_none(),
            None => false,
        };
        self.pause = None;
        // Beyond the length, after the last part, all passes.
        let left = self.boundary(length).saturating_sub(self.sent);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let all = is_cancelled || input.is_off() || self.sent >= length;
        let part = self.rest.split_to(if all { self.rest.len() } else { self.rest.len().min(left) });
        self.sent += part.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn size_hint(&self, input: SizeHint) -> SizeHint {
        plus(input, (self.rest.len() + self.read.len()) as u64)
    }

    fn is_end(&self, input: bool) -> bool {
        input && self.rest.is_empty() && self.read.is_empty() && self.last.is_none()
    }
}
