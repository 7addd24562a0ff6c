//! Scalar: the options of a text field.

use quote::ToTokens;
use syn::{Expr, ExprPath, Path, Type};

use crate::attr::error::Errors;
use crate::attr::options::{Options, integer, size};
use crate::model::source::Cardinality;

/// The options of one text field.
#[derive(Clone)]
pub(crate) struct Scalar {
    pub(crate) read_with: ReadWith,
    /// Whether every value is split at commas.
    pub(crate) csv: bool,
    /// Whether a key without a value is `true`.
    pub(crate) flag: bool,
    pub(crate) empty: Empty,
    /// How a repeated value is read; by default as the struct's attribute sets.
    pub(crate) duplicates: Option<Duplicates>,
    /// Maximum bytes of one value.
    pub(crate) limit: Option<u64>,
    pub(crate) min_items: usize,
    /// Maximum items; by default that of the struct.
    pub(crate) max_items: Option<usize>,
    /// Whether errors never contain the value.
    pub(crate) redact: bool,
}

/// How a value is read from text.
#[derive(Clone)]
pub(crate) enum ReadWith {
    /// `FromText`, else `FromStr`.
    Pick,
    /// The functions `from_text` and `to_text` of a module.
    With(Path),
    /// serde.
    Serde,
    /// The text itself, borrowed from the request.
    Borrow,
    /// The header value itself.
    HeaderValue,
    /// A `bool` by another grammar.
    Bool { is_lenient: bool },
}

/// How an empty value is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Empty {
    /// As the empty text; for an `Option` of a type that rejects it, as none.
    Auto,
    None,
    Keep,
    Error,
}

/// How a repeated single value is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duplicates {
    Reject,
    First,
    Last,
}

impl Duplicates {
    /// Parses `duplicates = "…"`.
    pub(crate) fn read(options: &mut Options, errors: &mut Errors) -> Option<Self> {
        let choice = options.choice("duplicates", &["reject", "first", "last"], errors)?;
        Some([Self::Reject, Self::First, Self::Last][choice])
    }
}

impl Scalar {
    /// All options; each source allows some of them.
    pub(crate) const ALL: [&'static str; 10] =
        ["csv", "flag", "empty", "duplicates", "limit", "min_items", "max_items", "bool", "with", "serde"];

    /// Parses the options in `allowed`; others stay in the list and are reported as errors.
    pub(crate) fn read(
        options: &mut Options,
        allowed: &[&str],
        cardinality: &Cardinality,
        errors: &mut Errors,
    ) -> Self {
        let mut scalar = Self {
            read_with: ReadWith::of(cardinality.item()),
            csv: false,
            flag: false,
            empty: Empty::Auto,
            duplicates: None,
            limit: None,
            min_items: 0,
            max_items: None,
            redact: options.flag("redact", errors).is_some(),
        };
        for word in allowed {
            scalar.take(word, options, cardinality, errors);
        }
        scalar
    }

    fn take(&mut self, word: &str, options: &mut Options, cardinality: &Cardinality, errors: &mut Errors) {
        match word {
            "csv" => {
                let word = options.flag("csv", errors);
                self.csv |= word.is_some();
                if let Some(word) = word.filter(|_| !cardinality.is_list()) {
                    errors.at(&word, "only a `Vec` is split at commas");
                }
            }
            "flag" => {
                let word = options.flag("flag", errors);
                self.flag |= word.is_some();
                if let Some(word) = word.filter(|_| cardinality.is_list()) {
                    errors.at(&word, "a flag is one `bool`, not a list");
                }
            }
            "empty" => {
                if let Some(choice) = options.choice("empty", &["none", "keep", "error"], errors) {
                    self.empty = [Empty::None, Empty::Keep, Empty::Error][choice];
                }
            }
            "duplicates" => self.duplicates = Duplicates::read(options, errors),
            "limit" => self.limit = byte_limit(options, errors),
            "min_items" => self.min_items = items("min_items", options, cardinality, errors).unwrap_or(0),
            "max_items" => self.max_items = items("max_items", options, cardinality, errors),
            "bool" => {
                if let Some(choice) = options.choice("bool", &["strict", "lenient"], errors) {
                    self.read_with = ReadWith::Bool { is_lenient: choice == 1 };
                }
            }
            "with" => self.take_with(options, errors),
            _ => {
                if let Some(word) = options.flag("serde", errors) {
                    if matches!(self.read_with, ReadWith::With(_)) {
                        errors.at(&word, "`with` and `serde` cannot be combined");
                    }
                    self.read_with = ReadWith::Serde;
                }
            }
        }
    }

    fn take_with(&mut self, options: &mut Options, errors: &mut Errors) {
        match options.value("with", errors) {
            Some(Expr::Path(ExprPath { qself: None, path, .. })) => self.read_with = ReadWith::With(path),
            Some(other) => errors.at(other, "write the path of a module: `with = hex`"),
            None => {}
        }
    }
}

/// Parses `limit = …`, a number of bytes.
pub(crate) fn byte_limit(options: &mut Options, errors: &mut Errors) -> Option<u64> {
    let limit = options.value("limit", errors)?;
    let bytes = size(&limit);
    if bytes.is_none() {
        errors.at(limit, "write a size: `\"512KiB\"`, `\"2MiB\"` or bytes");
    }
    bytes
}

fn items(word: &str, options: &mut Options, cardinality: &Cardinality, errors: &mut Errors) -> Option<usize> {
    let value = options.value(word, errors)?;
    if !cardinality.is_list() {
        errors.at(&value, "only a `Vec` has items");
    }
    let number = integer(&value);
    if number.is_none() {
        errors.at(value, "write a number of items");
    }
    number
}

impl ReadWith {
    /// Recognizes a type by its name.
    fn of(item: &Type) -> Self {
        match item {
            Type::Group(group) => Self::of(&group.elem),
            Type::Reference(_) => Self::Borrow,
            Type::Path(path) => match path.path.segments.last() {
                Some(last) if last.ident == "HeaderValue" => Self::HeaderValue,
                Some(last) if last.ident == "Cow" && !is_static(item) => Self::Borrow,
                _ => Self::Pick,
            },
            _ => Self::Pick,
        }
    }
}

fn is_static(ty: &Type) -> bool {
    ty.to_token_stream().to_string().contains("'static")
}
