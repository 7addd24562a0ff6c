//! Compiled guards: from conditions, as requirements of a witness, and implication.

use std::net::{IpAddr, SocketAddr};

use http::uri::Scheme;
use http::{HeaderName, Method, Version};
use waylay_template::{Syntax, Template, TemplateKind};

use crate::compile::automaton::query_regex;
use crate::compile::cases::{Literal, literals};
use crate::compile::error::BuildErrorKind;
use crate::matcher::guard::{Guard, RuleGuard};
use crate::matcher::header::HeaderMatch;
use crate::matcher::path_regex::PathRegex;
use crate::matcher::query::{QueryGuard, QueryMatch};
use crate::request::media_type::{InvalidMedia, Media};
use crate::request::method::MethodSet;
use crate::request::peer::{Network, Peer};
use crate::route::conditions::{Condition, Conditions, HeaderText, QueryText};
use crate::template::constraint;
use crate::template::constraint::parse;
use crate::template::encoding::Encoding;
use crate::template::segment::SegmentPattern;
use crate::template::value_regex::ValueRegex;

/// A guard, and the template of its variables.
pub(crate) type CompiledGuard = (Guard, Option<Template>);

/// Returns the guards of a list of conditions; host, methods and path template have none here.
pub(crate) fn compile_guards(
    conditions: &Conditions,
    syntax: Syntax,
    errors: &mut Vec<BuildErrorKind>,
) -> Vec<CompiledGuard> {
    let mut guards = Vec::new();
    for group in conditions.groups() {
        match compile_guard(group, syntax, errors) {
            Ok(guard) => guards.push(guard),
            Err(error) => errors.push(error),
        }
    }
    guards
}

/// The guard of one condition or of several alternatives.
fn compile_guard(
    group: &[Condition],
    syntax: Syntax,
    errors: &mut Vec<BuildErrorKind>,
) -> Result<CompiledGuard, BuildErrorKind> {
    let guard = match &group[0] {
        Condition::PathRegex { regex, escaped } => {
            let error = |reason| BuildErrorKind::PathRegex { regex: regex.clone(), reason };
            let regex = compile_regex(regex, syntax).map_err(error)?;
            Guard::PathRegex(PathRegex { regex, escaped: *escaped })
        }
        Condition::MethodRegex(regex) => {
            let error = |reason| BuildErrorKind::MethodRegex { regex: regex.clone(), reason };
            Guard::MethodRegex(compile_regex(regex, syntax).map_err(error)?)
        }
        Condition::Scheme(_) => Guard::Scheme(parse_all(group, scheme, errors)),
        Condition::Version(_) => Guard::Version(versions(group)),
        Condition::Header(name, value) => header(name, value, syntax, errors)?,
        Condition::Query(key, value) => return query(key, value, syntax),
        Condition::Cookie(name, value) => Guard::Cookie(name.clone(), value.clone()),
        Condition::ContentType(_) => Guard::ContentType(parse_all(group, media, errors)),
        Condition::Accept(_) => Guard::Accept(parse_all(group, media, errors)),
        Condition::Upgrade(_) => Guard::Upgrade(texts(group).cloned().collect()),
        Condition::ClientIp(_) => Guard::Client(parse_all(group, network, errors)),
        Condition::Custom(custom) => Guard::Custom(custom.clone()),
    };
    Ok((guard, None))
}

/// The texts of alternatives.
fn texts(group: &[Condition]) -> impl Iterator<Item = &String> {
    group.iter().filter_map(|condition| match condition {
        Condition::Scheme(text)
        | Condition::ContentType(text)
        | Condition::Accept(text)
        | Condition::Upgrade(text)
        | Condition::ClientIp(text) => Some(text),
        _ => None,
    })
}

fn versions(group: &[Condition]) -> Vec<Version> {
    let version = |condition: &Condition| match condition {
        Condition::Version(version) => Some(*version),
        _ => None,
    };
    group.iter().filter_map(version).collect()
}

fn parse_all<T>(
    group: &[Condition],
    parse: fn(&str) -> Result<T, BuildErrorKind>,
    errors: &mut Vec<BuildErrorKind>,
) -> Vec<T> {
    texts(group).filter_map(|text| parse(text).map_err(|error| errors.push(error)).ok()).collect()
}

