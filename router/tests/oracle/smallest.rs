//! The smallest table and request that still disagree, by leaving out whatever can be left out.

use waylay_router::{
    MethodMiss, MissingHost, OptionsAnswer, PathCleaning, PathForm, PrefixMatch, QueryValues, TrailingSlash,
};

use crate::ask::Asked;
use crate::model::{Level, Piece, Rules, TableCase};

/// Leaves out one thing after the other for as long as `differs` says so.
pub fn smallest(
    mut case: TableCase,
    mut asked: Asked,
    differs: impl Fn(&TableCase, &Asked) -> bool,
) -> (TableCase, Asked) {
    loop {
        let smaller = less(&case, &asked).into_iter().find(|(case, asked)| differs(case, asked));
        match smaller {
            Some(smaller) => (case, asked) = smaller,
            None => return (case, asked),
        }
    }
}

fn less(case: &TableCase, asked: &Asked) -> Vec<(TableCase, Asked)> {
    let mut all = Vec::new();
    let mut without = |edit: &dyn Fn(&mut TableCase, &mut Asked)| {
        let (mut case, mut asked) = (case.clone(), asked.clone());
        edit(&mut case, &mut asked);
        all.push((case, asked));
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
    for place in 0..asked.headers.len() {
        without(&|_, asked| drop(asked.headers.remove(place)));
    }
    if asked.query.is_some() {
        without(&|_, asked| asked.query = None);
    }
    if asked.absolute.is_some() {
        without(&|_, asked| asked.absolute = None);
    }
    for place in 0..asked.hosts.len() {
        without(&|_, asked| drop(asked.hosts.remove(place)));
    }
    if asked.scheme.is_some() {
        without(&|_, asked| asked.scheme = None);
    }
    if asked.client.is_some() {
        without(&|_, asked| asked.client = None);
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
