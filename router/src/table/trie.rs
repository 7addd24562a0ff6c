//! The trie: every leaf that matches a text, most specific first.
//!
//! Three kinds of edge: literal bytes, one segment, the tail. Nodes and labels lie
//! in two flat vectors. A node is reached by one way only, so a look-up visits each
//! node at most once, however the routes overlap.

use crate::captures::Captures;
use crate::template::path::Edge;
use crate::template::slot::Span;

/// A route at a leaf, with what can be tested without looking the route up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The route; routes are numbered in rank order.
    pub(crate) rank: u32,
    /// The method bits that it answers.
    pub(crate) methods: u16,
    /// Whether nothing else is to be tested.
    pub(crate) plain: bool,
}

/// Who is shown the leaves.
pub(crate) trait Visit {
    /// Branches without a route better than this are left out.
    fn limit(&self) -> u32;
    /// A leaf whose edges match the text, and the ranges of its holes.
    fn leaf(&mut self, entries: &[Entry], holes: &Captures);
}

#[derive(Debug, Clone, Copy)]
struct Node {
    label: (u32, u32),
    kids: (u32, u32),
    segment: u32,
    leaf: (u32, u32),
    tail: (u32, u32),
    least: u32,
}

/// No node: the root is nobody's child.
const NONE: u32 = 0;

/// A frozen trie.
#[derive(Debug, Default, Clone)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
    firsts: Vec<u8>,
    labels: Vec<u8>,
    entries: Vec<Entry>,
    separator: u8,
}

impl Trie {
    /// Shows `visit` every leaf that matches `text`.
    pub(crate) fn walk(&self, text: &[u8], visit: &mut impl Visit) {
        if !self.nodes.is_empty() {
            self.step(0, text, 0, &mut Captures::new(), visit);
        }
    }

    fn step<V: Visit>(&self, mut node: u32, text: &[u8], mut at: usize, holes: &mut Captures, visit: &mut V) {
        loop {
            let here = &self.nodes[node as usize];
            if here.least >= visit.limit() {
                return;
            }
            let label = &self.labels[here.label.0 as usize..here.label.1 as usize];
            if !starts_with(&text[at..], label) {
                return;
            }
            at += label.len();
            if at == text.len() {
                if here.leaf.0 < here.leaf.1 {
                    visit.leaf(self.at(here.leaf), holes);
                }
                self.tail(here, text, at, holes, visit);
                return;
            }
            let literal = self.kid(here, text[at]);
            let segment = if text[at] == self.separator { NONE } else { here.segment };
            match (literal, segment) {
                (NONE, NONE) => return self.tail(here, text, at, holes, visit),
                (next, NONE) if here.tail.0 == here.tail.1 => node = next,
                (NONE, next) if here.tail.0 == here.tail.1 => {
                    at = self.hole(text, at, holes);
                    node = next;
                }
                (literal, segment) => {
                    let depth = holes.len();
                    if literal != NONE {
                        self.step(literal, text, at, holes, visit);
                        holes.truncate(depth);
                    }
                    if segment != NONE {
                        let end = self.hole(text, at, holes);
                        self.step(segment, text, end, holes, visit);
                        holes.truncate(depth);
                    }
                    return self.tail(here, text, at, holes, visit);
                }
            }
        }
    }

    /// Takes bytes up to the next separator.
    fn hole(&self, text: &[u8], at: usize, holes: &mut Captures) -> usize {
        let mut end = at;
        while end < text.len() && text[end] != self.separator {
            end += 1;
        }
        holes.push(span(at, end));
        end
    }

    fn tail(&self, here: &Node, text: &[u8], at: usize, holes: &mut Captures, visit: &mut impl Visit) {
        if here.tail.0 < here.tail.1 {
            let depth = holes.len();
            holes.push(span(at, text.len()));
            visit.leaf(self.at(here.tail), holes);
            holes.truncate(depth);
        }
    }

    fn kid(&self, here: &Node, first: u8) -> u32 {
        let firsts = &self.firsts[here.kids.0 as usize..here.kids.1 as usize];
        match firsts.iter().position(|&byte| byte == first) {
            Some(place) => here.kids.0 + place as u32,
            None => NONE,
        }
    }

    fn at(&self, range: (u32, u32)) -> &[Entry] {
        &self.entries[range.0 as usize..range.1 as usize]
    }
}

/// Labels are short: a loop beats a call of `memcmp`.
fn starts_with(text: &[u8], label: &[u8]) -> bool {
    text.len() >= label.len() && text.iter().zip(label).all(|(a, b)| a == b)
}

