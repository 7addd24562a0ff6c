//! Capability: which steps can be delivered here, and how.

use http::{Method, Request, Version};

use crate::connection::command::Termination;
use crate::connection::handle::{Connection, Protocol};
use crate::injector::steps::{ConnectionStep, Step, Steps};
use crate::report::event::FaultPlacement;

/// The place of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "hyper"), allow(dead_code, reason = "connectors come with the feature"))]
pub(crate) enum Placement {
    /// Around a service.
    Server,
    /// Around a client, which may fail.
    Client,
    /// Around a listener: the request represents an accepted connection.
    Listener,
    /// Around a connector: the request represents a connection to be made.
    Connector,
    /// Around a connector whose streams are not accessible.
    ConnectPhase,
}

impl From<FaultPlacement> for Placement {
    fn from(placement: FaultPlacement) -> Self {
        match placement {
            FaultPlacement::Server => Self::Server,
            FaultPlacement::Client => Self::Client,
            FaultPlacement::Listener => Self::Listener,
            FaultPlacement::Connector => Self::Connector,
        }
    }
}

impl From<Placement> for FaultPlacement {
    fn from(placement: Placement) -> Self {
        match placement {
            Placement::Server => Self::Server,
            Placement::Client => Self::Client,
            Placement::Listener => Self::Listener,
            Placement::Connector | Placement::ConnectPhase => Self::Connector,
        }
    }
}

/// The way in which a termination is delivered to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryMethod {
    /// A body whose first poll fails.
    Body,
    /// Unwinding of the connection's task.
    Unwind,
    /// The connection's handle, and a failing body for the layers in between.
    Connection,
    /// An error or a failing stream, produced by the place itself.
    Local,
    /// None.
    None,
}

/// The steps that can be delivered for one request.
#[derive(Debug, Clone)]
pub(crate) struct Capability {
    placement: Placement,
    /// How an empty reply is delivered.
    empty_reply: DeliveryMethod,
    is_http2: bool,
    /// The stream will follow the response from its first byte on.
    follows_response: bool,
    /// The response may have a chunked body.
    chunks: bool,
    connection: Option<Connection>,
}

impl Capability {
    pub(crate) fn new<B>(placement: Placement, delivery: DeliveryOptions, request: &Request<B>) -> Self {
        let connection = Connection::find(request.extensions()).cloned();
        let is_http2 = request.version() >= Version::HTTP_2;
        // On HTTP/1 the server polls no body of a response to HEAD, and axum's router empties it on
        // HTTP/2 as well.
        let body = *request.method() != Method::HEAD || (is_http2 && delivery.keeps_head_bodies);
        let empty_reply = match placement {
            Placement::Server if connection.is_some() && !is_http2 => DeliveryMethod::Connection,
            Placement::Server if body => DeliveryMethod::Body,
            Placement::Server if delivery.unwind && cfg!(panic = "unwind") => DeliveryMethod::Unwind,
            Placement::Server => DeliveryMethod::None,
            Placement::Client | Placement::Listener | Placement::Connector | Placement::ConnectPhase => {
                DeliveryMethod::Local
            }
        };
        let follows_response = placement == Placement::Server
            && request.version() == Version::HTTP_11
            && connection.as_ref().is_some_and(|connection| {
                connection.is_protocol(Protocol::Http1) && connection.is_between_responses()
            });
        let chunks = follows_response && !matches!(*request.method(), Method::HEAD | Method::CONNECT);
        Self { placement, empty_reply, is_http2, follows_response, chunks, connection }
    }

    /// Returns how this termination is delivered.
    pub(crate) fn delivery(&self, termination: Termination) -> DeliveryMethod {
        let connection = self.connection.as_ref();
        let local_if = |possible| if possible { DeliveryMethod::Local } else { DeliveryMethod::None };
        match (self.placement, termination) {
            (_, Termination::Empty) | (Placement::Server, Termination::Code(_)) => self.empty_reply,
            (Placement::Client, _) | (_, Termination::TimedOut) => DeliveryMethod::Local,
            (Placement::Server, Termination::Close) if connection.is_some() => DeliveryMethod::Connection,
            (Placement::Server, Termination::Close) if !self.is_http2 => self.empty_reply,
            (Placement::Server, Termination::Reset) if connection.is_some_and(Connection::can_reset) => {
                DeliveryMethod::Connection
            }
            (Placement::Server, _) => DeliveryMethod::None,
            (Placement::Listener, Termination::Reset) => {
                local_if(connection.is_some_and(Connection::can_reset))
            }
            (_, Termination::Close | Termination::Reset) => DeliveryMethod::Local,
            (_, Termination::Refuse) => local_if(self.placement != Placement::Listener),
            (_, Termination::BrokenPipe) => local_if(self.placement == Placement::Connector),
            (_, Termination::Code(_)) => DeliveryMethod::None,
        }
    }

    pub(crate) fn placement(&self) -> Placement {
        self.placement
    }

    pub(crate) fn is_http1(&self) -> bool {
        !self.is_http2
    }

    /// Returns the connection, if its stream will follow the response from the first byte on.
    pub(crate) fn http1_connection(&self) -> Option<&Connection> {
        self.connection.as_ref().filter(|_| self.follows_response)
    }

    /// Returns the end of a hang.
    pub(crate) fn after_hang(&self) -> Termination {
        match self.placement {
            Placement::Server | Placement::Listener => Termination::Empty,
            Placement::Client | Placement::Connector | Placement::ConnectPhase => Termination::TimedOut,
        }
    }

    /// Returns the connection of the request, if its handle is known.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// Tests whether every step can be delivered.
    pub(crate) fn allows(&self, steps: &Steps) -> bool {
        steps.list.iter().all(|step| self.allows_step(step))
    }

    /// Tests whether the fault can respond here.
    pub(crate) fn can_respond(&self) -> bool {
        matches!(self.placement, Placement::Server | Placement::Client)
    }

    fn allows_step(&self, step: &Step) -> bool {
        match step {
            Step::Reject(termination) => self.delivery(*termination) != DeliveryMethod::None,
            Step::Hang(_) => self.empty_reply != DeliveryMethod::None,
            Step::Connection(step) => self.allows_connection_step(step),
            Step::Wait(_) | Step::Custom(..) => true,
            #[cfg(feature = "stress")]
            Step::Stress(_) => true,
            #[cfg(feature = "panic")]
            Step::Panic(_) => self.can_respond() && cfg!(panic = "unwind"),
            // All other steps need a request and a response, which connections do not have.
            _ => self.can_respond(),
        }
    }

    fn allows_connection_step(&self, step: &ConnectionStep) -> bool {
        let resets =
            |connection: &Connection| self.placement == Placement::Connector || connection.can_reset();
        match (step, &self.connection) {
            // On HTTP/1 a header of the response suffices.
            (ConnectionStep::Drain { code: None }, _)
                if self.placement == Placement::Server && !self.is_http2 =>
            {
                true
            }
            (ConnectionStep::Drain { code: None }, Some(connection)) => {
                self.placement == Placement::Server && connection.can_drain()
            }
            (ConnectionStep::Drain { code: Some(_) }, Some(connection)) => {
                self.placement == Placement::Server && connection.is_protocol(Protocol::Http2)
            }
            (ConnectionStep::ChunkFraming(_), _) => self.chunks,
            (ConnectionStep::Toxic { kind, .. }, Some(connection)) => !kind.resets() || resets(connection),
            (_, None) => false,
        }
    }
}

/// Settings of the builder for rejections.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DeliveryOptions {
    pub(crate) unwind: bool,
    pub(crate) keeps_head_bodies: bool,
}
