//! BuildErrors: every error of a table.

use std::fmt;

use waylay_template::{MAX_VARIABLES, OneLine, OneLineWriter, TemplateError, TemplateErrorKind};

use crate::compile::witness::Witness;
use crate::route::conditions::SourceLocation;
use crate::route::scope_conditions::MAX_SCOPE_DEPTH;
use crate::rule::error::RuleError;
use crate::rule::lint::RuleLint;

/// All errors of a table, in the order in which the routes were added.
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
    lints: Vec<BuildLint>,
}

/// A lint of the rule of a route in a table that is not built.
#[derive(Debug, Clone)]
pub(crate) struct BuildLint {
    pub(crate) lint: RuleLint,
    pub(crate) route: String,
    pub(crate) location: SourceLocation,
}

impl BuildErrors {
    /// Returns the errors.
    pub fn iter(&self) -> impl Iterator<Item = &BuildError> {
        self.errors.iter()
    }

    /// Returns the lints of the rules, which are printed after the errors: a part of a rule that is probably wrong may be
    /// the reason for an error.
    pub fn lints(&self) -> impl Iterator<Item = &RuleLint> {
        self.lints.iter().map(|lint| &lint.lint)
    }

    /// Returns an error if there are any errors.
    pub(crate) fn check(errors: Vec<BuildError>, lints: Vec<BuildLint>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self { errors, lints }) }
    }
}

impl fmt::Display for BuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{error}")?;
        }
        for BuildLint { lint, route, location } in &self.lints {
            write!(f, "\nlint: route `{}` ({location}): {lint}", OneLine(route))?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildErrors {}

/// One error of a route or scope, with its source location.
///
/// ```
/// use waylay_router::{BuildErrorKind, Route, Table};
/// let errors = Table::builder().route(Route::get("/").header("a b", "1").name("home").value(())).build();
/// let error = errors.unwrap_err().iter().next().unwrap().clone();
/// assert_eq!((error.kind, error.route.as_str()), (BuildErrorKind::HeaderName("a b".into()), "home"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildError {
    /// What is wrong.
    pub kind: BuildErrorKind,
    /// The name of the route or scope, else its path or host.
    pub route: String,
    /// The source location of the route or scope.
    pub location: SourceLocation,
}

/// What is wrong with a route or scope.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildErrorKind {
    /// An error in a template of the path, the host or a query key.
    Template(TemplateError),
    /// A variable that appears both in a scope and its route, or in two of path, host and query.
    DuplicateVariable(String),
    /// A text that is not a header name.
    HeaderName(String),
    /// A header regex that does not compile.
    HeaderRegex {
        /// The regex.
        regex: String,
        /// The message of the regex crate.
        reason: String,
    },
    /// A query regex that does not compile.
    QueryRegex {
        /// The regex.
        regex: String,
        /// The message of the regex crate.
        reason: String,
    },
    /// A host regex that does not compile.
    HostRegex {
        /// The regex.
        regex: String,
        /// The message of the regex crate.
        reason: String,
    },
    /// A path regex that does not compile.
    PathRegex {
        /// The regex.
        regex: String,
        /// The message of the regex crate.
        reason: String,
    },
    /// A method regex that does not compile.
    MethodRegex {
        /// The regex.
        regex: String,
        /// The message of the regex crate.
        reason: String,
    },
    /// An invalid part of a table's file, or a handler that the program does not have.
    Spec(String),
    /// A rule that does not parse, or that names a guard that the table does not have.
    Rule(RuleError),
    /// A text that is not a scheme.
    Scheme(String),
    /// A text that is not a media type.
    MediaType(String),
    /// A text that is neither an address nor a network.
    Network(String),
    /// A variable that the handler of a route reads, and that the route and its scopes do not have.
    MissingVariable {
        /// The name.
        name: String,
        /// What reads it, such as `Show::id`; `None`: the handler.
        reader: Option<String>,
        /// The variables of the route.
        variables: Vec<String>,
    },
    /// Two routes with the same name.
    DuplicateName {
        /// The name.
        name: String,
        /// The source location of the other route.
        other: SourceLocation,
    },
    /// Two routes of equal rank that match the same request.
    Conflict {
        /// The name of the other route, else its path or host.
        with: String,
        /// The source location of the other route.
        other: SourceLocation,
        /// A request that both routes match.
        witness: Box<Witness>,
    },
    /// More than [`MAX_VARIABLES`](crate::MAX_VARIABLES) variables.
    TooManyVariables,
    /// More than [`MAX_SCOPE_DEPTH`](crate::MAX_SCOPE_DEPTH) scopes within each other.
    ScopesTooDeep,
    /// Names and paths of more than 4 GiB in one table.
    TooMuchText,
    /// A table's file with more than [`MAX_SCOPE_DEPTH`](crate::MAX_SCOPE_DEPTH) scopes within each other, or with another
    /// value that is nested as deep. The line is that of the error's location.
    FileTooDeep {
        /// The place in the line, in bytes, counted from 1.
        column: u32,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route `{}` ({}): {}", OneLine(&self.route), self.location, self.kind)
    }
}

