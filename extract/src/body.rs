//! Whether a body is read, how far, and what it must be.

use std::error::Error;

use axum_core::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body::SizeHint;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::{
    error::{Code, FieldError},
    media::{Kind, is_one_of, kind},
};

/// Below this a body is read although another field is faulty, so that all errors go out together.
const WORTH_READING: u64 = 64 * 1024;

/// What a struct does with the body.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// It is read as JSON, whole or by member.
    pub json: bool,
    /// It is read as JSON by member.
    pub members: bool,
    /// Types that are JSON as well, though their names do not say so.
    pub accept: &'static [&'static str],
    /// It is read as an urlencoded form, whole or by key.
    pub form: bool,
    /// It is read as a form by key.
    pub pairs: bool,
    /// It is read as parts.
    pub multipart: bool,
    /// It is read as text if it is called one.
    pub text: bool,
    /// It is read as text or kept as bytes, whatever it is called.
    pub any: bool,
    /// It is handed on unread.
    pub stream: bool,
    /// The most bytes that are read.
    pub limit: u64,
    /// The most pairs, members or parts.
    pub max_params: usize,
    /// A pair that no field reads is an error.
    pub deny_form: bool,
    /// A member that no field reads is an error.
    pub deny_json: bool,
    /// A part that no field reads is an error.
    pub deny_part: bool,
}

/// What is known of a body whose fields were never filled.
#[derive(Debug, Default)]
pub(crate) enum BodyState {
    /// It was not read, or its fault has been told.
    #[default]
    Settled,
    /// It was read, and what it holds was handed on.
    Read,
    /// The request has none.
    Absent,
    /// It was refused, unreadable or cannot be decoded.
    Refused(FieldError),
}

impl BodyState {
    /// Whether the request has no body.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl Plan {
    /// No body is read.
    pub const NONE: Self = Self {
        json: false,
        members: false,
        accept: &[],
        form: false,
        pairs: false,
        multipart: false,
        text: false,
        any: false,
        stream: false,
        limit: 0,
        max_params: 1000,
        deny_form: false,
        deny_json: false,
        deny_part: false,
    };

    /// Whether the body is touched at all.
    pub const fn reads(self) -> bool {
        self.json | self.form | self.multipart | self.text | self.any | self.stream
    }

    /// The same plan with what a flattened struct reads; the limits and rules are those of the outer.
    pub const fn join(self, inner: Self) -> Self {
        Self {
            json: self.json | inner.json,
            members: self.members | inner.members,
            form: self.form | inner.form,
            pairs: self.pairs | inner.pairs,
            multipart: self.multipart | inner.multipart,
            text: self.text | inner.text,
            any: self.any | inner.any,
            stream: self.stream | inner.stream,
            ..self
        }
    }

    /// Whether a body of members is decoded in one way only.
    pub const fn is_sound(self) -> bool {
        let parts = self.multipart & !self.stream;
        let members = self.json as u8 + (self.form | parts) as u8 + self.stream as u8;
        members <= 1
    }

    /// The content types that are read, as a header has them.
    pub(crate) fn accepts(&self) -> String {
        let types = [
            (self.json, "application/json"),
            (self.form, "application/x-www-form-urlencoded"),
            (self.multipart, "multipart/form-data"),
            (self.text, "text/plain"),
        ];
        let types = types.iter().filter(|(read, _)| *read).map(|(_, name)| *name);
        types.chain(self.accept.iter().copied()).collect::<Vec<_>>().join(", ")
    }

    fn reads_kind(&self, kind: Kind) -> bool {
        match kind {
            Kind::Json => self.json,
            Kind::Form => self.form,
            Kind::Multipart => self.multipart,
            Kind::Text => self.text,
            Kind::Other => false,
        }
    }

    /// Whether the type of the body matters.
    fn is_choosy(&self) -> bool {
        self.json | self.form | self.multipart | self.text
    }

    /// What a body of that much is to be read as, or why not.
    ///
    /// Of one that may be empty the type is checked when it is read.
    pub(crate) fn admit(&self, headers: &HeaderMap, size: &SizeHint) -> Result<Kind, BodyState> {
        let length = length(headers, size);
        if length == Some(0) {
            return Err(BodyState::Absent);
        }
        let at_least = length.unwrap_or_default().max(size.lower());
        if at_least > self.limit {
            return Err(BodyState::Refused(too_large(self.limit)));
        }
        let kind = match kind(headers) {
            Kind::Json => Kind::Json,
            _ if !self.accept.is_empty() && is_one_of(headers, self.accept) => Kind::Json,
            kind => kind,
        };
        if self.is_choosy() && at_least > 0 && !self.reads_kind(kind) {
            let detail = format!("expected the content type {}", self.accepts().replace(", ", " or "));
            return Err(BodyState::Refused(FieldError::body(Code::UnsupportedMediaType, detail)));
        }
        Ok(kind)
    }

    /// Whether a body is read although there are errors already.
    pub(crate) fn is_worth_it(headers: &HeaderMap, size: &SizeHint) -> bool {
        length(headers, size).is_some_and(|length| length <= WORTH_READING)
    }

    /// Reads the body to its end.
    pub(crate) async fn collect(&self, body: Body) -> Result<Bytes, FieldError> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        match Limited::new(body, limit).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if is_limit(&*error) => Err(too_large(self.limit)),
            Err(_) => Err(unreadable()),
        }
    }
}

fn length(headers: &HeaderMap, size: &SizeHint) -> Option<u64> {
    let announced = || headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    size.exact().or_else(announced)
}

pub(crate) fn too_large(limit: u64) -> FieldError {
    FieldError::body(Code::TooLarge, format!("expected at most {limit} bytes"))
}

pub(crate) fn unreadable() -> FieldError {
    FieldError::body(Code::Unreadable, "expected the body to its end")
}

/// Ours, or that of a limit layer around us.
pub(crate) fn is_limit(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return true;
        }
        next = error.source();
    }
    false
}
