//! Pattern and the other checks of declared bounds.

#[cfg(feature = "pattern")]
use std::sync::OnceLock;

#[cfg(feature = "pattern")]
use regex::Regex;

/// Returns the length of a text in characters, as JSON Schema counts it.
pub fn characters<T: AsRef<str> + ?Sized>(text: &T) -> usize {
    text.as_ref().chars().count()
}

/// A number that may be a multiple of another one.
pub trait Number: Copy {
    /// Tests whether it is a multiple.
    fn is_multiple(self, of: Self) -> bool;
}

macro_rules! integers {
    ($($ty:ty)*) => {$(
        impl Number for $ty {
            fn is_multiple(self, of: Self) -> bool {
                self.checked_rem(of) == Some(0)
            }
        }
    )*};
}

integers! { i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize }

macro_rules! floats {
    ($($ty:ty)*) => {$(
        impl Number for $ty {
            fn is_multiple(self, of: Self) -> bool {
                // 0.3 is a multiple of 0.1, though not of the floats that are closest to them.
                let times = self / of;
                (times - times.round()).abs() <= times.abs().max(1.0) * <$ty>::EPSILON * 4.0
            }
        }
    )*};
}

floats! { f32 f64 }

/// Tests whether a number is a multiple of another one.
pub fn is_multiple<T: Number>(number: &T, of: T) -> bool {
    number.is_multiple(of)
}

/// A regex that a part of the text has to match, compiled at its first use.
#[cfg(feature = "pattern")]
#[derive(Debug)]
pub struct Pattern {
    text: &'static str,
    regex: OnceLock<Option<Regex>>,
}

#[cfg(feature = "pattern")]
impl Pattern {
    /// Returns the pattern of a regex that the derive has parsed.
    pub const fn new(text: &'static str) -> Self {
        Self { text, regex: OnceLock::new() }
    }

    /// Tests a text. A regex that is too large to compile matches nothing.
    pub fn is_match<T: AsRef<str> + ?Sized>(&self, text: &T) -> bool {
        let regex = self.regex.get_or_init(|| Regex::new(self.text).ok());
        regex.as_ref().is_some_and(|regex| regex.is_match(text.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::is_multiple;

    #[test]
    fn multiples_of_floats_are_those_of_their_decimals() {
        for (number, of, expected) in [
            (0.3, 0.1, true),
            (4.35, 0.01, true),
            (1e15, 0.1, true),
            (-7.5, 2.5, true),
            (0.0, 3.0, true),
            (0.35, 0.1, false),
            (1.0, 0.3, false),
        ] {
            assert_eq!(is_multiple(&number, of), expected, "{number} {of}");
        }
        assert!(!is_multiple(&7, 0) && !is_multiple(&7u8, 2) && is_multiple(&-8, 2));
    }
}
