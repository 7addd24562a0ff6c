//! Slow: holds a request, a response or their chunks back.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::node::{Act, Draft, Injector, below};
use super::plan::{Change, Plan, Step};
use crate::chance::Draws;
use crate::delay::{At, Delay, Pace};
use crate::error::Findings;
use crate::key::Asker;
use crate::pause::Pause;
use crate::report::{Deed, Side};
use crate::stage::{Below, Polled, Stage, plus};

/// Holds the request back, then goes on: with the next link of a chain, in the end with the
/// service. Delays of one chain add up. [`Delay::at`] moves the delay to the head of the response
/// or to the chunks of a body.
///
/// A delay ends at once when the client leaves, and is called off (the request goes on unharmed)
/// when the fault is switched off or halted. Nothing blocks a thread. On HTTP/1 the server
/// notices that a client left only while it still reads: with an upload larger than hyper's
/// buffer the delay runs to its end.
///
/// ```
/// use waylay_fault::{Delay, Fault, slow};
///
/// Fault::new("slow-search", slow(Delay::uniform("80ms", "400ms"))).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn slow(delay: Delay) -> Injector {
    Injector::draft(Slow(delay))
}

#[derive(Debug)]
struct Slow(Delay);

impl Draft for Slow {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        Some(Box::new(Arc::new(self.0.check(&below(at, "slow"), findings)?)))
    }
}

impl Act for Arc<Pace> {
    fn plan(&self, mut draws: Draws, _: Asker<'_>, plan: &mut Plan) {
        let side = match self.at() {
            At::RequestChunks => Side::Request,
            At::ResponseChunks => Side::Response,
            At::Request => {
                let delay = self.draw(&mut draws);
                return plan.then(Step::Wait(delay), Deed::Slow(delay));
            }
            At::ResponseHead => {
                let delay = self.draw(&mut draws);
                return plan.then(Step::Response(Change::Wait(delay)), Deed::SlowHead(delay));
            }
        };
        let stage = Box::new(Wait { pace: self.clone(), draws, held: None });
        plan.change(side, Change::Body(stage), Deed::SlowChunks(side));
    }
}

/// Holds each chunk back.
#[derive(Debug)]
struct Wait {
    pace: Arc<Pace>,
    draws: Draws,
    held: Option<(Bytes, Pause)>,
}

impl Stage for Wait {
    fn poll_frame(&mut self, cx: &mut Context<'_>, below: &mut Below<'_>) -> Polled {
        if self.held.is_none() {
            match ready!(below.poll_frame(cx)) {
                Some(Ok(frame)) if !below.off() => match frame.into_data() {
                    Ok(data) => {
                        let delay = self.pace.draw(&mut self.draws);
                        if delay.is_zero() {
                            return Poll::Ready(Some(Ok(Frame::data(data))));
                        }
                        self.held = Some((data, below.pause(delay)));
                    }
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            }
        }
        if let Some((_, pause)) = &mut self.held {
            // Called off or over, the chunk goes on.
            let _ = ready!(pause.poll(cx));
        }
        Poll::Ready(self.held.take().map(|(data, _)| Ok(Frame::data(data))))
    }

    fn size_hint(&self, below: SizeHint) -> SizeHint {
        plus(below, self.held.as_ref().map_or(0, |(data, _)| data.len() as u64))
    }

    fn is_end(&self, below: bool) -> bool {
        below && self.held.is_none()
    }
}
