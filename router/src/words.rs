//! Conditions in words, as they are listed.

use crate::conditions::{Conditions, HeaderText, QueryText};
use crate::rule::write::formulas;

/// The conditions that are neither path, host nor method.
pub(crate) fn words(of: &Conditions) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    if !of.schemes.is_empty() {
        words.push(format!("scheme {}", of.schemes.join("|")));
    }
    for (name, want) in &of.headers {
        words.push(match want {
            HeaderText::Present => format!("header {name}"),
            HeaderText::Absent => format!("no header {name}"),
            HeaderText::Exact(value) => format!("header {name}={value}"),
            HeaderText::Regex(regex) => format!("header {name}~{regex}"),
            HeaderText::All(regex) => format!("every header {name}~{regex}"),
        });
    }
    for (key, template) in &of.queries {
        words.push(match template {
            QueryText::Present => format!("query {key}"),
            QueryText::Absent => format!("no query {key}"),
            QueryText::Template(template) => format!("query {key}={template}"),
            QueryText::Regex(regex) => format!("query {key}~{regex}"),
        });
    }
    for (name, value) in &of.cookies {
        let value = value.as_ref().map(|value| format!("={value}")).unwrap_or_default();
        words.push(format!("cookie {name}{value}"));
    }
    if !of.content_types.is_empty() {
        words.push(format!("content type {}", of.content_types.join("|")));
    }
    if !of.upgrades.is_empty() {
        words.push(format!("upgrade {}", of.upgrades.join("|")));
    }
    if !of.accepts.is_empty() {
        words.push(format!("accepts {}", of.accepts.join("|")));
    }
    if !of.clients.is_empty() {
        words.push(format!("client {}", of.clients.join("|")));
    }
    words.extend(of.path_regexes.iter().map(|text| format!("path ~{}", text.regex)));
    words.extend(of.method_regexes.iter().map(|regex| format!("method ~{regex}")));
    words.extend(of.custom.iter().map(|custom| format!("guard {}", custom.name)));
    words.extend(formulas(of).map(|text| format!("rule {text}")));
    words
}
