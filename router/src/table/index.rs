//! Index: routes by host, exact path and trie.

use std::borrow::Cow;
use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

use crate::compile::pattern::Pattern;
use crate::request::method::bit;
use crate::request::policy::PathForm;
use crate::request::view::RequestView;
use crate::table::trie::{Entry, Trie, TrieBuilder, Visit};
use crate::template::captures::Captures;
use crate::template::encoding::decoded_literal;
use crate::template::path::Edge;

/// Routes by host and path.
#[derive(Debug, Default)]
pub(crate) struct Index {
    named: HashMap<Box<str>, HostRoutes, FxBuildHasher>,
    patterned: Vec<HostRoutes>,
    /// The least rank of all routes with a host pattern.
    patterned_least: u32,
    labels: Trie,
    any: HostRoutes,
    hosts: bool,
}

/// The routes of one host.
#[derive(Debug, Default)]
struct HostRoutes {
    fixed: HashMap<Box<[u8]>, Vec<Entry>, FxBuildHasher>,
    /// A filter of the lengths and last bytes of fixed paths: most other paths need no hash.
    filter: [u64; 8],
    trie: Trie,
    least: u32,
}

impl Index {
    /// Finds the route of least rank whose conditions all hold.
    pub(crate) fn find(&self, best: &mut BestMatch<'_>) {
        self.search(best.view, best);
    }

    /// Visits all matching leaves, most specific first within each host.
    pub(crate) fn search(&self, view: &RequestView<'_>, visit: &mut impl Visit) {
        // Literal segments are compared decoded.
        let literal = match view.policy.path {
            PathForm::Canonical if view.path.contains('%') => decoded_literal(view.path),
            _ => Cow::Borrowed(view.path),
        };
        let path = SearchedPath { path: view.path.as_bytes(), literal: literal.as_bytes() };
        if let (true, Some(host)) = (self.hosts, &view.host) {
            if let Some(host_routes) = self.named.get(&*host.name) {
                host_routes.search(path, visit);
            }
            if self.patterned_least < visit.limit() {
                let mut reversed = [0; 256];
                let name = reverse(&host.name, &mut reversed);
                let mut classes = HostSearch { classes: &self.patterned, path, visit };
                self.labels.walk(name, &mut classes);
            }
        }
        self.any.search(path, visit);
    }

    /// Tests whether any route has a host.
    pub(crate) fn hosts(&self) -> bool {
        self.hosts
    }
}

impl HostRoutes {
    fn search(&self, SearchedPath { path, literal }: SearchedPath<'_>, visit: &mut impl Visit) {
        if self.least >= visit.limit() {
            return;
        }
        let (word, bit) = filter_bit(literal);
        if self.filter[word] & bit != 0
            && let Some(entries) = self.fixed.get(literal)
        {
            // No other leaf of this host matches such a path.
            return visit.leaf(entries, &Captures::new());
        }
        if path.len() == literal.len() {
            self.trie.walk(path, visit);
        } else {
            self.trie.walk_escaped(path, visit);
        }
    }
}

/// A path, and the same with decoded literals.
#[derive(Clone, Copy)]
struct SearchedPath<'p> {
    path: &'p [u8],
    literal: &'p [u8],
}

/// Returns the word and the bit of a path in the filter.
#[inline]
fn filter_bit(path: &[u8]) -> (usize, u64) {
    let last = usize::from(path.last().copied().unwrap_or(0));
    let place = path.len().wrapping_mul(32) ^ last;
    (place / 64 % 8, 1 << (place % 64))
}

/// Returns `c.b.a` for `a.b.c`; a host that is too long for the buffer matches no pattern.
fn reverse<'b>(host: &str, buffer: &'b mut [u8; 256]) -> &'b [u8] {
    let bytes = host.as_bytes();
    let Some(place) = buffer.get_mut(..bytes.len()) else {
        return &[];
    };
    // Bytewise: labels are too short for the search functions of `str` to be faster.
    let (mut at, mut end) = (0, bytes.len());
    for start in (0..bytes.len()).rev() {
        if bytes[start] == b'.' {
            for &byte in &bytes[start + 1..end] {
                place[at] = byte;
                at += 1;
            }
            place[at] = b'.';
            at += 1;
            end = start;
        }
    }
    for &byte in &bytes[..end] {
        place[at] = byte;
        at += 1;
    }
    &buffer[..at]
}

/// The rank for no route.
const NONE: u32 = u32::MAX;

/// The best match so far.
pub(crate) struct BestMatch<'s> {
    patterns: &'s [Pattern],
    view: &'s RequestView<'s>,
    method: u16,
    rank: u32,
    pub(crate) captures: Captures,
}

impl<'s> BestMatch<'s> {
    /// Creates one without a match.
    #[inline]
    pub(crate) fn new(patterns: &'s [Pattern], view: &'s RequestView<'s>) -> Self {
        let method = bit(view.head.method);
        Self { patterns, view, method, rank: NONE, captures: Captures::new() }
    }

    /// Returns the rank of the match.
    #[inline]
    pub(crate) fn rank(&self) -> Option<usize> {
        (self.rank != NONE).then_some(self.rank as usize)
    }
}

