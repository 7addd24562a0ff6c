//! Static description of one field.

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
    pub duplicates: Duplicates,
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
pub enum Duplicates {
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
        duplicates: Duplicates::Reject,
        limit: usize::MAX,
        max: 1000,
    };
}

/// How far down the keys of a field may lead.
#[derive(Clone, Copy, Debug)]
pub struct NestedLimits {
    /// The most keys below the field's own.
    pub depth: usize,
    /// The most items of a list.
    pub max: usize,
    /// The most bytes of one value.
    pub limit: usize,
}

/// How a part is taken.
#[derive(Clone, Copy, Debug)]
pub struct PartRule {
    /// The most bytes; the struct's limit holds as well.
    pub limit: Option<u64>,
    /// It is a file, which may go to the disk.
    pub upload: bool,
}

/// What is walked over for a struct.
#[derive(Clone, Copy, Debug)]
pub struct HeadPlan {
    /// A field reads a path variable.
    pub path: bool,
    /// A field reads a path variable as the URI spells it.
    pub raw_path: bool,
    /// A field reads a query key.
    pub query: bool,
    /// A field reads a cookie.
    pub cookie: bool,
    /// A field needs more than the request: the router's state, another extractor.
    pub state: bool,
    /// A query key that no field reads is an error.
    pub deny_query: bool,
    /// A is_invalid path variable is answered with 404.
    pub path_is_404: bool,
    /// The most pairs of a query.
    pub max_params: usize,
}

impl HeadPlan {
    /// Nothing is read.
    pub const NONE: Self = Self {
        path: false,
        raw_path: false,
        query: false,
        cookie: false,
        state: false,
        deny_query: false,
        path_is_404: false,
        max_params: 1000,
    };

    /// The same wants with those of a flattened struct; the rules are those of the outer.
    pub const fn join(self, inner: Self) -> Self {
        Self {
            path: self.path | inner.path,
            raw_path: self.raw_path | inner.raw_path,
            query: self.query | inner.query,
            cookie: self.cookie | inner.cookie,
            ..self
        }
    }
}
