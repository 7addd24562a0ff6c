//! Index: routes by host, then by path.

use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use crate::compile::pattern::Pattern;
use crate::request::method::bit;
use crate::request::policy::PathForm;
use crate::request::view::{RequestView, ViewSource};
use crate::table::search::Visit;
use crate::table::trie::{Descent, Entry, Root, Tests, Trie};
use crate::table::trie_builder::TrieBuilder;
use crate::template::captures::{Captures, SpanList};
use crate::template::path::PathEdges;
use crate::template::scan::ScannedText;

/// Routes by host and path.
#[derive(Debug)]
pub(crate) struct Index {
    /// The paths of all hosts, a tree for each.
    paths: Trie,
    named: HashMap<Box<[u8]>, Root, FxBuildHasher>,
    patterned: Vec<Root>,
    /// The least rank of all patterned hosts.
    patterned_least: u32,
    labels: Trie,
    labels_root: Root,
    any: Root,
    hosts: bool,
}

impl Index {
    /// Looks for the route of least rank whose conditions all hold.
    pub(crate) fn find(&self, best: &mut BestMatch<'_>) {
        self.search(best.view, best);
    }

    /// Shows all leaves that match, most specific first within the routes of one host.
    pub(crate) fn search(&self, view: &RequestView<'_>, visit: &mut impl Visit) {
        // Only the canonical form has escapes; in the other ones `%` is a character.
        let has_escapes = view.policy.path == PathForm::Canonical && view.path.contains('%');
        let path = ScannedText::new(view.path.as_bytes(), b'/').with_escapes(has_escapes);
        self.search_text(&path, view.host.map(|host| host.name), visit);
    }

    /// The same for a path that has been scanned.
    #[inline(always)]
    fn search_text(&self, path: &ScannedText<'_>, host: Option<&str>, visit: &mut impl Visit) {
        let trees = if self.hosts { Trees::Named } else { Trees::Any };
        self.search_trees(trees, path, host, visit);
    }

    /// The same for some of the trees.
    #[inline]
    pub(crate) fn search_trees(
        &self,
        trees: Trees,
        path: &ScannedText<'_>,
        host: Option<&str>,
        visit: &mut impl Visit,
    ) {
        if let (Trees::Named | Trees::Patterned, Some(host)) = (trees, host) {
            self.search_host(trees, path, host, visit);
        }
        if trees != Trees::None {
            self.search_paths(self.any, path, visit);
        }
    }

    /// Returns the leaf of a tree that a path leads to, if one can be named without a search.
    #[inline(always)]
    pub(crate) fn descend(&self, tree: HostTree, path: &ScannedText<'_>) -> Option<Descent<'_>> {
        self.paths.descend(tree.root, path)
    }

    /// Returns the paths of all hosts.
    #[inline(always)]
    pub(crate) fn any_host(&self) -> HostTree {
        HostTree { root: self.any, others: NONE }
    }

    /// Returns the paths of routes with exactly this host, if there are any.
    #[inline]
    pub(crate) fn named(&self, host: &[u8]) -> Option<HostTree> {
        let root = self.named.get(host)?;
        Some(HostTree { root: *root, others: self.patterned_least.min(self.any.least) })
    }

    /// Returns the paths of routes with variables in their host that a host matches: of no such routes, or of those of
    /// one template. Nothing if the index of hosts must be searched.
    #[inline]
    pub(crate) fn patterned(&self, host: &ScannedText<'_>) -> Option<Option<HostTree>> {
        if self.patterned_least == NONE {
            return Some(None);
        }
        let entries = self.labels.descend_labels(self.labels_root, host)?;
        let root = entries.first().map(|entry| self.patterned[entry.rank as usize]);
        Some(root.map(|root| HostTree { root, others: self.any.least }))
    }

    #[inline(never)]
    fn search_host(&self, trees: Trees, path: &ScannedText<'_>, host: &str, visit: &mut impl Visit) {
        let named = (trees == Trees::Named).then(|| self.named.get(host.as_bytes())).flatten();
        if let Some(root) = named {
            self.search_paths(*root, path, visit);
        }
        if self.patterned_least < visit.limit() {
            let name = ScannedText::new(host.as_bytes(), b'.');
            self.labels.search_labels(self.labels_root, &name, &mut |hosts| {
                for host in hosts {
                    self.search_paths(self.patterned[host.rank as usize], path, visit);
                }
            });
        }
    }

    #[inline(always)]
    fn search_paths(&self, root: Root, path: &ScannedText<'_>, visit: &mut impl Visit) {
        if root.least < visit.limit() {
            self.paths.search(root, path, visit);
        }
    }

    /// Whether any route looks at the host.
    pub(crate) fn hosts(&self) -> bool {
        self.hosts
    }
}

/// The trees that may have routes of a host, in the order in which they are looked at: from one of them on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trees {
    /// That of the host, those of hosts with variables, and that of any host.
    Named,
    Patterned,
    Any,
    None,
}

impl Trees {
    /// Leaves out the first one.
    pub(crate) fn behind(self) -> Self {
        match self {
            Self::Named => Self::Patterned,
            Self::Patterned => Self::Any,
            Self::Any | Self::None => Self::None,
        }
    }
}

/// The paths of a host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostTree {
    root: Root,
    /// The least rank of the trees that are looked at behind it.
    pub(crate) others: u32,
}

/// The rank of no route.
const NONE: u32 = u32::MAX;

