//! How a field's texts are written: one by one, with commas, as a flag, or not at all.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::{
    field::Field,
    origin::Origin,
    scalar::{Empty, How, Scalar},
    shape::Shape,
};

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
