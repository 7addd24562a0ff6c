//! Information about a table: explanations, lints, allowed methods.

use std::collections::HashSet;

use waylay_router::{LintKind, Precedence, Table, Verdict};

use crate::dice::Dice;
use crate::generate;
use crate::model::TableCase;
use crate::naive::{Answer, Naive};
use crate::requests::TestRequest;
use crate::{REQUESTS, build, tables};

const TABLES: u64 = 60;

/// Returns the index of the route that a request is served by or redirected to.
fn goes_to(answer: &Answer) -> Option<usize> {
    match answer {
        Answer::Route(place, _) | Answer::Redirect(_, _, Some((place, _))) => Some(*place),
        _ => None,
    }
}

fn explains(table: &Table<usize>, naive: &Naive<'_>, case: &TableCase, sent: &TestRequest) {
    let (request, peer) = sent.request();
    let explained = table.explain(&request, &peer);
    let wanted = goes_to(&naive.answer(sent));
    let tied = explained.winner.zip(wanted).is_some_and(|(a, b)| naive.tied(a, b));
    assert!(explained.winner == wanted || tied, "{wanted:?} {sent:?}\n{explained:#}\n{case:?}");
    for candidate in &explained.candidates {
        let holds = naive.holds(candidate.index, sent, false);
        let fits = match &candidate.verdict {
            Verdict::Selected => Some(candidate.index) == explained.winner,
            Verdict::Outranked => holds,
            Verdict::TrailingSlash => naive.holds(candidate.index, sent, true),
            Verdict::Failed { .. } => !holds,
            Verdict::Sealed => case.seals(),
            other => panic!("{other:?}"),
        };
        assert!(fits, "{candidate:?} {holds} {sent:?}\n{explained:#}\n{case:?}");
    }
}

/// Returns the allowed methods, tested one by one.
fn allows(table: &Table<usize>, naive: &Naive<'_>, case: &TableCase, sent: &TestRequest) {
    let (request, peer) = sent.request();
    let allowed = table.allowed(&request, &peer);
    for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS", "PURGE", "LINK"] {
        let other = TestRequest { method, ..sent.clone() };
        let wanted = goes_to(&naive.answer(&other)).is_some();
        let got = allowed.contains(&method.parse().unwrap());
        assert_eq!(got, wanted, "{method} {allowed:?} {sent:?}\n{table}\n{case:?}");
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
            let sent = TestRequest::of(&case, &mut dice);
            explains(&table, &naive, &case, &sent);
            // The method may decide which scopes match, and so which seals apply.
            if !case.seals() {
                allows(&table, &naive, &case, &sent);
            }
        }
    });
}

/// A route with a lint of being unreachable never matches.
#[test]
fn lints() {
    let explained = std::cell::Cell::new(0);
    tables(
        TABLES,
        |dice| generate::native(dice, Precedence::RegistrationOrder),
        |mut case, mut dice| {
            // A seal may exclude the shadowing route, so that the shadowed one matches: lints ignore seals.
            let levels = case.scopes.iter_mut().map(|scope| &mut scope.own);
            let levels = levels.chain(case.routes.iter_mut().map(|route| &mut route.own));
            levels.for_each(|own| own.sealed = false);
            let table = build(&mut case);
            let lints = table.lints();
            let out_of_reach = lints.iter().filter(|lint| match &lint.kind {
                LintKind::Unsatisfiable | LintKind::Shadowed { .. } => true,
                LintKind::Overlap { with, witness, .. } => {
                    let sent = TestRequest::from_request(&witness.request(), witness.peer());
                    let naive = Naive::new(&case);
                    let both: [usize; 2] = [&lint.route, with].map(|name| name.parse().unwrap());
                    assert!(both.iter().all(|place| naive.would_answer(*place, &sent)), "{lint}\n{case:?}");
                    false
                }
                _ => false,
            });
            let places: HashSet<usize> = out_of_reach.map(|lint| lint.route.parse().unwrap()).collect();
            explained.set(explained.get() + places.len());
            let naive = Naive::new(&case);
            for _ in 0..REQUESTS {
                let sent = TestRequest::of(&case, &mut dice);
                let place = goes_to(&naive.answer(&sent));
                assert!(
                    place.is_none_or(|place| !places.contains(&place)),
                    "{place:?} {sent:?}\n{lints:?}\n{case:?}"
                );
            }
        },
    );
    assert!(explained.get() > 20, "{}", explained.get());
}
