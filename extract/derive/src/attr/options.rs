//! Options: the comma-separated list of an attribute, and its literals.

use std::fmt::Display;
use std::str::FromStr;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::token::Paren;
use syn::{Attribute, Expr, Ident, Lit, LitInt, LitStr, Meta, Token, parenthesized};

use crate::attr::error::{Errors, suggest};

/// The options of one attribute; those that are not taken out are errors.
pub(crate) struct Options {
    attribute: String,
    list: Vec<Entry>,
}

enum Entry {
    Name(LitStr),
    Word(Ident, AttrValue),
}

/// The value after a word.
pub(crate) enum AttrValue {
    None,
    Value(Expr),
    Words(Vec<Ident>),
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(LitStr) {
            return input.parse().map(Self::Name);
        }
        // `parse_any`, since a misspelled word may be a keyword and needs the error of an unknown option.
        let word = input.call(Ident::parse_any)?;
        if input.peek(Paren) {
            let inside;
            parenthesized!(inside in input);
            let words = inside.parse_terminated(Ident::parse_any, Token![,])?;
            return Ok(Self::Word(word, AttrValue::Words(words.into_iter().collect())));
        }
        let given = match input.parse::<Option<Token![=]>>()? {
            Some(_) => AttrValue::Value(input.parse()?),
            None => AttrValue::None,
        };
        Ok(Self::Word(word, given))
    }
}

impl ToTokens for Entry {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Name(name) => name.to_tokens(tokens),
            Self::Word(word, _) => word.to_tokens(tokens),
        }
    }
}

impl Options {
    /// Parses the options between the attribute's parentheses.
    pub(crate) fn of(attribute: &Attribute, errors: &mut Errors) -> Self {
        let name = attribute.path().to_token_stream().to_string();
        let list = match &attribute.meta {
            Meta::Path(_) => Vec::new(),
            Meta::List(list) => {
                let parser = Punctuated::<Entry, Token![,]>::parse_terminated;
                let parsed = errors.check(list.parse_args_with(parser));
                parsed.into_iter().flatten().collect()
            }
            Meta::NameValue(pair) => {
                let value = pair.value.to_token_stream();
                errors.at(pair, format!("write `#[{name}({value})]`"));
                Vec::new()
            }
        };
        Self { attribute: name, list }
    }

    /// Returns the empty list of an attribute that is not written.
    pub(crate) fn none(attribute: &str) -> Self {
        Self { attribute: attribute.to_owned(), list: Vec::new() }
    }

    /// Takes the string literal without a word: the name.
    pub(crate) fn name(&mut self) -> Option<LitStr> {
        let at = self.list.iter().position(|e| matches!(e, Entry::Name(_)))?;
        match self.list.remove(at) {
            Entry::Name(name) => Some(name),
            Entry::Word(..) => None,
        }
    }

    /// Takes a word and what follows it.
    pub(crate) fn word(&mut self, wanted: &str) -> Option<(Ident, AttrValue)> {
        let is_it = |entry: &Entry| matches!(entry, Entry::Word(word, _) if word == wanted);
        let at = self.list.iter().position(is_it)?;
        match self.list.remove(at) {
            Entry::Word(word, given) => Some((word, given)),
            Entry::Name(_) => None,
        }
    }

    /// Takes a word without a value.
    pub(crate) fn flag(&mut self, wanted: &str, errors: &mut Errors) -> Option<Ident> {
        let (word, given) = self.word(wanted)?;
        match given {
            AttrValue::None => {}
            AttrValue::Value(value) => errors.at(value, format!("`{wanted}` takes no value")),
            AttrValue::Words(_) => errors.at(&word, format!("`{wanted}` takes no words")),
        }
        Some(word)
    }

    /// Takes the value of a word.
    pub(crate) fn value(&mut self, wanted: &str, errors: &mut Errors) -> Option<Expr> {
        match self.word(wanted)? {
            (_, AttrValue::Value(value)) => Some(value),
            (word, _) => {
                errors.at(word, format!("write `{wanted} = …`"));
                None
            }
        }
    }

    /// Takes a list of known words; without a list, all of them.
    pub(crate) fn words(&mut self, wanted: &str, known: &[&str], errors: &mut Errors) -> Option<Vec<String>> {
        let list = match self.word(wanted)? {
            (_, AttrValue::None) => return Some(known.iter().map(ToString::to_string).collect()),
            (_, AttrValue::Words(list)) => list,
            (word, AttrValue::Value(_)) => {
                errors.at(word, format!("write `{wanted}({})`", known.join(", ")));
                return None;
            }
        };
        let mut found = Vec::new();
        for word in list {
            let text = word.to_string();
            if known.contains(&&*text) {
                found.push(text);
            } else {
                let attribute = format!("{}({wanted})", self.attribute);
                errors.at(&word, unknown(&text, &attribute, known));
            }
        }
        Some(found)
    }

    /// Takes a value that is one of the known texts, and returns its index.
    pub(crate) fn choice(&mut self, wanted: &str, known: &[&str], errors: &mut Errors) -> Option<usize> {
        let value = self.value(wanted, errors)?;
        let text: Option<LitStr> = syn::parse2(value.to_token_stream()).ok();
        let text = text.map(|text| text.value());
        let found = known.iter().position(|word| text.as_deref() == Some(word));
        if found.is_none() {
            let words: Vec<_> = known.iter().map(|word| format!("\"{word}\"")).collect();
            errors.at(value, format!("write one of {}", words.join(", ")));
        }
        found
    }

    /// Reports the options that are left; `named`: the attribute may have a name.
    pub(crate) fn end(self, named: bool, known: &[&str], errors: &mut Errors) {
        let attribute = &self.attribute;
        for entry in &self.list {
            let message = match entry {
                Entry::Name(_) if named => format!("`#[{attribute}]` takes one name"),
                Entry::Name(_) => format!("`#[{attribute}]` takes no name"),
                Entry::Word(word, _) => {
                    let word = word.to_string();
                    if known.contains(&&*word) {
                        format!("`{word}` is given twice")
                    } else {
                        unknown(&word, attribute, known)
                    }
                }
            };
            errors.at(entry, message);
        }
    }
}

fn unknown(word: &str, attribute: &str, known: &[&str]) -> String {
    let message = format!("`#[{attribute}]` has no option `{word}`");
    if let Some(meant) = suggest(word, known) {
        return format!("{message}: did you mean `{meant}`?");
    }
    let words: Vec<_> = known.iter().map(|word| format!("`{word}`")).collect();
    match &*words {
        [] => format!("`#[{attribute}]` takes no options"),
        words => format!("{message}: it has {}", words.join(", ")),
    }
}

/// Returns the value of a string literal.
pub(crate) fn text(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the value of an integer literal.
pub(crate) fn integer<N: FromStr<Err: Display>>(value: &Expr) -> Option<N> {
    match value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => LitInt::base10_parse(number).ok(),
            _ => None,
        },
        _ => None,
    }
}

/// Returns a number of bytes: an integer, or a text with a binary unit.
pub(crate) fn size(value: &Expr) -> Option<u64> {
    const UNITS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let Some(text) = text(value) else {
        return integer(value);
    };
    let (number, unit) = UNITS
        .iter()
        .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit)))
        .unwrap_or((&text, 1));
    number.trim().parse::<u64>().ok()?.checked_mul(unit)
}
