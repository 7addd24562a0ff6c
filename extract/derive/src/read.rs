//! The code that reads the struct: its slots, and the traits of a handler's argument.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Generics, parse_quote, spanned::Spanned};

use crate::{
    field::{Field, Origin, View},
    members,
    model::Model,
    shape::{Shape, without_option},
};

/// Writes everything into one unnamed block, so that no name of ours meets the user's.
pub(crate) fn write(model: &Model) -> TokenStream {
    let slots = slots(model);
    let members = members::write(model);
    let extract = extract(model);
    let argument = argument(model);
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
        Origin::Path(_) | Origin::Query { .. } | Origin::Header { .. } | Origin::Cookie(_) => {
            if field.shape.is_many() { quote!(__rt::Many<#item>) } else { quote!(__rt::One<#item>) }
        }
        Origin::Body(View::Json) => quote!(__rt::Member<#ty>),
        Origin::Body(_) => {
            let inner = without_option(ty);
            quote!(__rt::Member<#inner>)
        }
        Origin::Extension | Origin::State => quote!(::core::option::Option<#ty>),
        Origin::Json { .. } | Origin::Skip => return None,
    };
    Some((&field.ident, slot))
}

/// The statement that takes a value into a text field's slot.
fn feed(model: &Model, field: &Field) -> TokenStream {
    let name = &field.ident;
    let item = field.shape.item();
    let max = model.max_items;
    // At the type's own place, so that the compiler points there if nothing reads it.
    let read = quote_spanned!(item.span()=> (&&&__rt::Pick::<#item>::new()).pick());
    let csv = matches!(field.origin, Origin::Query { csv: true, .. } | Origin::Header { csv: true, .. });
    match &field.shape {
        Shape::Many(_) | Shape::OptionMany(_) if csv => {
            quote!(self.#name.feed_csv(__value, #read, #max))
        }
        Shape::Many(_) | Shape::OptionMany(_) => quote!(self.#name.feed(__value, #read, #max)),
        Shape::Option(_) => quote!(self.#name.feed_optional(__value, #read)),
        Shape::One(_) => quote!(self.#name.feed(__value, #read)),
    }
}

/// The impl of `Slots` and of `Extract`.
fn extract(model: &Model) -> TokenStream {
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let ident = &model.ident;
    let consts = consts(model);
    let by_name = by_name(model);
    let lookup = lookup(model);
    let body = body(model);
    let survey = survey(model);
    let finish = finish(model);
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
    let path = any(|origin| matches!(origin, Origin::Path(_)));
    let query = any(|origin| matches!(origin, Origin::Query { .. }));
    let cookie = any(|origin| matches!(origin, Origin::Cookie(_)));
    let json = any(|origin| matches!(origin, Origin::Json { .. } | Origin::Body(View::Json)));
    let limit = model.limit;
    let plan = if has_body(model) {
        quote!(::core::option::Option::Some(__rt::Plan { json: #json, limit: #limit }))
    } else {
        quote!(::core::option::Option::None)
    };
    quote! {
        const PATH: bool = #path;
        const QUERY: bool = #query;
        const COOKIE: bool = #cookie;
        const BODY: ::core::option::Option<__rt::Plan> = #plan;
    }
}

fn has_body(model: &Model) -> bool {
    let is_body = |field: &Field| matches!(field.origin, Origin::Json { .. } | Origin::Body(_));
    model.fields.iter().any(is_body)
}

/// What is handed in name by name: path variables, query values and cookies.
fn by_name(model: &Model) -> TokenStream {
    let mut names = Vec::new();
    let mut path = Vec::new();
    let mut query = Vec::new();
    let mut cookie = Vec::new();
    for field in &model.fields {
        let slot = &field.ident;
        let feed = feed(model, field);
        match &field.origin {
            Origin::Path(name) => {
                names.push(quote!(#name => ::core::option::Option::Some(#name)));
                // Both routers may have matched: the first to speak is heard.
                path.push(quote!(#name => if __rt::Slot::is_absent(&self.#slot) { #feed }));
            }
            Origin::Query { keys, .. } => query.push(quote!(#(#keys)|* => #feed)),
            Origin::Cookie(name) => cookie.push(quote!(#name => #feed)),
            _ => {}
        }
    }
    quote! {
        fn path_name(__name: &str) -> ::core::option::Option<&'static str> {
            match __name {
                #(#names,)*
                _ => ::core::option::Option::None,
            }
        }

        fn path(&mut self, __name: &str, __value: __rt::Value<'_>) {
            match __name {
                #(#path,)*
                _ => {}
            }
        }

        fn query(&mut self, __name: &str, __value: __rt::Value<'_>) {
            match __name {
                #(#query,)*
                _ => {}
            }
        }

        fn cookie(&mut self, __name: &str, __value: __rt::Value<'_>) {
            match __name {
                #(#cookie,)*
                _ => {}
            }
        }
    }
}

/// What is looked up: headers by name, extensions by type.
fn lookup(model: &Model) -> TokenStream {
    let steps = model.fields.iter().filter_map(|field| {
        let slot = &field.ident;
        let ty = &field.ty;
        match &field.origin {
            Origin::Header { name, .. } => {
                let feed = feed(model, field);
                Some(quote! {{
                    static __NAME: __rt::HeaderName = __rt::HeaderName::from_static(#name);
                    for __value in __rt::header(&__parts.headers, &__NAME) {
                        #feed;
                    }
                }})
            }
            Origin::Extension => Some(match &field.shape {
                Shape::Option(inner) => quote! {
                    self.#slot = ::core::option::Option::Some(
                        __parts.extensions.get::<#inner>().cloned(),
                    );
                },
                _ => quote!(self.#slot = __parts.extensions.get::<#ty>().cloned();),
            }),
            _ => None,
        }
    });
    quote! {
        fn lookup(&mut self, __parts: &__rt::Parts) {
            #(#steps)*
        }
    }
}

/// What becomes of a body that is not empty: its bytes first, since they cannot fail.
fn body(model: &Model) -> TokenStream {
    let mut bytes = Vec::new();
    let mut rest = Vec::new();
    for field in &model.fields {
        let slot = &field.ident;
        let item = without_option(&field.ty);
        match field.origin {
            Origin::Body(View::Bytes) => bytes.push(quote! {
                self.#slot = __rt::Member::Value(::core::clone::Clone::clone(__body).into());
            }),
            Origin::Body(View::Text) => rest.push(quote! {
                self.#slot = __rt::Member::text(__body, (&&&__rt::Pick::<#item>::new()).pick());
            }),
            Origin::Body(View::Json) => rest.push(quote! {
                self.#slot = __rt::Member::whole(__body)?;
            }),
            _ => {}
        }
    }
    let members = members::fill(model);
    quote! {
        fn body(
            &mut self,
            __body: &__rt::Bytes,
        ) -> ::core::result::Result<(), __rt::FieldError> {
            #(#bytes)*
            #(#rest)*
            #members
            ::core::result::Result::Ok(())
        }
    }
}

fn survey(model: &Model) -> TokenStream {
    let looks = model.fields.iter().filter_map(|field| {
        let slot = &field.ident;
        let required = matches!(field.shape, Shape::One(_)) && field.default.is_none();
        match field.origin {
            Origin::Path(_) | Origin::Query { .. } | Origin::Header { .. } | Origin::Cookie(_) => {
                Some(quote!(__survey.see(&self.#slot, #required);))
            }
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

/// Every slot is emptied before the first `?`, so that every error is told.
fn finish(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let fields = model.fields.iter().map(|field| &field.ident);
    let values: Vec<_> = model.fields.iter().map(local).collect();
    let takes = model.fields.iter().map(take);
    quote! {
        fn finish(
            self,
            __errors: &mut __rt::Errors,
        ) -> ::core::option::Option<Self::Output> {
            #(let #values = #takes;)*
            ::core::option::Option::Some(#ident { #(#fields: #values?,)* })
        }
    }
}

/// A name that neither our own nor the user's default expressions meet.
fn local(field: &Field) -> syn::Ident {
    format_ident!("__value_of_{}", syn::ext::IdentExt::unraw(&field.ident))
}

/// The expression that empties a slot into an `Option` of the field's type.
fn take(field: &Field) -> TokenStream {
    let slot = &field.ident;
    let ty = &field.ty;
    let (source, name) = match &field.origin {
        Origin::Path(name) => (quote!(Path), name),
        Origin::Query { keys, .. } => (quote!(Query), &keys[0]),
        Origin::Header { name, .. } => (quote!(Header), name),
        Origin::Cookie(name) => (quote!(Cookie), name),
        Origin::Json { keys, .. } => return members::take(field, &keys[0]),
        Origin::Body(view) => return take_body(field, *view),
        Origin::Extension => {
            let reason = format!("no extension fills the field `{slot}`");
            return quote!(__errors.wired(self.#slot, #reason));
        }
        Origin::State => {
            let reason = format!("no state fills the field `{slot}`");
            return quote!(__errors.wired(self.#slot, #reason));
        }
        Origin::Skip => {
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
        (View::Bytes, false) => quote! {
            self.#slot.or(|| __rt::Bytes::new().into(), "", __errors)
        },
    }
}

/// The traits that make the struct an argument: `FromRequest` if it reads the body, else
/// `FromRequestParts`, never both: with both, every use of the type is ambiguous.
fn argument(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let (_, type_generics, _) = model.generics.split_for_impl();
    let generics = with_state(model);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let states = model.fields.iter().filter_map(|field| {
        let slot = &field.ident;
        let ty = &field.ty;
        matches!(field.origin, Origin::State).then(|| {
            quote! {
                __slots.#slot = ::core::option::Option::Some(
                    <#ty as __rt::FromRef<__S>>::from_ref(__state),
                );
            }
        })
    });
    let fill = quote! {
        #[allow(unused_mut)]
        let mut __slots = __rt::path::<__Slots #type_generics>(__parts).await?;
        #(#states)*
    };
    let output = |value: TokenStream| quote!(::core::result::Result<#value, Self::Rejection>);
    let this = output(quote!(Self));
    let option = output(quote!(::core::option::Option<Self>));
    if has_body(model) {
        let method = |output: &TokenStream, read: TokenStream| {
            quote! {
                async fn from_request(__request: __rt::Request, __state: &__S) -> #output {
                    let (mut __parts, __body) = __request.into_parts();
                    let __parts = &mut __parts;
                    #fill
                    __rt::#read(__slots, __parts, __body).await
                }
            }
        };
        let plain = method(&this, quote!(from_request));
        let optional = method(&option, quote!(option_from_request));
        quote! {
            #[automatically_derived]
            impl #impl_generics __rt::FromRequest<__S> for #ident #type_generics #where_clause {
                type Rejection = __rt::Rejection;
                #plain
            }

            #[automatically_derived]
            impl #impl_generics __rt::OptionalFromRequest<__S> for #ident #type_generics
            #where_clause {
                type Rejection = __rt::Rejection;
                #optional
            }
        }
    } else {
        let method = |output: &TokenStream, read: TokenStream| {
            quote! {
                async fn from_request_parts(
                    __parts: &mut __rt::Parts,
                    __state: &__S,
                ) -> #output {
                    #fill
                    __rt::#read(__slots, __parts)
                }
            }
        };
        let plain = method(&this, quote!(from_parts));
        let optional = method(&option, quote!(option_from_parts));
        quote! {
            #[automatically_derived]
            impl #impl_generics __rt::FromRequestParts<__S> for #ident #type_generics
            #where_clause {
                type Rejection = __rt::Rejection;
                #plain
            }

            #[automatically_derived]
            impl #impl_generics __rt::OptionalFromRequestParts<__S> for #ident #type_generics
            #where_clause {
                type Rejection = __rt::Rejection;
                #optional
            }
        }
    }
}

/// The struct's generics and the state of the router that calls the handler.
fn with_state(model: &Model) -> Generics {
    let mut generics = model.generics.clone();
    generics.params.push(parse_quote!(__S));
    let clause = generics.make_where_clause();
    clause.predicates.push(parse_quote!(__S: ::core::marker::Send + ::core::marker::Sync));
    for field in &model.fields {
        if matches!(field.origin, Origin::State) {
            let ty = &field.ty;
            clause.predicates.push(parse_quote!(#ty: __rt::FromRef<__S>));
        }
    }
    generics
}
