//! The steps of a handler's argument, as generated code calls them.

use axum_core::{body::Body, extract::FromRequestParts};
use http::request::Parts;
use http_body::Body as _;
use http_body_util::Limited;

use crate::{
    body::{BodyState, Plan},
    decode,
    errors::Errors,
    layout::{Slots, Survey},
    rejection::Rejection,
    walk::{finish, read_parts},
};

/// What another extractor of the parts gives.
///
/// # Errors
///
/// It has answered itself.
pub async fn from<T: FromRequestParts<S>, S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<Option<T>, Rejection> {
    use axum_core::response::IntoResponse;

    match T::from_request_parts(parts, state).await {
        Ok(value) => Ok(Some(value)),
        Err(answer) => Err(Rejection::foreign(answer.into_response())),
    }
}

/// Slots with the path variables in: axum's first, then our router's, so that a router of ours
/// inside axum's sees both.
///
/// # Errors
///
/// No router has left path values, or axum says that one is not UTF-8.
#[cfg_attr(
    not(any(feature = "axum", feature = "router")),
    expect(unused_variables, reason = "no router is known")
)]
pub async fn path<F: for<'r> Slots<'r>>(parts: &mut Parts) -> Result<F, Rejection> {
    if !F::WANTS.path {
        return Ok(F::default());
    }
    let slots = None;
    #[cfg(feature = "axum")]
    let slots = match crate::sink::fill(parts, slots).await {
        Ok(slots) => slots,
        Err(rejection) => {
            use crate::rejection::Manner;

            let path_is_404 = F::WANTS.path_is_404;
            return Err(rejection.with_manner(Manner { path_is_404, ..Manner::of(parts) }));
        }
    };
    #[cfg(feature = "router")]
    let slots = crate::matched::fill(parts, slots);
    // A middleware may have made the request anew and lost what the router had left in it.
    #[cfg(feature = "router")]
    let slots = slots.or_else(|| {
        let matched = F::door()?.enter(parts).ok()?;
        let mut slots = F::default();
        crate::matched::feed(&matched, &mut slots, false);
        Some(slots)
    });
    slots.ok_or(Rejection::wiring(
        "no path values: neither waylay's nor axum's router has matched this request",
    ))
}

/// The struct from the parts alone.
///
/// # Errors
///
/// Everything that is wrong with the request.
pub fn from_parts<F: for<'r> Slots<'r>>(mut slots: F, parts: &Parts) -> Result<F::Output, Rejection> {
    let mut errors = Errors::default();
    read_parts(&mut slots, parts, &mut errors);
    finish(slots, &mut errors, parts)
}

/// As [`from_parts`]; `None` if the request holds nothing for any field.
///
/// # Errors
///
/// Everything that is wrong with what the request holds.
pub fn option_from_parts<F: for<'r> Slots<'r>>(
    mut slots: F,
    parts: &Parts,
) -> Result<Option<F::Output>, Rejection> {
    let mut errors = Errors::default();
    read_parts(&mut slots, parts, &mut errors);
    if !slots.survey().touched && errors.is_empty() {
        return Ok(None);
    }
    finish(slots, &mut errors, parts).map(Some)
}

/// The struct from the parts and the body.
///
/// # Errors
///
/// Everything that is wrong with the request.
pub async fn from_request<F: for<'r> Slots<'r>>(
    mut slots: F,
    parts: &Parts,
    body: Body,
) -> Result<F::Output, Rejection> {
    let mut errors = Errors::default();
    read_parts(&mut slots, parts, &mut errors);
    let Survey { faulty, .. } = slots.survey();
    let faulty = faulty || !errors.is_empty();
    take_body(&mut slots, faulty, parts, body, &mut errors).await;
    finish(slots, &mut errors, parts)
}

/// As [`from_request`]; `None` if the request holds nothing for any field.
///
/// # Errors
///
/// Everything that is wrong with what the request holds.
pub async fn option_from_request<F: for<'r> Slots<'r>>(
    mut slots: F,
    parts: &Parts,
    body: Body,
) -> Result<Option<F::Output>, Rejection> {
    let mut errors = Errors::default();
    read_parts(&mut slots, parts, &mut errors);
    let Survey { faulty, touched } = slots.survey();
    let touched = touched || !errors.is_empty();
    // Where nothing else is there, the body decides, so it is read although a field is missing.
    take_body(&mut slots, faulty && touched, parts, body, &mut errors).await;
    if !touched && (errors.body_is_absent() || !F::BODY.reads()) {
        return Ok(None);
    }
    finish(slots, &mut errors, parts).map(Some)
}

async fn take_body<F: for<'r> Slots<'r>>(
    slots: &mut F,
    faulty: bool,
    parts: &Parts,
    body: Body,
    errors: &mut Errors,
) {
    let plan = const { &F::BODY };
    if !plan.reads() {
        return;
    }
    let size = body.size_hint();
    let kind = match plan.admit(&parts.headers, &size) {
        Ok(kind) => kind,
        Err(state) => {
            if plan.stream && state.is_absent() {
                slots.stream(Body::empty());
            }
            errors.body = state;
            return;
        }
    };
    if plan.stream {
        let limit = usize::try_from(plan.limit).unwrap_or(usize::MAX);
        return slots.stream(Body::new(Limited::new(body, limit)));
    }
    if faulty && !Plan::is_worth_it(&parts.headers, &size) {
        return;
    }
    #[cfg(feature = "multipart")]
    if plan.multipart && kind == crate::media::Kind::Multipart {
        return crate::parts_in::stream(slots, &parts.headers, body, errors).await;
    }
    match plan.collect(body).await {
        Ok(bytes) => {
            // Its length is known only now.
            let size = http_body::SizeHint::with_exact(bytes.len() as u64);
            match plan.admit(&parts.headers, &size) {
                Ok(_) => decode::whole(slots, kind, &bytes, errors),
                Err(state) => errors.body = state,
            }
        }
        Err(error) => errors.body = BodyState::Refused(error),
    }
}
