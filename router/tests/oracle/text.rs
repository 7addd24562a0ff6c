//! Paths, hosts and queries as lists of characters, and templates matched by backtracking.

use waylay_router::{PathCleaning, PathForm};

use crate::model::{Class, Piece, Rules};

/// One character of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Char {
    /// `None` for a byte that is not part of a character.
    pub value: Option<char>,
    /// It is escaped, or would have to be: never a separator.
    pub kept: bool,
    /// Its text in the path that is matched.
    pub text: String,
}

/// The reason for not matching a path at all.
#[derive(Debug)]
pub enum PathError {
    Rejected,
    Cleaned(String),
}

fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || "-._~".contains(char::from(byte))
}

fn plain(byte: u8) -> bool {
    unreserved(byte) || "!$&'()*+,;=:@/".contains(char::from(byte))
}

/// Its text in RFC 3986's normal form.
pub fn escape(text: &str) -> String {
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Returns each byte, and whether it was escaped; `None` for an invalid escape.
fn bytes(text: &str, form: bool) -> Option<Vec<(u8, bool)>> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        out.push(match first {
            b'%' => {
                let digits = after.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
                rest = &after[2..];
                (u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?, true)
            }
            b'+' if form => (b' ', false),
            other => (other, false),
        });
    }
    Some(out)
}

fn chars(bytes: &[(u8, bool)], canonical: bool) -> Vec<Char> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let taken = |length: usize| {
            let window: Vec<u8> = bytes.get(at..at + length)?.iter().map(|(byte, _)| *byte).collect();
            Some((length, std::str::from_utf8(&window).ok()?.chars().next()?))
        };
        let (length, value) = match (1..=4).find_map(taken) {
            Some((length, value)) => (length, Some(value)),
            None => (1, None),
        };
        let keeps = |(byte, escaped): (u8, bool)| if escaped { !unreserved(byte) } else { !plain(byte) };
        let kept = canonical && bytes[at..at + length].iter().any(|&byte| keeps(byte));
        let text = match value {
            Some(value) if !kept => value.to_string(),
            _ => bytes[at..at + length].iter().map(|(byte, _)| format!("%{byte:02X}")).collect(),
        };
        out.push(Char { value, kept, text });
        at += length;
    }
    out
}

pub fn text(chars: &[Char]) -> String {
    chars.iter().map(|char| char.text.as_str()).collect()
}

/// Returns the characters of a raw path by the rules of a table.
pub fn path(raw: &str, rules: &Rules) -> Result<Vec<Char>, PathError> {
    let read = match rules.form {
        PathForm::Raw => raw.bytes().map(|byte| (byte, false)).collect(),
        PathForm::Canonical | PathForm::Decoded => bytes(raw, false).ok_or(PathError::Rejected)?,
        other => panic!("the oracle does not know {other:?}"),
    };
    let read = chars(&read, rules.form == PathForm::Canonical);
    match rules.form {
        PathForm::Canonical if read.iter().any(|c| c.value.is_some_and(|c| c.is_ascii_control())) => {
            return Err(PathError::Rejected);
        }
        PathForm::Decoded if read.iter().any(|c| c.value.is_none()) => return Err(PathError::Rejected),
        _ => {}
    }
    let whole = text(&read);
    let dots = format!("{whole}/");
    match rules.path_cleaning {
        PathCleaning::Reject if dots.contains("/./") || dots.contains("/../") => Err(PathError::Rejected),
        PathCleaning::Redirect if clean(&whole) != whole => {
            let clean = clean(&whole);
            Err(PathError::Cleaned(if rules.form == PathForm::Decoded { escape(&clean) } else { clean }))
        }
        _ => Ok(read),
    }
}

/// Go's `path.Clean` with the final slash restored, by rewriting until nothing changes.
fn clean(path: &str) -> String {
    let mut now = format!("/{path}/");
    loop {
        let mut next = now.replace("//", "/").replace("/./", "/");
        if next == now
            && let Some(at) = next.find("/../")
        {
            let before = next[..at].rfind('/').unwrap_or(0);
            next.replace_range(before..at + 3, "");
        }
        if next == now {
            break;
        }
        now = next;
    }
    if !path.ends_with('/') && now != "/" {
        now.pop();
    }
    now
}

/// Returns a query value; `None` for an invalid escape.
pub fn value(raw: &str) -> Option<Vec<Char>> {
    Some(chars(&bytes(raw, true)?, false))
}

pub fn host(name: &str) -> Vec<Char> {
    name.chars().map(|c| Char { value: Some(c), kept: false, text: c.to_string() }).collect()
}

/// The kind of a template.
#[derive(Clone, Copy, PartialEq)]
pub enum Place {
    Path,
    Host,
    Query,
}

/// What may follow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    Exact,
    Segments,
    Raw,
}

pub type Vars = Vec<(String, String)>;

/// Returns the template with its optional segment, and without it.
pub fn lengths(pieces: &[Piece]) -> Vec<Vec<Piece>> {
    let Some(at) = pieces.iter().position(|piece| matches!(piece, Piece::Optional(..))) else {
        return vec![pieces.to_vec()];
    };
    let mut short = pieces[..at].to_vec();
    trim(&mut short);
    if short.is_empty() {
        short.push(Piece::Text("/".to_owned()));
    } else {
        short.extend(pieces[at + 1..].iter().cloned());
    }
    vec![pieces.to_vec(), short]
}

