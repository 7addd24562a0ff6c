//! `Table::find` compared with a linear matcher, on a small random table and a request.
//!
//! Under `Registration` both results are equal. Under `Specific` the winner matches, and no matching route
//! certainly wins over it. A miss has the same status, methods and scope.
#![no_main]

mod oracle;

use http::header::HOST;
use libfuzzer_sys::fuzz_target;
use oracle::{Conditions, Kind, Part, Request, Route, Routes, Value};
use waylay_router::{BuildErrorKind, Peer, Policy, Precedence, Reason, ScopeConditions, Table};

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
    let mut draws = Draws::new(data);
    let precedence =
        if draws.below(2) == 0 { Precedence::Specificity } else { Precedence::RegistrationOrder };
    let mut routes = draws.routes();
    let Some(table) = build(&mut routes, precedence) else {
        return;
    };
    let request = draws.request(&routes);
    compare(&table, &routes, &request, precedence);
});

/// Random draws from the input; a short input continues with its hash, so that short runs cover more.
struct Draws<'d> {
    bytes: std::slice::Iter<'d, u8>,
    hash: u64,
}

impl<'d> Draws<'d> {
    fn new(data: &'d [u8]) -> Self {
        let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        Self { bytes: data.iter(), hash: data.iter().fold(0xcbf2_9ce4_8422_2325, fnv) }
    }

    fn below(&mut self, bound: usize) -> usize {
        let drawn = self.bytes.next().copied().unwrap_or_else(|| {
            self.hash = self.hash.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (self.hash >> 56) as u8
        });
        usize::from(drawn) % bound
    }

    fn pick<T: Copy>(&mut self, any: &[T]) -> T {
        any[self.below(any.len())]
    }

    fn routes(&mut self) -> Routes {
        let mut all = Routes::default();
        for index in 0..self.below(3) {
            let parent = if index > 0 && self.below(2) == 0 { Some(index - 1) } else { None };
            let own = self.conditions(&format!("s{index}_"), true);
            all.scopes.push((parent, own));
        }
        for index in 0..=self.below(6) {
            let scope = self.below(all.scopes.len() + 1).checked_sub(1);
            let own = self.conditions("r", false);
            let priority = self.pick(&[0, 0, 0, 1, -1]);
            let build_only = self.below(16) == 15;
            all.routes.push(Route { name: format!("n{index}"), scope, priority, build_only, own });
        }
        all
    }

    fn conditions(&mut self, names: &str, scope: bool) -> Conditions {
        let mut own = Conditions::default();
        let flags = self.below(64);
        if !(scope && flags & 1 != 0) && self.below(8) != 7 {
            let prefix = scope || self.below(3) == 2;
            own.path = Some((self.path(names, prefix), prefix));
        }
        if flags & 6 == 6 {
            own.host = Some(self.host(names));
        }
        if flags & 5 == 5 {
            own.methods.extend((0..=self.below(2)).map(|_| METHODS[self.below(4)]));
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
            let value = match self.below(6) {
                0 => Value::Present,
                1 => Value::Exact("1"),
                2 => Value::Exact("a b"),
                3 => Value::Template(vec![Part::Var(format!("{names}q"), Kind::Any)]),
                4 => Value::Template(vec![Part::Var(format!("{names}q"), Kind::Digits)]),
                _ => Value::Template(vec![Part::Text("p".into()), Part::Var(format!("{names}q"), Kind::Any)]),
            };
            own.query = Some((self.pick(&["k", "a b"]), value));
        }
        own
    }

    fn path(&mut self, names: &str, prefix: bool) -> Vec<Part> {
        let count = 1 + self.below(3);
        let mut parts = Vec::new();
        for index in 0..count {
            push(&mut parts, "/");
            let var = |part: &str, kind| Part::Var(format!("{names}{index}{part}"), kind);
            match self.below(16) {
                0..6 => {
                    let text = self.pick(&TEXTS);
                    push(&mut parts, text);
                }
                6..10 => parts.push(var("", Kind::Any)),
                10 => parts.push(var("", Kind::Digits)),
                11 => parts.push(var("", Kind::Choice)),
                12 => {
                    push(&mut parts, "a");
                    parts.push(var("", self.pick(&[Kind::Any, Kind::Digits])));
                }
                13 => {
                    parts.push(var("", self.pick(&[Kind::Any, Kind::Choice])));
                    push(&mut parts, self.pick(&["!", ".b", "b"]));
                }
                14 => {
                    parts.push(var("", self.pick(&[Kind::Any, Kind::Choice])));
                    push(&mut parts, self.pick(&["-", "!", "b"]));
                    parts.push(var("z", self.pick(&[Kind::Any, Kind::Digits])));
                }
                _ if prefix => {}
                _ => {
                    parts.push(var("", self.pick(&[Kind::Tail, Kind::Spanning])));
                    return parts;
                }
            }
        }
        parts
    }

