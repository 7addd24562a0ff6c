//! The coverage of the tables of juju/httprequest and lmdrouter.
//!
//! A row is covered by a row here, by a test, by a case that must not compile, or has no counterpart. The
//! tables are not in this repository; if they are beside it, their rows are run.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::{
    ancestor_runner::{Verdict, run},
    ancestors, responses,
};

/// Ids, the file that covers them, and a text in it: a function, or an error of the compiler.
const ANSWERED: &[(&str, &str, &str)] = &[
    ("j-unmarshal-015", "tests/extract/ancestors.rs", "fn an_unreadable_body_is_an_error_of_the_body"),
    ("j-unmarshal-018", "derive/tests/ui/fail/named_body.stderr", "`#[body]` takes no name"),
    (
        "j-unmarshal-020",
        "derive/tests/ui/fail/not_a_struct_with_named_fields.stderr",
        "is derived on structs",
    ),
    ("l-unmarshal-005", "../examples/examples/lambda.rs", "fn a_body_in_base64_is_a_body"),
    ("l-unmarshal-027", "derive/tests/ui/fail/unreadable_type.stderr", "cannot be read from a text value"),
    ("l-unmarshal-034", "derive/tests/ui/fail/no_attribute.stderr", "has no source"),
    ("l-unmarshal-035", "derive/tests/ui/fail/unknown_attribute.stderr", "did you mean"),
    ("j-marshal-001", "tests/extract/into_request.rs", "fn fields_are_written_in_their_order"),
    (
        "j-marshal-003 j-marshal-009 j-marshal-024",
        "tests/extract/into_request.rs",
        "fn skipped_and_absent_values_are_not_sent",
    ),
    ("j-marshal-004", "derive/tests/ui/fail/unwritable_field.stderr", "cannot be left out"),
    (
        "j-marshal-005 j-marshal-006 j-marshal-007",
        "tests/extract/into_request.rs",
        "fn types_define_their_text_or_an_error",
    ),
    ("j-marshal-010", "tests/extract/into_request.rs", "fn a_form_is_in_the_body_for_every_method"),
    ("j-marshal-011", "derive/tests/ui/fail/mixed_bodies.stderr", "member"),
    (
        "j-marshal-013",
        "derive/tests/ui/fail/list_of_single_source.stderr",
        "a path variable is one value, not a list",
    ),
    ("j-marshal-016", "derive/tests/ui/fail/two_bodies.stderr", "reads the body already"),
    ("j-marshal-017", "derive/tests/ui/fail/route_and_fields_differ.stderr", "no field reads"),
    ("j-marshal-021", "derive/tests/ui/fail/route_and_fields_differ.stderr", "the route has no"),
    (
        "j-marshal-018 j-marshal-022 j-marshal-023",
        "tests/extract/into_request.rs",
        "fn a_body_is_json_and_an_absent_body_is_none",
    ),
    ("j-marshal-026", "tests/extract/into_request.rs", "fn a_tail_keeps_its_slashes_and_a_segment_does_not"),
    ("j-marshal-028", "derive/tests/ui/fail/invalid_route.stderr", "must end the template"),
    (
        "j-marshal-029 j-marshal-032",
        "src/client/base_url.rs",
        "fn urls_are_joined_on_one_slash_and_queries_merged",
    ),
    ("j-marshal-033", "tests/extract/into_request.rs", "fn headers_are_written_and_may_set_the_content_type"),
    ("j-content_type-*", "tests/extract/ancestors.rs", "fn bodies_are_json_by_their_content_type"),
    ("j-join_url-*", "src/client/base_url.rs", "fn urls_are_joined_on_one_slash_and_queries_merged"),
    ("j-error_excerpt-*", "src/client/excerpt.rs", "fn a_body_is_reduced_to_its_readable_text"),
    (
        "j-bad_handler-003 j-bad_handler-004 j-bad_handler-006 j-bad_handler-008",
        "derive/tests/ui/fail/not_a_handler.stderr",
        "is not a handler",
    ),
    (
        "j-bad_handler-011 j-bad_handler-012",
        "derive/tests/ui/fail/argument_without_a_route.stderr",
        "has no route",
    ),
    ("j-bad_handler-013", "derive/tests/ui/fail/invalid_route.stderr", "write `#[route(GET"),
    ("j-bad_handler-015", "derive/tests/ui/fail/invalid_route.stderr", "no such method"),
    (
        "j-methods-001 j-methods-002 j-methods-004 j-methods-005",
        "tests/extract/endpoint.rs",
        "fn exported_methods_are_routes",
    ),
    ("j-methods-006", "tests/extract/endpoint.rs", "fn a_function_makes_the_root_from_parts_and_argument"),
    ("j-methods-008", "derive/tests/ui/fail/invalid_root.stderr", "HasId"),
    ("j-methods-011", "tests/extract/endpoint.rs", "fn a_function_makes_the_root_from_parts_and_argument"),
    ("j-methods-012", "tests/extract/endpoint.rs", "fn the_value_is_dropped_after_the_response"),
    (
        "j-bad_methods-005 j-bad_methods-007 j-bad_methods-008 j-bad_methods-009 j-bad_methods-011",
        "derive/tests/ui/fail/invalid_root.stderr",
        "error",
    ),
    ("j-bad_methods-013", "derive/tests/ui/fail/invalid_routes.stderr", "no method here is a route"),
    ("j-bad_methods-014", "derive/tests/ui/fail/invalid_routes.stderr", "a route is `pub async fn"),
    ("j-bad_methods-015", "derive/tests/ui/fail/argument_without_a_route.stderr", "has no route"),
    (
        "j-error_response-009 l-error_response-001 l-error_response-002 l-error_response-003 l-error_response-004",
        "tests/extract/responses.rs",
        "fn rejections_are_problems_and_hide_errors_of_the_program",
    ),
    (
        "j-client-001 j-client-002 j-client-003 j-client-011",
        "tests/extract/client.rs",
        "fn responses_are_read_as_the_expected_type",
    ),
    ("j-client-004", "tests/extract/client.rs", "fn errors_of_fields_are_read_back"),
    ("j-client-007", "tests/extract/client.rs", "fn unexpected_responses_are_described"),
    ("j-client-010", "tests/extract/client.rs", "fn a_program_may_have_its_own_errors"),
];

