//! Rule, RuleText: a rule before and after parsing.

use std::fmt;
use std::str::FromStr;

use crate::rule::ast::Expr;
use crate::rule::dialect::Dialect;
use crate::rule::error::{RuleError, RuleErrors};
use crate::rule::lint::{RuleLint, lint};
use crate::rule::parser::parse;

/// The text of a rule and its dialect; not parsed.
///
/// A text alone is native. [`Dialect::text`] creates one of another dialect.
///
/// ```
/// use waylay_router::rule::{Dialect, Function, RuleText};
/// let written = RuleText::from("Path(`/a`)");
/// assert_eq!(written, RuleText::from(Function::Path.of(["/a"])));
/// assert_eq!(written, Dialect::Native.text("Path(`/a`)"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    pub(crate) text: String,
    pub(crate) dialect: Dialect,
}

impl Dialect {
    /// Returns the text of a rule in this dialect.
    pub fn text(self, text: impl Into<String>) -> RuleText {
        RuleText { text: text.into(), dialect: self }
    }
}

impl From<&str> for RuleText {
    fn from(text: &str) -> Self {
        Dialect::Native.text(text)
    }
}

impl From<String> for RuleText {
    fn from(text: String) -> Self {
        Dialect::Native.text(text)
    }
}

impl From<Expr> for RuleText {
    fn from(expr: Expr) -> Self {
        Self::from(&expr)
    }
}

impl From<&Expr> for RuleText {
    fn from(expr: &Expr) -> Self {
        Dialect::Native.text(expr.to_string())
    }
}

/// A parsed rule: every function is known, every argument has been checked.
///
/// ```
/// use waylay_router::rule::Rule;
/// let rule = Rule::parse("Host(`a.example.com`)&&(PathPrefix(\"/api\") || !Header(`x-debug`))")?;
/// assert_eq!(rule.to_string(), "Host(`a.example.com`) && (PathPrefix(`/api`) || !Header(`x-debug`))");
/// assert!(rule.lints().is_empty());
/// # Ok::<(), waylay_router::rule::RuleErrors>(())
/// ```
#[derive(Debug, Clone)]
pub struct Rule {
    text: RuleText,
    expr: Expr,
    lints: Vec<RuleLint>,
}

impl Rule {
    /// Parses a rule.
    ///
    /// # Errors
    /// The first syntax error, and every error of the functions before it.
    pub fn parse(text: impl Into<RuleText>) -> Result<Self, RuleErrors> {
        let text = text.into();
        let error = |(kind, span)| RuleError { kind, text: text.text.clone(), span };
        let expr = parse(&text.text, text.dialect)
            .map_err(|errors| RuleErrors { errors: errors.into_iter().map(error).collect() })?;
        let language = text.dialect.language();
        let lints = expr.calls().into_iter().flat_map(|call| lint(call, language));
        let lints = lints.map(|(kind, span)| RuleLint { kind, text: text.text.clone(), span }).collect();
        Ok(Self { expr, lints, text })
    }

    /// Returns the syntax tree.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Returns the parts that are valid and probably wrong.
    pub fn lints(&self) -> &[RuleLint] {
        &self.lints
    }

    /// Returns the source text.
    pub fn text(&self) -> &str {
        &self.text.text
    }

    /// Returns the dialect.
    pub fn dialect(&self) -> Dialect {
        self.text.dialect
    }
}

impl FromStr for Rule {
    type Err = RuleErrors;

    /// Parses a native rule.
    fn from_str(text: &str) -> Result<Self, RuleErrors> {
        Self::parse(text)
    }
}

impl fmt::Display for Rule {
    /// Prints the syntax tree in a uniform format.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.expr)
    }
}
