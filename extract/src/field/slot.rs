//! SingleSlot, ListSlot: the state of a text field.

use std::borrow::Cow;

use crate::descriptor::field::{Duplicates, Empty, Rule};
use crate::error::collector::Errors;
use crate::error::field::{Code, FieldError, Location, ValueError};
use crate::field::value::Value;
use crate::text::from_text::TextError;

/// A function that reads a value from text.
pub(crate) type Read<'r, T> = fn(Cow<'r, str>) -> Result<T, TextError>;

/// The state of a slot.
pub trait Slot {
    /// Tests whether the request has no value.
    fn is_absent(&self) -> bool;
    /// Tests whether the request has an invalid value.
    fn is_invalid(&self) -> bool;
}

/// The slot of a single value.
#[derive(Debug, Default)]
pub enum SingleSlot<T> {
    /// No value.
    #[default]
    Absent,
    /// An empty value, which counts as none.
    Empty,
    /// A value.
    Value(T),
    /// An invalid value. Boxed, since slots are moved on every request.
    Error(Box<ValueError>),
}

impl<T> Slot for SingleSlot<T> {
    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    fn is_invalid(&self) -> bool {
        matches!(self, Self::Error(_))
    }
}

impl<T> SingleSlot<T> {
    /// Adds a value; a second one is an error unless the rule allows it.
    ///
    /// For an `Option`, an empty value that the type rejects is none, so `?page=` is `None` for a
    /// number and `Some("")` for a text.
    #[inline]
    pub fn push_value<'r>(&mut self, value: Value<'r>, read: Read<'r, T>, rule: &Rule) {
        // The common case: one text without escapes. Other values are read in a separate function, so that they cost
        // nothing here; a text that the type rejects is read twice.
        if let (Self::Absent, Value::Text(text)) = (&*self, value)
            && !text.is_empty()
            && text.len() <= rule.limit
            && let Ok(value) = read(Cow::Borrowed(text))
        {
            *self = Self::Value(value);
        } else {
            self.push_slow(value, read, rule);
        }
    }

    #[inline(never)]
    fn push_slow<'r>(&mut self, value: Value<'r>, read: Read<'r, T>, rule: &Rule) {
        self.store(rule, || read_value(value, read, rule));
    }

    /// Adds a value that has been read already.
    pub fn push_result(&mut self, value: Result<Option<T>, Box<ValueError>>, rule: &Rule) {
        self.store(rule, || value);
    }

    fn store(&mut self, rule: &Rule, value: impl FnOnce() -> Result<Option<T>, Box<ValueError>>) {
        if !self.is_absent() {
            match rule.duplicates {
                Duplicates::Reject => return *self = Self::Error(ValueError::duplicate().into()),
                Duplicates::First => return,
                Duplicates::Last => {}
            }
        }
        *self = match value() {
            Ok(Some(value)) => Self::Value(value),
            Ok(None) => Self::Empty,
            Err(error) => Self::Error(error),
        };
    }

    /// Tests whether there is no value, or an empty one that counts as none.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Absent | Self::Empty)
    }

    /// Returns the value, or reports that it is missing.
    pub fn required(self, location: Location, name: &'static str, errors: &mut Errors) -> Option<T> {
        let error = match self {
            Self::Value(value) => return Some(value),
            Self::Absent | Self::Empty => ValueError::missing(),
            Self::Error(error) => *error,
        };
        errors.push(FieldError::new(location, name, error));
        None
    }

    /// Returns the value if there is one; reports an invalid value.
    pub fn optional(self, location: Location, name: &'static str, errors: &mut Errors) -> Option<Option<T>> {
        match self {
            Self::Absent | Self::Empty => Some(None),
            slot => slot.required(location, name, errors).map(Some),
        }
    }
}

/// The slot of a list.
#[derive(Debug)]
pub struct ListSlot<T> {
    items: Vec<T>,
    errors: Vec<ValueError>,
    seen: usize,
}

impl<T> Default for ListSlot<T> {
    fn default() -> Self {
        Self { items: Vec::new(), errors: Vec::new(), seen: 0 }
    }
}

impl<T> Slot for ListSlot<T> {
    fn is_absent(&self) -> bool {
        self.seen == 0
    }

    fn is_invalid(&self) -> bool {
        !self.errors.is_empty()
    }
}

