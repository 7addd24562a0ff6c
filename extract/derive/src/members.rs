//! The members of a JSON body: the struct that serde reads, and the second pass by name.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Generics, Ident, LitStr};

use crate::{field::Field, model::Model, origin::Origin};

/// Where generated code finds serde, as serde itself has to be told.
const SERDE: &str = "::waylay_extract::derive::serde";

/// One `#[json]` field with its keys and what serde is to be told.
struct Member<'m> {
    field: &'m Field,
    keys: &'m [LitStr],
    passed: &'m [TokenStream],
}

impl Member<'_> {
    /// The struct around a member whose reading serde's attributes change.
    fn wrapper(&self) -> Option<Ident> {
        (!self.passed.is_empty()).then(|| format_ident!("__Member_{}", unraw(&self.field.ident)))
    }
}

fn unraw(ident: &Ident) -> Ident {
    syn::ext::IdentExt::unraw(ident)
}

fn members(model: &Model) -> impl Iterator<Item = Member<'_>> {
    model.fields.iter().filter_map(|field| match &field.origin {
        Origin::Json { keys, passed } => Some(Member { field, keys, passed }),
        _ => None,
    })
}

/// The type that holds the members' slots.
pub(crate) fn slot(model: &Model) -> TokenStream {
    let (_, type_generics, _) = model.generics.split_for_impl();
    match members(model).next() {
        Some(_) => quote!(__Members #type_generics),
        None => quote!(()),
    }
}

/// A use of every type parameter, for structs of ours that may lack one.
pub(crate) fn marker(generics: &Generics) -> TokenStream {
    let params = generics.type_params().map(|param| &param.ident);
    quote!(::core::marker::PhantomData<fn(#(&#params),*)>)
}

/// The structs that serde reads.
pub(crate) fn write(model: &Model) -> TokenStream {
    let members: Vec<_> = members(model).collect();
    if members.is_empty() {
        return TokenStream::new();
    }
    let generics = &model.generics;
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let marker = marker(generics);
    let serde = SERDE;
    let wrappers = members.iter().filter_map(|member| {
        let wrapper = member.wrapper()?;
        let ty = &member.field.ty;
        let passed = member.passed;
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
    let names: Vec<_> = members.iter().map(|member| &member.field.ident).collect();
    let types = members.iter().map(|member| {
        let ty = &member.field.ty;
        match member.wrapper() {
            Some(wrapper) => quote!(#wrapper #type_generics),
            None => quote!(#ty),
        }
    });
    let keys = members.iter().map(|member| &member.keys[0]);
    let aliases = members.iter().map(|member| {
        let aliases = &member.keys[1..];
        quote!(#(alias = #aliases,)*)
    });
    quote! {
        #(#wrappers)*

        #[derive(__rt::serde::Deserialize)]
        #[serde(crate = #serde, bound = "")]
        struct __Members #generics #where_clause {
            #(
                #[serde(rename = #keys, #aliases default = "__rt::Member::absent")]
                #names: __rt::Member<#types>,
            )*
            #[serde(skip)]
            __marker: #marker,
        }

        #[automatically_derived]
        impl #impl_generics ::core::default::Default for __Members #type_generics #where_clause {
            fn default() -> Self {
                Self {
                    #(#names: ::core::default::Default::default(),)*
                    __marker: ::core::marker::PhantomData,
                }
            }
        }
    }
}

/// The statement that fills the members from a body: plainly, then one by one.
pub(crate) fn fill(model: &Model) -> TokenStream {
    let members: Vec<_> = members(model).collect();
    if members.is_empty() {
        return TokenStream::new();
    }
    let names: Vec<_> = members.iter().map(|member| &member.field.ident).collect();
    let keys = members.iter().map(|member| member.keys);
    let keys = keys.map(|keys| quote!(#(#keys)|*));
    quote! {
        match __rt::object(__body) {
            ::core::option::Option::Some(__members) => self.__json = __members,
            ::core::option::Option::None => {
                let mut __members = <Self as ::core::default::Default>::default().__json;
                #(__members.#names = __rt::Member::Absent;)*
                __rt::members(__body, &mut |__key, __raw| match __key {
                    #(#keys => __members.#names.feed(__key, __raw),)*
                    _ => {}
                })?;
                self.__json = __members;
            }
        }
    }
}

/// The expression that empties a member's slot into an `Option` of the field's type.
pub(crate) fn take(field: &Field, key: &LitStr) -> TokenStream {
    let slot = &field.ident;
    // RFC 6901, 3: the two letters that a pointer escapes.
    let pointer = key.value().replace('~', "~0").replace('/', "~1");
    let pointer = format!("/{pointer}");
    let wrapped = matches!(&field.origin, Origin::Json { passed, .. } if !passed.is_empty());
    let slot = if wrapped {
        quote!(self.__json.#slot.map(|__wrapper| __wrapper.value))
    } else {
        quote!(self.__json.#slot)
    };
    match &field.default {
        Some(default) => quote!(#slot.or(|| #default, #pointer, __errors)),
        None if field.shape.is_option() => {
            quote!(#slot.or(|| ::core::option::Option::None, #pointer, __errors))
        }
        None => quote!(#slot.required(#pointer, __errors)),
    }
}
