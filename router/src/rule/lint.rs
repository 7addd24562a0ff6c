//! RuleLint: valid rules that are probably wrong.

use std::fmt;
use std::ops::Range;

use crate::rule::ast::Call;
use crate::rule::dialect::{Language, has_old_template};
use crate::rule::error::draw;
use crate::rule::function::Function as F;

/// A part of a rule that is valid and probably wrong.
///
/// ```
/// use waylay_router::rule::{Rule, RuleLintKind};
/// let rule = Rule::parse("Method(`get`)")?;
/// let lint = &rule.lints()[0];
/// assert_eq!((lint.kind, lint.span.clone()), (RuleLintKind::LowerCaseMethod, 7..12));
/// # Ok::<(), waylay_router::rule::RuleErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleLint {
    /// The kind.
    pub kind: RuleLintKind,
    /// The whole rule.
    pub text: String,
    /// The position in `text`, in bytes.
    pub span: Range<usize>,
}

/// What is probably wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RuleLintKind {
    /// A regex that searches, without both `^` and `$`.
    Unanchored,
    /// `{name:regex}` or `{name}` where braces are literal.
    OldTemplate,
    /// `Query(k=v)`, Traefik v2's form of `Query(k, v)`.
    OldQuery,
    /// A method in lower case, which is a different method (RFC 9110 §9.1).
    LowerCaseMethod,
    /// A path that does not start with `/`, so that no request has it.
    NoLeadingSlash,
}

impl fmt::Display for RuleLintKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unanchored => "the regex may match only a part, write `^…$` to match the whole",
            Self::OldTemplate => {
                "the braces are literal here; Traefik v2 read a template, in v3 use a function that ends in `Regexp`"
            }
            Self::OldQuery => "the whole text is the key here; write the value as second argument",
            Self::LowerCaseMethod => "methods are case-sensitive, and those of RFC 9110 are upper case",
            Self::NoLeadingSlash => "no request has a path without a leading `/`",
        })
    }
}

impl fmt::Display for RuleLint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.kind)?;
        draw(f, &self.text, &self.span)
    }
}

/// Returns the lints of one call, with their positions.
pub(crate) fn lint(call: &Call, language: Language) -> Vec<(RuleLintKind, Range<usize>)> {
    let mut lints = Vec::new();
    for (i, argument) in call.arguments.iter().enumerate() {
        let text = argument.text.as_str();
        let kind = match (call.function, i) {
            (F::HostRegexp | F::PathRegexp | F::MethodRegexp, _) | (F::HeaderRegexp | F::QueryRegexp, 1)
                if language.searches() && !(text.starts_with('^') && text.ends_with('$')) =>
            {
                RuleLintKind::Unanchored
            }
            (F::Host | F::Path | F::PathPrefix, _)
                if language == Language::Traefik && has_old_template(text) =>
            {
                RuleLintKind::OldTemplate
            }
            (F::Query, 0)
                if language != Language::Vulcand && text.contains('=') && call.arguments.len() == 1 =>
            {
                RuleLintKind::OldQuery
            }
            // Traefik converts the methods of rules to upper case.
            (F::Method, _) if language != Language::Traefik && is_lower(text) => {
                RuleLintKind::LowerCaseMethod
            }
            (F::Path, _) if language == Language::Vulcand && !text.starts_with(['/', '<']) => {
                RuleLintKind::NoLeadingSlash
            }
            _ => continue,
        };
        lints.push((kind, argument.span.clone()));
    }
    lints
}

fn is_lower(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase())
}
