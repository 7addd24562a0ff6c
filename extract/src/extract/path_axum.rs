//! Path variables from axum.

use std::fmt;
use std::marker::PhantomData;

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::field::{Code, FieldError, Location, ValueError};
use crate::error::rejection::Rejection;
use crate::field::slots::Slots;
use crate::field::value::Value;

/// Returns slots with axum's path variables; unchanged if axum has not matched.
///
/// # Errors
///
/// A value is not UTF-8; axum reports only its name.
pub(crate) async fn fill<F: for<'r> Slots<'r>>(
    parts: &mut Parts,
    slots: Option<F>,
) -> Result<Option<F>, Rejection> {
    match Path::<AxumPathSink<F>>::from_request_parts(parts, &()).await {
        Ok(_) if F::HEAD.raw_path && !matched_by_us(parts) => {
            Err(Rejection::misconfigured("axum decodes path values: `#[param(raw)]` needs waylay's router"))
        }
        Ok(Path(AxumPathSink(slots))) => Ok(Some(slots)),
        Err(PathRejection::FailedToDeserializePathParams(error)) => Err(rejection(error.into_kind())),
        Err(_) => Ok(slots),
    }
}

#[cfg(feature = "router")]
fn matched_by_us(parts: &Parts) -> bool {
    parts.extensions.get::<waylay_router::Matched>().is_some()
}

#[cfg(not(feature = "router"))]
fn matched_by_us(_: &Parts) -> bool {
    false
}

fn rejection(kind: ErrorKind) -> Rejection {
    match kind {
        ErrorKind::InvalidUtf8InPathParam { key } => {
            let error = ValueError::new(Code::InvalidUtf8, "expected UTF-8 text");
            Rejection::new(vec![FieldError::new(Location::Path, key, error)])
        }
        // `AxumPathSink` rejects nothing.
        _ => Rejection::misconfigured("axum's path values are not a map of texts"),
    }
}

/// Adds every pair of a map of texts to the slots.
struct AxumPathSink<F>(F);

impl<'de, F: for<'r> Slots<'r>> Deserialize<'de> for AxumPathSink<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PathVisitor(PhantomData)).map(Self)
    }
}

struct PathVisitor<F>(PhantomData<F>);

impl<'de, F: for<'r> Slots<'r>> Visitor<'de> for PathVisitor<F> {
    type Value = F;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("path values by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<F, A::Error> {
        let mut slots = F::default();
        while let Some(name) = map.next_key_seed(NameSeed::<F>(PhantomData))? {
            let slots = &mut slots;
            map.next_value_seed(ValueSeed { slots, name })?;
        }
        Ok(slots)
    }
}

/// Reads a key as the name of a variable: axum passes the text to the visitor only.
struct NameSeed<F>(PhantomData<F>);

impl<'de, F: for<'r> Slots<'r>> DeserializeSeed<'de> for NameSeed<F> {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<F: for<'r> Slots<'r>> Visitor<'_> for NameSeed<F> {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a variable's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(F::path_name(name))
    }
}

/// Reads a value into the slot of a name.
struct ValueSeed<'s, F> {
    slots: &'s mut F,
    name: Option<&'static str>,
}

impl<'de, F: for<'r> Slots<'r>> DeserializeSeed<'de> for ValueSeed<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<F: for<'r> Slots<'r>> Visitor<'_> for ValueSeed<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path value")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        if let Some(name) = self.name {
            self.slots.path(name, Value::Text(value), false);
        }
        Ok(())
    }
}