impl Visit for BestMatch<'_> {
    #[inline]
    fn limit(&self) -> u32 {
        self.rank
    }

    #[inline]
    fn leaf(&mut self, entries: &[Entry], spans: &Captures) {
        for entry in entries {
            if entry.rank >= self.rank {
                return;
            }
            if entry.methods & self.method == 0 || (entry.some && spans.ends_empty()) {
                continue;
            }
            if entry.plain {
                self.captures.copy(spans);
            } else if entry.guarded {
                if !self.patterns[entry.rank as usize].admits_guards(self.view) {
                    continue;
                }
                self.captures.copy(spans);
            } else {
                let mut captures = Captures::new();
                let pattern = &self.patterns[entry.rank as usize];
                if !pattern.admits(self.view, spans.as_slice(), &mut captures) {
                    continue;
                }
                self.captures = captures;
            }
            self.rank = entry.rank;
            return;
        }
    }
}

/// Continues a search of host labels in the path tries of the matching hosts.
struct HostSearch<'s, V> {
    classes: &'s [HostRoutes],
    path: SearchedPath<'s>,
    visit: &'s mut V,
}

impl<V: Visit> Visit for HostSearch<'_, V> {
    fn limit(&self) -> u32 {
        u32::MAX
    }

    fn leaf(&mut self, entries: &[Entry], _labels: &Captures) {
        for entry in entries {
            self.classes[entry.rank as usize].search(self.path, self.visit);
        }
    }
}

/// Builds an index; routes are added in rank order.
#[derive(Debug, Default)]
pub(crate) struct IndexBuilder {
    named: HashMap<Box<str>, Routes, FxBuildHasher>,
    patterned: Vec<(Vec<Edge>, Routes)>,
    edge_sequences: HashMap<String, usize, FxBuildHasher>,
    any: Routes,
    hosts: bool,
}

type Routes = Vec<(Vec<Vec<Edge>>, Option<Box<[u8]>>, Entry)>;

impl IndexBuilder {
    /// Adds a route.
    pub(crate) fn add(&mut self, pattern: &Pattern, rank: u32) {
        self.hosts |= pattern.looks_at_host();
        let entry = Entry {
            rank,
            methods: pattern.methods.bits(),
            plain: pattern.is_plain(),
            guarded: pattern.is_guarded(),
            some: pattern.path.tail_is_some(),
        };
        let route = (pattern.path.edge_sequences(), pattern.path.exact().map(Into::into), entry);
        let routes = match &pattern.host {
            None => &mut self.any,
            Some(host) => match host.exact().filter(|_| !host.has_port()) {
                Some(name) => self.named.entry(name.into()).or_default(),
                None => {
                    let edges = host.edges();
                    let place =
                        *self.edge_sequences.entry(format!("{edges:?}")).or_insert(self.patterned.len());
                    if place == self.patterned.len() {
                        self.patterned.push((edges, Routes::new()));
                    }
                    &mut self.patterned[place].1
                }
            },
        };
        routes.push(route);
    }

    /// Builds the index.
    pub(crate) fn freeze(self) -> Index {
        let mut labels = TrieBuilder::default();
        let mut patterned = Vec::new();
        for (place, (edges, routes)) in (0u32..).zip(self.patterned) {
            let entry = Entry { rank: place, methods: 0, plain: true, guarded: false, some: false };
            labels.insert(&edges, entry);
            patterned.push(host_routes(routes));
        }
        Index {
            named: self.named.into_iter().map(|(name, routes)| (name, host_routes(routes))).collect(),
            patterned_least: patterned.iter().map(|host_routes| host_routes.least).min().unwrap_or(NONE),
            patterned,
            labels: labels.freeze(b'.'),
            any: host_routes(self.any),
            hosts: self.hosts,
        }
    }
}

fn host_routes(routes: Routes) -> HostRoutes {
    let least = routes.iter().map(|(_, _, entry)| entry.rank).min().unwrap_or(u32::MAX);
    let mut all = TrieBuilder::default();
    for (edge_sequences, _, entry) in &routes {
        edge_sequences.iter().for_each(|edges| all.insert(edges, *entry));
    }
    let whole = all.freeze(b'/');
    let mut fixed: HashMap<Box<[u8]>, Vec<Entry>, FxBuildHasher> = HashMap::default();
    for path in routes.iter().filter_map(|(_, exact, _)| exact.as_ref()) {
        if fixed.contains_key(path) {
            continue;
        }
        let mut leaves = Leaves::default();
        whole.walk(path, &mut leaves);
        if leaves.count == 1 {
            fixed.insert(path.clone(), leaves.entries);
        }
    }
    // Paths that the hash map has are not needed in the trie.
    let trie = if fixed.is_empty() {
        whole
    } else {
        let mut rest = TrieBuilder::default();
        for (edge_sequences, exact, entry) in &routes {
            if !exact.as_ref().is_some_and(|path| fixed.contains_key(path)) {
                edge_sequences.iter().for_each(|edges| rest.insert(edges, *entry));
            }
        }
        rest.freeze(b'/')
    };
    let mut filter = [0; 8];
    for path in fixed.keys() {
        let (word, bit) = filter_bit(path);
        filter[word] |= bit;
    }
    HostRoutes { fixed, filter, trie, least }
}

/// Collects the entries of leaves, and counts the leaves.
#[derive(Default)]
struct Leaves {
    count: usize,
    entries: Vec<Entry>,
}

impl Visit for Leaves {
    fn limit(&self) -> u32 {
        u32::MAX
    }

    fn leaf(&mut self, entries: &[Entry], _holes: &Captures) {
        self.count += 1;
        self.entries.extend_from_slice(entries);
    }
}
