//! Rejection: all errors of a request as one problem+json response.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex};

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use http::request::Parts;
use http::{Extensions, HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;

use crate::descriptor::body;
use crate::descriptor::body::BodyPlan;
use crate::error::field::{FieldError, Location};

/// All errors of a request, as one response.
///
/// The response is `application/problem+json` (RFC 9457) with the members `type`, `title`, `status`,
/// `detail` and `errors`. Its status is the first of 413, 415, 400 and 422 that an error has.
/// The extensions of the response contain the rejection, so that a layer can write another format.
///
/// An error of the program, such as a missing extension, is a 500; its reason is in `Display` and not sent.
///
/// ```
/// use http::Request;
/// use waylay_extract::Extract;
///
/// #[derive(Debug, Extract)]
/// struct Search {
///     #[query]
///     page: u16,
///     #[header("x-tenant")]
///     tenant: String,
/// }
///
/// let (parts, ()) = Request::get("/?page=x").body(()).unwrap().into_parts();
/// let rejection = Search::extract_parts(&parts, &[]).unwrap_err();
/// assert_eq!(rejection.status(), 400);
/// assert_eq!(rejection.errors().len(), 2);
/// assert_eq!(
///     rejection.to_string(),
///     "query `page`: expected an integer from 0 to 65535; header `x-tenant`: expected a value"
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Rejection {
    cause: Cause,
    options: RejectionOptions,
    /// An event has been emitted.
    is_reported: bool,
}

#[derive(Clone, Debug)]
enum Cause {
    Request(Vec<FieldError>),
    Misconfigured(Cow<'static, str>),
    /// The request does not match the struct's route; the allowed method if only the method differs.
    #[cfg_attr(not(feature = "router"), expect(dead_code, reason = "used with the feature `router`"))]
    WrongRoute(StatusCode, Option<Method>),
    /// The response of another extractor, which is taken once.
    ExtractorResponse(StatusCode, Arc<Mutex<Option<Response>>>),
}

/// Options of the response.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RejectionOptions {
    /// The status of an invalid path variable is 404.
    pub(crate) path_is_404: bool,
    /// The client prefers plain text.
    pub(crate) plain: bool,
    /// The header that lists the accepted content types.
    pub(crate) accept_header: AcceptHeader,
    /// The accepted bodies.
    pub(crate) plan: Option<&'static BodyPlan>,
}

/// The header that lists the accepted content types, beside `Accept`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum AcceptHeader {
    /// RFC 9110, 12.5.1: in a response, `Accept` lists the content types of the next request.
    #[default]
    Accept,
    /// Linked Data Platform 1.0, 7.1.
    Post,
    /// RFC 5789, 3.1; required in a 415 by 2.2.
    Patch,
}

impl RejectionOptions {
    /// Returns the options for a request.
    pub(crate) fn of(parts: &Parts) -> Self {
        let accept_header = match parts.method {
            Method::POST => AcceptHeader::Post,
            Method::PATCH => AcceptHeader::Patch,
            _ => AcceptHeader::Accept,
        };
        Self { plain: body::prefers_plain(&parts.headers), accept_header, ..Self::default() }
    }
}

impl Rejection {
    pub(crate) fn new(errors: Vec<FieldError>) -> Self {
        Self { cause: Cause::Request(errors), options: RejectionOptions::default(), is_reported: false }
    }

