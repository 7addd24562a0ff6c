//! Truncated bodies.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::body::stage::{Below, Pause, Polled, Stage, plus};
use crate::config::duration::DelayTime;
use crate::config::error::{Findings, Problem};
#[cfg(feature = "http2")]
use crate::connection::command::ResetCode;
use crate::injector::key::Asker;
use crate::injector::plan::{Change, Plan};
use crate::injector::tree::{Act, Draft, Injector, below};
use crate::random::draws::Draws;
use crate::report::event::{Deed, Side};

/// Where a body is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Cut {
    /// After this many bytes; a body that is not longer stays whole.
    Bytes(u64),
    /// After this share of its length, from 0 to 1. Where the length is not known beforehand, of
    /// the first chunk.
    Fraction(f64),
}

/// How a body that was cut ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// HTTP/1 closes the connection, HTTP/2 resets the stream with `INTERNAL_ERROR`: the client can
    /// tell that something is missing.
    #[default]
    Close,
    /// HTTP/2 resets the stream with this code; HTTP/1 closes the connection.
    #[cfg(feature = "http2")]
    Reset(ResetCode),
    /// The whole connection is reset, by a TCP `RST`. Of a response only, and only where its
    /// connection was [lent](crate::FaultListener): elsewhere it is unreachable.
    ConnectionReset,
    /// As if that had been all: the head promises the shorter length, and nothing on the wire tells
    /// of the rest. Trailers are left out.
    End,
}

/// Ends a body before its time; what comes before the cut is sent for sure.
///
/// A server resets an HTTP/2 stream at the cost of what it has not sent yet, so the end waits for
/// a moment after the last byte: 50 ms, unless [`linger`](Truncate::linger) says otherwise.
///
/// ```
/// use waylay_fault::{Cut, Ending, Fault, truncate};
///
/// Fault::new("cut-short", truncate(Cut::Bytes(512))).build()?;
/// Fault::new("half", truncate(Cut::Fraction(0.5)).then(Ending::End)).build()?;
/// assert!(Fault::new("more", truncate(Cut::Fraction(1.5))).build().is_err());
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn truncate(at: Cut) -> Truncate {
    let linger = DelayTime::from(Duration::from_millis(50));
    Truncate { cut: at, ending: Ending::default(), side: Side::default(), linger }
}

/// A cut, made by [`truncate`].
#[derive(Debug, Clone)]
pub struct Truncate {
    cut: Cut,
    ending: Ending,
    side: Side,
    linger: DelayTime,
}

impl Truncate {
    /// How the body ends; [`Ending::Close`] by default.
    #[must_use]
    pub fn then(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// Whose body; the response's by default.
    #[must_use]
    pub fn on(mut self, side: Side) -> Self {
        self.side = side;
        self
    }

    /// How long to leave the server for sending what came before the cut.
    #[must_use]
    pub fn linger(mut self, time: impl Into<DelayTime>) -> Self {
        self.linger = time.into();
        self
    }
}

impl From<Truncate> for Injector {
    fn from(truncate: Truncate) -> Self {
        Self::draft(truncate)
    }
}

impl Draft for Truncate {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        let at = below(at, "truncate");
        let linger = findings.time(format!("{at}.linger"), self.linger.duration());
        if let Cut::Fraction(share) = self.cut
            && !(0.0..=1.0).contains(&share)
        {
            findings.add(format!("{at}.fraction"), share, Problem::Share);
            return None;
        }
        let resets = self.ending == Ending::ConnectionReset;
        if resets && self.side == Side::Request {
            findings.add(format!("{at}.then"), "ConnectionReset", Problem::RequestReset);
            return None;
        }
        let code = match self.ending {
            #[cfg(feature = "http2")]
            Ending::Reset(code) => Some(code.into()),
            _ => None,
        };
        let clean = self.ending == Ending::End;
        Some(Box::new(Blade { cut: self.cut, clean, code, resets, linger: linger?, side: self.side }))
    }
}

