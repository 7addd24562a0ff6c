//! Conditions to Pattern, with every error.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;
use waylay_template::{MAX_VARIABLES, Node, Syntax, Template, TemplateErrorKind, TemplateKind};

use crate::compile::automaton::{host_regex, path_regex};
use crate::compile::error::BuildErrorKind;
use crate::compile::guards::compile_guards;
use crate::compile::pattern::{CompiledRoute, Pattern, Source, Variable};
use crate::matcher::formula::Formula;
use crate::matcher::guard::{Guard, HostGuard, PathGuard, RuleGuard};
use crate::request::method::MethodSet;
use crate::request::policy::{Policy, TrailingSlash};
use crate::route::conditions::{Condition, Conditions, HostText, QueryText};
use crate::route::to_rule::formula as formula_expr;
use crate::template::constraint::Regexes;
use crate::template::edges::without_comments;
use crate::template::encoding::{Encoding, is_reserved_pchar};
use crate::template::host::HostPattern;
use crate::template::path::{PathEdges, PathEnd, PathPattern};

/// What the routes of a table share when they are compiled: equal hosts and regexes are compiled once.
#[derive(Debug)]
pub(crate) struct Compilation {
    pub(crate) policy: Policy,
    pub(crate) regexes: Regexes,
    hosts: RefCell<HashMap<HostText, Arc<HostPattern>, FxBuildHasher>>,
}

impl Compilation {
    /// Nothing so far.
    pub(crate) fn new(policy: Policy) -> Self {
        Self { policy, regexes: Regexes::new(policy.syntax), hosts: RefCell::default() }
    }
}

/// Compiles the conditions of scopes (outermost first) and of their route.
pub(crate) fn compile(
    chain: &[&Conditions],
    compilation: &Compilation,
    is_scope: bool,
) -> Result<CompiledRoute, Vec<BuildErrorKind>> {
    let policy = compilation.policy;
    let mut compiler = Compiler { policy, compilation, errors: Vec::new(), reachable: true, inherited: 0 };
    let (path, end) = compiler.path(chain, is_scope);
    let mut hosts = compiler.hosts(chain);
    let mut guards = compiler.guards(chain);
    let host = hosts.pop();
    guards.extend(hosts.into_iter().map(|host| Part {
        guard: host_guard(host.pattern, policy.syntax),
        template: None,
        inherited: host.inherited,
    }));
    let methods = compiler.methods(chain);
    if methods.names_others() {
        guards.push(Part { guard: Guard::Methods(methods.clone()), template: None, inherited: false });
    }
    guards.sort_by_key(|part| part.guard.cost());
    let vars = compiler.vars(path.as_ref(), host.as_ref(), &guards);
    let path_pattern = compiler.path_pattern(path.as_ref(), end, &guards);
    let Some((path_pattern, edges)) = path_pattern.filter(|_| compiler.errors.is_empty()) else {
        return Err(compiler.errors);
    };
    let pattern = Pattern {
        path: path_pattern,
        trailing_slash: trailing_slash(chain, policy),
        host: host.map(|host| host.pattern),
        guards: guards.into_iter().map(|part| part.guard).collect(),
        methods,
        vars: vars.into(),
        queries: chain.iter().flat_map(|conditions| compiler.queries(conditions)).collect(),
        schemes: innermost_schemes(chain).into(),
    };
    Ok(CompiledRoute { pattern, path, edges })
}

/// A guard, the template of a query, and whether it comes from a scope.
struct Part {
    guard: Guard,
    template: Option<Template>,
    inherited: bool,
}

/// A host, and whether it comes from a scope.
struct Host {
    pattern: Arc<HostPattern>,
    inherited: bool,
}

fn host_guard(pattern: Arc<HostPattern>, syntax: Syntax) -> Guard {
    let regex = host_regex(pattern.template(), syntax);
    Guard::Host(Box::new(HostGuard { pattern, regex }))
}

struct Compiler<'c> {
    policy: Policy,
    compilation: &'c Compilation,
    errors: Vec<BuildErrorKind>,
    reachable: bool,
    /// The number of path variables in the prefixes of scopes.
    inherited: usize,
}

