//! Functions that the derived FromRequest and FromRequestParts call.

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use http::request::Parts;
use http_body::{Body as _, SizeHint};
use http_body_util::Limited;

use crate::descriptor::body::BodyKind;
#[cfg(feature = "multipart")]
use crate::error::collector::BodyState;
use crate::error::collector::Errors;
use crate::error::rejection::Rejection;
use crate::extract::body;
use crate::extract::head::{finish, read_parts};
use crate::field::slots::{Layout, Slots};

/// Calls another extractor.
///
/// # Errors
///
/// The response of the extractor.
pub async fn from<T: FromRequestParts<S>, S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<Option<T>, Rejection> {
    use axum_core::response::IntoResponse;

    match T::from_request_parts(parts, state).await {
        Ok(value) => Ok(Some(value)),
        Err(rejection) => Err(Rejection::extractor_response(rejection.into_response()).reported()),
    }
}

/// Adds the path variables to the slots: those of axum first, then those of waylay-router, so that a nested router sees
/// both.
///
/// # Errors
///
/// No router has matched the request, or a value is not UTF-8.
#[cfg_attr(
    not(any(feature = "axum", feature = "router")),
    expect(unused_variables, reason = "used with the features `axum` and `router`")
)]
#[inline]
pub fn path<F: for<'r> Slots<'r>>(slots: &mut F, parts: &mut Parts) -> Result<(), Rejection> {
    if !F::HEAD.path {
        return Ok(());
    }
    #[cfg(not(feature = "axum"))]
    let is_filled = false;
    #[cfg(feature = "axum")]
    let is_filled = crate::extract::path_axum::fill(slots, parts)?;
    #[cfg(feature = "router")]
    let is_filled = crate::extract::path::fill(slots, parts, is_filled);
    if is_filled { Ok(()) } else { Err(no_path()) }
}

#[cold]
fn no_path() -> Rejection {
    let reason = match cfg!(feature = "axum") {
        true => "no path values: neither waylay's nor axum's router has matched this request",
        false => {
            "no path values: waylay's router has not matched this request; for those of axum's router, enable the \
             feature `axum` of waylay-extract"
        }
    };
    Rejection::misconfigured(reason).reported()
}

/// Reads the struct from the request head.
///
/// # Errors
///
/// All errors of the request.
pub fn from_parts<F: for<'r> Slots<'r>>(mut slots: F, parts: &Parts) -> Result<F::Output, Rejection> {
    let mut errors = Errors::routed();
    read_parts(&mut slots, parts, &mut errors);
    finish(slots, &mut errors, parts)
}

/// As [`from_parts`]; `None` if the request has no value for any field.
///
/// # Errors
///
/// All errors of the request.
pub fn option_from_parts<F: for<'r> Slots<'r>>(
    mut slots: F,
    parts: &Parts,
) -> Result<Option<F::Output>, Rejection> {
    let mut errors = Errors::routed();
    read_parts(&mut slots, parts, &mut errors);
    if summary(&slots).is_untouched && errors.is_empty() {
        return Ok(None);
    }
    finish(slots, &mut errors, parts).map(Some)
}

/// Reads the struct from the request.
///
/// # Errors
///
/// All errors of the request.
pub async fn from_request<F: for<'r> Slots<'r>>(
    mut slots: F,
    parts: &Parts,
    body: Body,
) -> Result<F::Output, Rejection> {
    let mut errors = Errors::routed();
    read_parts(&mut slots, parts, &mut errors);
    let is_invalid = summary(&slots).is_invalid || !errors.is_empty();
    read_body(&mut slots, is_invalid, parts, body, &mut errors).await;
    finish(slots, &mut errors, parts)
}

/// As [`from_request`]; `None` if the request has no value for any field.
///
/// # Errors
///
/// All errors of the request.
pub async fn option_from_request<F: for<'r> Slots<'r>>(
    mut slots: F,
    parts: &Parts,
    body: Body,
) -> Result<Option<F::Output>, Rejection> {
    let mut errors = Errors::routed();
    read_parts(&mut slots, parts, &mut errors);
    let Summary { is_invalid, is_untouched } = summary(&slots);
    let touched = !is_untouched || !errors.is_empty();
    // If the head has no value, the body decides, so it is read although a field is missing.
    read_body(&mut slots, is_invalid && touched, parts, body, &mut errors).await;
    if !touched && (errors.body_is_absent() || !F::BODY.reads()) {
        return Ok(None);
    }
    finish(slots, &mut errors, parts).map(Some)
}

/// The state of the slots of the head before the body is read.
struct Summary {
    /// A value is missing or invalid.
    is_invalid: bool,
    /// The request has no value for any of them.
    is_untouched: bool,
}

#[inline]
fn summary(slots: &impl Layout) -> Summary {
    let mut summary = Summary { is_invalid: false, is_untouched: true };
    slots.each_slot(&mut |slot, is_required| {
        summary.is_invalid |= slot.is_invalid() || (is_required && slot.is_absent());
        summary.is_untouched &= slot.is_absent();
    });
    summary
}

async fn read_body<F: for<'r> Slots<'r>>(
    slots: &mut F,
    is_invalid: bool,
    parts: &Parts,
    body: Body,
    errors: &mut Errors,
) {
    let plan = const { &F::BODY };
    if !plan.reads() {
        return;
    }
    let size = body.size_hint();
    let kind = match body::admit(plan, &parts.headers, &size) {
        Ok(kind) => kind,
        Err(state) => {
            if plan.stream && state.is_absent() {
                slots.stream(Body::empty());
            }
            errors.body = state;
            return;
        }
    };
    // Whether a body of unknown length is empty, and so none, is known after its first chunk.
    #[cfg(feature = "multipart")]
    let body = if plan.multipart && kind == BodyKind::Multipart && size.exact().is_none() && !is_invalid {
        match body::not_empty(plan, body).await {
            Ok(Some(body)) => body,
            Ok(None) => {
                errors.body = BodyState::Absent;
                return;
            }
            Err(error) => return errors.reject_body(error),
        }
    } else {
        body
    };
    if plan.stream {
        let limit = usize::try_from(plan.limit).unwrap_or(usize::MAX);
        return slots.stream(Body::new(Limited::new(body, limit)));
    }
    if is_invalid && !body::is_worth_reading(&parts.headers, &size) {
        return;
    }
    #[cfg(feature = "multipart")]
    if plan.multipart && kind == BodyKind::Multipart {
        return crate::extract::parts::stream(slots, &parts.headers, body, errors).await;
    }
    read_whole(slots, kind, parts, body, errors).await;
}

/// Reads a body into memory, then into the slots.
async fn read_whole<F: for<'r> Slots<'r>>(
    slots: &mut F,
    kind: BodyKind,
    parts: &Parts,
    body: Body,
    errors: &mut Errors,
) {
    let plan = const { &F::BODY };
    let bytes = match body::collect(plan, body).await {
        Ok(bytes) => bytes,
        Err(error) => return errors.reject_body(error),
    };
    // The content type of a body of unknown length can be checked only now.
    match body::admit(plan, &parts.headers, &SizeHint::with_exact(bytes.len() as u64)) {
        Ok(_) => body::whole(slots, kind, &bytes, errors),
        Err(state) => errors.body = state,
    }
}
