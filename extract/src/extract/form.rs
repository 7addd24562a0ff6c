//! Whole queries and forms as one value, through serde_html_form.

use http::Uri;
use serde::de::DeserializeOwned;

#[cfg(feature = "multipart")]
use crate::error::collector::Errors;
use crate::error::field::{Code, FieldError, Location, ValueError};
use crate::field::member::{MemberSlot, reason};
#[cfg(feature = "multipart")]
use crate::field::part::Part;
use crate::field::slot::SingleSlot;
#[cfg(feature = "multipart")]
use crate::write::encoding::push_pair;

/// Reads a whole urlencoded body of at most `max` pairs.
///
/// # Errors
///
/// The body is not UTF-8.
pub fn whole_form<T: DeserializeOwned>(body: &[u8], max: usize) -> Result<MemberSlot<T>, FieldError> {
    let Ok(text) = str::from_utf8(body) else {
        return Err(FieldError::body(Code::InvalidUtf8, "expected UTF-8 text"));
    };
    Ok(match read(text, max) {
        Ok(value) => MemberSlot::Value(value),
        Err(error) => MemberSlot::Error(Box::new(FieldError::new(Location::Body, "", error))),
    })
}

/// Reads a whole query of at most `max` pairs.
pub fn whole_query<T: DeserializeOwned>(uri: &Uri, max: usize) -> SingleSlot<T> {
    match uri.query().map(|query| read(query, max)) {
        None => read("", max).map_or(SingleSlot::Absent, SingleSlot::Value),
        Some(Ok(value)) => SingleSlot::Value(value),
        Some(Err(error)) => SingleSlot::Error(error.into()),
    }
}

fn read<T: DeserializeOwned>(text: &str, max: usize) -> Result<T, ValueError> {
    // Checked before parsing: the list of the pairs takes many times the memory of `a&a&a`.
    if text.split('&').filter(|pair| !pair.is_empty()).nth(max).is_some() {
        return Err(ValueError::new(Code::TooMany, format!("expected at most {max} values")));
    }
    serde_html_form::from_str(text).map_err(|error| {
        let (mut error, key) = reason(&error.to_string());
        if let Some(key) = key {
            error.detail = format!("{} for `{key}`", error.detail).into();
        }
        error
    })
}

/// The slot of a whole body that may be multipart.
#[cfg(feature = "multipart")]
#[derive(Debug)]
pub struct FormOrPartsSlot<T> {
    /// The value of a body of another kind.
    pub member: MemberSlot<T>,
    pairs: String,
    error: Option<FieldError>,
}

#[cfg(feature = "multipart")]
impl<T> Default for FormOrPartsSlot<T> {
    fn default() -> Self {
        Self { member: MemberSlot::Unread, pairs: String::new(), error: None }
    }
}

#[cfg(feature = "multipart")]
impl<T: DeserializeOwned> FormOrPartsSlot<T> {
    /// Adds a part.
    pub fn part(&mut self, name: &str, part: &Part) {
        let text = match &part.bytes {
            Ok(_) => part.value().decode().map_err(|error| *error),
            Err(error) => Err(error.clone()),
        };
        match text {
            Ok(text) => push_pair(&mut self.pairs, name, Some(&text)),
            Err(error) => {
                self.error.get_or_insert_with(|| FieldError::new(Location::Part, shown(name), error));
            }
        }
    }

    /// Returns the slot of the body, of whatever kind.
    pub fn finish(self, errors: &Errors) -> MemberSlot<T> {
        if let Some(error) = self.error {
            return MemberSlot::Error(Box::new(error));
        }
        match self.member {
            MemberSlot::Unread if errors.body_is_read() => {
                // The number of parts has been checked while reading.
                whole_form(self.pairs.as_bytes(), usize::MAX)
                    .unwrap_or_else(|error| MemberSlot::Error(Box::new(error)))
            }
            member => member,
        }
    }
}

#[cfg(feature = "multipart")]
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}
