//! The derive behind `waylay-extract`, where it is documented and meant to be used from.

mod answer;
mod argument;
mod attr;
mod clash;
mod container;
mod decode;
mod describe;
mod faults;
mod field;
mod fill;
mod finish;
mod layout;
mod literal;
mod members;
mod model;
mod near;
mod nested;
mod origin;
mod outward;
mod read;
mod reading;
mod rename;
mod route;
mod routed;
mod routes;
mod rule;
mod scalar;
mod serde_attr;
mod shape;
mod spell;
mod template;
mod text;

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemImpl, parse_macro_input};

/// Reads the struct from an HTTP request; see `waylay_extract::Extract`.
#[proc_macro_derive(
    Extract,
    attributes(
        extract, route, param, query, header, cookie, form, json, part, body, flatten, extension, state,
        request, from, skip, serde
    )
)]
pub fn extract(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let docs = describe::Docs::of(&input);
    model::Model::read(input, true)
        .map(|model| read::write(&model, &docs))
        .unwrap_or_else(|faults| faults.into_compile_error())
        .into()
}

/// Writes the struct into an HTTP request; see `waylay_extract::IntoRequest`.
#[proc_macro_derive(
    IntoRequest,
    attributes(
        extract, route, param, query, header, cookie, form, json, part, body, flatten, extension, state,
        request, from, skip, serde
    )
)]
pub fn into_request(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    model::Model::read(input, false)
        .and_then(|model| outward::check(&model).map(|()| outward::write(&model)))
        .unwrap_or_else(|faults| faults.into_compile_error())
        .into()
}

/// Reads and writes the type as a text; see `waylay_extract::FromText` and `waylay_extract::ToText`.
#[proc_macro_derive(Text, attributes(text))]
pub fn text(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    text::write(&input).unwrap_or_else(|faults| faults.into_compile_error()).into()
}

/// Makes routes of a type's methods; see `waylay_extract::Routes`.
#[proc_macro_attribute]
pub fn routes(options: TokenStream, block: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as routes::Options);
    let block = parse_macro_input!(block as ItemImpl);
    routes::write(&options, &block).unwrap_or_else(|faults| faults.into_compile_error()).into()
}
