//! Trie: a radix trie over path segments and host labels, ordered by rank.
//!
//! There are three kinds of edges: literal bytes, one segment, the tail. Nodes and labels are in two flat
//! vectors. Each node has one parent, so a look-up visits it at most once, however the routes overlap.

use std::cmp::Reverse;

use crate::template::captures::{Captures, Span};
use crate::template::encoding::escaped_pchar;
use crate::template::path::Edge;

/// A route at a leaf, with the tests that need no look-up of the route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The rank of the route.
    pub(crate) rank: u32,
    /// The method bits of the route.
    pub(crate) methods: u16,
    /// Whether there is nothing else to test.
    pub(crate) plain: bool,
    /// Whether only guards without variables remain to be tested.
    pub(crate) guarded: bool,
    /// Whether the last span must not be empty: a tail edge matches the empty text too.
    pub(crate) some: bool,
}

/// Receives the leaves of a search.
pub(crate) trait Visit {
    /// Returns the limit: branches without a route below it are skipped.
    fn limit(&self) -> u32;
    /// Visits a leaf whose edges match the text, with the spans of segments and tail.
    fn leaf(&mut self, entries: &[Entry], spans: &Captures);
}

/// A node; fills one cache line.
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    /// The first bytes of the label.
    head: Word,
    /// The first bytes of the first eight children, padded with the first one's.
    firsts: u64,
    length: u32,
    /// The index in `words` of the rest of the label.
    more: u32,
    children: u32,
    count: u32,
    segment: u32,
    /// The start of the leaf's entries, of those of the tail, and their end.
    leaf: u32,
    tail: u32,
    end: u32,
    least: u32,
}

/// Up to eight bytes of a label, and a mask of the bits that count.
#[derive(Debug, Clone, Copy, Default)]
struct Word {
    bytes: u64,
    mask: u64,
}

/// No node: the root is not a child.
const NONE: u32 = 0;

/// A finished trie.
#[derive(Debug, Default, Clone)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
    words: Vec<Word>,
    /// The first byte of each node's label.
    firsts: Vec<u8>,
    entries: Vec<Entry>,
    separator: u8,
}

impl Trie {
    /// Visits every leaf that matches `text`.
    pub(crate) fn walk(&self, text: &[u8], visit: &mut impl Visit) {
        if !self.nodes.is_empty() {
            Walk { trie: self, ends: Ends::of(text), spans: Captures::new(), visit }.step(0, text);
        }
    }

    /// The same for a path with escaped characters that literals are compared with decoded.
    #[cold]
    pub(crate) fn walk_escaped(&self, path: &[u8], visit: &mut impl Visit) {
        if !self.nodes.is_empty() {
            Walk { trie: self, ends: Ends::of(path), spans: Captures::new(), visit }
                .step_escaped(0, path, false);
        }
    }

    /// Returns the label of a node.
    fn label(&self, node: &Node) -> Vec<u8> {
        let length = node.length as usize;
        let more = &self.words[node.more as usize..];
        let words = std::iter::once(&node.head).chain(&more[..length.saturating_sub(1) / 8]);
        words.flat_map(|word| word.bytes.to_le_bytes()).take(length).collect()
    }

    /// Returns the child whose label starts with a byte.
    #[inline]
    fn child(&self, here: &Node, first: u8) -> u32 {
        if here.count == 0 {
            return NONE;
        }
        if let Some(place) = place_of(first, here.firsts) {
            return here.children + place;
        }
        if here.count <= 8 {
            return NONE;
        }
        let others = &self.firsts[here.children as usize + 8..(here.children + here.count) as usize];
        match others.iter().position(|&byte| byte == first) {
            Some(place) => here.children + 8 + place as u32,
            None => NONE,
        }
    }

    fn entries(&self, from: u32, to: u32) -> &[Entry] {
        &self.entries[from as usize..to as usize]
    }
}

