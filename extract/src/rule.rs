//! How a field's values are taken in.

/// The rule of one text field, written by the derive.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The field is an `Option`.
    pub option: bool,
    /// Every value is split at its commas.
    pub csv: bool,
    /// The key alone is `true`.
    pub flag: bool,
    /// Errors hold the value.
    pub echo: bool,
    /// What an empty value is.
    pub empty: Empty,
    /// What a second value of a single one is.
    pub twice: Twice,
    /// The most bytes of one value.
    pub limit: usize,
    /// The most items of a list.
    pub max: usize,
}

/// What an empty value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// The empty text; for an `Option` of a type that refuses it none.
    Auto,
    /// No value.
    None,
    /// A value, which the type may refuse.
    Keep,
    /// An error.
    Error,
}

/// What a single value is that is given several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twice {
    /// An error.
    Reject,
    /// The first value.
    First,
    /// The last value.
    Last,
}

impl Rule {
    /// A required value of any length that is given once.
    pub const PLAIN: Self = Self {
        option: false,
        csv: false,
        flag: false,
        echo: false,
        empty: Empty::Auto,
        twice: Twice::Reject,
        limit: usize::MAX,
        max: 1000,
    };
}
