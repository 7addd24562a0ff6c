//! ScannedText: a path or host, read segment by segment.

/// A text whose separators are found; segments and their keys are read from it without another scan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScannedText<'t> {
    bytes: &'t [u8],
    /// Bit `i`: a segment ends at byte `i`, by a separator or because the text ends. Of the first 64 bytes.
    ends: u64,
    /// The last 16 bytes; a shorter text fills the upper bytes.
    last: u128,
    separator: u8,
    /// Whether it is a path with escapes, so that its segments are compared decoded with literals.
    has_escapes: bool,
}

/// A segment of up to 15 bytes with its length, or the beginning and a hash of a longer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentKey {
    /// The first 8 bytes.
    low: u64,
    /// The following 7 bytes; the length in the uppermost byte.
    high: u64,
}

impl<'t> ScannedText<'t> {
    /// Finds the separators.
    #[inline]
    pub(crate) fn new(bytes: &'t [u8], separator: u8) -> Self {
        Self::scan(bytes, separator, |_| {})
    }

    /// Finds the separators of a path in canonical form; nothing if it may have another form.
    #[inline(always)]
    pub(crate) fn canonical(path: &'t str) -> Option<Self> {
        let mut seen = [0; 16];
        let text = Self::scan(path.as_bytes(), b'/', |bytes| {
            for (seen, byte) in seen.iter_mut().zip(bytes) {
                *seen |= canonical_class(byte);
            }
        });
        match u128::from_le_bytes(seen) & OTHERS {
            0 if u128::from_le_bytes(seen) & DOTS == 0 || !path.contains("/.") => Some(text),
            _ => None,
        }
    }

    /// Finds the separators; `each` receives all bytes, some of them twice or with zeros between.
    #[inline(always)]
    fn scan(bytes: &'t [u8], separator: u8, mut each: impl FnMut([u8; 16])) -> Self {
        let mut text = Self { bytes, ends: 0, last: last_word(bytes), separator, has_escapes: false };
        let mut at = 0;
        while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
            if at < 64 {
                text.ends |= u64::from(positions(*chunk, separator)) << at;
            }
            each(*chunk);
            at += 16;
        }
        if at < bytes.len() {
            if at < 64 {
                // The last bytes are in the upper part of their word.
                let unused = 16 - (bytes.len() - at);
                text.ends |= u64::from(positions(text.last.to_le_bytes(), separator) >> unused) << at;
            }
            each(text.last.to_le_bytes());
        }
        if bytes.len() < 64 {
            text.ends |= 1 << bytes.len();
        }
        text
    }

    /// Says whether it is a path with escapes.
    pub(crate) fn with_escapes(self, has_escapes: bool) -> Self {
        Self { has_escapes, ..self }
    }

    #[inline(always)]
    pub(crate) fn has_escapes(&self) -> bool {
        self.has_escapes
    }

    pub(crate) fn bytes(&self) -> &'t [u8] {
        self.bytes
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Tests whether the first segment is empty and another one follows.
    #[inline]
    pub(crate) fn starts_with_separator(&self) -> bool {
        self.bytes.first() == Some(&self.separator)
    }

    /// Tests whether a path has an empty segment that is not the last one.
    #[inline]
    pub(crate) fn has_empty_segments(&self) -> bool {
        let pairs = self.ends & (self.ends >> 1);
        // The end of the text is no separator.
        let pairs = if self.len() < 64 { pairs & !(1 << self.len().saturating_sub(1)) } else { pairs };
        pairs != 0
            || (self.len() >= 64 && self.bytes[63..].windows(2).any(|pair| pair == [self.separator; 2]))
    }

    /// Returns the ends of all segments, of a text of up to 63 bytes.
    #[inline]
    pub(crate) fn ends(&self) -> Option<u64> {
        (self.len() < 64).then_some(self.ends)
    }

    /// Returns the end of the segment that starts at a byte.
    #[inline(always)]
    pub(crate) fn end(&self, start: usize) -> usize {
        let ends = if start < 64 { self.ends >> start } else { 0 };
        if ends != 0 { start + ends.trailing_zeros() as usize } else { self.far_end(start) }
    }

    /// Returns the start of the segment that ends at a byte.
    #[inline]
    pub(crate) fn start(&self, end: usize) -> usize {
        if end < 64 {
            64 - (self.ends & ((1 << end) - 1)).leading_zeros() as usize
        } else {
            let last = self.bytes[..end].iter().rposition(|byte| *byte == self.separator);
            last.map_or(0, |last| last + 1)
        }
    }

    #[cold]
    fn far_end(&self, start: usize) -> usize {
        let from = start.max(64).min(self.len());
        let length = self.bytes[from..].iter().position(|byte| *byte == self.separator);
        length.map_or(self.len(), |length| from + length)
    }

    /// Returns the key of a segment.
    #[inline(always)]
    pub(crate) fn key(&self, start: usize, end: usize) -> SegmentKey {
        match MASKS.get(end - start) {
            Some(mask) => {
                let word = self.word(start) & mask;
                SegmentKey { low: word as u64, high: (word >> 64) as u64 | ((end - start) as u64) << 56 }
            }
            None => SegmentKey::long(&self.bytes[start..end]),
        }
    }

    /// Returns the 16 bytes from `at` on, zeros after the end.
    #[inline(always)]
    fn word(&self, at: usize) -> u128 {
        let rest = self.bytes.get(at..).unwrap_or_default();
        match rest.first_chunk() {
            Some(bytes) => u128::from_le_bytes(*bytes),
            // An empty rest has any value: the mask of an empty segment removes it.
            None => self.last.wrapping_shr(128 - 8 * rest.len() as u32),
        }
    }
}

