//! Validate, LibraryRules: validation of the struct, and the rules of garde and validator.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Path, Token};

/// Validation of the struct.
pub(crate) enum Validate {
    Function(Path),
    Garde,
    Validator,
}

impl Validate {
    /// Returns the name of the library's attribute.
    pub(crate) fn attribute(&self) -> Option<&'static str> {
        match self {
            Self::Function(_) => None,
            Self::Garde => Some("garde"),
            Self::Validator => Some("validate"),
        }
    }
}

/// The attributes of a field, or of the struct, for its validation library.
#[derive(Clone, Default)]
pub(crate) struct LibraryRules {
    rules: Vec<Meta>,
}

impl LibraryRules {
    /// Reads the attributes of the struct's library.
    ///
    /// Rules that compare the field with another one need the whole struct and are left out.
    pub(crate) fn read(attributes: &[Attribute], library: Option<&Validate>) -> Self {
        let Some(word) = library.and_then(Validate::attribute) else {
            return Self::default();
        };
        let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
        let own = attributes.iter().filter(|attribute| attribute.path().is_ident(word));
        let rules = own.flat_map(|attribute| attribute.parse_args_with(parser).into_iter().flatten());
        Self { rules: rules.filter(|rule| !reads_more(rule)).collect() }
    }

    /// Tests whether there is nothing to check.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.iter().all(|rule| rule.path().is_ident("skip"))
    }

    /// Returns the attribute with the rules.
    pub(crate) fn attribute(&self, library: &Validate) -> TokenStream {
        let rules = &self.rules;
        match library.attribute() {
            Some(word) if !rules.is_empty() => {
                let word = quote::format_ident!("{word}");
                quote!(#[#word(#(#rules),*)])
            }
            _ => TokenStream::new(),
        }
    }
}

/// Tests whether a rule reads more than its field.
fn reads_more(rule: &Meta) -> bool {
    const OTHER_FIELDS: [&str; 3] = ["matches", "must_match", "if"];
    OTHER_FIELDS.iter().any(|word| rule.path().is_ident(word))
        || has_word(rule.to_token_stream(), &["self", "use_context"])
}

fn has_word(tokens: TokenStream, words: &[&str]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => has_word(group.stream(), words),
        TokenTree::Ident(ident) => words.iter().any(|word| ident == word),
        _ => false,
    })
}
