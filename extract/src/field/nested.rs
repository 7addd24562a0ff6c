//! NestedSlot: values with nested keys such as a[b] and a.b.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use crate::descriptor::field::NestedLimits;
use crate::error::collector::Errors;
use crate::error::field::{Code, FieldError, Location, ValueError};
use crate::field::nested_de::read;
use crate::field::nested_error::NestedDeError;
use crate::field::nested_node::{Branches, Leaf, Node};
use crate::field::slot::Slot;
use crate::field::value::Value;

/// Maximum errors of one field.
const MAX_ERRORS: usize = 20;

/// Maximum characters of a key in an error.
const MAX_SHOWN: usize = 128;

/// Returns what follows the field's name in a key: nothing, or subkeys in brackets or after dots.
pub fn subkey<'k>(key: &'k str, name: &str) -> Option<&'k str> {
    let rest = key.strip_prefix(name)?;
    (rest.is_empty() || rest.starts_with(['[', '.'])).then_some(rest)
}

/// The slot of a value with nested keys.
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
    /// Adds a value; `rest`: what follows the field's name in the key.
    pub fn push_value(&mut self, rest: &str, value: Value<'_>, limits: &NestedLimits) {
        self.seen = true;
        if let Err(error) = self.insert(rest, value, limits)
            && self.errors.len() < MAX_ERRORS
        {
            self.errors.push((rest.to_owned(), error));
        }
    }

    fn insert(&mut self, rest: &str, value: Value<'_>, limits: &NestedLimits) -> Result<(), ValueError> {
        let (keys, list) = keys(rest, limits.depth)?;
        let text = value.decode().map_err(|error| *error)?;
        if text.len() > limits.limit {
            return Err(ValueError::new(Code::TooLong, format!("expected at most {} bytes", limits.limit)));
        }
        let leaf = Leaf::new(Ok(text));
        let mut node = &mut self.root;
        for key in keys {
            if let Node::Absent = node {
                *node = Node::Keys(Branches::default());
            }
            let Node::Keys(below) = node else {
                return Err(mixed());
            };
            node = below.entry(key);
        }
        match (node, list) {
            (node @ Node::Absent, true) => *node = Node::Items(vec![leaf]),
            (node @ Node::Absent, false) => *node = Node::Texts(vec![leaf]),
            (Node::Items(leaves), true) | (Node::Texts(leaves), false) => leaves.push(leaf),
            _ => return Err(mixed()),
        }
        Ok(())
    }

    /// Returns the value, or reports that it is missing; some types accept an absent value.
    pub fn required<T: DeserializeOwned>(
        mut self,
        location: Location,
        name: &str,
        limits: &NestedLimits,
        errors: &mut Errors,
    ) -> Option<T> {
        let is_valid = self.errors.is_empty();
        for (rest, error) in self.errors {
            errors.push(FieldError::new(location, full_key(name, &rest), error));
        }
        if !is_valid {
            return None;
        }
        let error = match (read(&mut self.root, limits.max), self.seen) {
            (Ok(value), _) => return Some(value),
            (Err(_), false) if location == Location::Form && errors.body_is_absent() => {
                errors.push_body_error(true);
                return None;
            }
            (Err(_), false) => FieldError::new(location, name.to_owned(), ValueError::missing()),
            (Err(NestedDeError { keys, error, .. }), true) => {
                let rest: String = keys.iter().rev().map(|key| format!("[{key}]")).collect();
                FieldError::new(location, full_key(name, &rest), error)
            }
        };
        errors.push(error);
        None
    }

    /// Returns the value if there is one; reports an invalid value.
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

fn full_key(name: &str, rest: &str) -> Cow<'static, str> {
    format!("{name}{rest}").chars().take(MAX_SHOWN).collect::<String>().into()
}

fn mixed() -> ValueError {
    ValueError::new(Code::Duplicate, "expected one value, or a list, or subkeys, not several of these")
}

/// Returns the subkeys, and whether they end with an empty pair of brackets.
fn keys(rest: &str, depth: usize) -> Result<(Vec<&str>, bool), ValueError> {
    let invalid =
        || ValueError::new(Code::Invalid, "expected a key such as `a[b]`, `a[0][b]`, `a[]` or `a.b`");
    let mut keys = Vec::new();
    let mut left = rest;
    while !left.is_empty() {
        if keys.len() == depth {
            return Err(ValueError::new(
                Code::TooMany,
                format!("expected at most {depth} levels of subkeys"),
            ));
        }
        let key = if let Some(inside) = left.strip_prefix('[') {
            let (key, after) = inside.split_once(']').ok_or_else(invalid)?;
            left = after;
            key
        } else {
            let after_dot = left.strip_prefix('.').ok_or_else(invalid)?;
            let end = after_dot.find(['.', '[']).unwrap_or(after_dot.len());
            let (key, after) = after_dot.split_at(end);
            left = after;
            if key.is_empty() {
                return Err(invalid());
            }
            key
        };
        if key.contains(['[', ']']) {
            return Err(invalid());
        }
        if key.is_empty() {
            return if left.is_empty() { Ok((keys, true)) } else { Err(invalid()) };
        }
        keys.push(key);
    }
    Ok((keys, false))
}
