//! Group `adversarial`: tables and requests that are made to be expensive for a router.

use http::{HeaderName, HeaderValue, Method};
use waylay_router::{Route, Table};

use crate::measure::{Contender, Pace, Sample, race};
use crate::peers::{
    Methods, NAMES, Outcome, PathRouter, Request, WithMethods, best, check_allocations, contender,
    contender_if_equal, get, peer_names, waylay,
};
use crate::report::{Goal, Group, Report, Runs};

/// The group of figures.
pub const GROUP: Group = Group { name: "adversarial", is_quick: false, measure, report };

/// Names in the report, in the order of `cases`.
const CASES: [(&str, &str); 6] = [
    ("backtracking", "20 paths that differ in the last of 22 segments"),
    ("literal or variable", "each of 8 segments literal or variable, in all combinations"),
    ("long segments", "1,000 segments with 40 equal bytes first"),
    ("beginnings", "500 segments of a literal and a variable"),
    ("deep", "25 variables in one path, the most that matchit has"),
    ("one path", "300 values of a header on one path"),
];

/// Routes with their requests.
struct Case {
    name: &'static str,
    paths: Vec<String>,
    requests: Vec<(Outcome, Request)>,
}

impl Case {
    fn new(name: &'static str, paths: Vec<String>, target: impl Fn(usize) -> String) -> Self {
        let requests = (0..paths.len())
            .map(|index| (Outcome::Found(index as u32), get(&Method::GET, &target(index), "test")))
            .collect();
        Self { name, paths, requests }
    }

    fn table(&self) -> Table<u32> {
        let mut builder = Table::builder();
        for (index, path) in (0u32..).zip(&self.paths) {
            builder.add(None, Route::any(path).method(Method::GET).value(index));
        }
        builder.build().expect("the tables of the benches are valid")
    }

    fn peer<P: PathRouter>(&self) -> Option<WithMethods<P>> {
        let paths = (0u32..).zip(&self.paths);
        WithMethods::try_new(paths.map(|(index, path)| (&Method::GET, path.as_str(), index))).ok()
    }
}

fn cases(pace: &Pace) -> Vec<Case> {
    let literals = |count: usize| "/a".repeat(count);
    // A search that prefers literals enters all of these before the only one that matches.
    let backtracking =
        |variable: usize| format!("{}/{{v}}{}/end-{variable}", literals(variable), literals(20 - variable));
    let combination = |bits: usize, variable: &str| -> String {
        let segment = |bit: usize| match bits >> bit & 1 {
            0 => format!("/literal-{bit}"),
            _ => variable.replace('N', &bit.to_string()),
        };
        (0..8).map(segment).collect()
    };
    let long = |number: usize| format!("/a-name-that-forty-bytes-of-all-others-have-{number}/{{id}}");
    let (few, many) = (pace.size(500, 20), pace.size(1_000, 20));
    vec![
        Case::new("backtracking", (0..20).map(backtracking).collect(), |variable| {
            format!("{}/end-{variable}", literals(21))
        }),
        Case::new("literal or variable", (0..256).map(|bits| combination(bits, "/{vN}")).collect(), |bits| {
            combination(bits, "/other")
        }),
        Case::new("long segments", (0..many).map(long).collect(), |number| {
            long(number).replace("{id}", "17")
        }),
        Case::new(
            "beginnings",
            (0..few).map(|number| format!("/kind-{number}-{{id}}")).collect(),
            |number| format!("/kind-{number}-x"),
        ),
        Case::new("deep", vec![(0..25).map(|place| format!("/{{v{place}}}")).collect()], |_| "/x".repeat(25)),
    ]
}

/// A header by which one path is divided.
const HEADER: HeaderName = HeaderName::from_static("x-tenant");

fn guarded_requests(count: usize) -> Vec<(Outcome, Request)> {
    let request = |number: usize| {
        let mut request = get(&Method::GET, "/import/7", "test");
        let value = HeaderValue::from_str(&format!("tenant-{number}")).expect("the value is valid");
        request.headers_mut().insert(HEADER, value);
        (Outcome::Found(number as u32), request)
    };
    (0..count).map(request).collect()
}

fn guarded_table(count: usize) -> Table<u32> {
    let mut builder = Table::builder();
    for number in 0..count {
        let route = Route::get("/import/{id}").header(HEADER.as_str(), format!("tenant-{number}"));
        builder.add(None, route.value(number as u32));
    }
    builder.build().expect("the tables of the benches are valid")
}

