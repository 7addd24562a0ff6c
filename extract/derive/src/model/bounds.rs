//! Bounds: the limits that a field's attributes declare for its values.

use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Lit, LitStr, Meta, Token};

use crate::attr::error::Errors;
use crate::attr::options::{Options, integer};
use crate::model::library::Validate;

/// The bounds of a value, or of each item of a list.
#[derive(Clone, Default)]
pub(crate) struct Bounds {
    pub(crate) min: Option<Expr>,
    pub(crate) max: Option<Expr>,
    pub(crate) multiple_of: Option<Expr>,
    /// Minimum number of characters.
    pub(crate) min_length: Option<usize>,
    /// Maximum number of characters.
    pub(crate) max_length: Option<usize>,
    pub(crate) pattern: Option<LitStr>,
    /// Bounds of a list that a validation library declares.
    pub(crate) min_items: Option<usize>,
    pub(crate) max_items: Option<usize>,
}

impl Bounds {
    pub(crate) const WORDS: [&'static str; 6] =
        ["min", "max", "multiple_of", "min_length", "max_length", "pattern"];

    /// Parses the options.
    pub(crate) fn read(options: &mut Options, errors: &mut Errors) -> Self {
        let mut characters = |word: &str| {
            let value = options.value(word, errors)?;
            let number = integer(&value);
            if number.is_none() {
                errors.at(value, "write a number of characters");
            }
            number
        };
        let (min_length, max_length) = (characters("min_length"), characters("max_length"));
        let pattern = options.value("pattern", errors).and_then(|value| match &value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.clone()),
                _ => None,
            },
            _ => {
                errors.at(value, "write a regex: `pattern = \"^[a-z]+$\"`");
                None
            }
        });
        if let Some(pattern) = &pattern
            && let Err(error) = regex_syntax::parse(&in_rust(&pattern.value()))
        {
            errors.at(pattern, error);
        }
        Self {
            min: options.value("min", errors),
            max: options.value("max", errors),
            multiple_of: options.value("multiple_of", errors),
            min_length,
            max_length,
            pattern,
            ..Self::default()
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.min.is_none()
            && self.max.is_none()
            && self.multiple_of.is_none()
            && self.min_length.is_none()
            && self.max_length.is_none()
            && self.pattern.is_none()
            && self.min_items.is_none()
            && self.max_items.is_none()
    }

    /// Reads the bounds of the struct's validation library from its own attributes.
    ///
    /// Rules that are not bounds are skipped: the library checks them.
    pub(crate) fn of_library(attributes: &[Attribute], library: Option<&Validate>, is_list: bool) -> Self {
        let Some(word) = library.and_then(Validate::attribute) else {
            return Self::default();
        };
        let mut bounds = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(word)) {
            let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
            for rule in attribute.parse_args_with(parser).into_iter().flatten() {
                bounds.take_rule(&rule, word == "garde", is_list);
            }
        }
        bounds
    }

    fn take_rule(&mut self, rule: &Meta, is_garde: bool, is_list: bool) {
        let Meta::List(list) = rule else { return };
        if list.path.is_ident("pattern") && !is_list {
            self.pattern = list.parse_args().ok();
            return;
        }
        let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
        let Ok(arguments) = list.parse_args_with(parser) else { return };
        let value = |word: &str| {
            arguments.iter().find_map(|argument| match argument {
                Meta::NameValue(pair) if pair.path.is_ident(word) => Some(pair.value.clone()),
                _ => None,
            })
        };
        if list.path.is_ident("range") && !is_list {
            (self.min, self.max) = (value("min"), value("max"));
        }
        if list.path.is_ident("length") {
            let number = |word: &str| value(word).or_else(|| value("equal")).as_ref().and_then(integer);
            let (min, max) = (number("min"), number("max"));
            // The plain length of a text is one of bytes in garde, of characters in validator.
            let is_exact = !is_garde || arguments.iter().any(|argument| argument.path().is_ident("chars"));
            match is_list {
                true => (self.min_items, self.max_items) = (min, max),
                false => (self.min_length, self.max_length) = (min.filter(|_| is_exact), max),
            }
        }
    }
}

/// Returns a regex of ECMA-262, as documents have it, for the regex crate: `\d` and `\w` are ASCII there.
pub(crate) fn in_rust(pattern: &str) -> String {
    let mut regex = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    let mut is_class = false;
    while let Some(letter) = letters.next() {
        match (letter, is_class) {
            ('\\', _) => match (letters.next(), is_class) {
                (Some('d'), false) => regex.push_str("[0-9]"),
                (Some('D'), false) => regex.push_str("[^0-9]"),
                (Some('w'), false) => regex.push_str("[0-9A-Za-z_]"),
                (Some('W'), false) => regex.push_str("[^0-9A-Za-z_]"),
                (Some('b'), false) => regex.push_str(r"(?-u:\b)"),
                (Some('d'), true) => regex.push_str("0-9"),
                (Some('w'), true) => regex.push_str("0-9A-Za-z_"),
                (Some(other), _) => regex.extend(['\\', other]),
                (None, _) => regex.push('\\'),
            },
            ('[', false) => {
                is_class = true;
                regex.push('[');
            }
            // A bracket inside a class is a character in ECMA-262.
            ('[', true) => regex.push_str(r"\["),
            (']', _) => {
                is_class = false;
                regex.push(']');
            }
            (other, _) => regex.push(other),
        }
    }
    regex
}

#[cfg(test)]
mod tests {
    use super::in_rust;

    #[test]
    fn classes_are_ascii() {
        for (pattern, regex) in [
            (r"^\d{3}-\w+$", "^[0-9]{3}-[0-9A-Za-z_]+$"),
            (r"[\d.][^\w]", "[0-9.][^0-9A-Za-z_]"),
            (r"\D\W\\d\.", r"[^0-9][^0-9A-Za-z_]\\d\."),
            (r"[a[]\b", r"[a\[](?-u:\b)"),
        ] {
            assert_eq!(in_rust(pattern), regex);
        }
    }
}
