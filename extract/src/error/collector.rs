//! All errors of one request.

use std::mem;

use crate::error::field::{Code, FieldError, Location, ValueError};
use crate::error::rejection::Rejection;
use crate::error::validate::Invalid;

/// A field's place among the others, its source and its name outside; `None` for what is no value.
pub(crate) type Place = fn(&str) -> Option<(usize, Location, &'static str)>;

/// The errors of one request while its fields are taken out.
#[derive(Debug, Default)]
pub struct Errors {
    list: Vec<FieldError>,
    /// How many at the start of the list belong to no field: unknown keys, too many of them.
    ///
    /// They come up before a slot is emptied.
    unknown_keys: usize,
    misconfigured: Option<&'static str>,
    pub(crate) body: BodyState,
}

impl Errors {
    pub(crate) fn push(&mut self, error: FieldError) {
        self.list.push(error);
    }

    pub(crate) fn push_unknown(&mut self, error: FieldError) {
        self.list.push(error);
        self.unknown_keys = self.list.len();
    }

    pub(crate) fn reject_body(&mut self, error: FieldError) {
        self.body = BodyState::Rejected(error);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn body_is_read(&self) -> bool {
        matches!(self.body, BodyState::Read)
    }

    pub(crate) fn body_is_absent(&self) -> bool {
        matches!(self.body, BodyState::Absent)
    }

    /// What the program, not the request, has to provide.
    pub fn provided<T>(&mut self, value: Option<T>, reason: &'static str) -> Option<T> {
        if value.is_none() {
            self.misconfigured = Some(reason);
        }
        value
    }

    /// What a program cannot do for a request.
    #[cfg(feature = "multipart")]
    pub(crate) fn set_misconfigured(&mut self, reason: &'static str) {
        self.misconfigured = Some(reason);
    }

    /// Empties the slots of a flattened struct, whose names have this before them.
    pub fn prefixed<T>(&mut self, prefix: &str, finish: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.list.len();
        let value = finish(self);
        for error in self.list.iter_mut().skip(before) {
            error.prefix(prefix);
        }
        value
    }

    /// The struct, if what validates it has nothing against it.
    pub fn validate<T, E: Into<Invalid>>(
        &mut self,
        value: T,
        check: impl FnOnce(&T) -> Result<(), E>,
        place: Place,
    ) -> Option<T> {
        let Err(invalid) = check(&value) else {
            return Some(value);
        };
        let mut found: Vec<_> = invalid.into().into_errors().collect();
        found.sort_by_key(|(field, ..)| place(field).map_or(usize::MAX, |(at, ..)| at));
        for (field, rest, detail) in found {
            let error = ValueError::new(Code::Validation, detail);
            let error = match place(&field) {
                Some((_, Location::Body, pointer)) => {
                    FieldError::new(Location::Body, format!("{pointer}{rest}"), error)
                }
                Some((_, location, name)) => FieldError::new(location, name, error),
                None => FieldError::new(Location::Body, "", error),
            };
            self.push(error);
        }
        None
    }

    /// Whether a member of a form has no value because of the body, which is told once.
    ///
    /// `required`: an absent body is a fault too.
    pub fn lacks_body(&mut self, required: bool) -> bool {
        match &self.body {
            BodyState::Read => false,
            BodyState::Absent => {
                if required {
                    self.push_body_error(true);
                }
                required
            }
            BodyState::Unread => true,
            BodyState::Rejected(_) => {
                self.push_body_error(required);
                true
            }
        }
    }

    /// The unread body; an error if it was refused.
    pub fn require_body<T>(&mut self, body: Option<T>) -> Option<T> {
        if body.is_none() {
            self.push_body_error(true);
        }
        body
    }

    /// Tells, once, why a body field has no value. `required`: an absent body is a fault too.
    pub(crate) fn push_body_error(&mut self, required: bool) {
        let error = match mem::take(&mut self.body) {
            BodyState::Rejected(error) => error,
            BodyState::Absent if required => FieldError::body(Code::Missing, "expected a body"),
            state => return self.body = state,
        };
        self.list.push(error);
    }

    /// Whether nothing at all is wrong.
    pub(crate) fn is_clean(&self) -> bool {
        self.is_empty() && self.misconfigured.is_none() && !matches!(self.body, BodyState::Rejected(_))
    }

    /// Everything that is wrong, as one answer.
    #[cold]
    pub(crate) fn take(&mut self) -> Rejection {
        if let Some(reason) = self.misconfigured {
            return Rejection::misconfigured(reason);
        }
        // Where no field was there to tell it.
        if let BodyState::Rejected(error) = mem::take(&mut self.body) {
            self.list.push(error);
        }
        self.list.rotate_left(self.unknown_keys);
        Rejection::new(mem::take(&mut self.list))
    }
}

/// What is known of a body whose fields were never filled.
#[derive(Debug, Default)]
pub(crate) enum BodyState {
    /// It was not read, or its fault has been told.
    #[default]
    Unread,
    /// It was read, and what it holds was handed on.
    Read,
    /// The request has none.
    Absent,
    /// It was refused, unreadable or cannot be decoded.
    Rejected(FieldError),
}

impl BodyState {
    /// Whether the request has no body.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}
