//! Fill from path, query, header, cookie.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Lifetime;

use crate::extract::tokens;
use crate::extract::tokens::{read, rule, with_prefix};
use crate::model::field::Field;
use crate::model::model::Model;
use crate::model::source::{FieldSource, View, without_option};
use crate::model::text_options::ReadWith;

/// The methods that take path variables, query values, cookies, headers and extensions in.
pub(crate) fn write(model: &Model, life: &Lifetime) -> TokenStream {
    let path = path(model, life);
    let query = pairs(model, life, "query");
    let form = pairs(model, life, "form");
    let cookie = cookie(model, life);
    let lookup = lookup(model, life);
    quote!(#path #query #form #cookie #lookup)
}

fn path(model: &Model, life: &Lifetime) -> TokenStream {
    let mut plain = Vec::new();
    let mut spelt = Vec::new();
    for field in &model.fields {
        let slot = &field.ident;
        let FieldSource::Param { name, raw, .. } = &field.source else { continue };
        let push = push(model, field);
        if *raw {
            spelt.push(quote!(#name => #push));
        } else {
            // Both routers may have matched: the first to speak is heard.
            plain.push(quote! {
                #name => if !__again || __rt::Slot::is_absent(&self.#slot) { #push }
            });
        }
    }
    let inner: Vec<_> = model.flattened().map(|field| &field.ident).collect();
    quote! {
        fn path(&mut self, __name: &str, __value: __rt::Value<#life>, __again: bool) {
            match __name {
                #(#plain,)*
                _ => {}
            }
            #(__rt::Slots::path(&mut self.#inner, __name, __value, __again);)*
        }

        fn raw_path(&mut self, __name: &str, __value: __rt::Value<#life>) {
            match __name {
                #(#spelt,)*
                _ => {}
            }
            #(__rt::Slots::raw_path(&mut self.#inner, __name, __value);)*
        }
    }
}

/// The method that takes a pair of a query or a form in, and tells whether anyone wants it.
fn pairs(model: &Model, life: &Lifetime, source: &str) -> TokenStream {
    let mut arms = Vec::new();
    let mut rest = None;
    let mut nested = Vec::new();
    for field in &model.fields {
        match &field.source {
            FieldSource::Query { keys } if source == "query" => arms.push((keys, push(model, field))),
            FieldSource::Form { keys } if source == "form" => arms.push((keys, push(model, field))),
            FieldSource::Nested { form, .. } if *form == (source == "form") => {
                nested.push(tokens::push(model, field, &quote!(__value)));
            }
            FieldSource::QueryRest if source == "query" => rest = Some(&field.ident),
            FieldSource::FormRest if source == "form" => rest = Some(&field.ident),
            _ => {}
        }
    }
    let method = syn::Ident::new(source, proc_macro2::Span::call_site());
    let arms = arms.iter().map(|(keys, push)| quote!(#(#keys)|* => #push));
    let reads = |field: &&Field| match &field.source {
        FieldSource::Flatten { body, .. } => *body || source == "query",
        _ => false,
    };
    // A name that the outer struct reads is read by the inner ones as well.
    let inner = model.fields.iter().filter(reads).map(|field| {
        let slot = &field.ident;
        let call = quote!(__taken |= __rt::Slots::#method(&mut self.#slot, __name, __value););
        with_prefix(field, &call)
    });
    let rest = rest.map(|slot| {
        quote! {
            if !__taken {
                self.#slot.push_value(__name, __value);
                __taken = true;
            }
        }
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
            #rest
            __taken
        }
    }
}

fn cookie(model: &Model, life: &Lifetime) -> TokenStream {
    let arms = model.fields.iter().filter_map(|field| {
        let FieldSource::Cookie { keys, raw } = &field.source else {
            return None;
        };
        let push = push(model, field);
        let undecoded = raw.then(|| quote!(let __value = __value.undecoded();));
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

/// What is looked up: headers by name, the rest by type.
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
    let item = field.cardinality.item();
    let inner = without_option(&field.ty);
    let wrap = |found: TokenStream| {
        if field.cardinality.is_option() { quote!(::core::option::Option::Some(#found)) } else { found }
    };
    Some(match &field.source {
        FieldSource::Header { typed: true, .. } => {
            let rule = rule(model, field);
            quote! {
                if let ::core::option::Option::Some(__header) = __rt::typed::<#item>(&__parts.headers) {
                    self.#slot.offer(__header, #rule);
                }
            }
        }
        FieldSource::Header { name, .. } => {
            let how = field.scalar.as_ref().map(|scalar| &scalar.read_with);
            let (lines, push) = if matches!(how, Some(ReadWith::HeaderValue)) {
                let rule = rule(model, field);
                let value = quote! {
                    ::core::result::Result::Ok(::core::option::Option::Some(::core::clone::Clone::clone(__value)))
                };
                (quote!(lines), quote!(self.#slot.offer(#value, #rule)))
            } else {
                (quote!(header), push(model, field))
            };
            quote! {{
                static __NAME: __rt::HeaderName = __rt::HeaderName::from_static(#name);
                for __value in __rt::#lines(&__parts.headers, &__NAME) {
                    #push;
                }
            }}
        }
        FieldSource::Body(views) if views[..] == [View::ByHand] => quote!(self.#slot.head(&__parts.headers);),
        FieldSource::QueryAll => {
            let max = quote!(<Self as __rt::Layout>::HEAD.max_params);
            quote!(self.#slot = __rt::whole_query(&__parts.uri, #max);)
        }
        FieldSource::Flatten { .. } => quote!(__rt::Slots::lookup(&mut self.#slot, __parts);),
        FieldSource::Extension => {
            let found = wrap(quote!(__parts.extensions.get::<#inner>().cloned()));
            quote!(self.#slot = #found;)
        }
        FieldSource::Request => {
            let found =
                wrap(quote!(<#inner as ::waylay_extract::FromRequestHead>::from_request_head(__parts)));
            quote!(self.#slot = #found;)
        }
        _ => return None,
    })
}

/// The expression that takes `__value` into a text field's slot.
pub(crate) fn push(model: &Model, field: &Field) -> TokenStream {
    let slot = &field.ident;
    let read = read(field);
    let rule = rule(model, field);
    quote!(self.#slot.push_value(__value, #read, #rule))
}
