//! Multipart bodies as one field has them: by hand, or as the pairs of a form.

use axum_core::body::Body;
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};

use crate::{
    body::Plan,
    error::{Code, FieldError},
    errors::Errors,
    multipart::Multipart,
};

/// The slot of a body that is read by hand.
#[derive(Debug, Default)]
pub struct Poured {
    kind: Option<HeaderValue>,
    body: Option<Body>,
}

impl Poured {
    /// Takes in what the head says of the body.
    pub fn head(&mut self, headers: &HeaderMap) {
        self.kind = headers.get(CONTENT_TYPE).cloned();
    }

    /// Takes the body in, unread.
    pub fn pour(&mut self, body: Body) {
        self.body = Some(body);
    }

    /// The parts; an error if the body was refused.
    pub fn required(self, plan: &Plan, errors: &mut Errors) -> Option<Multipart> {
        if errors.body_is_absent() {
            errors.blame_body(true);
            return None;
        }
        let body = errors.streamed(self.body)?;
        let headers = self.kind.map(|kind| (CONTENT_TYPE, kind)).into_iter().collect();
        match Multipart::open(&headers, body, plan.limit, plan.max_params) {
            Ok(parts) => Some(parts),
            Err(error) => {
                errors.push(FieldError::body(Code::Malformed, error.detail().to_owned()));
                None
            }
        }
    }

    /// The parts if there is a body.
    pub fn optional(self, plan: &Plan, errors: &mut Errors) -> Option<Option<Multipart>> {
        if errors.body_is_absent() { Some(None) } else { self.required(plan, errors).map(Some) }
    }
}