#[derive(Debug, Clone, Copy)]
struct Blade {
    cut: Cut,
    clean: bool,
    code: Option<u32>,
    resets: bool,
    linger: Duration,
    side: Side,
}

impl Blade {
    /// Where to cut a body, or a first chunk, of this length.
    fn point(&self, length: u64) -> u64 {
        match self.cut {
            Cut::Bytes(bytes) => bytes,
            Cut::Fraction(share) => (length as f64 * share) as u64,
        }
    }
}

impl Act for Blade {
    fn plan(&self, _: Draws, _: Asker<'_>, plan: &mut Plan) {
        let left = match self.cut {
            Cut::Bytes(bytes) => Some(bytes),
            Cut::Fraction(_) => None,
        };
        plan.resets |= self.resets;
        let stage = Box::new(Severed { blade: *self, left, rest: Bytes::new(), end: End::Ahead });
        plan.change(self.side, Change::Body(stage), Deed::Truncate(self.side));
    }
}

#[derive(Debug)]
struct Severed {
    blade: Blade,
    /// How many bytes are still let through, once that is known.
    left: Option<u64>,
    /// What lies behind the cut of a chunk, should the fault be called off.
    rest: Bytes,
    end: End,
}

#[derive(Debug)]
enum End {
    Ahead,
    Near(Pause),
    Past,
}

impl Stage for Severed {
    fn begin(&mut self, length: Option<u64>) {
        if let Some(length) = length {
            self.left = Some(self.blade.point(length));
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>, below: &mut Below<'_>) -> Polled {
        // A shorter length that was promised is kept, whatever becomes of the fault.
        let off = below.off() && !self.blade.clean;
        if let End::Near(pause) = &mut self.end {
            let in_time = off || ready!(pause.poll(cx)).is_some();
            if in_time && !off {
                self.end = End::Past;
                if self.blade.resets {
                    below.reset_connection();
                }
                return Poll::Ready(Some(Err(below.cut(self.blade.code))));
            }
            self.end = End::Ahead;
            self.left = Some(u64::MAX);
        }
        if matches!(self.end, End::Past) {
            return Poll::Ready(None);
        }
        if off || self.left == Some(u64::MAX) {
            let rest = std::mem::take(&mut self.rest);
            return if rest.is_empty() {
                below.poll_frame(cx)
            } else {
                Poll::Ready(Some(Ok(Frame::data(rest))))
            };
        }
        if self.rest.is_empty() {
            let data = match ready!(below.poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            };
            let length = data.len() as u64;
            let left = *self.left.get_or_insert_with(|| self.blade.point(length));
            if length <= left {
                self.left = Some(left - length);
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            // Less than the chunk's length, which is a `usize`.
            self.rest = data.slice(left as usize..);
            self.left = Some(0);
            if left > 0 {
                return Poll::Ready(Some(Ok(Frame::data(data.slice(..left as usize)))));
            }
        }
        if self.blade.clean {
            self.end = End::Past;
            return Poll::Ready(None);
        }
        self.end = End::Near(below.pause(self.blade.linger));
        // Polled by a further turn, so that the timer knows whom to wake.
        self.poll_frame(cx, below)
    }

    fn size_hint(&self, below: SizeHint) -> SizeHint {
        let whole = plus(below, self.rest.len() as u64);
        if !self.blade.clean {
            return whole;
        }
        if matches!(self.end, End::Past) {
            return SizeHint::with_exact(0);
        }
        match whole.exact() {
            Some(length) => {
                SizeHint::with_exact(self.left.unwrap_or_else(|| self.blade.point(length)).min(length))
            }
            None => SizeHint::default(),
        }
    }

    fn is_end(&self, below: bool) -> bool {
        matches!(self.end, End::Past) || (below && self.rest.is_empty())
    }

    fn resizes(&self) -> bool {
        self.blade.clean
    }
}
