//! Small random tables and requests over an alphabet that makes them meet.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use waylay_router::Route;

/// A segment or label of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Literal(&'static str),
    Var,
    /// `{v:regex}`
    Constrained(Class),
    /// text, variable, text
    Affixed(&'static str, Option<Class>, &'static str),
    /// `{v}-{w}`
    Two,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Class {
    Digits,
    Letters,
    /// Not one run of a class, so that the regex engine is asked.
    Word,
}

impl Class {
    pub fn regex(self) -> &'static str {
        match self {
            Class::Digits => "[0-9]+",
            Class::Letters => "[ab]{1,2}",
            Class::Word => "a|b|ab|1",
        }
    }

    pub fn holds(self, text: &str) -> bool {
        match self {
            Class::Digits => !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()),
            Class::Letters => (1..=2).contains(&text.len()) && text.chars().all(|c| c == 'a' || c == 'b'),
            Class::Word => matches!(text, "a" | "b" | "ab" | "1"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ending {
    Exact,
    Slash,
    Tail,
    Prefix,
}

#[derive(Debug, Clone)]
pub struct RouteCase {
    pub priority: i32,
    pub host: Option<Vec<Part>>,
    pub path: Option<(Vec<Part>, Ending)>,
    pub methods: Vec<&'static str>,
    /// `x-a`: present, or equal
    pub header: Option<Option<&'static str>>,
    /// `q`: present, equal, or a template
    pub query: Option<QueryCase>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum QueryCase {
    Present,
    Equal(&'static str),
    Number,
}

impl RouteCase {
    pub fn route(&self, _number: usize) -> Route {
        let mut route = Route::new().priority(self.priority);
        if let Some((parts, ending)) = &self.path {
            let mut text = template(parts, '/', "p");
            match ending {
                Ending::Exact => {}
                Ending::Slash => text.push('/'),
                Ending::Tail => text.push_str("/{*rest}"),
                Ending::Prefix => {}
            }
            if *ending == Ending::Prefix {
                route = Route::prefix(text).priority(self.priority);
            } else {
                route = route.path(text);
            }
        }
        if let Some(labels) = &self.host {
            route = route.host(&template(labels, '.', "h")[1..]);
        }
        for method in &self.methods {
            route = route.method(method.parse().unwrap());
        }
        route = match self.header {
            None => route,
            Some(None) => route.header_present("X-A"),
            Some(Some(value)) => route.header("x-a", value),
        };
        match self.query {
            None => route,
            Some(QueryCase::Present) => route.query_present("q"),
            Some(QueryCase::Equal(value)) => route.query("q", value),
            Some(QueryCase::Number) => route.query("q", "{q:[0-9]+}"),
        }
    }
}

/// The template of parts, each led by the separator; variables are named by their place.
fn template(parts: &[Part], separator: char, name: &str) -> String {
    let mut out = String::new();
    for (i, part) in parts.iter().enumerate() {
        out.push(separator);
        let constraint = |class: &Class| format!(":{}", class.regex());
        out.push_str(&match part {
            Part::Literal(text) => (*text).to_owned(),
            Part::Var => format!("{{{name}{i}}}"),
            Part::Constrained(class) => format!("{{{name}{i}{}}}", constraint(class)),
            Part::Affixed(before, class, after) => {
                let class = class.as_ref().map(constraint).unwrap_or_default();
                format!("{before}{{{name}{i}{class}}}{after}")
            }
            Part::Two => format!("{{{name}{i}}}-{{{name}{i}b}}"),
        });
    }
    out
}

#[derive(Debug, Clone)]
pub struct RequestCase {
    pub method: &'static str,
    pub host: Option<&'static str>,
    pub segments: Vec<&'static str>,
    pub header: Option<&'static str>,
    pub queries: Vec<(&'static str, &'static str)>,
}

impl RequestCase {
    pub fn target(&self) -> String {
        let mut out: String = self.segments.iter().map(|segment| format!("/{segment}")).collect();
        if out.is_empty() {
            out.push('/');
        }
        for (i, (key, value)) in self.queries.iter().enumerate() {
            out.push(if i == 0 { '?' } else { '&' });
            out.push_str(&format!("{key}={value}"));
        }
        out
    }
}

#[derive(Debug, Clone)]
pub struct Case {
    pub routes: Vec<RouteCase>,
    pub requests: Vec<RequestCase>,
}

fn class() -> impl Strategy<Value = Class> {
    select(vec![Class::Digits, Class::Letters, Class::Word])
}

fn path_part() -> impl Strategy<Value = Part> {
    prop_oneof![
        6 => select(vec!["a", "b", "ab", "caf\u{e9}", "a b"]).prop_map(Part::Literal),
        3 => Just(Part::Var),
        1 => class().prop_map(Part::Constrained),
        1 => (select(vec!["", "a", "ab"]), option::of(class()), select(vec!["", "b", ".x", "0", "9", "F"]))
            .prop_filter("has text", |(before, _, after)| !(before.is_empty() && after.is_empty()))
            .prop_map(|(before, class, after)| Part::Affixed(before, class, after)),
        1 => Just(Part::Two),
    ]
}

fn host_part() -> impl Strategy<Value = Part> {
    prop_oneof![
        4 => select(vec!["a", "b", "ab"]).prop_map(Part::Literal),
        2 => Just(Part::Var),
        1 => class().prop_map(Part::Constrained),
        1 => Just(Part::Affixed("a", None, "")),
    ]
}

fn route() -> impl Strategy<Value = RouteCase> {
    let ending = prop_oneof![
        6 => Just(Ending::Exact),
        1 => Just(Ending::Slash),
        2 => Just(Ending::Tail),
        2 => Just(Ending::Prefix),
    ];
    let path = option::weighted(0.95, (vec(path_part(), 1..4), ending));
    let host = option::weighted(0.3, vec(host_part(), 1..3));
    let header = option::weighted(0.15, option::of(select(vec!["1", "2"])));
    let query = option::weighted(
        0.15,
        select(vec![QueryCase::Present, QueryCase::Equal("1"), QueryCase::Equal("a b"), QueryCase::Number]),
    );
    let priority = prop_oneof![8 => Just(0), 1 => Just(1), 1 => Just(-1)];
    let methods = vec(select(vec!["GET", "POST", "HEAD", "PURGE"]), 0..3);
    (priority, host, path, methods, header, query).prop_map(
        |(priority, host, path, mut methods, header, query)| {
            methods.dedup();
            RouteCase { priority, host, path, methods, header, query }
        },
    )
}

fn request() -> impl Strategy<Value = RequestCase> {
    let segments = vec![
        "a",
        "b",
        "ab",
        "1",
        "12",
        "a1.x",
        "a-b",
        "a-b-1",
        "",
        "caf%c3%a9",
        "a%20b",
        "a%2Fb",
        "%61",
        "zz",
    ];
    let queries = vec![("q", "1"), ("q", "a+b"), ("q", "a%20b"), ("%71", "7"), ("q", ""), ("r", "1")];
    (
        select(vec!["GET", "POST", "HEAD", "PURGE", "OTHER"]),
        option::weighted(0.7, select(vec!["a", "b", "AB", "a.b", "ab.a.", "1.b:80", "a.b.a", "zz"])),
        vec(select(segments), 0..5),
        option::of(select(vec!["1", "2"])),
        vec(select(queries), 0..3),
    )
        .prop_map(|(method, host, segments, header, queries)| RequestCase {
            method,
            host,
            segments,
            header,
            queries,
        })
}

pub fn case() -> impl Strategy<Value = Case> {
    (vec(route(), 1..14), vec(request(), 24)).prop_map(|(routes, requests)| Case { routes, requests })
}
