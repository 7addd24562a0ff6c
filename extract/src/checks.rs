//! Other crates' validation: the one file that knows `garde` and `validator`.

#[cfg(feature = "garde")]
mod by_garde {
    use crate::invalid::Invalid;

    impl From<garde::Report> for Invalid {
        fn from(report: garde::Report) -> Self {
            let faults = report.iter();
            faults.fold(Self::new(), |found, (path, error)| {
                found.and(path.to_string(), error.message().to_owned())
            })
        }
    }

    /// What `garde` has against the struct.
    ///
    /// # Errors
    ///
    /// It has something.
    pub fn garde<T: garde::Validate<Context: Default>>(value: &T) -> Result<(), Invalid> {
        value.validate().map_err(Invalid::from)
    }
}

#[cfg(feature = "validator")]
mod by_validator {
    use validator::{Validate, ValidationErrors, ValidationErrorsKind};

    use crate::invalid::Invalid;

    impl From<ValidationErrors> for Invalid {
        fn from(errors: ValidationErrors) -> Self {
            gather(Self::new(), "", errors)
        }
    }

    /// Its own sentences quote the value, so only messages that the program has written are sent.
    fn gather(mut found: Invalid, above: &str, errors: ValidationErrors) -> Invalid {
        let mut errors: Vec<_> = errors.0.into_iter().collect();
        errors.sort_by(|one, other| one.0.cmp(&other.0));
        for (field, kind) in errors {
            // The crate's own name for what is wrong with the struct as a whole.
            let field = if field == "__all__" { "" } else { &*field };
            let gap = if above.is_empty() || field.is_empty() { "" } else { "." };
            let place = format!("{above}{gap}{field}");
            match kind {
                ValidationErrorsKind::Struct(inner) => found = gather(found, &place, *inner),
                ValidationErrorsKind::List(list) => {
                    for (index, inner) in list {
                        found = gather(found, &format!("{place}[{index}]"), *inner);
                    }
                }
                ValidationErrorsKind::Field(list) => {
                    for error in list {
                        let detail = match error.message {
                            Some(message) => message.into_owned(),
                            None => format!("expected a value that passes the check `{}`", error.code),
                        };
                        found = found.and(place.clone(), detail);
                    }
                }
            }
        }
        found
    }

    /// What `validator` has against the struct.
    ///
    /// # Errors
    ///
    /// It has something.
    pub fn validator<T: Validate>(value: &T) -> Result<(), Invalid> {
        value.validate().map_err(Invalid::from)
    }
}

#[cfg(feature = "garde")]
pub use by_garde::garde;
#[cfg(feature = "validator")]
pub use by_validator::validator;
