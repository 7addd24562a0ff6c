//! ConditionLint: a condition that is valid and probably means something else.

use std::collections::HashMap;
use std::fmt;

use http::HeaderName;
use http::header::{
    ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONNECTION, CONTENT_TYPE, COOKIE, HOST,
    IF_MATCH, IF_NONE_MATCH, UPGRADE, VARY,
};
use regex_syntax::hir::{Hir, HirKind, Look};
use waylay_template::{
    Node, OneLineWriter, Syntax, Template, TemplateKind, VariableKind, Wildcard, foreign_variable,
};

use crate::compile::pattern::Pattern;
use crate::matcher::formula::Formula;
use crate::matcher::guard::{Guard, RuleGuard};
use crate::matcher::header::HeaderMatch;
use crate::matcher::query::{QueryGuard, QueryMatch, unanchored};
use crate::request::path::{BadRequest, check_spelling};
use crate::request::policy::{EmptySegments, Policy};
use crate::table::catalog::{Catalog, RouteEntry};
use crate::template::encoding::escape;

/// A condition of a route that is valid and probably means something else.
///
/// ```
/// use waylay_router::{ConditionLint, LintKind, Route, Table};
/// let table = Table::builder().route(Route::get("/").header_regex("accept", "^text/").value(())).build()?;
/// let lints = table.lints();
/// let LintKind::Condition(ConditionLint::Anchored { write, .. }) = &lints[0].kind else { unreachable!() };
/// assert_eq!(write, "text/.*");
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConditionLint {
    /// No request meets all conditions of the route and its scopes, because of these.
    Exclusive {
        /// What they are about: `methods` or `paths`.
        what: &'static str,
        /// The conditions, as far as they are known.
        conditions: Vec<String>,
    },
    /// A regex has an anchor at one end only. Regexes match whole values, so the other end is not open.
    Anchored {
        /// The condition.
        condition: String,
        /// The regex that is probably meant.
        write: String,
    },
    /// A header is compared with its whole text, while its syntax has parameters, lists or case: `application/json` is
    /// not `application/json; charset=utf-8`.
    StructuredHeader {
        /// The header and the value.
        header: String,
        /// The condition that reads the syntax.
        write: String,
    },
    /// A value is compared as text, and is a variable in the templates of this crate or of another router.
    Foreign {
        /// The condition.
        condition: String,
        /// The condition that is probably meant.
        write: String,
        /// The condition for the text itself.
        literal: String,
    },
    /// The policy rejects or rewrites every path that the template matches.
    Rejected {
        /// The path template.
        path: String,
        /// The reason.
        reason: String,
    },
    /// A path is negated, and the policy accepts spellings that an upstream may read as that path: what the upstream decodes
    /// is not what was tested.
    NegatedPath {
        /// The condition.
        condition: String,
        /// The settings of the [`Policy`](crate::Policy) that accept them.
        settings: Vec<&'static str>,
    },
    /// The host is one variable label, and every literal host of the table has more labels.
    OneLabel {
        /// The host template.
        host: String,
    },
}

impl fmt::Display for ConditionLint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut OneLineWriter(f);
        match self {
            Self::Exclusive { what, conditions } => {
                let shown = conditions.iter().map(|condition| format!(" `{condition}`")).collect::<String>();
                write!(
                    f,
                    "no request meets all of its conditions: its {what} exclude each other{}{shown}; write alternatives with `||`",
                    if shown.is_empty() { "" } else { ":" }
                )
            }
            Self::Anchored { condition, write } => write!(
                f,
                "`{condition}` is anchored at one end, but a regex always matches the whole value; write `{write}`"
            ),
            Self::StructuredHeader { header, write } => {
                write!(
                    f,
                    "`{header}` is compared as a whole, without parameters, lists or case; write `.{write}`"
                )
            }
            Self::Foreign { condition, write, literal } => write!(
                f,
                "`{condition}` compares the text itself, which is a variable elsewhere; write `.{write}`, or `.{literal}` if the text is meant"
            ),
            Self::Rejected { path, reason } => {
                write!(f, "no request has a path of `{path}`: {reason}, by the policy")
            }
            Self::NegatedPath { condition, settings } => write!(
                f,
                "`{condition}` negates a path, but what the upstream decodes is not what was tested; use `Policy::strict()`, or set {}",
                settings.join(", ")
            ),
            Self::OneLabel { host } => write!(
                f,
                "host `{host}` matches hosts of one label only, and all other hosts have more; write `{{*name}}` for any host"
            ),
        }
    }
}

