//! Facts of go-fault in a file beside the repository, if it exists.
//!
//! Each is run from its own text, or has a row.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use waylay_fault::{chain, random_by};

use crate::go_fault_rows::{
    ALLOW, BLOCK, Came, Sent, answered, differs_on_purpose, is_share, known, link, output_of, rate, sent,
    stepped, waited,
};
use crate::support::always;

fn strings(value: &Value) -> Vec<String> {
    let values = value.as_array().into_iter().flatten();
    values.map(|value| value.as_str().unwrap().to_owned()).collect()
}

/// Each name with its value, or its values.
fn pairs(value: &Value) -> Vec<(String, String)> {
    let pairs = value.as_object().into_iter().flatten();
    let values = |name: &String, value: &Value| match value {
        Value::String(value) => vec![(name.clone(), value.clone())],
        values => strings(values).into_iter().map(|value| (name.clone(), value)).collect(),
    };
    pairs.flat_map(|(name, value)| values(name, value)).collect()
}

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("+Inf") => f64::INFINITY,
        Some("-Inf") => f64::NEG_INFINITY,
        Some("NaN") => f64::NAN,
        _ => value.as_f64().unwrap(),
    }
}

/// `noop x6` means six of them.
fn names(value: &Value) -> Vec<String> {
    let repeated = |name: String| match name.rsplit_once(" x") {
        Some((name, count)) => vec![name.to_owned(); count.parse().unwrap()],
        None => vec![name],
    };
    strings(value).into_iter().flat_map(repeated).collect()
}

fn injector(given: &Value) -> &'static str {
    match given["injector"].as_str() {
        Some("noop") => "noop",
        Some("error 500") | None => "error 500",
        Some(other) => panic!("{other}"),
    }
}

/// A request to a fault, for the suites of the filter and its lists.
fn gate(suite: &str, given: &Value) -> Sent {
    let headers = pairs(&given["request"]["headers"]);
    let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut row = sent(given["request"]["path"].as_str().unwrap_or("/a"), &headers);
    row.injector = injector(given);
    let options = if given["options"].is_object() { &given["options"] } else { given };
    row.enabled = options["enabled"].as_bool().unwrap_or(true);
    row.participation = options["participation"].as_f64().unwrap_or(1.0);
    row.draw =
        options["draw_fn"].as_str().and_then(|text| text.strip_prefix("const ")).map(|x| x.parse().unwrap());
    row.paths = [strings(&options["path_blocklist"]), strings(&options["path_allowlist"])];
    row.headers = [pairs(&options["header_blocklist"]), pairs(&options["header_allowlist"])];
    match suite {
        "lists.path_block" => row.paths[BLOCK] = strings(&given["entries"]),
        "lists.path_allow" => {
            row.paths[ALLOW] = strings(&given["entries"]);
            row.empty_allow = row.paths[ALLOW].is_empty();
        }
        "lists.header_block" => row.headers[BLOCK] = pairs(&given["entries"]),
        "lists.header_allow" => row.headers[ALLOW] = pairs(&given["entries"]),
        "lists.combined" => {
            let matches = |what: &str| given[what].as_bool().unwrap();
            let path = if matches("path_matches") { &*row.paths[ALLOW][0] } else { "/elsewhere" };
            row.path = path.to_owned();
            let (name, value) = row.headers[ALLOW][0].clone();
            row.sent = vec![(name, if matches("header_matches") { value } else { "other".to_owned() })];
        }
        "options.order" => {
            row.path = given["request_path"].as_str().unwrap().to_owned();
            for option in strings(&given["options"]) {
                let path = option.strip_prefix("path_allowlist=[").and_then(|rest| rest.strip_suffix(']'));
                row.paths[ALLOW] = vec![path.unwrap().to_owned()];
            }
        }
        _ => {}
    }
    row
}

