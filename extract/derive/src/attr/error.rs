//! Errors: collects errors with their positions; suggestions for misspelled words.

use std::fmt::Display;

use quote::ToTokens;
use syn::Error;

/// Returns the most similar known word, if it is similar enough to be meant.
pub(crate) fn suggest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    known
        .iter()
        .map(|candidate| (strsim::osa_distance(word, candidate), *candidate))
        .min()
        .filter(|(edits, candidate)| *edits <= 1 + candidate.len() / 4)
        .map(|(_, candidate)| candidate)
}

/// Errors that are reported together, each at its position.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    /// Adds an error at the position of the tokens.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(Error::new_spanned(tokens, message));
    }

    /// Adds an error of another parser.
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            none => *none = Some(error),
        }
    }

    /// Adds the error of a result and returns its value.
    pub(crate) fn check<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// Returns the value if there is no error.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Error> {
        self.0.map_or(Ok(value), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn similar_words_are_suggested() {
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
