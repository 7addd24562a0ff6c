//! The parts of a request that a field can be read from.

use std::fmt;

/// The part of the request that a value comes from.
///
/// Its text is the `in` member of a problem's errors.
///
/// ```
/// use waylay_extract::Source;
///
/// assert_eq!(Source::Query.as_str(), "query");
/// assert_eq!(Source::Header.to_string(), "header");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// A variable of the route's path or host template.
    Path,
    /// A key of the query string.
    Query,
    /// A header.
    Header,
    /// A cookie of the `Cookie` header.
    Cookie,
    /// A key of an urlencoded form.
    Form,
    /// A part of a multipart body.
    Part,
    /// The body, whole or by member.
    Body,
}

impl Source {
    /// The word that stands for this source in a problem.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
            Self::Form => "form",
            Self::Part => "part",
            Self::Body => "body",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
