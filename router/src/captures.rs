//! The ranges that a match took from its request.

use crate::template::slot::Span;

/// As many as stand in line; more of them go to the heap.
const IN_LINE: usize = 16;

/// A few byte ranges, in line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Captures {
    spans: [Span; IN_LINE],
    len: usize,
    more: Vec<Span>,
}

impl Captures {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { spans: [(0, 0); IN_LINE], len: 0, more: Vec::new() }
    }

    #[inline]
    pub(crate) fn push(&mut self, span: Span) {
        if let Some(place) = self.spans.get_mut(self.len) {
            *place = span;
        } else {
            self.spill(span);
        }
        self.len += 1;
    }

    #[cold]
    fn spill(&mut self, span: Span) {
        if self.more.is_empty() {
            self.more.extend_from_slice(&self.spans);
        }
        self.more.push(span);
    }

    /// Drops all ranges from `len` on.
    #[inline]
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        if !self.more.is_empty() {
            self.more.truncate(self.len);
            if self.len <= IN_LINE {
                self.spans[..self.len].copy_from_slice(&self.more);
                self.more.clear();
            }
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[Span] {
        if self.more.is_empty() { &self.spans[..self.len.min(IN_LINE)] } else { &self.more }
    }

    /// Becomes a copy of another one; only what is used is copied.
    #[inline]
    pub(crate) fn copy(&mut self, other: &Captures) {
        self.truncate(0);
        for &span in other.as_slice() {
            self.push(span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Captures, IN_LINE};

    #[test]
    fn spill_and_come_back() {
        let mut captures = Captures::new();
        let mut wanted = Vec::new();
        for i in 0..40u16 {
            captures.push((i, i + 1));
            wanted.push((i, i + 1));
            assert_eq!(captures.as_slice(), wanted);
        }
        let mut copy = Captures::new();
        for len in [40, 30, IN_LINE + 1, IN_LINE, 5, 0] {
            captures.truncate(len);
            copy.copy(&captures);
            assert_eq!((captures.as_slice(), copy.as_slice()), (&wanted[..len], &wanted[..len]));
        }
    }
}