/// Rows without a counterpart, and the reason.
const NOT_OURS: &[(&str, &str)] = &[
    ("j-error_after_start-*", "a handler returns a whole response: there is no writer"),
    ("j-bad_methods-010", "the argument of a root is any type of a trait"),
    ("j-bad_methods-016", "a value is closed by `Drop`, whose signature is fixed"),
];

/// Returns the covered ids, some with a `*` at the end.
fn answered() -> BTreeSet<&'static str> {
    let rows = ancestors::ROWS.iter().flat_map(|row| row.0.split_whitespace());
    let elsewhere = ANSWERED.iter().flat_map(|row| row.0.split_whitespace());
    rows.chain(responses::ids()).chain(elsewhere).chain(NOT_OURS.iter().map(|row| row.0)).collect()
}

fn is_answered(id: &str, answered: &BTreeSet<&str>) -> bool {
    let group = id.rsplit_once('-').map(|(group, _)| format!("{group}-*")).unwrap_or_default();
    answered.contains(id) || answered.contains(&*group)
}

#[test]
fn every_reference_exists() {
    for (ids, file, words) in ANSWERED {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = fs::read_to_string(&path).unwrap_or_default();
        assert!(text.contains(words), "{ids}: {file} has no `{words}`");
    }
}

#[test]
#[ignore = "needs ../shared/cases"]
fn every_row_is_covered_and_run_if_possible() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases/extract.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let answered = answered();
    let (mut failures, mut run_count, mut rows) = (Vec::new(), 0, 0);
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        if row["kind"] == "schema" {
            continue;
        }
        rows += 1;
        let id = row["id"].as_str().unwrap();
        let verdict = run(&row);
        match verdict {
            Verdict::Agrees => run_count += 1,
            Verdict::Differs(how) => failures.push(format!("{id}: {how}")),
            Verdict::NotRun if is_answered(id, &answered) => {}
            Verdict::NotRun => failures.push(format!("{id}: not covered")),
        }
        if !is_answered(id, &answered) {
            println!("{id}: run, and not covered otherwise");
        }
    }
    println!("{rows} rows, {run_count} run");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
