//! Shape: what a value of a plan may be; checks nodes, and describes itself.

use std::ops::Range;

use crate::config::duration::DelayTime;
use crate::plan::data::{Data, Table};
use crate::plan::error::ErrorList;
use crate::plan::node::{Entry, Node, Value, shorten};
use crate::plan::suggestion::{SYNONYMS, did_you_mean, nearest};

/// What a value may be. One description serves the reader, the JSON Schema and the messages.
#[derive(Debug)]
pub(crate) enum Shape {
    Bool,
    Integer {
        min: i64,
        max: i64,
    },
    Number {
        min: f64,
        max: f64,
    },
    /// A number from 0 to 1, or Envoy's fraction of a numerator and a denominator.
    Share,
    /// Of at most so many characters.
    Text {
        max: usize,
    },
    Duration,
    Date,
    /// One of several names, each with the feature that it needs, or none.
    Choice(&'static [(&'static str, &'static str)]),
    /// A status, a class such as `5xx`, or a range such as `500-504`.
    Statuses,
    /// What decisions and quotas go by: a name, or `header:` and the name of a header.
    Key,
    List {
        item: &'static Shape,
        min: usize,
        max: usize,
    },
    Table(&'static TableShape),
}

#[derive(Debug)]
pub(crate) struct TableShape {
    /// With its article: `a fault`.
    pub(crate) title: &'static str,
    /// The key of a value that is not a table.
    pub(crate) short: Option<&'static str>,
    /// The key by which the others are allowed, and its value by default.
    pub(crate) tag: Option<(&'static str, &'static str)>,
    /// Exactly one of these keys is set.
    pub(crate) one_of: &'static [&'static str],
    pub(crate) fields: &'static [Field],
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) key: &'static str,
    pub(crate) shape: &'static Shape,
    pub(crate) is_required: bool,
    /// The values of the tag with which the key is allowed; all, if empty.
    pub(crate) only: &'static [&'static str],
    /// The feature that the key needs, if it needs one.
    pub(crate) feature: &'static str,
    pub(crate) doc: &'static str,
}

/// A key that may be left out.
pub(crate) const fn field(key: &'static str, shape: &'static Shape, doc: &'static str) -> Field {
    Field { key, shape, is_required: false, only: &[], feature: "", doc }
}

impl Field {
    pub(crate) const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    pub(crate) const fn only(mut self, values: &'static [&'static str]) -> Self {
        self.only = values;
        self
    }

    pub(crate) const fn feature(mut self, feature: &'static str) -> Self {
        self.feature = feature;
        self
    }
}

/// The features that a key may need, and whether the crate was built with them.
const FEATURES: [(&str, bool); 5] = [
    ("http2", cfg!(feature = "http2")),
    ("panic", cfg!(feature = "panic")),
    ("router", cfg!(feature = "router")),
    ("stress", cfg!(feature = "stress")),
    ("axum or router", cfg!(any(feature = "axum", feature = "router"))),
];

/// Whether the crate was built with a feature, or with one of several.
pub(crate) fn has_feature(name: &str) -> bool {
    FEATURES.iter().find(|(known, _)| *known == name).is_none_or(|(_, is_on)| *is_on)
}

/// The denominators of Envoy's `FractionalPercent`.
pub(crate) const DENOMINATORS: [(&str, f64); 3] =
    [("hundred", 100.0), ("ten_thousand", 10_000.0), ("million", 1_000_000.0)];

/// Names of what `Key` reads from a request, beside `header:`.
pub(crate) const KEYS: [&str; 5] = ["counter", "request_id", "trace_id", "client_ip", "connection"];

