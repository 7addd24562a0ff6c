//! YAML 1.2, read by the crate `saphyr-parser`, without anchors, aliases and tags.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::plan::error::ErrorList;
use crate::plan::node::{Budget, Entry, Node, Value, table};

/// Reads a document. A syntax error ends it.
pub(crate) fn read(text: &str, errors: &mut ErrorList) -> Option<Node> {
    let mut reader =
        Reader { bytes: Bytes::new(text), stack: Vec::new(), root: None, budget: Budget::default() };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => reader.event(event, span, errors)?,
            Err(error) => {
                let at = reader.bytes.at(error.marker().index());
                errors.add(at..at, format!("this is no YAML: {}", error.info()));
                return None;
            }
        }
    }
    if reader.root.is_none() {
        errors.add(0..0, "this is no YAML: the document is empty");
    }
    reader.root
}

struct Reader {
    bytes: Bytes,
    stack: Vec<Open>,
    root: Option<Node>,
    budget: Budget,
}

/// A list or a table whose end has not come yet.
enum Open {
    List { items: Vec<Node>, start: usize },
    Table { entries: Vec<Entry>, key: Option<(String, Range<usize>)>, start: usize },
}

impl Reader {
    fn event(&mut self, event: Event<'_>, span: Span, errors: &mut ErrorList) -> Option<()> {
        let span = self.bytes.at(span.start.index())..self.bytes.at(span.end.index());
        // The document is read to its end as if they were absent, for its other errors.
        let has_property = match &event {
            Event::Scalar(_, _, anchor, tag)
            | Event::SequenceStart(anchor, tag)
            | Event::MappingStart(anchor, tag) => *anchor != 0 || tag.is_some(),
            _ => false,
        };
        if has_property {
            errors.add(span.clone(), "anchors and tags are not part of a plan; write the value as it is");
        }
        match event {
            Event::Alias(_) => {
                errors.add(span.clone(), "aliases are not part of a plan; write the value out");
                self.check_key(&span, errors)?;
                self.put(Node::new(Value::Rejected, span), errors)?;
            }
            Event::Scalar(text, style, ..) => {
                if let Some(Open::Table { key: key @ None, .. }) = self.stack.last_mut() {
                    *key = Some((text.into_owned(), span));
                    return Some(());
                }
                let value =
                    if style == ScalarStyle::Plain { plain(&text) } else { Value::Text(text.into_owned()) };
                self.put(Node::new(value, span), errors)?;
            }
            Event::SequenceStart(..) => {
                self.check_key(&span, errors)?;
                self.stack.push(Open::List { items: Vec::new(), start: span.start });
            }
            Event::MappingStart(..) => {
                self.check_key(&span, errors)?;
                self.stack.push(Open::Table { entries: Vec::new(), key: None, start: span.start });
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop()? {
                Open::List { items, start } => {
                    let span = start..self.bytes.first_line(start, span.end);
                    self.put(Node::new(Value::List(items), span), errors)?;
                }
                Open::Table { entries, start, .. } => {
                    let span = start..self.bytes.first_line(start, span.end);
                    let value = table(entries, errors);
                    self.put(Node::new(value, span), errors)?;
                }
            },
            Event::DocumentStart(_) if self.root.is_some() => {
                errors.add(span, "a plan is one document");
                return None;
            }
            _ => {}
        }
        Some(())
    }

    /// A list or a table begins: not in the place of a key, and not too deep.
    fn check_key(&mut self, span: &Range<usize>, errors: &mut ErrorList) -> Option<()> {
        if let Some(Open::Table { key: None, .. }) = self.stack.last() {
            errors.add(span.clone(), "a key is a text");
            return None;
        }
        self.budget.take(self.stack.len(), span, errors).then_some(())
    }

    fn put(&mut self, node: Node, errors: &mut ErrorList) -> Option<()> {
        if !self.budget.take(self.stack.len(), &node.span, errors) {
            return None;
        }
        match self.stack.last_mut() {
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Table { entries, key, .. }) => {
                let (key, span) = key.take()?;
                entries.push(Entry { key, span, value: node });
            }
            None => self.root = Some(node),
        }
        Some(())
    }
}

/// The core schema (YAML 1.2, section 10.3.2).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        _ => {}
    }
    let radix =
        |prefix, radix| text.strip_prefix(prefix).and_then(|digits| i128::from_str_radix(digits, radix).ok());
    if let Some(number) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Value::Integer(number);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if !is_number {
        return Value::Text(text.to_owned());
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        // Too large a number is one all the same, so that no text is taken for it.
        return text.parse().map_or(Value::Float(f64::INFINITY), Value::Integer);
    }
    text.parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Float)
}

/// The parser counts characters.
struct Bytes {
    /// None: each character is one byte.
    starts: Option<Vec<usize>>,
    lines: Vec<usize>,
    length: usize,
}

impl Bytes {
    fn new(text: &str) -> Self {
        let starts = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect());
        let lines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        Self { starts, lines, length: text.len() }
    }

    fn at(&self, character: usize) -> usize {
        match &self.starts {
            Some(starts) => starts.get(character).copied().unwrap_or(self.length),
            None => character.min(self.length),
        }
    }

    /// The end of a block, or of the line that it begins in.
    fn first_line(&self, start: usize, end: usize) -> usize {
        let line = self.lines.partition_point(|at| *at < start);
        end.max(start).min(self.lines.get(line).copied().unwrap_or(self.length))
    }
}
