//! Any text in the place of a struct, an enum or an `impl` block: what the derive macros do with it.
//!
//! No panic; an error has a message; what is written is Rust.
#![no_main]
#![allow(
    dead_code,
    unreachable_pub,
    clippy::all,
    reason = "the sources of the derive, which are checked there"
)]

#[path = "../../extract/derive/src/attr/mod.rs"]
mod attr;
#[path = "../../extract/derive/src/extract/mod.rs"]
mod extract;
#[path = "../../extract/derive/src/into_request/mod.rs"]
mod into_request;
#[path = "../../extract/derive/src/model/mod.rs"]
mod model;
#[path = "../../extract/derive/src/openapi.rs"]
mod openapi;
#[path = "../../extract/derive/src/routes.rs"]
mod routes;
#[path = "../../extract/derive/src/text.rs"]
mod text;

use libfuzzer_sys::{Corpus, fuzz_target};
use proc_macro2::TokenStream;
use syn::{Data, DeriveInput, File, ItemImpl, Member};

use crate::model::model::Model;

/// What bytes above ASCII stand for.
const PIECES: &[&str] = &[
    "struct A { ",
    "struct A<'r, T> { ",
    "enum A { ",
    "impl A { ",
    "pub async fn a(&self, r: R) -> Vec<u8> ",
    "} ",
    "{ ",
    "a: ",
    "b: ",
    "r#type: ",
    "u8, ",
    "bool, ",
    "f64, ",
    "String, ",
    "Option<u8>, ",
    "Vec<String>, ",
    "Option<Vec<T>>, ",
    "&'r str, ",
    "Cow<'r, str>, ",
    "Bytes, ",
    "Upload, ",
    "Vec<Upload>, ",
    "Multipart, ",
    "BTreeMap<String, Vec<String>>, ",
    "Vec<(String, String)>, ",
    "[u8; 4], ",
    "(u8, u8), ",
    "#[extract(",
    "#[route(",
    "#[param(",
    "#[query(",
    "#[header(",
    "#[cookie(",
    "#[form(",
    "#[json(",
    "#[part(",
    "#[body(",
    "#[flatten(",
    "#[serde(",
    "#[text(",
    "#[garde(",
    "#[validate(",
    "#[param] ",
    "#[query] ",
    "#[header] ",
    "#[cookie] ",
    "#[form] ",
    "#[json] ",
    "#[part] ",
    "#[body] ",
    "#[flatten] ",
    "#[extension] ",
    "#[state] ",
    "#[request] ",
    "#[from] ",
    "#[skip] ",
    ")] ",
    ", ",
    "= ",
    "(",
    ") ",
    "rename_all = \"camelCase\", ",
    "limit = \"2MiB\", ",
    "limit = 9, ",
    "max_items = 5, ",
    "min_items = 1, ",
    "max_params = 9, ",
    "deny_unknown(query, json), ",
    "echo, ",
    "path_error = 404, ",
    "validate = check, ",
    "validate(garde), ",
    "error = E, ",
    "duplicates = \"last\", ",
    "accept = [\"text/json\"], ",
    "content_type = \"optional\", ",
    "source = query, ",
    "raw, ",
    "scope, ",
    "default, ",
    "default = 3, ",
    "csv, ",
    "flag, ",
    "alias = \"b\", ",
    "empty = \"none\", ",
    "with = hex, ",
    "nested, ",
    "nested = \"dots\", ",
    "depth = 4, ",
    "rest, ",
    "all, ",
    "typed, ",
    "redact, ",
    "pattern = r\"^\\d+$\", ",
    "min = 1, ",
    "max = 9, ",
    "multiple_of = 3, ",
    "min_length = 3, ",
    "max_length = 9, ",
    "skip_if = f, ",
    "json, ",
    "form, ",
    "multipart, ",
    "text, ",
    "bytes, ",
    "stream, ",
    "serde, ",
    "bool = \"lenient\", ",
    "prefix = \"p.\", ",
    "ignore_case, ",
    "GET \"/a/{a}\" ",
    "POST \"/{a:\\\\d{4}}-{b}/{*rest}\" ",
    "answer = Status<201, Vec<u8>>, ",
    "status = [200, 201], ",
    "rename = \"x\", ",
    "\"a\\\"b\" ",
    "\"\\u{202e}\" ",
    "99999999999999999999 ",
    "1e400 ",
    "-1 ",
];

fn with_pieces(data: &[u8]) -> Option<String> {
    let mut text = Vec::new();
    for byte in data {
        match PIECES.get(usize::from(byte.wrapping_sub(128))) {
            Some(piece) => text.extend_from_slice(piece.as_bytes()),
            None => text.push(*byte),
        }
    }
    String::from_utf8(text).ok()
}

fn check(result: syn::Result<TokenStream>) {
    match result {
        Ok(written) => assert!(syn::parse2::<File>(written.clone()).is_ok(), "{written}"),
        Err(error) => assert!(error.into_iter().all(|error| !error.to_string().is_empty())),
    }
}

/// The compiler rejects a field of this name before any macro sees it.
fn has_unnamed_field(input: &DeriveInput) -> bool {
    let is_unnamed = |name: Member| matches!(name, Member::Named(name) if name == "_");
    matches!(&input.data, Data::Struct(data) if data.fields.members().any(is_unnamed))
}

fuzz_target!(|data: &[u8]| -> Corpus {
    // Of the parser of the compiler, which recurses for each level.
    if data.len() > 4096 {
        return Corpus::Reject;
    }
    let Some(text) = with_pieces(data) else { return Corpus::Reject };
    let depth = text.bytes().filter(|byte| b"([{<&!-*".contains(byte)).count();
    let Ok(tokens) = text.parse::<TokenStream>() else { return Corpus::Reject };
    // A trait without `dyn`, such as `A +`, is no type, which the compiler says itself.
    if depth > 200 || text.contains('+') {
        return Corpus::Reject;
    }
    let mut is_read = false;
    if let Ok(input) = syn::parse2::<DeriveInput>(tokens.clone())
        && !has_unnamed_field(&input)
    {
        is_read = true;
        let docs = openapi::DocComments::of(&input);
        check(text::write(&input));
        check(Model::read(input.clone(), true).map(|model| extract::slots::write(&model, &docs)));
        check(Model::read(input, false).and_then(|model| {
            into_request::into_request::check(&model).map(|()| into_request::into_request::write(&model))
        }));
    }
    if let Ok(block) = syn::parse2::<ItemImpl>(tokens.clone()) {
        is_read = true;
        check(routes::write(&routes::Options::default(), &block));
    }
    let _ = syn::parse2::<routes::Options>(tokens);
    if is_read { Corpus::Keep } else { Corpus::Reject }
});
