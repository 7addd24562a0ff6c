//! Why a URL cannot be built, with the name that was perhaps meant.

use std::fmt::{self, Display};

/// Why a URL cannot be built.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// No route has the name.
    UnknownRoute {
        /// The name that was asked for.
        name: String,
        /// The most similar name of the table.
        nearest: Option<String>,
    },
    /// A variable of the route was not set.
    MissingVariable(String),
    /// A variable was set that the route does not have.
    UnknownVariable(String),
    /// The route would not match the value, or would read another one.
    Mismatch {
        /// The variable.
        variable: String,
        /// The value.
        value: String,
        /// The template that refuses it.
        template: String,
    },
    /// The route has no path.
    NoPath,
    /// The route has no host.
    NoHost,
    /// Neither the route nor the caller names a scheme.
    NoScheme,
    /// A text that is no scheme, or none that the route is served over.
    Scheme(String),
}

impl Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRoute { name, nearest: None } => write!(f, "no route is named `{name}`"),
            Self::UnknownRoute { name, nearest: Some(nearest) } => {
                write!(f, "no route is named `{name}`, the nearest name is `{nearest}`")
            }
            Self::MissingVariable(name) => write!(f, "variable `{name}` is not set"),
            Self::UnknownVariable(name) => write!(f, "the route has no variable `{name}`"),
            Self::Mismatch { variable, value, template } => {
                write!(f, "`{template}` would not give `{value}` back for variable `{variable}`")
            }
            Self::NoPath => f.write_str("the route has no path"),
            Self::NoHost => f.write_str("the route has no host"),
            Self::NoScheme => f.write_str("no scheme is known, name one on the route or on the URL"),
            Self::Scheme(scheme) => write!(f, "the route is not served over `{scheme}`"),
        }
    }
}

impl std::error::Error for UrlError {}

/// Levenshtein's distance, over bytes.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = before + usize::from(x != y);
            before = row[j + 1];
            row[j + 1] = replaced.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
