//! The steps of a handler's argument, as generated code calls them.

use axum_core::body::Body;
use http::request::Parts;

use crate::{
    body::{Intake, Plan},
    extract::{Slots, Survey, finish, read_parts},
    rejection::{BodyState, Rejection},
};

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
pub async fn path<F: Slots>(parts: &mut Parts) -> Result<F, Rejection> {
    if !F::PATH {
        return Ok(F::default());
    }
    let slots = None;
    #[cfg(feature = "axum")]
    let slots = crate::sink::fill(parts, slots).await?;
    #[cfg(feature = "router")]
    let slots = crate::matched::fill(parts, slots);
    slots.ok_or(Rejection::wiring(
        "no path values: neither waylay's nor axum's router has matched this request",
    ))
}

/// The struct from the parts alone.
///
/// # Errors
///
/// Everything that is wrong with the request.
pub fn from_parts<F: Slots>(mut slots: F, parts: &Parts) -> Result<F::Output, Rejection> {
    read_parts(&mut slots, parts);
    finish(slots, None)
}

/// As [`from_parts`]; `None` if the request holds nothing for any field.
///
/// # Errors
///
/// Everything that is wrong with what the request holds.
pub fn option_from_parts<F: Slots>(mut slots: F, parts: &Parts) -> Result<Option<F::Output>, Rejection> {
    read_parts(&mut slots, parts);
    if !slots.survey().touched {
        return Ok(None);
    }
    finish(slots, None).map(Some)
}

/// The struct from the parts and the body.
///
/// # Errors
///
/// Everything that is wrong with the request.
pub async fn from_request<F: Slots>(mut slots: F, parts: &Parts, body: Body) -> Result<F::Output, Rejection> {
    read_parts(&mut slots, parts);
    // Looked at before the wait: slots that are borrowed across it would have to be `Sync`.
    let Survey { faulty, .. } = slots.survey();
    let intake = take_body(F::BODY, faulty, parts, body).await;
    finish(slots, intake)
}

/// As [`from_request`]; `None` if the request holds nothing for any field.
///
/// # Errors
///
/// Everything that is wrong with what the request holds.
pub async fn option_from_request<F: Slots>(
    mut slots: F,
    parts: &Parts,
    body: Body,
) -> Result<Option<F::Output>, Rejection> {
    read_parts(&mut slots, parts);
    let Survey { faulty, touched } = slots.survey();
    // Where nothing else is there, the body decides, so it is read although a field is missing.
    let intake = take_body(F::BODY, faulty && touched, parts, body).await;
    if !touched && matches!(intake, None | Some(Intake::Unread(BodyState::Absent))) {
        return Ok(None);
    }
    finish(slots, intake).map(Some)
}

async fn take_body(plan: Option<Plan>, faulty: bool, parts: &Parts, body: Body) -> Option<Intake> {
    Some(plan?.take(&parts.headers, body, faulty).await)
}
