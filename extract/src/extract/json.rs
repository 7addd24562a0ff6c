//! JSON objects: members to fields, in one pass or one by one.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::de::Read;
use serde_json::value::RawValue;

use crate::error::collector::Errors;
use crate::error::field::{Code, FieldError, Location};
use crate::extract::head;
use crate::field::member::{malformed, reason};
use crate::field::slots::Slots;

/// Reads the members of a JSON object into the slots.
///
/// # Errors
///
/// The body is not JSON, not an object, or has more members than the plan allows.
pub(crate) fn read<'r, F: Slots<'r>>(
    slots: &mut F,
    body: &'r [u8],
    errors: &mut Errors,
) -> Result<(), FieldError> {
    if read_all(slots, body) { Ok(()) } else { read_each(slots, body, errors) }
}

/// Reads each member separately, to report all errors. Too slow for bodies without errors.
#[cold]
fn read_each<'r, F: Slots<'r>>(slots: &mut F, body: &'r [u8], errors: &mut Errors) -> Result<(), FieldError> {
    slots.reset_members();
    let plan = F::BODY;
    let (mut seen, mut unknown) = (0, 0);
    members(body, &mut |key, raw| {
        seen += 1;
        let known = seen > plan.max_params || slots.raw_member(key, raw);
        if !known && plan.deny_json && unknown < head::MAX_UNKNOWN {
            unknown += 1;
            errors.push_unknown(head::unknown_key::<F>(Location::Body, key));
        }
    })?;
    if seen > plan.max_params {
        let detail = format!("expected at most {} members", plan.max_params);
        return Err(FieldError::body(Code::TooMany, detail));
    }
    Ok(())
}

/// Reads all members in one pass; `false` if the body is not an object, or a member is invalid.
fn read_all<'r, F: Slots<'r>>(slots: &mut F, body: &'r [u8]) -> bool {
    // From a `str`, serde_json does not check each text; one check of the whole body costs less.
    match str::from_utf8(body) {
        Ok(text) => read_object(slots, serde_json::Deserializer::from_str(text)),
        // A text that no field reads may be invalid.
        Err(_) => read_object(slots, serde_json::Deserializer::from_slice(body)),
    }
}

fn read_object<'r, F: Slots<'r>, R: Read<'r>>(slots: &mut F, mut json: serde_json::Deserializer<R>) -> bool {
    struct Object<'s, F>(&'s mut F);

    impl<'r, F: Slots<'r>> Visitor<'r> for Object<'_, F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'r>>(self, mut map: A) -> Result<(), A::Error> {
            let mut left = F::BODY.max_params;
            while let Some(Key(key)) = map.next_key()? {
                left = left.checked_sub(1).ok_or_else(|| A::Error::custom("too many members"))?;
                if !self.0.member(&key, &mut map)? {
                    if F::BODY.deny_json {
                        return Err(A::Error::custom("a member that no field reads"));
                    }
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(())
        }
    }

    // `deserialize_struct` would accept an array as well.
    json.deserialize_map(Object(slots)).is_ok() && json.end().is_ok()
}

/// The name of a member, borrowed unless it contains an escape.
struct Key<'r>(Cow<'r, str>);

impl<'r> Deserialize<'r> for Key<'r> {
    fn deserialize<D: Deserializer<'r>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl<'r> Visitor<'r> for Name {
            type Value = Key<'r>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E>(self, name: &'r str) -> Result<Key<'r>, E> {
                Ok(Key(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Key<'r>, E> {
                Ok(Key(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(Name)
    }
}

/// Calls `visit` for each member of an object, with its JSON.
///
/// # Errors
///
/// The body is not JSON, or not an object.
fn members<'r>(body: &'r [u8], visit: &mut dyn FnMut(&str, &'r RawValue)) -> Result<(), FieldError> {
    struct Members<'f, 'r>(&'f mut dyn FnMut(&str, &'r RawValue));

    impl<'r> Visitor<'r> for Members<'_, 'r> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'r>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some((Key(key), raw)) = map.next_entry::<Key<'r>, &'r RawValue>()? {
                (self.0)(&key, raw);
            }
            Ok(())
        }
    }

    // Parsed completely first: a syntax error after the members is an error of the body.
    let raw: &RawValue = serde_json::from_slice(body).map_err(malformed)?;
    raw.deserialize_map(Members(visit))
        .map_err(|error| FieldError::new(Location::Body, "", reason(&error.to_string()).0))
}
