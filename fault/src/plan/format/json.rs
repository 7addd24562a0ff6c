//! JSON, read by the crate `jsonc-parser` without its extensions.

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use crate::plan::error::ErrorList;
use crate::plan::node::{Budget, Entry, MAX_DEPTH, Node, Value, shorten, table, too_deep};

/// Reads a document. A syntax error ends it.
pub(crate) fn read(text: &str, errors: &mut ErrorList) -> Option<Node> {
    // The parser calls itself for 512 levels, which take more stack than a small thread has.
    if let Some(at) = deep_bracket(text) {
        too_deep(at..at + 1, errors);
        return None;
    }
    let options = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let document = match parse_to_ast(text, &CollectOptions::default(), &options) {
        Ok(document) => document,
        Err(error) => {
            let range = error.range();
            errors.add(range.start..range.end, format!("this is no JSON: {}", error.kind()));
            return None;
        }
    };
    match document.value {
        Some(value) => node(value, 0, &mut Budget::default(), errors),
        None => {
            errors.add(0..0, "this is no JSON: the document is empty");
            None
        }
    }
}

/// Returns the offset of a bracket that is nested too deep, whether or not the rest is JSON.
fn deep_bracket(text: &str) -> Option<usize> {
    let (mut depth, mut is_text, mut is_escaped) = (0usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'[' | b'{' if !is_text => {
                depth += 1;
                if depth > MAX_DEPTH + 1 {
                    return Some(at);
                }
            }
            b']' | b'}' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn node(value: ast::Value<'_>, depth: usize, budget: &mut Budget, errors: &mut ErrorList) -> Option<Node> {
    let range = value.range();
    let span = range.start..range.end;
    if !budget.take(depth, &span, errors) {
        return None;
    }
    let value = match value {
        ast::Value::NullKeyword(_) => Value::Null,
        ast::Value::BooleanLit(value) => Value::Bool(value.value),
        ast::Value::StringLit(text) => Value::Text(text.value.into_owned()),
        ast::Value::NumberLit(number) => number_value(number.value, &span, errors),
        ast::Value::Array(list) => {
            let items = list.elements.into_iter().map(|item| node(item, depth + 1, budget, errors));
            Value::List(items.collect::<Option<_>>()?)
        }
        ast::Value::Object(object) => {
            let mut entries = Vec::with_capacity(object.properties.len());
            for property in object.properties {
                let range = property.name.range();
                entries.push(Entry {
                    key: property.name.into_string(),
                    span: range.start..range.end,
                    value: node(property.value, depth + 1, budget, errors)?,
                });
            }
            table(entries, errors)
        }
    };
    Some(Node::new(value, span))
}

fn number_value(text: &str, span: &std::ops::Range<usize>, errors: &mut ErrorList) -> Value {
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return match text.parse() {
            Ok(number) => Value::Integer(number),
            Err(_) => {
                errors.add(span.clone(), format!("{} is too large a number", shorten(text)));
                Value::Rejected
            }
        };
    }
    Value::Float(text.parse().unwrap_or(f64::NAN))
}
