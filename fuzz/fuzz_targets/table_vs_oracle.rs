//! A small table and a request, asked of `Table::find` and of a naive linear matcher.
//!
//! Under `Registration` the answers are one and the same. Under `Specific` the winner matches, and
//! no matching route is surely more specific. A miss has the same status, methods and scope.
#![no_main]

mod naive;

use http::header::HOST;
use libfuzzer_sys::fuzz_target;
use naive::{Conditions, Piece, Request, Route, Routes, Value, Want};
use waylay_router::{ScopeConditions, BuildErrorKind, Peer, Policy, Precedence, Reason, Table};

const TEXTS: [&str; 16] = ["a", "a", "a", "a", "b", "b", "b", "", "", "", "ab", "a b", "é", "x!", "1", "a{"];
const PATH_PARTS: [&str; 22] = [
    "a", "b", "ab", "a%20b", "%C3%A9", "é", "x!", "x%21", "1", "17", "bc", "a-b", "a%2Db-1", "a%2fb", "a.b",
    "", "%61", "a%7B", "..", "%zz", "%00", "c/a",
];
const METHODS: [&str; 4] = ["GET", "POST", "HEAD", "PURGE"];
const HOSTS: [&str; 14] = [
    "a.b",
    "A.B.",
    "a.b:80",
    "a.b:",
    "1.b",
    "17.b:80",
    "c.a.b",
    "x-1.b",
    "b",
    "[::1]:80",
    "u@b",
    "a.b:x",
    "a..",
    "a.b:99999",
];
const PAIRS: [&str; 11] =
    ["k=1", "k=17", "k=a+b", "k=a%20b", "k=", "k", "%6B=%31", "a+b=1", "k=p1", "j=1", "k=%zz"];

fuzz_target!(|data: &[u8]| {
    let mut dice = Sampler::new(data);
    let precedence = if dice.of(2) == 0 { Precedence::Specificity } else { Precedence::RegistrationOrder };
    let mut routes = dice.routes();
    let Some(table) = build(&mut routes, precedence) else {
        return;
    };
    let request = dice.request(&routes);
    compare(&table, &routes, &request, precedence);
});

/// Draws from the input; a short one goes on with a hash of itself, so that ten seconds see much.
struct Sampler<'d> {
    bytes: std::slice::Iter<'d, u8>,
    hash: u64,
}

impl<'d> Sampler<'d> {
    fn new(data: &'d [u8]) -> Self {
        let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        Self { bytes: data.iter(), hash: data.iter().fold(0xcbf2_9ce4_8422_2325, fnv) }
    }

    fn of(&mut self, sides: usize) -> usize {
        let drawn = self.bytes.next().copied().unwrap_or_else(|| {
            self.hash = self.hash.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (self.hash >> 56) as u8
        });
        usize::from(drawn) % sides
    }

    fn pick<T: Copy>(&mut self, any: &[T]) -> T {
        any[self.of(any.len())]
    }

    fn routes(&mut self) -> Routes {
        let mut all = Routes::default();
        for place in 0..self.of(3) {
            let parent = if place > 0 && self.of(2) == 0 { Some(place - 1) } else { None };
            let own = self.conditions(&format!("s{place}_"), true);
            all.scopes.push((parent, own));
        }
        for place in 0..=self.of(6) {
            let scope = self.of(all.scopes.len() + 1).checked_sub(1);
            let own = self.conditions("r", false);
            let priority = self.pick(&[0, 0, 0, 1, -1]);
            let build_only = self.of(16) == 15;
            all.routes.push(Route { name: format!("n{place}"), scope, priority, build_only, own });
        }
        all
    }

    fn conditions(&mut self, names: &str, scope: bool) -> Conditions {
        let mut own = Conditions::default();
        let flags = self.of(64);
        if !(scope && flags & 1 != 0) && self.of(8) != 7 {
            let prefix = scope || self.of(3) == 2;
            own.path = Some((self.path(names, prefix), prefix));
        }
        if flags & 6 == 6 {
            own.host = Some(self.host(names));
        }
        if flags & 5 == 5 {
            own.methods.extend((0..=self.of(2)).map(|_| METHODS[self.of(4)]));
        }
        if flags & 24 == 24 {
            own.scheme = Some(self.pick(&["http", "https"]));
        }
        if flags & 40 == 40 {
            own.header = Some(self.pick(&[0, 1, 2])).map(|kind| match kind {
                0 => Value::Present,
                1 => Value::Exact("1"),
                _ => Value::Digits,
            });
        }
        if flags & 48 == 48 {
            let value = match self.of(6) {
                0 => Value::Present,
                1 => Value::Exact("1"),
                2 => Value::Exact("a b"),
                3 => Value::Template(vec![Piece::Var(format!("{names}q"), Want::Any)]),
                4 => Value::Template(vec![Piece::Var(format!("{names}q"), Want::Digits)]),
                _ => {
                    Value::Template(vec![Piece::Text("p".into()), Piece::Var(format!("{names}q"), Want::Any)])
                }
            };
            own.query = Some((self.pick(&["k", "a b"]), value));
        }
        own
    }

