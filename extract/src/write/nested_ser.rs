//! NestedSerializer: serde to texts with nested keys.

use std::fmt;

use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Serialize, Serializer, ser};

use crate::text::dispatch::serde_text;
use crate::text::from_text::TextError;
use crate::text::to_text::ToText;

/// An error of a value: the subkey, and what can be written.
#[derive(Debug)]
pub(crate) struct NestedSerError {
    pub(crate) rest: String,
    pub(crate) detail: &'static str,
}

impl fmt::Display for NestedSerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail)
    }
}

impl std::error::Error for NestedSerError {}

impl ser::Error for NestedSerError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self { rest: String::new(), detail: "expected a value that keys and texts can represent" }
    }
}

/// Calls `push` for every text with its subkey; `dots`: `.b` instead of `[b]`.
pub(crate) fn texts<T: Serialize + ?Sized>(
    value: &T,
    dots: bool,
    put: &mut dyn FnMut(&str, &str),
) -> Result<(), NestedSerError> {
    let mut out = NestedSerializer { rest: String::new(), dots, written: 0, some: false, member: true, put };
    value.serialize(&mut out)
}

/// The serializer of a value.
struct NestedSerializer<'o> {
    rest: String,
    dots: bool,
    /// The number of texts.
    written: usize,
    /// The value is inside of an `Option`, for which an empty text is read as `None`.
    some: bool,
    /// The value is a field of a struct, or the whole: absent, it is read as `None`.
    member: bool,
    put: &'o mut dyn FnMut(&str, &str),
}

impl NestedSerializer<'_> {
    fn error(&self, detail: &'static str) -> NestedSerError {
        NestedSerError { rest: self.rest.clone(), detail }
    }

    fn write(&mut self, text: &str) -> Result<(), NestedSerError> {
        if text.is_empty() && self.some {
            return Err(self.error("expected a value that is not empty: an empty one is read as none"));
        }
        self.written += 1;
        (self.put)(&self.rest, text);
        Ok(())
    }

    fn shown(&mut self, text: &impl ToText) -> Result<(), NestedSerError> {
        match text.to_text() {
            Ok(text) => self.write(&text),
            Err(_) => Err(self.error("expected a finite number")),
        }
    }

    /// Writes a value under a subkey.
    fn below<T: Serialize + ?Sized>(
        &mut self,
        key: &str,
        member: bool,
        value: &T,
    ) -> Result<(), NestedSerError> {
        self.within(key, member, |out| value.serialize(out))
    }

    fn within<T>(
        &mut self,
        key: &str,
        member: bool,
        write: impl FnOnce(&mut Self) -> Result<T, NestedSerError>,
    ) -> Result<T, NestedSerError> {
        if key.is_empty() || key.contains(['[', ']']) {
            return Err(self.error("expected keys that are not empty and have no brackets"));
        }
        let length = self.rest.len();
        if self.dots && !key.contains('.') && !key.bytes().all(|byte| byte.is_ascii_digit()) {
            self.rest.push('.');
            self.rest.push_str(key);
        } else {
            self.rest.extend(["[", key, "]"]);
        }
        let before = (std::mem::take(&mut self.some), std::mem::replace(&mut self.member, member));
        let done = write(self)?;
        self.rest.truncate(length);
        (self.some, self.member) = before;
        Ok(done)
    }
}

macro_rules! shown {
    ($($method:ident $ty:ty,)*) => {$(
        fn $method(self, value: $ty) -> Result<(), NestedSerError> {
            self.shown(&value)
        }
    )*};
}

impl<'s, 'o> Serializer for &'s mut NestedSerializer<'o> {
    type Ok = ();
    type Error = NestedSerError;
    type SerializeSeq = CompoundSerializer<'s, 'o>;
    type SerializeTuple = CompoundSerializer<'s, 'o>;
    type SerializeTupleStruct = CompoundSerializer<'s, 'o>;
    type SerializeTupleVariant = CompoundSerializer<'s, 'o>;
    type SerializeMap = CompoundSerializer<'s, 'o>;
    type SerializeStruct = CompoundSerializer<'s, 'o>;
    type SerializeStructVariant = CompoundSerializer<'s, 'o>;

    shown! {
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
        serialize_f32 f32,
        serialize_f64 f64,
        serialize_char char,
    }

