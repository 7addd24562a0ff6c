//! The table against slow, obvious matchers: a linear scan, and matchit.

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    missing_debug_implementations,
    reason = "a test fails where it stands"
)]

mod conditions;
mod describe;
mod dice;
mod generate;
mod matchit;
mod model;
mod naive;
mod order;
mod requests;
mod smallest;
mod tables;
mod text;
mod urls;

use waylay_router::{BuildErrorKind, Precedence, Reason, Table};

use crate::dice::Dice;
use crate::model::{Rules, TableCase};
use crate::naive::{Answer, Naive};
use crate::requests::TestRequest;

/// The number of tables for each property, and of requests for each table.
const SPECIFIC: u64 = 520;
const REGISTRATION: u64 = 400;
const GORILLA: u64 = 450;
const FORMS: u64 = 200;
const REQUESTS: u64 = 64;
const _: () = assert!((SPECIFIC + REGISTRATION + GORILLA + FORMS) * REQUESTS >= 100_000);

/// Reads a number from the environment, for longer runs.
fn asked_for(name: &str, else_: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(else_)
}

/// Draws a number of tables, and passes each with the dice of its requests.
fn tables(count: u64, rules: impl Fn(&mut Dice) -> Rules, show: impl Fn(TableCase, Dice)) {
    let (first, times) = (asked_for("ORACLE_SEED", 1), asked_for("ORACLE_TIMES", 1));
    for seed in first..first + count * times {
        let mut dice = Dice(seed << 32);
        let rules = rules(&mut dice);
        show(generate::table(&mut dice, rules), dice);
    }
}

/// Builds a table; a route that conflicts with another one is removed from the case.
fn build(case: &mut TableCase) -> Table<usize> {
    loop {
        let errors = match case.builder().build() {
            Ok(table) => return table,
            Err(errors) => errors,
        };
        let mut conflicting = Vec::new();
        for error in errors.iter() {
            let BuildErrorKind::Conflict { with, witness, .. } = &error.kind else { continue };
            let both: [usize; 2] = [&error.route, with].map(|name| name.parse().unwrap());
            let sent = TestRequest::from_request(&witness.request(), witness.peer());
            let naive = Naive::new(case);
            let met =
                naive.tied(both[0], both[1]) && both.iter().all(|place| naive.would_answer(*place, &sent));
            assert!(met, "{error}\n{sent:?}\n{case:?}");
            conflicting.push(both[0]);
        }
        // From the end, so that the others keep their indices.
        let conflicts = conflicting.into_iter();
        let Some(place) = conflicts.max() else { panic!("{errors}\n{case:?}") };
        case.routes.remove(place);
    }
}

fn ask(table: &Table<usize>, sent: &TestRequest) -> Answer {
    let (request, peer) = sent.request();
    let sorted = |captures: &mut dyn Iterator<Item = waylay_router::Capture<'_>>| {
        let shown = |c: waylay_router::Capture<'_>| {
            let value = c.decode().map_or_else(|_| format!("!{}", c.raw()), |value| value.into_owned());
            (c.name().to_owned(), value)
        };
        let mut vars: Vec<_> = captures.map(shown).collect();
        vars.sort();
        vars
    };
    let miss = match table.find(&request, &peer) {
        Ok(found) => return Answer::Route(*found.value(), sorted(&mut found.captures())),
        Err(miss) => miss,
    };
    let status = miss.status().as_u16();
    let set = match &miss.reason {
        Reason::Redirect(to) => {
            let matched = to.matched.as_ref().map(|m| (m.index(), sorted(&mut m.captures())));
            return Answer::Redirect(status, to.target.clone(), matched);
        }
        Reason::MethodNotAllowed(methods) | Reason::Options(methods) => {
            methods.iter().map(|method| method.to_string()).collect()
        }
        Reason::UnsupportedMediaType(media) | Reason::NotAcceptable(media) => media.iter().cloned().collect(),
        _ => Default::default(),
    };
    Answer::Miss(status, set, miss.scope.map(|scope| scope.index()))
}

/// Returns both results, if they differ.
fn differ(table: &Table<usize>, naive: &Naive<'_>, sent: &TestRequest) -> Option<(Answer, Answer)> {
    let (got, expected) = (ask(table, sent), naive.answer(sent));
    // Between routes of equal rank more than conditions decides: the client's weights, then the order.
    let tied = || match (&got, &expected) {
        (Answer::Route(a, vars), Answer::Route(b, _)) => {
            naive.tied(*a, *b) && naive.would_answer(*a, sent) && naive.reads(*a, sent).as_ref() == Some(vars)
        }
        _ => false,
    };
    (got != expected && !tied()).then_some((got, expected))
}

/// Tests that table and scan agree; a failure prints the smallest table that still differs.
fn agree(mut case: TableCase, mut dice: Dice) {
    let table = build(&mut case);
    let naive = Naive::new(&case);
    for _ in 0..REQUESTS {
        let sent = TestRequest::of(&case, &mut dice);
        if differ(&table, &naive, &sent).is_some() {
            let built = |case: &TableCase| case.builder().build().ok();
            let (case, sent) = smallest::smallest(case.clone(), sent, |case, sent| {
                built(case).is_some_and(|table| differ(&table, &Naive::new(case), sent).is_some())
            });
            let table = build(&mut case.clone());
            let (got, expected) = differ(&table, &Naive::new(&case), &sent).unwrap();
            panic!("\n{sent:?}\n{table}\n{case:?}\ngot    {got:?}\nwanted {expected:?}\n");
        }
    }
}

#[test]
fn agrees_by_specificity() {
    tables(SPECIFIC, |dice| generate::native(dice, Precedence::Specificity), agree);
}

#[test]
fn agrees_by_registration() {
    tables(REGISTRATION, |dice| generate::native(dice, Precedence::RegistrationOrder), agree);
}

#[test]
fn agrees_in_the_gorilla_dialect() {
    tables(GORILLA, generate::gorilla, agree);
}

#[test]
fn agrees_on_other_forms_of_the_path() {
    tables(FORMS, generate::forms, agree);
}

/// The order of addition has no effect, as long as no two routes have equal rank.
#[test]
fn order_has_no_effect() {
    tables(
        FORMS,
        |dice| generate::native(dice, Precedence::Specificity),
        |mut case, mut dice| {
            build(&mut case);
            let keys: Vec<_> = (0..case.routes.len()).map(|place| order::key(&case, place, false)).collect();
            let unique: Vec<_> = (0..keys.len()).filter(|&i| !keys[..i].contains(&keys[i])).collect();
            case.routes = unique.into_iter().map(|place| case.routes[place].clone()).collect();
            let mut shuffled: Vec<usize> = (0..case.routes.len()).collect();
            for i in (1..shuffled.len()).rev() {
                shuffled.swap(i, dice.of(i + 1));
            }
            let mut again = case.clone();
            again.routes = shuffled.iter().map(|&place| case.routes[place].clone()).collect();
            let (first, second) = (build(&mut case), build(&mut again));
            for _ in 0..REQUESTS {
                let sent = TestRequest::of(&case, &mut dice);
                let moved = match ask(&second, &sent) {
                    Answer::Route(place, vars) => Answer::Route(shuffled[place], vars),
                    Answer::Redirect(status, to, Some((place, vars))) => {
                        Answer::Redirect(status, to, Some((shuffled[place], vars)))
                    }
                    other => other,
                };
                assert_eq!(ask(&first, &sent), moved, "{sent:?}\n{case:?}");
            }
        },
    );
}
