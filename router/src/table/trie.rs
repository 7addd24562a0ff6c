//! Trie: a tree of segments with leaves of routes.
//!
//! A literal child is found by one probe of a hash table, a variable child without any. `docs/lookup.md`
//! explains the layout. A node is reached in one way only, so a look-up visits each node at most once,
//! however the routes overlap.

use crate::template::scan::{ScannedText, SegmentKey};

/// A route at a leaf, with what can be tested without looking the route up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The route; routes are numbered in rank order.
    pub(crate) rank: u32,
    /// The catalog entry of the route.
    pub(crate) route: u32,
    /// How many entries the leaf has, if this is its first one; the trie sets it.
    pub(crate) count: u32,
    /// The method bits that it answers.
    pub(crate) methods: u16,
    /// What else is to be tested.
    pub(crate) tests: Tests,
    /// Whether a match is not the result yet: it is redirected, or the weights of the client choose.
    pub(crate) is_tentative: bool,
}

impl Entry {
    /// A host in a tree of labels; the rank is its number.
    pub(crate) fn of_host(rank: u32) -> Self {
        Self { rank, route: 0, count: 0, methods: 0, tests: Tests::default(), is_tentative: false }
    }
}

/// The tests of a route beyond index and method bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tests(u8);

impl Tests {
    /// The last capture must not be empty: a tail edge takes nothing as well.
    pub(crate) const SOME: Self = Self(1);
    /// Guards that look at header lines alone.
    pub(crate) const HEADERS: Self = Self(2);
    /// Guards without variables.
    pub(crate) const GUARDS: Self = Self(4);
    /// The whole pattern.
    pub(crate) const PATTERN: Self = Self(8);

    /// Adds tests if a condition holds.
    pub(crate) fn with(self, tests: Self, condition: bool) -> Self {
        if condition { Self(self.0 | tests.0) } else { self }
    }

    /// Tests whether index and method bits decide alone.
    #[inline(always)]
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Tests whether any of some tests is required.
    #[inline(always)]
    pub(crate) fn contains(self, tests: Self) -> bool {
        self.0 & tests.0 != 0
    }
}

/// A node, the leaf of a node that has nothing else, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Child(pub(super) u32);

impl Child {
    pub(super) const NONE: Self = Self(u32::MAX);
    pub(super) const LEAF: u32 = 1 << 31;

    /// The leaf, unless it is a node.
    #[inline(always)]
    pub(super) fn as_leaf(self) -> Option<Leaf> {
        (self.0 & Self::LEAF != 0).then_some(Leaf(self.0 & !Self::LEAF))
    }
}

/// The place of a leaf's first entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leaf(pub(super) u32);

impl Leaf {
    pub(super) const NONE: Self = Self(!Child::LEAF);
}

/// Half a cache line. Its segment was the last one that was read.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
pub(super) struct Node {
    /// The first slot of the literal children; `mask + 1` slots and those that collisions need follow.
    pub(super) slots: u32,
    pub(super) mask: u32,
    /// Which bits of a hash choose the slot.
    pub(super) shift: u8,
    /// Whether nothing but the variable child is beside literal children.
    pub(super) is_simple: bool,
    /// No literal child has so many bytes, or more.
    pub(super) literals_below: u16,
    /// The routes of a text that ends here.
    pub(super) leaf: Leaf,
    /// Behind any segment that is not empty.
    pub(super) variable: Child,
    /// The routes of a text that goes on, whatever follows.
    pub(super) tail: Leaf,
    /// The beginnings of segments that a variable or a tail continues: their range in `groups`.
    pub(super) beginnings: u32,
    /// The least rank below, except below literal children.
    pub(super) rest_least: u32,
}

/// A place of a hash table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) words: [u64; 2],
    pub(super) length: u32,
    /// The child; the place in `long` if the segment does not fit into its key.
    pub(super) child: Child,
}

impl Slot {
    /// Equal to no segment.
    pub(super) const EMPTY: Self = Self { words: [0; 2], length: u32::MAX, child: Child::NONE };

    #[inline(always)]
    fn holds(&self, key: SegmentKey) -> bool {
        self.words == key.words && self.length == key.length
    }
}

/// A literal child whose segment does not fit into its key.
#[derive(Debug, Clone, Copy)]
pub(super) struct LongSegment {
    pub(super) text: u32,
    pub(super) child: Child,
}

/// Literal text that a variable or a tail continues within its segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    pub(super) text: u32,
    pub(super) length: u32,
    /// The longest other beginning of the node that this one starts with.
    pub(super) parent: u32,
    pub(super) variable: Child,
    pub(super) tail: Leaf,
    pub(super) least: u32,
}

/// The number of no beginning and no route.
pub(super) const NONE: u32 = u32::MAX;

/// One of several trees in a trie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Root {
    pub(super) node: u32,
    /// Behind a separator at the start, as all paths have it.
    pub(super) first: Child,
    /// The least rank of all routes.
    pub(crate) least: u32,
    /// The least rank without a separator at the start.
    pub(super) rest_least: u32,
}

