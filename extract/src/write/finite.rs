//! FiniteCheck: a Serializer that finds floats which JSON and forms cannot hold.

use std::fmt;

use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Serialize, Serializer};

use crate::text::dispatch::serde_text;

/// Finds an infinity or a NaN in a value: `serde_json` writes them as `null`, which is read as nothing.
///
/// # Errors
///
/// The keys of the first one, from the innermost up.
pub(crate) fn check_finite<T: Serialize + ?Sized>(value: &T) -> Result<(), Vec<String>> {
    value.serialize(FiniteCheck).map_err(|NotFinite(keys)| keys.unwrap_or_default())
}

/// The keys of a float that is not finite; `None` for an error of the type's own.
#[derive(Debug)]
struct NotFinite(Option<Vec<String>>);

impl NotFinite {
    fn below(mut self, key: impl Into<String>) -> Self {
        if let Some(keys) = &mut self.0 {
            keys.push(key.into());
        }
        self
    }
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number is not finite")
    }
}

impl std::error::Error for NotFinite {}

impl Error for NotFinite {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(None)
    }
}

#[derive(Clone, Copy)]
struct FiniteCheck;

macro_rules! fine {
    ($($method:ident $ty:ty,)*) => {$(
        fn $method(self, _: $ty) -> Result<(), NotFinite> {
            Ok(())
        }
    )*};
}

macro_rules! compound {
    ($($method:ident($($ty:ty),*),)*) => {$(
        fn $method(self, $(_: $ty),*) -> Result<Compound, NotFinite> {
            Ok(Compound { next: 0, key: String::new() })
        }
    )*};
}

impl Serializer for FiniteCheck {
    type Ok = ();
    type Error = NotFinite;
    type SerializeSeq = Compound;
    type SerializeTuple = Compound;
    type SerializeTupleStruct = Compound;
    type SerializeTupleVariant = Compound;
    type SerializeMap = Compound;
    type SerializeStruct = Compound;
    type SerializeStructVariant = Compound;

    fine! {
        serialize_bool bool,
        serialize_i8 i8,
        serialize_i16 i16,
        serialize_i32 i32,
        serialize_i64 i64,
        serialize_i128 i128,
        serialize_u8 u8,
        serialize_u16 u16,
        serialize_u32 u32,
        serialize_u64 u64,
        serialize_u128 u128,
        serialize_char char,
        serialize_str &str,
        serialize_bytes &[u8],
        serialize_unit_struct &'static str,
    }

    compound! {
        serialize_seq(Option<usize>),
        serialize_tuple(usize),
        serialize_tuple_struct(&'static str, usize),
        serialize_tuple_variant(&'static str, u32, &'static str, usize),
        serialize_map(Option<usize>),
        serialize_struct(&'static str, usize),
        serialize_struct_variant(&'static str, u32, &'static str, usize),
    }

    fn serialize_f32(self, number: f32) -> Result<(), NotFinite> {
        self.serialize_f64(number.into())
    }

    fn serialize_f64(self, number: f64) -> Result<(), NotFinite> {
        if number.is_finite() { Ok(()) } else { Err(NotFinite(Some(Vec::new()))) }
    }

    fn serialize_none(self) -> Result<(), NotFinite> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotFinite> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NotFinite> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), NotFinite> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NotFinite> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<(), NotFinite> {
        value.serialize(self).map_err(|error| error.below(name))
    }
}

/// A list or an object of which each member is looked at.
struct Compound {
    next: usize,
    key: String,
}

impl Compound {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotFinite> {
        let index = self.next;
        self.next += 1;
        value.serialize(FiniteCheck).map_err(|error| error.below(index.to_string()))
    }
}

macro_rules! items {
    ($($part:ident $method:ident,)*) => {$(
        impl $part for Compound {
            type Ok = ();
            type Error = NotFinite;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotFinite> {
                self.item(value)
            }

            fn end(self) -> Result<(), NotFinite> {
                Ok(())
            }
        }
    )*};
}

items! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field,
}

macro_rules! members {
    ($($part:ident,)*) => {$(
        impl $part for Compound {
            type Ok = ();
            type Error = NotFinite;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), NotFinite> {
                value.serialize(FiniteCheck).map_err(|error| error.below(key))
            }

            fn end(self) -> Result<(), NotFinite> {
                Ok(())
            }
        }
    )*};
}

members! { SerializeStruct, SerializeStructVariant, }

impl SerializeMap for Compound {
    type Ok = ();
    type Error = NotFinite;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotFinite> {
        self.key = serde_text(key).map(Into::into).unwrap_or_default();
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotFinite> {
        let key = std::mem::take(&mut self.key);
        value.serialize(FiniteCheck).map_err(|error| error.below(key))
    }

    fn end(self) -> Result<(), NotFinite> {
        Ok(())
    }
}
