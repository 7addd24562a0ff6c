//! The traits that make the struct an argument of handlers.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Generics, parse_quote};

use crate::{model::Model, origin::Origin};

/// `FromRequest` if the struct reads the body, else `FromRequestParts`, and the twin for `Option`.
///
/// Never both: with both, every use of the type would be ambiguous.
pub(crate) fn write(model: &Model) -> TokenStream {
    let plain = implement(model, "FromRequest", "from", quote!(Self));
    let option = quote!(::core::option::Option<Self>);
    let optional = implement(model, "OptionalFromRequest", "option_from", option);
    quote!(#plain #optional)
}

/// The impl of one trait by the library's function of that name.
fn implement(model: &Model, r#trait: &str, function: &str, value: TokenStream) -> TokenStream {
    let ident = &model.ident;
    let (_, type_generics, _) = model.generics.split_for_impl();
    let generics = with_state(model);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let fill = fill(model);
    let rejection = match &model.container.error {
        Some(error) => quote!(#error),
        None => quote!(__rt::Rejection),
    };
    let output = quote!(::core::result::Result<#value, Self::Rejection>);
    let into = quote!(map_err(::core::convert::From::from));
    let (r#trait, method) = if model.has_body() {
        let function = format_ident!("{function}_request");
        let method = quote! {
            async fn from_request(__request: __rt::Request, __state: &__S) -> #output {
                let (mut __head, __body) = __request.into_parts();
                let __parts = &mut __head;
                #fill
                __rt::#function(__slots, __parts, __body).await.#into
            }
        };
        (format_ident!("{}", r#trait), method)
    } else {
        let function = format_ident!("{function}_parts");
        let method = quote! {
            async fn from_request_parts(__parts: &mut __rt::Parts, __state: &__S) -> #output {
                #fill
                __rt::#function(__slots, __parts).#into
            }
        };
        (format_ident!("{}Parts", r#trait), method)
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics __rt::#r#trait<__S> for #ident #type_generics #where_clause {
            type Rejection = #rejection;
            #method
        }
    }
}

/// The slots with what needs more than the request: other extractors first, then the path, then the state.
fn fill(model: &Model) -> TokenStream {
    let (_, type_generics, _) = model.generics.split_for_impl();
    let mut before = Vec::new();
    let mut after = Vec::new();
    for field in &model.fields {
        let slot = &field.ident;
        let ty = &field.ty;
        match field.origin {
            Origin::From => {
                let local = format_ident!("__from_{}", syn::ext::IdentExt::unraw(slot));
                before.push(quote!(let #local = __rt::from::<#ty, __S>(__parts, __state).await?;));
                after.push(quote!(__slots.#slot = #local;));
            }
            Origin::State => after.push(quote! {
                __slots.#slot = ::core::option::Option::Some(
                    <#ty as __rt::FromRef<__S>>::from_ref(__state),
                );
            }),
            _ => {}
        }
    }
    quote! {
        #(#before)*
        #[allow(unused_mut)]
        let mut __slots = __rt::path::<__Slots #type_generics>(__parts).await?;
        #(#after)*
    }
}

/// The struct's generics and the state of the router that calls the handler.
fn with_state(model: &Model) -> Generics {
    let mut generics = model.generics.clone();
    generics.params.push(parse_quote!(__S));
    let clause = generics.make_where_clause();
    let shared = parse_quote!(__S: ::core::marker::Send + ::core::marker::Sync);
    clause.predicates.push(shared);
    for field in &model.fields {
        let ty = &field.ty;
        match field.origin {
            Origin::State => clause.predicates.push(parse_quote!(#ty: __rt::FromRef<__S>)),
            Origin::From => {
                let given = parse_quote!(#ty: __rt::FromRequestParts<__S> + ::core::marker::Send);
                clause.predicates.push(given);
            }
            _ => {}
        }
    }
    generics
}