    fn path(&mut self, names: &str, prefix: bool) -> Vec<Piece> {
        let count = 1 + self.of(3);
        let mut pieces = Vec::new();
        for place in 0..count {
            push(&mut pieces, "/");
            let var = |part: &str, want| Piece::Var(format!("{names}{place}{part}"), want);
            match self.of(16) {
                0..6 => {
                    let text = self.pick(&TEXTS);
                    push(&mut pieces, text);
                }
                6..10 => pieces.push(var("", Want::Any)),
                10 => pieces.push(var("", Want::Digits)),
                11 => pieces.push(var("", Want::Choice)),
                12 => {
                    push(&mut pieces, "a");
                    pieces.push(var("", self.pick(&[Want::Any, Want::Digits])));
                }
                13 => {
                    pieces.push(var("", self.pick(&[Want::Any, Want::Choice])));
                    push(&mut pieces, self.pick(&["!", ".b", "b"]));
                }
                14 => {
                    pieces.push(var("", self.pick(&[Want::Any, Want::Choice])));
                    push(&mut pieces, self.pick(&["-", "!", "b"]));
                    pieces.push(var("z", self.pick(&[Want::Any, Want::Digits])));
                }
                _ if prefix => {}
                _ => {
                    pieces.push(var("", self.pick(&[Want::Tail, Want::Spanning])));
                    return pieces;
                }
            }
        }
        pieces
    }

    fn host(&mut self, names: &str) -> (Vec<Piece>, Option<u16>) {
        let var = |part: &str, want| Piece::Var(format!("{names}h{part}"), want);
        let text = |text: &str| Piece::Text(text.into());
        let pieces = match self.of(6) {
            0 | 1 => vec![text(self.pick(&["a.b", "b", "[::1]"]))],
            2 => vec![var("", Want::Any), text(".b")],
            3 => vec![var("", Want::Digits), text(".b")],
            4 => vec![var("", Want::Any), text("-"), var("z", Want::Digits), text(".b")],
            _ => vec![var("", Want::Any), text(".a."), var("z", Want::Any)],
        };
        let port =
            if self.of(4) == 3 && matches!(pieces.last(), Some(Piece::Text(_))) { Some(80) } else { None };
        (pieces, port)
    }

    fn request(&mut self, routes: &Routes) -> Request {
        let mut path = String::new();
        let like = self.of(routes.routes.len() * 2 + 1);
        if let Some(route) = routes.routes.get(like)
            && let Some((pieces, _)) = naive::joined(&routes.chain(route.scope, &route.own), false)
        {
            for piece in &pieces {
                match piece {
                    Piece::Text(text) => path += &text.replace(' ', "%20").replace('{', "%7b"),
                    Piece::Var(..) => path += self.pick(&["a", "17", "bc", "a%2Fb", "x%2D1", "é", "a/c"]),
                }
            }
        }
        if path.is_empty() || self.of(4) == 3 {
            for _ in 0..=self.of(3) {
                path.push('/');
                path += self.pick(&PATH_PARTS);
            }
        }
        Request {
            method: self.pick(&METHODS),
            path,
            pairs: (0..self.of(3)).map(|_| self.pick(&PAIRS)).collect(),
            host: if self.of(8) == 7 { None } else { Some(self.pick(&HOSTS)) },
            scheme: self.pick(&[None, Some("http"), Some("https")]),
            headers: (0..self.of(3)).map(|_| self.pick(&["1", "12", "z"])).collect(),
        }
    }
}

fn push(pieces: &mut Vec<Piece>, more: &str) {
    match pieces.last_mut() {
        Some(Piece::Text(text)) => text.push_str(more),
        _ => pieces.push(Piece::Text(more.to_owned())),
    }
}

/// The template as a person would write it.
fn write(pieces: &[Piece]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.replace('{', "{{"),
        Piece::Var(name, Want::Tail) => format!("{{*{name}}}"),
        Piece::Var(name, want) => match want.regex() {
            None => format!("{{{name}}}"),
            Some(regex) => format!("{{{name}:{regex}}}"),
        },
    };
    pieces.iter().map(piece).collect()
}

/// The same setters for routes and bounds.
macro_rules! dress {
    ($thing:expr, $own:expr) => {{
        let own: &Conditions = $own;
        let mut thing = $thing;
        if let Some((host, port)) = &own.host {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            thing = thing.host(write(host) + &port);
        }
        for method in &own.methods {
            thing = thing.method(method.parse().expect("a method"));
        }
        if let Some(scheme) = own.scheme {
            thing = thing.scheme(scheme);
        }
        thing = match &own.header {
            None => thing,
            Some(Value::Present) => thing.header_present("x-a"),
            Some(Value::Exact(text)) => thing.header("X-A", *text),
            Some(_) => thing.header_regex("x-a", "[0-9]+"),
        };
        match &own.query {
            None => thing,
            Some((key, Value::Exact(text))) => thing.query(*key, *text),
            Some((key, Value::Template(pieces))) => thing.query(*key, write(pieces)),
            Some((key, _)) => thing.query_present(*key),
        }
    }};
}

