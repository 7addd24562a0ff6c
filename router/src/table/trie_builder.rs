//! TrieBuilder: growing trees of segments, and their tables of slots.

use std::collections::BTreeMap;

use crate::table::trie::{Beginning, Child, Entry, Leaf, LongSegment, NONE, Node, Root, Slot, Trie};
use crate::template::path::Edge;
use crate::template::scan::{ScannedText, SegmentKey};

/// A tree that still grows.
#[derive(Debug, Default)]
pub(crate) struct TrieBuilder {
    literals: BTreeMap<Box<[u8]>, TrieBuilder>,
    /// By the literal beginning of the segment, which is mostly empty.
    variables: BTreeMap<Box<[u8]>, TrieBuilder>,
    tails: BTreeMap<Box<[u8]>, Vec<Entry>>,
    leaf: Vec<Entry>,
}

impl TrieBuilder {
    /// Adds a route under its edges.
    pub(crate) fn insert(&mut self, edges: &[Edge], entry: Entry, separator: u8) {
        let (mut node, mut segment) = (self, Some(Vec::new()));
        for edge in edges {
            match edge {
                Edge::Text(text) => {
                    for (i, part) in text.split(|byte| *byte == separator).enumerate() {
                        if i > 0 {
                            // Behind a variable the separator ends a segment that has been read.
                            if let Some(literal) = segment.take() {
                                node = node.literals.entry(literal.into()).or_default();
                            }
                            segment = Some(part.to_vec());
                        } else if let Some(segment) = &mut segment {
                            segment.extend_from_slice(part);
                        }
                    }
                }
                Edge::Segment => {
                    let beginning = segment.take().unwrap_or_default();
                    node = node.variables.entry(beginning.into()).or_default();
                }
                Edge::Tail => {
                    let beginning = segment.take().unwrap_or_default();
                    return node.tails.entry(beginning.into()).or_default().push(entry);
                }
            }
        }
        if let Some(literal) = segment {
            node = node.literals.entry(literal.into()).or_default();
        }
        node.leaf.push(entry);
    }
}

impl Trie {
    pub(crate) fn new(separator: u8) -> Self {
        Self {
            nodes: Vec::new(),
            slots: Vec::new(),
            long: Vec::new(),
            beginnings: Vec::new(),
            groups: Vec::new(),
            texts: Vec::new(),
            entries: Vec::new(),
            separator,
        }
    }

    /// Adds a tree.
    pub(crate) fn add(&mut self, tree: TrieBuilder) -> Root {
        let (node, least) = self.node(tree);
        let root = &self.nodes[node as usize];
        let first = self.literal(root, &ScannedText::new(b"", self.separator), 0, 0);
        Root { node, first, least, rest_least: root.rest_least }
    }

    /// Adds a node and all below; returns its place and the least rank.
    fn node(&mut self, tree: TrieBuilder) -> (u32, u32) {
        let place = self.nodes.len() as u32;
        let leaf_least = tree.leaf.iter().map(|entry| entry.rank).min().unwrap_or(NONE);
        let mut node = Node {
            slots: 0,
            mask: 0,
            shift: 0,
            is_simple: true,
            literals_below: 0,
            leaf: self.leaf(tree.leaf),
            variable: Child::NONE,
            tail: Leaf::NONE,
            beginnings: NONE,
            rest_least: NONE,
        };
        // The place is taken before those below.
        self.nodes.push(node);
        let mut least = leaf_least;
        let mut literals = Vec::with_capacity(tree.literals.len());
        for (segment, below) in tree.literals {
            let (child, below_least) = self.child(below);
            least = least.min(below_least);
            literals.push((segment, child));
        }
        self.literals(&mut node, &literals);
        self.continued(&mut node, tree.variables, tree.tails);
        node.is_simple = node.tail == Leaf::NONE && node.beginnings == NONE;
        self.nodes[place as usize] = node;
        (place, least.min(node.rest_least))
    }

    /// Adds what is below an edge; a leaf alone needs no node.
    fn child(&mut self, tree: TrieBuilder) -> (Child, u32) {
        if tree.literals.is_empty() && tree.variables.is_empty() && tree.tails.is_empty() {
            let least = tree.leaf.iter().map(|entry| entry.rank).min().unwrap_or(NONE);
            return (Child(self.leaf(tree.leaf).0 | Child::LEAF), least);
        }
        let (node, least) = self.node(tree);
        (Child(node), least)
    }

    fn leaf(&mut self, mut entries: Vec<Entry>) -> Leaf {
        let start = self.entries.len() as u32;
        entries.sort_by_key(|entry| entry.rank);
        let count = entries.len() as u32;
        let Some(first) = entries.first_mut() else { return Leaf::NONE };
        first.count = count;
        self.entries.append(&mut entries);
        Leaf(start)
    }

