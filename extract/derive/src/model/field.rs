//! One field.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Ident, Lifetime, Path, Type};

use crate::attr::error::{Errors, suggest};
use crate::attr::options::Options;
use crate::attr::rename::Rename;
use crate::model::field_attr::{FieldParser, ParsedField};
use crate::model::source::{Cardinality, FieldSource};
use crate::model::text_options::Scalar;

/// A field of the struct.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) cardinality: Cardinality,
    pub(crate) source: FieldSource,
    /// What an absent value is replaced by.
    pub(crate) default: Option<TokenStream>,
    /// ReadWith its text is read, if it is one.
    pub(crate) scalar: Option<Scalar>,
    /// When it is left out of a request that is written.
    pub(crate) skip_if: Option<Path>,
    /// The most bytes of the body, if this field says it.
    pub(crate) limit: Option<u64>,
    /// Of what its struct borrows.
    pub(crate) borrow: Option<Lifetime>,
}

const SOURCES: [&str; 14] = [
    "param",
    "query",
    "header",
    "cookie",
    "form",
    "json",
    "part",
    "body",
    "flatten",
    "extension",
    "state",
    "request",
    "from",
    "skip",
];

impl Field {
    /// Reads a field's attributes; `None` if they do not say where it comes from.
    ///
    /// `bare`: the source of a field that has none of ours; `borrow`: the struct's lifetime.
    pub(crate) fn read(
        field: &syn::Field,
        rename: Option<Rename>,
        bare: Option<&str>,
        borrow: Option<&Lifetime>,
        errors: &mut Errors,
    ) -> Option<Self> {
        let ident = field.ident.clone()?;
        let cardinality = Cardinality::of(&field.ty);
        let (word, options) = match (source(field, &ident, bare.is_none(), errors), bare) {
            (Some(attribute), _) => {
                (attribute.path().get_ident()?.to_string(), Options::of(attribute, errors))
            }
            (None, Some(bare)) => (bare.to_owned(), Options::none(bare)),
            (None, None) => return None,
        };
        let parser = FieldParser { options, field, ident: &ident, cardinality: &cardinality, rename, errors };
        let ParsedField { source, default, scalar, skip_if, limit } = parser.read(&word);
        let (ty, borrow) = (field.ty.clone(), borrow.cloned());
        Some(Self { ident, ty, cardinality, source, default, scalar, skip_if, limit, borrow })
    }

    /// Whether its value may not be there.
    pub(crate) fn is_optional(&self) -> bool {
        self.cardinality.is_option() || self.cardinality.is_list() || self.default.is_some()
    }

    /// The layout of a flattened struct's slots.
    pub(crate) fn layout(&self) -> TokenStream {
        let slots = self.inner_slots();
        quote!(<#slots as __rt::Layout>)
    }

    /// The slots of a flattened struct.
    pub(crate) fn inner_slots(&self) -> TokenStream {
        let ty = &self.ty;
        match &self.borrow {
            Some(life) => quote!(<#ty as ::waylay_extract::ExtractRef<#life>>::Slots),
            None => quote!(<#ty as ::waylay_extract::Extract>::Slots),
        }
    }
}

/// The one attribute that names a part of the request.
fn source<'f>(
    field: &'f syn::Field,
    ident: &Ident,
    needed: bool,
    errors: &mut Errors,
) -> Option<&'f Attribute> {
    let word = |attribute: &Attribute| attribute.path().get_ident().map(ToString::to_string);
    let is_source =
        |attribute: &&Attribute| word(attribute).is_some_and(|word| SOURCES.contains(&word.as_str()));
    let mut found = field.attrs.iter().filter(is_source);
    let Some(first) = found.next() else {
        let misspelt = field.attrs.iter().find_map(|attribute| {
            let word = word(attribute)?;
            // The compiler keeps this word for modules and refuses it as a derive's own.
            let meant = if word == "path" { Some("param") } else { suggest(&word, &SOURCES) };
            Some((attribute, meant?))
        });
        match misspelt {
            Some((attribute, meant)) => {
                errors.at(attribute.path(), format!("did you mean `#[{meant}]`?"));
            }
            None if needed => {
                let all = SOURCES.map(|source| format!("`#[{source}]`")).join(", ");
                errors.at(ident, format!("what fills `{ident}`? write one of {all} on it"));
            }
            None => {}
        }
        return None;
    };
    for second in found {
        let first = first.path().to_token_stream();
        let message = format!("`{ident}` is filled by `#[{first}]` already");
        errors.at(second, message);
    }
    Some(first)
}
