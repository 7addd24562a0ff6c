//! Settings and values, made of the bytes of an input.

/// The bytes of an input that are left; zeros when it has ended.
pub struct Source<'d>(pub &'d [u8]);

impl<'d> Source<'d> {
    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number of one of these counts of bytes.
    pub fn number_of(&mut self, counts: &[u8]) -> u64 {
        let count = counts[usize::from(self.byte()) % counts.len()];
        (0..count).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    /// The next bytes, fewer if the input ends.
    pub fn take(&mut self, length: usize) -> &'d [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
