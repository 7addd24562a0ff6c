//! Visitors of the index: near misses, allowed methods, seals.

use std::sync::Arc;

use crate::compile::pattern::{NearMiss, Pattern};
use crate::request::media_type::Media;
use crate::request::method::{MethodSet, bit};
use crate::request::view::RequestView;
use crate::table::index::Index;
use crate::table::miss::Reason;
use crate::table::routes::ScopeId;
use crate::table::search::Visit;
use crate::table::trie::Entry;
use crate::template::captures::SpanList;
use crate::template::scan::ScannedText;

/// Collects why routes do not match that fail in a single condition.
pub(crate) struct NearMisses<'s> {
    patterns: &'s [Arc<Pattern>],
    view: &'s RequestView<'s>,
    /// Methods of routes that fail only by the method.
    methods: MethodSet,
    /// Methods of routes that fail by the method and by a type.
    others: MethodSet,
    content_types: Option<Vec<String>>,
    accepted: Option<Vec<String>>,
}

impl<'s> NearMisses<'s> {
    pub(crate) fn new(patterns: &'s [Arc<Pattern>], view: &'s RequestView<'s>) -> Self {
        let (methods, others) = (MethodSet::default(), MethodSet::default());
        Self { patterns, view, methods, others, content_types: None, accepted: None }
    }

    /// Returns the reason of the miss, independent of the order of routes.
    pub(crate) fn reason(self) -> Option<Reason> {
        if !self.methods.is_empty() {
            Some(Reason::MethodNotAllowed(self.methods))
        } else if let Some(types) = self.content_types {
            Some(Reason::UnsupportedMediaType(types))
        } else if let Some(types) = self.accepted {
            Some(Reason::NotAcceptable(types))
        } else if !self.others.is_empty() {
            Some(Reason::MethodNotAllowed(self.others))
        } else {
            None
        }
    }
}

/// Collects the methods of all routes that match except for the method.
pub(crate) struct Allowed<'s> {
    pub(crate) patterns: &'s [Arc<Pattern>],
    pub(crate) view: &'s RequestView<'s>,
    pub(crate) methods: MethodSet,
}

impl Visit for Allowed<'_> {
    fn limit(&self) -> u32 {
        u32::MAX
    }

    fn leaf(&mut self, entries: &[Entry], path: &ScannedText<'_>, _: bool) {
        for entry in entries {
            let pattern = &self.patterns[entry.rank as usize];
            let near_miss = pattern.near_miss(self.view, path);
            if let Some(NearMiss { methods, content_types: None, accepts: None }) = near_miss {
                self.methods.extend(&methods);
            }
        }
    }
}

fn collect(media: &[&Media], into: &mut Option<Vec<String>>) {
    let into = into.get_or_insert_default();
    for media in media.iter().map(ToString::to_string) {
        if !into.contains(&media) {
            into.push(media);
        }
    }
}

impl Visit for NearMisses<'_> {
    fn limit(&self) -> u32 {
        u32::MAX
    }

    fn leaf(&mut self, entries: &[Entry], path: &ScannedText<'_>, _: bool) {
        for entry in entries {
            if entry.tests.is_empty() {
                // Only the method can be different.
                if entry.methods & bit(self.view.head.method) == 0 {
                    self.methods.insert_bits(entry.methods);
                }
                continue;
            }
            let pattern = &self.patterns[entry.rank as usize];
            // Its conditions have been tested, and nothing else can be different.
            if pattern.methods.contains(self.view.head.method) && !pattern.has_open_guards() {
                continue;
            }
            let Some(near_miss) = pattern.near_miss(self.view, path) else { continue };
            if near_miss.methods.contains(self.view.head.method) {
                match (near_miss.content_types, near_miss.accepts) {
                    (Some(types), _) => collect(&types, &mut self.content_types),
                    (None, types) => collect(&types.unwrap_or_default(), &mut self.accepted),
                }
            } else if near_miss.content_types.is_none() && near_miss.accepts.is_none() {
                self.methods.extend(&near_miss.methods);
            } else {
                self.others.extend(&near_miss.methods);
            }
        }
    }
}

/// Collects the matching routes that rank before a limit.
pub(crate) struct BetterRoutes<'s> {
    pub(crate) patterns: &'s [Arc<Pattern>],
    pub(crate) view: &'s RequestView<'s>,
    pub(crate) limit: u32,
    pub(crate) found: Vec<usize>,
    /// The number of routes that were tested.
    pub(crate) tested: usize,
}

impl Visit for BetterRoutes<'_> {
    fn limit(&self) -> u32 {
        self.limit
    }

    fn leaf(&mut self, entries: &[Entry], path: &ScannedText<'_>, _: bool) {
        for entry in entries.iter().filter(|entry| entry.rank < self.limit) {
            self.tested += 1;
            let pattern = &self.patterns[entry.rank as usize];
            if pattern.methods.contains(self.view.head.method)
                && pattern.admits(self.view, path, &mut SpanList::new())
            {
                self.found.push(entry.rank as usize);
            }
        }
    }
}

/// The limit that seals set for a search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SearchLimit {
    /// Routes from this rank on are excluded.
    pub(crate) limit: u32,
    /// Only routes in this scope are included.
    pub(crate) inside: Option<ScopeId>,
}

impl SearchLimit {
    /// No limit.
    pub(crate) const OPEN: Self = Self { limit: u32::MAX, inside: None };

    /// Returns the limit that sealed routes set; `limits` has the limit of each rank, `u32::MAX` for routes
    /// without a seal.
    pub(crate) fn of_routes(
        index: &Index,
        patterns: &[Arc<Pattern>],
        limits: &[u32],
        view: &RequestView<'_>,
    ) -> Self {
        let mut seals = Seals { patterns, limits, view, limit: u32::MAX };
        index.search(view, &mut seals);
        Self { limit: seals.limit, inside: None }
    }

    /// Limits the search to a scope.
    pub(crate) fn inside(self, scope: Option<ScopeId>) -> Self {
        Self { inside: scope, ..self }
    }

    /// Tests whether there is no limit.
    pub(crate) fn is_open(&self) -> bool {
        self.limit == u32::MAX && self.inside.is_none()
    }
}

/// Finds the least limit of matching sealed routes.
struct Seals<'s> {
    patterns: &'s [Arc<Pattern>],
    limits: &'s [u32],
    view: &'s RequestView<'s>,
    limit: u32,
}

impl Visit for Seals<'_> {
    fn limit(&self) -> u32 {
        self.limit
    }

    fn leaf(&mut self, entries: &[Entry], path: &ScannedText<'_>, _: bool) {
        for entry in entries {
            let rank = entry.rank as usize;
            let Some(&limit) = self.limits.get(rank).filter(|limit| **limit < self.limit) else { continue };
            if self.patterns[rank].matches_location(self.view, path) {
                self.limit = limit;
            }
        }
    }
}

/// Passes some of the routes to another visitor.
pub(crate) struct Only<'s, V, F> {
    pub(crate) limit: u32,
    pub(crate) passes: F,
    pub(crate) visit: &'s mut V,
}

impl<V: Visit, F: Fn(u32) -> bool> Visit for Only<'_, V, F> {
    fn limit(&self) -> u32 {
        self.visit.limit().min(self.limit)
    }

    fn leaf(&mut self, entries: &[Entry], path: &ScannedText<'_>, is_empty: bool) {
        for entry in entries {
            if entry.rank < self.limit && (self.passes)(entry.rank) {
                self.visit.leaf(std::slice::from_ref(entry), path, is_empty);
            }
        }
    }
}
