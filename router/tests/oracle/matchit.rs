//! matchit as a second oracle, for the tables that it accepts.

use http::Request;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use waylay_router::{Peer, Route, Table};

fn segment() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "b", "ab", "{v}", "{v}", "a{v}"])
}

fn template() -> impl Strategy<Value = String> {
    (vec(segment(), 1..5), select(vec!["", "", "/", "/{*rest}"])).prop_map(|(segments, end)| {
        let mut text = String::new();
        for (i, segment) in segments.iter().enumerate() {
            text.push('/');
            text.push_str(&segment.replace("{v}", &format!("{{v{i}}}")));
        }
        text + end
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_matchit(
        templates in vec(template(), 1..12),
        paths in vec(vec(select(vec!["a", "b", "ab", "abb", "c", ""]), 1..6), 20),
    ) {
        let mut peer = matchit::Router::new();
        let mut builder = Table::builder();
        for (i, template) in templates.iter().enumerate() {
            // Templates that matchit rejects (a variable next to a tail, and others) are omitted.
            if peer.insert(template.clone(), i).is_ok() {
                builder = builder.route(Route::any(template.clone()).value(i));
            }
        }
        let table = builder.build().unwrap();
        for path in paths {
            let path: String = path.iter().map(|segment| format!("/{segment}")).collect();
            let request = Request::get(&path).body(()).unwrap();
            let ours = table.find(&request, &Peer::default()).ok().map(|found| {
                let captures: Vec<_> = found.captures().map(|c| (c.name().to_owned(), c.raw().to_owned())).collect();
                (*found.value(), captures)
            });
            let theirs = peer.at(&path).ok().map(|found| {
                let captures: Vec<_> = found.params.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
                (*found.value, captures)
            });
            prop_assert_eq!(ours, theirs, "{}\n{}", path, table);
        }
    }
}
