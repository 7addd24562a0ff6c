//! Group `large`: two REST APIs with methods, GitHub's and one of 3,486 routes.

use crate::forge::{Requests, github, requests, routes};
use crate::measure::{Contender, Pace, Sample, race};
use crate::peers::{Routers, best, check_allocations, peer_names};
use crate::report::{Goal, Group, Report, Runs};

/// The group of figures.
pub const GROUP: Group = Group { name: "large", is_quick: true, measure, report };

/// Those that take microseconds are measured with the hits of GitHub's API only: a pass over the large table takes a second.
const FAST: [&str; 7] =
    ["waylay", "matchit 0.9", "matchit 0.8", "path-tree", "wayfind", "xitca-router", "HashMap"];

const SETS: [(&str, &str); 4] = [
    ("hits", "hits"),
    ("hits, read", "hits, captures read by both"),
    ("misses", "misses"),
    ("wrong methods", "wrong methods"),
];

fn contenders<'a>(table: &str, routers: &'a Routers, requests: &'a Requests) -> Vec<Contender<'a>> {
    let name = |set: &str| format!("{set}{table}");
    let hits: &[&str] = if table.is_empty() { &FAST } else { &[] };
    let mut all = routers.contenders::<false>(&name("hits"), &requests.hits, hits);
    all.extend(routers.contenders::<true>(&name("hits, read"), &requests.hits, &FAST[..6]));
    all.extend(routers.contenders::<false>(&name("misses"), &requests.misses, &FAST));
    all.extend(routers.contenders::<false>(&name("wrong methods"), &requests.wrong_methods, &FAST));
    all
}

fn measure(pace: &Pace) -> Vec<Sample> {
    // Each resource of a scope has 34 routes; a smoke test has the first scope.
    let mut forge = routes();
    assert_eq!(forge.len(), 3_486);
    forge.truncate(pace.size(forge.len(), 200));
    let github = github();
    let prepared = [("", forge), (", GitHub", github)].map(|(table, routes)| {
        let mut routers = Routers::new(&routes);
        let requests = requests(&routes, pace.size(1_000, 50), pace.size(200, 20));
        routers.add_to_floor(&requests.hits);
        routers.add_to_floor(&requests.wrong_methods);
        (table, routers, requests)
    });
    let all = prepared.iter().flat_map(|(table, routers, requests)| contenders(table, routers, requests));
    let samples = race(pace, all.collect());
    let hits: Vec<Sample> = samples.iter().filter(|sample| sample.name.contains("hits")).cloned().collect();
    check_allocations(&hits);
    samples
}

fn report(runs: &Runs, report: &mut Report) {
    report.head(
        "large: a forge's REST API of 3,486 routes, and GitHub's",
        "1,000 requests for random routes, 200 whose path or method no route has; four headers each. The peers match\n\
         paths; an array by method is manual code. waylay's miss also has the allowed methods, for a 405 response.\n\
         HashMap: whole paths of the requests as keys, no captures; the floor of what a look-up can cost.\n\
         route-recognizer and actix-router are measured with GitHub's API alone.",
    );
    for (table, title) in [("", ""), (", GitHub", "GitHub: ")] {
        for (set, label) in SETS {
            let set = format!("{set}{table}");
            let ratio = runs.figure(|run| run.value(&format!("waylay, {set}")) / best(run, &set));
            let names = peer_names(runs, &set);
            let times = names.iter().map(|(label, name)| format!("{label} {:.0}", runs.value(name).median));
            let note = times.collect::<Vec<_>>().join(", ");
            report.line(&format!("{title}{label} / best peer with manual methods"), ratio, Goal::None, &note);
        }
    }
    let title = "Look-up in a REST API of 3,486 routes, method and path";
    report.bars(runs, title, &peer_names(runs, "hits"));
    report.bars(runs, "Look-up in GitHub's REST API, method and path", &peer_names(runs, "hits, GitHub"));
}
