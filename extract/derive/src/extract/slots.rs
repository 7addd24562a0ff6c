//! impl Extract: the struct of slots, and the traits of axum-core.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Generics, Lifetime, parse_quote};

use crate::extract::{body, head, layout, tokens};
use crate::model::field::Field;
use crate::model::model::Model;
use crate::model::route::target;
use crate::model::source::{FieldSource, View, without_option};
use crate::openapi;
use crate::openapi::DocComments;

/// Returns the impl of `HasRoute`, with the struct's route.
fn has_route(model: &Model) -> TokenStream {
    // A struct that borrows is read without a router.
    let (Some(route), None) = (&model.route, &model.borrow) else {
        return TokenStream::new();
    };
    let ident = &model.ident;
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let target = target(route);
    quote! {
        #[automatically_derived]
        impl #impl_generics ::waylay_extract::HasRoute for #ident #type_generics #where_clause {
            const TARGET: &'static __rt::RouteTarget = #target;
        }
    }
}

/// Returns all impls, in an unnamed block so that their names cannot clash with the user's.
pub(crate) fn write(model: &Model, docs: &DocComments) -> TokenStream {
    let slots = slots(model);
    let members = tokens::write(model);
    let layout = layout::write(model);
    let extract = extract(model, docs);
    let routed = has_route(model);
    let argument = model.borrow.is_none().then(|| argument(model));
    quote! {
        #[doc(hidden)]
        #[allow(clippy::all, clippy::pedantic, non_snake_case, unused_comparisons, unused_imports)]
        const _: () = {
            use ::waylay_extract::derive as __rt;
            use __rt::{ReadByNone as _, ReadByFromStr as _, ReadByFromText as _};

            #slots
            #members
            #layout
            #extract
            #argument
            #routed
        };
    }
}

/// Returns the struct that holds the values until all are read.
fn slots(model: &Model) -> TokenStream {
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let generics = &model.generics;
    let fields: Vec<_> = model.fields.iter().filter_map(|field| slot(model, field)).collect();
    let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
    let types = fields.iter().map(|(_, ty)| ty);
    let marker = tokens::marker(generics);
    // As visible as the struct: each names the other in its interface.
    let vis = &model.vis;
    quote! {
        #vis struct __Slots #generics #where_clause {
            #(#names: #types,)*
            __marker: #marker,
        }

        #[automatically_derived]
        impl #impl_generics ::core::default::Default for __Slots #type_generics #where_clause {
            fn default() -> Self {
                Self {
                    #(#names: ::core::default::Default::default(),)*
                    __marker: ::core::marker::PhantomData,
                }
            }
        }
    }
}

