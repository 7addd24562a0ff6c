//! Request checks: rejected methods and codings, time limit of the body.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::{Method, Request, StatusCode, Version};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tower_http::timeout::{TimeoutBody, TimeoutError};
use waylay_router::{Body, OneLine};

use super::connection::ActiveRequest;
use crate::log::causes;
use crate::problem::Problem;

/// Returns the response to what no program here implements: `CONNECT`, a tunnel to any address, `TRACE`, an echo
/// of credentials (RFC 9110 §9.1), and bodies in another coding than `chunked` (RFC 9112 §6.1).
pub(super) fn refuse<B>(request: &Request<B>) -> Option<Response> {
    let method = request.method();
    let codings: Vec<&[u8]> =
        request.headers().get_all(TRANSFER_ENCODING).iter().map(|line| line.as_bytes()).collect();
    let detail = if *method == Method::CONNECT || *method == Method::TRACE {
        format!("the method {method} is not implemented")
    } else if codings.iter().any(|line| !line.eq_ignore_ascii_case(b"chunked")) || codings.len() > 1 {
        "the transfer coding is not implemented".to_owned()
    } else {
        return None;
    };
    Some(Problem::new(StatusCode::NOT_IMPLEMENTED, detail).into_response())
}

/// Adds the time limit of the body; the failure is set once reading the body has failed.
pub(super) fn prepare(mut request: Request<Incoming>, timeout: Duration) -> (Request<Body>, BodyFailure) {
    // The coding alone decides where the body ends (RFC 9112 §6.3); a length beside it would mislead others.
    if request.headers().contains_key(TRANSFER_ENCODING) {
        request.headers_mut().remove(CONTENT_LENGTH);
    }
    let failure = BodyFailure::default();
    let reported = failure.clone();
    let request = request.map(|body| {
        if http_body::Body::is_end_stream(&body) {
            return Body::empty();
        }
        let body = TimeoutBody::new(timeout, body);
        Body::new(body.map_err(move |error| {
            let status = if error.is::<TimeoutError>() {
                StatusCode::REQUEST_TIMEOUT
            } else {
                StatusCode::BAD_REQUEST
            };
            _ = reported.cause.set((status, causes(&*error)));
            error
        }))
    });
    (request, failure)
}

/// Reason why the body of a request could not be read.
#[derive(Debug, Clone, Default)]
pub(super) struct BodyFailure {
    cause: Arc<OnceLock<(StatusCode, String)>>,
}

impl BodyFailure {
    /// Replaces the error response of a handler if the failure caused it: the error is the client's, whatever its
    /// status.
    pub(super) fn replace(&self, response: Response, version: Version, peer: SocketAddr) -> Response {
        let Some((status, cause)) = self.cause.get() else { return response };
        tracing::info!(%peer, %status, cause = %OneLine(cause), "the body of a request cannot be read");
        if !response.status().is_client_error() && !response.status().is_server_error() {
            return response;
        }
        let detail = match *status {
            StatusCode::REQUEST_TIMEOUT => "the body of the request did not arrive in time",
            _ => "the body of the request cannot be read",
        };
        let mut response = Problem::new(*status, detail).into_response();
        if version < Version::HTTP_2 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Body of a response whose request is in progress until its end.
#[derive(Debug)]
pub(super) struct ActiveBody {
    body: Body,
    active: Option<ActiveRequest>,
}

impl ActiveBody {
    pub(super) fn new(body: Body, active: ActiveRequest) -> Self {
        Self { body, active: Some(active) }
    }
}

impl http_body::Body for ActiveBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() {
            self.active = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
