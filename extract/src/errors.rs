//! The errors of one request while its fields are taken out, in field order.

use crate::{
    body::BodyState,
    error::{Code, Fault, FieldError},
    invalid::Invalid,
    rejection::Rejection,
    source::Source,
};

/// A field's place among the others, its source and its name outside; `None` for what is no value.
pub(crate) type Place = fn(&str) -> Option<(usize, Source, &'static str)>;

/// The errors of one request while its fields are taken out.
#[derive(Debug, Default)]
pub struct Errors {
    list: Vec<FieldError>,
    /// Those that belong to no field: unknown keys, too many of them.
    strays: Vec<FieldError>,
    unwired: Option<&'static str>,
    prefix: String,
    pub(crate) body: BodyState,
}

impl Errors {
    pub(crate) fn push(&mut self, error: FieldError) {
        let error = if self.prefix.is_empty() { error } else { error.prefixed(&self.prefix) };
        self.list.push(error);
    }

    pub(crate) fn stray(&mut self, error: FieldError) {
        self.strays.push(error);
    }

    pub(crate) fn refuse_body(&mut self, error: FieldError) {
        self.body = BodyState::Refused(error);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.strays.is_empty()
    }

    pub(crate) fn body_is_absent(&self) -> bool {
        matches!(self.body, BodyState::Absent)
    }

    /// What the program, not the request, has to provide.
    pub fn wired<T>(&mut self, value: Option<T>, reason: &'static str) -> Option<T> {
        if value.is_none() {
            self.unwired = Some(reason);
        }
        value
    }

    /// What a program cannot do for a request.
    #[cfg(feature = "multipart")]
    pub(crate) fn unwire(&mut self, reason: &'static str) {
        self.unwired = Some(reason);
    }

    /// Empties the slots of a flattened struct, whose names have this before them.
    pub fn prefixed<T>(&mut self, prefix: &str, finish: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.prefix.len();
        self.prefix.push_str(prefix);
        let value = finish(self);
        self.prefix.truncate(length);
        value
    }

    /// The struct, if what validates it has nothing against it.
    pub fn checked<T, E: Into<Invalid>>(
        &mut self,
        value: T,
        check: impl FnOnce(&T) -> Result<(), E>,
        place: Place,
    ) -> Option<T> {
        let Err(invalid) = check(&value) else {
            return Some(value);
        };
        let mut found: Vec<_> = invalid.into().into_faults().collect();
        found.sort_by_key(|(field, ..)| place(field).map_or(usize::MAX, |(at, ..)| at));
        for (field, rest, detail) in found {
            let fault = Fault::new(Code::FailedCheck, detail);
            let error = match place(&field) {
                Some((_, Source::Body, pointer)) => {
                    FieldError::new(Source::Body, format!("{pointer}{rest}"), fault)
                }
                Some((_, source, name)) => FieldError::new(source, name, fault),
                None => FieldError::new(Source::Body, "", fault),
            };
            self.push(error);
        }
        None
    }

    /// Whether a member of a form has no value because of the body, which is told once.
    ///
    /// `required`: an absent body is a fault too.
    pub fn blames_body(&mut self, required: bool) -> bool {
        match &self.body {
            BodyState::Read => false,
            BodyState::Absent => {
                if required {
                    self.blame_body(true);
                }
                required
            }
            BodyState::Settled => true,
            BodyState::Refused(_) => {
                self.blame_body(required);
                true
            }
        }
    }

    /// The unread body; an error if it was refused.
    pub fn streamed<T>(&mut self, body: Option<T>) -> Option<T> {
        if body.is_none() {
            self.blame_body(true);
        }
        body
    }

    /// Tells, once, why a body field has no value. `required`: an absent body is a fault too.
    pub(crate) fn blame_body(&mut self, required: bool) {
        let error = match std::mem::take(&mut self.body) {
            BodyState::Refused(error) => error,
            BodyState::Absent if required => FieldError::body(Code::Missing, "expected a body"),
            state => return self.body = state,
        };
        // Of the body as a whole, so no prefix stands before its place.
        self.list.push(error);
    }

    pub(crate) fn into_result<T>(mut self, value: Option<T>) -> Result<T, Rejection> {
        if let Some(reason) = self.unwired {
            return Err(Rejection::wiring(reason));
        }
        // Where no field was there to tell it.
        if let BodyState::Refused(error) = self.body {
            self.list.push(error);
        }
        self.list.append(&mut self.strays);
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            _ => Err(Rejection::new(self.list)),
        }
    }
}
