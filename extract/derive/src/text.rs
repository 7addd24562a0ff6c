//! Derive(Text).

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Fields, Ident, LitStr};

use crate::attr::error::Faults;
use crate::attr::options::Options;
use crate::attr::rename::Rename;

/// The impls of `FromText` and `ToText`, or every fault of the type.
pub(crate) fn write(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut faults = Faults::default();
    let rules = Rules::read(&input.attrs, &mut faults);
    let written = match &input.data {
        Data::Enum(data) => {
            let variants: Vec<_> = data
                .variants
                .iter()
                .filter_map(|variant| Variant::read(variant, &rules, &mut faults))
                .collect();
            refuse_duplicates(&variants, rules.ignore_case, &mut faults);
            of_enum(&variants, rules.ignore_case)
        }
        Data::Struct(data) => match &data.fields {
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                if let Some(place) = rules.place {
                    faults.at(place, "a newtype is read as what it holds");
                }
                of_newtype(&fields.unnamed[0].ty)
            }
            _ => {
                faults.at(&input.ident, "`Text` is derived on enums and on structs of one unnamed field");
                Written::default()
            }
        },
        Data::Union(_) => {
            faults.at(&input.ident, "`Text` is derived on enums and on structs of one unnamed field");
            Written::default()
        }
    };
    faults.finish(implement(input, &written))
}

/// The bodies of both methods.
#[derive(Default)]
struct Written {
    from: TokenStream,
    to: TokenStream,
    /// What a document shows.
    schema: TokenStream,
}

fn implement(input: &DeriveInput, Written { from, to, schema }: &Written) -> TokenStream {
    let ident = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    quote! {
        #[doc(hidden)]
        #[allow(clippy::all, clippy::pedantic, unused_imports)]
        const _: () = {
            use ::waylay_extract::derive as __rt;
            use __rt::{ByNone as _, ByStr as _, ByText as _, OutByDisplay as _, OutByNone as _, OutByText as _};

            #[automatically_derived]
            impl #impl_generics ::waylay_extract::FromText for #ident #type_generics #where_clause {
                fn from_text(__text: &str) -> ::core::result::Result<Self, ::waylay_extract::TextError> {
                    #from
                }
            }

            #[automatically_derived]
            impl #impl_generics ::waylay_extract::ToText for #ident #type_generics #where_clause {
                fn to_text(&self) -> ::waylay_extract::Written<'_> {
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

fn of_newtype(inner: &syn::Type) -> Written {
    Written {
        from: quote! {
            (&&&__rt::Pick::<#inner>::new()).pick()(::std::borrow::Cow::Borrowed(__text)).map(Self)
        },
        to: quote!((&&&__rt::PickOut::<#inner>::new()).pick_out()(&self.0)),
        schema: quote!(__rt::text_schema((&&&&__rt::PickSchema::<#inner>::new()).pick_schema())),
    }
}

/// The options in `#[text(…)]` on the type.
struct Rules {
    rename: Option<Rename>,
    ignore_case: bool,
    place: Option<TokenStream>,
}

impl Rules {
    fn read(attributes: &[Attribute], faults: &mut Faults) -> Self {
        let mut rules = Self { rename: None, ignore_case: false, place: None };
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("text")) {
            rules.place = Some(attribute.to_token_stream());
            let mut options = Options::of(attribute, faults);
            if let Some(rule) = options.value("rename_all", faults) {
                rules.rename = Rename::read(&rule, faults);
            }
            rules.ignore_case |= options.flag("ignore_case", faults).is_some();
            options.end(false, &["rename_all", "ignore_case"], faults);
        }
        rules
    }
}

/// One variant with its name and its aliases.
struct Variant {
    ident: Ident,
    names: Vec<LitStr>,
}

impl Variant {
    fn read(variant: &syn::Variant, rules: &Rules, faults: &mut Faults) -> Option<Self> {
        if !matches!(variant.fields, Fields::Unit) {
            faults.at(&variant.fields, "a text holds no more than the variant's name");
            return None;
        }
        let mut name = None;
        let mut aliases = Vec::new();
        for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("text")) {
            let mut options = Options::of(attribute, faults);
            name = options.name().or(name);
            while let Some(alias) = options.value("alias", faults) {
                aliases.extend(faults.check(syn::parse2::<LitStr>(alias.into_token_stream())));
            }
            options.end(true, &["alias"], faults);
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

fn refuse_duplicates(variants: &[Variant], ignore_case: bool, faults: &mut Faults) {
    let mut taken = HashMap::new();
    for variant in variants {
        for name in &variant.names {
            let text = name.value();
            let key = if ignore_case { text.to_ascii_lowercase() } else { text.clone() };
            if let Some(first) = taken.insert(key, &variant.ident) {
                faults.at(name, format!("`{text}` is `{first}` already"));
            }
        }
    }
}

fn of_enum(variants: &[Variant], ignore_case: bool) -> Written {
    let choices: Vec<_> = variants.iter().map(|variant| format!("`{}`", variant.names[0].value())).collect();
    let expected = match &*choices {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    };
    let idents: Vec<_> = variants.iter().map(|variant| &variant.ident).collect();
    let names: Vec<_> = variants.iter().map(|variant| &variant.names).collect();
    let refuse = quote! {
        ::core::result::Result::Err(::waylay_extract::TextError::expected(#expected))
    };
    let from = if ignore_case {
        quote! {
            #(if #(__text.eq_ignore_ascii_case(#names))||* {
                return ::core::result::Result::Ok(Self::#idents);
            })*
            #refuse
        }
    } else {
        quote! {
            ::core::result::Result::Ok(match __text {
                #(#(#names)|* => Self::#idents,)*
                _ => return #refuse,
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
    Written { from, to, schema }
}
