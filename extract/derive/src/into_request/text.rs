//! Statements that write the fields of texts.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::LitStr;
use syn::spanned::Spanned;

use crate::into_request::absent::{absent, absent_is_default, each};
use crate::model::field::Field;
use crate::model::source::{Cardinality, FieldSource};
use crate::model::text_options::{Empty, ReadWith, Scalar};

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
pub(crate) fn text(field: &Field) -> TokenStream {
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
pub(crate) fn write_text(field: &Field, scalar: Option<&Scalar>) -> TokenStream {
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
