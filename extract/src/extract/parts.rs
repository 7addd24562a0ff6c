//! Multipart bodies: parts to fields; MultipartSlot.

use std::pin::pin;
use std::task::{Context, Waker};

use axum_core::body::Body;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

use crate::descriptor::body::BodyPlan;
use crate::descriptor::field::PartRule;
use crate::error::collector::{BodyState, Errors};
use crate::error::field::{Code, FieldError, Location, ValueError, unreadable};
use crate::extract::head;
use crate::extract::multipart::{Field, Multipart};
use crate::field::part::Part;
use crate::field::slots::Layout;
use crate::field::upload::{Upload, UploadWriter};

/// Default maximum bytes of a part in memory.
const IN_MEMORY: u64 = 2 * 1024 * 1024;

/// Maximum polls of a body in memory.
const MAX_POLLS: usize = 1 << 16;

/// Reads the parts of a body in memory.
pub(crate) fn memory<F: Layout>(slots: &mut F, headers: &HeaderMap, body: &Bytes, errors: &mut Errors) {
    let ended = {
        let mut reading = pin!(fill(slots, headers, Body::from(body.clone()), false, errors));
        let mut context = Context::from_waker(Waker::noop());
        (0..MAX_POLLS).any(|_| reading.as_mut().poll(&mut context).is_ready())
    };
    if !ended {
        errors.reject_body(unreadable());
    }
}

/// Reads the parts of a body while it is received.
pub(crate) async fn stream<F: Layout>(slots: &mut F, headers: &HeaderMap, body: Body, errors: &mut Errors) {
    fill(slots, headers, body, true, errors).await;
}

async fn fill<F: Layout>(slots: &mut F, headers: &HeaderMap, body: Body, spill: bool, errors: &mut Errors) {
    let plan = F::BODY;
    let mut parts = match Multipart::open(headers, body, plan.limit, plan.max_params) {
        Ok(parts) => parts,
        Err(error) => return errors.reject_body(error),
    };
    errors.body = BodyState::Read;
    let mut unknown = 0;
    loop {
        let mut part = match parts.next_part().await {
            Ok(Some(part)) => part,
            Ok(None) => return,
            Err(error) if error.location() == Location::Part => return errors.push_unknown(error),
            Err(error) => return errors.reject_body(error),
        };
        let name = part.name().to_owned();
        let Some(rule) = F::part_rule(&name) else {
            if plan.deny_part && unknown < head::MAX_UNKNOWN {
                unknown += 1;
                errors.push_unknown(head::unknown_key::<F>(Location::Part, &name));
            }
            continue;
        };
        let taken = if rule.upload {
            upload(&mut part, rule, spill, errors).await.map(|upload| slots.upload(&name, upload))
        } else {
            let limit = rule.limit.unwrap_or(IN_MEMORY);
            let bytes = part.whole(limit).await;
            bytes.map(|bytes| {
                let part = Part { bytes, limit };
                // A part that no field reads is one of the rest.
                let _ = slots.part(&name, &part) || slots.part_rest(&name, &part);
            })
        };
        if let Err(error) = taken {
            return errors.reject_body(error);
        }
    }
}

type UploadResult = Result<Option<Upload>, Box<ValueError>>;

async fn upload(
    part: &mut Field<'_>,
    rule: PartRule,
    spill: bool,
    errors: &mut Errors,
) -> Result<UploadResult, FieldError> {
    let file = part.file(rule.limit.unwrap_or(u64::MAX), UploadWriter::new(spill)).await?;
    Ok(match file {
        Ok(Ok(upload)) if upload.is_empty() && upload.file_name() == Some("") => Ok(None),
        Ok(Ok(upload)) => Ok(Some(upload)),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => {
            errors.set_misconfigured("a temporary file cannot be written");
            Ok(None)
        }
    })
}

/// The slot of a body that the handler reads part by part.
#[derive(Debug, Default)]
pub struct MultipartSlot {
    kind: Option<HeaderValue>,
    body: Option<Body>,
}

impl MultipartSlot {
    /// Stores the content type.
    pub fn set_headers(&mut self, headers: &HeaderMap) {
        self.kind = headers.get(CONTENT_TYPE).cloned();
    }

    /// Stores the unread body.
    pub fn set_body(&mut self, body: Body) {
        self.body = Some(body);
    }

    /// Returns the parts, or reports why the body was rejected.
    pub fn required(self, plan: &BodyPlan, errors: &mut Errors) -> Option<Multipart> {
        if errors.body_is_absent() {
            errors.push_body_error(true);
            return None;
        }
        let body = errors.require_body(self.body)?;
        let headers = self.kind.map(|kind| (CONTENT_TYPE, kind)).into_iter().collect();
        match Multipart::open(&headers, body, plan.limit, plan.max_params) {
            Ok(parts) => Some(parts),
            Err(error) => {
                errors.push(FieldError::body(Code::Malformed, error.detail().to_owned()));
                None
            }
        }
    }

    /// Returns the parts if there is a body.
    pub fn optional(self, plan: &BodyPlan, errors: &mut Errors) -> Option<Option<Multipart>> {
        if errors.body_is_absent() { Some(None) } else { self.required(plan, errors).map(Some) }
    }
}
