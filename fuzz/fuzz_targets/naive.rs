//! A router as one would write it on a napkin: every route in turn, on plain text, by backtracking.

/// What a variable takes; each is also a regex that the real table is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Want {
    Any,
    Digits,
    Choice,
    Tail,
    Spanning,
}

impl Want {
    pub fn regex(self) -> Option<&'static str> {
        match self {
            Self::Any | Self::Tail => None,
            Self::Digits => Some("[0-9]+"),
            Self::Choice => Some("a|bc|é"),
            Self::Spanning => Some("[a-c/]*"),
        }
    }

    fn takes(self, raw: &str, separator: char) -> bool {
        // A cut inside a character leaves no text.
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
pub enum Piece {
    Text(String),
    Var(String, Want),
}

/// How a path template ends.
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
    Template(Vec<Piece>),
}

/// Conditions of a route or scope.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    pub path: Option<(Vec<Piece>, bool)>,
    pub host: Option<(Vec<Piece>, Option<u16>)>,
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
    /// The conditions that a route or scope stands under, outermost first, its own last.
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

    /// What a route captures from a request, if all but the method holds.
    pub fn captures(&self, route: &Route, request: &Request) -> Option<Captures> {
        holds(&self.chain(route.scope, &route.own), request, false).filter(|_| !route.build_only)
    }

    /// Whether each level takes the method.
    pub fn admits(&self, route: &Route, method: &str) -> bool {
        admit(&self.chain(route.scope, &route.own), method)
    }

    /// How many scopes lie around a scope whose conditions hold, itself included.
    pub fn depth(&self, scope: usize, request: &Request) -> Option<usize> {
        let (parent, own) = &self.scopes[scope];
        let chain = self.chain(*parent, own);
        holds(&chain, request, true).filter(|_| admit(&chain, request.method)).map(|_| chain.len())
    }

    /// A table without hosts reads none, and so refuses none.
    pub fn look_at_host(&self) -> bool {
        let scopes = self.scopes.iter().map(|(_, own)| own);
        let active = self.routes.iter().filter(|route| !route.build_only).map(|route| &route.own);
        scopes.chain(active).any(|own| own.host.is_some())
    }
}

/// Whether each level names the method; GET brings HEAD along.
fn admit(chain: &[&Conditions], method: &str) -> bool {
    chain.iter().all(|level| {
        let names = |method| level.methods.contains(&method);
        level.methods.is_empty() || names(method) || (method == "HEAD" && names("GET"))
    })
}

fn holds(chain: &[&Conditions], request: &Request, scope: bool) -> Option<Captures> {
    let mut captures = Vec::new();
    if let Some((pieces, end)) = joined(chain, scope) {
        take(&pieces, &canonical(&request.path)?, '/', end, &mut captures)?;
    }
    for level in chain {
        if let Some((pieces, port)) = &level.host {
            let (name, asked) = split_host(request.host?)?;
            if port.is_some() && *port != asked {
                return None;
            }
            take(pieces, &name, '.', End::Exact, &mut captures)?;
        }
        if level.scheme.is_some() && level.scheme != request.scheme {
            return None;
        }
        if let Some(value) = &level.header {
            request.headers.iter().find(|text| fits(value, text, &mut captures))?;
        }
        if let Some((key, value)) = &level.query {
            let mut pairs = request.pairs.iter().map(|pair| pair.split_once('=').unwrap_or((pair, "")));
            pairs.find(|(name, text)| {
                decode(name, true).as_deref() == Some(*key)
                    && decode(text, true).is_some_and(|text| fits(value, &text, &mut captures))
            })?;
        }
    }
    Some(captures)
}

fn fits(value: &Value, text: &str, captures: &mut Captures) -> bool {
    match value {
        Value::Present => true,
        Value::Exact(wanted) => text == *wanted,
        Value::Digits => !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()),
        // No text has this separator: a query value is not divided.
        Value::Template(pieces) => take(pieces, text, '\0', End::Exact, captures).is_some(),
    }
}

/// The prefixes of the scopes without their final slashes, then the route's own path.
pub fn joined(chain: &[&Conditions], scope: bool) -> Option<(Vec<Piece>, End)> {
    let mut pieces: Option<Vec<Piece>> = None;
    let mut end = End::Segments;
    for (place, level) in chain.iter().enumerate() {
        let Some((own, prefix)) = &level.path else { continue };
        let all = pieces.get_or_insert_default();
        trim(all);
        all.extend(own.iter().cloned());
        if place + 1 == chain.len() && !prefix && !scope {
            end = End::Exact;
        }
    }
    if let (Some(pieces), End::Segments) = (&mut pieces, end) {
        trim(pieces);
    }
    Some((pieces?, end))
}

fn trim(pieces: &mut Vec<Piece>) {
    while let Some(Piece::Text(text)) = pieces.last_mut() {
        text.truncate(text.trim_end_matches('/').len());
        if !text.is_empty() {
            break;
        }
        pieces.pop();
    }
}

