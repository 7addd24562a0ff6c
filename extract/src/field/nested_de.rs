//! NestedDeserializer: serde over the tree of nested keys.

use std::collections::BTreeMap;
use std::{fmt, vec};

use serde::de::{
    DeserializeSeed, EnumAccess, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};
use serde::{Deserializer, de, forward_to_deserialize_any};

use crate::error::field::{Code, ValueError};
use crate::text::from_text::FromText;
use crate::text::via_serde::scalars;

/// The content of a key.
#[derive(Debug, Default)]
pub(crate) enum Node {
    /// Nothing.
    #[default]
    Absent,
    /// A value, or several values of the same key.
    Texts(Vec<String>),
    /// The items of `a[]`.
    Items(Vec<String>),
    /// The subkeys.
    Keys(BTreeMap<String, Node>),
}

/// An error of a tree: the keys from the leaf to the root, and the error of the value.
#[derive(Debug)]
pub(crate) struct NestedDeError {
    pub(crate) keys: Vec<String>,
    pub(crate) error: ValueError,
}

impl NestedDeError {
    fn new(code: Code, detail: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self { keys: Vec::new(), error: ValueError::new(code, detail) }
    }

    fn below(mut self, key: String) -> Self {
        self.keys.push(key);
        self
    }

    fn of(error: ValueError, key: &str) -> Self {
        Self { keys: vec![key.to_owned()], error }
    }
}

impl fmt::Display for NestedDeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error.detail)
    }
}

impl std::error::Error for NestedDeError {}