    /// Adds the variables and tails of a node.
    fn continued(
        &mut self,
        node: &mut Node,
        variables: BTreeMap<Box<[u8]>, TrieBuilder>,
        mut tails: BTreeMap<Box<[u8]>, Vec<Entry>>,
    ) {
        let mut sorted: BTreeMap<Box<[u8]>, Option<TrieBuilder>> =
            variables.into_iter().map(|(text, below)| (text, Some(below))).collect();
        for text in tails.keys() {
            sorted.entry(text.clone()).or_default();
        }
        let mut beginnings: Vec<Beginning> = Vec::new();
        for (text, below) in sorted {
            let tail = tails.remove(&text).unwrap_or_default();
            let tail_least = tail.iter().map(|entry| entry.rank).min().unwrap_or(NONE);
            let tail = self.leaf(tail);
            let (variable, least) = below.map_or((Child::NONE, NONE), |below| self.child(below));
            let least = least.min(tail_least);
            node.rest_least = node.rest_least.min(least);
            if text.is_empty() {
                (node.variable, node.tail) = (variable, tail);
                continue;
            }
            // In sorted order the parent is the last one, one of its parents, or missing.
            let mut parent = (beginnings.len() as u32).wrapping_sub(1);
            while let Some(other) = beginnings.get(parent as usize)
                && !text.starts_with(self.text(other.text, other.length as usize))
            {
                parent = other.parent;
            }
            let parent = if (parent as usize) < beginnings.len() { parent } else { NONE };
            let length = text.len() as u32;
            beginnings.push(Beginning { text: self.push_text(&text), length, parent, variable, tail, least });
        }
        if !beginnings.is_empty() {
            let first = self.beginnings.len() as u32;
            self.beginnings.extend(beginnings);
            node.beginnings = self.groups.len() as u32;
            self.groups.push((first, self.beginnings.len() as u32));
        }
    }

    /// Adds the hash table of a node.
    fn literals(&mut self, node: &mut Node, children: &[(Box<[u8]>, Child)]) {
        let Some(longest) = children.iter().map(|(segment, _)| segment.len()).max() else { return };
        let keys: Vec<SegmentKey> = children.iter().map(|(segment, _)| SegmentKey::of(segment)).collect();
        let hashes: Vec<u64> = keys.iter().map(|key| key.hash()).collect();
        let layout = SlotLayout::choose(&hashes);
        let first = self.slots.len();
        self.slots.resize(first + layout.slots, Slot::EMPTY);
        for ((segment, child), (key, place)) in children.iter().zip(keys.iter().zip(&layout.places)) {
            let child = if key.is_long() { self.long_segment(segment, *child) } else { *child };
            self.slots[first + place] = Slot { words: key.words, length: key.length, child };
        }
        (node.slots, node.mask, node.shift) = (first as u32, layout.mask, layout.shift);
        node.literals_below = u16::try_from(longest + 1).unwrap_or(u16::MAX);
    }

    /// Adds a segment that does not fit into its key; returns what its slot holds.
    fn long_segment(&mut self, segment: &[u8], child: Child) -> Child {
        let text = self.push_text(segment);
        self.long.push(LongSegment { text, child });
        Child(self.long.len() as u32 - 1)
    }

    fn push_text(&mut self, text: &[u8]) -> u32 {
        let start = self.texts.len() as u32;
        self.texts.extend_from_slice(text);
        start
    }
}

/// With more literal children than this, the table of a node is larger, and not the best one of several.
const MANY: usize = 64;

/// The places of some hashes in a table.
struct SlotLayout {
    mask: u32,
    shift: u8,
    places: Vec<usize>,
    /// How many slots there are, an empty one at the end included.
    slots: usize,
}

impl SlotLayout {
    /// Chooses the bits of the hashes so that few collide, and none if possible.
    fn choose(hashes: &[u64]) -> Self {
        let slots = if hashes.len() > MANY { hashes.len() * 3 / 2 } else { hashes.len() };
        let least = slots.next_power_of_two().trailing_zeros();
        let sizes = if hashes.len() > MANY { least..=least } else { least..=least + 1 };
        let mut best: Option<(usize, Self)> = None;
        for bits in sizes {
            // The upper bits are the best ones.
            let windows = if hashes.len() > MANY { 1 } else { 64 - bits };
            for shift in (0..64 - bits.max(1) + 1).rev().take(windows as usize) {
                let (layout, collisions) = Self::with(hashes, (1 << bits) - 1, shift as u8);
                if best.as_ref().is_none_or(|(least, _)| collisions < *least) {
                    best = Some((collisions, layout));
                }
                if collisions == 0 {
                    break;
                }
            }
        }
        best.map_or(Self { mask: 0, shift: 0, places: Vec::new(), slots: 0 }, |(_, layout)| layout)
    }

    /// Lays the hashes out by linear probing; also returns how many slots are passed over.
    fn with(hashes: &[u64], mask: u32, shift: u8) -> (Self, usize) {
        let mut taken = vec![false; mask as usize + 1 + hashes.len()];
        let (mut places, mut collisions, mut slots) =
            (Vec::with_capacity(hashes.len()), 0, mask as usize + 1);
        for hash in hashes {
            let wanted = (hash >> shift) as usize & mask as usize;
            let passed = taken[wanted..].iter().take_while(|taken| **taken).count();
            let place = wanted + passed;
            taken[place] = true;
            collisions += passed;
            slots = slots.max(place + 1);
            places.push(place);
        }
        (Self { mask, shift, places, slots: slots + 1 }, collisions)
    }
}