/// Returns a lint for a route whose methods exclude each other; formulas are not part of the method bits.
pub(crate) fn exclusive_methods(pattern: &Pattern) -> Option<ConditionLint> {
    let mut methods = pattern.methods.clone();
    let mut conditions = Vec::new();
    for rule in rules(pattern) {
        if let Some(Guard::Methods(set)) = single(&rule.formula) {
            methods = methods.and(set);
            conditions.push(rule.text.clone());
        }
    }
    methods.is_empty().then_some(ConditionLint::Exclusive { what: "methods", conditions })
}

/// Returns a lint for a route that matches nothing and has several paths.
pub(crate) fn exclusive_paths(route: &RouteEntry, pattern: &Pattern) -> Option<ConditionLint> {
    let mut conditions: Vec<String> = route.templates.path.iter().map(|path| path.text.clone()).collect();
    let paths = rules(pattern).filter(|rule| matches!(single(&rule.formula), Some(Guard::Path(_))));
    conditions.extend(paths.map(|rule| rule.text.clone()));
    (conditions.len() > 1).then_some(ConditionLint::Exclusive { what: "paths", conditions })
}

fn rules(pattern: &Pattern) -> impl Iterator<Item = &RuleGuard> {
    pattern.guards.iter().filter_map(|guard| match guard {
        Guard::Formula(rule) => Some(&**rule),
        _ => None,
    })
}

/// Returns the condition of a formula that has only one.
fn single(formula: &Formula<Guard>) -> Option<&Guard> {
    match formula {
        Formula::Leaf(guard) => Some(guard),
        Formula::All(parts) => match parts.as_slice() {
            [part] => single(part),
            _ => None,
        },
        Formula::Not(_) | Formula::Either(_) => None,
    }
}

/// Returns the lints of the conditions of all routes, with the indices of the routes.
pub(crate) fn condition_lints(catalog: &Catalog) -> Vec<(usize, ConditionLint)> {
    let literals =
        catalog.routes.iter().flat_map(|route| &route.templates.hosts).filter_map(Template::literal);
    let mut literals = literals.peekable();
    let has_longer_hosts = literals.peek().is_some() && literals.all(|host| host.contains('.'));
    let mut lints: Vec<(usize, ConditionLint)> = Vec::new();
    let mut known: HashMap<u32, Vec<ConditionLint>> = HashMap::new();
    let is_negation = |lint: &ConditionLint| matches!(lint, ConditionLint::NegatedPath { .. });
    for (index, route) in catalog.routes.iter().enumerate().filter(|(_, route)| !route.build_only) {
        let own = route_lints(catalog, route).into_iter();
        let one_label = one_label(route).filter(|_| has_longer_hosts);
        for lint in own.chain(one_label) {
            // Alternatives of a route share conditions; one negated path is enough of them.
            let known = known.entry(route.of).or_default();
            if !known.iter().any(|known| *known == lint || is_negation(known) && is_negation(&lint)) {
                known.push(lint.clone());
                lints.push((index, lint));
            }
        }
    }
    lints
}

