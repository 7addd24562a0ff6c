//! PathList: path templates and globs.

use std::borrow::Cow;

use matchit::InsertError;
use percent_encoding::percent_decode_str;

use crate::config::error::{ErrorCollector, FaultErrorKind};

/// Exact paths, whole-segment prefixes (`/a/*`), templates (`/users/{id}`) and globs
/// (`/a/**/*.png`).
#[derive(Debug, Default)]
pub(crate) struct PathList {
    // One table rejects overlapping templates such as `/{a}/x` beside `/{b}`. A list does not need
    // to know which one matched, so a rejected template goes into the next table.
    tables: Vec<matchit::Router<()>>,
    globs: Vec<Glob>,
}

impl PathList {
    /// Parses the patterns; each invalid one is reported under `setting[index]`.
    pub(crate) fn check(setting: &str, patterns: Vec<String>, errors: &mut ErrorCollector) -> Self {
        let mut list = Self::default();
        for (index, pattern) in patterns.into_iter().enumerate() {
            if let Err(why) = list.insert(&pattern) {
                errors.add(format!("{setting}[{index}]"), &pattern, FaultErrorKind::Pattern(why));
            }
        }
        list
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.globs.is_empty()
    }

    /// Tests whether a pattern matches this [`canonical`] path.
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.tables.iter().any(|table| table.at(path).is_ok())
            || self.globs.iter().any(|glob| glob.matches(path))
    }

    fn insert(&mut self, pattern: &str) -> Result<(), String> {
        if !pattern.starts_with('/') {
            return Err("it does not begin with `/`".to_owned());
        }
        check_template(pattern)?;
        let template = escape(pattern)?;
        let prefix = template.strip_suffix("/*");
        if without_tail(prefix.unwrap_or(&template)).contains('*') {
            // At the end, `/*` contains the path itself as well as all paths below it.
            let glob = prefix.map_or_else(|| template.clone(), |prefix| format!("{prefix}/**"));
            self.globs.push(Glob::read(&glob)?);
            return Ok(());
        }
        let Some(prefix) = prefix else { return self.insert_template(template) };
        if !prefix.is_empty() {
            self.insert_template(prefix.to_owned())?;
        }
        self.insert_template(format!("{prefix}/"))?;
        self.insert_template(format!("{prefix}/{{*rest}}"))
    }

    fn insert_template(&mut self, template: String) -> Result<(), String> {
        for table in &mut self.tables {
            match table.insert(template.as_str(), ()) {
                Ok(()) => return Ok(()),
                Err(InsertError::Conflict { .. }) => {}
                Err(error) => return Err(reason(&error)),
            }
        }
        let mut table = matchit::Router::new();
        table.insert(template, ()).map_err(|error| reason(&error))?;
        self.tables.push(table);
        Ok(())
    }
}

/// Returns a template without matchit's tail `{*name}`, whose star is not a glob.
fn without_tail(template: &str) -> &str {
    template.rfind("/{*").map_or(template, |at| &template[..at])
}

/// Decodes the path segment by segment: an encoded `/` is data and stays `%2F`, and an encoded `%`
/// stays `%25`; all other escapes are decoded.
pub(crate) fn canonical(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut out = String::with_capacity(path.len());
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        // Bytes that are not UTF-8 become U+FFFD: they can match a variable, never a literal.
        for c in percent_decode_str(segment).decode_utf8_lossy().chars() {
            match c {
                '/' => out.push_str("%2F"),
                '%' => out.push_str("%25"),
                c => out.push(c),
            }
        }
    }
    Cow::Owned(out)
}

/// Rejects what a path cannot contain, and what other routers mean by a variable.
fn check_template(pattern: &str) -> Result<(), String> {
    if let Some(at) = pattern.find(['?', '#']) {
        let mark = &pattern[at..=at];
        let escape = if mark == "?" { "%3F" } else { "%23" };
        return Err(format!(
            "a path ends before `{mark}`; leave out what follows, or write `{escape}` for the character"
        ));
    }
    check_variables(pattern, |name| {
        if name.contains(':') {
            return Err("a variable has no expression here; write `{name}`".to_owned());
        }
        let name = name.strip_prefix('*').unwrap_or(name);
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
        if is_name { Ok(()) } else { Err("a variable is written `{name}`, a tail `{*name}`".to_owned()) }
    })?;
    check_foreign(pattern)
}

/// Rejects the variables of other routers: `:name` and `<name>`.
pub(crate) fn check_foreign(template: &str) -> Result<(), String> {
    for segment in template.split('/').skip(1) {
        let name = segment.strip_prefix(':').or_else(|| segment.strip_prefix('<')?.strip_suffix('>'));
        let Some(name) = name.filter(|name| name.starts_with(|c: char| c.is_alphabetic() || c == '_')) else {
            continue;
        };
        let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        return Err(format!(
            "`{segment}` is no variable; write `{{{name}}}`, or `%3A` and `%3C` for `:` and `<`"
        ));
    }
    Ok(())
}

