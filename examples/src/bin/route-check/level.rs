//! The conditions of a route in layers: each is a conjunction that one route or scope can hold.

use http::Method;
use waylay_router::{Bounds, Route};

use crate::case::{Dialect, Entry};

/// Conditions that stand side by side on one route or scope.
#[derive(Debug, Clone, Default)]
pub(crate) struct Level {
    host: Option<String>,
    path: Option<String>,
    prefix: Option<String>,
    methods: Vec<Method>,
    schemes: Vec<String>,
    queries: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    headers_regexp: Vec<(String, String)>,
}

/// Routes and bounds have the same setters, but no trait of them.
macro_rules! conditions {
    ($item:expr, $level:expr) => {{
        let (mut item, level): (_, &Level) = ($item, $level);
        for method in &level.methods {
            item = item.method(method.clone());
        }
        if let Some(host) = &level.host {
            item = item.host(host);
        }
        for scheme in &level.schemes {
            item = item.scheme(scheme);
        }
        for (name, value) in &level.headers {
            // In the format, as in gorilla/mux, an empty text asks for presence.
            item = if value.is_empty() { item.header_present(name) } else { item.header(name, value) };
        }
        for (name, regex) in &level.headers_regexp {
            item = item.header_regex(name, regex);
        }
        for (key, value) in &level.queries {
            item = if value.is_empty() { item.query_present(key) } else { item.query(key, value) };
        }
        item
    }};
}

impl Level {
    /// The layers of an entry, outermost first; there is at least one.
    ///
    /// The path comes innermost, since a scope holds prefixes only.
    pub(crate) fn all(entry: &Entry, dialect: Dialect) -> Result<Vec<Self>, String> {
        let own = Self {
            host: entry.host.clone(),
            path: None,
            prefix: entry.prefix.clone(),
            methods: methods(entry.methods.as_deref().unwrap_or_default(), dialect)?,
            schemes: entry.schemes.clone(),
            queries: entry.queries.clone(),
            headers: last_wins(&entry.headers, dialect),
            headers_regexp: last_wins(&entry.headers_regexp, dialect),
        };
        let mut path = entry.path.clone();
        let mut levels = vec![own];
        for words in &entry.extra {
            let level = Self::extra(words, dialect)?;
            path = level.path.clone().or(path);
            levels.push(Self { path: None, ..level });
        }
        match levels.as_mut_slice() {
            [only] => only.path = path,
            _ if path.is_some() => levels.push(Self { path, ..Self::default() }),
            _ => {}
        }
        Ok(levels)
    }

    fn extra(words: &[String], dialect: Dialect) -> Result<Self, String> {
        let (word, args) = words.split_first().ok_or("an `extra` condition is empty")?;
        let one = || match args {
            [arg] => Ok(Some(arg.clone())),
            _ => Err(format!("extra `{word}` takes one argument")),
        };
        let pairs = || match args.as_chunks::<2>() {
            (pairs, []) => Ok(pairs.iter().cloned().map(<(String, String)>::from).collect::<Vec<_>>()),
            _ => Err(format!("extra `{word}` takes pairs of arguments")),
        };
        let mut level = Self::default();
        match word.as_str() {
            "host" => level.host = one()?,
            "path" => level.path = one()?,
            "prefix" => level.prefix = one()?,
            "methods" => level.methods = methods(args, dialect)?,
            "schemes" => level.schemes = args.to_vec(),
            "queries" => level.queries = pairs()?,
            "headers" => level.headers = last_wins(&pairs()?, dialect),
            "headers_regexp" => level.headers_regexp = last_wins(&pairs()?, dialect),
            _ => return Err(format!("extra `{word}` is not known")),
        }
        Ok(level)
    }

    /// A scope with these conditions.
    pub(crate) fn bounds(&self) -> Bounds {
        let bounds = Bounds::new();
        let bounds = match &self.prefix {
            Some(prefix) => bounds.prefix(prefix),
            None => bounds,
        };
        conditions!(bounds, self)
    }

    /// A route with these conditions.
    pub(crate) fn route(&self) -> Route {
        let route = match (&self.path, &self.prefix) {
            (Some(path), _) => Route::any(path),
            (None, Some(prefix)) => Route::prefix(prefix),
            (None, None) => Route::new(),
        };
        conditions!(route, self)
    }
}

fn methods(texts: &[String], dialect: Dialect) -> Result<Vec<Method>, String> {
    let read = |text: &String| {
        let upper = (dialect == Dialect::Gorilla).then(|| text.to_ascii_uppercase());
        let text = upper.as_deref().unwrap_or(text);
        Method::from_bytes(text.as_bytes()).map_err(|_| format!("`{text}` is no method"))
    };
    texts.iter().map(read).collect()
}

/// gorilla/mux keeps the pairs of one call in a map: the last of a name wins.
fn last_wins(pairs: &[(String, String)], dialect: Dialect) -> Vec<(String, String)> {
    let again =
        |i: usize, name: &str| pairs[i + 1..].iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let kept = pairs.iter().enumerate();
    kept.filter(|(i, (name, _))| dialect != Dialect::Gorilla || !again(*i, name))
        .map(|(_, pair)| pair.clone())
        .collect()
}
