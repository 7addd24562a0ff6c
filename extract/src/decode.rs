//! A body that lies in memory, handed to the slots.

use axum_core::body::Body;
use bytes::Bytes;
use http::HeaderMap;

use crate::{
    body::BodyState,
    error::{Code, FieldError},
    errors::Errors,
    layout::Slots,
    media::Kind,
    object,
    source::Source,
    walk::read_pairs,
};

/// Takes a body in that the plan has admitted.
#[cfg_attr(not(feature = "multipart"), expect(unused_variables, reason = "only parts have a boundary"))]
pub(crate) fn memory<'r, F: Slots<'r>>(
    slots: &mut F,
    kind: Kind,
    headers: &HeaderMap,
    body: &'r Bytes,
    errors: &mut Errors,
) {
    if F::BODY.stream {
        return slots.stream(Body::from(body.clone()));
    }
    #[cfg(feature = "multipart")]
    if F::BODY.multipart && kind == Kind::Multipart {
        return crate::parts_in::memory(slots, headers, body, errors);
    }
    whole(slots, kind, body, errors);
}

/// Takes a body in that is no stream and has no parts.
pub(crate) fn whole<'r, F: Slots<'r>>(slots: &mut F, kind: Kind, body: &'r Bytes, errors: &mut Errors) {
    if body.is_empty() {
        errors.body = BodyState::Absent;
        return;
    }
    let plan = F::BODY;
    let mut read = slots.body(kind, body);
    if read.is_ok() && plan.members && kind == Kind::Json {
        read = object::read(slots, body, errors);
    }
    if read.is_ok() && plan.pairs && kind == Kind::Form {
        read = form(slots, body, errors);
    }
    match read {
        Ok(()) => errors.body = BodyState::Read,
        Err(error) => {
            slots.close();
            errors.refuse_body(error);
        }
    }
}

fn form<'r, F: Slots<'r>>(slots: &mut F, body: &'r [u8], errors: &mut Errors) -> Result<(), FieldError> {
    let Ok(text) = str::from_utf8(body) else {
        return Err(FieldError::body(Code::BadUtf8, "expected UTF-8 text"));
    };
    let plan = F::BODY;
    read_pairs::<F>(Source::Form, text, plan.max_params, plan.deny_form, errors, |key, value| {
        slots.form(key, value)
    });
    Ok(())
}
