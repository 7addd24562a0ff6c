//! Traits that the derive implements.

use axum_core::body::Body;
use bytes::Bytes;
use http::request::Parts;
use serde::de::MapAccess;
use serde_json::value::RawValue;

use crate::descriptor::body::{Kind, Plan};
use crate::descriptor::field::{PartRule, Wants};
use crate::descriptor::names::{Keys, Names};
use crate::descriptor::route::Door;
use crate::error::collector::Errors;
#[cfg(feature = "multipart")]
use crate::error::field::Fault;
use crate::error::field::{FieldError, Source};
use crate::field::part::Part;
use crate::field::slot::Slot;
#[cfg(feature = "multipart")]
use crate::field::upload::Upload;
use crate::field::value::Value;

/// What the generated slots of a struct are, whatever request they are filled from.
pub trait Layout: Default + Send {
    /// The struct.
    type Output;

    /// What is walked over.
    const WANTS: Wants;
    /// What is done with the body.
    const BODY: Plan = Plan::NONE;
    /// The path variables that are read.
    const PARAMS: Names;
    /// What the fields are called outside.
    const KEYS: Keys;

    /// The struct's own route, if it has one.
    fn door() -> Option<&'static Door> {
        None
    }

    /// The name of a path variable that a field reads, if this is one.
    fn path_name(name: &str) -> Option<&'static str>;
    /// Tells every key that a field reads from there.
    fn keys(source: Source, tell: &mut dyn FnMut(&str));
    /// How a part is taken, if a field takes it.
    fn part_rule(_name: &str) -> Option<PartRule> {
        None
    }
    /// Looks at all slots before the body is read.
    fn survey(&self) -> Survey;
    /// Makes every member of a JSON body unread again.
    fn close(&mut self) {}
    /// Takes a part in.
    fn part(&mut self, _name: &str, _part: &Part) {}
    /// Takes a file in.
    #[cfg(feature = "multipart")]
    fn upload(&mut self, _name: &str, _upload: Result<Option<Upload>, Box<Fault>>) {}
    /// Takes the body in, unread.
    fn stream(&mut self, _body: Body) {}
    /// Makes the struct, or tells every error in field order.
    fn finish(self, errors: &mut Errors) -> Option<Self::Output>;
}

/// The generated slots of a struct, filled from a request that lives as long as `'r`.
///
/// What tells whether a key was taken is heard by `deny_unknown` and `rest`.
pub trait Slots<'r>: Layout {
    /// Takes a path variable in. `again`: another router speaks, and the first was heard.
    fn path(&mut self, _name: &str, _value: Value<'r>, _again: bool) {}
    /// Takes a path variable in as the URI spells it.
    fn raw_path(&mut self, _name: &str, _value: Value<'r>) {}
    /// Takes a query value in.
    fn query(&mut self, _key: &str, _value: Value<'r>) -> bool {
        false
    }
    /// Takes a cookie in.
    fn cookie(&mut self, _name: &str, _value: Value<'r>) {}
    /// Takes what is looked up by type or name: headers and extensions.
    fn lookup(&mut self, _parts: &'r Parts) {}
    /// Takes a form value in.
    fn form(&mut self, _key: &str, _value: Value<'r>) -> bool {
        false
    }
    /// Takes a JSON member in.
    ///
    /// # Errors
    ///
    /// The member does not fit.
    fn member<A: MapAccess<'r>>(&mut self, _key: &str, _map: &mut A) -> Result<bool, A::Error> {
        Ok(false)
    }
    /// Takes a JSON member in on its own, after all together did not fit.
    fn raw_member(&mut self, _key: &str, _raw: &'r RawValue) -> bool {
        false
    }
    /// Takes the whole body in, which is not empty.
    ///
    /// # Errors
    ///
    /// It cannot be decoded.
    fn body(&mut self, _kind: Kind, _body: &'r Bytes) -> Result<(), FieldError> {
        Ok(())
    }
}

/// What a look at the slots shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Survey {
    pub(crate) faulty: bool,
    pub(crate) touched: bool,
}

impl Survey {
    /// Looks at one more slot.
    pub fn see(&mut self, slot: &dyn Slot, required: bool) {
        self.faulty |= slot.is_faulty() || (required && slot.is_absent());
        self.touched |= !slot.is_absent();
    }

    /// Adds what a look at other slots has shown.
    pub fn join(&mut self, other: Self) {
        self.faulty |= other.faulty;
        self.touched |= other.touched;
    }
}
