//! Field: one field of the struct, with its source and options.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Ident, Lifetime, Path, Type};

use crate::attr::error::{Errors, suggest};
use crate::attr::options::Options;
use crate::attr::rename::Rename;
use crate::model::bounds::Bounds;
use crate::model::field_attr::{FieldParser, ParsedField};
use crate::model::library::LibraryRules;
use crate::model::library::Validate;
use crate::model::source::{Cardinality, FieldSource};
use crate::model::text_options::Scalar;

/// A field of the struct.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) cardinality: Cardinality,
    pub(crate) source: FieldSource,
    /// The value of an absent field.
    pub(crate) default: Option<TokenStream>,
    /// The options of a text field.
    pub(crate) scalar: Option<Scalar>,
    /// The condition for leaving the field out of a written request.
    pub(crate) skip_if: Option<Path>,
    /// The bounds that the attribute declares.
    pub(crate) bounds: Bounds,
    /// The function that checks the value.
    pub(crate) validate: Option<Path>,
    /// The bounds that the attributes of the validation library declare.
    pub(crate) library_bounds: Bounds,
    /// All rules of the validation library that read no other field.
    pub(crate) library_rules: LibraryRules,
    /// Maximum bytes of the body, if the field sets it.
    pub(crate) limit: Option<u64>,
    /// The lifetime of the request that the struct borrows from.
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
    /// Parses a field's attributes; `None` if they name no source.
    ///
    /// `bare`: the source of a field without an attribute; `borrow`: the struct's lifetime.
    pub(crate) fn read(
        field: &syn::Field,
        rename: Option<Rename>,
        bare: Option<&str>,
        borrow: Option<&Lifetime>,
        validate: Option<&Validate>,
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
        let ParsedField { source, default, scalar, skip_if, limit, bounds, validate: check } =
            parser.read(&word);
        let library_bounds = Bounds::of_library(&field.attrs, validate, cardinality.is_list());
        let library_rules = LibraryRules::read(&field.attrs, validate);
        let (ty, borrow) = (field.ty.clone(), borrow.cloned());
        Some(Self {
            ident,
            ty,
            cardinality,
            source,
            default,
            scalar,
            skip_if,
            limit,
            bounds,
            validate: check,
            library_bounds,
            library_rules,
            borrow,
        })
    }

    /// Tests whether the value may be absent.
    pub(crate) fn is_optional(&self) -> bool {
        self.cardinality.is_option() || self.cardinality.is_list() || self.default.is_some()
    }

    /// Returns the `Layout` of a flattened struct.
    pub(crate) fn layout(&self) -> TokenStream {
        let slots = self.inner_slots();
        quote!(<#slots as __rt::Layout>)
    }

    /// Returns the slots of a flattened struct.
    pub(crate) fn inner_slots(&self) -> TokenStream {
        let ty = &self.ty;
        match &self.borrow {
            Some(life) => quote!(<#ty as ::waylay_extract::ExtractRef<#life>>::Slots),
            None => quote!(<#ty as ::waylay_extract::Extract>::Slots),
        }
    }
}

/// Returns the attribute that names the source.
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
        let misspelled = field.attrs.iter().find_map(|attribute| {
            let word = word(attribute)?;
            // `#[path]` is reserved by the compiler.
            let meant = if word == "path" { Some("param") } else { suggest(&word, &SOURCES) };
            Some((attribute, meant?))
        });
        match misspelled {
            Some((attribute, meant)) => {
                errors.at(attribute.path(), format!("did you mean `#[{meant}]`?"));
            }
            None if needed => {
                let all = SOURCES.map(|source| format!("`#[{source}]`")).join(", ");
                errors.at(ident, format!("`{ident}` has no source: write one of {all} on it"));
            }
            None => {}
        }
        return None;
    };
    for second in found {
        let first = first.path().to_token_stream();
        let message = format!("`{ident}` has the source `#[{first}]` already");
        errors.at(second, message);
    }
    Some(first)
}
