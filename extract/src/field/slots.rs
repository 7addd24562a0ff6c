//! Traits that the derive implements.

use axum_core::body::Body;
use bytes::Bytes;
use http::request::Parts;
use serde::de::MapAccess;
use serde_json::value::RawValue;

use crate::descriptor::body::{BodyKind, BodyPlan};
use crate::descriptor::field::{HeadPlan, PartRule};
use crate::descriptor::names::{Keys, Names};
use crate::descriptor::route::OwnRoute;
use crate::error::collector::Errors;
#[cfg(feature = "multipart")]
use crate::error::field::ValueError;
use crate::error::field::{FieldError, Location};
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
    const HEAD: HeadPlan;
    /// What is done with the body.
    const BODY: BodyPlan = BodyPlan::NONE;
    /// The path variables that are read.
    const PARAMS: Names;
    /// What the fields are called outside.
    const KEYS: Keys;

    /// The struct's own route, if it has one.
    fn own_route() -> Option<&'static OwnRoute> {
        None
    }

    /// The name of a path variable that a field reads, if this is one.
    fn path_name(name: &str) -> Option<&'static str>;
    /// Tells every key that a field reads from there.
    fn keys(location: Location, visit: &mut dyn FnMut(&str));
    /// How a part is taken, if a field takes it.
    fn part_rule(_name: &str) -> Option<PartRule> {
        None
    }
    /// Calls `visit` for each slot of the head, with `true` if the field is required.
    fn each_slot(&self, visit: &mut dyn FnMut(&dyn Slot, bool));
    /// Makes every member of a JSON body unread again.
    fn close(&mut self) {}
    /// Takes a part in.
    fn part(&mut self, _name: &str, _part: &Part) {}
    /// Takes a file in.
    #[cfg(feature = "multipart")]
    fn upload(&mut self, _name: &str, _upload: Result<Option<Upload>, Box<ValueError>>) {}
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
    fn body(&mut self, _kind: BodyKind, _body: &'r Bytes) -> Result<(), FieldError> {
        Ok(())
    }
}
