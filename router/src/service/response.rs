//! Responses that the router makes or completes: those of misses, and those to HEAD.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum_core::Error;
use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, LOCATION};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body::{Body as _, Frame, SizeHint};

use crate::service::mount::OuterLocation;
use crate::table::miss::{Miss, Reason};

/// Returns the response to a miss without a fallback.
pub(crate) fn default_answer(request: &Request<Body>) -> Response {
    let Some(miss) = request.extensions().get::<Miss>() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let status = miss.status();
    match &miss.reason {
        Reason::BadRequest(bad) => (status, format!("{bad}\n")).into_response(),
        Reason::Redirect(redirect) => {
            let mut response = with_header(status.into_response(), LOCATION, &redirect.target);
            response.extensions_mut().insert(OuterLocation);
            response
        }
        _ => {
            let mut response = status.into_response();
            if let Some(required) = RequiredHeader::of(request) {
                required.add_to(&mut response);
            }
            response
        }
    }
}

/// The header that the response to a miss must have: `Allow` with 405 (RFC 9110 §15.5.6), the accepted types
/// with 415 (§15.5.16). It is added where a fallback or a layer has not set it.
pub(crate) struct RequiredHeader {
    status: StatusCode,
    name: http::HeaderName,
    value: HeaderValue,
}

impl RequiredHeader {
    #[cold]
    pub(crate) fn of(request: &Request<Body>) -> Option<Self> {
        let miss = request.extensions().get::<Miss>()?;
        let (name, value) = match &miss.reason {
            Reason::MethodNotAllowed(methods) | Reason::Options(methods) => (ALLOW, methods.to_string()),
            Reason::UnsupportedMediaType(media) if !media.is_empty() => {
                (accept_header(request.method()), media.join(", "))
            }
            _ => return None,
        };
        let value = HeaderValue::from_str(&value).ok()?;
        Some(Self { status: miss.status(), name, value })
    }

    pub(crate) fn add_to(self, response: &mut Response) {
        if response.status() == self.status {
            response.headers_mut().entry(self.name).or_insert(self.value);
        }
    }
}

/// Returns the header with the accepted types (RFC 5789 §2.2, Linked Data Platform §7.1, RFC 9110 §12.5.1).
fn accept_header(method: &Method) -> http::HeaderName {
    match *method {
        Method::POST => http::HeaderName::from_static("accept-post"),
        Method::PATCH => http::HeaderName::from_static("accept-patch"),
        _ => ACCEPT,
    }
}

fn with_header(mut response: Response, name: http::HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Keeps the size hint of a body and returns none of its frames. An error of the first poll is passed on,
/// since waylay-fault rejects requests with one.
pub(crate) struct HeadBody {
    body: Option<Body>,
    size: SizeHint,
}

impl HeadBody {
    pub(crate) fn new(body: Body) -> Self {
        Self { size: body.size_hint(), body: Some(body) }
    }
}

impl http_body::Body for HeadBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(mut body) = self.body.take() else {
            return Poll::Ready(None);
        };
        match Pin::new(&mut body).poll_frame(context) {
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
            _ => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}
