//! ScannedText: a path or host, read segment by segment.

use wide::u8x16;

/// A text whose separators are found; segments and their keys are read from it without another scan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScannedText<'t> {
    bytes: &'t [u8],
    /// Bit `i`: a segment ends at byte `i`, by a separator or because the text ends. Of the first 64 bytes.
    ends: u64,
    /// The first 8 bytes; a shorter text is filled up.
    head: u64,
    separator: u8,
    /// Whether it is a path with escapes, so that its segments are compared decoded with literals.
    has_escapes: bool,
}

/// Two words that hold a segment of up to 16 bytes, and its length. A longer segment has its beginning and a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentKey {
    /// The first and the last 8 bytes: they overlap. A shorter segment is in the upper bytes of both.
    pub(crate) words: [u64; 2],
    pub(crate) length: u32,
}

impl<'t> ScannedText<'t> {
    /// Finds the separators.
    #[inline]
    pub(crate) fn new(bytes: &'t [u8], separator: u8) -> Self {
        Self::scan(bytes, separator, |_| {})
    }

    /// Finds the separators of a path in canonical form; nothing if it has another form.
    #[inline(always)]
    pub(crate) fn canonical(path: &'t str) -> Option<Self> {
        let mut common = u8x16::splat(u8::MAX);
        let text = Self::scan(path.as_bytes(), b'/', |bytes| common &= are_common(bytes));
        (common.move_mask() == ALL || is_canonical(text.bytes, text.ends)).then_some(text)
    }

    /// Finds the labels of a host in canonical form; nothing if it has another form. `is_plain` tests a host with rare
    /// bytes.
    #[inline(always)]
    pub(crate) fn host(name: &'t [u8], is_plain: impl FnOnce(&[u8]) -> bool) -> Option<Self> {
        let mut common = u8x16::splat(u8::MAX);
        let text = Self::scan(name, b'.', |bytes| common &= are_common_in_hosts(bytes));
        (common.move_mask() == ALL || is_plain(name)).then_some(text)
    }

    /// Finds the separators; `each` receives all bytes, some of them twice.
    #[inline(always)]
    fn scan(bytes: &'t [u8], separator: u8, mut each: impl FnMut(u8x16)) -> Self {
        let (length, head, separators) = (bytes.len(), first_word(bytes), u8x16::splat(separator));
        let mut ends;
        let mut positions = |chunk: u8x16| {
            each(chunk);
            chunk.cmp_eq(separators).move_mask() as u64
        };
        if let Some(last) = bytes.last_chunk::<16>() {
            // The last 16 bytes may have been read in part already.
            let of_last = positions(u8x16::new(*last));
            ends = if length < 80 { of_last << (length - 16) } else { 0 };
            for (i, chunk) in bytes[..length - 1].as_chunks::<16>().0.iter().enumerate() {
                let positions = positions(u8x16::new(*chunk));
                ends |= if i < 4 { positions << (16 * i) } else { 0 };
            }
        } else {
            // Two words that overlap, or are equal.
            let last = bytes.last_chunk().map_or(head, |last| u64::from_le_bytes(*last));
            let chunk = u128::from(head) | u128::from(last) << 64;
            let positions = positions(u8x16::new(chunk.to_le_bytes()));
            ends = (positions & 0xff) | (positions >> 8) << length.saturating_sub(8);
        }
        if length < 64 {
            ends |= 1 << length;
        }
        Self { bytes, ends, head, separator, has_escapes: false }
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

    /// The same for a text of up to 63 bytes, in which the search for the end of a segment always succeeds.
    #[inline(always)]
    pub(crate) fn near_end(&self, start: usize) -> usize {
        start + self.ends.wrapping_shr(start as u32).trailing_zeros() as usize
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
        let (length, until) = (end - start, &self.bytes[..end]);
        // The 8 bytes before the end; if the text starts within them, those in front of it have any value.
        let last = match until.last_chunk() {
            Some(last) => u64::from_le_bytes(*last),
            None => self.head.wrapping_shl(64 - 8 * end as u32),
        };
        let words = match UPPER.get(length) {
            Some(mask) => [last & mask; 2],
            None => [
                until[start..].first_chunk().map_or(0, |first| u64::from_le_bytes(*first)),
                if length > 16 { middle(&until[start..]) } else { last },
            ],
        };
        SegmentKey { words, length: length as u32 }
    }
}

/// By length, the upper bytes of a word that belong to a segment.
const UPPER: [u64; 9] = {
    let mut masks = [u64::MAX; 9];
    let mut length = 0;
    while length < 8 {
        masks[length] = !(u64::MAX >> (8 * length));
        length += 1;
    }
    masks
};

/// Returns a hash of a long segment.
#[cold]
fn middle(segment: &[u8]) -> u64 {
    segment.chunks(8).fold(0, |hash, chunk| {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        mix(hash ^ u64::from_le_bytes(bytes), segment.len() as u64)
    })
}

impl SegmentKey {
    pub(crate) fn of(segment: &[u8]) -> Self {
        ScannedText::new(segment, 0).key(0, segment.len())
    }

    /// Tests whether equal keys do not make equal segments.
    #[inline]
    pub(crate) fn is_long(self) -> bool {
        self.length > 16
    }

