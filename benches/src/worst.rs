//! Group `worst`: requests of 400 KB against 300 routes that each read all of it, and a file of 20,000 routes.

use std::hint::black_box;
use std::time::Instant;

use http::{HeaderName, HeaderValue, Request};
use waylay_router::{Peer, Route, Table, TableSpec};

use crate::measure::{Contender, Pace, Sample, race};
use crate::report::{Goal, Group, Report, Runs};

/// The group of figures.
pub const GROUP: Group = Group { name: "worst", is_quick: true, measure, report };

/// Bytes of the headers of a request.
const BYTES: usize = 400_000;

/// Bytes of a path or query: `http::Uri` holds less than 64 KiB.
const TARGET: usize = 65_000;

/// Number of routes, of which none matches.
const ROUTES: usize = 300;

/// Number of routes in a table's file.
const FILE_ROUTES: usize = 20_000;

/// A table and the request that costs most with it.
struct Case {
    name: &'static str,
    table: Table<usize>,
    request: Request<()>,
}

impl Case {
    fn new(name: &'static str, route: impl Fn(usize) -> Route, target: &str, header: (&str, String)) -> Self {
        let routes = (0..ROUTES)
            .fold(Table::builder(), |builder, n| builder.route(route(n).priority(n as i32).value(n)));
        let table = routes.build().expect("the tables of the benches are valid");
        let mut request = Request::get(target).body(()).expect("the targets are valid");
        let name_of: HeaderName = header.0.parse().expect("the names are valid");
        request
            .headers_mut()
            .insert(name_of, HeaderValue::from_str(&header.1).expect("the values are valid"));
        Self { name, table, request }
    }
}

fn cases() -> Vec<Case> {
    let many = |text: &str| text.repeat(BYTES / text.len());
    let target = |start: &str, text: &str| format!("{start}{}", text.repeat(TARGET / text.len()));
    let none = || ("x-none", String::new());
    // The longest that is read, not rejected.
    let read = 8 * 1024 - 32;
    vec![
        Case::new("cookies", |n| Route::new().cookie(format!("c{n}"), "1"), "/", ("cookie", many("ab=cd; "))),
        Case::new("one long cookie", |n| Route::new().cookie("a", n.to_string()), "/", ("cookie", many("a"))),
        Case::new(
            "1,024 cookies",
            |n| Route::new().cookie(format!("c{n}"), "1"),
            "/",
            ("cookie", format!("c={}; ", "v".repeat(380)).repeat(1024)),
        ),
        Case::new("query pairs", |n| Route::new().query(format!("q{n}"), "1"), &target("/?", "&"), none()),
        Case::new(
            "1,024 query pairs",
            |n| Route::new().query("q", n.to_string()),
            &format!("/?q={}", "&q=vwxyz".repeat(1023)),
            none(),
        ),
        Case::new(
            "query regexes",
            |n| Route::new().query_regex("q", format!(".*a{n}")),
            &target("/?q=", "b"),
            none(),
        ),
        Case::new(
            "query regexes, 8 KiB",
            |n| Route::new().query_regex("q", format!(".*a{n}")),
            &format!("/?q={}", "b".repeat(read)),
            none(),
        ),
        // Each value has the literals of all.
        Case::new(
            "query regexes, all literals",
            |n| Route::new().query_regex("q", format!(".*a{n}[0-9]+")),
            &format!(
                "/?q={}{}",
                (0..ROUTES).map(|n| format!("a{n}-")).collect::<String>(),
                "b".repeat(read - 1_400)
            ),
            none(),
        ),
        Case::new(
            "query regexes without literals",
            |n| Route::new().query_regex("q", format!(".*[0-9]{{{}}}", n + 1)),
            &format!("/?q={}", "b".repeat(read)),
            none(),
        ),
        Case::new(
            "query regexes, escapes",
            |n| Route::new().query_regex("q", format!(".*a{n}")),
            &format!("/?q={}", "%62".repeat(read / 3)),
            none(),
        ),
        Case::new(
            "query regexes, 230 values",
            |n| Route::new().query_regex("q", format!(".*a{n}")),
            &format!("/?q=%62{}", "&q=%62".repeat(229)),
            none(),
        ),
        Case::new(
            "query templates, escapes",
            |n| Route::new().query("q", format!("{{x:.*a{n}}}")),
            &format!("/?q={}", "%62".repeat(read / 3)),
            none(),
        ),
        Case::new(
            "query templates of two variables, escapes",
            |n| Route::new().query("q", format!("{{x:.+}}a{n}{{y:.+}}")),
            &format!("/?q={}", "%62".repeat(read / 3)),
            none(),
        ),
        Case::new("Accept", |n| Route::new().accept(format!("a/b{n}")), "/", ("accept", many("a/b;q=0.5, "))),
        Case::new("one long range", |n| Route::new().accept(format!("a/b{n}")), "/", ("accept", many("a"))),
        Case::new(
            "header regexes",
            |n| Route::new().header_regex("x", format!(".*a{n}")),
            "/",
            ("x", many("b")),
        ),
        Case::new(
            "header regexes, 8 KiB",
            |n| Route::new().header_regex("x", format!(".*a{n}")),
            "/",
            ("x", "b".repeat(read)),
        ),
        Case::new(
            "content types",
            |n| Route::new().content_type(format!("a/b{n}")),
            "/",
            ("content-type", many("a")),
        ),
        Case::new("path regexes", |n| Route::new().path_regex(format!("/.*a{n}")), &target("/", "b"), none()),
        Case::new(
            "path regexes, 8 KiB",
            |n| Route::new().path_regex(format!("/.*a{n}")),
            &format!("/{}", "b".repeat(read - 1)),
            none(),
        ),
        Case::new(
            "path regexes, escapes",
            |n| Route::new().path_regex(format!("/.*a{n}")),
            &format!("/{}", "%40".repeat((read - 1) / 3)),
            none(),
        ),
        Case::new(
            "regexes of path variables, escapes",
            |n| Route::any(format!("/{{x:.*a{n}}}")),
            &format!("/{}", "%40".repeat((read - 1) / 3)),
            none(),
        ),
        Case::new(
            "regexes of two path variables, escapes",
            |n| Route::any(format!("/{{x:[^/]+}}a{n}{{y:[^/]+}}")),
            &format!("/{}", "%40".repeat((read - 1) / 3)),
            none(),
        ),
        Case::new("path variables", |n| Route::any(format!("/{{x}}/a{n}")), &target("/", "b/"), none()),
        Case::new(
            "negations",
            |n| Route::rule(format!("!Query(`{n}`) && !Cookie(`{n}`)")),
            &target("/?", "%41"),
            ("cookie", many("a")),
        ),
    ]
}

