//! Oracle: a linear matcher that tries every route by backtracking on plain text.

/// Kind of a variable; each is also a regex of the real table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Any,
    Digits,
    Choice,
    Tail,
    Spanning,
}

impl Kind {
    pub fn regex(self) -> Option<&'static str> {
        match self {
            Self::Any | Self::Tail => None,
            Self::Digits => Some("[0-9]+"),
            Self::Choice => Some("a|bc|é"),
            Self::Spanning => Some("[a-c/]*"),
        }
    }

    fn matches(self, raw: &str, separator: char) -> bool {
        // A part of a character is not text.
        let Some(value) = decode(raw, false) else { return false };
        match self {
            Self::Any => !raw.is_empty() && !raw.contains(separator),
            Self::Tail => !raw.is_empty(),
            Self::Digits => !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()),
            Self::Choice => matches!(&*value, "a" | "bc" | "é"),
            Self::Spanning => value.bytes().all(|b| matches!(b, b'a'..=b'c' | b'/')),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Text(String),
    Var(String, Kind),
}

/// End of a path template.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    Exact,
    Segments,
}

#[derive(Debug, Clone)]
pub enum Value {
    Present,
    Exact(&'static str),
    Digits,
    Template(Vec<Part>),
}

/// Conditions of a route or scope.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    pub path: Option<(Vec<Part>, bool)>,
    pub host: Option<(Vec<Part>, Option<u16>)>,
    pub methods: Vec<&'static str>,
    pub scheme: Option<&'static str>,
    pub header: Option<Value>,
    pub query: Option<(&'static str, Value)>,
}

#[derive(Debug, Clone)]
pub struct Route {
    pub name: String,
    pub scope: Option<usize>,
    pub priority: i32,
    pub build_only: bool,
    pub own: Conditions,
}

#[derive(Debug, Default)]
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub pairs: Vec<&'static str>,
    pub host: Option<&'static str>,
    pub scheme: Option<&'static str>,
    pub headers: Vec<&'static str>,
}

#[derive(Debug, Default)]
pub struct Routes {
    pub scopes: Vec<(Option<usize>, Conditions)>,
    pub routes: Vec<Route>,
}

pub type Captures = Vec<(String, String)>;

impl Routes {
    /// Returns the conditions of a route or scope: of the outermost scope first, its own last.
    pub fn chain<'a>(&'a self, scope: Option<usize>, own: &'a Conditions) -> Vec<&'a Conditions> {
        let mut chain = vec![own];
        let mut next = scope;
        while let Some(place) = next {
            chain.push(&self.scopes[place].1);
            next = self.scopes[place].0;
        }
        chain.reverse();
        chain
    }

    /// Returns the captures of a route if all conditions match, except the method.
    pub fn captures(&self, route: &Route, request: &Request) -> Option<Captures> {
        captures(&self.chain(route.scope, &route.own), request, false).filter(|_| !route.build_only)
    }

    /// Tests the method on each level.
    pub fn admits(&self, route: &Route, method: &str) -> bool {
        admit(&self.chain(route.scope, &route.own), method)
    }

    /// Returns the nesting depth of a scope whose conditions match, itself included.
    pub fn depth(&self, scope: usize, request: &Request) -> Option<usize> {
        let (parent, own) = &self.scopes[scope];
        let chain = self.chain(*parent, own);
        captures(&chain, request, true).filter(|_| admit(&chain, request.method)).map(|_| chain.len())
    }

    /// Tests for host conditions; a table without them does not reject invalid hosts.
    pub fn has_hosts(&self) -> bool {
        let scopes = self.scopes.iter().map(|(_, own)| own);
        let active = self.routes.iter().filter(|route| !route.build_only).map(|route| &route.own);
        scopes.chain(active).any(|own| own.host.is_some())
    }
}

/// Tests the method on each level; GET includes HEAD.
fn admit(chain: &[&Conditions], method: &str) -> bool {
    chain.iter().all(|level| {
        let names = |method| level.methods.contains(&method);
        level.methods.is_empty() || names(method) || (method == "HEAD" && names("GET"))
    })
}

fn captures(chain: &[&Conditions], request: &Request, scope: bool) -> Option<Captures> {
    let mut captures = Vec::new();
    if let Some((parts, end)) = joined(chain, scope) {
        let path = decode_literals(&parts, &normalized(&request.path)?);
        match_parts(&parts, &path, '/', end, &mut captures)?;
    }
    for level in chain {
        if let Some((parts, port)) = &level.host {
            let (name, request_port) = split_host(request.host?)?;
            if port.is_some() && *port != request_port {
                return None;
            }
            match_parts(parts, &name, '.', End::Exact, &mut captures)?;
        }
        if level.scheme.is_some() && level.scheme != request.scheme {
            return None;
        }
        if let Some(value) = &level.header {
            request.headers.iter().find(|text| matches_value(value, text, &mut captures))?;
        }
        if let Some((key, value)) = &level.query {
            let mut pairs = request.pairs.iter().map(|pair| pair.split_once('=').unwrap_or((pair, "")));
            pairs.find(|(name, text)| {
                decode(name, true).as_deref() == Some(*key)
                    && decode(text, true).is_some_and(|text| matches_value(value, &text, &mut captures))
            })?;
        }
    }
    Some(captures)
}

