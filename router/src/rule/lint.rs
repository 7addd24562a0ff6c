//! RuleLint: valid rules that are probably wrong.

use std::fmt;
use std::ops::Range;

use crate::rule::ast::Call;
use crate::rule::dialect::{Language, has_old_template};
use crate::rule::error::draw;
use crate::rule::function::Function as F;

/// Something in a rule that is legal and hardly meant.
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
    /// What is strange.
    pub kind: RuleLintKind,
    /// The whole rule.
    pub text: String,
    /// Where it stands in `text`, in bytes.
    pub span: Range<usize>,
}

/// The kinds of strange things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RuleLintKind {
    /// A regex that searches and has not both `^` and `$`.
    Unanchored,
    /// `{name:regex}` or `{name}` where the dialect takes the braces as they stand.
    OldTemplate,
    /// `Query(k=v)`, Traefik v2's form of `Query(k, v)`.
    OldQuery,
    /// A method in lower case, which is another method (RFC 9110 §9.1).
    LowerCaseMethod,
    /// A path that does not start with `/`, so that no request has it.
    NoLeadingSlash,
}

impl fmt::Display for RuleLintKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unanchored => "the regex may match a part only, write `^…$` if the whole is meant",
            Self::OldTemplate => {
                "the braces stand for themselves here; Traefik v2 read a template, v3 wants a function that ends in `Regexp`"
            }
            Self::OldQuery => "the whole text is the key here; write the value as second argument",
            Self::LowerCaseMethod => "methods are compared with case, and those of RFC 9110 are upper case",
            Self::NoLeadingSlash => "no request has a path without `/` in front",
        })
    }
}

impl fmt::Display for RuleLint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.kind)?;
        draw(f, &self.text, &self.span)
    }
}

/// What is strange about one call, with the places.
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
                if language == Language::Traefik && text.contains('=') && call.arguments.len() == 1 =>
            {
                RuleLintKind::OldQuery
            }
            // Traefik itself puts the rule's methods into upper case.
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
