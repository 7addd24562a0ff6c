//! The struct as a whole: its options, its fields, and what may not stand together.

use std::collections::HashMap;

use syn::{Data, DeriveInput, Expr, Fields, Generics, Ident, Lit, LitInt, LitStr, Visibility};

use crate::{
    attr::Options,
    faults::Faults,
    field::{Field, Origin, View},
    near::nearest,
    rename::Rename,
};

/// What the derive knows of a struct.
pub(crate) struct Model {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) generics: Generics,
    pub(crate) fields: Vec<Field>,
    /// The most bytes of a body.
    pub(crate) limit: u64,
    /// The most items of a list.
    pub(crate) max_items: usize,
}

/// As axum's `DefaultBodyLimit`, so that nothing changes on the way from one to the other.
const LIMIT: u64 = 2 * 1024 * 1024;
const MAX_ITEMS: usize = 1000;

impl Model {
    /// Reads the struct, or tells every fault in it.
    pub(crate) fn read(input: DeriveInput) -> syn::Result<Self> {
        let mut faults = Faults::default();
        let container = Container::read(&input, &mut faults);
        if let Some(lifetime) = input.generics.lifetimes().next() {
            let message = "a handler's argument owns its values: no lifetime can stand here";
            faults.at(lifetime, message);
        }
        let fields = named_fields(&input, &mut faults);
        let fields: Vec<_> =
            fields.iter().filter_map(|field| Field::read(field, container.rename, &mut faults)).collect();
        refuse_duplicates(&fields, &mut faults);
        refuse_bodies(&fields, &mut faults);
        faults.finish(Self {
            ident: input.ident,
            vis: input.vis,
            generics: input.generics,
            fields,
            limit: container.limit,
            max_items: container.max_items,
        })
    }

    /// The fields that are structs of the same kind.
    pub(crate) fn flattened(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| matches!(field.origin, Origin::Flatten))
    }

    /// Whether a field reads the body.
    pub(crate) fn has_body(&self) -> bool {
        let is_body = |field: &Field| matches!(field.origin, Origin::Json { .. } | Origin::Body(_));
        self.fields.iter().any(is_body)
    }
}

fn named_fields<'i>(input: &'i DeriveInput, faults: &mut Faults) -> Vec<&'i syn::Field> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => return fields.named.iter().collect(),
            _ => faults.at(&input.ident, "`Extract` needs named fields: they name the values"),
        },
        _ => faults.at(&input.ident, "`Extract` is derived on structs with named fields"),
    }
    Vec::new()
}

/// The options in `#[extract(…)]`.
struct Container {
    rename: Option<Rename>,
    limit: u64,
    max_items: usize,
}

impl Container {
    fn read(input: &DeriveInput, faults: &mut Faults) -> Self {
        let mut container = Self { rename: None, limit: LIMIT, max_items: MAX_ITEMS };
        let is_ours = |attribute: &&syn::Attribute| attribute.path().is_ident("extract");
        for attribute in input.attrs.iter().filter(is_ours) {
            let mut options = Options::of(attribute, faults);
            if let Some(rule) = options.value("rename_all", faults) {
                container.rename = rename_rule(&rule, faults);
            }
            if let Some(limit) = options.value("limit", faults) {
                match size(&limit) {
                    Some(bytes) => container.limit = bytes,
                    None => faults.at(limit, "write a size: `\"512KiB\"`, `\"2MiB\"` or bytes"),
                }
            }
            if let Some(max) = options.value("max_items", faults) {
                match integer(&max) {
                    Some(items) => container.max_items = items,
                    None => faults.at(max, "write a number of items"),
                }
            }
            let known = ["rename_all", "limit", "max_items"];
            options.end(false, &known, faults);
        }
        container
    }
}

fn rename_rule(rule: &Expr, faults: &mut Faults) -> Option<Rename> {
    let word = literal(rule).unwrap_or_default();
    let found = Rename::from_word(&word);
    if found.is_none() {
        let message = match nearest(&word, &Rename::WORDS) {
            Some(meant) => format!("no such rule: did you mean `\"{meant}\"`?"),
            None => format!("no such rule: there are {}", Rename::WORDS.join(", ")),
        };
        faults.at(rule, message);
    }
    found
}

fn literal(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

fn integer<N: std::str::FromStr<Err: std::fmt::Display>>(value: &Expr) -> Option<N> {
    match value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => LitInt::base10_parse(number).ok(),
            _ => None,
        },
        _ => None,
    }
}

/// A number of bytes, plain or as a text with a binary unit.
fn size(value: &Expr) -> Option<u64> {
    const UNITS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let Some(text) = literal(value) else {
        return integer(value);
    };
    let (number, unit) = UNITS
        .iter()
        .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit)))
        .unwrap_or((&text, 1));
    number.trim().parse::<u64>().ok()?.checked_mul(unit)
}

/// Two fields may not read the same value.
fn refuse_duplicates(fields: &[Field], faults: &mut Faults) {
    let mut taken = HashMap::new();
    for field in fields {
        let (what, keys): (_, Vec<&LitStr>) = match &field.origin {
            Origin::Path(name) => ("path variable", vec![name]),
            Origin::Query { keys, .. } => ("query key", keys.iter().collect()),
            Origin::Header { name, .. } => ("header", vec![name]),
            Origin::Cookie(name) => ("cookie", vec![name]),
            Origin::Json { keys, .. } => ("JSON member", keys.iter().collect()),
            _ => continue,
        };
        for key in keys {
            if let Some(first) = taken.insert((what, key.value()), &field.ident) {
                let message = format!("the {what} `{}` fills `{first}` already", key.value());
                faults.at(key, message);
            }
        }
    }
}

/// A body is decoded once; its bytes may be kept beside that.
fn refuse_bodies(fields: &[Field], faults: &mut Faults) {
    let mut bytes: Option<&Field> = None;
    let mut whole: Option<&Field> = None;
    let mut member: Option<&Field> = None;
    for field in fields {
        let (first, message) = match &field.origin {
            Origin::Body(View::Bytes) => (bytes.replace(field), "keeps the body's bytes already"),
            Origin::Body(_) => (whole.replace(field).or(member), "reads the body already"),
            Origin::Json { .. } => {
                member.get_or_insert(field);
                (whole, "reads the whole body, this is a member of it")
            }
            _ => continue,
        };
        if let Some(first) = first {
            faults.at(&field.ident, format!("`{}` {message}", first.ident));
        }
    }
}
