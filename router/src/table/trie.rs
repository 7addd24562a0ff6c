//! Trie: a tree of segments with leaves of routes.
//!
//! A literal child is found by one probe of a hash table, a variable child without any. `docs/lookup.md`
//! explains the layout. A node is reached in one way only, so a look-up visits each node at most once,
//! however the routes overlap.

use std::collections::BTreeMap;

use crate::template::path::Edge;
use crate::template::scan::{ScannedText, SegmentKey};

/// A route at a leaf, with what can be tested without looking the route up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The route; routes are numbered in rank order.
    pub(crate) rank: u32,
    /// The method bits that it answers.
    pub(crate) methods: u16,
    /// Whether nothing else is to be tested.
    pub(crate) plain: bool,
    /// Whether only guards without variables are to be tested.
    pub(crate) guarded: bool,
    /// Whether the last capture must not be empty: a tail edge takes nothing as well.
    pub(crate) some: bool,
    /// How many entries the leaf has, if this is its first one; the trie sets it.
    pub(crate) count: u32,
}

impl Entry {
    /// A host in a tree of labels; the rank is its number.
    pub(crate) fn of_host(rank: u32) -> Self {
        Self { rank, methods: 0, plain: true, guarded: false, some: false, count: 0 }
    }
}

/// A visitor of the leaves that match a text.
pub(crate) trait Visit {
    /// Branches without a route better than this are left out.
    fn limit(&self) -> u32;
    /// Receives a leaf whose edges match a text, and whether a tail took nothing of it.
    fn leaf(&mut self, entries: &[Entry], text: &ScannedText<'_>, is_empty: bool);
}

/// A node, the leaf of a node that has nothing else, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Child(u32);

impl Child {
    const NONE: Self = Self(u32::MAX);
    const LEAF: u32 = 1 << 31;

    /// The leaf, unless it is a node.
    #[inline]
    fn as_leaf(self) -> Option<Leaf> {
        (self.0 & Self::LEAF != 0).then_some(Leaf(self.0 & !Self::LEAF))
    }
}

/// The place of a leaf's first entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Leaf(u32);

impl Leaf {
    const NONE: Self = Self(!Child::LEAF);
}

/// Half a cache line. Its segment was the last one that was read.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// The first slot of the literal children; `mask + 1` slots and those that collisions need follow.
    slots: u32,
    mask: u32,
    /// Which bits of a hash choose the slot.
    shift: u8,
    literals: Literals,
    /// The routes of a text that ends here.
    leaf: Leaf,
    /// Behind any segment that is not empty.
    variable: Child,
    /// The routes of a text that goes on, whatever follows.
    tail: Leaf,
    /// The beginnings of segments that a variable or a tail continues, and their end.
    beginnings: (u32, u32),
    /// The least rank below, except below literal children.
    rest_least: u32,
}

/// The kinds of literal children of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Literals {
    None,
    /// All keys hold their segment.
    Short,
    /// Some keys hold a hash of their segment.
    Long,
}

/// A place of a hash table.
#[derive(Debug, Clone, Copy)]
struct Slot {
    key: SegmentKey,
    child: Child,
    /// The place in `texts` of a long segment.
    text: u32,
}

/// Literal text that a variable or a tail continues within its segment.
#[derive(Debug, Clone, Copy)]
struct Beginning {
    text: u32,
    length: u32,
    /// The longest other beginning of the node that this one starts with.
    parent: u32,
    variable: Child,
    tail: Leaf,
    least: u32,
}

/// The number of no beginning and no route.
const NONE: u32 = u32::MAX;

/// One of several trees in a trie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Root {
    node: u32,
    /// Behind a separator at the start, as all paths have it.
    first: Child,
    /// The least rank of all routes.
    pub(crate) least: u32,
}

/// Trees of segments, each with its own root, in shared vectors.
#[derive(Debug)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
    slots: Vec<Slot>,
    beginnings: Vec<Beginning>,
    /// Long segments and beginnings.
    texts: Vec<u8>,
    entries: Vec<Entry>,
    separator: u8,
}

impl Trie {
    /// Shows `visit` every leaf of a tree that matches a text.
    #[inline(always)]
    pub(crate) fn search(&self, root: Root, text: &ScannedText<'_>, visit: &mut impl Visit) {
        let mut search = Search { trie: self, text, visit };
        let node = &self.nodes[root.node as usize];
        if !text.starts_with_separator() {
            return search.step(node, 0);
        }
        if let Some(first) = search.next(root.first, 0) {
            search.step_here(first, 1);
        }
        if node.rest_least < search.visit.limit() {
            search.rest(node, 0, 0);
        }
    }

