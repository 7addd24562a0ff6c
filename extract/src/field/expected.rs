//! Expectations of serde types in words that name no Rust type.

use std::borrow::Cow;

use crate::text::from_text::integer_range;

/// Returns an expectation of serde without names of Rust types.
///
/// The texts of the program's own types are unchanged.
pub(crate) fn in_words(expected: &str) -> Cow<'_, str> {
    if let Some(range) = integer_range(expected) {
        return range.into();
    }
    if let Some(range) = expected.strip_prefix("a nonzero ").and_then(nonzero) {
        return range.into();
    }
    Cow::Borrowed(match expected {
        "f32" | "f64" => "a number",
        "a sequence" | "a byte array" | "a borrowed byte array" => "a list",
        "a map" => "an object",
        "a borrowed string" | "string" => "a string",
        "unit" | "option" => "null",
        "variant identifier" | "field identifier" => "a name",
        _ => return of_own_type(expected),
    })
}

/// Returns the range of a type that is written `NonZero<u8>` and displayed as `a nonzero u8`.
fn nonzero(name: &str) -> Option<&'static str> {
    let (first, rest) = name.split_at_checked(1)?;
    integer_range(&format!("NonZero{}{rest}", first.to_ascii_uppercase()))
}

/// Returns an expectation of a derived `Deserialize` without the name of the struct or enum.
fn of_own_type(expected: &str) -> Cow<'_, str> {
    const KINDS: [(&str, &str); 9] = [
        ("struct variant ", "an object"),
        ("struct ", "an object"),
        ("tuple struct ", "a list"),
        ("tuple variant ", "a list"),
        ("a tuple of size ", "a list"),
        ("an array of length ", "a list"),
        ("unit struct ", "null"),
        ("unit variant ", "a name"),
        ("enum ", "a name, or an object of one key"),
    ];
    const ENUMS: [&str; 3] = ["internally tagged enum ", "adjacently tagged enum ", "untagged enum "];
    if ENUMS.iter().any(|kind| expected.starts_with(kind)) {
        return "an object".into();
    }
    let Some((kind, words)) = KINDS.iter().find(|(kind, _)| expected.starts_with(kind)) else {
        return expected.into();
    };
    // `struct Point with 2 elements`, `a tuple of size 2`
    let count = expected.split_whitespace().find_map(|word| word.parse::<usize>().ok());
    match count.filter(|_| *words == "a list" || kind.starts_with("struct")) {
        Some(1) => "a list of 1 item".into(),
        Some(count) => format!("a list of {count} items").into(),
        None => (*words).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn no_type_of_rust_is_named() {
        for (expected, words) in [
            ("u8", "an integer from 0 to 255"),
            ("a nonzero u16", "an integer from 1 to 65535"),
            ("f32", "a number"),
            ("a boolean", "a boolean"),
            ("a sequence", "a list"),
            ("struct Point", "an object"),
            ("struct Point with 2 elements", "a list of 2 items"),
            ("tuple struct Pair with 1 element", "a list of 1 item"),
            ("a tuple of size 3", "a list of 3 items"),
            ("struct variant Shape::Box", "an object"),
            ("internally tagged enum Shape", "an object"),
            ("unit", "null"),
            ("a weekday", "a weekday"),
            ("one of `a`, `b`", "one of `a`, `b`"),
        ] {
            assert_eq!(in_words(expected), words, "{expected}");
        }
    }
}
