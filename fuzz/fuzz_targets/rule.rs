//! Any text as a rule, in each dialect.
//!
//! Parsing never panics, the span of an error is inside the text, and a parsed rule round-trips through
//! `Display`.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use waylay_router::rule::{Dialect, Rule};
use waylay_router::{Route, Table};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else {
        return Corpus::Reject;
    };
    for dialect in [Dialect::Native, Dialect::TraefikV3, Dialect::Vulcand] {
        match Rule::parse(dialect.text(text)) {
            Err(errors) => {
                for error in errors.iter() {
                    assert!(error.text.get(error.span.clone()).is_some(), "{error:?} is outside the text");
                    assert!(!error.to_string().is_empty());
                }
            }
            Ok(rule) => {
                let again = Rule::parse(dialect.text(rule.to_string())).expect("a printed rule is valid");
                assert_eq!(again.expr(), rule.expr(), "{text:?} is printed as {rule}");
            }
        }
        // A valid rule may contain an invalid template: an error, never a panic.
        if let Ok(table) = Table::builder().route(Route::rule(dialect.text(text)).value(())).build() {
            assert!(!table.to_string().is_empty());
        }
    }
    Corpus::Keep
});
