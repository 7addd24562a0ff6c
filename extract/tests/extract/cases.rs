//! Every row of the tables of juju/httprequest and lmdrouter, ticked off.
//!
//! A row is answered by a row of ours, by a test, by a case that must not compile, or has no counterpart. The
//! tables themselves are not in this repository; where they lie beside it, they are read and driven through our code.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::{
    ancestors, answers,
    driven::{Verdict, drive},
};

/// Ids, the file of this repository that answers them, and what stands there: a function, or a compiler's message.
const ANSWERED: &[(&str, &str, &str)] = &[
    ("j-unmarshal-015", "tests/extract/ancestors.rs", "fn a_body_that_cannot_be_read_is_the_bodys_fault"),
    ("j-unmarshal-018", "derive/tests/ui/fail/named_body.stderr", "`#[body]` takes no name"),
    (
        "j-unmarshal-020",
        "derive/tests/ui/fail/not_a_struct_with_named_fields.stderr",
        "is derived on structs",
    ),
    ("l-unmarshal-005", "../examples/examples/lambda.rs", "fn a_body_in_base64_is_a_body"),
    ("l-unmarshal-027", "derive/tests/ui/fail/unreadable_type.stderr", "cannot be read from a text value"),
    ("l-unmarshal-034", "derive/tests/ui/fail/no_attribute.stderr", "what fills"),
    ("l-unmarshal-035", "derive/tests/ui/fail/unknown_attribute.stderr", "did you mean"),
    ("j-marshal-001", "tests/extract/written.rs", "fn fields_are_written_in_their_order"),
    (
        "j-marshal-003 j-marshal-009 j-marshal-024",
        "tests/extract/written.rs",
        "fn what_is_skipped_or_not_there_is_not_sent",
    ),
    ("j-marshal-004", "derive/tests/ui/fail/not_to_be_written.stderr", "cannot be left out"),
    (
        "j-marshal-005 j-marshal-006 j-marshal-007",
        "tests/extract/written.rs",
        "fn types_say_how_they_are_spelt_or_that_they_cannot_be",
    ),
    ("j-marshal-010", "tests/extract/written.rs", "fn a_form_stands_in_the_body_whatever_the_method"),
    ("j-marshal-011", "derive/tests/ui/fail/mixed_bodies.stderr", "member"),
    (
        "j-marshal-013",
        "derive/tests/ui/fail/list_of_a_single_value.stderr",
        "a path variable is one value, not a list",
    ),
    ("j-marshal-016", "derive/tests/ui/fail/two_bodies.stderr", "reads the body already"),
    ("j-marshal-017", "derive/tests/ui/fail/route_and_fields_apart.stderr", "no field reads"),
    ("j-marshal-021", "derive/tests/ui/fail/route_and_fields_apart.stderr", "the route has no"),
    (
        "j-marshal-018 j-marshal-022 j-marshal-023",
        "tests/extract/written.rs",
        "fn a_body_is_json_and_an_absent_one_is_none",
    ),
    ("j-marshal-026", "tests/extract/written.rs", "fn a_tail_keeps_its_slashes_and_a_segment_does_not"),
    ("j-marshal-028", "derive/tests/ui/fail/bad_route.stderr", "has to be the last segment"),
    (
        "j-marshal-029 j-marshal-032",
        "src/client/base_url.rs",
        "fn urls_are_joined_on_one_slash_and_queries_merged",
    ),
    (
        "j-marshal-033",
        "tests/extract/written.rs",
        "fn headers_are_written_and_a_content_type_of_the_struct_is_kept",
    ),
    ("j-content_type-*", "tests/extract/ancestors.rs", "fn bodies_are_json_if_their_type_says_so"),
    ("j-join_url-*", "src/client/base_url.rs", "fn urls_are_joined_on_one_slash_and_queries_merged"),
    ("j-error_excerpt-*", "src/client/excerpt.rs", "fn a_body_is_reduced_to_what_a_person_reads"),
    (
        "j-bad_handler-003 j-bad_handler-004 j-bad_handler-006 j-bad_handler-008",
        "derive/tests/ui/fail/not_a_handler.stderr",
        "is not a handler",
    ),
    (
        "j-bad_handler-011 j-bad_handler-012",
        "derive/tests/ui/fail/argument_without_a_route.stderr",
        "does not say where its requests go",
    ),
    ("j-bad_handler-013", "derive/tests/ui/fail/bad_route.stderr", "write `#[route(GET"),
    ("j-bad_handler-015", "derive/tests/ui/fail/bad_route.stderr", "no such method"),
    (
        "j-methods-001 j-methods-002 j-methods-004 j-methods-005",
        "tests/extract/endpoint.rs",
        "fn exported_methods_are_routes",
    ),
    (
        "j-methods-006",
        "tests/extract/endpoint.rs",
        "fn a_function_makes_the_value_of_the_parts_and_the_argument",
    ),
    ("j-methods-008", "derive/tests/ui/fail/bad_root.stderr", "HasId"),
    (
        "j-methods-011",
        "tests/extract/endpoint.rs",
        "fn a_function_makes_the_value_of_the_parts_and_the_argument",
    ),
    ("j-methods-012", "tests/extract/endpoint.rs", "fn the_value_is_dropped_after_the_answer"),
    (
        "j-bad_methods-005 j-bad_methods-007 j-bad_methods-008 j-bad_methods-009 j-bad_methods-011",
        "derive/tests/ui/fail/bad_root.stderr",
        "error",
    ),
    ("j-bad_methods-013", "derive/tests/ui/fail/bad_routes.stderr", "no method here is a route"),
    ("j-bad_methods-014", "derive/tests/ui/fail/bad_routes.stderr", "a route is `pub async fn"),
    (
        "j-bad_methods-015",
        "derive/tests/ui/fail/argument_without_a_route.stderr",
        "does not say where its requests go",
    ),
    (
        "j-error_response-009 l-error_response-001 l-error_response-002 l-error_response-003 l-error_response-004",
        "tests/extract/answers.rs",
        "fn rejections_are_problems_and_faults_of_the_program_are_not_told",
    ),
    (
        "j-client-001 j-client-002 j-client-003 j-client-011",
        "tests/extract/client.rs",
        "fn answers_are_read_as_the_type_that_is_asked_for",
    ),
    ("j-client-004", "tests/extract/client.rs", "fn errors_of_fields_come_back_as_they_were_told"),
    ("j-client-007", "tests/extract/client.rs", "fn what_is_no_answer_says_what_it_is"),
    ("j-client-010", "tests/extract/client.rs", "fn a_program_may_have_errors_of_its_own"),
];

