//! Shape: what the syntax of a regex says about its texts, without an automaton.

use std::cell::OnceCell;

use regex_syntax::hir::{Class, Hir, HirKind};
use regex_syntax::parse;

/// The literal start and end of all texts of a regex, their lengths, and one of the texts.
///
/// Most regexes of a table differ by literal text (`.*\.a\.com`, `.*\.b\.com`): their shapes exclude each other,
/// and no automaton is needed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    /// Without case.
    prefix: Box<str>,
    /// Without case.
    suffix: Box<str>,
    min: Option<usize>,
    max: Option<usize>,
    /// The only text of the regex.
    pub(crate) literal: Option<Box<str>>,
    /// The parsed regex, for an example.
    hir: Option<Hir>,
    example: OnceCell<Option<Box<str>>>,
}

impl Shape {
    /// Returns the shape of the texts that a regex matches as a whole.
    pub(crate) fn of(regex: &str) -> Self {
        // Compiled regexes are anchored.
        let bare = regex.strip_prefix(r"\A(?:").and_then(|regex| regex.strip_suffix(r")\z"));
        let Ok(hir) = parse(bare.unwrap_or(regex)) else { return Self::default() };
        let [mut prefix, mut suffix] = [String::new(), String::new()];
        push_prefix(&hir, &mut prefix);
        push_suffix(&hir, &mut suffix);
        let properties = hir.properties();
        Self {
            prefix: prefix.into(),
            suffix: suffix.chars().rev().collect(),
            min: properties.minimum_len(),
            max: properties.maximum_len(),
            literal: literal(&hir).map(Into::into),
            hir: Some(hir),
            example: OnceCell::new(),
        }
    }

    /// Tests whether no text has both shapes.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        let is_shorter =
            |one: &Self, other: &Self| one.max.zip(other.min).is_some_and(|(max, min)| max < min);
        let starts = self.prefix.starts_with(&*other.prefix) || other.prefix.starts_with(&*self.prefix);
        let ends = self.suffix.ends_with(&*other.suffix) || other.suffix.ends_with(&*self.suffix);
        let literals = self.literal.as_ref().zip(other.literal.as_ref());
        !starts
            || !ends
            || is_shorter(self, other)
            || is_shorter(other, self)
            || literals.is_some_and(|(one, other)| one != other)
    }

    /// Tests whether all texts start with `/`.
    pub(crate) fn is_rooted(&self) -> bool {
        self.prefix.starts_with('/')
    }

    /// Returns a short text that the regex matches; `None` if the syntax alone does not give one.
    pub(crate) fn example(&self) -> Option<&str> {
        self.example.get_or_init(|| self.hir.as_ref().and_then(example).map(Into::into)).as_deref()
    }
}

/// Appends the start that all texts of a regex share; returns true if it is the whole text.
fn push_prefix(hir: &Hir, out: &mut String) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => push_folded(std::str::from_utf8(&literal.0).ok().map(str::chars), out),
        HirKind::Class(class) => push_folded(single(class).map(std::iter::once), out),
        HirKind::Capture(capture) => push_prefix(&capture.sub, out),
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            push_prefix(&repetition.sub, out) && repetition.max == Some(1)
        }
        HirKind::Repetition(_) => false,
        HirKind::Concat(parts) => parts.iter().all(|part| push_prefix(part, out)),
        HirKind::Alternation(parts) => push_common(parts, out, push_prefix),
    }
}

/// The same from the end; the text is reversed.
fn push_suffix(hir: &Hir, out: &mut String) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => {
            push_folded(std::str::from_utf8(&literal.0).ok().map(|text| text.chars().rev()), out)
        }
        HirKind::Class(class) => push_folded(single(class).map(std::iter::once), out),
        HirKind::Capture(capture) => push_suffix(&capture.sub, out),
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            push_suffix(&repetition.sub, out) && repetition.max == Some(1)
        }
        HirKind::Repetition(_) => false,
        HirKind::Concat(parts) => parts.iter().rev().all(|part| push_suffix(part, out)),
        HirKind::Alternation(parts) => push_common(parts, out, push_suffix),
    }
}

/// Appends what all alternatives share.
fn push_common(parts: &[Hir], out: &mut String, push: fn(&Hir, &mut String) -> bool) -> bool {
    let mut common: Option<String> = None;
    for part in parts {
        let mut own = String::new();
        push(part, &mut own);
        common = Some(match common {
            None => own,
            Some(common) => {
                common.chars().zip(own.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
            }
        });
    }
    out.push_str(&common.unwrap_or_default());
    false
}

fn push_folded(chars: Option<impl Iterator<Item = char>>, out: &mut String) -> bool {
    let Some(chars) = chars else { return false };
    out.extend(chars.map(folded));
    true
}

/// Returns the character that all members of a class have without case.
fn single(class: &Class) -> Option<char> {
    let Class::Unicode(class) = class else { return None };
    let mut members = class.ranges().iter().flat_map(|range| range.start()..=range.end());
    let first = members.next()?;
    let is_same = |c: char| folded(c) == folded(first);
    members.take(8).all(is_same).then_some(first).filter(|_| class.ranges().len() < 8)
}

/// Returns a character without case: `(?i)` of the regex crate follows Unicode's simple case folding.
fn folded(c: char) -> char {
    match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    }
}

