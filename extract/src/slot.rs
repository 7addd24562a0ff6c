//! The place where a field's value waits until all fields are read.

use std::borrow::Cow;

use crate::{
    error::{Code, Fault, FieldError},
    rejection::Errors,
    source::Source,
    text::TextError,
    value::Value,
};

/// How a type reads its text.
pub(crate) type Read<T> = fn(Cow<'_, str>) -> Result<T, TextError>;

/// What can be asked of every slot before it is emptied.
pub trait Slot {
    /// Whether the request holds nothing for it.
    fn is_absent(&self) -> bool;
    /// Whether what the request holds is not acceptable.
    fn is_faulty(&self) -> bool;
}

/// The slot of a single value.
#[derive(Debug, Default)]
pub enum One<T> {
    /// Nothing is there.
    #[default]
    Absent,
    /// An empty value is there, and counts as none.
    Empty,
    /// A value is there.
    Value(T),
    /// Something is there that is not acceptable. Boxed, since slots are moved on every request.
    Fault(Box<Fault>),
}

impl<T> Slot for One<T> {
    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    fn is_faulty(&self) -> bool {
        matches!(self, Self::Fault(_))
    }
}

impl<T> One<T> {
    /// Takes a value in; a second one makes the slot faulty.
    pub fn feed(&mut self, value: Value<'_>, read: Read<T>) {
        *self = match self {
            Self::Absent => match read_value(value, read) {
                Ok(value) => Self::Value(value),
                Err((_, fault)) => Self::Fault(fault),
            },
            _ => Self::Fault(Fault::duplicate().into()),
        };
    }

    /// As [`feed`](Self::feed) for an `Option`: an empty value that the type refuses is none.
    ///
    /// So `?page=` is `None` for a number and `Some("")` for a text.
    pub fn feed_optional(&mut self, value: Value<'_>, read: Read<T>) {
        *self = match self {
            Self::Absent => match read_value(value, read) {
                Ok(value) => Self::Value(value),
                Err((true, _)) => Self::Empty,
                Err((false, fault)) => Self::Fault(fault),
            },
            _ => Self::Fault(Fault::duplicate().into()),
        };
    }

    /// The value; an error if there is none.
    pub fn required(self, source: Source, name: &'static str, errors: &mut Errors) -> Option<T> {
        let fault = match self {
            Self::Value(value) => return Some(value),
            Self::Absent | Self::Empty => Fault::missing(),
            Self::Fault(fault) => *fault,
        };
        errors.push(FieldError::new(source, name, fault));
        None
    }

    /// The value if there is one; an error only if it is not acceptable.
    pub fn optional(self, source: Source, name: &'static str, errors: &mut Errors) -> Option<Option<T>> {
        match self {
            Self::Absent | Self::Empty => Some(None),
            slot => slot.required(source, name, errors).map(Some),
        }
    }
}

/// The slot of a list.
#[derive(Debug)]
pub struct Many<T> {
    items: Vec<T>,
    faults: Vec<Fault>,
    seen: usize,
}

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self { items: Vec::new(), faults: Vec::new(), seen: 0 }
    }
}

impl<T> Slot for Many<T> {
    fn is_absent(&self) -> bool {
        self.seen == 0
    }

    fn is_faulty(&self) -> bool {
        !self.faults.is_empty()
    }
}

impl<T> Many<T> {
    /// Takes one item in; those beyond `max` make one error together.
    pub fn feed(&mut self, value: Value<'_>, read: Read<T>, max: usize) {
        self.put(max, || read_value(value, read).map_err(|(_, fault)| *fault));
    }

    /// Takes all items of a comma-separated value in. An empty value has none.
    ///
    /// It is split after it is decoded, since browsers send the comma as `%2C`.
    pub fn feed_csv(&mut self, value: Value<'_>, read: Read<T>, max: usize) {
        let text = match value.decode() {
            Ok(text) if text.is_empty() => return,
            Ok(text) => text,
            Err(fault) => return self.put(max, || Err(*fault)),
        };
        for item in text.split(',').map(str::trim) {
            self.put(max, || read(Cow::Borrowed(item)).map_err(Fault::from));
        }
    }

    fn put(&mut self, max: usize, item: impl FnOnce() -> Result<T, Fault>) {
        if self.seen > max {
            return;
        }
        self.seen += 1;
        if self.seen > max {
            let detail = format!("expected at most {max} items");
            return self.faults.push(Fault::new(Code::TooMany, detail));
        }
        match item() {
            Ok(item) => self.items.push(item),
            Err(Fault { code, detail }) => {
                let detail = format!("item {}: {detail}", self.seen);
                self.faults.push(Fault::new(code, detail));
            }
        }
    }

    /// The items; an error for each that is not acceptable.
    pub fn required(self, source: Source, name: &'static str, errors: &mut Errors) -> Option<Vec<T>> {
        let sound = self.faults.is_empty();
        for fault in self.faults {
            errors.push(FieldError::new(source, name, fault));
        }
        sound.then_some(self.items)
    }

    /// As [`required`](Self::required), none if the request holds no item.
    pub fn optional(self, source: Source, name: &'static str, errors: &mut Errors) -> Option<Option<Vec<T>>> {
        if self.is_absent() {
            return Some(None);
        }
        self.required(source, name, errors).map(Some)
    }
}

/// The value's own reading; the flag says whether the text was empty.
fn read_value<T>(value: Value<'_>, read: Read<T>) -> Result<T, (bool, Box<Fault>)> {
    let text = value.decode().map_err(|fault| (false, fault))?;
    let empty = text.is_empty();
    read(text).map_err(|error| (empty, Box::new(error.into())))
}