    fn host(&mut self, names: &str) -> (Vec<Part>, Option<u16>) {
        let var = |part: &str, kind| Part::Var(format!("{names}h{part}"), kind);
        let text = |text: &str| Part::Text(text.into());
        let parts = match self.below(6) {
            0 | 1 => vec![text(self.pick(&["a.b", "b", "[::1]"]))],
            2 => vec![var("", Kind::Any), text(".b")],
            3 => vec![var("", Kind::Digits), text(".b")],
            4 => vec![var("", Kind::Any), text("-"), var("z", Kind::Digits), text(".b")],
            _ => vec![var("", Kind::Any), text(".a."), var("z", Kind::Any)],
        };
        let port =
            if self.below(4) == 3 && matches!(parts.last(), Some(Part::Text(_))) { Some(80) } else { None };
        (parts, port)
    }

    fn request(&mut self, routes: &Routes) -> Request {
        let mut path = String::new();
        let like = self.below(routes.routes.len() * 2 + 1);
        if let Some(route) = routes.routes.get(like)
            && let Some((parts, _)) = oracle::joined(&routes.chain(route.scope, &route.own), false)
        {
            for part in &parts {
                match part {
                    Part::Text(text) => path += &text.replace(' ', "%20").replace('{', "%7b"),
                    Part::Var(..) => path += self.pick(&["a", "17", "bc", "a%2Fb", "x%2D1", "é", "a/c"]),
                }
            }
        }
        if path.is_empty() || self.below(4) == 3 {
            for _ in 0..=self.below(3) {
                path.push('/');
                path += self.pick(&PATH_PARTS);
            }
        }
        Request {
            method: self.pick(&METHODS),
            path,
            pairs: (0..self.below(3)).map(|_| self.pick(&PAIRS)).collect(),
            host: if self.below(8) == 7 { None } else { Some(self.pick(&HOSTS)) },
            scheme: self.pick(&[None, Some("http"), Some("https")]),
            headers: (0..self.below(3)).map(|_| self.pick(&["1", "12", "z"])).collect(),
        }
    }
}

fn push(parts: &mut Vec<Part>, more: &str) {
    match parts.last_mut() {
        Some(Part::Text(text)) => text.push_str(more),
        _ => parts.push(Part::Text(more.to_owned())),
    }
}

/// Formats a template.
fn write(parts: &[Part]) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => text.replace('{', "{{"),
        Part::Var(name, Kind::Tail) => format!("{{*{name}}}"),
        Part::Var(name, kind) => match kind.regex() {
            None => format!("{{{name}}}"),
            Some(regex) => format!("{{{name}:{regex}}}"),
        },
    };
    parts.iter().map(part).collect()
}

/// Adds conditions to a route or to bounds: the same setters without a common trait.
macro_rules! with_conditions {
    ($item:expr, $own:expr) => {{
        let own: &Conditions = $own;
        let mut item = $item;
        if let Some((host, port)) = &own.host {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            item = item.host(write(host) + &port);
        }
        for method in &own.methods {
            item = item.method(method.parse().expect("a method"));
        }
        if let Some(scheme) = own.scheme {
            item = item.scheme(scheme);
        }
        item = match &own.header {
            None => item,
            Some(Value::Present) => item.header_present("x-a"),
            Some(Value::Exact(text)) => item.header("X-A", *text),
            Some(_) => item.header_regex("x-a", "[0-9]+"),
        };
        match &own.query {
            None => item,
            Some((key, Value::Exact(text))) => item.query(*key, *text),
            Some((key, Value::Template(parts))) => item.query(*key, write(parts)),
            Some((key, _)) => item.query_present(*key),
        }
    }};
}

