//! Trie: a tree of segments with leaves of routes.
//!
//! A literal child is found by one probe of a hash table, a variable child without any. `docs/lookup.md`
//! explains the layout. A node is reached in one way only, so a look-up visits each node at most once,
//! however the routes overlap.

use crate::template::encoding::decoded_literal;
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
pub(super) struct Child(pub(super) u32);

impl Child {
    pub(super) const NONE: Self = Self(u32::MAX);
    pub(super) const LEAF: u32 = 1 << 31;

    /// The leaf, unless it is a node.
    #[inline]
    fn as_leaf(self) -> Option<Leaf> {
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
pub(super) struct Node {
    /// The first slot of the literal children; `mask + 1` slots and those that collisions need follow.
    pub(super) slots: u32,
    pub(super) mask: u32,
    /// Which bits of a hash choose the slot.
    pub(super) shift: u8,
    pub(super) literals: Literals,
    /// The routes of a text that ends here.
    pub(super) leaf: Leaf,
    /// Behind any segment that is not empty.
    pub(super) variable: Child,
    /// The routes of a text that goes on, whatever follows.
    pub(super) tail: Leaf,
    /// The beginnings of segments that a variable or a tail continues, and their end.
    pub(super) beginnings: (u32, u32),
    /// The least rank below, except below literal children.
    pub(super) rest_least: u32,
}

/// The kinds of literal children of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Literals {
    None,
    /// All keys hold their segment.
    Short,
    /// Some keys hold a hash of their segment.
    Long,
}

/// A place of a hash table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) key: SegmentKey,
    pub(super) child: Child,
    /// The place in `texts` of a long segment.
    pub(super) text: u32,
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
}

/// Trees of segments, each with its own root, in shared vectors.
#[derive(Debug)]
pub(crate) struct Trie {
    pub(super) nodes: Vec<Node>,
    pub(super) slots: Vec<Slot>,
    pub(super) beginnings: Vec<Beginning>,
    /// Long segments and beginnings.
    pub(super) texts: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    pub(super) separator: u8,
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
    pub(super) fn literal(&self, node: &Node, text: &ScannedText<'_>, start: usize, end: usize) -> Child {
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

    /// The same for a path with escapes: a segment of text alone is compared decoded.
    #[cold]
    fn decoded_literal(&self, node: &Node, text: &ScannedText<'_>, start: usize, end: usize) -> Child {
        let Ok(segment) = std::str::from_utf8(&text.bytes()[start..end]) else { return Child::NONE };
        let decoded = decoded_literal(segment);
        self.literal(node, &ScannedText::new(decoded.as_bytes(), self.separator), 0, decoded.len())
    }

    pub(super) fn text(&self, start: u32, length: usize) -> &[u8] {
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
            let literal = match self.text.has_escapes() {
                false => self.trie.literal(node, self.text, start, end),
                true => self.trie.decoded_literal(node, self.text, start, end),
            };
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

#[cfg(test)]
mod tests {
    use super::{Entry, Trie, Visit};
    use crate::table::trie_builder::TrieBuilder;
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
