//! Every fault of one macro call, kept to the end.

use std::fmt::Display;

use quote::ToTokens;
use syn::Error;

/// Faults that are told together, each at its own place.
#[derive(Default)]
pub(crate) struct Faults(Option<Error>);

impl Faults {
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
