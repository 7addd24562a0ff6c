//! Conditions to Pattern, every error.

use http::HeaderName;
use http::uri::Scheme;
use regex::Regex;
use waylay_template::{MAX_VARIABLES, Node, Syntax, Template, TemplateErrorKind, TemplateKind};

use crate::compile::error::BuildErrorKind as Fault;
use crate::compile::pattern::{Pattern, RouteTemplates, Source, Variable};
use crate::matcher::formula::Formula;
use crate::matcher::guard::{Guard, HeaderMatch, RuleGuard};
use crate::matcher::path_regex::PathRegex;
use crate::matcher::query::{QueryGuard, QueryMatch};
use crate::request::media_type::{Media, NotAMedia};
use crate::request::method::MethodSet;
use crate::request::peer::Network;
use crate::request::policy::Policy;
use crate::route::conditions::{Conditions, HeaderText, HostText, QueryText};
use crate::route::to_rule::formula as formula_expr;
use crate::template::constraint::{self, may_span, parse};
use crate::template::encoding::Encoding;
use crate::template::host::HostPattern;
use crate::template::path::{PathEnd, PathPattern};
use crate::template::segment::SegmentPattern;

/// Compiles the conditions of scopes (outermost first) and their route.
pub(crate) fn compile(
    chain: &[&Conditions],
    policy: Policy,
    is_scope: bool,
) -> Result<(Pattern, RouteTemplates), Vec<Fault>> {
    let mut compiler = Compiler { policy, faults: Vec::new(), reachable: true, inherited: 0 };
    let (path, end) = compiler.path(chain, is_scope);
    let mut hosts = compiler.hosts(chain);
    let mut guards = compiler.guards(chain);
    let host = hosts.pop();
    guards.extend(hosts.into_iter().map(|host| Part {
        guard: Guard::Host(host.pattern),
        template: Some(host.template),
        inherited: host.inherited,
    }));
    let methods = compiler.methods(chain);
    if methods.names_others() {
        guards.push(Part { guard: Guard::Methods(methods.clone()), template: None, inherited: false });
    }
    guards.sort_by_key(|part| part.guard.cost());
    let vars = compiler.vars(path.as_ref(), host.as_ref(), &guards);
    let compiled = match &path {
        None => Some(compiler.any_path(&guards)),
        Some(template) => compiler
            .checked(template, PathPattern::compile(template, end, policy.syntax, policy.path_encoding())),
    };
    let Some(path_pattern) = compiled.filter(|_| compiler.faults.is_empty()) else {
        return Err(compiler.faults);
    };
    let outer = guards.iter().filter(|part| matches!(part.guard, Guard::Host(_)));
    let hosts = outer.filter_map(|part| part.template.clone());
    let rules = chain.iter().rev().find_map(|conditions| conditions.trailing_slash);
    let schemes = chain.iter().rev().map(|conditions| &conditions.schemes).find(|s| !s.is_empty());
    let texts = RouteTemplates {
        trailing_slash: rules.unwrap_or(policy.trailing_slash),
        path,
        end,
        hosts: hosts.chain(host.iter().map(|host| host.template.clone())).collect(),
        queries: chain.iter().flat_map(|conditions| compiler.queries(conditions)).collect(),
        schemes: schemes.cloned().unwrap_or_default(),
        vars,
    };
    let pattern = Pattern {
        path: path_pattern,
        host: host.map(|host| Box::new(host.pattern)),
        guards: guards.into_iter().map(|part| part.guard).collect(),
        methods,
    };
    Ok((pattern, texts))
}

/// A guard, the template of its variables, and whether a scope asks for it.
struct Part {
    guard: Guard,
    template: Option<Template>,
    inherited: bool,
}

/// A host, and whether a scope asks for it.
struct Host {
    template: Template,
    pattern: HostPattern,
    inherited: bool,
}

struct Compiler {
    policy: Policy,
    faults: Vec<Fault>,
    reachable: bool,
    /// How many of the path's variables stand in the prefixes of scopes.
    inherited: usize,
}

impl Compiler {
    fn parse(&mut self, text: &str, place: TemplateKind) -> Option<Template> {
        parse(text, place, self.policy.syntax).map_err(|error| self.faults.push(Fault::Template(error))).ok()
    }

    fn checked<T>(&mut self, template: &Template, result: Result<T, TemplateErrorKind>) -> Option<T> {
        result.map_err(|kind| self.blame(template, kind)).ok()
    }