fn route_lints(catalog: &Catalog, route: &RouteEntry) -> Vec<ConditionLint> {
    let mut lints = Vec::new();
    let Some(pattern) = catalog.patterns.get(route.rank) else { return lints };
    let is_native = catalog.policy.syntax == Syntax::Native;
    let path = route.templates.path.as_ref().filter(|_| is_native);
    lints.extend(path.and_then(|path| rejected_path(path, catalog.policy)));
    let settings = catalog.policy.open_settings();
    for rule in rules(pattern).filter(|rule| !settings.is_empty() && negates_path(&rule.formula, false)) {
        lints.push(ConditionLint::NegatedPath { condition: rule.text.clone(), settings: settings.clone() });
    }
    let mut see = |guard: &Guard| {
        if let Some((header, write)) = structured_header(guard) {
            lints.push(ConditionLint::StructuredHeader { header, write });
        }
        if let Some((write, literal)) = foreign_value(guard).filter(|_| is_native) {
            let (kind, required) = guard.required(&route.templates.queries);
            lints.push(ConditionLint::Foreign { condition: format!("{kind} {required}"), write, literal });
        }
        if let Some(write) = regex_of(guard).filter(|_| is_native).and_then(|regex| whole_form(&regex)) {
            let (kind, required) = guard.required(&route.templates.queries);
            lints.push(ConditionLint::Anchored { condition: format!("{kind} {required}"), write });
        }
    };
    for guard in &pattern.guards {
        match guard {
            Guard::Formula(rule) => rule.formula.leaves().for_each(&mut see),
            other => see(other),
        }
    }
    let hosts = route.templates.hosts.iter().filter_map(|host| match host.nodes.as_slice() {
        [Node::Wildcard(Wildcard::Regex(regex))] => {
            whole_form(regex).map(|write| (format!("host {}", host.text), write))
        }
        _ => None,
    });
    lints.extend(hosts.map(|(condition, write)| ConditionLint::Anchored { condition, write }));
    lints
}

/// Tests whether a condition on the path is under an odd number of negations.
fn negates_path(formula: &Formula<Guard>, is_negated: bool) -> bool {
    match formula {
        Formula::Leaf(guard) => is_negated && matches!(guard, Guard::Path(_) | Guard::PathRegex(_)),
        Formula::Not(inner) => negates_path(inner, !is_negated),
        Formula::All(parts) | Formula::Either(parts) => {
            parts.iter().any(|part| negates_path(part, is_negated))
        }
    }
}

/// Returns a lint for a path whose literal text the policy does not accept.
fn rejected_path(path: &Template, policy: Policy) -> Option<ConditionLint> {
    let text = path.nodes.iter().map(|node| match node {
        Node::Text(text) => text.as_str(),
        Node::Variable(_) | Node::Wildcard(_) => "a",
    });
    let text = escape(&text.collect::<String>());
    let reason = match check_spelling(&text, policy) {
        Err(reason) => reason.to_string(),
        Ok(()) if text.contains("//") && policy.empty_segments != EmptySegments::Keep => {
            BadRequest::EmptySegment.to_string()
        }
        Ok(()) => return None,
    };
    Some(ConditionLint::Rejected { path: path.text.clone(), reason })
}

/// Returns the header of a comparison with the whole text of a structured field, and the condition to use instead.
fn structured_header(guard: &Guard) -> Option<(String, String)> {
    let Guard::Header(name, HeaderMatch::Exact(value)) = guard else { return None };
    let write = match name {
        _ if name == CONTENT_TYPE => {
            format!("content_type({:?})", value.split(';').next().unwrap_or(value).trim())
        }
        _ if name == ACCEPT => {
            format!("accept({:?})", value.split([';', ',']).next().unwrap_or(value).trim())
        }
        _ if name == COOKIE => "cookie(name, value)".to_owned(),
        _ if name == HOST => format!("host({value:?})"),
        _ if name == UPGRADE => format!("upgrade({value:?})"),
        _ if name == CONNECTION && value.eq_ignore_ascii_case("upgrade") => "upgrade(protocol)".to_owned(),
        _ => return None,
    };
    Some((format!("{name}: {value}"), write))
}

