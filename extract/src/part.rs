//! One part of a multipart body, held in memory.

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::{error::Fault, json, pick::ReadAny, rule::Rule, slot::read_value, value::Value};

/// How a part is taken.
#[derive(Clone, Copy, Debug)]
pub struct PartRule {
    /// The most bytes; the struct's limit holds as well.
    pub limit: Option<u64>,
    /// It is a file, which may go to the disk.
    pub upload: bool,
}

/// A part's bytes, or why there are none.
#[derive(Debug)]
pub struct Part {
    pub(crate) bytes: Result<Bytes, Fault>,
}

impl Part {
    /// The part's text, read; `None` if it is empty and counts as none.
    ///
    /// # Errors
    ///
    /// It is too large, no text or not the type's.
    pub fn text<T>(&self, read: ReadAny<T>, rule: &Rule) -> Result<Option<T>, Box<Fault>> {
        read_value(Value::plain(self.get()?), read, rule)
    }

    /// The part's bytes.
    ///
    /// # Errors
    ///
    /// It is too large.
    pub fn bytes(&self) -> Result<Option<Bytes>, Box<Fault>> {
        self.get().map(|bytes| Some(bytes.clone()))
    }

    /// The part as JSON.
    ///
    /// # Errors
    ///
    /// It is too large, or not what the type wants.
    pub fn json<T: DeserializeOwned>(&self) -> Result<Option<T>, Box<Fault>> {
        json::value(self.get()?).map(Some).map_err(Box::new)
    }

    /// The part's text, undecided.
    pub fn value(&self) -> Value<'_> {
        self.bytes.as_ref().map_or(Value::NotUtf8, |bytes| Value::plain(bytes))
    }

    fn get(&self) -> Result<&Bytes, Box<Fault>> {
        self.bytes.as_ref().map_err(|fault| Box::new(fault.clone()))
    }
}
