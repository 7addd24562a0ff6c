//! Literals in attributes: texts, numbers, sizes in bytes.

use std::{fmt::Display, str::FromStr};

use syn::{Expr, Lit, LitInt};

/// A literal text.
pub(crate) fn text(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// A literal number.
pub(crate) fn integer<N: FromStr<Err: Display>>(value: &Expr) -> Option<N> {
    match value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => LitInt::base10_parse(number).ok(),
            _ => None,
        },
        _ => None,
    }
}

/// A number of bytes, plain or as a text with a binary unit.
pub(crate) fn size(value: &Expr) -> Option<u64> {
    const UNITS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let Some(text) = text(value) else {
        return integer(value);
    };
    let (number, unit) = UNITS
        .iter()
        .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit)))
        .unwrap_or((&text, 1));
    number.trim().parse::<u64>().ok()?.checked_mul(unit)
}
