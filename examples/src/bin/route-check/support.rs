//! What the router cannot do yet: each such key of a line, by its place.

use crate::case::{Case, Dialect, Entry, Off, Settings};

/// A key that is known but not supported, and where it stands (`routes[2].children[0].mount`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsupported {
    pub(crate) key: String,
    pub(crate) place: String,
}

/// The keys of a line that ask for what the router cannot do; they are never passed over in silence.
pub(crate) fn unsupported(case: &Case, dialect: Dialect) -> Vec<Unsupported> {
    let mut gaps = Gaps { dialect, found: Vec::new() };
    if !matches!(dialect, Dialect::Native | Dialect::Gorilla) {
        gaps.found.push(Unsupported {
            key: format!("dialect {}", dialect.name()),
            place: format!("dialect {}", dialect.name()),
        });
    }
    gaps.settings("router", &case.router);
    gaps.entries("routes", &case.routes);
    for (i, request) in case.requests.iter().enumerate() {
        gaps.offs(&format!("requests[{i}]"), [("raw_query", request.raw_query)]);
    }
    gaps.found
}

struct Gaps {
    dialect: Dialect,
    found: Vec<Unsupported>,
}

impl Gaps {
    fn push(&mut self, place: &str, key: &str) {
        self.found.push(Unsupported { key: key.to_owned(), place: format!("{place}.{key}") });
    }

    fn offs<const N: usize>(&mut self, place: &str, keys: [(&str, Off); N]) {
        keys.into_iter().filter(|(_, off)| off.asked).for_each(|(key, _)| self.push(place, key));
    }

    fn settings(&mut self, place: &str, settings: &Settings) {
        self.offs(
            place,
            [
                ("omit_route", settings.omit_route),
                ("not_found", settings.not_found),
                ("method_not_allowed", settings.method_not_allowed),
                ("middlewares", settings.middlewares),
                ("cors", settings.cors),
            ],
        );
    }

    fn sub(&mut self, place: &str, settings: &Settings) {
        self.settings(place, settings);
        let flags = [
            ("dialect", settings.dialect.is_some()),
            ("precedence", settings.precedence.is_some()),
            ("use_encoded_path", settings.use_encoded_path),
            // gorilla/mux cleans before it looks at any subrouter: there the switch does nothing.
            ("skip_clean", settings.skip_clean && self.dialect != Dialect::Gorilla),
        ];
        flags.into_iter().filter(|(_, asked)| *asked).for_each(|(key, _)| self.push(place, key));
    }

    fn entries(&mut self, place: &str, entries: &[Entry]) {
        for (i, entry) in entries.iter().enumerate() {
            self.entry(&format!("{place}[{i}]"), entry);
        }
    }

    fn entry(&mut self, place: &str, entry: &Entry) {
        self.offs(
            place,
            [
                ("rule", entry.rule),
                ("sealed", entry.sealed),
                ("middlewares", entry.middlewares),
                ("handler", entry.handler),
                ("no_handler", entry.no_handler),
                ("mount", entry.mount),
                ("after", entry.after),
                ("build_vars", entry.build_vars),
                ("name2", entry.name2),
            ],
        );
        let paths = usize::from(entry.path.is_some())
            + usize::from(entry.prefix.is_some())
            + entry.extra.iter().filter(|words| words.first().is_some_and(|word| word == "path")).count();
        let is_scope = entry.children.is_some() || entry.subrouter;
        let flags = [
            ("path with another path", paths > 1),
            ("path with children", is_scope && entry.path.is_some()),
            ("empty methods", entry.methods.as_ref().is_some_and(Vec::is_empty)),
        ];
        for (key, _) in flags.into_iter().filter(|(_, asked)| *asked) {
            self.found.push(Unsupported { key: key.to_owned(), place: format!("{place}: {key}") });
        }
        for (i, words) in entry.extra.iter().enumerate() {
            let word = words.first().map_or("", String::as_str);
            if !matches!(
                word,
                "host" | "path" | "prefix" | "methods" | "schemes" | "queries" | "headers" | "headers_regexp"
            ) {
                let key = format!("extra {word}");
                self.found.push(Unsupported { key, place: format!("{place}.extra[{i}]") });
            }
        }
        if let Some(sub) = &entry.sub {
            self.sub(&format!("{place}.sub"), sub);
        }
        self.entries(&format!("{place}.children"), entry.children.as_deref().unwrap_or_default());
    }
}
