//! Conditions as rule text.

use crate::matcher::formula::Formula;
use crate::request::method::MethodSet;
use crate::route::conditions::{Conditions, HeaderText, HostText, PathRegexText, PathText, QueryText};
use crate::route::lower::read;
use crate::rule::ast::Expr;
use crate::rule::dialect::{Function as F, Language};
use crate::rule::text::{Rule, RuleText};

/// What the conditions ask for, as a tree.
///
/// # Errors
/// The text of a rule that cannot be read.
pub(crate) fn expr(conditions: &Conditions) -> Result<Expr, &str> {
    let mut parts = own(conditions);
    for text in &conditions.rules {
        parts.push(rule(text).ok_or(text.text.as_str())?);
    }
    Ok(Expr::all(parts))
}

/// A rule in our language.
fn rule(text: &RuleText) -> Option<Expr> {
    match text.dialect.language() {
        Language::Native => Rule::parse(text.clone()).ok().map(|rule| rule.expr().clone()),
        // A foreign rule has no guards that would have to be known.
        _ => read(text, &Default::default()).ok().map(|(tree, _)| formula(&tree)),
    }
}

/// What of the conditions is no list.
pub(crate) fn formulas(conditions: &Conditions) -> impl Iterator<Item = Expr> {
    conditions.formulas.iter().map(formula)
}

/// A formula as a tree.
pub(crate) fn formula(tree: &Formula<Conditions>) -> Expr {
    match tree {
        Formula::Leaf(conditions) => Expr::all(own(conditions)),
        Formula::Not(inner) => !formula(inner),
        Formula::All(parts) => Expr::all(parts.iter().map(formula)),
        Formula::Either(parts) => Expr::either(parts.iter().map(formula)),
    }
}

/// All but the rules that have not been read.
fn own(conditions: &Conditions) -> Vec<Expr> {
    let mut parts = Vec::new();
    parts.extend(conditions.hosts.iter().map(|host| match host {
        HostText::Template(text) => F::Host.of([text]),
        HostText::Regex(text) => F::HostRegexp.of([text]),
    }));
    parts.extend(conditions.methods.as_ref().and_then(|set| methods(set, conditions.exact_methods)));
    parts.extend(conditions.path.as_ref().map(path));
    parts.extend(conditions.path_regexes.iter().map(|PathRegexText { regex, .. }| F::PathRegexp.of([regex])));
    parts.extend(conditions.method_regexes.iter().map(|regex| F::MethodRegexp.of([regex])));
    parts.extend(any_of(F::Scheme, &conditions.schemes));
    parts.extend(conditions.headers.iter().map(|(name, want)| match want {
        HeaderText::Present => F::Header.of([name]),
        HeaderText::Absent => !F::Header.of([name]),
        HeaderText::Exact(text) => F::Header.of([name, text]),
        HeaderText::Regex(text) => F::HeaderRegexp.of([name, text]),
        HeaderText::All(text) => F::HeaderAll.of([name, text]),
    }));
    parts.extend(conditions.queries.iter().map(|(key, want)| match want {
        QueryText::Present => F::Query.of([key]),
        QueryText::Absent => !F::Query.of([key]),
        QueryText::Template(text) => F::Query.of([key, text]),
        QueryText::Regex(text) => F::QueryRegexp.of([key, text]),
    }));
    parts.extend(conditions.cookies.iter().map(|(name, value)| match value {
        None => F::Cookie.of([name]),
        Some(value) => F::Cookie.of([name, value]),
    }));
    parts.extend(any_of(F::ContentType, &conditions.content_types));
    parts.extend(any_of(F::Accept, &conditions.accepts));
    parts.extend(any_of(F::Upgrade, &conditions.upgrades));
    parts.extend(any_of(F::ClientIp, &conditions.clients));
    parts.extend(conditions.custom.iter().map(|custom| F::Guard.of([&custom.name])));
    parts.extend(conditions.formulas.iter().map(formula));
    parts
}

fn any_of(function: F, texts: &[String]) -> Option<Expr> {
    (!texts.is_empty()).then(|| Expr::either(texts.iter().map(|text| function.of([text]))))
}

/// The methods of a set, unless it holds all of them.
fn methods(set: &MethodSet, exact: bool) -> Option<Expr> {
    if set.is_all() {
        return None;
    }
    let any = Expr::either(set.iter().map(|method| F::Method.of([method.as_str()])));
    // Natively GET means HEAD too.
    let narrow = exact && set.contains(&http::Method::GET) && !set.contains(&http::Method::HEAD);
    Some(if narrow { any & !F::Method.of(["HEAD"]) } else { any })
}

fn path(path: &PathText) -> Expr {
    match (path.prefix, path.raw) {
        (false, _) => F::Path.of([&path.text]),
        (true, false) => F::PathPrefix.of([&path.text]),
        (true, true) => {
            let text = path.text.replace("{{", "{").replace("}}", "}");
            F::PathRegexp.of([format!("{}(?s:.*)", regex::escape(&text))])
        }
    }
}

/// The conditions that are neither path, host nor method.
pub(crate) fn words(of: &Conditions) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    if !of.schemes.is_empty() {
        words.push(format!("scheme {}", of.schemes.join("|")));
    }
    for (name, want) in &of.headers {
        words.push(match want {
            HeaderText::Present => format!("header {name}"),
            HeaderText::Absent => format!("no header {name}"),
            HeaderText::Exact(value) => format!("header {name}={value}"),
            HeaderText::Regex(regex) => format!("header {name}~{regex}"),
            HeaderText::All(regex) => format!("every header {name}~{regex}"),
        });
    }
    for (key, template) in &of.queries {
        words.push(match template {
            QueryText::Present => format!("query {key}"),
            QueryText::Absent => format!("no query {key}"),
            QueryText::Template(template) => format!("query {key}={template}"),
            QueryText::Regex(regex) => format!("query {key}~{regex}"),
        });
    }
    for (name, value) in &of.cookies {
        let value = value.as_ref().map(|value| format!("={value}")).unwrap_or_default();
        words.push(format!("cookie {name}{value}"));
    }
    if !of.content_types.is_empty() {
        words.push(format!("content type {}", of.content_types.join("|")));
    }
    if !of.upgrades.is_empty() {
        words.push(format!("upgrade {}", of.upgrades.join("|")));
    }
    if !of.accepts.is_empty() {
        words.push(format!("accepts {}", of.accepts.join("|")));
    }
    if !of.clients.is_empty() {
        words.push(format!("client {}", of.clients.join("|")));
    }
    words.extend(of.path_regexes.iter().map(|text| format!("path ~{}", text.regex)));
    words.extend(of.method_regexes.iter().map(|regex| format!("method ~{regex}")));
    words.extend(of.custom.iter().map(|custom| format!("guard {}", custom.name)));
    words.extend(formulas(of).map(|text| format!("rule {text}")));
    words
}
