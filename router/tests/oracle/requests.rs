//! Random requests that are likely to match a table: filled from a route, then possibly changed.

use http::header::HOST;
use http::uri::Scheme;
use http::{HeaderName, HeaderValue, Request};
use waylay_router::Peer;

use crate::dice::Dice;
use crate::model::{Class, Cond, Header, Host, Level, Piece, Query, TableCase, write};
use crate::naive::joined;
use crate::text::{End, lengths};

/// A request as plain data.
#[derive(Debug, Clone, Default)]
pub struct TestRequest {
    pub method: &'static str,
    pub path: String,
    pub query: Option<String>,
    /// Scheme and authority of the target.
    pub absolute: Option<(&'static str, String)>,
    pub hosts: Vec<String>,
    pub headers: Vec<(&'static str, String)>,
    /// Connection information from the listener.
    pub scheme: Option<&'static str>,
    pub client: Option<&'static str>,
}

const METHODS: [&str; 7] = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "PURGE", "LINK"];
const CLIENTS: [Option<&str>; 5] = [None, Some("10.1.2.3"), Some("10.2.0.1"), Some("11.0.0.1"), Some("::1")];

impl TestRequest {
    pub fn of(case: &TableCase, dice: &mut Dice) -> Self {
        let like = dice.of(case.routes.len() + case.routes.len() / 4 + 1);
        let mut sent = Self { method: "GET", path: "/a".to_owned(), ..Self::default() };
        let Some(route) = case.routes.get(like) else {
            sent.method = METHODS[dice.of(METHODS.len())];
            let segments = ["a", "b", "ab", "1", "", "a-b", "caf%c3%a9", "a%20b"];
            sent.path = (0..=dice.of(4)).map(|_| format!("/{}", dice.pick(&segments))).collect();
            sent.hosts.push(dice.pick(&["a.b", "b", "A.B", "1.b:80", "zz"]).to_owned());
            sent.query = Some(dice.pick(&["q=1", "q", "k+k=a", ""]).to_owned());
            return sent;
        };
        let chain = case.chain(route.scope, &route.own);
        sent.methods(&chain, dice);
        sent.path(case, &chain, dice);
        sent.host(&chain, dice);
        let mut pairs = Vec::new();
        for cond in chain.iter().flat_map(|level| &level.conds) {
            sent.satisfy(cond, &mut pairs, dice);
        }
        sent.noise(&mut pairs, dice);
        sent
    }

    fn methods(&mut self, chain: &[&Level], dice: &mut Dice) {
        self.method = match chain.iter().rev().find(|level| !level.methods.is_empty()) {
            Some(level) if dice.mostly() => level.methods[dice.of(level.methods.len())],
            Some(_) => METHODS[dice.of(METHODS.len())],
            None => "GET",
        };
    }

    fn path(&mut self, case: &TableCase, chain: &[&Level], dice: &mut Dice) {
        let Some(Some((pieces, end))) = joined(case, chain, false) else { return };
        let pieces = dice.one(&lengths(&pieces));
        let mut path = String::new();
        for (at, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Text(text) => path += &encode(text, dice),
                Piece::Var(_, class) | Piece::Optional(_, class) => {
                    // A segment with several nodes uses regexes, which match text only.
                    let whole = path.ends_with('/')
                        && pieces
                            .get(at + 1)
                            .is_none_or(|next| write(std::slice::from_ref(next)).starts_with('/'));
                    path += Some(fill(*class, dice)).filter(|text| whole || *text != "%FF").unwrap_or("a");
                }
            }
        }
        if end != End::Exact {
            path += dice.pick(&["", "/", "/a", "b", "//"]);
        }
        // Sometimes slightly different.
        match dice.of(48) {
            0..8 => {}
            8 | 9 => path.push('/'),
            10 | 11 => drop(path.pop()),
            12 => path += "/a",
            13 => path.truncate(path.rfind('/').unwrap_or(0)),
            14 => path = path.replacen('/', "//", 1),
            15 => path += "/../a",
            16 => path = path.replacen('/', "/./", 1),
            17 => path += "%zz",
            18 => path += "%00",
            19 => path = path.replacen('a', "b", 1),
            20 => path += "/%2e%2E",
            21 => path = path.to_ascii_uppercase(),
            _ => {}
        }
        self.path = if path.starts_with('/') { path } else { format!("/{path}") };
    }

