//! Keys under a prefix.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::descriptor::field::NestedLimits;
use crate::error::collector::Errors;
use crate::error::field::{Code, FieldError, Location, ValueError};
use crate::field::nested_de::{NestedDeError, NestedDeserializer, Node};
use crate::field::slot::Slot;
use crate::field::value::Value;

/// The most errors of one field that are told; one too many tells enough.
const MOST: usize = 20;

/// The most characters of a key that an error shows.
const SHOWN: usize = 128;

/// What a key says below the name of a field: nothing, or keys in brackets or behind dots.
pub fn subkey<'k>(key: &'k str, name: &str) -> Option<&'k str> {
    let rest = key.strip_prefix(name)?;
    (rest.is_empty() || rest.starts_with(['[', '.'])).then_some(rest)
}

/// The slot of such a value.
#[derive(Debug, Default)]
pub struct NestedSlot {
    root: Node,
    errors: Vec<(String, ValueError)>,
    seen: bool,
}

impl Slot for NestedSlot {
    fn is_absent(&self) -> bool {
        !self.seen
    }

    fn is_invalid(&self) -> bool {
        !self.errors.is_empty()
    }
}

impl NestedSlot {
    /// Takes a value in; `rest`: what the key says below the field's name.
    pub fn push_value(&mut self, rest: &str, value: Value<'_>, limits: &NestedLimits) {
        self.seen = true;
        if let Err(error) = self.put(rest, value, limits)
            && self.errors.len() < MOST
        {
            self.errors.push((rest.to_owned(), error));
        }
    }

    fn put(&mut self, rest: &str, value: Value<'_>, limits: &NestedLimits) -> Result<(), ValueError> {
        let (keys, list) = keys(rest, limits.depth)?;
        let text = value.decode().map_err(|error| *error)?.into_owned();
        if text.len() > limits.limit {
            return Err(ValueError::new(Code::TooLong, format!("expected at most {} bytes", limits.limit)));
        }
        let mut node = &mut self.root;
        for key in keys {
            if let Node::Absent = node {
                *node = Node::Keys(BTreeMap::new());
            }
            let Node::Keys(below) = node else {
                return Err(mixed());
            };
            node = below.entry(key.to_owned()).or_default();
        }
        match (node, list) {
            (node @ Node::Absent, true) => *node = Node::Items(vec![text]),
            (node @ Node::Absent, false) => *node = Node::Texts(vec![text]),
            (Node::Items(texts), true) | (Node::Texts(texts), false) => texts.push(text),
            _ => return Err(mixed()),
        }
        Ok(())
    }

    /// The value; an error if there is none, unless the type is made of nothing.
    pub fn required<T: DeserializeOwned>(
        self,
        location: Location,
        name: &str,
        limits: &NestedLimits,
        errors: &mut Errors,
    ) -> Option<T> {
        let sound = self.errors.is_empty();
        for (rest, error) in self.errors {
            errors.push(FieldError::new(location, place(name, &rest), error));
        }
        if !sound {
            return None;
        }
        let error = match (T::deserialize(NestedDeserializer { node: self.root, max: limits.max }), self.seen)
        {
            (Ok(value), _) => return Some(value),
            (Err(_), false) => FieldError::new(location, name.to_owned(), ValueError::missing()),
            (Err(NestedDeError { keys, error }), true) => {
                let rest: String = keys.iter().rev().map(|key| format!("[{key}]")).collect();
                FieldError::new(location, place(name, &rest), error)
            }
        };
        errors.push(error);
        None
    }

    /// The value if there is one; an error only if it is not acceptable.
    pub fn optional<T: DeserializeOwned>(
        self,
        location: Location,
        name: &str,
        limits: &NestedLimits,
        errors: &mut Errors,
    ) -> Option<Option<T>> {
        match self.seen {
            false => Some(None),
            true => self.required(location, name, limits, errors).map(Some),
        }
    }
}

fn place(name: &str, rest: &str) -> Cow<'static, str> {
    format!("{name}{rest}").chars().take(SHOWN).collect::<String>().into()
}

fn mixed() -> ValueError {
    ValueError::new(Code::Duplicate, "expected one value, or a list, or keys below, not several of these")
}

/// The keys, and whether an empty pair of brackets ends them.
fn keys(rest: &str, depth: usize) -> Result<(Vec<&str>, bool), ValueError> {
    let odd = || ValueError::new(Code::Invalid, "expected a key such as `a[b]`, `a[0][b]`, `a[]` or `a.b`");
    let mut keys = Vec::new();
    let mut left = rest;
    while !left.is_empty() {
        if keys.len() == depth {
            return Err(ValueError::new(Code::TooMany, format!("expected at most {depth} keys below")));
        }
        let key = if let Some(inside) = left.strip_prefix('[') {
            let (key, after) = inside.split_once(']').ok_or_else(odd)?;
            left = after;
            key
        } else {
            let behind = left.strip_prefix('.').ok_or_else(odd)?;
            let end = behind.find(['.', '[']).unwrap_or(behind.len());
            let (key, after) = behind.split_at(end);
            left = after;
            if key.is_empty() {
                return Err(odd());
            }
            key
        };
        if key.contains(['[', ']']) {
            return Err(odd());
        }
        if key.is_empty() {
            return if left.is_empty() { Ok((keys, true)) } else { Err(odd()) };
        }
        keys.push(key);
    }
    Ok((keys, false))
}
