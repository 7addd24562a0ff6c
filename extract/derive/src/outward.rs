//! The code that writes the struct into a request: the way back of `read`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{LitStr, Meta, Path, spanned::Spanned};

use crate::{
    faults::Faults,
    field::Field,
    literal,
    model::Model,
    nested,
    origin::{Origin, Part, View},
    routed,
    spell::{each, spelt, text},
};

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
    let route = routed::outward(model);
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
        Origin::Nested { .. } => nested::write(field),
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
        let path: Path = syn::parse_str(&literal::text(&pair.value)?).ok()?;
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
            syn::parse_str(&literal::text(&pair.value)?).ok().map(Some)
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
    let item = crate::shape::without_option(ty);
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
