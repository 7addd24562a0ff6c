//! Any text as a template, a header regex, a header name or a scheme, under both policies.
//!
//! Building never panics; the span of an error is inside the text; a valid table can be printed, and a URL
//! that is built matches its route.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use waylay_router::{
    BuildErrorKind, BuildErrors, OneLine, Peer, Policy, Route, ScopeConditions, Table, TemplateError,
    TemplateErrorKind,
};

/// Values of variables: plain, numeric, with separators, with escapes, empty.
const VALUES: [&str; 7] = ["a", "17", "a/b", "a.b", "é %+", "..", ""];

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else {
        return Corpus::Reject;
    };
    for policy in [Policy::default(), Policy::gorilla()] {
        let native = policy == Policy::default();
        // Only routes whose URLs can be built have a name.
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
            check(Table::builder().policy(policy).route(route.value(())).build(), text, native);
        }
        header_regex(text, policy, native);
        joined(text, policy, native);
    }
    Corpus::Keep
});

/// The router anchors header regexes; that must not make an invalid regex valid.
fn header_regex(text: &str, policy: Policy, native: bool) {
    let built =
        Table::builder().policy(policy).route(Route::any("/").header_regex("x", text).value(())).build();
    let alone = regex_syntax::parse(text);
    if let (true, Ok(_), Err(error)) = (native, &built, &alone) {
        panic!("header regex {text:?} builds, but is invalid: {error}");
    }
    check(built, text, native);
}

/// Splits the text into the prefix of a scope and the path of its route.
fn joined(text: &str, policy: Policy, native: bool) {
    let half = (text.len() / 2..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let (prefix, path) = text.split_at(half);
    let mut builder = Table::builder().policy(policy);
    let scope = builder.scope(None, ScopeConditions::new().prefix(prefix).name(prefix));
    builder.add(Some(scope), Route::any(path).name(path).value(()));
    check(builder.build(), text, native);
}

fn check(built: Result<Table<()>, BuildErrors>, text: &str, native: bool) {
    match built {
        Ok(table) => round_trip(&table, native),
        Err(errors) => {
            assert!(errors.iter().count() > 0 && !errors.to_string().is_empty());
            for error in errors.iter() {
                let shown = error.to_string();
                // What a terminal obeys is escaped.
                let route = OneLine(&error.route).to_string();
                assert!(shown.contains(&route), "{text:?}: {shown:?} does not contain its route");
                if let BuildErrorKind::Template(error) = &error.kind {
                    check_caret(error);
                }
            }
        }
    }
}

/// Checks that the span of an error is on character boundaries, and the carets are below that text.
fn check_caret(error: &TemplateError) {
    let span = error.span.clone();
    assert!(error.text.get(span).is_some(), "{error:?} is outside the text");
    let shown = error.to_string();
    let lines: Vec<&str> = shown.split('\n').collect();
    let [_, text, carets] = lines[..] else {
        panic!("{} lines for {error:?}: {shown:?}", lines.len());
    };
    let blank = carets.chars().take_while(|&c| c == ' ').count();
    let marks = &carets[blank..];
    assert!(!marks.is_empty() && marks.bytes().all(|b| b == b'^'), "{shown:?}");
    // An error at the end may point after the last character.
    let width = text.chars().count().max(5);
    assert!(blank + marks.len() <= width, "caret line is longer than the text: {shown:?}");
    if let TemplateErrorKind::BadName(c) | TemplateErrorKind::BadHost(c) = error.kind {
        assert_eq!(
            error.text[error.span.clone()].chars().next(),
            Some(c),
            "{error:?} marks another character"
        );
    }
}

/// Prints the table, builds the URL of its route from each value, and looks it up.
fn round_trip(table: &Table<()>, native: bool) {
    assert!(!table.to_string().is_empty());
    let Some((route, name)) = table.routes().find_map(|route| Some((route, route.name()?))) else {
        return;
    };
    let urls = table.urls();
    for value in VALUES {
        let mut url = urls.builder(name).expect("the route has this name");
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
            // gorilla/mux builds URLs that it does not match.
            Ok(_) if !native => {}
            Ok(uri) => {
                let request = http::Request::get(&uri).body(()).expect("a built URL is valid");
                if let Err(miss) = table.find(&request, &Peer::default()) {
                    panic!("{uri:?} was built for {route:?} and does not match: {miss:?}");
                }
            }
        }
    }
}