impl Compiler<'_> {
    fn parse(&mut self, text: &str, place: TemplateKind) -> Option<Template> {
        let parsed = self.compilation.regexes.parse(text, place);
        parsed.map_err(|error| self.errors.push(BuildErrorKind::Template(error))).ok()
    }

    fn checked<T>(&mut self, template: &Template, result: Result<T, TemplateErrorKind>) -> Option<T> {
        result.map_err(|kind| self.add_error(template, kind)).ok()
    }

    fn add_error(&mut self, template: &Template, kind: TemplateErrorKind) {
        self.errors.push(BuildErrorKind::whole(kind, &template.text));
    }

    fn path_pattern(
        &mut self,
        path: Option<&Template>,
        end: PathEnd,
        guards: &[Part],
    ) -> Option<(PathPattern, PathEdges)> {
        let Some(path) = path else { return Some(self.any_path(guards)) };
        let (regexes, encoding) = (&self.compilation.regexes, self.policy.path_encoding());
        let pattern = PathPattern::compile(path, end, regexes, encoding);
        self.checked(path, pattern)
    }

    /// Returns the pattern of a route without a path template: the index uses the literal start of its path
    /// regexes.
    fn any_path(&self, guards: &[Part]) -> (PathPattern, PathEdges) {
        let beginning = |part: &Part| match &part.guard {
            Guard::PathRegex(whole) => whole.beginning(),
            _ => None,
        };
        // The index compares the start of a segment unchanged, and the regex reads it decoded.
        let unescaped = |text: String| {
            let end = text.bytes().position(is_reserved_pchar).unwrap_or(text.len());
            Some(text[..end].to_owned()).filter(|text| text.len() > 1)
        };
        let longest = guards.iter().filter_map(beginning).filter_map(unescaped).max_by_key(String::len);
        let encoding = self.policy.path_encoding();
        let pattern = longest.filter(|_| encoding == Encoding::Path).and_then(|text| {
            let template =
                Template { text: text.clone(), kind: TemplateKind::Path, nodes: vec![Node::Text(text)] };
            PathPattern::compile(&template, PathEnd::Raw, &self.compilation.regexes, encoding).ok()
        });
        pattern.unwrap_or_else(PathPattern::any)
    }

    /// Returns the methods that a route and all its scopes allow.
    fn methods(&self, chain: &[&Conditions]) -> MethodSet {
        let native = self.policy.syntax == Syntax::Native;
        let is_upgrade = |condition: &Condition| matches!(condition, Condition::Upgrade(_));
        let upgrades = chain.iter().any(|conditions| conditions.list.iter().any(is_upgrade));
        let sets = chain.iter().flat_map(|conditions| conditions.method_sets().cloned());
        // GET includes HEAD in each set, so a route for HEAD can be inside a scope for GET.
        let exact = chain.iter().any(|conditions| conditions.exact_methods);
        let widened = sets.map(|set| match (upgrades, native && !exact) {
            (true, _) => set.with_connect(),
            (false, true) => set.with_head(),
            (false, false) => set,
        });
        let all = if upgrades { MethodSet::get().with_connect() } else { MethodSet::all() };
        let left = widened.fold(all, |all, set| all.and(&set));
        if self.reachable { left } else { MethodSet::default() }
    }

    /// Joins the prefixes of the scopes and the route's path.
    fn path(&mut self, chain: &[&Conditions], is_scope: bool) -> (Option<Template>, PathEnd) {
        let mut joined: Option<Template> = None;
        let mut parts = 0;
        let mut end = self.policy.prefix_end();
        let last = chain.len().saturating_sub(1);
        for (i, conditions) in chain.iter().enumerate() {
            let Some(path) = &conditions.path else {
                continue;
            };
            let Some(template) = self.parse(&path.text, TemplateKind::Path) else {
                continue;
            };
            if i < last {
                self.inherited += template.variables().count();
            }
            if i == last && !path.prefix && !is_scope {
                end = PathEnd::Exact;
            }
            if i == last && path.raw {
                end = PathEnd::Raw;
            }
            let is_prefix = i < last || path.prefix;
            self.check_part(&template, joined.is_none(), is_prefix);
            joined = Some(self.join(joined, template, is_prefix));
            parts += 1;
        }
        self.check_joined(&mut joined, parts);
        (joined, end)
    }

    /// Checks one part of a joined path.
    fn check_part(&mut self, template: &Template, is_first: bool, is_prefix: bool) {
        let native = self.policy.syntax == Syntax::Native;
        if native && template.nodes.is_empty() && is_first {
            self.add_error(template, TemplateErrorKind::NoLeadingSlash);
        }
        let regexes = &self.compilation.regexes;
        let spans = |var: &waylay_template::Variable| regexes.spans(&var.kind, Some(b'/'));
        if native && is_prefix && template.variables().any(spans) {
            self.add_error(template, TemplateErrorKind::TailNotLast);
        }
        if is_prefix && template.variables().any(|var| var.optional) {
            self.add_error(template, TemplateErrorKind::OptionalNotLast);
        }
    }

    fn join(&mut self, before: Option<Template>, template: Template, is_prefix: bool) -> Template {
        let native = self.policy.syntax == Syntax::Native;
        match before {
            Some(before) if !native && ends_open(&before, &template) => {
                // The parent's matcher requires a slash that the child's path does not have.
                self.reachable &= is_prefix;
                if is_prefix { before } else { before.join(&template) }
            }
            Some(before) => before.join(&template),
            None => template,
        }
    }

    /// Checks a joined path; an empty one is `/`.
    fn check_joined(&mut self, joined: &mut Option<Template>, parts: usize) {
        let Some(path) = joined.as_mut().filter(|_| self.policy.syntax == Syntax::Native) else {
            return;
        };
        if path.nodes.is_empty() {
            path.text.push('/');
            path.nodes.push(Node::Text("/".to_owned()));
        }
        // The parser has checked a single part.
        if parts > 1 {
            let checked = path.check_path();
            self.checked(path, checked);
        }
    }

    fn hosts(&mut self, chain: &[&Conditions]) -> Vec<Host> {
        let mut hosts = Vec::new();
        let texts = chain.iter().enumerate().flat_map(|(i, outer)| outer.hosts.iter().map(move |h| (i, h)));
        for (i, text) in texts {
            let inherited = i + 1 < chain.len();
            if let Some(known) = self.compilation.hosts.borrow().get(text) {
                hosts.push(Host { pattern: Arc::clone(known), inherited });
                continue;
            }
            let template = match text {
                HostText::Regex(regex) => Some(Template::host_regex(&without_comments(regex))),
                HostText::Template(text) => self.parse(text, TemplateKind::Host),
            };
            let Some(template) = template else { continue };
            match HostPattern::compile(&template, &self.compilation.regexes) {
                Ok(pattern) => {
                    let pattern = Arc::new(pattern);
                    self.compilation.hosts.borrow_mut().insert(text.clone(), Arc::clone(&pattern));
                    hosts.push(Host { pattern, inherited });
                }
                Err(kind) => self.errors.push(match text {
                    HostText::Regex(regex) => {
                        BuildErrorKind::HostRegex { regex: regex.clone(), reason: kind.to_string() }
                    }
                    HostText::Template(text) => BuildErrorKind::whole(kind, text),
                }),
            }
        }
        hosts
    }

    fn guards(&mut self, chain: &[&Conditions]) -> Vec<Part> {
        let mut parts = Vec::new();
        for (i, conditions) in chain.iter().enumerate() {
            let made = compile_guards(conditions, &self.compilation.regexes, &mut self.errors);
            let inherited = i + 1 < chain.len();
            parts.extend(made.into_iter().map(|(guard, template)| Part { guard, template, inherited }));
            for formula in &conditions.formulas {
                let text = formula_expr(formula).to_string();
                let formula = formula.map(&mut |leaf| self.leaf(&chain[..i], leaf));
                let guard = Guard::Formula(Box::new(RuleGuard { formula, text }));
                parts.push(Part { guard, template: None, inherited });
            }
        }
        parts
    }

    /// Compiles one condition of a rule to guards; its path follows the prefixes of the scopes.
    fn leaf(&mut self, outer: &[&Conditions], leaf: &Conditions) -> Formula<Guard> {
        let prefixes: Vec<Conditions> = outer.iter().map(|outer| outer.path_only()).collect();
        let mut chain: Vec<&Conditions> = prefixes.iter().filter(|_| leaf.path.is_some()).collect();
        chain.push(leaf);
        let compiled = compile(&chain, self.compilation, false);
        let CompiledRoute { pattern, path, edges } = match compiled {
            Ok(compiled) => compiled,
            Err(errors) => {
                self.errors.extend(errors);
                return Formula::All(Vec::new());
            }
        };
        let mut guards = pattern.guards.into_vec();
        guards.extend(pattern.host.map(|host| host_guard(host, self.policy.syntax)));
        if leaf.path.is_some() {
            let regex = path_regex(path.as_ref(), pattern.path.end(), self.policy.syntax);
            guards.push(Guard::Path(Box::new(PathGuard { pattern: pattern.path, edges, regex })));
        }
        if !pattern.methods.is_all() {
            guards.push(Guard::Methods(pattern.methods));
        }
        Formula::All(guards.into_iter().map(Formula::Leaf).collect())
    }

    fn queries(&self, conditions: &Conditions) -> Vec<(String, Option<Template>)> {
        let template = |condition: &Condition| match condition {
            Condition::Query(key, QueryText::Present) => Some((key.clone(), None)),
            Condition::Query(key, QueryText::Template(text)) => {
                Some((key.clone(), self.compilation.regexes.parse(text, TemplateKind::Query).ok()))
            }
            _ => None,
        };
        conditions.list.iter().filter_map(template).collect()
    }

    /// Returns the variables in the order in which a look-up captures them.
    fn vars(&mut self, path: Option<&Template>, host: Option<&Host>, guards: &[Part]) -> Vec<Variable> {
        let mut vars: Vec<Variable> = Vec::new();
        let mut add = |template: &Template, source: Source, inherited: &dyn Fn(usize) -> bool| {
            for (i, var) in template.variables().enumerate() {
                let mut same = vars.iter().filter(|other| *other.name == *var.name);
                let elsewhere = same.clone().any(|other| other.source != source);
                if elsewhere || (same.next().is_some() && self.policy.syntax == Syntax::Native) {
                    self.errors.push(BuildErrorKind::DuplicateVariable(var.name.clone()));
                }
                vars.push(Variable { name: var.name.as_str().into(), source, inherited: inherited(i) });
            }
        };
        if let Some(path) = path {
            add(path, Source::Path, &|i| i < self.inherited);
        }
        if let Some(host) = host {
            add(host.pattern.template(), Source::Host, &|_| host.inherited);
        }
        for part in guards {
            match (&part.guard, &part.template) {
                (Guard::Host(host), _) => add(host.pattern.template(), Source::Host, &|_| part.inherited),
                (_, Some(query)) => add(query, Source::Query, &|_| part.inherited),
                _ => {}
            }
        }
        if vars.len() > MAX_VARIABLES {
            self.errors.push(BuildErrorKind::TooManyVariables);
        }
        vars
    }
}

/// Tests whether nothing can follow a prefix but itself: gorilla/mux requires its final `/` as well.
fn ends_open(prefix: &Template, child: &Template) -> bool {
    prefix.text.ends_with('/') && child.nodes.is_empty()
}

fn trailing_slash(chain: &[&Conditions], policy: Policy) -> TrailingSlash {
    let own = chain.iter().rev().find_map(|conditions| conditions.trailing_slash);
    own.unwrap_or(policy.trailing_slash)
}

/// The schemes of the innermost conditions that have any.
fn innermost_schemes(chain: &[&Conditions]) -> Vec<String> {
    let lists = chain.iter().rev().map(|conditions| schemes(conditions));
    lists.into_iter().find(|list| !list.is_empty()).unwrap_or_default()
}

fn schemes(conditions: &Conditions) -> Vec<String> {
    let scheme = |condition: &Condition| match condition {
        Condition::Scheme(scheme) => Some(scheme.clone()),
        _ => None,
    };
    conditions.list.iter().filter_map(scheme).collect()
}
