//! Node and Leaf: the tree of nested keys, and guessed types of its texts.

use std::borrow::Cow;

use serde::de::Unexpected;

use crate::error::field::ValueError;
use crate::text::from_text::{FromText, is_json_number};

/// The content of a key.
#[derive(Debug, Default)]
pub(crate) enum Node {
    /// Nothing.
    #[default]
    Absent,
    /// A value, or several of the same key.
    Texts(Vec<Leaf>),
    /// The items of `a[]`.
    Items(Vec<Leaf>),
    /// The nodes of the keys below.
    Keys(Branches),
    /// The pairs of a whole query or form, in their order.
    #[cfg_attr(not(feature = "form"), expect(dead_code, reason = "made with the feature `form`"))]
    Pairs(Vec<(String, Leaf)>),
}

/// The keys below a key, in order.
///
/// Most have one key: a sorted list takes a fraction of the memory of a map.
#[derive(Debug, Default)]
pub(crate) struct Branches(pub(crate) Vec<(Box<str>, Node)>);

impl Branches {
    pub(crate) fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(key))
    }

    /// Returns the node of a key, which is added if it is not there.
    pub(crate) fn entry(&mut self, key: &str) -> &mut Node {
        let place = self.find(key).unwrap_or_else(|place| {
            if self.0.is_empty() {
                self.0.reserve_exact(1);
            }
            self.0.insert(place, (key.into(), Node::Absent));
            place
        });
        &mut self.0[place].1
    }
}

/// One value, and its kind for types that serde buffers.
#[derive(Debug)]
pub(crate) struct Leaf {
    text: Result<Box<str>, Box<ValueError>>,
    kind: LeafKind,
    /// The kind is certain.
    is_settled: bool,
}

/// The kind of a value as serde receives it from `deserialize_any`.
///
/// Fields in `#[serde(flatten)]` and in tagged and untagged enums are buffered before their types are
/// known, and a buffered text is never read as a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LeafKind {
    Text,
    Number,
    Bool,
    /// `None` of an `Option` whose type rejects the empty text.
    Nothing,
}

impl Leaf {
    /// Creates a leaf of a decoded value, or of a decode error, which is reported only if a field reads it.
    pub(crate) fn new(text: Result<Cow<'_, str>, Box<ValueError>>) -> Self {
        Self { text: text.map(|text| text.into_owned().into()), kind: LeafKind::Text, is_settled: false }
    }

