//! Event and Reporter: what a fault does, as it happens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, Request, Uri};

use crate::config::one_line::OneLine;

/// One action of a fault on a request. Its text is what logs and reports show.
///
/// ```
/// use std::time::Duration;
/// use waylay_fault::Action;
///
/// assert_eq!(Action::Error(503).to_string(), "error 503");
/// assert_eq!(Action::Slow(Duration::from_millis(90)).to_string(), "slow 90ms");
/// assert_eq!(Action::EmptyReply.to_string(), "reject empty_reply");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Response with this status, instead of the service's.
    Error(u16),
    /// Request delayed by this time.
    Slow(Duration),
    /// Exchange ended without a response.
    EmptyReply,
    /// HTTP/2 stream reset with this code; on HTTP/1 no response.
    StreamReset(u32),
    /// No response for at most this time, then the exchange ends.
    Hang(Duration),
    /// Connection closed.
    ConnectionClose,
    /// Connection reset.
    ConnectionReset,
    /// Connection refused.
    ConnectionRefused,
    /// The first write to the connection fails.
    BrokenPipe,
    /// GOAWAY, or `connection: close`.
    GoAway,
    /// A toxic on the connection: Toxiproxy's name, the settings, the direction.
    Toxic(Arc<str>),
    /// Response with this gRPC status, instead of the service's.
    Grpc(u16),
    /// Response head delayed by this time.
    SlowHead(Duration),
    /// Each chunk of a body delayed.
    SlowChunks(Side),
    /// A body limited to this number of bytes per second.
    RateLimit(Side, u64),
    /// A body truncated.
    Truncate(Side),
    /// A body corrupted.
    Corrupt(Side),
    /// A body replaced.
    Replace(Side),
    /// A head changed.
    Patch(Side),
    /// A `Content-Length` that differs from the body's.
    WrongLength(Side),
    /// Messages of a stream dropped, duplicated, reordered, delayed or stopped.
    Messages(Side),
    /// A body sent in this number of parts over this time.
    Dribble(Side, u32, Duration),
    /// A panic in the task of the handler.
    Panic,
    /// This number of threads that compute and of bytes that are held, for this time.
    Stress(usize, usize, Duration),
    /// The custom injector of this name.
    Custom(Arc<str>),
}

/// The half of an exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Side {
    /// Sent by the client.
    Request,
    /// Sent by the service.
    #[default]
    Response,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Response => "response",
        })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(status) => write!(f, "error {status}"),
            Self::Slow(time) => write!(f, "slow {time:?}"),
            Self::EmptyReply => f.write_str("reject empty_reply"),
            Self::StreamReset(code) => write!(f, "reject stream_reset {code}"),
            Self::Hang(max) => write!(f, "reject hang {max:?}"),
            Self::ConnectionClose => f.write_str("reject connection_close"),
            Self::ConnectionReset => f.write_str("reject connection_reset"),
            Self::ConnectionRefused => f.write_str("reject connection_refused"),
            Self::BrokenPipe => f.write_str("reject broken_pipe"),
            Self::GoAway => f.write_str("reject goaway"),
            Self::Toxic(what) => write!(f, "toxic {what}"),
            Self::Grpc(status) => write!(f, "grpc {status}"),
            Self::SlowHead(time) => write!(f, "slow response head {time:?}"),
            Self::SlowChunks(side) => write!(f, "slow {side} chunks"),
            Self::RateLimit(side, rate) => write!(f, "rate_limit {side} {rate}"),
            Self::Truncate(side) => write!(f, "truncate {side}"),
            Self::Corrupt(side) => write!(f, "corrupt {side}"),
            Self::Replace(side) => write!(f, "replace {side}"),
            Self::Patch(side) => write!(f, "patch {side}"),
            Self::WrongLength(side) => write!(f, "wrong_length {side}"),
            Self::Messages(side) => write!(f, "messages {side}"),
            Self::Dribble(side, parts, over) => write!(f, "dribble {side} {parts} in {over:?}"),
            Self::Panic => f.write_str("panic"),
            Self::Stress(cpu, memory, time) => write!(f, "stress {cpu} threads, {memory} bytes {time:?}"),
            Self::Custom(name) => write!(f, "custom {}", OneLine(name)),
        }
    }
}

/// The side on which a fault of a [`FaultSet`](crate::FaultSet) acts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultPlacement {
    /// On requests that a service receives: [`FaultSet::layer`](crate::FaultSet::layer).
    #[default]
    Server,
    /// On requests that a client sends: [`FaultSet::client_layer`](crate::FaultSet::client_layer).
    Client,
    /// On connections that are accepted: [`FaultSet::listener`](crate::FaultSet::listener).
    Listener,
    /// On connections that are made: `FaultSet::connector`, [`FaultSet::connect_layer`](crate::FaultSet::connect_layer).
    Connector,
}