    /// Returns a hash whose upper bits are the best ones (Knuth, The Art of Computer Programming, 6.4).
    #[inline(always)]
    pub(crate) fn hash(self) -> u64 {
        (self.words[0] ^ self.words[1].rotate_left(25)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// Both halves of a product, folded: every bit of the operands reaches every bit of the result.
#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xe703_7ed1_a0b4_28db);
    product as u64 ^ (product >> 64) as u64
}

/// Returns the first 8 bytes of a text; a shorter one is filled up with letters.
#[inline(always)]
fn first_word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(first) => u64::from_le_bytes(*first),
        None => short_word(bytes),
    }
}

#[inline]
fn short_word(bytes: &[u8]) -> u64 {
    const LETTERS: u64 = u64::from_le_bytes([b'a'; 8]);
    let used = 8 * bytes.len() as u32;
    let word = match (bytes.first_chunk(), bytes.last_chunk()) {
        // Two words that overlap.
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (used - 32)
        }
        _ => bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    };
    word | LETTERS << used
}

/// Tests a path with bytes that are rare in paths; its segments end at the given ones of its first 64 bytes.
#[inline(never)]
fn is_canonical(path: &[u8], ends: u64) -> bool {
    let mut valid = u8x16::splat(u8::MAX);
    let dots = ScannedText::scan(path, b'.', |bytes| valid &= are_path_bytes(bytes)).ends;
    // A dot at the start of a segment may be that of a dot segment, or of a name such as `.well-known`.
    let starts_with_dot = if path.len() < 64 {
        dots & (ends << 1 | 1) & ((1 << path.len()) - 1) != 0
    } else {
        path.starts_with(b".") || path.windows(2).any(|pair| pair == b"/.")
    };
    valid.move_mask() == ALL && !starts_with_dot
}

/// Every byte of a vector passes a test.
const ALL: i32 = 0xffff;

/// Marks the bytes that are canonical in paths, and common there.
#[inline(always)]
fn are_common(bytes: u8x16) -> u8x16 {
    let are = |byte: u8| bytes.cmp_eq(u8x16::splat(byte));
    let letters = are_within(bytes | u8x16::splat(0x20), b'a', 26);
    // `/`, digits, `:` and `;`.
    letters | are_within(bytes, b'/', 13) | are(b'-') | are(b'_')
}

/// Marks the bytes that are canonical in paths: pchar without escapes, and `/` (RFC 3986 §3.3).
#[inline(always)]
fn are_path_bytes(bytes: u8x16) -> u8x16 {
    let are = |byte: u8| bytes.cmp_eq(u8x16::splat(byte));
    // `&'()*+,-./`, digits, `:` and `;`; `@` and upper-case letters.
    let ranges = are_within(bytes, b'&', 22) | are_within(bytes, b'@', 27) | are_within(bytes, b'a', 26);
    ranges | are(b'_') | are(b'~') | are(b'=') | are(b'!') | are(b'$')
}

/// The same for hosts.
#[inline(always)]
fn are_common_in_hosts(bytes: u8x16) -> u8x16 {
    // `-` and `.` follow each other.
    are_within(bytes, b'a', 26) | are_within(bytes, b'0', 10) | are_within(bytes, b'-', 2)
}

/// Marks the bytes of a range.
#[inline(always)]
fn are_within(bytes: u8x16, first: u8, count: u8) -> u8x16 {
    let offsets = bytes - u8x16::splat(first);
    offsets.min(u8x16::splat(count - 1)).cmp_eq(offsets)
}

#[cfg(test)]
mod tests {
    use super::{ScannedText, SegmentKey};
    use crate::template::encoding::is_path_byte;

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
                assert_eq!(key.is_long(), length > 16);
            }
        }
    }

    #[test]
    fn canonical_paths() {
        for byte in 0..0x80u8 {
            for len in [1, 9, 17, 70] {
                let path = format!("/{}{}", "a".repeat(len), char::from(byte));
                let wanted = is_path_byte(byte);
                assert_eq!(ScannedText::canonical(&path).is_some(), wanted, "{path:?}");
                assert_eq!(ScannedText::canonical(&format!("{path}/b")).is_some(), wanted, "{path:?}");
            }
        }
        assert!(ScannedText::canonical(".").is_none());
        for (path, wanted) in [
            ("/a.b", true),
            ("/a./b.", true),
            ("/a/b.c/d", true),
            ("/.", false),
            ("/./a", false),
            ("/a/..", false),
            ("/a/.b", false),
            ("/\u{e9}", false),
            ("", true),
        ] {
            for before in [0, 20, 80] {
                let path = format!("{}{path}", "/b".repeat(before));
                assert_eq!(ScannedText::canonical(&path).is_some(), wanted, "{path}");
            }
        }
    }

    #[test]
    fn keys_differ() {
        let texts: Vec<Vec<u8>> = (0..40).flat_map(|len| [vec![b'a'; len], vec![0; len]]).collect();
        for (i, a) in texts.iter().enumerate() {
            for b in &texts[..i] {
                assert!(a == b || SegmentKey::of(a) != SegmentKey::of(b), "{a:?} {b:?}");
            }
        }
    }
}
