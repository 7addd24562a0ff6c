//! TableSpec from JSON.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::config::lines::{Lines, Place};
use crate::config::model::{Node, SpecError, TableSpec, spec_error, table};

impl TableSpec {
    /// Reads a table from JSON. Errors are kept with their lines, and reported when the table is built.
    pub fn json(text: &str) -> Self {
        let source = Source { text, lines: Lines::new(text) };
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => table(Part::new(&source, raw), Vec::new()),
            Err(error) => {
                let place = Place { line: 1, column: 1 }.within(error.line(), error.column());
                Self { errors: vec![spec_error(message(&error), place)], ..Self::default() }
            }
        }
    }
}

struct Source<'t> {
    text: &'t str,
    lines: Lines,
}

impl Source<'_> {
    /// Returns the place of a part of the text: its address gives the offset.
    fn place(&self, part: &str) -> Place {
        self.lines.place((part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize))
    }
}

/// A value of the text. Its members are parsed when they are read, so its depth costs no stack.
struct Part<'t> {
    source: &'t Source<'t>,
    raw: &'t str,
    /// The members of an object.
    members: Option<Vec<(String, &'t RawValue)>>,
}

impl<'t> Part<'t> {
    fn new(source: &'t Source<'t>, raw: &'t RawValue) -> Self {
        let members = serde_json::from_str::<Members<'t>>(raw.get()).ok();
        Self { source, raw: raw.get(), members: members.map(|members| members.0) }
    }
}

impl Node for Part<'_> {
    fn take(&mut self, key: &str) -> Result<Vec<Self>, SpecError> {
        let Some(members) = &mut self.members else { return Ok(Vec::new()) };
        let mut taken = members.extract_if(.., |(own, _)| own == key).map(|(_, raw)| raw);
        let (list, second) = (taken.next(), taken.next());
        taken.for_each(drop);
        if let Some(second) = second {
            return Err(spec_error(format!("duplicate field `{key}`"), self.source.place(second.get())));
        }
        let Some(list) = list else { return Ok(Vec::new()) };
        match serde_json::from_str::<Vec<&RawValue>>(list.get()) {
            Ok(parts) => Ok(parts.into_iter().map(|raw| Self::new(self.source, raw)).collect()),
            Err(_) => Err(spec_error(format!("`{key}` is a list of objects"), self.source.place(list.get()))),
        }
    }

    fn place(&self) -> Place {
        self.source.place(self.raw)
    }

    fn read<T: DeserializeOwned>(self) -> Result<T, SpecError> {
        // serde would accept a list of the fields as well.
        let Some(members) = &self.members else {
            return Err(spec_error("this is no object", self.place()));
        };
        let mut unread = Unread { members: members.iter(), value: self.raw };
        let read = T::deserialize(MapAccessDeserializer::new(&mut unread));
        read.map_err(|error| {
            let place = self.source.place(unread.value).within(error.line(), error.column());
            spec_error(message(&error), place)
        })
    }
}

/// The members of an object, with those that come twice.
struct Members<'t>(Vec<(String, &'t RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

/// The members that are still to be deserialized.
struct Unread<'p, 't> {
    members: std::slice::Iter<'p, (String, &'t RawValue)>,
    /// The value of the member that is read, or the whole object: the place of an error.
    value: &'t str,
}

impl<'de> MapAccess<'de> for &mut Unread<'_, 'de> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        let Some((key, value)) = self.members.as_slice().first() else { return Ok(None) };
        self.value = value.get();
        seed.deserialize(key.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Self::Error> {
        self.members.next();
        seed.deserialize(&mut serde_json::Deserializer::from_str(self.value))
    }
}

/// The message without the position, which refers to the whole text.
fn message(error: &serde_json::Error) -> String {
    let shown = error.to_string();
    shown.rfind(" at line ").map_or(shown.clone(), |place| shown[..place].to_owned())
}
