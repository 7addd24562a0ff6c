//! Tables that are hard for an index: many overlaps, and much backtracking.

use http::Request;
use waylay_router::{Peer, Policy, Precedence, Route, Table};

fn find(table: &Table<String>, path: &str) -> Option<String> {
    let request = Request::get(path).body(()).unwrap();
    table.find(&request, &Peer::default()).ok().map(|found| found.value().clone())
}

/// Each of the 10,000 routes overlaps 5,000 others.
#[test]
fn crossing_variables() {
    let mut builder = Table::builder();
    for i in 0..5000 {
        builder = builder
            .route(Route::any(format!("/{{a}}/x_{i}")).value(format!("x{i}")))
            .route(Route::any(format!("/y_{i}/{{b}}")).value(format!("y{i}")));
    }
    let table = builder.build().unwrap();
    for i in (0..5000).step_by(37) {
        assert_eq!(find(&table, &format!("/q/x_{i}")), Some(format!("x{i}")));
        assert_eq!(find(&table, &format!("/y_{i}/q")), Some(format!("y{i}")));
        // The literal is further left in the second route.
        assert_eq!(find(&table, &format!("/y_{i}/x_{}", 4999 - i)), Some(format!("y{i}")));
        assert_eq!(find(&table, &format!("/y_{i}")), None);
        assert_eq!(find(&table, &format!("/z/x_{i}_")), None);
    }
}

/// Every combination of literals and variables over `depth` segments; all but one path backtrack out of most
/// of them.
#[test]
fn every_mix_of_literals_and_variables() {
    let depth = 8;
    let mut builder = Table::builder();
    let template = |mask: u32| -> String {
        (0..depth)
            .map(|i| if mask & (1 << i) == 0 { "/a".to_owned() } else { format!("/{{v{i}}}") })
            .collect()
    };
    for mask in 0..1u32 << depth {
        builder = builder.route(Route::any(format!("{}/end_{mask}", template(mask))).value(mask.to_string()));
    }
    let table = builder.build().unwrap();
    for mask in 0..1u32 << depth {
        let path = "/a".repeat(depth as usize);
        assert_eq!(find(&table, &format!("{path}/end_{mask}")), Some(mask.to_string()));
        let mixed: String = (0..depth).map(|i| if mask & (1 << i) == 0 { "/a" } else { "/b" }).collect();
        assert_eq!(find(&table, &format!("{mixed}/end_{mask}")), Some(mask.to_string()));
        assert_eq!(find(&table, &format!("{path}/end_x{mask}")), None);
    }
}

/// Tails at every depth: the deepest that matches is selected, in any order of addition.
#[test]
fn nested_tails() {
    let mut builder = Table::builder();
    for depth in (0..40).rev() {
        builder =
            builder.route(Route::any(format!("{}/{{*rest}}", "/a".repeat(depth))).value(depth.to_string()));
    }
    let table = builder.build().unwrap();
    for depth in 0..40usize {
        assert_eq!(find(&table, &format!("{}/b", "/a".repeat(depth))), Some(depth.to_string()));
    }
}

/// A prefix does not include its final slash: a route with a further segment ranks first.
#[test]
fn prefixes_come_last() {
    for [first, second] in [["/", "/{x}"], ["/a/", "/a/{x}"], ["/a", "/a/{*x}"], ["/{v}", "/{w}/{x}"]] {
        let table = Table::builder()
            .route(Route::prefix(first).value("prefix".to_owned()))
            .route(Route::any(second).value("path".to_owned()))
            .build()
            .unwrap();
        assert_eq!(find(&table, "/a/b").as_deref(), Some(if first == "/" { "prefix" } else { "path" }));
        assert_eq!(find(&table, "/a").as_deref(), Some(if second == "/{x}" { "path" } else { "prefix" }));
    }
}

/// In registration order the first route of the table is selected at the far end of a search.
#[test]
fn registration_order_is_exact() {
    let texts = ["/{*rest}", "/a/{b}/c", "/a/b/c", "/a/b/{c}"];
    for first in 0..texts.len() {
        let mut builder =
            Table::builder().policy(Policy::default().precedence(Precedence::RegistrationOrder));
        for i in 0..texts.len() {
            let text = texts[(first + i) % texts.len()];
            builder = builder.route(Route::any(text).value(text.to_owned()));
        }
        let table = builder.build().unwrap();
        assert_eq!(find(&table, "/a/b/c").as_deref(), Some(texts[first]));
    }
}