impl Shape {
    /// What a value is to be, for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Integer { min, max: i64::MAX } => format!("an integer from {min} on"),
            Self::Integer { min, max } => format!("an integer from {min} to {max}"),
            Self::Number { min, max } if *max >= f64::MAX => format!("a number from {min} on"),
            Self::Number { min, max } => format!("a number from {min} to {max}"),
            Self::Share => "a share from 0 to 1".to_owned(),
            Self::Text { .. } => "a text".to_owned(),
            Self::Duration => "a length of time such as `90ms`".to_owned(),
            Self::Date => "a date such as `2026-11-21T10:00:00Z`".to_owned(),
            Self::Choice(choices) => {
                let names: Vec<_> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
                format!("one of {}", names.join(", "))
            }
            Self::Statuses => "a status such as 503, `5xx` or `500-504`".to_owned(),
            Self::Key => {
                let names: Vec<_> = KEYS.iter().map(|name| format!("`{name}`")).collect();
                format!("one of {}, or `header:` and a header's name", names.join(", "))
            }
            Self::List { item, .. } => format!("a list, each item {}", item.describe()),
            Self::Table(table) => match table.short_field() {
                Some(short) => {
                    format!(
                        "{}: a table, or just its `{}`, {}",
                        table.title,
                        short.key,
                        short.shape.describe()
                    )
                }
                None => format!("{}: a table", table.title),
            },
        }
    }

    /// The checked value of a node under this key.
    pub(crate) fn check(&self, node: &Node, key: &str, errors: &mut ErrorList) -> Option<Data> {
        let out_of_range = |shown: String, errors: &mut ErrorList| {
            errors.add(node.span.clone(), format!("{shown} is out of range; `{key}` is {}", self.describe()));
            None
        };
        match (self, &node.value) {
            (_, Value::Rejected) => None,
            (Self::Bool, Value::Bool(value)) => Some(Data::Bool(*value)),
            (Self::Integer { min, max }, Value::Integer(value)) => {
                match i64::try_from(*value).ok().filter(|value| (*min..=*max).contains(value)) {
                    Some(value) => Some(Data::Integer(value)),
                    None => out_of_range(value.to_string(), errors),
                }
            }
            (Self::Number { min, max }, Value::Integer(_) | Value::Float(_)) => {
                let value = number(node);
                if (*min..=*max).contains(&value) {
                    return Some(Data::Number(value));
                }
                out_of_range(value.to_string(), errors)
            }
            (Self::Share, Value::Integer(_) | Value::Float(_)) => {
                let value = number(node);
                if (0.0..=1.0).contains(&value) {
                    return Some(Data::Number(value));
                }
                out_of_range(value.to_string(), errors)
            }
            (Self::Share, Value::Table(_)) => check_fraction(node, errors),
            (Self::Text { max }, Value::Text(text)) => {
                let length = text.chars().count();
                if length <= *max {
                    return Some(Data::Text(text.clone()));
                }
                errors.add(node.span.clone(), format!("`{key}` has {length} characters; at most {max}"));
                None
            }
            // What is wrong with it the builder reports.
            (Self::Statuses, Value::Integer(status)) => Some(Data::Text(status.to_string())),
            (Self::Statuses, Value::Text(text)) if text.chars().count() <= 16 => {
                Some(Data::Text(text.clone()))
            }
            (Self::Duration, Value::Text(text)) => match DelayTime::from(text.as_str()).duration() {
                Ok(_) => Some(Data::Text(text.clone())),
                Err(error) if text.chars().count() < 40 => {
                    errors.add(node.span.clone(), format!("`{key}`: {error}"));
                    None
                }
                Err(_) => self.mismatch(node, key, format!("`{}`", shorten(text)), errors),
            },
            (Self::Date, Value::Text(text)) => match humantime::parse_rfc3339(text) {
                Ok(date) => Some(Data::Text(humantime::format_rfc3339(date).to_string())),
                Err(_) => self.mismatch(node, key, format!("`{}`", shorten(text)), errors),
            },
            (Self::Choice(choices), Value::Text(text)) => self.check_choice(choices, text, node, key, errors),
            (Self::Key, Value::Text(text)) => {
                if KEYS.contains(&text.as_str())
                    || text.strip_prefix("header:").is_some_and(|name| !name.is_empty())
                {
                    return Some(Data::Text(text.clone()));
                }
                let near = nearest(text, KEYS.into_iter()).map_or_else(String::new, did_you_mean);
                errors.add(
                    node.span.clone(),
                    format!("`{}` is not a `{key}`; give {}{near}", shorten(text), self.describe()),
                );
                None
            }
            (Self::List { item, min, max }, Value::List(items)) => {
                let before = errors.len();
                if items.len() < *min {
                    errors.add(node.span.clone(), format!("`{key}` is empty; give at least {min}"));
                }
                if items.len() > *max {
                    errors
                        .add(node.span.clone(), format!("`{key}` has {} items; at most {max}", items.len()));
                    return None;
                }
                let items: Vec<_> = items.iter().map(|node| item.check(node, key, errors)).collect();
                let items = items.into_iter().collect::<Option<_>>()?;
                (errors.len() == before).then_some(Data::List(items))
            }
            // One item, whose errors are shown as well.
            (Self::List { item: Self::Table(_), .. }, Value::Table(_)) => {
                let message =
                    format!("`{key}` is a list; write `[[{key}]]` in TOML, `[{{ … }}]` in JSON or YAML");
                errors.add(node.span.clone(), message);
                let Self::List { item, .. } = self else { return None };
                item.check(node, key, errors);
                None
            }
            (Self::List { .. }, Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Bool(_)) => {
                let message = format!("`{key}` is {}; write `[…]` around it", self.describe());
                errors.add(node.span.clone(), message);
                None
            }
            (Self::Table(table), Value::Table(entries)) if !table.is_short_fraction(entries) => {
                table.check(node, entries, errors).map(Data::Table)
            }
            (Self::Table(table), _) => match table.short_field() {
                Some(short) if short.shape.is_kind_of(node) || matches!(node.value, Value::Table(_)) => {
                    let data = short.shape.check(node, key, errors)?;
                    let mut filled = Table::default();
                    if let Some((tag, value)) = table.tag
                        && tag != short.key
                    {
                        filled.set(tag, Data::Text(value.to_owned()));
                    }
                    filled.set(short.key, data);
                    let is_complete = table.check_required(&node.span, &filled, errors);
                    is_complete.then_some(Data::Table(filled))
                }
                _ => self.mismatch(node, key, node.describe().to_owned(), errors),
            },
            _ => self.mismatch(node, key, node.describe().to_owned(), errors),
        }
    }

    fn mismatch(&self, node: &Node, key: &str, given: String, errors: &mut ErrorList) -> Option<Data> {
        errors.add(node.span.clone(), format!("`{key}` is {}, not {given}", self.describe()));
        None
    }

    fn check_choice(
        &self,
        choices: &[(&'static str, &'static str)],
        text: &str,
        node: &Node,
        key: &str,
        errors: &mut ErrorList,
    ) -> Option<Data> {
        match choices.iter().find(|(name, _)| *name == text) {
            Some((_, feature)) if has_feature(feature) => return Some(Data::Text(text.to_owned())),
            Some((name, feature)) => {
                errors.add(
                    node.span.clone(),
                    format!("`{name}` needs the feature `{feature}` of waylay-fault"),
                );
            }
            None => {
                let near = nearest(text, choices.iter().map(|(name, _)| *name));
                let near = near.map_or_else(String::new, did_you_mean);
                errors.add(
                    node.span.clone(),
                    format!("`{}` is not a `{key}`; give {}{near}", shorten(text), self.describe()),
                );
            }
        }
        None
    }

    /// Whether a node that is no table may be meant for this.
    fn is_kind_of(&self, node: &Node) -> bool {
        matches!(
            (self, &node.value),
            (Self::Integer { .. } | Self::Number { .. } | Self::Share, Value::Integer(_) | Value::Float(_))
                | (Self::Text { .. } | Self::Duration | Self::Choice(_), Value::Text(_))
        )
    }
}

