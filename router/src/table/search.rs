//! Search: every leaf of a trie that matches a text.

use crate::table::trie::{Beginning, Child, Entry, Leaf, Node, Root, Trie};
use crate::template::encoding::decoded_literal;
use crate::template::scan::ScannedText;

/// A visitor of the leaves that match a text.
pub(crate) trait Visit {
    /// Branches without a route better than this are left out.
    fn limit(&self) -> u32;
    /// Receives a leaf whose edges match a text, and whether a tail took nothing of it.
    fn leaf(&mut self, entries: &[Entry], text: &ScannedText<'_>, is_empty: bool);
}

impl Trie {
    /// Shows `visit` every leaf of a tree that matches a text.
    #[inline(always)]
    pub(crate) fn search(&self, root: Root, text: &ScannedText<'_>, visit: &mut impl Visit) {
        if text.ends().is_some() && !text.has_escapes() {
            Search::<_, true> { trie: self, text, visit }.start(root);
        } else {
            self.search_any(root, text, visit);
        }
    }

    /// The same for a long text, or a path with escapes.
    #[cold]
    fn search_any(&self, root: Root, text: &ScannedText<'_>, visit: &mut impl Visit) {
        Search::<_, false> { trie: self, text, visit }.start(root);
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

    /// Returns the child of a segment of a path with escapes: a segment of text alone is compared decoded.
    #[cold]
    fn decoded_literal(&self, node: &Node, text: &ScannedText<'_>, start: usize, end: usize) -> Child {
        let Ok(segment) = std::str::from_utf8(&text.bytes()[start..end]) else { return Child::NONE };
        let decoded = decoded_literal(segment);
        self.literal(node, &ScannedText::new(decoded.as_bytes(), self.separator), 0, decoded.len())
    }
}

/// A look-up in progress; `SIMPLE` if the text has up to 63 bytes and no escapes.
struct Search<'s, 't, V, const SIMPLE: bool> {
    trie: &'s Trie,
    text: &'s ScannedText<'t>,
    visit: &'s mut V,
}

impl<'s, V: Visit, const SIMPLE: bool> Search<'s, '_, V, SIMPLE> {
    /// Visits what matches in a tree.
    #[inline(always)]
    fn start(&mut self, root: Root) {
        if !self.text.starts_with_separator() {
            return self.step(&self.trie.nodes[root.node as usize], 0);
        }
        if let Some(first) = self.next(root.first, 0) {
            self.step_here(first, 1);
        }
        if root.rest_least < self.visit.limit() {
            self.rest(&self.trie.nodes[root.node as usize], 0, 0);
        }
    }

    /// The same as [`step_here`](Self::step_here), where that calls itself.
    #[inline(never)]
    fn step(&mut self, node: &'s Node, start: usize) {
        self.step_here(node, start);
    }

    /// Visits what matches below a node from the start of a segment on.
    #[inline(always)]
    fn step_here(&mut self, mut node: &'s Node, mut start: usize) {
        loop {
            let end = if SIMPLE { self.text.near_end(start) } else { self.text.end(start) };
            let literal = match !SIMPLE && self.text.has_escapes() {
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
                if !node.is_simple {
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
        if let Some(beginnings) = self.trie.beginnings_of(node) {
            self.beginnings(beginnings, start, end);
        }
        self.variable(node.variable, start, end);
        self.tail(node.tail, start);
    }

    /// Visits what follows the beginnings of a segment, the longest first.
    fn beginnings(&mut self, sorted: &'s [Beginning], start: usize, end: usize) {
        for beginning in self.trie.matching(sorted, &self.text.bytes()[start..end]) {
            if beginning.least < self.visit.limit() {
                let behind = start + beginning.length as usize;
                self.variable(beginning.variable, behind, end);
                self.tail(beginning.tail, behind);
            }
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
    use super::Visit;
    use crate::table::trie::{Entry, Trie};
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
