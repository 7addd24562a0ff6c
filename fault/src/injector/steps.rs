//! Plan: the steps drawn for one request.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::body::stage::Stage;
use crate::connection::command::{ChunkError, Direction, Kind, Termination};
use crate::connection::messages::MessageTap;
use crate::injector::custom::Inject;
use crate::random::draws::Draws;
use crate::report::event::{Action, Reporter, Side};

/// The steps to take, in order. One of them answers, or the request goes on to the service.
#[derive(Default)]
pub(crate) struct Steps {
    pub(crate) list: Vec<Step>,
    /// One for each step.
    pub(crate) actions: Vec<Action>,
    /// Who hears of which deeds alone.
    pub(crate) reporters: Vec<ReporterSpan>,
    /// Whether a body is to end by a reset of the whole connection.
    pub(crate) resets: bool,
    /// Whether some deed was due and let the request pass.
    pub(crate) has_passed: bool,
    /// Whether nothing is to be counted, since nothing will be done.
    pub(crate) is_preview: bool,
}

pub(crate) enum Step {
    Wait(Duration),
    Hang(Duration),
    Custom(Arc<dyn Inject>, Draws),
    Respond(Arc<CannedResponse>),
    /// Without an answer.
    Reject(Termination),
    /// Something is done to the connection; the request goes on.
    Connection(ConnectionStep),
    /// Done to the request before the service gets it.
    Request(Change),
    /// Done to the response, whoever makes it.
    Response(Change),
    /// Done to the connection that the request asks for.
    WebSocket(MessageTap),
}

/// What a step does to the connection.
pub(crate) enum ConnectionStep {
    /// The client is told to go, of HTTP/2 with this code.
    Drain { code: Option<u32> },
    /// The chunks of the response are framed wrongly.
    ChunkFraming(ChunkError),
    /// Its bytes are tampered with from now on. Each place in a fault's tree has an allocation of
    /// its own, by which it is told.
    Toxic { injector: Arc<str>, kind: Kind<Duration>, direction: Direction, draws: Draws },
}

/// One thing done to a message on its way.
pub(crate) enum Change {
    Wait(Duration),
    Head(Arc<Edits>),
    Body(Box<dyn Stage>),
    /// A body exchanged for one of another kind.
    HeadAndBody(Arc<Edits>, Box<dyn Stage>),
}

/// A reporter of its own for a part of the tree.
pub(crate) struct ReporterSpan {
    pub(crate) reporter: Arc<dyn Reporter>,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// A whole answer, ready to be sent any number of times.
#[derive(Debug, Clone)]
pub(crate) struct CannedResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: Bytes,
    /// Put into `retry-after` as a date, this long from the moment of the answer.
    pub(crate) retry_in: Option<Duration>,
}

impl CannedResponse {
    pub(crate) fn response(&self) -> Response<Bytes> {
        let mut response = Response::new(self.text.clone());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        // A date beyond what a clock can say, or http's four-digit years, is left out.
        let date = self.retry_in.and_then(|time| SystemTime::now().checked_add(time)).and_then(http_date);
        if let Some(date) = date {
            response.headers_mut().insert(RETRY_AFTER, date);
        }
        response
    }
}

/// A time as HTTP writes it (RFC 9110, section 5.6.7).
pub(crate) fn http_date(time: SystemTime) -> Option<HeaderValue> {
    /// The first second of the year 10000, from which on `httpdate` refuses by a panic.
    const END: u64 = 253_402_300_800;
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    if seconds >= END {
        return None;
    }
    HeaderValue::from_str(&httpdate::fmt_http_date(time)).ok()
}

impl Steps {
    /// One change, of whichever half of the exchange.
    pub(crate) fn change(&mut self, side: Side, change: Change, action: Action) {
        let step = match side {
            Side::Request => Step::Request(change),
            Side::Response => Step::Response(change),
        };
        self.then(step, action);
    }

    pub(crate) fn then(&mut self, step: Step, action: Action) {
        self.list.push(step);
        self.actions.push(action);
    }

    /// Whether the last step answers by itself, so that nothing can follow it.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.list.last(), Some(Step::Hang(_) | Step::Respond(_) | Step::Reject(_)))
    }

    /// Whether a custom injector takes part.
    pub(crate) fn has_custom(&self) -> bool {
        self.list.iter().any(|step| matches!(step, Step::Custom(..)))
    }

    /// Whether the request's body is to go through stages.
    pub(crate) fn changes_request_body(&self) -> bool {
        self.list.iter().any(|step| matches!(step, Step::Request(Change::Body(_) | Change::HeadAndBody(..))))
    }

    /// Whether it does nothing but to a WebSocket.
    pub(crate) fn only_websocket(&self) -> bool {
        !self.list.is_empty() && self.list.iter().all(|step| matches!(step, Step::WebSocket(_)))
    }

    /// Whether it does nothing but to the body of the response.
    pub(crate) fn only_response_body(&self) -> bool {
        !self.list.is_empty()
            && self
                .list
                .iter()
                .all(|step| matches!(step, Step::Response(Change::Body(_) | Change::HeadAndBody(..))))
    }
}

/// Changes of one head, in the order they were written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edits {
    pub(crate) status: Option<StatusCode>,
    pub(crate) headers: Vec<Edit>,
}

#[derive(Debug, Clone)]
pub(crate) enum Edit {
    /// This value and no other.
    Set(HeaderName, HeaderValue),
    /// One more value.
    Add(HeaderName, HeaderValue),
    /// None of its values.
    Drop(HeaderName),
    /// Each of its values twice.
    Duplicate(HeaderName),
}

impl Edits {
    pub(crate) fn headers(&self, headers: &mut HeaderMap) {
        for edit in &self.headers {
            match edit {
                Edit::Set(name, value) => {
                    headers.insert(name, value.clone());
                }
                Edit::Add(name, value) => {
                    headers.append(name, value.clone());
                }
                Edit::Drop(name) => {
                    headers.remove(name);
                }
                Edit::Duplicate(name) => {
                    let values: Vec<_> = headers.get_all(name).iter().cloned().collect();
                    for value in values {
                        headers.append(name, value);
                    }
                }
            }
        }
    }
}
