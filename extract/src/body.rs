//! Whether a body is read, how far, and what it must be.

use std::error::Error;

use axum_core::body::Body;
use bytes::Bytes;
use http::{
    HeaderMap,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body::{Body as _, SizeHint};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::{
    error::{Code, FieldError},
    rejection::BodyState,
};

/// Below this a body is read although another field is faulty, so that all errors go out together.
const WORTH_READING: u64 = 64 * 1024;

/// What a struct does with the body.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Whether a part of it is read as JSON, which makes the content type matter.
    pub json: bool,
    /// The most bytes that are read.
    pub limit: u64,
}

/// What became of a body.
pub(crate) enum Intake {
    Read(Bytes),
    Unread(BodyState),
}

impl Plan {
    /// Reads the body, or says why not. `faulty`: there are errors already.
    pub(crate) async fn take(self, headers: &HeaderMap, body: Body, faulty: bool) -> Intake {
        let size = body.size_hint();
        let length = size.exact().or_else(|| content_length(headers));
        if length == Some(0) {
            return Intake::Unread(BodyState::Absent);
        }
        if let Some(error) = self.refusal(headers, &size, length) {
            return Intake::Unread(BodyState::Refused(error));
        }
        if faulty && length.is_none_or(|length| length > WORTH_READING) {
            return Intake::Unread(BodyState::Settled);
        }
        match self.collect(body).await {
            Ok(bytes) => self.check(headers, bytes),
            Err(error) => Intake::Unread(BodyState::Refused(error)),
        }
    }

    /// What a body that lies in memory is worth.
    pub(crate) fn check(self, headers: &HeaderMap, bytes: Bytes) -> Intake {
        let length = bytes.len() as u64;
        if length == 0 {
            return Intake::Unread(BodyState::Absent);
        }
        match self.refusal(headers, &SizeHint::with_exact(length), Some(length)) {
            Some(error) => Intake::Unread(BodyState::Refused(error)),
            None => Intake::Read(bytes),
        }
    }

    /// Why the body is not read; of one that may be empty the type is checked when it is read.
    fn refusal(self, headers: &HeaderMap, size: &SizeHint, length: Option<u64>) -> Option<FieldError> {
        let at_least = length.unwrap_or_default().max(size.lower());
        if at_least > self.limit {
            return Some(self.too_large());
        }
        let wrong_type = self.json && at_least > 0 && !is_json(headers);
        wrong_type.then(|| {
            let detail = "expected the content type application/json";
            FieldError::body(Code::UnsupportedMediaType, detail)
        })
    }

    async fn collect(self, body: Body) -> Result<Bytes, FieldError> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        match Limited::new(body, limit).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if is_limit(&*error) => Err(self.too_large()),
            Err(_) => Err(FieldError::body(Code::Unreadable, "expected the body to its end")),
        }
    }

    fn too_large(self) -> FieldError {
        let detail = format!("expected at most {} bytes", self.limit);
        FieldError::body(Code::TooLarge, detail)
    }
}

/// Ours, or that of a limit layer around us.
fn is_limit(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// `application/json`, or a subtype whose last suffix is `+json` (RFC 6839, 3.1).
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return false;
    };
    // What nearly every request says.
    if value == "application/json" {
        return true;
    }
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let (kind, subtype) = essence.trim().split_once('/').unwrap_or_default();
    let suffix = subtype.rsplit_once('+').map_or(subtype, |(_, suffix)| suffix);
    kind.eq_ignore_ascii_case("application") && suffix.eq_ignore_ascii_case("json")
}
