//! A set of path patterns, compared with the decoded path.

use std::borrow::Cow;

use matchit::InsertError;
use percent_encoding::percent_decode_str;

use crate::error::{Findings, Problem};
use crate::scope::globs::Glob;

/// Exact paths, whole-segment prefixes (`/a/*`), templates (`/users/{id}`) and globs (`/a/**/*.png`).
#[derive(Debug, Default)]
pub(crate) struct PathList {
    // One table refuses overlapping templates such as `/{a}/x` beside `/{b}`. Membership has no
    // need to know which one matched, so what one table refuses goes into the next.
    tables: Vec<matchit::Router<()>>,
    globs: Vec<Glob>,
}

impl PathList {
    /// Reads the patterns; each bad one becomes a finding under `setting[index]`.
    pub(crate) fn check(setting: &str, patterns: Vec<String>, findings: &mut Findings) -> Self {
        let mut list = Self::default();
        for (index, pattern) in patterns.into_iter().enumerate() {
            if let Err(why) = list.insert(&pattern) {
                findings.add(format!("{setting}[{index}]"), &pattern, Problem::Pattern(why));
            }
        }
        list
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.globs.is_empty()
    }

    /// Whether any pattern matches this path, given as [`canonical`] makes it.
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.tables.iter().any(|table| table.at(path).is_ok())
            || self.globs.iter().any(|glob| glob.matches(path))
    }

    fn insert(&mut self, pattern: &str) -> Result<(), String> {
        if !pattern.starts_with('/') {
            return Err("it does not begin with `/`".to_owned());
        }
        let template = escape(pattern)?;
        let prefix = template.strip_suffix("/*");
        if without_tail(prefix.unwrap_or(&template)).contains('*') {
            // At the end, too, `/*` holds what lies below as well as the place itself.
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

/// A template without matchit's own tail `{*name}`, whose star is no glob's.
fn without_tail(template: &str) -> &str {
    template.rfind("/{*").map_or(template, |at| &template[..at])
}

/// The path decoded segment by segment: an encoded `/` is data and stays `%2F`, and so does the
/// `%` that says so (`%25`); all other escapes are gone.
pub(crate) fn canonical(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut out = String::with_capacity(path.len());
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        // Bytes that are no UTF-8 become U+FFFD: they can match a variable, never a literal.
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

/// Patterns are written decoded, save for `%2F` and `%25`, which nothing else can say.
fn escape(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        out.push_str(match rest.get(at + 1..at + 3) {
            Some("2F" | "2f") => "%2F",
            Some("25") => "%25",
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

/// matchit's own words, in the shape of ours.
fn reason(error: &InsertError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
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
