//! Whole queries and forms as one value of a serde type.

use http::Uri;
use serde::de::DeserializeOwned;

use crate::error::collector::Errors;
use crate::error::field::{Code, FieldError, Location, ValueError};
use crate::field::member::MemberSlot;
use crate::field::nested_de::read;
use crate::field::nested_error::NestedDeError;
use crate::field::nested_node::{Leaf, Node};
#[cfg(feature = "multipart")]
use crate::field::part::Part;
use crate::field::slot::Slot;
use crate::field::value::{Pairs, Value};

/// The slot of a whole query.
#[derive(Debug, Default)]
pub enum WholeSlot<T> {
    /// There is no query.
    #[default]
    Absent,
    /// The value.
    Value(T),
    /// The query is not a value of the type. Boxed, since slots are moved on every request.
    Error(Box<FieldError>),
}

impl<T> Slot for WholeSlot<T> {
    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    fn is_invalid(&self) -> bool {
        matches!(self, Self::Error(_))
    }
}

impl<T> WholeSlot<T> {
    /// The value; an error if there is none.
    pub fn required(self, location: Location, name: &'static str, errors: &mut Errors) -> Option<T> {
        let error = match self {
            Self::Value(value) => return Some(value),
            Self::Absent => FieldError::new(location, name, ValueError::missing()),
            Self::Error(error) => *error,
        };
        errors.push(error);
        None
    }

    /// The value if there is a query; an error only if it is not acceptable.
    pub fn optional(self, location: Location, name: &'static str, errors: &mut Errors) -> Option<Option<T>> {
        match self {
            Self::Absent => Some(None),
            slot => slot.required(location, name, errors).map(Some),
        }
    }
}

/// Reads a whole urlencoded body of at most `max` pairs.
///
/// # Errors
///
/// The body is not UTF-8.
pub fn whole_form<T: DeserializeOwned>(body: &[u8], max: usize) -> Result<MemberSlot<T>, FieldError> {
    let Ok(text) = str::from_utf8(body) else {
        return Err(FieldError::body(Code::InvalidUtf8, "expected UTF-8 text"));
    };
    Ok(match pairs(text, max).map(|pairs| whole(pairs, Location::Form)) {
        Ok(Ok(value)) => MemberSlot::Value(value),
        Ok(Err(error)) => MemberSlot::Error(Box::new(error)),
        Err(error) => MemberSlot::Error(Box::new(FieldError::new(Location::Body, "", error))),
    })
}

/// Reads the whole query as one value, of at most `max` pairs; a `?` alone is no query.
///
/// `is_option`: without a query, the value is `None`.
pub fn whole_query<T: DeserializeOwned>(uri: &Uri, max: usize, is_option: bool) -> WholeSlot<T> {
    let Some(query) = uri.query().filter(|query| !query.is_empty()) else {
        // A type that can be read from no pairs is not absent.
        return match whole(Vec::new(), Location::Query) {
            Ok(value) if !is_option => WholeSlot::Value(value),
            _ => WholeSlot::Absent,
        };
    };
    match pairs(query, max).map(|pairs| whole(pairs, Location::Query)) {
        Ok(Ok(value)) => WholeSlot::Value(value),
        Ok(Err(error)) => WholeSlot::Error(error.into()),
        Err(error) => WholeSlot::Error(FieldError::new(Location::Query, "", error).into()),
    }
}

/// The pairs of a text, each decoded by the rules of single fields.
fn pairs(text: &str, max: usize) -> Result<Vec<(String, Leaf)>, ValueError> {
    let mut pairs = Pairs::new(text, max);
    let leaf = |value: Value<'_>| Leaf::new(value.decode());
    let list = pairs.by_ref().map(|(key, value)| (key.into_owned(), leaf(value))).collect();
    if pairs.is_cut {
        return Err(ValueError::new(Code::TooMany, format!("expected at most {max} values")));
    }
    Ok(list)
}

fn whole<T: DeserializeOwned>(pairs: Vec<(String, Leaf)>, location: Location) -> Result<T, FieldError> {
    // The longest error shows so much of its key.
    const SHOWN: usize = 64;
    read(&mut Node::Pairs(pairs), usize::MAX).map_err(|NestedDeError { keys, error, .. }| {
        let key = keys.last().map(|key| key.chars().take(SHOWN).collect::<String>());
        FieldError::new(location, key.unwrap_or_default(), error)
    })
}

impl<T: DeserializeOwned> MemberSlot<T> {
    /// Returns the value; without a body, the one of a form without pairs, if there is one.
    pub fn form_or_empty(self, errors: &mut Errors) -> Option<T> {
        match self {
            Self::Unread if errors.body_is_absent() => match whole(Vec::new(), Location::Form) {
                Ok(value) => Some(value),
                Err(_) => Self::Unread.required("", errors),
            },
            slot => slot.required("", errors),
        }
    }
}

/// The slot of a whole body that may be multipart.
#[cfg(feature = "multipart")]
#[derive(Debug)]
pub struct FormOrPartsSlot<T> {
    /// The value of a body of another kind.
    pub member: MemberSlot<T>,
    pairs: Vec<(String, Leaf)>,
}

#[cfg(feature = "multipart")]
impl<T> Default for FormOrPartsSlot<T> {
    fn default() -> Self {
        Self { member: MemberSlot::Unread, pairs: Vec::new() }
    }
}

#[cfg(feature = "multipart")]
impl<T: DeserializeOwned> FormOrPartsSlot<T> {
    /// Adds a part.
    pub fn part(&mut self, name: &str, part: &Part) {
        let text = match &part.bytes {
            Ok(_) => part.value().decode(),
            Err(error) => Err(Box::new(error.clone())),
        };
        self.pairs.push((name.to_owned(), Leaf::new(text)));
    }

    /// Returns the slot of the body of either kind.
    pub fn finish(self, errors: &Errors) -> MemberSlot<T> {
        match self.member {
            // The parts have been counted on arrival.
            MemberSlot::Unread if errors.body_is_read() => match whole(self.pairs, Location::Part) {
                Ok(value) => MemberSlot::Value(value),
                Err(error) => MemberSlot::Error(Box::new(error)),
            },
            member => member,
        }
    }
}
