//! Errors: collects the errors of one request.

use std::borrow::Cow;
use std::mem;

use crate::error::field::{Code, FieldError, Location, ValueError};
use crate::error::rejection::Rejection;
use crate::error::validate::Invalid;

/// Finds the index, the location and the external name of a field; `None` for a field without a value.
pub(crate) type FieldLookup = fn(&str) -> Option<(usize, Location, &'static str)>;

/// The errors of one request.
#[derive(Debug, Default)]
pub struct Errors {
    list: Vec<FieldError>,
    /// The number of errors at the start of the list that belong to no field: unknown keys, too many values.
    ///
    /// They are found before the fields are.
    unknown_keys: usize,
    misconfigured: Option<Cow<'static, str>>,
    /// A variable that a required field reads and that the route does not have.
    pub(crate) lacking: Option<&'static str>,
    /// The path values come from a router, so a missing one is an error of the program.
    pub(crate) is_routed: bool,
    pub(crate) body: BodyState,
}

impl Errors {
    /// Returns an empty list for a request whose path values come from a router.
    pub(crate) fn routed() -> Self {
        Self { is_routed: true, ..Self::default() }
    }

    pub(crate) fn push(&mut self, error: FieldError) {
        self.list.push(error);
    }

    pub(crate) fn push_unknown(&mut self, error: FieldError) {
        self.list.push(error);
        self.unknown_keys = self.list.len();
    }

    pub(crate) fn reject_body(&mut self, error: FieldError) {
        self.body = BodyState::Rejected(error);
    }

    /// Returns the number of errors.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// Reports a value, or an item of a list, outside of a declared bound.
    pub fn report_bound(
        &mut self,
        location: Location,
        name: &'static str,
        index: Option<usize>,
        detail: String,
    ) {
        let steps: Vec<_> = index.map(|index| index.to_string()).into_iter().collect();
        self.push(failed_check(location, name, &steps, detail.into()));
    }

    /// Reports what the function of a field has found.
    pub fn report_invalid<E: Into<Invalid>>(
        &mut self,
        location: Location,
        name: &'static str,
        result: Result<(), E>,
    ) {
        let Err(invalid) = result else { return };
        for (steps, detail) in invalid.into().into_errors() {
            self.push(failed_check(location, name, &steps, detail));
        }
    }

    /// Reports what a validation library has found in a struct of this field only.
    #[cfg(any(feature = "garde", feature = "validator"))]
    pub fn report_rules(&mut self, location: Location, name: &'static str, result: Result<(), Invalid>) {
        let Err(invalid) = result else { return };
        for (steps, detail) in invalid.into_errors() {
            self.push(failed_check(location, name, steps.get(1..).unwrap_or_default(), detail));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn body_is_read(&self) -> bool {
        matches!(self.body, BodyState::Read)
    }

    pub(crate) fn body_is_absent(&self) -> bool {
        matches!(self.body, BodyState::Absent)
    }

    /// Returns a value that the program has to provide.
    pub fn provided<T>(&mut self, value: Option<T>, reason: &'static str) -> Option<T> {
        if value.is_none() {
            self.misconfigured = Some(reason.into());
        }
        value
    }

    /// Reports that the route has no variable for a required field.
    pub(crate) fn lack_variable(&mut self, name: &'static str) {
        self.lacking.get_or_insert(name);
    }

    /// Reports an error of the program.
    pub(crate) fn set_misconfigured(&mut self, reason: impl Into<Cow<'static, str>>) {
        self.misconfigured.get_or_insert(reason.into());
    }

    /// Finishes a flattened struct, whose names have a prefix.
    pub fn prefixed<T>(&mut self, prefix: &str, finish: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.list.len();
        let value = finish(self);
        for error in self.list.iter_mut().skip(before) {
            error.prefix(prefix);
        }
        value
    }

    /// Returns the struct if its validation accepts it.
    pub fn validate<T, E: Into<Invalid>>(
        &mut self,
        value: T,
        check: impl FnOnce(&T) -> Result<(), E>,
        lookup: FieldLookup,
    ) -> Option<T> {
        let Err(invalid) = check(&value) else {
            return Some(value);
        };
        let found = |steps: &[String]| lookup(steps.first()?);
        let mut list: Vec<_> = invalid.into().into_errors().collect();
        list.sort_by_key(|(steps, _)| found(steps).map_or(usize::MAX, |(at, ..)| at));
        for (steps, detail) in list {
            self.push(match found(&steps) {
                Some((_, location, name)) => failed_check(location, name, &steps[1..], detail),
                None => failed_check(Location::Body, "", &[], detail),
            });
        }
        None
    }

    /// Tests whether a form field has no value because of the body, and reports the body's error once.
    ///
    /// `required`: an absent body is an error as well.
    pub fn lacks_body(&mut self, required: bool) -> bool {
        match &self.body {
            BodyState::Read => false,
            BodyState::Absent => {
                if required {
                    self.push_body_error(true);
                }
                required
            }
            BodyState::Unread => true,
            BodyState::Rejected(_) => {
                self.push_body_error(required);
                true
            }
        }
    }

    /// Returns the unread body, or reports why it was rejected.
    pub fn require_body<T>(&mut self, body: Option<T>) -> Option<T> {
        if body.is_none() {
            self.push_body_error(true);
        }
        body
    }

    /// Reports, once, why a body field has no value. `required`: an absent body is an error as well.
    pub(crate) fn push_body_error(&mut self, required: bool) {
        let error = match mem::take(&mut self.body) {
            BodyState::Rejected(error) => error,
            BodyState::Absent if required => FieldError::body(Code::Missing, "expected a body"),
            state => return self.body = state,
        };
        self.list.push(error);
    }

    /// Tests whether there is no error.
    pub(crate) fn is_clean(&self) -> bool {
        self.is_empty()
            && self.misconfigured.is_none()
            && self.lacking.is_none()
            && !matches!(self.body, BodyState::Rejected(_))
    }

    /// Returns all errors as one rejection.
    #[cold]
    pub(crate) fn take_rejection(&mut self) -> Rejection {
        if let Some(reason) = self.misconfigured.take() {
            return Rejection::misconfigured(reason);
        }
        // No field has reported it.
        if let BodyState::Rejected(error) = mem::take(&mut self.body) {
            self.list.push(error);
        }
        self.list.rotate_left(self.unknown_keys);
        Rejection::new(mem::take(&mut self.list))
    }
}

/// Returns the error of a value, or of a position in it.
fn failed_check(
    location: Location,
    name: &'static str,
    steps: &[String],
    detail: Cow<'static, str>,
) -> FieldError {
    let (name, detail) = match (location, steps) {
        (_, []) => (Cow::Borrowed(name), detail),
        (Location::Body, steps) => {
            let steps = steps.iter().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1")));
            (steps.fold(name.to_owned(), |pointer, step| pointer + &step).into(), detail)
        }
        (_, steps) => {
            match steps.iter().map(|step| step.parse::<usize>().ok()).collect::<Option<Vec<_>>>().as_deref() {
                Some([index]) => {
                    (Cow::Borrowed(name), format!("item {}: {detail}", index.saturating_add(1)).into())
                }
                // The key of a nested value.
                _ => (format!("{name}[{}]", steps.join("][")).into(), detail),
            }
        }
    };
    FieldError::new(location, name, ValueError::new(Code::Validation, detail))
}

/// State of the body.
#[derive(Debug, Default)]
pub(crate) enum BodyState {
    /// It was not read, or its error has been reported.
    #[default]
    Unread,
    /// It was read.
    Read,
    /// The request has none.
    Absent,
    /// It was rejected, is unreadable or cannot be decoded.
    Rejected(FieldError),
}

impl BodyState {
    /// Tests whether the request has no body.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}
