//! Part: a part of a multipart body, in memory.

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::descriptor::field::Rule;
use crate::error::field::ValueError;
use crate::field::member;
use crate::field::slot::read_value;
use crate::field::value::Value;
use crate::text::dispatch::ReadAny;

/// A part's bytes, or the error.
#[derive(Debug)]
pub struct Part {
    pub(crate) bytes: Result<Bytes, ValueError>,
}

impl Part {
    /// Reads the part's text; `None` if it is empty and counts as none.
    ///
    /// # Errors
    ///
    /// The part is too large, not text, or the type does not accept it.
    pub fn text<T>(&self, read: ReadAny<T>, rule: &Rule) -> Result<Option<T>, Box<ValueError>> {
        read_value(Value::plain(self.get()?), read, rule)
    }

    /// Returns the part's bytes.
    ///
    /// # Errors
    ///
    /// The part is too large.
    pub fn bytes(&self) -> Result<Option<Bytes>, Box<ValueError>> {
        self.get().map(|bytes| Some(bytes.clone()))
    }

    /// Reads the part as JSON.
    ///
    /// # Errors
    ///
    /// The part is too large, or not JSON of the type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<Option<T>, Box<ValueError>> {
        member::value(self.get()?).map(Some).map_err(Box::new)
    }

    /// Returns the part as a text value.
    pub fn value(&self) -> Value<'_> {
        self.bytes.as_ref().map_or(Value::NotUtf8, |bytes| Value::plain(bytes))
    }

    fn get(&self) -> Result<&Bytes, Box<ValueError>> {
        self.bytes.as_ref().map_err(|error| Box::new(error.clone()))
    }
}
