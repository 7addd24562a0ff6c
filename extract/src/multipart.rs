//! Multipart bodies, part by part: the one file that knows `multer`.

use std::{
    pin::pin,
    task::{Context, Waker},
};

use axum_core::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header::CONTENT_TYPE};
use multer::{Constraints, Field, Multipart, SizeLimit};

use crate::{
    body::{BodyState, is_limit, too_large, unreadable},
    error::{Code, Fault, FieldError},
    errors::Errors,
    layout::Layout,
    part::{Part, PartRule},
    sips::{SipError, Sips},
    source::Source,
    unknown,
    upload::{Incoming, Upload},
};

/// The most bytes of a part that is kept in memory, if its field says nothing else.
const IN_MEMORY: u64 = 2 * 1024 * 1024;

/// The most bytes of a part's head, give or take a chunk.
const HEAD: usize = 16 * 1024;

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
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let Ok(boundary) = multer::parse_boundary(kind) else {
        return errors.refuse_body(FieldError::body(Code::Malformed, "expected a boundary"));
    };
    let plan = F::BODY;
    let limits = SizeLimit::new().whole_stream(plan.limit);
    let constraints = Constraints::new().size_limit(limits);
    let (body, allowance) = Sips::new(body);
    let mut parts = Multipart::with_constraints(body, boundary, constraints);
    errors.body = BodyState::Read;
    let (mut seen, mut strangers) = (0, 0);
    loop {
        allowance.set(HEAD);
        let next = parts.next_field().await;
        allowance.set(usize::MAX);
        let mut part = match next {
            Ok(Some(part)) => part,
            Ok(None) => return,
            Err(error) => return errors.refuse_body(refusal(&error, plan.limit)),
        };
        seen += 1;
        if seen > plan.max_params {
            let fault = Fault::new(Code::TooMany, format!("expected at most {} parts", plan.max_params));
            return errors.stray(FieldError::new(Source::Part, "", fault));
        }
        let name = part.name().unwrap_or_default().to_owned();
        let Some(rule) = F::part_rule(&name) else {
            if plan.deny_part && strangers < unknown::MOST {
                strangers += 1;
                errors.stray(unknown::error::<F>(Source::Part, &name));
            }
            if let Err(error) = pass_over(&mut part).await {
                return errors.refuse_body(refusal(&error, plan.limit));
            }
            continue;
        };
        let taken = if rule.upload {
            upload(part, rule, spill, errors).await.map(|upload| slots.upload(&name, upload))
        } else {
            bytes(part, rule).await.map(|bytes| slots.part(&name, &Part { bytes }))
        };
        if let Err(error) = taken {
            return errors.refuse_body(refusal(&error, plan.limit));
        }
    }
}

/// Reads a part to its end, so that what follows is a head and has a head's allowance.
async fn pass_over(part: &mut Field<'_>) -> Result<(), multer::Error> {
    while part.chunk().await?.is_some() {}
    Ok(())
}

/// A part in memory; one that is too large is read to its end and dropped, so that others are heard.
async fn bytes(mut part: Field<'_>, rule: PartRule) -> Result<Result<Bytes, Fault>, multer::Error> {
    let limit = rule.limit.unwrap_or(IN_MEMORY);
    let mut bytes = BytesMut::new();
    let mut length = 0u64;
    while let Some(chunk) = part.chunk().await? {
        length += chunk.len() as u64;
        if length <= limit {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok(if length > limit { Err(large(limit)) } else { Ok(bytes.freeze()) })
}

type Taken = Result<Option<Upload>, Box<Fault>>;

async fn upload(
    mut part: Field<'_>,
    rule: PartRule,
    spill: bool,
    errors: &mut Errors,
) -> Result<Taken, multer::Error> {
    let limit = rule.limit.unwrap_or(u64::MAX);
    let mut file = Incoming::new(spill);
    let mut length = 0u64;
    while let Some(chunk) = part.chunk().await? {
        length += chunk.len() as u64;
        if length <= limit && file.push(&chunk).await.is_err() {
            errors.unwire("a temporary file cannot be written");
            return Ok(Ok(None));
        }
    }
    if length > limit {
        return Ok(Err(large(limit).into()));
    }
    let file_name = part.file_name().map(str::to_owned);
    let content_type = part.content_type().map(ToString::to_string);
    match file.end(file_name, content_type).await {
        // What a browser sends for a file that nobody chose.
        Ok(upload) if upload.is_empty() && upload.file_name() == Some("") => Ok(Ok(None)),
        Ok(upload) => Ok(Ok(Some(upload))),
        Err(_) => {
            errors.unwire("a temporary file cannot be written");
            Ok(Ok(None))
        }
    }
}

fn large(limit: u64) -> Fault {
    Fault::new(Code::TooLarge, format!("expected at most {limit} bytes"))
}

fn refusal(error: &multer::Error, limit: u64) -> FieldError {
    match error {
        multer::Error::StreamSizeExceeded { .. } => too_large(limit),
        multer::Error::StreamReadFailed(cause) if is_limit(&**cause) => too_large(limit),
        multer::Error::StreamReadFailed(cause) if !is_used_up(&**cause) => unreadable(),
        _ => FieldError::body(Code::Malformed, "expected a multipart body to its last boundary"),
    }
}

fn is_used_up(cause: &(dyn std::error::Error + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(SipError::UsedUp))
}
