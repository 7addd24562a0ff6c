//! impl IntoRequest: the statements that write each field.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{LitStr, Meta, Path};

use crate::attr::error::Errors;
use crate::attr::options::text as literal_text;
use crate::into_request::absent::{absent_is_default, each};
use crate::into_request::text::{text, write_text};
use crate::model::field::Field;
use crate::model::model::Model;
use crate::model::route::target;
use crate::model::source::{FieldSource, Part, View, without_option};

/// Reports the fields that can be read and not written.
pub(crate) fn check(model: &Model) -> syn::Result<()> {
    let mut errors = Errors::default();
    for field in &model.fields {
        match &field.source {
            source if source.is_stream() => {
                let message = "a stream can be read once: a struct that is written needs the whole body";
                errors.at(&field.ty, message);
            }
            FieldSource::Param { name, .. } if field.cardinality.is_option() => {
                let mut variables = model.route.iter().flat_map(|route| &route.variables);
                let text = name.value();
                if variables.any(|variable| variable.name == text && !variable.optional) {
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

/// Returns the impl, in an unnamed block so that its names cannot clash with the user's.
pub(crate) fn write(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let has = |is: fn(&FieldSource) -> bool| model.fields.iter().any(|field| is(&field.source));
    let members =
        has(|source| matches!(source, FieldSource::Json { .. })).then(|| quote!(__writer.members();));
    let parts =
        has(|source| matches!(source, FieldSource::Part { .. })).then(|| quote!(__writer.multipart();));
    let form = has(|source| {
        matches!(
            source,
            FieldSource::Form { .. } | FieldSource::Nested { form: true, .. } | FieldSource::FormRest
        )
    });
    let form = form.then(|| quote!(__writer.form_body();));
    let target = model.route.as_ref().map(target).map(|target| {
        quote! {
            const TARGET: ::core::option::Option<&'static __rt::RouteTarget> =
                ::core::option::Option::Some(#target);
        }
    });
    let fields = model.fields.iter().map(field_statements);
    let reads_key = reads_key(model);
    quote! {
        #[doc(hidden)]
        #[allow(clippy::all, clippy::pedantic, non_snake_case, unused_imports)]
        const _: () = {
            use ::waylay_extract::derive as __rt;
            use __rt::{WriteByDisplay as _, WriteByNone as _, WriteByToText as _};

            #[automatically_derived]
            impl #impl_generics ::waylay_extract::IntoRequest for #ident #type_generics #where_clause {
                #target

                fn write(&self, __writer: &mut __rt::RequestWriter) {
                    #form
                    #parts
                    #members
                    #(#fields)*
                }

                #reads_key
            }
        };
    }
}

/// Returns the statements that write one field.
fn field_statements(field: &Field) -> TokenStream {
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
        FieldSource::QueryRest | FieldSource::FormRest => rest(field),
        FieldSource::Nested { keys, form, options } => nested(field, &keys[0], *form, options.dots),
        FieldSource::QueryAll => {
            let require = field.cardinality.is_option().then(|| quote!(__writer.require_query();));
            each(field, quote!({ __rt::write_query(__value, __writer); #require }))
        }
        FieldSource::Header { typed: true, .. } => each(field, quote!(__rt::write_typed(__value, __writer);)),
        FieldSource::Json { keys, passed } => member(field, &keys[0], passed),
        FieldSource::Part { keys, what } => part(field, &keys[0], *what),
        FieldSource::Body(views) => body(field, views.first().copied()),
        FieldSource::Param { .. }
        | FieldSource::Query { .. }
        | FieldSource::Header { .. }
        | FieldSource::Cookie { .. }
        | FieldSource::Form { .. } => text(field),
        // These values come from the server, not from the request.
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

/// Returns the statement that writes every pair of a rest.
fn rest(field: &Field) -> TokenStream {
    let name = &field.ident;
    let is_form = matches!(field.source, FieldSource::FormRest);
    quote!(__writer.rest(&self.#name, #is_form);)
}

/// Returns the function that tests whether a field reads a key of the query or of the form, so that no rest has it.
fn reads_key(model: &Model) -> TokenStream {
    let of = |form: bool| {
        let tests = model.fields.iter().filter_map(|field| match &field.source {
            FieldSource::Query { keys } if !form => Some(quote!(matches!(__name, #(#keys)|*))),
            FieldSource::Form { keys, query } if form || *query => Some(quote!(matches!(__name, #(#keys)|*))),
            FieldSource::Part { keys, .. } if form => Some(quote!(matches!(__name, #(#keys)|*))),
            FieldSource::Nested { keys, form: is_form, .. } if *is_form == form => {
                Some(quote!(#(__rt::subkey(__name, #keys).is_some())||*))
            }
            FieldSource::Flatten { prefix, .. } => {
                let ty = &field.ty;
                let prefix = prefix.as_ref().map_or_else(String::new, LitStr::value);
                Some(quote! {
                    __name.strip_prefix(#prefix).is_some_and(|__name| {
                        <#ty as ::waylay_extract::IntoRequest>::reads_key(__name, #form)
                    })
                })
            }
            _ => None,
        });
        // One after another: a long expression is a deep one.
        quote!(#(if #tests { return true; })* false)
    };
    let (query, form) = (of(false), of(true));
    quote! {
        fn reads_key(__name: &str, __is_form: bool) -> bool {
            if __is_form { #form } else { #query }
        }
    }
}

/// Returns the statement that writes a value with nested keys.
fn nested(field: &Field, key: &LitStr, is_form: bool, dots: bool) -> TokenStream {
    let name = &field.ident;
    let required = absent_is_default(field);
    let method = if is_form { quote!(form_nested) } else { quote!(query_nested) };
    if !field.cardinality.is_option() {
        return quote!(__writer.#method(#key, &self.#name, #dots, #required););
    }
    // A `Some` without any key would be read as `None`.
    quote! {
        match &self.#name {
            ::core::option::Option::Some(__value) => __writer.#method(#key, __value, #dots, true),
            ::core::option::Option::None => {
                __writer.#method(#key, &::core::option::Option::None::<()>, #dots, #required)
            }
        }
    }
}

/// Returns the statement that writes a member of a JSON body.
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
    if !field.cardinality.is_option() {
        return write;
    }
    // With a default, an absent member is not `None`, so `None` is written as `null`.
    let none = if field.default.is_some() { write.clone() } else { quote!({}) };
    quote! {
        match &self.#name {
            ::core::option::Option::Some(_) => { #write __writer.require_member(#key); }
            ::core::option::Option::None => { #none }
        }
    }
}

/// Returns the function of serde's `with` or `serialize_with`.
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

/// Returns serde's condition for leaving the member out: `Some(None)` for always, or a function.
fn skip_condition(passed: &[TokenStream]) -> Option<Option<Path>> {
    passed.iter().find_map(|meta| match syn::parse2::<Meta>(meta.clone()).ok()? {
        Meta::Path(path) if path.is_ident("skip_serializing") => Some(None),
        Meta::NameValue(pair) if pair.path.is_ident("skip_serializing_if") => {
            syn::parse_str(&literal_text(&pair.value)?).ok().map(Some)
        }
        _ => None,
    })
}

/// Returns the statements that write the parts of a multipart body.
fn part(field: &Field, key: &LitStr, what: Part) -> TokenStream {
    let write = match what {
        Part::Text => {
            let text = write_text(field, field.scalar.as_ref());
            quote!(__writer.part_text(#key, #text);)
        }
        Part::Json => quote!(__writer.part_json(#key, __value);),
        Part::Bytes => quote!(__writer.part_bytes(#key, __value);),
        Part::Upload => quote!(__rt::write_upload(#key, __value, __writer);),
    };
    each(field, write)
}

/// Returns the statements that write the whole body.
fn body(field: &Field, view: Option<View>) -> TokenStream {
    let name = &field.ident;
    let ty = &field.ty;
    let item = without_option(ty);
    let write = match view.unwrap_or(View::Json) {
        View::Json => quote_spanned!(ty.span()=> __writer.json(__value);),
        View::Form => quote_spanned!(ty.span()=> __rt::write_form(__value, __writer);),
        View::Text => {
            let text =
                quote_spanned!(item.span()=> ((&&&__rt::WriteDispatch::<#item>::new()).writer())(__value));
            quote!(__writer.text_body(#text);)
        }
        View::Bytes => quote_spanned! {ty.span()=>
            __writer.bytes(::core::convert::Into::into(::core::clone::Clone::clone(__value)));
        },
        View::Multipart => quote_spanned!(ty.span()=> __rt::write_parts(__value, __writer);),
        // `check` has rejected them.
        View::Stream | View::Reader => TokenStream::new(),
    };
    if field.cardinality.is_option() {
        return quote! {
            if let ::core::option::Option::Some(__value) = &self.#name {
                #write
                __writer.require_body();
            }
        };
    }
    quote!({ let __value = &self.#name; #write })
}
