//! TOML, read by the crate `toml`.

use std::ops::Range;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use crate::plan::error::ErrorList;
use crate::plan::node::{Budget, Entry, MAX_DEPTH, Node, Value, shorten, table, too_deep};

/// Reads a document; its syntax errors are all found.
pub(crate) fn read(text: &str, errors: &mut ErrorList) -> Option<Node> {
    let (document, problems) = DeTable::parse_recoverable(text);
    for problem in &problems {
        let span = problem.span().unwrap_or(0..0);
        errors.add(span, format!("this is no TOML: {}", problem.message()));
    }
    let document = document.into_inner();
    if let Some(span) = deep_key(&document) {
        dismantle(document);
        too_deep(span, errors);
        return None;
    }
    let mut budget = Budget::default();
    let entries = entries(document, 0, &mut budget, errors)?;
    Some(Node::new(table(entries, errors), 0..text.len().min(1)))
}

/// Returns the place of a value that is nested too deep.
///
/// The parser limits the levels of a header, of a dotted key and of a value, but not their product, and whatever reads
/// or drops a value calls itself for each level.
fn deep_key(document: &DeTable<'_>) -> Option<Range<usize>> {
    let mut open: Vec<_> = document.iter().map(|(key, value)| (value, 1, key.span())).collect();
    while let Some((value, depth, span)) = open.pop() {
        if depth > MAX_DEPTH {
            return Some(span);
        }
        match value.get_ref() {
            DeValue::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1, item.span()))),
            DeValue::Table(table) => {
                open.extend(table.iter().map(|(key, value)| (value, depth + 1, key.span())));
            }
            _ => {}
        }
    }
    None
}

/// Drops a document of any depth.
fn dismantle(document: DeTable<'_>) {
    let mut open: Vec<_> = document.into_iter().map(|(_, value)| value).collect();
    while let Some(value) = open.pop() {
        match value.into_inner() {
            DeValue::Array(items) => open.extend(items),
            DeValue::Table(table) => open.extend(table.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
}

fn entries(
    table: DeTable<'_>,
    depth: usize,
    budget: &mut Budget,
    errors: &mut ErrorList,
) -> Option<Vec<Entry>> {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table {
        let span = key.span();
        // A table of a header has no span of its own.
        let value = node(value, &span, depth + 1, budget, errors)?;
        entries.push(Entry { key: key.into_inner().into_owned(), span, value });
    }
    // The parser keeps them by name.
    entries.sort_by_key(|entry| entry.span.start);
    Some(entries)
}

fn node(
    value: Spanned<DeValue<'_>>,
    key: &Range<usize>,
    depth: usize,
    budget: &mut Budget,
    errors: &mut ErrorList,
) -> Option<Node> {
    let span = if value.span().is_empty() { key.clone() } else { value.span() };
    if !budget.take(depth, &span, errors) {
        return None;
    }
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            match i128::from_str_radix(&digits, number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => {
                    errors.add(span, format!("{} is too large a number", shorten(&digits)));
                    return Some(Node::new(Value::Rejected, key.clone()));
                }
            }
        }
        DeValue::Float(number) => Value::Float(number.as_str().replace('_', "").parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Value::Bool(value),
        DeValue::Datetime(date) => Value::Text(date.to_string()),
        DeValue::Array(items) => {
            let items = items.into_iter().map(|item| node(item, key, depth + 1, budget, errors));
            Value::List(items.collect::<Option<_>>()?)
        }
        DeValue::Table(inner) => {
            let entries = entries(inner, depth, budget, errors)?;
            table(entries, errors)
        }
    };
    Some(Node::new(value, span))
}
