//! Conditions as written to a pattern, with every fault of them.

use http::HeaderName;
use http::uri::Scheme;

use crate::conditions::{Conditions, HeaderText, QueryText};
use crate::error::BuildErrorKind as Fault;
use crate::matcher::client::Network;
use crate::matcher::guard::{Guard, HeaderWant};
use crate::matcher::media::{Media, NotAMedia};
use crate::matcher::method::MethodSet;
use crate::matcher::query::{QueryGuard, QueryWant};
use crate::pattern::{Pattern, Source, Texts};
use crate::policy::Policy;
use crate::template::constraint;
use crate::template::decode::Coding;
use crate::template::host::HostPattern;
use crate::template::parse::{check_whole, parse};
use crate::template::path::{Ending, PathPattern};
use crate::template::piece::{Grammar, MAX_VARIABLES, Place, Template, TemplateError, TemplateErrorKind};
use crate::template::slot::Slot;

/// Compiles the conditions of scopes (outermost first) and their route.
pub(crate) fn compile(
    chain: &[&Conditions],
    policy: Policy,
    is_scope: bool,
) -> Result<(Pattern, Texts), Vec<Fault>> {
    let mut compiler = Compiler { policy, faults: Vec::new(), reachable: true };
    let (path, ending) = compiler.path(chain, is_scope);
    let mut hosts = compiler.hosts(chain);
    let mut guards = compiler.guards(chain);
    let host = hosts.pop();
    for (template, pattern) in hosts {
        guards.push((Guard::Host(pattern), Some(template)));
    }
    let native = policy.grammar == Grammar::Native;
    let methods = chain.iter().filter_map(|conditions| conditions.methods.clone());
    // HEAD belongs to GET in each of them, so that a route for HEAD may stand in a scope for GET.
    let methods = methods.map(|set| if native { set.with_head() } else { set });
    let methods = methods.fold(MethodSet::all(), |all, set| all.and(&set));
    let methods = if compiler.reachable { methods } else { MethodSet::default() };
    if methods.names_others() {
        guards.push((Guard::Methods(methods.clone()), None));
    }
    guards.sort_by_key(|(guard, _)| guard.cost());
    let vars = compiler.vars(path.as_ref(), host.as_ref().map(|(template, _)| template), &guards);
    let compiled = match &path {
        None => Some(PathPattern::any()),
        Some(template) => compiler
            .checked(template, PathPattern::compile(template, ending, policy.grammar, policy.path_coding())),
    };
    let Some(path_pattern) = compiled.filter(|_| compiler.faults.is_empty()) else {
        return Err(compiler.faults);
    };
    let mut templates: Vec<Template> = Vec::new();
    templates.extend(
        guards.iter().filter(|(guard, _)| matches!(guard, Guard::Host(_))).filter_map(|(_, t)| t.clone()),
    );
    templates.extend(host.iter().map(|(template, _)| template.clone()));
    let rules = chain.iter().rev().find_map(|conditions| conditions.trailing_slash);
    let texts = Texts {
        trailing_slash: rules.unwrap_or(policy.trailing_slash),
        path,
        ending,
        hosts: templates,
        queries: chain.iter().flat_map(|conditions| compiler.queries(conditions)).collect(),
        schemes: chain
            .iter()
            .rev()
            .map(|conditions| &conditions.schemes)
            .find(|s| !s.is_empty())
            .cloned()
            .unwrap_or_default(),
        vars,
    };
    let pattern = Pattern {
        path: path_pattern,
        host: host.map(|(_, pattern)| Box::new(pattern)),
        guards: guards.into_iter().map(|(guard, _)| guard).collect(),
        methods,
    };
    Ok((pattern, texts))
}

struct Compiler {
    policy: Policy,
    faults: Vec<Fault>,
    reachable: bool,
}

impl Compiler {
    fn parse(&mut self, text: &str, place: Place) -> Option<Template> {
        match parse(text, place, self.policy.grammar) {
            Ok(template) => Some(template),
            Err(error) => {
                self.faults.push(Fault::Template(error));
                None
            }
        }
    }

