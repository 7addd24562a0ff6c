//! Evaluation: one line of input with its results.

use std::collections::BTreeSet;

use serde_json::json;

use crate::expect::{self, Counts, Expected};
use crate::input::{Case, Dialect, Object, UnsupportedKey, unsupported_keys};
use crate::known_defects::{self, Mismatch};
use crate::output::{Difference, LineOutput, Subject, explain_difference, explain_request};
use crate::results::{RequestResult, Responder, build_url, descriptions, walk};
use crate::server::{Received, receive};
use crate::table::{BuiltTable, RouteTree};

/// Reason why a line is not evaluated.
#[derive(Debug)]
pub(crate) enum LineFailure {
    /// The line cannot be parsed, or has an invalid value.
    Invalid(String),
    /// The line has keys that the router does not support.
    Unsupported { keys: Vec<UnsupportedKey>, requests: usize, builds: usize },
}

impl LineFailure {
    /// Returns the message that is printed for the line.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Invalid(text) => text.clone(),
            Self::Unsupported { keys, .. } => {
                let places: Vec<&str> = keys.iter().map(|key| key.place.as_str()).collect();
                format!("not supported: {}", places.join(", "))
            }
        }
    }
}

/// A line with its results.
pub(crate) struct Evaluation<'c> {
    case: &'c Case,
    tree: RouteTree<'c>,
    received: Vec<Received>,
    /// Nodes that do not compile.
    invalid: BTreeSet<usize>,
    pub(crate) output: LineOutput,
    /// Whether the table has errors that the line does not expect.
    pub(crate) is_rejected: bool,
}

/// Parses a line.
pub(crate) fn parse(line: &[u8]) -> Result<Case, LineFailure> {
    let case = serde_json::from_slice::<Object<Case>>(line);
    case.map(|case| case.0).map_err(|error| LineFailure::Invalid(message(&error)))
}

/// Formats a JSON error with its column: a document is a single line. The format has keys, not fields.
pub(crate) fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    let text = public_keys(text);
    match error.column() {
        0 => text,
        column => format!("column {column}: {text}"),
    }
}

/// Keys that describe other programs' test suites; they are not part of the documented format.
const PRIVATE_KEYS: [&str; 25] = [
    "tags",
    "setup_panic",
    "src",
    "asserted",
    "info",
    "introspect",
    "walk",
    "walk_skip",
    "walk_result",
    "omit_route",
    "not_found",
    "method_not_allowed",
    "middlewares",
    "cors",
    "extra",
    "order",
    "subrouter",
    "sub",
    "handler",
    "no_handler",
    "mount",
    "after",
    "build_vars",
    "name2",
    "raw_query",
];

/// Leaves private keys out of the list of expected keys in an error.
pub(crate) fn public_keys(text: &str) -> String {
    let text = text.replacen("unknown field", "unknown key", 1);
    let Some((unknown, expected)) = text.split_once(", expected one of ") else { return text };
    let is_public = |key: &&str| !PRIVATE_KEYS.contains(&key.trim_matches('`'));
    let keys: Vec<&str> = expected.split(", ").filter(is_public).collect();
    format!("{unknown}, expected one of {}", keys.join(", "))
}

/// Options of the results that are computed and printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// Dialect of lines without one.
    pub(crate) dialect: Dialect,
    /// Whether results are compared with the expected ones.
    pub(crate) expect: bool,
    /// Whether the outcome of every route is printed for each request.
    pub(crate) explain: bool,
}

/// Builds the table of a line and computes all results.
///
/// Lints and explanations are computed only if they are printed.
pub(crate) fn evaluate(case: &Case, options: Options) -> Result<Evaluation<'_>, LineFailure> {
    let dialect = case.router.dialect.unwrap_or(options.dialect);
    let keys = unsupported_keys(case, dialect);
    if !keys.is_empty() {
        return Err(LineFailure::Unsupported {
            keys,
            requests: case.requests.len(),
            builds: case.builds.len(),
        });
    }
    let tree = RouteTree::new(case, dialect).map_err(LineFailure::Invalid)?;
    let received = case.requests.iter().map(|spec| receive(spec, dialect));
    let received = received.collect::<Result<Vec<_>, _>>().map_err(LineFailure::Invalid)?;
    let built = tree.build().map_err(LineFailure::Invalid)?;
    let mut output = output(case, &tree, &received, &built).map_err(LineFailure::Invalid)?;
    if let Some(table) = &built.table {
        if !options.expect {
            output.lints = tree.lints(table);
        }
        if options.explain {
            output.explain =
                received.iter().map(|received| explain_request(&tree, table, received)).collect();
        }
    }
    let is_expected =
        options.expect && (!case.route_errors.is_empty() || expect::skipped_line(case).is_some());
    let is_rejected = built.table.is_none() && !is_expected;
    output.errors = built.errors.into_values().collect();
    Ok(Evaluation { case, tree, received, invalid: built.invalid, output, is_rejected })
}

