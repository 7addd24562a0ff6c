//! Policy: how requests are read.

use waylay_template::Syntax;

use crate::template::encoding::Encoding;
use crate::template::path::PathEnd;

/// Which of several matching routes wins when no priority decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Precedence {
    /// The most specific: host, then path segment by segment, then guards.
    #[default]
    Specificity,
    /// The one that was written first, as in gorilla/mux; a scope holds its place.
    RegistrationOrder,
}

/// Which path the templates are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PathForm {
    /// RFC 3986's normal form: unreserved characters decoded, all else escaped in upper case.
    /// `%2F` is data and never divides segments.
    #[default]
    Canonical,
    /// Everything decoded, so that `%2F` divides segments, as gorilla/mux does.
    Decoded,
    /// As it came, as gorilla/mux does with `UseEncodedPath`.
    Raw,
}

/// What becomes of dot segments and doubled slashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PathCleaning {
    /// Dot segments are refused with 400; empty segments are kept and match no variable.
    #[default]
    Reject,
    /// The request is redirected with 301 to the cleaned path, as gorilla/mux does.
    Redirect,
    /// Everything is kept.
    Keep,
}

/// What a prefix may be followed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PrefixMatch {
    /// Whole segments: `/api` matches `/api` and `/api/x`, not `/apis`.
    #[default]
    Segments,
    /// Any text: `/api` matches `/apis`, as in gorilla/mux.
    Raw,
}

/// What a path gets that differs from a route's only by its final slash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TrailingSlash {
    /// It is another path.
    #[default]
    Strict,
    /// A redirect to the route's own spelling: 308, which keeps method and body; 301 in the
    /// gorilla dialect. The target is relative and keeps query and escapes.
    Redirect,
    /// The route answers both.
    Ignore,
}

/// Which of several values of one query key are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum QueryValues {
    /// Any of them may match.
    #[default]
    Any,
    /// Only the first counts, as in gorilla/mux.
    First,
}

/// What an HTTP/1.1 request without a host gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum MissingHost {
    /// No route with a host matches; the rest works, so that tests need no ceremony.
    #[default]
    Unmatched,
    /// 400, as RFC 9112 §3.2 asks of servers.
    Reject,
}

/// What an OPTIONS request gets that no route answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OptionsAnswer {
    /// 405 with `Allow`, as any other method.
    #[default]
    Miss,
    /// 204 with `Allow` (RFC 9110 §9.3.7), from the router itself. It is no answer to a preflight:
    /// for that there is tower-http's `CorsLayer`.
    Automatic,
}

/// What a request gets whose method alone is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum MethodMiss {
    /// 405 with `Allow`.
    #[default]
    MethodNotAllowed,
    /// 404, so that nobody learns which paths there are.
    NotFound,
}

/// How requests are read before they are matched.
///
/// ```
/// use waylay_router::{Policy, Precedence};
/// let policy = Policy::default().precedence(Precedence::RegistrationOrder);
/// assert_ne!(policy, Policy::strict());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use = "a policy does nothing until a builder has it"]
pub struct Policy {
    pub(crate) precedence: Precedence,
    pub(crate) path: PathForm,
    pub(crate) path_cleaning: PathCleaning,
    pub(crate) prefixes: PrefixMatch,
    pub(crate) trailing_slash: TrailingSlash,
    pub(crate) query: QueryValues,
    pub(crate) missing_host: MissingHost,
    pub(crate) options: OptionsAnswer,
    pub(crate) method_miss: MethodMiss,
    pub(crate) syntax: Syntax,
}

impl Policy {
    /// The default, and a missing host is refused.
    pub fn strict() -> Self {
        Self::default().missing_host(MissingHost::Reject)
    }

    /// gorilla/mux's reading: registration order, raw prefixes, decoded path,
    /// cleaning redirects, first query value, its template grammar.
    pub fn gorilla() -> Self {
        Self {
            precedence: Precedence::RegistrationOrder,
            path: PathForm::Decoded,
            path_cleaning: PathCleaning::Redirect,
            prefixes: PrefixMatch::Raw,
            trailing_slash: TrailingSlash::Strict,
            query: QueryValues::First,
            missing_host: MissingHost::Unmatched,
            options: OptionsAnswer::Miss,
            method_miss: MethodMiss::MethodNotAllowed,
            syntax: Syntax::Gorilla,
        }
    }

    /// Which of several matching routes wins.
    pub fn precedence(self, precedence: Precedence) -> Self {
        Self { precedence, ..self }
    }

    /// Which path the templates are compared with.
    pub fn path(self, path: PathForm) -> Self {
        Self { path, ..self }
    }

    /// What becomes of dot segments.
    pub fn path_cleaning(self, path_cleaning: PathCleaning) -> Self {
        Self { path_cleaning, ..self }
    }

    /// What a prefix may be followed by.
    pub fn prefixes(self, prefixes: PrefixMatch) -> Self {
        Self { prefixes, ..self }
    }

    /// What a path gets that differs from a route's only by its final slash; routes and scopes
    /// may say otherwise.
    pub fn trailing_slash(self, trailing_slash: TrailingSlash) -> Self {
        Self { trailing_slash, ..self }
    }

    /// Which of several values of one query key are looked at.
    pub fn query(self, query: QueryValues) -> Self {
        Self { query, ..self }
    }

    /// What a request without a host gets.
    pub fn missing_host(self, missing_host: MissingHost) -> Self {
        Self { missing_host, ..self }
    }

    /// What an OPTIONS request gets that no route answers.
    pub fn options(self, options: OptionsAnswer) -> Self {
        Self { options, ..self }
    }

    /// What a request gets whose method alone is wrong.
    pub fn method_miss(self, method_miss: MethodMiss) -> Self {
        Self { method_miss, ..self }
    }

    /// How the path is encoded that templates are compared with.
    pub(crate) fn path_encoding(self) -> Encoding {
        match self.path {
            PathForm::Canonical => Encoding::Path,
            PathForm::Decoded | PathForm::Raw => Encoding::Plain,
        }
    }

    /// How a prefix template ends.
    pub(crate) fn prefix_end(self) -> PathEnd {
        match self.prefixes {
            PrefixMatch::Segments => PathEnd::Segments,
            PrefixMatch::Raw => PathEnd::Raw,
        }
    }
}
