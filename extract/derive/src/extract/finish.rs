//! Layout::finish: the slots to the struct, or to errors.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt;

use crate::extract::bounds::checked;
use crate::extract::checks::checks;
use crate::extract::library;
use crate::extract::tokens;
use crate::extract::tokens::{is_reference, prefix, read_dispatch, wrapper};
use crate::model::field::Field;
use crate::model::library::Validate;
use crate::model::location::{location_of, pointer};
use crate::model::model::Model;
use crate::model::source::{FieldSource, View};
use crate::model::text_options::{Empty, Scalar};

/// Returns the method. Every slot is emptied before the first `?`, so that all errors are reported.
pub(crate) fn write(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let fields = model.fields.iter().map(|field| &field.ident);
    let values: Vec<_> = model.fields.iter().map(local).collect();
    let takes = model.fields.iter().map(|field| match &field.source {
        FieldSource::Nested { .. } => tokens::take(model, field, checked),
        _ => take(field),
    });
    let checks = checks(model);
    let whole = quote!(#ident { #(#fields: #values?,)* });
    let whole = match &model.container.validate {
        None => quote!(::core::option::Option::Some(#whole)),
        Some(validate) => {
            let check = match validate {
                Validate::Function(function) => quote!(#function),
                Validate::Garde => quote!(__rt::garde),
                Validate::Validator => quote!(__rt::validator),
            };
            let locations = model.fields.iter().enumerate().filter_map(|(at, field)| location_arm(at, field));
            quote! {
                __errors.validate(#whole, #check, |__field| {
                    ::core::option::Option::Some(match __field {
                        #(#locations,)*
                        _ => return ::core::option::Option::None,
                    })
                })
            }
        }
    };
    let library = library::checks(model, &values);
    quote! {
        fn finish(
            self,
            __errors: &mut __rt::Errors,
        ) -> ::core::option::Option<Self::Output> {
            #checks
            #(let #values = #takes;)*
            #library
            #whole
        }
    }
}

/// Returns a local name that cannot clash with the user's default expressions.
fn local(field: &Field) -> syn::Ident {
    format_ident!("__value_of_{}", field.ident.unraw())
}

fn location_arm(at: usize, field: &Field) -> Option<TokenStream> {
    let (location, name) = location_of(field)?;
    let ident = field.ident.unraw().to_string();
    Some(quote!(#ident => (#at, __rt::Location::#location, #name)))
}

/// Returns the expression that moves a slot into an `Option` of the field's type.
fn take(field: &Field) -> TokenStream {
    let slot = &field.ident;
    let ty = &field.ty;
    let what = match &field.source {
        FieldSource::Json { keys, .. } => return take_member(field, &pointer(&keys[0])),
        FieldSource::Body(views) => return checked(field, take_body(field, views)),
        FieldSource::QueryRest => return quote!(self.#slot.finish(__rt::Location::Query, __errors)),
        FieldSource::FormRest => return quote!(self.#slot.finish(__rt::Location::Form, __errors)),
        FieldSource::Flatten { .. } => {
            return match prefix(field) {
                Some(prefix) => quote! {
                    __errors.prefixed(#prefix, |__errors| __rt::Layout::finish(self.#slot, __errors))
                },
                None => quote!(__rt::Layout::finish(self.#slot, __errors)),
            };
        }
        FieldSource::Extension => "extension",
        FieldSource::State => "state",
        FieldSource::Request => "part of the request head",
        FieldSource::From => "extractor",
        FieldSource::Skip => {
            return quote!(::core::option::Option::Some(
                <#ty as ::core::default::Default>::default()
            ));
        }
        _ => return take_text(field),
    };
    let reason = format!("no {what} fills the field `{slot}`");
    quote!(__errors.provided(self.#slot, #reason))
}

fn take_text(field: &Field) -> TokenStream {
    let slot = &field.ident;
    let ty = &field.ty;
    let Some((location, name)) = location_of(field) else {
        return TokenStream::new();
    };
    let method = if field.cardinality.is_option() { quote!(optional) } else { quote!(required) };
    let scalar = field.scalar.as_ref();
    let min = scalar.map_or(0, |scalar: &Scalar| scalar.min_items);
    let at_least = (min > 0).then(|| quote!(.at_least(#min)));
    let value = quote!(self.#slot #at_least.#method(__rt::Location::#location, #name, __errors));
    let value = if field.source.is_body() {
        // An error of the body is reported once, by the first field that needs it.
        let required = !field.is_optional() && !scalar.is_some_and(|scalar| scalar.flag);
        match &field.source {
            // It may be in the query, without a body.
            FieldSource::Form { query: true, .. } => quote! {
                if __rt::Slot::is_absent(&self.#slot) && __errors.lacks_body(false) {
                    ::core::option::Option::None
                } else {
                    #value
                }
            },
            _ => quote!(if __errors.lacks_body(#required) { ::core::option::Option::None } else { #value }),
        }
    } else {
        value
    };
    // A default is the program's: it is not checked.
    let value = checked(field, value);
    let flag = scalar.is_some_and(|scalar| scalar.flag) && !field.cardinality.is_option();
    let default = match &field.default {
        None if flag => Some(quote!(<#ty as ::core::default::Default>::default())),
        default => default.clone(),
    };
    let absent = match scalar.map(|scalar| scalar.empty) {
        Some(Empty::None) if !field.cardinality.is_list() => quote!(self.#slot.is_none()),
        _ => quote!(__rt::Slot::is_absent(&self.#slot)),
    };
    match default {
        Some(default) => {
            let report = field.source.is_body().then(|| quote!(__errors.lacks_body(false);));
            quote! {
                if #absent {
                    #report
                    ::core::option::Option::<#ty>::Some(#default)
                } else {
                    #value
                }
            }
        }
        None => value,
    }
}

fn take_member(field: &Field, pointer: &str) -> TokenStream {
    let slot = &field.ident;
    let slot = match wrapper(field) {
        Some(_) => quote!(self.#slot.map(|__wrapper| __wrapper.value)),
        None => quote!(self.#slot),
    };
    match &field.default {
        Some(default) if !field.bounds.is_empty() || field.validate.is_some() => {
            let value = checked(field, quote!(__slot.required(#pointer, __errors)));
            quote! {
                match #slot {
                    __slot @ __rt::MemberSlot::Unread => __slot.or(|| #default, #pointer, __errors),
                    __slot => #value,
                }
            }
        }
        Some(default) => quote!(#slot.or(|| #default, #pointer, __errors)),
        None if field.cardinality.is_option() => {
            checked(field, quote!(#slot.or(|| ::core::option::Option::None, #pointer, __errors)))
        }
        None => checked(field, quote!(#slot.required(#pointer, __errors))),
    }
}

fn take_body(field: &Field, views: &[View]) -> TokenStream {
    let slot = &field.ident;
    let option = field.cardinality.is_option();
    match views {
        [View::Json] if option => quote! {
            self.#slot.or(|| ::core::option::Option::None, "", __errors)
        },
        [View::Reader] => {
            let method = if option { quote!(optional) } else { quote!(required) };
            quote!(self.#slot.#method(&<Self as __rt::Layout>::BODY, __errors))
        }
        _ if field.source.may_be_parts() => {
            let method = match (option, views.first()) {
                (true, _) => quote!(optional(__errors)),
                (false, Some(View::Form)) => quote!(form_or_empty(__errors)),
                (false, _) => quote!(required("", __errors)),
            };
            quote!(self.#slot.finish(__errors).#method)
        }
        [View::Stream] => quote!(__errors.require_body(self.#slot.map(::core::convert::Into::into))),
        _ if option => quote!(self.#slot.optional(__errors)),
        // A form without pairs is an empty body.
        [View::Form, ..] => quote!(self.#slot.form_or_empty(__errors)),
        // An empty body is a valid text and a valid run of bytes.
        [View::Text] => {
            let read = read_dispatch(&field.ty);
            quote!(self.#slot.text_or_empty(#read, __errors))
        }
        [View::Bytes] if is_reference(&field.ty) => quote! {
            self.#slot.or(::core::default::Default::default, "", __errors)
        },
        [View::Bytes] => quote! {
            self.#slot.or(|| __rt::Bytes::new().into(), "", __errors)
        },
        _ => quote!(self.#slot.required("", __errors)),
    }
}
