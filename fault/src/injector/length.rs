//! Wrong length: a `Content-Length` that the body does not have.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::SizeHint;

use super::node::{Act, Draft, Injector};
use super::plan::{Change, Plan};
use crate::chance::Draws;
use crate::error::Findings;
use crate::key::Asker;
use crate::pause::Pause;
use crate::report::{Deed, Side};
use crate::stage::{Below, Polled, Stage};

/// How far a promised length is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Length {
    /// So many bytes more than the body has.
    Over(u64),
    /// So many bytes less than the body has.
    Under(u64),
}

/// Promises a `Content-Length` that the body does not have; see [`wire`](crate::wire) for what
/// hyper makes of it. A body whose length is not known beforehand is left alone.
///
/// ```
/// use waylay_fault::{Fault, Length, wrong_length};
///
/// Fault::new("missing-bytes", wrong_length(Length::Over(10))).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn wrong_length(length: Length) -> WrongLength {
    WrongLength { length, side: Side::default() }
}

/// A wrong length, made by [`wrong_length`].
#[derive(Debug, Clone)]
pub struct WrongLength {
    length: Length,
    side: Side,
}

impl WrongLength {
    /// Whose body; the response's by default.
    #[must_use]
    pub fn on(mut self, side: Side) -> Self {
        self.side = side;
        self
    }
}

impl From<WrongLength> for Injector {
    fn from(wrong: WrongLength) -> Self {
        Self::draft(wrong)
    }
}

impl Draft for WrongLength {
    fn check(self: Box<Self>, _: &str, _: &mut Findings) -> Option<Box<dyn Act>> {
        Some(self)
    }
}

impl Act for WrongLength {
    fn plan(&self, _: Draws, _: Asker<'_>, plan: &mut Plan) {
        let stage = Box::new(Liar { length: self.length, ended: false, pause: None });
        plan.change(self.side, Change::Body(stage), Deed::WrongLength(self.side));
    }
}

/// The server writes the length that the size hint tells, so it is the hint that lies.
#[derive(Debug)]
struct Liar {
    length: Length,
    ended: bool,
    pause: Option<Pause>,
}

/// As long as a cut lingers, and for the same reason: the server drops what it has not sent yet
/// once it sees that the body falls short.
const LINGER: Duration = Duration::from_millis(50);

impl Stage for Liar {
    fn poll_frame(&mut self, cx: &mut Context<'_>, below: &mut Below<'_>) -> Polled {
        if let Some(pause) = &mut self.pause {
            let _ = ready!(pause.poll(cx));
            self.ended = true;
            return Poll::Ready(None);
        }
        match ready!(below.poll_frame(cx)) {
            None if matches!(self.length, Length::Over(_)) && !self.ended => {
                self.pause = Some(below.pause(LINGER));
                self.poll_frame(cx, below)
            }
            other => Poll::Ready(other),
        }
    }

    fn size_hint(&self, below: SizeHint) -> SizeHint {
        match (below.exact(), self.length) {
            (None, _) => below,
            (Some(length), Length::Over(more)) => SizeHint::with_exact(length.saturating_add(more)),
            (Some(length), Length::Under(less)) => SizeHint::with_exact(length.saturating_sub(less)),
        }
    }

    fn is_end(&self, below: bool) -> bool {
        below && (self.ended || matches!(self.length, Length::Under(_)))
    }

    fn resizes(&self) -> bool {
        true
    }
}