fn number(node: &Node) -> f64 {
    match node.value {
        Value::Integer(value) => value as f64,
        Value::Float(value) => value,
        _ => f64::NAN,
    }
}

/// The share that a table of a numerator and a denominator is.
fn check_fraction(node: &Node, errors: &mut ErrorList) -> Option<Data> {
    static NUMERATOR: Shape = Shape::Integer { min: 0, max: 1_000_000 };
    static DENOMINATOR: Shape = Shape::Choice(&[("hundred", ""), ("ten_thousand", ""), ("million", "")]);
    static FRACTION: TableShape = TableShape {
        title: "a fraction",
        short: None,
        tag: None,
        one_of: &[],
        fields: &[
            field("numerator", &NUMERATOR, "").required(),
            field("denominator", &DENOMINATOR, "").required(),
        ],
    };
    let Value::Table(entries) = &node.value else { return None };
    let table = FRACTION.check(node, entries, errors)?;
    let (numerator, name) = (table.integer("numerator")? as f64, table.text("denominator")?);
    let (_, denominator) = DENOMINATORS.iter().find(|(known, _)| *known == name)?;
    if numerator > *denominator {
        errors.add(
            node.span.clone(),
            format!("{numerator} of {denominator} is more than all; give at most {denominator}"),
        );
        return None;
    }
    Some(Data::Number(numerator / denominator))
}

