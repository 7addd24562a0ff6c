//! FieldDescription and Bounds: a field in a document.

use serde_json::Value;

/// The description of a field beside its name and its type.
#[derive(Clone, Copy, Debug)]
pub struct FieldDescription {
    /// Whether the server rejects a request without it.
    pub required: bool,
    /// Whether it is a list.
    pub many: bool,
    /// Whether the list is one comma-separated value.
    pub csv: bool,
    /// Whether the value is the type's JSON, so that an unknown schema allows anything.
    pub json: bool,
    /// Maximum bytes of one value.
    pub limit: Option<u64>,
    /// Whether the keys below its own are read as well: `a[b]=`.
    pub nested: bool,
    /// Whether `null` is none.
    pub nullable: bool,
    /// Whether an empty value that its type does not read is none or `true`.
    pub may_be_empty: bool,
    /// Whether an empty value is none, whatever its type.
    pub none_if_empty: bool,
    /// Whether an empty text is an error.
    pub not_empty: bool,
    /// Minimum number of items.
    pub min_items: usize,
    /// Maximum number of items.
    pub max_items: Option<usize>,
    /// The declared bounds of a value.
    pub bounds: Bounds,
    /// The default, as JSON.
    pub default: Option<&'static str>,
    /// The doc comment.
    pub doc: &'static str,
}

impl FieldDescription {
    /// An optional scalar without a comment.
    pub const NONE: Self = Self {
        required: false,
        many: false,
        csv: false,
        json: false,
        nested: false,
        nullable: false,
        may_be_empty: false,
        none_if_empty: false,
        not_empty: false,
        limit: None,
        min_items: 0,
        max_items: None,
        bounds: Bounds::NONE,
        default: None,
        doc: "",
    };
}

/// A number as JSON, written when a document is made: a bound may be a constant of the program.
type NumberFn = fn() -> String;

/// The declared bounds of a value.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The least number.
    pub min: Option<NumberFn>,
    /// The greatest number.
    pub max: Option<NumberFn>,
    /// The divisor of the number.
    pub multiple_of: Option<NumberFn>,
    /// Minimum number of characters.
    pub min_length: Option<usize>,
    /// Maximum number of characters.
    pub max_length: Option<usize>,
    /// The regex that a part of the text matches.
    pub pattern: Option<&'static str>,
    /// Minimum number of items, by a validation library.
    pub min_items: Option<usize>,
    /// Maximum number of items, by a validation library.
    pub max_items: Option<usize>,
}

impl Bounds {
    /// No bounds.
    pub const NONE: Self = Self {
        min: None,
        max: None,
        multiple_of: None,
        min_length: None,
        max_length: None,
        pattern: None,
        min_items: None,
        max_items: None,
    };

    /// Adds the bounds to the schema of a value; returns `false` if there are none.
    pub(crate) fn apply(&self, schema: &mut Value) -> bool {
        let mut any = false;
        let mut set = |key: &str, bound: Option<Value>| {
            if let Some(bound) = bound {
                any = true;
                schema[key] = bound;
            }
        };
        let number = |bound: Option<NumberFn>| serde_json::from_str(&bound?()).ok();
        set("minimum", number(self.min));
        set("maximum", number(self.max));
        set("multipleOf", number(self.multiple_of));
        set("minLength", self.min_length.map(Value::from));
        set("maxLength", self.max_length.map(Value::from));
        set("pattern", self.pattern.map(Value::from));
        any
    }
}
