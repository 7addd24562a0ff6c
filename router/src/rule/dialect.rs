//! Dialects and their functions.

use std::fmt;
use std::ops::RangeInclusive;

use Function as F;

/// A condition that rules can ask for by name.
///
/// [`of`](Self::of) makes an [`Expr`](crate::rule::Expr) of it.
///
/// ```
/// use waylay_router::rule::{Dialect, Function};
/// assert_eq!(Function::ClientIp.name(), "ClientIP");
/// assert_eq!(Function::Header.arity(Dialect::Native), Some(1..=2));
/// assert_eq!(Function::Any.arity(Dialect::Native), Some(0..=0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Function {
    /// Holds of every request.
    Any,
    /// The effective host, a template.
    Host,
    /// The effective host, a regex.
    HostRegexp,
    /// The path, a template.
    Path,
    /// What the path starts with, a template.
    PathPrefix,
    /// The path, a regex.
    PathRegexp,
    /// The method.
    Method,
    /// The method, a regex.
    MethodRegexp,
    /// A header that is there, or has a value.
    Header,
    /// A header with a value that a regex matches.
    HeaderRegexp,
    /// A header all of whose values a regex matches.
    HeaderAll,
    /// A query key that is there, or has a value.
    Query,
    /// A query key with a value that a regex matches.
    QueryRegexp,
    /// The scheme.
    Scheme,
    /// The address of the other end: an address or a block of them.
    ClientIp,
    /// A cookie that is there, or has a value.
    Cookie,
    /// The media type that the request carries.
    ContentType,
    /// A media type that its client accepts.
    Accept,
    /// A protocol that the client asks to change to.
    Upgrade,
    /// A guard of the table's, by name.
    Guard,
}

const ALL: [Function; 20] = [
    F::Any,
    F::Host,
    F::HostRegexp,
    F::Path,
    F::PathPrefix,
    F::PathRegexp,
    F::Method,
    F::MethodRegexp,
    F::Header,
    F::HeaderRegexp,
    F::HeaderAll,
    F::Query,
    F::QueryRegexp,
    F::Scheme,
    F::ClientIp,
    F::Cookie,
    F::ContentType,
    F::Accept,
    F::Upgrade,
    F::Guard,
];

/// Names that other versions have for a function of ours.
const FORMER: [(&str, Function); 4] = [
    ("HostHeader", F::Host),
    ("Headers", F::Header),
    ("HeadersRegexp", F::HeaderRegexp),
    ("Methods", F::Method),
];

impl Function {
    /// The name as it stands in rules.
    pub fn name(self) -> &'static str {
        match self {
            F::Any => "Any",
            F::Host => "Host",
            F::HostRegexp => "HostRegexp",
            F::Path => "Path",
            F::PathPrefix => "PathPrefix",
            F::PathRegexp => "PathRegexp",
            F::Method => "Method",
            F::MethodRegexp => "MethodRegexp",
            F::Header => "Header",
            F::HeaderRegexp => "HeaderRegexp",
            F::HeaderAll => "HeaderAll",
            F::Query => "Query",
            F::QueryRegexp => "QueryRegexp",
            F::Scheme => "Scheme",
            F::ClientIp => "ClientIP",
            F::Cookie => "Cookie",
            F::ContentType => "ContentType",
            F::Accept => "Accept",
            F::Upgrade => "Upgrade",
            F::Guard => "Guard",
        }
    }

    /// How many arguments it takes; nothing if the dialect does not know it.
    pub fn arity(self, dialect: Dialect) -> Option<RangeInclusive<usize>> {
        let (low, high) = self.range(dialect.language())?;
        Some(low..=high)
    }

    pub(crate) fn range(self, language: Language) -> Option<(usize, usize)> {
        match (language, self) {
            (Language::Native, F::Any) => Some((0, 0)),
            (Language::Native, F::Header | F::Query | F::Cookie) => Some((1, 2)),
            (Language::Native, F::QueryRegexp | F::HeaderAll) => Some((2, 2)),
            (Language::Traefik, F::Query | F::QueryRegexp) => Some((1, 2)),
            (Language::Traefik, F::MethodRegexp) => None,
            (Language::Vulcand, F::PathPrefix | F::Query | F::QueryRegexp | F::ClientIp) => None,
            (_, F::Header | F::HeaderRegexp) => Some((2, 2)),
            (Language::Native, _) => Some((1, 1)),
            (_, F::Any | F::Scheme | F::HeaderAll | F::Cookie | F::ContentType) => None,
            (_, F::Accept | F::Upgrade | F::Guard) => None,
            (_, _) => Some((1, 1)),
        }
    }

    /// The function that a name stands for.
    pub(crate) fn named(name: &str, language: Language) -> Option<Self> {
        let is = |function: &Function| {
            let own = function.name();
            own == name
                || language == Language::Traefik
                    && (own.to_ascii_lowercase() == name
                        || own.to_ascii_uppercase() == name
                        || own[..1] == name[..1] && own[1..].to_ascii_lowercase() == name[1..])
        };
        known(language).find(|function| name.is_ascii() && !name.is_empty() && is(function))
    }

    /// The function that a wrong name may have meant.
    pub(crate) fn nearest(name: &str, language: Language) -> Option<Self> {
        let former = FORMER.iter().find(|(old, _)| old.eq_ignore_ascii_case(name));
        if let Some((_, function)) = former.filter(|(_, function)| function.range(language).is_some()) {
            return Some(*function);
        }
        let name = name.to_ascii_lowercase();
        let edit_distance = |function: &Function| apart(&name, &function.name().to_ascii_lowercase());
        let best = known(language).min_by_key(edit_distance)?;
        (edit_distance(&best) <= 1 + best.name().len() / 5).then_some(best)
    }
}

fn known(language: Language) -> impl Iterator<Item = Function> {
    ALL.into_iter().filter(move |function| function.range(language).is_some())
}

/// How many letters to put in, leave out, change or swap with their neighbour; a name far longer than any
/// of ours is not looked at.
fn apart(a: &str, b: &str) -> usize {
    if a.len() > b.len() + 4 {
        return usize::MAX;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (rows[i][j] + usize::from(x != y)).min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

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
    pub(crate) fn has_or_and_not(self) -> bool {
        self != Self::Vulcand
    }

    /// Whether a regex may match a part of the value, as Go's `MatchString` does.
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
