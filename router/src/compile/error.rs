//! BuildErrors.

use std::fmt;

use waylay_template::{MAX_VARIABLES, TemplateError, TemplateErrorKind};

use crate::compile::witness::Witness;
use crate::route::conditions::SourceLocation;
use crate::rule::error::RuleError;

/// Every fault of a table, in the order in which the routes were written.
///
/// ```
/// use waylay_router::{Route, Table};
/// let errors = Table::builder()
///     .route(Route::get("/{a}/{a}").value(1))
///     .route(Route::get("/x/{id:[0-9}").value(2))
///     .build()
///     .unwrap_err();
/// assert_eq!(errors.iter().count(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct BuildErrors {
    errors: Vec<BuildError>,
}

impl BuildErrors {
    /// The faults.
    pub fn iter(&self) -> impl Iterator<Item = &BuildError> {
        self.errors.iter()
    }

    /// All faults as an error, or nothing if there are none.
    pub(crate) fn check(errors: Vec<BuildError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self { errors }) }
    }
}

impl fmt::Display for BuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildErrors {}

/// One fault of a route or scope, and the line of code that wrote it.
///
/// ```
/// use waylay_router::{BuildErrorKind, Route, Table};
/// let errors = Table::builder().route(Route::get("/").header("a b", "1").name("home").value(())).build();
/// let error = errors.unwrap_err().iter().next().unwrap().clone();
/// assert_eq!((error.kind, error.route.as_str()), (BuildErrorKind::HeaderName("a b".into()), "home"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildError {
    /// The fault.
    pub kind: BuildErrorKind,
    /// The route's or scope's name, else its path or host.
    pub route: String,
    /// Where it was written.
    pub location: SourceLocation,
}

/// The kinds of faults.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildErrorKind {
    /// A template of the path, the host or a query key.
    Template(TemplateError),
    /// A variable that a scope and its route, or path, host and query, both have.
    DuplicateVariable(String),
    /// A text that is no header name.
    HeaderName(String),
    /// A header regex that does not compile, with the reason.
    HeaderRegex {
        /// The regex.
        regex: String,
        /// The compiler's words.
        reason: String,
    },
    /// A query regex that does not compile, with the reason.
    QueryRegex {
        /// The regex.
        regex: String,
        /// The compiler's words.
        reason: String,
    },
    /// A host regex that does not compile, with the reason.
    HostRegex {
        /// The regex.
        regex: String,
        /// The compiler's words.
        reason: String,
    },
    /// A path regex that does not compile, with the reason.
    PathRegex {
        /// The regex.
        regex: String,
        /// The compiler's words.
        reason: String,
    },
    /// A method regex that does not compile, with the reason.
    MethodRegex {
        /// The regex.
        regex: String,
        /// The compiler's words.
        reason: String,
    },
    /// A part of a table's file that cannot be read, or a handler that the program does not have.
    Spec(String),
    /// A rule that cannot be read, or that asks for what the table does not have.
    Rule(RuleError),
    /// A text that is no scheme.
    Scheme(String),
    /// A text that is no media type.
    MediaType(String),
    /// A text that is neither an address nor a block of them.
    Network(String),
    /// Two routes of one name.
    DuplicateName {
        /// The name.
        name: String,
        /// Where the other one was written.
        other: SourceLocation,
    },
    /// Two routes of one rank that match the same request.
    Conflict {
        /// The other route's name, else its path or host.
        with: String,
        /// Where the other one was written.
        other: SourceLocation,
        /// A request that both match.
        witness: Box<Witness>,
    },
    /// More variables than one match holds ([`MAX_VARIABLES`](crate::MAX_VARIABLES)).
    TooManyVariables,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route `{}` ({}): {}", self.route, self.location, self.kind)
    }
}

impl BuildErrorKind {
    /// A fault of a template as a whole.
    pub(crate) fn whole(kind: TemplateErrorKind, text: &str) -> Self {
        Self::Template(TemplateError { kind, text: text.to_owned(), span: 0..text.len() })
    }
}

impl fmt::Display for BuildErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template(error) => write!(f, "{error}"),
            Self::DuplicateVariable(name) => {
                write!(f, "variable `{name}` appears twice in the route and its scopes, rename one")
            }
            Self::HeaderName(name) => write!(f, "`{name}` is no header name"),
            Self::HeaderRegex { regex, reason } => {
                write!(f, "header regex `{regex}` does not compile: {reason}")
            }
            Self::QueryRegex { regex, reason } => {
                write!(f, "query regex `{regex}` does not compile: {reason}")
            }
            Self::HostRegex { regex, reason } => {
                write!(f, "host regex `{regex}` does not compile: {reason}")
            }
            Self::PathRegex { regex, reason } => {
                write!(f, "path regex `{regex}` does not compile: {reason}")
            }
            Self::MethodRegex { regex, reason } => {
                write!(f, "method regex `{regex}` does not compile: {reason}")
            }
            Self::Spec(fault) => f.write_str(fault),
            Self::Rule(error) => write!(f, "{error}"),
            Self::Scheme(scheme) => write!(f, "`{scheme}` is no scheme"),
            Self::MediaType(text) => write!(f, "`{text}` is no media type such as `application/json`"),
            Self::Network(text) => {
                write!(f, "`{text}` is neither an IP address nor a block such as `10.0.0.0/8`")
            }
            Self::DuplicateName { name, other } => {
                write!(f, "name `{name}` is taken by the route at {other}")
            }
            Self::Conflict { with, other, witness } => write!(
                f,
                "is as specific as route `{with}` ({other}), and `{witness}` matches both; \
                 give one of them a condition or a priority"
            ),
            Self::TooManyVariables => write!(f, "more than {MAX_VARIABLES} variables"),
        }
    }
}

// `Display` tells the whole fault, so there is no source to tell it again.
impl std::error::Error for BuildError {}
