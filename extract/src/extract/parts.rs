//! Multipart parts to fields.

use std::pin::pin;
use std::task::{Context, Waker};

use axum_core::body::Body;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

use crate::descriptor::body::Plan;
use crate::descriptor::field::PartRule;
use crate::error::collector::{BodyState, Errors};
use crate::error::field::{Code, Fault, FieldError, Source, unreadable};
use crate::extract::head;
use crate::extract::multipart::{Multipart, OpenPart};
use crate::field::part::Part;
use crate::field::slots::Layout;
use crate::field::upload::{Incoming, Upload};

/// The most bytes of a part that is kept in memory, if its field says nothing else.
const IN_MEMORY: u64 = 2 * 1024 * 1024;

/// How often a body that lies in memory may be waited for.
const PATIENCE: usize = 1 << 16;

/// Takes the parts of a body in that lies in memory.
pub(crate) fn memory<F: Layout>(slots: &mut F, headers: &HeaderMap, body: &Bytes, errors: &mut Errors) {
    let ended = {
        let mut reading = pin!(fill(slots, headers, Body::from(body.clone()), false, errors));
        let mut context = Context::from_waker(Waker::noop());
        (0..PATIENCE).any(|_| reading.as_mut().poll(&mut context).is_ready())
    };
    if !ended {
        errors.refuse_body(unreadable());
    }
}

/// Takes the parts of a body in as they come.
pub(crate) async fn stream<F: Layout>(slots: &mut F, headers: &HeaderMap, body: Body, errors: &mut Errors) {
    fill(slots, headers, body, true, errors).await;
}

async fn fill<F: Layout>(slots: &mut F, headers: &HeaderMap, body: Body, spill: bool, errors: &mut Errors) {
    let plan = F::BODY;
    let mut parts = match Multipart::open(headers, body, plan.limit, plan.max_params) {
        Ok(parts) => parts,
        Err(error) => return errors.refuse_body(error),
    };
    errors.body = BodyState::Read;
    let mut strangers = 0;
    loop {
        let mut part = match parts.next_part().await {
            Ok(Some(part)) => part,
            Ok(None) => return,
            Err(error) if error.source() == Source::Part => return errors.stray(error),
            Err(error) => return errors.refuse_body(error),
        };
        let name = part.name().to_owned();
        let Some(rule) = F::part_rule(&name) else {
            if plan.deny_part && strangers < head::MOST {
                strangers += 1;
                errors.stray(head::error::<F>(Source::Part, &name));
            }
            continue;
        };
        let taken = if rule.upload {
            upload(&mut part, rule, spill, errors).await.map(|upload| slots.upload(&name, upload))
        } else {
            let bytes = part.whole(rule.limit.unwrap_or(IN_MEMORY)).await;
            bytes.map(|bytes| slots.part(&name, &Part { bytes }))
        };
        if let Err(error) = taken {
            return errors.refuse_body(error);
        }
    }
}

type Taken = Result<Option<Upload>, Box<Fault>>;

async fn upload(
    part: &mut OpenPart<'_>,
    rule: PartRule,
    spill: bool,
    errors: &mut Errors,
) -> Result<Taken, FieldError> {
    let file = part.file(rule.limit.unwrap_or(u64::MAX), Incoming::new(spill)).await?;
    Ok(match file {
        Ok(Ok(upload)) if upload.is_empty() && upload.file_name() == Some("") => Ok(None),
        Ok(Ok(upload)) => Ok(Some(upload)),
        Ok(Err(fault)) => Err(fault.into()),
        Err(_) => {
            errors.unwire("a temporary file cannot be written");
            Ok(None)
        }
    })
}

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
