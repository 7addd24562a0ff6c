//! Every source and option of the README in one struct.

#![allow(dead_code, reason = "it has to compile")]

use std::{borrow::Cow, collections::BTreeMap};

use axum_core::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Method};
use waylay_extract::{Extract, ExtractRef, HasRoute, Invalid, Text, TextError};

mod hex {
    pub(super) fn from_text(text: &str) -> Result<u32, super::TextError> {
        u32::from_str_radix(text, 16).map_err(|_| super::TextError::expected("hexadecimal digits"))
    }
}

#[derive(Clone, Copy, Text)]
#[text(rename_all = "kebab-case", ignore_case)]
enum Order {
    NewestFirst,
    #[text("old", alias = "oldest")]
    OldestFirst,
}

#[derive(Text)]
struct Id(u64);

#[derive(Extract)]
struct Page {
    #[query(default)]
    number: u32,
    #[query(default = Order::NewestFirst)]
    order: Order,
}

#[derive(Extract)]
#[route(PUT "/users/{id}/{slug}/{*rest}")]
#[extract(
    rename_all = "camelCase",
    limit = "1MiB",
    max_items = 10,
    max_params = 20,
    duplicates = "last",
    deny_unknown(query, json),
    echo,
    path_error = 404,
    validate = sound
)]
struct Update<T: serde::de::DeserializeOwned + Send>
where
    T: Clone,
{
    #[param]
    id: Id,
    #[param(raw, limit = 20)]
    slug: String,
    #[param]
    rest: String,
    #[param("tenant", scope)]
    tenant: Option<String>,
    #[query(alias = "q", empty = "none", duplicates = "first", skip_if = String::is_empty)]
    text: Option<String>,
    #[query(csv, min_items = 1, max_items = 3)]
    colors: Vec<Order>,
    #[query(flag)]
    all: bool,
    #[query(with = hex, redact)]
    pin: Option<u32>,
    #[query(serde)]
    serde: Option<u8>,
    #[query(rest)]
    others: BTreeMap<String, Vec<String>>,
    #[header]
    if_match: Option<HeaderValue>,
    #[cookie("sid", alias = "session", raw)]
    session: Option<String>,
    #[flatten(prefix = "page_")]
    page: Page,
    #[json]
    value: T,
    #[json(default = 3, alias = "n")]
    number: u8,
    #[json]
    #[serde(with = "serde_double")]
    double: u8,
    #[body(bytes, limit = "512KiB")]
    raw: Bytes,
    #[extension]
    pool: Option<u8>,
    #[request]
    method: Method,
    #[skip]
    cache: Vec<u8>,
}

mod serde_double {
    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
        <u8 as serde::Deserialize>::deserialize(deserializer).map(|half| half.wrapping_mul(2))
    }
}

fn sound<T: serde::de::DeserializeOwned + Send + Clone>(_: &Update<T>) -> Result<(), Invalid> {
    Ok(())
}

#[derive(Extract)]
struct Stored {
    #[state]
    pool: u8,
    #[from]
    method: Method,
    #[body(stream)]
    body: Body,
}

#[derive(Extract)]
#[extract(source = form, deny_unknown)]
struct Form {
    name: String,
    #[form(rest)]
    rest: Vec<(String, String)>,
}

#[derive(Extract)]
struct Outer {
    #[flatten(body, prefix = "a.")]
    form: Form,
}

#[derive(Extract)]
struct Lent<'r> {
    #[query]
    text: Cow<'r, str>,
    #[header]
    accept: Option<&'r str>,
    #[body(bytes)]
    raw: &'r [u8],
}

fn read<T: Extract>() {}
fn lend<'r, T: ExtractRef<'r>>() {}

#[test]
fn every_attribute_is_accepted() {
    read::<Update<u8>>();
    read::<Stored>();
    read::<Outer>();
    lend::<Lent<'static>>();
    assert_eq!(Update::<u8>::TARGET.template(), "/users/{id}/{slug}/{*rest}");
}