/// Paths are shorter than 64 KiB, hosts than 256 bytes.
pub(crate) fn span(from: usize, to: usize) -> Span {
    (u16::try_from(from).unwrap_or(u16::MAX), u16::try_from(to).unwrap_or(u16::MAX))
}

/// A trie that still grows.
#[derive(Debug, Default)]
pub(crate) struct Sapling {
    label: Vec<u8>,
    kids: Vec<Sapling>,
    segment: Option<Box<Sapling>>,
    leaf: Vec<Entry>,
    tail: Vec<Entry>,
}

impl Sapling {
    /// Hangs a route under its edges.
    pub(crate) fn insert(&mut self, edges: &[Edge], entry: Entry) {
        match edges {
            [] => self.leaf.push(entry),
            [Edge::Tail, ..] => self.tail.push(entry),
            [Edge::Segment, rest @ ..] => self.segment.get_or_insert_default().insert(rest, entry),
            [Edge::Text(text), rest @ ..] => self.insert_text(text, rest, entry),
        }
    }

    fn insert_text(&mut self, text: &[u8], rest: &[Edge], entry: Entry) {
        let Some(&first) = text.first() else {
            return self.insert(rest, entry);
        };
        let place = match self.kids.iter().position(|kid| kid.label.first() == Some(&first)) {
            Some(place) => place,
            None => {
                let kid = Sapling { label: text.to_vec(), ..Sapling::default() };
                self.kids.push(kid);
                self.kids.len() - 1
            }
        };
        let kid = &mut self.kids[place];
        let common = kid.label.iter().zip(text).take_while(|(a, b)| a == b).count();
        if common < kid.label.len() {
            kid.split(common);
        }
        kid.insert_text(&text[common..], rest, entry);
    }

    /// Cuts the label at `place`; what was below hangs under the second half.
    fn split(&mut self, place: usize) {
        let below = Sapling {
            label: self.label.split_off(place),
            kids: std::mem::take(&mut self.kids),
            segment: self.segment.take(),
            leaf: std::mem::take(&mut self.leaf),
            tail: std::mem::take(&mut self.tail),
        };
        self.kids.push(below);
    }

    /// Lays all nodes into flat vectors, the children of one node side by side.
    pub(crate) fn freeze(mut self, separator: u8) -> Trie {
        let mut trie = Trie { separator, ..Trie::default() };
        trie.push(&self.label);
        trie.fill(0, &mut self);
        trie
    }
}

impl Trie {
    fn push(&mut self, label: &[u8]) -> u32 {
        let node = self.nodes.len() as u32;
        let start = self.labels.len() as u32;
        self.labels.extend_from_slice(label);
        self.firsts.push(label.first().copied().unwrap_or(0));
        self.nodes.push(Node {
            label: (start, self.labels.len() as u32),
            kids: (0, 0),
            segment: NONE,
            leaf: (0, 0),
            tail: (0, 0),
            least: u32::MAX,
        });
        node
    }

    fn fill(&mut self, node: u32, sapling: &mut Sapling) -> u32 {
        let leaf = self.store(&mut sapling.leaf);
        let tail = self.store(&mut sapling.tail);
        sapling.kids.sort_by(|a, b| a.label.cmp(&b.label));
        let start = self.nodes.len() as u32;
        for kid in &sapling.kids {
            self.push(&kid.label);
        }
        let end = self.nodes.len() as u32;
        let least_of =
            |trie: &Self, range: (u32, u32)| trie.at(range).first().map_or(u32::MAX, |entry| entry.rank);
        let mut least = least_of(self, leaf).min(least_of(self, tail));
        for (kid, place) in sapling.kids.iter_mut().zip(start..end) {
            least = least.min(self.fill(place, kid));
        }
        let mut segment = NONE;
        if let Some(below) = &mut sapling.segment {
            segment = self.push(&below.label);
            least = least.min(self.fill(segment, below));
        }
        let here = &mut self.nodes[node as usize];
        (here.kids, here.segment) = ((start, end), segment);
        (here.leaf, here.tail, here.least) = (leaf, tail, least);
        least
    }

    fn store(&mut self, entries: &mut [Entry]) -> (u32, u32) {
        entries.sort_by_key(|entry| entry.rank);
        let start = self.entries.len() as u32;
        self.entries.extend_from_slice(entries);
        (start, self.entries.len() as u32)
    }
}
