//! TableSpec from TOML.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use crate::config::model::{Node, SpecError, TableSpec, line, table};

impl TableSpec {
    /// Reads a table from TOML. Errors are kept with their lines, and reported when the table is built.
    pub fn toml(text: &str) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        let errors = errors.iter().map(|error| spec_error(text, error, 0)).collect();
        let span = root.span();
        let value = Spanned::new(span, DeValue::Table(root.into_inner()));
        table(Part { text, value }, errors)
    }
}

struct Part<'t> {
    text: &'t str,
    value: Spanned<DeValue<'t>>,
}

impl Node for Part<'_> {
    fn take(&mut self, key: &str) -> Result<Vec<Self>, SpecError> {
        let DeValue::Table(own) = self.value.get_mut() else { return Ok(Vec::new()) };
        let Some(value) = own.remove(key) else { return Ok(Vec::new()) };
        let at = value.span().start;
        match value.into_inner() {
            DeValue::Array(parts) => {
                Ok(parts.into_iter().map(|value| Self { text: self.text, value }).collect())
            }
            other => {
                let error = format!("`{key}` is a list of tables, and this is of type {}", other.type_str());
                Err((error, Some(line(self.text, at))))
            }
        }
    }

    fn line(&self) -> u32 {
        line(self.text, self.value.span().start)
    }

    fn read<T: DeserializeOwned>(self) -> Result<T, SpecError> {
        // serde would accept a list of the fields as well.
        if !self.value.get_ref().is_table() {
            return Err(("this is no table".to_owned(), Some(self.line())));
        }
        let (text, at) = (self.text, self.value.span().start);
        T::deserialize(ValueDeserializer::from(self.value)).map_err(|error| spec_error(text, &error, at))
    }
}

/// Returns an error of the parser, with its own position or else that of its table.
fn spec_error(text: &str, error: &Error, at: usize) -> SpecError {
    let at = error.span().map_or(at, |span| span.start);
    (error.message().to_owned(), Some(line(text, at)))
}
