//! Tables as data: for the library, for the naive scan, and for the output of a failure.

use std::fmt::{self, Write};

use waylay_router::{
    MethodMiss, MissingHost, OptionsAnswer, PathCleaning, PathForm, Policy, Precedence, PrefixMatch,
    QueryValues, Route, ScopeConditions, Table, TableBuilder, TrailingSlash,
};

/// What a variable accepts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Class {
    Plain,
    Digits,
    Letters,
    /// Not a single run of a class, and the first matching alternative precedes a longer one.
    Word,
    Tail,
    Spanning,
    /// gorilla/mux only, as the next: anything, including nothing.
    Any,
    Maybe,
    /// Native hosts only, as the next: `*`, `**`, several labels, and a regex instead of a template.
    One,
    Many,
    Dotted,
    Regex,
}

/// A regex for a whole host.
pub const HOST_REGEX: &str = r"(?:[ab]\.)*b";

impl Class {
    pub fn regex(self) -> Option<&'static str> {
        match self {
            Class::Plain | Class::Tail | Class::One | Class::Many => None,
            Class::Digits => Some("[0-9]+"),
            Class::Letters => Some("[ab]{1,2}"),
            Class::Word => Some("a|b|ab|1"),
            Class::Spanning => Some("[ab/]*"),
            Class::Any => Some(".*"),
            Class::Maybe => Some("a?"),
            Class::Dotted => Some("[ab.]+"),
            Class::Regex => Some(HOST_REGEX),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    Text(String),
    Var(String, Class),
    /// An optional last segment.
    Optional(String, Class),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Header {
    Present,
    Absent,
    Exact(&'static str),
    /// Letters `a` and `b`.
    Regex,
    /// The same for all values.
    All,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    Present,
    Absent,
    Exact(&'static str),
    Template(Vec<Piece>),
    /// Letters `a` and `b`.
    Regex,
}

/// A condition other than path, hosts and methods.
#[derive(Debug, Clone, PartialEq)]
pub enum Cond {
    Scheme(Vec<&'static str>),
    Header(&'static str, Header),
    Query(&'static str, Query),
    Cookie(&'static str, Option<&'static str>),
    Client(Vec<&'static str>),
    ContentType(Vec<&'static str>),
    Accept(Vec<&'static str>),
    Slash(TrailingSlash),
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Host {
    pub pieces: Vec<Piece>,
    pub port: Option<u16>,
}

/// The conditions of one scope or route.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Level {
    /// The template, and whether it is a prefix.
    pub path: Option<(Vec<Piece>, bool)>,
    pub hosts: Vec<Host>,
    pub methods: Vec<&'static str>,
    pub conds: Vec<Cond>,
    pub sealed: bool,
}

#[derive(Debug, Clone)]
pub struct ScopeCase {
    /// The index of the outer scope, if any; it precedes this one.
    pub parent: Option<usize>,
    pub own: Level,
    pub method_miss: Option<MethodMiss>,
    pub options: Option<OptionsAnswer>,
}

#[derive(Debug, Clone)]
pub struct RouteCase {
    pub scope: Option<usize>,
    pub priority: i32,
    pub build_only: bool,
    pub own: Level,
}

/// The policy as plain data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    pub gorilla: bool,
    pub precedence: Precedence,
    pub form: PathForm,
    pub path_cleaning: PathCleaning,
    pub prefixes: PrefixMatch,
    pub slash: TrailingSlash,
    pub query: QueryValues,
    pub missing_host: MissingHost,
    pub options: OptionsAnswer,
    pub method_miss: MethodMiss,
}

impl Rules {
    pub fn policy(&self) -> Policy {
        let base = if self.gorilla { Policy::gorilla() } else { Policy::default() };
        base.precedence(self.precedence)
            .path(self.form)
            .path_cleaning(self.path_cleaning)
            .prefixes(self.prefixes)
            .trailing_slash(self.slash)
            .query(self.query)
            .missing_host(self.missing_host)
            .options(self.options)
            .method_miss(self.method_miss)
    }
}

#[derive(Clone)]
pub struct TableCase {
    pub rules: Rules,
    pub scopes: Vec<ScopeCase>,
    pub routes: Vec<RouteCase>,
}

impl fmt::Debug for TableCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.snippet())
    }
}

impl TableCase {
    /// Returns the conditions of a route or scope and of its outer scopes, outermost first.
    pub fn chain<'a>(&'a self, scope: Option<usize>, own: &'a Level) -> Vec<&'a Level> {
        let mut chain = vec![own];
        let mut next = scope;
        while let Some(place) = next {
            chain.push(&self.scopes[place].own);
            next = self.scopes[place].parent;
        }
        chain.reverse();
        chain
    }

    /// Tests whether anything is sealed.
    pub fn seals(&self) -> bool {
        self.scopes.iter().any(|scope| scope.own.sealed) || self.routes.iter().any(|route| route.own.sealed)
    }

    /// Builds the table of the library.
    pub fn builder(&self) -> TableBuilder<usize> {
        let mut builder = Table::builder().policy(self.rules.policy());
        let mut ids = Vec::new();
        for scope in &self.scopes {
            let mut bounds = dress!(ScopeConditions::new(), &scope.own);
            if let Some((pieces, _)) = &scope.own.path {
                bounds = bounds.prefix(write(pieces));
            }
            if let Some(method_miss) = scope.method_miss {
                bounds = bounds.method_miss(method_miss);
            }
            if let Some(options) = scope.options {
                bounds = bounds.options(options);
            }
            ids.push(builder.scope(scope.parent.map(|parent| ids[parent]), bounds));
        }
        for (place, route) in self.routes.iter().enumerate() {
            let bare = match &route.own.path {
                None => Route::new(),
                Some((pieces, true)) => Route::prefix(write(pieces)),
                Some((pieces, false)) => Route::any(write(pieces)),
            };
            let bare = if route.build_only { bare.build_only() } else { bare };
            let route_ = dress!(bare, &route.own).priority(route.priority).name(place.to_string());
            builder.add(route.scope.map(|scope| ids[scope]), route_.value(place));
        }
        builder
    }

    /// Prints the table as code.
    pub fn snippet(&self) -> String {
        let base = if self.rules.gorilla { "gorilla" } else { "default" };
        let Rules { precedence, form, path_cleaning, prefixes, slash, query, .. } = self.rules;
        let mut out = format!(
            "let mut table = Table::builder().policy(Policy::{base}().precedence(Precedence::{precedence:?})\
             .path(PathForm::{form:?}).path_cleaning(PathCleaning::{path_cleaning:?}).prefixes(PrefixMatch::{prefixes:?})\
             .trailing_slash(TrailingSlash::{slash:?}).query(QueryValues::{query:?}));\n"
        );
        for (place, scope) in self.scopes.iter().enumerate() {
            let parent = scope.parent.map_or("None".to_owned(), |parent| format!("Some(s{parent})"));
            let mut more = words(&scope.own, true);
            if let Some(rule) = scope.method_miss {
                let _ = write!(more, ".method_miss(MethodMiss::{rule:?})");
            }
            if let Some(rule) = scope.options {
                let _ = write!(more, ".options(OptionsAnswer::{rule:?})");
            }
            let _ = writeln!(out, "let s{place} = table.open({parent}, ScopeConditions::new(){more});");
        }
        for (place, route) in self.routes.iter().enumerate() {
            let scope = route.scope.map_or("None".to_owned(), |scope| format!("Some(s{scope})"));
            let mut more = words(&route.own, false);
            if route.priority != 0 {
                let _ = write!(more, ".priority({})", route.priority);
            }
            if route.build_only {
                more += ".build_only()";
            }
            let _ = writeln!(out, "table.add({scope}, Route::new(){more}.value({place}));");
        }
        out
    }
}

/// The setters of routes and scopes.
macro_rules! dress {
    ($thing:expr, $own:expr) => {{
        let own: &$crate::model::Level = $own;
        let mut thing = $thing;
        for host in &own.hosts {
            thing = match &host.pieces[..] {
                [Piece::Var(_, Class::Regex)] => thing.host_regex(HOST_REGEX),
                _ => thing.host(write_host(host)),
            };
        }
        for method in &own.methods {
            thing = thing.method(method.parse().unwrap());
        }
        for cond in &own.conds {
            thing = match cond {
                Cond::Scheme(any) => any.iter().fold(thing, |thing, one| thing.scheme(*one)),
                Cond::Header(name, Header::Present) => thing.header_present(*name),
                Cond::Header(name, Header::Absent) => thing.header_absent(*name),
                Cond::Header(name, Header::Exact(value)) => thing.header(*name, *value),
                Cond::Header(name, Header::Regex) => thing.header_regex(*name, "[ab]+"),
                Cond::Header(name, Header::All) => thing.header_all_values(*name, "[ab]+"),
                Cond::Query(key, Query::Present) => thing.query_present(*key),
                Cond::Query(key, Query::Regex) => thing.query_regex(*key, "[ab]+"),
                Cond::Query(key, Query::Absent) => thing.query_absent(*key),
                Cond::Query(key, Query::Exact(value)) => thing.query(*key, *value),
                Cond::Query(key, Query::Template(pieces)) => thing.query(*key, write(pieces)),
                Cond::Cookie(name, None) => thing.cookie_present(*name),
                Cond::Cookie(name, Some(value)) => thing.cookie(*name, *value),
                Cond::Client(any) => any.iter().fold(thing, |thing, one| thing.client_ip(*one)),
                Cond::ContentType(any) => any.iter().fold(thing, |thing, one| thing.content_type(*one)),
                Cond::Accept(any) => any.iter().fold(thing, |thing, one| thing.accept(*one)),
                Cond::Slash(rule) => thing.trailing_slash(*rule),
            };
        }
        if own.sealed { thing.sealed() } else { thing }
    }};
}
use dress;

/// Prints the setters as code.
fn words(own: &Level, scope: bool) -> String {
    let mut out = String::new();
    let mut say = |name: &str, args: &[&str]| {
        let args: Vec<_> = args.iter().map(|arg| format!("{arg:?}")).collect();
        let _ = write!(out, ".{name}({})", args.join(", "));
    };
    match &own.path {
        None => {}
        Some((pieces, _)) if scope => say("prefix", &[&write(pieces)]),
        Some((pieces, true)) => say("PREFIX", &[&write(pieces)]),
        Some((pieces, false)) => say("path", &[&write(pieces)]),
    }
    for host in &own.hosts {
        match &host.pieces[..] {
            [Piece::Var(_, Class::Regex)] => say("host_regex", &[HOST_REGEX]),
            _ => say("host", &[&write_host(host)]),
        }
    }
    if own.sealed {
        say("sealed", &[]);
    }
    own.methods.iter().for_each(|method| say("method", &[method]));
    for cond in &own.conds {
        match cond {
            Cond::Scheme(any) => any.iter().for_each(|one| say("scheme", &[one])),
            Cond::Header(name, Header::Present) => say("header_present", &[name]),
            Cond::Header(name, Header::Absent) => say("header_absent", &[name]),
            Cond::Header(name, Header::Exact(value)) => say("header", &[name, value]),
            Cond::Header(name, Header::Regex) => say("header_regex", &[name, "[ab]+"]),
            Cond::Header(name, Header::All) => say("header_all_values", &[name, "[ab]+"]),
            Cond::Query(key, Query::Present) => say("query_present", &[key]),
            Cond::Query(key, Query::Regex) => say("query_regex", &[key, "[ab]+"]),
            Cond::Query(key, Query::Absent) => say("query_absent", &[key]),
            Cond::Query(key, Query::Exact(value)) => say("query", &[key, value]),
            Cond::Query(key, Query::Template(pieces)) => say("query", &[key, &write(pieces)]),
            Cond::Cookie(name, None) => say("cookie_present", &[name]),
            Cond::Cookie(name, Some(value)) => say("cookie", &[name, value]),
            Cond::Client(any) => any.iter().for_each(|one| say("client_ip", &[one])),
            Cond::ContentType(any) => any.iter().for_each(|one| say("content_type", &[one])),
            Cond::Accept(any) => any.iter().for_each(|one| say("accept", &[one])),
            Cond::Slash(rule) => say("trailing_slash", &[&format!("{rule:?}")]),
        }
    }
    out
}

/// Prints the template as a user would write it.
pub fn write(pieces: &[Piece]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.replace('{', "{{"),
        Piece::Var(_, Class::One) => "*".to_owned(),
        Piece::Var(_, Class::Many) => "**".to_owned(),
        Piece::Var(name, Class::Tail) => format!("{{*{name}}}"),
        Piece::Optional(name, class) => match class.regex() {
            None => format!("{{{name}?}}"),
            Some(regex) => format!("{{{name}?:{regex}}}"),
        },
        Piece::Var(name, class) => match class.regex() {
            None => format!("{{{name}}}"),
            Some(regex) => format!("{{{name}:{regex}}}"),
        },
    };
    pieces.iter().map(piece).collect()
}

pub fn write_host(host: &Host) -> String {
    write(&host.pieces) + &host.port.map(|port| format!(":{port}")).unwrap_or_default()
}
