//! What cannot be asked for: each such key of a line, by its place.

use crate::case::{Case, Dialect, Entry, Settings};

/// A key that is known but not supported, and where it stands (`routes[2].children[0].mount`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsupported {
    pub(crate) key: String,
    pub(crate) place: String,
}

/// The keys of a line that ask for what the router cannot do in the line's dialect; they are never
/// passed over in silence.
pub(crate) fn unsupported(case: &Case, dialect: Dialect) -> Vec<Unsupported> {
    let mut gaps = Gaps { gorilla: dialect == Dialect::Gorilla, found: Vec::new() };
    gaps.entries("routes", &case.routes);
    gaps.found
}

struct Gaps {
    gorilla: bool,
    found: Vec<Unsupported>,
}

impl Gaps {
    fn keys<const N: usize>(&mut self, place: &str, keys: [(&str, bool); N]) {
        for (key, _) in keys.into_iter().filter(|(_, asked)| *asked) {
            self.found.push(Unsupported { key: key.to_owned(), place: format!("{place}.{key}") });
        }
    }

    /// What a router can say, but no scope in it.
    fn sub(&mut self, place: &str, settings: &Settings) {
        self.keys(
            place,
            [
                ("dialect", settings.dialect.is_some()),
                ("precedence", settings.precedence.is_some()),
                ("use_encoded_path", settings.use_encoded_path),
                ("omit_route", settings.omit_route),
                ("cors", settings.cors),
                // gorilla/mux cleans before it looks at any subrouter: there the switch does nothing.
                ("skip_clean", settings.skip_clean && !self.gorilla),
            ],
        );
    }

    fn entries(&mut self, place: &str, entries: &[Entry]) {
        for (i, entry) in entries.iter().enumerate() {
            self.entry(&format!("{place}[{i}]"), entry);
        }
    }

    fn entry(&mut self, place: &str, entry: &Entry) {
        if !self.gorilla {
            self.keys(
                place,
                [
                    ("handler", entry.handler),
                    ("no_handler", entry.no_handler),
                    ("mount", entry.mount.is_some()),
                ],
            );
        }
        let is_path =
            |words: &&Vec<String>| words.first().is_some_and(|word| word == "path" || word == "prefix");
        let paths = usize::from(entry.path.is_some())
            + usize::from(entry.prefix.is_some())
            + entry.extra.iter().filter(is_path).count();
        let flags = [
            ("path with another path", paths > 1 && !self.gorilla),
            ("path with children", entry.is_scope() && entry.path.is_some() && !self.gorilla),
            ("path after the scope", entry.after.iter().any(|words| is_path(&words))),
        ];
        for (key, _) in flags.into_iter().filter(|(_, asked)| *asked) {
            self.found.push(Unsupported { key: key.to_owned(), place: format!("{place}: {key}") });
        }
        if let Some(sub) = &entry.sub {
            self.sub(&format!("{place}.sub"), sub);
        }
        self.entries(&format!("{place}.children"), entry.children.as_deref().unwrap_or_default());
        self.entries(&format!("{place}.mount"), entry.mount.as_deref().unwrap_or_default());
    }
}
