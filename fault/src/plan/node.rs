//! Node: a value of a document and its place in the text, whatever the format.

use std::ops::Range;

use crate::config::one_line::OneLine;
use crate::plan::error::ErrorList;

/// A value as a parser found it.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    /// In bytes of the text.
    pub(crate) span: Range<usize>,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// A value that a reader has reported an error for.
    Rejected,
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) span: Range<usize>,
    pub(crate) value: Node,
}

/// The longest text that is read, in bytes.
pub(crate) const MAX_TEXT: usize = 256 * 1024;

/// The most tables and lists within each other.
pub(crate) const MAX_DEPTH: usize = 64;

/// The most values of a document.
pub(crate) const MAX_NODES: usize = 50_000;

impl Node {
    pub(crate) fn new(value: Value, span: Range<usize>) -> Self {
        Self { value, span }
    }

    /// What the value is, for messages.
    pub(crate) fn describe(&self) -> &'static str {
        match self.value {
            Value::Rejected => "a value that is no part of a plan",
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    /// Finds the deepest value on the way to a setting, such as `chain[1].slow.max`.
    pub(crate) fn locate(&self, setting: &str) -> Range<usize> {
        let mut node = self;
        for part in setting.split('.') {
            let (key, indices) = part.split_once('[').map_or((part, ""), |(key, rest)| (key, rest));
            if !key.is_empty() {
                let Some(next) = node.get(key) else { break };
                node = next;
            }
            for index in
                indices.split('[').filter_map(|index| index.trim_end_matches(']').parse::<usize>().ok())
            {
                let Value::List(items) = &node.value else { break };
                let Some(next) = items.get(index) else { break };
                node = next;
            }
        }
        node.span.clone()
    }

    /// The value of a key, which settings of several values name in the singular.
    fn get(&self, key: &str) -> Option<&Self> {
        let Value::Table(entries) = &self.value else { return None };
        let plural = format!("{key}s");
        let entry = entries.iter().find(|entry| entry.key == key || entry.key == plural)?;
        Some(&entry.value)
    }
}

impl Entry {
    /// Tests for `<<: *alias` of YAML, which a reader has reported.
    pub(crate) fn is_rejected_merge(&self) -> bool {
        self.key == "<<" && matches!(self.value.value, Value::Rejected)
    }
}

/// Counts the values and the depth of a document while it is converted.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    nodes: usize,
}

impl Budget {
    /// Takes one value at this depth, or reports that there are too many.
    pub(crate) fn take(&mut self, depth: usize, span: &Range<usize>, errors: &mut ErrorList) -> bool {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            too_deep(span.clone(), errors);
            return false;
        }
        if self.nodes > MAX_NODES {
            errors.add_once(span.clone(), format!("too many values; a plan has at most {MAX_NODES}"));
            return false;
        }
        true
    }
}

/// Reports that a value is nested too deep.
pub(crate) fn too_deep(span: Range<usize>, errors: &mut ErrorList) {
    errors.add_once(span, format!("nested too deep; a plan has at most {MAX_DEPTH} levels"));
}

/// Makes a table of entries, none of which may come twice.
pub(crate) fn table(entries: Vec<Entry>, errors: &mut ErrorList) -> Value {
    let mut known = std::collections::HashSet::with_capacity(entries.len());
    let mut unique = Vec::with_capacity(entries.len());
    for entry in entries {
        if known.insert(entry.key.clone()) {
            unique.push(entry);
        } else {
            errors.add(entry.span, format!("the key `{}` comes twice in one table", shorten(&entry.key)));
        }
    }
    Value::Table(unique)
}

/// The beginning of a text that may be of any length.
pub(crate) fn shorten(text: &str) -> String {
    const MAX: usize = 60;
    let mut short = OneLine(&text.chars().take(MAX).collect::<String>()).to_string();
    if text.chars().nth(MAX).is_some() {
        short.push('…');
    }
    short
}