impl<T> ListSlot<T> {
    /// Adds one item, or all of a comma-separated value; too many of them are one error.
    ///
    /// A comma-separated value is split after decoding, since browsers send the comma as `%2C`;
    /// an empty one has no items.
    pub fn push_value<'r>(&mut self, value: Value<'r>, read: Read<'r, T>, rule: &Rule) {
        if !rule.csv {
            return self.store(rule.max, || read_value(value, read, rule).map_err(|error| *error));
        }
        match value.decode() {
            Ok(text) if text.is_empty() => {}
            Ok(Cow::Borrowed(text)) => {
                for item in text.split(',') {
                    self.item(Cow::Borrowed(item.trim()), read, rule);
                }
            }
            Ok(Cow::Owned(text)) => {
                for item in text.split(',') {
                    self.item(Cow::Owned(item.trim().to_owned()), read, rule);
                }
            }
            Err(error) => self.store(rule.max, || Err(*error)),
        }
    }

    /// Adds an item that has been read already.
    pub fn push_result(&mut self, item: Result<Option<T>, Box<ValueError>>, rule: &Rule) {
        self.store(rule.max, || item.map_err(|error| *error));
    }

    fn item<'r>(&mut self, text: Cow<'r, str>, read: Read<'r, T>, rule: &Rule) {
        self.store(rule.max, || read_text(text, read, rule).map_err(|error| *error));
    }

    fn store(&mut self, max: usize, item: impl FnOnce() -> Result<Option<T>, ValueError>) {
        if self.seen > max {
            return;
        }
        self.seen += 1;
        if self.seen > max {
            let detail = format!("expected at most {max} items");
            return self.errors.push(ValueError::new(Code::TooMany, detail));
        }
        match item() {
            Ok(item) => self.items.extend(item),
            Err(mut error) => {
                error.detail = format!("item {}: {}", self.seen, error.detail).into();
                self.errors.push(error);
            }
        }
    }

    /// Reports an error if there are fewer items than `min`.
    pub fn at_least(mut self, min: usize) -> Self {
        if self.errors.is_empty() && self.items.len() < min {
            let items = if min == 1 { "item" } else { "items" };
            let error = ValueError::new(Code::TooFew, format!("expected at least {min} {items}"));
            self.errors.push(error);
        }
        self
    }

    /// Returns the items, or reports the invalid ones.
    pub fn required(self, location: Location, name: &'static str, errors: &mut Errors) -> Option<Vec<T>> {
        let sound = self.errors.is_empty();
        for error in self.errors {
            errors.push(FieldError::new(location, name, error));
        }
        sound.then_some(self.items)
    }

    /// As [`required`](Self::required); `None` if there is no item.
    pub fn optional(
        self,
        location: Location,
        name: &'static str,
        errors: &mut Errors,
    ) -> Option<Option<Vec<T>>> {
        if self.is_absent() {
            return Some(None);
        }
        self.required(location, name, errors).map(Some)
    }
}

/// Decodes and reads a value; `None` if it is empty and counts as none.
pub(crate) fn read_value<'r, T>(
    value: Value<'r>,
    read: Read<'r, T>,
    rule: &Rule,
) -> Result<Option<T>, Box<ValueError>> {
    read_text(value.decode()?, read, rule)
}

fn read_text<'r, T>(
    text: Cow<'r, str>,
    read: Read<'r, T>,
    rule: &Rule,
) -> Result<Option<T>, Box<ValueError>> {
    if text.len() > rule.limit {
        let detail = format!("expected at most {} bytes", rule.limit);
        return Err(ValueError::new(Code::TooLong, detail).into());
    }
    let empty = text.is_empty();
    let text = match rule.empty {
        Empty::None if empty => return Ok(None),
        Empty::Error if empty => {
            return Err(ValueError::new(Code::Invalid, "expected a value that is not empty").into());
        }
        _ if empty && rule.flag => Cow::Borrowed("true"),
        _ => text,
    };
    let shown = rule.echo.then(|| text.to_string());
    match read(text) {
        Ok(value) => Ok(Some(value)),
        Err(_) if empty && rule.option && rule.empty == Empty::Auto => Ok(None),
        Err(error) => {
            let error = ValueError::from(error);
            Err(match shown {
                Some(value) => error.showing(&value).into(),
                None => error.into(),
            })
        }
    }
}