/// Builds the table; routes that are in conflict leave it, one after the other.
fn build(routes: &mut Routes, precedence: Precedence) -> Option<Table<usize>> {
    loop {
        let mut builder = Table::builder().policy(Policy::default().precedence(precedence));
        let mut ids = Vec::new();
        for (parent, own) in &routes.scopes {
            let mut bounds = dress!(ScopeConditions::new(), own);
            if let Some((path, _)) = &own.path {
                bounds = bounds.prefix(write(path));
            }
            ids.push(builder.scope(parent.map(|parent| ids[parent]), bounds));
        }
        for (place, route) in routes.routes.iter().enumerate() {
            let bare = match &route.own.path {
                None => waylay_router::Route::new(),
                Some((path, true)) => waylay_router::Route::prefix(write(path)),
                Some((path, false)) => waylay_router::Route::any(write(path)),
            };
            let mut made = dress!(bare, &route.own).name(&route.name).priority(route.priority);
            if route.build_only {
                made = made.build_only();
            }
            builder.add(route.scope.map(|scope| ids[scope]), made.value(place));
        }
        let errors = match builder.build() {
            Ok(table) => return Some(table),
            Err(errors) => errors,
        };
        let only_conflicts = errors.iter().all(|error| matches!(error.kind, BuildErrorKind::Conflict { .. }));
        assert!(only_conflicts && precedence == Precedence::Specificity, "{errors}\n{routes:#?}");
        let first = errors.iter().next().map(|error| error.route.clone())?;
        let before = routes.routes.len();
        routes.routes.retain(|route| route.name != first);
        assert!(routes.routes.len() < before, "a conflict names no route: {errors}");
    }
}

fn compare(table: &Table<usize>, routes: &Routes, request: &Request, precedence: Precedence) {
    let query =
        if request.pairs.is_empty() { String::new() } else { format!("?{}", request.pairs.join("&")) };
    let mut builder = http::Request::builder().method(request.method).uri(format!("{}{query}", request.path));
    if let Some(host) = request.host {
        builder = builder.header(HOST, host);
    }
    for value in &request.headers {
        builder = builder.header("x-a", *value);
    }
    let Ok(asked) = builder.body(()) else {
        return;
    };
    let mut peer = Peer::default();
    if let Some(scheme) = request.scheme {
        peer = peer.scheme(scheme.parse().expect("a scheme"));
    }
    let found = table.find(&asked, &peer);
    let shown = || format!("{precedence:?} {asked:?}\n{table}");

    let refused = naive::canonical(&request.path).is_none()
        || (routes.look_at_host() && request.host.is_some_and(|host| naive::split_host(host).is_none()));
    let near: Vec<(usize, &Route, naive::Captures)> = routes
        .routes
        .iter()
        .enumerate()
        .filter(|_| !refused)
        .filter_map(|(place, route)| Some((place, route, routes.captures(route, request)?)))
        .collect();
    let matching: Vec<_> = near.iter().filter(|(_, route, _)| routes.admits(route, request.method)).collect();

    match found {
        Ok(found) => {
            let winner = matching.iter().find(|(place, ..)| *place == *found.value());
            let Some((place, route, captures)) = winner else {
                panic!("{} wins and does not match: {}", found.value(), shown());
            };
            for name in captures.iter().map(|(name, _)| name) {
                let wanted = captures.iter().find(|(known, _)| known == name).map(|(_, value)| &**value);
                assert_eq!(found.get(name).as_deref(), wanted, "{name}: {}", shown());
            }
            assert_eq!(found.captures().count(), captures.len(), "{}", shown());
            for (other_place, other, _) in &matching {
                let beaten = if precedence == Precedence::RegistrationOrder {
                    (other.priority, *place) > (route.priority, *other_place)
                } else {
                    naive::wins(routes, other, route)
                };
                assert!(!beaten, "{} wins before {}: {}", route.name, other.name, shown());
            }
        }
        Err(miss) => {
            if let Some((_, route, _)) = matching.first() {
                panic!("{} matches, but: {miss:?}: {}", route.name, shown());
            }
            let allowed = METHODS.iter().filter(|m| near.iter().any(|(_, route, _)| routes.admits(route, m)));
            let mut allowed: Vec<String> = allowed.map(|method| method.to_string()).collect();
            allowed.sort();
            match &miss.reason {
                Reason::BadRequest(_) => return assert!(refused, "{miss:?}: {}", shown()),
                Reason::NotFound => {
                    assert!(!refused && allowed.is_empty(), "{allowed:?}, got 404: {}", shown())
                }
                Reason::MethodNotAllowed(set) => {
                    let mut got: Vec<String> = set.iter().map(ToString::to_string).collect();
                    got.sort();
                    assert_eq!(got, allowed, "{}", shown());
                }
                other => panic!("{other:?}: {}", shown()),
            }
            let depth = |scope| routes.depth(scope, request);
            let deepest = (0..routes.scopes.len()).filter_map(depth).max();
            let got = miss.scope.and_then(|scope| depth(scope.index()));
            assert_eq!(got, deepest, "scope {:?}: {}", miss.scope, shown());
        }
    }
}
