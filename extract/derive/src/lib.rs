//! The derive behind `waylay-extract`, where it is documented and meant to be used from.

mod argument;
mod attr;
mod faults;
mod field;
mod fill;
mod finish;
mod members;
mod model;
mod near;
mod read;
mod rename;
mod serde_attr;
mod shape;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Reads the struct from an HTTP request; see `waylay_extract::Extract`.
#[proc_macro_derive(
    Extract,
    attributes(extract, param, query, header, cookie, json, body, flatten, extension, state, skip, serde)
)]
pub fn extract(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    model::Model::read(input)
        .map(|model| read::write(&model))
        .unwrap_or_else(|faults| faults.into_compile_error())
        .into()
}