impl BuildErrorKind {
    /// Returns an error of a template as a whole.
    pub(crate) fn whole(kind: TemplateErrorKind, text: &str) -> Self {
        Self::Template(TemplateError { kind, text: text.to_owned(), span: 0..text.len() })
    }
}

impl fmt::Display for BuildErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // These have lines of their own; all others have one.
        match self {
            Self::Template(error) => return error.fmt(f),
            Self::Rule(error) => return error.fmt(f),
            _ => {}
        }
        let f = &mut OneLineWriter(f);
        match self {
            Self::Template(_) | Self::Rule(_) => Ok(()),
            Self::DuplicateVariable(name) => {
                write!(f, "variable `{name}` appears twice in the route and its scopes, rename one")
            }
            Self::HeaderName(name) => write!(f, "`{name}` is not a header name"),
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
            Self::Spec(error) => f.write_str(error),
            Self::Scheme(scheme) => write!(f, "`{scheme}` is not a scheme"),
            Self::MediaType(text) => write!(f, "`{text}` is not a media type such as `application/json`"),
            Self::Network(text) => {
                write!(f, "`{text}` is not an IP address or a network such as `10.0.0.0/8`")
            }
            Self::MissingVariable { name, reader, variables } => {
                match reader {
                    Some(reader) => write!(f, "`{reader}`")?,
                    None => f.write_str("its handler")?,
                }
                write!(f, " reads the variable `{name}`, which the route does not have; ")?;
                match variables.as_slice() {
                    [] => write!(f, "add `{{{name}}}` to the path"),
                    variables => {
                        let variables = variables.join("`, `");
                        write!(f, "add `{{{name}}}` to the path, or read one of its variables `{variables}`")
                    }
                }
            }
            Self::DuplicateName { name, other } => {
                write!(f, "name `{name}` is used by the route at {other}, rename one")
            }
            Self::Conflict { with, other, witness } => write!(
                f,
                "is as specific as route `{with}` ({other}), and `{witness}` matches both; \
                 give one of them a condition or a priority"
            ),
            Self::TooManyVariables => write!(f, "more than {MAX_VARIABLES} variables"),
            Self::ScopesTooDeep => {
                write!(f, "more than {MAX_SCOPE_DEPTH} scopes within each other, join their prefixes")
            }
            Self::TooMuchText => {
                f.write_str("the names and paths of the table have more than 4 GiB, divide it into several")
            }
            Self::FileTooDeep { column } => write!(
                f,
                "column {column}: more than {MAX_SCOPE_DEPTH} scopes within each other, or a value that is nested as \
                 deep; join the prefixes of scopes"
            ),
        }
    }
}

// `Display` prints the whole error, so `source` has nothing to add.
impl std::error::Error for BuildError {}
