//! Values that are absent from a written request.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::field::Field;
use crate::model::location::location_of;
use crate::model::source::Cardinality;

/// Returns the statement that runs for each value of a field, named `__value`, and reports what would be read as another
/// value because it is absent.
pub(crate) fn each(field: &Field, write: TokenStream) -> TokenStream {
    let name = &field.ident;
    let absent = absent(field);
    let none = if absent_is_default(field) { absent.clone() } else { quote!({}) };
    match &field.cardinality {
        Cardinality::Single(_) => quote!({ let __value = &self.#name; #write }),
        Cardinality::Option(_) => quote! {
            match &self.#name {
                ::core::option::Option::Some(__value) => { #write }
                ::core::option::Option::None => #none,
            }
        },
        Cardinality::List(_) => quote! {
            if self.#name.is_empty() { #none }
            for __value in &self.#name { #write }
        },
        Cardinality::OptionList(_) => quote! {
            match &self.#name {
                ::core::option::Option::Some(__list) => {
                    // It would be read as `None`.
                    if __list.is_empty() { #absent }
                    for __value in __list { #write }
                }
                ::core::option::Option::None => #none,
            }
        },
    }
}

/// Reports that an absent value would be read as another one.
pub(crate) fn absent(field: &Field) -> TokenStream {
    let Some((location, name)) = location_of(field) else {
        return quote!({});
    };
    quote!(__writer.error(
        __rt::Location::#location,
        #name,
        "expected a value: without one the default is read"
    ))
}

/// Tests whether an absent value is read as something else than the type's own default.
pub(crate) fn absent_is_default(field: &Field) -> bool {
    let ty = &field.ty;
    let plain = quote!(<#ty as ::core::default::Default>::default()).to_string();
    field.default.as_ref().is_some_and(|default| default.to_string() != plain)
}
