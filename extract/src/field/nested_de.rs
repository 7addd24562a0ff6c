//! NestedDeserializer: serde over the tree of nested keys.

use std::collections::BTreeMap;
use std::vec;

use serde::de::{
    DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde::{Deserializer, forward_to_deserialize_any};

use crate::error::field::{Code, ValueError};
use crate::field::nested_error::NestedDeError;
use crate::field::nested_node::{Branches, Leaf, LeafKind, Mismatch, Node, Number};
use crate::text::from_text::FromText;
use crate::text::via_serde::scalars;

/// Maximum number of guesses for one value, to bound the work for a request.
const MOST_GUESSES: usize = 100;

/// Reads a type; `max` is the maximum number of items of a list.
pub(crate) fn read<T: DeserializeOwned>(root: &mut Node, max: usize) -> Result<T, NestedDeError> {
    let read = |root: &Node| T::deserialize(NestedDeserializer::new(View::of(root), max));
    let mut error = match read(root) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    for _ in 0..MOST_GUESSES {
        let is_any = matches!(error.mismatch, Mismatch::Any);
        if !root.guess(&error.mismatch) {
            break;
        }
        match read(root) {
            Ok(value) => return Ok(value),
            // The first error is about the unguessed value; `1` may be a `bool` as well.
            Err(_) if is_any => {
                return if root.guess_bools() { read(root).map_err(|_| error) } else { Err(error) };
            }
            Err(next) => error = next,
        }
    }
    Err(error)
}

/// The input: a node, or a part of one that is no node.
#[derive(Clone)]
enum View<'n> {
    Absent,
    Node(&'n Node),
    Leaf(&'n Leaf),
    Key(&'n str),
    /// The values of one key of a whole query or form.
    Leaves(Vec<&'n Leaf>),
    /// The pairs of a whole query or form.
    Pairs(&'n [(String, Leaf)]),
    /// One of these.
    Pair(&'n str, &'n Leaf),
}

impl<'n> View<'n> {
    fn of(node: &'n Node) -> Self {
        match node {
            Node::Absent => Self::Absent,
            Node::Pairs(pairs) => Self::Pairs(pairs),
            node => Self::Node(node),
        }
    }

    /// Returns the values at the key itself.
    fn leaves(&self) -> Option<Vec<&'n Leaf>> {
        match self {
            Self::Leaf(leaf) => Some(vec![leaf]),
            Self::Leaves(leaves) => Some(leaves.clone()),
            Self::Node(Node::Texts(leaves)) => Some(leaves.iter().collect()),
            _ => None,
        }
    }

    /// Returns the only value at the key itself.
    fn leaf(&self) -> Option<&'n Leaf> {
        match self {
            Self::Leaf(leaf) => Some(leaf),
            Self::Leaves(leaves) => match **leaves {
                [leaf] => Some(leaf),
                _ => None,
            },
            Self::Node(Node::Texts(leaves)) => match &**leaves {
                [leaf] => Some(leaf),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether it is of a whole query or form, whose values follow the rules of single fields.
    fn is_flat(&self) -> bool {
        matches!(self, Self::Leaves(_) | Self::Pairs(_) | Self::Pair(..))
    }
}

/// A node as serde reads it; `max`: the most items of a list.
pub(crate) struct NestedDeserializer<'n> {
    view: View<'n>,
    max: usize,
    /// It is in an `Option`.
    is_optional: bool,
}

impl<'n> NestedDeserializer<'n> {
    fn new(view: View<'n>, max: usize) -> Self {
        Self { view, max, is_optional: false }
    }

    fn text(&self) -> Result<&'n str, NestedDeError> {
        if let Some(leaf) = self.view.leaf() {
            return leaf.text().map_err(|error| error.clone().into());
        }
        Err(match &self.view {
            View::Key(key) => return Ok(key),
            View::Absent => ValueError::missing().into(),
            view if view.leaves().is_some() => ValueError::duplicate().into(),
            _ => NestedDeError::new(Code::Invalid, "expected one value"),
        })
    }

    /// Nothing, or an empty value: an empty list, no keys, `None`.
    fn is_empty(&self) -> bool {
        match &self.view {
            View::Absent => true,
            view if view.is_flat() => view.leaf().is_some_and(|leaf| leaf.kind() == LeafKind::Nothing),
            view => view.leaf().is_some_and(|leaf| leaf.text().is_ok_and(str::is_empty)),
        }
    }

    /// The items of a list with their indexes.
    fn items(self) -> Result<Items<'n>, NestedDeError> {
        let max = self.max;
        let of_leaves = |leaves: Vec<&'n Leaf>| {
            leaves.into_iter().enumerate().map(|(at, leaf)| (at.to_string(), View::Leaf(leaf))).collect()
        };
        let list: Vec<_> = match &self.view {
            _ if self.is_empty() => Vec::new(),
            View::Node(Node::Items(leaves)) => of_leaves(leaves.iter().collect()),
            View::Node(Node::Keys(keys)) => in_order(keys)?,
            View::Pairs(pairs) => {
                pairs.iter().map(|(key, leaf)| (key.clone(), View::Pair(key, leaf))).collect()
            }
            View::Pair(key, leaf) => {
                vec![(String::from("0"), View::Key(key)), (String::from("1"), View::Leaf(leaf))]
            }
            View::Key(_) => return Err(NestedDeError::new(Code::Invalid, "expected one value")),
            view => of_leaves(view.leaves().unwrap_or_default()),
        };
        if list.len() > max {
            return Err(NestedDeError::new(Code::TooMany, format!("expected at most {max} items")));
        }
        Ok(Items { list: list.into_iter(), max, value: None })
    }

    fn entries(self) -> Result<Items<'n>, NestedDeError> {
        let max = self.max;
        let list: Vec<_> = match &self.view {
            _ if self.is_empty() => Vec::new(),
            View::Node(Node::Keys(keys)) => {
                keys.0.iter().map(|(key, node)| (key.to_string(), View::of(node))).collect()
            }
            View::Pairs(pairs) => grouped(pairs),
            _ => return Err(NestedDeError::new(Code::Invalid, "expected keys below")),
        };
        Ok(Items { list: list.into_iter(), max, value: None })
    }
}

/// The values of each key together, in the order in which the keys are seen first.
fn grouped(pairs: &[(String, Leaf)]) -> Vec<(String, View<'_>)> {
    let mut places = BTreeMap::new();
    let mut groups: Vec<(&str, Vec<&Leaf>)> = Vec::new();
    for (key, leaf) in pairs {
        let place = *places.entry(&**key).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, leaves)) => leaves.push(leaf),
            None => groups.push((key, vec![leaf])),
        }
    }
    groups.into_iter().map(|(key, leaves)| (key.to_owned(), View::Leaves(leaves))).collect()
}