/// Returns the condition that is meant by a value that is a variable elsewhere, and the one for the value itself.
fn foreign_value(guard: &Guard) -> Option<(String, String)> {
    match guard {
        Guard::Query(QueryGuard { key, value: QueryMatch::Exact(text) }) => {
            let literal = format!("query_regex({key:?}, {:?})", regex::escape(text));
            Some((format!("query({key:?}, {:?})", foreign_variable(text)?), literal))
        }
        Guard::Header(name, HeaderMatch::Exact(text)) if !(text == "*" && has_wildcard(name)) => {
            let name = name.as_str();
            let write = match variable(text)? {
                Some(regex) => format!("header_regex({name:?}, {regex:?})"),
                None => format!("header_present({name:?})"),
            };
            Some((write, format!("header_regex({name:?}, {:?})", regex::escape(text))))
        }
        Guard::Cookie(name, Some(text)) => {
            variable(text)?;
            let literal = format!(r"(?:.*; *)?{}={}(?:;.*)?", regex::escape(name), regex::escape(text));
            Some((format!("cookie_present({name:?})"), format!("header_regex(\"cookie\", {literal:?})")))
        }
        _ => None,
    }
}

/// Tests whether `*` is a value of a header by its definition.
fn has_wildcard(name: &HeaderName) -> bool {
    [IF_MATCH, IF_NONE_MATCH, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ACCEPT_CHARSET, ACCEPT, VARY].contains(name)
        || name.as_str().starts_with("access-control-")
}

/// Returns the regex of a value that is one variable as a whole, here or in another router; `None` within it without
/// a regex.
fn variable(text: &str) -> Option<Option<String>> {
    let native = Template::parse(text, TemplateKind::Query).ok();
    let variable = match native.as_ref().map(|template| template.nodes.as_slice()) {
        Some([Node::Variable(variable)]) => variable.clone(),
        _ => {
            let template = Template::parse(&foreign_variable(text)?, TemplateKind::Query).ok()?;
            template.variables().next()?.clone()
        }
    };
    Some(match variable.kind {
        VariableKind::Regex(regex) => Some(regex),
        VariableKind::Plain | VariableKind::Tail => None,
    })
}

fn regex_of(guard: &Guard) -> Option<String> {
    let regex = match guard {
        Guard::Header(_, HeaderMatch::Regex(regex) | HeaderMatch::All(regex)) => regex,
        Guard::MethodRegex(regex) => regex,
        Guard::PathRegex(path) => &path.regex,
        Guard::Query(query) => match &query.value {
            QueryMatch::Regex(regex) => regex,
            _ => return None,
        },
        _ => return None,
    };
    Some(unanchored(regex).to_owned())
}

/// Returns the regex that is probably meant by one with an anchor at one end only, if the other end is fixed: a regex that
/// must match the whole value needs no anchor, so the other end is meant to be open.
fn whole_form(regex: &str) -> Option<String> {
    let hir = regex_syntax::parse(regex).ok()?;
    let properties = hir.properties();
    let starts = properties.look_set_prefix().contains(Look::Start);
    let ends = properties.look_set_suffix().contains(Look::End);
    let write = match (starts, ends) {
        (true, false) if !is_open(&hir, <[Hir]>::last) => format!("{}.*", regex.strip_prefix('^')?),
        (false, true) if !is_open(&hir, <[Hir]>::first) => format!(".*{}", regex.strip_suffix('$')?),
        _ => return None,
    };
    regex_syntax::parse(&write).is_ok().then_some(write)
}

/// Tests whether the part at one end is a repetition without a limit.
fn is_open(hir: &Hir, end: fn(&[Hir]) -> Option<&Hir>) -> bool {
    match hir.kind() {
        HirKind::Repetition(repetition) => repetition.max.is_none(),
        HirKind::Concat(parts) => end(parts).is_some_and(|part| is_open(part, end)),
        HirKind::Alternation(parts) => parts.iter().any(|part| is_open(part, end)),
        HirKind::Capture(capture) => is_open(&capture.sub, end),
        _ => false,
    }
}

/// Returns a lint for a host of one variable label.
fn one_label(route: &RouteEntry) -> Option<ConditionLint> {
    let is_label = |host: &&Template| match host.nodes.as_slice() {
        [Node::Variable(variable)] => variable.kind == VariableKind::Plain,
        _ => false,
    };
    let host = route.templates.hosts.iter().find(is_label)?;
    Some(ConditionLint::OneLabel { host: host.text.clone() })
}
