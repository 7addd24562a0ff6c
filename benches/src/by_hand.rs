//! What a user writes around a router of paths who needs hosts, methods and guards as well.

use std::collections::HashMap;
use std::hint::black_box;

use http::header::HOST;
use http::{HeaderName, HeaderValue, Method, Request};
use regex::Regex;
use rustc_hash::FxBuildHasher;

use crate::mixed_table::{Extra, Part, Row};

/// A route behind a path.
#[derive(Debug, Clone)]
pub struct Entry {
    place: usize,
    method: Method,
    header: Option<(HeaderName, HeaderValue)>,
    query: Option<String>,
    last: Last,
}

/// What is asked of the last variable.
#[derive(Debug, Clone)]
enum Last {
    Nothing,
    Regex(Regex),
    /// matchit has one variable a segment: the second is cut off by hand.
    Holds(char),
}

/// A router of paths.
pub trait Paths: Default {
    /// What a match captured.
    type Params<'t, 'p>
    where
        Self: 't;

    /// Whether `{a}-{b}` is legal.
    const SEVERAL_IN_SEGMENT: bool;

    /// The row's path, and for prefixes the paths below it.
    fn spell(row: &Row) -> Vec<String>;

    /// Adds a path.
    fn insert(&mut self, path: &str, entries: Vec<Entry>);

    /// Looks a path up.
    fn find<'t, 'p>(&'t self, path: &'p str) -> Option<(&'t [Entry], Self::Params<'t, 'p>)>;

    /// The text of the last variable.
    fn last<'a>(params: &'a Self::Params<'_, '_>) -> &'a str;
}

impl Paths for matchit::Router<Vec<Entry>> {
    type Params<'t, 'p> = matchit::Params<'t, 'p>;

    const SEVERAL_IN_SEGMENT: bool = false;

    fn spell(row: &Row) -> Vec<String> {
        let mut text = String::new();
        let mut cut = false;
        for part in row.parts() {
            match part {
                Part::Text("-") if text.ends_with('}') => cut = true,
                Part::Var(..) if cut => {}
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

impl Paths for path_tree::PathTree<Vec<Entry>> {
    type Params<'t, 'p> = path_tree::Path<'t, 'p>;

    const SEVERAL_IN_SEGMENT: bool = true;

    fn spell(row: &Row) -> Vec<String> {
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

/// A router of paths for each host, and a list of routes behind each path.
#[derive(Debug, Default)]
pub struct ByHand<P> {
    hosts: HashMap<&'static str, P, FxBuildHasher>,
    tenants: HashMap<&'static str, P, FxBuildHasher>,
    any: P,
}

impl<P: Paths> ByHand<P> {
    /// Sorts the rows by host, then by path.
    pub fn new(rows: &[Row]) -> Self {
        let mut routes: Vec<(Extra, String, Vec<Entry>)> = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            let host = match row.extra {
                Extra::Host(_) | Extra::AnyTenantOf(_) => row.extra,
                _ => Extra::None,
            };
            for path in P::spell(row) {
                let entry = entry::<P>(row, place);
                let same = routes.iter_mut().find(|(other, text, _)| *other == host && *text == path);
                match same {
                    Some((_, _, entries)) => entries.push(entry),
                    None => routes.push((host, path, vec![entry])),
                }
            }
        }
        let mut by_hand = Self { hosts: HashMap::default(), tenants: HashMap::default(), any: P::default() };
        for (host, path, entries) in routes {
            let paths = match host {
                Extra::Host(host) => by_hand.hosts.entry(host).or_default(),
                Extra::AnyTenantOf(rest) => by_hand.tenants.entry(rest).or_default(),
                _ => &mut by_hand.any,
            };
            paths.insert(&path, entries);
        }
        by_hand
    }

    /// The place of the first row that matches.
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

fn find_in<P: Paths>(paths: &P, request: &Request<()>) -> Option<usize> {
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
                Last::Holds(between) => black_box(P::last(&params).split_once(*between)).is_some(),
            }
    })?;
    black_box(&params);
    Some(found.place)
}

fn entry<P: Paths>(row: &Row, place: usize) -> Entry {
    let parts = row.parts();
    let regex = parts.iter().find_map(|part| match part {
        Part::Var(_, Some(regex)) => Some(format!("^(?:{regex})$")),
        _ => None,
    });
    let last = match regex {
        Some(regex) => Last::Regex(Regex::new(&regex).expect("the regexes of the benches are legal")),
        None if !P::SEVERAL_IN_SEGMENT && parts.contains(&Part::Text("-")) => Last::Holds('-'),
        None => Last::Nothing,
    };
    let (header, query) = match row.extra {
        Extra::Header(name, value) => {
            (Some((HeaderName::from_static(name), HeaderValue::from_static(value))), None)
        }
        Extra::Query(key, value) => (None, Some(format!("{key}={value}"))),
        _ => (None, None),
    };
    Entry { place, method: row.method.clone(), header, query, last }
}
