//! Messages: faults of SSE, gRPC and WebSocket messages.

use std::sync::Arc;

use crate::body::stage::Stage;
use crate::config::error::{ErrorCollector, FaultErrorKind};
use crate::connection::messages::{CloseCode, MessageFault, MessageRules, MessageTap};
use crate::injector::abort::{check_grpc_status, status_headers};
use crate::injector::key::RequestKeys;
use crate::injector::message_stage::{GrpcFraming, MessageStage, SseFraming};
use crate::injector::steps::{Change, Step, Steps};
use crate::injector::tree::{CompiledInjector, Injector, InjectorConfig, Watches, child_setting};
use crate::random::delay::Delay;
use crate::random::draws::Draws;
use crate::report::event::{Action, Side};

/// The format of the messages of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Server-sent events in a body of the type `text/event-stream`. Comments and blocks without data are
    /// no events (WHATWG HTML, section 9.2.6): they pass unchanged and are not counted. Another body is
    /// not deliverable.
    Sse,
    /// gRPC messages in a body of a type `application/grpc`, or binary gRPC-Web. Another body is not
    /// deliverable.
    Grpc,
    /// WebSocket messages on an upgraded connection. If the connection has a
    /// [handle](crate::FaultListener) and HTTP/1.1 on it is not encrypted, they are changed on the
    /// stream, for every WebSocket library; otherwise the server passes its stream to
    /// [`tap`](crate::tap). A request that opens no WebSocket is skipped as not deliverable.
    WebSocket,
}

/// Changes single messages of a stream. Each message has its own draws; the stream as a whole is
/// selected by the fault's draw.
///
/// A fault that is enabled, or resumed after a halt, while a WebSocket or a body is open decides about the
/// stream then, and changes its messages from the next one on. A body of a known length is only selected
/// with its request, and so is the body of a request if the layer cannot construct its
/// [type](crate::FaultLayer::request_body_with) or the fault has rules for responses as well. What a switch
/// has ended stays ended. To reach open streams, a disabled fault with such rules copies the head of each
/// request.
///
/// ```
/// use waylay_fault::{Delay, Fault, Format, messages};
///
/// let events = messages(Format::Sse).drop(0.01).delay(0.1, Delay::uniform("100ms", "2s"));
/// Fault::new("patchy-feed", events).build()?;
/// let calls = messages(Format::Grpc).stop_after(10).code(14);
/// Fault::new("broken-stream", calls).build()?;
/// assert!(Fault::new("f", messages(Format::WebSocket).drop(2.0).code(99)).build().is_err());
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn messages(format: Format) -> Messages {
    Messages {
        format,
        drop: 0.0,
        duplicate: 0.0,
        reorder: 0.0,
        delay: None,
        stop_after: None,
        code: None,
        side: Side::default(),
    }
}

/// Rules for messages, made by [`messages`]. Shares range from 0 to 1.
#[derive(Debug, Clone)]
pub struct Messages {
    format: Format,
    drop: f64,
    duplicate: f64,
    reorder: f64,
    delay: Option<(f64, Delay)>,
    stop_after: Option<u64>,
    code: Option<u16>,
    side: Side,
}

impl Messages {
    /// Drops this share of the messages.
    #[must_use]
    pub fn drop(mut self, share: f64) -> Self {
        self.drop = share;
        self
    }

    /// Sends this share of the messages twice.
    #[must_use]
    pub fn duplicate(mut self, share: f64) -> Self {
        self.duplicate = share;
        self
    }

    /// Sends this share of the messages after the next one.
    #[must_use]
    pub fn reorder(mut self, share: f64) -> Self {
        self.reorder = share;
        self
    }

    /// Delays this share of the messages, and with each all messages after it.
    #[must_use]
    pub fn delay(mut self, share: f64, delay: Delay) -> Self {
        self.delay = Some((share, delay));
        self
    }

    /// Ends the stream after `count` messages: a body of events ends, gRPC receives the trailers of
    /// a status, a WebSocket receives a close frame.
    #[must_use]
    pub fn stop_after(mut self, count: u64) -> Self {
        self.stop_after = Some(count);
        self
    }