/// Manual code: a router of paths, then a list of values.
struct Guarded<P> {
    paths: WithMethods<P>,
    values: Vec<HeaderValue>,
}

impl<P: PathRouter> Guarded<P> {
    fn new(count: usize) -> Self {
        let value = |number| HeaderValue::from_str(&format!("tenant-{number}")).expect("the value is valid");
        Self {
            paths: WithMethods::new([(&Method::GET, "/import/{id}", 0)]),
            values: (0..count).map(value).collect(),
        }
    }
}

#[inline(never)]
fn guarded<P: PathRouter>(router: &Guarded<P>, request: &Request) -> Outcome {
    let Outcome::Found(_) = router.paths.find::<false>(request) else { return Outcome::NotFound };
    let value = request.headers().get(HEADER);
    let place = router.values.iter().position(|expected| Some(expected) == value);
    place.map_or(Outcome::NotFound, |place| Outcome::Found(place as u32))
}

#[inline(never)]
fn peer<P: PathRouter>(router: &WithMethods<P>, request: &Request) -> Outcome {
    router.find::<false>(request)
}

/// The routers of a case; nothing in place of a peer that rejects a template.
struct Built {
    waylay: Table<u32>,
    nine: Option<WithMethods<matchit::Router<Methods>>>,
    tree: Option<WithMethods<path_tree::PathTree<Methods>>>,
    wayfind: Option<WithMethods<wayfind::Router<Methods>>>,
    xitca: Option<WithMethods<xitca_router::Router<Methods>>>,
}

impl Built {
    fn new(case: &Case) -> Self {
        Self {
            waylay: case.table(),
            nine: case.peer(),
            tree: case.peer(),
            wayfind: case.peer(),
            xitca: case.peer(),
        }
    }

    /// Returns waylay and the peers that find the same routes.
    fn contenders<'a>(&'a self, case: &'a Case) -> Vec<Contender<'a>> {
        fn of_peer<'a, P: PathRouter>(
            name: &str,
            router: Option<&'a WithMethods<P>>,
            case: &'a Case,
        ) -> Option<Contender<'a>> {
            contender_if_equal(&format!("{name}, {}", case.name), router?, &case.requests, peer)
        }
        let ours = format!("waylay, {}", case.name);
        let peers = [
            of_peer(NAMES[0], self.nine.as_ref(), case),
            of_peer(NAMES[2], self.tree.as_ref(), case),
            of_peer(NAMES[3], self.wayfind.as_ref(), case),
            of_peer(NAMES[4], self.xitca.as_ref(), case),
        ];
        let ours = contender(&ours, &self.waylay, &case.requests, waylay::<false>);
        [ours].into_iter().chain(peers.into_iter().flatten()).collect()
    }
}

fn measure(pace: &Pace) -> Vec<Sample> {
    let cases: Vec<(Case, Built)> = cases(pace)
        .into_iter()
        .map(|case| {
            let built = Built::new(&case);
            (case, built)
        })
        .collect();
    let count = pace.size(300, 20);
    let (ours, nine) = (guarded_table(count), Guarded::<matchit::Router<Methods>>::new(count));
    let requests = guarded_requests(count);
    let mut contenders: Vec<_> = cases.iter().flat_map(|(case, built)| built.contenders(case)).collect();
    contenders.push(contender("waylay, one path", &ours, &requests, waylay::<false>));
    contenders.push(contender(&format!("{}, one path", NAMES[0]), &nine, &requests, guarded));
    let samples = race(pace, contenders);
    check_allocations(&samples);
    samples
}

fn report(runs: &Runs, report: &mut Report) {
    report.head(
        "adversarial: tables that are expensive to search",
        "All requests of a table in turn. The peers match paths, with an array by method; on one path, a list of values\n\
         is manual code. A peer that rejects a template or finds another route is left out.",
    );
    for (set, label) in CASES {
        let ratio = runs.figure(|run| run.value(&format!("waylay, {set}")) / best(run, set));
        let times = peer_names(runs, set);
        let times = times.iter().map(|(label, name)| format!("{label} {:.0}", runs.value(name).median));
        let note = times.collect::<Vec<_>>().join(", ");
        report.line(&format!("{set}: {label} / best peer"), ratio, Goal::None, &note);
    }
}
