//! Policy: how requests are read and matched.

use waylay_template::Syntax;

use crate::template::encoding::Encoding;
use crate::template::path::PathEnd;

/// The order of several matching routes without a priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Precedence {
    /// The most specific route first: host, then path segment by segment, then guards.
    #[default]
    Specificity,
    /// The route that was added first, as in gorilla/mux; a scope has the position where it was added.
    RegistrationOrder,
}

/// The form of the path that templates are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PathForm {
    /// The normal form of RFC 3986: unreserved characters decoded, all others encoded in upper case. `%2F` is
    /// data and never separates segments.
    #[default]
    Canonical,
    /// Everything decoded, so `%2F` separates segments, as in gorilla/mux.
    Decoded,
    /// Unchanged, as in gorilla/mux with `UseEncodedPath`.
    Raw,
}

/// The treatment of dot segments and doubled slashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PathCleaning {
    /// Dot segments are rejected with 400. Empty segments are those of [`EmptySegments`].
    #[default]
    Reject,
    /// The request is redirected with 301 to the clean path, as in gorilla/mux.
    Redirect,
    /// Everything stays as it is.
    Keep,
}

/// The treatment of empty segments: doubled slashes. A final slash is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum EmptySegments {
    /// They stay and match no variable: `/a//b` is not `/a/b`.
    #[default]
    Keep,
    /// They are left out before any route is tested: `//a///b` is `/a/b`.
    Merge,
    /// 400.
    Reject,
}

/// The treatment of a path that other programs read differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AmbiguousPath {
    /// It is data of its segment.
    #[default]
    Accept,
    /// 400.
    Reject,
}

/// What may follow a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PrefixMatch {
    /// Whole segments: `/api` matches `/api` and `/api/x`, not `/apis`.
    #[default]
    Segments,
    /// Any text: `/api` matches `/apis`, as in gorilla/mux.
    Raw,
}

/// The treatment of a path that differs from a route's only by its final slash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TrailingSlash {
    /// It is a different path.
    #[default]
    Strict,
    /// A redirect to the route's own path: 308, which keeps method and body; 301 in the gorilla dialect. The
    /// target is relative and keeps query and escapes.
    Redirect,
    /// The route matches both.
    Ignore,
}

/// The values of a query key that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum QueryValues {
    /// Any of them may match.
    #[default]
    Any,
    /// Only the first counts, as in gorilla/mux.
    First,
}

/// The treatment of an HTTP/1.1 request without a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum MissingHost {
    /// No route with a host matches; others do, so tests need no host.
    #[default]
    Unmatched,
    /// 400, as RFC 9112 §3.2 requires of servers.
    Reject,
}

/// The response to an OPTIONS request that no route matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OptionsAnswer {
    /// 405 with `Allow`, as for any other method.
    #[default]
    Miss,
    /// 204 with `Allow` (RFC 9110 §9.3.7), from the router itself. It is not a response to a preflight:
    /// tower-http's `CorsLayer` is.
    Automatic,
}

/// The response to a request with a method that no matching path has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum MethodMiss {
    /// 405 with `Allow`.
    #[default]
    MethodNotAllowed,
    /// 404, which hides the paths that exist.
    NotFound,
}

/// The settings of how requests are read and matched.
///
/// ```
/// use waylay_router::{Policy, Precedence};
/// let policy = Policy::default().precedence(Precedence::RegistrationOrder);
/// assert_ne!(policy, Policy::strict());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use = "a policy does nothing until it is set on a builder"]
pub struct Policy {
    pub(crate) precedence: Precedence,
    pub(crate) path: PathForm,
    pub(crate) path_cleaning: PathCleaning,
    pub(crate) empty_segments: EmptySegments,
    pub(crate) encoded_slashes: AmbiguousPath,
    pub(crate) backslashes: AmbiguousPath,
    pub(crate) dot_parameters: AmbiguousPath,
    pub(crate) prefixes: PrefixMatch,
    pub(crate) trailing_slash: TrailingSlash,
    pub(crate) query: QueryValues,
    pub(crate) missing_host: MissingHost,
    pub(crate) options: OptionsAnswer,
    pub(crate) method_miss: MethodMiss,
    pub(crate) syntax: Syntax,
}

