//! The limits in `SECURITY.md` are those of the sources.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of the wrong expectation")]

use std::collections::BTreeMap;
use std::path::Path;

/// Returns the values of all constants of the crates whose names begin with `MAX_`.
fn constants(folder: &Path, found: &mut BTreeMap<String, u64>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            constants(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let definitions = text.lines().filter_map(|line| line.trim().split_once("const MAX_"));
            for (_, definition) in definitions {
                let Some((name, rest)) = definition.split_once(": usize = ") else { continue };
                found.insert(format!("MAX_{name}"), evaluate(rest.trim_end_matches(';')));
            }
        }
    }
}

/// Evaluates `4`, `2 * 1024` or `1 << 20`.
fn evaluate(text: &str) -> u64 {
    let number = |text: &str| text.trim().replace('_', "").parse::<u64>().unwrap();
    match text.split_once("<<") {
        Some((value, shift)) => number(value) << number(shift),
        None => text.split('*').map(number).product(),
    }
}

/// Parses `1,024`, `2 MiB` or `256 KiB`.
fn documented(text: &str) -> u64 {
    let mut words = text.split_whitespace();
    let number: u64 = words.next().unwrap().replace(',', "").parse().unwrap();
    number
        * match words.next() {
            Some("MiB") => 1 << 20,
            Some("KiB") => 1 << 10,
            _ => 1,
        }
}

#[test]
fn documented_limits_are_those_of_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut sources = BTreeMap::new();
    for folder in ["router/src", "router/template/src", "fault/src", "fault/admin/src"] {
        constants(&root.join(folder), &mut sources);
    }
    let text = std::fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let mut rows = 0;
    for row in text.lines().filter(|line| line.contains("(`MAX_")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, limit, value, ..] = cells[..] else { panic!("{row}") };
        let names: Vec<&str> = limit.split('`').filter(|part| part.starts_with("MAX_")).collect();
        // A row has one value for all names, or one for each.
        let mut values = value.split(", ").map(documented).cycle();
        for name in names {
            assert_eq!(sources.get(name).copied(), values.next(), "{name} in {row}");
            rows += 1;
        }
    }
    assert!(rows >= 15, "{rows}");
}
