//! Each condition other than the path, in its simplest implementation.

use waylay_router::QueryValues;

use crate::model::{Cond, Header, Host, Piece, Query, TableCase};
use crate::requests::TestRequest;
use crate::text::{self, Char, End, Place, Template, Vars};

/// A request as the conditions see it.
pub struct Seen<'a> {
    pub sent: &'a TestRequest,
    pub path: Vec<Char>,
    pub whole: String,
    pub host: Option<(String, Option<u16>)>,
}

pub fn host_holds(case: &TableCase, host: &Host, seen: &Seen<'_>, vars: &mut Vars) -> Option<()> {
    let rules = &case.rules;
    let (name, port) = seen.host.as_ref()?;
    let mut pieces = host.pieces.clone();
    if !rules.gorilla {
        for piece in &mut pieces {
            if let Piece::Text(text) = piece {
                *text = text.to_ascii_lowercase();
            }
        }
        if let Some(Piece::Text(text)) = pieces.last_mut()
            && text.ends_with('.')
        {
            text.pop();
        }
    }
    if host.port.is_some() && host.port != *port {
        return None;
    }
    let template = Template { pieces: &pieces, place: Place::Host, end: End::Exact, rules };
    template.holds(&text::host(name), vars).then_some(())
}

pub fn holds(case: &TableCase, cond: &Cond, seen: &Seen<'_>, vars: &mut Vars) -> bool {
    let sent = seen.sent;
    match cond {
        Cond::Slash(_) => true,
        Cond::ContentType(any) => sent.carries(any),
        Cond::Accept(any) => sent.accepts(any),
        Cond::Scheme(any) => {
            let described =
                if case.rules.gorilla { sent.absolute.as_ref().map(|(scheme, _)| *scheme) } else { None };
            described.or(sent.scheme).is_some_and(|scheme| any.contains(&scheme))
        }
        Cond::Client(any) => sent.client.is_some_and(|client| any.iter().any(|net| within(net, client))),
        Cond::Header(name, want) => {
            let mut values = sent.values(name);
            match want {
                Header::Present => values.next().is_some(),
                Header::Absent => values.next().is_none(),
                Header::Exact("") if case.rules.gorilla => values.next().is_some(),
                Header::Exact(expected) => values.any(|value| value == *expected),
                Header::All => {
                    let values: Vec<_> = values.collect();
                    let fits = |value: &&str| {
                        let letter = |c: char| "ab".contains(c);
                        if case.rules.gorilla {
                            value.contains(letter)
                        } else {
                            !value.is_empty() && value.chars().all(letter)
                        }
                    };
                    !values.is_empty() && values.iter().all(fits)
                }
                Header::Regex if case.rules.gorilla => values.any(|value| value.contains(['a', 'b'])),
                Header::Regex => {
                    values.any(|value| !value.is_empty() && value.chars().all(|c| "ab".contains(c)))
                }
            }
        }
        Cond::Cookie(name, want) => {
            let lines: Vec<_> = sent.values("cookie").collect();
            let pairs = lines.iter().flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
            let mut values = pairs.filter(|(key, _)| key.trim() == *name).map(|(_, value)| value.trim());
            values.any(|value| want.is_none_or(|want| value == want))
        }
        Cond::Query(key, want) => query_holds(case, key, want, sent, vars),
    }
}

/// Only the networks of the generator, by their text.
fn within(net: &str, client: &str) -> bool {
    match net {
        "10.0.0.0/8" => client.starts_with("10."),
        "10.1.0.0/16" => client.starts_with("10.1."),
        "::/0" => client.contains(':'),
        one => client == one,
    }
}

fn query_holds(case: &TableCase, key: &str, want: &Query, sent: &TestRequest, vars: &mut Vars) -> bool {
    let rules = &case.rules;
    let first = rules.query == QueryValues::First;
    let whole = sent.query.as_deref().unwrap_or("");
    let whole = if first { whole.replace(';', "&") } else { whole.to_owned() };
    let pairs: Vec<(&str, &str)> =
        whole.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
    let said = |chars: &[Char]| chars.iter().map(|char| char.value).collect::<Option<String>>();
    let named =
        pairs.iter().filter(|(name, _)| text::value(name).and_then(|n| said(&n)).as_deref() == Some(key));
    if *want == Query::Absent {
        return named.count() == 0;
    }
    let values: Vec<Vec<Char>> = named.filter_map(|(_, value)| text::value(value)).collect();
    let taken = if first { &values[..values.len().min(1)] } else { &values[..] };
    taken.iter().any(|value| match want {
        Query::Absent | Query::Present => true,
        Query::Exact("") if rules.gorilla => true,
        Query::Exact(expected) => said(value).as_deref() == Some(*expected),
        Query::Regex => said(value).is_some_and(|value| {
            let letter = |c: char| "ab".contains(c);
            if rules.gorilla {
                value.contains(letter)
            } else {
                !value.is_empty() && value.chars().all(letter)
            }
        }),
        Query::Template(pieces) => {
            Template { pieces, place: Place::Query, end: End::Exact, rules }.holds(value, vars)
        }
    })
}
