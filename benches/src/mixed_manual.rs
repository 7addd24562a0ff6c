//! ManualRouter: manual code for hosts, methods and guards on top of a path router.

use std::collections::HashMap;
use std::hint::black_box;

use http::header::HOST;
use http::{HeaderName, HeaderValue, Method, Request};
use regex::Regex;
use rustc_hash::FxBuildHasher;

use crate::mixed_table::{Extra, Part, Row};

/// A route of a path.
#[derive(Debug, Clone)]
pub struct Entry {
    index: usize,
    method: Method,
    header: Option<(HeaderName, HeaderValue)>,
    query: Option<String>,
    last: Last,
}

/// Condition on the last variable.
#[derive(Debug, Clone)]
enum Last {
    Nothing,
    Regex(Regex),
    /// matchit has one variable per segment: manual code splits off the second.
    Contains(char),
}

/// A path router.
pub trait PathRouter: Default {
    /// Captures of a match.
    type Params<'t, 'p>
    where
        Self: 't;

    /// Whether `{a}-{b}` is valid.
    const MIXED_SEGMENTS: bool;

    /// Returns the path of a row, and for prefixes the paths below it.
    fn paths(row: &Row) -> Vec<String>;

    /// Adds a path.
    fn insert(&mut self, path: &str, entries: Vec<Entry>);

    /// Returns the router after its last path.
    fn finish(self) -> Self {
        self
    }

    /// Looks a path up.
    fn find<'t, 'p>(&'t self, path: &'p str) -> Option<(&'t [Entry], Self::Params<'t, 'p>)>;

    /// Returns the text of the last variable.
    fn last<'a>(params: &'a Self::Params<'_, '_>) -> &'a str;
}

impl PathRouter for matchit::Router<Vec<Entry>> {
    type Params<'t, 'p> = matchit::Params<'t, 'p>;

    const MIXED_SEGMENTS: bool = false;

    fn paths(row: &Row) -> Vec<String> {
        let mut text = String::new();
        let mut has_second = false;
        for part in row.parts() {
            match part {
                Part::Text("-") if text.ends_with('}') => has_second = true,
                Part::Var(..) if has_second => {}
                Part::Text(literal) => text.push_str(literal),
                Part::Var(name, _) => text.push_str(&format!("{{{name}}}")),
                Part::Tail(name) => text.push_str(&format!("{{*{name}}}")),
            }
        }
        if row.prefix {
            return vec![format!("{text}/"), format!("{text}/{{*rest}}"), text];
        }
        vec![text]
    }

    fn insert(&mut self, path: &str, entries: Vec<Entry>) {
        matchit::Router::insert(self, path, entries).expect("the paths do not overlap");
    }

    fn find<'t, 'p>(&'t self, path: &'p str) -> Option<(&'t [Entry], Self::Params<'t, 'p>)> {
        let found = self.at(path).ok()?;
        Some((found.value, found.params))
    }

    fn last<'a>(params: &'a Self::Params<'_, '_>) -> &'a str {
        params.iter().last().map_or("", |(_, value)| value)
    }
}

impl PathRouter for path_tree::PathTree<Vec<Entry>> {
    type Params<'t, 'p> = path_tree::Path<'t, 'p>;

    const MIXED_SEGMENTS: bool = true;

    fn paths(row: &Row) -> Vec<String> {
        let mut text = String::new();
        for part in row.parts() {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Var(name, _) => text.push_str(&format!(":{name}")),
                Part::Tail(name) => text.push_str(&format!(":{name}+")),
            }
        }
        if row.prefix {
            return vec![format!("{text}/:rest*"), text];
        }
        vec![text]
    }

    fn insert(&mut self, path: &str, entries: Vec<Entry>) {
        let _ = path_tree::PathTree::insert(self, path, entries);
    }

    fn find<'t, 'p>(&'t self, path: &'p str) -> Option<(&'t [Entry], Self::Params<'t, 'p>)> {
        let (entries, params) = path_tree::PathTree::find(self, path)?;
        Some((entries, params))
    }

    fn last<'a>(params: &'a Self::Params<'_, '_>) -> &'a str {
        params.params_iter().last().map_or("", |(_, value)| value)
    }
}

/// wayfind, whose routes are collected first.
pub enum Wayfind {
    /// Before the first look-up.
    Builder(wayfind::RouterBuilder<Vec<Entry>>),
    /// After the last route.
    Router(wayfind::Router<Vec<Entry>>),
}

impl Default for Wayfind {
    fn default() -> Self {
        Self::Builder(wayfind::RouterBuilder::new())
    }
}

impl PathRouter for Wayfind {
    type Params<'t, 'p> = wayfind::Match<'t, 'p, Vec<Entry>>;

    const MIXED_SEGMENTS: bool = true;