/// A search in progress.
struct Walk<'w, V> {
    trie: &'w Trie,
    ends: Ends,
    spans: Captures,
    visit: &'w mut V,
}

impl<V: Visit> Walk<'_, V> {
    fn step(&mut self, mut node: u32, mut text: &[u8]) {
        let trie = self.trie;
        loop {
            let here = &trie.nodes[node as usize];
            if here.least >= self.visit.limit() {
                return;
            }
            let Some(rest) = self.after_label(here, text) else {
                return;
            };
            let Some(&first) = rest.first() else {
                if here.leaf < here.tail {
                    self.visit.leaf(trie.entries(here.leaf, here.tail), &self.spans);
                }
                return self.tail(here, rest);
            };
            let literal = trie.child(here, first);
            let segment = if first == trie.separator { NONE } else { here.segment };
            let ends = here.tail == here.end;
            if ends && segment == NONE {
                if literal == NONE {
                    return;
                }
                (node, text) = (literal, rest);
                continue;
            }
            let depth = self.spans.len();
            if literal != NONE {
                self.step(literal, rest);
                self.spans.truncate(depth);
            }
            if segment != NONE {
                let after = self.segment(rest);
                if ends {
                    (node, text) = (segment, after);
                    continue;
                }
                self.step(segment, after);
                self.spans.truncate(depth);
            }
            return self.tail(here, rest);
        }
    }

    /// One step of a path with escapes; `is_data` tells whether the segment so far has one that was compared decoded:
    /// beside a variable it would be data.
    fn step_escaped(&mut self, node: u32, text: &[u8], mut is_data: bool) {
        let trie = self.trie;
        let here = &trie.nodes[node as usize];
        if here.least >= self.visit.limit() {
            return;
        }
        let mut rest = text;
        for byte in trie.label(here) {
            match (escaped_pchar(rest), rest.first()) {
                (Some(escaped), _) if escaped == byte => {
                    rest = &rest[3..];
                    is_data = true;
                }
                (_, Some(first)) if *first == byte => {
                    rest = &rest[1..];
                    is_data &= byte != trie.separator;
                }
                _ => return,
            }
        }
        let depth = self.spans.len();
        match rest.first() {
            None if here.leaf < here.tail => {
                self.visit.leaf(trie.entries(here.leaf, here.tail), &self.spans);
            }
            None => {}
            Some(&first) => {
                let firsts = [escaped_pchar(rest).unwrap_or(first), first];
                for &first in if firsts[0] == first { &firsts[..1] } else { &firsts[..] } {
                    let literal = trie.child(here, first);
                    if literal != NONE {
                        self.step_escaped(literal, rest, is_data);
                        self.spans.truncate(depth);
                    }
                }
                if first != trie.separator && here.segment != NONE && !is_data {
                    let after = self.segment(rest);
                    self.step_escaped(here.segment, after, false);
                    self.spans.truncate(depth);
                }
            }
        }
        if !is_data {
            self.tail(here, rest);
        }
    }

    /// Returns the text after the node's label, if it starts with the label.
    #[inline]
    fn after_label<'t>(&self, here: &Node, text: &'t [u8]) -> Option<&'t [u8]> {
        if (self.ends.word(text) ^ here.head.bytes) & here.head.mask != 0 {
            return None;
        }
        let rest = text.get(here.length as usize..)?;
        if here.length > 8 {
            let mut from = &text[8..];
            let more = &self.trie.words[here.more as usize..];
            for word in &more[..(here.length as usize - 1) / 8] {
                if (self.ends.word(from) ^ word.bytes) & word.mask != 0 {
                    return None;
                }
                from = from.get(8..).unwrap_or_default();
            }
        }
        Some(rest)
    }

    /// Captures the bytes up to the next separator.
    #[inline]
    fn segment<'t>(&mut self, rest: &'t [u8]) -> &'t [u8] {
        let (segment, after) = rest.split_at(self.ends.segment(rest, self.trie.separator));
        let at = self.ends.len - rest.len();
        self.spans.push(span(at, at + segment.len()));
        after
    }

    fn tail(&mut self, here: &Node, rest: &[u8]) {
        if here.tail < here.end {
            let depth = self.spans.len();
            self.spans.push(span(self.ends.len - rest.len(), self.ends.len));
            self.visit.leaf(self.trie.entries(here.tail, here.end), &self.spans);
            self.spans.truncate(depth);
        }
    }
}

