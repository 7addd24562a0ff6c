//! The code that reads the struct: all of it, and the slots that the values wait in.

use proc_macro2::TokenStream;
use quote::quote;

use crate::{
    argument,
    field::Field,
    fill,
    fill::inner_layout,
    finish, members,
    model::Model,
    origin::{Origin, View},
    routed,
    shape::{Shape, without_option},
};

/// Writes everything into one unnamed block, so that no name of ours meets the user's.
pub(crate) fn write(model: &Model) -> TokenStream {
    let slots = slots(model);
    let members = members::write(model);
    let extract = extract(model);
    let argument = argument::write(model);
    let routed = routed::inward(model);
    quote! {
        #[doc(hidden)]
        #[allow(clippy::all, clippy::pedantic, non_snake_case, unused_imports)]
        const _: () = {
            use ::waylay_extract::derive as __rt;
            use __rt::{ByNone as _, ByStr as _, ByText as _};

            #slots
            #members
            #extract
            #argument
            #routed
        };
    }
}

/// The struct in which the values wait, and how they get there.
fn slots(model: &Model) -> TokenStream {
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let generics = &model.generics;
    let fields: Vec<_> = model.fields.iter().filter_map(slot).collect();
    let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
    let types = fields.iter().map(|(_, ty)| ty);
    let marker = members::marker(generics);
    let json = members::slot(model);
    // As visible as the struct: neither may show the other where it is hidden itself.
    let vis = &model.vis;
    quote! {
        #vis struct __Slots #generics #where_clause {
            #(#names: #types,)*
            __json: #json,
            __marker: #marker,
        }

        #[automatically_derived]
        impl #impl_generics ::core::default::Default for __Slots #type_generics #where_clause {
            fn default() -> Self {
                Self {
                    #(#names: ::core::default::Default::default(),)*
                    __json: ::core::default::Default::default(),
                    __marker: ::core::marker::PhantomData,
                }
            }
        }
    }
}

/// A field's slot; members of a JSON body have theirs in a struct that serde reads.
fn slot(field: &Field) -> Option<(&syn::Ident, TokenStream)> {
    let item = field.shape.item();
    let ty = &field.ty;
    let slot = match &field.origin {
        Origin::Param { .. } | Origin::Query { .. } | Origin::Header { .. } | Origin::Cookie { .. } => {
            if field.shape.is_many() {
                quote!(__rt::Many<#item>)
            } else {
                quote!(__rt::One<#item>)
            }
        }
        Origin::Body(views) if views[..] == [View::Json] => quote!(__rt::Member<#ty>),
        Origin::Body(_) => {
            let inner = without_option(ty);
            quote!(__rt::Member<#inner>)
        }
        Origin::Flatten { .. } => quote!(<#ty as ::waylay_extract::Extract>::Slots),
        Origin::Extension | Origin::State => quote!(::core::option::Option<#ty>),
        _ => return None,
    };
    Some((&field.ident, slot))
}

/// The impl of `Slots` and of `Extract`.
fn extract(model: &Model) -> TokenStream {
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let ident = &model.ident;
    let consts = consts(model);
    let by_name = fill::by_name(model);
    let lookup = fill::lookup(model);
    let body = fill::body(model);
    let survey = survey(model);
    let finish = finish::write(model);
    quote! {
        #[automatically_derived]
        impl #impl_generics __rt::Slots for __Slots #type_generics #where_clause {
            type Output = #ident #type_generics;
            #consts
            #by_name
            #lookup
            #body
            #survey
            #finish
        }

        #[automatically_derived]
        impl #impl_generics ::waylay_extract::Extract for #ident #type_generics #where_clause {
            type Slots = __Slots #type_generics;
        }
    }
}

fn consts(model: &Model) -> TokenStream {
    let any = |is: fn(&Origin) -> bool| model.fields.iter().any(|field| is(&field.origin));
    let path = any(|origin| matches!(origin, Origin::Param { .. }));
    let query = any(|origin| matches!(origin, Origin::Query { .. }));
    let cookie = any(|origin| matches!(origin, Origin::Cookie { .. }));
    let state = any(|origin| matches!(origin, Origin::State));
    let json = any(|origin| match origin {
        Origin::Json { .. } => true,
        Origin::Body(views) => views[..] == [View::Json],
        _ => false,
    });
    let limit = model.limit();
    let plan = if model.has_body() {
        quote!(::core::option::Option::Some(__rt::Plan { json: #json, limit: #limit }))
    } else {
        quote!(::core::option::Option::None)
    };
    let inner: Vec<_> = model.flattened().map(inner_layout).collect();
    quote! {
        const PATH: bool = #path #(|| #inner::PATH)*;
        const QUERY: bool = #query #(|| #inner::QUERY)*;
        const COOKIE: bool = #cookie #(|| #inner::COOKIE)*;
        const STATE: bool = #state;
        const BODY: ::core::option::Option<__rt::Plan> = #plan;
    }
}

fn survey(model: &Model) -> TokenStream {
    let looks = model.fields.iter().filter_map(|field| {
        let slot = &field.ident;
        let required = matches!(field.shape, Shape::One(_)) && field.default.is_none();
        match field.origin {
            Origin::Param { .. } | Origin::Query { .. } | Origin::Header { .. } | Origin::Cookie { .. } => {
                Some(quote!(__survey.see(&self.#slot, #required);))
            }
            Origin::Flatten { .. } => Some(quote!(__survey.join(__rt::Slots::survey(&self.#slot));)),
            _ => None,
        }
    });
    quote! {
        fn survey(&self) -> __rt::Survey {
            let mut __survey = __rt::Survey::default();
            #(#looks)*
            __survey
        }
    }
}