    /// Shows `visit` the entries of every leaf of a tree of labels that matches a host, which is read from
    /// its end.
    pub(crate) fn search_labels(&self, root: Root, host: &ScannedText<'_>, visit: &mut impl FnMut(&[Entry])) {
        self.labels(&self.nodes[root.node as usize], host, host.len(), visit);
    }

    fn labels(&self, node: &Node, host: &ScannedText<'_>, end: usize, visit: &mut impl FnMut(&[Entry])) {
        let start = host.start(end);
        let literal = self.literal(node, host, start, end);
        let variable = if start < end { node.variable } else { Child::NONE };
        for child in [literal, variable] {
            if let Some(next) = self.nodes.get(child.0 as usize) {
                match start.checked_sub(1) {
                    Some(end) => self.labels(next, host, end, visit),
                    None if next.leaf != Leaf::NONE => visit(self.entries(next.leaf)),
                    None => {}
                }
            } else if let (0, Some(leaf)) = (start, child.as_leaf().filter(|leaf| *leaf != Leaf::NONE)) {
                visit(self.entries(leaf));
            }
        }
        if node.tail != Leaf::NONE {
            visit(self.entries(node.tail));
        }
    }

    /// Returns the child of a segment.
    #[inline(always)]
    fn literal(&self, node: &Node, text: &ScannedText<'_>, start: usize, end: usize) -> Child {
        if node.literals == Literals::None || (end - start > 15 && node.literals == Literals::Short) {
            return Child::NONE;
        }
        let key = text.key(start, end);
        let mut place = node.slots as usize + ((key.hash() >> node.shift) as usize & node.mask as usize);
        loop {
            let slot = &self.slots[place];
            if slot.key == key
                && (!key.is_long() || self.text(slot.text, end - start) == &text.bytes()[start..end])
            {
                return slot.child;
            }
            if slot.child == Child::NONE {
                return Child::NONE;
            }
            place += 1;
        }
    }

    fn text(&self, start: u32, length: usize) -> &[u8] {
        self.texts.get(start as usize..).and_then(|texts| texts.get(..length)).unwrap_or_default()
    }

    #[inline]
    fn entries(&self, leaf: Leaf) -> &[Entry] {
        let first = &self.entries[leaf.0 as usize];
        if first.count == 1 {
            return std::slice::from_ref(first);
        }
        self.entries.get(leaf.0 as usize..(leaf.0 + first.count) as usize).unwrap_or_default()
    }
}

/// A look-up in progress.
struct Search<'s, 't, V> {
    trie: &'s Trie,
    text: &'s ScannedText<'t>,
    visit: &'s mut V,
}

