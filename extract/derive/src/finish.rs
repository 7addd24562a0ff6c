//! How the slots are emptied: into the struct, or into errors.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{ext::IdentExt, spanned::Spanned};

use crate::{
    field::Field,
    fill::inner_layout,
    members,
    model::Model,
    origin::{Origin, View},
};

/// Every slot is emptied before the first `?`, so that every error is told.
pub(crate) fn write(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let fields = model.fields.iter().map(|field| &field.ident);
    let values: Vec<_> = model.fields.iter().map(local).collect();
    let takes = model.fields.iter().map(take);
    let limits = limits(model);
    quote! {
        fn finish(
            self,
            __errors: &mut __rt::Errors,
        ) -> ::core::option::Option<Self::Output> {
            #limits
            #(let #values = #takes;)*
            ::core::option::Option::Some(#ident { #(#fields: #values?,)* })
        }
    }
}

/// What a flattened struct may not have: the outer one alone is an argument, with body and state.
fn limits(model: &Model) -> TokenStream {
    let checks = model.flattened().flat_map(|field| {
        let inner = inner_layout(field);
        let span = field.ty.span();
        let body = "a flattened struct reads no body: move its body fields";
        let state = "a flattened struct reads no state: move its `#[state]` fields";
        [
            quote_spanned!(span=> assert!(#inner::BODY.is_none(), #body)),
            quote_spanned!(span=> assert!(!#inner::STATE, #state)),
        ]
    });
    // An item is checked where it stands, but cannot name the struct's own parameters.
    if model.generics.params.is_empty() {
        quote!(#(const _: () = #checks;)*)
    } else {
        quote!(#(const { #checks };)*)
    }
}

/// A name that neither our own nor the user's default expressions meet.
fn local(field: &Field) -> syn::Ident {
    format_ident!("__value_of_{}", field.ident.unraw())
}

/// The expression that empties a slot into an `Option` of the field's type.
fn take(field: &Field) -> TokenStream {
    let slot = &field.ident;
    let ty = &field.ty;
    let (source, name) = match &field.origin {
        Origin::Param { name, .. } => (quote!(Path), name),
        Origin::Query { keys } => (quote!(Query), &keys[0]),
        Origin::Header { name, .. } => (quote!(Header), name),
        Origin::Cookie { keys, .. } => (quote!(Cookie), &keys[0]),
        Origin::Json { keys, .. } => return members::take(field, &keys[0]),
        Origin::Body(views) => return take_body(field, views[0]),
        Origin::Flatten { .. } => return quote!(__rt::Slots::finish(self.#slot, __errors)),
        Origin::Extension => {
            let reason = format!("no extension fills the field `{slot}`");
            return quote!(__errors.wired(self.#slot, #reason));
        }
        Origin::State => {
            let reason = format!("no state fills the field `{slot}`");
            return quote!(__errors.wired(self.#slot, #reason));
        }
        _ => {
            return quote!(::core::option::Option::Some(
                <#ty as ::core::default::Default>::default()
            ));
        }
    };
    let method = if field.shape.is_option() { quote!(optional) } else { quote!(required) };
    let value = quote!(self.#slot.#method(__rt::Source::#source, #name, __errors));
    match &field.default {
        Some(default) => quote! {
            if __rt::Slot::is_absent(&self.#slot) {
                ::core::option::Option::<#ty>::Some(#default)
            } else {
                #value
            }
        },
        None => value,
    }
}

fn take_body(field: &Field, view: View) -> TokenStream {
    let slot = &field.ident;
    match (view, field.shape.is_option()) {
        (View::Json, true) => quote! {
            self.#slot.or(|| ::core::option::Option::None, "", __errors)
        },
        (View::Json, false) => quote!(self.#slot.required("", __errors)),
        (_, true) => quote!(self.#slot.optional(__errors)),
        // A body of no bytes is a text and a run of bytes like any other.
        (View::Text, false) => {
            let item = &field.ty;
            quote!(self.#slot.text_or_empty((&&&__rt::Pick::<#item>::new()).pick(), __errors))
        }
        _ => quote! {
            self.#slot.or(|| __rt::Bytes::new().into(), "", __errors)
        },
    }
}
