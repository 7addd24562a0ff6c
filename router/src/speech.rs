//! Templates as regexes over decoded texts: what they match, said in one expression.

use crate::pattern::Texts;
use crate::template::constraint::in_grammar;
use crate::template::path::Ending;
use crate::template::piece::{Grammar, Kind, Piece, Place, Template, Wild};

/// The paths of a route; all of them, if it has no path.
pub(crate) fn path_regex(texts: &Texts, grammar: Grammar) -> String {
    let Some(path) = &texts.path else {
        return "(?s:.*)".to_owned();
    };
    let whole = regex(path, grammar);
    match (texts.ending, path.shortened()) {
        (Ending::Exact, Some(short)) => format!("(?:{whole}|{})", regex(&short, grammar)),
        (Ending::Exact, None) => whole,
        // A prefix by segments ends before its last `/`.
        (Ending::Segments, _) => format!("{}(?s:/.*)?", whole.trim_end_matches('/')),
        (Ending::Raw, _) => format!("{whole}(?s:.*)"),
    }
}

/// The hosts of a template, without a port.
pub(crate) fn host_regex(host: &Template, grammar: Grammar) -> String {
    let flags = if grammar == Grammar::Native { "(?i:" } else { "(?:" };
    format!("{flags}{})", regex(&bare_host(host), grammar))
}

/// A host template without its port and its final dot.
pub(crate) fn bare_host(host: &Template) -> Template {
    let mut bare = host.clone();
    if let Some(Piece::Text(last)) = bare.pieces.last_mut() {
        if let Some(colon) = last.rfind(':').filter(|&colon| !last[colon..].contains(']')) {
            last.truncate(colon);
        }
        last.truncate(last.strip_suffix('.').unwrap_or(last).len());
    }
    bare
}

/// The values of a query template.
pub(crate) fn query_regex(template: &Template, grammar: Grammar) -> String {
    regex(template, grammar)
}

fn regex(template: &Template, grammar: Grammar) -> String {
    let mut out = String::new();
    for piece in &template.pieces {
        match piece {
            Piece::Text(text) => out.push_str(&regex::escape(text)),
            Piece::Wild(Wild::One) => out.push_str("[^.]+"),
            Piece::Wild(Wild::Many) => out.push_str("(?s:.+)"),
            Piece::Wild(Wild::Regex(regex)) => out.push_str(&constrained(regex, grammar)),
            Piece::Var(var) => match &var.kind {
                Kind::Pattern(pattern) => out.push_str(&constrained(pattern, grammar)),
                Kind::Tail => out.push_str("(?s:.+)"),
                Kind::Plain => out.push_str(match template.place {
                    Place::Path => "[^/]+",
                    Place::Host => "[^.]+",
                    Place::Query => "(?s:.+)",
                }),
            },
        }
    }
    out
}

/// A constraint as a part of an expression.
pub(crate) fn constrained(pattern: &str, grammar: Grammar) -> String {
    let dot = if grammar == Grammar::Native { "(?s:" } else { "(?:" };
    format!("{dot}{})", in_grammar(pattern, grammar))
}
