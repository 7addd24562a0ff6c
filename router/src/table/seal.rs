//! Sealed scopes and routes: which routes a request may still reach.

use super::index::Index;
use super::trie::{Entry, Visit};
use crate::captures::Captures;
use crate::catalog::ScopeId;
use crate::pattern::Pattern;
use crate::view::View;

/// The routes that seals leave to a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seal {
    /// Routes from this rank on are out of reach.
    pub(super) limit: u32,
    /// Only routes in here are within reach.
    pub(super) inside: Option<ScopeId>,
}

impl Seal {
    /// All routes.
    pub(super) const OPEN: Self = Self { limit: u32::MAX, inside: None };

    /// What the seals of the routes of an index leave, which `limits` holds by rank, `u32::MAX` for
    /// routes without a seal.
    pub(super) fn of_routes(index: &Index, patterns: &[Pattern], limits: &[u32], view: &View<'_>) -> Self {
        let mut seals = Seals { patterns, limits, view, limit: u32::MAX };
        index.search(view, &mut seals);
        Self { limit: seals.limit, inside: None }
    }

    /// The same within a scope only.
    pub(super) fn inside(self, scope: Option<ScopeId>) -> Self {
        Self { inside: scope, ..self }
    }

    /// Whether nothing is sealed.
    pub(super) fn is_open(&self) -> bool {
        self.limit == u32::MAX && self.inside.is_none()
    }
}

/// Finds the seal of the least limit.
struct Seals<'s> {
    patterns: &'s [Pattern],
    limits: &'s [u32],
    view: &'s View<'s>,
    limit: u32,
}

impl Visit for Seals<'_> {
    fn limit(&self) -> u32 {
        self.limit
    }

    fn leaf(&mut self, entries: &[Entry], holes: &Captures) {
        for entry in entries {
            let rank = entry.rank as usize;
            let Some(&limit) = self.limits.get(rank).filter(|limit| **limit < self.limit) else { continue };
            if self.patterns[rank].lies_at(self.view, holes.as_slice()) {
                self.limit = limit;
            }
        }
    }
}

/// Shows another visitor some of the routes only.
pub(super) struct Only<'s, V, F> {
    pub(super) limit: u32,
    pub(super) passes: F,
    pub(super) visit: &'s mut V,
}

impl<V: Visit, F: Fn(u32) -> bool> Visit for Only<'_, V, F> {
    fn limit(&self) -> u32 {
        self.visit.limit().min(self.limit)
    }

    fn leaf(&mut self, entries: &[Entry], holes: &Captures) {
        for entry in entries {
            if entry.rank < self.limit && (self.passes)(entry.rank) {
                self.visit.leaf(std::slice::from_ref(entry), holes);
            }
        }
    }
}