/// Keeps the best route so far.
pub(crate) struct BestMatch<'s, V = &'s RequestView<'s>> {
    patterns: &'s [Arc<Pattern>],
    /// Makes the view for guards, which most routes do not have.
    view: V,
    method: u16,
    rank: u32,
    /// The captures of the route of this rank, if they are not whole segments of the path.
    spans: Option<SpanList>,
    spans_rank: u32,
}

impl<'s, V: ViewSource> BestMatch<'s, V> {
    /// None so far.
    #[inline(always)]
    pub(crate) fn new(patterns: &'s [Arc<Pattern>], view: V) -> Self {
        let method = bit(view.method());
        Self { patterns, view, method, rank: NONE, spans: None, spans_rank: NONE }
    }

    /// The route, if any was found.
    #[inline]
    pub(crate) fn rank(&self) -> Option<usize> {
        (self.rank != NONE).then_some(self.rank as usize)
    }

    /// Tests what the index leaves open; if it holds, the captures are those of the route.
    #[inline(never)]
    fn admits(&mut self, entry: &Entry, path: &ScannedText<'_>, is_empty: bool) -> bool {
        if is_empty && entry.tests.contains(Tests::SOME) {
            return false;
        }
        let pattern = &self.patterns[entry.rank as usize];
        if entry.tests.contains(Tests::PATTERN) {
            let mut spans = SpanList::new();
            if !pattern.admits(&self.view.view(), path, &mut spans) {
                return false;
            }
            (self.spans, self.spans_rank) = (Some(spans), entry.rank);
        }
        entry.tests.contains(Tests::PATTERN) || pattern.admits_guards(&self.view)
    }

    /// The captures of the route.
    #[inline(always)]
    pub(crate) fn captures(self, path: &ScannedText<'_>) -> Captures {
        match (self.spans, path.ends()) {
            (Some(spans), _) if self.spans_rank == self.rank => Captures::Spans(spans),
            (_, Some(ends)) => Captures::Segments(ends),
            (_, None) => {
                let pattern = &self.patterns[self.rank as usize];
                Captures::Spans(far_spans(pattern, path, &self.view.view()))
            }
        }
    }
}

/// The captures of a plain route in a long path.
#[cold]
fn far_spans(pattern: &Pattern, path: &ScannedText<'_>, view: &RequestView<'_>) -> SpanList {
    let mut spans = SpanList::new();
    let mut found = |span| spans.push(span);
    // Both match: the index has tested them.
    pattern.path.read(path, view.path_values(), &mut found);
    pattern.admits_host(view, &mut found);
    spans
}

impl<V: ViewSource> Visit for BestMatch<'_, V> {
    #[inline]
    fn limit(&self) -> u32 {
        self.rank
    }

    #[inline(always)]
    fn leaf(&mut self, entries: &[Entry], path: &ScannedText<'_>, is_empty: bool) {
        for entry in entries {
            if entry.rank >= self.rank {
                return;
            }
            let holds = entry.methods & self.method != 0
                && (entry.tests.is_empty() || self.admits(entry, path, is_empty));
            if holds {
                self.rank = entry.rank;
                return;
            }
        }
    }
}

/// An index that still grows; routes come in rank order.
#[derive(Debug, Default)]
pub(crate) struct IndexBuilder {
    named: HashMap<Box<[u8]>, TrieBuilder, FxBuildHasher>,
    patterned: Vec<TrieBuilder>,
    labels: TrieBuilder,
    /// The places of the patterned hosts by their edges.
    edge_sequences: HashMap<String, u32, FxBuildHasher>,
    any: TrieBuilder,
    hosts: bool,
}

impl IndexBuilder {
    /// Adds a route.
    pub(crate) fn add(
        &mut self,
        pattern: &Pattern,
        path: &PathEdges,
        rank: u32,
        route: u32,
        is_tentative: bool,
    ) {
        self.hosts |= pattern.looks_at_host();
        let entry = Entry {
            rank,
            methods: pattern.methods.bits(),
            route,
            count: 0,
            tests: Tests::default()
                .with(Tests::SOME, pattern.path.tail_is_some())
                .with(Tests::HEAD, !pattern.guards.is_empty() && pattern.is_direct())
                .with(Tests::GUARDS, !pattern.is_direct())
                .with(Tests::PATTERN, !pattern.is_guarded())
                .with(Tests::PATH, pattern.is_path_alone()),
            is_tentative,
        };
        let tree = match &pattern.host {
            None => &mut self.any,
            Some(host) => match host.exact().filter(|_| !host.has_port()) {
                Some(name) => self.named.entry(name.as_bytes().into()).or_default(),
                None => {
                    let (edges, next) = (host.edges(), self.patterned.len() as u32);
                    let place = *self.edge_sequences.entry(format!("{edges:?}")).or_insert(next);
                    if place == next {
                        self.labels.insert(&edges, Entry::of_host(place), b'.');
                        self.patterned.push(TrieBuilder::default());
                    }
                    &mut self.patterned[place as usize]
                }
            },
        };
        path.sequences().iter().for_each(|edges| tree.insert(edges, entry, b'/'));
    }

    /// Freezes everything.
    pub(crate) fn freeze(self) -> Index {
        let (mut paths, mut labels) = (Trie::new(b'/'), Trie::new(b'.'));
        let patterned: Vec<Root> = self.patterned.into_iter().map(|tree| paths.add(tree)).collect();
        Index {
            named: self.named.into_iter().map(|(name, tree)| (name, paths.add(tree))).collect(),
            patterned_least: patterned.iter().map(|root| root.least).min().unwrap_or(NONE),
            patterned,
            labels_root: labels.add(self.labels),
            labels,
            any: paths.add(self.any),
            paths,
            hosts: self.hosts,
        }
    }
}
