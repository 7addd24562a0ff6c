//! What a table tells of itself: explanations, lints, the methods it would take.

use std::collections::HashSet;

use waylay_router::{LintKind, Precedence, Table, Verdict};

use crate::ask::Asked;
use crate::dice::Dice;
use crate::generate;
use crate::model::TableCase;
use crate::naive::{Answer, Naive};
use crate::{REQUESTS, build, tables};

const TABLES: u64 = 60;

/// The place of the route that a request goes to, or is sent to.
fn goes_to(answer: &Answer) -> Option<usize> {
    match answer {
        Answer::Route(place, _) | Answer::Redirect(_, _, Some((place, _))) => Some(*place),
        _ => None,
    }
}

fn explains(table: &Table<usize>, naive: &Naive<'_>, case: &TableCase, asked: &Asked) {
    let (request, peer) = asked.request();
    let told = table.explain(&request, &peer);
    let wanted = goes_to(&naive.answer(asked));
    let tied = told.winner.zip(wanted).is_some_and(|(a, b)| naive.tied(a, b));
    assert!(told.winner == wanted || tied, "{wanted:?} {asked:?}\n{told:#}\n{case:?}");
    for candidate in &told.candidates {
        let holds = naive.holds(candidate.index, asked, false);
        let fits = match &candidate.verdict {
            Verdict::Selected => Some(candidate.index) == told.winner,
            Verdict::Outranked => holds,
            Verdict::TrailingSlash => naive.holds(candidate.index, asked, true),
            Verdict::Failed { .. } => !holds,
            Verdict::Sealed => case.seals(),
            other => panic!("{other:?}"),
        };
        assert!(fits, "{candidate:?} {holds} {asked:?}\n{told:#}\n{case:?}");
    }
}

/// The methods that would do, one by one.
fn allows(table: &Table<usize>, naive: &Naive<'_>, case: &TableCase, asked: &Asked) {
    let (request, peer) = asked.request();
    let allowed = table.allowed(&request, &peer);
    for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS", "PURGE", "LINK"] {
        let other = Asked { method, ..asked.clone() };
        let wanted = goes_to(&naive.answer(&other)).is_some();
        let got = allowed.contains(&method.parse().unwrap());
        assert_eq!(got, wanted, "{method} {allowed:?} {asked:?}\n{table}\n{case:?}");
    }
}

#[test]
fn explanations_and_methods() {
    let precedences = [Precedence::Specificity, Precedence::RegistrationOrder];
    let rules = |dice: &mut Dice| {
        let precedence = dice.one(&precedences);
        generate::native(dice, precedence)
    };
    tables(TABLES, rules, |mut case, mut dice| {
        let table = build(&mut case);
        let naive = Naive::new(&case);
        for _ in 0..REQUESTS {
            let asked = Asked::of(&case, &mut dice);
            explains(&table, &naive, &case, &asked);
            // Which scopes hold, and so what is sealed, may hang on the method.
            if !case.seals() {
                allows(&table, &naive, &case, &asked);
            }
        }
    });
}

/// A route that is said to be out of reach answers nothing, whatever is asked.
#[test]
fn lints() {
    let told = std::cell::Cell::new(0);
    tables(
        TABLES,
        |dice| generate::native(dice, Precedence::RegistrationOrder),
        |mut case, mut dice| {
            // A seal keeps the hiding route away, and the hidden one answers: lints do not look at seals.
            let levels = case.scopes.iter_mut().map(|scope| &mut scope.own);
            let levels = levels.chain(case.routes.iter_mut().map(|route| &mut route.own));
            levels.for_each(|own| own.sealed = false);
            let table = build(&mut case);
            let lints = table.lints();
            let out_of_reach = lints.iter().filter(|lint| match &lint.kind {
                LintKind::Unsatisfiable | LintKind::Shadowed { .. } => true,
                LintKind::Overlap { with, witness, .. } => {
                    let asked = Asked::from_request(&witness.request(), witness.peer());
                    let naive = Naive::new(&case);
                    let both: [usize; 2] = [&lint.route, with].map(|name| name.parse().unwrap());
                    assert!(both.iter().all(|place| naive.would_answer(*place, &asked)), "{lint}\n{case:?}");
                    false
                }
                _ => false,
            });
            let places: HashSet<usize> = out_of_reach.map(|lint| lint.route.parse().unwrap()).collect();
            told.set(told.get() + places.len());
            let naive = Naive::new(&case);
            for _ in 0..REQUESTS {
                let asked = Asked::of(&case, &mut dice);
                let place = goes_to(&naive.answer(&asked));
                assert!(
                    place.is_none_or(|place| !places.contains(&place)),
                    "{place:?} {asked:?}\n{lints:?}\n{case:?}"
                );
            }
        },
    );
    assert!(told.get() > 20, "{}", told.get());
}