/// Items by their indexes, of which none may lack: `a[99999999]=1` is no list of that length
/// (CVE-2024-37298 of gorilla/schema).
fn in_order(Branches(keys): &Branches) -> Result<Vec<(String, View<'_>)>, NestedDeError> {
    let mut list = Vec::with_capacity(keys.len());
    for (key, node) in keys {
        match usize::from_text(key) {
            Ok(index) => list.push((index, key, node)),
            Err(_) => return Err(NestedDeError::new(Code::Invalid, "expected an index").below(key)),
        }
    }
    list.sort_by_key(|(index, ..)| *index);
    if list.iter().enumerate().any(|(at, (index, ..))| at != *index) {
        return Err(NestedDeError::new(Code::Invalid, "expected indexes from 0 on without a gap"));
    }
    Ok(list.into_iter().map(|(_, key, node)| (key.to_string(), View::of(node))).collect())
}

macro_rules! parsed {
    ($($method:ident $visit:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NestedDeError> {
            let text = self.text()?;
            match FromText::from_text(text) {
                Ok(value) => visitor.$visit(value),
                Err(error) => {
                    let empty = self.view.leaf().filter(|_| text.is_empty() && self.is_optional);
                    let mismatch = empty.map_or(Mismatch::None, |leaf| Mismatch::Empty(leaf.id()));
                    Err(NestedDeError { mismatch, ..ValueError::from(error).into() })
                }
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for NestedDeserializer<'_> {
    type Error = NestedDeError;

    scalars!(parsed);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NestedDeError> {
        let kind = self.view.leaf().map(Leaf::kind);
        match (&self.view, kind) {
            (View::Absent, _) | (_, Some(LeafKind::Nothing)) => visitor.visit_unit(),
            (_, Some(LeafKind::Bool)) => {
                visitor.visit_bool(bool::from_text(self.text()?).unwrap_or_default())
            }
            (_, Some(LeafKind::Number)) => match Number::of(self.text()?) {
                Some(Number::Unsigned(number)) => visitor.visit_u64(number),
                Some(Number::Signed(number)) => visitor.visit_i64(number),
                Some(Number::Float(number)) => visitor.visit_f64(number),
                None => visitor.visit_str(self.text()?),
            },
            (View::Key(_), _) | (_, Some(LeafKind::Text)) => visitor.visit_str(self.text()?),
            (View::Node(Node::Keys(keys)), _) if keys.find("0").is_err() => {
                visitor.visit_map(self.entries()?)
            }
            (View::Pairs(_), _) => visitor.visit_map(self.entries()?),
            _ => visitor.visit_seq(self.items()?),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NestedDeError> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NestedDeError> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NestedDeError> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, NestedDeError> {
        if self.is_empty() {
            return visitor.visit_none();
        }
        self.is_optional = true;
        visitor.visit_some(self)
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

    forward_to_deserialize_any! { bytes byte_buf }
}

/// The children of a node, each with its key.
struct Items<'n> {
    list: vec::IntoIter<(String, View<'n>)>,
    max: usize,
    /// The key that was read last, and its value.
    value: Option<(String, View<'n>)>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = NestedDeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, NestedDeError> {
        let Some((key, view)) = self.list.next() else {
            return Ok(None);
        };
        let item = NestedDeserializer::new(view, self.max);
        seed.deserialize(item).map(Some).map_err(|fail| fail.below(&key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.list.len())
    }
}

impl<'de> MapAccess<'de> for Items<'_> {
    type Error = NestedDeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, NestedDeError> {
        let Some((key, view)) = self.list.next() else {
            return Ok(None);
        };
        let (key, _) = self.value.insert((key, view));
        seed.deserialize(NestedDeserializer::new(View::Key(key), self.max)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, NestedDeError> {
        let (key, view) = self.value.take().unwrap_or((String::new(), View::Absent));
        seed.deserialize(NestedDeserializer::new(view, self.max)).map_err(|fail| fail.below(&key))
    }
}

impl<'de, 'n> EnumAccess<'de> for NestedDeserializer<'n> {
    type Error = NestedDeError;
    type Variant = Content<'n>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<'n>), NestedDeError> {
        let max = self.max;
        let (name, content) = match &self.view {
            View::Node(Node::Keys(Branches(keys))) if keys.len() == 1 => {
                let (key, node) =
                    keys.iter().next().map_or(("", &Node::Absent), |(key, node)| (&**key, node));
                (key, Content { key: Some(key), tree: NestedDeserializer::new(View::of(node), max) })
            }
            _ => (self.text()?, Content { key: None, tree: NestedDeserializer::new(View::Absent, max) }),
        };
        let variant = seed.deserialize(IntoDeserializer::<NestedDeError>::into_deserializer(name))?;
        Ok((variant, content))
    }
}

/// The content below a variant's name.
pub(crate) struct Content<'n> {
    key: Option<&'n str>,
    tree: NestedDeserializer<'n>,
}

impl<'n> Content<'n> {
    fn read<T>(
        self,
        read: impl FnOnce(NestedDeserializer<'n>) -> Result<T, NestedDeError>,
    ) -> Result<T, NestedDeError> {
        read(self.tree).map_err(|fail| match self.key {
            Some(key) => fail.below(key),
            None => fail,
        })
    }
}

impl<'de> VariantAccess<'de> for Content<'_> {
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