/// A leaf that matches a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Descent<'t> {
    pub(crate) entries: &'t [Entry],
    /// Whether a tail took nothing of the text.
    pub(crate) is_empty: bool,
    /// Another leaf may have a better route than one of this rank or a greater one.
    pub(crate) limit: u32,
}

/// Trees of segments, each with its own root, in shared vectors.
#[derive(Debug)]
pub(crate) struct Trie {
    pub(super) nodes: Vec<Node>,
    pub(super) slots: Vec<Slot>,
    pub(super) long: Vec<LongSegment>,
    pub(super) beginnings: Vec<Beginning>,
    /// The ranges of the beginnings of each node that has any.
    pub(super) groups: Vec<(u32, u32)>,
    /// Long segments and beginnings.
    pub(super) texts: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    pub(super) separator: u8,
}

impl Trie {
    /// Returns the leaf that matches a text of up to 63 bytes without escapes, if the way to it has no other
    /// branches to look at. Those that it passes have no better route than `limit`.
    #[inline(always)]
    pub(crate) fn descend(&self, root: Root, text: &ScannedText<'_>) -> Option<Descent<'_>> {
        if !text.starts_with_separator() {
            return None;
        }
        let (mut child, mut end, mut limit) = (root.first, 0, root.rest_least);
        while end < text.len() {
            let node = self.nodes.get(child.0 as usize)?;
            let start = end + 1;
            end = text.near_end(start);
            child = self.literal(node, text, start, end);
            if child != Child::NONE {
                limit = limit.min(node.rest_least);
            } else if node.is_simple && start < end {
                child = node.variable;
            } else {
                return self.descend_to_tail(node, start == text.len(), limit);
            }
        }
        let leaf = child.as_leaf().unwrap_or_else(|| self.nodes[child.0 as usize].leaf);
        self.descent(leaf, false, limit)
    }

    /// Returns the tail of a node that has no other branch than literal children.
    #[inline(never)]
    fn descend_to_tail(&self, node: &Node, is_empty: bool, limit: u32) -> Option<Descent<'_>> {
        let is_alone = node.beginnings == NONE && node.variable == Child::NONE;
        if is_alone { self.descent(node.tail, is_empty, limit) } else { None }
    }

    #[inline(always)]
    fn descent(&self, leaf: Leaf, is_empty: bool, limit: u32) -> Option<Descent<'_>> {
        let entries = if leaf == Leaf::NONE { return None } else { self.entries(leaf) };
        Some(Descent { entries, is_empty, limit })
    }

    /// Returns the entry of a host, which is read from its end, if no other one can match.
    pub(crate) fn descend_labels(&self, root: Root, host: &ScannedText<'_>) -> Option<&Entry> {
        let (mut node, mut end) = (self.nodes.get(root.node as usize)?, host.len());
        loop {
            let start = host.start(end);
            let literal = self.literal(node, host, start, end);
            let child = match (literal, node.rest_least) {
                (Child::NONE, _) if node.is_simple && start < end => node.variable,
                (literal, NONE) => literal,
                _ => return None,
            };
            if start == 0 {
                let leaf = child.as_leaf().or_else(|| Some(self.nodes.get(child.0 as usize)?.leaf))?;
                return if leaf == Leaf::NONE { None } else { self.entries(leaf).first() };
            }
            (node, end) = (self.nodes.get(child.0 as usize)?, start - 1);
        }
    }

    /// Returns the child of a segment.
    #[inline(always)]
    pub(super) fn literal(&self, node: &Node, text: &ScannedText<'_>, start: usize, end: usize) -> Child {
        if end - start >= usize::from(node.literals_below) {
            return Child::NONE;
        }
        let key = text.key(start, end);
        let mut place = node.slots as usize + ((key.hash() >> node.shift) as usize & node.mask as usize);
        loop {
            let slot = &self.slots[place];
            if slot.holds(key) {
                if !key.is_long() {
                    return slot.child;
                }
                if let Some(child) = self.long(slot, &text.bytes()[start..end]) {
                    return child;
                }
            }
            if slot.child == Child::NONE {
                return Child::NONE;
            }
            place += 1;
        }
    }

    /// Returns the child of a slot with the key of a long segment, if it is that segment.
    #[cold]
    fn long(&self, slot: &Slot, segment: &[u8]) -> Option<Child> {
        let own = &self.long[slot.child.0 as usize];
        (self.text(own.text, segment.len()) == segment).then_some(own.child)
    }

    pub(super) fn text(&self, start: u32, length: usize) -> &[u8] {
        self.texts.get(start as usize..).and_then(|texts| texts.get(..length)).unwrap_or_default()
    }

    #[inline(always)]
    pub(super) fn entries(&self, leaf: Leaf) -> &[Entry] {
        let first = &self.entries[leaf.0 as usize];
        if first.count == 1 {
            return std::slice::from_ref(first);
        }
        self.entries.get(leaf.0 as usize..(leaf.0 + first.count) as usize).unwrap_or_default()
    }
}
