//! The rank of routes as the guide describes it, implemented a second time; the lesser ranks first.

use std::cmp::Reverse;

use waylay_router::Precedence;

use crate::model::{Class, Cond, Header, Host, Level, Piece, Query, TableCase};
use crate::naive::{allowed, joined};
use crate::text::End;

const PREFIX: u8 = 7;

/// Literal, affixed (more text first), constrained, plain, optional, tail, prefix.
type Part = (u8, Reverse<usize>, Reverse<bool>);

/// Class, labels from the right, with a port.
type HostKey = (u8, Vec<Part>, Reverse<bool>);

/// The number of conditions, then those of each kind.
type Conditions = (usize, [usize; 13]);

/// Priority, place, host, slash variant, path, conditions, HEAD alone.
pub type Key = (Reverse<i32>, usize, HostKey, bool, Vec<Part>, Reverse<Conditions>, Reverse<bool>);

pub fn key(case: &TableCase, place: usize, slash_variant: bool) -> Key {
    let route = &case.routes[place];
    let chain = case.chain(route.scope, &route.own);
    let methods = chain.iter().any(|level| !level.methods.is_empty());
    let head_only = methods && allowed(case, &chain) == ["HEAD"];
    let own = (route.priority, place, methods, head_only);
    of(case, &chain, false, slash_variant, own)
}

/// Deeper scopes come first.
pub fn scope_key(case: &TableCase, place: usize) -> Key {
    let scope = &case.scopes[place];
    let chain = case.chain(scope.parent, &scope.own);
    let depth = i32::try_from(chain.len()).unwrap();
    let methods = chain.iter().any(|level| !level.methods.is_empty());
    let head_only = methods && allowed(case, &chain) == ["HEAD"];
    of(case, &chain, true, false, (depth, place, methods, head_only))
}

fn of(
    case: &TableCase,
    chain: &[&Level],
    scope: bool,
    slash_variant: bool,
    (priority, place, methods, head_only): (i32, usize, bool, bool),
) -> Key {
    let priority = Reverse(priority);
    if case.rules.precedence == Precedence::RegistrationOrder {
        let host = (0, Vec::new(), Reverse(false));
        return (priority, place, host, slash_variant, Vec::new(), Reverse((0, [0; 13])), Reverse(false));
    }
    let host = match chain.iter().flat_map(|level| &level.hosts).next_back() {
        None => (3, Vec::new(), Reverse(false)),
        Some(host) => host_key(case, host),
    };
    let path = match joined(case, chain, scope).flatten() {
        // No path is the prefix `/`.
        None => vec![(1, Reverse(0), Reverse(false)), (PREFIX, Reverse(0), Reverse(false))],
        Some((pieces, end)) => {
            let mut parts = parts(&pieces, '/');
            if end == End::Raw
                && let Some(last @ (1, ..)) = parts.pop()
            {
                // A text that may go on within its segment is the beginning of a tail.
                let text = match pieces.last() {
                    Some(Piece::Text(text)) => text.rsplit('/').next().unwrap().len(),
                    _ => 0,
                };
                parts.extend((text > 0).then_some((6, Reverse(text), last.2)));
            } else if end == End::Raw {
                parts = self::parts(&pieces, '/');
            }
            if end != End::Exact {
                parts.push((PREFIX, Reverse(0), Reverse(false)));
            }
            parts
        }
    };
    (priority, 0, host, slash_variant, path, Reverse(conditions(case, chain, methods)), Reverse(head_only))
}

