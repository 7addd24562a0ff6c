//! Impl IntoRequest.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{LitStr, Meta, Path};

use crate::attr::error::Errors;
use crate::attr::options::text as literal_text;
use crate::model::field::Field;
use crate::model::model::Model;
use crate::model::route::target;
use crate::model::source::{Cardinality, FieldSource, Part, View};
use crate::model::text_options::{Empty, ReadWith, Scalar};

/// What tells a client where the struct's requests go: a member of `IntoRequest`.
pub(crate) fn target_const(model: &Model) -> TokenStream {
    let Some(route) = &model.route else {
        return TokenStream::new();
    };
    let target = target(route);
    quote! {
        const TARGET: ::core::option::Option<&'static __rt::RouteTarget> =
            ::core::option::Option::Some(#target);
    }
}

/// Tells what cannot be written, though it can be read.
pub(crate) fn check(model: &Model) -> syn::Result<()> {
    let mut errors = Errors::default();
    for field in &model.fields {
        match &field.source {
            source if source.is_stream() => {
                let message = "a stream is gone once it is read: a request that is written holds its body";
                errors.at(&field.ty, message);
            }
            FieldSource::Param { name, .. } if field.cardinality.is_option() => {
                let variables = model.route.iter().flat_map(|route| &route.variables);
                let text = name.value();
                if variables.into_iter().any(|variable| variable.name == text && !variable.optional) {
                    let message =
                        format!("`{{{text}}}` cannot be left out: write `{{{text}?}}`, or no `Option`");
                    errors.at(&field.ty, message);
                }
            }
            _ => {}
        }
    }
    errors.finish(())
}

/// Writes everything into one unnamed block, so that no name of ours meets the user's.
pub(crate) fn write(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let fields = model.fields.iter().map(|field| statements(model, field));
    let members = model.fields.iter().any(|field| matches!(field.source, FieldSource::Json { .. }));
    let members = members.then(|| quote!(__writer.members();));
    let is_form = |field: &Field| {
        matches!(
            field.source,
            FieldSource::Form { .. } | FieldSource::Nested { form: true, .. } | FieldSource::FormRest
        )
    };
    let parts = model.fields.iter().any(|field| matches!(field.source, FieldSource::Part { .. }));
    let parts = parts.then(|| quote!(__writer.multipart();));
    let form = model.fields.iter().any(is_form).then(|| quote!(__writer.form_body();));
    let route = target_const(model);
    quote! {
        #[doc(hidden)]
        #[allow(clippy::all, clippy::pedantic, non_snake_case, unused_imports)]
        const _: () = {
            use ::waylay_extract::derive as __rt;
            use __rt::{WriteByDisplay as _, WriteByNone as _, WriteByToText as _};

            #[automatically_derived]
            impl #impl_generics ::waylay_extract::IntoRequest for #ident #type_generics #where_clause {
                #route

                fn write(&self, __writer: &mut __rt::RequestWriter) {
                    #form
                    #parts
                    #members
                    #(#fields)*
                }
            }
        };
    }
}

