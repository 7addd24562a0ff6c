//! The table against slow, obvious matchers: a linear scan of its own, and matchit.

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    missing_debug_implementations,
    reason = "a test fails where it stands"
)]

mod ask;
mod conds;
mod dice;
mod generate;
mod matchit;
mod model;
mod naive;
mod order;
mod smallest;
mod tables;
mod tell;
mod text;
mod urls;

use waylay_router::{BuildErrorKind, Precedence, Reason, Table};

use crate::ask::Asked;
use crate::dice::Dice;
use crate::model::{Rules, TableCase};
use crate::naive::{Answer, Naive};

/// How many tables each property is shown, and how many requests each table is asked.
const SPECIFIC: u64 = 520;
const REGISTRATION: u64 = 400;
const GORILLA: u64 = 450;
const FORMS: u64 = 200;
const REQUESTS: u64 = 64;
const _: () = assert!((SPECIFIC + REGISTRATION + GORILLA + FORMS) * REQUESTS >= 100_000);

/// A number from the environment, for those who want to see more than a normal run shows.
fn asked_for(name: &str, else_: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(else_)
}

/// Draws so many tables, and shows each with the dice of its requests.
fn tables(count: u64, rules: impl Fn(&mut Dice) -> Rules, show: impl Fn(TableCase, Dice)) {
    let (first, times) = (asked_for("ORACLE_SEED", 1), asked_for("ORACLE_TIMES", 1));
    for seed in first..first + count * times {
        let mut dice = Dice(seed << 32);
        let rules = rules(&mut dice);
        show(generate::table(&mut dice, rules), dice);
    }
}

/// Builds a table; a route that conflicts with another one leaves the case.
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
            let asked = Asked::from_request(&witness.request(), witness.peer());
            let naive = Naive::new(case);
            let met =
                naive.tied(both[0], both[1]) && both.iter().all(|place| naive.would_answer(*place, &asked));
            assert!(met, "{error}\n{asked:?}\n{case:?}");
            conflicting.push(both[0]);
        }
        // From the end, so that the others keep their places.
        let conflicts = conflicting.into_iter();
        let Some(place) = conflicts.max() else { panic!("{errors}\n{case:?}") };
        case.routes.remove(place);
    }
}

fn ask(table: &Table<usize>, asked: &Asked) -> Answer {
    let (request, peer) = asked.request();
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

/// Both answers, if they differ.
fn differ(table: &Table<usize>, naive: &Naive<'_>, asked: &Asked) -> Option<(Answer, Answer)> {
    let (got, wanted) = (ask(table, asked), naive.answer(asked));
    // Between routes of one rank more than conditions decides: what the client wants most, then the order.
    let tied = || match (&got, &wanted) {
        (Answer::Route(a, vars), Answer::Route(b, _)) => {
            naive.tied(*a, *b)
                && naive.would_answer(*a, asked)
                && naive.reads(*a, asked).as_ref() == Some(vars)
        }
        _ => false,
    };
    (got != wanted && !tied()).then_some((got, wanted))
}

/// Shows that table and scan agree; a failure prints the smallest table that still differs.
fn agree(mut case: TableCase, mut dice: Dice) {
    let table = build(&mut case);
    let naive = Naive::new(&case);
    for _ in 0..REQUESTS {
        let asked = Asked::of(&case, &mut dice);
        if differ(&table, &naive, &asked).is_some() {
            let built = |case: &TableCase| case.builder().build().ok();
            let (case, asked) = smallest::smallest(case.clone(), asked, |case, asked| {
                built(case).is_some_and(|table| differ(&table, &Naive::new(case), asked).is_some())
            });
            let table = build(&mut case.clone());
            let (got, wanted) = differ(&table, &Naive::new(&case), &asked).unwrap();
            panic!("\n{asked:?}\n{table}\n{case:?}\ngot    {got:?}\nwanted {wanted:?}\n");
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

/// The order of writing decides nothing, as long as no two routes are of one rank.
#[test]
fn order_decides_nothing() {
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
                let asked = Asked::of(&case, &mut dice);
                let moved = match ask(&second, &asked) {
                    Answer::Route(place, vars) => Answer::Route(shuffled[place], vars),
                    Answer::Redirect(status, to, Some((place, vars))) => {
                        Answer::Redirect(status, to, Some((shuffled[place], vars)))
                    }
                    other => other,
                };
                assert_eq!(ask(&first, &asked), moved, "{asked:?}\n{case:?}");
            }
        },
    );
}