/// Removes the final slashes.
pub fn trim(pieces: &mut Vec<Piece>) {
    while let Some(Piece::Text(text)) = pieces.last_mut() {
        text.truncate(text.trim_end_matches('/').len());
        if !text.is_empty() {
            break;
        }
        pieces.pop();
    }
}

/// A template, and how its text is compared.
pub struct Template<'a> {
    pub pieces: &'a [Piece],
    pub place: Place,
    pub end: End,
    pub rules: &'a Rules,
}

impl Template<'_> {
    /// Returns the variables, if the characters match: the first match of a backtracking regex.
    pub fn holds(&self, text: &[Char], vars: &mut Vars) -> bool {
        let mut taken = Vec::new();
        let held = self.walk(self.pieces, text, &mut taken);
        if held {
            // A wildcard matches text without a capture.
            let named = taken.into_iter().filter(|(name, _)| !name.is_empty());
            vars.extend(named.map(|(name, chars)| (name.to_owned(), shown(chars))));
        }
        held
    }

    fn walk<'t>(
        &'t self,
        pieces: &'t [Piece],
        rest: &'t [Char],
        taken: &mut Vec<(&'t str, &'t [Char])>,
    ) -> bool {
        let Some((first, after)) = pieces.split_first() else {
            return match self.end {
                End::Exact => rest.is_empty(),
                End::Segments => rest.first().is_none_or(|char| self.divides(char)),
                End::Raw => true,
            };
        };
        match first {
            Piece::Text(expected) => {
                let canonical = self.place == Place::Path && self.rules.form == PathForm::Canonical;
                let kept = |c: char| canonical && !u8::try_from(c).is_ok_and(plain);
                let length = expected.chars().count();
                // In a segment of text alone an escape does not matter; beside a variable it makes data.
                let variable =
                    |piece: Option<&Piece>| matches!(piece, Some(Piece::Var(..) | Piece::Optional(..)));
                let place = self.pieces.len() - pieces.len();
                let begins = !variable(place.checked_sub(1).and_then(|before| self.pieces.get(before)));
                let ends = !variable(after.first()) && (self.end != End::Raw || !after.is_empty());
                let slashes: Vec<usize> =
                    expected.chars().enumerate().filter(|(_, c)| *c == '/').map(|(i, _)| i).collect();
                let alone = |i: usize| {
                    (begins || slashes.first().is_some_and(|slash| *slash < i))
                        && (ends || slashes.last().is_some_and(|slash| *slash > i))
                };
                let same = |(i, (c, char)): (usize, (char, &Char))| {
                    let loose = canonical && alone(i) && "!$&'()*+,;=:@".contains(c);
                    char.value == Some(c) && (loose || char.kept == kept(c))
                };
                rest.len() >= length
                    && expected.chars().zip(rest).enumerate().all(same)
                    && self.walk(after, &rest[length..], taken)
            }
            // The caller knows which of the two lengths of a template is meant.
            Piece::Var(name, class) | Piece::Optional(name, class) => {
                let depth = taken.len();
                self.lengths(*class, rest).into_iter().any(|length| {
                    taken.truncate(depth);
                    taken.push((name, &rest[..length]));
                    self.walk(after, &rest[length..], taken)
                })
            }
        }
    }

    fn divides(&self, char: &Char) -> bool {
        let separator = match self.place {
            Place::Path => '/',
            Place::Host => '.',
            Place::Query => return false,
        };
        char.value == Some(separator) && !char.kept
    }

    /// Returns the possible lengths of a variable, the preferred first.
    fn lengths(&self, class: Class, rest: &[Char]) -> Vec<usize> {
        let run = |takes: &dyn Fn(&Char) -> bool| rest.iter().take_while(|char| takes(char)).count();
        let one_of = |set: &'static str| move |char: &Char| char.value.is_some_and(|c| set.contains(c));
        let line = |char: &Char| char.value != Some('\n');
        let (least, most) = match class {
            Class::Plain if self.place == Place::Query && self.rules.gorilla => (0, run(&line)),
            Class::Plain | Class::One => (1, run(&|char| !self.divides(char))),
            Class::Digits => (1, run(&one_of("0123456789"))),
            Class::Letters => (1, run(&one_of("ab")).min(2)),
            Class::Tail | Class::Many => (1, rest.len()),
            Class::Dotted => (1, run(&one_of("ab."))),
            Class::Regex => {
                let host = text(rest);
                let (labels, last) = host.rsplit_once('.').unwrap_or(("a", &host));
                let holds = last == "b" && labels.split('.').all(|label| label == "a" || label == "b");
                return if holds { vec![rest.len()] } else { Vec::new() };
            }
            Class::Spanning => (0, run(&one_of("ab/"))),
            Class::Any => (0, run(&line)),
            Class::Maybe => (0, run(&one_of("a")).min(1)),
            Class::Word => {
                let starts = |word: &&str| {
                    word.chars().count() <= rest.len()
                        && word.chars().zip(rest).all(|(expected, char)| char.value == Some(expected))
                };
                return ["a", "b", "ab", "1"].iter().filter(|w| starts(w)).map(|w| w.len()).collect();
            }
        };
        (least..=most).rev().collect()
    }
}

/// Returns a value as a handler sees it; the marked text itself, if it is not UTF-8.
fn shown(chars: &[Char]) -> String {
    match chars.iter().map(|char| char.value).collect::<Option<String>>() {
        Some(value) => value,
        None => format!("!{}", text(chars)),
    }
}