/// Checks that braces are balanced, and what is in each pair of them.
pub(crate) fn check_variables(
    template: &str,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<(), String> {
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (brace, after) = (&rest[at..=at], &rest[at + 1..]);
        if let Some(after) = after.strip_prefix(brace) {
            rest = after;
        } else if brace == "}" {
            return Err("a `}` without its `{` is written `}}`".to_owned());
        } else {
            // An expression may have braces of its own.
            let mut depth = 1_usize;
            let end = after.find(|c| {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                depth == 0
            });
            let Some(end) = end else {
                return Err("a `{` without its `}` is written `{{`; a variable is `{name}`".to_owned());
            };
            check(&after[..end])?;
            rest = &after[end + 1..];
        }
    }
    Ok(())
}

/// Patterns are written decoded, except for `%2F` and `%25`.
fn escape(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        out.push_str(match rest.get(at + 1..at + 3) {
            Some("2F" | "2f") => "%2F",
            Some("25") => "%25",
            // Characters with a meaning in templates.
            Some("3A" | "3a") => ":",
            Some("3C" | "3c") => "<",
            Some("3F" | "3f") => "?",
            Some("23") => "#",
            _ => {
                let column = pattern.len() - rest.len() + at + 1;
                return Err(format!(
                    "write it decoded (`/a b`, not `/a%20b`); only `%2F` and `%25` keep their escape (byte {column})"
                ));
            }
        });
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Returns matchit's message in lower case.
fn reason(error: &InsertError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// A glob, segment by segment.
#[derive(Debug)]
pub(crate) struct Glob(Vec<Part>);

#[derive(Debug)]
enum Part {
    /// `**`: any number of whole segments, or none.
    Segments,
    /// One segment, as a sequence of tokens.
    Segment(Vec<Token>),
}

#[derive(Debug, PartialEq)]
enum Token {
    Literal(char),
    /// `*`: any text within the segment, or none.
    Star,
    /// `{name}`: at least one character.
    Variable,
}

impl Glob {
    /// Parses a pattern whose escapes are [canonical](crate::fault::filter::path::canonical).
    pub(crate) fn read(pattern: &str) -> Result<Self, String> {
        let mut parts: Vec<Part> = Vec::new();
        for segment in pattern.split('/').skip(1) {
            match segment {
                // Two in a row equal one, but take more time to fail.
                "**" if matches!(parts.last(), Some(Part::Segments)) => {}
                "**" => parts.push(Part::Segments),
                _ if segment.contains("**") => {
                    return Err("`**` matches whole segments; write it between slashes".to_owned());
                }
                _ => parts.push(Part::Segment(tokens(segment)?)),
            }
        }
        Ok(Self(parts))
    }

    /// Tests whether it matches this [`canonical`](crate::fault::filter::path::canonical) path.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else { return false };
        let segments: Vec<&str> = path.split('/').collect();
        matches_wildcards(
            &self.0,
            &segments,
            |part| matches!(part, Part::Segments),
            |part, segment| match part {
                Part::Segments => false,
                Part::Segment(tokens) => segment_matches(tokens, segment),
            },
        )
    }
}

fn segment_matches(tokens: &[Token], segment: &str) -> bool {
    let letters: Vec<char> = segment.chars().collect();
    matches_wildcards(
        tokens,
        &letters,
        |token| *token == Token::Star,
        |token, letter| match token {
            Token::Literal(wanted) => wanted == letter,
            Token::Star => false,
            Token::Variable => true,
        },
    )
}

/// Matches items with a pattern in which some parts match any number of items. Only the last such
/// part is retried, so the time is at most the product of the lengths.
fn matches_wildcards<P, T>(
    pattern: &[P],
    items: &[T],
    is_wild: impl Fn(&P) -> bool,
    is_equal: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut part, mut item) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    while item < items.len() {
        match pattern.get(part) {
            Some(next) if is_wild(next) => {
                again = Some((part, item));
                part += 1;
            }
            Some(next) if is_equal(next, &items[item]) => {
                part += 1;
                item += 1;
            }
            _ => {
                let Some((back, from)) = again else { return false };
                again = Some((back, from + 1));
                part = back + 1;
                item = from + 1;
            }
        }
    }
    pattern[part..].iter().all(is_wild)
}

fn tokens(segment: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut letters = segment.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '*' => tokens.push(Token::Star),
            '{' | '}' if letters.peek() == Some(&letter) => {
                letters.next();
                tokens.push(Token::Literal(letter));
            }
            '{' => {
                let name: String = letters.by_ref().take_while(|letter| *letter != '}').collect();
                if name.is_empty() || !segment.contains('}') || name.contains(['*', '{']) {
                    return Err("a variable is written `{name}`".to_owned());
                }
                // A character, then any text.
                tokens.extend([Token::Variable, Token::Star]);
            }
            '}' => return Err("a `}` without its `{` is written `}}`".to_owned()),
            letter => tokens.push(Token::Literal(letter)),
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_keeps_encoded_slashes_apart() {
        for (path, wanted) in [
            ("/a/b", "/a/b"),
            ("/%61", "/a"),
            ("/a%20b/c", "/a b/c"),
            ("/a%2Fb", "/a%2Fb"),
            ("/a%2fb", "/a%2Fb"),
            ("/a%252Fb", "/a%252Fb"),
            ("/100%25", "/100%25"),
            ("/%zz", "/%25zz"),
            ("/%", "/%25"),
            ("/%ff", "/\u{fffd}"),
            ("*", "*"),
            ("", ""),
        ] {
            assert_eq!(canonical(path), wanted, "{path}");
        }
    }
}
