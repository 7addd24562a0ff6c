//! A linear scan that shares no line with the table: strings split, compared, sorted.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use waylay_router::Precedence;

use crate::generate::{Ending, Part, QueryCase, RequestCase, RouteCase};

#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Route(usize, Vec<(String, String)>),
    Allow(BTreeSet<String>),
    Nothing(u16),
}

type Vars = Vec<(String, String)>;

pub fn answer(routes: &[RouteCase], request: &RequestCase, precedence: Precedence) -> Answer {
    let mut hits: Vec<(usize, Vars)> = Vec::new();
    let mut allow = BTreeSet::new();
    for (i, route) in routes.iter().enumerate() {
        let Some(vars) = all_but_method(route, request) else { continue };
        let methods = methods(route);
        if methods.is_empty() || methods.contains(request.method) {
            hits.push((i, vars));
        } else {
            allow.extend(methods.into_iter().map(str::to_owned));
        }
    }
    let best = hits.into_iter().min_by(|(a, _), (b, _)| {
        let order = match precedence {
            Precedence::Specific => key(&routes[*a]).cmp(&key(&routes[*b])),
            Precedence::Registration => Reverse(routes[*a].priority).cmp(&Reverse(routes[*b].priority)),
        };
        order.then(a.cmp(b))
    });
    match best {
        Some((i, vars)) => Answer::Route(i, vars),
        None if allow.is_empty() => Answer::Nothing(404),
        None => Answer::Allow(allow),
    }
}

fn methods(route: &RouteCase) -> BTreeSet<&'static str> {
    let mut methods: BTreeSet<&str> = route.methods.iter().copied().collect();
    if methods.contains("GET") {
        methods.insert("HEAD");
    }
    methods
}

fn all_but_method(route: &RouteCase, request: &RequestCase) -> Option<Vars> {
    let mut vars = path(route, request)?;
    if let Some(labels) = &route.host {
        let host = request.host?.to_ascii_lowercase();
        let host = host.split(':').next()?;
        let host = host.strip_suffix('.').unwrap_or(host);
        let names: Vec<&str> = host.split('.').collect();
        if names.len() != labels.len() {
            return None;
        }
        for (i, (label, name)) in labels.iter().zip(names).enumerate() {
            part(label, name, &format!("h{i}"), &mut vars)?;
        }
    }
    match (route.header, request.header) {
        (None, _) | (Some(None), Some(_)) => {}
        (Some(Some(wanted)), Some(value)) if wanted == value => {}
        _ => return None,
    }
    let values = request.queries.iter().filter(|(key, _)| matches!(*key, "q" | "%71"));
    let mut values = values.map(|(_, value)| value.replace('+', " ").replace("%20", " "));
    match route.query {
        None => {}
        Some(QueryCase::Present) => drop(values.next()?),
        Some(QueryCase::Equal(wanted)) => drop(values.find(|value| value == wanted)?),
        Some(QueryCase::Number) => {
            let number =
                values.find(|value| !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()))?;
            vars.push(("q".to_owned(), number));
        }
    }
    Some(vars)
}

fn path(route: &RouteCase, request: &RequestCase) -> Option<Vars> {
    let mut vars = Vec::new();
    let Some((parts, ending)) = &route.path else { return Some(vars) };
    let root = [""];
    let segments: &[&str] = if request.segments.is_empty() { &root } else { &request.segments };
    if segments.len() < parts.len() {
        return None;
    }
    for (i, (wanted, segment)) in parts.iter().zip(segments).enumerate() {
        part(wanted, &decode(segment), &format!("p{i}"), &mut vars)?;
    }
    let rest = &segments[parts.len()..];
    match ending {
        Ending::Exact if rest.is_empty() => {}
        Ending::Slash if rest == [""] => {}
        Ending::Prefix => {}
        Ending::Tail if !rest.is_empty() && rest != [""] => {
            vars.push(("rest".to_owned(), rest.iter().map(|s| decode(s)).collect::<Vec<_>>().join("/")));
        }
        _ => return None,
    }
    Some(vars)
}

fn decode(segment: &str) -> String {
    match segment {
        "caf%c3%a9" => "caf\u{e9}",
        "a%20b" => "a b",
        "a%2Fb" => "a/b",
        "%61" => "a",
        other => other,
    }
    .to_owned()
}

fn part(wanted: &Part, text: &str, name: &str, vars: &mut Vars) -> Option<()> {
    match wanted {
        Part::Literal(literal) => return (*literal == text).then_some(()),
        Part::Var if !text.is_empty() => vars.push((name.to_owned(), text.to_owned())),
        Part::Constrained(class) if class.holds(text) => vars.push((name.to_owned(), text.to_owned())),
        Part::Affixed(before, class, after) => {
            let inner = text.strip_prefix(before)?.strip_suffix(after)?;
            if inner.is_empty() || class.is_some_and(|class| !class.holds(inner)) {
                return None;
            }
            vars.push((name.to_owned(), inner.to_owned()));
        }
        Part::Two => {
            let dash =
                text.rmatch_indices('-').map(|(at, _)| at).find(|&at| at > 0 && at + 1 < text.len())?;
            vars.push((name.to_owned(), text[..dash].to_owned()));
            vars.push((format!("{name}b"), text[dash + 1..].to_owned()));
        }
        _ => return None,
    }
    Some(())
}

/// What DESIGN calls the rank, written down once more; smaller wins.
pub fn key(route: &RouteCase) -> impl Ord + Clone + use<> {
    let host = match &route.host {
        None => (2, Vec::new()),
        Some(labels) => {
            let exact = labels.iter().all(|label| matches!(label, Part::Literal(_)));
            (u8::from(!exact), labels.iter().rev().map(class).collect::<Vec<_>>())
        }
    };
    let mut path: Vec<_> = Vec::new();
    match &route.path {
        None => path.push((6, Reverse(0), true)),
        Some((parts, ending)) => {
            path.extend(parts.iter().map(class));
            match ending {
                Ending::Exact => {}
                Ending::Slash => path.push((1, Reverse(0), true)),
                Ending::Tail => path.push((5, Reverse(0), true)),
                Ending::Prefix => path.push((6, Reverse(0), true)),
            }
        }
    }
    let guards = [
        usize::from(!route.methods.is_empty()),
        usize::from(matches!(route.header, Some(Some(_)))),
        usize::from(route.header == Some(None)),
        usize::from(matches!(route.query, Some(QueryCase::Equal(_)))),
        usize::from(route.query == Some(QueryCase::Number)),
        usize::from(route.query == Some(QueryCase::Present)),
    ];
    let head_only = route.methods == ["HEAD"];
    (Reverse(route.priority), host, path, Reverse(guards), Reverse(head_only))
}

/// Literal, text around a variable (more text first), constrained, plain.
fn class(part: &Part) -> (u8, Reverse<usize>, bool) {
    match part {
        Part::Literal(_) => (1, Reverse(0), true),
        Part::Affixed(before, class, after) => (2, Reverse(before.len() + after.len()), class.is_none()),
        Part::Two => (2, Reverse(1), true),
        Part::Constrained(_) => (3, Reverse(0), false),
        Part::Var => (4, Reverse(0), true),
    }
}
