//! The structs around JSON members whose reading serde's attributes change.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Generics, Ident, ext::IdentExt};

use crate::{field::Field, model::Model, origin::Origin};

/// Where generated code finds serde, as serde itself has to be told.
const SERDE: &str = "::waylay_extract::derive::serde";

/// The struct around a member, if it needs one.
pub(crate) fn wrapper(field: &Field) -> Option<Ident> {
    match &field.origin {
        Origin::Json { passed, .. } if !passed.is_empty() => {
            Some(format_ident!("__Member_{}", field.ident.unraw()))
        }
        _ => None,
    }
}

/// A use of every parameter, for structs of ours that may lack one.
pub(crate) fn marker(generics: &Generics) -> TokenStream {
    let types = generics.type_params().map(|param| &param.ident);
    let lifetimes = generics.lifetimes().map(|param| &param.lifetime);
    quote!(::core::marker::PhantomData<fn(#(&#types,)* #(&#lifetimes (),)*)>)
}

/// The structs that serde reads.
pub(crate) fn write(model: &Model) -> TokenStream {
    let generics = &model.generics;
    let where_clause = &generics.where_clause;
    let marker = marker(generics);
    let serde = SERDE;
    let wrappers = model.fields.iter().filter_map(|field| {
        let wrapper = wrapper(field)?;
        let Origin::Json { passed, .. } = &field.origin else {
            return None;
        };
        let ty = &field.ty;
        Some(quote! {
            #[derive(__rt::serde::Deserialize)]
            #[serde(crate = #serde, transparent, bound = "")]
            #[allow(non_camel_case_types)]
            struct #wrapper #generics #where_clause {
                #[serde(#(#passed),*)]
                value: #ty,
                #[serde(skip)]
                __marker: #marker,
            }
        })
    });
    quote!(#(#wrappers)*)
}
