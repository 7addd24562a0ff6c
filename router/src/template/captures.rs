//! Captures: byte ranges of captured variables.

/// The number of ranges without an allocation; `smallvec` in place of this list made look-ups with captures 5 % slower.
const IN_LINE: usize = 8;

/// A list of byte ranges; short ones need no allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Captures {
    spans: [Span; IN_LINE],
    len: u32,
    /// All ranges, if there are too many for the array.
    #[expect(clippy::box_collection, reason = "8 bytes instead of 24: matches are moved often")]
    more: Option<Box<Vec<Span>>>,
}

impl Captures {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { spans: [(0, 0); IN_LINE], len: 0, more: None }
    }

    #[inline]
    pub(crate) fn push(&mut self, span: Span) {
        if let Some(place) = self.spans.get_mut(self.len as usize) {
            *place = span;
        } else {
            self.spill(span);
        }
        self.len += 1;
    }

    #[cold]
    fn spill(&mut self, span: Span) {
        let spans = &self.spans;
        self.more.get_or_insert_with(|| Box::new(spans.to_vec())).push(span);
    }

    /// Removes all ranges from `len` on.
    #[inline]
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len as u32);
        if self.more.is_some() {
            self.shrink();
        }
    }

    #[cold]
    fn shrink(&mut self) {
        let len = self.len as usize;
        if let Some(more) = &mut self.more {
            more.truncate(len);
            if len <= IN_LINE {
                self.spans[..len].copy_from_slice(more);
                self.more = None;
            }
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[Span] {
        match &self.more {
            None => &self.spans[..(self.len as usize).min(IN_LINE)],
            Some(more) => more,
        }
    }

    /// Tests whether the last range exists and is empty.
    #[inline]
    pub(crate) fn ends_empty(&self) -> bool {
        self.as_slice().last().is_some_and(|(from, to)| from == to)
    }

    /// Returns a copy; only the used part is copied.
    #[inline]
    pub(crate) fn copied(&self) -> Self {
        let mut copy = Self::new();
        copy.copy(self);
        copy
    }

    /// Copies another list; only the used part is copied.
    #[inline]
    pub(crate) fn copy(&mut self, other: &Captures) {
        self.truncate(0);
        for &span in other.as_slice() {
            self.push(span);
        }
    }
}

/// A byte range of a request's path, host or query.
pub(crate) type Span = (u16, u16);

/// The range of a variable whose optional segment is missing.
pub(crate) const ABSENT: Span = (1, 0);

#[cfg(test)]
mod tests {
    use super::{Captures, IN_LINE};

    #[test]
    fn spill_and_shrink() {
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