    fn blame(&mut self, template: &Template, kind: TemplateErrorKind) {
        self.faults.push(Fault::whole(kind, &template.text));
    }

    /// No path: what its regexes begin with is where the index looks.
    fn any_path(&self, guards: &[Part]) -> PathPattern {
        let beginning = |part: &Part| match &part.guard {
            Guard::PathRegex(whole) => whole.beginning(),
            _ => None,
        };
        let longest = guards.iter().filter_map(beginning).max_by_key(String::len);
        let encoding = self.policy.path_encoding();
        let pattern = longest.filter(|_| encoding == Encoding::Path).and_then(|text| {
            let template =
                Template { text: text.clone(), kind: TemplateKind::Path, nodes: vec![Node::Text(text)] };
            PathPattern::compile(&template, PathEnd::Raw, self.policy.syntax, encoding).ok()
        });
        pattern.unwrap_or_else(PathPattern::any)
    }

    /// The methods that a route and all its scopes leave.
    fn methods(&self, chain: &[&Conditions]) -> MethodSet {
        let native = self.policy.syntax == Syntax::Native;
        let upgrades = chain.iter().any(|conditions| !conditions.upgrades.is_empty());
        let sets = chain.iter().filter_map(|conditions| conditions.methods.clone());
        // HEAD belongs to GET in each of them, so that a route for HEAD may stand in a scope for GET.
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

    /// The scopes' prefixes and the route's own path, joined.
    fn path(&mut self, chain: &[&Conditions], is_scope: bool) -> (Option<Template>, PathEnd) {
        let mut joined: Option<Template> = None;
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
            let native = self.policy.syntax == Syntax::Native;
            if native && template.nodes.is_empty() && joined.is_none() {
                self.blame(&template, TemplateErrorKind::NoLeadingSlash);
            }
            let continued = i < last || path.prefix;
            if native
                && continued
                && template.variables().any(|var| may_span(&var.kind, Some(b'/'), Syntax::Native))
            {
                self.blame(&template, TemplateErrorKind::TailNotLast);
            }
            if continued && template.variables().any(|var| var.optional) {
                self.blame(&template, TemplateErrorKind::OptionalNotLast);
            }
            joined = Some(match &joined {
                Some(before) if !native && ends_open(before, &template) => {
                    // The parent's matcher asks for a slash that the child's path does not have.
                    self.reachable &= i < last || path.prefix;
                    if i < last || path.prefix { before.clone() } else { before.join(&template) }
                }
                Some(before) => before.join(&template),
                None => template,
            });
        }
        // What continues `/` by nothing is `/`.
        let native = self.policy.syntax == Syntax::Native;
        if let Some(empty) = joined.as_mut().filter(|whole| native && whole.nodes.is_empty()) {
            empty.text.push('/');
            empty.nodes.push(Node::Text("/".to_owned()));
        }
        if let Some(whole) = joined.as_ref().filter(|_| native) {
            let checked = whole.check_path();
            self.checked(whole, checked);
        }
        (joined, end)
    }

    fn hosts(&mut self, chain: &[&Conditions]) -> Vec<Host> {
        let mut hosts = Vec::new();
        let texts = chain.iter().enumerate().flat_map(|(i, outer)| outer.hosts.iter().map(move |h| (i, h)));
        for (i, text) in texts {
            let template = match text {
                HostText::Regex(regex) => Some(Template::host_regex(regex)),
                HostText::Template(text) => self.parse(text, TemplateKind::Host),
            };
            let Some(template) = template else { continue };
            match HostPattern::compile(&template, self.policy.syntax) {
                Ok(pattern) => hosts.push(Host { template, pattern, inherited: i + 1 < chain.len() }),
                Err(kind) => self.faults.push(match text {
                    HostText::Regex(regex) => {
                        Fault::HostRegex { regex: regex.clone(), reason: kind.to_string() }
                    }
                    HostText::Template(text) => Fault::whole(kind, text),
                }),
            }
        }
        hosts
    }

