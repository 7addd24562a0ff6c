//! Rest, RestSlot: all pairs that no field reads.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use crate::error::collector::Errors;
use crate::error::field::{FieldError, Location, ValueError};
use crate::field::slot::Slot;
use crate::field::value::Value;

/// A collection for a `#[query(rest)]` or `#[form(rest)]` field.
///
/// A list contains every pair in order, a map of lists every value; a map of texts rejects a
/// repeated key.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use http::Request;
/// use waylay_extract::Extract;
///
/// #[derive(Debug, Extract)]
/// struct Search {
///     #[query]
///     page: u16,
///     #[query(rest)]
///     filters: BTreeMap<String, Vec<String>>,
/// }
///
/// let (parts, ()) = Request::get("/?color=red&page=2&color=blue").body(()).unwrap().into_parts();
/// let search = Search::extract_parts(&parts, &[]).unwrap();
/// assert_eq!((search.page, &*search.filters["color"]), (2, ["red".to_owned(), "blue".into()].as_slice()));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot hold pairs of texts",
    note = "use `Vec<(String, String)>`, or a `HashMap` or `BTreeMap` of `String` to `String` or `Vec<String>`"
)]
pub trait Rest: Default {
    /// Inserts a pair; returns `false` for a repeated key that is not allowed.
    fn insert(&mut self, key: String, value: String) -> bool;

    /// Calls `visit` with every pair: the inverse of [`insert`](Self::insert).
    fn for_each(&self, visit: &mut dyn FnMut(&str, &str));

    /// Returns a key without a value, which no pair can express: writing it is an error. By default there is none.
    fn empty_key(&self) -> Option<&str> {
        None
    }
}

impl Rest for Vec<(String, String)> {
    fn insert(&mut self, key: String, value: String) -> bool {
        self.push((key, value));
        true
    }

    fn for_each(&self, visit: &mut dyn FnMut(&str, &str)) {
        for (key, value) in self {
            visit(key, value);
        }
    }
}

impl Rest for BTreeMap<String, String> {
    fn insert(&mut self, key: String, value: String) -> bool {
        self.insert(key, value).is_none()
    }

    fn for_each(&self, visit: &mut dyn FnMut(&str, &str)) {
        for (key, value) in self {
            visit(key, value);
        }
    }
}

impl Rest for BTreeMap<String, Vec<String>> {
    fn insert(&mut self, key: String, value: String) -> bool {
        self.entry(key).or_default().push(value);
        true
    }

    fn for_each(&self, visit: &mut dyn FnMut(&str, &str)) {
        for (key, values) in self {
            for value in values {
                visit(key, value);
            }
        }
    }

    fn empty_key(&self) -> Option<&str> {
        self.iter().find_map(|(key, values)| values.is_empty().then_some(&**key))
    }
}

impl<S: BuildHasher + Default> Rest for HashMap<String, String, S> {
    fn insert(&mut self, key: String, value: String) -> bool {
        self.insert(key, value).is_none()
    }

    fn for_each(&self, visit: &mut dyn FnMut(&str, &str)) {
        for (key, value) in self {
            visit(key, value);
        }
    }
}

impl<S: BuildHasher + Default> Rest for HashMap<String, Vec<String>, S> {
    fn insert(&mut self, key: String, value: String) -> bool {
        self.entry(key).or_default().push(value);
        true
    }

    fn for_each(&self, visit: &mut dyn FnMut(&str, &str)) {
        for (key, values) in self {
            for value in values {
                visit(key, value);
            }
        }
    }

    fn empty_key(&self) -> Option<&str> {
        self.iter().find_map(|(key, values)| values.is_empty().then_some(&**key))
    }
}

/// The slot of a rest.
#[derive(Debug, Default)]
pub struct RestSlot<T> {
    pairs: T,
    errors: Vec<(String, ValueError)>,
    seen: bool,
}

impl<T> Slot for RestSlot<T> {
    fn is_absent(&self) -> bool {
        !self.seen
    }

    fn is_invalid(&self) -> bool {
        !self.errors.is_empty()
    }
}

// The bounds are at the methods, where the compiler shows the message of `Rest`.
impl<T> RestSlot<T> {
    /// Adds a pair.
    pub fn push_value(&mut self, key: &str, value: Value<'_>)
    where
        T: Rest,
    {
        self.seen = true;
        let insert = |value: Cow<'_, str>| self.pairs.insert(key.to_owned(), value.into_owned());
        let error = match value.decode().map(insert) {
            Ok(true) => return,
            Ok(false) => ValueError::duplicate(),
            Err(error) => *error,
        };
        self.errors.push((key.chars().take(64).collect(), error));
    }

    /// Returns the pairs, or reports the invalid ones.
    pub fn finish(self, location: Location, errors: &mut Errors) -> Option<T> {
        let is_valid = self.errors.is_empty();
        for (key, error) in self.errors {
            errors.push(FieldError::new(location, key, error));
        }
        is_valid.then_some(self.pairs)
    }
}
