//! Reject: ends the exchange without an answer.

use std::time::Duration;

use super::node::{Act, Draft, Injector, below};
use super::plan::{Plan, Step};
use crate::chance::Draws;
use crate::error::Findings;
use crate::report::Deed;
#[cfg(feature = "http2")]
use crate::reset::ResetCode;
use crate::time::DelayTime;

/// How to end an exchange without an answer. What the client sees of it, per protocol and method,
/// is measured and written in [`wire`](crate::wire).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Reject {
    /// Not a byte: HTTP/1 closes the connection, HTTP/2 resets the stream with `INTERNAL_ERROR`
    /// and keeps the connection. What go-fault's reject does.
    #[default]
    EmptyReply,
    /// HTTP/2 resets the stream with this code; HTTP/1 closes the connection.
    #[cfg(feature = "http2")]
    StreamReset(ResetCode),
    /// Nothing at all until `max` is over, then an empty reply. Called off by a halt, a shutdown
    /// and a switch, after which the request goes on to the service.
    Hang {
        /// How long at most.
        max: DelayTime,
    },
}

impl Reject {
    /// A hang of at most `max`.
    pub fn hang(max: impl Into<DelayTime>) -> Self {
        Self::Hang { max: max.into() }
    }
}

/// Ends the exchange without an answer; the service is not called.
///
/// ```
/// use waylay_fault::{Fault, Reject, reject};
///
/// Fault::new("dead-orders", reject(Reject::EmptyReply)).build()?;
/// Fault::new("stuck-orders", reject(Reject::hang("30s"))).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn reject(how: Reject) -> Injector {
    Injector::draft(how)
}

impl Draft for Reject {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        let how = match *self {
            Self::EmptyReply => Rejection::EmptyReply,
            #[cfg(feature = "http2")]
            Self::StreamReset(code) => Rejection::StreamReset(code.into()),
            Self::Hang { max } => Rejection::Hang(findings.time(below(at, "reject.max"), max.duration())?),
        };
        Some(Box::new(how))
    }
}

#[derive(Debug)]
enum Rejection {
    EmptyReply,
    #[cfg(feature = "http2")]
    StreamReset(u32),
    Hang(Duration),
}

impl Act for Rejection {
    fn plan(&self, _: Draws, plan: &mut Plan) {
        match *self {
            Self::EmptyReply => plan.then(Step::Reject(None), Deed::EmptyReply),
            #[cfg(feature = "http2")]
            Self::StreamReset(code) => plan.then(Step::Reject(Some(code)), Deed::StreamReset(code)),
            Self::Hang(max) => plan.then(Step::Hang(max), Deed::Hang(max)),
        }
    }
}
