//! Texts: the texts of a table, each once, in one string.

use std::collections::HashMap;
use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

/// The range of a text in [`Texts`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TextRange {
    start: u32,
    end: u32,
}

/// Texts, end to end.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    all: String,
    /// By hash. Of two texts with one hash, the second one is not found again, which costs its bytes only.
    known: HashMap<u64, TextRange, FxBuildHasher>,
    is_full: bool,
}

impl Texts {
    /// Adds a text, unless it is known.
    pub(crate) fn add(&mut self, text: &str) -> TextRange {
        let hash = FxBuildHasher.hash_one(text);
        let known = self.known.get(&hash).copied();
        if let Some(known) = known.filter(|known| self.get(*known) == text) {
            return known;
        }
        let (start, end) = (self.all.len(), self.all.len() + text.len());
        let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end)) else {
            self.is_full = true;
            return TextRange::default();
        };
        self.all.push_str(text);
        self.known.insert(hash, TextRange { start, end });
        TextRange { start, end }
    }

    /// Returns a text.
    pub(crate) fn get(&self, range: TextRange) -> &str {
        self.all.get(range.start as usize..range.end as usize).unwrap_or("")
    }

    /// Returns the number of bytes of all texts.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Tests whether a text was left out, because all of them together have more than 4 GiB.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Frees what only [`add`](Self::add) needs.
    pub(crate) fn freeze(&mut self) {
        self.known = HashMap::default();
        self.all.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::Texts;

    #[test]
    fn are_kept_once() {
        let mut texts = Texts::default();
        let added = ["/a", "", "/ab", "/a", "é", ""].map(|text| (text, texts.add(text)));
        texts.freeze();
        for (text, range) in added {
            assert_eq!(texts.get(range), text);
        }
        assert_eq!((texts.all.as_str(), texts.is_full()), ("/a/abé", false));
        assert_eq!(added[0].1, added[3].1);
    }
}