/// Decodes the segments that the template compares with text alone: `/x!` matches `/x%21`. In a segment with a
/// variable an escape is data.
fn decode_literals(parts: &[Part], path: &str) -> String {
    let mut is_literal = vec![true];
    for part in parts {
        match part {
            Part::Text(text) => is_literal.extend(text.matches('/').map(|_| true)),
            Part::Var(..) => *is_literal.last_mut().expect("there is a segment") = false,
        }
    }
    let segments = path.split('/').enumerate().map(|(place, segment)| {
        if is_literal.get(place) != Some(&true) {
            return segment.to_owned();
        }
        let mut rest = segment;
        let mut decoded = String::new();
        while let Some(c) = rest.chars().next() {
            match escaped(rest).filter(|&byte| byte != b'/' && is_plain(byte)) {
                Some(byte) => {
                    decoded.push(char::from(byte));
                    rest = &rest[3..];
                }
                None => {
                    decoded.push(c);
                    rest = &rest[c.len_utf8()..];
                }
            }
        }
        decoded
    });
    segments.collect::<Vec<_>>().join("/")
}

fn matches_value(value: &Value, text: &str, captures: &mut Captures) -> bool {
    match value {
        Value::Present => true,
        Value::Exact(expected) => text == *expected,
        Value::Digits => !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()),
        // No text has this separator: a query value is not split.
        Value::Template(parts) => match_parts(parts, text, '\0', End::Exact, captures).is_some(),
    }
}

/// Joins the prefixes of the scopes, without their trailing slashes, and the path of the route.
pub fn joined(chain: &[&Conditions], scope: bool) -> Option<(Vec<Part>, End)> {
    let mut parts: Option<Vec<Part>> = None;
    let mut end = End::Segments;
    for (place, level) in chain.iter().enumerate() {
        let Some((own, prefix)) = &level.path else { continue };
        let all = parts.get_or_insert_default();
        trim(all);
        all.extend(own.iter().cloned());
        if place + 1 == chain.len() && !prefix && !scope {
            end = End::Exact;
        }
    }
    if let (Some(parts), End::Segments) = (&mut parts, end) {
        trim(parts);
    }
    Some((parts?, end))
}

fn trim(parts: &mut Vec<Part>) {
    while let Some(Part::Text(text)) = parts.last_mut() {
        text.truncate(text.trim_end_matches('/').len());
        if !text.is_empty() {
            break;
        }
        parts.pop();
    }
}

/// Matches a template; each variable tries the longest text first.
fn match_parts(parts: &[Part], text: &str, separator: char, end: End, captures: &mut Captures) -> Option<()> {
    let (first, rest) = match parts.split_first() {
        Some(parts) => parts,
        None if text.is_empty() || (end == End::Segments && text.starts_with('/')) => return Some(()),
        None => return None,
    };
    match first {
        Part::Text(expected) => {
            let expected = if separator == '/' { escape(expected) } else { expected.clone() };
            match_parts(rest, text.strip_prefix(&*expected)?, separator, end, captures)
        }
        Part::Var(name, kind) => {
            let ends =
                (0..=text.len()).rev().filter(|&at| text.is_char_boundary(at) && keeps_escapes(text, at));
            for end_of_value in ends {
                let (value, after) = text.split_at(end_of_value);
                if !kind.matches(value, separator) {
                    continue;
                }
                let depth = captures.len();
                let value = if separator == '/' { decode(value, false)? } else { value.to_owned() };
                captures.push((name.clone(), value));
                if match_parts(rest, after, separator, end, captures).is_some() {
                    return Some(());
                }
                captures.truncate(depth);
            }
            None
        }
    }
}

/// Tests that a position is not inside an escape.
fn keeps_escapes(text: &str, at: usize) -> bool {
    !text.as_bytes()[at.saturating_sub(2)..at].contains(&b'%')
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte)
}

