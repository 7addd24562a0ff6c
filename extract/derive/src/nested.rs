//! `#[query(nested)]` and `#[form(nested)]`: values whose parts have keys of their own.

use proc_macro2::TokenStream;
use quote::quote;
use syn::LitStr;

use crate::{field::Field, model::Model, origin::Origin, shape::without_option, spell::absent_is_default};

/// Keys, source and limits of such a field.
fn said(model: &Model, field: &Field) -> Option<(Vec<LitStr>, TokenStream, TokenStream)> {
    let Origin::Nested { keys, form, nest } = &field.origin else {
        return None;
    };
    let source = if *form { quote!(__rt::Source::Form) } else { quote!(__rt::Source::Query) };
    let depth = nest.depth;
    let max = nest.max_items.unwrap_or(model.container.max_items);
    let limit = nest.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let nest = quote!(const { &__rt::Nest { depth: #depth, max: #max, limit: #limit } });
    Some((keys.clone(), source, nest))
}

/// Whether `__name` is a key of the field or below one.
pub(crate) fn is_below(keys: &[LitStr]) -> TokenStream {
    quote!(::core::option::Option::None #(.or_else(|| __rt::below(__name, #keys)))*)
}

/// The expression that takes a value in, if `__name` is a key of the field or below one, and tells whether it is.
pub(crate) fn feed(model: &Model, field: &Field, value: &TokenStream) -> TokenStream {
    let Some((keys, _, nest)) = said(model, field) else {
        return quote!(false);
    };
    let slot = &field.ident;
    let is_below = is_below(&keys);
    quote! {
        if let ::core::option::Option::Some(__rest) = #is_below {
            self.#slot.feed(__rest, #value, #nest);
            true
        } else {
            false
        }
    }
}

/// The expression that empties the slot into an `Option` of the field's type.
pub(crate) fn take(model: &Model, field: &Field) -> TokenStream {
    let Some((keys, source, nest)) = said(model, field) else {
        return TokenStream::new();
    };
    let slot = &field.ident;
    let ty = &field.ty;
    let inner = without_option(ty);
    let name = &keys[0];
    let option = field.shape.is_option();
    let method = if option { quote!(optional) } else { quote!(required) };
    let value = quote!(self.#slot.#method::<#inner>(#source, #name, #nest, __errors));
    let value = match &field.default {
        Some(default) => quote! {
            if __rt::Slot::is_absent(&self.#slot) {
                ::core::option::Option::<#ty>::Some(#default)
            } else {
                #value
            }
        },
        None => value,
    };
    if !field.origin.is_body() {
        return value;
    }
    let required = !field.is_optional();
    quote!(if __errors.blames_body(#required) { ::core::option::Option::None } else { #value })
}

/// The statement that writes the field.
pub(crate) fn write(field: &Field) -> TokenStream {
    let Origin::Nested { keys, form, nest } = &field.origin else {
        return TokenStream::new();
    };
    let name = &field.ident;
    let key = &keys[0];
    let dots = nest.dots;
    let wanted = absent_is_default(field);
    let method = if *form { quote!(form_nested) } else { quote!(query_nested) };
    if !field.shape.is_option() {
        return quote!(__draft.#method(#key, &self.#name, #dots, #wanted););
    }
    // What is made of nothing is read as none.
    quote! {
        match &self.#name {
            ::core::option::Option::Some(__value) => __draft.#method(#key, __value, #dots, true),
            ::core::option::Option::None => {
                __draft.#method(#key, &::core::option::Option::None::<()>, #dots, #wanted)
            }
        }
    }
}