impl FaultPlacement {
    /// All of them.
    #[cfg(feature = "plan")]
    pub(crate) const ALL: [Self; 4] = [Self::Server, Self::Client, Self::Listener, Self::Connector];

    /// Returns its name in plans, reports and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Listener => "listener",
            Self::Connector => "connector",
        }
    }
}

impl fmt::Display for FaultPlacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The reason for which a fault skipped a request.
///
/// ```
/// use waylay_fault::{Phase, SkipReason};
///
/// assert_eq!(Phase::Skipped(SkipReason::NotSelected).to_string(), "skipped: not selected");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// Every fault of the process is halted.
    Halted,
    /// The fault is disabled.
    NotEnabled,
    /// The request is a probe, and probes are protected.
    Protected,
    /// A block list contains the request, or an allow list does not.
    NoMatch,
    /// The draw did not select the request.
    NotSelected,
    /// The draw selected it, but it is outside of the count window or within a quota.
    OutsideWindow,
    /// The draw selected it, but its group had picked another fault.
    OtherInGroup,
    /// The layer of this fault wraps the service twice and had already decided.
    AlreadyDecided,
    /// The draw selected it, but the action cannot be delivered here; see
    /// [`effects`](crate::effects).
    NotDeliverable,
    /// The fault is not active at this time.
    OutsideSchedule,
    /// The time of the set of faults is over.
    Expired,
    /// The set of faults stopped by itself.
    Stopped,
    /// As many injections run as the set of faults allows.
    MaxActive,
    /// As many injections began within this second as the set of faults allows.
    MaxRate,
    /// As large a share of the requests was injected as the set of faults allows.
    MaxAffected,
    /// All was decided, but the set of faults only tests what it would do.
    DryRun,
    /// A draw, a delay or a custom injector of the user panicked; the request goes on.
    CallbackPanicked,
    /// A custom injector returned [`InjectOutcome::Skip`](crate::InjectOutcome::Skip).
    Declined,
    /// The draw selected it, but the service's response is not one that the fault matches, or there was
    /// none.
    ResponseMismatch,
    /// The request asks for no fault, by header or baggage.
    NotRequested,
    /// The request asks for a fault without the secret.
    Untrusted,
    /// A header that asks for a fault has a wrong value.
    InvalidControl,
}

impl SkipReason {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Halted,
        Self::NotEnabled,
        Self::Protected,
        Self::NoMatch,
        Self::NotSelected,
        Self::OutsideWindow,
        Self::OtherInGroup,
        Self::AlreadyDecided,
        Self::NotDeliverable,
        Self::OutsideSchedule,
        Self::Expired,
        Self::Stopped,
        Self::MaxActive,
        Self::MaxRate,
        Self::MaxAffected,
        Self::DryRun,
        Self::CallbackPanicked,
        Self::Declined,
        Self::ResponseMismatch,
        Self::NotRequested,
        Self::Untrusted,
        Self::InvalidControl,
    ];

    /// Returns its name in reports and metrics: that of its field in [`Counts`](crate::Counts).
    pub fn name(self) -> &'static str {
        match self {
            Self::Halted => "halted",
            Self::NotEnabled => "not_enabled",
            Self::Protected => "protected",
            Self::NoMatch => "no_match",
            Self::NotSelected => "not_selected",
            Self::OutsideWindow => "outside_window",
            Self::OtherInGroup => "other_in_group",
            Self::AlreadyDecided => "already_decided",
            Self::NotDeliverable => "not_deliverable",
            Self::OutsideSchedule => "outside_schedule",
            Self::Expired => "expired",
            Self::Stopped => "stopped",
            Self::MaxActive => "max_active",
            Self::MaxRate => "max_rate",
            Self::MaxAffected => "max_affected",
            Self::DryRun => "dry_run",
            Self::CallbackPanicked => "callback_panicked",
            Self::Declined => "declined",
            Self::ResponseMismatch => "response_mismatch",
            Self::NotRequested => "not_requested",
            Self::Untrusted => "untrusted",
            Self::InvalidControl => "invalid_control",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = self.name().split('_');
        f.write_str(words.next().unwrap_or_default())?;
        words.try_for_each(|word| write!(f, " {word}"))
    }
}

/// The phase of a fault on one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// The fault skipped the request; no other phase follows. After `Started` it comes only from a
    /// custom injector whose rejection cannot be delivered.
    Skipped(SkipReason),
    /// The fault begins.
    Started,
    /// The fault is done: the delay is over, the response is returned, or the changed body has
    /// ended.
    Finished,
    /// A halt or a switch ended the fault early; the request went on to the service.
    Cancelled,
    /// The client left, or an outer timeout fired, before the fault was done.
    Abandoned,
}

