//! The text of an attribute: a name, then words and `word = value` pairs.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Attribute, Expr, Ident, LitStr, Meta, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

use crate::{faults::Faults, near::nearest};

/// The options of one attribute; what is not taken out is a fault.
pub(crate) struct Options {
    attribute: String,
    list: Vec<Entry>,
}

enum Entry {
    Name(LitStr),
    Word(Ident, Option<Expr>),
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(LitStr) {
            return input.parse().map(Self::Name);
        }
        // `parse_any`, since a misspelt word may be a keyword and deserves our message.
        let word = input.call(Ident::parse_any)?;
        let value = match input.parse::<Option<Token![=]>>()? {
            Some(_) => Some(input.parse()?),
            None => None,
        };
        Ok(Self::Word(word, value))
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
    /// The options between the attribute's parentheses.
    pub(crate) fn of(attribute: &Attribute, faults: &mut Faults) -> Self {
        let name = attribute.path().to_token_stream().to_string();
        let list = match &attribute.meta {
            Meta::Path(_) => Vec::new(),
            Meta::List(list) => {
                let parser = Punctuated::<Entry, Token![,]>::parse_terminated;
                let parsed = faults.check(list.parse_args_with(parser));
                parsed.into_iter().flatten().collect()
            }
            Meta::NameValue(pair) => {
                let value = pair.value.to_token_stream();
                faults.at(pair, format!("write `#[{name}({value})]`"));
                Vec::new()
            }
        };
        Self { attribute: name, list }
    }

    /// The name that stands without a word.
    pub(crate) fn name(&mut self) -> Option<LitStr> {
        let at = self.list.iter().position(|e| matches!(e, Entry::Name(_)))?;
        match self.list.remove(at) {
            Entry::Name(name) => Some(name),
            Entry::Word(..) => None,
        }
    }

    /// A word with or without a value.
    pub(crate) fn word(&mut self, wanted: &str) -> Option<(Ident, Option<Expr>)> {
        let is_it = |entry: &Entry| matches!(entry, Entry::Word(word, _) if word == wanted);
        let at = self.list.iter().position(is_it)?;
        match self.list.remove(at) {
            Entry::Word(word, value) => Some((word, value)),
            Entry::Name(_) => None,
        }
    }

    /// A word that takes no value.
    pub(crate) fn flag(&mut self, wanted: &str, faults: &mut Faults) -> Option<Ident> {
        let (word, value) = self.word(wanted)?;
        if let Some(value) = value {
            faults.at(value, format!("`{wanted}` takes no value"));
        }
        Some(word)
    }

    /// A word that takes a value.
    pub(crate) fn value(&mut self, wanted: &str, faults: &mut Faults) -> Option<Expr> {
        let (word, value) = self.word(wanted)?;
        if value.is_none() {
            faults.at(word, format!("write `{wanted} = …`"));
        }
        value
    }

    /// Tells every option that nobody took; `named`: a name may stand first.
    pub(crate) fn end(self, named: bool, known: &[&str], faults: &mut Faults) {
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
            faults.at(entry, message);
        }
    }
}

fn unknown(word: &str, attribute: &str, known: &[&str]) -> String {
    let message = format!("`#[{attribute}]` has no option `{word}`");
    if let Some(meant) = nearest(word, known) {
        return format!("{message}: did you mean `{meant}`?");
    }
    let words: Vec<_> = known.iter().map(|word| format!("`{word}`")).collect();
    match &*words {
        [] => format!("`#[{attribute}]` takes no options"),
        words => format!("{message}: it has {}", words.join(", ")),
    }
}