impl<'s, V: Visit> Search<'s, '_, V> {
    /// The same as [`step_here`](Self::step_here), where that calls itself.
    #[inline(never)]
    fn step(&mut self, node: &'s Node, start: usize) {
        self.step_here(node, start);
    }

    /// Visits what matches below a node from the start of a segment on.
    #[inline(always)]
    fn step_here(&mut self, mut node: &'s Node, mut start: usize) {
        loop {
            let end = self.text.end(start);
            let literal = self.trie.literal(node, self.text, start, end);
            let next = if node.rest_least >= self.visit.limit() {
                self.next(literal, end)
            } else {
                if literal != Child::NONE {
                    self.follow(literal, end);
                    if node.rest_least >= self.visit.limit() {
                        return;
                    }
                }
                if node.tail != Leaf::NONE || node.beginnings.0 < node.beginnings.1 {
                    return self.rest(node, start, end);
                }
                if start == end {
                    return;
                }
                self.next(node.variable, end)
            };
            let Some(next) = next else { return };
            (node, start) = (next, end + 1);
        }
    }

    /// Visits a leaf if the text ends; otherwise returns the node that reads the next segment.
    #[inline(always)]
    fn next(&mut self, child: Child, end: usize) -> Option<&'s Node> {
        if end < self.text.len() {
            return self.trie.nodes.get(child.0 as usize);
        }
        let leaf = match child.as_leaf() {
            Some(leaf) => leaf,
            None => self.trie.nodes[child.0 as usize].leaf,
        };
        if leaf != Leaf::NONE {
            self.visit.leaf(self.trie.entries(leaf), self.text, false);
        }
        None
    }

    /// Visits all that matches below a child whose segment ends here.
    fn follow(&mut self, child: Child, end: usize) {
        if let Some(node) = self.next(child, end) {
            self.step(node, end + 1);
        }
    }

    /// Visits what matches below a node, except below its literal children.
    #[inline(never)]
    fn rest(&mut self, node: &'s Node, start: usize, end: usize) {
        let (first, behind) = node.beginnings;
        if first < behind {
            self.beginnings(&self.trie.beginnings[first as usize..behind as usize], start, end);
        }
        self.variable(node.variable, start, end);
        self.tail(node.tail, start);
    }

    /// Visits what follows the beginnings of a segment, the longest first.
    fn beginnings(&mut self, sorted: &'s [Beginning], start: usize, end: usize) {
        let (trie, segment) = (self.trie, &self.text.bytes()[start..end]);
        let text = |beginning: &Beginning| trie.text(beginning.text, beginning.length as usize);
        // All that the segment starts with sorts before it; the parents of the greatest lead to them.
        let place = sorted.partition_point(|beginning| text(beginning) <= segment);
        let mut next = place.checked_sub(1).and_then(|place| sorted.get(place));
        while let Some(beginning) = next {
            if beginning.least < self.visit.limit() && segment.starts_with(text(beginning)) {
                let behind = start + beginning.length as usize;
                self.variable(beginning.variable, behind, end);
                self.tail(beginning.tail, behind);
            }
            next = sorted.get(beginning.parent as usize);
        }
    }

    fn variable(&mut self, child: Child, start: usize, end: usize) {
        if child != Child::NONE && start < end {
            self.follow(child, end);
        }
    }

    fn tail(&mut self, leaf: Leaf, start: usize) {
        if leaf != Leaf::NONE {
            self.visit.leaf(self.trie.entries(leaf), self.text, start == self.text.len());
        }
    }
}

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
        let (nodes, slots, beginnings) = (Vec::new(), Vec::new(), Vec::new());
        Self { nodes, slots, beginnings, texts: Vec::new(), entries: Vec::new(), separator }
    }

    /// Adds a tree.
    pub(crate) fn add(&mut self, tree: TrieBuilder) -> Root {
        let (node, least) = self.node(tree);
        let root = &self.nodes[node as usize];
        let first = self.literal(root, &ScannedText::new(b"", self.separator), 0, 0);
        Root { node, first, least }
    }

    /// Adds a node and all below; returns its place and the least rank.
    fn node(&mut self, tree: TrieBuilder) -> (u32, u32) {
        let place = self.nodes.len() as u32;
        let leaf_least = tree.leaf.iter().map(|entry| entry.rank).min().unwrap_or(NONE);
        let mut node = Node {
            slots: 0,
            mask: 0,
            shift: 0,
            literals: Literals::None,
            leaf: self.leaf(tree.leaf),
            variable: Child::NONE,
            tail: Leaf::NONE,
            beginnings: (0, 0),
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
        let first = self.beginnings.len() as u32;
        self.beginnings.extend(beginnings);
        node.beginnings = (first, self.beginnings.len() as u32);
    }

    /// Adds the hash table of a node.
    fn literals(&mut self, node: &mut Node, children: &[(Box<[u8]>, Child)]) {
        if children.is_empty() {
            return;
        }
        let keys: Vec<SegmentKey> = children.iter().map(|(segment, _)| SegmentKey::of(segment)).collect();
        let hashes: Vec<u64> = keys.iter().map(|key| key.hash()).collect();
        let layout = SlotLayout::choose(&hashes);
        let first = self.slots.len();
        let empty = Slot { key: SegmentKey::NONE, child: Child::NONE, text: 0 };
        self.slots.resize(first + layout.slots, empty);
        for ((segment, child), (key, place)) in children.iter().zip(keys.iter().zip(&layout.places)) {
            let text = if key.is_long() { self.push_text(segment) } else { 0 };
            self.slots[first + place] = Slot { key: *key, child: *child, text };
        }
        let is_long = keys.iter().any(|key| key.is_long());
        (node.slots, node.mask, node.shift) = (first as u32, layout.mask, layout.shift);
        node.literals = if is_long { Literals::Long } else { Literals::Short };
    }

    fn push_text(&mut self, text: &[u8]) -> u32 {
        let start = self.texts.len() as u32;
        self.texts.extend_from_slice(text);
        start
    }
}

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
        let least = hashes.len().next_power_of_two().trailing_zeros();
        let mut best: Option<(usize, Self)> = None;
        for bits in least..=least + 1 {
            let shifts = if hashes.len() > 64 { 1 } else { 64 - bits as u8 };
            for shift in 0..shifts {
                let (layout, collisions) = Self::with(hashes, (1 << bits) - 1, shift);
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

#[cfg(test)]
mod tests {
    use super::{Entry, Trie, TrieBuilder, Visit};
    use crate::template::path::Edge;
    use crate::template::scan::ScannedText;

    /// Collects the ranks of all leaves.
    #[derive(Default)]
    struct Ranks(Vec<u32>);

    impl Visit for Ranks {
        fn limit(&self) -> u32 {
            u32::MAX
        }

        fn leaf(&mut self, entries: &[Entry], _text: &ScannedText<'_>, _is_empty: bool) {
            self.0.extend(entries.iter().map(|entry| entry.rank));
        }
    }

    /// Matches edges one by one.
    fn matches(edges: &[Edge], text: &[u8]) -> bool {
        match edges {
            [] => text.is_empty(),
            [Edge::Tail, ..] => true,
            [Edge::Text(literal), rest @ ..] => {
                text.strip_prefix(literal.as_slice()).is_some_and(|text| matches(rest, text))
            }
            [Edge::Segment, rest @ ..] => {
                let length = text.iter().position(|byte| *byte == b'/').unwrap_or(text.len());
                length > 0 && matches(rest, &text[length..])
            }
        }
    }

    /// `{}` is a segment, `*` a tail.
    fn edges(template: &str) -> Vec<Edge> {
        let mut edges = Vec::new();
        for (i, part) in template.split("{}").enumerate() {
            if i > 0 {
                edges.push(Edge::Segment);
            }
            let (text, is_tail) = part.strip_suffix('*').map_or((part, false), |text| (text, true));
            if !text.is_empty() {
                edges.push(Edge::Text(text.as_bytes().to_vec()));
            }
            if is_tail {
                edges.push(Edge::Tail);
            }
        }
        edges
    }

    #[test]
    fn finds_the_same_leaves_as_edges_do() {
        let long = "a-segment-of-more-than-fifteen-bytes";
        let other = "a-segment-of-more-than-fifteen-bytez";
        let mut templates: Vec<String> = [
            "",
            "*",
            "/",
            "/*",
            "/a",
            "/a*",
            "/ab*",
            "/abc*",
            "/b*",
            "/a/",
            "/a/*",
            "/{}",
            "/a{}",
            "/ab{}/x",
            "/ab{}/*",
            "/{}/{}",
            "/{}/b",
            "/{}/b*",
            "/a/{}/c",
            "/a//c",
            "{}",
            "x{}",
            "/abcdefghijklmno",
        ]
        .map(str::to_owned)
        .into();
        templates.extend([
            format!("/{long}"),
            format!("/{long}/{{}}"),
            format!("/{long}*"),
            format!("/x/{other}"),
        ]);
        templates.extend((0..200).map(|i| format!("/many/{i}/{{}}")));
        let mut paths: Vec<String> = templates.iter().map(|text| text.replace("{}", "v")).collect();
        paths.extend(templates.iter().map(|text| text.replace("{}", long).replace('*', "/y/z")));
        paths.extend(templates.iter().map(|text| text.replace("{}", "").replace('*', "c")));
        let below: Vec<String> = paths.iter().map(|path| format!("{path}/")).collect();
        paths.extend(below);
        paths.extend([
            format!("/{other}"),
            format!("/x/{long}"),
            "/abd".to_owned(),
            "/aa/x".to_owned(),
            "y".to_owned(),
        ]);
        let mut builder = TrieBuilder::default();
        for (rank, template) in (0..).zip(&templates) {
            builder.insert(&edges(template), Entry::of_host(rank), b'/');
        }
        let mut trie = Trie::new(b'/');
        let root = trie.add(builder);
        for path in &paths {
            let mut found = Ranks::default();
            trie.search(root, &ScannedText::new(path.as_bytes(), b'/'), &mut found);
            found.0.sort_unstable();
            let all = (0..).zip(&templates);
            let wanted: Vec<u32> = all
                .filter(|(_, template)| matches(&edges(template), path.as_bytes()))
                .map(|(rank, _)| rank)
                .collect();
            assert_eq!(found.0, wanted, "{path}");
        }
    }
}
