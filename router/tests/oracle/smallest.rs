//! Shrinking: the smallest table and request that still differ.

use waylay_router::{
    MethodMiss, MissingHost, OptionsAnswer, PathCleaning, PathForm, PrefixMatch, QueryValues, TrailingSlash,
};

use crate::model::{Level, Piece, Rules, TableCase};
use crate::requests::TestRequest;

/// Removes one part after the other while `differs` returns true.
pub fn smallest(
    mut case: TableCase,
    mut sent: TestRequest,
    differs: impl Fn(&TableCase, &TestRequest) -> bool,
) -> (TableCase, TestRequest) {
    loop {
        let smaller = less(&case, &sent).into_iter().find(|(case, sent)| differs(case, sent));
        match smaller {
            Some(smaller) => (case, sent) = smaller,
            None => return (case, sent),
        }
    }
}

fn less(case: &TableCase, sent: &TestRequest) -> Vec<(TableCase, TestRequest)> {
    let mut all = Vec::new();
    let mut without = |edit: &dyn Fn(&mut TableCase, &mut TestRequest)| {
        let (mut case, mut sent) = (case.clone(), sent.clone());
        edit(&mut case, &mut sent);
        all.push((case, sent));
    };
    for place in 0..case.routes.len() {
        without(&|case, _| drop(case.routes.remove(place)));
        if let Some(scope) = case.routes[place].scope {
            let parent = case.scopes[scope].parent;
            without(&|case, _| case.routes[place].scope = parent);
        }
        if case.routes[place].priority != 0 {
            without(&|case, _| case.routes[place].priority = 0);
        }
        for edit in level(&case.routes[place].own) {
            without(&|case, _| case.routes[place].own = edit.clone());
        }
    }
    for place in 0..case.scopes.len() {
        if place + 1 == case.scopes.len() && case.routes.iter().all(|route| route.scope != Some(place)) {
            without(&|case, _| drop(case.scopes.pop()));
        }
        if let Some(parent) = case.scopes[place].parent {
            let above = case.scopes[parent].parent;
            without(&|case, _| case.scopes[place].parent = above);
        }
        for edit in level(&case.scopes[place].own) {
            without(&|case, _| case.scopes[place].own = edit.clone());
        }
    }
    for rules in rules(case.rules) {
        without(&|case, _| case.rules = rules);
    }
    for place in 0..sent.headers.len() {
        without(&|_, sent| drop(sent.headers.remove(place)));
    }
    if sent.query.is_some() {
        without(&|_, sent| sent.query = None);
    }
    if sent.absolute.is_some() {
        without(&|_, sent| sent.absolute = None);
    }
    for place in 0..sent.hosts.len() {
        without(&|_, sent| drop(sent.hosts.remove(place)));
    }
    if sent.scheme.is_some() {
        without(&|_, sent| sent.scheme = None);
    }
    if sent.client.is_some() {
        without(&|_, sent| sent.client = None);
    }
    all
}

fn level(own: &Level) -> Vec<Level> {
    let mut all = Vec::new();
    let without = |edit: &dyn Fn(&mut Level)| {
        let mut level = own.clone();
        edit(&mut level);
        level
    };
    all.extend((0..own.conds.len()).map(|place| without(&|level| drop(level.conds.remove(place)))));
    all.extend((0..own.hosts.len()).map(|place| without(&|level| drop(level.hosts.remove(place)))));
    all.extend((0..own.methods.len()).map(|place| without(&|level| level.methods.truncate(place))));
    if own.sealed {
        all.push(Level { sealed: false, ..own.clone() });
    }
    if let Some((pieces, prefix)) = &own.path {
        all.push(Level { path: None, ..own.clone() });
        // The last segment, or the first.
        let slashes = pieces.iter().enumerate().filter(|(_, piece)| **piece == Piece::Text("/".to_owned()));
        let slashes: Vec<usize> = slashes.map(|(at, _)| at).collect();
        if let [_, .., last] = &slashes[..] {
            all.push(Level { path: Some((pieces[..*last].to_vec(), *prefix)), ..own.clone() });
            all.push(Level { path: Some((pieces[slashes[1]..].to_vec(), *prefix)), ..own.clone() });
        }
    }
    all
}

fn rules(rules: Rules) -> Vec<Rules> {
    let mut all = vec![
        Rules { slash: TrailingSlash::Strict, ..rules },
        Rules { missing_host: MissingHost::Unmatched, ..rules },
        Rules { options: OptionsAnswer::Miss, ..rules },
        Rules { method_miss: MethodMiss::MethodNotAllowed, ..rules },
    ];
    if !rules.gorilla {
        all.push(Rules { form: PathForm::Canonical, ..rules });
        all.push(Rules { path_cleaning: PathCleaning::Reject, ..rules });
        all.push(Rules { prefixes: PrefixMatch::Segments, ..rules });
        all.push(Rules { query: QueryValues::Any, ..rules });
    }
    all.retain(|other| *other != rules);
    all
}
