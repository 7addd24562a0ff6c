//! The slot of a whole body that may come as parts: their texts are the pairs of a form.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    draft::Draft,
    error::FieldError,
    errors::Errors,
    escape::push_pair,
    form::{each_pair, whole_form},
    member::Member,
    part::Part,
    source::Source,
    text::TextError,
};

/// The slot of a whole body that may come as parts.
#[derive(Debug)]
pub struct Sorted<T> {
    /// What it is if it comes as something else.
    pub member: Member<T>,
    pairs: String,
    fault: Option<FieldError>,
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { member: Member::Unread, pairs: String::new(), fault: None }
    }
}

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

fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

/// Writes a value as parts that are texts.
pub fn write_parts(value: &impl Serialize, draft: &mut Draft) {
    draft.multipart();
    let written = each_pair(value, &mut |key, text| {
        draft.part_text(key, text.decode().map_err(|_| TextError::expected("a text")));
    });
    if !written {
        draft.fault(Source::Body, "", "expected what a form can hold");
    }
}
