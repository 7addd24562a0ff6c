//! The code that reads the struct: all of it, and the slots that the values wait in.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Lifetime, parse_quote};

use crate::{
    argument, decode, describe,
    describe::Docs,
    field::Field,
    fill, layout, members,
    model::Model,
    origin::{Origin, View},
    routed,
    shape::without_option,
};

/// Writes everything into one unnamed block, so that no name of ours meets the user's.
pub(crate) fn write(model: &Model, docs: &Docs) -> TokenStream {
    let slots = slots(model);
    let members = members::write(model);
    let layout = layout::write(model);
    let extract = extract(model, docs);
    let routed = routed::inward(model);
    let argument = model.borrow.is_none().then(|| argument::write(model));
    quote! {
        #[doc(hidden)]
        #[allow(clippy::all, clippy::pedantic, non_snake_case, unused_imports)]
        const _: () = {
            use ::waylay_extract::derive as __rt;
            use __rt::{ByNone as _, ByStr as _, ByText as _};

            #slots
            #members
            #layout
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
    let fields: Vec<_> = model.fields.iter().filter_map(|field| slot(model, field)).collect();
    let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
    let types = fields.iter().map(|(_, ty)| ty);
    let marker = members::marker(generics);
    // As visible as the struct: neither may show the other where it is hidden itself.
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

/// A field's slot, if it waits for something.
fn slot<'m>(model: &Model, field: &'m Field) -> Option<(&'m syn::Ident, TokenStream)> {
    let item = field.shape.item();
    let ty = &field.ty;
    let inner = without_option(ty);
    let slot = match &field.origin {
        Origin::QueryRest | Origin::FormRest => quote!(__rt::Others<#ty>),
        Origin::QueryAll => quote!(__rt::One<#inner>),
        Origin::Nested { .. } => quote!(__rt::Nested),
        Origin::Json { .. } => match members::wrapper(field) {
            Some(wrapper) => {
                let (_, type_generics, _) = model.generics.split_for_impl();
                quote!(__rt::Member<#wrapper #type_generics>)
            }
            None => quote!(__rt::Member<#ty>),
        },
        Origin::Body(views) => match views[..] {
            [View::Json] => quote!(__rt::Member<#ty>),
            [View::Stream] => quote!(::core::option::Option<__rt::Body>),
            [View::ByHand] => quote!(__rt::Poured),
            _ if field.origin.is_sorted() => quote!(__rt::Sorted<#inner>),
            _ => quote!(__rt::Member<#inner>),
        },
        Origin::Flatten { .. } => field.inner_slots(),
        Origin::Extension | Origin::State | Origin::Request | Origin::From => {
            quote!(::core::option::Option<#ty>)
        }
        Origin::Skip => return None,
        _ if field.shape.is_many() => quote!(__rt::Many<#item>),
        _ => quote!(__rt::One<#item>),
    };
    Some((&field.ident, slot))
}

/// The impl of `Slots` and of the trait that users see.
fn extract(model: &Model, docs: &Docs) -> TokenStream {
    let ident = &model.ident;
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let life = model.borrow.clone().unwrap_or_else(|| Lifetime::new("'__r", Span::call_site()));
    let mut lent = model.generics.clone();
    if model.borrow.is_none() {
        lent.params.insert(0, parse_quote!(#life));
    }
    let (lent, _, _) = lent.split_for_impl();
    let head = fill::write(model, &life);
    let body = decode::borrowed(model, &life);
    // What borrows is no route's argument, so no document shows it.
    let describe = model.borrow.is_none().then(|| describe::write(model, docs));
    let public = match &model.borrow {
        Some(life) => quote!(ExtractRef<#life>),
        None => quote!(Extract),
    };
    quote! {
        #[automatically_derived]
        impl #lent __rt::Slots<#life> for __Slots #type_generics #where_clause {
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