/// Each variable tries the longest text first.
fn take(pieces: &[Piece], text: &str, separator: char, end: End, captures: &mut Captures) -> Option<()> {
    let (first, rest) = match pieces.split_first() {
        Some(parts) => parts,
        None if text.is_empty() || (end == End::Segments && text.starts_with('/')) => return Some(()),
        None => return None,
    };
    match first {
        Piece::Text(wanted) => {
            let wanted = if separator == '/' { escape(wanted) } else { wanted.clone() };
            take(rest, text.strip_prefix(&*wanted)?, separator, end, captures)
        }
        Piece::Var(name, want) => {
            let cuts = (0..=text.len()).rev().filter(|&at| text.is_char_boundary(at) && whole(text, at));
            for cut in cuts {
                let (value, after) = text.split_at(cut);
                if !want.takes(value, separator) {
                    continue;
                }
                let depth = captures.len();
                let value = if separator == '/' { decode(value, false)? } else { value.to_owned() };
                captures.push((name.clone(), value));
                if take(rest, after, separator, end, captures).is_some() {
                    return Some(());
                }
                captures.truncate(depth);
            }
            None
        }
    }
}

/// Whether a cut leaves escapes whole.
fn whole(text: &str, at: usize) -> bool {
    !text.as_bytes()[at.saturating_sub(2)..at].contains(&b'%')
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte)
}

fn escape(text: &str) -> String {
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn escaped(text: &str) -> Option<u8> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
}

/// RFC 3986 §6.2.2; nothing for a path that is refused.
pub fn canonical(path: &str) -> Option<String> {
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
            if raw { plain(value) } else { value.is_ascii_alphanumeric() || b"-._~".contains(&value) };
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
            // A query pair with a bad escape has no value; a path with one does not come here.
            b'%' if form => escape?,
            byte => escape.unwrap_or(byte),
        });
        at += if escape.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).ok()
}

/// Name in lower case without a final dot, and port; nothing for a host that is refused.
pub fn split_host(text: &str) -> Option<(String, Option<u16>)> {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (text, ""),
    };
    let port = if port.is_empty() { None } else { Some(port.parse().ok()?) };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    (!name.is_empty() && !name.ends_with('.') && !name.contains('@')).then_some((name, port))
}

/// Whether `a` wins over `b` for certain: the first difference that is one of kind decides.
pub fn wins(routes: &Routes, a: &Route, b: &Route) -> bool {
    let (left, right) = (routes.chain(a.scope, &a.own), routes.chain(b.scope, &b.own));
    if a.priority != b.priority {
        return a.priority > b.priority;
    }
    let hosts = |chain: &[&Conditions]| -> Vec<Vec<Piece>> {
        chain.iter().filter_map(|level| level.host.as_ref().map(|(pieces, _)| pieces.clone())).collect()
    };
    let (left_hosts, right_hosts) = (hosts(&left), hosts(&right));
    match (&left_hosts[..], &right_hosts[..]) {
        ([], []) => {}
        ([..], []) => return true,
        ([], [..]) => return false,
        ([one], [other]) => {
            let keys = |host: &[Piece]| kinds(host, '.').into_iter().rev().collect::<Vec<_>>();
            match decide(&keys(one), &keys(other)) {
                Some(Some(wins)) => return wins,
                Some(None) => {}
                None => return false,
            }
        }
        _ => return false,
    }
    let path = |chain: &[&Conditions]| match joined(chain, false) {
        None => vec![(PREFIX, 0)],
        Some((pieces, end)) => {
            let mut kinds = kinds(&pieces, '/');
            if end == End::Segments {
                kinds.push((PREFIX, 0));
            }
            kinds
        }
    };
    decide(&path(&left), &path(&right)) == Some(Some(true))
}

const AFFIXED: u8 = 2;
const PREFIX: u8 = 6;

/// `Some(None)`: equal; `None`: a difference that this file makes no claim about.
fn decide(left: &[(u8, usize)], right: &[(u8, usize)]) -> Option<Option<bool>> {
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

/// The kind of each part: literal, affixed, constrained, plain, tail.
fn kinds(pieces: &[Piece], separator: char) -> Vec<(u8, usize)> {
    let mut parts: Vec<Vec<&Piece>> = vec![Vec::new()];
    let mut lengths = vec![0];
    for piece in pieces {
        if let Piece::Text(text) = piece {
            for (i, run) in text.split(separator).enumerate() {
                if i > 0 {
                    parts.push(Vec::new());
                    lengths.push(0);
                }
                *lengths.last_mut().expect("one is there") += run.len();
            }
        } else {
            parts.last_mut().expect("one is there").push(piece);
        }
    }
    let kind = |(vars, length): (Vec<&Piece>, usize)| match &vars[..] {
        [] => (1, 0),
        [Piece::Var(_, Want::Tail | Want::Spanning)] => (5, 0),
        _ if length > 0 => (AFFIXED, length),
        [Piece::Var(_, Want::Any)] => (4, 0),
        _ => (3, 0),
    };
    parts.into_iter().zip(lengths).map(kind).collect()
}
