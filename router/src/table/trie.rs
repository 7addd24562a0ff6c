//! The trie: every leaf that matches a text, most specific first.
//!
//! Three kinds of edge: literal bytes, one segment, the tail. Nodes and labels lie
//! in two flat vectors. A node is reached by one way only, so a look-up visits each
//! node at most once, however the routes overlap.

use std::cmp::Reverse;

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
    /// Whether only guards without variables are to be tested.
    pub(crate) guarded: bool,
    /// Whether the last hole must not be empty: a tail edge takes nothing as well.
    pub(crate) some: bool,
}

/// Who is shown the leaves.
pub(crate) trait Visit {
    /// Branches without a route better than this are left out.
    fn limit(&self) -> u32;
    /// A leaf whose edges match the text, and the ranges of its holes.
    fn leaf(&mut self, entries: &[Entry], holes: &Captures);
}

/// One cache line.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// The first bytes of the label, compared as one word.
    head: u64,
    /// The bits of `head` that count.
    mask: u64,
    /// The first bytes of the first eight kids; zero where there is none.
    firsts: u64,
    label: u32,
    length: u32,
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
            let Some(length) = self.label(here, text, at) else {
                return;
            };
            at += length;
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
    #[inline]
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

    /// The length of the node's label, if the text goes on with it.
    #[inline]
    fn label(&self, here: &Node, text: &[u8], at: usize) -> Option<usize> {
        let length = here.length as usize;
        if (word(text, at) ^ here.head) & here.mask != 0 {
            return None;
        }
        if length <= 8 {
            return (at + length <= text.len()).then_some(length);
        }
        let start = here.label as usize;
        let rest = &self.labels[start + 8..start + length];
        (text.get(at + 8..at + length) == Some(rest)).then_some(length)
    }

    /// The kid whose label starts with a byte: found in one word of up to eight (Hacker's Delight, 6-1).
    #[inline]
    fn kid(&self, here: &Node, first: u8) -> u32 {
        const ONES: u64 = 0x0101_0101_0101_0101;
        let same = here.firsts ^ (ONES * u64::from(first));
        let zero = same.wrapping_sub(ONES) & !same & (ONES << 7);
        if zero != 0 {
            // A path that is not canonical may hold a zero byte, which looks like an empty place.
            let kid = here.kids.0 + zero.trailing_zeros() / 8;
            return if kid < here.kids.1 { kid } else { NONE };
        }
        if here.kids.1 - here.kids.0 <= 8 {
            return NONE;
        }
        let others = &self.firsts[here.kids.0 as usize + 8..here.kids.1 as usize];
        match others.iter().position(|&byte| byte == first) {
            Some(place) => here.kids.0 + 8 + place as u32,
            None => NONE,
        }
    }

    fn at(&self, range: (u32, u32)) -> &[Entry] {
        &self.entries[range.0 as usize..range.1 as usize]
    }
}

/// The next eight bytes as one word, zeros behind the end.
#[inline]
fn word(text: &[u8], at: usize) -> u64 {
    if let Some(bytes) = text.get(at..).and_then(|rest| rest.first_chunk()) {
        return u64::from_le_bytes(*bytes);
    }
    let left = text.len() - at.min(text.len());
    match text.last_chunk() {
        // The last eight bytes, less those that are behind us.
        Some(bytes) if left > 0 => u64::from_le_bytes(*bytes) >> (64 - 8 * left),
        _ => text.iter().skip(at).rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
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
    /// How many routes hang here and below.
    fn size(&self) -> usize {
        let below = self.kids.iter().chain(self.segment.as_deref());
        self.leaf.len() + self.tail.len() + below.map(Sapling::size).sum::<usize>()
    }

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

    /// Leaves out nodes without a label that lead to one kid only.
    fn shorten(&mut self) {
        while self.label.is_empty() && self.leaf.is_empty() && self.tail.is_empty() && self.segment.is_none()
        {
            let [_] = self.kids.as_slice() else { return };
            let Some(kid) = self.kids.pop() else { return };
            *self = kid;
        }
    }

    /// Lays all nodes into flat vectors, the children of one node side by side.
    pub(crate) fn freeze(mut self, separator: u8) -> Trie {
        let mut trie = Trie { separator, ..Trie::default() };
        self.shorten();
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
        let mut head = [0; 8];
        let mut mask = [0; 8];
        for (i, &byte) in label.iter().take(8).enumerate() {
            (head[i], mask[i]) = (byte, u8::MAX);
        }
        self.nodes.push(Node {
            head: u64::from_le_bytes(head),
            mask: u64::from_le_bytes(mask),
            firsts: 0,
            label: start,
            length: label.len() as u32,
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
        // The kid with the most routes below it is asked for most often, as in matchit.
        sapling.kids.sort_by_cached_key(|kid| (Reverse(kid.size()), kid.label.clone()));
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
            below.shorten();
            segment = self.push(&below.label);
            least = least.min(self.fill(segment, below));
        }
        let mut firsts = [0; 8];
        for (place, kid) in firsts.iter_mut().zip(start..end) {
            *place = self.firsts[kid as usize];
        }
        let here = &mut self.nodes[node as usize];
        here.firsts = u64::from_le_bytes(firsts);
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
