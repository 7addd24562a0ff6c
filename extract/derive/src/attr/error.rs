//! Collected errors, suggestions.

use std::fmt::Display;

use quote::ToTokens;
use syn::Error;

/// The suggest of the known words, if it is near enough to be meant.
pub(crate) fn suggest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .min()
        .filter(|(edits, candidate)| *edits <= 1 + candidate.len() / 4)
        .map(|(_, candidate)| candidate)
}

/// Edits from one word to the other, two letters swapped being one (Damerau, restricted).
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut rows = vec![(0..=to.len()).collect::<Vec<_>>()];
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let change = rows[i][j] + usize::from(a != b);
            let mut least = change.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

/// Errors that are told together, each at its own place.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    /// Keeps a fault at the place of the tokens.
    pub(crate) fn at(&mut self, place: impl ToTokens, message: impl Display) {
        self.keep(Error::new_spanned(place, message));
    }

    /// Keeps a fault that another parser has found.
    pub(crate) fn keep(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            none => *none = Some(error),
        }
    }

    /// Keeps the fault of a result and gives its value.
    pub(crate) fn check<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.keep(error)).ok()
    }

    /// The value, if nothing was kept.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Error> {
        self.0.map_or(Ok(value), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["path", "query", "header", "cookie", "json", "body"];
        for (word, meant) in [
            ("qurey", Some("query")),
            ("heder", Some("header")),
            ("bdy", Some("body")),
            ("jsno", Some("json")),
            ("path", Some("path")),
            ("serde", None),
            ("doc", None),
            ("", None),
        ] {
            assert_eq!(suggest(word, &known), meant, "{word}");
        }
    }
}