fn output(
    case: &Case,
    tree: &RouteTree<'_>,
    received: &[Received],
    built: &BuiltTable,
) -> Result<LineOutput, String> {
    let responder = Responder::for_case(case, tree, built)?;
    let urls = built.table.as_ref().map(|table| table.urls());
    let results =
        received.iter().map(|received| responder.as_ref().map(|responder| responder.result(received)));
    let builds = case.builds.iter();
    let build_results =
        builds.map(|expected| urls.as_ref().map(|urls| build_url(built, urls, tree, expected)));
    Ok(LineOutput {
        id: case.id.clone(),
        results: results.collect(),
        build_results: build_results.collect(),
        route_errors: built.errors.values().map(|error| error.route.clone()).collect(),
        lints: Vec::new(),
        explain: Vec::new(),
        info: case.introspect.then(|| descriptions(tree, built)),
        walk_result: case.walk.then(|| walk(tree, built, case.walk_skip.as_deref())),
        errors: Vec::new(),
    })
}

impl Evaluation<'_> {
    /// Compares the results with the expected ones: counts, and prints what differs. Returns the reasons of
    /// skipped results.
    pub(crate) fn compare(
        &self,
        line: usize,
        counts: &mut Counts,
        mut print: impl FnMut(Difference<'_>),
    ) -> Vec<&'static str> {
        let (case, output, dialect) = (self.case, &self.output, self.tree.dialect);
        if let Some(reason) = expect::skipped_line(case) {
            return vec![reason; case.requests.len() + case.builds.len()];
        }
        let difference = |subject, expected, got, explain| Difference {
            line,
            id: case.id.as_ref(),
            subject,
            expected,
            got,
            explain,
        };
        let mut skipped = Vec::new();
        let expected = case.results.iter().flatten();
        for (i, ((expected, got), spec)) in expected.zip(&output.results).zip(&case.requests).enumerate() {
            let mut parts = expect::differing_parts(dialect, spec, expected, got.as_ref());
            // Only gorilla/mux's own results have all variables; lines that name the dialect may leave them out.
            if case.router.dialect.is_some() && expected.as_ref().is_some_and(|own| !own.contains_key("vars"))
            {
                parts.retain(|part| *part != "vars");
            }
            let agrees = parts.is_empty();
            if let Some(defect) = self.defect(i, expected, got.as_ref(), &parts) {
                counts.requests.skip();
                skipped.push(defect);
                continue;
            }
            counts.requests.add(agrees);
            if !agrees {
                let explain = self.explain(i, expected, got.as_ref());
                print(difference(Subject::request(i, spec), json!(expected), json!(got), explain));
            }
        }
        let expected = case.build_results.iter().flatten();
        for (i, ((expected, got), build)) in expected.zip(&output.build_results).zip(&case.builds).enumerate()
        {
            let agrees = expect::same_url_result(dialect, expected, got.as_ref());
            if !agrees
                && let (Some(expected), Some(got)) = (expected, got)
                && let Some(defect) = known_defects::defect_of_url(case, &self.tree, build, expected, got)
            {
                counts.builds.skip();
                skipped.push(defect);
                continue;
            }
            counts.builds.add(agrees);
            if !agrees {
                let explain = vec![format!("vars {}", json!(build.vars))];
                print(difference(Subject::build(i, build), json!(expected), json!(got), explain));
            }
        }
        for (name, expected) in case.info.iter().flatten() {
            let got = output.info.as_ref().and_then(|descriptions| descriptions.get(name));
            let agrees = expect::same_description(expected, got);
            counts.descriptions.add(agrees);
            if !agrees {
                print(difference(Subject::Description(name), expected.clone(), json!(got), Vec::new()));
            }
        }
        if let Some(expected) = &case.walk_result {
            let got = output.walk_result.as_deref().unwrap_or_default();
            let agrees = expect::same_walk(expected, got);
            counts.descriptions.add(agrees);
            if !agrees {
                print(difference(Subject::Walk, json!(expected), json!(got), Vec::new()));
            }
        }
        let got = output.route_errors.iter().map(String::as_str);
        for (name, agrees) in expect::compare_names(&case.route_errors, got) {
            counts.rejects.add(agrees);
            if !agrees {
                let error = output.errors.iter().find(|error| error.route == name);
                let outcome = |is_invalid: bool| json!(if is_invalid { "route_error" } else { "compiles" });
                let explain = error.map(|error| error.text.clone()).into_iter().collect();
                print(difference(
                    Subject::Route(name),
                    outcome(error.is_none()),
                    outcome(error.is_some()),
                    explain,
                ));
            }
        }
        skipped
    }

    fn defect(
        &self,
        request: usize,
        expected: &Expected,
        got: Option<&RequestResult>,
        parts: &[&'static str],
    ) -> Option<&'static str> {
        let (tree, received) = (&self.tree, &self.received[request]);
        let spec = &self.case.requests[request];
        if parts.is_empty() {
            return None;
        }
        if let Some(defect) = expect::skipped_result(self.case, spec, expected) {
            return Some(defect);
        }
        Mismatch {
            tree,
            spec,
            received,
            expected: expected.as_ref()?,
            got: got?,
            invalid: &self.invalid,
            parts,
        }
        .defect()
    }

    fn explain(&self, request: usize, expected: &Expected, got: Option<&RequestResult>) -> Vec<String> {
        match got {
            Some(_) => explain_difference(&self.tree, &self.received[request], expected, got),
            None => vec!["the table is rejected".to_owned()],
        }
    }
}