/// Paths are shorter than 64 KiB, hosts than 256 bytes.
pub(crate) fn span(from: usize, to: usize) -> Span {
    (u16::try_from(from).unwrap_or(u16::MAX), u16::try_from(to).unwrap_or(u16::MAX))
}

/// Builds a trie.
#[derive(Debug, Default)]
pub(crate) struct TrieBuilder {
    label: Vec<u8>,
    children: Vec<TrieBuilder>,
    segment: Option<Box<TrieBuilder>>,
    leaf: Vec<Entry>,
    tail: Vec<Entry>,
}

impl TrieBuilder {
    /// Returns the number of routes in this node and below.
    fn size(&self) -> usize {
        let below = self.children.iter().chain(self.segment.as_deref());
        self.leaf.len() + self.tail.len() + below.map(TrieBuilder::size).sum::<usize>()
    }

    /// Adds a route under its edges.
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
        let place = match self.children.iter().position(|child| child.label.first() == Some(&first)) {
            Some(place) => place,
            None => {
                let child = TrieBuilder { label: text.to_vec(), ..TrieBuilder::default() };
                self.children.push(child);
                self.children.len() - 1
            }
        };
        let child = &mut self.children[place];
        let common = child.label.iter().zip(text).take_while(|(a, b)| a == b).count();
        if common < child.label.len() {
            child.split(common);
        }
        child.insert_text(&text[common..], rest, entry);
    }

    /// Splits the label at `place`; the children move to the second half.
    fn split(&mut self, place: usize) {
        let below = TrieBuilder {
            label: self.label.split_off(place),
            children: std::mem::take(&mut self.children),
            segment: self.segment.take(),
            leaf: std::mem::take(&mut self.leaf),
            tail: std::mem::take(&mut self.tail),
        };
        self.children.push(below);
    }

    /// Removes nodes without a label that have a single child.
    fn shorten(&mut self) {
        while self.label.is_empty() && self.leaf.is_empty() && self.tail.is_empty() && self.segment.is_none()
        {
            let [_] = self.children.as_slice() else { return };
            let Some(child) = self.children.pop() else { return };
            *self = child;
        }
    }

    /// Writes all nodes to flat vectors, the children of a node side by side.
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
        let mut words = label.chunks(8).map(|chunk| {
            let (mut bytes, mut mask) = ([0; 8], [0; 8]);
            bytes[..chunk.len()].copy_from_slice(chunk);
            mask[..chunk.len()].fill(u8::MAX);
            Word { bytes: u64::from_le_bytes(bytes), mask: u64::from_le_bytes(mask) }
        });
        let head = words.next().unwrap_or_default();
        let more = self.words.len() as u32;
        self.words.extend(words);
        self.firsts.push(label.first().copied().unwrap_or(0));
        self.nodes.push(Node { head, length: label.len() as u32, more, ..Node::default() });
        node
    }

    fn fill(&mut self, node: u32, builder: &mut TrieBuilder) -> u32 {
        let leaf = self.store(&mut builder.leaf);
        let tail = self.store(&mut builder.tail);
        let end = self.entries.len() as u32;
        // The child with the most routes below it is tested first, as in matchit.
        builder.children.sort_by_cached_key(|child| (Reverse(child.size()), child.label.clone()));
        let children = self.nodes.len() as u32;
        for child in &builder.children {
            self.push(&child.label);
        }
        let least_of = |entries: &[Entry]| entries.first().map_or(u32::MAX, |entry| entry.rank);
        let mut least = least_of(self.entries(leaf, tail)).min(least_of(self.entries(tail, end)));
        for (child, place) in builder.children.iter_mut().zip(children..) {
            least = least.min(self.fill(place, child));
        }
        let mut segment = NONE;
        if let Some(below) = &mut builder.segment {
            below.shorten();
            segment = self.push(&below.label);
            least = least.min(self.fill(segment, below));
        }
        let first = self.firsts.get(children as usize).copied().unwrap_or(0);
        let mut firsts = [first; 8];
        for (place, child) in firsts.iter_mut().zip(&builder.children) {
            *place = child.label.first().copied().unwrap_or(0);
        }
        let here = &mut self.nodes[node as usize];
        here.firsts = u64::from_le_bytes(firsts);
        (here.children, here.count, here.segment) = (children, builder.children.len() as u32, segment);
        (here.leaf, here.tail, here.end, here.least) = (leaf, tail, end, least);
        least
    }

    /// Appends entries, and returns their start.
    fn store(&mut self, entries: &mut [Entry]) -> u32 {
        entries.sort_by_key(|entry| entry.rank);
        let start = self.entries.len() as u32;
        self.entries.extend_from_slice(entries);
        start
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// Returns the index of the first of eight bytes that equals a byte (Hacker's Delight, 6-1).
#[inline]
pub(crate) fn place_of(byte: u8, bytes: u64) -> Option<u32> {
    let same = bytes ^ (ONES * u64::from(byte));
    let zero = same.wrapping_sub(ONES) & !same & (ONES << 7);
    (zero != 0).then(|| zero.trailing_zeros() / 8)
}

/// The length of a text and its last eight bytes, with which any suffix is read in words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) len: usize,
    last: u64,
}

