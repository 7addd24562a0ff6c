//! derive(Text): FromText, ToText and TextSchema of enums and newtypes.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Fields, Ident, LitStr};

use crate::attr::error::Errors;
use crate::attr::options::Options;
use crate::attr::rename::Rename;

/// Returns the impls, or all errors of the type.
pub(crate) fn write(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let rules = TypeOptions::read(&input.attrs, &mut errors);
    let impls = match &input.data {
        Data::Enum(data) => {
            let variants: Vec<_> = data
                .variants
                .iter()
                .filter_map(|variant| Variant::read(variant, &rules, &mut errors))
                .collect();
            check_duplicates(&variants, rules.ignore_case, &mut errors);
            of_enum(&variants, rules.ignore_case)
        }
        Data::Struct(data) => match &data.fields {
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                if let Some(place) = rules.place {
                    errors.at(place, "a newtype has the text of its field");
                }
                of_newtype(&fields.unnamed[0].ty)
            }
            _ => {
                errors.at(&input.ident, "`Text` is derived on enums and on structs of one unnamed field");
                TextImpls::default()
            }
        },
        Data::Union(_) => {
            errors.at(&input.ident, "`Text` is derived on enums and on structs of one unnamed field");
            TextImpls::default()
        }
    };
    errors.finish(implement(input, &impls))
}

/// The bodies of the methods.
#[derive(Default)]
struct TextImpls {
    from: TokenStream,
    to: TokenStream,
    schema: TokenStream,
}

fn implement(input: &DeriveInput, TextImpls { from, to, schema }: &TextImpls) -> TokenStream {
    let ident = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    quote! {
        #[doc(hidden)]
        #[allow(clippy::all, clippy::pedantic, unused_imports)]
        const _: () = {
            use ::waylay_extract::derive as __rt;
            use __rt::{ReadByNone as _, ReadByFromStr as _, ReadByFromText as _, WriteByDisplay as _, WriteByNone as _, WriteByToText as _};

            #[automatically_derived]
            impl #impl_generics ::waylay_extract::FromText for #ident #type_generics #where_clause {
                fn from_text(__text: &str) -> ::core::result::Result<Self, ::waylay_extract::TextError> {
                    #from
                }
            }

            #[automatically_derived]
            impl #impl_generics ::waylay_extract::ToText for #ident #type_generics #where_clause {
                fn to_text(&self) -> ::waylay_extract::TextResult<'_> {
                    #to
                }
            }

            ::waylay_extract::__described! {
                #[automatically_derived]
                impl #impl_generics ::waylay_extract::TextSchema for #ident #type_generics #where_clause {
                    fn text_schema() -> __rt::Schema {
                        use __rt::{SchemaByNone as _, SchemaBySchemars as _, SchemaByText as _, SchemaByUtoipa as _};
                        #schema
                    }
                }
            }
        };
    }
}

fn of_newtype(inner: &syn::Type) -> TextImpls {
    TextImpls {
        from: quote! {
            (&&&__rt::ReadDispatch::<#inner>::new()).reader()(::std::borrow::Cow::Borrowed(__text)).map(Self)
        },
        to: quote!((&&&__rt::WriteDispatch::<#inner>::new()).writer()(&self.0)),
        schema: quote!(__rt::text_schema((&&&&__rt::SchemaDispatch::<#inner>::new()).schema_fn())),
    }
}

/// The options in `#[text(…)]` on the type.
struct TypeOptions {
    rename: Option<Rename>,
    ignore_case: bool,
    place: Option<TokenStream>,
}

impl TypeOptions {
    fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut rules = Self { rename: None, ignore_case: false, place: None };
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("text")) {
            rules.place = Some(attribute.to_token_stream());
            let mut options = Options::of(attribute, errors);
            if let Some(rule) = options.value("rename_all", errors) {
                rules.rename = Rename::read(&rule, errors);
            }
            rules.ignore_case |= options.flag("ignore_case", errors).is_some();
            options.end(false, &["rename_all", "ignore_case"], errors);
        }
        rules
    }
}

/// A variant with its name and its aliases.
struct Variant {
    ident: Ident,
    names: Vec<LitStr>,
}

impl Variant {
    fn read(variant: &syn::Variant, rules: &TypeOptions, errors: &mut Errors) -> Option<Self> {
        if !matches!(variant.fields, Fields::Unit) {
            errors.at(&variant.fields, "a variant with fields has no text");
            return None;
        }
        let mut name = None;
        let mut aliases = Vec::new();
        for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("text")) {
            let mut options = Options::of(attribute, errors);
            name = options.name().or(name);
            while let Some(alias) = options.value("alias", errors) {
                aliases.extend(errors.check(syn::parse2::<LitStr>(alias.into_token_stream())));
            }
            options.end(true, &["alias"], errors);
        }
        let name = name.unwrap_or_else(|| {
            let name = variant.ident.unraw().to_string();
            let name = rules.rename.map_or(name.clone(), |rule| rule.apply_to_variant(&name));
            LitStr::new(&name, variant.ident.span())
        });
        let mut names = vec![name];
        names.append(&mut aliases);
        Some(Self { ident: variant.ident.clone(), names })
    }
}

fn check_duplicates(variants: &[Variant], ignore_case: bool, errors: &mut Errors) {
    let mut taken = HashMap::new();
    for variant in variants {
        for name in &variant.names {
            let text = name.value();
            let key = if ignore_case { text.to_ascii_lowercase() } else { text.clone() };
            if let Some(first) = taken.insert(key, &variant.ident) {
                errors.at(name, format!("`{text}` is `{first}` already"));
            }
        }
    }
}

fn of_enum(variants: &[Variant], ignore_case: bool) -> TextImpls {
    let choices: Vec<_> = variants.iter().map(|variant| format!("`{}`", variant.names[0].value())).collect();
    let expected = match &*choices {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    };
    let idents: Vec<_> = variants.iter().map(|variant| &variant.ident).collect();
    let names: Vec<_> = variants.iter().map(|variant| &variant.names).collect();
    let reject = quote! {
        ::core::result::Result::Err(::waylay_extract::TextError::expected(#expected))
    };
    let from = if ignore_case {
        quote! {
            #(if #(__text.eq_ignore_ascii_case(#names))||* {
                return ::core::result::Result::Ok(Self::#idents);
            })*
            #reject
        }
    } else {
        quote! {
            ::core::result::Result::Ok(match __text {
                #(#(#names)|* => Self::#idents,)*
                _ => return #reject,
            })
        }
    };
    let firsts: Vec<_> = variants.iter().map(|variant| &variant.names[0]).collect();
    let schema = quote!(__rt::choices(&[#(#firsts),*]));
    let to = quote! {
        ::core::result::Result::Ok(::std::borrow::Cow::Borrowed(match *self {
            #(Self::#idents => #firsts,)*
        }))
    };
    TextImpls { from, to, schema }
}
