//! Steps: the steps drawn for one request.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, RETRY_AFTER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::body::stage::Stage;
use crate::connection::command::{ChunkError, Direction, Termination, ToxicKind};
use crate::connection::messages::MessageTap;
use crate::injector::custom::Inject;
#[cfg(feature = "stress")]
use crate::injector::load::Load;
use crate::random::draws::Draws;
use crate::report::event::{Action, Reporter, Side};

/// The steps in order. One of them responds, or the request goes on to the service.
#[derive(Default)]
pub(crate) struct Steps {
    pub(crate) list: Vec<Step>,
    /// One for each step.
    pub(crate) actions: Vec<Action>,
    /// Reporters of a part of the actions.
    pub(crate) reporters: Vec<ReporterSpan>,
    /// A body ends with a reset of the whole connection.
    pub(crate) resets: bool,
    /// A quota let the request pass.
    pub(crate) has_passed: bool,
    /// Whether nothing is to be counted, since nothing will be done.
    pub(crate) is_preview: bool,
}

pub(crate) enum Step {
    Wait(Duration),
    Hang(Duration),
    Custom(Arc<dyn Inject>, Draws),
    Respond(Arc<CannedResponse>),
    /// No response.
    Reject(Termination),
    /// Panics in the task of the handler.
    #[cfg(feature = "panic")]
    Panic(Arc<str>),
    /// Loads the process; the request goes on.
    #[cfg(feature = "stress")]
    Stress(Load),
    /// Applied to the connection; the request goes on.
    Connection(ConnectionStep),
    /// Applied to the request before it reaches the service.
    Request(Change),
    /// Applied to the response, the service's or the fault's.
    Response(Change),
    /// Applied to the WebSocket that the request opens.
    WebSocket(MessageTap),
}

impl Step {
    /// Tests whether it can be applied to a request with this head.
    pub(crate) fn applies_to_request(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Request(Change::Body(stage) | Change::HeadAndBody(_, stage)) => stage.applies_to(headers),
            _ => true,
        }
    }
}

impl Change {
    /// Tests whether the head of the message decides if it is applied: not every message has a body.
    pub(crate) fn is_conditional(&self) -> bool {
        matches!(self, Self::Body(_) | Self::HeadAndBody(..))
    }
}

/// A step on the connection.
pub(crate) enum ConnectionStep {
    /// Drains the connection, on HTTP/2 with this code.
    Drain { code: Option<u32> },
    /// Frames the chunks of the response wrongly.
    ChunkFraming(ChunkError),
    /// Adds a toxic. The allocation of `injector` identifies the node of the tree.
    Toxic { injector: Arc<str>, kind: ToxicKind<Duration>, direction: Direction, draws: Draws },
}

/// One change of a request or response.
pub(crate) enum Change {
    Wait(Duration),
    Head(Arc<Edits>),
    Body(Box<dyn Stage>),
    /// A body replaced with one of another type.
    HeadAndBody(Arc<Edits>, Box<dyn Stage>),
}

/// A reporter of a part of the tree.
pub(crate) struct ReporterSpan {
    pub(crate) reporter: Arc<dyn Reporter>,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// A response that can be sent any number of times.
#[derive(Debug, Clone)]
pub(crate) struct CannedResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: Bytes,
    /// Sent in `retry-after` as a date, this long after the response.
    pub(crate) retry_in: Option<Duration>,
}

impl CannedResponse {
    pub(crate) fn response(&self) -> Response<Bytes> {
        let mut response = Response::new(self.text.clone());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        // A date beyond the clock's range, or HTTP's four-digit years, is left out.
        let date = self.retry_in.and_then(|time| SystemTime::now().checked_add(time)).and_then(http_date);
        if let Some(date) = date {
            response.headers_mut().insert(RETRY_AFTER, date);
        }
        response
    }
}

/// Formats a time as HTTP does (RFC 9110, section 5.6.7).
pub(crate) fn http_date(time: SystemTime) -> Option<HeaderValue> {
    /// The first second of the year 10000, from which on `httpdate` panics.
    const END: u64 = 253_402_300_800;
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    if seconds >= END {
        return None;
    }
    HeaderValue::from_str(&httpdate::fmt_http_date(time)).ok()
}

impl Steps {
    /// Adds a change of the request or the response.
    pub(crate) fn change(&mut self, side: Side, change: Change, action: Action) {
        let step = match side {
            Side::Request => Step::Request(change),
            Side::Response => Step::Response(change),
        };
        self.push(step, action);
    }

    pub(crate) fn push(&mut self, step: Step, action: Action) {
        self.list.push(step);
        self.actions.push(action);
    }

    /// Tests whether the last step responds, so that no step can follow.
    pub(crate) fn is_final(&self) -> bool {
        match self.list.last() {
            Some(Step::Hang(_) | Step::Respond(_) | Step::Reject(_)) => true,
            #[cfg(feature = "panic")]
            Some(Step::Panic(_)) => true,
            _ => false,
        }
    }

    /// Tests for a custom injector.
    pub(crate) fn has_custom(&self) -> bool {
        self.list.iter().any(|step| matches!(step, Step::Custom(..)))
    }

    /// Tests whether the request body goes through stages.
    pub(crate) fn changes_request_body(&self) -> bool {
        self.list.iter().any(|step| matches!(step, Step::Request(Change::Body(_) | Change::HeadAndBody(..))))
    }

    /// Keeps some of the steps, with their actions and reporters.
    pub(crate) fn retain(&mut self, keeps: impl Fn(&Step) -> bool) {
        let kept: Vec<bool> = self.list.iter().map(keeps).collect();
        let count = |end: usize| kept[..end].iter().filter(|kept| **kept).count();
        for span in &mut self.reporters {
            (span.from, span.to) = (count(span.from), count(span.to));
        }
        let mut each = kept.iter();
        self.list.retain(|_| each.next() == Some(&true));
        let mut each = kept.iter();
        self.actions.retain(|_| each.next() == Some(&true));
    }

    /// Tests whether a step can be applied to a request with this head.
    pub(crate) fn applies_to_request(&self, headers: &HeaderMap) -> bool {
        self.list.is_empty() || self.list.iter().any(|step| step.applies_to_request(headers))
    }

    /// Tests whether all steps are for a WebSocket.
    pub(crate) fn only_websocket(&self) -> bool {
        !self.list.is_empty() && self.list.iter().all(|step| matches!(step, Step::WebSocket(_)))
    }

    /// Tests whether all steps are for the response body.
    pub(crate) fn only_response_body(&self) -> bool {
        !self.list.is_empty()
            && self
                .list
                .iter()
                .all(|step| matches!(step, Step::Response(Change::Body(_) | Change::HeadAndBody(..))))
    }
}

/// Changes of one head, in the order of the calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edits {
    pub(crate) status: Option<StatusCode>,
    pub(crate) headers: Vec<Edit>,
}

#[derive(Debug, Clone)]
pub(crate) enum Edit {
    /// Replaces all values.
    Set(HeaderName, HeaderValue),
    /// Adds a value.
    Add(HeaderName, HeaderValue),
    /// Removes all values.
    Drop(HeaderName),
    /// Adds each value once more.
    Duplicate(HeaderName),
}

impl Edits {
    /// Tests whether they may announce content where there is none.
    pub(crate) fn changes_content(&self) -> bool {
        let announces = |name: &HeaderName| *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING;
        self.status.is_some()
            || self.headers.iter().any(
                |edit| matches!(edit, Edit::Set(name, _) | Edit::Add(name, _) | Edit::Duplicate(name) if announces(name)),
            )
    }

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