    fn serialize_str(self, text: &str) -> Result<(), NestedSerError> {
        self.write(text)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), NestedSerError> {
        Err(self.error("expected a text, not bytes"))
    }

    fn serialize_none(self) -> Result<(), NestedSerError> {
        if self.member { Ok(()) } else { self.write("") }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NestedSerError> {
        let (some, member) = (std::mem::replace(&mut self.some, true), std::mem::take(&mut self.member));
        value.serialize(&mut *self)?;
        (self.some, self.member) = (some, member);
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), NestedSerError> {
        self.write("")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NestedSerError> {
        self.write("")
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
    ) -> Result<(), NestedSerError> {
        self.write(name)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NestedSerError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<(), NestedSerError> {
        self.below(name, false, value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<CompoundSerializer<'s, 'o>, NestedSerError> {
        Ok(CompoundSerializer::new(self, None))
    }

    fn serialize_tuple(self, _: usize) -> Result<CompoundSerializer<'s, 'o>, NestedSerError> {
        Ok(CompoundSerializer::new(self, None))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<CompoundSerializer<'s, 'o>, NestedSerError> {
        Ok(CompoundSerializer::new(self, None))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<CompoundSerializer<'s, 'o>, NestedSerError> {
        Ok(CompoundSerializer::new(self, Some(name)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<CompoundSerializer<'s, 'o>, NestedSerError> {
        Ok(CompoundSerializer::new(self, None))
    }

    fn serialize_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<CompoundSerializer<'s, 'o>, NestedSerError> {
        Ok(CompoundSerializer::new(self, None))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<CompoundSerializer<'s, 'o>, NestedSerError> {
        Ok(CompoundSerializer::new(self, Some(name)))
    }
}

/// The serializer of a value with subkeys.
struct CompoundSerializer<'s, 'o> {
    out: &'s mut NestedSerializer<'o>,
    /// The variant, which is one more subkey.
    variant: Option<&'static str>,
    before: usize,
    next: usize,
    key: String,
}

impl<'s, 'o> CompoundSerializer<'s, 'o> {
    fn new(out: &'s mut NestedSerializer<'o>, variant: Option<&'static str>) -> Self {
        let before = out.written;
        Self { out, variant, before, next: 0, key: String::new() }
    }

    fn part<T: Serialize + ?Sized>(
        &mut self,
        key: &str,
        member: bool,
        value: &T,
    ) -> Result<(), NestedSerError> {
        match self.variant {
            Some(name) => self.out.within(name, false, |out| out.below(key, member, value)),
            None => self.out.below(key, member, value),
        }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NestedSerError> {
        let key = self.next.to_string();
        self.next += 1;
        self.part(&key, false, value)
    }

    /// A value without subkeys is an empty text, which is read as one; the whole value may be absent.
    fn done(self) -> Result<(), NestedSerError> {
        if self.out.written > self.before {
            return Ok(());
        }
        match self.variant {
            Some(name) => self.out.within(name, false, |out| out.write("")),
            None if self.out.rest.is_empty() => Ok(()),
            None => self.out.write(""),
        }
    }
}

macro_rules! items {
    ($($part:ident $method:ident,)*) => {$(
        impl $part for CompoundSerializer<'_, '_> {
            type Ok = ();
            type Error = NestedSerError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NestedSerError> {
                self.item(value)
            }

            fn end(self) -> Result<(), NestedSerError> {
                self.done()
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
        impl $part for CompoundSerializer<'_, '_> {
            type Ok = ();
            type Error = NestedSerError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), NestedSerError> {
                self.part(key, true, value)
            }

            fn end(self) -> Result<(), NestedSerError> {
                self.done()
            }
        }
    )*};
}

members! { SerializeStruct, SerializeStructVariant, }

impl SerializeMap for CompoundSerializer<'_, '_> {
    type Ok = ();
    type Error = NestedSerError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NestedSerError> {
        self.key = serde_text(key)
            .map_err(|TextError { .. }| self.out.error("expected keys that are texts"))?
            .into_owned();
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NestedSerError> {
        let key = std::mem::take(&mut self.key);
        self.part(&key, false, value)
    }

    fn end(self) -> Result<(), NestedSerError> {
        self.done()
    }
}
