//! Path variables from axum.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::field::{Code, FieldError, Location, ValueError};
use crate::error::rejection::{Rejection, RejectionOptions};
use crate::field::slots::{Layout, Slots};
use crate::field::value::Value;

/// Sets the slots to those of axum's path variables; returns whether axum has matched.
///
/// # Errors
///
/// A value is not UTF-8; axum reports only its name.
#[inline]
pub(crate) fn fill<F: for<'r> Slots<'r>>(slots: &mut F, parts: &mut Parts) -> Result<bool, Rejection> {
    let rejection = match poll_once(Path::<AxumPathSink<F>>::from_request_parts(parts, &())) {
        Some(Ok(Path(AxumPathSink(filled)))) => {
            if !F::HEAD.raw_path || matched_by_us(parts) {
                *slots = filled;
                return Ok(true);
            }
            Rejection::misconfigured("axum decodes path values: `#[param(raw)]` needs waylay's router")
        }
        Some(Err(PathRejection::FailedToDeserializePathParams(error))) => rejection(error.into_kind()),
        Some(Err(_)) => return Ok(false),
        None => Rejection::misconfigured("axum's path values are not ready"),
    };
    Err(reject::<F>(rejection, parts))
}

/// Returns the output of a future that is ready when it is polled first.
///
/// axum's extractor waits for nothing, and is async only since all extractors are. If it were awaited, the slots would
/// be moved through one future after the other.
#[inline]
fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
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

#[cold]
fn reject<F: Layout>(rejection: Rejection, parts: &Parts) -> Rejection {
    let options = RejectionOptions { path_is_404: F::HEAD.path_is_404, ..RejectionOptions::of(parts) };
    rejection.with_options(options).reported()
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
