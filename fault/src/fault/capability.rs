//! What can be injected here, and how it reaches the client.

use http::{Method, Request, Version};

use crate::connection::command::Ending;
use crate::connection::handle::{Connection, Speech};
use crate::injector::plan::{Plan, Step, Wire};

/// Where the fault lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "hyper"), allow(dead_code, reason = "connectors come with the feature"))]
pub(crate) enum Side {
    /// Around a service that answers.
    Server,
    /// Around a client, which may fail.
    Client,
    /// Around a listener: the request stands for a connection that was accepted.
    Listener,
    /// Around a connector: the request stands for a connection to make.
    Connector,
    /// Around a connector whose streams are out of reach.
    Phase,
}

/// How an ending gets through to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// By a body whose first poll fails.
    Body,
    /// By unwinding the connection's task.
    Unwind,
    /// By the connection's handle, and a failing body for what lies between.
    Line,
    /// By an error, or a stream that fails: the place itself sees to it.
    Place,
    /// Not at all.
    Nowhere,
}

/// What can be done to one request.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    side: Side,
    /// How an empty reply gets through.
    empty: By,
    is_http2: bool,
    /// Whether the stream will follow the answer from its first byte on.
    follows: bool,
    /// Whether that may have a body in chunks.
    chunks: bool,
    connection: Option<Connection>,
}

impl Reach {
    pub(crate) fn new<B>(side: Side, means: Means, request: &Request<B>) -> Self {
        let connection = Connection::find(request.extensions()).cloned();
        let is_http2 = request.version() >= Version::HTTP_2;
        // The server polls no body for HEAD on HTTP/1, and axum's router empties it on HTTP/2, too.
        let body = *request.method() != Method::HEAD || (is_http2 && means.head_bodies);
        let empty = match side {
            Side::Server if connection.is_some() && !is_http2 => By::Line,
            Side::Server if body => By::Body,
            Side::Server if means.unwind && cfg!(panic = "unwind") => By::Unwind,
            Side::Server => By::Nowhere,
            Side::Client | Side::Listener | Side::Connector | Side::Phase => By::Place,
        };
        let follows = side == Side::Server
            && request.version() == Version::HTTP_11
            && connection.as_ref().is_some_and(|line| line.speaks(Speech::Http1) && line.is_settled());
        let chunks = follows && !matches!(*request.method(), Method::HEAD | Method::CONNECT);
        Self { side, empty, is_http2, follows, chunks, connection }
    }

    /// How this ending gets through.
    pub(crate) fn of(&self, ending: Ending) -> By {
        let line = self.connection.as_ref();
        let at_place = |possible| if possible { By::Place } else { By::Nowhere };
        match (self.side, ending) {
            (_, Ending::Empty) | (Side::Server, Ending::Code(_)) => self.empty,
            (Side::Client, _) | (_, Ending::TimedOut) => By::Place,
            (Side::Server, Ending::Close) if line.is_some() => By::Line,
            (Side::Server, Ending::Close) if !self.is_http2 => self.empty,
            (Side::Server, Ending::Reset) if line.is_some_and(Connection::resets) => By::Line,
            (Side::Server, _) => By::Nowhere,
            (Side::Listener, Ending::Reset) => at_place(line.is_some_and(Connection::resets)),
            (_, Ending::Close | Ending::Reset) => By::Place,
            (_, Ending::Refuse) => at_place(self.side != Side::Listener),
            (_, Ending::BrokenPipe) => at_place(self.side == Side::Connector),
            (_, Ending::Code(_)) => By::Nowhere,
        }
    }

    pub(crate) fn is_http1(&self) -> bool {
        !self.is_http2
    }

    /// The connection whose stream will follow the answer from its first byte on, if it will.
    pub(crate) fn follower(&self) -> Option<&Connection> {
        self.connection.as_ref().filter(|_| self.follows)
    }

    /// How a hang ends that has run out.
    pub(crate) fn after_hang(&self) -> Ending {
        match self.side {
            Side::Server | Side::Listener => Ending::Empty,
            Side::Client | Side::Connector | Side::Phase => Ending::TimedOut,
        }
    }

    /// The connection that is struck, if it can be had.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// Whether every step of the plan can be taken here.
    pub(crate) fn allows(&self, plan: &Plan) -> bool {
        plan.steps.iter().all(|step| self.allows_step(step))
    }

    /// Whether an answer of the fault's own can be given here.
    pub(crate) fn answers(&self) -> bool {
        matches!(self.side, Side::Server | Side::Client)
    }

    fn allows_step(&self, step: &Step) -> bool {
        match step {
            Step::Reject(ending) => self.of(*ending) != By::Nowhere,
            Step::Hang(_) => self.empty != By::Nowhere,
            Step::Wire(wire) => self.allows_wire(wire),
            Step::Wait(_) | Step::Ask(..) => true,
            // All else is about requests and responses, which connections are none of.
            _ => self.answers(),
        }
    }

    fn allows_wire(&self, wire: &Wire) -> bool {
        let resets = |connection: &Connection| self.side == Side::Connector || connection.resets();
        match (wire, &self.connection) {
            // On HTTP/1 a header of the answer says it.
            (Wire::Drain { code: None }, _) if self.side == Side::Server && !self.is_http2 => true,
            (Wire::Drain { code: None }, Some(connection)) => {
                self.side == Side::Server && connection.drains()
            }
            (Wire::Drain { code: Some(_) }, Some(connection)) => {
                self.side == Side::Server && connection.speaks(Speech::Http2)
            }
            (Wire::Chunk(_), _) => self.chunks,
            (Wire::Toxic { kind, .. }, Some(connection)) => !kind.resets() || resets(connection),
            (_, None) => false,
        }
    }
}

/// What a reject may count on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Means {
    pub(crate) unwind: bool,
    pub(crate) head_bodies: bool,
}
