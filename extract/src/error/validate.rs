//! Invalid: errors of a struct's validation; garde and validator.

use std::borrow::Cow;

#[cfg(feature = "garde")]
pub use by_garde::garde;
#[cfg(feature = "validator")]
pub use by_validator::validator;

/// Errors that a check of the program has found in a struct, or in one field.
///
/// Returned by the function in `#[extract(validate = function)]`, which is called with a struct whose fields are all valid,
/// or in `validate = function` of a field, which is called with the field's value whatever the other fields are: so its
/// errors are in the response beside those of the others. A text is [`whole`](Self::whole) of it.
///
/// Fields are named as in Rust; the response has their external names. In an error of one field, the position is relative
/// to its value, such as `[0].name`. Details are sent to the client: do not put secrets into them.
///
/// ```
/// use http::Request;
/// use waylay_extract::Extract;
///
/// #[derive(Debug, Extract)]
/// struct Booking {
///     #[query(validate = even)]
///     seats: u8,
///     #[query]
///     night: u8,
/// }
///
/// fn even(seats: &u8) -> Result<(), &'static str> {
///     if seats % 2 == 0 { Ok(()) } else { Err("expected an even number") }
/// }
///
/// let (parts, ()) = Request::get("/?seats=3&night=x").body(()).unwrap().into_parts();
/// let rejection = Booking::extract_parts(&parts, &[]).unwrap_err();
/// let errors: Vec<_> = rejection.errors().iter().map(|error| error.to_string()).collect();
/// assert_eq!(errors, [
///     "query `seats`: expected an even number",
///     "query `night`: expected an integer from 0 to 255",
/// ]);
/// ```
///
/// A check that needs several fields:
///
/// ```
/// use http::Request;
/// use waylay_extract::{Code, Extract, Invalid};
///
/// #[derive(Debug, Extract)]
/// #[extract(validate = in_order, rename_all = "camelCase")]
/// struct Range {
///     #[query]
///     first_day: u32,
///     #[query]
///     last_day: u32,
/// }
///
/// fn in_order(range: &Range) -> Result<(), Invalid> {
///     if range.first_day > range.last_day {
///         return Err(Invalid::field("last_day", "expected a day not before `firstDay`"));
///     }
///     Ok(())
/// }
///
/// let (parts, ()) = Request::get("/?firstDay=9&lastDay=3").body(()).unwrap().into_parts();
/// let rejection = Range::extract_parts(&parts, &[]).unwrap_err();
/// assert_eq!(rejection.status(), 422);
/// assert_eq!(rejection.errors()[0].name(), Some("lastDay"));
/// assert_eq!(rejection.errors()[0].code(), Code::Validation);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "errors have an effect only if they are returned"]
pub struct Invalid {
    list: Vec<(Cow<'static, str>, Cow<'static, str>)>,
}

impl Invalid {
    /// Returns a value without errors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns one error of a field, or of a position in it such as `items[0].name`.
    pub fn field(field: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new().with_field(field, detail)
    }

    /// Returns one error of the struct as a whole.
    pub fn whole(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::field("", detail)
    }

    /// Adds an error of a field.
    pub fn with_field(
        mut self,
        field: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.list.push((field.into(), detail.into()));
        self
    }

    /// Returns `Ok` if there is no error.
    ///
    /// # Errors
    ///
    /// `self`, if there is an error.
    pub fn into_result(self) -> Result<(), Self> {
        if self.list.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Returns the steps to the position of each error, and its detail.
    pub(crate) fn into_errors(self) -> impl Iterator<Item = (Vec<String>, Cow<'static, str>)> {
        self.list.into_iter().map(|(path, detail)| {
            let steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty());
            (steps.map(str::to_owned).collect(), detail)
        })
    }
}

/// One error of the checked value as a whole.
impl From<&'static str> for Invalid {
    fn from(detail: &'static str) -> Self {
        Self::whole(detail)
    }
}

/// One error of the checked value as a whole.
impl From<String> for Invalid {
    fn from(detail: String) -> Self {
        Self::whole(detail)
    }
}

#[cfg(feature = "garde")]
mod by_garde {
    use crate::error::validate::Invalid;

    impl From<garde::Report> for Invalid {
        fn from(report: garde::Report) -> Self {
            let errors = report.iter();
            errors.fold(Self::new(), |found, (path, error)| {
                found.with_field(path.to_string(), error.message().to_owned())
            })
        }
    }

    /// Validates a struct with `garde`.
    ///
    /// # Errors
    ///
    /// The errors of the validation.
    pub fn garde<T: garde::Validate<Context: Default>>(value: &T) -> Result<(), Invalid> {
        value.validate().map_err(Invalid::from)
    }
}

#[cfg(feature = "validator")]
mod by_validator {
    use validator::{Validate, ValidationErrors, ValidationErrorsKind};

    use crate::error::validate::Invalid;

    impl From<ValidationErrors> for Invalid {
        fn from(errors: ValidationErrors) -> Self {
            gather(Self::new(), "", errors)
        }
    }

    /// Default messages quote the value, so only messages of the program are sent.
    fn gather(mut found: Invalid, above: &str, errors: ValidationErrors) -> Invalid {
        let mut errors: Vec<_> = errors.0.into_iter().collect();
        errors.sort_by(|one, other| one.0.cmp(&other.0));
        for (field, kind) in errors {
            // The crate's name for errors of the whole struct.
            let field = if field == "__all__" { "" } else { &*field };
            let separator = if above.is_empty() || field.is_empty() { "" } else { "." };
            let path = format!("{above}{separator}{field}");
            match kind {
                ValidationErrorsKind::Struct(inner) => found = gather(found, &path, *inner),
                ValidationErrorsKind::List(list) => {
                    for (index, inner) in list {
                        found = gather(found, &format!("{path}[{index}]"), *inner);
                    }
                }
                ValidationErrorsKind::Field(list) => {
                    for error in list {
                        let detail = match error.message {
                            Some(message) => message.into_owned(),
                            None => format!("expected a value that passes the check `{}`", error.code),
                        };
                        found = found.with_field(path.clone(), detail);
                    }
                }
            }
        }
        found
    }

    /// Validates a struct with `validator`.
    ///
    /// # Errors
    ///
    /// The errors of the validation.
    pub fn validator<T: Validate>(value: &T) -> Result<(), Invalid> {
        value.validate().map_err(Invalid::from)
    }
}
