//! The body in memory: content type, limit, decoding.

#[cfg(feature = "multipart")]
use std::pin::Pin;
#[cfg(feature = "multipart")]
use std::task::{Context, Poll};

use axum_core::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
#[cfg(feature = "multipart")]
use http_body::Frame;
use http_body::SizeHint;
use http_body_util::{BodyExt, Limited};

use crate::descriptor::body::{BodyKind, BodyPlan, kind, media_type};
use crate::error::collector::{BodyState, Errors};
use crate::error::field::{Code, FieldError, Location, is_limit, too_large, unreadable};
use crate::extract::head::read_pairs;
use crate::extract::json;
use crate::field::slots::Slots;

/// Maximum bytes of a body that is read although the head has errors, so that all are reported together.
const WORTH_READING: u64 = 64 * 1024;

fn length(headers: &HeaderMap, size: &SizeHint) -> Option<u64> {
    let announced = || headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    size.exact().or_else(announced)
}

/// Returns the kind of the body, or why it is not read.
///
/// Without a known length, the body may be empty, and its content type is checked after reading.
pub(crate) fn admit(plan: &BodyPlan, headers: &HeaderMap, size: &SizeHint) -> Result<BodyKind, BodyState> {
    let length = length(headers, size);
    if length == Some(0) {
        return Err(BodyState::Absent);
    }
    let at_least = length.unwrap_or_default().max(size.lower());
    if at_least > plan.limit {
        return Err(BodyState::Rejected(too_large(plan.limit)));
    }
    let kind = match kind(headers) {
        BodyKind::Json => BodyKind::Json,
        _ if !plan.accept.is_empty()
            && plan.accept.iter().any(|accepted| accepted.eq_ignore_ascii_case(media_type(headers))) =>
        {
            BodyKind::Json
        }
        _ if plan.untyped && !headers.contains_key(CONTENT_TYPE) => plan.first_kind(),
        kind => kind,
    };
    if plan.checks_content_type() && at_least > 0 && !plan.reads_kind(kind) {
        let detail = format!("expected the content type {}", plan.accepts().replace(", ", " or "));
        return Err(BodyState::Rejected(FieldError::body(Code::UnsupportedMediaType, detail)));
    }
    Ok(kind)
}

/// Tests whether a body is read although the head has errors.
pub(crate) fn is_worth_reading(headers: &HeaderMap, size: &SizeHint) -> bool {
    length(headers, size).is_some_and(|length| length <= WORTH_READING)
}

/// Reads the whole body into memory.
pub(crate) async fn collect(plan: &BodyPlan, body: Body) -> Result<Bytes, FieldError> {
    let limit = usize::try_from(plan.limit).unwrap_or(usize::MAX);
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if is_limit(&*error) => Err(too_large(plan.limit)),
        Err(_) => Err(unreadable()),
    }
}

/// Returns the body of unknown length if it is not empty. Its first chunk is awaited.
///
/// # Errors
///
/// The body fails before its first byte.
#[cfg(feature = "multipart")]
pub(crate) async fn not_empty(plan: &BodyPlan, mut body: Body) -> Result<Option<Body>, FieldError> {
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) if frame.data_ref().is_some_and(|data| !data.is_empty()) => {
                return Ok(Some(Body::new(StartedBody { first: Some(frame), rest: body })));
            }
            Ok(_) => {}
            Err(error) if is_limit(&error) => return Err(too_large(plan.limit)),
            Err(_) => return Err(unreadable()),
        }
    }
    Ok(None)
}

/// A body whose first frame has been read.
#[cfg(feature = "multipart")]
struct StartedBody {
    first: Option<Frame<Bytes>>,
    rest: Body,
}

#[cfg(feature = "multipart")]
impl http_body::Body for StartedBody {
    type Data = Bytes;
    type Error = axum_core::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }
}

/// Reads a body that `admit` has accepted.
#[cfg_attr(not(feature = "multipart"), expect(unused_variables, reason = "only parts have a boundary"))]
pub(crate) fn memory<'r, F: Slots<'r>>(
    slots: &mut F,
    kind: BodyKind,
    headers: &HeaderMap,
    body: &'r Bytes,
    errors: &mut Errors,
) {
    if F::BODY.stream {
        return slots.stream(Body::from(body.clone()));
    }
    #[cfg(feature = "multipart")]
    if F::BODY.multipart && kind == BodyKind::Multipart {
        return crate::extract::parts::memory(slots, headers, body, errors);
    }
    whole(slots, kind, body, errors);
}

/// Reads a body that is neither a stream nor multipart.
pub(crate) fn whole<'r, F: Slots<'r>>(slots: &mut F, kind: BodyKind, body: &'r Bytes, errors: &mut Errors) {
    if body.is_empty() {
        errors.body = BodyState::Absent;
        return;
    }
    let plan = F::BODY;
    let mut read = slots.body(kind, body);
    if read.is_ok() && plan.members && kind == BodyKind::Json {
        read = json::read(slots, body, errors);
    }
    if read.is_ok() && plan.pairs && kind == BodyKind::Form {
        read = form(slots, body, errors);
    }
    match read {
        Ok(()) => errors.body = BodyState::Read,
        Err(error) => {
            slots.reset_members();
            errors.reject_body(error);
        }
    }
}

fn form<'r, F: Slots<'r>>(slots: &mut F, body: &'r [u8], errors: &mut Errors) -> Result<(), FieldError> {
    let Ok(text) = str::from_utf8(body) else {
        return Err(FieldError::body(Code::InvalidUtf8, "expected UTF-8 text"));
    };
    let plan = F::BODY;
    read_pairs::<F>(Location::Form, text, plan.max_params, plan.deny_form, errors, |key, value| {
        slots.form(key, value) || slots.form_rest(key, value)
    });
    Ok(())
}