    pub(crate) fn text(&self) -> Result<&str, &ValueError> {
        match &self.text {
            Ok(text) => Ok(text),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn kind(&self) -> LeafKind {
        self.kind
    }

    /// Returns an identity, which distinguishes two values with the same text.
    pub(crate) fn id(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

impl Node {
    /// Calls a function for every value until it returns `true`.
    fn any_leaf(&mut self, visit: &mut dyn FnMut(&mut Leaf) -> bool) -> bool {
        match self {
            Self::Absent => false,
            Self::Texts(leaves) | Self::Items(leaves) => leaves.iter_mut().any(visit),
            Self::Keys(keys) => keys.0.iter_mut().any(|(_, node)| node.any_leaf(visit)),
            Self::Pairs(pairs) => pairs.iter_mut().any(|(_, leaf)| visit(leaf)),
        }
    }

    /// Guesses another kind for a value that its type rejects; `false` if there is none.
    pub(crate) fn guess(&mut self, mismatch: &Mismatch) -> bool {
        let set = |leaf: &mut Leaf, kind: LeafKind, is_settled: bool| {
            (leaf.kind, leaf.is_settled) = (kind, is_settled);
            true
        };
        match mismatch {
            Mismatch::None => false,
            Mismatch::Empty(id) => self.any_leaf(&mut |leaf| {
                leaf.id() == *id && leaf.kind == LeafKind::Text && set(leaf, LeafKind::Nothing, true)
            }),
            Mismatch::Text { text, kind } => self.guess_text(text, *kind),
            // A wrong guess becomes a text again.
            Mismatch::Guessed(shown) => self.any_leaf(&mut |leaf| {
                matches!(leaf.kind, LeafKind::Number | LeafKind::Bool)
                    && leaf.text.as_ref().is_ok_and(|text| show(text, leaf.kind) == *shown)
                    && set(leaf, LeafKind::Text, true)
            }),
            Mismatch::Any => self.guess_all("") || self.guess_bools(),
        }
    }

    /// Guesses the kind of a text, and of the other items of its list with it.
    fn guess_text(&mut self, text: &str, kind: LeafKind) -> bool {
        let is_it = |leaf: &Leaf| {
            let is_open = leaf.kind == LeafKind::Text && !leaf.is_settled;
            is_open && leaf.text.as_deref().is_ok_and(|own| own == text)
        };
        let guess = |leaf: &mut Leaf| {
            let fits = leaf.text.as_deref().is_ok_and(|own| guess_kind(own, kind.expected()) == kind);
            if fits && !leaf.is_settled {
                leaf.kind = kind;
            }
        };
        match self {
            Self::Absent => false,
            Self::Texts(leaves) | Self::Items(leaves) => {
                let found = leaves.iter().any(is_it);
                leaves.iter_mut().filter(|_| found).for_each(guess);
                found
            }
            Self::Keys(keys) => keys.0.iter_mut().any(|(_, node)| node.guess_text(text, kind)),
            Self::Pairs(pairs) => {
                let found = pairs.iter().find(|(_, leaf)| is_it(leaf)).map(|(key, _)| key.clone());
                let list = pairs.iter_mut().filter(|(key, _)| found.as_ref() == Some(key));
                list.for_each(|(_, leaf)| guess(leaf));
                found.is_some()
            }
        }
    }

    /// Guesses `bool` for the texts that can be a number or a `bool`.
    pub(crate) fn guess_bools(&mut self) -> bool {
        self.guess_all(LeafKind::Bool.expected())
    }

    /// Guesses the kind of every text; `false` if each is a text already.
    fn guess_all(&mut self, expected: &str) -> bool {
        let mut any = false;
        self.any_leaf(&mut |leaf| {
            let kind = leaf.text.as_deref().map_or(LeafKind::Text, |text| guess_kind(text, expected));
            if kind != LeafKind::Text && kind != leaf.kind && !leaf.is_settled {
                leaf.kind = kind;
                any = true;
            }
            false
        });
        any
    }
}

impl LeafKind {
    /// Returns what a type expects if a value of this kind fits it.
    fn expected(self) -> &'static str {
        if self == Self::Bool { "a boolean" } else { "" }
    }
}

/// Returns the text of serde for an unexpected value of that kind.
fn show(text: &str, kind: LeafKind) -> String {
    match (kind, Number::of(text)) {
        (LeafKind::Number, Some(number)) => number.unexpected().to_string(),
        (LeafKind::Bool, _) => Unexpected::Bool(bool::from_text(text).unwrap_or_default()).to_string(),
        _ => String::new(),
    }
}

/// Guesses the kind of a text that a type with this expectation rejects.
pub(crate) fn guess_kind(text: &str, expected: &str) -> LeafKind {
    let is_bool = if expected.contains("bool") {
        bool::from_text(text).is_ok()
    } else {
        matches!(text, "true" | "false")
    };
    match Number::of(text) {
        _ if is_bool => LeafKind::Bool,
        Some(_) => LeafKind::Number,
        None => LeafKind::Text,
    }
}

/// A number as serde buffers it.
pub(crate) enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

impl Number {
    /// Parses a text by the grammar of [`FromText`].
    pub(crate) fn of(text: &str) -> Option<Self> {
        if !is_json_number(text) {
            return None;
        }
        let unsigned = u64::from_text(text).map(Self::Unsigned);
        let signed = unsigned.or_else(|_| i64::from_text(text).map(Self::Signed));
        signed.or_else(|_| f64::from_text(text).map(Self::Float)).ok()
    }

    fn unexpected(&self) -> Unexpected<'static> {
        match self {
            Self::Unsigned(number) => Unexpected::Unsigned(*number),
            Self::Signed(number) => Unexpected::Signed(*number),
            Self::Float(number) => Unexpected::Float(*number),
        }
    }
}

/// The value that a type rejected, as far as another guess may help.
#[derive(Debug)]
pub(crate) enum Mismatch {
    None,
    /// An empty text in an `Option`, by [`Leaf::id`].
    Empty(usize),
    /// A text where a type expects something else.
    Text {
        text: String,
        kind: LeafKind,
    },
    /// A number or a `bool`, as serde shows it, where a type expects something else.
    Guessed(String),
    /// No variant of an untagged enum fits; serde reports no details.
    Any,
}
