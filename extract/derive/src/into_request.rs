//! Impl IntoRequest.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{LitStr, Meta, Path};

use crate::attr::error::Faults;
use crate::attr::options;
use crate::model::field::Field;
use crate::model::model::Model;
use crate::model::route::target;
use crate::model::source::{Origin, Part, Shape, View};
use crate::model::text_options::{Empty, How, Scalar};

/// What tells a client where the struct's requests go: a member of `IntoRequest`.
pub(crate) fn outward(model: &Model) -> TokenStream {
    let Some(route) = &model.route else {
        return TokenStream::new();
    };
    let target = target(route);
    quote! {
        const TARGET: ::core::option::Option<&'static __rt::Target> =
            ::core::option::Option::Some(#target);
    }
}

/// Tells what cannot be written, though it can be read.
pub(crate) fn check(model: &Model) -> syn::Result<()> {
    let mut faults = Faults::default();
    for field in &model.fields {
        match &field.origin {
            origin if origin.is_stream() => {
                let message = "a stream is gone once it is read: a request that is written holds its body";
                faults.at(&field.ty, message);
            }
            Origin::Param { name, .. } if field.shape.is_option() => {
                let variables = model.route.iter().flat_map(|route| &route.variables);
                let text = name.value();
                if variables.into_iter().any(|variable| variable.name == text && !variable.optional) {
                    let message =
                        format!("`{{{text}}}` cannot be left out: write `{{{text}?}}`, or no `Option`");
                    faults.at(&field.ty, message);
                }
            }
            _ => {}
        }
    }
    faults.finish(())
}

/// Writes everything into one unnamed block, so that no name of ours meets the user's.
pub(crate) fn write(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let fields = model.fields.iter().map(|field| statements(model, field));
    let members = model.fields.iter().any(|field| matches!(field.origin, Origin::Json { .. }));
    let members = members.then(|| quote!(__draft.members();));
    let is_form = |field: &Field| {
        matches!(field.origin, Origin::Form { .. } | Origin::Nested { form: true, .. } | Origin::FormRest)
    };
    let parts = model.fields.iter().any(|field| matches!(field.origin, Origin::Part { .. }));
    let parts = parts.then(|| quote!(__draft.multipart();));
    let form = model.fields.iter().any(is_form).then(|| quote!(__draft.form_body();));
    let route = outward(model);
    quote! {
        #[doc(hidden)]
        #[allow(clippy::all, clippy::pedantic, non_snake_case, unused_imports)]
        const _: () = {
            use ::waylay_extract::derive as __rt;
            use __rt::{OutByDisplay as _, OutByNone as _, OutByText as _};

            #[automatically_derived]
            impl #impl_generics ::waylay_extract::IntoRequest for #ident #type_generics #where_clause {
                #route

                fn write(&self, __draft: &mut __rt::Draft) {
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
    let written = match &field.origin {
        Origin::Flatten { prefix, .. } => {
            let prefix = prefix.as_ref().map_or_else(String::new, LitStr::value);
            quote! {
                __draft.within(#prefix, |__draft| {
                    ::waylay_extract::IntoRequest::write(&self.#name, __draft)
                });
            }
        }
        Origin::QueryRest => rest(model, field, &quote!(query), &quote!(Query)),
        Origin::FormRest => rest(model, field, &quote!(form), &quote!(Form)),
        Origin::Nested { .. } => nested(field),
        Origin::QueryAll => each(field, quote!(__rt::write_query(__value, __draft);)),
        Origin::Header { typed: true, .. } => each(field, quote!(__rt::write_typed(__value, __draft);)),
        Origin::Json { keys, passed } => member(field, &keys[0], passed),
        Origin::Part { keys, what } => part(field, &keys[0], *what),
        Origin::Body(views) => body(field, views.first().copied()),
        Origin::Param { .. }
        | Origin::Query { .. }
        | Origin::Header { .. }
        | Origin::Cookie { .. }
        | Origin::Form { .. } => text(field),
        // What the server finds by itself is no part of what is sent.
        Origin::Extension | Origin::State | Origin::Request | Origin::From | Origin::Skip => {
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
    let keys = model.fields.iter().filter_map(|other| match (&field.origin, &other.origin) {
        (Origin::QueryRest, Origin::Query { keys }) | (Origin::FormRest, Origin::Form { keys }) => Some(keys),
        _ => None,
    });
    let keys: Vec<_> = keys.flatten().collect();
    let nested: Vec<_> = model
        .fields
        .iter()
        .filter_map(|other| match (&field.origin, &other.origin) {
            (Origin::QueryRest, Origin::Nested { keys, form: false, .. })
            | (Origin::FormRest, Origin::Nested { keys, form: true, .. }) => Some(keys),
            _ => None,
        })
        .flatten()
        .collect();
    let taken = "expected keys that no other field reads";
    quote! {
        ::waylay_extract::Rest::each(&self.#name, &mut |__key, __value| {
            if [#(#keys),*].iter().any(|__taken: &&str| *__taken == __key)
                || [#(#nested),*].iter().any(|__taken: &&str| __rt::below(__key, __taken).is_some())
            {
                return __draft.fault(__rt::Source::#source, __key, #taken);
            }
            __draft.#method(__key, ::core::result::Result::Ok(__value.into()))
        });
    }
}

/// The statement that writes a member of a JSON body.
fn member(field: &Field, key: &LitStr, passed: &[TokenStream]) -> TokenStream {
    let name = &field.ident;
    let ty = &field.ty;
    let write = match by(passed) {
        Some(function) => quote! {{
            struct __Spelt<'v>(&'v #ty);
            impl __rt::serde::Serialize for __Spelt<'_> {
                fn serialize<__Z: __rt::serde::Serializer>(
                    &self,
                    __serializer: __Z,
                ) -> ::core::result::Result<__Z::Ok, __Z::Error> {
                    #function(self.0, __serializer)
                }
            }
            __draft.member(#key, &__Spelt(&self.#name));
        }},
        None => quote_spanned!(ty.span()=> __draft.member(#key, &self.#name);),
    };
    if let Some(skip) = asked(passed) {
        return skip.map_or_else(TokenStream::new, |skip| quote!(if !#skip(&self.#name) { #write }));
    }
    // Where an absent member is read as something else, `null` says that there is none.
    if field.shape.is_option() && field.default.is_none() {
        return quote!(if self.#name.is_some() { #write });
    }
    write
}

/// The function by which serde writes a member, if its attributes name one.
fn by(passed: &[TokenStream]) -> Option<TokenStream> {
    passed.iter().find_map(|meta| {
        let Meta::NameValue(pair) = syn::parse2(meta.clone()).ok()? else {
            return None;
        };
        let path: Path = syn::parse_str(&options::text(&pair.value)?).ok()?;
        if pair.path.is_ident("with") {
            return Some(quote!(#path::serialize));
        }
        pair.path.is_ident("serialize_with").then(|| quote!(#path))
    })
}

/// What serde's attributes leave a member out by, if anything: always, or if a function says so.
fn asked(passed: &[TokenStream]) -> Option<Option<Path>> {
    passed.iter().find_map(|meta| match syn::parse2::<Meta>(meta.clone()).ok()? {
        Meta::Path(path) if path.is_ident("skip_serializing") => Some(None),
        Meta::NameValue(pair) if pair.path.is_ident("skip_serializing_if") => {
            syn::parse_str(&options::text(&pair.value)?).ok().map(Some)
        }
        _ => None,
    })
}

/// The statements that write the parts of a multipart body.
fn part(field: &Field, key: &LitStr, what: Part) -> TokenStream {
    let write = match what {
        Part::Text => {
            let spelt = spelt(field, field.scalar.as_ref());
            quote!(__draft.part_text(#key, #spelt);)
        }
        Part::Json => quote!(__draft.part_json(#key, __value);),
        Part::Bytes => quote!(__draft.part_bytes(#key, __value);),
        Part::Upload => quote!(__rt::write_upload(#key, __value, __draft);),
    };
    each(field, write)
}

/// The statements that write the whole body.
fn body(field: &Field, view: Option<View>) -> TokenStream {
    let name = &field.ident;
    let ty = &field.ty;
    let item = crate::model::source::without_option(ty);
    let write = match view.unwrap_or(View::Json) {
        View::Json => quote_spanned!(ty.span()=> __draft.json(__value);),
        View::Form => quote_spanned!(ty.span()=> __rt::write_form(__value, __draft);),
        View::Text => {
            let spelt =
                quote_spanned!(item.span()=> ((&&&__rt::PickOut::<#item>::new()).pick_out())(__value));
            quote!(__draft.text_body(#spelt);)
        }
        View::Bytes => quote_spanned! {ty.span()=>
            __draft.bytes(::core::convert::Into::into(::core::clone::Clone::clone(__value)));
        },
        View::Multipart => quote_spanned!(ty.span()=> __rt::write_parts(__value, __draft);),
        // They have been refused.
        View::Stream | View::ByHand => TokenStream::new(),
    };
    if field.shape.is_option() {
        return quote!(if let ::core::option::Option::Some(__value) = &self.#name { #write });
    }
    quote!({ let __value = &self.#name; #write })
}

/// The pieces of a text field's code that its source decides.
struct Place {
    /// What one value is handed to, the value being `__text`.
    one: TokenStream,
    /// What a list with commas is handed to, the items being `__items`.
    csv: TokenStream,
    /// What stands for a flag that is set.
    flag: TokenStream,
    /// What says that nothing cannot be written.
    fault: TokenStream,
}

fn place(origin: &Origin) -> Place {
    let absent = "expected a value: without one the default is read";
    match origin {
        Origin::Param { name, raw, .. } => Place {
            one: if *raw {
                quote!(__draft.param_raw(#name, __text))
            } else {
                quote!(__draft.param(#name, __text))
            },
            csv: TokenStream::new(),
            flag: TokenStream::new(),
            fault: quote!(__draft.fault(__rt::Source::Path, #name, #absent)),
        },
        Origin::Query { keys } => {
            let key = &keys[0];
            Place {
                one: quote!(__draft.query(#key, __text)),
                csv: quote!(__draft.query_csv(#key, __items)),
                flag: quote!(__draft.query_flag(#key)),
                fault: quote!(__draft.fault(__rt::Source::Query, #key, #absent)),
            }
        }
        Origin::Form { keys } => {
            let key = &keys[0];
            Place {
                one: quote!(__draft.form(#key, __text)),
                csv: quote!(__draft.form_csv(#key, __items)),
                flag: quote!(__draft.form_flag(#key)),
                fault: quote!(__draft.fault(__rt::Source::Form, #key, #absent)),
            }
        }
        Origin::Cookie { keys, raw } => {
            let key = &keys[0];
            Place {
                one: quote!(__draft.cookie(#key, __text, #raw)),
                csv: TokenStream::new(),
                flag: TokenStream::new(),
                fault: quote!(__draft.fault(__rt::Source::Cookie, #key, #absent)),
            }
        }
        Origin::Header { name, .. } => Place {
            one: quote!(__draft.header(&__rt::HeaderName::from_static(#name), __text)),
            csv: quote!(__draft.header_csv(&__rt::HeaderName::from_static(#name), __items)),
            flag: TokenStream::new(),
            fault: quote!(__draft.fault(__rt::Source::Header, #name, #absent)),
        },
        // The other sources are no texts.
        _ => Place {
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
    let Place { one, csv, flag, fault } = place(&field.origin);
    let scalar = field.scalar.as_ref();
    if let (Origin::Header { name: header, .. }, Some(How::HeaderValue)) =
        (&field.origin, scalar.map(|scalar| &scalar.how))
    {
        let line = quote!(__draft.header_value(&__rt::HeaderName::from_static(#header), __value););
        return each(field, line);
    }
    if scalar.is_some_and(|scalar| scalar.flag) {
        let value = if field.shape.is_option() {
            quote!(self.#name)
        } else {
            quote!(::core::option::Option::Some(self.#name))
        };
        // A flag that is not there is not set, unless there is a default.
        let unset = if field.shape.is_option() || field.default.is_some() {
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
    let spelt = spelt(field, scalar);
    let none = if absent_is_default(field) { quote!(#fault) } else { quote!({}) };
    match (&field.shape, is_csv) {
        (Shape::One(_), _) => quote! {
            let __value = &self.#name;
            let __text = #spelt;
            #one;
        },
        (Shape::Option(_), _) => quote! {
            match &self.#name {
                ::core::option::Option::Some(__value) => {
                    let __text = #spelt;
                    #one;
                }
                ::core::option::Option::None => #none,
            }
        },
        (Shape::Many(_), false) => quote! {
            if self.#name.is_empty() { #none }
            for __value in &self.#name {
                let __text = #spelt;
                #one;
            }
        },
        (Shape::Many(_), true) => quote! {
            if self.#name.is_empty() { #none }
            let __items = self.#name.iter().map(|__value| #spelt);
            #csv;
        },
        // An empty list is read as none: what is not there cannot be told apart.
        (Shape::OptionMany(_), is_csv) => {
            let list = if is_csv {
                quote! {
                    let __items = __list.iter().map(|__value| #spelt);
                    #csv;
                }
            } else {
                quote! {
                    for __value in __list {
                        let __text = #spelt;
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
pub(crate) fn spelt(field: &Field, scalar: Option<&Scalar>) -> TokenStream {
    let item = field.shape.item();
    let text = match scalar.map(|scalar| &scalar.how) {
        Some(How::With(module)) => quote!(#module::to_text(__value)),
        Some(How::Serde) => quote!(__rt::serde_text(__value)),
        // At the type's own place, so that the compiler points there if nothing writes it.
        _ => quote_spanned!(item.span()=> ((&&&__rt::PickOut::<#item>::new()).pick_out())(__value)),
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
    match &field.shape {
        Shape::One(_) => quote!({ let __value = &self.#name; #write }),
        Shape::Option(_) => quote!(if let ::core::option::Option::Some(__value) = &self.#name { #write }),
        Shape::Many(_) => quote!(for __value in &self.#name { #write }),
        Shape::OptionMany(_) => quote!(for __value in self.#name.iter().flatten() { #write }),
    }
}

/// The statement that writes the field.
fn nested(field: &Field) -> TokenStream {
    let Origin::Nested { keys, form, nest } = &field.origin else {
        return TokenStream::new();
    };
    let name = &field.ident;
    let key = &keys[0];
    let dots = nest.dots;
    let wanted = absent_is_default(field);
    let method = if *form { quote!(form_nested) } else { quote!(query_nested) };
    if !field.shape.is_option() {
        return quote!(__draft.#method(#key, &self.#name, #dots, #wanted););
    }
    // What is made of nothing is read as none.
    quote! {
        match &self.#name {
            ::core::option::Option::Some(__value) => __draft.#method(#key, __value, #dots, true),
            ::core::option::Option::None => {
                __draft.#method(#key, &::core::option::Option::None::<()>, #dots, #wanted)
            }
        }
    }
}
