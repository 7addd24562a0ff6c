//! Part: one part of a multipart body

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::descriptor::field::Rule;
use crate::error::field::ValueError;
use crate::field::member;
use crate::field::slot::read_value;
use crate::field::value::Value;
use crate::text::dispatch::ReadAny;

/// A part's bytes, or why there are none.
#[derive(Debug)]
pub struct Part {
    pub(crate) bytes: Result<Bytes, ValueError>,
}

impl Part {
    /// The part's text, read; `None` if it is empty and counts as none.
    ///
    /// # Errors
    ///
    /// It is too large, no text or not the type's.
    pub fn text<T>(&self, read: ReadAny<T>, rule: &Rule) -> Result<Option<T>, Box<ValueError>> {
        read_value(Value::plain(self.get()?), read, rule)
    }

    /// The part's bytes.
    ///
    /// # Errors
    ///
    /// It is too large.
    pub fn bytes(&self) -> Result<Option<Bytes>, Box<ValueError>> {
        self.get().map(|bytes| Some(bytes.clone()))
    }

    /// The part as JSON.
    ///
    /// # Errors
    ///
    /// It is too large, or not what the type wants.
    pub fn json<T: DeserializeOwned>(&self) -> Result<Option<T>, Box<ValueError>> {
        member::value(self.get()?).map(Some).map_err(Box::new)
    }

    /// The part's text, undecided.
    pub fn value(&self) -> Value<'_> {
        self.bytes.as_ref().map_or(Value::NotUtf8, |bytes| Value::plain(bytes))
    }

    fn get(&self) -> Result<&Bytes, Box<ValueError>> {
        self.bytes.as_ref().map_err(|error| Box::new(error.clone()))
    }
}
