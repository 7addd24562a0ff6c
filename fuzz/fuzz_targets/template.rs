//! Any text as a template, a header regex, a header name or a scheme, under both policies.
//!
//! Building never panics; a fault names a place inside the text; what builds can be listed,
//! and a URL that is built comes back to its route.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use waylay_router::{
    ScopeConditions, BuildErrorKind, BuildErrors, Peer, Policy, Route, Table, TemplateError, TemplateErrorKind,
};

/// Values that variables are filled with: plain, numeric, with separators, with escapes, empty.
const VALUES: [&str; 7] = ["a", "17", "a/b", "a.b", "é %+", "..", ""];

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else {
        return Corpus::Reject;
    };
    for policy in [Policy::default(), Policy::gorilla()] {
        let native = policy == Policy::default();
        // A name on those whose URLs need no further fact.
        let single = [
            Route::any(text).name(text),
            Route::prefix(text).name(text),
            Route::any("/").host(text).name(text),
            Route::any("/").query("k", text).name(text),
            Route::any("/").query(text, "v").name(text),
            Route::any("/").scheme(text),
            Route::any("/").header(text, text),
        ];
        for route in single {
            visit(Table::builder().policy(policy).route(route.value(())).build(), text, native);
        }
        header_regex(text, policy, native);
        joined(text, policy, native);
    }
    Corpus::Keep
});

/// A header regex is anchored by the router; what is no regex by itself must not become one.
fn header_regex(text: &str, policy: Policy, native: bool) {
    let built =
        Table::builder().policy(policy).route(Route::any("/").header_regex("x", text).value(())).build();
    let alone = regex_syntax::parse(text);
    if let (true, Ok(_), Err(error)) = (native, &built, &alone) {
        panic!("header regex {text:?} builds, but is none: {error}");
    }
    visit(built, text, native);
}

/// The text cut in two: a scope's prefix, and the path of the route inside.
fn joined(text: &str, policy: Policy, native: bool) {
    let half = (text.len() / 2..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let (prefix, path) = text.split_at(half);
    let mut builder = Table::builder().policy(policy);
    let scope = builder.scope(None, ScopeConditions::new().prefix(prefix).name(prefix));
    builder.add(Some(scope), Route::any(path).name(path).value(()));
    visit(builder.build(), text, native);
}

fn visit(built: Result<Table<()>, BuildErrors>, text: &str, native: bool) {
    match built {
        Ok(table) => there_and_back(&table, native),
        Err(errors) => {
            assert!(errors.iter().count() > 0 && !errors.to_string().is_empty());
            for error in errors.iter() {
                let shown = error.to_string();
                assert!(shown.contains(&error.route), "{text:?}: {shown:?} does not name its route");
                if let BuildErrorKind::Template(fault) = &error.kind {
                    caret(fault);
                }
            }
        }
    }
}

/// The fault's span cuts its text at characters, and the caret line stands below that text.
fn caret(fault: &TemplateError) {
    let span = fault.span.clone();
    assert!(fault.text.get(span).is_some(), "{fault:?} lies outside the text");
    let shown = fault.to_string();
    let lines: Vec<&str> = shown.split('\n').collect();
    let [_, text, carets] = lines[..] else {
        panic!("{} lines for {fault:?}: {shown:?}", lines.len());
    };
    let blank = carets.chars().take_while(|&c| c == ' ').count();
    let marks = &carets[blank..];
    assert!(!marks.is_empty() && marks.bytes().all(|b| b == b'^'), "{shown:?}");
    // A fault at the end may point one behind the last character.
    let width = text.chars().count().max(5);
    assert!(blank + marks.len() <= width, "caret line is longer than the text: {shown:?}");
    if let TemplateErrorKind::BadName(c) | TemplateErrorKind::BadHost(c) = fault.kind {
        assert_eq!(
            fault.text[fault.span.clone()].chars().next(),
            Some(c),
            "{fault:?} marks another character"
        );
    }
}

/// Lists the route, builds its URL from each value, and asks the table for it.
fn there_and_back(table: &Table<()>, native: bool) {
    assert!(!table.to_string().is_empty());
    let Some((route, name)) = table.routes().find_map(|route| Some((route, route.name()?))) else {
        return;
    };
    let urls = table.urls();
    for value in VALUES {
        let mut url = urls.builder(name).expect("the route is named so");
        for variable in route.variables() {
            url = url.set(variable, value);
        }
        let hostless = route.hosts().next().is_none();
        let built = match hostless {
            true => url.build().map(|target| format!("http://h{target}")),
            false => url.scheme("http").absolute(),
        };
        match built {
            Err(error) => assert!(!error.to_string().is_empty()),
            // gorilla/mux builds URLs that it does not match itself.
            Ok(_) if !native => {}
            Ok(uri) => {
                let request = http::Request::get(&uri).body(()).expect("a built URL is one");
                if let Err(miss) = table.find(&request, &Peer::default()) {
                    panic!("{uri:?} was built for {route:?} and is not matched: {miss:?}");
                }
            }
        }
    }
}
