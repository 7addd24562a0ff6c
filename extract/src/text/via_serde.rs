//! ScalarDeserializer: one text through serde, with the grammar of FromText.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::CowStrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer, Visitor};
use serde::{Deserializer, de, forward_to_deserialize_any};

use crate::text::from_text::{FromText, TextError, is_json_number};

/// Reads a text through the type's `Deserialize`: `#[query(serde)]`.
///
/// Numbers and `bool` follow [`FromText`]; a unit variant is its name.
///
/// # Errors
///
/// The type rejects the text.
pub fn serde<T: DeserializeOwned>(text: Cow<'_, str>) -> Result<T, TextError> {
    let read = |guess| T::deserialize(ScalarDeserializer { text: Cow::Borrowed(&*text), guess });
    // A buffered type, such as an untagged enum, accepts any kind: a text is tried first, then a number.
    let value = read(false).or_else(|ScalarError| read(true));
    value.map_err(|ScalarError| TextError::expected("a valid value"))
}

/// Drops the message of the type, which may quote the value.
#[derive(Debug)]
struct ScalarError;

impl fmt::Display for ScalarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid value")
    }
}

impl std::error::Error for ScalarError {}

impl de::Error for ScalarError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

struct ScalarDeserializer<'t> {
    text: Cow<'t, str>,
    /// `deserialize_any` yields a number if the text is one.
    guess: bool,
}

/// Calls a macro with the scalar methods of serde that parse a text.
macro_rules! scalars {
    ($each:ident) => {
        $each! {
            deserialize_bool visit_bool,
            deserialize_i8 visit_i8,
            deserialize_i16 visit_i16,
            deserialize_i32 visit_i32,
            deserialize_i64 visit_i64,
            deserialize_i128 visit_i128,
            deserialize_u8 visit_u8,
            deserialize_u16 visit_u16,
            deserialize_u32 visit_u32,
            deserialize_u64 visit_u64,
            deserialize_u128 visit_u128,
            deserialize_f32 visit_f32,
            deserialize_f64 visit_f64,
            deserialize_char visit_char,
        }
    };
}
pub(crate) use scalars;

macro_rules! parsed {
    ($($method:ident $visit:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ScalarError> {
            visitor.$visit(FromText::from_text(&self.text).map_err(|_| ScalarError)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for ScalarDeserializer<'_> {
    type Error = ScalarError;

    scalars!(parsed);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ScalarError> {
        if self.guess && is_json_number(&self.text) {
            if let Ok(number) = u64::from_text(&self.text) {
                return visitor.visit_u64(number);
            }
            if let Ok(number) = i64::from_text(&self.text) {
                return visitor.visit_i64(number);
            }
            if let Ok(number) = f64::from_text(&self.text) {
                return visitor.visit_f64(number);
            }
        }
        match &*self.text {
            text @ ("true" | "false") if self.guess => visitor.visit_bool(text == "true"),
            text => visitor.visit_str(text),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ScalarError> {
        visitor.visit_str(&self.text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ScalarError> {
        visitor.visit_str(&self.text)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ScalarError> {
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ScalarError> {
        if self.text.is_empty() { visitor.visit_unit() } else { Err(ScalarError) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ScalarError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ScalarError> {
        let variant: CowStrDeserializer<'_, ScalarError> = self.text.into_deserializer();
        visitor.visit_enum(variant)
    }

    forward_to_deserialize_any! {
        bytes byte_buf identifier ignored_any unit_struct seq tuple tuple_struct map struct
    }
}