impl Policy {
    /// Returns the default policy, except that requests are rejected with 400 that an upstream may read differently: without
    /// a host in HTTP/1.1, and with empty segments, encoded slashes, backslashes or dot segments with parameters
    /// in the path.
    ///
    /// ```
    /// use waylay_router::{Peer, Policy, Route, Table};
    /// let table = Table::builder().policy(Policy::strict()).route(Route::prefix("/").value(())).build()?;
    /// for (target, status) in [("/a/b", 200), ("/a//b", 400), ("/a%2Fb", 400), ("/a%5Cb", 400), ("/a/..;/b", 400)] {
    ///     let request = http::Request::get(target).header("host", "example.com").body(())?;
    ///     let found = table.find(&request, &Peer::default());
    ///     assert_eq!(found.map_or_else(|miss| miss.status().as_u16(), |_| 200), status, "{target}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn strict() -> Self {
        Self::default()
            .missing_host(MissingHost::Reject)
            .empty_segments(EmptySegments::Reject)
            .encoded_slashes(AmbiguousPath::Reject)
            .backslashes(AmbiguousPath::Reject)
            .dot_parameters(AmbiguousPath::Reject)
    }

    /// Returns the policy of gorilla/mux: registration order, raw prefixes, decoded path, clean-path
    /// redirects, first query value, its template syntax.
    pub fn gorilla() -> Self {
        Self {
            precedence: Precedence::RegistrationOrder,
            path: PathForm::Decoded,
            path_cleaning: PathCleaning::Redirect,
            prefixes: PrefixMatch::Raw,
            query: QueryValues::First,
            syntax: Syntax::Gorilla,
            ..Self::default()
        }
    }

    /// Sets the order of several matching routes.
    pub fn precedence(self, precedence: Precedence) -> Self {
        Self { precedence, ..self }
    }

    /// Sets the form of the path that templates are compared with.
    pub fn path(self, path: PathForm) -> Self {
        Self { path, ..self }
    }

    /// Sets the treatment of dot segments.
    pub fn path_cleaning(self, path_cleaning: PathCleaning) -> Self {
        Self { path_cleaning, ..self }
    }

    /// Sets the treatment of empty segments.
    pub fn empty_segments(self, empty_segments: EmptySegments) -> Self {
        Self { empty_segments, ..self }
    }

    /// Sets the treatment of encoded slashes, `%2F`: an upstream that decodes them reads more segments.
    pub fn encoded_slashes(self, encoded_slashes: AmbiguousPath) -> Self {
        Self { encoded_slashes, ..self }
    }

    /// Sets the treatment of backslashes, encoded (`%5C`) or not: some programs read them as slashes.
    pub fn backslashes(self, backslashes: AmbiguousPath) -> Self {
        Self { backslashes, ..self }
    }

    /// Sets the treatment of dot segments with parameters, `.;x` and `..;x`, in any spelling: programs that remove
    /// parameters first, as Tomcat does, read dot segments.
    pub fn dot_parameters(self, dot_parameters: AmbiguousPath) -> Self {
        Self { dot_parameters, ..self }
    }

    /// Sets what may follow a prefix.
    pub fn prefixes(self, prefixes: PrefixMatch) -> Self {
        Self { prefixes, ..self }
    }

    /// Sets the treatment of a path that differs from a route's only by its final slash; routes and scopes
    /// can override it.
    pub fn trailing_slash(self, trailing_slash: TrailingSlash) -> Self {
        Self { trailing_slash, ..self }
    }

    /// Sets the values of a query key that are compared.
    pub fn query(self, query: QueryValues) -> Self {
        Self { query, ..self }
    }

    /// Sets the treatment of a request without a host.
    pub fn missing_host(self, missing_host: MissingHost) -> Self {
        Self { missing_host, ..self }
    }

    /// Sets the response to an OPTIONS request that no route matches.
    pub fn options(self, options: OptionsAnswer) -> Self {
        Self { options, ..self }
    }

    /// Sets the response to a request with a wrong method.
    pub fn method_miss(self, method_miss: MethodMiss) -> Self {
        Self { method_miss, ..self }
    }

    /// Returns the encoding of the path that templates are compared with.
    pub(crate) fn path_encoding(self) -> Encoding {
        match self.path {
            PathForm::Canonical => Encoding::Path,
            PathForm::Decoded | PathForm::Raw => Encoding::Plain,
        }
    }

    /// Returns the settings under which an upstream may read another path than the one that is matched.
    pub(crate) fn open_settings(self) -> Vec<&'static str> {
        [
            ("path_cleaning", self.path_cleaning == PathCleaning::Keep),
            ("empty_segments", self.empty_segments == EmptySegments::Keep),
            ("encoded_slashes", self.encoded_slashes == AmbiguousPath::Accept),
            ("backslashes", self.backslashes == AmbiguousPath::Accept),
            ("dot_parameters", self.dot_parameters == AmbiguousPath::Accept),
        ]
        .into_iter()
        .filter_map(|(name, is_open)| is_open.then_some(name))
        .collect()
    }

    /// Tests whether a byte separates the pairs of a query. gorilla/mux separates at `;` as well, as older versions of Go
    /// did.
    pub(crate) fn divides_query(&self, byte: u8) -> bool {
        byte == b'&' || (self.query == QueryValues::First && byte == b';')
    }

    /// Tests whether a request in canonical form is looked up as it is, unless it has empty segments.
    pub(crate) fn is_plain(self) -> bool {
        self.path == PathForm::Canonical
            && self.path_cleaning != PathCleaning::Redirect
            && self.syntax == Syntax::Native
    }

    /// Returns how a prefix template ends.
    pub(crate) fn prefix_end(self) -> PathEnd {
        match self.prefixes {
            PrefixMatch::Segments => PathEnd::Segments,
            PrefixMatch::Raw => PathEnd::Raw,
        }
    }
}