    fn guards(&mut self, chain: &[&Conditions]) -> Vec<Part> {
        let mut parts = Vec::new();
        for (i, conditions) in chain.iter().enumerate() {
            let made = guards(conditions, self.policy.syntax, &mut self.faults);
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

    /// One condition of a rule, as guards; its path stands behind the prefixes of the scopes.
    fn leaf(&mut self, outer: &[&Conditions], leaf: &Conditions) -> Formula<Guard> {
        let prefixes: Vec<Conditions> = outer.iter().map(|outer| outer.path_only()).collect();
        let mut chain: Vec<&Conditions> = prefixes.iter().filter(|_| leaf.path.is_some()).collect();
        chain.push(leaf);
        let pattern = match compile(&chain, self.policy, false) {
            Ok((pattern, _)) => pattern,
            Err(faults) => {
                self.faults.extend(faults);
                return Formula::All(Vec::new());
            }
        };
        let mut guards = pattern.guards.into_vec();
        guards.extend(pattern.host.map(|host| Guard::Host(*host)));
        if leaf.path.is_some() {
            guards.push(Guard::Path(Box::new(pattern.path)));
        }
        if !pattern.methods.is_all() {
            guards.push(Guard::Methods(pattern.methods));
        }
        Formula::All(guards.into_iter().map(Formula::Leaf).collect())
    }

    fn queries(&self, conditions: &Conditions) -> Vec<(String, Option<Template>)> {
        let read = |(key, text): &(String, QueryText)| match text {
            QueryText::Absent | QueryText::Regex(_) => None,
            QueryText::Present => Some((key.clone(), None)),
            QueryText::Template(text) => {
                Some((key.clone(), parse(text, TemplateKind::Query, self.policy.syntax).ok()))
            }
        };
        conditions.queries.iter().filter_map(read).collect()
    }

    /// The variables in the order in which the look-up finds them.
    fn vars(&mut self, path: Option<&Template>, host: Option<&Host>, guards: &[Part]) -> Vec<Variable> {
        let mut vars: Vec<Variable> = Vec::new();
        let mut add = |template: &Template, source: Source, inherited: &dyn Fn(usize) -> bool| {
            for (i, var) in template.variables().enumerate() {
                let mut same = vars.iter().filter(|other| other.name == var.name);
                let elsewhere = same.clone().any(|other| other.source != source);
                if elsewhere || (same.next().is_some() && self.policy.syntax == Syntax::Native) {
                    self.faults.push(Fault::DuplicateVariable(var.name.clone()));
                }
                vars.push(Variable { name: var.name.clone(), source, inherited: inherited(i) });
            }
        };
        if let Some(path) = path {
            add(path, Source::Path, &|i| i < self.inherited);
        }
        if let Some(host) = host {
            add(&host.template, Source::Host, &|_| host.inherited);
        }
        for part in guards {
            let source = if matches!(part.guard, Guard::Host(_)) { Source::Host } else { Source::Query };
            if let Some(template) = &part.template {
                add(template, source, &|_| part.inherited);
            }
        }
        vars.shrink_to_fit();
        if vars.len() > MAX_VARIABLES {
            self.faults.push(Fault::TooManyVariables);
        }
        vars
    }
}

/// Tests whether nothing can follow a prefix but itself: gorilla/mux requires its final `/` as well.
fn ends_open(prefix: &Template, child: &Template) -> bool {
    prefix.text.ends_with('/') && child.nodes.is_empty()
}

/// A guard, and the template of its variables.
pub(crate) type Made = (Guard, Option<Template>);

/// The guards of one set of conditions, in the order of writing; the host and the methods are not among them.
pub(crate) fn guards(conditions: &Conditions, syntax: Syntax, faults: &mut Vec<Fault>) -> Vec<Made> {
    let mut checks = Checks { syntax, faults, made: Vec::new() };
    checks.all(conditions);
    checks.made
}

/// Reads a network.
pub(crate) fn network(text: &str) -> Result<Network, Fault> {
    text.parse().map_err(|_| Fault::Network(text.to_owned()))
}

struct Checks<'f> {
    syntax: Syntax,
    faults: &'f mut Vec<Fault>,
    made: Vec<Made>,
}

impl Checks<'_> {
    fn all(&mut self, conditions: &Conditions) {
        if !conditions.schemes.is_empty() {
            let schemes = conditions.schemes.iter().filter_map(|text| self.scheme(text)).collect();
            self.push(Guard::Scheme(schemes));
        }
        for (name, want) in &conditions.headers {
            self.header(name, want);
        }
        for (key, text) in &conditions.queries {
            self.query(key, text);
        }
        for (name, value) in &conditions.cookies {
            self.push(Guard::Cookie(name.clone(), value.clone()));
        }
        if !conditions.content_types.is_empty() {
            let media = self.media(&conditions.content_types);
            self.push(Guard::ContentType(media));
        }
        if !conditions.accepts.is_empty() {
            let media = self.media(&conditions.accepts);
            self.push(Guard::Accept(media));
        }
        if !conditions.upgrades.is_empty() {
            self.push(Guard::Upgrade(conditions.upgrades.clone()));
        }
        if !conditions.clients.is_empty() {
            let networks = conditions.clients.iter().map(|text| network(text));
            let networks = networks.filter_map(|network| self.kept(network)).collect();
            self.push(Guard::Client(networks));
        }
        for text in &conditions.path_regexes {
            let regex = self.regex(&text.regex);
            let fault = |reason| Fault::PathRegex { regex: text.regex.clone(), reason };
            if let Some(regex) = self.kept(regex.map_err(fault)) {
                self.push(Guard::PathRegex(PathRegex { regex, escaped: text.escaped }));
            }
        }
        for text in &conditions.method_regexes {
            let regex = self.regex(text);
            let fault = |reason| Fault::MethodRegex { regex: text.clone(), reason };
            if let Some(regex) = self.kept(regex.map_err(fault)) {
                self.push(Guard::MethodRegex(regex));
            }
        }
        for custom in &conditions.custom {
            self.push(Guard::Custom(custom.clone()));
        }
    }

