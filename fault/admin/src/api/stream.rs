//! Stream: the endpoint of server-sent events.

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use waylay_extract::{Answer, Answers, Extract, routes};

use crate::api::state::{AdminState, MAX_STREAMS};
use crate::api::view::StatusView;
use crate::events::{EventBody, Position};
use crate::problem::Problem;

/// The endpoint of events.
#[derive(Debug, Extract)]
pub(crate) struct Stream {
    #[state]
    state: AdminState,
}

/// Streams the events of the set (`log`), and what is known about it (`status`), as server-sent events.
///
/// Each event of the log has an id; a client that sends the last one it has seen gets those after it, and `missed`
/// with their number if some are not held any more. After a restart of the process it gets all that are held.
#[derive(Debug, Extract)]
#[route(GET "/events")]
pub(crate) struct Follow {
    /// Whether the status is sent as well, at first and once a second.
    #[query(default = false)]
    status: bool,
    /// The id of the last event that the client has seen; that of the header is preferred.
    #[query(max_length = 100)]
    after: Option<String>,
    /// A ticket in place of a token.
    #[query(max_length = 100)]
    ticket: Option<String>,
    /// The id of the last event that the client has seen; browsers send it after a break.
    #[header("last-event-id")]
    last_event_id: Option<String>,
}

/// A stream of events.
pub(crate) struct EventStream(EventBody);

impl IntoResponse for EventStream {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "text/event-stream")], Body::new(self.0)).into_response()
    }
}

impl Answer for EventStream {
    fn answer(answers: &mut Answers) {
        answers.content(StatusCode::OK, "The events.", "text/event-stream", json!({"type": "string"}));
    }
}

#[routes(state = AdminState)]
impl Stream {
    pub(crate) async fn follow(&self, follow: Follow) -> Result<EventStream, Problem> {
        // It was checked with the token's, before the request was routed.
        let _ = follow.ticket;
        let Ok(permit) = self.state.streams.clone().try_acquire_owned() else {
            let detail = format!("{MAX_STREAMS} event streams are open already; close one of them");
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
            return Err(problem.header(RETRY_AFTER, HeaderValue::from_static("5")));
        };
        let after = follow.last_event_id.or(follow.after).unwrap_or_default();
        let position = Position::new(&self.state.instance, &after);
        let state = self.state.clone();
        let status = follow
            .status
            .then_some(move || serde_json::to_string(&StatusView::new(&state)).unwrap_or_default());
        Ok(EventStream(EventBody::new(
            self.state.set.event_log(),
            position,
            status,
            permit,
            self.state.is_closed.subscribe(),
        )))
    }
}