impl TableShape {
    pub(crate) fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// Whether entries are a fraction in place of the table.
    fn is_short_fraction(&self, entries: &[Entry]) -> bool {
        self.short_field().is_some_and(|short| matches!(short.shape, Shape::Share))
            && entries.iter().any(|entry| entry.key == "numerator")
    }

    fn short_field(&self) -> Option<&'static Field> {
        self.field(self.short?)
    }

    /// The value of the tag, by default the one of the shape.
    fn tag_value<'a>(&self, entries: &'a [Entry]) -> Option<&'a str>
    where
        'static: 'a,
    {
        let (tag, default) = self.tag?;
        match entries.iter().find(|entry| entry.key == tag) {
            Some(Entry { value: Node { value: Value::Text(text), .. }, .. }) => Some(text),
            Some(_) => None,
            None => Some(default),
        }
    }

    pub(crate) fn check(&self, node: &Node, entries: &[Entry], errors: &mut ErrorList) -> Option<Table> {
        let before = errors.len();
        let tag = self.tag_value(entries);
        let mut given = Vec::with_capacity(entries.len());
        for entry in entries {
            let Some(field) = self.field(&entry.key) else {
                self.reject_key(entry, errors);
                self.check_misspelt(entry, entries, errors);
                continue;
            };
            if !has_feature(field.feature) {
                let message =
                    format!("`{}` needs the feature `{}` of waylay-fault", field.key, field.feature);
                errors.add(entry.span.clone(), message);
            } else if let Some(tag) = tag
                && !field.only.is_empty()
                && !field.only.contains(&tag)
                && self.is_tag_value(tag)
            {
                let key = self.tag.map_or("", |(key, _)| key);
                let message = format!("`{}` does not go with `{key} = \"{tag}\"`", field.key);
                errors.add(entry.span.clone(), message);
            } else {
                given.push((field.key, field.shape.check(&entry.value, field.key, errors)));
            }
        }
        // It would have had the rest.
        if entries.iter().any(Entry::is_rejected_merge) {
            return None;
        }
        self.check_one_of(node, entries, errors);
        let is_given = |key: &str| {
            // A misspelt one is reported as an unknown key.
            let is_meant =
                |entry: &Entry| self.field(&entry.key).is_none() && self.nearest_key(&entry.key) == Some(key);
            entries.iter().any(|entry| entry.key == key || is_meant(entry))
        };
        let applies = |field: &Field| match tag {
            Some(tag) => field.only.is_empty() || field.only.contains(&tag),
            None => self.tag.is_none(),
        };
        let missing = |field: &&Field| field.is_required && applies(field) && !is_given(field.key);
        self.report_missing(&node.span, self.fields.iter().filter(missing), errors);
        if errors.len() > before {
            return None;
        }
        // In the order of the shape, so that equal plans are equal data.
        let mut table = Table::default();
        for field in self.fields {
            let data = match given.iter_mut().find(|(key, _)| *key == field.key) {
                Some((_, data)) => data.take(),
                None => {
                    self.tag.filter(|(key, _)| *key == field.key).map(|(_, tag)| Data::Text(tag.to_owned()))
                }
            };
            table.0.extend(data.map(|data| (field.key, data)));
        }
        Some(table)
    }

    /// The values of a table that are good by themselves, whatever is wrong with the others.
    pub(crate) fn check_partly(&self, entries: &[Entry]) -> Table {
        let good = self.fields.iter().filter_map(|field| {
            let entry = entries.iter().find(|entry| entry.key == field.key)?;
            let has_feature = has_feature(field.feature);
            let data = field.shape.check(&entry.value, field.key, &mut ErrorList::default());
            Some((field.key, data.filter(|_| has_feature)?))
        });
        Table(good.collect())
    }

    fn is_tag_value(&self, value: &str) -> bool {
        let field = self.tag.and_then(|(key, _)| self.field(key));
        matches!(field.map(|field| field.shape), Some(Shape::Choice(choices)) if choices.iter().any(|(name, _)| *name == value))
    }

    /// The same for a table of which only the short value was given.
    fn check_required(&self, span: &Range<usize>, filled: &Table, errors: &mut ErrorList) -> bool {
        let tag = self.tag.map(|(key, default)| filled.text(key).unwrap_or(default));
        let missing: Vec<_> = (self.fields.iter())
            .filter(|field| field.is_required && filled.get(field.key).is_none())
            .filter(|field| field.only.is_empty() || tag.is_some_and(|tag| field.only.contains(&tag)))
            .collect();
        let is_complete = missing.is_empty();
        self.report_missing(span, missing.into_iter(), errors);
        is_complete
    }

    fn report_missing<'a>(
        &self,
        span: &Range<usize>,
        missing: impl Iterator<Item = &'a Field>,
        errors: &mut ErrorList,
    ) {
        for field in missing {
            let message = format!("{} needs `{}`, {}", self.title, field.key, field.shape.describe());
            errors.add(span.clone(), message);
        }
    }

    fn check_one_of(&self, node: &Node, entries: &[Entry], errors: &mut ErrorList) {
        if self.one_of.is_empty() {
            return;
        }
        let mut set = entries.iter().filter(|entry| self.one_of.contains(&entry.key.as_str()));
        let list = || {
            let names: Vec<_> = self.one_of.iter().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        };
        match (set.next(), set.next()) {
            (Some(_), None) => {}
            // A misspelt one is reported as an unknown key.
            (None, _) if entries.iter().any(|entry| self.field(&entry.key).is_none()) => {}
            (None, _) => errors.add(node.span.clone(), format!("{} needs one of {}", self.title, list())),
            (Some(first), Some(second)) => errors.add(
                second.span.clone(),
                format!("{} has one of {}, and has `{}` already", self.title, list(), first.key),
            ),
        }
    }

    /// Reports what is wrong within the list or table of a misspelt key.
    fn check_misspelt(&self, entry: &Entry, entries: &[Entry], errors: &mut ErrorList) {
        let Some(field) = self.nearest_key(&entry.key).and_then(|key| self.field(key)) else { return };
        let is_compound = matches!(
            (field.shape, &entry.value.value),
            (Shape::List { .. }, Value::List(_)) | (Shape::Table(_), Value::Table(_))
        );
        if is_compound && has_feature(field.feature) && entries.iter().all(|other| other.key != field.key) {
            field.shape.check(&entry.value, field.key, errors);
        }
    }

    fn reject_key(&self, entry: &Entry, errors: &mut ErrorList) {
        if entry.is_rejected_merge() {
            return;
        }
        let key = shorten(&entry.key);
        let near = self.nearest_key(&entry.key);
        let way_out = match near {
            Some(near) => did_you_mean(near),
            None if self.fields.len() <= 12 => {
                let keys: Vec<_> = self.fields.iter().map(|field| format!("`{}`", field.key)).collect();
                format!("; its keys are {}", keys.join(", "))
            }
            None => String::new(),
        };
        errors.add(entry.span.clone(), format!("`{key}` is not a key of {}{way_out}", self.title));
    }

    pub(crate) fn nearest_key(&self, key: &str) -> Option<&'static str> {
        let synonym = SYNONYMS.iter().find(|(other, own)| *other == key && self.field(own).is_some());
        synonym.map(|(_, own)| *own).or_else(|| nearest(key, self.fields.iter().map(|field| field.key)))
    }
}
