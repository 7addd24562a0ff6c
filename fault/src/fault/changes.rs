//! Changes applied to a request or response.

use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{Request, Response, StatusCode};

use crate::body::fault_body::FaultBody;
use crate::body::request_body::Port;
use crate::body::stage::{Host, Stage};
use crate::connection::messages::Tap;
use crate::fault::state::{Active, Promise};
use crate::injector::plan::{Change, Edits};

/// The changes of one request or one response, gathered.
#[derive(Default)]
pub(crate) struct Changes {
    wait: Duration,
    edits: Vec<Arc<Edits>>,
    stages: Vec<Box<dyn Stage>>,
    taps: Taps,
}

impl Changes {
    /// A hand in the connection that the request asks for.
    pub(crate) fn tap(&mut self, tap: Tap, host: Active) {
        self.taps.hands.push((tap, host));
    }

    /// Whether anything comes of the taps is yet to be seen.
    pub(crate) fn promise(&mut self, promise: Promise) {
        self.taps.promises.push(promise);
    }

    pub(crate) fn add(&mut self, change: Change) {
        match change {
            Change::Wait(time) => self.wait = self.wait.saturating_add(time),
            Change::Head(edits) => self.edits.push(edits),
            Change::Body(stage) => self.stages.push(stage),
            Change::Both(edits, stage) => {
                self.edits.push(edits);
                self.stages.push(stage);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wait.is_zero() && self.edits.is_empty() && self.stages.is_empty() && self.taps.hands.is_empty()
    }

    /// The wait before the message goes on.
    pub(crate) fn wait(&self) -> Duration {
        self.wait
    }

    /// Does them to a request. A plan that needs a port is only begun where there is one.
    pub(crate) fn request<B>(
        self,
        mut request: Request<B>,
        port: Option<Port<B>>,
        host: impl FnOnce() -> Box<dyn Host>,
    ) -> Request<B> {
        for edits in &self.edits {
            edits.headers(request.headers_mut());
        }
        if !self.taps.hands.is_empty() {
            // Other faults may have theirs there.
            request.extensions_mut().get_or_insert_default::<Taps>().extend(self.taps);
        }
        let Some(port) = port.filter(|_| !self.stages.is_empty()) else { return request };
        if self.stages.iter().any(|stage| stage.resizes()) {
            request.headers_mut().remove(CONTENT_LENGTH);
        }
        request.map(|body| (port.rebox)(FaultBody::service(body).tampered(self.stages, host())))
    }

    /// Does them to a response; the host is kept if its body is changed, and told that all is done
    /// if not.
    pub(crate) fn response<B>(
        self,
        mut response: Response<FaultBody<B>>,
        is_head: bool,
        mut host: impl Host + 'static,
    ) -> Response<FaultBody<B>> {
        for edits in &self.edits {
            if let Some(status) = edits.status {
                *response.status_mut() = status;
            }
            edits.headers(response.headers_mut());
        }
        let bodiless = matches!(
            response.status(),
            StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
        if self.stages.is_empty() || bodiless || is_head {
            host.done(false);
            return response;
        }
        if self.stages.iter().any(|stage| stage.resizes()) {
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        response.map(|body| body.tampered(self.stages, Box::new(host)))
    }
}

/// The taps on a connection to come, found in the extensions of its upgrade request.
#[derive(Clone, Default)]
pub(crate) struct Taps {
    pub(crate) hands: Vec<(Tap, Active)>,
    pub(crate) promises: Vec<Promise>,
}

impl Taps {
    pub(crate) fn extend(&mut self, more: Self) {
        self.hands.extend(more.hands);
        self.promises.extend(more.promises);
    }
}
