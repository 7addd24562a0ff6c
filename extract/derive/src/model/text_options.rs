//! With, default, empty, duplicates.

use quote::ToTokens;
use syn::{Expr, ExprPath, Path, Type};

use crate::attr::error::Errors;
use crate::attr::options::{Options, integer, size};
use crate::model::source::Cardinality;

/// The options of one text field.
#[derive(Clone)]
pub(crate) struct Scalar {
    pub(crate) read_with: ReadWith,
    /// Every value is split at its commas.
    pub(crate) csv: bool,
    /// The key alone is `true`.
    pub(crate) flag: bool,
    pub(crate) empty: Empty,
    /// What several values are; the struct's own choice if it is not given.
    pub(crate) duplicates: Option<Duplicates>,
    /// The most bytes of one value.
    pub(crate) limit: Option<u64>,
    pub(crate) min_items: usize,
    /// The most items; the struct's own choice if it is not given.
    pub(crate) max_items: Option<usize>,
    /// The value is never shown, even where the struct shows others.
    pub(crate) redact: bool,
}

/// What makes a value of a text.
#[derive(Clone)]
pub(crate) enum ReadWith {
    /// `FromText`, else `FromStr`.
    Pick,
    /// The functions `from_text` and `to_text` of a module.
    With(Path),
    /// serde.
    Serde,
    /// Nothing: the text itself, borrowed of the request.
    Borrow,
    /// Nothing: the header's bytes.
    HeaderValue,
}

/// What an empty value is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Empty {
    /// The empty text; for an `Option` of another type none.
    Auto,
    None,
    Keep,
    Error,
}

/// What a single value is that is given several times.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duplicates {
    Reject,
    First,
    Last,
}

impl Duplicates {
    /// The choice in `duplicates = "…"`.
    pub(crate) fn read(options: &mut Options, errors: &mut Errors) -> Option<Self> {
        let choice = options.choice("duplicates", &["reject", "first", "last"], errors)?;
        Some([Self::Reject, Self::First, Self::Last][choice])
    }
}

impl Scalar {
    /// The words that are read here, of which each source allows some.
    pub(crate) const ALL: [&'static str; 9] =
        ["csv", "flag", "empty", "duplicates", "limit", "min_items", "max_items", "with", "serde"];

    /// Takes those options out that `allowed` names; others stay and become errors.
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
                if let Some(word) = options.flag("csv", errors) {
                    self.csv = true;
                    if !cardinality.is_list() {
                        errors.at(&word, "only a `Vec` is split at commas");
                    }
                }
            }
            "flag" => {
                if let Some(word) = options.flag("flag", errors) {
                    self.flag = true;
                    if cardinality.is_list() {
                        errors.at(&word, "a flag is one `bool`");
                    }
                }
            }
            "empty" => {
                if let Some(choice) = options.choice("empty", &["none", "keep", "error"], errors) {
                    self.empty = [Empty::None, Empty::Keep, Empty::Error][choice];
                }
            }
            "duplicates" => self.duplicates = Duplicates::read(options, errors),
            "limit" => {
                if let Some(limit) = options.value("limit", errors) {
                    self.limit = size(&limit);
                    if self.limit.is_none() {
                        errors.at(limit, "write a size: `\"512KiB\"`, `\"2MiB\"` or bytes");
                    }
                }
            }
            "min_items" => self.min_items = items("min_items", options, cardinality, errors).unwrap_or(0),
            "max_items" => self.max_items = items("max_items", options, cardinality, errors),
            "with" => {
                if let Some(module) = options.value("with", errors) {
                    match module {
                        Expr::Path(ExprPath { qself: None, path, .. }) => {
                            self.read_with = ReadWith::With(path)
                        }
                        other => errors.at(other, "write the path of a module: `with = hex`"),
                    }
                }
            }
            _ => {
                if let Some(word) = options.flag("serde", errors) {
                    if matches!(self.read_with, ReadWith::With(_)) {
                        errors.at(&word, "`with` reads this field already");
                    }
                    self.read_with = ReadWith::Serde;
                }
            }
        }
    }
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
    /// A derive sees no types, only their names.
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