    pub(crate) fn misconfigured(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            cause: Cause::Misconfigured(reason.into()),
            options: RejectionOptions::default(),
            is_reported: false,
        }
    }

    #[cfg(feature = "router")]
    pub(crate) fn wrong_route(status: StatusCode, allowed: Option<Method>) -> Self {
        Self {
            cause: Cause::WrongRoute(status, allowed),
            options: RejectionOptions::default(),
            is_reported: false,
        }
    }

    pub(crate) fn extractor_response(answer: Response) -> Self {
        let cause = Cause::ExtractorResponse(answer.status(), Arc::new(Mutex::new(Some(answer))));
        Self { cause, options: RejectionOptions::default(), is_reported: false }
    }

    pub(crate) fn with_options(mut self, options: RejectionOptions) -> Self {
        self.options = options;
        self
    }

    /// Emits an event (feature `tracing`), as axum does with the target `axum::rejection`: an error of the
    /// program has the level ERROR, an error of the client TRACE.
    pub(crate) fn reported(mut self) -> Self {
        #[cfg(feature = "tracing")]
        if !self.is_reported {
            let status = self.status().as_u16();
            match &self.cause {
                Cause::Misconfigured(reason) => {
                    tracing::error!(target: "waylay_extract::rejection", status, reason = &**reason, "cannot read a request");
                }
                _ => {
                    tracing::trace!(target: "waylay_extract::rejection", status, errors = %self, "rejecting a request");
                }
            }
        }
        self.is_reported = true;
        self
    }

    /// Returns the rejection of a response, from its extensions.
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// Returns the errors in field order; empty for an error of the program, or the response of a `#[from]` field.
    pub fn errors(&self) -> &[FieldError] {
        match &self.cause {
            Cause::Request(errors) => errors,
            Cause::Misconfigured(_) | Cause::WrongRoute(..) | Cause::ExtractorResponse(..) => &[],
        }
    }

    /// Returns the status of the response.
    pub fn status(&self) -> StatusCode {
        const GRAVEST_FIRST: [StatusCode; 3] =
            [StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNSUPPORTED_MEDIA_TYPE, StatusCode::BAD_REQUEST];
        let errors = match &self.cause {
            Cause::Request(errors) => errors,
            Cause::Misconfigured(_) => return StatusCode::INTERNAL_SERVER_ERROR,
            Cause::WrongRoute(status, _) | Cause::ExtractorResponse(status, _) => return *status,
        };
        if self.options.path_is_404 && errors.iter().any(|error| error.location() == Location::Path) {
            return StatusCode::NOT_FOUND;
        }
        GRAVEST_FIRST
            .into_iter()
            .find(|grave| errors.iter().any(|error| error.status() == *grave))
            .unwrap_or(StatusCode::UNPROCESSABLE_ENTITY)
    }

    /// Returns the sentence before the errors.
    fn summary(&self) -> Cow<'static, str> {
        match self.errors().len() {
            _ if matches!(self.cause, Cause::WrongRoute(..)) => "the request is for another route".into(),
            0 => "the server cannot read this request".into(),
            1 => "the request has 1 error".into(),
            many => format!("the request has {many} errors").into(),
        }
    }

    /// Returns the problem document (RFC 9457).
    fn problem(&self) -> String {
        #[derive(Serialize)]
        struct Problem<'a> {
            r#type: &'a str,
            title: &'a str,
            status: u16,
            detail: Cow<'a, str>,
            errors: &'a [FieldError],
        }

        let status = self.status();
        let title = status.canonical_reason().unwrap_or_default();
        let detail = self.summary();
        let problem =
            Problem { r#type: "about:blank", title, status: status.as_u16(), detail, errors: self.errors() };
        // Texts and one number can always be serialized.
        serde_json::to_string(&problem).unwrap_or_default()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = match &self.cause {
            Cause::Misconfigured(reason) => return f.write_str(reason),
            Cause::WrongRoute(..) => return f.write_str(&self.summary()),
            Cause::ExtractorResponse(status, _) => {
                return write!(f, "another extractor responded with {status}");
            }
            Cause::Request(errors) => errors,
        };
        for (index, error) in errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl Error for Rejection {}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let rejection = self.reported();
        if let Some(answer) = rejection.take_extractor_response() {
            return answer;
        }
        rejection.response()
    }
}

impl Rejection {
    /// Returns the response, with the rejection in its extensions.
    fn response(self) -> Response {
        let status = self.status();
        let (kind, body) = if self.options.plain {
            ("text/plain; charset=utf-8", self.text())
        } else {
            ("application/problem+json", self.problem())
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let accepts = self.options.plan.map(BodyPlan::accepts).unwrap_or_default();
        if let (StatusCode::UNSUPPORTED_MEDIA_TYPE, Ok(accepts)) = (status, HeaderValue::try_from(accepts)) {
            match self.options.accept_header {
                AcceptHeader::Accept => {}
                AcceptHeader::Post => {
                    _ = headers.insert(HeaderName::from_static("accept-post"), accepts.clone())
                }
                AcceptHeader::Patch => {
                    _ = headers.insert(HeaderName::from_static("accept-patch"), accepts.clone())
                }
            }
            headers.insert(ACCEPT, accepts);
        }
        if let Cause::WrongRoute(_, Some(allowed)) = &self.cause {
            // A method is a token, which is a valid header value.
            headers.extend(HeaderValue::from_str(allowed.as_str()).map(|allowed| (ALLOW, allowed)));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl Rejection {
    /// Takes the response of a `#[from]` field; only its status if it was taken before.
    fn take_extractor_response(&self) -> Option<Response> {
        let Cause::ExtractorResponse(status, answer) = &self.cause else {
            return None;
        };
        // The lock is held for a move only and cannot be poisoned.
        let answer = answer.lock().ok().and_then(|mut answer| answer.take());
        Some(answer.unwrap_or_else(|| status.into_response()))
    }

    /// Returns the response as plain text, one error a line.
    fn text(&self) -> String {
        let mut text = self.summary().into_owned();
        for error in self.errors() {
            text.push('\n');
            text.push_str(&error.to_string());
        }
        text.push('\n');
        text
    }
}
