//! Whose rules are read: waylay's own, or those of a program that one comes from.

use std::fmt;

/// Whose rule language a text is written in.
///
/// The two foreign ones need the feature `dialects`.
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
    /// Traefik v3's: raw prefixes, regexes that search, the longest rule first.
    #[cfg(feature = "dialects")]
    TraefikV3,
    /// vulcand/route's: `<n>`, `<int:n>` and `<path:n>`, regexes that search, no `||` and no `!`.
    #[cfg(feature = "dialects")]
    Vulcand,
}

/// The same without a feature, so that the code below is one code.
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
    /// Whether `||` and `!` mean anything.
    pub(super) fn has_or_and_not(self) -> bool {
        self != Self::Vulcand
    }

    /// Whether a regex may match a part of the value, as Go's `MatchString` does.
    pub(super) fn searches(self) -> bool {
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
