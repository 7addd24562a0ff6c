//! Whole query or form through serde_html_form.

use http::Uri;
use serde::de::DeserializeOwned;

#[cfg(feature = "multipart")]
use crate::error::collector::Errors;
use crate::error::field::{Code, Fault, FieldError, Source};
use crate::field::member::{Member, reason};
#[cfg(feature = "multipart")]
use crate::field::part::Part;
use crate::field::slot::One;
#[cfg(feature = "multipart")]
use crate::write::encoding::push_pair;

/// The whole urlencoded body, as one value of at most so many pairs.
///
/// # Errors
///
/// The body is not UTF-8.
pub fn whole_form<T: DeserializeOwned>(body: &[u8], max: usize) -> Result<Member<T>, FieldError> {
    let Ok(text) = str::from_utf8(body) else {
        return Err(FieldError::body(Code::BadUtf8, "expected UTF-8 text"));
    };
    Ok(match read(text, max) {
        Ok(value) => Member::Value(value),
        Err(fault) => Member::Fault(Box::new(FieldError::new(Source::Body, "", fault))),
    })
}

/// The whole query, as one value of at most so many pairs.
pub fn whole_query<T: DeserializeOwned>(uri: &Uri, max: usize) -> One<T> {
    match uri.query().map(|query| read(query, max)) {
        None => read("", max).map_or(One::Absent, One::Value),
        Some(Ok(value)) => One::Value(value),
        Some(Err(fault)) => One::Fault(fault.into()),
    }
}

fn read<T: DeserializeOwned>(text: &str, max: usize) -> Result<T, Fault> {
    // Before a list of them is made, which takes many times the memory of `a&a&a`.
    if text.split('&').filter(|pair| !pair.is_empty()).nth(max).is_some() {
        return Err(Fault::new(Code::TooMany, format!("expected at most {max} values")));
    }
    serde_html_form::from_str(text).map_err(|error| {
        let (mut fault, key) = reason(&error.to_string());
        if let Some(key) = key {
            fault.detail = format!("{} for `{key}`", fault.detail).into();
        }
        fault
    })
}

/// The slot of a whole body that may come as parts.
#[cfg(feature = "multipart")]
#[derive(Debug)]
pub struct Sorted<T> {
    /// What it is if it comes as something else.
    pub member: Member<T>,
    pairs: String,
    fault: Option<FieldError>,
}

#[cfg(feature = "multipart")]
impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { member: Member::Unread, pairs: String::new(), fault: None }
    }
}

#[cfg(feature = "multipart")]
impl<T: DeserializeOwned> Sorted<T> {
    /// Takes a part in.
    pub fn part(&mut self, name: &str, part: &Part) {
        let text = match &part.bytes {
            Ok(_) => part.value().decode().map_err(|fault| *fault),
            Err(fault) => Err(fault.clone()),
        };
        match text {
            Ok(text) => push_pair(&mut self.pairs, name, Some(&text)),
            Err(fault) => {
                self.fault.get_or_insert_with(|| FieldError::new(Source::Part, shown(name), fault));
            }
        }
    }

    /// The slot of the body, however it came.
    pub fn settle(self, errors: &Errors) -> Member<T> {
        if let Some(error) = self.fault {
            return Member::Fault(Box::new(error));
        }
        match self.member {
            Member::Unread if errors.body_is_read() => {
                // The parts have been counted as they came.
                whole_form(self.pairs.as_bytes(), usize::MAX)
                    .unwrap_or_else(|error| Member::Fault(Box::new(error)))
            }
            member => member,
        }
    }
}

#[cfg(feature = "multipart")]
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}