    fn push(&mut self, guard: Guard) {
        self.made.push((guard, None));
    }

    fn kept<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.faults.push(fault)).ok()
    }

    fn scheme(&mut self, text: &str) -> Option<Scheme> {
        let scheme = text.to_ascii_lowercase().parse();
        self.kept(scheme.map_err(|_| Fault::Scheme(text.to_owned())))
    }

    fn media(&mut self, texts: &[String]) -> Vec<Media> {
        let parsed =
            texts.iter().map(|text| text.parse().map_err(|NotAMedia| Fault::MediaType(text.clone())));
        parsed.filter_map(|media| self.kept(media)).collect()
    }

    fn header(&mut self, name: &str, want: &HeaderText) {
        let header = name.parse::<HeaderName>().map_err(|_| Fault::HeaderName(name.to_owned()));
        let gorilla = self.syntax == Syntax::Gorilla;
        let mut regex = |text: &String| {
            let fault = |reason| Fault::HeaderRegex { regex: text.clone(), reason };
            self.regex(text).map_err(fault)
        };
        let want = match want {
            HeaderText::Present => Ok(HeaderMatch::Present),
            HeaderText::Absent => Ok(HeaderMatch::Absent),
            HeaderText::Exact(text) if gorilla && text.is_empty() => Ok(HeaderMatch::Present),
            HeaderText::Exact(text) => Ok(HeaderMatch::Exact(text.clone())),
            HeaderText::Regex(text) => regex(text).map(HeaderMatch::Regex),
            HeaderText::All(text) => regex(text).map(HeaderMatch::All),
        };
        if let (Some(header), Some(want)) = (self.kept(header), self.kept(want)) {
            self.push(Guard::Header(header, want));
        }
    }

    fn regex(&mut self, text: &str) -> Result<Regex, String> {
        constraint::whole(text, self.syntax, false).map_err(|kind| kind.to_string())
    }

    fn query(&mut self, key: &str, text: &QueryText) {
        let gorilla = self.syntax == Syntax::Gorilla;
        let (want, template) = match text {
            QueryText::Absent => (QueryMatch::Absent, None),
            QueryText::Present => (QueryMatch::Present, None),
            QueryText::Template(text) if gorilla && text.is_empty() => (QueryMatch::Present, None),
            QueryText::Regex(text) => {
                let regex = self.regex(text);
                let fault = |reason| Fault::QueryRegex { regex: text.clone(), reason };
                let Some(regex) = self.kept(regex.map_err(fault)) else { return };
                (QueryMatch::Regex(regex), None)
            }
            QueryText::Template(text) => {
                let template = parse(text, TemplateKind::Query, self.syntax).map_err(Fault::Template);
                let Some(template) = self.kept(template) else { return };
                let want = match template.literal() {
                    Some(literal) => QueryMatch::Exact(literal.to_owned()),
                    None => {
                        let slot = SegmentPattern::compile(
                            &template.nodes,
                            TemplateKind::Query,
                            self.syntax,
                            Encoding::Form,
                            false,
                        );
                        let slot = slot.map_err(|kind| Fault::whole(kind, &template.text));
                        let Some(slot) = self.kept(slot) else { return };
                        QueryMatch::Template(slot)
                    }
                };
                (want, Some(template))
            }
        };
        self.made.push((Guard::Query(QueryGuard { key: key.to_owned(), want }), template));
    }
}
