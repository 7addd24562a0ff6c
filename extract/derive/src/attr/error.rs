//! Collected errors, suggestions.

use std::fmt::Display;

use quote::ToTokens;
use syn::Error;

/// The suggest of the known words, if it is near enough to be meant.
pub(crate) fn suggest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    known
        .iter()
        .map(|candidate| (strsim::osa_distance(word, candidate), *candidate))
        .min()
        .filter(|(edits, candidate)| *edits <= 1 + candidate.len() / 4)
        .map(|(_, candidate)| candidate)
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
