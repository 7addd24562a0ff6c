//! Serde: the serde attributes of a JSON member.

use proc_macro2::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta, Token};

use crate::attr::error::Errors;

/// The serde options of one field.
#[derive(Default)]
pub(crate) struct Serde {
    /// The member's name.
    pub(crate) rename: Option<LitStr>,
    /// Its aliases.
    pub(crate) aliases: Vec<LitStr>,
    /// The default of an absent member: `Some(None)` for the type's own, or a function.
    pub(crate) default: Option<Option<syn::Path>>,
    /// Every other option, passed to serde unchanged.
    pub(crate) passed: Vec<TokenStream>,
}

impl Serde {
    /// Reads every `serde` attribute of a field.
    pub(crate) fn of(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut serde = Self::default();
        for attribute in attributes {
            if !attribute.path().is_ident("serde") {
                continue;
            }
            let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
            let metas = errors.check(attribute.parse_args_with(parser));
            for meta in metas.into_iter().flatten() {
                serde.take(meta, errors);
            }
        }
        serde
    }

    fn take(&mut self, meta: Meta, errors: &mut Errors) {
        let word = meta.path().get_ident().map(ToString::to_string);
        match (word.as_deref().unwrap_or_default(), &meta) {
            ("rename", Meta::NameValue(pair)) => self.rename = text(&pair.value),
            ("rename", Meta::List(list)) => {
                let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
                let ways = errors.check(list.parse_args_with(parser));
                for way in ways.into_iter().flatten() {
                    match way {
                        Meta::NameValue(pair) if pair.path.is_ident("deserialize") => {
                            self.rename = text(&pair.value);
                        }
                        _ => {}
                    }
                }
            }
            ("alias", Meta::NameValue(pair)) => self.aliases.extend(text(&pair.value)),
            ("default", Meta::Path(_)) => self.default = Some(None),
            ("default", Meta::NameValue(pair)) => {
                let path = text(&pair.value).and_then(|path| errors.check(path.parse()));
                self.default = path.map(Some);
            }
            ("flatten" | "skip" | "skip_deserializing" | "borrow", _) => {
                errors.at(&meta, "this serde option cannot be used: a `#[json]` field is one owned member")
            }
            // `getter` applies to remote structs only.
            ("getter", _) => {}
            _ => self.passed.push(quote!(#meta)),
        }
    }
}

fn text(value: &Expr) -> Option<LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
        _ => None,
    }
}
