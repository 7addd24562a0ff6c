//! Rule, HeadPlan: how the generated code reads a field and the head.

/// How a text field is read.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The field is an `Option`.
    pub option: bool,
    /// Every value is split at commas.
    pub csv: bool,
    /// The values are lines of a header list: quoted commas do not split, empty elements are skipped.
    pub header: bool,
    /// A key without a value is `true`.
    pub flag: bool,
    /// Errors contain the value.
    pub echo: bool,
    /// How an empty value is read.
    pub empty: Empty,
    /// How a repeated single value is read.
    pub duplicates: Duplicates,
    /// Maximum bytes of one value.
    pub limit: usize,
    /// Maximum items of a list.
    pub max: usize,
}

/// How an empty value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// As the empty text; for an `Option` of a type that rejects it, as none.
    Auto,
    /// As no value.
    None,
    /// As a value, which the type may reject.
    Keep,
    /// It is an error.
    Error,
}

/// How a repeated single value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// It is an error.
    Reject,
    /// The first value is read.
    First,
    /// The last value is read.
    Last,
}

impl Rule {
    /// A required value of any length, without repetition.
    pub const PLAIN: Self = Self {
        option: false,
        csv: false,
        header: false,
        flag: false,
        echo: false,
        empty: Empty::Auto,
        duplicates: Duplicates::Reject,
        limit: usize::MAX,
        max: 1000,
    };
}

/// The limits of a field with nested keys.
#[derive(Clone, Copy, Debug)]
pub struct NestedLimits {
    /// Maximum depth of the keys.
    pub depth: usize,
    /// Maximum items of a list.
    pub max: usize,
    /// Maximum bytes of one value.
    pub limit: usize,
}

/// How a part of a multipart body is read.
#[derive(Clone, Copy, Debug)]
pub struct PartRule {
    /// Maximum bytes, within the limit of the struct.
    pub limit: Option<u64>,
    /// It is a file, which may be written to disk.
    pub upload: bool,
}

/// Which parts of the request head a struct reads.
#[derive(Clone, Copy, Debug)]
pub struct HeadPlan {
    /// A field reads a path variable.
    pub path: bool,
    /// A field reads a path variable without decoding.
    pub raw_path: bool,
    /// A field reads a query key.
    pub query: bool,
    /// A field reads a cookie.
    pub cookie: bool,
    /// A field needs the router's state or another extractor.
    pub state: bool,
    /// An unknown query key is an error.
    pub deny_query: bool,
    /// The status of an invalid path variable is 404.
    pub path_is_404: bool,
    /// Maximum pairs of the query.
    pub max_params: usize,
}

impl HeadPlan {
    /// Reads nothing.
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

    /// Adds what a flattened struct reads; the rules stay those of the outer struct.
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