/// Returns the name and the type of a field's slot.
fn slot<'m>(model: &Model, field: &'m Field) -> Option<(&'m syn::Ident, TokenStream)> {
    let item = field.cardinality.item();
    let ty = &field.ty;
    let inner = without_option(ty);
    let slot = match &field.source {
        FieldSource::QueryRest | FieldSource::FormRest => quote!(__rt::RestSlot<#ty>),
        FieldSource::QueryAll => quote!(__rt::WholeSlot<#inner>),
        FieldSource::Nested { .. } => quote!(__rt::NestedSlot),
        FieldSource::Json { .. } => match tokens::wrapper(field) {
            Some(wrapper) => {
                let (_, type_generics, _) = model.generics.split_for_impl();
                quote!(__rt::MemberSlot<#wrapper #type_generics>)
            }
            None => quote!(__rt::MemberSlot<#ty>),
        },
        FieldSource::Body(views) => match views[..] {
            [View::Json] => quote!(__rt::MemberSlot<#ty>),
            [View::Stream] => quote!(::core::option::Option<__rt::Body>),
            [View::Reader] => quote!(__rt::MultipartSlot),
            _ if field.source.may_be_parts() => quote!(__rt::FormOrPartsSlot<#inner>),
            _ => quote!(__rt::MemberSlot<#inner>),
        },
        FieldSource::Flatten { .. } => field.inner_slots(),
        FieldSource::Extension | FieldSource::State | FieldSource::Request | FieldSource::From => {
            quote!(::core::option::Option<#ty>)
        }
        FieldSource::Skip => return None,
        _ if field.cardinality.is_list() => quote!(__rt::ListSlot<#item>),
        _ => quote!(__rt::SingleSlot<#item>),
    };
    Some((&field.ident, slot))
}

/// Returns the impl of `Slots` and of the public trait.
fn extract(model: &Model, docs: &DocComments) -> TokenStream {
    let ident = &model.ident;
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let life = model.borrow.clone().unwrap_or_else(|| Lifetime::new("'__r", Span::call_site()));
    let mut with_life = model.generics.clone();
    if model.borrow.is_none() {
        with_life.params.insert(0, parse_quote!(#life));
    }
    let (slots_generics, _, _) = with_life.split_for_impl();
    let head = head::write(model, &life);
    let body = body::borrowed(model, &life);
    // A struct that borrows is never the argument of a route, so no document describes it.
    let describe = model.borrow.is_none().then(|| openapi::write(model, docs));
    let public = match &model.borrow {
        Some(life) => quote!(ExtractRef<#life>),
        None => quote!(Extract),
    };
    quote! {
        #[automatically_derived]
        impl #slots_generics __rt::Slots<#life> for __Slots #type_generics #where_clause {
            #head
            #body
        }

        #[automatically_derived]
        impl #impl_generics ::waylay_extract::#public for #ident #type_generics #where_clause {
            type Slots = __Slots #type_generics;
            #describe
        }
    }
}

/// Returns the impl of `FromRequest` if the struct reads the body, else of `FromRequestParts`, and the same
/// for `Option`.
///
/// With both traits, every use of the type would be ambiguous.
fn argument(model: &Model) -> TokenStream {
    let plain = implement(model, "FromRequest", "from", quote!(Self));
    let option = quote!(::core::option::Option<Self>);
    let optional = implement(model, "OptionalFromRequest", "option_from", option);
    quote!(#plain #optional)
}

/// Returns the impl of one trait by the library's function of that name.
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

/// Returns the statements that make and fill `__slots`: other extractors first, then the path, then the state.
fn fill(model: &Model) -> TokenStream {
    let (_, type_generics, _) = model.generics.split_for_impl();
    let mut before = Vec::new();
    let mut after = Vec::new();
    for field in &model.fields {
        let slot = &field.ident;
        let ty = &field.ty;
        match field.source {
            FieldSource::From => {
                let local = format_ident!("__from_{}", syn::ext::IdentExt::unraw(slot));
                before.push(quote!(let #local = __rt::from::<#ty, __S>(__parts, __state).await?;));
                after.push(quote!(__slots.#slot = #local;));
            }
            FieldSource::State => after.push(quote! {
                __slots.#slot = ::core::option::Option::Some(
                    <#ty as __rt::FromRef<__S>>::from_ref(__state),
                );
            }),
            _ => {}
        }
    }
    quote! {
        #(#before)*
        let mut __slots = <__Slots #type_generics as ::core::default::Default>::default();
        __rt::path(&mut __slots, __parts)?;
        #(#after)*
    }
}

/// Returns the struct's generics with the state of the router as another parameter.
fn with_state(model: &Model) -> Generics {
    let mut generics = model.generics.clone();
    generics.params.push(parse_quote!(__S));
    let clause = generics.make_where_clause();
    let shared = parse_quote!(__S: ::core::marker::Send + ::core::marker::Sync);
    clause.predicates.push(shared);
    for field in &model.fields {
        let ty = &field.ty;
        match field.source {
            FieldSource::State => clause.predicates.push(parse_quote!(#ty: __rt::FromRef<__S>)),
            FieldSource::From => {
                let given = parse_quote!(#ty: __rt::FromRequestParts<__S> + ::core::marker::Send);
                clause.predicates.push(given);
            }
            _ => {}
        }
    }
    generics
}