/// What has no counterpart, and why.
const NOT_OURS: &[(&str, &str)] = &[
    (
        "j-error_after_start-*",
        "a handler gives its answer whole: there is no writer that it could have begun",
    ),
    ("j-bad_methods-010", "the argument of a root is any trait's, which is an interface by nature"),
    ("j-bad_methods-016", "a value is closed by `Drop`, whose signature is one"),
];

/// The ids that are answered here, some of them with a `*` at their end.
fn answered() -> BTreeSet<&'static str> {
    let rows = ancestors::ROWS.iter().flat_map(|row| row.0.split_whitespace());
    let elsewhere = ANSWERED.iter().flat_map(|row| row.0.split_whitespace());
    rows.chain(answers::ids()).chain(elsewhere).chain(NOT_OURS.iter().map(|row| row.0)).collect()
}

fn is_answered(id: &str, answered: &BTreeSet<&str>) -> bool {
    let group = id.rsplit_once('-').map(|(group, _)| format!("{group}-*")).unwrap_or_default();
    answered.contains(id) || answered.contains(&*group)
}

#[test]
fn what_answers_a_row_is_there() {
    for (ids, file, words) in ANSWERED {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = fs::read_to_string(&path).unwrap_or_default();
        assert!(text.contains(words), "{ids}: {file} has no `{words}`");
    }
}

#[test]
#[ignore = "needs ../shared/cases"]
fn every_row_is_answered_and_driven_where_it_can_be() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases/extract.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let answered = answered();
    let (mut faults, mut driven, mut rows) = (Vec::new(), 0, 0);
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        if row["kind"] == "schema" {
            continue;
        }
        rows += 1;
        let id = row["id"].as_str().unwrap();
        let verdict = drive(&row);
        match verdict {
            Verdict::Agrees => driven += 1,
            Verdict::Differs(how) => faults.push(format!("{id}: {how}")),
            Verdict::Stands if is_answered(id, &answered) => {}
            Verdict::Stands => faults.push(format!("{id}: nothing answers it")),
        }
        if !is_answered(id, &answered) {
            println!("{id}: driven, and answered by nothing else");
        }
    }
    println!("{rows} rows, {driven} driven");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