/// Builds the table; conflicting routes are removed one by one.
fn build(routes: &mut Routes, precedence: Precedence) -> Option<Table<usize>> {
    loop {
        let mut builder = Table::builder().policy(Policy::default().precedence(precedence));
        let mut ids = Vec::new();
        for (parent, own) in &routes.scopes {
            let mut bounds = with_conditions!(ScopeConditions::new(), own);
            if let Some((path, _)) = &own.path {
                bounds = bounds.prefix(write(path));
            }
            ids.push(builder.scope(parent.map(|parent| ids[parent]), bounds));
        }
        for (index, route) in routes.routes.iter().enumerate() {
            let bare = match &route.own.path {
                None => waylay_router::Route::new(),
                Some((path, true)) => waylay_router::Route::prefix(write(path)),
                Some((path, false)) => waylay_router::Route::any(write(path)),
            };
            let mut made = with_conditions!(bare, &route.own).name(&route.name).priority(route.priority);
            if route.build_only {
                made = made.build_only();
            }
            builder.add(route.scope.map(|scope| ids[scope]), made.value(index));
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
        assert!(routes.routes.len() < before, "the route of a conflict is unknown: {errors}");
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
    let Ok(http_request) = builder.body(()) else {
        return;
    };
    let mut peer = Peer::default();
    if let Some(scheme) = request.scheme {
        peer = peer.scheme(scheme.parse().expect("a scheme"));
    }
    let found = table.find(&http_request, &peer);
    let context = || format!("{precedence:?} {http_request:?}\n{table}");

    let is_rejected = oracle::normalized(&request.path).is_none()
        || (routes.has_hosts() && request.host.is_some_and(|host| oracle::split_host(host).is_none()));
    let candidates: Vec<(usize, &Route, oracle::Captures)> = routes
        .routes
        .iter()
        .enumerate()
        .filter(|_| !is_rejected)
        .filter_map(|(index, route)| Some((index, route, routes.captures(route, request)?)))
        .collect();
    let matching: Vec<_> =
        candidates.iter().filter(|(_, route, _)| routes.admits(route, request.method)).collect();

    match found {
        Ok(found) => {
            let winner = matching.iter().find(|(index, ..)| *index == *found.value());
            let Some((index, route, captures)) = winner else {
                panic!("{} wins but does not match: {}", found.value(), context());
            };
            for name in captures.iter().map(|(name, _)| name) {
                let expected = captures.iter().find(|(known, _)| known == name).map(|(_, value)| &**value);
                assert_eq!(found.get(name).as_deref(), expected, "{name}: {}", context());
            }
            assert_eq!(found.captures().count(), captures.len(), "{}", context());
            for (other_index, other, _) in &matching {
                let is_beaten = if precedence == Precedence::RegistrationOrder {
                    (other.priority, *index) > (route.priority, *other_index)
                } else {
                    oracle::wins(routes, other, route)
                };
                assert!(!is_beaten, "{} wins before {}: {}", route.name, other.name, context());
            }
        }
        Err(miss) => {
            if let Some((_, route, _)) = matching.first() {
                panic!("{} matches, but: {miss:?}: {}", route.name, context());
            }
            let allowed =
                METHODS.iter().filter(|m| candidates.iter().any(|(_, route, _)| routes.admits(route, m)));
            let mut allowed: Vec<String> = allowed.map(|method| method.to_string()).collect();
            allowed.sort();
            match &miss.reason {
                Reason::BadRequest(_) => return assert!(is_rejected, "{miss:?}: {}", context()),
                Reason::NotFound => {
                    assert!(!is_rejected && allowed.is_empty(), "{allowed:?}, got 404: {}", context())
                }
                Reason::MethodNotAllowed(set) => {
                    let mut got: Vec<String> = set.iter().map(ToString::to_string).collect();
                    got.sort();
                    assert_eq!(got, allowed, "{}", context());
                }
                other => panic!("{other:?}: {}", context()),
            }
            let depth = |scope| routes.depth(scope, request);
            let deepest = (0..routes.scopes.len()).filter_map(depth).max();
            let got = miss.scope.and_then(|scope| depth(scope.index()));
            assert_eq!(got, deepest, "scope {:?}: {}", miss.scope, context());
        }
    }
}
