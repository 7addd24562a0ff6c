//! The total order of routes: which of several matching ones wins.
//!
//! Priority, then host, then path segment by segment, then guards counted; never
//! the length of a text, and never the order of writing unless the policy says so.

use std::cmp::Reverse;

use crate::matcher::guard::{Guard, HeaderWant};
use crate::matcher::query::QueryWant;
use crate::policy::Precedence;
use crate::template::constraint::Reach;
use crate::template::path::Ending;
use crate::template::piece::{Grammar, Kind, Piece, Place, Template};

/// Smaller is better.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RankKey {
    priority: Reverse<i32>,
    order: usize,
    host: HostKey,
    /// A path that is the route's but for its final slash gives way to any path that is a route's own.
    detour: bool,
    path: Vec<PartKey>,
    guards: [Reverse<usize>; 9],
    /// GET routes answer HEAD too; a route for HEAD alone goes before them.
    head_only: Reverse<bool>,
}

/// Class, literal bytes (more first), constrained (first).
type PartKey = (u8, Reverse<usize>, Reverse<bool>);
type HostKey = (u8, Vec<PartKey>);

const LITERAL: u8 = 1;
const AFFIXED: u8 = 2;
const CONSTRAINED: u8 = 3;
const PLAIN: u8 = 4;
const TAIL: u8 = 5;
const PREFIX: u8 = 6;

/// What of a compiled route the order looks at.
pub(crate) struct Ranked<'p> {
    pub(crate) priority: i32,
    pub(crate) order: usize,
    pub(crate) path: Option<&'p Template>,
    pub(crate) ending: Ending,
    pub(crate) hosts: &'p [Template],
    pub(crate) host_is_regex: bool,
    pub(crate) has_methods: bool,
    pub(crate) head_only: bool,
    pub(crate) guards: &'p [Guard],
}

impl RankKey {
    pub(crate) fn new(route: &Ranked<'_>, precedence: Precedence) -> Self {
        let written = precedence == Precedence::Registration;
        Self {
            priority: Reverse(route.priority),
            order: if written { route.order } else { 0 },
            host: if written { (0, Vec::new()) } else { host_key(route) },
            detour: false,
            path: if written { Vec::new() } else { path_key(route.path, route.ending) },
            guards: if written { [Reverse(0); 9] } else { guard_key(route) },
            head_only: Reverse(!written && route.head_only),
        }
    }
}

impl RankKey {
    /// The rank of the same route for the path with the other final slash.
    pub(crate) fn detour(&self) -> Self {
        Self { detour: true, ..self.clone() }
    }
}

fn host_key(route: &Ranked<'_>) -> HostKey {
    let Some(host) = route.hosts.last() else {
        return (3, Vec::new());
    };
    if route.host_is_regex {
        return (2, Vec::new());
    }
    let parts: Vec<PartKey> = parts(host, '.').rev().collect();
    let exact = parts.iter().all(|part| part.0 == LITERAL);
    (u8::from(!exact), parts)
}

fn path_key(path: Option<&Template>, ending: Ending) -> Vec<PartKey> {
    let mut key: Vec<PartKey> = path.map(|path| parts(path, '/').collect()).unwrap_or_default();
    if path.is_none() || ending != Ending::Exact {
        key.push((PREFIX, Reverse(0), Reverse(false)));
    }
    key
}

/// One key for each part of the template between separators.
fn parts(template: &Template, separator: char) -> impl DoubleEndedIterator<Item = PartKey> + use<> {
    let mut parts: Vec<Vec<Piece>> = vec![Vec::new()];
    for piece in &template.pieces {
        match piece {
            Piece::Var(_) => parts.last_mut().into_iter().for_each(|part| part.push(piece.clone())),
            Piece::Text(text) => {
                for (i, run) in text.split(separator).enumerate() {
                    if i > 0 {
                        parts.push(Vec::new());
                    }
                    if let (false, Some(part)) = (run.is_empty(), parts.last_mut()) {
                        part.push(Piece::Text(run.to_owned()));
                    }
                }
            }
        }
    }
    let place = template.place;
    parts.into_iter().map(move |part| part_key(&part, place))
}

fn part_key(part: &[Piece], place: Place) -> PartKey {
    let mut bytes = 0;
    let mut vars = 0;
    let (mut constrained, mut tail) = (false, false);
    for piece in part {
        match piece {
            Piece::Text(text) => bytes += text.len(),
            Piece::Var(var) => {
                vars += 1;
                match &var.kind {
                    Kind::Plain => {}
                    Kind::Tail => tail = true,
                    Kind::Pattern(pattern) => {
                        constrained = true;
                        tail |= Reach::of(pattern, place.separator(), Grammar::Native).spans;
                    }
                }
            }
        }
    }
    let class = match (vars, bytes) {
        (0, _) => LITERAL,
        _ if tail => TAIL,
        (_, 1..) => AFFIXED,
        _ if constrained => CONSTRAINED,
        _ => PLAIN,
    };
    let affix = if vars == 0 { 0 } else { bytes };
    (class, Reverse(affix), Reverse(constrained))
}

fn guard_key(route: &Ranked<'_>) -> [Reverse<usize>; 9] {
    let count =
        |wanted: fn(&Guard) -> bool| Reverse(route.guards.iter().filter(|guard| wanted(guard)).count());
    [
        Reverse(usize::from(route.has_methods)),
        count(|guard| matches!(guard, Guard::Scheme(_))),
        count(|guard| matches!(guard, Guard::Header(_, HeaderWant::Exact(_)))),
        count(|guard| matches!(guard, Guard::Header(_, HeaderWant::Regex(_)))),
        count(|guard| matches!(guard, Guard::Header(_, HeaderWant::Present))),
        count(|guard| matches!(guard, Guard::Query(query) if matches!(query.want, QueryWant::Exact(_)))),
        count(|guard| matches!(guard, Guard::Query(query) if matches!(query.want, QueryWant::Template(_)))),
        count(|guard| matches!(guard, Guard::Query(query) if matches!(query.want, QueryWant::Present))),
        count(|guard| matches!(guard, Guard::Custom(_))),
    ]
}