/// Tests whether the outcome is the expected one; `None` for a suite that cannot be run.
async fn agrees(suite: &str, given: &Value, expect: &Value) -> Option<bool> {
    let ok = || expect["result"].as_str().map_or(expect["error"].is_null(), |text| text.starts_with("ok"));
    Some(match suite {
        "handler.gate" | "options.order" => {
            let (came, text) = gate(suite, given).send().await;
            let injected = expect["injected"].as_bool().unwrap_or(expect["status"] == 500);
            let wanted = if injected { Came::Injected } else { Came::Passed };
            came == wanted && expect["body_trimmed"].as_str().is_none_or(|body| body == text)
        }
        _ if suite.starts_with("lists.") && expect["injected"].is_boolean() => {
            let (came, _) = gate(suite, given).send().await;
            came == if expect["injected"] == true { Came::Injected } else { Came::Passed }
        }
        "constructor.participation" => is_share(number(&given["participation"])).await == ok(),
        "runtime.set_participation" if number_or_name(&given["value"]) => {
            is_share(number(&given["value"])).await == ok()
        }
        "runtime.set_enabled" | "runtime.set_participation" if given["steps"].is_array() => {
            let steps = strings(&given["steps"]);
            let steps: Vec<_> = steps.iter().map(|step| &**step).collect();
            let wanted = expect["statuses"].as_array().unwrap();
            stepped(&steps).await.into_iter().map(Value::from).eq(wanted.iter().cloned())
        }
        "participation.rate" => {
            // As many requests as are sent in a second or two; the tolerance is go-fault's, or five
            // sigma.
            let (share, requests) = (given["participation"].as_f64().unwrap(), 20_000);
            let sigma = (share * (1.0 - share) / f64::from(requests)).sqrt();
            let tolerance = expect["tolerance"].as_f64().unwrap().max(5.0 * sigma);
            (rate(share, requests).await - expect["rate"].as_f64().unwrap()).abs() <= tolerance
        }
        "error.valid_code" => {
            let code = u16::try_from(given["code"].as_u64().unwrap()).unwrap_or(u16::MAX);
            answered(code, None).await.is_some() == expect["accepted"].as_bool().unwrap()
        }
        "error.constructor" | "error.handler" if given["option"].is_null() => {
            let code = u16::try_from(given["code"].as_u64().unwrap()).unwrap_or(u16::MAX);
            let wanted =
                if ok() { expect["text"].as_str().or(expect["body_trimmed"].as_str()) } else { None };
            answered(code, given["status_text"].as_str()).await.as_deref() == wanted
        }
        "chain.handler" => {
            let links = names(&given["injectors"]);
            let seen = output_of(|log| chain(links.iter().map(|name| link(name, log)))).await;
            seen == expect["body_trimmed"]
        }
        "chain.constructor" | "random.constructor"
            if given["option"].is_null() && !given["injectors"].as_array()?.contains(&Value::Null) =>
        {
            let (names, log) = (names(&given["injectors"]), Arc::default());
            let links = names.iter().map(|name| link(name, &log));
            let tree = if suite.starts_with("chain") { chain(links) } else { random_by(links, |_| 0) };
            always(tree).build().is_ok() == ok()
        }
        "random.handler" => {
            let (choices, index) = (names(&given["injectors"]), expect["index"].as_u64().unwrap() as usize);
            let make = |log: &_| random_by(choices.iter().map(|name| link(name, log)), move |_| index);
            output_of(make).await == expect["body_trimmed"]
        }
        "slow.handler" => {
            let noop = given["wait_fn"] == "noop";
            let seconds = given["duration_s"].as_f64().unwrap().max(0.0) as u64;
            waited(seconds, noop).await.as_secs() == if noop { 0 } else { seconds }
        }
        _ => return None,
    })
}

fn number_or_name(value: &Value) -> bool {
    value.is_number() || matches!(value.as_str(), Some("NaN" | "+Inf" | "-Inf"))
}

#[tokio::test(start_paused = true)]
#[ignore = "needs ../shared/cases"]
async fn every_fact_of_the_file_has_a_test() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases/fault.jsonl");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("{} is not here: skipped", file.display());
        return;
    };
    let known = known();
    let (mut driven, mut faults) = (0, Vec::new());
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let (id, suite) = (row["id"].as_str().unwrap(), row["suite"].as_str().unwrap());
        let id: u16 = id.strip_prefix("fault-").unwrap().parse().unwrap();
        if suite.ends_with(".wire") {
            // Covered by the tests with clients.
            continue;
        }
        let differs = row["upstream_quirk"] == true || differs_on_purpose(id);
        match agrees(suite, &row["given"], &row["expect"]).await {
            // A deliberate difference must differ.
            Some(agrees) if agrees == differs => faults.push(format!("{row}")),
            Some(_) => driven += 1,
            None if !known.contains(&id) => faults.push(format!("unanswered: {row}")),
            None => {}
        }
        if !known.contains(&id) {
            println!("no row, but run: {id}");
        }
    }
    println!("{driven} rows were driven from the file");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
