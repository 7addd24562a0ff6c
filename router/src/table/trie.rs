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
    /// Guards that are mostly tested at once, by parts of the head alone.
    pub(crate) const HEAD: Self = Self(2);
    /// Guards without variables.
    pub(crate) const GUARDS: Self = Self(4);
    /// The whole pattern.
    pub(crate) const PATTERN: Self = Self(8);
    /// Of the pattern, only the path and what is mostly tested at once.
    pub(crate) const PATH: Self = Self(16);

    /// Adds tests if a condition holds.
    pub(crate) fn with(self, tests: Self, condition: bool) -> Self {
        if condition { Self(self.0 | tests.0) } else { self }
    }

    /// Tests whether index and method bits decide alone.
    #[inline(always)]
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Tests whether the guards read more than parts of the head.
    #[inline(always)]
    pub(crate) fn reads_more_than_head(self) -> bool {
        self.contains(Self(Self::GUARDS.0 | Self::PATTERN.0))
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

/// What a segment leads to.
#[derive(Debug, Clone, Copy)]
enum Branch {
    /// The child, or nothing.
    Child(Child),
    /// The routes of the rest from a byte on.
    Tail(Leaf, usize),
}

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Descent<'t> {
    /// Nothing if no leaf was reached.
    pub(crate) entries: &'t [Entry],
    /// Whether a tail took nothing of the text.
    pub(crate) is_empty: bool,
    /// Another leaf may have a better route than one of this rank or a greater one.
    pub(crate) limit: u32,
}

impl Descent<'_> {
    /// Tests whether no other leaf matches the text.
    #[inline(always)]
    pub(crate) fn is_alone(&self) -> bool {
        self.limit == NONE
    }
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
    /// Returns the leaf that matches a text, if one branch of each node on the way to it does, besides literal children.
    /// The branches that are passed at literal children have no better route than `limit`.
    #[inline(always)]
    pub(crate) fn descend(&self, root: Root, text: &ScannedText<'_>) -> Option<Descent<'_>> {
        if text.ends().is_none() || !text.starts_with_separator() {
            return None;
        }
        let (mut child, mut end, mut limit) = (root.first, 0, root.rest_least);
        while end < text.len() {
            let Some(node) = self.nodes.get(child.0 as usize) else {
                return Some(Descent { entries: &[], is_empty: false, limit });
            };
            let start = end + 1;
            end = text.near_end(start);
            child = self.literal(node, text, start, end);
            if child != Child::NONE {
                limit = limit.min(node.rest_least);
            } else if node.is_simple {
                child = if start < end { node.variable } else { Child::NONE };
            } else {
                match self.only_branch(node, text, start, end)? {
                    Branch::Child(only) => child = only,
                    Branch::Tail(leaf, start) => {
                        return Some(Descent { is_empty: start == text.len(), ..self.descent(leaf, limit) });
                    }
                }
            }
        }
        let leaf = match child.as_leaf() {
            Some(leaf) => leaf,
            None => self.nodes[child.0 as usize].leaf,
        };
        Some(self.descent(leaf, limit))
    }

    #[inline(always)]
    fn descent(&self, leaf: Leaf, limit: u32) -> Descent<'_> {
        let entries = if leaf == Leaf::NONE { &[] } else { self.entries(leaf) };
        Descent { entries, is_empty: false, limit }
    }

    /// Returns the branch of a segment that no literal child has, unless there are several.
    #[inline(never)]
    fn only_branch(&self, node: &Node, text: &ScannedText<'_>, start: usize, end: usize) -> Option<Branch> {
        let variable = if start < end { node.variable } else { Child::NONE };
        let (mut child, mut tail) = (variable, (node.tail, start));
        if let Some(beginnings) = self.beginnings_of(node) {
            let segment = &text.bytes()[start..end];
            let mut matching = self.matching(beginnings, segment);
            if let Some(beginning) = matching.next() {
                if matching.next().is_some() || (child, tail.0) != (Child::NONE, Leaf::NONE) {
                    return None;
                }
                let behind = start + beginning.length as usize;
                child = if behind < end { beginning.variable } else { Child::NONE };
                tail = (beginning.tail, behind);
            }
        }
        match (child, tail) {
            (child, (Leaf::NONE, _)) => Some(Branch::Child(child)),
            (Child::NONE, (leaf, start)) => Some(Branch::Tail(leaf, start)),
            _ => None,
        }
    }

    /// Returns the beginnings of a node, sorted.
    #[inline]
    pub(super) fn beginnings_of(&self, node: &Node) -> Option<&[Beginning]> {
        let &(first, behind) = self.groups.get(node.beginnings as usize)?;
        self.beginnings.get(first as usize..behind as usize)
    }

    /// Returns those of some sorted beginnings that a segment has, the longest first.
    pub(super) fn matching<'t>(
        &'t self,
        sorted: &'t [Beginning],
        segment: &[u8],
    ) -> impl Iterator<Item = &'t Beginning> {
        let text = |beginning: &Beginning| self.text(beginning.text, beginning.length as usize);
        // All that the segment starts with sorts before it; the parents of the greatest lead to them.
        let place = sorted.partition_point(|beginning| text(beginning) <= segment);
        let last = place.checked_sub(1).and_then(|place| sorted.get(place));
        std::iter::successors(last, |beginning| sorted.get(beginning.parent as usize))
            .filter(move |beginning| segment.starts_with(text(beginning)))
    }

    /// Returns the entries of a host, which is read from its end, if no others can match.
    #[inline]
    pub(crate) fn descend_labels(&self, root: Root, host: &ScannedText<'_>) -> Option<&[Entry]> {
        let (mut node, mut end) = (self.nodes.get(root.node as usize)?, host.len());
        loop {
            let start = host.start(end);
            let literal = self.literal(node, host, start, end);
            let child = match (literal, node.rest_least) {
                (literal, NONE) => literal,
                (Child::NONE, _) if node.is_simple && start < end => node.variable,
                _ => return None,
            };
            let next = self.nodes.get(child.0 as usize);
            if start == 0 {
                let leaf = child.as_leaf().or_else(|| next.map(|node| node.leaf));
                let leaf = leaf.filter(|leaf| *leaf != Leaf::NONE);
                return Some(leaf.map_or(&[], |leaf| self.entries(leaf)));
            }
            let Some(next) = next else { return Some(&[]) };
            (node, end) = (next, start - 1);
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
