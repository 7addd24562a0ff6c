//! Token helpers of the extract modules: rules, readers, nested keys, member wrappers.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Generics, Ident, LitStr, Type};

use crate::model::field::Field;
use crate::model::model::Model;
use crate::model::source::{FieldSource, without_option};
use crate::model::text_options::{Duplicates, Empty, ReadWith};

/// Returns a statement about `__name`, which a flattened struct sees without its prefix.
pub(crate) fn with_prefix(field: &Field, statement: &TokenStream) -> TokenStream {
    match prefix(field) {
        Some(prefix) => quote! {
            if let ::core::option::Option::Some(__name) = __name.strip_prefix(#prefix) {
                #statement
            }
        },
        None => quote!(#statement),
    }
}

/// Returns the prefix of the names of a flattened struct.
pub(crate) fn prefix(field: &Field) -> Option<&LitStr> {
    match &field.source {
        FieldSource::Flatten { prefix, .. } => prefix.as_ref(),
        _ => None,
    }
}

/// Returns keys, location and limits of a field with nested keys.
fn nested_options(model: &Model, field: &Field) -> Option<(Vec<LitStr>, TokenStream, TokenStream)> {
    let FieldSource::Nested { keys, form, options } = &field.source else {
        return None;
    };
    let location = if *form { quote!(__rt::Location::Form) } else { quote!(__rt::Location::Query) };
    let depth = options.depth;
    let max = options.max_items.unwrap_or(model.container.max_items);
    let limit = options.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let limits = quote!(const { &__rt::NestedLimits { depth: #depth, max: #max, limit: #limit } });
    Some((keys.clone(), location, limits))
}

/// Returns the expression for what follows a key of the field in `__name`, as an `Option`.
pub(crate) fn subkey(keys: &[LitStr]) -> TokenStream {
    quote!(::core::option::Option::None #(.or_else(|| __rt::subkey(__name, #keys)))*)
}

/// Returns the expression that takes a value if `__name` is a key of the field or a subkey; its value is whether
/// it is one.
pub(crate) fn push_nested(model: &Model, field: &Field, value: &TokenStream) -> TokenStream {
    let Some((keys, _, limits)) = nested_options(model, field) else {
        return quote!(false);
    };
    let slot = &field.ident;
    let subkey = subkey(&keys);
    quote! {
        if let ::core::option::Option::Some(__rest) = #subkey {
            self.#slot.push_value(__rest, #value, #limits);
            true
        } else {
            false
        }
    }
}

/// Returns the expression that moves the slot into an `Option` of the field's type; `checked` wraps the value of a request.
pub(crate) fn take(
    model: &Model,
    field: &Field,
    checked: fn(&Field, TokenStream) -> TokenStream,
) -> TokenStream {
    let Some((keys, location, limits)) = nested_options(model, field) else {
        return TokenStream::new();
    };
    let slot = &field.ident;
    let ty = &field.ty;
    let inner = without_option(ty);
    let name = &keys[0];
    let option = field.cardinality.is_option();
    let method = if option { quote!(optional) } else { quote!(required) };
    let value = checked(field, quote!(self.#slot.#method::<#inner>(#location, #name, #limits, __errors)));
    let value = match &field.default {
        Some(default) => quote! {
            if __rt::Slot::is_absent(&self.#slot) {
                ::core::option::Option::<#ty>::Some(#default)
            } else {
                #value
            }
        },
        None => value,
    };
    if !field.source.is_body() {
        return value;
    }
    let required = !field.is_optional();
    quote!(if __errors.lacks_body(#required) { ::core::option::Option::None } else { #value })
}

/// Returns the field's rule, a reference to a constant.
pub(crate) fn rule(model: &Model, field: &Field) -> TokenStream {
    let mut changes = Vec::new();
    if field.cardinality.is_option() {
        changes.push(quote!(option: true));
    }
    if field.cardinality.is_list() {
        let max = field.scalar.as_ref().and_then(|scalar| scalar.max_items);
        let max = max.unwrap_or(model.container.max_items);
        changes.push(quote!(max: #max));
    }
    if let Some(scalar) = &field.scalar {
        let is_header = scalar.csv && matches!(field.source, FieldSource::Header { .. });
        let words = [(scalar.csv, quote!(csv)), (is_header, quote!(header)), (scalar.flag, quote!(flag))];
        for (is, word) in words {
            if is {
                changes.push(quote!(#word: true));
            }
        }
        if model.container.echo && !scalar.redact {
            changes.push(quote!(echo: true));
        }
        match scalar.empty {
            Empty::Auto => {}
            Empty::None => changes.push(quote!(empty: __rt::Empty::None)),
            Empty::Keep => changes.push(quote!(empty: __rt::Empty::Keep)),
            Empty::Error => changes.push(quote!(empty: __rt::Empty::Error)),
        }
        match scalar.duplicates.unwrap_or(model.container.duplicates) {
            Duplicates::Reject => {}
            Duplicates::First => changes.push(quote!(duplicates: __rt::Duplicates::First)),
            Duplicates::Last => changes.push(quote!(duplicates: __rt::Duplicates::Last)),
        }
        if let Some(limit) = scalar.limit {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            changes.push(quote!(limit: #limit));
        }
    }
    quote!(const { &__rt::Rule { #(#changes,)* ..__rt::Rule::PLAIN } })
}

/// Returns the function that reads a value from text.
pub(crate) fn read(field: &Field) -> TokenStream {
    let item = field.cardinality.item();
    match field.scalar.as_ref().map(|scalar| &scalar.read_with) {
        Some(ReadWith::With(module)) => {
            quote!(|__text: ::std::borrow::Cow<'_, str>| #module::from_text(&__text))
        }
        Some(ReadWith::Serde) => quote!(__rt::serde_scalar::<#item>),
        Some(ReadWith::Bool { is_lenient: true }) => quote_spanned!(item.span()=> __rt::lenient_bool),
        Some(ReadWith::Bool { is_lenient: false }) => quote_spanned!(item.span()=> __rt::strict_bool),
        Some(ReadWith::Borrow) if is_reference(item) => quote!(__rt::borrowed),
        Some(ReadWith::Borrow) => quote!(__rt::cow),
        _ => read_dispatch(item),
    }
}

/// Returns the reader of a type. The span makes the compiler point at the type if nothing reads it.
pub(crate) fn read_dispatch(item: &Type) -> TokenStream {
    quote_spanned!(item.span()=> (&&&__rt::ReadDispatch::<#item>::new()).reader())
}

pub(crate) fn is_reference(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_reference(&group.elem),
        Type::Reference(_) => true,
        _ => false,
    }
}

/// The path of serde in generated code, for `#[serde(crate = "…")]`.
const SERDE: &str = "::waylay_extract::derive::serde";

/// Returns the name of the wrapper of a member with serde attributes.
pub(crate) fn wrapper(field: &Field) -> Option<Ident> {
    match &field.source {
        FieldSource::Json { passed, .. } if !passed.is_empty() => {
            Some(format_ident!("__Member_{}", field.ident.unraw()))
        }
        _ => None,
    }
}

/// Returns a type that uses every generic parameter.
pub(crate) fn marker(generics: &Generics) -> TokenStream {
    let types = generics.type_params().map(|param| &param.ident);
    let lifetimes = generics.lifetimes().map(|param| &param.lifetime);
    quote!(::core::marker::PhantomData<fn(#(&#types,)* #(&#lifetimes (),)*)>)
}

/// Returns the wrappers of members, which serde derives.
pub(crate) fn write(model: &Model) -> TokenStream {
    let generics = &model.generics;
    let where_clause = &generics.where_clause;
    let marker = marker(generics);
    let serde = SERDE;
    let wrappers = model.fields.iter().filter_map(|field| {
        let wrapper = wrapper(field)?;
        let FieldSource::Json { passed, .. } = &field.source else {
            return None;
        };
        let ty = &field.ty;
        Some(quote! {
            #[derive(__rt::serde::Deserialize)]
            #[serde(crate = #serde, transparent, bound = "")]
            #[allow(non_camel_case_types)]
            struct #wrapper #generics #where_clause {
                #[serde(#(#passed),*)]
                value: #ty,
                #[serde(skip)]
                __marker: #marker,
            }
        })
    });
    quote!(#(#wrappers)*)
}

/// Returns the location and the external name of a field.
pub(crate) fn location_of(field: &Field) -> Option<(TokenStream, TokenStream)> {
    if let FieldSource::Header { typed: true, .. } = &field.source {
        let item = field.cardinality.item();
        return Some((quote!(Header), quote!(__rt::typed_name::<#item>())));
    }
    let (location, name) = match &field.source {
        FieldSource::Param { name, .. } => (quote!(Path), name.value()),
        FieldSource::Query { keys } => (quote!(Query), keys[0].value()),
        FieldSource::Header { name, .. } => (quote!(Header), name.value()),
        FieldSource::Cookie { keys, .. } => (quote!(Cookie), keys[0].value()),
        FieldSource::Form { keys, .. } => (quote!(Form), keys[0].value()),
        FieldSource::Nested { keys, form, .. } => {
            (if *form { quote!(Form) } else { quote!(Query) }, keys[0].value())
        }
        FieldSource::Part { keys, .. } => (quote!(Part), keys[0].value()),
        FieldSource::Json { keys, .. } => (quote!(Body), pointer(&keys[0])),
        FieldSource::Body(_) => (quote!(Body), String::new()),
        FieldSource::QueryRest | FieldSource::QueryAll => (quote!(Query), String::new()),
        FieldSource::FormRest => (quote!(Form), String::new()),
        _ => return None,
    };
    Some((location, quote!(#name)))
}

/// Returns the JSON pointer to a member (RFC 6901, 3).
pub(crate) fn pointer(key: &LitStr) -> String {
    format!("/{}", key.value().replace('~', "~0").replace('/', "~1"))
}
