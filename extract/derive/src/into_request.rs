//! impl IntoRequest: the statements that write each field.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{LitStr, Meta, Path};

use crate::attr::error::Errors;
use crate::attr::options::text as literal_text;
use crate::model::field::Field;
use crate::model::location::location_of;
use crate::model::model::Model;
use crate::model::route::target;
use crate::model::source::{Cardinality, FieldSource, Part, View, without_option};
use crate::model::text_options::{Empty, ReadWith, Scalar};

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

/// Returns the statement that runs for each value of a field, named `__value`, and reports what would be read as another
/// value because it is absent.
fn each(field: &Field, write: TokenStream) -> TokenStream {
    let name = &field.ident;
    let absent = absent(field);
    let none = if absent_is_default(field) { absent.clone() } else { quote!({}) };
    match &field.cardinality {
        Cardinality::Single(_) => quote!({ let __value = &self.#name; #write }),
        Cardinality::Option(_) => quote! {
            match &self.#name {
                ::core::option::Option::Some(__value) => { #write }
                ::core::option::Option::None => #none,
            }
        },
        Cardinality::List(_) => quote! {
            if self.#name.is_empty() { #none }
            for __value in &self.#name { #write }
        },
        Cardinality::OptionList(_) => quote! {
            match &self.#name {
                ::core::option::Option::Some(__list) => {
                    // It would be read as `None`.
                    if __list.is_empty() { #absent }
                    for __value in __list { #write }
                }
                ::core::option::Option::None => #none,
            }
        },
    }
}

/// Reports that an absent value would be read as another one.
fn absent(field: &Field) -> TokenStream {
    let Some((location, name)) = location_of(field) else {
        return quote!({});
    };
    quote!(__writer.error(
        __rt::Location::#location,
        #name,
        "expected a value: without one the default is read"
    ))
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

/// The method of the writer that takes the texts of a field.
struct TextTarget {
    /// The method for one value; `_csv` and `_flag` are appended for lists and flags.
    method: &'static str,
    /// The method's argument for the name.
    key: TokenStream,
    /// A third argument of the method.
    option: TokenStream,
}

impl TextTarget {
    fn of(source: &FieldSource) -> Option<Self> {
        let target = |method, name: &LitStr| {
            let key = match source {
                FieldSource::Header { .. } => quote!(&__rt::HeaderName::from_static(#name)),
                _ => quote!(#name),
            };
            let option = match source {
                FieldSource::Cookie { raw, .. } => quote!(, #raw),
                _ => TokenStream::new(),
            };
            Some(Self { method, key, option })
        };
        match source {
            FieldSource::Param { name, raw: true, .. } => target("param_raw", name),
            FieldSource::Param { name, .. } => target("param", name),
            FieldSource::Query { keys } => target("query", &keys[0]),
            FieldSource::Form { keys, .. } => target("form", &keys[0]),
            FieldSource::Cookie { keys, .. } => target("cookie", &keys[0]),
            FieldSource::Header { name, .. } => target("header", name),
            _ => None,
        }
    }

    /// Writes one value, named `__text`.
    fn single(&self) -> TokenStream {
        let (method, key, option) = (format_ident!("{}", self.method), &self.key, &self.option);
        quote!(__writer.#method(#key, __text #option))
    }

    /// Writes the items of a comma-separated list, named `__items`.
    fn csv(&self) -> TokenStream {
        let (method, key) = (format_ident!("{}_csv", self.method), &self.key);
        quote!(__writer.#method(#key, __items))
    }

    /// Writes a flag that is set.
    fn flag(&self) -> TokenStream {
        let (method, key) = (format_ident!("{}_flag", self.method), &self.key);
        quote!(__writer.#method(#key))
    }
}

/// Returns the statements that write a field of texts.
fn text(field: &Field) -> TokenStream {
    let Some(target) = TextTarget::of(&field.source) else {
        return TokenStream::new();
    };
    let scalar = field.scalar.as_ref();
    let is_header = matches!(field.source, FieldSource::Header { .. });
    if is_header && matches!(scalar.map(|scalar| &scalar.read_with), Some(ReadWith::HeaderValue)) {
        let key = &target.key;
        return each(field, quote!(__writer.header_value(#key, __value);));
    }
    if scalar.is_some_and(|scalar| scalar.flag) {
        return flag(field, &target);
    }
    let is_csv = scalar.is_some_and(|scalar| scalar.csv);
    let text = write_text(field, scalar);
    let single = target.single();
    let none = if absent_is_default(field) { absent(field) } else { quote!({}) };
    let name = &field.ident;
    match &field.cardinality {
        Cardinality::Single(_) => quote! {
            let __value = &self.#name;
            let __text = #text;
            #single;
        },
        Cardinality::Option(_) => quote! {
            match &self.#name {
                ::core::option::Option::Some(__value) => {
                    let __text = #text;
                    #single;
                }
                ::core::option::Option::None => #none,
            }
        },
        Cardinality::List(_) => {
            let items = list(&quote!(self.#name), &text, &target, is_csv);
            quote! {
                if self.#name.is_empty() { #none }
                #items
            }
        }
        // An empty list would be read as `None`.
        Cardinality::OptionList(_) => {
            let items = list(&quote!(__list), &text, &target, is_csv);
            let absent = absent(field);
            quote! {
                match &self.#name {
                    ::core::option::Option::Some(__list) => {
                        if __list.is_empty() { #absent }
                        #items
                    }
                    ::core::option::Option::None => #none,
                }
            }
        }
    }
}

/// Returns the statements that write the items of a list, one by one or with commas.
fn list(list: &TokenStream, text: &TokenStream, target: &TextTarget, is_csv: bool) -> TokenStream {
    if is_csv {
        let csv = target.csv();
        return quote! {
            let __items = #list.iter().map(|__value| #text);
            #csv;
        };
    }
    let single = target.single();
    quote! {
        for __value in #list.iter() {
            let __text = #text;
            #single;
        }
    }
}

/// Returns the statement that writes a flag.
fn flag(field: &Field, target: &TextTarget) -> TokenStream {
    let name = &field.ident;
    let set = target.flag();
    let is_option = field.cardinality.is_option();
    let value = if is_option { quote!(self.#name) } else { quote!(::core::option::Option::Some(self.#name)) };
    // An absent flag is read as `false` unless there is a default.
    let unset = if is_option || field.default.is_some() {
        let single = target.single();
        quote! {{
            let __text = ::core::result::Result::Ok("false".into());
            #single
        }}
    } else {
        quote!({})
    };
    quote! {
        match #value {
            ::core::option::Option::Some(true) => #set,
            ::core::option::Option::Some(false) => #unset,
            ::core::option::Option::None => {}
        }
    }
}

/// Returns the expression that writes `__value`, a reference, as text.
fn write_text(field: &Field, scalar: Option<&Scalar>) -> TokenStream {
    let item = field.cardinality.item();
    let text = match scalar.map(|scalar| &scalar.read_with) {
        Some(ReadWith::With(module)) => quote!(#module::to_text(__value)),
        Some(ReadWith::Serde) => quote!(__rt::serde_text(__value)),
        // The span makes the compiler point at the type if nothing writes it.
        _ => quote_spanned!(item.span()=> ((&&&__rt::WriteDispatch::<#item>::new()).writer())(__value)),
    };
    match scalar.map(|scalar| scalar.empty) {
        Some(Empty::None | Empty::Error) => quote!(__rt::not_empty(#text)),
        _ => text,
    }
}

/// Tests whether an absent value is read as something else than the type's own default.
fn absent_is_default(field: &Field) -> bool {
    let ty = &field.ty;
    let plain = quote!(<#ty as ::core::default::Default>::default()).to_string();
    field.default.as_ref().is_some_and(|default| default.to_string() != plain)
}
