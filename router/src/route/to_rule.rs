//! Conditions as rule text.

use waylay_template::{Syntax, TemplateKind};

use crate::matcher::formula::Formula;
use crate::request::method::MethodSet;
use crate::route::conditions::{Condition, Conditions, HostText, PathText};
use crate::route::lower::read;
use crate::rule::ast::Expr;
use crate::rule::dialect::Language;
use crate::rule::function::Function as F;
use crate::rule::text::{Rule, RuleText};
use crate::template::constraint::parse;

/// Returns the conditions as a rule.
///
/// # Errors
/// The text of a rule that does not parse.
pub(crate) fn expr(conditions: &Conditions) -> Result<Expr, &str> {
    let mut parts = own(conditions);
    for text in &conditions.rules {
        parts.push(rule(text).ok_or(text.text.as_str())?);
    }
    Ok(Expr::all(parts))
}

/// Returns a rule in the native language.
fn rule(text: &RuleText) -> Option<Expr> {
    match text.dialect.language() {
        Language::Native => Rule::parse(text.clone()).ok().map(|rule| rule.expr().clone()),
        // A foreign rule has no guards.
        _ => read(text, &Default::default()).ok().map(|(tree, _)| formula(&tree)),
    }
}

/// Returns a formula as a rule.
pub(crate) fn formula(tree: &Formula<Conditions>) -> Expr {
    match tree {
        Formula::Leaf(conditions) => Expr::all(own(conditions)),
        Formula::Not(inner) => !formula(inner),
        Formula::All(parts) => Expr::all(parts.iter().map(formula)),
        Formula::Either(parts) => Expr::either(parts.iter().map(formula)),
    }
}

/// All conditions but the rules that have not been parsed.
fn own(conditions: &Conditions) -> Vec<Expr> {
    let mut parts = Vec::new();
    parts.extend(conditions.hosts.iter().map(|host| match host {
        HostText::Template(text) => F::Host.of([text]),
        HostText::Regex(text) => F::HostRegexp.of([text]),
    }));
    parts.extend(conditions.method_sets().filter_map(|set| methods(set, conditions.exact_methods)));
    parts.extend(conditions.path.as_ref().map(path));
    parts.extend(conditions.groups().map(alternatives));
    parts.extend(conditions.formulas.iter().map(formula));
    parts
}

fn alternatives(group: &[Condition]) -> Expr {
    Expr::either(group.iter().map(Condition::to_expr))
}

/// Returns the methods of a set, unless it contains all methods.
fn methods(set: &MethodSet, exact: bool) -> Option<Expr> {
    if set.is_all() {
        return None;
    }
    let any = Expr::either(set.iter().map(|method| F::Method.of([method.as_str()])));
    // Natively GET includes HEAD.
    let narrow = exact && set.contains(&http::Method::GET) && !set.contains(&http::Method::HEAD);
    Some(if narrow { any & !F::Method.of(["HEAD"]) } else { any })
}

fn path(path: &PathText) -> Expr {
    match (path.prefix, path.raw) {
        (false, _) => F::Path.of([&path.text]),
        (true, false) => F::PathPrefix.of([&path.text]),
        (true, true) => {
            let template = parse(&path.text, TemplateKind::Path, Syntax::Native);
            let text = template.ok().and_then(|template| template.literal().map(str::to_owned));
            let text = text.unwrap_or_else(|| path.text.clone());
            F::PathRegexp.of([format!("{}(?s:.*)", regex::escape(&text))])
        }
    }
}

/// One condition of a route as a rule, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConditionText {
    pub(crate) text: String,
    /// Whether it concerns what the route returns.
    pub(crate) is_accept: bool,
}

/// Returns the conditions beside host, method and path template, each as a rule.
pub(crate) fn condition_texts(conditions: &Conditions) -> Vec<ConditionText> {
    let groups = conditions.groups().map(|group| ConditionText {
        text: alternatives(group).to_string(),
        is_accept: matches!(group, [Condition::Accept(_), ..]),
    });
    let formulas = conditions.formulas.iter().map(|tree| formula(tree).to_string());
    groups.chain(formulas.map(|text| ConditionText { text, is_accept: false })).collect()
}
