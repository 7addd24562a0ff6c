//! From JSON.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::config::model::{Fault, Node, TableSpec, line, table};

impl TableSpec {
    /// Reads a table from JSON. Faults are kept, with their lines, until the table is built.
    pub fn json(text: &str) -> Self {
        let mut root = Part { text, raw: text, taken: Vec::new() };
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => {
                root.raw = raw.get();
                table(root, Vec::new())
            }
            Err(error) => {
                let faults = vec![(message(&error), u32::try_from(error.line()).ok())];
                Self { faults, ..Self::default() }
            }
        }
    }
}

struct Part<'t> {
    text: &'t str,
    /// A piece of the text.
    raw: &'t str,
    taken: Vec<String>,
}

impl<'t> Part<'t> {
    fn told(&self, error: &serde_json::Error) -> Fault {
        // A value that was read before has no lines of its own.
        let own = u32::try_from(error.line()).unwrap_or(0).saturating_sub(1);
        (message(error), Some(self.line() + own))
    }

    fn part(&self, raw: &'t RawValue) -> Self {
        Self { text: self.text, raw: raw.get(), taken: Vec::new() }
    }
}

impl Node for Part<'_> {
    fn take(&mut self, key: &str) -> Result<Vec<Self>, Fault> {
        let Ok(own) = serde_json::from_str::<BTreeMap<String, &RawValue>>(self.raw) else {
            return Ok(Vec::new());
        };
        let Some(list) = own.get(key) else { return Ok(Vec::new()) };
        self.taken.push(key.to_owned());
        let list = self.part(list);
        match serde_json::from_str::<Vec<&RawValue>>(list.raw) {
            Ok(parts) => Ok(parts.into_iter().map(|raw| self.part(raw)).collect()),
            Err(_) => Err((format!("`{key}` is a list of objects"), Some(list.line()))),
        }
    }

    fn line(&self) -> u32 {
        // It is a piece of the text: the edit distance is its place.
        line(self.text, (self.raw.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize))
    }

    fn read<T: DeserializeOwned>(self) -> Result<T, Fault> {
        // serde would take a list of the fields as well.
        if !self.raw.starts_with('{') {
            return Err(("this is no object".to_owned(), Some(self.line())));
        }
        if self.taken.is_empty() {
            return serde_json::from_str(self.raw).map_err(|error| self.told(&error));
        }
        let rest = serde_json::from_str::<Map<String, Value>>(self.raw).map_err(|error| self.told(&error))?;
        let rest = rest.into_iter().filter(|(key, _)| !self.taken.contains(key)).collect();
        serde_json::from_value(Value::Object(rest)).map_err(|error| self.told(&error))
    }
}

/// What is wrong, without the place, which is told of the whole text.
fn message(error: &serde_json::Error) -> String {
    let shown = error.to_string();
    shown.rfind(" at line ").map_or(shown.clone(), |place| shown[..place].to_owned())
}
