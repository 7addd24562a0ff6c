//! Changes: edits and stages of one request or response.

use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{Request, Response, StatusCode};

use crate::body::fault_body::FaultBody;
use crate::body::request_body::BodyRebox;
use crate::body::stage::{FaultHandle, Stage};
use crate::connection::messages::MessageTap;
use crate::fault::state::{ActiveHandle, PendingInjection};
use crate::injector::steps::{Change, Edits};

/// The changes of one request or one response.
#[derive(Default)]
pub(crate) struct Changes {
    wait: Duration,
    edits: Vec<Arc<Edits>>,
    stages: Vec<Box<dyn Stage>>,
    websocket: MessageTaps,
}

impl Changes {
    /// Adds message rules for the WebSocket that the request opens.
    pub(crate) fn tap(&mut self, tap: MessageTap, handle: ActiveHandle) {
        self.websocket.taps.push((tap, handle));
    }

    /// Adds an injection whose delivery depends on [`tap`](crate::tap()).
    pub(crate) fn add_pending(&mut self, pending: PendingInjection) {
        self.websocket.pending.push(pending);
    }

    pub(crate) fn add(&mut self, change: Change) {
        match change {
            Change::Wait(time) => self.wait = self.wait.saturating_add(time),
            Change::Head(edits) => self.edits.push(edits),
            Change::Body(stage) => self.stages.push(stage),
            Change::HeadAndBody(edits, stage) => {
                self.edits.push(edits);
                self.stages.push(stage);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wait.is_zero()
            && self.edits.is_empty()
            && self.stages.is_empty()
            && self.websocket.taps.is_empty()
    }

    /// Returns the delay before the message.
    pub(crate) fn wait(&self) -> Duration {
        self.wait
    }

    /// Applies the changes to a request. Steps that need `rebox` are only planned where it is
    /// known.
    pub(crate) fn request<B>(
        self,
        mut request: Request<B>,
        rebox: Option<BodyRebox<B>>,
        handle: impl FnOnce() -> Box<dyn FaultHandle>,
    ) -> Request<B> {
        for edits in &self.edits {
            edits.headers(request.headers_mut());
        }
        if !self.websocket.taps.is_empty() {
            // Other faults may have added rules.
            request.extensions_mut().get_or_insert_default::<MessageTaps>().extend(self.websocket);
        }
        let Some(rebox) = rebox.filter(|_| !self.stages.is_empty()) else { return request };
        if self.stages.iter().any(|stage| stage.resizes()) {
            request.headers_mut().remove(CONTENT_LENGTH);
        }
        request.map(|body| (rebox.rebox)(FaultBody::service(body).staged(self.stages, handle())))
    }

    /// Applies the changes to a response; the handle moves into a changed body, or is done at once.
    pub(crate) fn response<B>(
        self,
        mut response: Response<FaultBody<B>>,
        is_head: bool,
        mut handle: impl FaultHandle + 'static,
    ) -> Response<FaultBody<B>> {
        for edits in &self.edits {
            if let Some(status) = edits.status {
                *response.status_mut() = status;
            }
            edits.headers(response.headers_mut());
        }
        let is_bodiless = matches!(
            response.status(),
            StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
        if self.stages.is_empty() || is_bodiless || is_head {
            handle.done(false);
            return response;
        }
        if self.stages.iter().any(|stage| stage.resizes()) {
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        response.map(|body| body.staged(self.stages, Box::new(handle)))
    }
}

/// The message rules for a WebSocket, in the extensions of its upgrade request.
#[derive(Clone, Default)]
pub(crate) struct MessageTaps {
    pub(crate) taps: Vec<(MessageTap, ActiveHandle)>,
    pub(crate) pending: Vec<PendingInjection>,
}

impl MessageTaps {
    pub(crate) fn extend(&mut self, more: Self) {
        self.taps.extend(more.taps);
        self.pending.extend(more.pending);
    }
}
