//! Every error of a request as one problem+json answer.

use std::{borrow::Cow, error::Error, fmt};

use axum_core::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde::Serialize;

use crate::error::{Code, FieldError};

/// Everything that is wrong with a request, as one answer.
///
/// The answer is `application/problem+json` (RFC 9457) with the members `type`, `title`, `status`,
/// `detail` and `errors`. The status is that of the gravest error, in the order 413, 415, 400, 422.
/// The rejection itself rides in the response's extensions, so that a layer can write another format.
///
/// A fault of the program, not of the request, is a 500 whose reason is in `Display` and not sent.
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
}

#[derive(Clone, Debug)]
enum Cause {
    Request(Vec<FieldError>),
    Wiring(&'static str),
}

impl Rejection {
    pub(crate) fn new(errors: Vec<FieldError>) -> Self {
        let cause = Cause::Request(errors);
        Self { cause }
    }

    pub(crate) fn wiring(reason: &'static str) -> Self {
        let cause = Cause::Wiring(reason);
        Self { cause }
    }

    /// The errors in field order; empty if the program is at fault.
    pub fn errors(&self) -> &[FieldError] {
        match &self.cause {
            Cause::Request(errors) => errors,
            Cause::Wiring(_) => &[],
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        const GRAVEST_FIRST: [StatusCode; 3] =
            [StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNSUPPORTED_MEDIA_TYPE, StatusCode::BAD_REQUEST];
        let Cause::Request(errors) = &self.cause else {
            return StatusCode::INTERNAL_SERVER_ERROR;
        };
        GRAVEST_FIRST
            .into_iter()
            .find(|grave| errors.iter().any(|error| error.status() == *grave))
            .unwrap_or(StatusCode::UNPROCESSABLE_ENTITY)
    }

    /// The problem document that is sent (RFC 9457).
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
        let detail = match &self.cause {
            Cause::Wiring(_) => "the server cannot read this request".into(),
            Cause::Request(errors) if errors.len() == 1 => "the request has 1 error".into(),
            Cause::Request(errors) => format!("the request has {} errors", errors.len()).into(),
        };
        let problem =
            Problem { r#type: "about:blank", title, status: status.as_u16(), detail, errors: self.errors() };
        // Texts and one number: there is nothing in it that JSON cannot hold.
        serde_json::to_string(&problem).unwrap_or_default()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = match &self.cause {
            Cause::Wiring(reason) => return f.write_str(reason),
            Cause::Request(errors) => errors,
        };
        for (index, error) in errors.iter().enumerate() {
            let gap = if index == 0 { "" } else { "; " };
            write!(f, "{gap}{error}")?;
        }
        Ok(())
    }
}

impl Error for Rejection {}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = Response::new(Body::from(self.problem()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            // RFC 9110, 12.5.1: in an answer, `Accept` says what the next request may contain.
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The errors of one request while its fields are taken out, in field order.
#[derive(Debug, Default)]
pub struct Errors {
    list: Vec<FieldError>,
    unwired: Option<&'static str>,
    pub(crate) body: BodyState,
}

/// What is known of a body whose fields were never filled.
#[derive(Debug, Default)]
pub(crate) enum BodyState {
    /// It was filled in, or its fault has been told.
    #[default]
    Settled,
    /// The request has none.
    Absent,
    /// It was refused, unreadable or not JSON.
    Refused(FieldError),
}

impl Errors {
    pub(crate) fn push(&mut self, error: FieldError) {
        self.list.push(error);
    }

    pub(crate) fn refuse_body(&mut self, error: FieldError) {
        self.body = BodyState::Refused(error);
    }

    pub(crate) fn body_is_absent(&self) -> bool {
        matches!(self.body, BodyState::Absent)
    }

    /// What the program, not the request, has to provide.
    pub fn wired<T>(&mut self, value: Option<T>, reason: &'static str) -> Option<T> {
        if value.is_none() {
            self.unwired = Some(reason);
        }
        value
    }

    /// Tells, once, why a body field has no value. `required`: an absent body is a fault too.
    pub(crate) fn blame_body(&mut self, required: bool) {
        let error = match std::mem::take(&mut self.body) {
            BodyState::Refused(error) => error,
            BodyState::Absent if required => FieldError::body(Code::Missing, "expected a body"),
            state => return self.body = state,
        };
        self.push(error);
    }

    pub(crate) fn into_result<T>(self, value: Option<T>) -> Result<T, Rejection> {
        if let Some(reason) = self.unwired {
            return Err(Rejection::wiring(reason));
        }
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            _ => Err(Rejection::new(self.list)),
        }
    }
}
