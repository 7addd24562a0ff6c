//! Any text as the file of a table, in TOML and JSON.
//!
//! Reading and building never panic and take bounded time, every error has its line, and a valid table reads back as it
//! prints.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use waylay_router::{RouteSpec, SourceLocation, Table, TableSpec};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else {
        return Corpus::Reject;
    };
    for read in [TableSpec::toml as fn(&str) -> TableSpec, TableSpec::json] {
        let spec = read(text);
        assert_eq!(spec, spec.clone());
        let bind = |route: &RouteSpec| match route.handler.as_str() {
            "unknown" => Err("there is no such handler".to_owned()),
            _ => Ok(()),
        };
        match Table::builder().spec(&spec, bind).build() {
            Err(errors) => {
                let lines = text.lines().count().max(1) as u32 + 1;
                for error in errors.iter() {
                    assert!(!error.to_string().is_empty());
                    if let SourceLocation::Line(line) = error.location {
                        assert!((1..=lines).contains(&line), "line {line} of {lines}: {error}");
                    }
                }
                assert!(errors.to_string().chars().all(|c| c == '\n' || !c.is_control()));
            }
            Ok(table) => {
                let written = serde_json::to_string(&spec).expect("a table is data");
                let again = Table::builder().spec(&TableSpec::json(&written), bind).build();
                let again = again.expect("a valid table reads back");
                assert_eq!(again.to_string(), table.to_string());
                // Few routes, so that the lints stay cheap.
                if table.routes().count() < 20 {
                    assert!(table.lints().iter().all(|lint| !lint.to_string().is_empty()));
                }
            }
        }
    }
    Corpus::Keep
});