fn scheme(text: &str) -> Result<Scheme, BuildErrorKind> {
    text.to_ascii_lowercase().parse().map_err(|_| BuildErrorKind::Scheme(text.to_owned()))
}

fn media(text: &str) -> Result<Media, BuildErrorKind> {
    text.parse().map_err(|InvalidMedia| BuildErrorKind::MediaType(text.to_owned()))
}

/// Parses an address or a network.
pub(crate) fn network(text: &str) -> Result<Network, BuildErrorKind> {
    text.parse().map_err(|_| BuildErrorKind::Network(text.to_owned()))
}

fn compile_regex(text: &str, syntax: Syntax) -> Result<ValueRegex, String> {
    constraint::whole(text, syntax, false).map_err(|kind| kind.to_string())
}

fn header(
    name: &str,
    value: &HeaderText,
    syntax: Syntax,
    errors: &mut Vec<BuildErrorKind>,
) -> Result<Guard, BuildErrorKind> {
    let header = name.parse::<HeaderName>().map_err(|_| BuildErrorKind::HeaderName(name.to_owned()));
    let regex = |text: &String| {
        let error = |reason| BuildErrorKind::HeaderRegex { regex: text.clone(), reason };
        compile_regex(text, syntax).map_err(error)
    };
    let value = match value {
        HeaderText::Present => Ok(HeaderMatch::Present),
        HeaderText::Absent => Ok(HeaderMatch::Absent),
        HeaderText::Exact(text) if syntax == Syntax::Gorilla && text.is_empty() => Ok(HeaderMatch::Present),
        HeaderText::Media(text) if syntax == Syntax::Native => {
            return Ok(Guard::ContentType(vec![media(text)?]));
        }
        HeaderText::Exact(text) | HeaderText::Media(text) => Ok(HeaderMatch::Exact(text.clone())),
        HeaderText::Regex(text) => regex(text).map(HeaderMatch::Regex),
        HeaderText::All(text) => regex(text).map(HeaderMatch::All),
    };
    // Both errors are reported.
    match (header, value) {
        (Ok(header), value) => Ok(Guard::Header(header, value?)),
        (Err(error), Ok(_)) => Err(error),
        (Err(error), Err(other)) => {
            errors.push(error);
            Err(other)
        }
    }
}

fn query(key: &str, value: &QueryText, syntax: Syntax) -> Result<CompiledGuard, BuildErrorKind> {
    let (value, template) = match value {
        QueryText::Absent => (QueryMatch::Absent, None),
        QueryText::Present => (QueryMatch::Present, None),
        QueryText::Template(text) if syntax == Syntax::Gorilla && text.is_empty() => {
            (QueryMatch::Present, None)
        }
        QueryText::Regex(text) => {
            let error = |reason| BuildErrorKind::QueryRegex { regex: text.clone(), reason };
            (QueryMatch::Regex(compile_regex(text, syntax).map_err(error)?), None)
        }
        QueryText::Template(text) => {
            let template = parse(text, TemplateKind::Query, syntax).map_err(BuildErrorKind::Template)?;
            let value = match template.literal() {
                Some(literal) => QueryMatch::Exact(literal.to_owned()),
                None => {
                    let (kind, encoding) = (TemplateKind::Query, Encoding::Form);
                    let pattern = SegmentPattern::compile(&template.nodes, kind, syntax, encoding, false)
                        .map_err(|kind| BuildErrorKind::whole(kind, &template.text))?;
                    QueryMatch::Template(pattern)
                }
            };
            (value, Some(template))
        }
    };
    Ok((Guard::Query(QueryGuard { key: key.to_owned(), value }), template))
}

/// The conditions on one header, query key or cookie: values that must be there, and what all must match.
#[derive(Clone, Default)]
pub(crate) struct ValueConditions {
    pub(crate) present: bool,
    pub(crate) absent: bool,
    pub(crate) exact: Vec<String>,
    /// Regexes, each of which one value must match.
    pub(crate) some: Vec<String>,
    /// Regexes that every value must match.
    pub(crate) all: Vec<String>,
    /// Regexes that no value may match.
    pub(crate) none: Vec<String>,
    /// The first route with a condition, and whether another route has one too.
    route: Option<usize>,
    pub(crate) several: bool,
}

