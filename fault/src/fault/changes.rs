//! Changes: edits and stages of one request or response.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderMap, Request, Response, StatusCode};

use crate::body::fault_body::FaultBody;
use crate::body::request_body::BodyRebox;
use crate::body::stage::{FaultHandle, Stage};
use crate::connection::messages::{MessageTap, StandbyTap};
use crate::fault::state::{ActiveHandle, PendingInjection};
use crate::injector::steps::{Change, Edits};

/// The changes of one request or one response.
#[derive(Default)]
pub(crate) struct Changes {
    wait: Duration,
    /// Each with the number of its action.
    edits: Vec<(usize, Arc<Edits>)>,
    /// The same.
    stages: Vec<(usize, Box<dyn Stage>)>,
    websocket: MessageTaps,
    /// The status was changed to one without content, by other means than edits.
    drops_content: bool,
    /// Present once the head is edited.
    edited: Option<EditedHead>,
}

/// What an edited head says about the body.
#[derive(Clone, Copy, Default)]
struct EditedHead {
    is_bodiless: bool,
    /// The edits took the body away.
    removes_content: bool,
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

    pub(crate) fn add(&mut self, index: usize, change: Change) {
        match change {
            Change::Wait(time) => self.wait = self.wait.saturating_add(time),
            Change::Head(edits) => self.edits.push((index, edits)),
            Change::Body(stage) => self.stages.push((index, stage)),
            Change::HeadAndBody(edits, stage) => {
                self.edits.push((index, edits));
                self.stages.push((index, stage));
            }
        }
    }

    /// Removes the stages that cannot be applied to the body of a response with this head, and returns
    /// the numbers of their actions.
    pub(crate) fn retain_applicable(&mut self, head: &Parts, is_head: bool) -> Vec<usize> {
        let status = self.edits.iter().rev().find_map(|(_, edits)| edits.status).unwrap_or(head.status);
        let has_body = !is_head && !is_bodiless(status);
        let removed = self.stages.extract_if(.., |(_, stage)| !has_body || !stage.applies_to(&head.headers));
        let removed: Vec<usize> = removed.map(|(index, _)| index).collect();
        // A body that is not replaced keeps its head.
        self.edits.retain(|(index, _)| !removed.contains(index));
        removed
    }

    /// Leaves out the body if the status that the response gets has none.
    pub(crate) fn drop_content(&mut self) {
        self.drops_content = true;
    }

    /// Tests whether the action has a stage.
    pub(crate) fn contains(&self, index: usize) -> bool {
        self.stages.iter().any(|(of, _)| *of == index)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wait.is_zero()
            && self.edits.is_empty()
            && self.stages.is_empty()
            && self.websocket.taps.is_empty()
            && !self.drops_content
    }

    /// Applies the edits to the head of the response, once.
    pub(crate) fn edit_head<B>(&mut self, response: &mut Response<B>, is_head: bool) {
        self.edited.get_or_insert_with(|| {
            for (_, edits) in &self.edits {
                if let Some(status) = edits.status {
                    *response.status_mut() = status;
                }
                edits.headers(response.headers_mut());
            }
            let is_bodiless = is_bodiless(response.status());
            let removes_content = is_bodiless
                && (self.drops_content || self.edits.iter().any(|(_, edits)| edits.changes_content()));
            if removes_content {
                remove_content(response.headers_mut());
            }
            if !is_bodiless && !is_head && self.stages.iter().any(|(_, stage)| stage.resizes()) {
                response.headers_mut().remove(CONTENT_LENGTH);
            }
            EditedHead { is_bodiless, removes_content }
        });
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
        for (_, edits) in &self.edits {
            edits.headers(request.headers_mut());
        }
        if !self.websocket.taps.is_empty() {
            // Other faults may have added rules.
            request.extensions_mut().get_or_insert_default::<MessageTaps>().extend(self.websocket);
        }
        let stages: Vec<_> = self.stages.into_iter().map(|(_, stage)| stage).collect();
        let Some(rebox) = rebox.filter(|_| !stages.is_empty()) else { return request };
        if stages.iter().any(|stage| stage.resizes()) {
            request.headers_mut().remove(CONTENT_LENGTH);
        }
        request.map(|body| (rebox.rebox)(FaultBody::service(body).staged(stages, handle())))
    }

    /// Applies the changes to a response; the handle moves into a changed body, or is done at once.
    pub(crate) fn response<B>(
        mut self,
        mut response: Response<FaultBody<B>>,
        is_head: bool,
        mut handle: impl FaultHandle + 'static,
    ) -> Response<FaultBody<B>> {
        self.edit_head(&mut response, is_head);
        let head = self.edited.unwrap_or_default();
        if head.removes_content {
            response = response.map(|_| FaultBody::no_content());
        }
        if self.stages.is_empty() || head.is_bodiless || is_head {
            handle.done(false);
            return response;
        }
        let stages = self.stages.into_iter().map(|(_, stage)| stage).collect();
        response.map(|body| body.staged(stages, Box::new(handle)))
    }
}

/// Tests whether a response of this status has no content (RFC 9110, sections 15.2, 15.3.5, 15.3.6 and
/// 15.4.5).
pub(crate) fn is_bodiless(status: StatusCode) -> bool {
    status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Removes what announces the content that such a response does not have.
pub(crate) fn remove_content(headers: &mut HeaderMap) {
    headers.remove(CONTENT_LENGTH);
    headers.remove(TRANSFER_ENCODING);
}

/// HTTP/1 only).
pub(crate) fn strip_body(response: &mut Response<Bytes>) {
    let body = std::mem::take(response.body_mut());
    if !body.is_empty() {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(body.len().into());
    }
}

/// The message rules for a WebSocket, in the extensions of its upgrade request.
#[derive(Clone, Default)]
pub(crate) struct MessageTaps {
    pub(crate) taps: Vec<(MessageTap, ActiveHandle)>,
    pub(crate) pending: Vec<PendingInjection>,
    /// Faults that were off when the request arrived.
    pub(crate) standby: Vec<Arc<dyn StandbyTap>>,
}

impl MessageTaps {
    pub(crate) fn extend(&mut self, more: Self) {
        self.taps.extend(more.taps);
        self.pending.extend(more.pending);
        self.standby.extend(more.standby);
    }
}
