//! A text read eight bytes at a time.

const ONES: u64 = 0x0101_0101_0101_0101;

/// The place of the first of eight bytes that is equal to one (Hacker's Delight, 6-1).
#[inline]
pub(crate) fn place_of(byte: u8, bytes: u64) -> Option<u32> {
    let same = bytes ^ (ONES * u64::from(byte));
    let zero = same.wrapping_sub(ONES) & !same & (ONES << 7);
    (zero != 0).then(|| zero.trailing_zeros() / 8)
}

/// The length of a text and its last eight bytes; with them a rest of it is read by words.
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

    /// The first eight bytes of a rest of the text, zeros behind its end.
    #[inline]
    pub(crate) fn word(&self, rest: &[u8]) -> u64 {
        match rest.first_chunk() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            // Twice, since a shift by 64 is none.
            None => (self.last >> 1) >> (63 - 8 * rest.len()),
        }
    }

    /// How many bytes of a rest of the text lie before the next separator or the end.
    #[inline]
    pub(crate) fn segment(&self, rest: &[u8], separator: u8) -> usize {
        let mut from = rest;
        loop {
            if let Some(place) = place_of(separator, self.word(from)) {
                return rest.len() - from.len() + place as usize;
            }
            match from.get(8..) {
                Some(behind) => from = behind,
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
