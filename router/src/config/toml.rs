//! TableSpec from TOML.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use crate::config::lines::{Lines, Place};
use crate::config::model::{Node, SpecError, TableSpec, spec_error, table, too_deep};
use crate::route::scope_conditions::MAX_SCOPE_DEPTH;

/// The most levels of a value that is read: each scope is a table in a list, a route has one more table.
const LEVELS: usize = 2 * MAX_SCOPE_DEPTH + 4;

impl TableSpec {
    /// Reads a table from TOML. Errors are kept with their lines, and reported when the table is built.
    pub fn toml(text: &str) -> Self {
        let lines = Lines::new(text);
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut errors: Vec<SpecError> = errors.iter().map(|error| parse_error(&lines, error, 0)).collect();
        let span = root.span();
        let value = Spanned::new(span, DeValue::Table(root.into_inner()));
        if let Some(at) = deep_value(&value) {
            dismantle(value);
            errors.push(too_deep(lines.place(at)));
            return Self { errors, ..Self::default() };
        }
        table(Part { lines: &lines, value }, errors)
    }
}

/// Returns the offset of a value that is nested too deep.
///
/// The parser limits the levels of a header, of a dotted key and of a value, but not their product, and whatever reads
/// or drops a value calls itself for each level.
fn deep_value(root: &Spanned<DeValue<'_>>) -> Option<usize> {
    let mut open = vec![(root, 0, 0)];
    while let Some((value, level, at)) = open.pop() {
        // A table of a dotted key or header has no separate place.
        let at = if value.span().is_empty() { at } else { value.span().start };
        if level > LEVELS {
            return Some(at);
        }
        match value.get_ref() {
            DeValue::Array(items) => open.extend(items.iter().map(|item| (item, level + 1, at))),
            DeValue::Table(table) => {
                open.extend(table.iter().map(|(key, value)| (value, level + 1, key.span().start)));
            }
            _ => {}
        }
    }
    None
}

/// Drops a value of any depth.
fn dismantle(root: Spanned<DeValue<'_>>) {
    let mut open = vec![root];
    while let Some(value) = open.pop() {
        match value.into_inner() {
            DeValue::Array(items) => open.extend(items),
            DeValue::Table(table) => open.extend(table.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
}

struct Part<'t> {
    lines: &'t Lines,
    value: Spanned<DeValue<'t>>,
}

impl Node for Part<'_> {
    fn take(&mut self, key: &str) -> Result<Vec<Self>, SpecError> {
        let DeValue::Table(own) = self.value.get_mut() else { return Ok(Vec::new()) };
        let Some(value) = own.remove(key) else { return Ok(Vec::new()) };
        let at = value.span().start;
        match value.into_inner() {
            DeValue::Array(parts) => {
                Ok(parts.into_iter().map(|value| Self { lines: self.lines, value }).collect())
            }
            other => {
                let error = format!("`{key}` is a list of tables, and this is of type {}", other.type_str());
                Err(spec_error(error, self.lines.place(at)))
            }
        }
    }

    fn place(&self) -> Place {
        self.lines.place(self.value.span().start)
    }

    fn read<T: DeserializeOwned>(self) -> Result<T, SpecError> {
        // serde would accept a list of the fields as well.
        if !self.value.get_ref().is_table() {
            return Err(spec_error("this is no table", self.place()));
        }
        let (lines, at) = (self.lines, self.value.span().start);
        T::deserialize(ValueDeserializer::from(self.value)).map_err(|error| parse_error(lines, &error, at))
    }
}

/// Returns an error of the parser, with its own position or else that of its table.
fn parse_error(lines: &Lines, error: &Error, at: usize) -> SpecError {
    spec_error(error.message(), lines.place(error.span().map_or(at, |span| span.start)))
}