    fn host(&mut self, chain: &[&Level], dice: &mut Dice) {
        let expected = chain.iter().rev().flat_map(|level| &level.hosts).next();
        let mut text = match expected {
            Some(host) if dice.mostly() => host_like(host, dice),
            Some(_) => dice.pick(&["a.b", "zz", "u@b", "a.b:x", "a..", "b:99999", ":80", ""]).to_owned(),
            None if dice.mostly() => "b".to_owned(),
            None => return,
        };
        match dice.of(24) {
            20 => text.push_str(":80"),
            21 => text.push('.'),
            22 => text = text.to_ascii_uppercase(),
            23 => self.hosts.push("b".to_owned()),
            _ => {}
        }
        let fine = !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-:".contains(c))
            && text.matches(':').count() < 2;
        if fine && dice.of(8) == 7 {
            self.absolute = Some((["http", "https"][dice.of(2)], text.clone()));
            // The line has no effect if there is an authority.
            text = "other".to_owned();
        }
        self.hosts.push(text);
    }

    fn satisfy(&mut self, cond: &Cond, pairs: &mut Vec<String>, dice: &mut Dice) {
        let meet = dice.mostly();
        match cond {
            Cond::Slash(_) => {}
            Cond::Scheme(any) => self.scheme = if meet { Some(any[dice.of(any.len())]) } else { None },
            Cond::Client(_) => {
                let start = if meet { 1 } else { 0 };
                self.client = CLIENTS[(start + dice.of(5)) % 5];
            }
            Cond::Header(name, want) => {
                let value = match want {
                    Header::Exact(value) if meet => value,
                    Header::Absent if meet => return,
                    Header::Regex | Header::All if meet => dice.pick(&["a", "ab", "b"]),
                    _ => dice.pick(&["1", "", "ab1", "a"]),
                };
                if dice.of(6) == 5 {
                    self.headers.push((name, "zz".to_owned()));
                }
                if meet || dice.of(2) == 1 {
                    self.headers.push((name, value.to_owned()));
                }
            }
            Cond::Cookie(name, value) => {
                let value = value.filter(|_| meet).unwrap_or("2");
                let line = ["N=V", "x=1; N=V", "N=9;N=V", "N", "xN=V"][dice.of(5)];
                self.headers.push(("cookie", line.replace('N', name).replace('V', value)));
            }
            Cond::ContentType(any) => {
                let text = dice.pick(&["", ", charset=x", "UP", "text/csv", "bad"]);
                let text = match text {
                    "" => any[0].replace('*', "csv"),
                    "UP" => any[0].replace('*', "csv").to_uppercase(),
                    ", charset=x" => any[0].replace('*', "csv") + "; charset=x",
                    other => other.to_owned(),
                };
                if meet {
                    self.headers.push(("content-type", text));
                }
            }
            Cond::Accept(any) => {
                let own = [any[0], "*/*", "text/*", "text/html;q=0, */*", "image/png"];
                // Two weights for one type have no agreed meaning.
                if dice.of(4) != 3 && self.values("accept").next().is_none() {
                    self.headers.push(("accept", own[if meet { dice.of(4) } else { 4 }].to_owned()));
                }
            }
            Cond::Query(key, want) => {
                let key =
                    if key.contains(' ') { dice.pick(&["k+k", "k%20k"]) } else { dice.pick(&["q", "%71"]) };
                let value = match want {
                    Query::Exact("a b") if meet => dice.pick(&["a+b", "a%20b"]).to_owned(),
                    Query::Exact(value) if meet => (*value).to_owned(),
                    Query::Template(pieces) if meet => pieces.iter().fold(String::new(), |text, piece| {
                        text + match piece {
                            Piece::Text(piece) => piece,
                            Piece::Var(_, Class::Plain) => {
                                dice.pick(&["a", "1", "a%20b", "a/b", "", "a%0Ab"])
                            }
                            Piece::Var(_, class) | Piece::Optional(_, class) => fill(*class, dice),
                        }
                    }),
                    Query::Regex if meet => dice.pick(&["a", "ab", "b"]).to_owned(),
                    Query::Absent if meet => return,
                    _ => dice.pick(&["1", "", "a-b", "%zz", "2"]).to_owned(),
                };
                pairs.push(if value.is_empty() && dice.of(2) == 1 {
                    key.to_owned()
                } else {
                    format!("{key}={value}")
                });
            }
        }
    }

