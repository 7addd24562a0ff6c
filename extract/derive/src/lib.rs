//! The derives of `waylay-extract`, which documents and exports them.

// Modules, top to bottom. A module imports only from modules below it (checked by `examples/tests/modules.rs`).
//
// hostile       Tests of all entries with hostile input
// routes        The attribute `#[routes]`
// extract       impl Extract: slots, layout, checks, head, body
// into_request  impl IntoRequest
// openapi       Descriptions of structs and return types
// text          `derive(Text)`
// model         Struct and fields as parsed
// attr          Attribute syntax, collected errors, rename_all

mod attr;
mod extract;
mod into_request;
mod model;
mod openapi;
mod routes;
mod text;

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemImpl, parse_macro_input};

use crate::model::model::Model;

/// Derives `waylay_extract::Extract`: the struct is read from a request.
#[proc_macro_derive(
    Extract,
    attributes(
        extract, route, param, query, header, cookie, form, json, part, body, flatten, extension, state,
        request, from, skip, serde
    )
)]
pub fn extract(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let docs = openapi::DocComments::of(&input);
    Model::read(input, true)
        .map(|model| extract::slots::write(&model, &docs))
        .unwrap_or_else(|errors| errors.into_compile_error())
        .into()
}

/// Derives `waylay_extract::IntoRequest`: the struct is written into a request.
#[proc_macro_derive(
    IntoRequest,
    attributes(
        extract, route, param, query, header, cookie, form, json, part, body, flatten, extension, state,
        request, from, skip, serde
    )
)]
pub fn into_request(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    Model::read(input, false)
        .and_then(|model| {
            into_request::into_request::check(&model).map(|()| into_request::into_request::write(&model))
        })
        .unwrap_or_else(|errors| errors.into_compile_error())
        .into()
}

/// Derives `waylay_extract::FromText` and `waylay_extract::ToText`: the type is one text.
#[proc_macro_derive(Text, attributes(text))]
pub fn text(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    text::write(&input).unwrap_or_else(|errors| errors.into_compile_error()).into()
}

/// Implements `waylay_extract::Routes`: the methods of the block are routes.
#[proc_macro_attribute]
pub fn routes(options: TokenStream, block: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as routes::Options);
    let block = parse_macro_input!(block as ItemImpl);
    routes::write(&options, &block).unwrap_or_else(|errors| errors.into_compile_error()).into()
}

#[cfg(test)]
mod hostile;
