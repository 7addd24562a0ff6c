//! Function: the conditions of the rule language, with names, arities and argument types.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use Function as F;
use http::header::HeaderName;
use http::uri::Scheme;
use http::{Method, Version};

use crate::request::media_type::Media;
use crate::request::peer::Network;
use crate::rule::dialect::{Dialect, Language};

/// A condition that a rule refers to by name.
///
/// [`of`](Self::of) returns it as an [`Expr`](crate::rule::Expr).
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
    /// Every request.
    Any,
    /// The effective host matches a template.
    Host,
    /// The effective host matches a regex.
    HostRegexp,
    /// The path matches a template.
    Path,
    /// The path starts with a template.
    PathPrefix,
    /// The path matches a regex.
    PathRegexp,
    /// The method.
    Method,
    /// The method matches a regex.
    MethodRegexp,
    /// A header is present, or has a value.
    Header,
    /// A header has a value that matches a regex.
    HeaderRegexp,
    /// A header has values, and all of them match a regex.
    HeaderAll,
    /// A query key is present, or has a value.
    Query,
    /// A query key has a value that matches a regex.
    QueryRegexp,
    /// The scheme.
    Scheme,
    /// The protocol version, such as `HTTP/2`.
    Version,
    /// The address of the peer, or its network.
    ClientIp,
    /// A cookie is present, or has a value.
    Cookie,
    /// The media type of the body.
    ContentType,
    /// A media type that the client accepts.
    Accept,
    /// The protocol that the client wants to upgrade to.
    Upgrade,
    /// A guard of the table, by name.
    Guard,
}

const ALL: [Function; 21] = [
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
    F::Version,
    F::ClientIp,
    F::Cookie,
    F::ContentType,
    F::Accept,
    F::Upgrade,
    F::Guard,
];

/// Names that other programs and versions use.
const FORMER: [(&str, Function); 4] = [
    ("HostHeader", F::Host),
    ("Headers", F::Header),
    ("HeadersRegexp", F::HeaderRegexp),
    ("Methods", F::Method),
];

impl Function {
    /// Returns the name in rules.
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
            F::Version => "Version",
            F::ClientIp => "ClientIP",
            F::Cookie => "Cookie",
            F::ContentType => "ContentType",
            F::Accept => "Accept",
            F::Upgrade => "Upgrade",
            F::Guard => "Guard",
        }
    }

    /// Returns the allowed numbers of arguments; `None` if the dialect does not have the function.
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
            (_, F::Accept | F::Upgrade | F::Version | F::Guard) => None,
            (_, _) => Some((1, 1)),
        }
    }

    /// Returns the function with a name.
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

    /// Returns the function with the most similar name.
    pub(crate) fn nearest(name: &str, language: Language) -> Option<Self> {
        let former = FORMER.iter().find(|(old, _)| old.eq_ignore_ascii_case(name));
        if let Some((_, function)) = former.filter(|(_, function)| function.range(language).is_some()) {
            return Some(*function);
        }
        let name = name.to_ascii_lowercase();
        let distance =
            |function: &Function| strsim::osa_distance(&name, &function.name().to_ascii_lowercase());
        // A name much longer than that of a function is not compared with it.
        let best = known(language)
            .filter(|function| name.len() <= function.name().len() + 4)
            .min_by_key(distance)?;
        (distance(&best) <= 1 + best.name().len() / 5).then_some(best)
    }
}

fn known(language: Language) -> impl Iterator<Item = Function> {
    ALL.into_iter().filter(move |function| function.range(language).is_some())
}

/// The type of an argument: a test, and a description for errors.
pub(crate) struct ArgumentType {
    pub(crate) accepts: fn(&str) -> bool,
    pub(crate) expected: &'static str,
}

impl Function {
    /// Returns the type of an argument; `None` for templates, regexes and free text.
    pub(crate) fn argument_type(self, index: usize) -> Option<ArgumentType> {
        let (accepts, expected): (fn(&str) -> bool, _) = match (self, index) {
            (F::Header | F::HeaderRegexp | F::HeaderAll, 0) => (parses::<HeaderName>, "a header name"),
            (F::Method, _) => (|text| Method::from_bytes(text.as_bytes()).is_ok(), "a method"),
            (F::Scheme, _) => (parses::<Scheme>, "a scheme"),
            (F::Version, _) => {
                let expected = "a protocol version: `HTTP/1.0`, `HTTP/1.1`, `HTTP/2` or `HTTP/3`";
                (|text| parse_version(text).is_some(), expected)
            }
            (F::ClientIp, _) => (parses::<Network>, "an IP address or a network such as `10.0.0.0/8`"),
            (F::ContentType | F::Accept, _) => (parses::<Media>, "a media type such as `application/json`"),
            _ => return None,
        };
        Some(ArgumentType { accepts, expected })
    }
}

/// The protocol versions and their names in rules.
const VERSIONS: [(Version, &str); 5] = [
    (Version::HTTP_09, "HTTP/0.9"),
    (Version::HTTP_10, "HTTP/1.0"),
    (Version::HTTP_11, "HTTP/1.1"),
    (Version::HTTP_2, "HTTP/2"),
    (Version::HTTP_3, "HTTP/3"),
];

/// Returns the version of a text such as `HTTP/2`.
pub(crate) fn parse_version(text: &str) -> Option<Version> {
    VERSIONS.iter().find(|(_, name)| *name == text).map(|(version, _)| *version)
}

/// Returns the name of a version in rules.
pub(crate) fn version_name(version: Version) -> &'static str {
    VERSIONS.iter().find(|(known, _)| *known == version).map_or("HTTP", |(_, name)| name)
}

fn parses<T: FromStr>(text: &str) -> bool {
    text.parse::<T>().is_ok()
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
