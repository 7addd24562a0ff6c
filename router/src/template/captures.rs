//! Byte ranges of captured variables.

use std::ops::Range;

use waylay_template::MAX_VARIABLES;

use crate::template::scan::ScannedText;

/// What a match took from a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Captures {
    /// Whole segments of a path of up to 63 bytes, and whole labels of the host. Bit `i` is set if a segment ends at
    /// byte `i`; the route knows which ones are captured. This is written to a match from a register, where ranges would
    /// be moved after they were written, which makes processors wait.
    Segments(u64),
    /// The range of each variable.
    Spans(SpanList),
}

/// Where a path template captures: in one segment, or from one on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Position {
    /// How many separators precede it.
    pub(crate) segment: u16,
    /// How many literal bytes precede it in its segment.
    pub(crate) skipped: u16,
    /// Whether it takes the rest of the path.
    pub(crate) is_tail: bool,
}

impl Position {
    /// Returns the range in a path whose segments end at the given bytes.
    #[inline]
    pub(crate) fn find(self, mut ends: u64, len: usize) -> Option<Range<usize>> {
        let mut start = 0;
        for _ in 0..self.segment {
            start = ends.trailing_zeros() as usize + 1;
            ends &= ends.wrapping_sub(1);
        }
        let end = if self.is_tail { len } else { ends.trailing_zeros() as usize };
        let start = start + usize::from(self.skipped);
        // A variable takes no empty segment: where one is, the optional segment is missing.
        (end <= len && (start < end || (self.is_tail && start == end))).then_some(start..end)
    }

    /// The same as a span.
    #[inline]
    pub(crate) fn near_span(self, ends: u64, len: usize) -> Option<Span> {
        self.find(ends, len).map(|range| span(range.start, range.end))
    }

    /// Returns the range in a text.
    pub(crate) fn span(self, text: &ScannedText<'_>) -> Option<Span> {
        let mut start = 0;
        for _ in 0..self.segment {
            start = text.end(start) + 1;
            if start > text.len() {
                return None;
            }
        }
        let end = if self.is_tail { text.len() } else { text.end(start) };
        let start = start + usize::from(self.skipped);
        (start < end || (self.is_tail && start == end)).then(|| span(start, end))
    }
}

/// As many as stand in line; more of them go to the heap.
const IN_LINE: usize = 4;

/// A few byte ranges, in line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpanList {
    spans: [Span; IN_LINE],
    len: u32,
    /// All of them, once there are too many: one allocation for as many as a route may have.
    more: Option<Box<[Span; MAX_VARIABLES]>>,
}

impl SpanList {
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
        let more = self.more.get_or_insert_with(|| {
            let mut more = Box::new([ABSENT; MAX_VARIABLES]);
            more[..IN_LINE].copy_from_slice(spans);
            more
        });
        if let Some(place) = more.get_mut(self.len as usize) {
            *place = span;
        }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[Span] {
        match &self.more {
            None => &self.spans[..(self.len as usize).min(IN_LINE)],
            Some(more) => &more[..(self.len as usize).min(MAX_VARIABLES)],
        }
    }
}

/// A byte range of a request's path, host or query.
pub(crate) type Span = (u16, u16);

/// Paths are shorter than 64 KiB, hosts than 256 bytes.
#[inline]
fn span(from: usize, to: usize) -> Span {
    (u16::try_from(from).unwrap_or(u16::MAX), u16::try_from(to).unwrap_or(u16::MAX))
}

/// The range of a variable whose segment was left out: it has no text.
pub(crate) const ABSENT: Span = (1, 0);

#[cfg(test)]
mod tests {
    use waylay_template::MAX_VARIABLES;

    use super::{Position, SpanList};
    use crate::template::scan::ScannedText;

    #[test]
    fn spill() {
        let (mut spans, mut wanted) = (SpanList::new(), Vec::new());
        for i in 0..MAX_VARIABLES as u16 {
            spans.push((i, i + 1));
            wanted.push((i, i + 1));
            assert_eq!(spans.as_slice(), wanted);
        }
    }

    #[test]
    fn positions_in_masks_and_texts() {
        for path in ["", "/", "/a", "/a/", "/ab/c/d", "/a//b/", "*"] {
            let segments: Vec<&str> = path.split('/').collect();
            let text = ScannedText::new(path.as_bytes(), b'/');
            for (segment, is_tail) in (0..6).flat_map(|segment| [(segment, false), (segment, true)]) {
                let place = usize::from(segment);
                let own = segments.get(place).filter(|own| is_tail || !own.is_empty());
                let wanted = own.map(|own| {
                    let start: usize = segments[..place].iter().map(|before| before.len() + 1).sum();
                    (start as u16, if is_tail { path.len() } else { start + own.len() } as u16)
                });
                let position = Position { segment, skipped: 0, is_tail };
                assert_eq!(position.span(&text), wanted, "{segment} of {path}");
                let found = position.find(text.ends().unwrap_or(0), path.len());
                let wanted = wanted.map(|(start, end)| usize::from(start)..usize::from(end));
                assert_eq!(found, wanted, "{segment} of {path}");
            }
        }
    }
}