    fn checked<T>(&mut self, template: &Template, result: Result<T, TemplateErrorKind>) -> Option<T> {
        result.map_err(|kind| self.blame(template, kind)).ok()
    }

    fn blame(&mut self, template: &Template, kind: TemplateErrorKind) {
        self.faults.push(Fault::Template(TemplateError {
            kind,
            text: template.text.clone(),
            span: 0..template.text.len(),
        }));
    }

    /// The scopes' prefixes and the route's own path, joined.
    fn path(&mut self, chain: &[&Conditions], is_scope: bool) -> (Option<Template>, Ending) {
        let mut joined: Option<Template> = None;
        let mut ending = self.policy.prefix_ending();
        let last = chain.len().saturating_sub(1);
        for (i, conditions) in chain.iter().enumerate() {
            let Some(path) = &conditions.path else {
                continue;
            };
            let Some(template) = self.parse(&path.text, Place::Path) else {
                continue;
            };
            if i == last && !path.prefix && !is_scope {
                ending = Ending::Exact;
            }
            let native = self.policy.grammar == Grammar::Native;
            if native && template.pieces.is_empty() && joined.is_none() {
                self.blame(&template, TemplateErrorKind::NoLeadingSlash);
            }
            let continued = i < last || path.prefix;
            if native && continued && template.vars().any(|var| var.kind.spans(Some(b'/'), Grammar::Native)) {
                self.blame(&template, TemplateErrorKind::TailNotLast);
            }
            joined = Some(match &joined {
                Some(before) if !native && before.ends_open(&template) => {
                    // The parent's matcher asks for a slash that the child's path does not have.
                    self.reachable &= i < last || path.prefix;
                    before.clone()
                }
                Some(before) => before.join(&template),
                None => template,
            });
        }
        if let Some(whole) = joined.as_ref().filter(|_| self.policy.grammar == Grammar::Native) {
            let checked = check_whole(whole);
            self.checked(whole, checked);
        }
        (joined, ending)
    }

    fn hosts(&mut self, chain: &[&Conditions]) -> Vec<(Template, HostPattern)> {
        let mut hosts = Vec::new();
        for text in chain.iter().flat_map(|conditions| &conditions.hosts) {
            let Some(template) = self.parse(text, Place::Host) else {
                continue;
            };
            let pattern = HostPattern::compile(&template, self.policy.grammar);
            if let Some(pattern) = self.checked(&template, pattern) {
                hosts.push((template, pattern));
            }
        }
        hosts
    }

    fn guards(&mut self, chain: &[&Conditions]) -> Vec<(Guard, Option<Template>)> {
        let mut guards = Vec::new();
        for conditions in chain {
            if !conditions.schemes.is_empty() {
                let schemes = conditions.schemes.iter().filter_map(|text| self.scheme(text)).collect();
                guards.push((Guard::Scheme(schemes), None));
            }
            for (name, want) in &conditions.headers {
                guards.extend(self.header(name, want).map(|guard| (guard, None)));
            }
            for (key, text) in &conditions.queries {
                guards.extend(self.query(key, text));
            }
            let cookies = conditions.cookies.iter().cloned();
            guards.extend(cookies.map(|(name, value)| (Guard::Cookie(name, value), None)));
            if !conditions.content_types.is_empty() {
                guards.push((Guard::ContentType(self.media(&conditions.content_types)), None));
            }
            if !conditions.accepts.is_empty() {
                guards.push((Guard::Accept(self.media(&conditions.accepts)), None));
            }
            if !conditions.clients.is_empty() {
                let networks = conditions.clients.iter().filter_map(|text| self.network(text)).collect();
                guards.push((Guard::Client(networks), None));
            }
            guards.extend(conditions.custom.iter().map(|custom| (Guard::Custom(custom.clone()), None)));
        }
        guards
    }

    fn scheme(&mut self, text: &str) -> Option<Scheme> {
        let scheme = text.to_ascii_lowercase().parse().ok();
        if scheme.is_none() {
            self.faults.push(Fault::Scheme(text.to_owned()));
        }
        scheme
    }

