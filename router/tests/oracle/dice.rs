//! Dice: a seeded random number generator.

/// SplitMix64.
pub struct Dice(pub u64);

impl Dice {
    pub fn of(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap() % sides
    }

    pub fn one<T: Clone>(&mut self, any: &[T]) -> T {
        any[self.of(any.len())].clone()
    }

    pub fn pick<'s>(&mut self, any: &[&'s str]) -> &'s str {
        any[self.of(any.len())]
    }

    pub fn once_in(&mut self, times: usize) -> bool {
        self.of(times) + 1 == times
    }

    /// Returns true in seven of eight cases.
    pub fn mostly(&mut self) -> bool {
        !self.once_in(8)
    }
}
