//! Routes: what a table keeps of each route beside its pattern.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use waylay_template::{Syntax, Template};

use crate::route::conditions::{SourceLocation, Supply};
use crate::route::to_rule::ConditionText;
use crate::table::texts::{TextRange, Texts};
use crate::template::constraint::parse_again;
use crate::template::path::{PathEdges, PathPattern};

/// The index of a scope in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeId(pub(crate) u32);

impl ScopeId {
    /// Returns the index, in the order of addition.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Routes and their alternatives, in the order of addition.
///
/// A large table is made of these: a route has ranges of texts that are kept once, the place of a pattern that many routes
/// share, and rare things behind one pointer. A path template is parsed again where its nodes are needed, for a URL or a
/// lint.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    entries: Vec<RouteEntry>,
    pub(crate) texts: Texts,
}

/// The metadata of a route or of one of its alternatives.
#[derive(Debug)]
pub(crate) struct RouteEntry {
    /// The index of the route that it is an alternative of; its own index for the first alternative.
    pub(crate) of: u32,
    /// The place of its pattern.
    pub(crate) rank: u32,
    pub(crate) name: Option<TextRange>,
    /// The path template as it is listed.
    pub(crate) template: TextRange,
    /// The path template as it was written, with the prefixes of its scopes.
    pub(crate) path: Option<TextRange>,
    pub(crate) scope: Option<ScopeId>,
    pub(crate) priority: i32,
    /// The number of segments that a mounted service does not see.
    pub(crate) mount_segments: u16,
    pub(crate) build_only: bool,
    pub(crate) sealed: bool,
    pub(crate) location: SourceLocation,
    /// Nothing for most routes.
    pub(crate) extras: Option<Box<RouteExtras>>,
}

/// What few routes have.
#[derive(Debug)]
pub(crate) struct RouteExtras {
    pub(crate) conditions: Vec<ConditionText>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) supplies: Vec<Supply>,
    /// The whole route as a rule, if it was created from one.
    pub(crate) rule: Option<Arc<String>>,
    /// The path of a prefix that may end within a segment, as a whole path.
    pub(crate) open_prefix: Option<(PathPattern, PathEdges)>,
}

static NO_EXTRAS: RouteExtras = RouteExtras {
    conditions: Vec::new(),
    metadata: BTreeMap::new(),
    supplies: Vec::new(),
    rule: None,
    open_prefix: None,
};

impl RouteExtras {
    /// Returns nothing if there is nothing to keep.
    pub(crate) fn boxed(self) -> Option<Box<Self>> {
        let is_empty = self.conditions.is_empty()
            && self.metadata.is_empty()
            && self.supplies.is_empty()
            && self.rule.is_none()
            && self.open_prefix.is_none();
        (!is_empty).then(|| Box::new(self))
    }
}

impl RouteEntry {
    /// Returns the place of its pattern.
    pub(crate) fn rank(&self) -> usize {
        self.rank as usize
    }

    pub(crate) fn extras(&self) -> &RouteExtras {
        self.extras.as_deref().unwrap_or(&NO_EXTRAS)
    }
}

/// A route with its texts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredRoute<'t> {
    entry: &'t RouteEntry,
    texts: &'t Texts,
}

impl Deref for StoredRoute<'_> {
    type Target = RouteEntry;

    fn deref(&self) -> &RouteEntry {
        self.entry
    }
}

impl<'t> StoredRoute<'t> {
    /// Returns the entry for as long as the table lives.
    pub(crate) fn entry(self) -> &'t RouteEntry {
        self.entry
    }

    /// Returns the name, preceded by the names of its scopes.
    pub(crate) fn name(self) -> Option<&'t str> {
        self.entry.name.map(|name| self.texts.get(name))
    }

    /// Returns the whole path template for listings.
    pub(crate) fn template(self) -> &'t str {
        self.texts.get(self.entry.template)
    }

    /// Returns the path template as it was written.
    pub(crate) fn path_text(self) -> Option<&'t str> {
        self.entry.path.map(|path| self.texts.get(path))
    }

    /// Parses the path template.
    pub(crate) fn path(self, syntax: Syntax) -> Option<Template> {
        parse_again(self.path_text()?, syntax)
    }

    /// Returns the name for errors and lints.
    pub(crate) fn label(self) -> String {
        self.name().unwrap_or_else(|| self.template()).to_owned()
    }
}

impl Routes {
    pub(crate) fn with_capacity(routes: usize) -> Self {
        Self { entries: Vec::with_capacity(routes), texts: Texts::default() }
    }

    pub(crate) fn push(&mut self, entry: RouteEntry) {
        self.entries.push(entry);
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the route at an index.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<StoredRoute<'_>> {
        self.entries.get(index).map(|entry| StoredRoute { entry, texts: &self.texts })
    }

    /// Returns the route at an index that is known to be one.
    pub(crate) fn at(&self, index: usize) -> StoredRoute<'_> {
        StoredRoute { entry: &self.entries[index], texts: &self.texts }
    }

    pub(crate) fn set_rank(&mut self, index: usize, rank: u32) {
        self.entries[index].rank = rank;
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = StoredRoute<'_>> + Clone {
        self.entries.iter().map(|entry| StoredRoute { entry, texts: &self.texts })
    }

    /// Returns the entries alone.
    pub(crate) fn entries(&self) -> &[RouteEntry] {
        &self.entries
    }

    /// Frees what only the build needs.
    pub(crate) fn freeze(&mut self) {
        self.entries.shrink_to_fit();
        self.texts.freeze();
    }
}