    fn paths(row: &Row) -> Vec<String> {
        let mut text = String::new();
        for part in row.parts() {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Var(name, _) => text.push_str(&format!("<{name}>")),
                Part::Tail(name) => text.push_str(&format!("<*{name}>")),
            }
        }
        if row.prefix {
            return vec![format!("{text}/"), format!("{text}/<*rest>"), text];
        }
        vec![text]
    }

    fn insert(&mut self, path: &str, entries: Vec<Entry>) {
        let Self::Builder(builder) = self else { panic!("the router is built") };
        builder.insert(path, entries).expect("the paths do not overlap");
    }

    fn finish(self) -> Self {
        match self {
            Self::Builder(builder) => Self::Router(builder.build()),
            router => router,
        }
    }

    fn find<'t, 'p>(&'t self, path: &'p str) -> Option<(&'t [Entry], Self::Params<'t, 'p>)> {
        let Self::Router(router) = self else { return None };
        let found = router.search(path)?;
        Some((found.data(), found))
    }

    fn last<'a>(params: &'a Self::Params<'_, '_>) -> &'a str {
        params.parameters().last().map_or("", |(_, value)| value)
    }
}

/// A path router per host, with a list of routes per path.
#[derive(Debug, Default)]
pub struct ManualRouter<P> {
    hosts: HashMap<&'static str, P, FxBuildHasher>,
    tenants: HashMap<&'static str, P, FxBuildHasher>,
    any: P,
}

impl<P: PathRouter> ManualRouter<P> {
    /// Groups the rows by host, then by path.
    pub fn new(rows: &[Row]) -> Self {
        let mut routes: Vec<(Extra, String, Vec<Entry>)> = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let host = match row.extra {
                Extra::Host(_) | Extra::AnyTenantOf(_) => row.extra,
                _ => Extra::None,
            };
            for path in P::paths(row) {
                let entry = entry::<P>(row, index);
                let same = routes.iter_mut().find(|(other, text, _)| *other == host && *text == path);
                match same {
                    Some((_, _, entries)) => entries.push(entry),
                    None => routes.push((host, path, vec![entry])),
                }
            }
        }
        let mut router = Self { hosts: HashMap::default(), tenants: HashMap::default(), any: P::default() };
        for (host, path, entries) in routes {
            let paths = match host {
                Extra::Host(host) => router.hosts.entry(host).or_default(),
                Extra::AnyTenantOf(rest) => router.tenants.entry(rest).or_default(),
                _ => &mut router.any,
            };
            paths.insert(&path, entries);
        }
        let finish = |(host, paths): (&'static str, P)| (host, paths.finish());
        Self {
            hosts: router.hosts.into_iter().map(finish).collect(),
            tenants: router.tenants.into_iter().map(finish).collect(),
            any: router.any.finish(),
        }
    }

    /// Returns the index of the first row that matches.
    pub fn find(&self, request: &Request<()>) -> Option<usize> {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
        let host = host.split_once(':').map_or(host, |(name, _port)| name);
        let tenants = || self.tenants.get(host.split_once('.')?.1);
        self.hosts
            .get(host)
            .and_then(|paths| find_in(paths, request))
            .or_else(|| find_in(tenants()?, request))
            .or_else(|| find_in(&self.any, request))
    }
}

fn find_in<P: PathRouter>(paths: &P, request: &Request<()>) -> Option<usize> {
    let (entries, params) = paths.find(request.uri().path())?;
    let found = entries.iter().find(|entry| {
        entry.method == *request.method()
            && entry.header.as_ref().is_none_or(|(name, value)| request.headers().get(name) == Some(value))
            && entry.query.as_ref().is_none_or(|pair| {
                request.uri().query().is_some_and(|query| query.split('&').any(|other| other == pair))
            })
            && match &entry.last {
                Last::Nothing => true,
                Last::Regex(regex) => regex.is_match(P::last(&params)),
                Last::Contains(between) => black_box(P::last(&params).split_once(*between)).is_some(),
            }
    })?;
    black_box(&params);
    Some(found.index)
}

fn entry<P: PathRouter>(row: &Row, index: usize) -> Entry {
    let parts = row.parts();
    let regex = parts.iter().find_map(|part| match part {
        Part::Var(_, Some(regex)) => Some(format!("^(?:{regex})$")),
        _ => None,
    });
    let last = match regex {
        Some(regex) => Last::Regex(Regex::new(&regex).expect("the regexes of the benches are valid")),
        None if !P::MIXED_SEGMENTS && parts.contains(&Part::Text("-")) => Last::Contains('-'),
        None => Last::Nothing,
    };
    let (header, query) = match row.extra {
        Extra::Header(name, value) => {
            (Some((HeaderName::from_static(name), HeaderValue::from_static(value))), None)
        }
        Extra::Query(key, value) => (None, Some(format!("{key}={value}"))),
        _ => (None, None),
    };
    Entry { index, method: row.method.clone(), header, query, last }
}
