//! location_of: where a field is, in errors.

use proc_macro2::TokenStream;
use quote::quote;
use syn::LitStr;

use crate::model::field::Field;
use crate::model::source::FieldSource;

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
