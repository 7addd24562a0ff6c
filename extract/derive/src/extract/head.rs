//! Methods of the slots that read path, query, headers, cookies and extensions.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::Lifetime;

use crate::extract::tokens;
use crate::extract::tokens::{read, rule, with_prefix};
use crate::model::field::Field;
use crate::model::model::Model;
use crate::model::source::{FieldSource, View, without_option};
use crate::model::text_options::ReadWith;

/// Returns the methods, and the one for the pairs of a form, which are read as those of a query.
pub(crate) fn write(model: &Model, life: &Lifetime) -> TokenStream {
    let path = path(model, life);
    let query = pairs(model, life, false);
    let form = pairs(model, life, true);
    let rests = [rest(model, life, false), rest(model, life, true)];
    let cookie = cookie(model, life);
    let lookup = lookup(model, life);
    quote!(#path #query #form #(#rests)* #cookie #lookup)
}

fn path(model: &Model, life: &Lifetime) -> TokenStream {
    let mut decoded = Vec::new();
    let mut raw_values = Vec::new();
    for field in &model.fields {
        let slot = &field.ident;
        let FieldSource::Param { name, raw, .. } = &field.source else { continue };
        let push = push_value(model, field);
        if *raw {
            raw_values.push(quote!(#name => #push));
        } else {
            // Where axum's router and waylay's have both matched, the first value stays.
            decoded.push(quote! {
                #name => if !__again || __rt::Slot::is_absent(&self.#slot) { #push }
            });
        }
    }
    let inner: Vec<_> = model.flattened().map(|field| &field.ident).collect();
    quote! {
        fn path(&mut self, __name: &str, __value: __rt::Value<#life>, __again: bool) {
            match __name {
                #(#decoded,)*
                _ => {}
            }
            #(__rt::Slots::path(&mut self.#inner, __name, __value, __again);)*
        }

        fn raw_path(&mut self, __name: &str, __value: __rt::Value<#life>) {
            match __name {
                #(#raw_values,)*
                _ => {}
            }
            #(__rt::Slots::raw_path(&mut self.#inner, __name, __value);)*
        }
    }
}

/// Returns the method that takes one pair of a query or a form, and returns whether a field reads it.
fn pairs(model: &Model, life: &Lifetime, is_form: bool) -> TokenStream {
    let mut arms = Vec::new();
    let mut nested = Vec::new();
    for field in &model.fields {
        match &field.source {
            FieldSource::Query { keys } if !is_form => arms.push((keys, push_value(model, field))),
            FieldSource::Form { keys, query } if is_form || *query => {
                arms.push((keys, push_value(model, field)))
            }
            FieldSource::Nested { form, .. } if *form == is_form => {
                nested.push(tokens::push_nested(model, field, &quote!(__value)));
            }
            _ => {}
        }
    }
    let method = format_ident!("{}", if is_form { "form" } else { "query" });
    let arms = arms.iter().map(|(keys, push)| quote!(#(#keys)|* => #push));
    // Flattened structs are called in any case: they may read a key of the outer struct as well.
    let inner = flattened(model, is_form).map(|field| {
        let slot = &field.ident;
        with_prefix(field, &quote!(__taken |= __rt::Slots::#method(&mut self.#slot, __name, __value);))
    });
    quote! {
        fn #method(&mut self, __name: &str, __value: __rt::Value<#life>) -> bool {
            let mut __taken = true;
            match __name {
                #(#arms,)*
                _ => __taken = false,
            }
            #(if !__taken { __taken = #nested; })*
            #(#inner)*
            __taken
        }
    }
}

/// Returns the flattened structs that read a query, or those that read a form.
fn flattened(model: &Model, is_form: bool) -> impl Iterator<Item = &Field> {
    model.flattened().filter(move |field| match &field.source {
        FieldSource::Flatten { body, .. } => *body || !is_form,
        _ => false,
    })
}

/// Returns the method that takes a pair that no field reads, those of flattened and outer structs included.
fn rest(model: &Model, life: &Lifetime, is_form: bool) -> Option<TokenStream> {
    let own = model.fields.iter().find(|field| match field.source {
        FieldSource::QueryRest => !is_form,
        FieldSource::FormRest => is_form,
        _ => false,
    });
    let own = own.map(|field| {
        let slot = &field.ident;
        quote! {
            self.#slot.push_value(__name, __value);
            true
        }
    });
    let method = format_ident!("{}", if is_form { "form_rest" } else { "query_rest" });
    let inner: Vec<_> = flattened(model, is_form)
        .map(|field| {
            let slot = &field.ident;
            let call = quote! {
                if __rt::Slots::#method(&mut self.#slot, __name, __value) {
                    return true;
                }
            };
            with_prefix(field, &call)
        })
        .collect();
    if own.is_none() && inner.is_empty() {
        return None;
    }
    let last = own.unwrap_or_else(|| quote!(false));
    Some(quote! {
        fn #method(&mut self, __name: &str, __value: __rt::Value<#life>) -> bool {
            #(#inner)*
            #last
        }
    })
}

fn cookie(model: &Model, life: &Lifetime) -> TokenStream {
    let arms = model.fields.iter().filter_map(|field| {
        let FieldSource::Cookie { keys, raw } = &field.source else {
            return None;
        };
        let push = push_value(model, field);
        let undecoded = raw.then(|| quote!(let __value = __value.without_decoding();));
        Some(quote!(#(#keys)|* => { #undecoded #push }))
    });
    let inner = model.flattened().map(|field| {
        let slot = &field.ident;
        with_prefix(field, &quote!(__rt::Slots::cookie(&mut self.#slot, __name, __value);))
    });
    quote! {
        fn cookie(&mut self, __name: &str, __value: __rt::Value<#life>) {
            match __name {
                #(#arms,)*
                _ => {}
            }
            #(#inner)*
        }
    }
}

/// Returns the method that looks up headers by name, and other values by type.
fn lookup(model: &Model, life: &Lifetime) -> TokenStream {
    let steps = model.fields.iter().filter_map(|field| lookup_field(model, field));
    quote! {
        fn lookup(&mut self, __parts: &#life __rt::Parts) {
            #(#steps)*
        }
    }
}

fn lookup_field(model: &Model, field: &Field) -> Option<TokenStream> {
    let slot = &field.ident;
    let inner = without_option(&field.ty);
    let found = match &field.source {
        FieldSource::Header { name, typed } => return Some(lookup_header(model, field, name, *typed)),
        FieldSource::Body(views) if views[..] == [View::Reader] => {
            return Some(quote!(self.#slot.set_headers(&__parts.headers);));
        }
        FieldSource::QueryAll => {
            let max = quote!(<Self as __rt::Layout>::HEAD.max_params);
            let is_option = field.cardinality.is_option();
            return Some(quote!(self.#slot = __rt::whole_query(&__parts.uri, #max, #is_option);));
        }
        FieldSource::Flatten { .. } => return Some(quote!(__rt::Slots::lookup(&mut self.#slot, __parts);)),
        FieldSource::Extension => quote!(__parts.extensions.get::<#inner>().cloned()),
        FieldSource::Request => {
            quote!(<#inner as ::waylay_extract::FromRequestHead>::from_request_head(__parts))
        }
        _ => return None,
    };
    let is_option = field.cardinality.is_option();
    let found = if is_option { quote!(::core::option::Option::Some(#found)) } else { found };
    Some(quote!(self.#slot = #found;))
}

fn lookup_header(model: &Model, field: &Field, name: &syn::LitStr, typed: bool) -> TokenStream {
    let slot = &field.ident;
    let rule = rule(model, field);
    if typed {
        let item = field.cardinality.item();
        return quote! {
            if let ::core::option::Option::Some(__header) = __rt::typed::<#item>(&__parts.headers) {
                self.#slot.push_result(__header, #rule);
            }
        };
    }
    let read_with = field.scalar.as_ref().map(|scalar| &scalar.read_with);
    let (values, push) = if matches!(read_with, Some(ReadWith::HeaderValue)) {
        let value = quote! {
            ::core::result::Result::Ok(::core::option::Option::Some(::core::clone::Clone::clone(__value)))
        };
        (quote!(header_lines), quote!(self.#slot.push_result(#value, #rule)))
    } else {
        (quote!(header_values), push_value(model, field))
    };
    quote! {{
        static __NAME: __rt::HeaderName = __rt::HeaderName::from_static(#name);
        for __value in __rt::#values(&__parts.headers, &__NAME) {
            #push;
        }
    }}
}

/// Returns the expression that moves `__value` into the slot of a text field.
fn push_value(model: &Model, field: &Field) -> TokenStream {
    let slot = &field.ident;
    let read = read(field);
    let rule = rule(model, field);
    quote!(self.#slot.push_value(__value, #read, #rule))
}