/// By length, the bytes of a word that belong to a segment.
const MASKS: [u128; 16] = {
    let mut masks = [0; 16];
    let mut length = 1;
    while length < 16 {
        masks[length] = masks[length - 1] << 8 | 0xff;
        length += 1;
    }
    masks
};

/// The uppermost byte of the key of a segment that does not fit into it.
const LONG: u64 = 0xff;

impl SegmentKey {
    /// Equal to no segment's key.
    pub(crate) const NONE: Self = Self { low: 0, high: (LONG - 1) << 56 };

    pub(crate) fn of(segment: &[u8]) -> Self {
        ScannedText { bytes: segment, ends: 0, last: last_word(segment), separator: 0, has_escapes: false }
            .key(0, segment.len())
    }

    #[cold]
    fn long(segment: &[u8]) -> Self {
        let hash = segment.chunks(8).fold(0, |hash, chunk| {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            mix(hash ^ u64::from_le_bytes(bytes), segment.len() as u64)
        });
        let low = segment.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Self { low, high: hash >> 8 | LONG << 56 }
    }

    /// Tests whether equal keys do not make equal segments.
    #[inline]
    pub(crate) fn is_long(self) -> bool {
        self.high >> 56 == LONG
    }

    #[inline]
    pub(crate) fn hash(self) -> u64 {
        mix(self.low, self.high)
    }
}

/// Both halves of a product, folded: every bit of the operands reaches every bit of the result.
#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xe703_7ed1_a0b4_28db);
    product as u64 ^ (product >> 64) as u64
}

/// The last 16 bytes of a text; a shorter one fills the upper bytes.
#[inline]
fn last_word(bytes: &[u8]) -> u128 {
    if let Some(last) = bytes.last_chunk() {
        return u128::from_le_bytes(*last);
    }
    let unused = 8 * (16 - bytes.len()) as u32;
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        // The last 8 bytes, and in front of them those that are left.
        let low = u64::from_le_bytes(*first).checked_shl(unused).unwrap_or(0);
        return u128::from(low) | u128::from(u64::from_le_bytes(*last)) << 64;
    }
    let word = bytes.iter().rev().fold(0, |word: u64, &byte| word << 8 | u64::from(byte));
    if bytes.is_empty() { 0 } else { u128::from(word) << unused }
}

/// In each byte of what a path has: a dot.
const DOTS: u128 = u128::from_le_bytes([1; 16]);

/// In each byte of what a path has: a byte that no canonical path has, or one that is rare in paths.
const OTHERS: u128 = u128::from_le_bytes([2; 16]);

/// What a byte means for the canonical form; without branches, so that vector instructions do it.
#[inline(always)]
fn canonical_class(byte: u8) -> u8 {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // `&` to `;` are punctuation, the separator and digits. There are no zeros in a URI.
    let other =
        (byte.wrapping_sub(b'&') < 22) | (byte == b'_') | (byte == b'~') | (byte == b'=') | (byte == b'@');
    u8::from(byte == b'.') | if letter | other | (byte == 0) { 0 } else { 2 }
}

/// Bit `i` of the result: byte `i` is `byte`.
#[inline(always)]
fn positions(bytes: [u8; 16], byte: u8) -> u16 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let word = u128::from_le_bytes(bytes);
    // Eight bytes at a time (Hacker's Delight, 6-1): a zero byte becomes 0x80, all others become zero. Then
    // the product moves bit `8 * i` to bit `56 + i`.
    let positions = |word: u64| {
        let other = word ^ (0x0101_0101_0101_0101 * u64::from(byte));
        let equal = !(((other & LOW) + LOW) | other | LOW);
        (equal >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
    };
    (positions(word as u64) | positions((word >> 64) as u64) << 8) as u16
}

#[cfg(test)]
mod tests {
    use super::{ScannedText, SegmentKey};

    #[test]
    fn segments_and_keys_of_every_rest() {
        for len in 0..90usize {
            let byte = |i: usize| if i % 23 == 22 || i % 31 == 1 { b'/' } else { b'a' + (i % 11) as u8 };
            let bytes: Vec<u8> = (0..len).map(byte).collect();
            let text = ScannedText::new(&bytes, b'/');
            for at in 0..=len {
                let rest = &bytes[at..];
                let length = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
                assert_eq!(text.end(at), at + length, "{at} of {len}");
                let start = bytes[..at].iter().rposition(|byte| *byte == b'/').map_or(0, |last| last + 1);
                assert_eq!(text.start(at), start, "{at} of {len}");
                let key = text.key(at, at + length);
                assert_eq!(key, SegmentKey::of(&rest[..length]), "{at} of {len}");
                assert_eq!(key.is_long(), length > 15);
            }
        }
    }

    #[test]
    fn keys_differ() {
        let texts: Vec<Vec<u8>> = (0..40).flat_map(|len| [vec![b'a'; len], vec![0; len]]).collect();
        for (i, a) in texts.iter().enumerate() {
            assert_ne!(SegmentKey::of(a), SegmentKey::NONE);
            for b in &texts[..i] {
                assert!(a == b || SegmentKey::of(a) != SegmentKey::of(b), "{a:?} {b:?}");
            }
        }
    }
}
