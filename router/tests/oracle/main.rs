//! The table against slow, obvious matchers: a linear scan of its own, and matchit.

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    missing_debug_implementations,
    reason = "a test fails where it stands"
)]

mod generate;
mod matchit;
mod naive;
mod tables;

use http::Request;
use proptest::prelude::*;
use waylay_router::{BuildErrorKind, Peer, Policy, Precedence, Table};

use crate::generate::{Case, RequestCase, RouteCase, case};
use crate::naive::Answer;

/// Builds a table of the cases; a route that conflicts with another one is left out of both.
fn build(routes: &mut Vec<RouteCase>, precedence: Precedence) -> Table<usize> {
    loop {
        let mut builder = Table::builder().policy(Policy::default().precedence(precedence));
        for (i, route) in routes.iter().enumerate() {
            builder = builder.route(route.route(i).name(i.to_string()).value(i));
        }
        match builder.build() {
            Ok(table) => return table,
            Err(errors) => {
                let conflicting = errors.iter().find_map(|error| match error.kind {
                    BuildErrorKind::Conflict { .. } => error.route.parse::<usize>().ok(),
                    _ => None,
                });
                let Some(i) = conflicting else { panic!("{errors}") };
                routes.remove(i);
            }
        }
    }
}

fn ask(table: &Table<usize>, request: &RequestCase) -> Answer {
    let mut builder = Request::builder().method(request.method).uri(request.target());
    if let Some(host) = &request.host {
        builder = builder.header("host", *host);
    }
    if let Some(value) = request.header {
        builder = builder.header("x-a", value);
    }
    let request = builder.body(()).unwrap();
    match table.find(&request, &Peer::default()) {
        Ok(found) => Answer::Route(
            *found.value(),
            found.captures().map(|c| (c.name().to_owned(), c.decode().unwrap().into_owned())).collect(),
        ),
        Err(miss) => match miss.allow() {
            Some(methods) => Answer::Allow(methods.iter().map(|m| m.to_string()).collect()),
            None => Answer::Nothing(miss.status().as_u16()),
        },
    }
}

fn agree(case: Case, precedence: Precedence) -> Result<(), TestCaseError> {
    let Case { mut routes, requests } = case;
    let table = build(&mut routes, precedence);
    for request in &requests {
        let got = ask(&table, request);
        let wanted = naive::answer(&routes, request, precedence);
        prop_assert_eq!(got, wanted, "{} {:?}\n{}", request.method, request.target(), table);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_by_specificity(case in case()) {
        agree(case, Precedence::Specific)?;
    }

    #[test]
    fn agrees_by_registration(case in case()) {
        agree(case, Precedence::Registration)?;
    }

    /// The order of writing decides nothing, as long as no two routes are of one rank.
    #[test]
    fn order_decides_nothing(case in case(), seed in any::<u64>()) {
        let Case { mut routes, requests } = case;
        build(&mut routes, Precedence::Specific);
        let keys: Vec<_> = routes.iter().map(naive::key).collect();
        prop_assume!((1..keys.len()).all(|i| !keys[..i].contains(&keys[i])));
        let mut shuffled: Vec<usize> = (0..routes.len()).collect();
        let mut state = seed | 1;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            shuffled.swap(i, (state >> 33) as usize % (i + 1));
        }
        let mut again: Vec<RouteCase> = shuffled.iter().map(|&i| routes[i].clone()).collect();
        let (first, second) = (build(&mut routes, Precedence::Specific), build(&mut again, Precedence::Specific));
        for request in &requests {
            let moved = match ask(&second, request) {
                Answer::Route(i, captures) => Answer::Route(shuffled[i], captures),
                other => other,
            };
            prop_assert_eq!(ask(&first, request), moved);
        }
    }
}