fn host_key(case: &TableCase, host: &Host) -> HostKey {
    let port = Reverse(host.port.is_some());
    let spans = |piece: &Piece| matches!(piece, Piece::Var(_, Class::Any | Class::Maybe));
    if matches!(host.pieces[..], [Piece::Var(_, Class::Regex)]) {
        return (2, Vec::new(), port);
    }
    if case.rules.gorilla && (host.pieces.iter().any(spans) || (host.port.is_some() && !exact(&host.pieces)))
    {
        return (2, Vec::new(), port);
    }
    let mut pieces = host.pieces.clone();
    if let Some(Piece::Text(text)) = pieces.last_mut()
        && text.ends_with('.')
    {
        text.pop();
    }
    pieces.extend(host.port.map(|port| Piece::Text(format!(":{port}"))));
    let mut parts = parts(&pieces, '.');
    parts.reverse();
    (u8::from(!exact(&pieces)), parts, port)
}

fn exact(pieces: &[Piece]) -> bool {
    pieces.iter().all(|piece| matches!(piece, Piece::Text(_)))
}

fn parts(pieces: &[Piece], separator: char) -> Vec<Part> {
    let mut parts: Vec<(String, Vec<Class>)> = vec![(String::new(), Vec::new())];
    let mut optional = false;
    for piece in pieces {
        match piece {
            Piece::Var(_, class) => parts.last_mut().unwrap().1.push(*class),
            Piece::Optional(_, class) => {
                optional = true;
                parts.last_mut().unwrap().1.push(*class);
            }
            Piece::Text(text) => {
                for (i, run) in text.split(separator).enumerate() {
                    if i > 0 {
                        parts.push((String::new(), Vec::new()));
                    }
                    parts.last_mut().unwrap().0.push_str(run);
                }
            }
        }
    }
    let mut parts: Vec<Part> = parts.into_iter().map(|(text, classes)| part(text.len(), &classes)).collect();
    if let Some(last) = parts.last_mut().filter(|_| optional) {
        last.0 = 5;
    }
    parts
}

fn part(text: usize, classes: &[Class]) -> Part {
    let tail = |class: &Class| match class {
        Class::Tail | Class::Spanning | Class::Any | Class::Maybe | Class::Many | Class::Dotted => true,
        Class::Plain | Class::Digits | Class::Letters | Class::Word | Class::One | Class::Regex => false,
    };
    let constrained = classes.iter().any(|class| class.regex().is_some());
    let kind = match (classes, text) {
        ([], _) => return (1, Reverse(0), Reverse(false)),
        (some, _) if some.iter().any(tail) => 6,
        (_, 1..) => 2,
        _ if constrained => 3,
        _ => 4,
    };
    (kind, Reverse(text), Reverse(constrained))
}

fn conditions(case: &TableCase, chain: &[&Level], methods: bool) -> Conditions {
    let mut counts = [0; 13];
    counts[0] = usize::from(methods);
    let mut number = counts[0];
    for cond in chain.iter().flat_map(|level| &level.conds) {
        let place = match cond {
            Cond::Slash(_) => continue,
            Cond::Scheme(_) => 1,
            Cond::Header(_, Header::Exact("")) if case.rules.gorilla => 4,
            Cond::Header(_, Header::Exact(_)) => 2,
            Cond::Header(_, Header::Regex | Header::All) => 3,
            Cond::Header(_, Header::Present) => 4,
            Cond::Query(_, Query::Exact("")) if case.rules.gorilla => 7,
            Cond::Query(_, Query::Exact(_)) => 5,
            Cond::Query(_, Query::Template(_) | Query::Regex) => 6,
            Cond::Query(_, Query::Present) => 7,
            Cond::Cookie(..) => 8,
            Cond::ContentType(_) | Cond::Accept(_) => 9,
            Cond::Client(any) => {
                // The widest of each level, the narrowest of these.
                let bits = any.iter().map(|net| match *net {
                    "::/0" => 1,
                    "10.0.0.0/8" => 9,
                    "10.1.0.0/16" => 17,
                    _ => 33,
                });
                counts[10] = counts[10].max(bits.min().unwrap_or(0));
                number += 1;
                continue;
            }
            Cond::Header(_, Header::Absent) | Cond::Query(_, Query::Absent) => 12,
        };
        counts[place] += 1;
        number += 1;
    }
    (number, counts)
}