    fn media(&mut self, texts: &[String]) -> Vec<Media> {
        let mut media = Vec::new();
        for text in texts {
            match text.parse() {
                Ok(parsed) => media.push(parsed),
                Err(NotAMedia) => self.faults.push(Fault::MediaType(text.clone())),
            }
        }
        media
    }

    fn network(&mut self, text: &str) -> Option<Network> {
        let network = text.parse().ok();
        if network.is_none() {
            self.faults.push(Fault::Network(text.to_owned()));
        }
        network
    }

    fn header(&mut self, name: &str, want: &HeaderText) -> Option<Guard> {
        let Ok(header) = name.parse::<HeaderName>() else {
            self.faults.push(Fault::HeaderName(name.to_owned()));
            return None;
        };
        let gorilla = self.policy.grammar == Grammar::Gorilla;
        let want = match want {
            HeaderText::Present => HeaderWant::Present,
            HeaderText::Absent => HeaderWant::Absent,
            HeaderText::Exact(text) if gorilla && text.is_empty() => HeaderWant::Present,
            HeaderText::Exact(text) => HeaderWant::Exact(text.clone()),
            HeaderText::Regex(regex) => match constraint::whole(regex, self.policy.grammar) {
                Ok(regex) => HeaderWant::Regex(regex),
                Err(kind) => {
                    self.faults.push(Fault::HeaderRegex { regex: regex.clone(), reason: kind.to_string() });
                    return None;
                }
            },
        };
        Some(Guard::Header(header, want))
    }

    fn query(&mut self, key: &str, text: &QueryText) -> Option<(Guard, Option<Template>)> {
        let gorilla = self.policy.grammar == Grammar::Gorilla;
        let key = key.to_owned();
        let bare = |key, want| Some((Guard::Query(QueryGuard { key, want }), None));
        let text = match text {
            QueryText::Absent => return bare(key, QueryWant::Absent),
            QueryText::Present => return bare(key, QueryWant::Present),
            QueryText::Template(text) if gorilla && text.is_empty() => return bare(key, QueryWant::Present),
            QueryText::Template(text) => text,
        };
        let template = self.parse(text, Place::Query)?;
        let want = match template.literal() {
            Some(literal) => QueryWant::Exact(literal.to_owned()),
            None => {
                let slot =
                    Slot::compile(&template.pieces, Place::Query, self.policy.grammar, Coding::Form, false);
                QueryWant::Template(self.checked(&template, slot)?)
            }
        };
        Some((Guard::Query(QueryGuard { key, want }), Some(template)))
    }

    fn queries(&self, conditions: &Conditions) -> Vec<(String, Option<Template>)> {
        let read = |(key, text): &(String, QueryText)| match text {
            QueryText::Absent => None,
            QueryText::Present => Some((key.clone(), None)),
            QueryText::Template(text) => {
                Some((key.clone(), parse(text, Place::Query, self.policy.grammar).ok()))
            }
        };
        conditions.queries.iter().filter_map(read).collect()
    }

    /// The variables in the order in which the look-up finds them.
    fn vars(
        &mut self,
        path: Option<&Template>,
        host: Option<&Template>,
        guards: &[(Guard, Option<Template>)],
    ) -> Vec<(String, Source)> {
        let of_guards = guards.iter().filter_map(|(guard, template)| {
            let source = match guard {
                Guard::Host(_) => Source::Host,
                _ => Source::Query,
            };
            template.as_ref().map(|template| (template, source))
        });
        let all = path
            .map(|t| (t, Source::Path))
            .into_iter()
            .chain(host.map(|t| (t, Source::Host)))
            .chain(of_guards);
        let mut vars: Vec<(String, Source)> = Vec::new();
        for (template, source) in all {
            for var in template.vars() {
                let taken = vars.iter().any(|(name, from)| *name == var.name && *from != source);
                let again = vars.iter().any(|(name, _)| *name == var.name);
                if taken || (again && self.policy.grammar == Grammar::Native) {
                    self.faults.push(Fault::DuplicateVariable(var.name.clone()));
                }
                vars.push((var.name.clone(), source));
            }
        }
        vars.shrink_to_fit();
        if vars.len() > MAX_VARIABLES {
            self.faults.push(Fault::TooManyVariables);
        }
        vars
    }
}