/// What the guards of several routes require of one request.
#[derive(Clone, Default)]
pub(crate) struct Requirements<'g> {
    pub(crate) headers: Vec<(HeaderName, ValueConditions)>,
    pub(crate) cookies: Vec<(String, ValueConditions)>,
    pub(crate) queries: Vec<(String, ValueConditions)>,
    pub(crate) path_regexes: Vec<String>,
    pub(crate) host_regexes: Vec<String>,
    pub(crate) ports: Vec<u16>,
    upgrades: Vec<&'g [String]>,
    /// The accepted types, by route.
    accepts: Vec<(usize, &'g [Media])>,
    content_types: Vec<&'g [Media]>,
    schemes: Vec<&'g [Scheme]>,
    versions: Vec<&'g [Version]>,
    clients: Vec<&'g [Network]>,
    /// Guards that list alternatives, to be compared with those of another route.
    pub(crate) alternatives: Vec<&'g Guard>,
    /// Lists of methods; the method is in each.
    pub(crate) methods: Vec<&'g MethodSet>,
    /// Guards that must not hold.
    pub(crate) negated: Vec<&'g Guard>,
    /// Formulas, with the routes that they belong to.
    pub(crate) formulas: Vec<(usize, &'g RuleGuard)>,
    /// Guards that the witness is tried on.
    pub(crate) others: Vec<&'g Guard>,
    /// Whether there is a custom condition.
    pub(crate) has_custom: bool,
}

/// The most combinations of alternatives that are compared one by one.
const MAX_CASES: usize = 16;

/// No request meets the requirements.
pub(crate) struct Contradiction;

impl<'g> Requirements<'g> {
    /// Adds the query templates of a route.
    pub(crate) fn add_queries(
        &mut self,
        route: usize,
        queries: &[(String, Option<Template>)],
        syntax: Syntax,
    ) {
        for (key, template) in queries {
            let values = entry(&mut self.queries, key, route);
            match template {
                None => values.present = true,
                Some(template) => match template.literal() {
                    Some(text) => values.exact.push(text.to_owned()),
                    None => values.some.push(query_regex(template, syntax)),
                },
            }
        }
    }

    /// Adds a guard of a route.
    pub(crate) fn add(&mut self, route: usize, guard: &'g Guard) {
        self.has_custom |= guard.is_custom();
        if guard.has_alternatives() {
            self.alternatives.push(guard);
        }
        match guard {
            Guard::Header(name, value) => {
                let values = entry(&mut self.headers, name, route);
                match value {
                    HeaderMatch::Present => values.present = true,
                    HeaderMatch::Absent => values.absent = true,
                    HeaderMatch::Exact(text) => values.exact.push(text.clone()),
                    HeaderMatch::Regex(regex) => values.some.push(regex.as_str().to_owned()),
                    HeaderMatch::All(regex) => {
                        values.present = true;
                        values.all.push(regex.as_str().to_owned());
                    }
                }
            }
            Guard::Cookie(name, None) => entry(&mut self.cookies, name, route).present = true,
            Guard::Cookie(name, Some(value)) => {
                entry(&mut self.cookies, name, route).exact.push(value.clone());
            }
            Guard::Query(query) => match &query.value {
                QueryMatch::Absent => entry(&mut self.queries, &query.key, route).absent = true,
                QueryMatch::Regex(regex) => {
                    entry(&mut self.queries, &query.key, route).some.push(regex.as_str().to_owned());
                }
                // These have templates.
                QueryMatch::Present | QueryMatch::Exact(_) | QueryMatch::Template(_) => {}
            },
            Guard::PathRegex(path) => self.path_regexes.push(path.regex.as_str().to_owned()),
            Guard::Path(path) => self.path_regexes.push(path.regex.clone()),
            Guard::Host(host) => {
                self.host_regexes.push(host.regex.clone());
                self.ports.extend(host.pattern.port());
            }
            Guard::Methods(set) => self.methods.push(set),
            Guard::Upgrade(any) => self.upgrades.push(any),
            Guard::Accept(any) => self.accepts.push((route, any)),
            Guard::ContentType(any) => self.content_types.push(any),
            Guard::Scheme(any) => self.schemes.push(any),
            Guard::Version(any) => self.versions.push(any),
            Guard::Client(any) => self.clients.push(any),
            Guard::Formula(rule) => self.formulas.push((route, rule)),
            // The witness is tried on these.
            Guard::MethodRegex(_) | Guard::Custom(_) => self.others.push(guard),
        }
    }

    /// Returns the requirements for each combination of the alternatives in the formulas, all parts of one
    /// combination added. A formula with too many alternatives stays whole, and the witness is tried on it.
    pub(crate) fn cases(self) -> Vec<Self> {
        let lists = self.formulas.iter().map(|(route, rule)| (*route, literals(&rule.formula, MAX_CASES)));
        let lists: Vec<_> = lists.collect();
        let mut cases = vec![self];
        for (route, list) in lists {
            let Some(list) = list.filter(|list| list.len() * cases.len() <= MAX_CASES) else { continue };
            let with = |case: &Self, literals: &[Literal<'g>]| {
                let mut case = case.clone();
                literals.iter().for_each(|literal| case.add_literal(route, *literal));
                case
            };
            cases = cases.iter().flat_map(|case| list.iter().map(move |list| with(case, list))).collect();
        }
        cases
    }

    /// Adds one condition of a formula.
    pub(crate) fn add_literal(&mut self, route: usize, (guard, holds): Literal<'g>) {
        if holds {
            self.add(route, guard);
            self.add_query_value(route, guard);
            return;
        }
        self.negated.push(guard);
        match guard {
            Guard::Header(name, value) => {
                let values = entry(&mut self.headers, name, route);
                match value {
                    HeaderMatch::Present => values.absent = true,
                    HeaderMatch::Absent => values.present = true,
                    HeaderMatch::Exact(text) => values.none.push(regex::escape(text)),
                    HeaderMatch::Regex(regex) => values.none.push(regex.as_str().to_owned()),
                    HeaderMatch::All(_) => {}
                }
            }
            Guard::Cookie(name, None) => entry(&mut self.cookies, name, route).absent = true,
            Guard::Cookie(name, Some(text)) => {
                entry(&mut self.cookies, name, route).none.push(regex::escape(text));
            }
            Guard::Query(query) => {
                let values = entry(&mut self.queries, &query.key, route);
                match &query.value {
                    QueryMatch::Present => values.absent = true,
                    QueryMatch::Absent => values.present = true,
                    QueryMatch::Exact(text) => values.none.push(regex::escape(text)),
                    QueryMatch::Regex(regex) => values.none.push(regex.as_str().to_owned()),
                    QueryMatch::Template(_) => {}
                }
            }
            _ => {}
        }
    }

    /// Adds a query value that has no template here: in a formula.
    fn add_query_value(&mut self, route: usize, guard: &'g Guard) {
        let Guard::Query(query) = guard else { return };
        let values = entry(&mut self.queries, &query.key, route);
        match &query.value {
            QueryMatch::Present => values.present = true,
            QueryMatch::Exact(text) => values.exact.push(text.clone()),
            QueryMatch::Template(_) => {
                values.present = true;
                self.others.push(guard);
            }
            QueryMatch::Absent | QueryMatch::Regex(_) => {}
        }
    }

    /// Returns the regexes of negated paths.
    pub(crate) fn negated_paths(&self) -> Vec<String> {
        let regex = |guard: &&Guard| match guard {
            Guard::Path(path) => Some(path.regex.clone()),
            Guard::PathRegex(path) => Some(path.regex.as_str().to_owned()),
            _ => None,
        };
        self.negated.iter().filter_map(regex).collect()
    }

    /// Returns the regexes of negated hosts, for requests with a port or without one.
    pub(crate) fn negated_hosts(&self, port: Option<u16>) -> Vec<String> {
        let regex = |guard: &&Guard| match guard {
            Guard::Host(host) if host.pattern.port().is_none_or(|own| Some(own) == port) => {
                Some(host.regex.clone())
            }
            _ => None,
        };
        self.negated.iter().filter_map(regex).collect()
    }

    /// Returns a method that is in all lists, GET if it is, and that no other condition excludes as far as they are
    /// known.
    pub(crate) fn method(&self) -> Result<Method, Contradiction> {
        let common = self.methods.iter().fold(MethodSet::all(), |all, set| all.and(set));
        let is_excluded = |method: &&Method| {
            let negated = self.negated.iter().any(|guard| match guard {
                Guard::Methods(set) => set.contains(method),
                Guard::MethodRegex(regex) => regex.is_match(method.as_str()),
                _ => false,
            });
            let differs = |guard: &&Guard| matches!(guard, Guard::MethodRegex(regex) if !regex.is_match(method.as_str()));
            negated || self.others.iter().any(differs)
        };
        let methods = || [&Method::GET].into_iter().filter(|_| common.is_all()).chain(common.iter());
        let method = methods().find(|method| !is_excluded(method)).or_else(|| methods().next());
        method.cloned().ok_or(Contradiction)
    }

    /// Tests whether routes return different types: the client's weights decide between them.
    pub(crate) fn accepts_differ(&self) -> bool {
        let of = |route: usize| -> Vec<&[Media]> {
            self.accepts.iter().filter(|(own, _)| *own == route).map(|(_, accept)| *accept).collect()
        };
        self.accepts.windows(2).any(|pair| of(pair[0].0) != of(pair[1].0))
    }

    /// Tests whether a condition reads a header that a client cannot choose alone.
    pub(crate) fn has_derived_headers(&self) -> bool {
        !self.cookies.is_empty() || !self.upgrades.is_empty() || !self.content_types.is_empty()
    }

    /// Returns the protocols that a request must ask for.
    pub(crate) fn protocols(&self) -> Vec<&'g str> {
        self.upgrades.iter().filter_map(|any| any.first().map(String::as_str)).collect()
    }

    /// Returns a media type that all content types cover.
    pub(crate) fn content_type(&self) -> Result<Option<String>, Contradiction> {
        let [first, others @ ..] = self.content_types.as_slice() else { return Ok(None) };
        let mut examples = first.iter().flat_map(|media| media.examples(others));
        let is_covered = |text: &String| {
            text.parse().is_ok_and(|media| {
                self.content_types.iter().all(|any| any.iter().any(|own| own.covers(&media)))
            })
        };
        examples.find(is_covered).map(Some).ok_or(Contradiction)
    }

    /// Returns the version and the peer of a connection that meets all conditions.
    pub(crate) fn connection(&self) -> Result<(Version, Peer), Contradiction> {
        let peer = Peer { addr: self.client()?, scheme: common(&self.schemes)? };
        Ok((common(&self.versions)?.unwrap_or(Version::HTTP_11), peer))
    }

    /// Returns an address in a network of each list: of overlapping networks, one has the first address of
    /// the other.
    fn client(&self) -> Result<Option<SocketAddr>, Contradiction> {
        if self.clients.is_empty() {
            return Ok(None);
        }
        let mut addresses = self.clients.iter().flat_map(|any| any.iter().map(Network::first));
        let inside = |address: &IpAddr| {
            self.clients.iter().all(|any| any.iter().any(|network| network.contains(*address)))
        };
        let address = addresses.find(inside).ok_or(Contradiction)?;
        Ok(Some(SocketAddr::new(address, 1)))
    }
}

/// The first value that is in all lists.
fn common<T: Clone + PartialEq>(lists: &[&[T]]) -> Result<Option<T>, Contradiction> {
    let Some((first, others)) = lists.split_first() else { return Ok(None) };
    let common = first.iter().find(|value| others.iter().all(|list| list.contains(value)));
    common.cloned().map(Some).ok_or(Contradiction)
}

fn entry<'e, K: Clone + PartialEq>(
    list: &'e mut Vec<(K, ValueConditions)>,
    key: &K,
    route: usize,
) -> &'e mut ValueConditions {
    let index = list.iter().position(|(known, _)| known == key).unwrap_or(list.len());
    if index == list.len() {
        list.push((key.clone(), ValueConditions::default()));
    }
    let values = &mut list[index].1;
    values.several |= values.route.is_some_and(|first| first != route);
    values.route.get_or_insert(route);
    values
}