fn escape(text: &str) -> String {
    text.bytes().map(|b| if is_plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn escaped(text: &str) -> Option<u8> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
}

/// Normalizes a path (RFC 3986 §6.2.2); `None` for a rejected path.
pub fn normalized(path: &str) -> Option<String> {
    let mut out = String::new();
    let mut at = 0;
    while at < path.len() {
        let byte = path.as_bytes()[at];
        let (value, raw) = match byte {
            b'%' => (escaped(&path[at..])?, false),
            byte => (byte, true),
        };
        if value < 0x20 || value == 0x7f {
            return None;
        }
        let keeps =
            if raw { is_plain(value) } else { value.is_ascii_alphanumeric() || b"-._~".contains(&value) };
        out += &if keeps { char::from(value).to_string() } else { format!("%{value:02X}") };
        at += if raw { 1 } else { 3 };
    }
    out.split('/').all(|segment| segment != "." && segment != "..").then_some(out)
}

fn decode(raw: &str, form: bool) -> Option<String> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < raw.len() {
        let byte = raw.as_bytes()[at];
        let escape = raw.is_char_boundary(at).then(|| escaped(&raw[at..])).flatten();
        out.push(match byte {
            b'+' if form => b' ',
            // A query pair with an invalid escape has no value; a path with one is rejected before.
            b'%' if form => escape?,
            byte => escape.unwrap_or(byte),
        });
        at += if escape.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).ok()
}

/// Splits a host into the name, in lower case without a trailing dot, and the port; `None` for a rejected host.
pub fn split_host(text: &str) -> Option<(String, Option<u16>)> {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (text, ""),
    };
    let port = if port.is_empty() { None } else { Some(port.parse().ok()?) };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    (!name.is_empty() && !name.ends_with('.') && !name.contains('@')).then_some((name, port))
}

/// Tests whether `a` certainly wins over `b`: the first difference in rank decides.
pub fn wins(routes: &Routes, a: &Route, b: &Route) -> bool {
    let (left, right) = (routes.chain(a.scope, &a.own), routes.chain(b.scope, &b.own));
    if a.priority != b.priority {
        return a.priority > b.priority;
    }
    let hosts = |chain: &[&Conditions]| -> Vec<Vec<Part>> {
        chain.iter().filter_map(|level| level.host.as_ref().map(|(parts, _)| parts.clone())).collect()
    };
    let (left_hosts, right_hosts) = (hosts(&left), hosts(&right));
    match (&left_hosts[..], &right_hosts[..]) {
        ([], []) => {}
        ([..], []) => return true,
        ([], [..]) => return false,
        ([one], [other]) => {
            let keys = |host: &[Part]| ranks(host, '.').into_iter().rev().collect::<Vec<_>>();
            match compare(&keys(one), &keys(other)) {
                Some(Some(wins)) => return wins,
                Some(None) => {}
                None => return false,
            }
        }
        _ => return false,
    }
    let path = |chain: &[&Conditions]| match joined(chain, false) {
        // No path counts as the prefix `/`.
        None => vec![(1, 0), (PREFIX, 0)],
        Some((parts, end)) => {
            let mut ranks = ranks(&parts, '/');
            if end == End::Segments {
                ranks.push((PREFIX, 0));
            }
            ranks
        }
    };
    compare(&path(&left), &path(&right)) == Some(Some(true))
}

const AFFIXED: u8 = 2;
const PREFIX: u8 = 6;

/// Compares ranks. `Some(None)`: equal; `None`: undecided by this oracle.
fn compare(left: &[(u8, usize)], right: &[(u8, usize)]) -> Option<Option<bool>> {
    for (a, b) in left.iter().zip(right) {
        if a.0 != b.0 {
            return Some(Some(a.0 < b.0));
        }
        if a.0 == AFFIXED && a != b {
            return None;
        }
    }
    Some(if left.len() == right.len() { None } else { return None })
}

/// Returns the rank of each segment: literal, affixed, constrained, plain, tail.
fn ranks(parts: &[Part], separator: char) -> Vec<(u8, usize)> {
    let mut sections: Vec<Vec<&Part>> = vec![Vec::new()];
    let mut lengths = vec![0];
    for part in parts {
        if let Part::Text(text) = part {
            for (i, run) in text.split(separator).enumerate() {
                if i > 0 {
                    sections.push(Vec::new());
                    lengths.push(0);
                }
                *lengths.last_mut().expect("the list is not empty") += run.len();
            }
        } else {
            sections.last_mut().expect("the list is not empty").push(part);
        }
    }
    let rank = |(vars, length): (Vec<&Part>, usize)| match &vars[..] {
        [] => (1, 0),
        [Part::Var(_, Kind::Tail | Kind::Spanning)] => (5, 0),
        _ if length > 0 => (AFFIXED, length),
        [Part::Var(_, Kind::Any)] => (4, 0),
        _ => (3, 0),
    };
    sections.into_iter().zip(lengths).map(rank).collect()
}