/// Drops the messages of foreign types, which may quote the value.
impl de::Error for NestedDeError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new(Code::Invalid, "expected a valid value")
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Code::Invalid, format!("expected {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Code::Invalid, format!("expected {expected}"))
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::new(Code::Invalid, format!("expected {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        let choices: Vec<_> = expected.iter().map(|choice| format!("`{choice}`")).collect();
        Self::new(Code::Invalid, format!("expected one of {}", choices.join(", ")))
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::of(ValueError::new(Code::Unknown, "no such key"), field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of(ValueError::missing(), field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::of(ValueError::duplicate(), field)
    }
}

/// A node for serde; `max`: maximum items of a list.
pub(crate) struct NestedDeserializer {
    pub(crate) node: Node,
    pub(crate) max: usize,
}

impl NestedDeserializer {
    fn text(self) -> Result<String, NestedDeError> {
        match self.node {
            Node::Texts(mut texts) if texts.len() == 1 => Ok(texts.pop().unwrap_or_default()),
            Node::Texts(_) => Err(NestedDeError { keys: Vec::new(), error: ValueError::duplicate() }),
            Node::Absent => Err(NestedDeError { keys: Vec::new(), error: ValueError::missing() }),
            Node::Items(_) | Node::Keys(_) => Err(NestedDeError::new(Code::Invalid, "expected one value")),
        }
    }

    /// Tests for an absent or empty value: an empty list, no keys, `None`.
    fn is_empty(&self) -> bool {
        match &self.node {
            Node::Absent => true,
            Node::Texts(texts) => texts.len() == 1 && texts[0].is_empty(),
            Node::Items(_) | Node::Keys(_) => false,
        }
    }

    /// Returns the items of a list with their indexes.
    fn items(self) -> Result<Items, NestedDeError> {
        let max = self.max;
        let leaf = |(at, text): (usize, String)| (at.to_string(), Node::Texts(vec![text]));
        let list: Vec<_> = match self.node {
            _ if self.is_empty() => Vec::new(),
            Node::Texts(texts) | Node::Items(texts) => texts.into_iter().enumerate().map(leaf).collect(),
            Node::Keys(keys) => in_order(keys)?,
            Node::Absent => Vec::new(),
        };
        if list.len() > max {
            return Err(NestedDeError::new(Code::TooMany, format!("expected at most {max} items")));
        }
        Ok(Items { list: list.into_iter(), max, value: None })
    }

    fn entries(self) -> Result<Items, NestedDeError> {
        let max = self.max;
        let list: Vec<_> = match self.node {
            _ if self.is_empty() => Vec::new(),
            Node::Keys(keys) => keys.into_iter().collect(),
            _ => return Err(NestedDeError::new(Code::Invalid, "expected subkeys")),
        };
        Ok(Items { list: list.into_iter(), max, value: None })
    }
}

/// Sorts items by index. No index may be missing: `a[99999999]=1` is not a list of that length
/// (CVE-2024-37298 of gorilla/schema).
fn in_order(keys: BTreeMap<String, Node>) -> Result<Vec<(String, Node)>, NestedDeError> {
    let mut list = Vec::with_capacity(keys.len());
    for (key, node) in keys {
        match usize::from_text(&key) {
            Ok(index) => list.push((index, key, node)),
            Err(_) => return Err(NestedDeError::new(Code::Invalid, "expected an index").below(key)),
        }
    }
    list.sort_by_key(|(index, ..)| *index);
    if list.iter().enumerate().any(|(at, (index, ..))| at != *index) {
        return Err(NestedDeError::new(Code::Invalid, "expected indexes from 0 on without a gap"));
    }
    Ok(list.into_iter().map(|(_, key, node)| (key, node)).collect())
}

macro_rules! parsed {
    ($($method:ident $visit:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NestedDeError> {
            let text = self.text()?;
            let value = FromText::from_text(&text).map_err(|error| NestedDeError { keys: Vec::new(), error: error.into() });
            visitor.$visit(value?)
        }
    )*};
}

impl<'de> Deserializer<'de> for NestedDeserializer {
    type Error = NestedDeError;

    scalars!(parsed);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NestedDeError> {
        match &self.node {
            Node::Absent => visitor.visit_unit(),
            Node::Texts(texts) if texts.len() == 1 => visitor.visit_string(self.text()?),
            Node::Keys(keys) if !keys.contains_key("0") => visitor.visit_map(self.entries()?),
            _ => visitor.visit_seq(self.items()?),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NestedDeError> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NestedDeError> {
        if self.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NestedDeError> {
        if self.is_empty() {
            visitor.visit_unit()
        } else {
            Err(NestedDeError::new(Code::Invalid, "expected no value"))
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, NestedDeError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, NestedDeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NestedDeError> {
        visitor.visit_seq(self.items()?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, NestedDeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, NestedDeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NestedDeError> {
        visitor.visit_map(self.entries()?)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NestedDeError> {
        visitor.visit_map(self.entries()?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NestedDeError> {
        visitor.visit_enum(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NestedDeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { string bytes byte_buf identifier }
}

/// The children of a node with their keys.
struct Items {
    list: vec::IntoIter<(String, Node)>,
    max: usize,
    /// The value of the last key.
    value: Option<(String, Node)>,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = NestedDeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, NestedDeError> {
        let Some((key, node)) = self.list.next() else {
            return Ok(None);
        };
        seed.deserialize(NestedDeserializer { node, max: self.max }).map(Some).map_err(|fail| fail.below(key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.list.len())
    }
}

impl<'de> MapAccess<'de> for Items {
    type Error = NestedDeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, NestedDeError> {
        let Some((key, node)) = self.list.next() else {
            return Ok(None);
        };
        let name = Node::Texts(vec![key.clone()]);
        self.value = Some((key, node));
        seed.deserialize(NestedDeserializer { node: name, max: self.max }).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, NestedDeError> {
        let (key, node) = self.value.take().unwrap_or_default();
        seed.deserialize(NestedDeserializer { node, max: self.max }).map_err(|fail| fail.below(key))
    }
}

impl<'de> EnumAccess<'de> for NestedDeserializer {
    type Error = NestedDeError;
    type Variant = Content;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content), NestedDeError> {
        let max = self.max;
        let (name, content) = match self.node {
            Node::Keys(keys) if keys.len() == 1 => {
                let mut keys = keys.into_iter();
                let (key, node) = keys.next().unwrap_or_default();
                (key.clone(), Content { key: Some(key), tree: NestedDeserializer { node, max } })
            }
            node => (
                NestedDeserializer { node, max }.text()?,
                Content { key: None, tree: NestedDeserializer { node: Node::Absent, max } },
            ),
        };
        let variant = seed.deserialize(IntoDeserializer::<NestedDeError>::into_deserializer(name))?;
        Ok((variant, content))
    }
}

/// The content of an enum variant.
pub(crate) struct Content {
    key: Option<String>,
    tree: NestedDeserializer,
}

impl Content {
    fn read<T>(
        self,
        read: impl FnOnce(NestedDeserializer) -> Result<T, NestedDeError>,
    ) -> Result<T, NestedDeError> {
        read(self.tree).map_err(|fail| match self.key {
            Some(key) => fail.below(key),
            None => fail,
        })
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = NestedDeError;

    fn unit_variant(self) -> Result<(), NestedDeError> {
        match self.tree.is_empty() {
            true => Ok(()),
            false => self.read(|_| Err(NestedDeError::new(Code::Invalid, "expected no value"))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, NestedDeError> {
        self.read(|tree| seed.deserialize(tree))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, NestedDeError> {
        self.read(|tree| tree.deserialize_seq(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NestedDeError> {
        self.read(|tree| tree.deserialize_map(visitor))
    }
}