/// Returns the only text of a regex.
fn literal(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Empty => Some(String::new()),
        HirKind::Literal(literal) => std::str::from_utf8(&literal.0).ok().map(str::to_owned),
        HirKind::Capture(capture) => literal(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(literal).collect(),
        _ => None,
    }
}

/// Returns a short text that a regex without assertions matches.
fn example(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Look(_) => None,
        HirKind::Class(Class::Bytes(_)) => None,
        HirKind::Class(Class::Unicode(class)) => {
            let is_member =
                |c: &char| class.ranges().iter().any(|range| (range.start()..=range.end()).contains(c));
            readable().find(is_member).map(String::from)
        }
        HirKind::Repetition(repetition) if repetition.min == 0 => Some(String::new()),
        HirKind::Repetition(repetition) => {
            let one = example(&repetition.sub)?;
            let count = usize::try_from(repetition.min).ok()?;
            (one.len().saturating_mul(count) <= MAX_EXAMPLE_BYTES).then(|| one.repeat(count))
        }
        HirKind::Capture(capture) => example(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(example).collect(),
        HirKind::Alternation(parts) => {
            let examples = parts.iter().map(example).collect::<Option<Vec<String>>>()?;
            examples.into_iter().min_by_key(String::len)
        }
        HirKind::Empty | HirKind::Literal(_) => literal(hir),
    }
}

/// The longest repetition in an example.
const MAX_EXAMPLE_BYTES: usize = 4096;

/// The characters of examples, the most readable first.
pub(crate) fn readable() -> impl Iterator<Item = char> {
    let plain = ('a'..='z').chain('0'..='9').chain('A'..='Z').chain("-_/".chars());
    plain.chain((' '..='~').filter(|c| !c.is_ascii_alphanumeric() && !"-_/".contains(*c)))
}

#[cfg(test)]
mod tests {
    use super::Shape;

    #[test]
    fn exclude_each_other() {
        for (one, other, wanted) in [
            (r"(?i:[\w-]+\.shop01\.example)", r"(?i:[\w-]+\.shop02\.example)", true),
            (r"(?i:[\w-]+\.shop01\.example)", r"(?i:[\w-]+\.SHOP01\.example)", false),
            ("/a.*", "/b.*", true),
            ("/a.*", "/.*", false),
            ("/A", "/a", true),
            ("(?i:k)x", "\u{212a}x", false),
            ("(?i:s)x", "\u{17f}x", false),
            ("[0-9]{2}", "[0-9]{3,}", true),
            ("(?:ab|ac)d*", "ad?", false),
            ("(?:ab|ac)d*", "b", true),
            ("(?:ab|ba)", "(?:cb|da)", false),
            ("a+", "ab", true),
            ("a+", "aba", false),
            ("a{1}b", "ac", true),
            ("", "a", true),
            ("(", "a", false),
        ] {
            assert_eq!(Shape::of(one).excludes(&Shape::of(other)), wanted, "{one} {other}");
            assert_eq!(Shape::of(other).excludes(&Shape::of(one)), wanted, "{other} {one}");
        }
    }

    #[test]
    fn have_an_example() {
        for (regex, wanted) in [
            (r"(?i:[\w-]+\.shop01)", Some("a.shop01")),
            ("a*|bc", Some("")),
            ("[0-9]{3}(?:x|yy)", Some("000x")),
            (r"a\b", None),
            ("[a&&b]", None),
            ("\u{e9}", Some("\u{e9}")),
        ] {
            assert_eq!(Shape::of(regex).example(), wanted, "{regex}");
        }
    }

    /// No text of a random regex contradicts its shape.
    #[test]
    fn agree_with_the_regexes() {
        let parts = ["a", "b", "(?i:k)", "[ab]", "a?", "b+", "(?:ab|a)", "(?:ba|a)", ".", "(?i:s)a"];
        let texts =
            ["a", "b", "k", "K", "\u{212a}", "ab", "ba", "aa", "aba", "sa", "\u{17f}a", "ka", "abk", "kab"];
        let all = || parts.iter().flat_map(|one| parts.iter().map(move |two| format!("{one}{two}")));
        let compiled: Vec<_> = all()
            .map(|regex| (Shape::of(&regex), regex::Regex::new(&format!(r"\A(?:{regex})\z")).unwrap()))
            .collect();
        for (one, first) in &compiled {
            assert!(one.example().is_some_and(|text| first.is_match(text)), "{first}");
            for (other, second) in compiled.iter().filter(|(other, _)| one.excludes(other)) {
                let both = texts.iter().find(|text| first.is_match(text) && second.is_match(text));
                assert_eq!(both, None, "{first} {second} {other:?}");
            }
        }
    }
}
