//! TableSpec from JSON.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::config::model::{Node, SpecError, TableSpec, line, table};

impl TableSpec {
    /// Reads a table from JSON. Errors are kept with their lines, and reported when the table is built.
    pub fn json(text: &str) -> Self {
        let mut root = Part { text, raw: text, taken: Vec::new() };
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => {
                root.raw = raw.get();
                table(root, Vec::new())
            }
            Err(error) => {
                let errors = vec![(message(&error), u32::try_from(error.line()).ok())];
                Self { errors, ..Self::default() }
            }
        }
    }
}

struct Part<'t> {
    text: &'t str,
    /// A part of the text.
    raw: &'t str,
    taken: Vec<String>,
}

impl<'t> Part<'t> {
    fn error(&self, error: &serde_json::Error) -> SpecError {
        // A value that was parsed before has no lines.
        let own = u32::try_from(error.line()).unwrap_or(0).saturating_sub(1);
        (message(error), Some(self.line() + own))
    }

    fn part(&self, raw: &'t RawValue) -> Self {
        Self { text: self.text, raw: raw.get(), taken: Vec::new() }
    }
}

impl Node for Part<'_> {
    fn take(&mut self, key: &str) -> Result<Vec<Self>, SpecError> {
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
        // The value is a slice of the text, so its address gives the offset.
        line(self.text, (self.raw.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize))
    }

    fn read<T: DeserializeOwned>(self) -> Result<T, SpecError> {
        // serde would accept a list of the fields as well.
        if !self.raw.starts_with('{') {
            return Err(("this is no object".to_owned(), Some(self.line())));
        }
        if self.taken.is_empty() {
            return serde_json::from_str(self.raw).map_err(|error| self.error(&error));
        }
        let rest =
            serde_json::from_str::<Map<String, Value>>(self.raw).map_err(|error| self.error(&error))?;
        let rest = rest.into_iter().filter(|(key, _)| !self.taken.contains(key)).collect();
        serde_json::from_value(Value::Object(rest)).map_err(|error| self.error(&error))
    }
}

/// The message without the position, which refers to the whole text.
fn message(error: &serde_json::Error) -> String {
    let shown = error.to_string();
    shown.rfind(" at line ").map_or(shown.clone(), |place| shown[..place].to_owned())
}