    /// Sets the code of a [stopped](Self::stop_after) stream: a gRPC status (14, `UNAVAILABLE`, by
    /// default) or a WebSocket close code (1011, "internal error", by default).
    #[must_use]
    pub fn code(mut self, code: u16) -> Self {
        self.code = Some(code);
        self
    }

    /// Selects the messages of the request or of the response (the default).
    #[must_use]
    pub fn on(mut self, side: Side) -> Self {
        self.side = side;
        self
    }
}

impl From<Messages> for Injector {
    fn from(messages: Messages) -> Self {
        Self::new(messages)
    }
}

impl InjectorConfig for Messages {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        let at = child_setting(at, "messages");
        let shares = self.check_shares(&at, errors);
        let delay = match &self.delay {
            Some((share, delay)) => {
                delay.clone().check(&format!("{at}.delay"), errors).map(|delay| Some((*share, delay)))
            }
            None => Some(None),
        };
        let close = self.check_code(&format!("{at}.code"), errors);
        shares?;
        let rules = MessageRules {
            drop: self.drop,
            duplicate: self.duplicate,
            reorder: self.reorder,
            delay: delay?,
            stop_after: self.stop_after,
        };
        Some(Box::new(CompiledMessages {
            format: self.format,
            status: self.code.unwrap_or(14),
            close: close?,
            side: self.side,
            rules: Arc::new(rules),
        }))
    }
}

impl Messages {
    fn check_shares(&self, at: &str, errors: &mut ErrorCollector) -> Option<()> {
        let delay = self.delay.as_ref().map_or(0.0, |(share, _)| *share);
        let shares =
            [("drop", self.drop), ("duplicate", self.duplicate), ("reorder", self.reorder), ("delay", delay)];
        let mut checked = Some(());
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                errors.add(format!("{at}.{name}"), share, FaultErrorKind::Fraction);
                checked = None;
            }
        }
        checked
    }

    /// Checks the status or close code; `Some(None)` where the format has no close code.
    fn check_code(&self, setting: &str, errors: &mut ErrorCollector) -> Option<Option<CloseCode>> {
        match (self.format, self.code) {
            (Format::Grpc, Some(code)) => check_grpc_status(setting, code, errors).then_some(None),
            (Format::WebSocket, code) => {
                let code = code.unwrap_or(1011);
                let close = CloseCode::new(code);
                if close.is_none() {
                    errors.add(setting, code, FaultErrorKind::CloseCode);
                }
                close.map(Some)
            }
            _ => Some(None),
        }
    }
}

#[derive(Debug)]
struct CompiledMessages {
    format: Format,
    status: u16,
    close: Option<CloseCode>,
    side: Side,
    rules: Arc<MessageRules>,
}

impl CompiledInjector for CompiledMessages {
    fn watches(&self) -> Watches {
        let websockets = self.format == Format::WebSocket;
        Watches {
            websockets,
            requests: !websockets && self.side == Side::Request,
            responses: !websockets && self.side == Side::Response,
        }
    }

    fn plan(&self, draws: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        let action = Action::Messages(self.side);
        let fault = |draws| MessageFault::new(self.rules.clone(), draws);
        let stage: Box<dyn Stage> = match (self.format, self.close) {
            (Format::WebSocket, Some(close)) => {
                let tap = MessageTap::new(self.side, self.rules.clone(), draws, close);
                return steps.push(Step::WebSocket(tap), action);
            }
            // `check` has rejected a missing close code.
            (Format::WebSocket, None) => return,
            (Format::Sse, _) => Box::new(MessageStage::new(SseFraming::default(), fault(draws), None)),
            (Format::Grpc, _) => {
                let trailers = status_headers(self.status, "the stream was stopped");
                Box::new(MessageStage::new(GrpcFraming::default(), fault(draws), Some(trailers)))
            }
        };
        steps.change(self.side, Change::Body(stage), action);
    }
}