/// A format, a file in it, and its reader.
type File = (&'static str, String, fn(&str) -> TableSpec);

/// Returns the file of a table in TOML and JSON.
fn files(routes: usize) -> [File; 2] {
    let rule = |n: usize| format!("Path(`/group-{n}/{{id}}`) && Method(`GET`)");
    let toml = (0..routes)
        .map(|n| format!("[[routes]]\nname = 'route-{n}'\nrule = '{}'\nhandler = 'handler'\n\n", rule(n)))
        .collect();
    let json = (0..routes).map(|n| {
        format!(
            "    {{ \"name\": \"route-{n}\",\n      \"rule\": \"{}\",\n      \"handler\": \"handler\" }}",
            rule(n)
        )
    });
    let json = format!("{{\n  \"routes\": [\n{}\n  ]\n}}\n", json.collect::<Vec<_>>().join(",\n"));
    [("TOML", toml, TableSpec::toml), ("JSON", json, TableSpec::json)]
}

fn measure(pace: &Pace) -> Vec<Sample> {
    let cases = cases();
    let contenders = cases.iter().map(|case| {
        Contender::new(case.name, 1, || {
            let found = case.table.find(black_box(&case.request), &Peer::default());
            black_box(found.is_ok());
        })
    });
    let mut samples = race(pace, contenders.collect());
    for (format, text, read) in files(pace.size(FILE_ROUTES, 200)) {
        let start = Instant::now();
        let spec = black_box(read(&text));
        samples.push(Sample::figure(format!("{format}: seconds"), start.elapsed().as_secs_f64()));
        let start = Instant::now();
        let table = Table::builder().spec(&spec, |_| Ok(())).build().expect("the file is valid");
        samples.push(Sample::figure(format!("{format}, build: seconds"), start.elapsed().as_secs_f64()));
        drop(black_box(table));
    }
    samples
}

fn report(runs: &Runs, report: &mut Report) {
    report.head(
        "worst: requests of 400 KB against 300 routes, files of 20,000 routes",
        "A look-up in which every route reads the same part of the request and none matches.",
    );
    for Case { name, .. } in cases() {
        let millis = runs.figure(|run| run.value(name) / 1e6);
        report.line(&format!("{name}, ms"), millis, Goal::AtMost(5.0), "");
    }
    for format in ["TOML", "JSON"] {
        let seconds = |figure: &str| runs.value(&format!("{format}{figure}: seconds"));
        report.line(&format!("20,000 routes of {format}: read, seconds"), seconds(""), Goal::AtMost(0.3), "");
        report.line(
            &format!("20,000 routes of {format}: build, seconds"),
            seconds(", build"),
            Goal::None,
            "",
        );
    }
}