/// The statements that write one field.
fn statements(model: &Model, field: &Field) -> TokenStream {
    let name = &field.ident;
    let written = match &field.source {
        FieldSource::Flatten { prefix, .. } => {
            let prefix = prefix.as_ref().map_or_else(String::new, LitStr::value);
            quote! {
                __writer.prefixed(#prefix, |__writer| {
                    ::waylay_extract::IntoRequest::write(&self.#name, __writer)
                });
            }
        }
        FieldSource::QueryRest => rest(model, field, &quote!(query), &quote!(Query)),
        FieldSource::FormRest => rest(model, field, &quote!(form), &quote!(Form)),
        FieldSource::Nested { .. } => nested(field),
        FieldSource::QueryAll => each(field, quote!(__rt::write_query(__value, __writer);)),
        FieldSource::Header { typed: true, .. } => each(field, quote!(__rt::write_typed(__value, __writer);)),
        FieldSource::Json { keys, passed } => member(field, &keys[0], passed),
        FieldSource::Part { keys, what } => part(field, &keys[0], *what),
        FieldSource::Body(views) => body(field, views.first().copied()),
        FieldSource::Param { .. }
        | FieldSource::Query { .. }
        | FieldSource::Header { .. }
        | FieldSource::Cookie { .. }
        | FieldSource::Form { .. } => text(field),
        // What the server finds by itself is no part of what is sent.
        FieldSource::Extension
        | FieldSource::State
        | FieldSource::Request
        | FieldSource::From
        | FieldSource::Skip => {
            return TokenStream::new();
        }
    };
    match &field.skip_if {
        Some(skip) => quote!(if !#skip(&self.#name) { #written }),
        None => written,
    }
}

/// The statement that writes every pair of a rest, whose keys are not those of other fields.
fn rest(model: &Model, field: &Field, method: &TokenStream, source: &TokenStream) -> TokenStream {
    let name = &field.ident;
    let keys = model.fields.iter().filter_map(|other| match (&field.source, &other.source) {
        (FieldSource::QueryRest, FieldSource::Query { keys })
        | (FieldSource::FormRest, FieldSource::Form { keys }) => Some(keys),
        _ => None,
    });
    let keys: Vec<_> = keys.flatten().collect();
    let nested: Vec<_> = model
        .fields
        .iter()
        .filter_map(|other| match (&field.source, &other.source) {
            (FieldSource::QueryRest, FieldSource::Nested { keys, form: false, .. })
            | (FieldSource::FormRest, FieldSource::Nested { keys, form: true, .. }) => Some(keys),
            _ => None,
        })
        .flatten()
        .collect();
    let taken = "expected keys that no other field reads";
    quote! {
        ::waylay_extract::Rest::for_each(&self.#name, &mut |__key, __value| {
            if [#(#keys),*].iter().any(|__taken: &&str| *__taken == __key)
                || [#(#nested),*].iter().any(|__taken: &&str| __rt::subkey(__key, __taken).is_some())
            {
                return __writer.error(__rt::Location::#source, __key, #taken);
            }
            __writer.#method(__key, ::core::result::Result::Ok(__value.into()))
        });
    }
}

/// The statement that writes a member of a JSON body.
fn member(field: &Field, key: &LitStr, passed: &[TokenStream]) -> TokenStream {
    let name = &field.ident;
    let ty = &field.ty;
    let write = match serialize_with(passed) {
        Some(function) => quote! {{
            struct __With<'v>(&'v #ty);
            impl __rt::serde::Serialize for __With<'_> {
                fn serialize<__Z: __rt::serde::Serializer>(
                    &self,
                    __serializer: __Z,
                ) -> ::core::result::Result<__Z::Ok, __Z::Error> {
                    #function(self.0, __serializer)
                }
            }
            __writer.member(#key, &__With(&self.#name));
        }},
        None => quote_spanned!(ty.span()=> __writer.member(#key, &self.#name);),
    };
    if let Some(skip) = skip_condition(passed) {
        return skip.map_or_else(TokenStream::new, |skip| quote!(if !#skip(&self.#name) { #write }));
    }
    // Where an absent member is read as something else, `null` says that there is none.
    if field.cardinality.is_option() && field.default.is_none() {
        return quote!(if self.#name.is_some() { #write });
    }
    write
}

/// The function by which serde writes a member, if its attributes name one.
fn serialize_with(passed: &[TokenStream]) -> Option<TokenStream> {
    passed.iter().find_map(|meta| {
        let Meta::NameValue(pair) = syn::parse2(meta.clone()).ok()? else {
            return None;
        };
        let path: Path = syn::parse_str(&literal_text(&pair.value)?).ok()?;
        if pair.path.is_ident("with") {
            return Some(quote!(#path::serialize));
        }
        pair.path.is_ident("serialize_with").then(|| quote!(#path))
    })
}

/// What serde's attributes leave a member out by, if anything: always, or if a function says so.
fn skip_condition(passed: &[TokenStream]) -> Option<Option<Path>> {
    passed.iter().find_map(|meta| match syn::parse2::<Meta>(meta.clone()).ok()? {
        Meta::Path(path) if path.is_ident("skip_serializing") => Some(None),
        Meta::NameValue(pair) if pair.path.is_ident("skip_serializing_if") => {
            syn::parse_str(&literal_text(&pair.value)?).ok().map(Some)
        }
        _ => None,
    })
}

/// The statements that write the parts of a multipart body.
fn part(field: &Field, key: &LitStr, what: Part) -> TokenStream {
    let write = match what {
        Part::Text => {
            let write_text = write_text(field, field.scalar.as_ref());
            quote!(__writer.part_text(#key, #write_text);)
        }
        Part::Json => quote!(__writer.part_json(#key, __value);),
        Part::Bytes => quote!(__writer.part_bytes(#key, __value);),
        Part::Upload => quote!(__rt::write_upload(#key, __value, __writer);),
    };
    each(field, write)
}

/// The statements that write the whole body.
fn body(field: &Field, view: Option<View>) -> TokenStream {
    let name = &field.ident;
    let ty = &field.ty;
    let item = crate::model::source::without_option(ty);
    let write = match view.unwrap_or(View::Json) {
        View::Json => quote_spanned!(ty.span()=> __writer.json(__value);),
        View::Form => quote_spanned!(ty.span()=> __rt::write_form(__value, __writer);),
        View::Text => {
            let write_text =
                quote_spanned!(item.span()=> ((&&&__rt::WriteDispatch::<#item>::new()).writer())(__value));
            quote!(__writer.text_body(#write_text);)
        }
        View::Bytes => quote_spanned! {ty.span()=>
            __writer.bytes(::core::convert::Into::into(::core::clone::Clone::clone(__value)));
        },
        View::Multipart => quote_spanned!(ty.span()=> __rt::write_parts(__value, __writer);),
        // They have been refused.
        View::Stream | View::ByHand => TokenStream::new(),
    };
    if field.cardinality.is_option() {
        return quote!(if let ::core::option::Option::Some(__value) = &self.#name { #write });
    }
    quote!({ let __value = &self.#name; #write })
}

/// The pieces of a text field's code that its source decides.
struct TextStatements {
    /// What one value is handed to, the value being `__text`.
    one: TokenStream,
    /// What a list with commas is handed to, the items being `__items`.
    csv: TokenStream,
    /// What stands for a flag that is set.
    flag: TokenStream,
    /// What says that nothing cannot be written.
    fault: TokenStream,
}

fn text_statements(source: &FieldSource) -> TextStatements {
    let absent = "expected a value: without one the default is read";
    match source {
        FieldSource::Param { name, raw, .. } => TextStatements {
            one: if *raw {
                quote!(__writer.param_raw(#name, __text))
            } else {
                quote!(__writer.param(#name, __text))
            },
            csv: TokenStream::new(),
            flag: TokenStream::new(),
            fault: quote!(__writer.error(__rt::Location::Path, #name, #absent)),
        },
        FieldSource::Query { keys } => {
            let key = &keys[0];
            TextStatements {
                one: quote!(__writer.query(#key, __text)),
                csv: quote!(__writer.query_csv(#key, __items)),
                flag: quote!(__writer.query_flag(#key)),
                fault: quote!(__writer.error(__rt::Location::Query, #key, #absent)),
            }
        }
        FieldSource::Form { keys } => {
            let key = &keys[0];
            TextStatements {
                one: quote!(__writer.form(#key, __text)),
                csv: quote!(__writer.form_csv(#key, __items)),
                flag: quote!(__writer.form_flag(#key)),
                fault: quote!(__writer.error(__rt::Location::Form, #key, #absent)),
            }
        }
        FieldSource::Cookie { keys, raw } => {
            let key = &keys[0];
            TextStatements {
                one: quote!(__writer.cookie(#key, __text, #raw)),
                csv: TokenStream::new(),
                flag: TokenStream::new(),
                fault: quote!(__writer.error(__rt::Location::Cookie, #key, #absent)),
            }
        }
        FieldSource::Header { name, .. } => TextStatements {
            one: quote!(__writer.header(&__rt::HeaderName::from_static(#name), __text)),
            csv: quote!(__writer.header_csv(&__rt::HeaderName::from_static(#name), __items)),
            flag: TokenStream::new(),
            fault: quote!(__writer.error(__rt::Location::Header, #name, #absent)),
        },
        // The other sources are no texts.
        _ => TextStatements {
            one: TokenStream::new(),
            csv: TokenStream::new(),
            flag: TokenStream::new(),
            fault: TokenStream::new(),
        },
    }
}

/// The statements that write a field of texts.
pub(crate) fn text(field: &Field) -> TokenStream {
    let name = &field.ident;
    let TextStatements { one, csv, flag, fault } = text_statements(&field.source);
    let scalar = field.scalar.as_ref();
    if let (FieldSource::Header { name: header, .. }, Some(ReadWith::HeaderValue)) =
        (&field.source, scalar.map(|scalar| &scalar.read_with))
    {
        let line = quote!(__writer.header_value(&__rt::HeaderName::from_static(#header), __value););
        return each(field, line);
    }
    if scalar.is_some_and(|scalar| scalar.flag) {
        let value = if field.cardinality.is_option() {
            quote!(self.#name)
        } else {
            quote!(::core::option::Option::Some(self.#name))
        };
        // A flag that is not there is not set, unless there is a default.
        let unset = if field.cardinality.is_option() || field.default.is_some() {
            quote! {{
                let __text = ::core::result::Result::Ok("false".into());
                #one
            }}
        } else {
            quote!({})
        };
        return quote! {
            match #value {
                ::core::option::Option::Some(true) => #flag,
                ::core::option::Option::Some(false) => #unset,
                ::core::option::Option::None => {}
            }
        };
    }
    let is_csv = scalar.is_some_and(|scalar| scalar.csv);
    let write_text = write_text(field, scalar);
    let none = if absent_is_default(field) { quote!(#fault) } else { quote!({}) };
    match (&field.cardinality, is_csv) {
        (Cardinality::Single(_), _) => quote! {
            let __value = &self.#name;
            let __text = #write_text;
            #one;
        },
        (Cardinality::Option(_), _) => quote! {
            match &self.#name {
                ::core::option::Option::Some(__value) => {
                    let __text = #write_text;
                    #one;
                }
                ::core::option::Option::None => #none,
            }
        },
        (Cardinality::List(_), false) => quote! {
            if self.#name.is_empty() { #none }
            for __value in &self.#name {
                let __text = #write_text;
                #one;
            }
        },
        (Cardinality::List(_), true) => quote! {
            if self.#name.is_empty() { #none }
            let __items = self.#name.iter().map(|__value| #write_text);
            #csv;
        },
        // An empty list is read as none: what is not there cannot be told apart.
        (Cardinality::OptionList(_), is_csv) => {
            let list = if is_csv {
                quote! {
                    let __items = __list.iter().map(|__value| #write_text);
                    #csv;
                }
            } else {
                quote! {
                    for __value in __list {
                        let __text = #write_text;
                        #one;
                    }
                }
            };
            quote! {
                match &self.#name {
                    ::core::option::Option::Some(__list) => {
                        if __list.is_empty() { #fault }
                        #list
                    }
                    ::core::option::Option::None => #none,
                }
            }
        }
    }
}

/// The expression that writes `__value`, a reference, as a text.
pub(crate) fn write_text(field: &Field, scalar: Option<&Scalar>) -> TokenStream {
    let item = field.cardinality.item();
    let text = match scalar.map(|scalar| &scalar.read_with) {
        Some(ReadWith::With(module)) => quote!(#module::to_text(__value)),
        Some(ReadWith::Serde) => quote!(__rt::serde_text(__value)),
        // At the type's own place, so that the compiler points there if nothing writes it.
        _ => quote_spanned!(item.span()=> ((&&&__rt::WriteDispatch::<#item>::new()).writer())(__value)),
    };
    match scalar.map(|scalar| scalar.empty) {
        Some(Empty::None | Empty::Error) => quote!(__rt::not_empty(#text)),
        _ => text,
    }
}

/// Whether the reader puts something else than nothing where nothing is written.
pub(crate) fn absent_is_default(field: &Field) -> bool {
    let ty = &field.ty;
    let plain = quote!(<#ty as ::core::default::Default>::default()).to_string();
    field.default.as_ref().is_some_and(|default| default.to_string() != plain)
}

/// The statement that runs for every value of a field, named `__value`.
pub(crate) fn each(field: &Field, write: TokenStream) -> TokenStream {
    let name = &field.ident;
    match &field.cardinality {
        Cardinality::Single(_) => quote!({ let __value = &self.#name; #write }),
        Cardinality::Option(_) => {
            quote!(if let ::core::option::Option::Some(__value) = &self.#name { #write })
        }
        Cardinality::List(_) => quote!(for __value in &self.#name { #write }),
        Cardinality::OptionList(_) => quote!(for __value in self.#name.iter().flatten() { #write }),
    }
}

/// The statement that writes the field.
fn nested(field: &Field) -> TokenStream {
    let FieldSource::Nested { keys, form, options } = &field.source else {
        return TokenStream::new();
    };
    let name = &field.ident;
    let key = &keys[0];
    let dots = options.dots;
    let wanted = absent_is_default(field);
    let method = if *form { quote!(form_nested) } else { quote!(query_nested) };
    if !field.cardinality.is_option() {
        return quote!(__writer.#method(#key, &self.#name, #dots, #wanted););
    }
    // What is made of nothing is read as none.
    quote! {
        match &self.#name {
            ::core::option::Option::Some(__value) => __writer.#method(#key, __value, #dots, true),
            ::core::option::Option::None => {
                __writer.#method(#key, &::core::option::Option::None::<()>, #dots, #wanted)
            }
        }
    }
}