impl Phase {
    /// Returns its name in reports and metrics, without the reason of a skip.
    pub fn name(self) -> &'static str {
        match self {
            Self::Skipped(_) => "skipped",
            Self::Started => "started",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped(skip) => write!(f, "skipped: {skip}"),
            phase => f.write_str(phase.name()),
        }
    }
}

/// One report: the fault, its actions, the phase, and the request as received.
#[derive(Debug)]
pub struct Event<'a> {
    pub(crate) fault: &'a str,
    pub(crate) set: Option<&'a str>,
    pub(crate) placement: FaultPlacement,
    pub(crate) phase: Phase,
    pub(crate) actions: &'a [Action],
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
}

impl<'a> Event<'a> {
    pub(crate) fn new<B>(
        (fault, set): (&'a str, Option<&'a str>),
        placement: FaultPlacement,
        phase: Phase,
        actions: &'a [Action],
        request: &'a Request<B>,
        uri: &'a Uri,
    ) -> Self {
        let (method, headers) = (request.method(), request.headers());
        Self { fault, set, placement, phase, actions, method, uri, headers }
    }

    /// Returns the name of the fault.
    pub fn fault(&self) -> &str {
        self.fault
    }

    /// Returns the name of its set, if the set [has one](crate::FaultSetBuilder::name).
    pub fn set(&self) -> Option<&str> {
        self.set
    }

    /// Returns the side on which the fault acted.
    pub fn placement(&self) -> FaultPlacement {
        self.placement
    }

    /// Returns the phase.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns the actions in order; none if the request was skipped.
    pub fn actions(&self) -> &[Action] {
        self.actions
    }

    /// Returns the request's method.
    pub fn method(&self) -> &Method {
        self.method
    }

    /// Returns the request's URI as the server received it, with the prefix of a nested router.
    pub fn uri(&self) -> &Uri {
        self.uri
    }

    /// Returns the request's headers.
    pub fn headers(&self) -> &HeaderMap {
        self.headers
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault {} {}", OneLine(self.fault), self.phase)?;
        for (index, action) in self.actions.iter().enumerate() {
            write!(f, "{}{action}", if index == 0 { ": " } else { ", " })?;
        }
        write!(f, " ({} {})", self.method, OneLine(&self.uri.to_string()))
    }
}

/// One delay of a request or of the head of a response, over or cancelled.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct DelayReport<'a> {
    /// The name of the fault.
    pub fault: &'a str,
    /// The name of its set, if the set has one.
    pub set: Option<&'a str>,
    /// The side on which the fault acted.
    pub placement: FaultPlacement,
    /// The time that was spent.
    pub time: Duration,
    /// Whether a halt or a switch ended it early.
    pub is_cancelled: bool,
}

/// Receives the events of a fault. Implemented for closures, and for pairs of reporters, which both receive
/// each event.
///
/// The events of one request come in order and on the request's own task: first
/// [`Skipped`](Phase::Skipped) or [`Started`](Phase::Started), then one of the three ends. A
/// reporter that blocks, blocks the request. Without a reporter no event is built.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use http::{Request, Response};
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{Event, Fault, error};
///
/// let log = Arc::new(Mutex::new(Vec::new()));
/// let writer = log.clone();
/// let fault = Fault::new("flaky", error(503))
///     .enabled(true)
///     .participation(1.0)
///     .reporter(move |event: &Event<'_>| writer.lock().unwrap().push(event.to_string()))
///     .build()?;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let inner = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new())));
/// fault.layer().layer(inner).oneshot(Request::get("/orders").body(String::new())?).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// assert_eq!(*log.lock().unwrap(), [
///     "fault flaky started: error 503 (GET /orders)",
///     "fault flaky finished: error 503 (GET /orders)",
/// ]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A reporter that panics changes nothing: the panic is caught, also while the request's task unwinds.
pub trait Reporter: Send + Sync + 'static {
    /// Receives one event.
    fn report(&self, event: &Event<'_>);

    /// Receives one delay of a request or of the head of a response, once it is over. Delays of chunks are
    /// not reported, nor those of requests whose client leaves. Does nothing by default.
    fn report_delay(&self, delay: &DelayReport<'_>) {
        let _ = delay;
    }
}

impl<F> Reporter for F
where
    F: Fn(&Event<'_>) + Send + Sync + 'static,
{
    fn report(&self, event: &Event<'_>) {
        self(event);
    }
}

impl<R: Reporter + ?Sized> Reporter for Arc<R> {
    fn report(&self, event: &Event<'_>) {
        (**self).report(event);
    }

    fn report_delay(&self, delay: &DelayReport<'_>) {
        (**self).report_delay(delay);
    }
}

impl<A: Reporter, B: Reporter> Reporter for (A, B) {
    fn report(&self, event: &Event<'_>) {
        self.0.report(event);
        self.1.report(event);
    }

    fn report_delay(&self, delay: &DelayReport<'_>) {
        self.0.report_delay(delay);
        self.1.report_delay(delay);
    }
}