impl Ends {
    #[inline]
    pub(crate) fn of(text: &[u8]) -> Self {
        let last = match text.last_chunk() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => {
                let word = text.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
                word << (64 - 8 * text.len().max(1))
            }
        };
        Self { len: text.len(), last }
    }

    /// Returns the first eight bytes of a suffix of the text, padded with zeros.
    #[inline]
    pub(crate) fn word(&self, rest: &[u8]) -> u64 {
        match rest.first_chunk() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            // In two steps, since a shift by 64 overflows.
            None => (self.last >> 1) >> (63 - 8 * rest.len()),
        }
    }

    /// Returns the number of bytes of a suffix before the next separator or the end.
    #[inline]
    pub(crate) fn segment(&self, rest: &[u8], separator: u8) -> usize {
        let mut from = rest;
        loop {
            if let Some(place) = place_of(separator, self.word(from)) {
                return rest.len() - from.len() + place as usize;
            }
            match from.get(8..) {
                Some(after) => from = after,
                None => return rest.len(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ends, place_of};

    #[test]
    fn words_and_segments_of_every_rest() {
        for len in 0..40usize {
            let byte = |i: usize| if i % 11 == 10 { b'/' } else { b'a' + (i % 11) as u8 };
            let text: Vec<u8> = (0..len).map(byte).collect();
            let ends = Ends::of(&text);
            for at in 0..=len {
                let rest = &text[at..];
                let mut bytes = [0; 8];
                bytes[..rest.len().min(8)].copy_from_slice(&rest[..rest.len().min(8)]);
                assert_eq!(ends.word(rest).to_le_bytes(), bytes, "{at} of {len}");
                let segment = rest.iter().take_while(|byte| **byte != b'/').count();
                assert_eq!(ends.segment(rest, b'/'), segment, "{at} of {len}");
            }
        }
    }

    #[test]
    fn the_first_place_of_a_byte() {
        let bytes = u64::from_le_bytes(*b"a\0bcc\x01\x80a");
        let places =
            [(b'a', Some(0)), (0, Some(1)), (b'c', Some(3)), (1, Some(5)), (0x80, Some(6)), (b'd', None)];
        for (byte, place) in places {
            assert_eq!(place_of(byte, bytes), place, "{byte}");
        }
    }
}
