//! The ranges that a match took from its request.

use crate::template::piece::MAX_VARIABLES;
use crate::template::slot::Span;

/// A few byte ranges, in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Captures {
    spans: [Span; MAX_VARIABLES],
    len: u8,
}

impl Captures {
    pub(crate) fn new() -> Self {
        Self { spans: [(0, 0); MAX_VARIABLES], len: 0 }
    }

    /// Adds a range; the build refuses tables that could overflow.
    pub(crate) fn push(&mut self, span: Span) {
        if let Some(place) = self.spans.get_mut(usize::from(self.len)) {
            *place = span;
            self.len += 1;
        }
    }

    /// Drops all ranges from `len` on.
    pub(crate) fn truncate(&mut self, len: u8) {
        self.len = self.len.min(len);
    }

    pub(crate) fn len(&self) -> u8 {
        self.len
    }

    pub(crate) fn as_slice(&self) -> &[Span] {
        &self.spans[..usize::from(self.len)]
    }
}