    fn noise(&mut self, pairs: &mut Vec<String>, dice: &mut Dice) {
        match dice.of(12) {
            8 => pairs.insert(0, "q=zz".to_owned()),
            9 => pairs.push("q=1".to_owned()),
            10 => pairs.insert(0, "r=1".to_owned()),
            11 => pairs.insert(0, "q=%zz".to_owned()),
            _ => {}
        }
        let joint = if dice.of(4) == 3 { ";" } else { "&" };
        self.query = if pairs.is_empty() { None } else { Some(pairs.join(joint)) };
        if self.scheme.is_none() && dice.of(4) == 3 {
            self.scheme = Some("http");
        }
    }

    /// Returns the request for the library.
    pub fn request(&self) -> (Request<()>, Peer) {
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        let before =
            self.absolute.as_ref().map(|(scheme, host)| format!("{scheme}://{host}")).unwrap_or_default();
        let target = format!("{before}{}{query}", self.path);
        let mut request = Request::builder().method(self.method).uri(target);
        for host in &self.hosts {
            request = request.header(HOST, host);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let mut peer = Peer::default();
        if let Some(scheme) = self.scheme {
            peer = peer.scheme(scheme.parse::<Scheme>().unwrap());
        }
        if let Some(client) = self.client {
            peer = peer.addr((client.parse::<std::net::IpAddr>().unwrap(), 9).into());
        }
        (request.body(()).unwrap(), peer)
    }

    /// Reads a request of the library.
    pub fn from_request(request: &Request<()>, peer: &Peer) -> Self {
        let described =
            |name: &HeaderName, value: &HeaderValue| (name.to_string(), value.to_str().unwrap().to_owned());
        let fields: Vec<_> = request.headers().iter().map(|(name, value)| described(name, value)).collect();
        let (hosts, headers): (Vec<_>, Vec<_>) = fields.into_iter().partition(|(name, _)| name == "host");
        let uri = request.uri();
        let leak = |text: String| -> &'static str { text.leak() };
        Self {
            method: leak(request.method().to_string()),
            path: uri.path().to_owned(),
            query: uri.query().map(str::to_owned),
            absolute: None,
            hosts: hosts.into_iter().map(|(_, value)| value).collect(),
            headers: headers.into_iter().map(|(name, value)| (leak(name), value)).collect(),
            scheme: peer.scheme.as_ref().map(|scheme| leak(scheme.to_string())),
            client: peer.addr.map(|addr| leak(addr.ip().to_string())),
        }
    }

    pub fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns name and port of the effective host, if there is one; an error for a rejected one.
    pub fn host_read(&self, gorilla: bool) -> Result<Option<(String, Option<u16>)>, ()> {
        let text = match (&self.absolute, &self.hosts[..]) {
            (_, [_, _, ..]) => return Err(()),
            (Some((_, text)), _) | (None, [text]) if !text.is_empty() => text,
            _ => return Ok(None),
        };
        let (name, port) =
            text.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).unwrap_or((text, ""));
        if name.contains(':') && !(name.starts_with('[') && name.ends_with(']')) {
            return Err(());
        }
        let port = if port.is_empty() { None } else { Some(port.parse().map_err(|_| ())?) };
        if gorilla {
            return if name.is_empty() || name.contains('@') {
                Err(())
            } else {
                Ok(Some((name.to_owned(), port)))
            };
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if name.is_empty() || name.ends_with('.') || name.contains('@') {
            Err(())
        } else {
            Ok(Some((name, port)))
        }
    }

    pub fn carries(&self, any: &[&str]) -> bool {
        let mut lines = self.values("content-type");
        let (Some(line), None) = (lines.next(), lines.next()) else { return false };
        let carried = line.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        any.iter().any(|one| carried == *one || (*one == "text/*" && carried.starts_with("text/")))
    }

    pub fn accepts(&self, any: &[&str]) -> bool {
        let items: Vec<&str> = self.values("accept").flat_map(|line| line.split(", ")).collect();
        let says = |item: &str| items.contains(&item);
        let one = |one: &&str| match *one {
            one if says(&format!("{one};q=0")) => false,
            one if says(one) => true,
            one if one.starts_with("text/") && says("text/*") => true,
            _ => says("*/*"),
        };
        items.is_empty() || any.iter().any(one)
    }
}

/// Returns a text as a client may write it.
fn encode(text: &str, dice: &mut Dice) -> String {
    let accent = ["%c3%a9", "\u{e9}", "%C3%A9"][if text.contains('\u{e9}') { dice.of(3) } else { 0 }];
    let text = text.replace(' ', "%20").replace('{', "%7b").replace('\u{e9}', accent);
    match dice.of(12) {
        10 => text.replacen('a', "%61", 1),
        // In a segment of text alone that is `!`, beside a variable it is data.
        11 => text.replacen('!', "%21", 1),
        _ => text,
    }
}

fn fill(class: Class, dice: &mut Dice) -> &'static str {
    let any: &[&'static str] = match class {
        Class::Plain => &[
            "a",
            "b",
            "ab",
            "1",
            "12",
            "a-b",
            "a%2Fb",
            "caf%c3%a9",
            "%61b",
            "a%20b",
            "a%20",
            "x!",
            "x%21",
            "%FF",
            "a.x",
            "a-b-1",
            "-",
        ],
        Class::Digits => &["1", "12", "%31", "a"],
        Class::Letters => &["a", "ab", "b%61", "aba"],
        Class::Word => &["a", "ab", "1", "b", "abb"],
        Class::Tail => &["a", "a/b", "/", "b/", "a%2F", "\u{e9}", ""],
        Class::Spanning => &["", "a/b", "b", "a%2Fb", "/", "a/c"],
        Class::Any => &["", "a/b", "zz", "a%0Ab", "1/"],
        Class::Maybe => &["", "a", "b"],
        // Characters of hosts.
        Class::One | Class::Many | Class::Dotted | Class::Regex => &["a"],
    };
    dice.pick(any)
}

fn host_like(host: &Host, dice: &mut Dice) -> String {
    let mut text = String::new();
    for piece in &host.pieces {
        text += match piece {
            Piece::Text(piece) => piece,
            Piece::Var(_, Class::Plain) => dice.pick(&["a", "b", "1", "a-b", "x", "a.b"]),
            Piece::Var(_, Class::Tail | Class::Many) => dice.pick(&["a", "a.b", "x.y.a"]),
            Piece::Var(_, Class::One) => dice.pick(&["a", "x", "1", "a.b"]),
            Piece::Var(_, Class::Dotted | Class::Regex) => dice.pick(&["a.b", "b", "b.a.b", "x.b"]),
            Piece::Var(_, Class::Any) => dice.pick(&["a.b", "", "b"]),
            Piece::Var(_, class) | Piece::Optional(_, class) => dice.pick(match class {
                Class::Digits => &["1", "12", "a"],
                _ => &["a", "ab", "b", ""],
            }),
        };
    }
    let port = host.port.filter(|_| dice.mostly());
    text + &port.map(|port| format!(":{port}")).unwrap_or_default()
}
