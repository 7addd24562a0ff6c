//! Layout, Slots: the traits that the derive implements.

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

/// The generated slots of a struct: what does not depend on the lifetime of a request.
pub trait Layout: Default + Send {
    /// The struct.
    type Output;

    /// What is read of the head.
    const HEAD: HeadPlan;
    /// What is read of the body.
    const BODY: BodyPlan = BodyPlan::NONE;
    /// The names of the path variables.
    const PARAMS: Names;
    /// The external names of the fields.
    const KEYS: Keys;

    /// Returns the struct's own route, if it has one.
    fn own_route() -> Option<&'static OwnRoute> {
        None
    }

    /// Returns the name as a static text if a field reads this path variable.
    fn path_name(name: &str) -> Option<&'static str>;
    /// Calls `visit` for every key of the location that a field reads.
    fn keys(location: Location, visit: &mut dyn FnMut(&str));
    /// Returns how a part is read; `None` if no field reads it.
    fn part_rule(_name: &str) -> Option<PartRule> {
        None
    }
    /// Calls `visit` for each slot of the head, with `true` for a required field.
    fn each_slot(&self, visit: &mut dyn FnMut(&dyn Slot, bool));
    /// Clears the members of a JSON body.
    fn reset_members(&mut self) {}
    /// Adds a part; returns whether a field has read it.
    fn part(&mut self, _name: &str, _part: &Part) -> bool {
        false
    }
    /// Adds a part that no field has read.
    fn part_rest(&mut self, _name: &str, _part: &Part) -> bool {
        false
    }
    /// Adds a file.
    #[cfg(feature = "multipart")]
    fn upload(&mut self, _name: &str, _upload: Result<Option<Upload>, Box<ValueError>>) {}
    /// Stores the unread body.
    fn stream(&mut self, _body: Body) {}
    /// Returns the struct, or reports all errors in field order.
    fn finish(self, errors: &mut Errors) -> Option<Self::Output>;
}

/// The generated slots of a struct, filled from a request with the lifetime `'r`.
///
/// A returned `bool` is whether a field has read the key, for `deny_unknown` and `rest`: a `rest` is asked when no field
/// of the whole struct has read it.
pub trait Slots<'r>: Layout {
    /// Adds a path variable. `again`: another router has matched before, whose values stay.
    fn path(&mut self, _name: &str, _value: Value<'r>, _again: bool) {}
    /// Adds a path variable without decoding.
    fn raw_path(&mut self, _name: &str, _value: Value<'r>) {}
    /// Adds a query value.
    fn query(&mut self, _key: &str, _value: Value<'r>) -> bool {
        false
    }
    /// Adds a query value that no field has read.
    fn query_rest(&mut self, _key: &str, _value: Value<'r>) -> bool {
        false
    }
    /// Adds a cookie.
    fn cookie(&mut self, _name: &str, _value: Value<'r>) {}
    /// Looks up headers by name, and extensions by type.
    fn lookup(&mut self, _parts: &'r Parts) {}
    /// Adds a form value.
    fn form(&mut self, _key: &str, _value: Value<'r>) -> bool {
        false
    }
    /// Adds a form value that no field has read.
    fn form_rest(&mut self, _key: &str, _value: Value<'r>) -> bool {
        false
    }
    /// Reads a JSON member.
    ///
    /// # Errors
    ///
    /// The type of the field does not accept the member.
    fn member<A: MapAccess<'r>>(&mut self, _key: &str, _map: &mut A) -> Result<bool, A::Error> {
        Ok(false)
    }
    /// Adds a JSON member separately, after the pass over all members has failed.
    fn raw_member(&mut self, _key: &str, _raw: &'r RawValue) -> bool {
        false
    }
    /// Reads the whole body, which is not empty.
    ///
    /// # Errors
    ///
    /// The body cannot be decoded.
    fn body(&mut self, _kind: BodyKind, _body: &'r Bytes) -> Result<(), FieldError> {
        Ok(())
    }
}
