//! Dialect: the rule languages.

use std::fmt;
use std::ops::Range;

/// The rule language of a text.
///
/// The two foreign dialects need the feature `dialects`.
///
/// ```
/// use waylay_router::rule::{Dialect, Rule};
/// assert_eq!(Dialect::default(), Dialect::Native);
/// assert!(Rule::parse(Dialect::Native.text("Path(`/a`) || Path(`/b`)")).is_ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Dialect {
    /// waylay's own: templates with captures, prefixes of whole segments, regexes that match the whole.
    #[default]
    Native,
    /// Traefik v3: raw prefixes, regexes that search, the longest rule first.
    #[cfg(feature = "dialects")]
    TraefikV3,
    /// vulcand/route: `<n>`, `<int:n>` and `<path:n>`, regexes that search, no `||` and no `!`.
    #[cfg(feature = "dialects")]
    Vulcand,
}

/// The same independent of features, so that the code below needs no `cfg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Native,
    Traefik,
    Vulcand,
}

impl Dialect {
    pub(crate) fn language(self) -> Language {
        match self {
            Self::Native => Language::Native,
            #[cfg(feature = "dialects")]
            Self::TraefikV3 => Language::Traefik,
            #[cfg(feature = "dialects")]
            Self::Vulcand => Language::Vulcand,
        }
    }
}

impl Language {
    /// Tests whether `||` and `!` are operators.
    pub(crate) fn has_or_and_not(self) -> bool {
        self != Self::Vulcand
    }

    /// Tests whether a regex may match a part of the value, as Go's `MatchString` does.
    pub(crate) fn searches(self) -> bool {
        self != Self::Native
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.language() {
            Language::Native => "native",
            Language::Traefik => "traefik_v3",
            Language::Vulcand => "vulcand",
        })
    }
}

/// Tests whether a text contains `{name:…}` or `{name}`, the templates of Traefik v2.
pub(crate) fn has_old_template(text: &str) -> bool {
    text.split('{').skip(1).any(|part| {
        let name = part.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
        let starts = part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        starts && name.is_some_and(|end| part[end..].starts_with([':', '}']))
    })
}

/// One part of a vulcand pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Angle<'t> {
    Text(&'t str),
    Name(&'t str),
    Digits(&'t str),
    Rest(&'t str),
}

/// Parses a vulcand pattern; a `<` without its `>` is literal.
///
/// # Errors
/// The range of a `<…>` that vulcand does not have.
pub(crate) fn angle_parts(text: &str) -> Result<Vec<Angle<'_>>, Range<usize>> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some((start, length)) =
        text[at..].find('<').and_then(|open| Some((at + open, text[at + open..].find('>')? + 1)))
    {
        if start > at {
            parts.push(Angle::Text(&text[at..start]));
        }
        at = start + length;
        let inner = &text[start + 1..at - 1];
        parts.push(match inner.split_once(':') {
            _ if inner.is_empty() => return Err(start..at),
            None => Angle::Name(inner),
            Some((_, name)) if name.is_empty() || name.contains(':') => return Err(start..at),
            Some(("string", name)) => Angle::Name(name),
            Some(("int", name)) => Angle::Digits(name),
            Some(("path", name)) => Angle::Rest(name),
            Some(_) => return Err(start..at),
        });
    }
    if at < text.len() {
        parts.push(Angle::Text(&text[at..]));
    }
    Ok(parts)
}
